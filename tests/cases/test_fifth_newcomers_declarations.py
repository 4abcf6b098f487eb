"""What is refused or counted in words that name the way out. All data are synthetic."""

from dataclasses import replace

import pandas as pd
import pytest

from doublecode.analysis.regression.regression_design import rows_inside
from doublecode.analysis.report.headlines import headlines
from doublecode.coding.allocation.study_plan import _check_named
from doublecode.schemas import load_study
from doublecode.schemas.allocation import Demands
from doublecode.schemas.errors import StudyError, UsageError

BOOK = """
name = "coach"
title = "Coaching-Treue"
version = "1"
citation = "made up"
rights = "none"
[[items]]
name = "f1"
label = "F1"
minimum = 1
maximum = 7
[[scales]]
name = "total"
label = "Total"
items = ["f1"]
score = "sum"
"""
STUDY = """
name = "toy"
title = "Toy"
synthetic = true
raters = [{ id = "R1" }]
[[instruments]]
name = "coach.toml"
[[variables]]
name = "fidelity"
instrument = "coach"
scale = "total"
[[variables]]
name = "fid"
instrument = "coach"
item = "f1"
[[series]]
name = "main"
title = "Main"
steps = ["fidelity ~ session + fid + (1 | patient)"]
[[families]]
name = "all"
title = "All"
tests = [{ model = "main", term = "session" }, { model = "main", term = "fid" }]
"""


def loaded(folder, old, new):
    (folder / "coach.toml").write_text(BOOK, encoding="utf-8")
    assert old in STUDY
    (folder / "study.toml").write_text(STUDY.replace(old, new, 1), encoding="utf-8")
    return load_study(folder)


def test_the_title_of_an_instrument_in_the_place_of_its_name(tmp_path):
    with pytest.raises(StudyError, match=r"'Coaching-Treue' is a title; write the name: instrument = 'coach'"):
        loaded(tmp_path, 'instrument = "coach"', 'instrument = "Coaching-Treue"')
    with pytest.raises(StudyError, match="Write one of these, or add the instrument"):
        loaded(tmp_path, 'instrument = "coach"', 'instrument = "other"')


def test_a_term_of_a_family_is_no_patient(tmp_path):
    with pytest.raises(StudyError, match="is no predictor there; allowed: session, fid") as refused:
        loaded(tmp_path, 'term = "session"', 'term = "fidelty"')
    assert "patient" not in str(refused.value).partition("allowed")[2]
    assert "?." not in str(refused.value)


def test_a_subset_that_is_no_condition_says_how_one_is_written():
    frame = pd.DataFrame({"patient": ["P1"], "session": [2], "he": [1.0]})
    with pytest.raises(UsageError, match=r"two equals signs for equal: session == 2; columns: patient, session, he"):
        rows_inside("sitzung = 2", frame, "m")


def test_words_that_are_allowed_hold_no_empty_one():
    sessions = pd.DataFrame(
        {"session_id": ["S1", "T1"], "patient": ["P1", "pilot"], "therapist": ["C1", None], "session": [1, 1]}
    )
    demands = Demands(restrictions=({"rater": "R1", "column": "therapist", "never": ("T2",)},))
    with pytest.raises(UsageError, match="allowed: C1"):
        _check_named({"sessions": sessions}, demands)


def test_what_was_agreed_on_is_no_workbook_of_a_rater(telephone_run):
    files = telephone_run.intake.files
    more = files.iloc[:2].assign(file=["a.xlsx", "b.xlsx"], rater="(consensus)", batch="(consensus)")
    run = replace(telephone_run, intake=replace(telephone_run.intake, files=pd.concat([files, more])))
    assert headlines(run)[0].value == headlines(telephone_run)[0].value
    assert run.intake.n_workbooks == len(files)
