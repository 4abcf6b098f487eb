"""A sheet of paper typed twice: every cell that differs is named at both places. Small synthetic study."""

from __future__ import annotations

import shutil

import pytest
from openpyxl import load_workbook

from doublecode.coding.intake.double_entry import FOLDER, compare_entries
from doublecode.coding.intake.imports import import_study
from doublecode.coding.intake.study_ratings import read_study_ratings

NAME = "R1_ghes_batch01.xlsx"


@pytest.fixture
def typed(study, filled):
    """One workbook typed twice, the same both times."""
    path = filled(NAME)
    (study.folder / FOLDER).mkdir()
    shutil.copy(path, study.folder / FOLDER / NAME)
    return study


def retype(study, cells):
    path = study.folder / FOLDER / NAME
    workbook = load_workbook(path)
    for cell, value in cells.items():
        workbook["Rate"][cell].value = value
    workbook.save(path)


def test_equal_entries_say_nothing(typed):
    rated = read_study_ratings(typed)
    assert [one for one in rated.problems if one.code.startswith("entry")] == []
    twice = rated.typed_twice
    assert (twice.files, twice.n_different, twice.n_compared) == ((NAME,), 0, len(rated.ratings))


def test_each_mistyped_cell_is_named_with_both_places_and_keeps_the_file_out(typed):
    sheet = load_workbook(typed.folder / "incoming" / NAME)["Rate"]
    planted = {}
    for cell in ("F5", "G6", "H7"):
        value = sheet[cell].value
        planted[cell] = (1 if value != 1 else 2) if isinstance(value, (int, float)) else 3
    retype(typed, planted)
    rated = read_study_ratings(typed)
    found = [one for one in rated.problems if one.code == "entry_differs"]
    assert sorted(one.cell for one in found) == sorted(planted)
    assert all(f"second_entry/{NAME} › Rate!{one.cell}" in one.allowed for one in found)
    assert (rated.typed_twice.n_different, rated.typed_twice.n_compared) == (3, len(rated.ratings))
    done = import_study(typed)
    assert NAME in done.waiting
    retype(typed, {cell: sheet[cell].value for cell in planted})
    assert import_study(typed).waiting == ()


def test_only_sessions_that_were_typed_twice_are_compared(typed, filled):
    filled("R2_ghes_batch01.xlsx")
    assert read_study_ratings(typed).typed_twice.n_different == 0


def test_a_second_entry_that_is_wrong_in_itself_is_named_by_its_folder(typed):
    retype(typed, {"G5": 99})
    found = [one for one in read_study_ratings(typed).problems if one.severity == "error"]
    assert {(one.code, one.file) for one in found} == {
        ("out_of_range", f"{FOLDER}/{NAME}"), ("entry_alone", NAME),
    }  # fmt: skip


def test_without_the_folder_nothing_is_compared(study, filled):
    filled(NAME)
    assert compare_entries(study, read_study_ratings(study).ratings) is None
