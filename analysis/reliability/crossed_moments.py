r"""Targets × raters as sufficient statistics for the mixed-model engine, without its rows.

The engine eliminates targets one by one. Targets with the same number m of ratings are
exchangeable to it: with C_m (targets × columns) their cross products with raters and the
intercept, the deviance depends on them only through C_mᵀC_m, C_mᵀz and zᵀz, and through
N_m log(1 + mλ). So each such class is replaced by at most (columns + 1) made-up targets
with the same products, and the difference in number is paid in the logarithm
(:class:`Copies`). The criterion is unchanged; its cost no longer depends on the number
of targets.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from doublecode.analysis.mixed.engine.group_sums import Contraction, Shared, Stacked
from doublecode.analysis.mixed.engine.layout import Block
from doublecode.analysis.mixed.engine.layout import Layout as EngineLayout
from doublecode.analysis.mixed.engine.moments import Conditioning, Moments
from doublecode.analysis.ratings.design import Layout

if TYPE_CHECKING:
    from scipy import sparse

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
_RANK = 1e-11


@dataclass(frozen=True, eq=False)
class Compact:
    """Sufficient statistics of sets that share one layout; y is centred and scaled per set.

    Attributes
    ----------
    sizes : (J,) ratings of each made-up target
    cross : (J, r) their cross products with raters (first r − 1) and intercept
    zty : (n_sets, J)
    wtw, wty, yty : (r, r), (n_sets, r), (n_sets,)
    mean, scale : (n_sets,)
    n_obs : int
    class_sizes, class_surplus : (M,) ratings per target of a class, and targets not made up in it
    """

    sizes: Floats
    cross: Floats
    zty: Floats
    wtw: Floats
    wty: Floats
    yty: Floats
    mean: Floats
    scale: Floats
    n_obs: int
    class_sizes: Floats
    class_surplus: Floats


@dataclass(frozen=True, eq=False)
class Copies:
    """What the made-up targets leave out of log|V|: Σ surplus · log(1 + size · λ_target).

    Both arrays have shape (n_sets, M).
    """

    sizes: Floats
    surplus: Floats

    def value(self, ratio: Floats, which: Ints) -> tuple[Floats, Floats, Floats]:
        """Value, first and second derivative in the target's variance ratio, each shape (B,)."""
        m, e = self.sizes[which], self.surplus[which]
        inside = 1.0 + m * ratio[:, None]
        first = e * m / inside
        return (e * np.log(inside)).sum(axis=1), first.sum(axis=1), -(first * m / inside).sum(axis=1)


def compact(layout: Layout, values: Floats, *, two_way: bool) -> Compact:
    """Compress the sets of one layout.

    Parameters
    ----------
    layout : Layout
    values : ndarray, shape (n_sets, n_obs)
    two_way : bool
        Whether raters are a random effect; otherwise the one-way model.
    """
    mean = values.mean(axis=1)
    y = values - mean[:, None]
    scale = np.sqrt(np.einsum("so,so->s", y, y) / layout.n_obs)
    scale = np.where(scale > 0.0, scale, 1.0)
    y = y / scale[:, None]
    starts = np.searchsorted(layout.target, np.arange(layout.n_targets))
    sums = np.add.reduceat(y, starts, axis=1)
    incidence = rater_incidence(layout) if two_way else None
    parts = [_class_of(layout, incidence, sums, int(m)) for m in np.unique(layout.per_target)]
    wtw, wty = _outer_products(layout, y, two_way)
    return Compact(
        sizes=np.concatenate([part.sizes for part in parts]),
        cross=np.concatenate([part.cross for part in parts]),
        zty=np.concatenate([part.zty for part in parts], axis=1),
        wtw=wtw,
        wty=wty,
        yty=np.einsum("so,so->s", y, y),
        mean=mean,
        scale=scale,
        n_obs=layout.n_obs,
        class_sizes=np.array([part.size for part in parts], dtype=np.float64),
        class_surplus=np.array([part.surplus for part in parts], dtype=np.float64),
    )


def rater_incidence(layout: Layout) -> sparse.csr_array:
    """Which rater rated which target, sparse (n_targets, n_raters) of ones."""
    from scipy import sparse

    shape = (layout.n_targets, layout.n_raters)
    starts = np.concatenate([[0], np.cumsum(layout.per_target)])
    return sparse.csr_array((np.ones(layout.n_obs), layout.rater, starts), shape=shape)


def _outer_products(layout: Layout, y: Floats, two_way: bool) -> tuple[Floats, Floats]:
    if not two_way:
        return np.array([[float(layout.n_obs)]]), y.sum(axis=1, keepdims=True)
    r = layout.n_raters
    wtw = np.zeros((r + 1, r + 1))
    load = layout.per_rater.astype(np.float64)
    wtw[np.arange(r), np.arange(r)] = load
    wtw[r, :r] = wtw[:r, r] = load
    wtw[r, r] = layout.n_obs
    per_rater = np.stack([np.bincount(layout.rater, weights=row, minlength=r) for row in y])
    return wtw, np.column_stack([per_rater, y.sum(axis=1)])


@dataclass(frozen=True, eq=False)
class _Class:
    size: int
    surplus: int
    sizes: Floats
    cross: Floats
    zty: Floats


