"""The one-factor model of incomplete items by full-information maximum likelihood.

Fisher scoring on means, loadings and uniquenesses, for many resamples at once; the
likelihood is the sum over patterns of observed items.

References
----------
Jamshidian & Bentler (1999), *Journal of Educational and Behavioral Statistics* 24;
Lee (1986), *Computational Statistics & Data Analysis* 4 (Fisher scoring with missing items).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from doublecode.analysis.factor import FLOOR, FactorFit, fit_factors
from doublecode.analysis.item_moments import (
    Array,
    ItemData,
    Pattern,
    normal_loglik,
    padded_inverse,
    patterns,
    products_about,
    saturated_normal,
)


@dataclass(frozen=True)
class FimlFit:
    """One-factor FIML solutions: the fit, the saturated covariances, and both log-likelihoods."""

    fit: FactorFit
    saturated: Array
    loglik: Array
    loglik_saturated: Array


@dataclass(frozen=True)
class _State:
    mean: Array
    loadings: Array
    psi: Array

    @property
    def sigma(self) -> Array:
        at = np.arange(self.psi.shape[1])
        out = self.loadings[:, :, None] * self.loadings[:, None, :]
        out[:, at, at] += self.psi
        return out

    def pick(self, chosen: Array, other: _State) -> _State:
        """Rows of `other` where `chosen`, else the own."""
        c = chosen[:, None]
        return _State(
            np.where(c, other.mean, self.mean),
            np.where(c, other.loadings, self.loadings),
            np.where(c, other.psi, self.psi),
        )


def fit_one_factor_fiml(
    data: ItemData, weights: Array, *, tolerance: float = 1e-7, max_iterations: int = 500
) -> FimlFit:
    """Fit the one-factor model to rows with missing items (missing at random).

    Parameters
    ----------
    data
        Item scores, NaN where missing.
    weights
        (n_sets, n_units), how often each unit is drawn.

    Notes
    -----
    Starts from the ML solution of the saturated (EM) covariance matrix. Converged means
    that the gradient of the log-likelihood per row, in units of the item's standard
    deviation, is below `tolerance`, uniquenesses held at their floor apart.
    """
    origin, found = patterns(data, weights)
    mean, saturated, top = saturated_normal(data, weights)
    first = fit_factors(saturated)
    state = _State(mean - origin, first.first, first.uniqueness)
    variance = np.diagonal(saturated, axis1=1, axis2=2)
    n = np.asarray(sum(pattern.n for pattern in found))
    loglik = normal_loglik(found, state.mean, state.sigma)
    converged = np.zeros(len(weights), dtype=bool)
    for _ in range(max_iterations):
        gradient, step, held = _scoring(found, state, FLOOR * variance)
        size = np.abs(gradient) * np.tile(np.sqrt(variance), (1, 3)) / n[:, None]
        size[:, -variance.shape[1] :] *= np.sqrt(variance)
        converged = np.where(held, 0.0, size).max(axis=1) < tolerance
        if converged.all():
            break
        state, loglik, moved = _climb(found, state, step, loglik, FLOOR * variance, ~converged)
        if not moved.any():
            break
    heywood = state.psi <= FLOOR * variance * (1 + 1e-6)
    sign = np.where(state.loadings.sum(axis=1, keepdims=True) < 0, -1.0, 1.0)
    fit = FactorFit((state.loadings * sign)[:, :, None], state.psi, 2 * (top - loglik) / n, converged, heywood)
    return FimlFit(fit, saturated, loglik, top)


def _scoring(found: list[Pattern], state: _State, floor: Array) -> tuple[Array, Array, Array]:
    """Gradient, Fisher-scoring step and held coordinates, each (n_sets, 3p): means, loadings, uniquenesses."""
    n_sets, p = state.psi.shape
    lam, sigma = state.loadings, state.sigma
    score = np.zeros((n_sets, 3 * p))
    info = np.zeros((n_sets, 3 * p, 3 * p))
    for pattern in found:
        V, _ = padded_inverse(sigma, pattern.observed)
        n = pattern.n[:, None]
        G = V @ products_about(pattern, state.mean) @ V - V
        distance = np.where(pattern.observed, pattern.mean - state.mean, 0.0)
        score[:, :p] += n * np.einsum("sij,sj->si", V, distance)
        score[:, p : 2 * p] += n * np.einsum("sij,sj->si", G, lam)
        score[:, 2 * p :] += 0.5 * n * np.diagonal(G, axis1=1, axis2=2)
        _add_information(info, V, lam, n[:, :, None])
    held = np.zeros((n_sets, 3 * p), dtype=bool)
    held[:, 2 * p :] = (state.psi <= floor * (1 + 1e-12)) & (score[:, 2 * p :] < 0)
    info = np.where(held[:, :, None] | held[:, None, :], 0.0, info)
    at = np.arange(3 * p)
    info[:, at, at] += np.where(held, 1.0, 1e-12)
    step = np.linalg.solve(info, np.where(held, 0.0, score)[:, :, None])[:, :, 0]
    return score, step, held


def _add_information(info: Array, V: Array, lam: Array, n: Array) -> None:
    """Add the expected information of one pattern (V = padded inverse covariance) in place."""
    p = V.shape[1]
    u = np.einsum("sij,sj->si", V, lam)
    strength = np.einsum("si,si->s", u, lam)[:, None, None]
    info[:, :p, :p] += n * V
    info[:, p : 2 * p, p : 2 * p] += n * (u[:, :, None] * u[:, None, :] + strength * V)
    cross = n * u[:, None, :] * V
    info[:, p : 2 * p, 2 * p :] += cross
    info[:, 2 * p :, p : 2 * p] += np.swapaxes(cross, 1, 2)
    info[:, 2 * p :, 2 * p :] += n * 0.5 * V**2


def _climb(
    found: list[Pattern], state: _State, step: Array, loglik: Array, floor: Array, active: Array
) -> tuple[_State, Array, Array]:
    """Take each set's step, halved until the log-likelihood no longer falls."""
    p = state.psi.shape[1]
    moved = np.zeros(len(step), dtype=bool)
    for halving in range(30):
        pace = 0.5**halving
        trial = _State(
            state.mean + pace * step[:, :p],
            state.loadings + pace * step[:, p : 2 * p],
            np.maximum(state.psi + pace * step[:, 2 * p :], floor),
        )
        new = normal_loglik(found, trial.mean, trial.sigma)
        better = active & ~moved & (new >= loglik - 1e-12 * np.abs(loglik))
        state, loglik = state.pick(better, trial), np.where(better, new, loglik)
        moved = moved | better
        if (moved | ~active).all():
            break
    return state, loglik, moved
