"""Sufficient statistics of a linear mixed model, for one outcome or thousands.

The largest grouping factor is *inner*: its random effects are block-diagonal and are
eliminated group by group. So are, before it, the factors that nest in it, if these are large
(:mod:`doublecode.analysis.mixed.engine.nesting`). All other random terms are *outer* and stand with the
fixed effects in one dense trailing block, W = [Z₂ X]. Terms of the same grouping factor share
the block. The deviance needs only, per group j, ZⱼᵀZⱼ, ZⱼᵀWⱼ and Zⱼᵀyⱼ and in total
WᵀW, Wᵀy and yᵀy (Bates et al. 2015, eq. 54; blocked as in MixedModels.jl).

Numbers are conditioned first: the columns of each random term and of X are replaced by
columns of mean square one without correlation, and y by its least-squares residual in
units of its own standard deviation. The model is the same; :class:`Conditioning` maps back.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from doublecode.analysis.mixed.checks import orthogonal
from doublecode.analysis.mixed.design import Design, Term
from doublecode.analysis.mixed.engine.group_sums import Contraction, Shared, Sparse, Stacked, Which
from doublecode.analysis.mixed.engine.layout import Layout
from doublecode.analysis.mixed.engine.nesting import Copies, Plan, Tier, column_products, finer_tiers, lay_out
from doublecode.analysis.mixed.engine.once import Once
from doublecode.schemas.errors import NotEstimable

Floats = npt.NDArray[np.float64]

TENSOR_LIMIT = 3_000_000
"""Largest number of cells for the precomputed products of a shared design."""
TENSOR_ALONE = 30_000
"""The same for a single outcome, where they pay only if small."""
SPARSE_SHARE = 0.25
"""A crossed design with a smaller share of filled cells is kept sparse, if it is large."""
SPARSE_SIZE = 200_000
WIDEST = 10_000
"""Most random effects outside the inner grouping factors; a handful of matrices of this size take 5 GB."""


@dataclass(frozen=True)
class Conditioning:
    """The way back from conditioned to original units.

    Attributes
    ----------
    term_roots
        Per term (p, p) upper triangular: Z = Z' R, so Λ' = R Λ.
    x_root
        (p, p): X = X' R, so β = R⁻¹ β'.
    shift
        (N, p) least-squares β' that was taken out of y.
    scale
        (N,) unit in which y is expressed.
    """

    term_roots: tuple[Floats, ...]
    x_root: Floats
    shift: Floats
    scale: Floats

    @Once
    def log_x(self) -> float:
        """Return 2 log|R|, by which log|XᵀV⁻¹X| exceeds the conditioned one."""
        return 2.0 * float(np.log(np.abs(self.x_root.diagonal())).sum())


@dataclass(frozen=True)
class Moments:
    """Sufficient statistics; S is 1 (one design) or N (a design per outcome).

    Attributes
    ----------
    ztz
        (P, P, S, J) ZⱼᵀZⱼ.
    cross
        The ZⱼᵀWⱼ, behind :class:`~doublecode.analysis.mixed.engine.group_sums.Contraction`.
    wtw
        (S, r, r) WᵀW with r = q₂ + p.
    zty, wty, yty
        (P, N, J), (N, r), (N,).
    n
        (N,) rows in use.
    constant
        (N,) what the deviance has beside the conditioned one: −Σ log w.
    finer
        Sums of the factors nested in the inner one, the finest first.
    copies
        Where the levels are of terms that are kept as columns of the inner factor, by the number of the term.
    """

    layout: Layout
    conditioning: Conditioning
    ztz: Floats
    cross: Contraction
    wtw: Floats
    zty: Floats
    wty: Floats
    yty: Floats
    n: Floats
    constant: Floats
    finer: tuple[Tier, ...] = ()
    copies: dict[int, Copies] = field(default_factory=dict)

    @property
    def n_sets(self) -> int:
        """Number of outcomes N."""
        return len(self.yty)

    def criterion(self, *, reml: bool) -> tuple[Floats, Floats]:
        """Give ν and what the deviance has beside log|V|, log|XᵀV⁻¹X| and ν log yᵀPy, (N,) each."""
        return self._reml if reml else self._ml

    @Once
    def _reml(self) -> tuple[Floats, Floats]:
        nu = self.n - self.layout.p
        return nu, self._beside(nu) + (self.conditioning.log_x if self.layout.p else 0.0)

    @Once
    def _ml(self) -> tuple[Floats, Floats]:
        return self.n, self._beside(self.n)

    def _beside(self, nu: Floats) -> Floats:
        return np.asarray(self.constant + nu * (1.0 + np.log(2.0 * np.pi * self.conditioning.scale**2 / nu)))

    def design_of(self, which: Which) -> Which:
        """Index of the design of each set, all zero when they share one."""
        return which if self.wtw.shape[0] > 1 else np.zeros(len(which), dtype=np.intp)


def make_moments(
    design: Design, responses: Floats | None = None, *, term_roots: tuple[Floats, ...] | None = None
) -> Moments:
    """Sufficient statistics of a design with its own outcome, or with many.

    Parameters
    ----------
    design
        From :func:`doublecode.analysis.mixed.design.build_design`.
    responses
        (n, N) outcomes in the rows of `design`; NaN is a missing row of that set.
    term_roots
        Conditioning of the random terms, so that θ means the same as in other moments; their own by default.
    """
    Y = design.y[:, None] if responses is None else np.asarray(responses, dtype=float)
    if design.offset is not None:
        Y = Y - design.offset[:, None]
    mask = None
    if responses is not None and np.isnan(Y).any():
        mask = (~np.isnan(Y)).astype(float)
        Y = np.where(mask > 0, Y, 0.0)
    root = None if design.weights is None else np.sqrt(design.weights)[:, None]
    Y = Y if root is None else root * Y
    X, x_root = design.x_factors if root is None else orthogonal(root * design.X)
    scaled = [
        (term.factors if root is None else orthogonal(root * term.Z)) if R is None else _in_units(term.Z, R, root)
        for term, R in zip(design.terms, term_roots or [None] * len(design.terms), strict=True)
    ]
    plan = lay_out(design.terms, X.shape[1])
    layout, order = plan.layout, plan.order
    _refuse_too_wide(design.terms, layout)
    inner = [_joined(inner_columns(scaled, design.terms, plan, tier))[order] for tier in range(len(plan.places))]
    outer = [(t, Z) for t, (Z, _), b in zip(design.terms, scaled, layout.blocks, strict=True) if not b.inner]
    Y, shift, scale = _standardise(Y, X, mask)
    conditioning = Conditioning(tuple(R for _, R in scaled), x_root, shift, scale)
    constant = np.full(Y.shape[1], design.log_det)
    if mask is not None and design.weights is not None:
        constant = -(np.log(design.weights) @ mask)
    sums = _Sums(inner[-1], X[order], Y[order], plan.places[-1].starts, None if mask is None else mask[order])
    return _assemble(sums, outer, plan, inner, conditioning, constant)


def inner_columns(scaled: list[tuple[Floats, Floats]], terms: tuple[Term, ...], plan: Plan, tier: int) -> list[Floats]:
    """Columns (n, p, …) of each term of one of the nested inner factors; together they are its P columns."""
    own = [i for i, block in enumerate(plan.layout.blocks) if block.inner and block.tier == tier]
    return [plan.copies[i].columns(terms[i], scaled[i][0]) if i in plan.copies else scaled[i][0] for i in own]


def _joined(columns: list[Floats]) -> Floats:
    return columns[0] if len(columns) == 1 else np.hstack(columns)


def _refuse_too_wide(terms: tuple[Term, ...], layout: Layout) -> None:
    """Refuse before the memory is gone: the trailing block is dense."""
    if layout.q2 <= WIDEST:
        return
    outer = [term for term, block in zip(terms, layout.blocks, strict=True) if not block.inner]
    wide = max(outer, key=lambda term: term.n_levels * term.size)
    nested = " and those that nest with it" if layout.finer else ""
    raise NotEstimable(
        f"beside the largest grouping factor{nested} the random terms have {layout.q2} effects, "
        f"{wide.label} alone {wide.n_levels * wide.size}; at most {WIDEST} fit into the dense part of the engine. "
        f"Leave out {wide.label}, or fit a part of the data"
    )


@dataclass(frozen=True)
class _Sums:
    """Conditioned columns, rows sorted by inner group."""

    Z: Floats
    X: Floats
    Y: Floats
    starts: npt.NDArray[np.intp]
    mask: Floats | None

    def by_group(self, values: Floats) -> Floats:
        """(n, …) → (J, …) sums within groups."""
        return np.add.reduceat(values, self.starts, axis=0)

    def products(self, values: Floats) -> Floats:
        """(n, c) → (P, c, J) CᵀZⱼ; of one column after the other, which lie in one piece."""
        return np.array(column_products(self.Z, values, self.starts))


def _assemble(
    sums: _Sums,
    outer: list[tuple[Term, Floats]],
    plan: Plan,
    inner: list[Floats],
    conditioning: Conditioning,
    constant: Floats,
) -> Moments:
    layout, order = plan.layout, plan.order
    N, J = sums.Y.shape[1], layout.n_inner
    finer: tuple[Tier, ...] = ()
    zty = sums.products(sums.Y)
    yty = _squares(sums.Y)
    n = np.full(N, float(len(sums.Y))) if sums.mask is None else sums.mask.sum(axis=0)
    if sums.mask is None and not layout.finer and _is_sparse(layout, len(sums.Y)):
        ztz, cross, wtw, wty = _sparse_design(sums, outer, order, layout)
    else:
        W = np.hstack([*(dense_outer(t, Z)[order] for t, Z in outer), sums.X]) if outer else sums.X
        wty = sums.Y.T @ W
        if sums.mask is None:
            ztz, cross, wtw = _one_design(sums, W, J, N, chained=bool(layout.finer))
        else:
            ztz, cross, wtw = _many_designs(sums, W)
        finer = finer_tiers(plan, inner, W, sums.Y, sums.mask)
    return Moments(layout, conditioning, ztz, cross, wtw, zty, wty, yty, n, constant, finer, plan.copies)


def _one_design(sums: _Sums, W: Floats, J: int, N: int, *, chained: bool) -> tuple[Floats, Contraction, Floats]:
    P, r = sums.Z.shape[1], W.shape[1]
    ztz = np.empty((P, P, 1, J))
    for k in range(P):
        for h in range(k, P):
            ztz[k, h, 0] = ztz[h, k, 0] = sums.by_group(sums.Z[:, k] * sums.Z[:, h])
    cross = np.ascontiguousarray(sums.products(W).swapaxes(1, 2))
    shared = P * (P + 1) // 2 * J * r * r <= (TENSOR_LIMIT if N > 1 else TENSOR_ALONE)
    return ztz, Shared(cross) if shared and not chained else Stacked(cross[:, None]), (W.T @ W)[None]


def _many_designs(sums: _Sums, W: Floats) -> tuple[Floats, Contraction, Floats]:
    """Designs that differ by missing rows: products of the mask with each pair of columns."""
    if sums.mask is None:
        raise ValueError("no mask")
    P, r, N, J = sums.Z.shape[1], W.shape[1], sums.mask.shape[1], len(sums.starts)
    ztz, cross = np.empty((P, P, N, J)), np.empty((P, N, J, r))
    for k in range(P):
        for h in range(k, P):
            z = (sums.Z[:, k] * sums.Z[:, h])[:, None]
            ztz[k, h] = ztz[h, k] = sums.by_group(z * sums.mask).T
        for c in range(r):
            cross[k, :, :, c] = sums.by_group((sums.Z[:, k] * W[:, c])[:, None] * sums.mask).T
    wtw = np.empty((N, r, r))
    for c in range(r):
        wtw[:, c, :] = (sums.mask * W[:, c, None]).T @ W
    return ztz, Stacked(cross), wtw


def _is_sparse(layout: Layout, n: int) -> bool:
    cells = layout.n_inner * layout.q2
    return cells > SPARSE_SIZE and n < SPARSE_SHARE * cells


def _sparse_design(
    sums: _Sums, outer: list[tuple[Term, Floats]], order: npt.NDArray[np.intp] | slice, layout: Layout
) -> tuple[Floats, Contraction, Floats, Floats]:
    from scipy import sparse

    n, P = sums.Z.shape
    group = np.repeat(np.arange(layout.n_inner), np.diff([*sums.starts, n]))
    Z2 = sparse.hstack([_sparse_outer(t, Z) for t, Z in outer]).tocsr()[order]
    inner = [sparse.csr_array((z, (group, np.arange(n))), shape=(layout.n_inner, n)) for z in sums.Z.T]
    cross = tuple(sparse.csr_array(Z1 @ Z2) for Z1 in inner)
    dense = np.ascontiguousarray(sums.products(sums.X).swapaxes(1, 2))
    ztz = np.empty((P, P, 1, layout.n_inner))
    for k in range(P):
        for h in range(k, P):
            ztz[k, h, 0] = ztz[h, k, 0] = sums.by_group(sums.Z[:, k] * sums.Z[:, h])
    ztx = Z2.T @ sums.X
    wtw = np.block([[(Z2.T @ Z2).toarray(), ztx], [ztx.T, sums.X.T @ sums.X]])
    wty = np.hstack([(Z2.T @ sums.Y).T, sums.Y.T @ sums.X])
    return ztz, Sparse(cross, dense), wtw[None], wty


def dense_outer(term: Term, Z: Floats) -> Floats:
    """(n, levels · p, …) columns of an outer term, level by level, from its own (n, p, …)."""
    n, p, *sets = Z.shape
    out = np.zeros((n, term.n_levels, p, *sets))
    out[np.arange(n), term.codes] = Z
    return out.reshape(n, term.n_levels * p, *sets)


def _sparse_outer(term: Term, Z: Floats) -> Any:
    from scipy import sparse

    n, p = Z.shape
    rows = np.repeat(np.arange(n), p)
    columns = (term.codes[:, None] * p + np.arange(p)).ravel()
    return sparse.csr_array((Z.ravel(), (rows, columns)), shape=(n, term.n_levels * p))


def _in_units(Z: Floats, R: Floats, root: Floats | None) -> tuple[Floats, Floats]:
    """Columns' of a given R'."""
    return np.asarray(np.linalg.solve(R.T, (Z if root is None else root * Z).T).T, dtype=float), R


def _squares(Y: Floats) -> Floats:
    """(N,) sums of squares of the columns of (n, N)."""
    return np.asarray((Y.T @ Y)[0] if Y.shape[1] == 1 else np.einsum("in,in->n", Y, Y))


def _standardise(Y: Floats, X: Floats, mask: Floats | None) -> tuple[Floats, Floats, Floats]:
    """Take the least-squares fit and the unit out of each outcome; return both."""
    N, p = Y.shape[1], X.shape[1]
    if mask is None:
        shift = (X.T @ Y / len(X)).T
        residual = Y - X @ shift.T
        scale = np.sqrt(_squares(residual) / len(X))
    else:
        residual, shift = _masked_residual(Y, X, mask)
        scale = np.sqrt(_squares(residual) / np.maximum(mask.sum(axis=0), 1.0))
    scale = scale + (scale == 0.0)
    return residual / scale, shift.reshape(N, p), scale


def _masked_residual(Y: Floats, X: Floats, mask: Floats) -> tuple[Floats, Floats]:
    gram = np.einsum("in,ij,ik->njk", mask, X, X, optimize=True)
    shift = np.einsum("njk,nk->nj", np.linalg.pinv(gram, hermitian=True), Y.T @ X)
    return (Y - X @ shift.T) * mask, shift


def take(moments: Moments, which: Which) -> Moments:
    """Return the statistics of some of the sets."""
    c = moments.conditioning
    part = replace(
        moments,
        conditioning=replace(c, shift=c.shift[which], scale=c.scale[which]),
        zty=moments.zty[:, which],
        wty=moments.wty[which],
        yty=moments.yty[which],
        n=moments.n[which],
        constant=moments.constant[which],
        finer=tuple(replace(tier, zty=tier.zty[:, which]) for tier in moments.finer),
    )
    if moments.wtw.shape[0] == 1:
        return part
    if not isinstance(moments.cross, Stacked):
        raise TypeError(f"designs of their own are stacked, not {type(moments.cross).__name__}")
    cross = Stacked(moments.cross.cross[:, which])
    finer = tuple(replace(tier, rows=tier.rows[:, :, which]) for tier in part.finer)
    return replace(part, ztz=moments.ztz[:, :, which], wtw=moments.wtw[which], cross=cross, finer=finer)
