r"""The profiled ML and REML deviance, its gradient and its Hessian, for many sets at once.

With V = I + Z D Zᵀ, D = Λ Λᵀ block-diagonal, ν = n (ML) or n − p (REML),

.. math:: d(θ) = \log|V| + [\log|X^⊤V^{-1}X|] + ν\{1 + \log(2π\, y^⊤Py / ν)\}

(Bates et al. 2015, eqs 34 and 42; the bracket under REML), P = V⁻¹ − V⁻¹X(XᵀV⁻¹X)⁻¹XᵀV⁻¹.
The inner grouping factor is eliminated group by group: with Aⱼ = ZⱼᵀZⱼ, Bⱼ = ZⱼᵀW and
Eⱼ = (I + D₁Aⱼ)⁻¹ the sums over groups leave Q = WᵀV₁⁻¹W = WᵀW − Σ BⱼᵀEⱼD₁Bⱼ (if finer factors
nest in it, they are eliminated first, :mod:`doublecode.analysis.mixed.engine.nested_elimination`, and all sums are
those with their V in between), and what remains is the r × r system S = TᵀQT + diag(I, 0),
T = diag(Λ₂, I). Everything later needs only U = ZᵀPZ and s = ZᵀPy in blocks:

* U₁₁ = Fⱼδ − HⱼKHⱼᵀ, U₁₂ = HⱼN, U₂₂ = Q₂·N, with Fⱼ = AⱼEⱼ, Hⱼ = EⱼᵀBⱼ,
  K = TS⁻¹Tᵀ, N = (I − KQ)·₂,
* ∂d/∂D = U − (ν / yᵀPy) s sᵀ and
  ∂²d/∂Dₐ∂D_b = −tr(UEₐUE_b) + 2(ν/yᵀPy) sᵀEₐUE_bs − (ν/(yᵀPy)²) (sᵀEₐs)(sᵀE_bs)

(Lindstrom & Bates 1988; under ML the traces take V⁻¹ for P). The factor Λ is not
constrained in sign, so that a zero variance is an ordinary stationary point.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy.linalg import lapack

from doublecode.analysis.mixed.engine.group_sums import Which
from doublecode.analysis.mixed.engine.layout import Block
from doublecode.analysis.mixed.engine.moments import Moments
from doublecode.analysis.mixed.engine.nested_elimination import Chain, Link, eliminate, top_link
from doublecode.analysis.mixed.engine.once import Once
from doublecode.analysis.mixed.engine.small_matrices import (
    apply,
    apply_transposed,
    invert_plus_one,
    multiply,
    of_sets,
    smallest_eigenvalue,
    symmetric,
)

Floats = npt.NDArray[np.float64]
ROUNDING = 1e-15
"""Share of yᵀy that rounding leaves of a residual sum of squares that is zero."""
LARGE = 200
"""Trailing blocks wider than this are inverted one by one, for many sets too."""


_BY_SET = ("Q", "S_inv", "K", "Qy", "gamma", "r2", "log_v", "log_x")


@dataclass(frozen=True)
class State:
    """The blocked solution at given parameters, B sets; all in conditioned units.

    Attributes
    ----------
    moments, which
        What was evaluated: set ``which[b]`` of the moments at ``theta[b]``. Of nested factors these
        are the sums left for the coarsest, a set for each row of `theta`.
    theta
        (B, m) conditioned parameters.
    E
        (P, P, B, J) the inverses (I + D₁Aⱼ)⁻¹.
    Q
        (B, r, r) WᵀV₁⁻¹W.
    S_inv, K
        (B, r, r).
    Qy, gamma
        (B, r) WᵀV₁⁻¹y and K·WᵀV₁⁻¹y; its last p elements are β̂'.
    r2
        (B,) yᵀPy.
    log_v, log_x
        (B,) log|V| and log|XᵀV⁻¹X|.
    links
        The finer ones of nested factors, already eliminated.
    """

    moments: Moments
    which: Which
    theta: Floats
    reml: bool
    D1: Floats
    factors: tuple[Floats, ...]
    E: Floats
    Q: Floats
    S_inv: Floats
    K: Floats
    Qy: Floats
    gamma: Floats
    r2: Floats
    log_v: Floats
    log_x: Floats
    links: tuple[Link, ...] = ()

    def subset(self, keep: npt.NDArray[np.bool_]) -> State:
        """Return the state of some of the sets, nothing solved anew."""
        return replace(
            self,
            which=self.which[keep],
            theta=self.theta[keep],
            D1=self.D1[..., keep],
            factors=tuple(L[keep] for L in self.factors),
            E=self.E[:, :, keep],
            links=tuple(link.subset(keep) for link in self.links),
            **{name: getattr(self, name)[keep] for name in _BY_SET},
        )

    @Once
    def nu(self) -> Floats:
        """(B,) n under ML, n − p under REML."""
        return of_sets(self.moments.criterion(reml=self.reml)[0], self.which)

    @Once
    def deviance(self) -> Floats:
        """(B,) −2 log-likelihood in the units of the data."""
        beside = of_sets(self.moments.criterion(reml=self.reml)[1], self.which)
        value = self.log_v + self.nu * np.log(self.r2) + beside
        return np.asarray(value + self.log_x if self.reml and self.moments.layout.p else value)

    @property
    def sigma2(self) -> Floats:
        """(B,) residual variance in conditioned units, yᵀPy/ν."""
        return self.r2 / self.nu

    @Once
    def least_variance(self) -> Floats:
        """(B,) the smallest variance, in units of the residual's, of any direction of any term."""
        return smallest_variance(self.factors)

    @Once
    def chain(self) -> Chain:
        """All nested factors, if there are some finer ones."""
        return Chain((*self.links, top_link(self.moments, self.which, self.E, self.D1)))

    @Once
    def f_inner(self) -> tuple[Floats, ...]:
        """Per inner factor (P, P, B, J) ZⱼᵀV⁻¹Zⱼ, V with the factor and those below it."""
        A = of_designs(self.moments.ztz, self.which)
        finer = [multiply(link.rows[:, : link.width], link.E) for link in self.links]
        return tuple(symmetric(product) for product in (*finer, multiply(A, self.E)))

    @Once
    def k_marginal(self) -> Floats:
        """(B, r, r) as `K` without the fixed effects, so that V⁻¹ stands for P."""
        q = self.moments.layout.q2
        out = np.zeros_like(self.K)
        if q:
            x = self.S_inv[:, :q, q:]
            inverse = self.S_inv[:, :q, :q] - x @ np.linalg.solve(self.S_inv[:, q:, q:], x.swapaxes(1, 2))
            out[:, :q, :q] = scale_both(inverse, self.factors, self.moments.layout.blocks)
        return out

    @Once
    def s(self) -> tuple[tuple[Floats, ...], Floats]:
        """ZᵀPy: per inner factor (P, B, J), and (B, q₂) outer."""
        zty = of_sets(self.moments.zty, self.which, 1)
        left = zty - self.moments.cross.down(self.gamma[:, None], self.which)[:, :, 0]
        inner = apply_transposed(self.E, left)
        finer = [
            self.chain.final[tier][:, -1] - (self.gamma[:, None] @ self.chain.reach_w(tier).swapaxes(1, 2))[:, :, 0]
            for tier in range(len(self.links))
        ]
        q = self.moments.layout.q2
        outer = self.Qy[:, :q] - (self.Q[:, :q] @ self.gamma[:, :, None])[:, :, 0] if q else self.Qy[:, :0]
        return (*finer, inner), outer


