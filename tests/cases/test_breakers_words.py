"""Words and losses that somebody found who tried to break it: new studies, declarations, formulas."""

from __future__ import annotations

import csv
import json
import re
import tomllib
from pathlib import Path

import pandas as pd
import pytest
from pydantic import ValidationError

from doublecode.analysis.linking.session_list import session_list
from doublecode.analysis.mixed.formula_columns import formula_columns
from doublecode.analysis.mixed.r_words import read_r_words
from doublecode.coding.new_study.folder import Wishes, plan_study, write_study
from doublecode.coding.reading.incoming import read_incoming
from doublecode.schemas.declared import Declared, describe
from doublecode.schemas.errors import (
    ContractError,
    DoublecodeError,
    FormulaError,
    InstrumentError,
    StudyError,
    UsageError,
)
from doublecode.schemas.instrument import Instrument, load_instrument
from doublecode.schemas.study import Study, load_study
from doublecode.schemas.table_source import TableSource

LIST = "Patient,Session,Date\n" + "".join(f"K{p},{s},2023-04-0{s}\n" for p in (1, 2, 3) for s in (1, 2))


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def planned(tmp_path, text=LIST, **wishes):
    (tmp_path / "list.csv").write_text(text)
    given = {"sessions": tmp_path / "list.csv", "raters": ("anna", "ben"), "instruments": ("ghes",)} | wishes
    return plan_study(tmp_path / "study", Wishes(**given))


def replaced(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def test_a_study_made_anew_keeps_what_was_entered(tmp_path):
    folder = write_study(planned(tmp_path))
    ids = {(row["patient"], row["session"]): row["session_id"] for row in rows_of(folder / "sessions.csv")}
    patients = "patient,status,reason,age\nK1,completed,,31\nK2,excluded,no consent,40\nK3,completed,,\n"
    (folder / "patients.csv").write_text(patients)
    replaced(folder / "sessions.csv", "main,held,", "main,not_rated,tape lost")
    (folder / "study.toml").write_text((folder / "study.toml").read_text() + "# mine\n")
    longer = LIST.replace("K3,2,2023-04-02\n", "") + "K4,1,2023-04-05\n"
    again = planned(tmp_path, longer)
    write_study(again, overwrite=True)
    people = {row["patient"]: row for row in rows_of(folder / "patients.csv")}
    assert people["K2"] == {"patient": "K2", "status": "excluded", "reason": "no consent", "age": "40"}
    assert people["K1"]["age"] == "31"
    sessions = rows_of(folder / "sessions.csv")
    assert (sessions[0]["status"], sessions[0]["reason"]) == ("not_rated", "tape lost")
    assert all(
        row["session_id"] == ids[row["patient"], row["session"]] for row in sessions if row["patient"] != "K4"
    )  # workbooks sent out bear them
    assert (folder / "patients_before.csv").read_text() == patients
    assert (folder / "study_before.toml").read_text().endswith("# mine\n")
    assert again.statuses["patients"] == {"completed": 3, "excluded": 1}
    assert again.statuses["sessions"]["not_rated"] == 1
    said = " ".join(again.said)
    for words in (
        "K2 excluded",
        "K2 no consent",
        "K1 session 1 not_rated",
        "K3 session 2",
        "patients_before.csv",
    ):
        assert words in said, words
    write_study(planned(tmp_path, LIST), overwrite=True)
    assert (folder / "patients_before_2.csv").exists()


def test_a_study_made_anew_keeps_what_was_declared(tmp_path):
    bdi = tmp_path / "bdi.csv"
    bdi.write_text("Patient,Session,BDI\nK1,1,30\nK2,1,21\nK3,2,9\n")
    folder = write_study(planned(tmp_path, outcomes=(bdi,)))
    more = '[[variables]]\nname = "bdi"\ninstrument = "bdi"\nscale = "bdi"\n'
    mine = (folder / "study.toml").read_text().replace("seed = ", "sample_columns = []\nseed = ") + more
    (folder / "study.toml").write_text(mine)
    replaced(folder / "bdi.toml", "minimum = 0", "minimum = 0, maximum = 63")
    again = planned(tmp_path, LIST + "K4,1,2023-04-05\n", outcomes=(bdi,))
    write_study(again, overwrite=True)
    assert (folder / "study.toml").read_text() == mine
    assert "maximum = 63" in (folder / "bdi.toml").read_text()
    assert "Kept as you declared it: study.toml, bdi.toml. Move it away to have it made anew." in again.said
    assert not (folder / "study_before.toml").exists()
    other = planned(
        tmp_path, outcomes=(bdi,), raters=("anna", "clara")
    )  # another study: made anew, the old one beside it
    write_study(other, overwrite=True)
    assert (folder / "study_before.toml").read_text() == mine
    assert "clara" in (folder / "study.toml").read_text()


def test_sessions_without_a_recording_are_named(tmp_path):
    rows = "Patient,Session,Tape\nK1,1,a.mp3\nK1,2,\nK2,1,b.mp3\n"
    (one,) = planned(tmp_path, rows).remarks
    assert (one.code, one.found, one.allowed) == ("recording_missing", "K1 session 2", "2")
    assert planned(tmp_path, rows.replace("a.mp3", "").replace("b.mp3", "")).remarks == ()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("patient,status\nK1,completed\nK1,excluded\n", "patients.csv: K1 stands twice; so what was entered there"),
        ("person,status\nK1,excluded\n", "patients.csv: the column 'patient' is missing; so what was entered there"),
        ('patient,status\nK1,"excluded\n', "patients.csv"),
    ],
)
def test_a_table_that_cannot_be_taken_over_is_not_replaced(tmp_path, text, message):
    folder = write_study(planned(tmp_path))
    (folder / "patients.csv").write_text(text)
    with pytest.raises(ContractError, match=message):
        planned(tmp_path, LIST)
    assert (folder / "patients.csv").read_text() == text


