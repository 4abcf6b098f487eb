"""Cumulative models without random effects: derivatives, tails, R's clm and polr, proportional odds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import integrate

from doublecode.analysis.mixed.generalized.cumulative_density import derivatives, log_probability, probabilities
from doublecode.analysis.mixed.generalized.cumulative_rows import OrdinalRows, cumulative_regression
from doublecode.analysis.mixed.generalized.ordinal_density import OrdinalDensity
from doublecode.analysis.mixed.generalized.thresholds import Thresholds

REFERENCE = Path(__file__).parents[3] / "reference"
STEP = 1e-5


def reference_sets() -> dict[str, pd.DataFrame]:
    """The data behind ``ordinal.json``: y (integers), x, w, g, h."""
    stacked = pd.read_csv(REFERENCE / "ordinal.csv")
    sets = {str(name): rows.reset_index(drop=True) for name, rows in stacked.groupby("set")}
    hw = pd.read_csv(REFERENCE / "hw229_a.csv")
    names = {"hw_grade": "y", "beh_cw": "x", "sess_c": "w", "patient": "g", "therapist": "h"}
    return sets | {"hw229": hw[list(names)].rename(columns=names)}


def reference() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((REFERENCE / "ordinal.json").read_text())
    return found


def edges() -> tuple[np.ndarray, np.ndarray]:
    """Inner categories, both ends, narrow ones, and far tails on both sides."""
    upper = np.array([0.4, 2.0, np.inf, -1.5, 0.3001, 9.0, -8.0, np.inf, -12.0])
    lower = np.array([-0.7, 1.0, 0.5, -np.inf, 0.3, 7.5, -9.0, 11.0, -np.inf])
    return upper, lower


@pytest.mark.parametrize("link", ["logit", "probit"])
def test_each_derivative_is_the_difference_quotient_of_the_one_before(link) -> None:
    upper, lower = edges()
    at = derivatives(upper, lower, link)
    assert np.allclose(at.value, log_probability(upper, lower, link), rtol=1e-14)

    def slope(name, a_step, b_step):
        ahead = derivatives(upper + a_step, lower + b_step, link)
        back = derivatives(upper - a_step, lower - b_step, link)
        pick = (lambda e: getattr(e, name)) if isinstance(name, str) else (lambda e: name(e))
        return (pick(ahead) - pick(back)) / (2 * STEP)

    for lowest, name in (("value", "d1"), ("d1", "d2"), ("d2", "d3")):
        assert np.allclose(getattr(at, name), slope(lowest, -STEP, -STEP), rtol=2e-5, atol=2e-6), name
    for order, lowest in enumerate(("value", "d1", "d2")):
        inner = np.isfinite(upper)
        # a category of width 0.0001 has 1/width as derivative, whose own quotient needs a looser bound
        assert np.allclose(at.upper[order][inner], slope(lowest, STEP, 0.0)[inner], rtol=1e-2, atol=1e-5)
        wide = inner & (upper - lower > 0.01)
        assert np.allclose(at.upper[order][wide], slope(lowest, STEP, 0.0)[wide], rtol=2e-5, atol=2e-6)
        wide = np.isfinite(lower) & (upper - lower > 0.01)
        assert np.allclose(at.lower[order][wide], slope(lowest, 0.0, STEP)[wide], rtol=2e-5, atol=2e-6)
    assert (at.d2 < 0).all()
    assert (at.upper[:, ~np.isfinite(upper)] == 0).all()
    assert (at.lower[:, ~np.isfinite(lower)] == 0).all()


def test_tails_keep_their_digits() -> None:
    # logit: between 40 and 41 lies e^-40 (1 - e^-1) to 17 digits, and the same on the other side
    for upper, lower in ((41.0, 40.0), (-40.0, -41.0)):
        found = log_probability(np.array([upper]), np.array([lower]), "logit")[0]
        assert found == pytest.approx(-40.0 + np.log(-np.expm1(-1.0)), rel=1e-14)
    area = integrate.quad(lambda x: np.exp(-(x * x - 38.0**2) / 2), 38.0, 40.0, epsabs=0, epsrel=1e-12)[0]
    expected = np.log(area) - 38.0**2 / 2 - 0.5 * np.log(2 * np.pi)
    for upper, lower in ((40.0, 38.0), (-38.0, -40.0)):
        found = log_probability(np.array([upper]), np.array([lower]), "probit")[0]
        assert found == pytest.approx(expected, rel=1e-12)
    for link in ("logit", "probit"):
        sums = probabilities(np.array([-30.0, 0.0, 35.0]), np.array([-1.0, 0.0, 2.0]), link).sum(axis=1)
        assert np.allclose(sums, 1.0, rtol=1e-14)


@pytest.mark.parametrize("kind", ["flexible", "equidistant"])
@pytest.mark.parametrize("categories", [2, 3, 5])
def test_thresholds_ascend_and_their_derivatives_are_exact(kind, categories) -> None:
    thresholds = Thresholds(categories, kind)
    psi = np.array([-1.2, 0.3, -0.8, 0.5])[: thresholds.size]
    tau = thresholds.values(psi)
    assert (np.diff(tau) > 0).all()
    assert tau.shape == (categories - 1,)
    assert np.allclose(thresholds.internal(tau), psi, atol=1e-14)
    weights = np.array([0.7, -1.1, 0.4, 2.0])[: categories - 1]
    eye = np.eye(thresholds.size) * STEP
    J = np.array([(thresholds.values(psi + e) - thresholds.values(psi - e)) / (2 * STEP) for e in eye]).T
    assert np.allclose(thresholds.jacobian(psi), J, atol=1e-9)
    H = np.array([weights @ (thresholds.jacobian(psi + e) - thresholds.jacobian(psi - e)) / (2 * STEP) for e in eye])
    assert np.allclose(thresholds.second(psi, weights), H, atol=1e-9)


def test_edges_move_with_psi_as_said_with_effects_that_differ_by_threshold_too() -> None:
    category = np.array([0, 1, 2, 3, 1, 2])
    nominal = np.array([[0.3, 1.0], [1.0, 0.0], [-0.5, 2.0], [0.0, 1.0], [2.0, -1.0], [1.0, 1.0]])
    rows = OrdinalRows(category, Thresholds(4), "logit", nominal)
    psi = np.array([-1.0, 0.2, 0.1, 0.05, -0.02, 0.03, 0.04])
    assert rows.size == len(psi)
    up, low = rows.by_psi(psi)
    for k, e in enumerate(np.eye(len(psi)) * STEP):
        ahead, back = rows.edges(psi + e), rows.edges(psi - e)
        for side, (given, other, own) in enumerate(((up, category == 3, 3), (low, category == 0, 0))):
            with np.errstate(invalid="ignore"):
                quotient = (ahead[side] - back[side]) / (2 * STEP)
            assert np.allclose(given[~other, k], quotient[~other], atol=1e-9), own


def _design(name: str, d: pd.DataFrame) -> np.ndarray:
    if name != "crossed":
        return d[["x", "w"]].to_numpy(float)
    return np.column_stack([d.x, *(d.h == h for h in sorted(set(d.h))[1:])]).astype(float)


@pytest.mark.parametrize("name", ["wine", "hw229", "plain", "crossed"])
def test_without_random_effects_it_is_clm_and_polr(name) -> None:
    d = reference_sets()[name]
    X, category = _design(name, d), pd.factorize(d.y, sort=True)[0].astype(np.int64)
    for wanted in reference()["fixed"][name]:
        rows = OrdinalRows(category, Thresholds(category.max() + 1, wanted["threshold"]), wanted["link"])
        found = cumulative_regression(rows, X)
        assert found.converged
        assert found.loglik == pytest.approx(wanted["logLik"], abs=1e-9)
        # standard errors of plain thresholds and coefficients; clm ends at a gradient of 1e-10
        assert np.allclose(np.sqrt(np.diag(found.vcov)), wanted["se"], atol=1e-7)
        tau = rows.thresholds.values(found.psi)
        if wanted["threshold"] == "equidistant":
            tau = np.array([tau[0], tau[1] - tau[0]])
        else:
            zeta = list(wanted["polr"]["zeta"].values())
            assert np.allclose(tau, zeta, atol=2e-4)  # polr stops at its optimiser's tolerance
        assert np.allclose([*tau, *found.beta], wanted["estimate"], atol=1e-7)


@pytest.mark.parametrize("name", ["wine", "hw229", "plain", "crossed"])
def test_proportional_odds_of_a_term_are_tested_as_clm_does(name) -> None:
    d = reference_sets()[name]
    X, category = _design(name, d), pd.factorize(d.y, sort=True)[0].astype(np.int64)
    wanted = reference()["fixed"][name][0]
    thresholds = Thresholds(category.max() + 1)
    all_proportional = cumulative_regression(OrdinalRows(category, thresholds, "logit"), X).loglik
    for columns, lrt, df in zip(
        ([0], list(range(1, X.shape[1]))), *map(wanted["nominal"].get, ("lrt", "df")), strict=True
    ):
        rows = OrdinalRows(category, thresholds, "logit", X[:, columns])
        found = cumulative_regression(rows, X)
        assert rows.size - thresholds.size == df
        assert 2 * (found.loglik - all_proportional) == pytest.approx(lrt, abs=1e-6)


def test_two_categories_are_a_logistic_regression() -> None:
    sm = pytest.importorskip("statsmodels.api")
    d = reference_sets()["plain"]
    y = (d.y > 2).astype(int)
    X = d[["x", "w"]].to_numpy(float)
    glm = sm.GLM(y, sm.add_constant(X), family=sm.families.Binomial()).fit()
    found = cumulative_regression(OrdinalRows(y.to_numpy(np.int64), Thresholds(2)), X)
    assert found.loglik == pytest.approx(glm.llf, abs=1e-9)
    assert np.allclose([-found.psi[0], *found.beta], glm.params, atol=1e-8)
    assert np.allclose(np.sqrt(np.diag(found.vcov)), glm.bse, atol=1e-7)


@pytest.mark.parametrize("link", ["logit", "probit"])
@pytest.mark.parametrize("nominal", [False, True])
def test_the_engine_is_given_all_derivatives_by_shape_with_quadrature_nodes_in_front(link, nominal) -> None:
    rng = np.random.default_rng(4)
    category = np.array([0, 1, 2, 3, 1, 2, 0, 3])
    density = OrdinalDensity(OrdinalRows(category, Thresholds(4), link, rng.normal(size=(8, 1)) if nominal else None))
    psi = np.array([-1.0, 0.2, 0.1, 0.05, -0.02])[: density.n_shape]
    eta = rng.normal(size=(3, 8))
    at = density.derivatives(eta, psi)
    value, d1, d2 = density.newton(eta, psi)
    for given, other in ((at.value, value), (at.d1, d1), (at.d2, d2), (at.value, density.value(eta, psi))):
        assert given.shape == (3, 8)
        assert np.allclose(given, other, atol=1e-13)
    assert at.psi.shape == (3, 8, len(psi))
    for k, e in enumerate(np.eye(len(psi)) * STEP):
        ahead, back = density.derivatives(eta, psi + e), density.derivatives(eta, psi - e)
        for lowest, name in (("value", "psi"), ("d1", "d1_psi"), ("d2", "d2_psi")):
            quotient = (getattr(ahead, lowest) - getattr(back, lowest)) / (2 * STEP)
            assert np.allclose(getattr(at, name)[..., k], quotient, atol=1e-8), name
    some = np.array([5, 0, 2])
    assert np.allclose(density.subset(some).value(eta[:, some], psi), at.value[:, some], atol=1e-14)


def test_effects_that_cross_thresholds_have_no_probability() -> None:
    rows = OrdinalRows(np.array([1]), Thresholds(3), "logit", np.array([[1.0]]))
    density = OrdinalDensity(rows)
    assert density.value(np.zeros(1), np.array([0.0, 0.0, 0.5]))[0] > -np.inf
    with np.errstate(invalid="ignore"):
        assert density.value(np.zeros(1), np.array([0.0, 0.0, 1.5]))[0] == -np.inf
