"""Thresholds of a cumulative model: ordered cuts of a latent scale, free of constraints inside.

K categories have K − 1 thresholds τ₁ < τ₂ < … The search runs over ψ without bounds: flexible, τ₁ = ψ₁ and
τⱼ = τⱼ₋₁ + exp ψⱼ; equidistant, τⱼ = ψ₁ + (j − 1) exp ψ₂. What is shown are the thresholds themselves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
ThresholdKind = Literal["flexible", "equidistant"]


@dataclass(frozen=True)
class Thresholds:
    """The map from ψ (k,) to τ (K − 1,).

    Attributes
    ----------
    n_categories
        K, at least 2.
    kind
        ``"flexible"``, k = K − 1, or ``"equidistant"``, k = min(2, K − 1).
    """

    n_categories: int
    kind: ThresholdKind = "flexible"

    @property
    def size(self) -> int:
        """Number of parameters, k."""
        cuts = self.n_categories - 1
        return cuts if self.kind == "flexible" else min(2, cuts)

    def values(self, psi: Floats) -> Floats:
        """(K − 1,) thresholds, strictly ascending."""
        gaps = np.exp(psi[1:])
        if self.kind == "equidistant":
            gaps = np.repeat(gaps, self.n_categories - 2)
        return np.asarray(psi[0] + np.concatenate([[0.0], np.cumsum(gaps)]))

    def jacobian(self, psi: Floats) -> Floats:
        """(K − 1, k) of ∂τ/∂ψ."""
        cuts = self.n_categories - 1
        J = np.ones((cuts, self.size))
        if self.kind == "equidistant":
            J[:, 1:] = (np.arange(cuts) * np.exp(psi[1:]).sum())[:, None]
        else:
            J[:, 1:] = np.tril(np.broadcast_to(np.exp(psi), (cuts, cuts)))[:, 1:]
        return J

    def second(self, psi: Floats, weights: Floats) -> Floats:
        """(k, k) of Σⱼ wⱼ ∂²τⱼ/∂ψ∂ψᵀ for weights (K − 1,): what the chain rule adds to a Hessian."""
        out = np.zeros((self.size, self.size))
        bends = weights @ self.jacobian(psi)
        np.fill_diagonal(out, np.concatenate([[0.0], bends[1:]]))
        return out

    def internal(self, tau: Floats) -> Floats:
        """(k,) ψ of ascending thresholds (K − 1,); equidistant: of the line through the first and the last.

        Thresholds that cross have none: NaN.
        """
        gaps = np.diff(tau)
        if self.kind == "equidistant":
            gaps = gaps.mean(keepdims=True) if len(gaps) else gaps
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.concatenate([tau[:1], np.log(gaps)])


def between(own: Sequence[int], every: Sequence[int], values: Floats, end: float) -> Floats:
    """(K − 1,) values of the thresholds between some categories, put between `every` category, both ascending.

    A category that is not among its `own` has no probability: the thresholds about it coincide, and those below the
    lowest and above the highest have −`end` and `end`.
    """
    return np.concatenate([[-end], values, [end]])[np.searchsorted(own, every[:-1], side="right")]
