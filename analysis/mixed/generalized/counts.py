"""Log-probability of counts under a Poisson or a negative binomial model, log link, with derivatives.

Negative binomial with quadratic variance μ + μ²/φ (NB2; Lawless 1987), φ = exp ψ: with p = μ/(μ + φ),
ℓ = log Γ(y + φ) − log Γ(φ) − log y! + y log p + φ log(1 − p), ∂ℓ/∂η = y − (y + φ)p, and ∂p/∂η = p(1 − p) = −∂p/∂ψ.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
from scipy import special

from doublecode.analysis.mixed.generalized.density import RowDensity, RowDerivatives
from doublecode.analysis.mixed.generalized.links import LARGEST

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class _Counts:
    """Counts (n,), or (n, …), and what of them does not change with the model."""

    counts: Floats

    @cached_property
    def logs(self) -> Floats:
        """(n,) log y, of zeros 0."""
        return np.log(np.maximum(self.counts, 1.0))

    @cached_property
    def top(self) -> Floats:
        """(n,) y log y − y − log y!: the log-probability of y where μ = y, under Poisson."""
        positive = np.maximum(self.counts, 1.0)
        return np.where(self.counts > 0.0, -0.5 * np.log(2.0 * np.pi * positive) - _stirling(positive), 0.0)


@dataclass(frozen=True)
class PoissonRows(_Counts):
    """Counts (n,) under a Poisson model."""

    n_shape = 0

    def value(self, eta: Floats, psi: Floats) -> Floats:
        """(…, n) log-probability."""
        return self.newton(eta, psi)[0]

    def newton(self, eta: Floats, psi: Floats) -> tuple[Floats, Floats, Floats]:
        """Value, as its distance from that at μ = y so that large counts lose no digits, and two derivatives in η."""
        mean = np.exp(np.minimum(eta, LARGEST))
        above = self.counts - mean
        return self.counts * (eta - self.logs) + above + self.top, above, -mean

    def derivatives(self, eta: Floats, psi: Floats) -> RowDerivatives:
        """Value and three derivatives in η."""
        value, d1, d2 = self.newton(eta, psi)
        return RowDerivatives(value, d1, d2, d2)

    def subset(self, rows: npt.NDArray[np.intp]) -> RowDensity:
        """Some of the rows."""
        return PoissonRows(self.counts[rows])


@dataclass(frozen=True)
class _Parts:
    """Of rows (…, n): value, μ, y + φ, log((μ + φ)/(y + φ)), p, and 1 − p."""

    value: Floats
    mean: Floats
    total: Floats
    far: Floats
    p: Floats
    q: Floats


@dataclass(frozen=True)
class NegativeBinomialRows(_Counts):
    """Counts (n,) under a negative binomial model; the shape parameter is ψ = log φ."""

    n_shape = 1

    def _parts(self, eta: Floats, psi: Floats) -> _Parts:
        """Log-probability, as its distance from that at μ = y so that large counts and large φ lose no digits."""
        y, phi = self.counts, np.exp(psi[0])
        mean, total = np.exp(np.minimum(eta, LARGEST)), y + phi
        far = np.where(eta < LARGEST, np.log1p((mean - y) / total), eta - np.log(total))
        value = y * (eta - self.logs) - total * far + self.top - stirling_gap(y, phi)
        return _Parts(value, mean, total, far, special.expit(eta - psi[0]), special.expit(psi[0] - eta))

    def value(self, eta: Floats, psi: Floats) -> Floats:
        """(…, n) log-probability."""
        return self._parts(eta, psi).value

    def newton(self, eta: Floats, psi: Floats) -> tuple[Floats, Floats, Floats]:
        """Value and two derivatives in η; y − (y + φ)p = (y − μ)(1 − p)."""
        at = self._parts(eta, psi)
        return at.value, (self.counts - at.mean) * at.q, -at.total * at.p * at.q

    def derivatives(self, eta: Floats, psi: Floats) -> RowDerivatives:
        """Everything; ∂/∂ψ at fixed η moves p by −p(1 − p) and y + φ by φ."""
        at, y, phi = self._parts(eta, psi), self.counts, np.exp(psi[0])
        v = at.p * at.q
        turn = v * (at.q - at.p)
        by_psi = phi * (digamma_excess(y, phi) - at.far) + (at.mean - y) * at.q
        d1_psi = -phi * at.p + at.total * v
        d2_psi = -phi * v + at.total * turn
        return RowDerivatives(
            at.value, (y - at.mean) * at.q, -at.total * v, -at.total * turn,
            by_psi[..., None], d1_psi[..., None], d2_psi[..., None],
        )  # fmt: skip

    def subset(self, rows: npt.NDArray[np.intp]) -> RowDensity:
        """Some of the rows."""
        return NegativeBinomialRows(self.counts[rows])


LARGE, SERIES = 16.0, 1e4
"""Argument from which Stirling's series serves to 1e-14; dispersion from which differences are taken from series."""


def _stirling(x: Floats) -> Floats:
    """Log Γ(x) − (x − ½) log x + x − ½ log 2π."""
    inverse = 1.0 / np.maximum(x, LARGE)
    square = inverse**2
    series = inverse * (1 / 12 - square * (1 / 360 - square * (1 / 1260 - square / 1680)))
    small = np.minimum(x, LARGE)
    exact = special.gammaln(small) - (small - 0.5) * np.log(small) + small - 0.5 * np.log(2.0 * np.pi)
    return np.asarray(np.where(x > LARGE, series, exact))


def stirling_gap(y: Floats, phi: Floats | float) -> Floats:
    """φ log φ − log Γ(φ) − φ less the same of y + φ, with its sign turned, for y (…, n) and φ that goes with it."""
    return 0.5 * np.log1p(y / phi) + _stirling(np.atleast_1d(phi)) - _stirling(y + phi)


def digamma_excess(y: Floats, phi: Floats | float) -> Floats:
    """digamma(y + φ) − digamma(φ) − log((y + φ)/φ)."""
    total = y + phi
    near = special.digamma(total) - special.digamma(phi) - np.log1p(y / phi)
    return np.asarray(np.where(phi < SERIES, near, 0.5 * y / (phi * total) + (total**-2.0 - phi**-2.0) / -12.0))


def trigamma_gap(y: Floats, phi: Floats | float) -> Floats:
    """trigamma(y + φ) − trigamma(φ)."""
    total = y + phi
    series = 0.5 * (total**-2.0 - phi**-2.0) + (total**-3.0 - phi**-3.0) / 6.0 - y / (phi * total)
    return np.asarray(np.where(phi < SERIES, special.zeta(2.0, total) - special.zeta(2.0, phi), series))