def test_a_column_that_the_list_now_leaves_out_does_not_come_back(tmp_path):
    text = "\n".join(f"{line},{'x' if at else 'Beruf'}" for at, line in enumerate(LIST.splitlines())) + "\n"
    write_study(planned(tmp_path, text))
    write_study(planned(tmp_path, text, told={"Beruf": "leave_out"}), overwrite=True)
    assert all(
        "beruf" not in row for name in ("sessions", "patients") for row in rows_of(tmp_path / f"study/{name}.csv")
    )


def test_labels_alike_of_a_list_and_of_its_outcomes_are_said(tmp_path):
    (tmp_path / "bdi.csv").write_text("Patient,Session,BDI\nK1,1,20\nK02,1,10\n")
    text = LIST.replace("Date\n", "Date,Therapist\n").replace("-01\n", "-01,T1\n").replace("-02\n", "-02,t1\n")
    remarks = planned(tmp_path, text + "k2,1,2023-04-04,T1\n", outcomes=(tmp_path / "bdi.csv",)).remarks
    alike = [(one.code, one.subject, one.found) for one in remarks]
    assert ("labels_alike", "patient", '"K2" / "k2" / "K02"') in alike
    assert ("labels_alike", "therapist", '"T1" / "t1"') in alike


@pytest.mark.parametrize("day", ["2020-04-03", "2032-04-03"])
def test_a_date_years_from_the_others_is_a_caution(tmp_path, day):
    (one,) = planned(tmp_path, LIST.replace("K2,2,2023-04-02", f"K2,2,{day}")).remarks
    assert (one.code, one.found) == ("far_date", f"{day} (patient K2, session 2)")
    assert one.allowed == "2023-04-01 to 2023-04-02"


def test_sessions_over_years_are_no_caution(tmp_path):
    text = "Patient,Session,Date\n" + "".join(f"K1,{n},{2010 + n}-04-03\n" for n in range(1, 9))
    assert [one.code for one in planned(tmp_path, text).remarks] == []


