"""Variables that cannot act are refused when the study is read: entry, found, allowed, next step."""

from __future__ import annotations

import pytest

from doublecode.analysis.study.run import read_study
from doublecode.coding.reading.outcome_events import read_outcome_events
from doublecode.schemas.errors import ContractError, StudyError
from doublecode.schemas.frames import PATIENTS
from doublecode.schemas.study import load_study
from doublecode.schemas.table_files import read_table

STUDY = """name = "toy"
title = "Toy (synthetic)"
synthetic = true
raters = [{ id = "R1" }]
events = ["baseline", "post"]
[[instruments]]
name = "ghes"
raters = ["R1"]
[[instruments]]
name = "homework_log"
raters = ["R1"]
[[instruments]]
name = "phq9"
source = "outcomes"
[[variables]]
name = "x"
"""
ITEMS = "interest,mood,sleep,energy,appetite,self_worth,concentration,psychomotor,self_harm"


def folder(tmp_path, text, rows="P1,1,,1,1,1,1,1,1,1,1,1\n"):
    (tmp_path / "incoming").mkdir()
    (tmp_path / "outcomes").mkdir()
    (tmp_path / "study.toml").write_text(text, encoding="utf-8")
    (tmp_path / "patients.csv").write_text("patient,status,reason,age,site\nP1,completed,,40,x\n", encoding="utf-8")
    (tmp_path / "therapists.csv").write_text("therapist,age,years\nT1,30,4\n", encoding="utf-8")
    (tmp_path / "sessions.csv").write_text(
        "session_id,patient,therapist,session,date,minutes,phase,status,reason,recording,mode\n"
        "S1,P1,T1,1,2021-04-01,30,main,held,,,phone\n", encoding="utf-8",
    )  # fmt: skip
    (tmp_path / "outcomes" / "phq9.csv").write_text(f"patient,session,event,{ITEMS}\n{rows}", encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("", "needs exactly one of scale, item, count, column, time, phase_from; found none"),
        ('time = "weeks"\ncolumn = "age"', "item, count, column, time, phase_from; found column, time"),
        ('column = "mode"\nequals = "fone"', "no cell of the column 'mode' says 'fone'; allowed: phone; did you mean"),
        ('scale = "he"', "scale needs instrument"),
        ('instrument = "ghes"\ncolumn = "age"', "leave instrument out"),
        ('time = "month"', "allowed: days, weeks"),
        ('column = "age"', "stands in patients.csv and therapists.csv; say which (table = 'patients')"),
        ('column = "years"\ntable = "patients"', "patients.csv has no column 'years'"),
        ('column = "minuts"', "no column 'minuts'; allowed: status, reason, age, site, years, date, minutes, phase, "
         "recording, mode; did you mean 'minutes'?"),
        ('column = "site"\nlag = 1', "a column of patients.csv has no lag; leave lag out, or write table = 'sessions'"),
        ('column = "years"\ntable = "therapists"\nchange = "first"', "a column of therapists.csv has no change"),
        ('column = "phase"', "every row of the frame is of the phase main"),
        ('column = "date"', "a date is no number; time since the first session is time = 'weeks'"),
        ('column = "session"', "every frame has the column 'session'"),
        ('column = "mode"\ntable = "sessions"\nchange = "previous"', "change is of numbers, and 'mode' is text"),
        ("phase_from = 1", "allowed: 2 or more"),
        ("phase_from = 3\nlag = 1", "a phase has no lag"),
        ('instrument = "ghes"\nscale = "he"\nlag = 0', "allowed: 1 or more"),
        ('instrument = "ghes"\nscale = "he"\nlag = 1\nsession = 2', "session and lag name different sessions"),
        ('instrument = "ghes"\nscale = "he"\nevent = "baseline"', "ghes is rated in sessions; events are of outcomes"),
        ('instrument = "phq9"\nscale = "total"\nevent = "basline"', "did you mean 'baseline'?"),
        ('instrument = "phq9"\nscale = "total"\nevent = "post"\nchange = "previous"', "from another event"),
        ('instrument = "phq9"\nscale = "total"\nchange = "pervious"', "did you mean 'previous'?"),
        ('instrument = "ghes"\nscale = "he"\nchange = "baseline"', "allowed: previous, first"),
        ('time = "weeks"\nchange = "first"', "time is counted from the first session already"),
        ('instrument = "ghes"\ncount = "assigned"', "ghes is no homework log, and count is of one"),
        ('instrument = "homework_log"\ncount = "degrees"', "no degrees of completion"),
        ('instrument = "homework_log"\ncount = "assigned"\nof_type = "be"', "did you mean 'BE'?"),
        ('instrument = "ghes"\nscale = "he"\nof_type = "BE"', "of_type belongs to count"),
        ('time = "weeks"\ntable = "sessions"', "table belongs to column"),
        ('instrument = "homework_log"\ncount = "assigned"\nevent = "post"', "event belongs to scale and item"),
    ],
)  # fmt: skip
def test_a_variable_that_cannot_act(tmp_path, source, message):
    with pytest.raises(StudyError) as wrong:
        read_study(folder(tmp_path, f"{STUDY}{source}\n"))
    assert message in str(wrong.value)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("phase_from = 3", "a row is a patient, who is in every phase"),
        ('time = "weeks"', "say which session of a patient it is (session = …)"),
        ('column = "minutes"', "say which session of a patient it is (session = …)"),
        ('instrument = "ghes"\nscale = "he"\nlag = 1', "a row is a patient, who has no session before"),
    ],
)
def test_what_a_patient_does_not_have(tmp_path, source, message):
    text = STUDY.replace('name = "toy"', 'name = "toy"\nunit = "patient"')
    with pytest.raises(StudyError) as wrong:
        read_study(folder(tmp_path, f"{text}{source}\n"))
    assert message in str(wrong.value)


def test_rows_of_events_that_are_wrong(tmp_path):
    answers = ",1" * 9
    rows = [f"P1,1,post{answers}", f"P1,,pots{answers}", f"P7,,post{answers}", f"P1,,post{answers}",
            f"P1,,post{answers}", f"P1,,baseline,9{answers[:-2]}"]  # fmt: skip
    study = load_study(folder(tmp_path, f'{STUDY}time = "weeks"\n', "\n".join(rows) + "\n"))
    read, problems = read_outcome_events(study, read_table(tmp_path / "patients.csv", PATIENTS))
    assert [(one.code, one.cell) for one in problems] == [
        ("event_and_session", "line 2"), ("unknown_event", "line 3"), ("unknown_patient", "line 4"),
        ("answered_twice", "line 6"), ("out_of_range", "line 7"),
    ]  # fmt: skip
    assert "did you mean 'post'?" in str(problems[1])
    assert len(read) == 9 + 8


def test_events_must_be_declared(tmp_path):
    text = STUDY.replace('events = ["baseline", "post"]\n', "")
    with pytest.raises(ContractError, match="declares no events"):
        read_study(folder(tmp_path, f'{text}time = "weeks"\n'))


def test_an_outcome_of_events_only_needs_no_column_session(tmp_path):
    path = folder(tmp_path, f'{STUDY}instrument = "phq9"\nscale = "total"\nevent = "post"\n')
    (path / "outcomes" / "phq9.csv").write_text(f"patient,event,{ITEMS}\nP1,post{',2' * 9}\n", encoding="utf-8")
    intake = read_study(path)
    assert not intake.errors
    assert intake.outcomes.empty
    assert intake.at_events["value"].tolist() == [2.0] * 9
