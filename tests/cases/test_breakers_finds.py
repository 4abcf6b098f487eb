"""What somebody found who tried to break it: separators of thousands, ids, impossible values, declarations."""

from __future__ import annotations

from importlib.resources import as_file, files
from shutil import copytree

import pandas as pd
import pytest

from doublecode.analysis.linking.frame import build_frame
from doublecode.analysis.linking.session_list import session_list
from doublecode.analysis.rendering.notes import sentence
from doublecode.analysis.study.run import read_study
from doublecode.coding.reading.expectations import check_assigned
from doublecode.coding.reading.long_table import read_wide
from doublecode.coding.reading.study_remarks import remarks_on_tables
from doublecode.schemas.column_types import number_in_cell, table_mark, typed_texts
from doublecode.schemas.errors import ContractError, InstrumentError, StudyError
from doublecode.schemas.frames import SCORES
from doublecode.schemas.instrument import load_instrument
from doublecode.schemas.study import load_study
from doublecode.schemas.study_parts import Variable
from doublecode.schemas.table_files import to_numbers


@pytest.mark.parametrize(
    "text",
    ["t;A;B\n1;2,5;6\n2;4;1.000\n3;1;2\n", "t;A;B\n1;2;6\n2;4;1.000\n3;1;2\n", 't,A,B\n1,2,6\n2,4,"1,000"\n3,1,2\n'],
)
def test_one_separator_before_three_digits_is_refused(tmp_path, text):
    (tmp_path / "wide.csv").write_text(text, encoding="utf-8")
    with pytest.raises(
        ContractError,
        match=r"line 3: B: found '1[.,]000', allowed a number beyond doubt; this may be 1000 or 1\. Write 1000",
    ):
        read_wide(tmp_path / "wide.csv", "t", ("A", "B"))


@pytest.mark.parametrize(
    ("cells", "values"),
    [
        (["1.000", "0.125", "12.345"], [1.0, 0.125, 12.345]),
        (["1.250", "2.125", "12.345"], [1.25, 2.125, 12.345]),
        (["1.000", "2.5", "6"], [1.0, 2.5, 6.0]),
        (["1,000", "2,5", "6"], [1.0, 2.5, 6.0]),
    ],
)
def test_three_decimals_stay_numbers_where_the_mark_is_known(cells, values):
    assert to_numbers(pd.Series(cells, dtype="str"), "minutes").tolist() == values


def test_a_thousand_is_named_in_tables_of_a_study():
    minutes = pd.Series(["50", "1.000", None], dtype="str")
    with pytest.raises(ContractError, match=r"row 1: found '1\.000', allowed a number beyond doubt"):
        to_numbers(minutes, "minutes")
    with pytest.raises(ContractError, match=r"row 1: found '1\.000', allowed a number beyond doubt"):
        typed_texts(pd.Series(["12,5", "1.000"], dtype="str"), "patients.csv: column 'bdi0'")


def test_a_point_before_three_digits_does_not_hide_the_comma_of_other_columns():
    mark = table_mark([["3,70", "2,49"], ["1.000", "79"]])
    assert mark == ","
    assert number_in_cell("1.000", mark) is None


@pytest.fixture
def folder(tmp_path):
    with as_file(files("doublecode.data_examples") / "adolescent_cbt") as source:
        return copytree(source, tmp_path / "study")


def _sessions(folder, **cells):
    table = pd.read_csv(folder / "sessions.csv", dtype="str")
    for column, (row, text) in cells.items():
        table.loc[row, column] = text
    table.to_csv(folder / "sessions.csv", index=False)
    return table


def test_a_therapist_who_is_not_listed_is_refused(folder):
    known = _sessions(folder)["therapist"].iloc[0]
    _sessions(folder, therapist=(0, known.lower()))
    with pytest.raises(ContractError, match=f"'{known.lower()}' is not in the table of therapists .*mean '{known}'"):
        read_study(folder)


def test_impossible_minutes_and_dates_that_go_back(folder):
    table = _sessions(folder)
    second = table.index[(table["patient"] == table["patient"].iloc[0])][1]
    _sessions(folder, date=(second, "1999-01-01"))
    (said,) = (one for one in remarks_on_tables(load_study(folder)) if one.code == "dates_out_of_order")
    assert "on 1999-01-01" in said.found
    _sessions(folder, minutes=(0, "-5"))
    with pytest.raises(ContractError, match="'minutes', line 2: found -5, allowed numbers from 0"):
        read_study(folder)


def test_an_assignment_to_a_rater_whom_the_instrument_does_not_declare_is_refused(folder):
    study = load_study(folder)
    first = study.raters[0].id
    uses = tuple(one.model_copy(update={"raters": (first,)}) for one in study.instruments)
    narrow = study.model_copy(update={"instruments": uses})
    table = pd.read_csv(folder / "assignments.csv", dtype="str")
    check_assigned(study, table, set(table["session_id"]))
    with pytest.raises(StudyError, match=f"not among the raters .*allowed: {first}"):
        check_assigned(narrow, table, set(table["session_id"]))


def test_reverse_of_the_study_is_named_where_it_cannot_be():
    thabs = load_instrument("thabs")
    fixed = next(item.name for item in thabs.items if item.type not in ("ordinal", "decimal", "yes_no"))
    with pytest.raises(InstrumentError, match=f"reverse names '{fixed}'.*in study.toml"):
        thabs.with_reversal((fixed,))


def test_a_session_that_nobody_had_was_not_missed_by_a_patient():
    sessions = pd.DataFrame({"patient": "P1", "session": [1, 2], "therapist": "T1", "phase": "main", "date": None})
    listed = session_list(sessions, with_dates=False)
    assert listed.not_held("P1", 99, "moved").kind == "no_such_session"
    assert listed.not_held("P2", 2, "moved").kind == "session_not_held"


def test_a_variable_without_any_value_or_spread_is_named():
    n = 3
    sessions = pd.DataFrame({"patient": "P1", "session": range(1, n + 1), "therapist": "T1", "phase": "main"})
    sessions = sessions.assign(session_id=[f"S{one}" for one in range(n)], status="held", minutes=[50.0] * n)
    sessions = sessions.assign(date=None, reason=None, recording=None)
    scores = pd.DataFrame({name: pd.Series(dtype=object) for name in SCORES.columns})
    scores = scores.astype({"session": int, "value": float, "n_valid": int, "n_items": int, "n_raters": float})
    far = Variable(name="far", column="minutes", table="sessions", lag=50)
    late = Variable(name="late", phase_from=99)
    notes = {note.kind: note for note in build_frame(scores, sessions, variables=[far, late]).notes}
    assert sentence(notes["variable_empty"]).startswith("far has no value in any row (first row: session 1 has no")
    assert sentence(notes["variable_constant"]).startswith("late is 0 in all 3 rows")
