"""Densities of many sets at once: rows (J, K, B) of J groups, K places in each, B sets.

Prior weights are taken into the outcome and the trials, since a row's log-probability is linear in both: a place where
a set has no row has 0 of 0. Derivatives of ℓ by η are W = −ℓ'', and the next two of W.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from doublecode.analysis.mixed.generalized.links import LARGEST

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]
Two = tuple[Floats, Floats]
Three = tuple[Floats, Floats, Floats]


class Full(NamedTuple):
    """ℓ without its constant, ℓ', W, W' and W'', each (J, K, B)."""

    value: Floats
    slope: Floats
    W: Floats
    W1: Floats
    W2: Floats


class SetDensity(Protocol):
    """Outcomes of many sets under one family and link."""

    def newton(self, eta: Floats) -> Two:
        """ℓ' and W."""

    def at_node(self, eta: Floats) -> Three:
        """ℓ, ℓ' and W."""

    def full(self, eta: Floats) -> Full:
        """Everything."""

    def take(self, sets: Ints) -> SetDensity:
        """Some of the sets."""


@dataclass(frozen=True)
class LogitSets:
    """Weighted successes (J, K, B) and trials (J, K, B) or (J, K, 1)."""

    y: Floats
    m: Floats

    def newton(self, eta: Floats) -> Two:
        """ℓ' and W."""
        p = 1.0 / (1.0 + np.exp(-eta))
        mean = self.m * p
        return self.y - mean, mean * (1.0 - p)

    def at_node(self, eta: Floats) -> Three:
        """ℓ, ℓ' and W."""
        value, slope, W, _ = self._parts(eta)
        return value, slope, W

    def full(self, eta: Floats) -> Full:
        """Everything; W' = W(1 − 2p), W'' = W(1 − 6p(1 − p))."""
        value, slope, W, p = self._parts(eta)
        return Full(value, slope, W, W * (1.0 - 2.0 * p), W * (1.0 - 6.0 * p * (1.0 - p)))

    def _parts(self, eta: Floats) -> tuple[Floats, Floats, Floats, Floats]:
        held = np.maximum(eta, -LARGEST)
        e = np.exp(-held)
        value = (self.y - self.m) * held
        value -= self.m * np.log1p(e)
        e += 1.0
        p = 1.0 / e
        mean = self.m * p
        return value, self.y - mean, mean * (1.0 - p), p

    def take(self, sets: Ints) -> SetDensity:
        """Some of the sets."""
        return LogitSets(_take(self.y, sets), _take(self.m, sets))


@dataclass(frozen=True)
class PoissonSets:
    """Weighted counts (J, K, B), and weights (J, K, B) or (J, K, 1)."""

    y: Floats
    m: Floats

    def newton(self, eta: Floats) -> Two:
        """ℓ' and W."""
        mean = self.m * np.exp(np.minimum(eta, LARGEST))
        return self.y - mean, mean

    def at_node(self, eta: Floats) -> Three:
        """ℓ, ℓ' and W."""
        slope, mean = self.newton(eta)
        return self.y * eta - mean, slope, mean

    def full(self, eta: Floats) -> Full:
        """Everything; all derivatives of W are W."""
        value, slope, mean = self.at_node(eta)
        return Full(value, slope, mean, mean, mean)

    def take(self, sets: Ints) -> SetDensity:
        """Some of the sets."""
        return PoissonSets(_take(self.y, sets), _take(self.m, sets))


def _take(values: Floats, sets: Ints) -> Floats:
    return values if values.shape[-1] == 1 else values[..., sets]
