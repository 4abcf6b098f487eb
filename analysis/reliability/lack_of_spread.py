"""Low ICC with high agreement: tell the raters' fault from targets that hardly differ."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from doublecode.analysis.ratings.design import Layout, RatingSets
from doublecode.analysis.ratings.rounding import rounding_noise
from doublecode.analysis.reliability.forms import IccBlock
from doublecode.schemas.results import Note

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
FEW_CODES: Final = 3
LITTLE_OF_POSSIBLE: Final = 0.36
"""Variance over the largest that the codes in use allow: that of a yes/no item with 90 % of its ratings in one code."""


def spread_remarks(group: RatingSets, block: IccBlock) -> list[tuple[int, Note]]:
    """Explain low ICCs of the sets of one layout by lack of spread where that is the reason."""
    singles = [i for i, form in enumerate(block.forms) if form.k == 1.0 and form.definition != "C"]
    return lack_of_spread(group.layout, group.values, block.estimate[:, singles[-1]]) if singles else []


def lack_of_spread(layout: Layout, values: Floats, single: Floats) -> list[tuple[int, Note]]:
    """Explain low ICCs by lack of spread where that is the reason.

    The note is given when the single-rating ICC is below .50 although at least
    70 % of the pairs agree exactly or 95 % within one point on a scale used over
    three points or more, and the mode alone covers half of the ratings. Of an item
    with two or three codes that would say little: the variance of its ratings has
    to be at most 36 % of the largest possible, (max − min)²/4 (Popoviciu), as it is
    of a yes/no item with 90 % of the ratings in one code.

    Parameters
    ----------
    layout : Layout
    values : ndarray, shape (n_sets, n_obs)
    single : ndarray, shape (n_sets,)
        ICC of a single rating.

    Returns
    -------
    list of (position of the set, Note)
    """
    low = np.flatnonzero(single < 0.50)
    for may_be_so in (_often_repeats, _mode_covers_half):
        low = low[may_be_so(values if len(low) == len(values) else values[low])]
        if not len(low):
            return []
    first, second = layout.rating_pairs
    if not len(first):
        return []
    gap = np.abs(values[low][:, first] - values[low][:, second])
    noise = rounding_noise(values[low])
    exact, within = np.mean(gap <= noise, axis=1), np.mean(gap <= 1.0 + noise, axis=1)
    wide = np.ptp(values[low], axis=1) >= 2.0
    notes = []
    for i in np.flatnonzero((exact >= 0.70) | ((within >= 0.95) & wide)):
        points, counts = np.unique(values[low[i]], return_counts=True)
        share = float(counts.max() / counts.sum())
        if len(points) <= FEW_CODES and _of_possible(values[low[i]]) > LITTLE_OF_POSSIBLE + 1e-9:
            continue
        numbers = {
            "single": float(single[low[i]]), "exact": float(exact[i]), "within": float(within[i]),
            "n_pairs": len(first), "mode": float(points[np.argmax(counts)]), "mode_share": share,
            "n_codes": len(points),
            "sem": float(np.sqrt(np.mean(gap[i] ** 2) / 2.0)),
        }  # fmt: skip
        notes.append((int(low[i]), Note("lack_of_spread", numbers=numbers)))
    return notes


def _of_possible(values: Floats) -> float:
    """The variance of some ratings over the largest that ratings between their minimum and maximum can have."""
    return float(4.0 * np.var(values) / np.ptp(values) ** 2) if np.ptp(values) > 0.0 else 0.0


def _often_repeats(values: Floats) -> NDArray[np.bool_]:
    """Whether a quarter of the ratings of each set equal the next one or the next but one, shape (n_sets,).

    That costs little and spares continuous ratings the search below. Where one value holds half of n
    places in a row, at least n/4 − 1 of the steps from one such place to the next are of length 1 or 2.
    """
    steps = values[:, 1:] == values[:, :-1], values[:, 2:] == values[:, :-2]
    if 4 * (sum(map(np.count_nonzero, steps)) + 1) < values.shape[1]:
        return np.zeros(len(values), dtype=bool)  # not even all sets together have so many
    next_one, next_but_one = (np.count_nonzero(same, axis=1) for same in steps)
    return np.asarray(4 * (next_one + next_but_one + 1) >= values.shape[1])


def _mode_covers_half(values: Floats) -> NDArray[np.bool_]:
    """Whether one value, which is then a middle one, holds half of the ratings of each set, shape (n_sets,)."""
    n = values.shape[1]
    places = sorted({(n - 1) // 2, n // 2})
    middle = np.partition(values, places, axis=1)[:, places]
    if (middle[:, 0] == middle[:, -1]).all():
        middle = middle[:, :1]
    most = np.max([np.count_nonzero(values == one[:, None], axis=1) for one in middle.T], axis=0)
    return np.asarray(2 * most >= n)
