"""Gathers the readings of many workbooks and makes one frame of ratings of them."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, chain
from typing import TYPE_CHECKING, Any

from doublecode.coding.reading.cells import Reader, Reading, make_reader
from doublecode.coding.reading.expectations import Held
from doublecode.coding.workbooks.layout import Stamp
from doublecode.schemas.frames import OCCASION, RATINGS
from doublecode.schemas.instrument import Instrument

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pandas as pd

Columns = tuple[tuple[str, str], ...]
"""Item and letter of every column of a sheet that holds one."""


@dataclass(slots=True)
class _Part:
    """The ratings of one sheet, two small numbers each: which of its columns, and which of its different readings."""

    columns: Columns
    heads: list[tuple[Any, ...]] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    places: array[int] = field(default_factory=lambda: array("H"))
    readings: list[Reading] = field(default_factory=list)
    codes: array[int] = field(default_factory=lambda: array("I"))


class Collector:
    """Gathers readings of many workbooks and makes one frame of them at the end.

    Parameters
    ----------
    readers : dict of str to Reader, optional
        How the items of each codebook are read, where that was prepared before.
    """

    def __init__(self, readers: dict[str, Reader] | None = None) -> None:
        self._parts: list[_Part] = []
        self._head: tuple[Any, ...] = ()
        self._known: dict[int, int] = {}
        self._readers = {} if readers is None else readers

    def reader(self, book: Instrument) -> Reader:
        """How the items of a codebook are read, prepared once."""
        if book.name not in self._readers:
            self._readers[book.name] = make_reader(book)
        return self._readers[book.name]

    def __len__(self) -> int:
        return sum(len(part.codes) for part in self._parts)

    def __getstate__(self) -> list[_Part]:
        """What was gathered; how it was read need not travel."""
        return self._parts

    def __setstate__(self, parts: list[_Part]) -> None:
        self._parts, self._head, self._known, self._readers = parts, (), {}, {}

    def join(self, other: Collector) -> None:
        """Add what another one gathered."""
        self._parts += other._parts

    def head(self, stamp: Stamp, held: Held, session_id: str, role: str | None, file: str, sheet: str) -> None:
        """Begin a session: what all its rows share."""
        self._head = (
            stamp.study, held.patient, held.therapist, held.session, session_id,
            stamp.rater, role, stamp.instrument, held.phase, file, sheet, stamp.occasion,
        )  # fmt: skip

    def extend(self, columns: Columns, places: Sequence[int], readings: Sequence[Reading], line: int) -> None:
        """Add the ratings of the session that was begun last.

        Parameters
        ----------
        columns
            Of the sheet.
        places : sequence of int
            Which of them a rating stands in, from 0.
        readings : sequence of Reading
        line : int
            Row of the sheet, from 1.
        """
        if not self._parts or self._parts[-1].columns is not columns:
            self._parts.append(_Part(columns))
            self._known = {}
        part, known = self._parts[-1], self._known
        part.heads.append(self._head)
        part.lines.append(line)
        part.sizes.append(len(places))
        part.places.extend(places)
        for reading in readings:
            if id(reading) not in known:  # most of them are the few that a codec keeps ready
                known[id(reading)] = len(part.readings)
                part.readings.append(reading)
        part.codes.extend([known[id(reading)] for reading in readings])

    def frame(self) -> pd.DataFrame:
        """The ratings, in the order in which they were read."""
        import numpy as np
        import pandas as pd

        heads = [head for part in self._parts for head in part.heads]
        at = np.repeat(np.arange(len(heads)), [size for part in self._parts for size in part.sizes])
        shared = zip(_HEAD_COLUMNS, _columns(heads, len(_HEAD_COLUMNS)), strict=True)
        columns = {name: _texts(values, at) for name, values in shared if name not in ("session", OCCASION)}
        sessions = np.array([np.nan if head[3] is None else head[3] for head in heads], dtype=float)
        whole = not np.isnan(sessions).any()
        columns["session"] = sessions[at].astype("int64" if whole else "float64")
        columns |= self._own(at)
        frame = pd.DataFrame({name: columns[name] for name in RATINGS.columns}, copy=False)
        times = np.array([head[-1] for head in heads], dtype="int64")
        return frame.assign(**{OCCASION: times[at]}) if (times > 1).any() else frame

    def _own(self, at: npt.NDArray[np.intp]) -> dict[str, Any]:
        """The columns that differ within a session; few different items, readings and cells stand in many rows."""
        import numpy as np

        known = dict.fromkeys(part.columns for part in self._parts)
        begins = dict(zip(known, _begins(map(len, known)), strict=True))
        places = _joined([part.places for part in self._parts], [begins[part.columns] for part in self._parts])
        columns = list(chain.from_iterable(known))
        readings = [reading for part in self._parts for reading in part.readings]
        codes = _joined([part.codes for part in self._parts], _begins(len(part.readings) for part in self._parts))
        lines = np.array([line for part in self._parts for line in part.lines], dtype=np.intp)[at]
        return {
            "item": _texts([item for item, _ in columns], places),
            "value": np.array([reading.value for reading in readings], dtype=float)[codes],
            "text": _texts([reading.text for reading in readings], codes),
            "missing_code": _texts([reading.missing for reading in readings], codes),
            "source_cell": _cells([letter for _, letter in columns], places, lines),
        }


_HEAD_COLUMNS = (
    "study", "patient", "therapist", "session", "session_id", "rater", "role", "instrument", "phase",
    "source_file", "source_sheet", OCCASION,
)  # fmt: skip


def _begins(sizes: Iterable[int]) -> list[int]:
    """Where each of several lists begins when they stand one after the other."""
    return list(accumulate(sizes, initial=0))[:-1]


def _joined(parts: Sequence[array[int]], begins: Sequence[int]) -> npt.NDArray[np.intp]:
    """The numbers of all parts, those of each counted on from where it begins."""
    import numpy as np

    if not parts:
        return np.zeros(0, dtype=np.intp)
    numbers = [np.frombuffer(part, dtype=part.typecode).astype(np.intp) for part in parts]
    return np.concatenate([part + begin for part, begin in zip(numbers, begins, strict=True)])


def _cells(letters: Sequence[str], places: npt.NDArray[np.intp], lines: npt.NDArray[np.intp]) -> Any:
    """The name of each rating's cell."""
    import numpy as np
    import pandas as pd

    different = list(dict.fromkeys(letters))
    of_column = np.array([different.index(letter) for letter in letters], dtype=np.intp)
    codes, cells = pd.factorize(lines * len(different) + of_column[places])
    named = [f"{different[cell % len(different)]}{cell // len(different)}" for cell in cells.tolist()]
    return _texts(named, codes)


def _columns(rows: list[tuple[Any, ...]], width: int) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)] if rows else [[] for _ in range(width)]


def _texts(values: list[Any], at: npt.NDArray[np.intp]) -> Any:
    """A column of texts by their place; equal ones are one text in memory."""
    import pandas as pd

    known: dict[Any, Any] = {}
    return pd.Series([known.setdefault(value, value) for value in values], dtype="str").array.take(at)
