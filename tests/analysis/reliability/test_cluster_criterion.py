"""The deviance from small matrices of clusters is that of the mixed-model engine."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from doublecode.analysis.ratings.frames import read_ratings
from doublecode.analysis.reliability.cluster_criterion import MOST_RATERS, TERMS, cluster_criterion
from doublecode.analysis.reliability.interrater import icc
from doublecode.analysis.reliability.nested import _fit
from doublecode.analysis.reliability.variance_profile import WALL, Criterion

NAMES = {"targets": "session", "raters": "rater", "ratings": "score", "clusters": "patient"}
WHICH = np.zeros(4, dtype=np.int64)


def wave(*numbers: np.ndarray) -> np.ndarray:
    """Something like noise of variance 1 that no version of numpy draws otherwise."""
    angle = sum(step * (number + 1.0) for step, number in zip((12.9898, 78.233, 37.719), numbers, strict=False))
    return np.sqrt(2.0) * np.sin(43758.5453 * np.sin(angle))


def ratings(*, gaps: bool) -> pd.DataFrame:
    """Synthetic: 8 patients of 5 sessions and 4 raters; with `gaps` of 2 to 5 sessions, a sixth of the cells empty."""
    p, s, r = (at.ravel() for at in np.indices((8, 5, 4)))
    score = 5 + wave(p) + wave(p, s) + 0.5 * wave(r) + 0.6 * wave(r, p) + wave(p, s, r)
    frame = pd.DataFrame({"patient": p, "session": 10 * p + s, "rater": r, "score": score.round(2)})
    if gaps:
        frame = frame[(s < 2 + p % 4) & ((7 * p + 5 * s + 3 * r) % 6 > 0)]
    return frame.sample(frac=1, random_state=2)


@pytest.mark.parametrize("gaps", [False, True])
def test_value_gradient_and_hessian_are_the_engines(gaps):
    (group,) = read_ratings(ratings(gaps=gaps), **NAMES).groups
    ours = cluster_criterion(group.layout, group.values[0], TERMS)
    engine = Criterion(_fit(group.layout, group.values[0], TERMS).moments)
    ratios = np.array([[1.0, 0.8, 0.2, 0.3], [0.0, 2.0, 0.0, 0.1], [30.0, 0.0, 5.0, 0.0], [1e3, 1e-3, 1e2, 2.0]])
    ours_found, engine_found = (
        (value - value[0], gradient, hessian)
        for value, gradient, hessian in (ours(ratios, WHICH), engine(ratios, WHICH))
    )
    for ours_part, engine_part in zip(ours_found, engine_found, strict=True):
        assert ours_part == pytest.approx(engine_part, rel=1e-8, abs=1e-8)


def test_a_ratio_without_likelihood_is_a_wall():
    (group,) = read_ratings(ratings(gaps=True), **NAMES).groups
    value, gradient, _ = cluster_criterion(group.layout, group.values[0], TERMS)(np.full((1, 4), 1e100), WHICH[:1])
    assert value[0] == WALL
    assert not gradient.any()


BY_THE_ENGINE = {
    False: {
        ("session", "ICC(A,1)"): (0.54694224, 0.25112575, 0.76400265),
        ("session", "ICC(C,1)"): (0.62390449, 0.45602538, 0.80948297),
        ("session within patient", "ICC(A,1)"): (0.41086597, 0.16315156, 0.59673742),
        ("session within patient", "ICC(C,1)"): (0.50916704, 0.33242146, 0.67618178),
        ("patient", "ICC(A,1)"): (0.60872052, 0.11496656, 0.92065975),
        ("patient", "ICC(C,1)"): (0.90193406, 0.42973142, 1.0),
        ("patient, sessions as error", "ICC(A,k_eff)"): (0.66656757, 0.19713401, 0.90794319),
    },
    True: {
        ("session", "ICC(A,1)"): (0.52219608, 0.20271457, 0.77944996),
        ("session", "ICC(C,1)"): (0.6105257, 0.36527433, 0.8287863),
        ("session", "ICC(Q,k_eff)"): (0.79983082, 0.59677947, 0.92508027),
        ("session within patient", "ICC(A,1)"): (0.36497575, 0.11508522, 0.61428155),
        ("session within patient", "ICC(C,1)"): (0.5112046, 0.23749821, 0.73760352),
        ("patient", "ICC(A,1)"): (0.53495409, 0.0, 0.91697309),
        ("patient", "ICC(C,1)"): (0.77823764, 0.0, 1.0),
        ("patient, sessions as error", "ICC(A,k_eff)"): (0.5627276, 0.0, 0.87849923),
    },
}
"""Estimate and limits where every evaluation of the search was one of the mixed-model engine."""


@pytest.mark.parametrize("gaps", [False, True])
def test_estimates_and_limits_are_those_of_the_engine(gaps):
    found = icc(ratings(gaps=gaps), **NAMES).frame.set_index(["level", "form"])
    for key, expected in BY_THE_ENGINE[gaps].items():
        assert tuple(found.loc[key, ["estimate", "conf_low", "conf_high"]]) == pytest.approx(expected, abs=2e-8), key


def test_other_designs_are_left_to_the_engine():
    (group,) = read_ratings(ratings(gaps=True), **NAMES).groups
    assert cluster_criterion(group.layout, group.values[0], TERMS[:3]) is None
    many = pd.concat([ratings(gaps=False).assign(rater=lambda rows, at=at: 4 * at + rows["rater"]) for at in range(4)])
    (group,) = read_ratings(many, **NAMES).groups
    assert group.layout.n_raters > MOST_RATERS
    assert cluster_criterion(group.layout, group.values[0], TERMS) is None
