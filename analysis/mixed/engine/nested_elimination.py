r"""Nested grouping factors, eliminated from the finest to the coarsest.

Write V₀ = I and V_t = V_{t−1} + Z_t D_t Z_tᵀ for the t-th factor of a chain in which each nests in the next,
W for the columns outside the chain and C_g for those right of group g: of the groups it lies in, W and y. With
A_g = Z_gᵀV_{t−1}⁻¹Z_g, E_g = (I + D A_g)⁻¹ and Π_g = E_g D, every group takes Π_g times its own sums from those
of the coarser groups it lies in,

.. math:: C^⊤V_t^{-1}C = C^⊤V_{t-1}^{-1}C − \sum_g (Z_g^⊤V_{t-1}^{-1}C)^⊤ Π_g (Z_g^⊤V_{t-1}^{-1}C),

and log|V_t| grows by Σ log|I + D A_g|. What reaches the coarsest factor is a model with that factor alone, whose
sums are those of a residual covariance V: the engine solves it as it stands. Derivatives need for
each group j, besides, F_j = A_jE_j, the *reach* G_j^u = Z_jᵀV_{u−1}⁻¹Z_u to each group u that it lies in, and
H_j = Z_jᵀV⁻¹W; the blocks of U = ZᵀPZ are then

.. math:: U_{jj'} = F_jδ_{jj'} − \sum_u G_j^u Π_u G_{j'}^{u⊤} − H_j K H_{j'}^⊤

over the groups u that hold both, with G_j^uE_u in place of G_j^u where j' is u itself. Nothing larger than
groups × columns of W is stored, and no product is larger than linear in the groups.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from doublecode.analysis.mixed.engine.group_sums import Stacked, Which
from doublecode.analysis.mixed.engine.layout import InnerElements
from doublecode.analysis.mixed.engine.moments import Moments
from doublecode.analysis.mixed.engine.nesting import Place
from doublecode.analysis.mixed.engine.once import Once
from doublecode.analysis.mixed.engine.small_matrices import invert_plus_one, multiply, symmetric

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]
TOP = Place(np.zeros(0, dtype=np.intp), np.zeros(0, dtype=np.intp), (), ())
"""The place of the coarsest factor, which lies in nothing."""


@dataclass(frozen=True)
class Link:
    """One factor of the chain at given parameters, B sets.

    Attributes
    ----------
    place
        Its groups, and those they lie in.
    E, Pi
        (P, P, B, J) the inverses (I + D A)⁻¹, and times D.
    rows
        (P, P + R, B, J) ZᵀV⁻¹ times its own columns, those of coarser factors, W and y; V without the factor.
    """

    place: Place
    E: Floats
    Pi: Floats
    rows: Floats

    @property
    def width(self) -> int:
        """Random effects per group, P."""
        return len(self.rows)

    @Once
    def right(self) -> Floats:
        """(P, R, B, J) `rows` without the factor's own columns."""
        return self.rows[:, self.width :]

    @Once
    def swept(self) -> Floats:
        """(P, R, B, J) Π times `right`."""
        return multiply(self.Pi, self.right)

    def subset(self, keep: npt.NDArray[np.bool_]) -> Link:
        """Return the link of some of the sets."""
        return Link(self.place, self.E[:, :, keep], self.Pi[:, :, keep], self.rows[:, :, keep])


def eliminate(
    moments: Moments, D: tuple[Floats, ...], which: Which
) -> tuple[Moments, tuple[Link, ...], Floats, Floats]:
    """Take all factors but the coarsest out of the sums.

    Parameters
    ----------
    moments
        With the sums of the finer factors.
    D
        Per finer factor (P, P, B) relative covariances.
    which
        (B,) the set of `moments` that each belongs to.

    Returns
    -------
    left
        Sums of B sets with the coarsest factor alone; `yty` is still that of the data.
    links
        The factors taken out.
    rest, log
        (B,) yᵀV⁻¹y and log|V| of what was taken out.
    """
    rows, total = _with_outcome(moments, which)
    links, log = [], np.zeros(len(which))
    for tier, (part, D_t) in enumerate(zip(moments.finer, D, strict=True)):
        own = rows[tier]
        E, grown = invert_plus_one(D_t, own[:, : len(own)])
        link = Link(part.place, E, symmetric(multiply(E, D_t[..., None])), own)
        total = total - _push(link, rows, tier)
        links.append(link)
        log += grown
    return _left(moments, rows[-1], 0.5 * (total + total.swapaxes(1, 2)), which), tuple(links), total[:, -1, -1], log


