"""Polychoric correlations of ordered codes, for stacks of weighted resamples.

References
----------
Olsson (1979), *Psychometrika* 44 (two-step estimator); Drezner & Wesolowsky (1990), *Journal of
Statistical Computation and Simulation* 35 (bivariate normal probabilities by Gauss–Legendre).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

from doublecode.analysis.consistency.item_moments import Array, ItemData
from doublecode.analysis.mixed.engine.descent import Objective, Plan, Planner, Rules, descend
from doublecode.schemas.errors import NotEstimable, UsageError

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(48)
FAR = 8.0  # a threshold that no score passes, in standard deviations
RHO_MOST = 0.999
Z_MOST = float(np.arctanh(RHO_MOST))
RULES = Rules(steps=100, noise=1e-10, shrink=0.5)
MOST_CODES = 10


@dataclass(frozen=True)
class Polychoric:
    """Two-step estimates: `correlation` (n_sets, p, p), `thresholds` (n_sets, p, K − 1), `converged` (n_sets,)."""

    correlation: Array
    thresholds: Array
    codes: Array
    converged: NDArray[np.bool_]


def bivariate_normal_cdf(h: Array, k: Array, rho: Array) -> Array:
    """P(X ≤ h, Y ≤ k) of standard normals with correlation `rho`; arrays of one shape.

    Φ(h)Φ(k) + (1/2π) ∫₀^{asin ρ} exp(−(h² + k² − 2hk sin t) / (2 cos² t)) dt.

    Examples
    --------
    >>> import numpy as np
    >>> float(bivariate_normal_cdf(np.array(0.0), np.array(0.0), np.array(0.5)).round(10))
    0.3333333333
    """
    end = np.arcsin(rho)
    angle = 0.5 * end[..., None] * (_NODES + 1)
    sine = np.sin(angle)
    exponent = (h**2 + k**2)[..., None] - 2 * (h * k)[..., None] * sine
    density = np.exp(-exponent / (2 * (1 - sine**2)))
    integral = 0.5 * end * (density @ _WEIGHTS)
    return np.asarray(special.ndtr(h) * special.ndtr(k) + integral / (2 * np.pi))


def bivariate_normal_density(h: Array, k: Array, rho: Array) -> Array:
    """Density of the standard bivariate normal, which is also the derivative of its CDF by ρ."""
    rest = 1 - rho**2
    return np.asarray(np.exp(-(h**2 - 2 * rho * h * k + k**2) / (2 * rest)) / (2 * np.pi * np.sqrt(rest)))


def polychoric(data: ItemData, weights: Array, *, tolerance: float = 1e-8) -> Polychoric:
    """Polychoric correlations of complete or incomplete integer codes.

    Parameters
    ----------
    data
        Item scores that are whole numbers; a pair uses the rows that carry both.
    weights
        (n_sets, n_units), how often each unit is drawn.

    Raises
    ------
    UsageError
        Codes that are not whole numbers (means of raters), or more than ten of them.
    """
    codes = ordered_codes(data)
    indicator = (data.scores[:, :, None] == codes).astype(float)  # (n_rows, p, K)
    thresholds = _thresholds(data, indicator, weights)
    p = len(data.items)
    i, j = np.tril_indices(p, -1)
    tables = _tables(data, indicator, weights, i, j)
    pairs = _Pairs(*(x.reshape(-1, *x.shape[2:]) for x in (tables, thresholds[:, i], thresholds[:, j])))
    end = descend(pairs.objective(tolerance), np.zeros((len(pairs.tables), 1)), RULES, _within_reach)
    rho, converged = (x.reshape(len(weights), -1) for x in (np.tanh(end.points), end.converged))
    R = np.tile(np.eye(p), (len(weights), 1, 1))
    R[:, i, j] = rho
    R[:, j, i] = rho
    held = (tables.sum(axis=(2, 3)) > 0).all(axis=1)  # a pair that no row of a resample holds has no correlation
    return Polychoric(R, thresholds, codes, np.asarray(converged.all(axis=1) & held))


def ordered_codes(data: ItemData) -> Array:
    """The codes that occur, ascending; refuses half points."""
    codes = np.unique(data.scores[~np.isnan(data.scores)])
    broken = codes[codes != np.round(codes)]
    if broken.size:
        raise UsageError(
            f"Code {broken[0]:g} is not a whole number: polychoric correlations need the codes of one rater, and the "
            "mean of two raters makes half points. Draw one rater per session: name targets= and raters=."
        )
    if codes.size > MOST_CODES:
        raise UsageError(
            f"{codes.size} different codes: categorical omega is for few ordered codes (3 to 5, at most {MOST_CODES}). "
            "Use omega() for scores with many values."
        )
    return np.asarray(codes, dtype=float)


def _thresholds(data: ItemData, indicator: Array, weights: Array) -> Array:
    """Normal quantiles (n_sets, p, K − 1) of the cumulated shares of codes."""
    n, p, K = indicator.shape
    by_unit = np.zeros((data.n_units, p * K))
    np.add.at(by_unit, data.unit, indicator.reshape(n, p * K))
    counts = (weights @ by_unit).reshape(-1, p, K)
    if (counts.sum(axis=2) == 0).any():
        raise NotEstimable("An item has no rating at all in a resample; leave the item out.")
    share = np.cumsum(counts, axis=2)[:, :, :-1] / counts.sum(axis=2, keepdims=True)
    return np.asarray(np.clip(special.ndtri(share), -FAR, FAR))


def _tables(data: ItemData, indicator: Array, weights: Array, i: NDArray[Any], j: NDArray[Any]) -> Array:
    """Cross-tables (n_sets, n_pairs, K, K)."""
    n, _, K = indicator.shape
    joint = (indicator[:, i, :, None] * indicator[:, j, None, :]).reshape(n, -1)
    by_unit = np.zeros((data.n_units, joint.shape[1]))
    np.add.at(by_unit, data.unit, joint)
    return (weights @ by_unit).reshape(len(weights), len(i), K, K)


def _cells(inner: Array, right: Array | float, below: Array | float, last: float) -> Array:
    """Cell differences (…, K, K) of a function of corners, given at the inner ones (…, K − 1, K − 1).

    It is 0 on the first row and column, `right` and `below` (…, K − 1) on the last ones, `last` at their corner.
    """
    shape = (*inner.shape[:-2], inner.shape[-2] + 2, inner.shape[-1] + 2)
    corner = np.zeros(shape)
    corner[..., 1:-1, 1:-1] = inner
    corner[..., 1:-1, -1] = right
    corner[..., -1, 1:-1] = below
    corner[..., -1, -1] = last
    return np.diff(np.diff(corner, axis=-1), axis=-2)


@dataclass(frozen=True)
class _Pairs:
    """Cross-tables (n_pairs, K, K) of pairs of items with thresholds `a` and `b` (n_pairs, K − 1)."""

    tables: Array
    a: Array
    b: Array

    def objective(self, tolerance: float) -> Objective:
        """Minus the log-likelihood in z = artanh ρ (n_pairs, 1), with Fisher scoring."""

        def objective(z: Array, which: NDArray[np.intp]) -> tuple[Array, Planner]:
            part = _Pairs(self.tables[which], self.a[which], self.b[which])
            h, k = np.broadcast_arrays(part.a[..., :, None], part.b[..., None, :])
            at = np.broadcast_to(np.tanh(z)[..., None], h.shape)
            prob = _cells(bivariate_normal_cdf(h, k, at), special.ndtr(part.a), special.ndtr(part.b), 1.0)
            prob = np.maximum(prob, 1e-300)
            value = -(part.tables * np.log(prob)).sum(axis=(1, 2))

            def plan(kept: NDArray[np.bool_]) -> Plan:
                slope = _cells(bivariate_normal_density(h[kept], k[kept], at[kept]), 0.0, 0.0, 0.0)
                return _scoring(part.tables[kept], prob[kept], slope, z[kept], tolerance)

            return value, plan

        return objective


def _scoring(tables: Array, prob: Array, slope: Array, z: Array, tolerance: float) -> Plan:
    """Fisher's step in z (n, 1) from the probabilities of the cells and their derivatives by ρ."""
    slope = slope * (1 - np.tanh(z) ** 2)[..., None]
    score = (tables * slope / prob).sum(axis=(1, 2))
    total = tables.sum(axis=(1, 2))
    info = total * np.where(prob > 1e-12, slope**2 / prob, 0.0).sum(axis=(1, 2))
    at_end = (np.abs(z[:, 0]) >= Z_MOST) & (score * z[:, 0] > 0)
    step = np.clip(score / np.maximum(info, 1e-8), -1.0, 1.0)
    return Plan(step[:, None], (np.abs(score) < tolerance * total) | at_end, np.abs(score))


