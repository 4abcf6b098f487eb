"""What a sheet looks like besides its values."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Shape:
    """Merged ranges, hidden rows and columns, comments and formulas of one sheet.

    Attributes
    ----------
    merged : tuple of str
        Ranges such as ``"A3:B4"``.
    hidden_rows : tuple of int
        Row numbers, from 1.
    hidden_columns : tuple of (int, int)
        First and last column number of each hidden stretch, from 1.
    comments : mapping of cell to text
    formulas : mapping of cell to (formula, saved result)
        The result is None where none was saved; it may be the empty text.
    errors : mapping of cell to what it shows
        Cells that hold an error value such as ``#N/A``.
    percents : frozenset of cell
        Cells whose number is shown as a percentage: 1 is ``100%`` there.
    """

    merged: tuple[str, ...] = ()
    hidden_rows: tuple[int, ...] = ()
    hidden_columns: tuple[tuple[int, int], ...] = ()
    comments: Mapping[str, str] = field(default_factory=dict)
    formulas: Mapping[str, tuple[str, str | None]] = field(default_factory=dict)
    errors: Mapping[str, str] = field(default_factory=dict)
    percents: frozenset[str] = frozenset()


def column_letter(number: int) -> str:
    """Letters of a column counted from 1.

    Examples
    --------
    >>> column_letter(1), column_letter(28)
    ('A', 'AB')
    """
    letters = ""
    while number:
        number, rest = divmod(number - 1, 26)
        letters = chr(65 + rest) + letters
    return letters


def cell_name(row: int, column: int) -> str:
    """Name of a cell from its row and column, both from 0.

    Examples
    --------
    >>> cell_name(11, 5)
    'F12'
    """
    return f"{column_letter(column + 1)}{row + 1}"


def split_cell(cell: str) -> tuple[int, int]:
    """Row and column, both from 0, of a cell's name; (−1, −1) if it is none.

    Examples
    --------
    >>> split_cell("F12")
    (11, 5)
    """
    letters = cell.rstrip("0123456789")
    digits = cell[len(letters) :]
    if not (letters.isascii() and letters.isalpha() and digits and len(cell) <= 12):
        return -1, -1
    column = 0
    for letter in letters.upper():
        column = column * 26 + ord(letter) - 64
    return int(digits) - 1, column - 1


def split_range(cells: str) -> tuple[int, int, int, int]:
    """First row, first column, last row, last column, from 0, of a range such as ``"A3:B4"``."""
    first, _, last = cells.partition(":")
    return (*split_cell(first), *split_cell(last or first))


def is_nought(size: str | None) -> bool:
    """Whether a height or width, with or without its unit, is nought: nobody sees the row or column.

    Examples
    --------
    >>> is_nought("0"), is_nought("0.00cm"), is_nought("12.5"), is_nought(None)
    (True, True, False, False)
    """
    return size is not None and re.fullmatch(r"0{1,9}(\.0{0,9})?[a-z]{0,4}", size.strip()) is not None
