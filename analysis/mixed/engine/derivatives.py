"""Gradient and Hessian of the deviance from the blocks of ZᵀPZ and ZᵀPy.

An *element* a of D is a pair (k, h), k ≥ h, of one term; Eₐ is the symmetric matrix
of its derivative, the same in every level. Formulas in
:mod:`doublecode.analysis.mixed.engine.likelihood`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from doublecode.analysis.mixed.engine.layout import Element, InnerElements
from doublecode.analysis.mixed.engine.likelihood import LARGE, State, outer_columns
from doublecode.analysis.mixed.engine.once import Once
from doublecode.analysis.mixed.engine.small_matrices import apply, multiply

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Blocks:
    """U = ZᵀPZ (or ZᵀV⁻¹Z) of B sets, in the form that sums over it need.

    Attributes
    ----------
    F, Y
        Per inner factor, the finest first, (P, P, B, J): U of group j with itself is F − Y.
    K
        (B, r, r): U₁₁ of groups i ≠ j is −Hᵢ K Hⱼᵀ.
    N
        (B, r, q₂): U₁₂ = H N.
    U22
        (B, q₂, q₂).
    outer_inverse
        Per outer term the (p, p) inverse of its D, if all are well conditioned and there is one set:
        then N = K·₂D₂⁻¹ and U₂₂ = D₂⁻¹ − D₂⁻¹K₂₂D₂⁻¹, which spares four products of r × r matrices.
    """

    state: State
    F: tuple[Floats, ...]
    Y: tuple[Floats, ...]
    K: Floats
    N: Floats
    U22: Floats
    outer_inverse: dict[int, Floats] | None = None

    def outer(self, first: int, second: int) -> Floats:
        """(B, levels, p, levels', p') of U₂₂ between two outer terms."""
        a, b = (self.state.moments.layout.blocks[i] for i in (first, second))
        part = self.U22[:, outer_columns(a), outer_columns(b)]
        return part.reshape(len(part), a.levels, a.size, b.levels, b.size)


def make_blocks(state: State, *, projected: bool) -> Blocks:
    """U with P (`projected`) or with V⁻¹."""
    q = state.moments.layout.q2
    K = state.K if projected else state.k_marginal
    inverse = _outer_inverses(state)
    if not q:
        N, U22 = K[:, :, :0], K[:, :0, :0]
    elif inverse is None:
        N = -(K @ state.Q[:, :, :q])
        N[:, np.arange(q), np.arange(q)] += 1.0
        U22 = state.Q[:, :q] @ N
        U22 = 0.5 * (U22 + U22.swapaxes(1, 2))
    else:
        N = _times_outer(K[:, :, :q], inverse, state)
        U22 = -_times_outer(np.swapaxes(N[:, :q], 1, 2), inverse, state)
        for number, matrix in inverse.items():
            block = state.moments.layout.blocks[number]
            at = block.start + block.size * np.arange(block.levels)
            for i in range(block.size):
                for j in range(block.size):
                    U22[:, at + i, at + j] += matrix[i, j]
    lifted = state.moments.cross.lift(K, state.which)
    Y = multiply(multiply(state.E.swapaxes(0, 1), lifted), state.E)
    finer = [state.chain.lift(tier, K) for tier in range(len(state.links))]
    return Blocks(state, state.f_inner, (*finer, Y), K, N, U22, inverse)


def _outer_inverses(state: State) -> dict[int, Floats] | None:
    """Inverses of the outer terms' D for one large set; None where a D is near singular."""
    blocks = state.moments.layout.blocks
    if len(state.which) != 1 or state.moments.layout.q2 <= LARGE:
        return None
    out = {}
    for number, (block, L) in enumerate(zip(blocks, state.factors, strict=True)):
        if block.inner:
            continue
        D = L[0] @ L[0].T
        values = np.linalg.eigvalsh(D)
        if values[0] < 1e-5 * max(1.0, values[-1]):
            return None
        out[number] = np.linalg.inv(D)
    return out


def _times_outer(M: Floats, inverse: dict[int, Floats], state: State) -> Floats:
    """M (B, …, q₂) times the block-diagonal D₂⁻¹."""
    out = np.empty(M.shape)
    for number, matrix in inverse.items():
        block = state.moments.layout.blocks[number]
        at = outer_columns(block)
        part = M[..., at].reshape(*M.shape[:-1], block.levels, block.size)
        out[..., at] = (part @ matrix).reshape(M[..., at].shape) if block.size > 1 else M[..., at] * matrix
    return out


