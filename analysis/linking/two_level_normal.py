"""The unrestricted normal model of two levels, sessions within clusters, by full maximum likelihood."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from doublecode.analysis.mixed.engine.descent import Plan, Planner, Rules, descend

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]
Numbers = npt.NDArray[Any]
RULES: Final = Rules(steps=300, noise=1e-12, shrink=0.5, least=1e-10)
DONE, STEP = 1e-10, 1e-30
POLISH: Final = 6
SINGULAR: Final = 1e-10
"""Smallest eigenvalue, as a share of the largest, of a covariance matrix that has an inverse."""


@dataclass(frozen=True, eq=False)
class ClusterSums:
    """Sufficient statistics of J clusters, p variables.

    Attributes
    ----------
    size : ndarray
        (J,) rows.
    mean : ndarray
        (J, p).
    within : ndarray
        (p, p) products of deviations from the clusters' means.
    design : ndarray
        (J, r) what the means of a cluster depend on, the intercept first.
    """

    size: Floats
    mean: Floats
    within: Floats
    design: Floats


@dataclass(frozen=True, eq=False)
class TwoLevelNormal:
    """Maximum-likelihood estimates.

    Attributes
    ----------
    slopes : ndarray
        (r, p) of the means on the design.
    within, between : ndarray
        (p, p) covariance matrices; `between` is not bounded, a negative variance is a finding.
    vcov : ndarray
        (K, K) covariance of all parameters, in the order of `pack`; NaN where the information has no inverse.
    loglik : float
    converged : bool
    """

    slopes: Floats
    within: Floats
    between: Floats
    vcov: Floats
    loglik: float
    converged: bool


def cluster_sums(values: Floats, cluster: Ints, design: Floats) -> ClusterSums:
    """Sum complete rows (n, p) by cluster (n,), numbered from 0."""
    size = np.bincount(cluster).astype(float)
    total = np.zeros((len(size), values.shape[1]))
    np.add.at(total, cluster, values)
    mean = total / size[:, None]
    off = values - mean[cluster]
    return ClusterSums(size, mean, off.T @ off, design)


def pack(slopes: Numbers, within: Numbers, between: Numbers) -> Numbers:
    """All parameters as one vector: slopes row by row, then the lower triangles of both matrices."""
    low = np.tril_indices(len(within))
    return np.concatenate([slopes.ravel(), within[low], between[low]])


def unpack(theta: Numbers, p: int, r: int) -> tuple[Numbers, Numbers, Numbers]:
    """Undo :func:`pack`."""
    low, m = np.tril_indices(p), p * (p + 1) // 2
    parts = []
    for start in (r * p, r * p + m):
        out = np.zeros((p, p), dtype=theta.dtype)
        out[low] = theta[start : start + m]
        parts.append(out + np.tril(out, -1).T)
    return theta[: r * p].reshape(r, p), parts[0], parts[1]


def _pieces(sums: ClusterSums, theta: Numbers) -> tuple[Numbers, Numbers, Numbers, Numbers]:
    """Inverses (J, p, p) of Σ_W + n Σ_B and (p, p) of Σ_W, distances (J, p) of the means."""
    slopes, within, between = unpack(theta, sums.mean.shape[1], sums.design.shape[1])
    sigma = within + sums.size[:, None, None] * between
    return np.linalg.inv(sigma), np.linalg.inv(within), sums.mean - sums.design @ slopes, sigma


def loglik(sums: ClusterSums, theta: Floats) -> float:
    """Log-likelihood; −∞ where a matrix is not positive definite (Muthén 1994; McDonald & Goldstein 1989)."""
    _, within, between = unpack(theta, sums.mean.shape[1], sums.design.shape[1])
    every = np.concatenate([within[None], within + sums.size[:, None, None] * between])
    if not np.isfinite(every).all():
        return -np.inf
    roots = np.linalg.eigvalsh(every)
    if (roots[:, 0] <= SINGULAR * roots[:, -1]).any():
        return -np.inf
    V, U, off, sigma = _pieces(sums, theta)
    spare = sums.size.sum() - len(sums.size)
    value = spare * np.linalg.slogdet(within)[1] + np.einsum("ij,ij->", U, sums.within)
    value += np.linalg.slogdet(sigma)[1].sum() + np.einsum("j,ji,jik,jk->", sums.size, off, V, off)
    return float(-0.5 * (value + sums.size.sum() * sums.mean.shape[1] * np.log(2 * np.pi)))


def gradient(sums: ClusterSums, theta: Numbers) -> Numbers:
    """Gradient (K,) of the log-likelihood; `theta` may be complex."""
    V, U, off, _ = _pieces(sums, theta)
    pulled = (V @ off[:, :, None])[:, :, 0]
    spare = sums.size.sum() - len(sums.size)
    G = 0.5 * (sums.size[:, None, None] * pulled[:, :, None] * pulled[:, None, :] - V)
    by_within = G.sum(axis=0) + 0.5 * (U @ sums.within @ U - spare * U)
    by_between = (sums.size[:, None, None] * G).sum(axis=0)
    by_slopes = sums.design.T @ (sums.size[:, None] * pulled)
    double = 2.0 - np.eye(len(U))
    return pack(by_slopes, double * by_within, double * by_between)


def observed_information(sums: ClusterSums, theta: Floats) -> Floats:
    """Negative second derivatives (K, K) by a complex step of the gradient."""
    rows = [-gradient(sums, theta + 1j * STEP * unit).imag / STEP for unit in np.eye(len(theta))]
    H = np.stack(rows)
    return np.asarray((H + H.T) / 2)


def expected_information(sums: ClusterSums, theta: Floats) -> Floats:
    """Fisher information (K, K)."""
    p, r = sums.mean.shape[1], sums.design.shape[1]
    V, U, _, _ = _pieces(sums, theta)
    low = np.tril_indices(p)
    D = np.zeros((len(low[0]), p, p))
    at = np.arange(len(low[0]))
    D[at, low[0], low[1]] = D[at, low[1], low[0]] = 1.0
    VD, UD = V[:, None] @ D, U @ D
    each = 0.5 * np.einsum("jkab,jlba->jkl", VD, VD)
    spare = sums.size.sum() - len(sums.size)
    ww = each.sum(axis=0) + 0.5 * spare * np.einsum("kab,lba->kl", UD, UD)
    wb, bb = (np.einsum("j,jkl->kl", sums.size**power, each) for power in (1, 2))
    mean = np.einsum("j,jr,js,jab->rasb", sums.size, sums.design, sums.design, V).reshape(r * p, r * p)
    out = np.zeros((len(theta), len(theta)))
    out[: r * p, : r * p] = mean
    out[r * p :, r * p :] = np.block([[ww, wb], [wb.T, bb]])
    return out


def start(sums: ClusterSums) -> Floats:
    """Moment estimates, the matrix between clusters made positive."""
    J, N = len(sums.size), sums.size.sum()
    within = sums.within / (N - J)
    slopes = np.linalg.lstsq(sums.design, sums.mean, rcond=None)[0]
    off = sums.mean - sums.design @ slopes
    typical = float(1 / (1 / sums.size).mean())
    values, vectors = np.linalg.eigh(off.T @ off / J - within / typical)
    floor = 0.05 * np.trace(within) / len(within)
    between = (vectors * np.maximum(values, floor)) @ vectors.T
    return np.asarray(pack(slopes, within, between), dtype=np.float64)


def fit_two_level_normal(sums: ClusterSums) -> TwoLevelNormal:
    """Find the maximum by Fisher's scoring, then Newton's steps."""

    def objective(theta: Floats, at: Ints) -> tuple[Floats, Planner]:

        def plan(kept: npt.NDArray[np.bool_]) -> Plan:
            score = gradient(sums, theta[0])
            step = np.asarray(np.linalg.lstsq(expected_information(sums, theta[0]), score, rcond=1e-12)[0])
            return Plan(
                step[None].astype(np.float64), np.array([abs(float(step @ score)) < DONE]), np.abs(score).max()[None]
            )

        return np.array([-loglik(sums, theta[0])]), plan

    theta = descend(objective, start(sums)[None], RULES).points[0]
    for _ in range(POLISH):
        H, score = observed_information(sums, theta), gradient(sums, theta)
        trial = theta + np.linalg.lstsq(H, score, rcond=1e-14)[0]
        if not loglik(sums, trial) >= loglik(sums, theta) - 1e-9:
            break
        theta = trial
    H, score = observed_information(sums, theta), gradient(sums, theta)
    good = bool(np.linalg.eigvalsh(H)[0] > 0)
    good = good and abs(float(score @ np.linalg.solve(H, score))) < 1e-8
    vcov = np.asarray(np.linalg.inv(H), dtype=np.float64) if good else np.full_like(H, np.nan)
    slopes, within, between = unpack(theta, sums.mean.shape[1], sums.design.shape[1])
    return TwoLevelNormal(slopes, within, between, vcov, loglik(sums, theta), good)
