"""What stands for a missing value: found by its text or by its number, counted by column."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Final

from doublecode.schemas.column_types import number_in_cell
from doublecode.schemas.letters import clean
from doublecode.schemas.problems import Problem

_MOST_LINES: Final = 4
"""Columns that have lines of their own; more are one line for each code."""
_MOST_NAMED: Final = 6
_THOUSANDS: Final = re.compile(r"[+-]?\d{1,3}([.,]\d{3})+")


class MissingCodes:
    """Texts and numbers that stand for a missing value.

    Parameters
    ----------
    codes : collection of str
        As they are declared: ``-99``, ``k.A.``; empty for cells left empty.

    Examples
    --------
    >>> codes = MissingCodes(["-99", "k.A."])
    >>> codes.written("-99,0", ","), codes.written(-99.0), codes.written("k.A."), codes.written("99")
    ('-99', '-99', 'k.A.', None)
    """

    def __init__(self, codes: Collection[str]) -> None:
        self._texts = frozenset(codes)
        numbers = ((_number(text), text) for text in codes if text)
        self._numbers = {number: text for number, text in numbers if number is not None}

    def written(self, cell: Any, decimal: str = ".") -> str | None:
        """The declared text that a cell stands for; None where it is a value.

        Parameters
        ----------
        cell : object
        decimal : {".", ","}
            The decimal mark of its column; a code in the other mark counts, where it cannot be thousands.
        """
        text = "" if cell is None else clean(str(cell)).removesuffix(" 00:00:00")
        if text in self._texts:
            return text
        if not self._numbers:
            return None
        number = number_in_cell(cell, decimal)
        if number is None and not _THOUSANDS.fullmatch(text):
            number = number_in_cell(cell, "." if decimal == "," else ",")
        return None if number is None else self._numbers.get(number)


def _number(code: str) -> float | None:
    number = number_in_cell(code, "," if "," in code else ".")
    return None if number is None or math.isnan(number) else number


def missing_remarks(
    table: str, heads: Sequence[str], emptied: Mapping[tuple[int, int], str], read: Collection[int] | None = None
) -> Iterator[Problem]:
    """Say what was taken as missing: a line for each column in their order, or for each code where they are many.

    Parameters
    ----------
    table : str
        The file, in messages.
    heads : sequence of str
    emptied : mapping of (int, int) to str
        (row, column) → what stood there.
    read : collection of int, optional
        Columns that are read; by default all.
    """
    counts: dict[int, Counter[str]] = {}
    for (_, place), text in emptied.items():
        if (read is None or place in read) and place < len(heads):
            counts.setdefault(place, Counter())[text or "an empty cell"] += 1
    places = sorted(counts)
    if len(places) <= _MOST_LINES:
        for place in places:
            for text, count in counts[place].items():
                yield Problem("read_as_missing", table, subject=heads[place], found=f"{text} × {count}")
        return
    for text in dict.fromkeys(text for place in places for text in counts[place]):
        own = [place for place in places if text in counts[place]]
        named = ", ".join(heads[place] for place in own[:_MOST_NAMED]) + (" …" if len(own) > _MOST_NAMED else "")
        total = sum(counts[place][text] for place in own)
        columns = "column" if len(own) == 1 else "columns"
        yield Problem("read_as_missing", table, found=f"{text} × {total} in {len(own)} {columns} ({named})")
