"""A slope as the ratio of two moments, with limits that do not take the lower one as known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import stdtr, stdtrit

from doublecode.analysis.linking.coded_columns import Floats


@dataclass(frozen=True)
class Ratio:
    """A ratio with its jackknife standard error, test and Fieller limits.

    Attributes
    ----------
    estimate, std_error, df, statistic, p_value, conf_low, conf_high : float
        The test is that of the numerator against 0; limits are infinite where the denominator may be 0.
    """

    estimate: float
    std_error: float
    df: float
    statistic: float
    p_value: float
    conf_low: float
    conf_high: float


def partialled(M: Floats, at: int) -> tuple[Floats, Floats]:
    """Numerator and denominator (B,) of coefficient `at` of M (B, c + 1, c + 1), whose last column is the outcome."""
    others = [k for k in range(M.shape[1] - 1) if k != at]
    pair = [at, M.shape[1] - 1]
    block = M[:, [at], :][:, :, pair]
    if others:
        inner = M[:, others, :][:, :, others]
        block = block - M[:, [at], :][:, :, others] @ np.linalg.solve(inner, M[:, others, :][:, :, pair])
    return block[:, 0, 1], block[:, 0, 0]


def jackknife_covariance(values: Floats) -> Floats:
    """Covariance (k, k) of k statistics from their values (k, P) without each of P patients.

    (P − 1)/P Σ (θ₍ₚ₎ − θ̄)(θ₍ₚ₎ − θ̄)' (Efron & Stein 1981).
    """
    P = values.shape[1]
    off = values - values.mean(axis=1, keepdims=True)
    return np.asarray((P - 1) / P * off @ off.T)


def fieller(numerator: Floats, denominator: Floats, conf_level: float) -> Ratio:
    """Ratio of the first elements; the others are the values without each patient.

    Limits are the β with (n − β d)² ≤ t² Var(n − β d), t of Student's distribution on P − 1 df (Fieller 1954).

    Parameters
    ----------
    numerator, denominator : ndarray
        (1 + P,).
    conf_level : float
        Between 0 and 1.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> one = fieller(np.r_[6.0, 6 - rng.normal(0.3, 0.1, 20)], np.r_[3.0, 3 - rng.normal(0.15, 0.05, 20)], 0.95)
    >>> one.estimate, bool(one.conf_low < 2 < one.conf_high)
    (2.0, True)
    """
    n, d = float(numerator[0]), float(denominator[0])
    V = jackknife_covariance(np.stack([numerator[1:], denominator[1:]]))
    df = len(numerator) - 2.0
    t = float(stdtrit(df, 0.5 + conf_level / 2))
    statistic = n / float(np.sqrt(V[0, 0])) if V[0, 0] > 0 else float("nan")
    p = float(2 * stdtr(df, -abs(statistic)))
    if d <= 0:
        return Ratio(float("nan"), float("nan"), df, statistic, p, -np.inf, np.inf)
    with np.errstate(divide="ignore", invalid="ignore"):
        error = float(np.sqrt(jackknife_covariance((numerator[1:] / denominator[1:])[None])[0, 0]))
    low, high = _limits(n, d, V, t)
    return Ratio(n / d, error, df, statistic, p, low, high)


def _limits(n: float, d: float, V: Floats, t: float) -> tuple[float, float]:
    a, b, c = d * d - t * t * V[1, 1], n * d - t * t * V[0, 1], n * n - t * t * V[0, 0]
    if a <= 0:
        return -np.inf, np.inf
    root = float(np.sqrt(max(b * b - a * c, 0.0)))
    return (b - root) / a, (b + root) / a


def jackknifed(values: Floats, conf_level: float) -> Ratio:
    """The first of (1 + P,) values, with the jackknife's standard error and Student's t on P − 1 df."""
    error = float(np.sqrt(jackknife_covariance(values[None, 1:])[0, 0]))
    df = len(values) - 2.0
    half = float(stdtrit(df, 0.5 + conf_level / 2)) * error
    estimate = float(values[0])
    statistic = estimate / error if error > 0 else float("nan")
    p = float(2 * stdtr(df, -abs(statistic)))
    return Ratio(estimate, error, df, statistic, p, estimate - half, estimate + half)
