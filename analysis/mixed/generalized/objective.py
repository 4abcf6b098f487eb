r"""Minus the approximate marginal log-likelihood in joint (θ, β, ψ), and its gradient.

With spherical effects u, η = o + Xβ + Mu and M = ZΛ(θ), the mode û maximises Σ wℓ(η) − ½uᵀu, H = MᵀWM + I with
W = −w ∂²ℓ/∂η². Laplace's approximation (Bates et al. 2015; Bolker et al. 2009) is

.. math:: F = -\sum_i w_i ℓ_i(\hat η) + \tfrac12 \hat u^⊤\hat u + \tfrac12 \log|H| ,

adaptive Gauss–Hermite quadrature with Q nodes z_q and weights (Pinheiro & Bates 1995; Liu & Pierce 1994), for one
scalar random term and groups j with σ = H^{-1/2}, u_q = û + √2 σ z_q,

.. math:: F = -\sum_j \Bigl[\log σ_j + \log \sum_q \exp\{\textstyle\sum_i w_iℓ_i(η_q) - \tfrac12u_q^2 + z_q^2
          + \log w_q\} - \tfrac12\log π\Bigr] ,

which is Laplace's for Q = 1. The gradient is exact: F depends on û and H, too. Let κ be the derivative of F by ½H
(H⁻¹ for Laplace, −γσ³ for quadrature, γ = ∂F/∂σ), t = ½ diag(MκMᵀ) ∂W/∂η, α = ∂F/∂û at fixed H, and
a = H⁻¹(α + Mᵀt); then û moves F by −aᵀ(∂²/∂u∂x) of the penalised log-likelihood.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from doublecode.analysis.mixed.generalized.density import NodeDensity, RowDensity, RowDerivatives
from doublecode.analysis.mixed.generalized.random_part import RandomPart
from doublecode.analysis.mixed.generalized.system import System, make_system

Floats = npt.NDArray[np.float64]
Pair = tuple[Floats, Floats]

MODE_STEPS, MODE_DONE = 100, 1e-11
"""Most Newton steps to a mode, and twice the predicted rise below which the last one is taken."""


@dataclass(frozen=True)
class Problem:
    """One data set in the engine's order and units; n rows, p columns.

    Attributes
    ----------
    part
        The random part.
    X
        (n, p) fixed-effects columns, orthogonal with mean square one.
    offset, weights
        (n,) known part of η, and prior weights of the rows.
    density
        Outcomes.
    n_nodes
        Quadrature nodes; 1 is Laplace's approximation.
    precision
        (p, p) of a normal prior on β in these units, or None.
    """

    part: RandomPart
    X: Floats
    offset: Floats
    weights: Floats
    density: RowDensity
    n_nodes: int = 1
    precision: Floats | None = None

    @property
    def size(self) -> int:
        """Number of parameters (θ, β, ψ)."""
        return int(self.part.m + self.X.shape[1] + self.density.n_shape)

    @cached_property
    def nodes(self) -> Pair:
        """(Q,) nodes z and log-weights of ∫ e^{−z²}."""
        z, w = np.polynomial.hermite.hermgauss(self.n_nodes)
        return np.asarray(z), np.asarray(np.log(w))

    @cached_property
    def at_nodes(self) -> NodeDensity | None:
        """The density, if it has a short way for quadrature."""
        return self.density if isinstance(self.density, NodeDensity) else None

    def split(self, x: Floats) -> tuple[Floats, Floats, Floats]:
        """θ (m,), β (p,), ψ (k,)."""
        m, p = self.part.m, self.X.shape[1]
        return x[:m], x[m : m + p], x[m + p :]


@dataclass(frozen=True)
class Mode:
    """The penalised solution at given parameters.

    Attributes
    ----------
    inner, outer
        (P, J) and (q₂,) spherical modes û.
    rows
        (R, n) the modes as they act on rows.
    eta
        (n,) linear predictor.
    """

    inner: Floats
    outer: Floats
    rows: Floats
    eta: Floats
    M: Floats
    fixed: Floats


def find_mode(problem: Problem, x: Floats, start: Mode | None = None) -> Mode:
    """Newton's method with halved steps from the modes of `start`; the objective is concave.

    Raises
    ------
    numpy.linalg.LinAlgError
        No finite value at these parameters.
    """
    part = problem.part
    theta, beta, psi = problem.split(x)
    M, fixed = part.scaled(theta), problem.offset + problem.X @ beta
    inner, outer = np.zeros((part.width, part.n_groups)), np.zeros(part.q2)
    if start is not None:
        inner, outer = start.inner, start.outer
    now = _at(problem, M, fixed, inner, outer)
    value, d1, d2 = _penalised(problem, now, psi)
    if start is not None and not np.isfinite(value):
        return find_mode(problem, x)
    for _ in range(MODE_STEPS):
        up = part.sums(M * d1)
        gradient = up[0] - now.inner, up[1] - now.outer
        step = make_system(part, M, -d2).solve(*gradient)
        rise = float((gradient[0] * step[0]).sum() + gradient[1] @ step[1])
        if rise < MODE_DONE:
            return _at(problem, M, fixed, now.inner + step[0], now.outer + step[1])
        scale = 1.0
        while True:
            trial = _at(problem, M, fixed, now.inner + scale * step[0], now.outer + scale * step[1])
            found = _penalised(problem, trial, psi)
            if found[0] >= value - 1e-12 * (1.0 + abs(value)):
                break
            scale *= 0.5
            if scale < 1e-10:
                return now
        now, (value, d1, d2) = trial, found
    return now


def _at(problem: Problem, M: Floats, fixed: Floats, inner: Floats, outer: Floats) -> Mode:
    rows = problem.part.by_row(inner, outer)
    return Mode(inner, outer, rows, fixed + (M * rows).sum(axis=0), M, fixed)


def _penalised(problem: Problem, mode: Mode, psi: Floats) -> tuple[float, Floats, Floats]:
    """Penalised log-likelihood, and w times two derivatives of ℓ by η."""
    value, d1, d2 = problem.density.newton(mode.eta, psi)
    w = problem.weights
    penalty = 0.5 * (float((mode.inner**2).sum()) + float(mode.outer @ mode.outer))
    return float(w @ value) - penalty, w * d1, w * d2


@dataclass(frozen=True)
class Point:
    """The objective at one x (m + p + k,): value, gradient, and the state to go on from.

    `slope`, `curvature` (n,) and `slope_psi` (n, k) are w ∂ℓ/∂η, −w ∂²ℓ/∂η² and w ∂²ℓ/∂η∂ψ at the modes.
    """

    x: Floats
    value: float
    gradient: Floats
    mode: Mode
    system: System
    slope: Floats
    curvature: Floats
    slope_psi: Floats | None


@dataclass(frozen=True)
class _Sides:
    """How F depends on what the gradient is made of; rows (…, n) of η at the nodes, or at the mode for Laplace.

    e (Q, n) are weighted ∂F/∂η at fixed û and σ, u (Q, R, n) the effects they act with; `kappa` (n, R, R).
    """

    value: float
    e: Floats
    u: Floats
    psi: Floats
    alpha: Pair
    kappa: Floats


def predicted(problem: Problem, near: Point, x: Floats) -> Mode:
    """The modes of a point moved to x to first order: û changes by −H⁻¹ (∂²/∂u∂x) of the penalised log-likelihood."""
    part, mode = problem.part, near.mode
    before, after = problem.split(near.x), problem.split(x)
    turned = part.scaled(after[0] - before[0])
    moved = (turned * mode.rows).sum(axis=0) + problem.X @ (after[1] - before[1])
    pull = near.curvature * moved
    if near.slope_psi is not None:
        pull = pull - near.slope_psi @ (after[2] - before[2])
    down = part.sums(turned * near.slope - mode.M * pull)
    step = near.system.solve(*down)
    fixed = problem.offset + problem.X @ after[1]
    return _at(problem, mode.M + turned, fixed, mode.inner + step[0], mode.outer + step[1])


def evaluate(problem: Problem, x: Floats, start: Point | None = None, *, search: bool = True) -> Point:
    """Value and gradient of F at x; from the modes of another point, if one is given.

    Without a `search` the predicted modes are taken as they are: their error is even in the move from `start`, so that
    central differences of the gradient are free of it.

    Raises
    ------
    numpy.linalg.LinAlgError
        No finite value there.
    """
    psi = problem.split(x)[2]
    mode = None if start is None else predicted(problem, start, x)
    if mode is None or search:
        mode = find_mode(problem, x, mode)
    at_mode = problem.density.derivatives(mode.eta, psi)
    W = -problem.weights * at_mode.d2
    system = make_system(problem.part, mode.M, W)
    sides = (
        _laplace(problem, mode, at_mode, system) if problem.n_nodes == 1 else _quadrature(problem, mode, psi, system)
    )
    gradient = _gradient(problem, mode, at_mode, W, system, sides)
    value = sides.value
    if problem.precision is not None:
        beta = problem.split(x)[1]
        pull = problem.precision @ beta
        value += 0.5 * float(beta @ pull)
        gradient[problem.part.m : problem.part.m + len(beta)] += pull
    if not (np.isfinite(value) and np.isfinite(gradient).all()):
        raise np.linalg.LinAlgError("the objective is not finite here")
    w = problem.weights
    slope_psi = None if at_mode.d1_psi is None else w[:, None] * at_mode.d1_psi
    return Point(x, value, gradient, mode, system, w * at_mode.d1, W, slope_psi)


def _laplace(problem: Problem, mode: Mode, at_mode: RowDerivatives, system: System) -> _Sides:
    w = problem.weights
    penalty = 0.5 * (float((mode.inner**2).sum()) + float(mode.outer @ mode.outer))
    value = -float(w @ at_mode.value) + penalty + 0.5 * system.log_det
    by_psi = np.zeros(0) if at_mode.psi is None else -(w @ at_mode.psi)
    zero = np.zeros_like(mode.inner), np.zeros_like(mode.outer)
    return _Sides(value, -(w * at_mode.d1)[None], mode.rows[None], by_psi, zero, system.local())


def _quadrature(problem: Problem, mode: Mode, psi: Floats, system: System) -> _Sides:
    part, w = problem.part, problem.weights
    z, log_w = problem.nodes
    sd = np.sqrt(system.A_inv[:, 0, 0])
    u = mode.inner[0] + np.sqrt(2.0) * z[:, None] * sd
    rows = u[:, part.codes]
    eta = mode.fixed + mode.M[0] * rows
    by_psi: Floats | None = None
    psi_sum: Callable[[Floats], Floats] | None = None
    if problem.at_nodes is not None:
        ell, d1, psi_sum = problem.at_nodes.at_nodes(eta, psi)
    elif problem.density.n_shape:
        found = problem.density.derivatives(eta, psi)
        ell, d1, by_psi = found.value, found.d1, found.psi
    else:
        ell, d1, _ = problem.density.newton(eta, psi)
    logs = np.add.reduceat(w * ell, part.starts, axis=1) - 0.5 * u**2 + (z**2 + log_w)[:, None]
    top = logs.max(axis=0)
    mass = np.exp(logs - top)
    total = mass.sum(axis=0)
    value = -float((np.log(sd) + top + np.log(total)).sum()) + 0.5 * np.log(np.pi) * part.n_groups
    share = mass / total
    e = -share[:, part.codes] * (w * d1)
    pull = np.add.reduceat(mode.M[0] * e, part.starts, axis=1) + share * u
    gamma = -1.0 / sd + np.sqrt(2.0) * (z @ pull)
    alpha = pull.sum(axis=0)[None], np.zeros(0)
    if psi_sum is not None:
        psi_side = -psi_sum(share[:, part.codes] * w)
    else:
        psi_side = np.zeros(0) if by_psi is None else -np.einsum("qn,qnk->k", share[:, part.codes] * w, by_psi)
    return _Sides(value, e, rows[:, None], psi_side, alpha, (-gamma * sd**3)[part.codes][:, None, None])


def _gradient(
    problem: Problem, mode: Mode, at_mode: RowDerivatives, W: Floats, system: System, sides: _Sides
) -> Floats:
    part, w, M = problem.part, problem.weights, mode.M
    spread = sides.kappa[:, 0].T * M if len(M) == 1 else np.einsum("nrs,sn->rn", sides.kappa, M)
    half_h = 0.5 * (M * spread).sum(axis=0)
    t = -half_h * w * at_mode.d3
    up = part.sums(M * t)
    a = system.solve(sides.alpha[0] + up[0], sides.alpha[1] + up[1])
    a_rows = part.by_row(*a)
    r = (M * a_rows).sum(axis=0)
    s = -w * at_mode.d1
    through = t - W * r
    beta = (through + sides.e.sum(axis=0)) @ problem.X
    psi = sides.psi
    if at_mode.psi is not None and at_mode.d1_psi is not None and at_mode.d2_psi is not None:
        psi = psi - (w * half_h) @ at_mode.d2_psi + (w * r) @ at_mode.d1_psi
    theta = _theta_gradient(part, sides, through, mode.rows, s, a_rows, W * spread)
    return np.concatenate([theta, beta, psi])


def _theta_gradient(
    part: RandomPart, sides: _Sides, through: Floats, u: Floats, s: Floats, a: Floats, spread: Floats
) -> Floats:
    """(m,) from rows: element (k, h) of Λ moves column h of M by column k of Z."""
    acting = np.einsum("qn,qrn->rn", sides.e, sides.u) if len(sides.e) > 1 else sides.e[0] * sides.u[0]
    acting = acting + through * u - s * a + spread
    out = np.empty(part.m)
    for block, at in zip(part.blocks, part.local, strict=True):
        products = part.Z[at] @ acting[at].T
        out[block.theta] = [products[k, h] for k, h in block.elements]
    return out


def with_density(problem: Problem, density: RowDensity) -> Problem:
    """The same rows with other outcomes."""
    return replace(problem, density=density)
