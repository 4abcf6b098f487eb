"""How far workbooks came that were sent back before they were done."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from doublecode.schemas.problems import Problem

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Unfinished:
    """A workbook with empty rows.

    Attributes
    ----------
    file : str
    n_rated : int
        Sessions of which a rating was read.
    n_empty : int
        Rows that are empty.
    """

    file: str
    n_rated: int
    n_empty: int

    def __str__(self) -> str:
        rows = "1 row is" if self.n_empty == 1 else f"{self.n_empty} rows are"
        return f"{self.file}: {self.n_rated} of {self.n_rated + self.n_empty} sessions rated; {rows} empty."


def unfinished(ratings: pd.DataFrame, problems: Iterable[Problem]) -> tuple[Unfinished, ...]:
    """The workbooks with empty rows, in the order in which their problems stand.

    Parameters
    ----------
    ratings : DataFrame
        Contract ``RATINGS``, of all files.
    problems : iterable of Problem
    """
    empty = Counter(one.file for one in problems if one.code == "row_empty")
    own = ratings[ratings["source_file"].isin(empty)]
    rated = own.groupby("source_file")["session_id"].nunique().to_dict()
    return tuple(Unfinished(file, int(rated.get(file, 0)), n) for file, n in empty.items())
