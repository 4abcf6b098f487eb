r"""Several variables of sessions within patients, jointly normal at both levels: maximum likelihood.

For session i of patient j the variables :math:`v_{ij} = Γ^⊤ z_{ij} + b_j + w_{ij}` with
:math:`b_j ∼ N(0, Σ_B)`, :math:`w_{ij} ∼ N(0, Σ_W)` and known covariates z. With residuals e of the means, the
log-likelihood of a patient with n sessions is

.. math::
   −\tfrac12 [(n−1) \log|Σ_W| + \log|Σ_W + nΣ_B|
   + \mathrm{tr}\, Σ_W^{-1} \textstyle\sum_i (e_i − \bar e)(e_i − \bar e)^⊤
   + n\, \bar e^⊤ (Σ_W + nΣ_B)^{-1} \bar e + n p \log 2π].

Fisher scoring; :math:`Σ_B` is not bounded, so that a negative variance between patients is a finding and no wall. Many
sets of values on the same patients and covariates at once.

References
----------
Muthén (1994), Sociological Methods & Research, 22, 376–398.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from doublecode.analysis.mixed.engine.descent import Plan, Planner, Rules, descend

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
_RULES = Rules(steps=200, noise=1e-13, shrink=0.5, least=1e-9)
_DONE = 1e-14
"""Rise of the log-likelihood that the next step promises, below which a fit is done."""


@dataclass(frozen=True)
class TwoLevelMoments:
    """What the likelihood needs of variables and covariates, m = p + c columns side by side.

    Attributes
    ----------
    within
        (S, m, m) cross-products of deviations from patient means.
    within_df
        Sessions less patients.
    sizes, count
        (K,) numbers of sessions of a patient, and how many patients have them.
    between
        (S, K, m, m) sums of products of patient means, by the number of sessions.
    p
        Number of variables; the other columns are covariates.
    """

    within: Floats
    within_df: int
    sizes: Floats
    count: Floats
    between: Floats
    p: int


@dataclass(frozen=True)
class TwoLevelNormal:
    """Maximum-likelihood fits of S sets.

    Attributes
    ----------
    coefficients
        (S, c, p) of the covariates.
    within, between
        (S, p, p) covariance matrices :math:`Σ_W` and :math:`Σ_B`.
    covariance
        (S, q, q) of the parameters: coefficients row by row, then the lower triangles of both matrices, row by row;
        from the observed information, NaN where that is not positive definite.
    loglik, converged
        (S,).
    """

    coefficients: Floats
    within: Floats
    between: Floats
    covariance: Floats
    loglik: Floats
    converged: NDArray[np.bool_]


def two_level_moments(values: Floats, covariates: Floats, patient: Ints) -> TwoLevelMoments:
    """Sufficient statistics of `values` (S, n, p) and `covariates` (n, c) by `patient` (n,) codes from 0 on."""
    S, n, p = values.shape
    joint = np.concatenate([values, np.broadcast_to(covariates, (S, *covariates.shape))], axis=2)
    size = np.bincount(patient).astype(float)
    belongs = (patient == np.arange(len(size))[:, None]).astype(float)
    mean = belongs @ joint / size[:, None]
    deviation = joint - mean[:, patient]
    sizes, kind = np.unique(size, return_inverse=True)
    between = np.stack([np.swapaxes(mean[:, kind == k], 1, 2) @ mean[:, kind == k] for k in range(len(sizes))], axis=1)
    within = np.swapaxes(deviation, 1, 2) @ deviation
    return TwoLevelMoments(within, n - len(size), sizes, np.bincount(kind).astype(float), between, p)


def fit_two_level_normal(moments: TwoLevelMoments, *, with_covariance: bool = True) -> TwoLevelNormal:
    """Maximise the likelihood of every set; `with_covariance` False leaves the covariance of the parameters out."""
    model = _Model(moments, moments.p)
    start = model.start()

    def objective(theta: Floats, at: Ints) -> tuple[Floats, Planner]:
        def plan(kept: NDArray[np.bool_]) -> Plan:
            score, info = model.score(theta[kept], at[kept])
            step = _solved(info, score)
            promised = 0.5 * (score * step).sum(axis=1)
            return Plan(step, promised < _DONE, np.abs(score).max(axis=1))

        return -model.loglik(theta, at), plan

    end = descend(objective, start, _RULES)
    gamma, within, between = model.parts(end.points)
    covariance = model.covariance(end.points) if with_covariance else np.full((len(start), model.q, model.q), np.nan)
    return TwoLevelNormal(gamma, within, between, covariance, -end.values, end.converged)


def _solved(info: Floats, score: Floats) -> Floats:
    """Solve by the scaled information, a touch of ridge against a flat direction."""
    d = np.sqrt(np.maximum(np.einsum("sqq->sq", info), 1e-300))
    scaled = info / (d[:, :, None] * d[:, None, :])
    scaled[:, np.arange(d.shape[1]), np.arange(d.shape[1])] += 1e-10
    return np.asarray(np.linalg.solve(scaled, (score / d)[:, :, None])[:, :, 0] / d)


class _Model:
    """The likelihood in its parameters: coefficients (c, p) row by row, lower triangles of both matrices."""

    def __init__(self, moments: TwoLevelMoments, p: int) -> None:
        self.m, self.p = moments, p
        self.c = moments.within.shape[1] - p
        self.rows, self.columns = np.tril_indices(p)
        self.t = len(self.rows)
        self.q = self.c * p + 2 * self.t
        basis = np.zeros((self.t, p, p))
        basis[np.arange(self.t), self.rows, self.columns] = 1.0
        basis[np.arange(self.t), self.columns, self.rows] = 1.0
        self.basis = basis

    def parts(self, theta: Floats) -> tuple[Floats, Floats, Floats]:
        """Coefficients (S, c, p) and both covariance matrices (S, p, p)."""
        first, t = self.c * self.p, self.t
        gamma = theta[:, :first].reshape(-1, self.c, self.p)
        within = np.einsum("st,tij->sij", theta[:, first : first + t], self.basis)
        between = np.einsum("st,tij->sij", theta[:, first + t :], self.basis)
        return gamma, within, between

    def start(self) -> Floats:
        """Pooled least squares, and moments of its residuals with a positive variance between patients."""
        m, p = self.m, self.p
        total = m.within + (m.between * m.sizes[None, :, None, None]).sum(axis=1)
        gamma = np.linalg.solve(total[:, p:, p:], total[:, p:, :p])
        everyone = np.arange(len(total))
        blocks = self._blocks(gamma, np.zeros((len(total), p, p)), np.zeros((len(total), p, p)), everyone)
        within = blocks[0][3] / m.within_df
        means = np.asarray(sum(block[3] / block[0] for block in blocks[1:])) / m.count.sum()
        diagonal = np.maximum(np.einsum("sii->si", means - within / m.sizes.mean()), 0.1 * np.einsum("sii->si", within))
        between = diagonal[:, :, None] * np.eye(p)
        lower = (slice(None), self.rows, self.columns)
        return np.concatenate([gamma.reshape(len(total), -1), within[lower], between[lower]], axis=1)

    def _blocks(
        self, gamma: Floats, within: Floats, between: Floats, at: Ints
    ) -> list[tuple[float, Floats, float, Floats, Floats]]:
        """Within, then each number of sessions n: n (0 within), Σ, count, products of residuals, moments."""
        m = self.m
        turn = np.concatenate([np.broadcast_to(np.eye(self.p), within.shape), -gamma], axis=1)
        back = np.swapaxes(turn, 1, 2)
        out = [(0.0, within, float(m.within_df), back @ m.within[at] @ turn, m.within[at])]
        for k, size in enumerate(m.sizes):
            moments = size * m.between[at, k]
            out.append((float(size), within + size * between, float(m.count[k]), back @ moments @ turn, moments))
        return out

    def loglik(self, theta: Floats, at: Ints) -> Floats:
        """(S,) log-likelihood; −∞ where a covariance matrix is not positive definite."""
        blocks = self._blocks(*self.parts(theta), at)
        n_rows = self.m.within_df + self.m.count.sum()
        total = np.full(len(theta), -0.5 * n_rows * self.p * np.log(2 * np.pi))
        for _, sigma, count, products, _ in blocks:
            good = np.asarray(np.isfinite(sigma).all(axis=(1, 2)))
            safe = np.where(good[:, None, None], sigma, np.eye(self.p))
            good &= np.linalg.eigvalsh(safe)[:, 0] > 1e-12 * np.abs(safe).max(axis=(1, 2))
            safe = np.where(good[:, None, None], safe, np.eye(self.p))
            trace = np.einsum("sij,sji->s", np.linalg.inv(safe), products)
            total -= 0.5 * (count * np.linalg.slogdet(safe)[1] + trace)
            total = np.where(good, total, -np.inf)
        return total

    def score(self, theta: Floats, at: Ints) -> tuple[Floats, Floats]:
        """Gradient (S, q) and expected information (S, q, q)."""
        p, t, first = self.p, self.t, self.c * self.p
        gamma, within, between = self.parts(theta)
        S = len(theta)
        score, info = np.zeros((S, self.q)), np.zeros((S, self.q, self.q))
        for size, sigma, count, products, moments in self._blocks(gamma, within, between, at):
            V = np.linalg.inv(sigma)
            G = V @ (products - count * sigma) @ V
            slope = 0.5 * np.einsum("tij,sij->st", self.basis, G)
            turned = V[:, None] @ self.basis @ V[:, None]
            curve = 0.5 * count * np.einsum("aij,sbij->sab", self.basis, turned)
            for one, by in ((first, 1.0), (first + t, size)):
                score[:, one : one + t] += by * slope
                for other, also in ((first, 1.0), (first + t, size)):
                    info[:, one : one + t, other : other + t] += by * also * curve
            cross = moments[:, p:, :p] - moments[:, p:, p:] @ gamma
            score[:, :first] += (cross @ V).reshape(S, -1)
            both = np.einsum("sab,sij->saibj", moments[:, p:, p:], V)
            info[:, :first, :first] += both.reshape(S, first, first)
        return score, info

    def covariance(self, theta: Floats) -> Floats:
        """Inverse of the observed information, by central differences of the gradient."""
        at = np.arange(len(theta))
        _, info = self.score(theta, at)
        step = 1e-5 / np.sqrt(np.maximum(np.einsum("sqq->sq", info), 1e-300))
        columns = []
        for k in range(self.q):
            shift = np.zeros_like(theta)
            shift[:, k] = step[:, k]
            ahead, behind = self.score(theta + shift, at)[0], self.score(theta - shift, at)[0]
            columns.append((ahead - behind) / (2 * step[:, k, None]))
        observed = -np.stack(columns, axis=2)
        observed = 0.5 * (observed + np.swapaxes(observed, 1, 2))
        good = np.asarray(np.isfinite(observed).all(axis=(1, 2)))
        safe = np.where(good[:, None, None], observed, np.eye(self.q))
        d = np.sqrt(np.abs(np.einsum("sqq->sq", safe)))
        good &= (d > 0).all(axis=1)
        d = np.where(d > 0, d, 1.0)
        scaled = safe / (d[:, :, None] * d[:, None, :])
        good &= np.linalg.eigvalsh(scaled)[:, 0] > 1e-10
        inverse = np.linalg.inv(np.where(good[:, None, None], scaled, np.eye(self.q)))
        return np.where(good[:, None, None], inverse / (d[:, :, None] * d[:, None, :]), np.nan)
