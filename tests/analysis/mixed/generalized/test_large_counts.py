"""Counts of 1e6 to 1e9: estimates beside glmmTMB's, log-likelihoods beside those of 30 decimal digits."""

from __future__ import annotations

import json
from decimal import Decimal, getcontext
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from doublecode.analysis import fit_generalized, fit_many
from doublecode.analysis.mixed.generalized.counts import NegativeBinomialRows, PoissonRows
from doublecode.analysis.mixed.generalized.result import GeneralizedResult

REFERENCE = Path(__file__).parents[3] / "reference"
DATA = pd.read_csv(REFERENCE / "generalized_large.csv")
THEIRS: dict[str, Any] = json.loads((REFERENCE / "generalized_large.json").read_text(encoding="utf-8"))
BERNOULLI = [Decimal(a) / b for a, b in ((1, 12), (-1, 360), (1, 1260), (-1, 1680), (1, 1188), (-691, 360360))]


@pytest.fixture(scope="module", params=sorted(THEIRS))
def fitted(request: pytest.FixtureRequest) -> tuple[str, GeneralizedResult]:
    family = "poisson" if request.param.startswith("p") else "negative-binomial"
    return request.param, fit_generalized(f"{request.param} ~ x + (1 | patient)", DATA, family=family, nagq=1)


def test_estimates_are_those_of_r(fitted: tuple[str, GeneralizedResult]) -> None:
    """R's own gradient stops at 1e-4 to .06, so that its estimates are true to 2e-3 standard errors."""
    name, fit = fitted
    theirs = THEIRS[name]
    assert fit.state == "converged"
    assert np.abs((fit.beta - theirs["fixed"]) / theirs["se"]).max() < 2e-3
    np.testing.assert_allclose(fit.frame["std_error"], theirs["se"], rtol=1e-3)
    assert float(fit.variances["sd"].iloc[0]) == pytest.approx(theirs["sd"], rel=1e-3)
    assert fit.dispersion == (None if theirs["dispersion"] is None else pytest.approx(theirs["dispersion"], rel=1e-3))


def test_the_likelihood_keeps_its_digits_and_is_never_below_that_at_the_estimates_of_r(
    fitted: tuple[str, GeneralizedResult],
) -> None:
    name, fit = fitted
    theirs, sd = THEIRS[name], float(fit.variances["sd"].iloc[0])
    ours = laplace(name, *fit.beta, sd, fit.dispersion)
    assert fit.loglik == pytest.approx(ours, abs=1e-6)
    assert ours >= laplace(name, *theirs["fixed"], theirs["sd"], theirs["dispersion"]) - 1e-7


def test_the_error_of_the_intercept_by_quadrature_is_that_of_a_mean_of_patients() -> None:
    """Where sessions leave nothing unknown of a patient, the intercept's error is σ/√22."""
    fit = fit_generalized("p1e9 ~ x + (1 | patient)", DATA, family="poisson")
    assert fit.converged
    sd = float(fit.variances["sd"].iloc[0])
    assert float(fit.frame["std_error"].iloc[0]) == pytest.approx(sd / np.sqrt(22), rel=1e-5)


def test_a_dispersion_without_end_leaves_the_fit_of_poisson() -> None:
    poisson, wider = (fit_generalized("p1e9 ~ x + (1 | patient)", DATA, family=name)
                      for name in ("poisson", "negative-binomial"))  # fmt: skip
    assert wider.state == "converged"
    assert wider.dispersion == np.inf
    assert "generalized_no_overdispersion" in [note.kind for note in wider.notes]
    assert wider.loglik == pytest.approx(poisson.loglik, abs=1e-6)
    np.testing.assert_allclose(wider.frame["std_error"], poisson.frame["std_error"], rtol=1e-4)


@pytest.mark.parametrize("name", ["p1e9", "nb1e9"])
def test_batches_end_where_single_fits_do(name: str) -> None:
    family = "poisson" if name == "p1e9" else "negative-binomial"
    many = fit_many("y ~ x + (1 | patient)", DATA, DATA[[name]].to_numpy(dtype=float), family=family)
    one = fit_generalized(f"{name} ~ x + (1 | patient)", DATA, family=family)
    assert many.frame["converged"].all()
    assert np.abs((many.frame["estimate"] - one.beta) / one.frame["std_error"]).max() < 1e-3
    np.testing.assert_allclose(many.frame["std_error"], one.frame["std_error"], rtol=1e-4)


@pytest.mark.parametrize("psi", [[], [np.log(2.0)], [np.log(1e12)]])
def test_large_and_other_rows_are_one_density(psi: list[float]) -> None:
    """Rows beside a large one, a zero among them, have the values that they have without it."""
    counts, eta = np.array([0.0, 3.0, 40.0, 2e3, 4e5]), np.log([2.0, 4.0, 30.0, 2.2e3, 3e5])
    kind, at = (NegativeBinomialRows if psi else PoissonRows), np.array(psi)
    many, few = kind(counts), kind(counts[:4])
    assert many.large
    assert not few.large
    for name in ("value", "d1", "d2", "d3", "psi", "d1_psi", "d2_psi"):
        both = [getattr(rows.derivatives(e, at), name) for rows, e in ((many, eta), (few, eta[:4]))]
        if both[0] is not None:
            np.testing.assert_allclose(both[0][:4], both[1], rtol=1e-9, atol=1e-12)


def laplace(name: str, intercept: float, slope: float, sd: float, dispersion: float | None) -> float:
    """Laplace's approximation of one random intercept, in 30 digits: Newton's steps to each mode, its curvature."""
    getcontext().prec = 30
    total, spread = Decimal(0), Decimal(sd)
    for _, rows in DATA.groupby("patient"):
        y = [Decimal(int(v)) for v in rows[name]]
        fixed = [Decimal(intercept) + Decimal(slope) * Decimal(float(x)) for x in rows["x"]]
        u = (sum(y) / sum(eta.exp() for eta in fixed)).ln() / spread
        for _ in range(12):
            found = [row(v, eta + spread * u, dispersion) for v, eta in zip(y, fixed, strict=True)]
            curvature = 1 - spread**2 * sum(one[2] for one in found)
            step = (spread * sum(one[1] for one in found) - u) / curvature
            if abs(step) < Decimal("1e-15"):
                break
            u += step
        total += sum(one[0] for one in found) - u * u / 2 - curvature.ln() / 2
    return float(total)


def row(y: Decimal, eta: Decimal, dispersion: float | None) -> tuple[Decimal, Decimal, Decimal]:
    """Log-probability of a count and two derivatives by η."""
    mean = eta.exp()
    if dispersion is None:
        return y * eta - mean - log_gamma(y + 1), y - mean, -mean
    phi = Decimal(dispersion)
    p = mean / (mean + phi)
    value = log_gamma(y + phi) - log_gamma(phi) - log_gamma(y + 1) + y * p.ln() + phi * (1 - p).ln()
    return value, y - (y + phi) * p, -(y + phi) * p * (1 - p)


@cache
def log_gamma(z: Decimal) -> Decimal:
    """Stirling's series from 60 on; below, the recurrence."""
    down = Decimal(0)
    while z < 60:
        down += z.ln()
        z += 1
    series = sum((b / z ** (2 * k + 1) for k, b in enumerate(BERNOULLI)), Decimal(0))
    two_pi = Decimal("6.28318530717958647692528676655900576839433879875021")
    return (z - Decimal("0.5")) * z.ln() - z + two_pi.ln() / 2 + series - down
