"""Sufficient statistics of sets that differ in their predictors too, not only in outcomes and missing rows.

Groups are the same in all sets; a column is (n, c, S) with S = 1, the same for all, or S = N. One conditioning serves
all sets, that of their mean cross-products, so that one way back holds for all estimates.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from doublecode.analysis.mixed.design import Design
from doublecode.analysis.mixed.engine.group_sums import Stacked
from doublecode.analysis.mixed.engine.moments import Conditioning, Moments, dense_outer, inner_columns
from doublecode.analysis.mixed.engine.nesting import Tier, lay_out

Floats = npt.NDArray[np.float64]
Starts = npt.NDArray[np.intp]


def make_set_moments(design: Design, Y: Floats, X: Floats, Z: Sequence[Floats]) -> Moments:
    """Sufficient statistics, a design per set.

    Parameters
    ----------
    design
        Of any of the sets: its groups, weights and offset.
    Y
        (n, N) outcomes; NaN is a missing row of that set.
    X
        (n, p, N) fixed columns, finite throughout.
    Z
        Per random term (n, size, S) columns.
    """
    if design.offset is not None:
        Y = Y - design.offset[:, None]
    mask = (~np.isnan(Y)).astype(float)
    Y = np.where(mask > 0, Y, 0.0)
    N = Y.shape[1]
    constant = np.full(N, design.log_det)
    if design.weights is not None:
        root = np.sqrt(design.weights)
        Y, X, Z = Y * root[:, None], X * root[:, None, None], [one * root[:, None, None] for one in Z]
        constant = -(np.log(design.weights) @ mask)
    X, x_root = _conditioned(X, mask)
    scaled = [_conditioned(one, mask) for one in Z]
    Y, shift, scale = _standardised(Y, X, mask)
    conditioning = Conditioning(tuple(R for _, R in scaled), x_root, shift, scale)
    plan = lay_out(design.terms, X.shape[1])
    order, blocks = plan.order, plan.layout.blocks
    outer = [dense_outer(t, Z) for t, (Z, _), b in zip(design.terms, scaled, blocks, strict=True) if not b.inner]
    W = _beside([*outer, X], N)[order]
    inner = [_beside(inner_columns(scaled, design.terms, plan, tier))[order] for tier in range(len(plan.places))]
    Y, mask = Y[order], mask[order]
    top, starts = inner[-1], plan.places[-1].starts
    products = _products(top, _beside([top, W]), starts, mask)
    P = top.shape[1]
    cross = Stacked(np.ascontiguousarray(products[:, P:].transpose(0, 2, 3, 1)))
    return Moments(
        plan.layout, conditioning, products[:, :P], cross,
        np.einsum("icn,irn,in->ncr", W, W, mask, optimize=True), _outcomes(top, Y, starts),
        np.einsum("irn,in->nr", W, Y), np.einsum("in,in->n", Y, Y), mask.sum(axis=0), constant,
        tuple(
            Tier(
                place, _products(own, _beside([*inner[tier:], W]), place.starts, mask), _outcomes(own, Y, place.starts)
            )
            for tier, (place, own) in enumerate(zip(plan.places[:-1], inner[:-1], strict=True))
        ),
        plan.copies,
    )  # fmt: skip


def _conditioned(columns: Floats, mask: Floats) -> tuple[Floats, Floats]:
    """Columns' (n, c, S) and R (c, c) upper triangular, columns = columns' R, of mean square one over all sets."""
    mean = mask / mask.sum()
    if columns.shape[2] == 1:
        mean = mean.sum(axis=1, keepdims=True)
    gram = np.einsum("icn,idn,in->cd", columns, columns, mean, optimize=True)
    R = np.linalg.cholesky(gram).T
    return np.einsum("icn,cd->idn", columns, np.linalg.inv(R), optimize=True), R


def _standardised(Y: Floats, X: Floats, mask: Floats) -> tuple[Floats, Floats, Floats]:
    """Residuals of least squares in units of their spread, the coefficients (N, p) and the units (N,)."""
    gram = np.einsum("icn,idn,in->ncd", X, X, mask, optimize=True)
    shift = np.einsum("ncd,nd->nc", np.linalg.pinv(gram, hermitian=True), np.einsum("icn,in->nc", X, Y))
    left = (Y - np.einsum("icn,nc->in", X, shift)) * mask
    scale = np.sqrt(np.einsum("in,in->n", left, left) / np.maximum(mask.sum(axis=0), 1.0))
    scale = np.where(scale > 0, scale, 1.0)
    return left / scale, shift, scale


def _beside(columns: Sequence[Floats], S: int = 1) -> Floats:
    """Columns (n, c, 1 or S) one beside the other, (n, Σ c, S): those that are the same for all sets are repeated."""
    most = max(S, *(one.shape[2] for one in columns))
    return np.concatenate([np.broadcast_to(one, (*one.shape[:2], most)) for one in columns], axis=1)


def _products(left: Floats, right: Floats, starts: Starts, mask: Floats) -> Floats:
    """(P, R, N, J) sums over groups of each left times each right column."""
    return np.stack([
        np.stack([np.add.reduceat(left[:, k] * right[:, c] * mask, starts, axis=0).T for c in range(right.shape[1])])
        for k in range(left.shape[1])
    ])  # fmt: skip


def _outcomes(columns: Floats, Y: Floats, starts: Starts) -> Floats:
    """(P, N, J) sums over groups of each column times the outcomes."""
    return np.stack([np.add.reduceat(columns[:, k] * Y, starts, axis=0).T for k in range(columns.shape[1])])