@pytest.mark.parametrize("head", ["Sitzung", "Patient"])
def test_a_key_as_an_item_is_refused(tmp_path, head):
    (tmp_path / "bdi.csv").write_text("Patient,Sitzung,BDI\nK1,1,20\nK2,1,10\n")
    with pytest.raises(UsageError, match=f"--items: bdi.csv: '{head}' is the (session|patient) and no answer"):
        planned(tmp_path, outcomes=(tmp_path / "bdi.csv",), items=(head, "BDI"))


def models(model: type[Declared] = Declared) -> list[type[Declared]]:
    """Every declared model of the package."""
    own = [one for one in model.__subclasses__() if one.__module__.startswith("doublecode")]
    assert model is not Declared or {Study, Instrument} <= {*own}
    return list(dict.fromkeys([*own, *(inner for one in own for inner in models(one))]))


WRONG = [-99, "x", "", True, 1.5, [], [1], [1.5], ["x"], [True], [None], [[1]], [{"a": 1}], {}, {"a": 1}, {"a": [1]}]
FOREIGN = ("tuple[", "union[", "dict[", "list[", "literal[", "function-", "Input should", "constrained", "pydantic")


@pytest.mark.parametrize("model", models(), ids=lambda one: one.__name__)
def test_no_message_has_a_word_of_the_parser(model):
    for key in model.model_fields:
        for value in WRONG:
            with pytest.raises(ValidationError) as wrong:
                model.model_validate_json(json.dumps({key: value, "no_such_key": 1}))
            said = describe("a.toml", wrong.value, model)
            assert not [word for word in FOREIGN if word.casefold() in said.casefold()], said


@pytest.mark.parametrize(
    ("missing", "said"),
    [
        ("-99", "missing: is of the wrong kind (found -99); allowed: a list in square brackets, such as [\"a\", \"b\"] "
         "or a table in braces, such as { a = \"text\" }; write missing = [-99]"),
        ('"k.A."', 'write missing = ["k.A."]'),
        ("[[1]]", "missing[1]: is of the wrong kind (found [1]); allowed: a number without quotation marks or a text"),
        ("{ a = 1 }", 'missing.a: is of the wrong kind (found 1); allowed: a text in quotation marks; write a = "1"'),
    ],
)  # fmt: skip
def test_an_entry_of_several_types_is_one_entry(missing, said):
    with pytest.raises(ValidationError) as wrong:
        TableSource.model_validate_json(json.dumps(tomllib.loads(f"missing = {missing}")))
    text = describe("a.toml", wrong.value, TableSource)
    assert text.startswith("a.toml: 1 wrong entry.")
    assert said in text


@pytest.mark.parametrize(
    ("days", "said"),
    [
        (["02.04.2023", "03.04.2023", "31.02.2023"], r"line 4: Date: found '31.02.2023', which is a date in no form"),
        (["02.04.2023", "03.04.2023", "soon"], r"line 4: Date: found 'soon', which is a date in no form; .*dd.mm.yyyy"),
        (["03/04/2023", "13/04/2023", "25/04/2023", "04/14/2023"],
         r"line 5: Date: found '04/14/2023', which may only be mm/dd/yyyy, while.*dd/mm/yyyy \('13/04/2023' in line 3"),
    ],
)  # fmt: skip
def test_the_date_at_fault_is_named_and_not_the_first_one(tmp_path, days, said):
    text = "Patient,Session,Date\n" + "".join(f"K1,{n},{day}\n" for n, day in enumerate(days, start=1))
    with pytest.raises(DoublecodeError, match=said):
        planned(tmp_path, text)


def test_a_date_of_a_session_is_named_by_file_line_and_key_of_the_study():
    index = pd.Index([2, 3], name="line")
    sessions = pd.DataFrame(
        {"patient": "01", "session": [1, 2], "therapist": "T1", "phase": "main", "date": ["2021-03-01", "15.03.2021"]},
        index,
    )
    said = (
        r"sess.csv, line 3: 01, session 2: date: found '15.03.2021'.*such as dates = \"dd.mm.yyyy\" under \[tables.ses"
    )
    with pytest.raises(DoublecodeError, match=said):
        session_list(sessions, with_dates=True, file="sess.csv")


