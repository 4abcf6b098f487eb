from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from doublecode.analysis.linking.series import fit_series
from doublecode.analysis.rendering.coded_warnings import problem_of
from doublecode.analysis.study.therapist_variables import constant_in_therapist, therapist_warnings


@pytest.fixture(scope="module")
def course() -> pd.DataFrame:
    """Six therapists of five patients each, five sessions; made here, with an effect of each therapist."""
    rng = np.random.default_rng(7)
    years, own = rng.uniform(1, 15, 6).round(1), rng.normal(0, 1, 6)
    person, alliance = rng.normal(0, 1, 30), rng.normal(0, 1, (30, 5))
    return pd.DataFrame(
        [
            {"patient": f"P{p:02}", "therapist": f"T{p % 6}", "session": s + 1, "years": years[p % 6], "age": 20.0 + p,
             "alliance": alliance[p, s], "y": own[p % 6] + person[p] + rng.normal()}
            for p in range(30) for s in range(5)
        ]
    )  # fmt: skip


def told(course: pd.DataFrame, *steps: str, split: tuple[str, ...] = ()):
    series = fit_series(list(steps), course, split=split)
    series = replace(series, spec={**series.spec, "name": "m"})
    run = SimpleNamespace(
        frame=SimpleNamespace(frame=course), all_series=(series,), moderations=(), comparisons=(),
        correlations=None, covariate_screen=None, study=SimpleNamespace(moderations=()),
    )  # fmt: skip
    return list(therapist_warnings(run)), series


def test_a_variable_of_the_therapist_without_therapists_in_the_model(course):
    found, series = told(course, "y ~ session + (1 | patient)", "y ~ session + years + (1 | patient)")
    (one,) = found
    assert (one.code, one.subject) == ("therapist_variable", "m, 2 as declared")
    assert one.note.numbers == {"names": ("years",), "n_therapists": 6, "n_patients": 30, "way": "random_part"}
    fixed = series.models[1].result.fixed.set_index("term")
    assert fixed.loc["years", "df"] > 20  # those of 30 patients: what the warning is about
    said = str(problem_of(one))
    assert "the 30 patients of 6 therapists count as independent" in said
    assert said.endswith("Add + (1 | therapist) to the steps: its df are then those of therapists.")


def test_with_therapists_in_the_random_part_the_df_are_theirs_and_nothing_is_said(course):
    found, series = told(course, "y ~ session + years + (1 | patient) + (1 | therapist)")
    assert found == []
    assert series.models[0].result.fixed.set_index("term").loc["years", "df"] < 5


def test_variables_of_patients_and_sessions_are_not_meant(course):
    assert told(course, "y ~ session + age + alliance + (1 | patient)", split=("alliance",))[0] == []


def test_one_that_is_split_or_in_a_product_is_found(course):
    split, _ = told(course, "y ~ years + (1 | patient)", split=("years",))
    assert [one.note.numbers["names"] for one in split] == [("years",)] * len(split)
    assert split
    (product,), _ = told(course, "y ~ session * years + (1 | patient)")
    assert product.note.numbers["names"] == ("years",)


def test_where_therapists_have_hardly_more_than_one_patient_each_nothing_can_be_told():
    rows = pd.DataFrame({"patient": list("abcde"), "therapist": list("vwxyy"), "sex": [0, 1, 0, 1, 1]})
    assert constant_in_therapist(["sex"], rows) == ()
    assert constant_in_therapist(["sex"], rows.assign(therapist=list("vvwwx"))) == ()


def test_a_session_without_a_therapist_or_a_study_without_them(course):
    gap = course.assign(therapist=course["therapist"].where(course["session"] > 1))
    assert constant_in_therapist(["years"], gap) == ()
    assert constant_in_therapist(["years"], course.drop(columns="therapist")) == ()
    assert constant_in_therapist(["years", "age"], course) == ("years",)
