"""Log-probability of successes in trials under a logit, probit or complementary log-log link, with its derivatives.

With S and T the log-probabilities of a success and of a failure at η, ℓ = y S(η) + (m − y) T(η) + log C(m, y).
For the probit log Φ has first derivative λ = φ/Φ, λ' = −λ(η + λ), λ'' = −λ'(η + 2λ) − λ; those of a failure follow at
−η. For the complementary log-log T = −e^η and S = log(1 − e^T).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
from scipy import special

from doublecode.analysis.mixed.generalized.density import RowDensity, RowDerivatives
from doublecode.analysis.mixed.generalized.links import LARGEST, Link

Floats = npt.NDArray[np.float64]
Four = tuple[Floats, Floats, Floats, Floats]


@dataclass(frozen=True)
class BinomialRows:
    """Successes (n,) in trials (n,)."""

    successes: Floats
    trials: Floats
    link: Link

    n_shape = 0

    @cached_property
    def constant(self) -> Floats:
        """(n,) log of the binomial coefficient."""
        y, m = self.successes, self.trials
        return np.asarray(-special.betaln(1.0 + y, 1.0 + m - y) - np.log1p(m))

    def value(self, eta: Floats, psi: Floats) -> Floats:
        """(…, n) log-probability."""
        y, m = self.successes, self.trials
        if self.link == "logit":
            return np.asarray(y * eta - m * _logistic(eta)[1] + self.constant)
        success, failure = _logs(eta, self.link)
        return np.asarray(_times(y, success) + _times(m - y, failure) + self.constant)

    def newton(self, eta: Floats, psi: Floats) -> tuple[Floats, Floats, Floats]:
        """Value and two derivatives in η."""
        if self.link == "logit":
            return self._logit(eta)[:3]
        found = self.derivatives(eta, psi)
        return found.value, found.d1, found.d2

    def _logit(self, eta: Floats) -> Four:
        """Value, two derivatives, and the probability, from one exponential."""
        p, soft = _logistic(eta)
        mean = self.trials * p
        return self.successes * eta - self.trials * soft + self.constant, self.successes - mean, mean * (p - 1.0), p

    def derivatives(self, eta: Floats, psi: Floats) -> RowDerivatives:
        """Value and three derivatives in η."""
        y, m = self.successes, self.trials
        if self.link == "logit":
            value, d1, d2, p = self._logit(eta)
            return RowDerivatives(value, d1, d2, d2 * (1.0 - 2.0 * p))
        S, T = (_probit(eta), _mirrored(_probit(-eta))) if self.link == "probit" else _cloglog(eta)
        parts = [_times(y, s) + _times(m - y, t) for s, t in zip(S, T, strict=True)]
        return RowDerivatives(parts[0] + self.constant, *parts[1:])

    def subset(self, rows: npt.NDArray[np.intp]) -> RowDensity:
        """Some of the rows."""
        return BinomialRows(self.successes[rows], self.trials[rows], self.link)


def _logistic(eta: Floats) -> tuple[Floats, Floats]:
    """Probability, and log(1 + e^η)."""
    small = np.exp(-np.abs(eta))
    up = eta >= 0.0
    return np.where(up, 1.0, small) / (1.0 + small), np.where(up, eta, 0.0) + np.log1p(small)


def _times(count: Floats, log: Floats) -> Floats:
    """Product that is zero where the count is, for log-probabilities at −∞ too."""
    return np.where(count == 0.0, 0.0, count * log)


def _logs(eta: Floats, link: Link) -> tuple[Floats, Floats]:
    if link == "probit":
        return special.log_ndtr(eta), special.log_ndtr(-eta)
    return _log_success(eta), -np.exp(np.minimum(eta, LARGEST))


def _log_success(eta: Floats) -> Floats:
    """log(1 − exp(−e^η)) without loss at either end."""
    e = np.exp(np.minimum(eta, LARGEST))
    with np.errstate(divide="ignore"):
        near = np.log(-np.expm1(-np.minimum(e, 1.0)))
    small = eta < -30.0
    return np.asarray(np.where(small, eta - 0.5 * e, np.where(e < 0.5, near, np.log1p(-np.exp(-np.maximum(e, 0.5))))))


def _probit(x: Floats) -> Four:
    log = special.log_ndtr(x)
    ratio = np.exp(-0.5 * x * x - 0.5 * np.log(2.0 * np.pi) - log)
    second = -ratio * (x + ratio)
    return log, ratio, second, -second * (x + 2.0 * ratio) - ratio


def _mirrored(four: Four) -> Four:
    """Derivatives in η of a function taken at −η."""
    return four[0], -four[1], four[2], -four[3]


def _cloglog(eta: Floats) -> tuple[Four, Four]:
    """Success and failure: with e = e^η and r = e/(expm1 e), S' = r and r' = r(1 − e − r)."""
    e = np.exp(np.minimum(eta, LARGEST))
    with np.errstate(over="ignore"):
        r = np.where(e > 1e-12, e / np.expm1(np.maximum(e, 1e-300)), 1.0 - 0.5 * e)
    r1 = np.where(r > 0.0, r * (1.0 - e - r), 0.0)
    r2 = np.where(r > 0.0, r1 * (1.0 - e - r) - r * (e + r1), 0.0)
    return (_log_success(eta), r, r1, r2), (-e, -e, -e, -e)
