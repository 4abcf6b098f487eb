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

MANY = 1e5
"""Largest count from which η is measured from log y, so that value and derivatives are those of one rounded η."""


@dataclass(frozen=True)
class _Counts:
    """Counts (n,), or (n, …), and what of them does not change with the model."""

    counts: Floats

    @cached_property
    def logs(self) -> Floats:
        """(n,) log y, of zeros 0."""
        return np.log(np.maximum(self.counts, 1.0))

    @cached_property
    def large(self) -> bool:
        """Whether rounding of η times a count would drown what a likelihood is compared by."""
        return bool(self.counts.size) and float(self.counts.max()) > MANY

    def excess(self, beyond: Floats) -> Floats:
        """(…, n) μ − y from η − log y, without the digits that a difference of large numbers loses."""
        return np.where(self.counts > 0.0, self.counts * np.expm1(beyond), np.exp(beyond))

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
        if self.large:
            beyond = np.minimum(eta, LARGEST) - self.logs
            above = -self.excess(beyond)
            return self.counts * beyond + above + self.top, above, above - self.counts
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
    """Of rows (…, n): value, μ − y, y + φ, log((μ + φ)/(y + φ)), p, and 1 − p."""

    value: Floats
    above: Floats
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
        if self.large:
            return self._large_parts(eta, psi)
        y, phi = self.counts, np.exp(psi[0])
        above, total = np.exp(np.minimum(eta, LARGEST)) - y, y + phi
        far = np.where(eta < LARGEST, np.log1p(above / total), eta - np.log(total))
        value = y * (eta - self.logs) - total * far + self.top - stirling_gap(y, phi)
        return _Parts(value, above, total, far, special.expit(eta - psi[0]), special.expit(psi[0] - eta))

    def _large_parts(self, eta: Floats, psi: Floats) -> _Parts:
        """The same from η − log y; where y > φ with log μ/y = log((μ + φ)/(y + φ)) + terms of the size of φ."""
        y, phi = self.counts, np.exp(psi[0])
        beyond, total = np.minimum(eta, LARGEST) - self.logs, y + phi
        above = self.excess(beyond)
        far = np.log1p(above / total)
        between = np.log1p(phi / np.maximum(y + above, np.finfo(float).tiny)) - np.log1p(phi / np.maximum(y, 1.0))
        near = np.where(y > phi, -phi * beyond - total * between, y * beyond - total * far)
        value = near + self.top - stirling_gap(y, phi)
        return _Parts(value, above, total, far, special.expit(eta - psi[0]), special.expit(psi[0] - eta))

    def value(self, eta: Floats, psi: Floats) -> Floats:
        """(…, n) log-probability."""
        return self._parts(eta, psi).value

    def newton(self, eta: Floats, psi: Floats) -> tuple[Floats, Floats, Floats]:
        """Value and two derivatives in η; y − (y + φ)p = (y − μ)(1 − p)."""
        at = self._parts(eta, psi)
        return at.value, -at.above * at.q, -at.total * at.p * at.q

    def derivatives(self, eta: Floats, psi: Floats) -> RowDerivatives:
        """Everything; ∂/∂ψ at fixed η moves p by −p(1 − p) and y + φ by φ."""
        at, y, phi = self._parts(eta, psi), self.counts, np.exp(psi[0])
        v = at.p * at.q
        turn = v * (at.q - at.p)
        by_psi = phi * (digamma_excess(y, phi) - at.far) + at.above * at.q
        d1_psi = -phi * at.p + at.total * v
        d2_psi = -phi * v + at.total * turn
        return RowDerivatives(
            at.value, -at.above * at.q, -at.total * v, -at.total * turn,
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
