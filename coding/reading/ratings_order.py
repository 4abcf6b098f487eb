"""What a rating of a table is of, and the one order of ratings: that in which the raters' workbooks were sent."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from doublecode.coding.reading.expectations import Expected
from doublecode.coding.workbooks.layout import Stamp, workbook_name
from doublecode.schemas.frames import OCCASION

_Place = tuple[str, str, str, int]


@dataclass(frozen=True)
class RatingPlace:
    """Session, rater and codebook that a rating belongs to."""

    session_id: str
    rater: str
    instrument: str
    occasion: int

    def who(self, item: str) -> str:
        """What a rating is called in a problem."""
        again = "" if self.occasion == 1 else f", occasion {self.occasion}"
        return f"{self.session_id}, {self.rater}, {item}{again}"


def as_sent(ratings: pd.DataFrame, expected: Expected) -> pd.DataFrame:
    """Ratings in the order in which they stand in the workbooks as sent, whatever file and row they came in.

    Sums of numbers depend on their order in the last digit: with one order, the same ratings give the same numbers.

    Parameters
    ----------
    ratings : DataFrame
        Contract ``RATINGS``.
    expected : Expected
        Assignments and codebooks. Without assignments: by rater, codebook and session.

    Returns
    -------
    DataFrame
        The same rows.
    """
    times = (
        pd.to_numeric(ratings[OCCASION]).fillna(1).astype(int) if OCCASION in ratings.columns else [1] * len(ratings)
    )
    columns = (ratings[name].tolist() for name in ("rater", "instrument", "session_id"))
    places = list(zip(*columns, times, strict=True))
    rank = _ranks(set(places), _order_sent(expected))
    items = {(book.name, item.name): at for book in expected.books.values() for at, item in enumerate(book.columns)}
    within = [items.get(key, 0) for key in zip(ratings["instrument"], ratings["item"], strict=True)]
    order = np.lexsort((within, [rank[place] for place in places]))
    return ratings.take(order).reset_index(drop=True)


def _ranks(places: set[_Place], sent: dict[_Place, tuple[str, int]]) -> dict[_Place, int]:
    """The rank of each session of a rater; what was not sent stands by the name that its workbook would have."""

    def key(place: _Place) -> tuple[str, int, str]:
        rater, instrument, session, occasion = place
        return *sent.get(place, (f"{rater}_{instrument}_{occasion}", 0)), session

    return {place: rank for rank, place in enumerate(sorted(places, key=key))}


def _order_sent(expected: Expected) -> dict[_Place, tuple[str, int]]:
    """Where a session would stand: (rater, instrument, session, occasion) → workbook and row."""
    places: dict[_Place, tuple[str, int]] = {}
    for (rater, instrument, occasion), sessions in (expected.assigned or {}).items():
        for batch in {batch for _, batch in sessions.values()}:
            order = expected.order(Stamp("", instrument, "", "", rater, batch, occasion))
            name = workbook_name(instrument, rater, batch, occasion)
            places |= {(rater, instrument, one, occasion): (name, at) for at, one in enumerate(order)}
    return places
