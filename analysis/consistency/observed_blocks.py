"""Inverses of the covariances between the items that a pattern of rows holds."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def padded_inverse(sigma: Array, observed: NDArray[np.bool_]) -> tuple[Array, Array]:
    """Inverse of the observed block of (n_sets, p, p), zero elsewhere, NaN if singular; its log determinant."""
    at = np.ix_(np.arange(len(sigma)), observed.nonzero()[0], observed.nonzero()[0])
    block = sigma[at]
    out = np.zeros_like(sigma)
    try:
        out[at] = np.linalg.inv(block)
    except np.linalg.LinAlgError:
        out[at] = np.stack([_inverse(one) for one in block])
    with np.errstate(invalid="ignore"):
        return out, np.asarray(np.linalg.slogdet(block)[1])


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
