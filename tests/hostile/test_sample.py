"""A sample of the hostile files and of the damage; damage.txt and hostile_files.txt hold the whole."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import damage
import fixer
import hostile_files
import screened
import study_damage

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
    kinds = [*damage.KINDS, *study_damage.KINDS]
    assert len({kind.name for kind in kinds}) == len(kinds) >= 200


def is_exact(kind, one):
    """Found at every place where it was to be, nothing elsewhere, and nothing impossible taken in."""
    assert one.found == (one.done if kind.code else 0), kind.name
    assert one.stray == 0, kind.name
    assert (one.impossible, one.crashed) == (0, 0), kind.name
    assert (one.copied, one.clean) == (one.copies, one.mended), kind.name


def test_a_sample_of_the_damage_is_found_at_its_cell_and_nowhere_else():
    kinds = damage.KINDS[::3]
    counts = damage.run(kinds, 1, seed=11)
    for kind in kinds:
        is_exact(kind, counts[kind.name])


def test_what_is_withdrawn_copied_shifted_typed_twice_or_decided_is_found():
    counts = study_damage.run(study_damage.KINDS, 1, seed=15)
    for kind in study_damage.KINDS:
        is_exact(kind, counts[kind.name])


def test_the_screens_see_copied_rows_and_slipped_columns_and_honest_studies_raise_nothing():
    seen = screened.run(2)
    assert seen["nothing was done"] == {}
    assert seen["10 rows copied by session, codes alone"] == {"identical_rows": 2}
    assert seen["a column of 36 rows down, first cell repeated"] == {"column_shifted": 2}


def test_a_rater_who_follows_the_notes_brings_her_workbook_to_clean_and_nothing_else_changes():
    for one in fixer.run(range(4)):
        assert (one.left, one.puzzled, one.unasked) == ([], [], []), one.kinds
