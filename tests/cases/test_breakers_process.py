"""Models of process that somebody tried to break: cross-lagged paths, correction for raters, mediation (synthetic)."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from doublecode.analysis import cross_lagged
from doublecode.schemas.errors import NotEstimable, UsageError

SINCE, THIS = "since last session", "this session"


def panel(n=30, sessions=5):
    rng = np.random.default_rng(7)
    keys = {"patient": np.repeat(np.arange(n), sessions), "session": np.tile(np.arange(1, sessions + 1), n)}
    own = rng.normal(size=(2, n))[:, keys["patient"]]
    he, ph = own + rng.normal(size=own.shape)
    return pd.DataFrame({**keys, "he": he, "ph": ph})


@pytest.mark.parametrize(("one", "other"), [("ph", "he"), ("he", "ph")])
@pytest.mark.parametrize("said", [SINCE, THIS])
def test_one_interval_alone_is_refused(one, other, said):
    with pytest.raises(UsageError, match=f"Say of '{other}', too"):
        cross_lagged(panel(), "he", "ph", refers_to={one: said})


def test_paths_need_consecutive_sessions():
    data = panel()
    with pytest.raises(NotEstimable, match="0 sessions with he follow one with he"):
        cross_lagged(data.assign(session=data["session"] * 2), "he", "ph")
    turns = data.assign(he=data["he"].where(data["session"] % 2 == 1), ph=data["ph"].where(data["session"] % 2 == 1))
    with pytest.raises(NotEstimable, match="0 sessions with he follow"):
        cross_lagged(turns, "he", "ph")
    late = data.assign(ph=data["ph"].where(data["session"] == 1))
    with pytest.raises(NotEstimable, match="0 sessions with ph follow one with he"):
        cross_lagged(late, "he", "ph")


@pytest.mark.parametrize("typed", [40, 1000, 10**12])
def test_a_mistyped_session_number_is_refused_at_once(typed):
    data = panel()
    data.loc[data.index[4], "session"] = typed
    with pytest.raises(NotEstimable, match="none lies between 5 and"):
        cross_lagged(data, "he", "ph")


@pytest.mark.parametrize(("options", "said"), [
    ({"error_variance": 0.2}, "error_variance is 0.2; give numbers by variable"),
    ({"error_variance": {"he": "a"}}, "give numbers by variable"),
    ({"refers_to": "this session"}, "give a mapping"),
])  # fmt: skip
def test_options_of_the_wrong_kind_are_refused(options, said):
    with pytest.raises(UsageError, match=said):
        cross_lagged(panel(), "he", "ph", **options)
