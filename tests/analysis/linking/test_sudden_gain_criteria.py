"""Sudden gains on courses worked by hand: each criterion alone, missing sessions, reversals."""

import math

import numpy as np
import pandas as pd
import pytest

from doublecode.analysis import sudden_gains
from doublecode.schemas.errors import ContractError, DuplicateError, NotEstimable, UsageError


def course(*values, patient="A", first=1):
    sessions = range(first, first + len(values))
    return pd.DataFrame({"patient": patient, "session": list(sessions), "bdi": list(map(float, values))})


def test_a_gain_by_hand():
    """31 → 18 is 13 points, 42 %; means 30 and 17, both variances 1: 13 > 2.776 · 1."""
    found = sudden_gains(course(30, 29, 31, 18, 17, 16, 15), "bdi", cutoff=7)
    row = found.frame.iloc[0]
    assert len(found.frame) == 1
    assert (row["session"], row["before"], row["after"], row["gain"]) == (3, 31, 18, 13)
    assert row["share"] == pytest.approx(13 / 31)
    assert (row["mean_before"], row["mean_after"]) == (30, 17)
    assert row["critical"] == pytest.approx(2.776, abs=5e-4)
    assert row["reversed"] == "no"
    assert found.patients.to_dict("records") == [
        {"patient": "A", "n_sessions": 7, "n_gains": 1, "first": 3, "reversed": 0}
    ]


@pytest.mark.parametrize(
    ("values", "failing"),
    [
        ((22, 21, 22, 16, 15, 14), "large"),  # 6 points, below 7
        ((62, 61, 60, 50, 49, 48), "relative"),  # 10 points, 17 %
        ((20, 40, 30, 20, 34, 8), "stable"),  # means 30 and 20.7, spread far too wide
    ],
)
def test_each_criterion_alone_is_enough_to_refuse(values, failing):
    steps = sudden_gains(course(*values), "bdi", cutoff=7).steps.set_index("session")
    step = steps.loc[3]
    assert {name: step[name] for name in ("large", "relative", "stable")} == {
        name: float(name != failing) for name in ("large", "relative", "stable")
    }
    assert not step["sudden"]


@pytest.mark.parametrize(("lost", "t"), [((), 2.776445), ((1,), 3.182446), ((6,), 3.182446), ((1, 6), 4.302653)])
def test_t_is_of_the_sessions_present(lost, t):
    """R's suddengains adjusts t in this way: 2.776, 3.182 and 4.303."""
    data = course(30, 29, 31, 18, 17, 16)
    held = data[~data["session"].isin(lost)]
    step = sudden_gains(held, "bdi", cutoff=7).steps.set_index("session").loc[3]
    first = [value for n, value in zip(range(1, 4), (30, 29, 31), strict=True) if n not in lost]
    second = [value for n, value in zip(range(4, 7), (18, 17, 16), strict=True) if n not in lost]
    df = len(first) + len(second) - 2
    within = sum((len(one) - 1) * np.var(one, ddof=1) for one in (first, second)) / df
    assert step["critical"] == pytest.approx(t * math.sqrt(within), rel=1e-6)


@pytest.mark.parametrize(
    ("before", "after", "better", "sd", "t"),
    [((32, 31, 33), (5, 6, 7), "lower", (1, 1), 2.776), ((5, None, 7), (16, 12, 14), "higher", (1.414, 2), 3.182),
     ((None, 31, 33), (5, None, 7), "lower", (1.414, 1.414), 4.303)],
)  # fmt: skip
def test_the_examples_that_suddengains_prints(before, after, better, sd, t):
    """``check_interval`` of R's suddengains (its reference page): a gain, a loss, and two sessions missing.

    The third is printed there for the third criterion alone, at .01; it meets all three at .05, too.
    """
    values = {n: one for n, one in enumerate((*before, *after), 1) if one is not None}
    data = pd.DataFrame({"patient": "A", "session": list(values), "bdi": list(map(float, values.values()))})
    found = sudden_gains(data, "bdi", cutoff=7, better=better)
    step = found.steps.set_index("session").loc[3]
    n = (step["n_before"], step["n_after"])
    pooled = math.sqrt(sum((k - 1) * one**2 for k, one in zip(n, sd, strict=True)) / (sum(n) - 2))
    assert step["critical"] == pytest.approx(t * pooled, rel=5e-4)
    assert step["sudden"]
    assert found.frame["session"].tolist() == [3]


def test_what_cannot_be_checked_is_said_and_no_gap_is_jumped():
    data = course(30, 29, 31, 18, 17, 16)
    data.loc[[1, 0], "bdi"] = np.nan  # one session is left before
    found = sudden_gains(data, "bdi", cutoff=7)
    step = found.steps.set_index("session").loc[3]
    assert math.isnan(step["stable"])
    assert found.frame.empty
    assert {note.kind for note in found.notes} == {"gains_criteria", "gains_unchecked", "gains_none"}
    gap = sudden_gains(course(30, 29, 31).pipe(lambda d: pd.concat([d, course(18, 17, 16, first=5)])), "bdi", cutoff=7)
    assert gap.steps["session"].tolist() == [1, 2, 5, 6]
    assert gap.frame.empty


def test_a_gain_that_is_lost_by_half_is_reversed():
    """13 points gained at 18: half of it is lost from 24.5 on."""
    kept = sudden_gains(course(30, 29, 31, 18, 17, 16, 24), "bdi", cutoff=7).frame.iloc[0]
    assert (kept["reversed"], math.isnan(kept["reversed_at"])) == ("no", True)
    lost = sudden_gains(course(30, 29, 31, 18, 17, 16, 25, 12), "bdi", cutoff=7).frame.iloc[0]
    assert (lost["reversed"], lost["reversed_at"]) == ("yes", 7)


def test_several_patients_and_higher_is_better():
    data = pd.concat([course(30, 29, 31, 18, 17, 16), course(30, 29, 28, 27, 26, 25, patient="B")])
    found = sudden_gains(data, "bdi", cutoff=7)
    assert found.design == {"n_patients": 2, "n_with": 1, "n_gains": 1, "n_steps": 10, "n_unchecked": 4}
    assert "1 of 2 patients with 1 sudden gain; 6 of 10 steps checked" in str(found)
    other = course(10, 11, 9, 22, 23, 24)
    up = sudden_gains(other, "bdi", cutoff=7, better="higher")
    assert up.frame["gain"].tolist() == [13]


def test_what_cannot_be_is_refused():
    data = course(30, 29, 31, 18)
    for more, said in (({"cutoff": 0}, "above 0"), ({"cutoff": 7, "share": 25}, "a quarter is 0.25"),
                       ({"cutoff": 7, "better": "down"}, "allowed: 'lower'")):  # fmt: skip
        with pytest.raises(UsageError, match=said):
            sudden_gains(data, "bdi", **more)
    with pytest.raises(DuplicateError, match="A session 4 stands twice"):
        sudden_gains(pd.concat([data, data.tail(1)]), "bdi", cutoff=7)
    with pytest.raises(ContractError, match="whole session numbers"):
        sudden_gains(data.assign(session=data["session"] + 0.5), "bdi", cutoff=7)
    with pytest.raises(ContractError, match="must hold numbers"):
        sudden_gains(data, "patient", cutoff=7)
    with pytest.raises(NotEstimable, match="two sessions in a row"):
        sudden_gains(data.iloc[[0, 2]], "bdi", cutoff=7)
