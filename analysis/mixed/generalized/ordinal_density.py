"""An ordinal outcome as the engine asks for it: log-probabilities of rows by η and by the thresholds' ψ."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from doublecode.analysis.mixed.generalized.cumulative_density import derivatives, log_probability, slopes
from doublecode.analysis.mixed.generalized.cumulative_rows import OrdinalRows
from doublecode.analysis.mixed.generalized.density import RowDerivatives

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class OrdinalDensity:
    """The outcomes of n rows under a cumulative link model; a :class:`RowDensity`.

    Where effects that differ by threshold put the edges of a row out of order, its ℓ is −∞.
    """

    rows: OrdinalRows

    @property
    def n_shape(self) -> int:
        """Number of shape parameters."""
        return self.rows.size

    def value(self, eta: Floats, psi: Floats) -> Floats:
        """(…, n) ℓ."""
        upper, lower = self.rows.edges(psi)
        return self._in_order(log_probability(upper - eta, lower - eta, self.rows.link), upper, lower)

    def newton(self, eta: Floats, psi: Floats) -> tuple[Floats, Floats, Floats]:
        """(…, n) ℓ, ∂ℓ/∂η and ∂²ℓ/∂η²."""
        upper, lower = self.rows.edges(psi)
        value, d1, d2 = slopes(upper - eta, lower - eta, self.rows.link)
        return self._in_order(value, upper, lower), d1, d2

    def derivatives(self, eta: Floats, psi: Floats) -> RowDerivatives:
        """ℓ and its derivatives by η and ψ."""
        upper, lower = self.rows.edges(psi)
        found = derivatives(upper - eta, lower - eta, self.rows.link)
        by_upper, by_lower = self.rows.by_psi(psi)
        psi_parts = found.upper[..., None] * by_upper + found.lower[..., None] * by_lower
        value = self._in_order(found.value, upper, lower)
        return RowDerivatives(value, found.d1, found.d2, found.d3, psi_parts[0], psi_parts[1], psi_parts[2])

    def subset(self, rows: npt.NDArray[np.intp]) -> OrdinalDensity:
        """The density of some of the rows, in the order given."""
        own = self.rows
        nominal = None if own.nominal is None else own.nominal[rows]
        return OrdinalDensity(replace(own, category=own.category[rows], nominal=nominal))

    def _in_order(self, value: Floats, upper: Floats, lower: Floats) -> Floats:
        if self.rows.nominal is None:
            return value
        return np.where(upper > lower, value, -np.inf)
