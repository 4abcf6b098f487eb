"""How many scores lie in each named band of a scale (none, mild, severe)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import pandas as pd

from doublecode.coding.scoring import band_of
from doublecode.schemas.frames import SCORES, check_frame
from doublecode.schemas.instrument import Instrument

OUTSIDE: Final = "in no band"
_COLUMNS: Final = ("instrument", "scale", "label", "session", "band", "n", "n_base", "percent")


def band_counts(scores: pd.DataFrame, codebooks: Iterable[Instrument]) -> pd.DataFrame:
    """Count the scores in each band of the scales that declare bands.

    Parameters
    ----------
    scores : DataFrame
        Contract ``SCORES``.
    codebooks : iterable of Instrument

    Returns
    -------
    DataFrame
        ``instrument``, ``scale``, ``label`` (of the scale), ``session`` (its number as text, or "all"), ``band``,
        ``n``, ``n_base`` (scores that are there), ``percent``; scores in no band have a row of their own where there
        are any.

    Examples
    --------
    >>> from doublecode.schemas.instrument import load_instrument
    >>> scores = pd.DataFrame({"study": "toy", "patient": ["P1", "P2"], "therapist": None, "session": 1,
    ...     "session_id": None, "instrument": "phq9", "scale": "total", "value": [4.0, 12.0], "n_valid": 9,
    ...     "n_items": 9, "n_raters": 1.0, "reason": None})
    >>> counts = band_counts(scores, [load_instrument("phq9")])
    >>> counts[counts["session"] == "all"][["band", "n", "percent"]].to_numpy().tolist()[:3]
    [['minimal', 1, 50.0], ['mild', 0, 0.0], ['moderate', 1, 50.0]]
    """
    check_frame(scores, SCORES)
    rows = []
    pairs = [(book, scale) for book in codebooks for scale in book.scales if scale.bands]
    for book, scale in pairs:
        mine = scores[(scores["instrument"] == book.name) & (scores["scale"] == scale.name) & scores["value"].notna()]
        placed = mine.assign(band=[band_of(scale, value) or OUTSIDE for value in mine["value"]])
        names = [band.label for band in sorted(scale.bands, key=lambda band: band.low)]
        names += [OUTSIDE] if (placed["band"] == OUTSIDE).any() else []
        levels = [
            ("all", placed),
            *((str(number), part) for number, part in placed.groupby("session", sort=True, observed=True)),
        ]
        for level, part in levels:
            counts = part["band"].value_counts()
            for name in names:
                n = int(counts.get(name, 0))
                share = 100 * n / len(part) if len(part) else float("nan")
                rows.append((book.name, scale.name, scale.label, level, name, n, len(part), share))
    return pd.DataFrame(rows, columns=list(_COLUMNS))