def _with_outcome(moments: Moments, which: Which) -> tuple[list[Floats], Floats]:
    """Rows of every factor and (B, r + 1, r + 1) sums of W, the outcome as a last column of both."""
    B = len(which)
    parts = [(tier.rows, tier.zty) for tier in moments.finer]
    top = _coarsest(moments)
    rows = []
    for sums, zty in [*parts, (top, moments.zty)]:
        design = np.broadcast_to(sums, (*sums.shape[:2], B, sums.shape[3])) if sums.shape[2] == 1 else sums[:, :, which]
        rows.append(np.concatenate([design, zty[:, None, which]], axis=1))
    r = moments.wtw.shape[1]
    total = np.empty((B, r + 1, r + 1))
    total[:, :r, :r] = moments.wtw[moments.design_of(which)]
    total[:, :r, r] = total[:, r, :r] = moments.wty[which]
    total[:, r, r] = moments.yty[which]
    return rows, total


def _coarsest(moments: Moments) -> Floats:
    """(P, P + r, S, J) ZᵀZ and ZᵀW of the coarsest factor."""
    if not isinstance(moments.cross, Stacked):
        raise TypeError(f"a chain stands on stacked sums, not {type(moments.cross).__name__}")
    return np.concatenate([moments.ztz, moments.cross.cross.transpose(0, 3, 1, 2)], axis=1)


def _push(link: Link, rows: list[Floats], tier: int) -> Floats:
    """Take a link's share out of the rows of every coarser factor; return that of W and y, (B, r + 1, r + 1)."""
    right, swept, at = link.right, link.swept, 0
    for above, heads in enumerate(link.place.heads, tier + 1):
        end = at + len(rows[above])
        taken = multiply(right[:, at:end].swapaxes(0, 1), swept[:, at:])
        rows[above] = rows[above] - np.add.reduceat(taken, heads, axis=-1)
        at = end
    return _over_groups(right[:, at:], swept[:, at:])


def _over_groups(left: Floats, right: Floats) -> Floats:
    """(P, r, B, J) twice → (B, r, r) sums of the products over groups."""
    pairs = zip(left, right, strict=True)
    return np.asarray(sum(a.transpose(1, 0, 2) @ b.transpose(1, 2, 0) for a, b in pairs))


def _left(moments: Moments, top: Floats, total: Floats, which: Which) -> Moments:
    c, P = moments.conditioning, len(top)
    return replace(
        moments,
        conditioning=replace(c, shift=c.shift[which], scale=c.scale[which]),
        ztz=np.ascontiguousarray(top[:, :P]),
        cross=Stacked(np.ascontiguousarray(top[:, P:-1].transpose(0, 2, 3, 1))),
        wtw=total[:, :-1, :-1],
        zty=top[:, -1],
        wty=total[:, :-1, -1],
        yty=moments.yty[which],
        n=moments.n[which],
        constant=moments.constant[which],
        finer=(),
    )


def top_link(left: Moments, which: Which, E: Floats, D: Floats) -> Link:
    """Return the coarsest factor as the last link, of sets `which` of what :func:`eliminate` left."""
    rows = np.concatenate([_coarsest(left), left.zty[:, None]], axis=1)[:, :, which]
    return Link(TOP, E, symmetric(multiply(E, D[..., None])), rows)


