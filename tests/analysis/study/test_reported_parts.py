"""Declared drop rules, rows of the sample and flows: every key acts, or is refused with what is allowed."""

from __future__ import annotations

import re

import pandas as pd
import pytest

from doublecode.analysis.description.sample import sample_table
from doublecode.analysis.description.sample_rows import counted_row
from doublecode.analysis.study.run import read_study
from doublecode.schemas.errors import StudyError, UsageError
from doublecode.schemas.reported_parts import DropRule, SampleRow
from doublecode.schemas.study import load_study

PATIENTS = pd.DataFrame({
    "patient": list("ABCDE"), "main": ["MDD", "MDD", "MDD", "MDD", None],
    "beside": ["GAD; SAD", "none", "GAD", "GAD;GAD", None], "gad": ["1", "0", "1", "1", None],
    "ptsd": ["1", "0", "0", "1", None], "age": ["30", "65", "70", "18", None],
})  # fmt: skip


@pytest.mark.parametrize(
    ("row", "n", "missing"),
    [
        ({"columns": ("main", "beside"), "answers": 3, "not_counted": ("none",)}, 1, 1),
        ({"columns": ("gad", "ptsd"), "answers": 2, "not_counted": ("0",)}, 2, 1),
        ({"columns": ("beside",), "any_of": ("SAD", "none")}, 2, 1),
        ({"columns": ("beside",), "other_than": ("GAD",)}, 2, 1),
        ({"columns": ("age",), "at_least": 65}, 2, 1),
        ({"columns": ("age",), "at_least": 18, "at_most": 65}, 3, 1),
    ],
)
def test_a_row_counts_who_meets_its_condition(row, n, missing):
    found = counted_row({"patients": PATIENTS}, SampleRow(label="Row", **row))
    assert (found["n"], found["n_missing"]) == (n, missing)
    assert found["percent"] == pytest.approx(100 * n / (5 - missing))


def test_columns_of_several_tables_and_of_none_are_refused():
    tables = {"patients": PATIENTS, "therapists": pd.DataFrame({"therapist": ["T1"], "degree": ["PhD"]})}
    for columns, said in ((("age", "degree"), "are not in one table"), (("agee",), "no column 'agee'.*'age'")):
        with pytest.raises(UsageError, match=said):
            counted_row(tables, SampleRow(label="Row", columns=columns, any_of=("x",)))
    with pytest.raises(UsageError, match="are of numbers, and 'main' holds 'MDD'"):
        counted_row(tables, SampleRow(label="Row", columns=("main",), at_least=1))


def test_of_a_column_that_patients_have_too_sessions_are_not_described():
    sessions = pd.DataFrame({"patient": ["A", "A"], "age": [1.0, 2.0], "minutes": [40.0, 60.0]})
    table = sample_table(PATIENTS, pd.DataFrame({"therapist": ["T1"]}), ["age", "minutes"], sessions=sessions)
    assert table.frame["unit"].tolist() == ["patients", "sessions"]
    assert table.frame["mean"].iloc[1] == 50


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"any_of": ("a",), "answers": 2}, "exactly one of any_of"),
        ({}, "exactly one of any_of"),
        ({"any_of": ("a",), "not_counted": ("b",)}, "not_counted has no effect"),
        ({"at_least": 3, "at_most": 2}, "lies above"),
    ],
)
def test_a_condition_that_cannot_act_is_refused(row, said):
    with pytest.raises(ValueError, match=said):
        SampleRow(label="Row", columns=("x",), **row)


@pytest.mark.parametrize(
    ("rule", "said"), [({}, "give below"), ({"dropped": ("a",), "on": "conf_low"}, "no effect without below")]
)
def test_a_drop_rule_that_cannot_act_is_refused(rule, said):
    with pytest.raises(ValueError, match=said):
        DropRule(instrument="thabs", **rule)


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ('[[drop_rules]]\ninstrument = "ghess"\nbelow = 0.4', "no instrument of raters is called so.*'ghes'"),
        ('[[drop_rules]]\ninstrument = "ghes"\ndropped = ["extend"]', "dropped names 'extend'.*'extent'"),
        ('[[drop_rules]]\ninstrument = "phq9"\nbelow = 0.4', "no instrument of raters is called so"),
        ('[[sample_rows]]\nlabel = "Old"\ncolumns = "agee"\nat_least = 65', "no column 'agee'"),
        ('[[flow]]\nlabel = "Called"\nn = 300', "put such boxes first"),
    ],
)
def test_wrong_entries_of_a_study_are_named(telephone, entry, said):
    path = telephone / "study.toml"
    path.write_text(f"{path.read_text(encoding='utf-8')}\n{entry}\n", encoding="utf-8")
    with pytest.raises(StudyError) as refused:
        read_study(telephone)
    assert re.search(said, str(refused.value))


def test_a_bare_column_is_one_of_one(telephone):
    rows = load_study(telephone).sample_rows
    assert rows[0].columns == ("comorbidity",)
