"""Gradient and Hessian of the deviance from the blocks of ZᵀPZ and ZᵀPy.

An *element* a of D is a pair (k, h), k ≥ h, of one term; Eₐ is the symmetric matrix
of its derivative, the same in every level. Formulas in
:mod:`doublecode.analysis.mixed.likelihood`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from doublecode.analysis.mixed.likelihood import State, apply, multiply, outer_columns
from doublecode.analysis.mixed.moments import Block

Floats = npt.NDArray[np.float64]
Pairs = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Element:
    """One distinct element of D: its term, whether inner, and the ordered pairs of Eₐ.

    Pairs are positions among the P inner columns, or within the term if outer.
    """

    block: int
    inner: bool
    pairs: Pairs


def elements(blocks: tuple[Block, ...]) -> list[Element]:
    """All distinct elements of D in the order of θ."""
    out = []
    for number, block in enumerate(blocks):
        shift = block.start if block.inner else 0
        for k, h in block.elements:
            pairs: Pairs = ((k + shift, h + shift),)
            if k != h:
                pairs = (*pairs, (h + shift, k + shift))
            out.append(Element(number, block.inner, pairs))
    return out


@dataclass(frozen=True)
class Blocks:
    """U = ZᵀPZ (or ZᵀV⁻¹Z) of B sets, in the form that sums over it need.

    Attributes
    ----------
    F, Y
        (P, P, B, J): U₁₁ of group j with itself is F − Y.
    K
        (B, r, r): U₁₁ of groups i ≠ j is −Hᵢ K Hⱼᵀ.
    N
        (B, r, q₂): U₁₂ = H N.
    U22
        (B, q₂, q₂).
    """

    state: State
    F: Floats
    Y: Floats
    K: Floats
    N: Floats
    U22: Floats

    def outer(self, first: int, second: int) -> Floats:
        """(B, levels, p, levels', p') of U₂₂ between two outer terms."""
        a, b = (self.state.moments.layout.blocks[i] for i in (first, second))
        part = self.U22[:, outer_columns(a), outer_columns(b)]
        return part.reshape(len(part), a.levels, a.size, b.levels, b.size)


def make_blocks(state: State, *, projected: bool) -> Blocks:
    """U with P (`projected`) or with V⁻¹."""
    q = state.moments.layout.q2
    K = state.K if projected else state.k_marginal
    N = -(K @ state.Q[:, :, :q])
    N[:, np.arange(q), np.arange(q)] += 1.0
    U22 = state.Q[:, :q] @ N
    lifted = state.moments.cross.lift(K, state.which)
    Y = multiply(multiply(state.E.swapaxes(0, 1), lifted), state.E)
    return Blocks(state, state.f_inner, Y, K, N, 0.5 * (U22 + np.swapaxes(U22, 1, 2)))


def traces(U: Blocks, items: list[Element]) -> Floats:
    """(B, m) tr(U Eₐ)."""
    out = np.empty((len(U.K), len(items)))
    for a, item in enumerate(items):
        if item.inner:
            out[:, a] = sum((U.F[i, j] - U.Y[i, j]).sum(axis=-1) for i, j in item.pairs)
        else:
            diagonal = np.einsum("blilj->bij", U.outer(item.block, item.block))
            out[:, a] = sum(diagonal[:, i, j] for i, j in item.pairs)
    return out


def products(U: Blocks, items: list[Element]) -> Floats:
    """(B, m, m) tr(U Eₐ U E_b)."""
    B, m = len(U.K), len(items)
    out = np.empty((B, m, m))
    psi = {a: _psi(U, item) for a, item in enumerate(items) if item.inner}
    k_psi = {a: U.K @ matrix for a, matrix in psi.items()}
    through = {a: _through(U, matrix) for a, matrix in psi.items()} if U.N.shape[2] else {}
    grams = _inner_grams(U)
    for a in range(m):
        for b in range(a, m):
            first, second = items[a], items[b]
            if first.inner and second.inner:
                value = _inner_pair(grams, first, second) + np.einsum("brs,bsr->b", k_psi[a], k_psi[b])
            elif first.inner or second.inner:
                inner, outer = (a, second) if first.inner else (b, first)
                value = _mixed_pair(U, through[inner], outer)
            else:
                value = _outer_pair(U, first, second)
            out[:, a, b] = out[:, b, a] = value
    return out


def _psi(U: Blocks, item: Element) -> Floats:
    """(B, r, r) Σⱼ HⱼᵀEₐHⱼ."""
    E = U.state.E
    P = len(E)
    M = np.array([[sum(E[k, i] * E[h, j] for i, j in item.pairs) for h in range(P)] for k in range(P)])
    return U.state.moments.cross.quad(M, U.state.which)


def _through(U: Blocks, psi: Floats) -> Floats:
    """(B, q₂, q₂) NᵀΨₐN = U₂₁EₐU₁₂."""
    return np.swapaxes(U.N, 1, 2) @ psi @ U.N


def _inner_grams(U: Blocks) -> dict[tuple[int, int, int, int], Floats]:
    """Σⱼ F[i, j]F[k, h] − F[i, j]Y[k, h] − Y[i, j]F[k, h] for all index pairs, i ≤ j and k ≤ h."""
    P = len(U.F)
    pairs = [(i, j) for i in range(P) for j in range(i, P)]
    F = np.stack([U.F[i, j] for i, j in pairs], axis=1)
    Y = np.stack([U.Y[i, j] for i, j in pairs], axis=1)
    gram = F @ np.swapaxes(F - Y, 1, 2) - Y @ np.swapaxes(F, 1, 2)
    return {(*p, *q): gram[:, u, v] for u, p in enumerate(pairs) for v, q in enumerate(pairs)}


def _inner_pair(grams: dict[tuple[int, int, int, int], Floats], a: Element, b: Element) -> Floats:
    total = 0.0
    for i, j in a.pairs:
        for k, h in b.pairs:
            total = total + grams[min(h, i), max(h, i), min(j, k), max(j, k)]
    return np.asarray(total)


def _mixed_pair(U: Blocks, through: Floats, outer: Element) -> Floats:
    block = U.state.moments.layout.blocks[outer.block]
    at = outer_columns(block)
    part = through[:, at, at].reshape(len(through), block.levels, block.size, block.levels, block.size)
    diagonal = np.einsum("blilj->bij", part)
    return np.asarray(sum(diagonal[:, i, j] for i, j in outer.pairs))


def _outer_pair(U: Blocks, a: Element, b: Element) -> Floats:
    part = U.outer(a.block, b.block)
    total = 0.0
    for i, j in a.pairs:
        for k, h in b.pairs:
            total = total + np.einsum("bxy,bxy->b", part[:, :, i, :, h], part[:, :, j, :, k])
    return np.asarray(total)


def sandwich(U: Blocks, items: list[Element], inner: Floats, outer: Floats) -> tuple[Floats, Floats]:
    """GᵀEₐG and GᵀEₐUE_bG for a matrix G with one row per random effect and C columns.

    Parameters
    ----------
    inner, outer
        G in blocks: (P, B, C, J) and (B, C, q₂).

    Returns
    -------
    first, second
        (B, m, C, C) and (B, m, C, m, C).
    """
    P, B, C, J = inner.shape
    m, q = len(items), outer.shape[2]
    t1, t2 = np.zeros((P, B, m, C, J)), np.zeros((B, m, C, q))
    for a, item in enumerate(items):
        block = U.state.moments.layout.blocks[item.block]
        if item.inner:
            for i, j in item.pairs:
                t1[i, :, a] += inner[j]
            continue
        at = outer_columns(block)
        given = outer[:, :, at].reshape(B, C, block.levels, block.size)
        target = np.zeros_like(given)
        for i, j in item.pairs:
            target[..., i] += given[..., j]
        t2[:, a, :, at] = target.reshape(B, C, -1)
    t1, t2 = t1.reshape(P, B, m * C, J), t2.reshape(B, m * C, q)
    first = sum(t1[k] @ np.swapaxes(inner[k], 1, 2) for k in range(P)) + t2 @ np.swapaxes(outer, 1, 2)
    x = U.state.moments.cross.up(apply(U.state.E[:, :, :, None], t1), U.state.which)
    Ft = apply(U.F[:, :, :, None], t1)
    second = sum(t1[k] @ np.swapaxes(Ft[k], 1, 2) for k in range(P)) - x @ U.K @ np.swapaxes(x, 1, 2)
    if q:
        mixed = x @ U.N @ np.swapaxes(t2, 1, 2)
        second = second + mixed + np.swapaxes(mixed, 1, 2) + t2 @ U.U22 @ np.swapaxes(t2, 1, 2)
    return first.reshape(B, m, C, C), second.reshape(B, m, C, m, C)


def differentiate(state: State) -> Derivatives:
    """All first and second derivatives of the criterion at a state."""
    items = elements(state.moments.layout.blocks)
    U = make_blocks(state, projected=True)
    inner, outer = state.s
    first, second = sandwich(U, items, inner[:, :, None], outer[:, None])
    first, second = first[:, :, 0, 0], second[:, :, 0, :, 0]
    T = U if state.reml else make_blocks(state, projected=False)
    return Derivatives(state, traces(T, items), -first, -products(T, items), 2.0 * second)


@dataclass(frozen=True)
class Derivatives:
    """First and second derivatives with respect to the elements of D, then of θ.

    Attributes
    ----------
    log, r2
        (B, m) gradients of the log-determinants of the criterion and of yᵀPy in the elements of D.
    log2, r22
        (B, m, m) their second derivatives.
    """

    state: State
    log: Floats
    r2: Floats
    log2: Floats
    r22: Floats

    @cached_property
    def gradient_cov(self) -> Floats:
        """(B, m) gradient of the profiled deviance in the elements of D."""
        return self.log + (self.state.nu / self.state.r2)[:, None] * self.r2

    @cached_property
    def hessian_cov(self) -> Floats:
        """(B, m, m) second derivatives of the profiled deviance in the elements of D."""
        ratio = (self.state.nu / self.state.r2)[:, None, None]
        outer = self.r2[:, :, None] * self.r2[:, None, :] / self.state.r2[:, None, None]
        return self.log2 + ratio * (self.r22 - outer)

    def gradient(self) -> Floats:
        """(B, m) gradient of the profiled deviance in θ."""
        J = jacobian(self.state.moments.layout.blocks, self.state.theta)
        return np.einsum("ba,bat->bt", self.gradient_cov, J)

    def hessian(self) -> Floats:
        """(B, m, m) second derivatives of the profiled deviance in θ."""
        blocks = self.state.moments.layout.blocks
        J = jacobian(blocks, self.state.theta)
        return np.swapaxes(J, 1, 2) @ self.hessian_cov @ J + curvature(blocks, self.gradient_cov)


def jacobian(blocks: tuple[Block, ...], theta: Floats) -> Floats:
    """(B, m, m) derivative of the elements of D = ΛΛᵀ in those of Λ."""
    B, m = theta.shape
    out = np.zeros((B, m, m))
    for block in blocks:
        at = {kl: block.theta.start + i for i, kl in enumerate(block.elements)}
        for (i, j), row in at.items():
            for h in range(j + 1):
                out[:, row, at[i, h]] += theta[:, at[j, h]]
                out[:, row, at[j, h]] += theta[:, at[i, h]]
    return out


def curvature(blocks: tuple[Block, ...], gradient_cov: Floats) -> Floats:
    """(B, m, m) second derivative of D(Λ) contracted with a gradient in D."""
    B, m = gradient_cov.shape
    out = np.zeros((B, m, m))
    for block in blocks:
        at = {kl: block.theta.start + i for i, kl in enumerate(block.elements)}
        for (k, h), row in at.items():
            for (i, j), column in at.items():
                if h == j:
                    g = gradient_cov[:, at[max(k, i), min(k, i)]]
                    out[:, row, column] += 2.0 * g if k == i else g
    return out
