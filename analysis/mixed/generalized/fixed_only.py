"""The regression without random effects: where the search starts, and what tells separation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from doublecode.analysis.mixed.generalized.density import RowDensity

Floats = npt.NDArray[np.float64]

STEPS = 30


@dataclass(frozen=True)
class FixedOnly:
    """Coefficients (p,), linear predictor (n,), log-likelihood, and whether Newton's method converged."""

    beta: Floats
    eta: Floats
    loglik: float
    converged: bool


def fit_fixed_only(
    density: RowDensity, X: Floats, offset: Floats, weights: Floats, psi: Floats, first: float,
    precision: Floats | None = None,
) -> FixedOnly:  # fmt: skip
    """Newton's method with halved steps from η = `first`, a sensible constant (n rows, p columns)."""
    pull = np.zeros((X.shape[1], X.shape[1])) if precision is None else precision
    beta = np.linalg.lstsq(X, np.full(len(X), first), rcond=None)[0] if X.shape[1] else np.zeros(0)
    eta = offset + X @ beta
    value, d1, d2 = _at(density, eta, weights, psi)
    value -= 0.5 * float(beta @ pull @ beta)
    for _ in range(STEPS):
        gradient = X.T @ d1 - pull @ beta
        H = X.T @ (-d2[:, None] * X) + pull
        step = np.linalg.lstsq(H, gradient, rcond=None)[0]
        if float(gradient @ step) < 1e-10:
            return FixedOnly(beta, eta, value, True)
        scale = 1.0
        while True:
            trial = beta + scale * step
            eta = offset + X @ trial
            new, d1, d2 = _at(density, eta, weights, psi)
            new -= 0.5 * float(trial @ pull @ trial)
            if new >= value - 1e-10 * (1.0 + abs(value)) or scale < 1e-8:
                break
            scale *= 0.5
        beta, value = trial, new
    return FixedOnly(beta, eta, value, False)


def _at(density: RowDensity, eta: Floats, weights: Floats, psi: Floats) -> tuple[float, Floats, Floats]:
    with np.errstate(over="ignore", invalid="ignore"):
        value, d1, d2 = density.newton(eta, psi)
        total = float(weights @ value)
    return (total if np.isfinite(total) else -np.inf), weights * d1, weights * d2
