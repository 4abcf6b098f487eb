"""A sample of the tables of table_fuzz.py: each kind once; table_fuzz.txt holds the counts of 2,000."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import table_fuzz

SAMPLE = [at + len(table_fuzz.KINDS) * (at % len(table_fuzz.COMMANDS)) for at in range(len(table_fuzz.KINDS))]


@pytest.mark.parametrize("number", [*SAMPLE, *range(4)])
def test_a_table_gives_the_numbers_of_the_clean_frame_or_is_refused_at_its_cell(tmp_path, number):
    case = table_fuzz.make(number)
    assert table_fuzz.judge(case, table_fuzz.save(case, tmp_path)) == ""
