"""Confirmatory factor models by maximum likelihood, with missing items by full information.

Fisher scoring with analytic derivatives over patterns of observed items.

References
----------
Jöreskog (1969), *Psychometrika* 34; Browne & Arminger (1995) in *Handbook of statistical modeling
for the social and behavioral sciences* (derivatives).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from doublecode.analysis.consistency.factor import FLOOR, fit_factors
from doublecode.analysis.consistency.item_moments import (
    Array,
    ItemData,
    Pattern,
    normal_loglik,
    patterns,
    products_about,
    saturated_normal,
)
from doublecode.analysis.consistency.observed_blocks import padded_inverse
from doublecode.analysis.mixed.engine.descent import Plan, Planner, Rules, descend

RULES = Rules(steps=500, noise=1e-12, shrink=0.5, least=1e-12)


@dataclass(frozen=True)
class ConfirmatoryFit:
    """One solution: `loadings` (p, k), `phi` (k, k), `uniqueness` (p,), `implied` (p, p), log-likelihood.

    `phi_error` (k, k): standard errors of the factor correlations from the expected information.
    """

    loadings: Array
    phi: Array
    uniqueness: Array
    implied: Array
    loglik: float
    n_parameters: int
    converged: bool
    heywood: NDArray[np.bool_]
    parameters: Array
    phi_error: Array


@dataclass(frozen=True)
class _Layout:
    """Where loadings, factor correlations, uniquenesses and means stand in the parameter vector."""

    pattern: NDArray[np.bool_]

    @property
    def cells(self) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        return self.pattern.nonzero()  # type: ignore[return-value]

    @property
    def pairs(self) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        return np.tril_indices(self.pattern.shape[1], -1)

    def unpack(self, theta: Array) -> tuple[Array, Array, Array, Array]:
        p, k = self.pattern.shape
        m, c = len(self.cells[0]), len(self.pairs[0])
        L, phi = np.zeros((p, k)), np.eye(k)
        L[self.cells] = theta[:m]
        phi[self.pairs] = theta[m : m + c]
        phi.T[self.pairs] = theta[m : m + c]
        return L, phi, theta[m + c : m + c + p], theta[m + c + p :]

    def sigma(self, theta: Array) -> Array:
        L, phi, psi, _ = self.unpack(theta)
        return np.asarray(L @ phi @ L.T + np.diag(psi))

    def jacobian(self, theta: Array) -> Array:
        """Derivatives of Σ by all parameters but the means: (q, p, p)."""
        L, phi, _, _ = self.unpack(theta)
        p = len(L)
        reach = L @ phi
        out = []
        for i, j in zip(*self.cells, strict=True):
            d = np.zeros((p, p))
            d[i] += reach[:, j]
            d[:, i] += reach[:, j]
            out.append(d)
        for a, b in zip(*self.pairs, strict=True):
            out.append(np.outer(L[:, a], L[:, b]) + np.outer(L[:, b], L[:, a]))
        out += [np.diag(row) for row in np.eye(p)]
        return np.stack(out)


def fit_confirmatory(
    data: ItemData,
    weights: Array,
    pattern: NDArray[np.bool_],
    start: Array | None = None,
    *,
    tolerance: float = 1e-8,
) -> ConfirmatoryFit:
    """Fit one confirmatory model with standardised factors to weighted units.

    Parameters
    ----------
    data
        Item scores, NaN where missing (FIML).
    weights
        (n_units,), how often each unit counts.
    pattern
        (p, k): which items load on which factor.
    start
        Parameters of an earlier fit.
    tolerance
        Largest gradient of the log-likelihood per row, in units of an item's standard deviation.
    """
    layout = _Layout(pattern)
    _, found = patterns(data, weights[None])
    variance = np.nanvar(data.scores, axis=0)
    floor = FLOOR * variance
    first = _start(layout, data, weights) if start is None else start
    p = len(pattern)
    uniqueness = slice(len(first) - 2 * p, len(first) - p)
    unit = np.sqrt(variance.max()) / float(sum(part.n[0] for part in found))

    def objective(theta: Array, at: NDArray[np.intp]) -> tuple[Array, Planner]:
        def plan(kept: NDArray[np.bool_]) -> Plan:
            score, info, held = _information(found, layout, theta[0], floor)
            slope = np.where(held, 0.0, score)
            size = np.abs(slope).max(keepdims=True) * unit
            return Plan(np.asarray(np.linalg.solve(info, slope))[None], size < tolerance, np.asarray(size))

        return np.array([-_loglik(found, layout, theta[0])]), plan

    def move(theta: Array, step: Array, at: NDArray[np.intp]) -> Array:
        trial = theta + step
        trial[:, uniqueness] = np.maximum(trial[:, uniqueness], floor)
        return trial

    end = descend(objective, first[None], RULES, move)
    theta = end.points[0]
    L, phi, psi, _ = layout.unpack(theta)
    sign = np.where(L.sum(axis=0) < 0, -1.0, 1.0)
    heywood = psi <= floor * (1 + 1e-6)
    return ConfirmatoryFit(
        L * sign,
        phi * np.outer(sign, sign),
        psi,
        layout.sigma(theta),
        -float(end.values[0]),
        len(theta),
        bool(end.converged[0]),
        heywood,
        theta,
        _phi_error(found, layout, theta, floor),
    )


def _start(layout: _Layout, data: ItemData, weights: Array) -> Array:
    mean, cov, _ = saturated_normal(data, weights[None])
    fit = fit_factors(cov)
    correlated = np.full(len(layout.pairs[0]), 0.8)
    centre = mean[0] - np.nanmean(data.scores, axis=0)
    return np.concatenate([fit.first[0][layout.cells[0]], correlated, fit.uniqueness[0], centre])


def _loglik(found: Sequence[Pattern], layout: _Layout, theta: Array) -> float:
    sigma = layout.sigma(theta)
    if np.linalg.eigvalsh(sigma)[0] <= 1e-10:
        return -np.inf
    return float(normal_loglik(found, layout.unpack(theta)[3][None], sigma[None])[0])


def _phi_error(found: Sequence[Pattern], layout: _Layout, theta: Array, floor: Array) -> Array:
    k, first = layout.pattern.shape[1], len(layout.cells[0])
    out = np.zeros((k, k))
    variance = np.diag(np.linalg.inv(_information(found, layout, theta, floor)[1]))
    out[layout.pairs] = np.sqrt(variance[first : first + len(layout.pairs[0])])
    return np.asarray(out + out.T)


def _information(
    found: Sequence[Pattern], layout: _Layout, theta: Array, floor: Array
) -> tuple[Array, Array, NDArray[np.bool_]]:
    """Gradient (q,), expected information (q, q) of the free coordinates, held coordinates (q,)."""
    sigma, mean, J = layout.sigma(theta)[None], layout.unpack(theta)[3], layout.jacobian(theta)
    q, p = len(theta), len(floor)
    m = q - p
    score: Array = np.zeros(q)
    info: Array = np.zeros((q, q))
    for part in found:
        n, V = float(part.n[0]), padded_inverse(sigma, part.observed)[0]
        G = V @ products_about(part, mean[None])[0] @ V - V
        score[:m] += 0.5 * n * np.einsum("qij,ij->q", J, G)
        info[:m, :m] += 0.5 * n * J.reshape(m, -1) @ (V @ J @ V).reshape(m, -1).T
        score[m:] += n * V @ np.where(part.observed, part.mean[0] - mean, 0.0)
        info[m:, m:] += n * V
    psi = theta[m - p : m]
    held: NDArray[np.bool_] = np.zeros(q, dtype=bool)
    held[m - p : m] = (psi <= floor * (1 + 1e-12)) & (score[m - p : m] < 0)
    info[held] = 0.0
    info[:, held] = 0.0
    info[np.diag_indices(q)] += np.where(held, 1.0, 1e-9)
    return score, info, held
