"""When the rounds of an EM algorithm have no end in sight, or end where there is no inverse."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from doublecode.schemas.errors import NotEstimable

Array = NDArray[np.float64]

ROUNDS_BETWEEN = 100


def rounds_left(change: Array, earlier: Array, tolerance: float) -> Array:
    """Rounds until a change falls below `tolerance`, were it to shrink on as in the last rounds; (n_sets,)."""
    shrinks = np.log(np.clip(change / earlier, 1e-300, 1 - 1e-12)) / ROUNDS_BETWEEN
    return np.asarray(np.log(tolerance / np.maximum(change, tolerance)) / shrinks)


def refuse_singular(cov: Array, items: Sequence[str]) -> None:
    """Raise where no set has a solution: its rounds ended in a covariance matrix without an inverse."""
    if not np.isfinite(cov).all(axis=(1, 2)).any():
        raise NotEstimable(
            f"The rows that hold {', '.join(items)} are too few, or too alike, for the covariances between items that "
            "were not rated together: items determine one another there. Use missing='listwise', or leave an item out."
        )
