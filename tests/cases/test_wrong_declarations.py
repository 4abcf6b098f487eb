"""Sixteen slips in a study.toml: each message says entry, line, found, allowed and the next step, in plain words."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from doublecode.analysis.study.run import read_study
from doublecode.schemas.errors import UsageError
from doublecode.schemas.study import load_study

STUDY = """\
name = "toy"
title = "Toy"
unit = "session"
seed = 7
raters = [
    { id = "anna" },
    { id = "ben" },
]

[[instruments]]
name = "scale.toml"
raters = ["anna", "ben"]
pooling = "mean"

[[variables]]
name = "warmth"
instrument = "scale"
scale = "warmth"

[[series]]
name = "course"
title = "Course"
steps = ["warmth ~ session + (1 | patient)"]
"""
SCALE = """\
name = "scale"
title = "Scale"
version = "1.0"
citation = "Nobody (2020)."
rights = "Ours."
items = [{ name = "warm", label = "Warm", minimum = 1, maximum = 7 }]
scales = [{ name = "warmth", label = "Warmth", items = ["warm"], score = "mean" }]
"""
SLIPS = {
    "a wrong key": ('unit = "session"', 'unti = "session"', "line 3, unti: there is no such entry", "mean 'unit'?"),
    "a wrong type": ("seed = 7", 'seed = "7"', "line 4, seed", "(found '7'); allowed: a whole number"),
    "an unknown instrument": (
        '"scale.toml"',
        '"ghess"',
        "name = 'ghess': there is no such codebook; allowed: scale.toml, alliance_model, ghes",
        "did you mean 'ghes'? — correct the name",
    ),
    "an unknown rater": (
        '["anna", "ben"]',
        '["anna", "bem"]',
        "line 12: instrument 'scale.toml': rater 'bem'",
        "'ben'?",
    ),
    "a variable without a source": (
        'scale = "warmth"\n',
        "",
        "line 15, variables[1]: variable 'warmth' needs exactly one of",
        "scale, item, count, column",
    ),
    "a bad formula": ("(1 | patient)", "(1 | patient", "'course', step 1: formula", "Close every bracket."),
    "an unknown name in a formula": (
        "warmth ~ session",
        "warmth ~ sesion",
        "'sesion' is no column of the frame; allowed: ",
        "did you mean 'session'?",
    ),
    "a wrong path": ('"scale.toml"', '"scales.toml"', "name = 'scales.toml': there is no such", "mean 'scale.toml'?"),
    "an open quotation mark": ('title = "Toy"', 'title = "Toy', "a quotation mark is not closed (at line 2", "Mend"),
    "a text without quotation marks": (
        'title = "Toy"',
        "title = Toy",
        "a text stands in quotation marks",
        "title = Toy",
    ),
    "a key twice": ("seed = 7", "seed = 7\nseed = 8", "this key stands twice", "at line 5"),
    "an unknown choice": ('"mean"', '"avarage"', "line 13, instruments[1].pooling", "allowed: mean, primary"),
    "a name twice": ('id = "ben"', 'id = "anna"', "line 7: rater 'anna' stands twice", "give each a name of its own"),
    "an unknown scale": (
        'scale = "warmth"',
        'scale = "warmht"',
        "there is no scale 'warmht'",
        "did you mean 'warmth'?",
    ),
    "a bar is missing": ("(1 | patient)", "(1 patient)", "'course', step 1: formula", "add one such as (1 | patient)"),
    "one bracket for a list": ("[[series]]", "[series]", "line 20, series: is of the", "write [[series]], with two"),
    "another word for an id": (
        '{ id = "ben" }',
        '{ name = "ben" }',
        "line 7, raters[2].name: there is no",
        "add the line",
    ),
    "an unknown item": (
        'scale = "warmth"\n',
        'item = "worm"\n',
        "variable 'warmth': scale: there is no item",
        "'warm'?",
    ),
}
NOT_OUR_WORDS = re.compile(r"Input should|pydantic|type=|Field required|\\d|\^\[|Expected|Illegal|Cannot overwrite")


def folder_of(tmp_path: Path, study: str = STUDY) -> Path:
    (tmp_path / "study.toml").write_text(study, encoding="utf-8")
    (tmp_path / "scale.toml").write_text(SCALE, encoding="utf-8")
    (tmp_path / "sessions.csv").write_text("session_id,patient,session\nS-1,P1,1\nS-2,P1,2\n")
    (tmp_path / "patients.csv").write_text("patient,status\nP1,completed\n")
    (tmp_path / "incoming").mkdir()
    return tmp_path


@pytest.mark.parametrize("slip", SLIPS)
def test_a_slip_in_a_study_toml_is_named_in_words(tmp_path, slip):
    right, wrong, where, step = SLIPS[slip]
    assert STUDY.count(right) >= 1
    folder = folder_of(tmp_path, STUDY.replace(right, wrong, 1))
    with pytest.raises(UsageError) as caught:
        read_study(folder)
    said = str(caught.value)
    assert said.startswith("study.toml: "), said
    assert where in said, said
    assert step in said, said
    assert not NOT_OUR_WORDS.search(said), said


@pytest.mark.parametrize(
    ("table", "text", "message"),
    [
        ("sessions.csv", "session_id,patient\nS-1,P1\n", "the column 'session' is missing; found: session_id, patient"),
        ("sessions.csv", "date,session\n2020-01-01,x\n", "the columns 'session_id', 'patient' are missing"),
        ("sessions.csv", "session_id,patient,session,status\nS-1,P1,1,rated\n",
         "found 'rated', allowed held or not_rated. Correct it. Did you mean 'held'? Which sessions are rated is"),
        ("patients.csv", "patient\nP1\n", "the column 'status' is missing"),
    ],
)  # fmt: skip
def test_a_wrong_table_names_all_that_is_missing(tmp_path, table, text, message):
    folder = folder_of(tmp_path)
    (folder / table).write_text(text)
    with pytest.raises(UsageError, match=re.escape(message)):
        read_study(folder)


def test_a_study_without_therapists_minutes_dates_and_phases_is_read(tmp_path):
    intake = read_study(folder_of(tmp_path))
    assert intake.sessions["status"].tolist() == ["held", "held"]
    assert intake.sessions["phase"].tolist() == ["main", "main"]
    assert intake.therapists.empty
    assert load_study(tmp_path).card.text().count("2 held") == 1
