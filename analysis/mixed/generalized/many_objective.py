r"""Minus the approximate marginal log-likelihood of many sets, with gradient and Hessian in (θ, β, ψ), both exact.

The criterion is that of :mod:`doublecode.analysis.mixed.generalized.objective` for one scalar random term. With
m = θz, mode û, A = 1 + ΣWm², σ = A^{-1/2} and nodes u_q = û + √2 σ z_q of group j,

.. math:: F_j = \tfrac12 \log A - \log \sum_q \exp\{g(u_q) + z_q^2 + \log w_q\} + \tfrac12 \log π,
          \quad g(u) = \sum_i w_i ℓ_i(η_i) - \tfrac12 u^2 .

û, A and σ are functions of the parameters, differentiated twice by the mode's equation θΣwℓ'z = û. A parameter k moves
η at node q by x_k + z a_{qk} with a_{qk} = υ_k + z_q τ_k, υ_k = θ û_k + [k = θ] û, τ_k = √2(θ σ_k + [k = θ] σ): all
that the Hessian needs of rows are sums of weights times 1, z or z² and columns of X. A shape parameter ψ (of negative
binomial counts) moves η by û and σ alone, and ℓ itself.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from doublecode.analysis.mixed.generalized.many_density import Full, Shape
from doublecode.analysis.mixed.generalized.many_rows import SetProblem

Floats = npt.NDArray[np.float64]

MODE_STEPS, MODE_DONE = 60, 1e-11
"""Most Newton steps to the modes, and twice the predicted rise below which the last one is taken."""
ROOT2 = float(np.sqrt(2.0))


@dataclass(frozen=True)
class SetPoint:
    """Values (B,), gradients (B, d) and Hessians (B, d, d); modes (J, B), and their derivatives (d, J, B)."""

    value: Floats
    gradient: Floats
    hessian: Floats
    mode: Floats
    moved: Floats


@dataclass(frozen=True)
class _AtMode:
    """What the mode's equation tells of one state; (J, B) sums over groups, (d, J, B) derivatives of group values."""

    rows: Full
    shape: Shape | None
    theta: Floats
    u: Floats
    sd: Floats
    A: Floats
    S2: Floats
    S3: Floats
    D: Floats
    R: Floats
    du: Floats
    ups: Floats
    spread: Floats
    ds: Floats
    tau: Floats


@dataclass(frozen=True)
class _Nodes:
    """Sums over nodes: shares (Q, J, B), slopes g_k (Q, d, J, B), B_q (Q, J, B), row weights P (3 × (J, K, B)).

    `by_shape`: rows of ∂ℓ'/∂ψ, the same times z_q (J, K, B), and sums of ∂²ℓ/∂ψ² (J, B).
    """

    log_total: Floats
    share: Floats
    slopes: Floats
    pull: Floats
    rows: tuple[Floats, Floats | None, Floats | None]
    by_shape: tuple[Floats, Floats | None, Floats] | None


def find_modes(problem: SetProblem, fixed: Floats, theta: Floats, start: Floats) -> Floats:
    """(J, B) modes by Newton's method, each group by itself; a step that makes the slope steeper is halved."""
    u, before, old = start, start, np.full_like(start, np.inf)
    for _ in range(MODE_STEPS):
        slope, W = problem.density.newton(_eta(problem, fixed, theta, u))
        g = theta * problem.by_z(slope).sum(axis=1) - u
        A = 1.0 + theta**2 * problem.by_z(W, 2).sum(axis=1)
        worse = ~(np.abs(g) <= np.maximum(old, 1e-9))
        if worse.any():
            u = np.where(worse, 0.5 * (before + u), u + g / A)
            before, old = np.where(worse, before, u - g / A), np.where(worse, old, np.abs(g))
            continue
        step = g / A
        if (np.einsum("jb,jb->b", g, step) < MODE_DONE).all():
            return np.asarray(u + step)
        before, old = u, np.abs(g)
        u = u + step
    return np.asarray(u)


def evaluate_sets(problem: SetProblem, x: Floats, start: Floats) -> SetPoint:
    """Everything at x (B, d), with modes from `start` (J, B); not finite where there is no value."""
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        b = problem.of_beta
        theta, beta = x[:, 0], x[:, b].T
        problem = problem.at(x[:, b.stop :])
        fixed = problem.offset + problem.columns.predict(np.ascontiguousarray(beta))
        u = find_modes(problem, fixed, theta, start)
        eta = _eta(problem, fixed, theta, u)
        at = _at_mode(problem, problem.density.full(eta), problem.density.shape(eta), theta, u)
        nodes = _laplace(problem, at) if len(problem.nodes[0]) == 1 else _quadrature(problem, at, eta)
        value = (0.5 * np.log(at.A) - nodes.log_total).sum(axis=0) - problem.constant
        mean = np.einsum("qjb,qkjb->kjb", nodes.share, nodes.slopes)
        gradient = (0.5 * at.spread / at.A - mean).sum(axis=1)
        hessian = _hessian(problem, at, nodes, mean)
        if problem.precision is not None:
            pull = problem.precision @ beta
            value = value + 0.5 * (beta * pull).sum(axis=0)
            gradient[b] += pull
            hessian[b, b] += problem.precision[:, :, None]
    return SetPoint(value, gradient.T, hessian.transpose(2, 0, 1), u, at.du)