@dataclass(frozen=True)
class Chain:
    """All nested factors at given parameters, the finest first."""

    links: tuple[Link, ...]

    @Once
    def final(self) -> tuple[Floats, ...]:
        """Per factor (P, R, B, J): the reach G to each coarser factor, H, and ZᵀV⁻¹y."""
        return tuple(self._descend(tier) for tier in range(len(self.links)))

    def _descend(self, tier: int) -> Floats:
        link = self.links[tier]
        out, at = multiply(link.E.swapaxes(0, 1), link.right), 0
        for above, parents in self._above(tier):
            end = at + above.width
            out[:, end:] -= multiply(out[:, at:end], above.swept[..., parents])
            at = end
        return out

    def _above(self, tier: int) -> Iterator[tuple[Link, Ints]]:
        """The coarser links, each with the group that a group of `tier` lies in."""
        return zip(self.links[tier + 1 :], self.links[tier].place.parents, strict=True)

    def _below(self, tier: int) -> Iterator[tuple[Floats, Ints]]:
        """Per finer factor its :meth:`reach` to `tier` and what is right of it, and the first group in each group."""
        for fine in range(tier):
            first = sum(link.width for link in self.links[fine + 1 : tier])
            yield self.reach(fine)[:, first:], self.links[fine].place.heads[tier - fine - 1]

    def reach(self, tier: int) -> Floats:
        """(P, Σ P' + r, B, J) the reach and H of a factor."""
        return self.final[tier][:, :-1]

    def reach_w(self, tier: int) -> Floats:
        """(P, r, B, J) ZᵀV⁻¹W of a factor."""
        return self.reach(tier)[:, sum(link.width for link in self.links[tier + 1 :]) :]

    def weigh(self, tier: int, columns: Floats, K: Floats) -> Floats:
        """(P, Σ P' + r, B, C, J) columns as those of :meth:`reach`, each block times its Π, those of W times K."""
        out, at = np.empty(columns.shape), 0
        for above, parents in self._above(tier):
            end = at + above.width
            out[:, at:end] = multiply(columns[:, at:end], above.Pi[..., None, parents])
            at = end
        w = np.moveaxis(columns[:, at:], 1, -2)
        out[:, at:] = np.moveaxis(K[:, None] @ w, -2, 1)
        return out

    def lift(self, tier: int, K: Floats) -> Floats:
        """(P, P, B, J) what U of a group with itself lacks of F."""
        reach = self.reach(tier)
        weighed = self.weigh(tier, reach[:, :, :, None], K)[:, :, :, 0]
        return symmetric(multiply(weighed, reach.swapaxes(0, 1)))

    def footprints(self, tier: int, elements: tuple[InnerElements, ...]) -> Floats:
        """(P, P + Σ P' + r, B, a, J) Σ GᵀEₐ[G, H] over the finer groups in each group, for all finer elements."""
        parts = []
        for (columns, heads), items in zip(self._below(tier), elements, strict=False):
            own = columns[:, : self.links[tier].width]
            full = own[items.rows][:, :, None] * columns[items.columns][:, None]
            if len(columns) > 1:
                full = full + own[items.columns][:, :, None] * columns[items.rows][:, None]
                full *= (0.5 * items.weight)[:, None, None, None, None]
            parts.append(np.moveaxis(np.add.reduceat(full, heads, axis=-1), 0, 3))
        return np.concatenate(parts, axis=3)

    def quad(self, tier: int, items: InnerElements) -> Floats:
        """(B, a, r, r) Σ HᵀEₐH over the groups of a factor."""
        H = self.reach_w(tier)
        pairs = zip(items.rows, items.columns, items.weight, strict=True)
        products = [w * _over_groups(H[[i]], H[[j]]) for i, j, w in pairs]
        return np.stack([0.5 * (M + M.swapaxes(1, 2)) for M in products], axis=1)

    def pairs_above(self, tier: int, footprints: Floats, items: InnerElements, K: Floats) -> tuple[Floats, Floats]:
        """What a coarser factor adds to tr(UEₐUE_b): for finer a and its own b, and for finer a and b.

        Returns
        -------
        mixed, finer
            (B, a, own elements) and (B, a, a).
        """
        link = self.links[tier]
        P, E, Pi = link.width, link.E[:, :, :, None], link.Pi[:, :, :, None]
        own, right = footprints[:, :P], footprints[:, P:]
        left = multiply(Pi, footprints)
        weighed = np.concatenate([multiply(own, Pi), 2.0 * self.weigh(tier, right, K)], axis=1)
        finer = _gram(left, weighed)
        reach = self.weigh(tier, self.reach(tier)[:, :, :, None], K)
        back = multiply(multiply(reach, right.swapaxes(0, 1)), E)
        turned = E.swapaxes(0, 1)
        Z = multiply(multiply(turned, own), E) - back - back.swapaxes(0, 1)
        mixed = Z.sum(axis=-1)[items.rows, items.columns] * items.weight[:, None, None]
        return mixed.transpose(1, 2, 0), finer

    def quadratic(self, vectors: tuple[Floats, ...], F: tuple[Floats, ...]) -> tuple[Floats, Floats]:
        """TᵀZᵀV⁻¹ZT and WᵀV⁻¹ZT for vectors T, per factor (P, B, C, J): (B, C, C) and (B, C, r)."""
        inside, up = [], []
        for tier, (link, t) in enumerate(zip(self.links, vectors, strict=True)):
            columns = t[:, None]
            inside.append(_gram(columns, multiply(F[tier][:, :, :, None], columns)))
            up += [t_k @ h.transpose(1, 2, 0) for t_k, h in zip(t, self.reach_w(tier), strict=True)]
            if tier:
                chi = self._gathered(tier, vectors)[:, None]
                once = _gram(multiply(link.E[:, :, :, None], columns), chi)
                inside += [once, once.swapaxes(1, 2), -_gram(multiply(link.Pi[:, :, :, None], chi), chi)]
        return np.asarray(sum(inside)), np.asarray(sum(up))

    def _gathered(self, tier: int, vectors: tuple[Floats, ...]) -> Floats:
        """(P, B, C, J) Σ Gᵀt over the finer groups in each group."""
        parts = []
        for (columns, heads), t in zip(self._below(tier), vectors, strict=False):
            G = columns[:, : self.links[tier].width, :, None]
            within = multiply(G.swapaxes(0, 1), t[:, None])[:, 0]
            parts.append(np.add.reduceat(within, heads, axis=-1))
        return np.asarray(sum(parts))


def _gram(left: Floats, right: Floats) -> Floats:
    """(P, w, B, C, J) and (P, w, B, C', J) → (B, C, C') sums of the products over all but B and C."""
    a, b = (M.transpose(2, 3, 0, 1, 4) for M in (left, right))
    a, b = (M.reshape(*M.shape[:2], M.shape[2] * M.shape[3] * M.shape[4]) for M in (a, b))
    return np.asarray(a @ b.swapaxes(1, 2))
