r"""What a family gives the engine: the log-density of each row and its derivatives.

The Laplace and quadrature objectives and their gradients need no more than this. For a linear predictor η and shape
parameters ψ (thresholds of an ordinal outcome, the dispersion of a negative binomial count) row i contributes
ℓᵢ(ηᵢ, ψ). Prior weights are the engine's: a density knows its outcome (and trials), never weights.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class RowDerivatives:
    """ℓ of every row and its derivatives; leading axes are those of η, quadrature nodes in front: (…, n).

    Attributes
    ----------
    value
        (…, n) ℓ, with its constants.
    d1, d2, d3
        (…, n) ∂ℓ/∂η, ∂²ℓ/∂η² ≤ 0, ∂³ℓ/∂η³.
    psi, d1_psi, d2_psi
        (…, n, k) ∂ℓ/∂ψ, ∂²ℓ/∂η∂ψ, ∂³ℓ/∂η²∂ψ; None where there are no shape parameters.
    """

    value: Floats
    d1: Floats
    d2: Floats
    d3: Floats
    psi: Floats | None = None
    d1_psi: Floats | None = None
    d2_psi: Floats | None = None


@runtime_checkable
class NodeDensity(Protocol):
    """A density that has a short way to what quadrature asks for at its nodes."""

    def at_nodes(self, eta: Floats, psi: Floats) -> tuple[Floats, Floats, Callable[[Floats], Floats]]:
        """(Q, n) ℓ and ∂ℓ/∂η at η (Q, n), and what turns weights (Q, n) into Σ weight · ∂ℓ/∂ψ, (k,)."""


class RowDensity(Protocol):
    """The outcomes of n rows under one family and link."""

    @property
    def n_shape(self) -> int:
        """Number of shape parameters, k, all free of bounds."""

    def value(self, eta: Floats, psi: Floats) -> Floats:
        """(…, n) ℓ at η (…, n) and ψ (k,)."""

    def newton(self, eta: Floats, psi: Floats) -> tuple[Floats, Floats, Floats]:
        """(…, n) each: ℓ, ∂ℓ/∂η and ∂²ℓ/∂η², for the search of the modes."""

    def derivatives(self, eta: Floats, psi: Floats) -> RowDerivatives:
        """Everything, at η (…, n) and ψ (k,)."""

    def subset(self, rows: npt.NDArray[np.intp]) -> RowDensity:
        """The density of some of the rows, in the order given."""
