"""Searches at the edge: a first variance near zero, no variance at all, no more spread than Poisson's."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from doublecode.analysis import fit_generalized
from doublecode.analysis.mixed.generalized import turning
from doublecode.analysis.mixed.generalized.objective import evaluate
from doublecode.analysis.mixed.generalized.search import Found, find_from
from doublecode.analysis.mixed.generalized.turning import turned

DATA = pd.read_csv(Path(__file__).parents[3] / "reference" / "generalized" / "slopes.csv")


def test_turned_columns_are_the_same_problem() -> None:
    fit = fit_generalized("use ~ age + time + (time | patient)", DATA, family="binomial").fit
    x = fit.end.point.x.copy()
    x[:3] = 0.7, -0.3, 0.4
    other, there = turned(fit.problem, x)
    assert evaluate(other, there).value == pytest.approx(evaluate(fit.problem, x).value, abs=1e-10)


def test_a_search_that_did_not_converge_goes_on_with_turned_columns(monkeypatch) -> None:
    fit = fit_generalized("use ~ age + time + (time | patient)", DATA, family="binomial").fit
    stuck = replace(fit.end, converged=False)
    monkeypatch.setattr(turning, "find_minimum", lambda *_: Found(stuck, (stuck,)))
    other, found = turning.settle(fit.problem, np.zeros(0), np.zeros(0))
    assert found.end.converged
    assert found.end.point.value == pytest.approx(fit.end.point.value, abs=1e-8)
    assert not np.allclose(other.part.Z, fit.problem.part.Z)
    assert [rung.remark for rung in found.rungs] == ["not converged, same optimum", "kept"]


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


@pytest.mark.parametrize(
    ("family", "options"),
    [("poisson", {}), ("binomial", {"trials": "of"}), ("negative-binomial", {}), ("ordinal", {})],
)
@pytest.mark.parametrize("nagq", [1, 15])
def test_a_search_that_starts_without_variance_leaves_it(family, options, nagq) -> None:
    rng = np.random.default_rng(5)
    data = pd.DataFrame({"g": np.repeat(np.arange(30), 8), "of": 12})
    eta = 0.6 * rng.normal(size=30)[data["g"]]
    data["n"] = rng.binomial(12, 1.0 / (1.0 + np.exp(-eta)))
    if family != "binomial":
        data["n"] = np.minimum(rng.poisson(np.exp(eta) * rng.gamma(2.0, 0.5, 240)), 9)
    fit = fit_generalized("n ~ 1 + (1 | g)", data, family=family, nagq=nagq, **options).fit
    x = fit.end.point.x.copy()
    x[0] = 0.0
    assert find_from(fit.problem, x).end.point.value == pytest.approx(fit.end.point.value, abs=1e-8)


def test_a_variance_too_small_for_a_wide_step_is_found_from_none() -> None:
    """Groups of 160,000 counts tell a standard deviation of 0.006; at 0.05 the likelihood is below that of none."""
    rng = np.random.default_rng(5)
    data = pd.DataFrame({"g": np.repeat(np.arange(30), 8)})
    data["n"] = rng.poisson(20_000 * np.exp(0.006 * rng.normal(size=30))[data["g"]])
    fit = fit_generalized("n ~ 1 + (1 | g)", data, family="poisson")
    x = fit.fit.end.point.x.copy()
    x[0] = 0.0
    none = evaluate(fit.fit.problem, x).value
    x[0] = 0.05
    assert evaluate(fit.fit.problem, x).value > none > fit.fit.end.point.value + 1.0
    x[0] = 0.0
    again = find_from(fit.fit.problem, x)
    assert again.end.converged
    assert again.end.point.value == pytest.approx(fit.fit.end.point.value, abs=1e-7)