def evaluate(moments: Moments, theta: Floats, which: Which, *, reml: bool) -> State:
    """Solve the mixed-model equations of sets `which` at conditioned parameters `theta`.

    Parameters
    ----------
    moments
        Sufficient statistics, :func:`doublecode.analysis.mixed.engine.moments.make_moments`.
    theta
        (B, m) lower-triangular factors Λ' of all terms, column by column, sign free.
    which
        (B,) the set each row of `theta` belongs to.
    reml
        Criterion; ML if false.

    Raises
    ------
    numpy.linalg.LinAlgError
        If the fixed effects of a set are collinear in its rows.
    """
    layout = moments.layout
    D, factors = _spread(moments, theta)
    D1, rest, log_finer = D[-1], of_sets(moments.yty, which), np.zeros(len(theta))
    links: tuple[Link, ...] = ()
    if moments.finer:
        moments, links, rest, log_finer = eliminate(moments, D[:-1], which)
        which = np.arange(len(theta))
    E, log_inner = invert_plus_one(D1, of_designs(moments.ztz, which))
    ED = symmetric(multiply(E, D1[..., None]))
    Q = of_designs(moments.wtw, which, 0) - moments.cross.quad(ED[:, :, :, None], which)[:, 0]
    zty = of_sets(moments.zty, which, 1)
    v = apply(ED, zty)
    Qy = of_sets(moments.wty, which) - moments.cross.up(v[:, :, None], which)[:, 0]
    q_yy = rest - np.add.reduce(v * zty, axis=(0, 2))
    S, q = Q, layout.q2
    if q:
        S = scale_both(Q, factors, layout.blocks, transpose=True)
        S[:, np.arange(q), np.arange(q)] += 1.0
    S_inv, log_outer, log_x = _invert(S, q)
    K = scale_both(S_inv, factors, layout.blocks) if q else S_inv
    gamma = (K @ Qy[:, :, None])[:, :, 0]
    left = q_yy - np.add.reduce(Qy * gamma, axis=1)
    r2 = np.maximum(left, ROUNDING * of_sets(moments.yty, which))
    log_v = log_finer + log_inner + log_outer
    return State(moments, which, theta, reml, D1, factors, E, Q, S_inv, K, Qy, gamma, r2, log_v, log_x, links)


