"""The order of a table's ratings: that in which they would have come in the raters' workbooks."""

from __future__ import annotations

from typing import Final

from doublecode.coding.reading.expectations import Expected
from doublecode.coding.workbooks.layout import Stamp, workbook_name

FIRST: Final = 1
"""The occasion of a table of ratings; recodes come in workbooks."""


def order_sent(expected: Expected) -> dict[tuple[str, str, str], tuple[str, int]]:
    """Where a session would stand: (rater, instrument, session) → workbook and row."""
    places: dict[tuple[str, str, str], tuple[str, int]] = {}
    for (rater, instrument, occasion), sessions in (expected.assigned or {}).items():
        if occasion != FIRST:
            continue
        for batch in {batch for _, batch in sessions.values()}:
            order = expected.order(Stamp("", instrument, "", "", rater, batch))
            name = workbook_name(instrument, rater, batch)
            places |= {(rater, instrument, one): (name, at) for at, one in enumerate(order)}
    return places
