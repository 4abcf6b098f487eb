"""A sheet as it is read: its typed cells from A1, and its shape."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from doublecode.coding.reading.safe_xml import TooLarge
from doublecode.coding.reading.sheet_shape import Shape, cell_name

MAX_CELLS, MAX_FILLED, MAX_LETTERS, MAX_COLUMNS, MAX_ROWS = 5_000_000, 2_000_000, 20_000_000, 16_384, 1_048_576
_NUMBER = re.compile(r"[+-]?(?:\d{1,400}\.?\d{0,400}|\.\d{1,400})(?:[eE][+-]?\d{1,5})?", re.ASCII)
_PLAIN = re.compile(r'"[^"]*"|\\.|_.|\*.|\[(?![hms]+\])[^\]]*\]', re.IGNORECASE | re.DOTALL)
_ELAPSED = re.compile(r"\[[hms]+\]", re.IGNORECASE)
_DATES = frozenset([*range(14, 23), *range(27, 37), 45, 47, *range(50, 59)])


@dataclass(frozen=True)
class Sheet:
    """One sheet.

    Attributes
    ----------
    grid : list of list
        float, str, bool, date, datetime, time or timedelta; an empty cell is an empty text. An
        error stands there as its text, a formula without a saved result as the formula.
    shape : Shape
    """

    grid: list[list[Any]]
    shape: Shape


class Book(Protocol):
    """An opened workbook."""

    @property
    def names(self) -> tuple[str, ...]:
        """Its sheets in their order."""

    @property
    def hidden(self) -> frozenset[str]:
        """Those of them that nobody sees."""

    def sheet(self, name: str) -> Sheet:
        """Read one of them."""


@dataclass
class Cells:
    """Filled cells on their way into a grid: row → column → value, both from 0."""

    rows: dict[int, dict[int, Any]] = field(default_factory=dict)
    letters: int = 0

    def count_text(self, text: str) -> str:
        """Note how much text the cells hold together; refuse more than fits."""
        self.letters += len(text)
        if self.letters > MAX_LETTERS:
            raise TooLarge(f"a sheet whose cells hold more than {MAX_LETTERS:,} letters")
        return text

    def grid(self) -> list[list[Any]]:
        """The rectangle from A1 to the last filled cell.

        Raises
        ------
        TooLarge
            It spans more than :data:`MAX_CELLS`.
        """
        filled = {row: cells for row, cells in self.rows.items() if cells}
        n_rows = max(filled, default=-1) + 1
        n_columns = max((max(cells) for cells in filled.values()), default=-1) + 1
        if n_rows * n_columns > MAX_CELLS:
            last = cell_name(n_rows - 1, n_columns - 1)
            raise TooLarge(f"a sheet whose filled cells span more than {MAX_CELLS:,} cells, to {last}")
        grid: list[list[Any]] = [[""] * n_columns for _ in range(n_rows)]
        for row, cells in filled.items():
            line = grid[row]
            for column, value in cells.items():
                line[column] = value
        return grid


def number_of(text: str) -> float | str:
    """The number that a file wrote into a cell; the text itself where it is none."""
    return float(text) if _NUMBER.fullmatch(text) else text


class Formats:
    """Number formats of a workbook: which cells are dates, lengths of time or percentages.

    Parameters
    ----------
    of_cells : sequence of int
        Format id of each cell style.
    codes : mapping of int to str
        The workbook's own formats by their id.
    from_1904 : bool
        Whether days are counted from 1904.
    """

    def __init__(self, of_cells: Sequence[int], codes: Mapping[int, str], *, from_1904: bool = False) -> None:
        kinds = {number: _kind(number, codes.get(number)) for number in set(of_cells)}
        self.kinds = {place: kinds[number] for place, number in enumerate(of_cells) if kinds[number]}
        self.percents = frozenset(place for place, kind in self.kinds.items() if kind == "percent")
        self._first_day = 1462 if from_1904 else 0

    def typed(self, number: float, style: int) -> Any:
        """A number as what its format makes of it: a date, a clock time, a length of time, or a number."""
        kind = self.kinds.get(style)
        if kind is None or kind == "percent" or not 0 <= number < 2_958_466 - self._first_day:
            return number
        if kind == "elapsed":
            return dt.timedelta(milliseconds=round(number * 86_400_000))
        return _moment(number + self._first_day if number >= 1 else number)


def _kind(number: int, code: str | None) -> str:
    if code is None:
        return "percent" if number in (9, 10) else "date" if number in _DATES else "elapsed" if number == 46 else ""
    bare = _PLAIN.sub("", code[:1000])
    if _ELAPSED.search(bare):
        return "elapsed"
    if "%" in bare:
        return "percent"
    return "date" if any(letter in "dmyhs" for letter in bare.casefold().replace("general", "")) else ""


def _moment(number: float) -> dt.date | dt.datetime | dt.time:
    """The day that a serial number counts from 1900, as spreadsheets do: with a 29 February in that year."""
    start = dt.datetime(1899, 12, 31) if number < 60 else dt.datetime(1899, 12, 30)
    moment = start + dt.timedelta(milliseconds=round(number * 86_400_000))
    if number < 1:
        return moment.time()
    return moment if moment.time() != dt.time() else moment.date()


def restore_percents(sheet: Sheet, *, mixed_only: bool = False) -> None:
    """Put into the grid what cells show whose number is formatted as a percentage: 1 is ``100%`` there.

    With `mixed_only` in columns where other numbers are none; a column of percentages throughout stays one of numbers.
    """
    from doublecode.coding.reading.sheet_shape import split_cell

    places = [split_cell(cell) for cell in sheet.shape.percents]
    shown = {(row, column) for row, column in places if _is_number(sheet.grid, row, column)}
    if mixed_only and shown:
        plain = (
            column
            for row, cells in enumerate(sheet.grid)
            for column, cell in enumerate(cells)
            if isinstance(cell, float) and (row, column) not in shown
        )
        mixed = set(plain)
        shown = {place for place in shown if place[1] in mixed}
    for row, column in shown:
        sheet.grid[row][column] = f"{sheet.grid[row][column] * 100:.10g}%"


def _is_number(grid: Sequence[Sequence[Any]], row: int, column: int) -> bool:
    return row < len(grid) and column < len(grid[row]) and isinstance(grid[row][column], float)