def _class_of(layout: Layout, incidence: sparse.csr_array | None, sums: Floats, m: int) -> _Class:
    """Targets with m ratings, as themselves if they are few, else as made-up targets."""
    chosen = layout.per_target == m
    z = sums[:, chosen]
    n = z.shape[1]
    r = 1 if incidence is None else layout.n_raters + 1
    if n <= r + 1:
        rows = np.full((n, 1), float(m))
        if incidence is not None:
            rows = np.hstack([incidence[chosen].toarray(), rows])
        return _Class(m, 0, np.full(n, float(m)), rows, z)
    gram, products = _gram(None if incidence is None else incidence[chosen], z, m)
    values, vectors = np.linalg.eigh(gram)
    keep = values > _RANK * values[-1]
    root = np.sqrt(values[keep])
    cross = root[:, None] * vectors[:, keep].T
    inside = products @ vectors[:, keep] / root
    rest = np.einsum("sn,sn->s", z, z) - np.einsum("sj,sj->s", inside, inside)
    zty = np.column_stack([inside, np.sqrt(np.maximum(rest, 0.0))])
    made = len(root) + 1
    return _Class(m, n - made, np.full(made, float(m)), np.vstack([cross, np.zeros(r)]), zty)


def _gram(rows: sparse.csr_array | None, z: Floats, m: int) -> tuple[Floats, Floats]:
    """CᵀC and zC of a class, intercept last."""
    n = z.shape[1]
    if rows is None:
        return np.array([[float(m * m * n)]]), m * z.sum(axis=1, keepdims=True)
    together = (rows.T @ rows).toarray()
    load = np.asarray(rows.sum(axis=0)).ravel() * m
    gram = np.block([[together, load[:, None]], [load[None, :], np.array([[float(m * m * n)]])]])
    return gram, np.column_stack([(rows.T @ z.T).T, m * z.sum(axis=1)])


def engine_moments(parts: Sequence[Compact], *, two_way: bool) -> tuple[Moments, Copies]:
    """Stack compressed sets for the engine; unlike layouts are padded with columns of nought."""
    n_sets = [len(part.yty) for part in parts]
    width = max(part.cross.shape[1] for part in parts)
    J = max(len(part.sizes) for part in parts)
    M = max(len(part.class_sizes) for part in parts)
    crosses = [_pad_cross(part, J, width) for part in parts]
    sizes = [np.pad(part.sizes, (0, J - len(part.sizes))) for part in parts]
    zty = np.concatenate([np.pad(part.zty, ((0, 0), (0, J - len(part.sizes)))) for part in parts])
    places = [_columns(part, width) for part in parts]
    wty = np.concatenate([_spread(part.wty, at, width) for part, at in zip(parts, places, strict=True)])
    wtw = [_spread(_spread(part.wtw, at, width).T, at, width) for part, at in zip(parts, places, strict=True)]
    cross, ztz, squares = _designs(crosses, sizes, wtw, n_sets)
    total = sum(n_sets)
    inner = Block(1, J, True, 0, slice(0, 1))
    blocks = (inner, Block(1, width - 1, False, 0, slice(1, 2))) if two_way else (inner,)
    unit = np.ones((1, 1))
    mean, scale = (np.concatenate([getattr(p, name) for p in parts]) for name in ("mean", "scale"))
    moments = Moments(
        layout=EngineLayout(blocks, J, 1, width - 1, 1),
        conditioning=Conditioning((unit,) * len(blocks), unit, (mean / scale)[:, None], scale),
        ztz=ztz,
        cross=cross,
        wtw=squares,
        zty=zty[None],
        wty=wty,
        yty=np.concatenate([part.yty for part in parts]),
        n=np.repeat([float(part.n_obs) for part in parts], n_sets),
        constant=np.zeros(total),
    )
    copies = Copies(
        np.repeat([np.pad(p.class_sizes, (0, M - len(p.class_sizes))) for p in parts], n_sets, axis=0),
        np.repeat([np.pad(p.class_surplus, (0, M - len(p.class_surplus))) for p in parts], n_sets, axis=0),
    )
    return moments, copies


def _designs(
    crosses: list[Floats], sizes: list[Floats], wtw: list[Floats], n_sets: list[int]
) -> tuple[Contraction, Floats, Floats]:
    """One design for all sets, or one per set."""
    if len(crosses) == 1:
        one = crosses[0]
        contraction: Contraction = Shared(one[None]) if n_sets[0] > 1 else Stacked(one[None, None])
        return contraction, sizes[0][None, None, None], wtw[0][None]
    cross = Stacked(np.repeat(np.stack(crosses), n_sets, axis=0)[None])
    return cross, np.repeat(np.stack(sizes), n_sets, axis=0)[None, None], np.repeat(np.stack(wtw), n_sets, axis=0)


def _columns(part: Compact, width: int) -> Ints:
    """Where the columns of a part stand among `width`: raters first, intercept last."""
    own = part.cross.shape[1]
    return np.append(np.arange(own - 1), width - 1)


def _pad_cross(part: Compact, J: int, width: int) -> Floats:
    return np.pad(_spread(part.cross, _columns(part, width), width), ((0, J - len(part.sizes)), (0, 0)))


def _spread(matrix: Floats, at: Ints, width: int) -> Floats:
    out = np.zeros((len(matrix), width))
    out[:, at] = matrix
    return out
