"""Rows of a table that equal another one in every cell, as when they were pasted twice."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from doublecode.coding.reading.cells import show_text
from doublecode.schemas.problems import Problem

_MOST_OF_KEY, _BY_CHANCE = 3, 5


def equal_rows(
    rows: Sequence[Sequence[Any]], head: int, body: Sequence[int], file: str, place: Callable[[int, int], str]
) -> Iterator[Problem]:
    """Say which rows equal an earlier one, in tables whose other rows are told apart by their first columns.

    Where nothing tells rows apart, as in a table of answers without ids, people may answer alike.

    Parameters
    ----------
    rows : sequence of rows
    head : int
        Place of the heads among `rows`.
    body : sequence of int
        Places of the filled rows below.
    file : str
    place : callable
        Name of a cell, by its row and column.
    """
    first: dict[tuple[Any, ...], int] = {}
    again: list[tuple[int, int]] = []
    for row in body:
        cells = (*rows[row], *[""] * (len(rows[head]) - len(rows[row])))
        earlier = first.setdefault(cells, row)
        if earlier != row:
            again.append((row, earlier))
    key = _key(list(first), [str(cell) for cell in rows[head]]) if again else ()
    if key:
        (row, earlier), *others = again
        more = f", and {len(others)} more" if others else ""
        found = f"{place(row, 0)} and {place(earlier, 0)}{more}"
        yield Problem("equal_rows", file, "", place(row, 0), found=found, allowed=", ".join(map(show_text, key)))


def _key(rows: Sequence[tuple[Any, ...]], heads: Sequence[str]) -> tuple[str, ...]:
    """The first one to three columns, where they tell all `rows` apart as chance would not, and others follow; or none.

    Of n rows that took any of D combinations of what stands in these columns, n (n - 1) / 2 / D pairs would be alike.
    """
    pairs = len(rows) * (len(rows) - 1) / 2
    for width in range(1, min(_MOST_OF_KEY + 1, len(heads))):
        keys = {row[:width] for row in rows}
        if len(keys) == len(rows):
            combinations = math.prod(len(set(column)) for column in zip(*keys, strict=True))
            whole = all(heads[:width]) and not any("" in key for key in keys)
            return tuple(heads[:width]) if whole and pairs >= _BY_CHANCE * combinations else ()
    return ()
