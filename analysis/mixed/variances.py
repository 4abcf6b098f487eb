"""Variance components in the units of the data: covariances, singularity, conditional modes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from doublecode.analysis.mixed import component_frames
from doublecode.analysis.mixed.design import Design, Term
from doublecode.analysis.mixed.engine.bare_fit import Fit
from doublecode.analysis.mixed.engine.derivatives import make_blocks
from doublecode.analysis.mixed.engine.layout import Block
from doublecode.analysis.mixed.engine.likelihood import outer_columns
from doublecode.analysis.mixed.engine.optimise import covariance, lower_factor
from doublecode.schemas.results import Note

Floats = npt.NDArray[np.float64]

SINGULAR = 1e-4
"""A direction whose SD is smaller than this share of the total SD is singular (lme4: of the residual SD)."""


def relative_covariances(fit: Fit) -> tuple[Floats, ...]:
    """Per term the (p, p) covariance in units of the residual variance, columns as in the data."""
    out: list[Floats] = []
    for block, R in zip(fit.moments.layout.blocks, fit.moments.conditioning.term_roots, strict=True):
        L = np.linalg.solve(R, block.factor(fit.theta[None])[0])
        out.append(L @ L.T)
    return tuple(out)


def lme4_theta(fit: Fit) -> Floats:
    """(m,) relative covariance factors as lme4 has them: column-major, diagonal not negative."""
    parts: list[float] = []
    for block, D in zip(fit.moments.layout.blocks, relative_covariances(fit), strict=True):
        L = lower_factor(D)
        parts.extend(float(L[k, h]) for k, h in block.elements)
    return np.array(parts)


def covariances(fit: Fit) -> tuple[Floats, ...]:
    """Per term the (p, p) covariance matrix, in the units of the data."""
    sigma2 = residual_variance(fit)
    return tuple(D * sigma2 for D in relative_covariances(fit))


def residual_variance(fit: Fit) -> float:
    """σ², in the units of the data."""
    return float(fit.state.sigma2[0] * fit.moments.conditioning.scale[0] ** 2)


@dataclass(frozen=True)
class Singularity:
    """A random term with a direction of no variance.

    Parameters
    ----------
    label
        The term as written, ``"(x | g)"``.
    note
        What stands at its boundary: ``singular_term`` (all of it), ``singular_effects`` (variances of
        named effects), ``singular_correlation`` (of two effects) or ``singular_directions``.
    """

    label: str
    note: Note


def relative_spectrum(blocks: tuple[Block, ...], theta: Floats) -> list[tuple[Floats, Floats]]:
    """Per term eigenvalues (B, p) and vectors of its conditioned covariance over the total variance."""
    matrices = [covariance(block, theta) for block in blocks]
    total = 1.0 + sum(np.trace(D, axis1=1, axis2=2) for D in matrices)
    return [np.linalg.eigh(D / total[:, None, None]) for D in matrices]


def singularities(fit: Fit, design: Design) -> tuple[Singularity, ...]:
    """Terms whose covariance is singular, judged against the total variance of the outcome."""
    return singular_terms(design.terms, covariances(fit), fit.moments.layout.blocks, fit.theta)


def singular_terms(
    terms: Sequence[Term], matrices: Sequence[Floats], blocks: tuple[Block, ...], theta: Floats
) -> tuple[Singularity, ...]:
    """Terms whose covariance is singular at θ (m,), judged against the total variance of the outcome.

    Columns are conditioned to mean square one and no correlation, so an eigenvalue is the share of
    the outcome's variance along one direction; the rule does not change with the units of the
    outcome or of a predictor. Without a residual (generalised models) the unit of the predictor stands in its place.
    """
    found = []
    for term, V, (values, _) in zip(terms, matrices, relative_spectrum(blocks, theta[None]), strict=True):
        if values[0, 0] > SINGULAR**2:
            continue
        kind, numbers = boundary(term.columns, V, values[0])
        found.append(Singularity(term.label, Note(kind, numbers={"term": term.label, **numbers})))
    return tuple(found)


def boundary(columns: tuple[str, ...], V: Floats, values: Floats) -> tuple[str, dict[str, Any]]:
    """Kind and numbers of what has no variance: the term, some of its effects, or a direction between them."""
    rank = int((values > SINGULAR**2).sum())
    zero = [name for name, v in zip(columns, np.diag(V), strict=True) if v <= 1e-12 * max(np.trace(V), 1e-300)]
    if rank == 0:
        return "singular_term", {}
    if zero:
        return "singular_effects", {"effects": tuple(zero)}
    if len(columns) == 2:
        sign = 1 if V[0, 1] > 0 else -1
        return "singular_correlation", {"first": columns[0], "second": columns[1], "sign": sign}
    return "singular_directions", {"n_effects": len(columns), "n_directions": rank}


def variance_frame(fit: Fit, design: Design) -> pd.DataFrame:
    """One row per random effect and one for the residual: group, term, variance, sd, corr."""
    effects = component_frames.variance_frame(design.terms, covariances(fit))
    sigma2 = residual_variance(fit)
    residual = pd.DataFrame([("Residual", "", sigma2, float(np.sqrt(sigma2)), float("nan"))], columns=effects.columns)
    return pd.concat([effects, residual], ignore_index=True)


def modes(fit: Fit) -> tuple[Floats, ...]:
    """Per term the conditional modes (levels, p) of its random effects, D ZᵀPy, in the data's units."""
    inner, outer = fit.state.s
    scale = float(fit.moments.conditioning.scale[0])
    out: list[Floats] = []
    for block, R in zip(fit.moments.layout.blocks, fit.moments.conditioning.term_roots, strict=True):
        D = covariance(block, fit.theta[None])[0]
        s = _rows(fit, len(out), inner[block.tier][:, 0], outer[0])
        out.append(np.linalg.solve(R, D @ s.T).T * scale)
    return tuple(out)