BOOK = """name = "b"
title = "B"
version = "1"
citation = "own"
rights = "own"
[missing_codes]
NR = "not ratable"
99 = "x"
[[items]]
name = "o1"
label = "O"
minimum = 0
maximum = 6
[[scales]]
name = "s"
label = "S"
score = "sum"
items = ["o1"]
"""


@pytest.mark.parametrize(
    ("old", "new", "place"),
    [
        ('items = ["o1"]', 'items = [\n  "o1",\n  "o9",\n]', "line 18, scales[1].items: scale 's': 'o9'"),
        ("maximum = 6", 'maximum = 6\nmissing = ["ZZ"]', "line 14, items[1].missing: item 'o1'"),
        ("maximum = 6", "maximum = 100", "line 9, items[1].missing: item 'o1': missing code '99' is also"),
        ('NR = "not', 'nr = "a"\nNR = "not', "line 8, missing_codes.NR: missing codes 'nr' and 'NR'"),
        ('99 = "x"', '99 = " "', "line 8, missing_codes.99: missing code '99': the code or its meaning is empty"),
        ('name = "o1"', 'name = "notes"', "line 10: item 'notes': this name is taken"),
    ],
)
def test_a_rule_of_a_codebook_names_its_line(tmp_path, old, new, place):
    assert old in BOOK
    (tmp_path / "b.toml").write_text(BOOK.replace(old, new))
    with pytest.raises(InstrumentError, match=re.escape(f"\n  {place}")):
        load_instrument(tmp_path / "b.toml")


def test_an_event_named_twice_has_its_line(tmp_path):
    study = 'name = "s"\ntitle = "S"\nraters = [{ id = "anna" }]\nevents = [\n  "pre",\n  "pre",\n]\n'
    (tmp_path / "study.toml").write_text(
        study + '[[instruments]]\nname = "ghes"\n[[variables]]\nname = "pre"\ntime = "days"\n'
    )
    with pytest.raises(StudyError, match=r"line 4, events\[2\]: event 'pre' stands twice"):
        load_study(tmp_path)


def test_a_study_without_ratings_says_every_way_they_come_in(tmp_path):
    folder = write_study(planned(tmp_path))
    (folder / "incoming").rmdir()
    with pytest.raises(UsageError, match=r"workbooks into it.*import-ratings.*\[tables.ratings\]"):
        read_incoming(load_study(folder))


@pytest.mark.parametrize(
    ("formula", "said"),
    [
        ('y ~ g %in% "b" + (1 | p)', r"formula 'y ~ g %in% \"b\" .*%in% nests a factor.*ifelse\("),
        ('y ~ g %in% c("a", "b") + (1 | p)', r"%in% nests a factor.*ifelse\("),
        ("y ~ C(session, Sum) + (1 | p)", r"found 'C\(session, Sum\)'; contrasts are written C\(x, contr.sum\)"),
        ("y ~ C(session, Helmert) + (1 | p)", r"C\(x, contr.helmert\)"),
    ],
)
def test_words_of_formulas_are_refused_as_they_were_written(formula, said):
    with pytest.raises(FormulaError, match=said):
        read_r_words(formula)


def test_whole_numbers_as_levels_are_written_as_in_r():
    data = pd.DataFrame({"s": [1.0, 2.0, 3.0, 1.0], "h": [0.5, 1.0, 1.5, 1.5], "t": ["1.0", "2.0", "1.0", "2.0"]})
    assert formula_columns("C(s) + C(h) + t", data)[1].names == (
        "Intercept", "C(s)[T.2]", "C(s)[T.3]", "C(h)[T.1]", "C(h)[T.1.5]", "t[T.2.0]",
    )  # fmt: skip
