"""Densities of many sets at once: rows (J, K, B) of J groups, K places in each, B sets.

Prior weights are taken into the outcome and the trials, since a row's log-probability is linear in both: a place where
a set has no row has 0 of 0. Derivatives of ℓ by η are W = −ℓ'', and the next two of W.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple, Protocol, Self

import numpy as np
import numpy.typing as npt

from doublecode.analysis.mixed.generalized.counts import digamma_excess, stirling_gap, trigamma_gap
from doublecode.analysis.mixed.generalized.links import LARGEST

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]
Two = tuple[Floats, Floats]
Three = tuple[Floats, Floats, Floats]

MOST_EVEN = 100.0
"""Log of the dispersion above which it changes nothing any more."""


class Full(NamedTuple):
    """ℓ without its constant, ℓ', W, W' and W'', each (J, K, B)."""

    value: Floats
    slope: Floats
    W: Floats
    W1: Floats
    W2: Floats


class Shape(NamedTuple):
    """Derivatives by a shape parameter ψ, (J, K, B): of ℓ, ℓ' and W once and twice, of W' once."""

    value: Floats
    value2: Floats
    slope: Floats
    slope2: Floats
    W: Floats
    W_twice: Floats
    W1: Floats


class SetDensity(Protocol):
    """Outcomes of many sets under one family and link, at shape parameters if there are any."""

    @property
    def n_shape(self) -> int:
        """Number of shape parameters, 0 or 1."""

    def at(self, psi: Floats) -> SetDensity:
        """The same at a shape parameter of each set (B,)."""

    def shape(self, eta: Floats) -> Shape | None:
        """Derivatives by the shape parameter; None without one."""

    def newton(self, eta: Floats) -> Two:
        """ℓ' and W."""

    def at_node(self, eta: Floats) -> Three:
        """ℓ, ℓ' and W."""

    def full(self, eta: Floats) -> Full:
        """Everything."""

    def take(self, sets: Ints) -> SetDensity:
        """Some of the sets."""


class _WithoutShape:
    """A density that has no shape parameter."""

    n_shape = 0

    def at(self, psi: Floats) -> Self:
        """The same."""
        return self

    def shape(self, eta: Floats) -> Shape | None:
        """Nothing."""
        return None


@dataclass(frozen=True)
class LogitSets(_WithoutShape):
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
class PoissonSets(_WithoutShape):
    """Weighted counts (J, K, B), weights (J, K, B) or (J, K, 1), and logs of counts (J, K, B), of zeros 0."""

    y: Floats
    m: Floats
    logs: Floats

    def newton(self, eta: Floats) -> Two:
        """ℓ' and W."""
        mean = self.m * np.exp(np.minimum(eta, LARGEST))
        return self.y - mean, mean

    def at_node(self, eta: Floats) -> Three:
        """ℓ, as its distance from that at μ = y so that large counts lose no digits, ℓ' and W."""
        slope, mean = self.newton(eta)
        return self.y * (eta - self.logs) + slope, slope, mean

    def full(self, eta: Floats) -> Full:
        """Everything; all derivatives of W are W."""
        value, slope, mean = self.at_node(eta)
        return Full(value, slope, mean, mean, mean)

    def take(self, sets: Ints) -> SetDensity:
        """Some of the sets."""
        return PoissonSets(_take(self.y, sets), _take(self.m, sets), _take(self.logs, sets))


@dataclass(frozen=True)
class NegativeBinomialSets:
    """Counts (J, K, B), weights (J, K, B) or (J, K, 1), logs of counts, of zeros 0, and ψ = log φ of each set (B,).

    With p = μ/(μ + φ), v = p(1 − p) and n = y + φ: ℓ' = y − np, W = nv, ∂v/∂η = v(1 − 2p) = −∂v/∂ψ and ∂p/∂ψ = −v.
    """

    y: Floats
    w: Floats
    logs: Floats
    psi: Floats

    n_shape = 1

    def at(self, psi: Floats) -> SetDensity:
        """The same at another dispersion."""
        return replace(self, psi=psi)

    @cached_property
    def _phi(self) -> Floats:
        return np.exp(np.minimum(self.psi, MOST_EVEN))

    @cached_property
    def _gap(self) -> Floats:
        return stirling_gap(self.y, self._phi)

    @cached_property
    def _gaps(self) -> tuple[Floats, Floats]:
        """What the digamma and the trigamma function differ by between y + φ and φ, of the first without its log."""
        return digamma_excess(self.y, self._phi), trigamma_gap(self.y, self._phi)

    def _parts(self, eta: Floats) -> tuple[Floats, Floats, Floats, Floats]:
        """μ, p, 1 − p and log((μ + φ)/(y + φ))."""
        mean, phi = np.exp(np.minimum(eta, LARGEST)), self._phi
        total = mean + phi
        far = np.log1p((mean - self.y) / (self.y + phi))
        return mean, mean / total, phi / total, far

    def newton(self, eta: Floats) -> Two:
        """ℓ' and W."""
        mean, p, q, _ = self._parts(eta)
        return self.w * (self.y - mean) * q, self.w * (self.y + self._phi) * p * q

    def at_node(self, eta: Floats) -> Three:
        """ℓ, as its distance from that at μ = y so that large counts and large φ lose no digits, ℓ' and W."""
        mean, p, q, far = self._parts(eta)
        n = self.y + self._phi
        value = self.y * (np.minimum(eta, LARGEST) - self.logs) - n * far - self._gap
        return self.w * value, self.w * (self.y - mean) * q, self.w * n * p * q

    def full(self, eta: Floats) -> Full:
        """Everything; W' = W(1 − 2p), W'' = W(1 − 6v)."""
        value, slope, W = self.at_node(eta)
        _, p, q, _ = self._parts(eta)
        return Full(value, slope, W, W * (q - p), W * (1.0 - 6.0 * p * q))

    def shape(self, eta: Floats) -> Shape | None:
        """Derivatives by ψ."""
        mean, p, q, far = self._parts(eta)
        phi, (excess, second) = self._phi, self._gaps
        n, v = self.y + phi, p * q
        turn = v * (q - p)
        bend = n * v * (1.0 - 6.0 * v)
        grown = phi * (excess - far)
        parts = (
            grown + (mean - self.y) * q,
            grown + phi**2 * second + 2.0 * phi * p - n * v,
            n * v - phi * p,
            2.0 * phi * v - phi * p - n * turn,
            phi * v - n * turn,
            phi * v - 2.0 * phi * turn + bend,
            phi * turn - bend,
        )
        return Shape(*(self.w * part for part in parts))

    def take(self, sets: Ints) -> SetDensity:
        """Some of the sets."""
        return NegativeBinomialSets(_take(self.y, sets), _take(self.w, sets), _take(self.logs, sets), self.psi[sets])


def _take(values: Floats, sets: Ints) -> Floats:
    return values if values.shape[-1] == 1 else values[..., sets]
