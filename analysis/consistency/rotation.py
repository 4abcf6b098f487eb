"""Varimax and oblimin rotation and the Schmid–Leiman decomposition, for stacks of loading matrices.

References
----------
Kaiser (1958), *Psychometrika* 23 (varimax); Jennrich (2002), *Psychometrika* 67 (gradient projection
for oblique rotation); Schmid & Leiman (1957), *Psychometrika* 22.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from doublecode.analysis.consistency.factor import FactorFit, fit_factors
from doublecode.analysis.consistency.item_moments import Array


@dataclass(frozen=True)
class SchmidLeiman:
    """Orthogonalised second-order solutions of `n_sets` correlation matrices.

    `general` (n_sets, p); `groups` (n_sets, p, k); `oblique` (n_sets, p, k) and `phi` (n_sets, k, k):
    the rotated first-order solution; `second_order` (n_sets, k): loadings of its factors on the
    general factor; `communality` (n_sets, p); `converged` (n_sets,).
    """

    general: Array
    groups: Array
    oblique: Array
    phi: Array
    second_order: Array
    communality: Array
    converged: NDArray[np.bool_]


def varimax(loadings: Array, *, tolerance: float = 1e-12, max_iterations: int = 1000) -> Array:
    """Varimax rotation with Kaiser normalisation of (n_sets, p, k) loadings.

    Each round solves for the rotation that is best for the present target: a fixed point, not a descent.
    """
    norm = np.sqrt((loadings**2).sum(axis=2, keepdims=True))
    A = loadings / np.where(norm > 0, norm, 1.0)
    n, p, k = A.shape
    turn = np.tile(np.eye(k), (n, 1, 1))
    before = np.zeros(n)
    for _ in range(max_iterations):
        B = A @ turn
        target = B**3 - B * ((B**2).sum(axis=1, keepdims=True) / p)
        u, d, vt = np.linalg.svd(np.swapaxes(A, 1, 2) @ target)
        turn = u @ vt
        after = d.sum(axis=1)
        if (np.abs(after - before) <= tolerance * np.maximum(after, 1e-300)).all():
            break
        before = after
    return np.asarray(loadings @ turn)


def oblimin(
    loadings: Array, *, tolerance: float = 1e-7, max_iterations: int = 5000
) -> tuple[Array, Array, NDArray[np.bool_]]:
    """Direct oblimin (γ = 0, quartimin) rotation of (n_sets, p, k) loadings.

    Minimises ¼ Σ_i Σ_{j≠m} λ²_ij λ²_im over L = A (T⁻¹)′ with unit columns of T by
    gradient projection; the step of every set is its own. Its loop is not the one of `mixed.engine.descent`:
    a method of first order goes on from the pace of its last step, and where it stops hangs on each rounding.

    Returns
    -------
    tuple
        Pattern loadings (n_sets, p, k), factor correlations (n_sets, k, k), converged (n_sets,).
    """
    n, _, k = loadings.shape
    T = np.tile(np.eye(k), (n, 1, 1))
    L = loadings.copy()
    value, gradient = _quartimin(L, T)
    pace = np.ones(n)
    converged = np.zeros(n, dtype=bool)
    active = np.arange(n)
    for _ in range(max_iterations):
        projected = gradient - T[active] * (T[active] * gradient).sum(axis=1, keepdims=True)
        size = np.sqrt((projected**2).sum(axis=(1, 2)))
        done = size < tolerance
        converged[active[done]] = True
        active, projected, size = active[~done], projected[~done], size[~done]
        if not active.size:
            break
        pace[active] *= 2
        T[active], L[active], value[active], pace[active] = _projected_step(
            loadings[active], T[active], value[active], projected, size, pace[active]
        )
        gradient = _quartimin(L[active], T[active])[1]
    return L, np.swapaxes(T, 1, 2) @ T, converged


def _quartimin(L: Array, T: Array) -> tuple[Array, Array]:
    """Value (n,) and gradient (n, k, k) with respect to T."""
    squares = L**2
    others = squares.sum(axis=2, keepdims=True) - squares
    value = 0.25 * (squares * others).sum(axis=(1, 2))
    inner = np.swapaxes(L, 1, 2) @ (L * others) @ np.linalg.inv(T)
    return value, -np.swapaxes(inner, 1, 2)


def _projected_step(
    A: Array, T: Array, value: Array, projected: Array, size: Array, pace: Array
) -> tuple[Array, Array, Array, Array]:
    """One step along the projected gradient, halved per set until the criterion falls enough."""
    trial, L, new, pace = T.copy(), np.empty_like(A), value.copy(), pace.copy()
    todo = np.arange(len(T))
    for _ in range(30):
        X = T[todo] - pace[todo, None, None] * projected[todo]
        trial[todo] = X / np.sqrt((X**2).sum(axis=1, keepdims=True))
        L[todo] = A[todo] @ np.swapaxes(np.linalg.inv(trial[todo]), 1, 2)
        squares = L[todo] ** 2
        new[todo] = 0.25 * (squares * (squares.sum(axis=2, keepdims=True) - squares)).sum(axis=(1, 2))
        fallen = value[todo] - new[todo] > 0.5 * size[todo] ** 2 * pace[todo] - 1e-15
        todo = todo[~fallen]
        if not todo.size:
            break
        pace[todo] /= 2
    return trial, L, new, pace


def schmid_leiman(
    fit: FactorFit,
    *,
    tolerance: float = 1e-7,
    varimax_tolerance: float = 1e-12,
    max_iterations: int = 5000,
    second_order: Callable[[Array], FactorFit] | None = None,
) -> SchmidLeiman:
    """Rotate a k-factor solution by oblimin (from varimax) and split off a general factor.

    Three or more factors: the general factor is the one minres factor of the factor
    correlations. Two: its loadings are not identified and are set equal, √φ. One: the
    factor itself is the general factor. `tolerance` and `max_iterations` are oblimin's;
    `second_order` fits one factor to the factor correlations, exact minres when not given.
    """
    n, p, k = fit.loadings.shape
    communality = (fit.loadings**2).sum(axis=2)
    if k == 1:
        one = np.ones((n, 1, 1))
        groups = np.zeros((n, p, 1))
        return SchmidLeiman(
            fit.first, groups, fit.loadings, one, one[:, :, 0], communality, fit.converged
        )  # fmt: skip
    start = varimax(fit.loadings, tolerance=varimax_tolerance)
    oblique, phi, converged = oblimin(start, tolerance=tolerance, max_iterations=max_iterations)
    sign = np.where(oblique.sum(axis=1) < 0, -1.0, 1.0)
    oblique, phi = oblique * sign[:, None, :], phi * sign[:, :, None] * sign[:, None, :]
    if k == 2:
        link = phi[:, 0, 1]
        second = np.column_stack([np.sqrt(np.abs(link)), np.sign(link) * np.sqrt(np.abs(link))])
    else:
        upper = fit_factors(phi, 1, method="minres") if second_order is None else second_order(phi)
        second, converged = upper.first, converged & upper.converged
    general = np.einsum("nik,nk->ni", oblique, second)
    groups = oblique * np.sqrt(np.maximum(1 - second**2, 0.0))[:, None, :]
    return SchmidLeiman(general, groups, oblique, phi, second, communality, converged & fit.converged)