def _within_reach(z: Array, step: Array, which: NDArray[np.intp]) -> Array:
    return np.clip(z + step, -Z_MOST, Z_MOST)


def code_covariances(thresholds: Array, codes: Array, latent: Array) -> Array:
    """Covariances of ordered codes whose latent responses correlate `latent`.

    Parameters
    ----------
    thresholds
        (n_sets, p, K − 1).
    codes
        (K,) the values of the codes.
    latent
        (n_sets, p, p) correlations; a 1 on the diagonal gives the variance of the code.

    Notes
    -----
    Cov(X, Y) = Σ_c Σ_d Δ_c Δ_d [Φ₂(τ_c, τ_d; ρ) − Φ(τ_c)Φ(τ_d)], Δ the steps between codes.
    """
    gap = np.diff(codes)
    p = thresholds.shape[1]
    h = np.broadcast_to(thresholds[:, :, None, :, None], (len(latent), p, p, len(gap), len(gap)))
    k = np.broadcast_to(thresholds[:, None, :, None, :], h.shape)
    rho = np.broadcast_to(latent[:, :, :, None, None], h.shape)
    joint = bivariate_normal_cdf(h, k, np.clip(rho, -RHO_MOST, RHO_MOST))
    whole = rho >= 1 - 1e-12
    joint = np.where(whole, special.ndtr(np.minimum(h, k)), joint)
    excess = joint - special.ndtr(h) * special.ndtr(k)
    return np.asarray(np.einsum("sijcd,c,d->sij", excess, gap, gap))
