"""What is odd about the names in a study's tables is said, whichever table they stand in."""

from __future__ import annotations

import shutil
from importlib.resources import as_file, files

import pytest

from doublecode.coding.reading.study_remarks import remarks_on_tables
from doublecode.schemas.study import load_study


@pytest.fixture
def folder(tmp_path):
    with as_file(files("doublecode.data_examples") / "adolescent_cbt") as source:
        shutil.copytree(source, tmp_path / "s", ignore=shutil.ignore_patterns("incoming", "report", "ledger*"))
    return tmp_path / "s"


def said(folder):
    return [(one.code, one.file, one.subject or one.cell, one.found) for one in remarks_on_tables(load_study(folder))]


def change(folder, name, old, new, count=1):
    path = folder / name
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, count), encoding="utf-8")


def test_an_example_has_nothing_odd(folder):
    assert said(folder) == []


def test_labels_are_held_against_those_of_all_tables(folder):
    patient = (folder / "patients.csv").read_text().splitlines()[1].split(",")[0]
    change(folder, "patients.csv", patient, patient.lower())
    [(code, where, column, found)] = said(folder)
    assert (code, column) == ("labels_alike", "patient")
    assert "patients.csv" in where
    assert f'"{patient.lower()}" / "{patient}"' in found


def test_letters_that_nobody_sees_are_named_with_their_line(folder):
    patient = (folder / "patients.csv").read_text().splitlines()[1].split(",")[0]
    change(folder, "patients.csv", patient, f"{patient}\u200b")
    assert said(folder) == [("unseen_letters", "patients.csv", "line 2", "U+200B")]


def test_a_date_of_no_known_form_is_said_once(folder):
    text = (folder / "sessions.csv").read_text()
    lines = text.splitlines()
    place = lines[0].split(",").index("date")
    rows = [line.split(",") for line in lines[1:]]
    for row in rows:
        row[place] = "03.04.2021"
    (folder / "sessions.csv").write_text("\n".join([lines[0], *map(",".join, rows)]) + "\n")
    assert said(folder) == [("date_form", "sessions.csv", "date", '"03.04.2021"')]