def _eta(problem: SetProblem, fixed: Floats, theta: Floats, u: Floats) -> Floats:
    acting = (theta * u)[:, None]
    return fixed + (acting if problem.Z is None else problem.Z * acting)


def _at_mode(problem: SetProblem, rows: Full, shape: Shape | None, theta: Floats, u: Floats) -> _AtMode:
    columns, d, b = problem.columns, problem.size, problem.of_beta
    zW, zzW1 = problem.by_z(rows.W), problem.by_z(rows.W1, 2)
    S2, S3 = problem.by_z(zW).sum(axis=1), problem.by_z(zzW1).sum(axis=1)
    A = 1.0 + theta**2 * S2
    sd = 1.0 / np.sqrt(A)
    C, D = np.zeros((d, *u.shape)), np.zeros((d, *u.shape))
    C[b], D[b] = columns.sums(zW), columns.sums(zzW1)
    du = -theta * C / A
    du[0] = (problem.by_z(rows.slope).sum(axis=1) - theta * S2 * u) / A
    if shape is not None:
        du[-1] = theta * problem.by_z(shape.slope).sum(axis=1) / A
    ups = theta * du
    ups[0] += u
    spread = theta**2 * (D + ups * S3)
    spread[0] += 2.0 * theta * S2
    if shape is not None:
        spread[-1] += theta**2 * problem.by_z(shape.W, 2).sum(axis=1)
    ds = -0.5 * (sd / A) * spread
    tau = ROOT2 * theta * ds
    tau[0] += ROOT2 * sd
    return _AtMode(rows, shape, theta, u, sd, A, S2, S3, D, C + S2 * ups, du, ups, spread, ds, tau)


def _slopes_at(problem: SetProblem, at: _AtMode, slope: Floats, pull: Floats, z: float) -> Floats:
    """(d, J, B) derivatives of g at one node: `slope` (J, K, B) is wℓ' there, `pull` (J, B) its sums times z."""
    out = at.ups * pull
    if z:
        out += at.tau * (z * pull)
        out -= (at.u + ROOT2 * z * at.sd) * (at.du + ROOT2 * z * at.ds)
    else:
        out -= at.u * at.du
    out[problem.of_beta] += problem.columns.sums(slope)
    return out


def _laplace(problem: SetProblem, at: _AtMode) -> _Nodes:
    pull = problem.by_z(at.rows.slope).sum(axis=1)
    slopes, base = _slopes_at(problem, at, at.rows.slope, pull, 0.0), at.rows.value.sum(axis=1) - 0.5 * at.u**2
    by_shape: tuple[Floats, Floats | None, Floats] | None = None
    if at.shape is not None:
        slopes[-1] += at.shape.value.sum(axis=1)
        by_shape = at.shape.slope, None, at.shape.value2.sum(axis=1)
    return _Nodes(base, np.ones_like(pull)[None], slopes[None], pull[None], (at.rows.W, None, None), by_shape)


def _quadrature(problem: SetProblem, at: _AtMode, eta: Floats) -> _Nodes:
    z, log_w = problem.nodes
    Q, (J, B) = len(z), at.u.shape
    base = at.rows.value.sum(axis=1) - 0.5 * at.u**2
    mass, pull, slopes = np.empty((Q, J, B)), np.empty((Q, J, B)), np.empty((Q, problem.size, J, B))
    P0, P1, P2 = (np.zeros_like(eta) for _ in range(3))
    N0, N1 = (np.zeros_like(eta if at.shape is not None else P0[:0]) for _ in range(2))
    twice = np.zeros((J, B))
    for q in range(Q):
        step = ROOT2 * z[q] * at.sd
        acting = (at.theta * step)[:, None]
        at_q = eta + (acting if problem.Z is None else problem.Z * acting)
        value, slope, W = problem.density.at_node(at_q)
        rise = value.sum(axis=1) - 0.5 * (at.u + step) ** 2 - base
        mass[q] = np.exp(rise + z[q] ** 2 + log_w[q])
        pull[q] = problem.by_z(slope).sum(axis=1)
        slopes[q] = _slopes_at(problem, at, slope, pull[q], float(z[q]))
        if (shape := problem.density.shape(at_q)) is not None:
            slopes[q, -1] += shape.value.sum(axis=1)
            N0 += (part := shape.slope * mass[q][:, None])
            N1 += z[q] * part
            twice += mass[q] * shape.value2.sum(axis=1)
        W = W * mass[q][:, None]
        P0 += W
        W *= z[q]
        P1 += W
        W *= z[q]
        P2 += W
    total = mass.sum(axis=0)
    for rows in (P0, P1, P2, N0, N1):
        if len(rows):
            rows /= total[:, None]
    by_shape = None if at.shape is None else (N0, N1, twice / total)
    log_total = base + np.log(total) - 0.5 * np.log(np.pi)
    return _Nodes(log_total, mass / total, slopes, pull, (P0, P1, P2), by_shape)