def traces(U: Blocks, items: tuple[Element, ...]) -> Floats:
    """(B, m) tr(U Eₐ)."""
    parts = [
        (np.add.reduce(F - Y, axis=-1).reshape(-1, len(U.K)).take(tier.cells, axis=0) * tier.weight[:, None]).T
        for tier, F, Y in zip(U.state.moments.layout.tiers, U.F, U.Y, strict=True)
    ]
    if U.state.moments.layout.alone:
        return np.asarray(parts[0])
    out = np.empty((len(U.K), len(items)))
    for tier, part in zip(U.state.moments.layout.tiers, parts, strict=True):
        out[:, tier.at] = part
    for a in U.state.moments.layout.outside:
        item = items[a]
        diagonal = np.einsum("bhihj->bij", U.outer(item.block, item.block))
        out[:, a] = sum(diagonal[:, i, j] for i, j in item.pairs)
    return U.state.moments.layout.tied(out, 1)


def products(U: Blocks, items: tuple[Element, ...]) -> Floats:
    """(B, m, m) tr(U Eₐ U E_b)."""
    B, m = len(U.K), len(items)
    inner, outer = U.state.moments.layout.eliminated, U.state.moments.layout.outside
    psi = _psi(U)
    k_psi = U.K[:, None] @ psi
    size = U.K.shape[1] ** 2
    flat = k_psi.reshape(B, len(inner), size)
    flipped = k_psi.swapaxes(-1, -2).reshape(B, len(inner), size)
    pairs = _inner_pairs(U) + flat @ flipped.swapaxes(1, 2)
    if U.state.moments.layout.alone:
        return pairs
    out = np.empty((B, m, m))
    out[:, inner[:, None], inner] = pairs
    for number, a in enumerate(inner if outer else ()):
        psi_n = _psi_n(U, psi[:, number], k_psi[:, number])
        for b in outer:
            out[:, a, b] = out[:, b, a] = _mixed_pair(U, psi_n, items[b])
    for i, a in enumerate(outer):
        for b in outer[i:]:
            out[:, a, b] = out[:, b, a] = _outer_pair(U, items[a], items[b])
    return U.state.moments.layout.tied(out, 1, 2)


def _psi(U: Blocks) -> Floats:
    """(B, inner elements, r, r) Σⱼ HⱼᵀEₐHⱼ."""
    tiers, E = U.state.moments.layout.tiers, U.state.E
    if U.state.links:
        return np.concatenate([U.state.chain.quad(tier, items) for tier, items in enumerate(tiers)], axis=1)
    inner = tiers[-1]
    left, right = E.take(inner.rows, axis=1), E.take(inner.columns, axis=1)
    M = left[:, None] * right[None]
    if len(E) > 1:
        M = (M + M.swapaxes(0, 1)) * (0.5 * inner.weight)[:, None, None]
    return U.state.moments.cross.quad(np.ascontiguousarray(M.swapaxes(2, 3)), U.state.which)


def _psi_n(U: Blocks, psi: Floats, k_psi: Floats) -> Floats:
    """(B, r, q₂) ΨₐN."""
    if U.outer_inverse is None:
        return psi @ U.N
    return _times_outer(k_psi.swapaxes(1, 2)[:, :, : U.N.shape[2]], U.outer_inverse, U.state)


def _inner_pairs(U: Blocks) -> Floats:
    """(B, a, b) tr(UEₐUE_b) over inner elements, without what W alone gives."""
    tiers = U.state.moments.layout.tiers
    own = [_own_pairs(items, F, Y) for items, F, Y in zip(tiers, U.F, U.Y, strict=True)]
    if not U.state.links:
        return own[0]
    ends = np.cumsum([len(items.at) for items in tiers])
    out = np.zeros((len(U.K), ends[-1], ends[-1]))
    for tier, (items, pairs) in enumerate(zip(tiers, own, strict=True)):
        below, here = slice(0, ends[tier] - len(items.at)), slice(ends[tier] - len(items.at), ends[tier])
        out[:, here, here] = pairs
        if tier:
            footprints = U.state.chain.footprints(tier, tiers)
            mixed, finer = U.state.chain.pairs_above(tier, footprints, items, U.K)
            out[:, below, here], out[:, here, below] = mixed, mixed.swapaxes(1, 2)
            out[:, below, below] += finer
    return out


def _own_pairs(items: InnerElements, F: Floats, Y: Floats) -> Floats:
    """(B, a, b) Σⱼ tr(FEₐFE_b) − 2 tr(FEₐYE_b) over the elements of one factor, as those of (F − Y) less those of Y."""
    Y, F = (M.reshape(-1, *M.shape[2:]).take(items.upper, axis=0).swapaxes(0, 1) for M in (Y, F))
    left = F - Y
    gram = left @ left.swapaxes(1, 2) - Y @ Y.swapaxes(1, 2)
    count = len(items.at)
    return (gram.reshape(len(gram), -1) @ items.gram_map.reshape(-1, count * count)).reshape(-1, count, count)


