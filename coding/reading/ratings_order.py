"""What a rating of a table is of, and the order in which it would have come in the raters' workbooks."""

from __future__ import annotations

from dataclasses import dataclass

from doublecode.coding.reading.expectations import Expected
from doublecode.coding.workbooks.layout import Stamp, workbook_name


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


def order_sent(expected: Expected) -> dict[tuple[str, str, str, int], tuple[str, int]]:
    """Where a session would stand: (rater, instrument, session, occasion) → workbook and row."""
    places: dict[tuple[str, str, str, int], tuple[str, int]] = {}
    for (rater, instrument, occasion), sessions in (expected.assigned or {}).items():
        for batch in {batch for _, batch in sessions.values()}:
            order = expected.order(Stamp("", instrument, "", "", rater, batch, occasion))
            name = workbook_name(instrument, rater, batch, occasion)
            places |= {(rater, instrument, one, occasion): (name, at) for at, one in enumerate(order)}
    return places
