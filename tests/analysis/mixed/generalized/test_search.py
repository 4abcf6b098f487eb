"""Searches at the edge: a first variance near zero, no variance at all, no more spread than Poisson's."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from doublecode.analysis import fit_generalized
from doublecode.analysis.mixed.generalized.objective import evaluate
from doublecode.analysis.mixed.generalized.search import find_from
from doublecode.analysis.mixed.generalized.turning import turned

DATA = pd.read_csv(Path(__file__).parents[3] / "reference" / "generalized" / "slopes.csv")


def test_turned_columns_are_the_same_problem() -> None:
    fit = fit_generalized("use ~ age + time + (time | patient)", DATA, family="binomial").fit
    x = fit.end.point.x.copy()
    x[:3] = 0.7, -0.3, 0.4
    other, there = turned(fit.problem, x)
    assert evaluate(other, there).value == pytest.approx(evaluate(fit.problem, x).value, abs=1e-10)


def test_slopes_without_a_variance_of_the_intercept_converge() -> None:
    rng = np.random.default_rng(4)
    data = pd.DataFrame({"g": np.repeat(np.arange(25), 8), "x": rng.normal(size=200)})
    data["n"] = rng.poisson(np.exp(0.2 + rng.normal(0, 0.4, 25)[data["g"]] * data["x"]))
    fit = fit_generalized("n ~ x + (x | g)", data, family="poisson")
    assert fit.converged
    assert np.abs(fit.fit.end.point.gradient).max() < 1e-4
    best = fit.fit.end.point.value
    for seed in range(3):
        x = fit.fit.end.point.x.copy()
        x[:3] = np.random.default_rng(seed).normal(size=3)
        assert find_from(fit.fit.problem, x).end.point.value > best - 1e-6


def test_counts_of_no_more_spread_than_poisson_are_named() -> None:
    rng = np.random.default_rng(2)
    data = pd.DataFrame({"g": np.repeat(np.arange(30), 6)})
    data["n"] = rng.binomial(6, 0.5, 180)
    fit = fit_generalized("n ~ 1 + (1 | g)", data, family="negative-binomial")
    assert "no more spread than Poisson's" in str(fit)


def test_columns_are_searched_in_units_of_their_own_spread() -> None:
    """Mean square one: what starts, thresholds and the size of steps take for granted."""
    problem = fit_generalized("use ~ age + time + (time | patient)", DATA, family="binomial").fit.problem
    np.testing.assert_allclose((problem.X**2).mean(axis=0), 1.0)
    np.testing.assert_allclose((problem.part.Z**2).mean(axis=1), 1.0)