def smallest_variance(factors: Iterable[Floats]) -> Floats:
    """(B,) the smallest variance of any direction of any term, from the factors Λ (B, p, p) of each."""
    found = [smallest_eigenvalue(L @ L.swapaxes(1, 2)) for L in factors]
    return found[0] if len(found) == 1 else np.asarray(np.minimum.reduce(found))


def of_designs(values: Floats, which: Which, axis: int = 2) -> Floats:
    """Sums of the designs of sets `which`; a design that all of them share stands once, to be broadcast."""
    return values if values.shape[axis] == 1 else of_sets(values, which, axis)


def _spread(moments: Moments, theta: Floats) -> tuple[tuple[Floats, ...], tuple[Floats, ...]]:
    """Θ → D (P, P, B) of each nested inner factor and the factors Λ (B, p, p) of each term."""
    layout = moments.layout
    factors = tuple(block.factor(theta) for block in layout.blocks)
    if len(factors) == 1:
        return ((factors[0] @ factors[0].swapaxes(1, 2)).transpose(1, 2, 0),), factors
    widths = (*(width for _, width in layout.finer), layout.width)
    D = tuple(np.zeros((width, width, len(theta))) for width in widths)
    for block, L in zip(layout.blocks, factors, strict=True):
        if not block.inner:
            continue
        product = (L @ L.swapaxes(1, 2)).transpose(1, 2, 0)
        if block.size == len(D[block.tier]):
            D[block.tier][:] = product
        else:
            for copy in range(block.copies):
                at = slice(block.start + copy, block.start + copy + block.size)
                D[block.tier][at, at] = product
    return D, factors


def outer_columns(block: Block) -> slice:
    """Columns of an outer term among the q₂."""
    return slice(block.start, block.start + block.size * block.levels)


def scale_both(Q: Floats, factors: tuple[Floats, ...], blocks: tuple[Block, ...], *, transpose: bool = False) -> Floats:
    """T Q Tᵀ, or Tᵀ Q T if `transpose`, for T = diag(I ⊗ Λ of each outer term, I)."""
    out = np.array(Q)
    for L, block in zip(factors, blocks, strict=True):
        if block.inner:
            continue
        at = outer_columns(block)
        if block.size == 1:
            out[:, at, :] *= L
            out[:, :, at] *= L
            continue
        M = L if transpose else L.swapaxes(1, 2)
        for _ in range(2):
            part = out[:, :, at]
            shaped = part.reshape(*part.shape[:2], block.levels, block.size)
            out[:, :, at] = (shaped @ M[:, None]).reshape(part.shape)
            out = np.ascontiguousarray(out.swapaxes(1, 2))
    return out


def _invert(S: Floats, q: int) -> tuple[Floats, Floats, Floats]:
    """Inverse of S and the log-determinants of its random and its fixed part."""
    if S.shape[1] == 0:
        return S, np.zeros(len(S)), np.zeros(len(S))
    if len(S) > 1 and S.shape[1] <= LARGE:
        L = np.linalg.cholesky(S)
        log = 2.0 * np.log(L.diagonal(axis1=1, axis2=2))
        root: Floats = np.asarray(np.linalg.inv(L), dtype=float)
        return root.swapaxes(1, 2) @ root, log[:, :q].sum(axis=1), log[:, q:].sum(axis=1)
    parts = [_invert_one(one, q) for one in S]
    if len(parts) == 1:
        inverse, log_outer, log_x = parts[0]
        return inverse[None], np.array([log_outer]), np.array([log_x])
    return np.stack([p[0] for p in parts]), np.array([p[1] for p in parts]), np.array([p[2] for p in parts])


def _invert_one(S: Floats, q: int) -> tuple[Floats, np.float64, np.float64]:
    """The same of one matrix by LAPACK itself, which spares a small one numpy's set-up and a large one a product."""
    L, info = lapack.dpotrf(S, lower=1)
    if info:
        raise np.linalg.LinAlgError(f"trailing block is not positive definite at column {info}")
    log = 2.0 * np.log(L.diagonal())
    lower, _ = lapack.dpotri(L, lower=1)  # above the diagonal it leaves the noughts of L
    inverse = lower + lower.T
    inverse.ravel("K")[:: len(S) + 1] *= 0.5
    return inverse, np.add.reduce(log[:q]), np.add.reduce(log[q:])
