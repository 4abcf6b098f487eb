r"""One step of Fisher's scoring, for a first point that lies far from the optimum.

With V = I + ZDZᵀ and P as in :mod:`doublecode.analysis.mixed.engine.likelihood` the equations of MIVQUE (LaMotte
1973; Rao & Kleffe 1988) are linear in σ² and the elements ψₐ of σ²D,

.. math:: Σ_b tr(PE_aPE_b) ψ_b + tr(PE_aP) σ² = y^⊤PE_aPy, \qquad Σ_a tr(PE_aP) ψ_a + tr(P²) σ² = y^⊤P²y,

with ZEₐZᵀ for Eₐ. Of balanced data their solution is the optimum, from wherever one starts; of others it lies near,
where Newton's step from afar is cut short. They cost nothing: since PVP = P,

* tr(PEₐP) = tr(PEₐ) − Σ_b tr(PEₐPE_b) d_b, with d the elements of D,
* tr(P) = ν − Σ tr(PEₐ) dₐ, tr(P²) = tr(P) − Σ tr(PEₐP) dₐ,
* yᵀP²y = yᵀPy − Σ (yᵀPEₐPy) dₐ,

and the rest are the derivatives that Newton's step needs. Under ML the traces take V⁻¹ for P.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from doublecode.analysis.mixed.engine.derivatives import Derivatives
from doublecode.analysis.mixed.engine.layout import triangle
from doublecode.analysis.mixed.engine.small_matrices import cholesky, smallest_eigenvalue, solve

Floats = npt.NDArray[np.float64]

INSIDE = 1e-3
"""Smallest eigenvalue of a relative covariance that is stepped to."""


def scored(derivatives: Derivatives) -> tuple[Floats, Floats]:
    """Where one step of scoring leads.

    Returns
    -------
    theta
        (B, m) triangular factors, positive on the diagonal.
    promise
        (B,) decrease of the deviance that the step predicts, half of what its gradient alone says; nought where there
        is no such point, of positive variances and covariance matrices that are not singular.
    """
    state = derivatives.state
    blocks = state.moments.layout.blocks
    d = np.concatenate([_elements(L @ L.swapaxes(1, 2)) for L in state.factors], axis=1)
    traces, products, forms = derivatives.log, -derivatives.log2, -derivatives.r2
    beside = traces - (products @ d[:, :, None])[:, :, 0]
    m = traces.shape[1]
    system = np.empty((len(d), m + 1, m + 1))
    system[:, :m, :m] = products
    system[:, :m, m] = system[:, m, :m] = beside
    system[:, m, m] = state.nu - np.add.reduce((traces + beside) * d, axis=1)
    given = np.concatenate([forms, (state.r2 - np.add.reduce(forms * d, axis=1))[:, None]], axis=1)
    found = solve(system, given)
    usable = (found[:, m] > 0.0) & np.isfinite(found).all(axis=1)
    relative = found[:, :m] / np.where(usable, found[:, m], 1.0)[:, None]
    theta = np.array(state.theta)
    for block in blocks:
        rows, columns = triangle(block.size)
        D = np.zeros((len(d), block.size, block.size))
        D[:, rows, columns] = D[:, columns, rows] = np.where(usable[:, None], relative[:, block.theta], 0.0)
        usable &= smallest_eigenvalue(D) > INSIDE
        if usable.any():
            theta[usable, block.theta] = cholesky(D[usable])[:, rows, columns]
    promise = -0.5 * ((relative - d) * derivatives.gradient_cov).sum(axis=1)
    return theta, np.where(usable, promise, 0.0)


def _elements(D: Floats) -> Floats:
    """(B, p, p) → (B, p(p+1)/2) distinct elements in the order of θ."""
    rows, columns = triangle(D.shape[1])
    return D[:, rows, columns]
