"""Means over the random effects: what the average of all patients does, not the patient at the middle.

With v = zᵀΣz the variance of the random part of a row, the mean of g⁻¹(η + b), b ~ N(0, v), is exp(η + v/2) for the
log link, Φ(η/√(1 + v)) for the probit, and an integral by quadrature for the others (Zeger, Liang & Albert 1988).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy import special

from doublecode.analysis.mixed.design import Term
from doublecode.analysis.mixed.generalized.links import Link, inverse

Floats = npt.NDArray[np.float64]

NODES = 31


def row_variances(terms: Sequence[Term], covariances: Sequence[Floats]) -> Floats:
    """(n,) variance of the random part in each row, summed over independent terms."""
    parts = [np.einsum("ip,pq,iq->i", term.Z, V, term.Z) for term, V in zip(terms, covariances, strict=True)]
    return np.asarray(np.sum(parts, axis=0))


def population_mean(eta: Floats, variance: Floats, link: Link) -> Floats:
    """(n,) means over random effects of variance (n,) around the linear predictor (n,)."""
    if link == "log":
        return inverse(eta + 0.5 * variance, link)
    if link == "probit":
        return np.asarray(special.ndtr(eta / np.sqrt(1.0 + variance)))
    z, w = np.polynomial.hermite.hermgauss(NODES)
    at = eta[..., None] + np.sqrt(2.0 * variance)[..., None] * z
    return np.asarray(inverse(at, link) @ w / np.sqrt(np.pi))
