"""The two-level one-factor model (sessions within patients) by full maximum likelihood.

Fisher scoring with analytic derivatives, for many sets of patients at once. Residual
variances are not bounded: a negative one between patients is a finding, which
`multilevel_omega` states as *inadmissible*.

References
----------
Muthén (1994), *Sociological Methods & Research* 22; Lai (2021), *Psychological Methods* 26.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from doublecode.analysis.consistency.factor import fit_factors
from doublecode.analysis.consistency.item_moments import Array, ItemData, unit_sums
from doublecode.analysis.mixed.engine.descent import Plan, Planner, Rules, descend

RULES = Rules(steps=150, noise=1e-12, shrink=0.5, least=1e-9)


@dataclass(frozen=True)
class Moments:
    """Two-level sufficient statistics of each set of patients.

    `within` (n_sets, p, p): pooled cross-products of deviations from patient means, on `within_df`
    (n_sets,). Per cluster size in `sizes` (n_kinds,): `count` (n_sets, n_kinds), `first`
    (n_sets, n_kinds, p) and `second` (n_sets, n_kinds, p, p), sums of patient means and their products.
    """

    within: Array
    within_df: Array
    sizes: Array
    count: Array
    first: Array
    second: Array

    def some(self, keep: NDArray[np.bool_] | NDArray[np.intp]) -> Moments:
        """The statistics of some of the sets."""
        return Moments(
            self.within[keep], self.within_df[keep], self.sizes,
            self.count[keep], self.first[keep], self.second[keep],
        )  # fmt: skip


@dataclass(frozen=True)
class TwoLevelFit:
    """Solutions of `n_sets` sets: within loadings with factor variance 1, and the between part.

    `loadings`, `residual` (n_sets, p) within; `loadings_between`, `residual_between` (n_sets, p);
    `loglik` (n_sets,); `converged` (n_sets,). Under cross-level invariance
    `loadings_between` = √φ · `loadings`, φ = `ratio` (n_sets,) the between factor variance.
    """

    mean: Array
    loadings: Array
    residual: Array
    loadings_between: Array
    residual_between: Array
    ratio: Array
    loglik: Array
    converged: NDArray[np.bool_]
    parameters: Array


def two_level_moments(data: ItemData, weights: Array) -> Moments:
    """Sufficient statistics of complete rows grouped in units, for weights (n_sets, n_units)."""
    p = len(data.items)
    x = data.scores - data.scores.mean(axis=0)
    size = np.bincount(data.unit, minlength=data.n_units).astype(float)
    mean = unit_sums(x, data.unit, data.n_units) / size[:, None]
    deviation = x - mean[data.unit]
    cross = unit_sums((deviation[:, :, None] * deviation[:, None, :]).reshape(-1, p * p), data.unit, data.n_units)
    products = (mean[:, :, None] * mean[:, None, :]).reshape(-1, p * p)
    sizes = np.unique(size)
    kind = (size[:, None] == sizes).astype(float)
    return Moments(
        (weights @ cross).reshape(-1, p, p),
        weights @ (size - 1),
        sizes,
        weights @ kind,
        np.stack([(weights * kind[:, j]) @ mean for j in range(len(sizes))], axis=1),
        np.stack([((weights * kind[:, j]) @ products).reshape(-1, p, p) for j in range(len(sizes))], axis=1),
    )


def moment_estimates(m: Moments) -> tuple[Array, Array]:
    """Analysis-of-variance estimates of the within and between covariance matrices, (n_sets, p, p) each."""
    n = m.within_df + m.count.sum(axis=1)
    units = m.count.sum(axis=1)
    weight = m.sizes
    grand = np.einsum("k,ski->si", weight, m.first) / n[:, None]
    between = np.einsum("k,skij->sij", weight, m.second) - n[:, None, None] * grand[:, :, None] * grand[:, None, :]
    within = m.within / m.within_df[:, None, None]
    typical = (n - (m.count * weight**2).sum(axis=1) / n) / (units - 1)
    between = (between / (units - 1)[:, None, None] - within) / typical[:, None, None]
    return within, between


@dataclass(frozen=True)
class _Model:
    """Maps parameters (n_sets, q), means first, to covariances and their Jacobians."""

    p: int
    invariant: bool

    @property
    def q(self) -> int:
        return 4 * self.p + 1 if self.invariant else 5 * self.p

    def parts(self, theta: Array) -> tuple[Array, Array, Array, Array, Array]:
        """Within loadings and residuals, between base loadings, their variance φ, between residuals."""
        p = self.p
        lam, psi = theta[:, p : 2 * p], theta[:, 2 * p : 3 * p]
        if self.invariant:
            return lam, psi, lam, theta[:, 4 * p], theta[:, 3 * p : 4 * p]
        return lam, psi, theta[:, 4 * p :], np.ones(len(theta)), theta[:, 3 * p : 4 * p]

    def covariances(self, theta: Array) -> tuple[Array, Array]:
        lam, psi, base, phi, psi_b = self.parts(theta)
        at = np.arange(self.p)
        within = lam[:, :, None] * lam[:, None, :]
        between = phi[:, None, None] * base[:, :, None] * base[:, None, :]
        within[:, at, at] += psi
        between[:, at, at] += psi_b
        return within, between

    def jacobians(self, theta: Array) -> tuple[Array, Array]:
        """Derivatives of both matrices by all parameters but the means: (n_sets, q − p, p, p)."""
        p = self.p
        lam, _, base, phi, _ = self.parts(theta)
        within = np.zeros((len(theta), self.q - p, p, p))
        between = np.zeros_like(within)
        for i in range(p):
            within[:, i] = _rank_two(lam, i)
            within[:, p + i, i, i] = 1.0
            between[:, 2 * p + i, i, i] = 1.0
            if self.invariant:
                between[:, i] = phi[:, None, None] * _rank_two(base, i)
            else:
                between[:, 3 * p + i] = _rank_two(base, i)
        if self.invariant:
            between[:, 3 * p] = base[:, :, None] * base[:, None, :]
        return within, between


def _rank_two(lam: Array, i: int) -> Array:
    out = np.zeros((len(lam), lam.shape[1], lam.shape[1]))
    out[:, i, :] += lam
    out[:, :, i] += lam
    return out


def fit_two_level(m: Moments, *, invariant: bool, start: Array | None = None, tolerance: float = 1e-7) -> TwoLevelFit:
    """Fit the model to every set; `start` are parameters (q,) of an earlier fit.

    Converged means a gradient of the log-likelihood below `tolerance` per row, in units of the
    items' within standard deviation.
    """
    model = _Model(m.within.shape[1], invariant)
    theta = _start(m, model) if start is None else np.tile(start, (len(m.within), 1))
    rows = m.within_df + m.count.sum(axis=1)
    unit = np.sqrt(np.diagonal(m.within, axis1=1, axis2=2) / m.within_df[:, None]).mean(axis=1) / rows

    def objective(theta: Array, at: NDArray[np.intp]) -> tuple[Array, Planner]:
        part = m.some(at)

        def plan(kept: NDArray[np.bool_]) -> Plan:
            score, step = _scoring(part if kept.all() else part.some(kept), model, theta[kept])
            slope = np.abs(score).max(axis=1) * unit[at[kept]]
            return Plan(step, slope < tolerance, slope)

        return -_loglik(part, model, theta), plan

    end = descend(objective, theta, RULES)
    return _solution(model, end.points, -end.values, end.converged)


def _start(m: Moments, model: _Model) -> Array:
    within, between = moment_estimates(m)
    fit = fit_factors(within)
    variance = np.maximum(np.diagonal(between, axis1=1, axis2=2), 0.05 * np.diagonal(within, axis1=1, axis2=2))
    rows = m.within_df + m.count.sum(axis=1)
    mean = np.einsum("k,ski->si", m.sizes, m.first) / rows[:, None]
    total = fit.first.sum(axis=1)
    share = np.clip(between.sum(axis=(1, 2)) / total**2, 0.05, 20.0)
    if model.invariant:
        rest = np.maximum(variance - share[:, None] * fit.first**2, 0.2 * variance)
        return np.column_stack([mean, fit.first, fit.uniqueness, rest, share])
    base = 0.7 * np.sqrt(variance)
    return np.column_stack([mean, fit.first, fit.uniqueness, variance - base**2, base])


def _blocks(m: Moments, model: _Model, theta: Array) -> tuple[list[tuple[float, Array, Array, Array]], Array]:
    """Within block and one block per cluster size: (multiplier of Σ_B, Σ, count, products); products about μ."""
    within, between = model.covariances(theta)
    mean = theta[:, : model.p]
    blocks = [(0.0, within, m.within_df, m.within)]
    for k, size in enumerate(m.sizes):
        n = m.count[:, k, None, None]
        cross = m.first[:, k, :, None] * mean[:, None, :]
        outer = mean[:, :, None] * mean[:, None, :]
        products = size * (m.second[:, k] - cross - np.swapaxes(cross, 1, 2) + n * outer)
        blocks.append((float(size), within + size * between, m.count[:, k], products))
    return blocks, mean


def _loglik(m: Moments, model: _Model, theta: Array) -> Array:
    """Log-likelihood (n_sets,); −inf where a covariance matrix is not positive definite."""
    blocks, _ = _blocks(m, model, theta)
    rows = m.within_df + m.count.sum(axis=1)
    total = -0.5 * rows * model.p * np.log(2 * np.pi)
    for _, sigma, count, products in blocks:
        good = np.asarray(np.isfinite(sigma).all(axis=(1, 2)))
        safe = np.where(good[:, None, None], sigma, np.eye(model.p))
        positive = good & (np.linalg.eigvalsh(safe)[:, 0] > 1e-10)
        safe = np.where(positive[:, None, None], safe, np.eye(model.p))
        trace = np.einsum("sij,sji->s", np.linalg.inv(safe), products)
        total = total - 0.5 * (count * np.linalg.slogdet(safe)[1] + trace)
        total = np.where(positive | (count == 0), total, -np.inf)
    return np.asarray(total)


def _scoring(m: Moments, model: _Model, theta: Array) -> tuple[Array, Array]:
    """Gradient and Fisher-scoring step, (n_sets, q) each."""
    p, q = model.p, model.q
    blocks, mean = _blocks(m, model, theta)
    jw, jb = model.jacobians(theta)
    score, info = np.zeros((len(theta), q)), np.zeros((len(theta), q, q))
    for k, (size, sigma, count, products) in enumerate(blocks):
        V = np.linalg.inv(sigma)
        n = count[:, None, None]
        J = jw + size * jb
        G = V @ (products - n * sigma) @ V
        score[:, p:] += 0.5 * np.einsum("sqij,sij->sq", J, G)
        turned = V[:, None] @ J @ V[:, None]
        flat, back = J.reshape(len(theta), q - p, -1), turned.reshape(len(theta), q - p, -1)
        info[:, p:, p:] += 0.5 * n * (flat @ np.swapaxes(back, 1, 2))
        if size:
            distance = m.first[:, k - 1] - count[:, None] * mean
            score[:, :p] += size * np.einsum("sij,sj->si", V, distance)
            info[:, :p, :p] += size * n * V
    scale = np.sqrt(np.maximum(np.diagonal(info, axis1=1, axis2=2), 1e-12))
    scaled = info / (scale[:, :, None] * scale[:, None, :])
    scaled[:, np.arange(q), np.arange(q)] += 1e-9
    step = np.linalg.solve(scaled, (score / scale)[:, :, None])[:, :, 0] / scale
    return score, step


def _solution(model: _Model, theta: Array, loglik: Array, converged: NDArray[np.bool_]) -> TwoLevelFit:
    lam, psi, base, phi, psi_b = model.parts(theta)
    sign = np.where(lam.sum(axis=1, keepdims=True) < 0, -1.0, 1.0)
    root = np.sqrt(np.maximum(phi, 0.0))[:, None]
    sign_b = np.where(base.sum(axis=1, keepdims=True) < 0, -1.0, 1.0)
    fit = TwoLevelFit(theta[:, : model.p], lam * sign, psi, base * sign_b * root, psi_b, phi, loglik, converged, theta)
    return fit if model.invariant else replace(fit, ratio=np.full(len(theta), np.nan))
