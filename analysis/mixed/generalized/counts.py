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
class PoissonRows:
    """Counts (n,)."""

    counts: Floats

    n_shape = 0

    @cached_property
    def constant(self) -> Floats:
        """(n,) −log y!."""
        return np.asarray(-special.gammaln(self.counts + 1.0))

    def value(self, eta: Floats, psi: Floats) -> Floats:
        """(…, n) log-probability."""
        return self.newton(eta, psi)[0]

    def newton(self, eta: Floats, psi: Floats) -> tuple[Floats, Floats, Floats]:
        """Value and two derivatives in η."""
        mean = np.exp(np.minimum(eta, LARGEST))
        return self.counts * eta - mean + self.constant, self.counts - mean, -mean

    def derivatives(self, eta: Floats, psi: Floats) -> RowDerivatives:
        """Value and three derivatives in η."""
        value, d1, d2 = self.newton(eta, psi)
        return RowDerivatives(value, d1, d2, d2)

    def subset(self, rows: npt.NDArray[np.intp]) -> RowDensity:
        """Some of the rows."""
        return PoissonRows(self.counts[rows])


@dataclass(frozen=True)
class NegativeBinomialRows:
    """Counts (n,); the shape parameter is ψ = log φ."""

    counts: Floats

    n_shape = 1

    @cached_property
    def constant(self) -> Floats:
        """(n,) −log y!."""
        return np.asarray(-special.gammaln(self.counts + 1.0))

    def _parts(self, eta: Floats, psi: Floats) -> tuple[Floats, Floats, Floats, Floats]:
        y, phi, lean = self.counts, np.exp(psi[0]), eta - psi[0]
        gamma = _log_rising(y, phi)
        value = gamma + self.constant + y * psi[0] + y * lean - (y + phi) * np.logaddexp(0.0, lean)
        p, q = special.expit(lean), special.expit(-lean)
        return value, p, q, y + phi

    def value(self, eta: Floats, psi: Floats) -> Floats:
        """(…, n) log-probability."""
        return self._parts(eta, psi)[0]

    def newton(self, eta: Floats, psi: Floats) -> tuple[Floats, Floats, Floats]:
        """Value and two derivatives in η."""
        value, p, q, total = self._parts(eta, psi)
        return value, self.counts - total * p, -total * p * q

    def derivatives(self, eta: Floats, psi: Floats) -> RowDerivatives:
        """Everything; ∂/∂ψ at fixed η moves p by −p(1 − p) and y + φ by φ."""
        value, p, q, total = self._parts(eta, psi)
        phi, v = np.exp(psi[0]), p * q
        turn = v * (q - p)
        by_psi = phi * (_digamma_gap(self.counts, phi) - np.logaddexp(0.0, eta - psi[0])) + total * p - self.counts
        d1_psi = -phi * p + total * v
        d2_psi = -phi * v + total * turn
        return RowDerivatives(
            value, self.counts - total * p, -total * v, -total * turn,
            by_psi[..., None], d1_psi[..., None], d2_psi[..., None],
        )  # fmt: skip

    def subset(self, rows: npt.NDArray[np.intp]) -> RowDensity:
        """Some of the rows."""
        return NegativeBinomialRows(self.counts[rows])


def _log_rising(y: Floats, phi: float) -> Floats:
    """(n,) log Γ(y + φ) − log Γ(φ) − y log φ, accurate for large φ too."""
    if phi < 1e5:
        return np.asarray(special.gammaln(y + phi) - special.gammaln(phi) - y * np.log(phi))
    return np.asarray((y + phi - 0.5) * np.log1p(y / phi) - y + 1.0 / (12.0 * (y + phi)) - 1.0 / (12.0 * phi))


def _digamma_gap(y: Floats, phi: float) -> Floats:
    """(n,) digamma(y + φ) − digamma(φ)."""
    if phi < 1e5:
        return np.asarray(special.digamma(y + phi) - special.digamma(phi))
    return np.asarray(np.log1p(y / phi) - 0.5 / (y + phi) + 0.5 / phi)
