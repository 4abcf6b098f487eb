"""The order of the rows of a table, so that no number depends on that of a file."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from doublecode.schemas.frames import Contract

if TYPE_CHECKING:
    import pandas as pd


def counted_order(text: str) -> tuple[tuple[str | int, ...], str]:
    """A key that puts ids in the order in which people count them: P2 before P10.

    Examples
    --------
    >>> sorted(["P10", "P2", "P02", "Q1"], key=counted_order)
    ['P02', 'P2', 'P10', 'Q1']
    """
    parts = re.split(r"([0-9]+)", text)
    return tuple(int(part) if place % 2 else part for place, part in enumerate(parts)), text


def by_key(table: pd.DataFrame, contract: Contract) -> pd.DataFrame:
    """The rows of a table by its key; the index stays, and with it the line of each row in its file."""
    cells = (map(counted_order, map(str, table[column])) for column in contract.key)
    keys = list(zip(*cells, strict=True))
    return table.iloc[sorted(range(len(table)), key=keys.__getitem__)]
