"""Inverses of the covariances between the items that a pattern of rows holds."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def padded_inverse(sigma: Array, observed: NDArray[np.bool_]) -> Array:
    """Inverse of the observed block of (n_sets, p, p), zero elsewhere, NaN if singular."""
    at = _block(observed)
    out = np.zeros_like(sigma)
    try:
        out[at] = np.linalg.inv(sigma[at])
    except np.linalg.LinAlgError:
        out[at] = np.stack([_inverse(one) for one in sigma[at]])
    return out


def log_determinants(sigma: Array, observed: NDArray[np.bool_]) -> Array:
    """Log determinant (n_sets,) of the observed block of (n_sets, p, p)."""
    with np.errstate(invalid="ignore"):
        return np.asarray(np.linalg.slogdet(sigma[_block(observed)])[1])


def _block(observed: NDArray[np.bool_]) -> tuple[slice, NDArray[np.intp], NDArray[np.intp]]:
    held = observed.nonzero()[0]
    return slice(None), held[:, None], held


def _inverse(block: Array) -> Array:
    try:
        return np.asarray(np.linalg.inv(block))
    except np.linalg.LinAlgError:
        return np.full_like(block, np.nan)


def correlations(cov: Array) -> Array:
    """Correlation matrices of (…, p, p) covariance matrices; NaN where an item has no spread."""
    with np.errstate(invalid="ignore", divide="ignore"):
        sd = np.sqrt(np.diagonal(cov, axis1=-2, axis2=-1))
        r = np.asarray(cov / (sd[..., :, None] * sd[..., None, :]))
    return np.where(np.isinf(r), np.nan, r)
