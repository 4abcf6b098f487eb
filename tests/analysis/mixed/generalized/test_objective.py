"""The gradient is that of the value, for every family, link, random part and number of nodes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import integrate, stats

from doublecode.analysis.mixed.design import build_design
from doublecode.analysis.mixed.generalized.binomial import BinomialRows
from doublecode.analysis.mixed.generalized.counts import NegativeBinomialRows, PoissonRows
from doublecode.analysis.mixed.generalized.density import RowDensity
from doublecode.analysis.mixed.generalized.links import Link
from doublecode.analysis.mixed.generalized.objective import Problem, evaluate
from doublecode.analysis.mixed.generalized.random_part import make_random_part

DATA = pd.read_csv(Path(__file__).parents[3] / "reference" / "generalized" / "homework.csv")
DATA["week"] = np.arange(len(DATA)) % 7


def density(kind: str) -> RowDensity:
    counts = DATA["nb"].to_numpy(float)
    if kind == "poisson":
        return PoissonRows(counts)
    if kind == "negative-binomial":
        return NegativeBinomialRows(counts)
    link: Link = kind  # type: ignore[assignment]
    return BinomialRows(DATA["items"].to_numpy(float), DATA["trials"].to_numpy(float), link)


def problem(formula: str, kind: str, n_nodes: int) -> Problem:
    design = build_design(formula, DATA, with_outcome=False)
    part = make_random_part(design.terms)
    n = design.nobs
    X = design.x_factors[0][part.order]
    weights = np.linspace(0.5, 1.5, n)
    return Problem(part, X, np.linspace(-0.2, 0.2, n), weights, density(kind).subset(part.order), n_nodes)


PARTS = [
    ("done ~ x + (1 | patient)", 1),
    ("done ~ x + (1 | patient)", 9),
    ("done ~ x + (time | patient)", 1),
    ("done ~ x + (time || patient) + (x | week)", 1),
]


@pytest.mark.parametrize("kind", ["logit", "probit", "cloglog", "poisson", "negative-binomial"])
@pytest.mark.parametrize(("formula", "n_nodes"), PARTS)
def test_the_gradient_is_that_of_the_value(formula: str, n_nodes: int, kind: str) -> None:
    one = problem(formula, kind, n_nodes)
    x = np.linspace(0.9, -0.4, one.size)
    point = evaluate(one, x)
    steps = 1e-5 * np.eye(one.size)
    numeric = [(evaluate(one, x + s).value - evaluate(one, x - s).value) / 2e-5 for s in steps]
    np.testing.assert_allclose(point.gradient, numeric, atol=1e-6, rtol=1e-6)


def test_many_nodes_give_the_integral() -> None:
    """Each patient's integral by scipy's adaptive rule."""
    one = problem("done ~ x + (1 | patient)", "logit", 25)
    x = np.array([1.1, 0.3, 0.4])
    fixed, total = one.offset + one.X @ x[1:], 0.0
    for j in range(one.part.n_groups):
        rows = np.flatnonzero(one.part.codes == j)
        own, w, eta = one.density.subset(rows), one.weights[rows], fixed[rows]

        def likelihood(u: float) -> float:
            return float(np.exp(w @ own.value(eta + 1.1 * u, np.zeros(0))) * stats.norm.pdf(u))  # noqa: B023

        total += np.log(integrate.quad(likelihood, -8, 8, epsabs=0, epsrel=1e-9, limit=200)[0])
    assert evaluate(one, x).value == pytest.approx(-total, abs=1e-6)


@pytest.mark.parametrize("link", ["logit", "probit", "cloglog"])
@pytest.mark.parametrize("eta", [-40.0, -5.0, 0.3, 5.0, 30.0])
def test_binomial_tails_stay_finite(link: Link, eta: float) -> None:
    rows = BinomialRows(np.array([0.0, 1.0, 1.0]), np.array([1.0, 1.0, 2.0]), link)
    found = rows.derivatives(np.full(3, eta), np.zeros(0))
    assert np.isfinite([found.value, found.d1, found.d2, found.d3]).all()
    assert (found.d2 <= 0.0).all()


def test_densities_are_those_of_scipy() -> None:
    y, eta, phi = np.array([0.0, 1.0, 7.0, 400.0]), np.array([-2.0, 0.5, 2.0, 5.0]), 1.7
    mean = np.exp(eta)
    np.testing.assert_allclose(PoissonRows(y).value(eta, np.zeros(0)), stats.poisson.logpmf(y, mean), rtol=1e-12)
    wanted = stats.nbinom.logpmf(y, phi, phi / (phi + mean))
    np.testing.assert_allclose(NegativeBinomialRows(y).value(eta, np.array([np.log(phi)])), wanted, rtol=1e-10)
    large = NegativeBinomialRows(y).value(eta, np.array([np.log(1e9)]))
    np.testing.assert_allclose(large, stats.poisson.logpmf(y, mean), rtol=1e-6)
    eta, m = np.minimum(eta, 1.5), np.full(4, 500.0)
    mean = np.exp(eta)
    for link, p in (("logit", 1 / (1 + np.exp(-eta))), ("cloglog", -np.expm1(-mean)), ("probit", stats.norm.cdf(eta))):
        rows = BinomialRows(y, m, link)  # type: ignore[arg-type]
        np.testing.assert_allclose(rows.value(eta, np.zeros(0)), stats.binom.logpmf(y, 500, p), rtol=1e-9)
