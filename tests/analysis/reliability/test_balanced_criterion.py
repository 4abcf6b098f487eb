"""The deviance from five mean squares is that of the mixed-model engine."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from doublecode.analysis.ratings.frames import read_ratings
from doublecode.analysis.reliability.balanced_criterion import TERMS, balanced_criterion
from doublecode.analysis.reliability.interrater import icc
from doublecode.analysis.reliability.nested import _fit
from doublecode.analysis.reliability.variance_profile import Criterion

NAMES = {"targets": "session", "raters": "rater", "ratings": "score", "clusters": "patient"}


def ratings(patients: int = 7, sessions: int = 3, raters: int = 4) -> pd.DataFrame:
    rng = np.random.default_rng(17)
    p, s, r = (at.ravel() for at in np.indices((patients, sessions, raters)))
    score = 5 + rng.normal(size=patients)[p] + rng.normal(size=(patients, sessions))[p, s]
    score += 0.5 * rng.normal(size=raters)[r] + 0.6 * rng.normal(size=(patients, raters))[p, r]
    score += rng.normal(size=len(p))
    frame = pd.DataFrame({"patient": p, "session": 10 * p + s, "rater": r, "score": score})
    return frame.sample(frac=1, random_state=2)


def test_value_gradient_and_hessian_are_the_engines():
    (group,) = read_ratings(ratings(), **NAMES).groups
    ours = balanced_criterion(group.layout, group.values[0], TERMS)
    engine = Criterion(_fit(group.layout, group.values[0], TERMS).moments)
    ratios = np.array([[1.0, 0.8, 0.2, 0.3], [0.0, 2.0, 0.0, 0.1], [30.0, 0.0, 5.0, 0.0]])
    which = np.zeros(3, dtype=np.int64)
    ours_found, engine_found = (
        (value - value[0], gradient, hessian)
        for value, gradient, hessian in (ours(ratios, which), engine(ratios, which))
    )
    for ours_part, engine_part in zip(ours_found, engine_found, strict=True):
        assert ours_part == pytest.approx(engine_part, rel=1e-8, abs=1e-8)


def test_limits_are_those_of_the_engine(monkeypatch):
    frame = ratings()
    quick = icc(frame, **NAMES).frame
    monkeypatch.setattr("doublecode.analysis.reliability.nested.balanced_criterion", lambda *_: None)
    slow = icc(frame, **NAMES).frame
    columns = ["estimate", "conf_low", "conf_high"]
    assert quick[columns].to_numpy() == pytest.approx(slow[columns].to_numpy(), rel=1e-6, nan_ok=True)


@pytest.mark.parametrize("drop", [[0], [0, 1, 2, 3]], ids=["a rating", "a session"])
def test_gaps_are_the_engines(drop):
    frame = ratings().sort_values(["session", "rater"], ignore_index=True).drop(index=drop)
    (group,) = read_ratings(frame, **NAMES).groups
    assert balanced_criterion(group.layout, group.values[0], TERMS) is None
