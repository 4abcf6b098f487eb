"""What item scores must hold for their covariances to be estimable, and what is said where they hold little."""

from __future__ import annotations

import numpy as np

from doublecode.analysis.consistency.item_moments import Array, ItemData, Missing, all_units, listwise, pair_counts
from doublecode.schemas.errors import NotEstimable
from doublecode.schemas.results import Note

SELDOM = 10
"""Rows with both items of a pair below which their correlation is hardly known: its standard error passes one third."""
MOST_PAIRS = 3
"""Pairs that are named; of more the number is given."""


def check_rows(data: ItemData, missing: Missing = "fiml") -> None:
    """Refuse data that cannot carry a covariance matrix, in words; under ``"listwise"`` complete rows alone count.

    Raises
    ------
    NotEstimable
        Too few rows, items without any spread, or a pair of items that no row holds together.
    """
    if missing == "listwise" and not data.complete:
        check_pairs(data)
        data = listwise(data)
    p = len(data.items)
    needed = p + 1
    if data.n_rows < needed:
        raise NotEstimable(
            f"{data.n_rows} {'complete ' if missing == 'listwise' else ''}row{'s' * (data.n_rows != 1)} for {p} items: "
            f"a covariance matrix of {p} items needs at least {needed} rows. Pool sessions, or use fewer items."
        )
    flat = [item for item, x in zip(data.items, data.scores.T, strict=True) if not _spread(x)]
    if flat:
        raise NotEstimable(
            f"No spread in {', '.join(flat)}: every row carries the same value (or none), "
            "so its correlations are undefined. Leave the item out, or pool more sessions."
        )
    check_pairs(data)


def check_pairs(data: ItemData) -> None:
    """Refuse items of which some pair is never rated in the same row.

    Nothing in such data says how the two correlate: the likelihood is flat in it, and what a search returns is
    where it happened to stop.

    Raises
    ------
    NotEstimable
        With the pairs named.
    """
    apart = _pairs_below(data, 1)
    if apart:
        named = ", ".join(f"{one!r} and {other!r}" for one, other, _ in apart[:MOST_PAIRS])
        more = f", and {len(apart) - MOST_PAIRS} more pair(s)" if len(apart) > MOST_PAIRS else ""
        raise NotEstimable(
            f"No row holds both {named}{more}: nothing in the data says how they correlate, so no coefficient of these "
            f"{len(data.items)} items is estimable. Take items that are rated together, or let some rows carry both."
        )


def seldom_together(data: ItemData) -> list[Note]:
    """Name the pairs of items that hardly any row holds together; nothing where all are complete."""
    if data.complete:
        return []
    few = sorted(_pairs_below(data, min(SELDOM, data.n_rows / 4)), key=lambda pair: pair[2])
    if not few:
        return []
    named = tuple((one, other) for one, other, _ in few[:MOST_PAIRS])
    return [Note("pairs_seldom_together", numbers={"pairs": named, "n_pairs": len(few), "least": few[0][2]})]


def _pairs_below(data: ItemData, least: float) -> list[tuple[str, str, int]]:
    """Pairs of items that fewer than `least` rows hold together, with the number of these rows."""
    n: Array = pair_counts(data, all_units(data.n_units))[0]
    i, j = np.triu_indices(len(n), 1)
    low = n[i, j] < least
    return [
        (data.items[a], data.items[b], round(float(n[a, b])))
        for a, b in zip(i[low].tolist(), j[low].tolist(), strict=True)
    ]


def _spread(x: Array) -> bool:
    seen = x[~np.isnan(x)]
    return seen.size > 1 and bool(np.ptp(seen) > 0)
