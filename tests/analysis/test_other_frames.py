"""Frames of polars give the same results as those of pandas, at every door that takes a frame."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pytest

from doublecode.analysis import agreement, alpha, correlate, drift, fit_many, fit_mixed, icc, moderation, omega
from doublecode.schemas.errors import UsageError


@pytest.fixture(scope="module")
def ratings():
    """30 sessions of 10 patients, three raters with gaps; whole codes, one of them missing."""
    rng = np.random.default_rng(4)
    rows = [
        (f"P{s % 10}", f"S{s}", f"R{r}", float(np.clip(np.round(2 + level + rng.normal(0, 0.7)), 0, 4)))
        for s, level in enumerate(rng.normal(0, 1, 30))
        for r in range(3)
        if (s + r) % 4
    ]
    frame = pd.DataFrame(rows, columns=["patient", "session", "rater", "value"])
    return frame.assign(value=frame["value"].mask(frame.index == 5))


@pytest.fixture(scope="module")
def sessions():
    """20 patients with six sessions each, four items of one factor, a moderator."""
    rng = np.random.default_rng(5)
    patient = np.repeat([f"P{p:02d}" for p in range(20)], 6)
    trait = np.repeat(rng.normal(size=20), 6) + rng.normal(size=120)
    items = {name: trait + rng.normal(size=120) for name in "abcd"}
    return pd.DataFrame(
        {"patient": patient, "session": np.tile(np.arange(1, 7), 20), "x": rng.normal(size=120), **items}
    )


ICC = {"targets": "session", "raters": "rater", "ratings": "value"}
DOORS = {
    "icc": lambda ratings, sessions: icc(ratings, **ICC),
    "icc, nested": lambda ratings, sessions: icc(ratings, clusters="patient", **ICC),
    "agreement": lambda ratings, sessions: agreement(ratings, **ICC),
    "drift": lambda ratings, sessions: drift(ratings, **ICC),
    "omega": lambda ratings, sessions: omega(sessions, items=list("abcd"), clusters="patient"),
    "alpha": lambda ratings, sessions: alpha(sessions, items=list("abcd"), clusters="patient"),
    "fit_mixed": lambda ratings, sessions: fit_mixed("a ~ session + b + (session | patient)", sessions),
    "moderation": lambda ratings, sessions: moderation("a ~ x * b + c", sessions),
    "correlate": lambda ratings, sessions: correlate(sessions, ["a", "b", "x"]),
}


@pytest.mark.parametrize("door", DOORS)
def test_polars_gives_what_pandas_gives(ratings, sessions, door):
    ours = DOORS[door](ratings, sessions)
    theirs = DOORS[door](
        pl.DataFrame(ratings.to_dict("list"), nan_to_null=True), pl.DataFrame(sessions.to_dict("list"))
    )
    pd.testing.assert_frame_equal(theirs.frame, ours.frame, check_exact=True)
    assert theirs.design == ours.design
    assert theirs.notes == ours.notes


def test_many_fits_of_a_polars_frame(sessions):
    responses = sessions[["a", "b"]].to_numpy()
    ours = fit_many("y ~ x + (1 | patient)", sessions, responses)
    theirs = fit_many("y ~ x + (1 | patient)", pl.DataFrame(sessions.to_dict("list")), responses)
    np.testing.assert_array_equal(theirs.estimate, ours.estimate)


def test_what_is_no_frame_is_refused_at_the_door():
    with pytest.raises(UsageError, match="data: found a list, allowed a frame of pandas, polars or pyarrow"):
        icc([[1, 2]], targets="session", raters="rater", ratings="value")