def _mixed_pair(U: Blocks, psi_n: Floats, outer: Element) -> Floats:
    """(B,) tr(E_b U₂₁EₐU₁₂) = tr(E_b NᵀΨₐN)."""
    block = U.state.moments.layout.blocks[outer.block]
    at = outer_columns(block)
    shape = (*psi_n.shape[:2], block.levels, block.size)
    left, right = U.N[:, :, at].reshape(shape), psi_n[:, :, at].reshape(shape)
    return np.asarray(sum(np.einsum("brh,brh->b", left[..., i], right[..., j]) for i, j in outer.pairs))


def _outer_pair(U: Blocks, a: Element, b: Element) -> Floats:
    part = U.outer(a.block, b.block)
    total = 0.0
    for i, j in a.pairs:
        for k, h in b.pairs:
            total = total + np.einsum("bxy,bxy->b", part[:, :, i, :, h], part[:, :, j, :, k])
    return np.asarray(total)


def sandwich(U: Blocks, items: tuple[Element, ...], inner: tuple[Floats, ...], outer: Floats) -> tuple[Floats, Floats]:
    """GᵀEₐG and GᵀEₐUE_bG for a matrix G with one row per random effect and C columns.

    Parameters
    ----------
    inner, outer
        G in blocks: per inner factor (P, B, C, J), and (B, C, q₂).

    Returns
    -------
    first, second
        (B, m, C, C) and (B, m, C, m, C).
    """
    B, C, _ = outer.shape
    tiers, m = U.state.moments.layout.tiers, len(items)
    flat = tuple(_turned(elements, G, m) for elements, G in zip(tiers, inner, strict=True))
    flat2 = _turned_outer(U, items, outer)
    first = flat2 @ outer.swapaxes(1, 2)
    for t, G in zip(flat, inner, strict=True):
        first = first + np.add.reduce(t @ G.swapaxes(2, 3), axis=0)
    tied = U.state.moments.layout.tied
    return tied(first.reshape(B, m, C, C), 1), tied(_between(U, flat, flat2).reshape(B, m, C, m, C), 1, 3)


def _between(U: Blocks, flat: tuple[Floats, ...], flat2: Floats) -> Floats:
    """(B, c, c) TᵀUT of a matrix with c columns: per inner factor (P, B, c, J), and (B, c, q₂)."""
    if U.state.links:
        second, x = U.state.chain.quadratic(flat, U.F)
    else:
        x = U.state.moments.cross.up(apply(U.state.E[:, :, :, None], flat[0]), U.state.which)
        second = np.add.reduce(flat[0] @ apply(U.F[0][:, :, :, None], flat[0]).swapaxes(2, 3), axis=0)
    second = second - x @ U.K @ x.swapaxes(1, 2)
    if flat2.shape[2]:
        mixed = x @ U.N @ flat2.swapaxes(1, 2)
        second = second + mixed + mixed.swapaxes(1, 2) + flat2 @ U.U22 @ flat2.swapaxes(1, 2)
    return second


def _turned(elements: InnerElements, G: Floats, m: int) -> Floats:
    """(P, B, m · C, J) EₐG of one inner factor, zero for the elements of others."""
    P, B, C, J = G.shape
    out = np.zeros((P, B, m, C, J))
    out[elements.rows, :, elements.at] = G[elements.columns]
    out[elements.columns, :, elements.at] = G[elements.rows]
    return out.reshape(P, B, m * C, J)


def _turned_outer(U: Blocks, items: tuple[Element, ...], outer: Floats) -> Floats:
    """(B, m · C, q₂) EₐG of the outer terms."""
    B, C, q = outer.shape
    out = np.zeros((B, len(items), C, q))
    for a in U.state.moments.layout.outside:
        item = items[a]
        block = U.state.moments.layout.blocks[item.block]
        at = outer_columns(block)
        given = outer[:, :, at].reshape(B, C, block.levels, block.size)
        target = np.zeros_like(given)
        for i, j in item.pairs:
            target[..., i] += given[..., j]
        out[:, a, :, at] = target.reshape(B, C, block.levels * block.size)
    return out.reshape(B, len(items) * C, q)


def differentiate(state: State) -> Derivatives:
    """All first and second derivatives of the criterion at a state."""
    return Derivatives(state)


