"""Rows of agreement coefficients of the sets of one layout, and why some of them have no number."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from doublecode.analysis.concordance.chance_corrected import Coefficient
from doublecode.analysis.ratings.design import RatingData, RatingSets
from doublecode.analysis.ratings.rounding import rounding_noise
from doublecode.schemas.results import Note

Row = tuple[str, str, Coefficient, str]
"""Coefficient, weights, numbers of each set, method."""


def undefined_notes(read: RatingData, group: RatingSets, rows: Sequence[Row]) -> list[Note]:
    """Say of which sets some coefficient is undefined, and why.

    Chance agreement is 1 where all ratings fall into one category: a chance-corrected coefficient is then 0/0.
    That may hold of all ratings, or only of those on targets that several raters rated.
    """
    nothing = np.stack([np.isnan(numbers.estimate) for _, _, numbers, _ in rows])
    equal = np.ptp(group.values, axis=1) <= rounding_noise(group.values)[:, 0]
    notes = []
    for kind, sets in (("all_in_one_category", equal), ("pairs_in_one_category", ~equal)):
        hit = nothing.any(axis=0) & sets
        if hit.any():
            names = dict.fromkeys(row[0] for i, row in enumerate(rows) if (nothing[i] & hit).any())
            notes.append(Note(kind, read.names_of(group.index[hit]), {"coefficients": tuple(names)}))
    return notes