def _rows(fit: Fit, number: int, inner: Floats, outer: Floats) -> Floats:
    block = fit.moments.layout.blocks[number]
    if number in fit.moments.copies:
        return fit.moments.copies[number].by_level(inner[block.columns].T)[:, None]
    if block.inner:
        return _by_level(fit, block, inner[block.columns].T)
    return outer[outer_columns(block)].reshape(block.levels, block.size)


def _by_level(fit: Fit, block: Block, values: Floats) -> Floats:
    """(J, …) values of the groups of an inner factor in the order of its levels."""
    if block.tier == len(fit.moments.finer):
        return values
    out = np.empty(values.shape)
    out[fit.moments.finer[block.tier].place.levels] = values
    return out


def mode_covariances(fit: Fit) -> tuple[Floats, ...]:
    """Per term (levels, p, p) covariance of the random effects given y, β and θ (lme4's condVar)."""
    state = fit.state
    U = make_blocks(state, projected=False)
    sigma2 = residual_variance(fit)
    out = []
    for i, (block, R) in enumerate(zip(fit.moments.layout.blocks, fit.moments.conditioning.term_roots, strict=True)):
        L = block.factor(fit.theta[None])[0]
        if block.inner:
            at = block.columns
            own = np.moveaxis((U.F[block.tier] - U.Y[block.tier])[at, at, 0], -1, 0)
            if i in fit.moments.copies:
                own = fit.moments.copies[i].by_level(np.diagonal(own, axis1=1, axis2=2))[:, None, None]
            else:
                own = _by_level(fit, block, own)
        else:
            own = np.einsum("lilj->lij", U.outer(i, i)[0])
        root = np.linalg.solve(R, L)
        left = np.eye(block.size) - L.T @ own @ L
        out.append(sigma2 * root @ left @ root.T)
    return tuple(out)
