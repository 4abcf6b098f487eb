"""A sample of the hostile files and of the damage; damage.txt and hostile_files.txt hold the whole."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import damage
import hostile_files

FILES = dict(hostile_files.hostile_files())
QUICK = [name for name, data in FILES.items() if len(data) < 8_000]


@pytest.mark.parametrize("name", QUICK[::4])
def test_a_hostile_file_is_a_problem(tmp_path, name):
    from doublecode.coding.reading.incoming import read_workbook

    path = tmp_path / (f"{name}.ods" if name.startswith("ods") else f"{name}.xlsx")
    path.write_bytes(FILES[name])
    ratings, problems = read_workbook(path)
    assert ratings.empty
    assert problems


def test_one_file_in_a_bounded_process(tmp_path):
    path = tmp_path / "a.xlsx"
    path.write_bytes(FILES["empty_rows"])
    assert hostile_files.read_bounded(path)[0] == 0


def test_there_are_enough_of_both():
    assert len(FILES) >= 80
    assert len({kind.name for kind in damage.KINDS}) == len(damage.KINDS) >= 100


def test_a_sample_of_the_damage_is_found_at_its_cell():
    kinds = damage.KINDS[::9]
    counts = damage.run(kinds, 1, seed=11)
    for kind in kinds:
        one = counts[kind.name]
        assert one.found == (1 if kind.code else 0), kind.name
        assert one.accepted == 0, kind.name
        assert one.copied == one.copies, kind.name
        assert one.clean == one.mended, kind.name