@dataclass(frozen=True)
class Derivatives:
    """First and second derivatives with respect to the elements of D, then of θ.

    Each is made when it is first asked for: the gradient is a small part of the price, and where it says that a
    search has ended, nobody may ever want the Hessian.
    """

    state: State

    @Once
    def _projected(self) -> Blocks:
        return make_blocks(self.state, projected=True)

    @Once
    def _of_log(self) -> Blocks:
        """U with P under REML, with V⁻¹ under ML."""
        return self._projected if self.state.reml else make_blocks(self.state, projected=False)

    @Once
    def log(self) -> Floats:
        """(B, m) gradient of the log-determinants of the criterion in the elements of D."""
        return traces(self._of_log, self.state.moments.layout.elements)

    @Once
    def log2(self) -> Floats:
        """(B, m, m) their second derivatives."""
        return -products(self._of_log, self.state.moments.layout.elements)

    @Once
    def r2(self) -> Floats:
        """(B, m) gradient of yᵀPy in the elements of D, −sᵀEₐs."""
        inner, outer = self.state.s
        layout = self.state.moments.layout
        parts = [
            np.add.reduce(s.take(tier.rows, axis=0) * s.take(tier.columns, axis=0), axis=-1).T * tier.weight
            for tier, s in zip(layout.tiers, inner, strict=True)
        ]
        if layout.alone:
            return np.asarray(-parts[0])
        out = np.empty((len(outer), len(layout.elements)))
        for tier, own in zip(layout.tiers, parts, strict=True):
            out[:, tier.at] = own
        for a in layout.outside:
            item = layout.elements[a]
            block = layout.blocks[item.block]
            part = outer[:, outer_columns(block)].reshape(len(outer), block.levels, block.size)
            out[:, a] = sum((part[:, :, i] * part[:, :, j]).sum(axis=1) for i, j in item.pairs)
        return -layout.tied(out, 1)

    @Once
    def r22(self) -> Floats:
        """(B, m, m) second derivatives of yᵀPy."""
        inner, outer = self.state.s
        layout, U = self.state.moments.layout, self._projected
        m = len(layout.elements)
        flat = tuple(_turned(tier, s[:, :, None], m) for tier, s in zip(layout.tiers, inner, strict=True))
        between = _between(U, flat, _turned_outer(U, layout.elements, outer[:, None]))
        return 2.0 * layout.tied(between, 1, 2)

    @Once
    def gradient_cov(self) -> Floats:
        """(B, m) gradient of the profiled deviance in the elements of D."""
        return self.log + (self.state.nu / self.state.r2)[:, None] * self.r2

    @Once
    def hessian_cov(self) -> Floats:
        """(B, m, m) second derivatives of the profiled deviance in the elements of D."""
        ratio = (self.state.nu / self.state.r2)[:, None, None]
        outer = self.r2[:, :, None] * self.r2[:, None, :] / self.state.r2[:, None, None]
        return self.log2 + ratio * (self.r22 - outer)

    @Once
    def jacobian(self) -> Floats:
        """(B, m, m) derivative of the elements of D = ΛΛᵀ in θ."""
        tensor = self.state.moments.layout.jacobian_tensor
        m = len(tensor)
        return np.asarray((self.state.theta @ tensor.reshape(m, -1)).reshape(-1, m, m))

    def curvature(self, gradient_cov: Floats) -> Floats:
        """(B, m, m) second derivative of D(θ) contracted with a gradient in D."""
        tensor = self.state.moments.layout.curvature_tensor
        m = len(tensor)
        return np.asarray((gradient_cov @ tensor.reshape(m, -1)).reshape(-1, m, m))

    @Once
    def _square_jacobian(self) -> Floats:
        """(B, m, M) derivative of the elements of D in those of square factors, at the triangular ones."""
        chart = self.state.moments.layout.square
        M, m, _ = chart.slope.shape
        return np.asarray((chart.lift(self.state.theta) @ chart.slope.reshape(M, -1)).reshape(-1, m, M))

    def square_gradient(self) -> Floats:
        """(B, M) gradient in the elements of square factors, at the triangular ones."""
        return np.asarray((self.gradient_cov[:, None] @ self._square_jacobian)[:, 0])

    def square_hessian(self) -> Floats:
        """(B, M, M) second derivatives there."""
        chart, J = self.state.moments.layout.square, self._square_jacobian
        m, M, _ = chart.bend.shape
        bend = (self.gradient_cov @ chart.bend.reshape(m, -1)).reshape(-1, M, M)
        return np.asarray(J.swapaxes(1, 2) @ self.hessian_cov @ J + bend)

    def gradient(self) -> Floats:
        """(B, m) gradient of the profiled deviance in θ."""
        return np.asarray((self.gradient_cov[:, None] @ self.jacobian)[:, 0])

    def hessian(self) -> Floats:
        """(B, m, m) second derivatives of the profiled deviance in θ."""
        J = self.jacobian
        return np.asarray(J.swapaxes(1, 2) @ self.hessian_cov @ J + self.curvature(self.gradient_cov))
