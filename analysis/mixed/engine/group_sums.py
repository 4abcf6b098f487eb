"""Four sums over the groups of the largest grouping factor, in the layout that is fastest.

Written ``B_j = Z_jᵀ W_j`` (inner columns × outer columns) for group j, everything the
likelihood, its derivatives and Kenward–Roger need from it is

=========  ======================  ===========================================
`quad`     ``Σ_j B_jᵀ M_j B_j``    C quadratic forms, (B, C, r, r)
`lift`     ``B_j K B_jᵀ``          one small matrix per group, (P, P, B, J)
`up`       ``Σ_j B_jᵀ v_j``        (B, C, r)
`down`     ``B_j g``               (P, B, C, J)
=========  ======================  ===========================================

B counts parameter sets evaluated at once, J groups, P inner columns, r outer columns, C
vectors. Small inner matrices are kept as (P, P, B, J), so that each element is one
contiguous array and products of P × P matrices are loops over elements.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from doublecode.analysis.mixed.engine.layout import triangle
from doublecode.analysis.mixed.engine.once import Once

if TYPE_CHECKING:
    from scipy import sparse

Floats = npt.NDArray[np.float64]
Which = npt.NDArray[np.intp]
Ints = npt.NDArray[np.int64]


class Contraction(Protocol):
    """What the likelihood asks of the cross products of inner and outer columns."""

    def quad(self, M: Floats, which: Which) -> Floats:
        """``Σ_j B_jᵀ M_j B_j`` for symmetric M (P, P, B, C, J)."""

    def lift(self, K: Floats, which: Which) -> Floats:
        """``B_j K B_jᵀ`` for symmetric K (B, r, r)."""

    def up(self, v: Floats, which: Which) -> Floats:
        """``Σ_j B_jᵀ v_j`` for v (P, B, C, J)."""

    def down(self, g: Floats, which: Which) -> Floats:
        """``B_j g`` for g (B, C, r)."""


@dataclass(frozen=True)
class Shared:
    """One design for all sets: each sum over groups is one large matrix product.

    Attributes
    ----------
    cross
        (P, J, r) the ``B_j``.
    """

    cross: Floats

    @Once
    def _pairs(self) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
        """Index pairs k ≤ h of the inner columns."""
        rows, columns = triangle(len(self.cross))
        return columns, rows

    @Once
    def _cells(self) -> npt.NDArray[np.intp]:
        """The pairs among the P² cells of a matrix."""
        k, h = self._pairs
        return k * len(self.cross) + h

    @Once
    def _pair_of(self) -> npt.NDArray[np.intp]:
        """(P²,) the pair of each cell of a symmetric matrix."""
        k, h = self._pairs
        places = np.empty((len(self.cross), len(self.cross)), dtype=np.intp)
        places[k, h] = places[h, k] = np.arange(len(k))
        return places.ravel()

    @Once
    def _tensor(self) -> Floats:
        """``B_j[k] ⊗ B_j[h]`` for k ≤ h, symmetrised, as (pairs · J, r²)."""
        _, J, r = self.cross.shape
        k, h = self._pairs
        outer = self.cross[k][..., :, None] * self.cross[h][..., None, :]
        both = outer + outer.swapaxes(2, 3)
        both[k == h] *= 0.5
        return both.reshape(len(k) * J, r * r)

    @Once
    def _lifter(self) -> Floats:
        """As `_tensor`, (r², pairs · J), for products from the other side."""
        _, J, _ = self.cross.shape
        k, h = self._pairs
        weight = np.repeat(np.where(k == h, 1.0, 0.5), J)
        return np.asarray((self._tensor * weight[:, None]).T)

    @Once
    def _flat(self) -> Floats:
        """The ``B_j`` below each other, (P · J, r)."""
        P, J, r = self.cross.shape
        return self.cross.reshape(P * J, r)

    def quad(self, M: Floats, which: Which) -> Floats:
        """See :class:`Contraction`."""
        r = self.cross.shape[2]
        P, _, B, C, J = M.shape
        if P == 1:
            flat = M.reshape(B * C, J)
        else:
            flat = M.reshape(P * P, B * C, J).take(self._cells, axis=0).swapaxes(0, 1).reshape(B * C, -1)
        return (flat @ self._tensor).reshape(B, C, r, r)

    def lift(self, K: Floats, which: Which) -> Floats:
        """See :class:`Contraction`."""
        P, J, _ = self.cross.shape
        B = len(K)
        flat = K.reshape(B, -1) @ self._lifter
        if P == 1:
            return flat.reshape(1, 1, B, J)
        return flat.reshape(B, -1, J).take(self._pair_of, axis=1).swapaxes(0, 1).reshape(P, P, B, J)

    def up(self, v: Floats, which: Which) -> Floats:
        """See :class:`Contraction`."""
        P, B, C, J = v.shape
        return (v.transpose(1, 2, 0, 3).reshape(B * C, P * J) @ self._flat).reshape(B, C, self.cross.shape[2])

    def down(self, g: Floats, which: Which) -> Floats:
        """See :class:`Contraction`."""
        B, C, r = g.shape
        P, J, _ = self.cross.shape
        return (g.reshape(B * C, r) @ self._flat.T).reshape(B, C, P, J).transpose(2, 0, 1, 3)


@dataclass(frozen=True)
class Stacked:
    """One design per set, or one large design: products per set.

    Attributes
    ----------
    cross
        (P, S, J, r) with S = 1 (the same for all) or S = number of sets.
    """

    cross: Floats

    def _take(self, which: Which) -> Floats:
        return self.cross if self.cross.shape[1] == 1 else self.cross[:, which]

    def quad(self, M: Floats, which: Which) -> Floats:
        """See :class:`Contraction`."""
        cross = self._take(which)
        return np.stack([self._quad_one(cross, M[:, :, :, c]) for c in range(M.shape[3])], axis=1)

    @staticmethod
    def _quad_one(cross: Floats, M: Floats) -> Floats:
        P = len(cross)
        total: Any = 0.0
        for k in range(P):
            weighted = M[k, 0][..., None] * cross[0]
            for h in range(1, P):
                weighted += M[k, h][..., None] * cross[h]
            total = total + np.swapaxes(cross[k], -1, -2) @ weighted
        return np.asarray(0.5 * (total + total.swapaxes(-1, -2)))

    def lift(self, K: Floats, which: Which) -> Floats:
        """See :class:`Contraction`."""
        C = self._take(which)
        P = len(C)
        out = np.empty((P, P, len(K), C.shape[2]))
        for k in range(P):
            product = C[k] @ K
            for h in range(k, P):
                out[k, h] = out[h, k] = np.einsum("bjr,bjr->bj", product, np.broadcast_to(C[h], product.shape))
        return out

    def up(self, v: Floats, which: Which) -> Floats:
        """See :class:`Contraction`."""
        C = self._take(which)
        return np.asarray(sum(v[k] @ C[k] for k in range(len(C))))

    def down(self, g: Floats, which: Which) -> Floats:
        """See :class:`Contraction`."""
        C = self._take(which)
        return np.stack([g @ np.swapaxes(C[k], -1, -2) for k in range(len(C))])


@dataclass(frozen=True)
class Sparse:
    """One very large design, set by set: crossed factors with few cells filled.

    Attributes
    ----------
    cross
        P sparse matrices (J, q2), inner by outer random effects.
    dense
        (P, J, p) inner by fixed effects.
    """

    cross: tuple[sparse.csr_array, ...]
    dense: Floats

    @property
    def _q(self) -> int:
        return int(self.cross[0].shape[1])

    @Once
    def _transposed(self) -> tuple[sparse.csr_array, ...]:
        return tuple(c.T.tocsr() for c in self.cross)

    @Once
    def _products(self) -> dict[tuple[int, int], sparse.csr_array]:
        """Per pair k ≤ h of inner columns the symmetric ½(``B_j[k] ⊗ B_j[h]`` + its transpose), (J, q2²).

        Only cells below the diagonal are kept, at twice their value, and those on it: what a product with a
        symmetric matrix needs. They are made once, so that `quad` and `lift` are one sparse product each.
        """
        P = range(len(self.cross))
        first, second, starts = _pairs_in_rows(self.cross[0].indptr)
        size = self._q**2
        columns: Ints = np.asarray(self.cross[0].indices, dtype=np.int32 if size < 2**31 else np.int64)
        cells = columns[first] * self._q + columns[second]
        twice = np.where(first == second, 0.5, 1.0)

        def products(left: Floats, right: Floats) -> Floats:
            return (left[first] * right[second] + right[first] * left[second]) * twice

        return {
            (k, h): _sparse_rows(products(self.cross[k].data, self.cross[h].data), cells, starts, size)
            for k in P for h in P if k <= h
        }  # fmt: skip

    def quad(self, M: Floats, which: Which) -> Floats:
        """See :class:`Contraction`."""
        each = M.transpose(2, 3, 0, 1, 4)
        return np.stack([np.stack([self._quad_one(one) for one in of_set]) for of_set in each])

    def _quad_one(self, M: Floats) -> Floats:
        q = self._q
        r = q + self.dense.shape[2]
        out = np.zeros((r, r))
        inside, beside = out[:q, :q], out[:q, q:]
        for (k, h), products in self._products.items():
            part = (M[k, h] @ products).reshape(q, q)
            inside += (0.5 if k == h else 1.0) * (part + part.T)
        for k, transposed in enumerate(self._transposed):
            weighted = (M[k][..., None] * self.dense).sum(axis=0)
            beside += transposed @ weighted
            out[q:, q:] += self.dense[k].T @ weighted
        out[q:, :q] = beside.T
        return out

    def lift(self, K: Floats, which: Which) -> Floats:
        """See :class:`Contraction`."""
        return np.stack([self._lift_one(one) for one in K], axis=2)

    def _lift_one(self, K: Floats) -> Floats:
        q, P = self._q, len(self.cross)
        inside = np.ascontiguousarray(K[:q, :q]).ravel()
        beside = [c @ K[:q, q:] for c in self.cross]
        out = np.empty((P, P, self.dense.shape[1]))
        for (k, h), products in self._products.items():
            around = beside[k] + self.dense[k] @ K[q:, q:]
            cells = products @ inside + np.einsum("jp,jp->j", around, self.dense[h])
            out[k, h] = out[h, k] = cells + np.einsum("jp,jp->j", beside[h], self.dense[k])
        return out

    def up(self, v: Floats, which: Which) -> Floats:
        """See :class:`Contraction`."""
        flat = v.reshape(len(v), -1, v.shape[-1])
        parts = [
            np.hstack([(turned @ one.T).T, one @ d])
            for turned, one, d in zip(self._transposed, flat, self.dense, strict=True)
        ]
        return np.asarray(sum(parts)).reshape(*v.shape[1:3], -1)

    def down(self, g: Floats, which: Which) -> Floats:
        """See :class:`Contraction`."""
        q, flat = self._q, g.reshape(-1, g.shape[-1])
        pairs = zip(self.cross, self.dense, strict=True)
        return np.stack([((c @ flat[:, :q].T).T + flat[:, q:] @ d.T).reshape(*g.shape[:2], -1) for c, d in pairs])


def _pairs_in_rows(indptr: npt.NDArray[np.int32]) -> tuple[Ints, Ints, Ints]:
    """Places of every two stored cells of one row, the first not before the second, and where each row's begin."""
    sizes = np.diff(indptr)
    heads = np.repeat(indptr[:-1], sizes)
    count = np.arange(len(heads), dtype=np.int64) - heads + 1
    ends = np.cumsum(count)
    first = np.repeat(np.arange(len(heads)), count)
    second = np.arange(len(first)) + np.repeat(heads - (ends - count), count)
    return first, second, np.concatenate([[0], ends])[indptr]


def _sparse_rows(data: Floats, cells: Ints, starts: Ints, width: int) -> sparse.csr_array:
    from scipy import sparse

    return sparse.csr_array((data, cells, starts), shape=(len(starts) - 1, width))
