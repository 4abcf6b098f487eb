r"""Tests of fixed effects in small samples: Satterthwaite and Kenward–Roger.

*Satterthwaite* (Fai & Cornelius 1996; Kuznetsova, Brockhoff & Christensen 2017): the
degrees of freedom of lᵀβ̂ are 2 f² / (gᵀ A g) with f = lᵀΦl, g its gradient in the variance
parameters (θ, σ) and A = 2 H⁻¹, H the Hessian of the deviance in (θ, σ).

*Kenward–Roger* (1997, Biometrics 53, 983–997): with Gₐ the derivatives of the covariance of
y, W the inverse of the expected REML information ½ tr(PGₐPG_b), the adjusted covariance is

.. math:: Φ_A = Φ + 2Φ\{\sum_{ab} W_{ab}(Q_{ab} - P_aΦP_b)\}Φ .

The engine uses that Q_ab − PₐΦP_b = RᵀEₐUE_bR with R = ZᵀV⁻¹X and U = ZᵀPZ, and that the
adjustment does not change if the residual's matrix I is exchanged for V itself, whose terms
vanish from the sum; so it costs no more than the Hessian. The covariances of singular
fits are used as they stand, as pbkrtest does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from doublecode.analysis.mixed.engine.derivatives import Blocks, Derivatives, make_blocks, sandwich
from doublecode.analysis.mixed.engine.layout import Element
from doublecode.analysis.mixed.engine.likelihood import State
from doublecode.analysis.mixed.engine.small_matrices import apply_transposed

Floats = npt.NDArray[np.float64]
Method = Literal["z", "satterthwaite", "kenward-roger"]


def fixed_effects(state: State) -> tuple[Floats, Floats]:
    """(B, p) estimates and (B, p, p) covariance of the fixed effects in the units of the data."""
    c, p = state.moments.conditioning, state.moments.layout.p
    q = state.moments.layout.q2
    scale = c.scale[state.which]
    inverse = np.linalg.inv(c.x_root) if p else c.x_root
    beta = (c.shift[state.which] + state.gamma[:, q:] * scale[:, None]) @ inverse.T
    relative = inverse @ state.S_inv[:, q:, q:] @ inverse.T
    return beta, relative * (state.sigma2 * scale**2)[:, None, None]


def conditional_columns(state: State) -> tuple[tuple[Floats, ...], Floats]:
    """R = ZᵀV⁻¹X in blocks: per inner factor (P, B, p, J), and (B, p, q₂) outer, conditioned."""
    q = state.moments.layout.q2
    Nx = -(state.k_marginal @ state.Q[:, :, q:])
    Nx[:, np.arange(q, Nx.shape[1]), np.arange(Nx.shape[2])] += 1.0
    transposed = np.swapaxes(Nx, 1, 2)
    inner = apply_transposed(state.E[:, :, :, None], state.moments.cross.down(transposed, state.which))
    finer = [transposed @ state.chain.reach_w(tier).swapaxes(1, 2) for tier in range(len(state.links))]
    return (*finer, inner), transposed @ state.Q[:, :, :q]


@dataclass(frozen=True)
class SmallSample:
    """What t and F tests of any contrast need, for B sets; fixed effects in original units.

    Attributes
    ----------
    vcov
        (B, p, p) covariance that the tests use (adjusted under Kenward–Roger).
    plain
        (B, p, p) the unadjusted covariance Φ.
    slopes
        (B, v, p, p) derivative of Φ in each variance parameter.
    spread
        (B, v, v) covariance of the variance parameters.
    """

    method: Method
    vcov: Floats
    plain: Floats
    slopes: Floats
    spread: Floats

    def dof(self, contrasts: Floats) -> Floats:
        """(B, k) degrees of freedom of k contrasts, one per row of (k, p)."""
        if self.method == "z" or not len(contrasts):
            return np.full((len(self.vcov), len(contrasts)), np.inf)
        if self.method == "kenward-roger":
            return np.stack([self._kr(c[None])[0] for c in contrasts], axis=1)
        f = np.einsum("kp,bpq,kq->bk", contrasts, self.plain, contrasts, optimize=True)
        g = np.einsum("kp,bvpq,kq->bkv", contrasts, self.slopes, contrasts, optimize=True)
        with np.errstate(divide="ignore"):
            return np.asarray(2.0 * f**2 / np.einsum("bkv,bvw,bkw->bk", g, self.spread, g, optimize=True))

    def f_test(self, beta: Floats, L: Floats) -> tuple[Floats, Floats]:
        """F (B,) and denominator degrees of freedom (B,) of Lβ = 0, L (q, p) of full rank."""
        q = len(L)
        difference = beta @ L.T
        between = L @ self.vcov @ L.T
        F = np.einsum("bi,bi->b", difference, np.linalg.solve(between, difference[..., None])[..., 0]) / q
        if self.method == "z":
            return F, np.full(len(F), np.inf)
        if self.method == "kenward-roger":
            df, scale = self._kr(L)
            return F * scale, df
        return F, np.array([self._pooled(b, L) for b in range(len(F))])

    def _pooled(self, b: int, L: Floats) -> float:
        """Satterthwaite df of several rows: those of the independent directions, pooled through E F."""
        _, vectors = np.linalg.eigh(L @ self.plain[b] @ L.T)
        one = SmallSample(self.method, self.vcov[[b]], self.plain[[b]], self.slopes[[b]], self.spread[[b]])
        nu = one.dof(vectors.T @ L)[0]
        if len(nu) == 1 or np.ptp(nu) < 1e-8:
            return float(nu.mean())
        if (nu <= 2.0).any():
            return 2.0
        expected = float((nu / (nu - 2.0)).sum())
        return 2.0 * expected / (expected - len(nu))

    def _kr(self, L: Floats) -> tuple[Floats, Floats]:
        """Denominator df and scale λ of the Kenward–Roger F of Lβ (B,), after their section 3."""
        q = len(L)
        middle = L.T @ np.linalg.solve(L @ self.plain @ L.T, L[None] + np.zeros((len(self.plain), 1, 1)))
        products = np.einsum("bpq,bvqr->bvpr", middle, self.slopes, optimize=True)
        trace = np.einsum("bvpp->bv", products)
        A1 = np.einsum("bvw,bv,bw->b", self.spread, trace, trace, optimize=True)
        A2 = np.einsum("bvw,bvpq,bwqp->b", self.spread, products, products, optimize=True)
        return _kr_moments(A1, A2, q)


def _kr_moments(A1: Floats, A2: Floats, q: int) -> tuple[Floats, Floats]:
    """Match the mean and variance of F to λF(q, df): Kenward & Roger 1997, eqs 4–9."""
    A2 = np.where(A2 > 0.0, A2, np.finfo(float).tiny)
    B = (A1 + 6.0 * A2) / (2.0 * q)
    g = ((q + 1) * A1 - (q + 4) * A2) / ((q + 2) * A2)
    bottom = 3.0 * q + 2.0 * (1.0 - g)
    c1, c2, c3 = g / bottom, (q - g) / bottom, (q + 2 - g) / bottom
    top, v1, v2 = 1.0 + c1 * B, 1.0 - c2 * B, 1.0 - c3 * B
    top = np.where(np.abs(top) < 1e-10, 0.0, top)
    first = 1.0 - A2 / q
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where((np.abs(first) < 1e-14) & (np.abs(v1) < 1e-14), 1.0, first / v1)
        rho = ratio**2 * top / v2 / q
        df = 4.0 + (q + 2.0) / (q * rho - 1.0)
        scale = np.where(np.abs(df - 2.0) < 1e-2, 1.0, df * first / (df - 2.0))
    return df, scale


def small_sample(derivatives: Derivatives, method: Method) -> SmallSample:
    """Prepare the tests of fixed effects at a fitted state, for all its sets.

    Under ML Kenward–Roger is not defined; the caller refuses it.
    """
    state = derivatives.state
    _, plain = fixed_effects(state)
    B, p = plain.shape[:2]
    if method == "z":
        return SmallSample(method, plain, plain, np.zeros((B, 0, p, p)), np.zeros((B, 0, 0)))
    U = make_blocks(state, projected=True)
    items = state.moments.layout.elements
    first, second = _fixed_sandwich(U, items)
    c = state.moments.conditioning
    q = state.moments.layout.q2
    inverse = np.linalg.inv(c.x_root) if p else c.x_root
    phi = state.S_inv[:, q:, q:]
    unit = (state.sigma2 * c.scale[state.which] ** 2)[:, None, None]
    back = inverse @ phi
    slopes = back[:, None] @ first @ np.swapaxes(back, 1, 2)[:, None] * unit[:, None]
    if method == "satterthwaite":
        return _satterthwaite(derivatives, plain, slopes)
    spread = _inverse_information(derivatives)
    inside = np.einsum("bvw,bviwj->bij", spread[:, 1:, 1:], second, optimize=True)
    adjusted = plain + 2.0 * unit * (back @ inside @ np.swapaxes(back, 1, 2))
    adjusted = 0.5 * (adjusted + np.swapaxes(adjusted, 1, 2))
    every = np.concatenate([plain[:, None], slopes], axis=1)
    return SmallSample(method, adjusted, plain, every, spread)


def _fixed_sandwich(U: Blocks, items: tuple[Element, ...]) -> tuple[Floats, Floats]:
    """RᵀEₐR and RᵀEₐUE_bR."""
    inner, outer = conditional_columns(U.state)
    return sandwich(U, items, inner, outer)


def _satterthwaite(derivatives: Derivatives, plain: Floats, slopes: Floats) -> SmallSample:
    """Variance parameters (θ, σ), as lmerTest has them; σ in conditioned units."""
    state = derivatives.state
    J = derivatives.jacobian
    sigma2 = state.sigma2
    sigma = np.sqrt(sigma2)
    B, m = state.theta.shape
    H = np.empty((B, m + 1, m + 1))
    inside = derivatives.log2 + derivatives.r22 / sigma2[:, None, None]
    gradient = derivatives.log + derivatives.r2 / sigma2[:, None]
    H[:, :m, :m] = np.swapaxes(J, 1, 2) @ inside @ J + derivatives.curvature(gradient)
    r2 = np.einsum("ba,bat->bt", derivatives.r2, J)
    H[:, :m, m] = H[:, m, :m] = -2.0 * r2 / (sigma**3)[:, None]
    H[:, m, m] = 6.0 * state.r2 / sigma2**2 - 2.0 * state.nu / sigma2
    in_theta = np.einsum("bapq,bat->btpq", slopes, J)
    every = np.concatenate([in_theta, (plain * (2.0 / sigma)[:, None, None])[:, None]], axis=1)
    return SmallSample("satterthwaite", plain, plain, every, 2.0 * positive_inverse(H))


def _inverse_information(derivatives: Derivatives) -> Floats:
    """(B, m + 1, m + 1) W: 2 × the inverse of tr(PGₐPG_b), G₀ = V, then Gₐ = ZEₐZᵀ (σ² = 1)."""
    state = derivatives.state
    B, m = state.theta.shape
    information = np.empty((B, m + 1, m + 1))
    information[:, 0, 0] = state.nu
    information[:, 0, 1:] = information[:, 1:, 0] = derivatives.log
    information[:, 1:, 1:] = -derivatives.log2
    return 2.0 * positive_inverse(information)


def positive_inverse(H: Floats, tolerance: float = 1e-10) -> Floats:
    """Inverse on the eigenvectors of positive eigenvalue, after scaling to a unit diagonal."""
    d = np.sqrt(np.maximum(np.abs(np.diagonal(H, axis1=1, axis2=2)), 1e-300))
    values, vectors = np.linalg.eigh(H / (d[:, :, None] * d[:, None, :]))
    keep = values > tolerance
    inverse = np.where(keep, 1.0 / np.where(keep, values, 1.0), 0.0)
    scaled = (vectors * inverse[:, None, :]) @ np.swapaxes(vectors, 1, 2)
    return np.asarray(scaled / (d[:, :, None] * d[:, None, :]))
