"""Exploratory factor models of covariance matrices, fitted for many samples at once.

Maximum likelihood and minimum residuals, any number of factors, by Newton
steps with the exact gradient and Hessian of the function that remains when
the loadings are profiled out. Uniquenesses stay at or above 0.5 % of the
item variance; where they end there, the solution is a Heywood case and says so.

Written on numpy: statsmodels' ``Factor`` fits one matrix at a time, where a bootstrap asks
for thousands.

References
----------
Jöreskog (1967), *Psychometrika* 32; Clarke (1970), *BJMSP* 23 (exact second derivatives);
Harman & Jones (1966), *Psychometrika* 31 (minres).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from doublecode.analysis.consistency.item_moments import Array
from doublecode.analysis.consistency.observed_blocks import correlations
from doublecode.analysis.mixed.engine.descent import Descent, Plan, Planner, Rules, descend
from doublecode.schemas.errors import NotEstimable

Method = Literal["ml", "minres"]
Derivatives = tuple[Array, Array, Array]
Profile = Callable[[Array, NDArray[np.intp]], Derivatives]
FLOOR = 0.005  # smallest uniqueness as a share of the item variance, as in factanal
GRADIENT_TOLERANCE = 1e-9
LIKE = 1e-6  # two values of the function, or log-likelihoods, are the same
SETTLED = 1e-3  # slope below which a start has found its minimum
SAME_END = 0.3  # distance of log ψ within which another start falls into it
SAME_ROOT = 1e-8  # share of a root below which two are one, and the function has an edge
RULES = Rules(steps=100, noise=1e-13, shrink=0.5, least=1e-12, stationary=1e-6, settled=1e-10)


@dataclass(frozen=True)
class FactorFit:
    """Factor solutions of `n_sets` matrices.

    `loadings` (n_sets, n_items, n_factors), unrotated, each factor signed to a positive sum;
    `uniqueness` (n_sets, n_items); `discrepancy` (n_sets,): the minimised function (ML: F,
    minres: half the sum of squared off-diagonal residuals, counted twice as psych does);
    `converged` (n_sets,); `heywood` (n_sets, n_items): uniqueness at its floor.
    """

    loadings: Array
    uniqueness: Array
    discrepancy: Array
    converged: NDArray[np.bool_]
    heywood: NDArray[np.bool_]

    @property
    def first(self) -> Array:
        """Loadings on the first factor, (n_sets, n_items)."""
        return np.asarray(self.loadings[:, :, 0])


def degrees_of_freedom(n_items: int, n_factors: int) -> int:
    """Degrees of freedom of the exploratory factor model, ((p − k)² − (p + k)) / 2."""
    return ((n_items - n_factors) ** 2 - (n_items + n_factors)) // 2


def fit_factors(matrices: Array, n_factors: int = 1, *, method: Method = "ml", start: Array | None = None) -> FactorFit:
    """Fit the exploratory factor model to every matrix of a stack.

    Parameters
    ----------
    matrices
        (n_sets, p, p): covariances for ``"ml"`` (which is free of scale), correlations for ``"minres"``.
    n_factors
        Number of factors k.
    method
        ``"ml"`` or ``"minres"`` (unweighted least squares of the off-diagonal).
    start
        Uniquenesses (p,) or (n_sets, p) to start from, in the metric of the matrices.

    Notes
    -----
    With the loadings profiled out the function depends on the uniquenesses ψ only. ML:
    f = Σ_{m>k} (θ_m − log θ_m − 1), θ the eigenvalues of Ψ^-½ S Ψ^-½; minres:
    f = ½ Σ_{m>k} θ_m², θ those of S − Ψ. With few rows or weak correlations the function of one ML factor has
    several minima; without `start` the search also sets out from a factor along each item, and the lowest end counts.

    Raises
    ------
    NotEstimable
        Under ML, when a matrix is not positive definite.

    Examples
    --------
    >>> import numpy as np
    >>> loadings = np.array([0.8, 0.7, 0.6, 0.5])
    >>> R = np.outer(loadings, loadings) + np.diag(1 - loadings**2)
    >>> fit_factors(R[None]).first.round(6).tolist()
    [[0.8, 0.7, 0.6, 0.5]]
    """
    S = np.asarray(matrices, dtype=float)
    scale = np.sqrt(np.diagonal(S, axis1=1, axis2=2)) if method == "ml" else np.ones(S.shape[:2])
    if method == "ml":
        S = correlations(S)
        _require_positive_definite(S)
    profile = _profile_ml if method == "ml" else _profile_minres
    x = _start(S, start, scale)
    if method == "ml":
        x = np.log(x)
    lower = float(np.log(FLOOR)) if method == "ml" else FLOOR
    starts = [x, *(_along_items(S) if method == "ml" and n_factors == 1 and start is None else ())]
    every = np.tile(S, (len(starts), 1, 1))
    found = _newton(lambda at, which: profile(every[which], at, n_factors), np.concatenate(starts), lower, len(S))
    end = lowest_end(parted(found, len(starts)))
    psi = np.exp(end.points) if method == "ml" else end.points
    loadings = _loadings(S, psi, n_factors, method)
    return FactorFit(loadings * scale[:, :, None], psi * scale**2, end.values, end.converged, psi <= FLOOR * (1 + 1e-6))


def _require_positive_definite(R: Array) -> None:
    try:
        np.linalg.cholesky(R)
    except np.linalg.LinAlgError:
        raise NotEstimable(
            "A covariance matrix of the items is not positive definite (an item is a sum of others, there are "
            "too few rows, or pairwise deletion made it so): maximum likelihood has no answer. "
            "Use more rows or fewer items, or missing='fiml'."
        ) from None


def _start(S: Array, start: Array | None, scale: Array) -> Array:
    if start is not None:
        return np.clip(np.broadcast_to(start, S.shape[:2]) / scale**2, 2 * FLOOR, 0.995)
    smc = 1 - 1 / np.maximum(np.diagonal(np.linalg.pinv(S), axis1=1, axis2=2), 1.0)
    return np.clip(1 - smc, 2 * FLOOR, 0.995)


def _along_items(R: Array) -> Iterator[Array]:
    """Log uniquenesses (n, p) of a factor that is an item itself, for each item."""
    for j in range(R.shape[1]):
        rest = np.clip(1 - R[:, j] ** 2, 2 * FLOOR, 1.0)
        rest[:, j] = 2 * FLOOR
        yield np.log(rest)


def parted(end: Descent, n_starts: int) -> list[Descent]:
    """Searches of the same sets that went on together, one start after the other."""
    columns = {field.name: np.split(getattr(end, field.name), n_starts) for field in fields(end)}
    return [replace(end, **{name: held[k] for name, held in columns.items()}) for k in range(n_starts)]


def lowest_end(ends: Sequence[Descent]) -> Descent:
    """Of several searches of the same sets the converged end of the lowest value of each; else the first."""
    if len(ends) == 1:
        return ends[0]
    values = np.stack([np.where(end.converged, end.values, np.inf) for end in ends])
    # ends that differ by rounding only count as the first
    best = np.where(values.min(axis=0) < values[0] - LIKE, values.argmin(axis=0), 0)
    at = np.arange(len(best))
    picked = {f.name: np.stack([getattr(end, f.name) for end in ends])[best, at] for f in fields(ends[0])}
    return replace(ends[0], **picked)


def _profile_ml(S: Array, x: Array, k: int) -> Derivatives:
    """ML value (n,), gradient (n, p) and Hessian (n, p, p) in x = log ψ."""
    d = np.exp(-0.5 * x)
    theta, vectors = np.linalg.eigh(S * d[:, :, None] * d[:, None, :])
    split = theta.shape[1] - k
    small, large, V = theta[:, :split], theta[:, split:], vectors[:, :, :split]
    value = (small - np.log(small) - 1).sum(axis=1)
    gradient = (V**2 @ (1 - small)[:, :, None])[:, :, 0]
    Vt = np.swapaxes(V, 1, 2)
    hessian = (V @ Vt) * ((V * small[:, None, :]) @ Vt)
    for j in range(k):
        root = large[:, j, None]
        weight = (1 - small) * (root + small) / np.maximum(root - small, SAME_ROOT * root)
        u = vectors[:, :, split + j]
        hessian += ((V * weight[:, None, :]) @ Vt) * (u[:, :, None] * u[:, None, :])
    return value, gradient, hessian


def _profile_minres(S: Array, x: Array, k: int) -> Derivatives:
    """Minres value (n,), gradient (n, p) and Hessian (n, p, p) in x = ψ."""
    theta, vectors = np.linalg.eigh(_reduced(S, x))
    split = theta.shape[1] - k
    small, large, V = theta[:, :split], theta[:, split:], vectors[:, :, :split]
    value = 0.5 * (small**2).sum(axis=1)
    gradient = -np.einsum("nm,nim->ni", small, V**2)
    Vt = np.swapaxes(V, 1, 2)
    hessian = (V @ Vt) ** 2
    for j in range(k):
        gap = large[:, j, None] - small
        weight = 2 * small / np.maximum(gap, SAME_ROOT * np.abs(large).max())
        u = vectors[:, :, split + j]
        hessian -= ((V * weight[:, None, :]) @ Vt) * (u[:, :, None] * u[:, None, :])
    return value, gradient, hessian


def _reduced(S: Array, psi: Array) -> Array:
    out = S.copy()
    at = np.arange(S.shape[1])
    out[:, at, at] -= psi
    return out


def _loadings(S: Array, psi: Array, k: int, method: Method) -> Array:
    """Loadings (n, p, k) at given uniquenesses, largest factor first, positive sums."""
    if method == "ml":
        root = np.sqrt(psi)
        theta, vectors = np.linalg.eigh(S / (root[:, :, None] * root[:, None, :]))
        strength = np.sqrt(np.maximum(theta - 1, 0.0))
        loadings = root[:, :, None] * vectors * strength[:, None, :]
    else:
        theta, vectors = np.linalg.eigh(_reduced(S, psi))
        loadings = vectors * np.sqrt(np.maximum(theta, 0.0))[:, None, :]
    loadings = loadings[:, :, ::-1][:, :, :k]
    sign = np.where(loadings.sum(axis=1) < 0, -1.0, 1.0)
    return np.asarray(loadings * sign[:, None, :])


def _newton(profile: Profile, x: Array, lower: float, n_sets: int) -> Descent:
    """Minimise `n_sets` functions under x ≥ lower, from one or more starts each.

    The first start of each goes to its end; others stop where they come close to it: they would find nothing lower.
    """
    ends = np.full((n_sets, x.shape[1]), np.inf)

    def objective(x: Array, which: NDArray[np.intp]) -> tuple[Array, Planner]:
        value, gradient, hessian = profile(x, which)

        def plan(kept: NDArray[np.bool_]) -> Plan:
            at, of = x[kept], which[kept]
            upward = gradient[kept]
            held = (at <= lower) & (upward > 0)
            slope = np.where(held, 0.0, upward)
            size = np.abs(slope).max(axis=1)
            first = (of < n_sets) & (size < SETTLED)
            ends[of[first]] = at[first]
            joined = (of >= n_sets) & (np.abs(at - ends[of % n_sets]).max(axis=1) < SAME_END)
            done = joined | (size < GRADIENT_TOLERANCE)
            step, promise, on = np.zeros_like(slope), np.zeros(len(slope)), ~done
            if on.any():
                step[on], promise[on] = _newton_step(hessian[kept][on], slope[on], held[on])
            return Plan(step, done, size, promise)

        return value, plan

    return descend(objective, x, RULES, lambda x, step, which: np.maximum(x + step, lower))


def _newton_step(hessian: Array, slope: Array, held: NDArray[np.bool_]) -> tuple[Array, Array]:
    """Newton steps (n, p) on the free coordinates, and what they promise (n,).

    Absolute eigenvalues where they do not descend, of which nothing is promised: inf.
    """
    H = np.where(held[:, :, None] | held[:, None, :], 0.0, hessian)
    at = np.arange(H.shape[1])
    H[:, at, at] += np.where(held, 1.0, 1e-12)
    step = -np.linalg.solve(H, slope[:, :, None])[:, :, 0]
    bad = ~((step * slope).sum(axis=1) < 0) | (np.abs(step).max(axis=1) > 5.0)
    if bad.any():
        roots, vectors = np.linalg.eigh(H[bad])
        rotated = np.einsum("nij,ni->nj", vectors, slope[bad])
        step[bad] = -np.einsum("nij,nj->ni", vectors, rotated / np.maximum(np.abs(roots), 1e-3))
    promise = np.where(bad, np.inf, -0.5 * (step * slope).sum(axis=1))
    return np.clip(step, -3.0, 3.0), promise