def _hessian(problem: SetProblem, at: _AtMode, nodes: _Nodes, mean: Floats) -> Floats:
    """(d, d, B)."""
    z = problem.nodes[0][:, None, None]
    th, A, s = at.theta, at.A, nodes.share
    off = s * (th * nodes.pull - (at.u + ROOT2 * z * at.sd))
    alpha, gamma = off.sum(axis=0), ROOT2 * (z * off).sum(axis=0)
    cA, cAA = 0.5 * (1.0 + gamma * at.sd) / A, -(0.5 + 0.75 * gamma * at.sd) / A**2
    cU = cA * th**3 * at.S3 - alpha
    own = problem.by_z(at.rows.W2, 2) * (cA * th**2)[:, None] - problem.by_z(at.rows.W1) * (cU * th / A)[:, None]
    own += nodes.rows[0]
    e1, e2 = (s * z).sum(axis=0), (s * z**2).sum(axis=0)
    first = 0.5 * problem.by_z(own, 2).sum(axis=1) * at.ups
    first[problem.of_beta] += problem.columns.sums(problem.by_z(own))
    left = [first, 0.5 * cAA * at.spread, 0.5 * at.du + ROOT2 * e1 * at.ds, e2 * at.ds, 0.5 * mean]
    right = [at.ups, at.spread, at.du, at.ds, mean]
    if nodes.rows[1] is not None and nodes.rows[2] is not None:
        P1, P2 = nodes.rows[1], nodes.rows[2]
        first += problem.by_z(P1, 2).sum(axis=1) * at.tau
        second = 0.5 * problem.by_z(P2, 2).sum(axis=1) * at.tau
        second[problem.of_beta] += problem.columns.sums(problem.by_z(P1))
        left.append(second)
        right.append(at.tau)
    S = np.zeros((problem.size, problem.size, len(th)))
    for one, other in zip(left, right, strict=True):
        S += np.einsum("kjb,ljb->klb", one, other)
    S -= 0.5 * np.einsum("qkjb,qljb->klb", nodes.slopes * s[:, None], nodes.slopes)
    b0, b1 = (s * nodes.pull).sum(axis=0), ROOT2 * (s * z * nodes.pull).sum(axis=0)
    by_theta = (cA * th**2 * at.S3 - cU * th * at.S2 / A - b0) * at.du - b1 * at.ds
    by_theta += 2.0 * th * cA * (at.D + at.S3 * at.ups) - cU / A * at.R
    by_theta[0] += cA * at.S2
    S[0] += by_theta.sum(axis=1)
    if at.shape is not None and nodes.by_shape is not None:
        S[-1] += _shape_row(problem, at, at.shape, nodes.by_shape, (cA, cU)).sum(axis=1)
    H = S + S.swapaxes(0, 1)
    H[problem.of_beta, problem.of_beta] += problem.columns.gram(own)
    return H


def _shape_row(
    problem: SetProblem, at: _AtMode, shape: Shape, by_shape: tuple[Floats, Floats | None, Floats],
    of_mode: tuple[Floats, Floats],
) -> Floats:  # fmt: skip
    """(d, J, B) half of what ψ adds to the Hessian's last row by ℓ itself; `of_mode` weighs A and û."""
    cA, cU = of_mode
    th, b, by_z, sums = at.theta, problem.of_beta, problem.by_z, problem.columns.sums
    N0, N1, twice = by_shape
    own = by_z(shape.W1, 2) * (cA * th**2)[:, None] - by_z(shape.W) * (cU * th / at.A)[:, None] - N0
    row = by_z(own).sum(axis=1) * at.ups
    row[b] += sums(own)
    if N1 is not None:
        row -= by_z(N1).sum(axis=1) * at.tau
    row[0] += cU / at.A * by_z(shape.slope).sum(axis=1) + 2.0 * th * cA * by_z(shape.W, 2).sum(axis=1)
    row[-1] += 0.5 * (
        cU / at.A * th * by_z(shape.slope2).sum(axis=1) + cA * th**2 * by_z(shape.W_twice, 2).sum(axis=1) - twice
    )
    return np.asarray(row)
