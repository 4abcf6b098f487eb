"""An ordinal outcome as the engine asks for it: log-probabilities of rows by η and by the thresholds' ψ."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from doublecode.analysis.mixed.generalized.cumulative_density import (
    derivatives,
    log_gap,
    log_probability,
    logit_parts,
    probit_slopes,
    slopes,
)
from doublecode.analysis.mixed.generalized.cumulative_rows import OrdinalRows
from doublecode.analysis.mixed.generalized.density import RowDerivatives

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class _AtPsi:
    """What depends on ψ alone: edges (n,), their derivatives by ψ (n, k), and widths of the categories."""

    psi: bytes
    upper: Floats
    lower: Floats
    by_upper: Floats
    by_lower: Floats
    gap: Floats
    tie: Floats


@dataclass(frozen=True)
class OrdinalDensity:
    """The outcomes of n rows under a cumulative link model; a :class:`RowDensity`.

    Where effects that differ by threshold put the edges of a row out of order, its ℓ is −∞.
    """

    rows: OrdinalRows
    _last: list[_AtPsi] = field(default_factory=list, compare=False, repr=False)

    @property
    def n_shape(self) -> int:
        """Number of shape parameters."""
        return self.rows.size

    def value(self, eta: Floats, psi: Floats) -> Floats:
        """(…, n) ℓ."""
        at = self._at(psi)
        return self._in_order(log_probability(at.upper - eta, at.lower - eta, self.rows.link), at)

    def newton(self, eta: Floats, psi: Floats) -> tuple[Floats, Floats, Floats]:
        """(…, n) ℓ, ∂ℓ/∂η and ∂²ℓ/∂η²."""
        at = self._at(psi)
        if self.rows.link == "logit":
            value, pa, pb = logit_parts(at.upper - eta, at.lower - eta, at.gap)
            return self._in_order(value, at), pa - pb, pa * (pa - 1.0) + pb * (pb - 1.0)
        value, d1, d2 = slopes(at.upper - eta, at.lower - eta, self.rows.link)
        return self._in_order(value, at), d1, d2

    def derivatives(self, eta: Floats, psi: Floats) -> RowDerivatives:
        """ℓ and its derivatives by η and ψ."""
        at = self._at(psi)
        found = derivatives(at.upper - eta, at.lower - eta, self.rows.link)
        psi_parts = found.upper[..., None] * at.by_upper + found.lower[..., None] * at.by_lower
        value = self._in_order(found.value, at)
        return RowDerivatives(value, found.d1, found.d2, found.d3, psi_parts[0], psi_parts[1], psi_parts[2])

    def at_nodes(self, eta: Floats, psi: Floats) -> tuple[Floats, Floats, Callable[[Floats], Floats]]:
        """(Q, n) ℓ and ∂ℓ/∂η, and the sum of ∂ℓ/∂ψ for weights (Q, n)."""
        at = self._at(psi)
        a, b = at.upper - eta, at.lower - eta
        if self.rows.link == "logit":
            value, pa, pb = logit_parts(a, b, at.gap)
            d1, by_a, by_b = pa - pb, 1.0 - pa + at.tie, pb - 1.0 - at.tie
        else:
            value, by_a, below = probit_slopes(a, b)
            d1, by_b = below - by_a, -below

        def summed(weights: Floats) -> Floats:
            upper, lower = (weights * by_a).sum(axis=0), (weights * by_b).sum(axis=0)
            return np.asarray(upper @ at.by_upper + lower @ at.by_lower)

        return self._in_order(value, at), d1, summed

    def subset(self, rows: npt.NDArray[np.intp]) -> OrdinalDensity:
        """The density of some of the rows, in the order given."""
        own = self.rows
        nominal = None if own.nominal is None else own.nominal[rows]
        return OrdinalDensity(replace(own, category=own.category[rows], nominal=nominal))

    def _at(self, psi: Floats) -> _AtPsi:
        """Edges at ψ; the last ones are kept, since the engine asks for the same ψ many times."""
        key = psi.tobytes()
        if self._last and self._last[0].psi == key:
            return self._last[0]
        upper, lower = self.rows.edges(psi)
        width = upper - lower
        with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
            gap, tie = log_gap(width), 1.0 / np.expm1(width)
        found = _AtPsi(key, upper, lower, *self.rows.by_psi(psi), gap, tie)
        self._last[:] = [found]
        return found

    def _in_order(self, value: Floats, at: _AtPsi) -> Floats:
        if self.rows.nominal is None:
            return value
        return np.where(at.upper > at.lower, value, -np.inf)
