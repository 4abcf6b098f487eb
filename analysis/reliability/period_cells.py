"""The cells of raters and periods: against whom a rater is held in a period, and whether she stands alone there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from doublecode.schemas.errors import NotEstimable
from doublecode.schemas.results import Note

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from doublecode.analysis.ratings.design import Layout

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]


def alone_in_period(
    owner: Ints, when: Ints, layout: Layout, periods: NDArray[Any], notes: list[Note]
) -> NDArray[np.bool_]:
    """Which cells are of a rater who has a period to herself: severity is relative to others, so there is none."""
    alone: NDArray[np.bool_] = np.bincount(when)[when] == 1
    for r, p in zip(owner[alone], when[alone], strict=True):
        notes.append(Note("rater_alone_in_period", numbers={"rater": layout.rater_names[r], "period": periods[p]}))
    if alone.all():
        raise NotEstimable("drift: no period has two raters, so there is no severity to follow; choose fewer periods.")
    return alone


def period_weights(owner: Ints, when: Ints) -> Floats:
    """Each cell against the mean of the cells of its period."""
    same = (when[:, None] == when[None, :]).astype(float)
    return np.asarray(np.eye(len(owner)) - same / same.sum(axis=1, keepdims=True), dtype=np.float64)


def interaction(owner: Ints, when: Ints) -> Floats:
    """Contrasts of cells that vanish where rater and period only add, (rows, cells)."""
    additive = np.hstack([np.eye(owner.max() + 1)[owner], np.eye(when.max() + 1)[when]])
    left, values, _ = np.linalg.svd(additive, full_matrices=True)
    rank = int((values > 1e-9 * values[0]).sum())
    return np.asarray(left[:, rank:].T)
