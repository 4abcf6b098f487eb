"""Gathers the readings of many workbooks and makes one frame of ratings of them."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import pandas as pd

from doublecode.coding.reading.cells import Reader, Reading, make_reader
from doublecode.coding.reading.expectations import Held
from doublecode.coding.workbooks.layout import Stamp
from doublecode.schemas.frames import OCCASION, RATINGS
from doublecode.schemas.instrument import Instrument


class Collector:
    """Gathers readings of many workbooks and makes one frame of them at the end."""

    def __init__(self) -> None:
        self._heads: list[tuple[Any, ...]] = []
        self._head_of: list[int] = []
        self._items: list[str] = []
        self._readings: list[Reading] = []
        self._cells: list[str] = []
        self._readers: dict[str, Reader] = {}

    def reader(self, book: Instrument) -> Reader:
        """How the items of a codebook are read, prepared once."""
        if book.name not in self._readers:
            self._readers[book.name] = make_reader(book)
        return self._readers[book.name]

    def __len__(self) -> int:
        return len(self._items)

    def unprepared(self) -> Self:
        """The same without what was prepared for reading, which need not travel."""
        self._readers = {}
        return self

    def join(self, other: Collector) -> None:
        """Add what another one gathered."""
        before = len(self._heads)
        self._heads += other._heads
        self._head_of += [before + place for place in other._head_of]
        self._items += other._items
        self._readings += other._readings
        self._cells += other._cells

    def head(self, stamp: Stamp, held: Held, session_id: str, role: str | None, file: str, sheet: str) -> None:
        """Begin a session: what all its rows share."""
        self._heads.append(
            (
                stamp.study, held.patient, held.therapist, held.session, session_id,
                stamp.rater, role, stamp.instrument, held.phase, file, sheet, stamp.occasion,
            )
        )  # fmt: skip

    def extend(self, items: list[str], readings: list[Reading], cells: list[str]) -> None:
        """Add the ratings of the session that was begun last: item, reading and cell of each."""
        self._head_of.extend([len(self._heads) - 1] * len(items))
        self._items.extend(items)
        self._readings.extend(readings)
        self._cells.extend(cells)

    def frame(self) -> pd.DataFrame:
        """The ratings, in the order in which they were read."""
        at = np.array(self._head_of, dtype=np.intp)
        shared = {
            name: _text_column(column, at)
            for name, column in zip(_HEAD_COLUMNS, _columns(self._heads, len(_HEAD_COLUMNS) + 1), strict=False)
        }
        sessions = np.array([np.nan if head[3] is None else head[3] for head in self._heads], dtype=float)
        whole = not np.isnan(sessions).any()
        shared["session"] = pd.Series(sessions[at].astype("int64" if whole else "float64"))
        own = {
            "item": _text_column(self._items),
            "value": np.array([reading.value for reading in self._readings], dtype=float),
            "text": _text_column([reading.text for reading in self._readings]),
            "missing_code": _text_column([reading.missing for reading in self._readings]),
            "source_cell": _text_column(self._cells),
        }
        frame = pd.DataFrame(shared | own)[list(RATINGS.columns)]
        times = np.array([head[-1] for head in self._heads], dtype="int64")
        return frame.assign(**{OCCASION: times[at]}) if (times > 1).any() else frame


_HEAD_COLUMNS = (
    "study", "patient", "therapist", "session", "session_id", "rater", "role", "instrument", "phase",
    "source_file", "source_sheet",
)  # fmt: skip


def _columns(rows: list[tuple[Any, ...]], width: int) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)] if rows else [[] for _ in range(width)]


def _text_column(values: list[Any], at: Any = None) -> pd.Series[Any]:
    column = pd.Series(values, dtype="str")
    return column if at is None else column.take(at).reset_index(drop=True)
