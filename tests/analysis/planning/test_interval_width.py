from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from doublecode.analysis import icc, precision
from doublecode.coding import allocate
from doublecode.schemas.errors import NotEstimable, UsageError


def rotating(n_targets, n_raters, n_double):
    rows = []
    for target in range(n_targets):
        rows.append((target, target % n_raters))
        if target < n_double:
            rows.append((target, (target + 1 + target // n_raters % (n_raters - 1)) % n_raters))
    return pd.DataFrame(rows, columns=["session_id", "rater"])


def test_limits_are_those_that_icc_gives_for_ratings_of_the_same_studies():
    """The same draws, put through icc(): medians of its profile limits, to the search's coarse tolerance (1e-4)."""
    plan = rotating(60, 4, 30)
    result = precision(plan, studies=8, k=[1], seed=5)
    frame = plan.sort_values(["session_id", "rater"])
    rng = np.random.default_rng(5)
    values = (
        rng.normal(0, 0.5**0.5, (8, 60))[:, frame["session_id"]]
        + rng.normal(0, 0.1**0.5, (8, 4))[:, frame["rater"]]
        + rng.normal(0, 0.4**0.5, (8, len(frame)))
    )
    low, high = [], []
    for row in values:
        found = icc(frame.assign(y=row), targets="session_id", raters="rater", ratings="y", k=1).frame
        own = found[found["form"] == "ICC(A,1)"].iloc[0]
        low.append(own["conf_low"])
        high.append(own["conf_high"])
    assert result.frame["conf_low"][0] == pytest.approx(np.median(low), abs=1e-3)
    assert result.frame["conf_high"][0] == pytest.approx(np.median(high), abs=1e-3)


def test_more_double_coding_and_more_raters_narrow_the_limits():
    few, many = (precision(rotating(100, 5, n), studies=60, k=[1]).frame["width"][0] for n in (20, 100))
    assert many < few
    rare, crowd = (precision(rotating(100, n, 100), studies=60, k=[1]).frame["width"][0] for n in (4, 20))
    assert crowd < rare


def test_what_is_assumed_is_what_is_printed():
    variances = {"target": 3.0, "rater": 0.5, "error": 1.5}
    result = precision(rotating(60, 4, 30), variances=variances, studies=20)
    assert result.frame["true"].tolist() == pytest.approx([0.6, 0.75])
    assert result.design["n_double"] == 30
    said = " ".join(str(result).split())
    assert "30 of them rated twice or more, 4 raters; variances assumed: target 3, rater 0.5, error 1.5" in said


def test_the_same_seed_gives_the_same_widths():
    one, two = (precision(rotating(40, 3, 20), studies=20, seed=3).frame for _ in range(2))
    pd.testing.assert_frame_equal(one, two)


def test_a_plan_of_allocate_is_taken_as_it_is():
    held = pd.DataFrame(
        {"session_id": [f"S-{n}" for n in range(60)], "patient": [f"P{n // 10}" for n in range(60)],
         "session": [1 + n % 10 for n in range(60)]}
    )  # fmt: skip
    plan = allocate(held, ["R1", "R2", "R3"], instruments=["ghes"], share=0.5)
    assert precision(plan.assignments, studies=20).design["n_double"] == 30


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"variances": {"target": 1.0}}, UsageError, r"found \['target'\], allowed \['error', 'rater', 'target'\]"),
        ({"variances": {"target": 1.0, "rater": -1.0, "error": 1.0}}, UsageError, "none is negative"),
        ({"variances": {"target": 1.0, "rater": 0.1, "error": 0.0}}, UsageError, "that of error is above 0"),
        ({"studies": 2}, UsageError, "allowed 5 or more"),
        ({"k": []}, UsageError, "from 1 on"),
        ({"targets": "tape"}, UsageError, "there is no column 'tape'; allowed: session_id, rater"),
        ({"conf_level": 1.5}, UsageError, "conf_level"),
    ],
)
def test_wrong_use_is_named(arguments, error, message):
    with pytest.raises(error, match=message):
        precision(rotating(20, 3, 10), **arguments)


def test_raters_who_share_nothing_have_no_precision():
    with pytest.raises(NotEstimable, match="share no targets"):
        precision(pd.DataFrame({"session_id": [1, 1, 2, 2], "rater": ["a", "b", "c", "d"]}))
    with pytest.raises(NotEstimable, match="1 raters"):
        precision(pd.DataFrame({"session_id": [1, 2, 3], "rater": ["a", "a", "a"]}))
