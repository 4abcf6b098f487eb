"""How far workbooks came that were sent back before they were done."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from doublecode.schemas.problems import Problem

if TYPE_CHECKING:
    import pandas as pd

_BESIDES: Final = {
    "row_missing": "without a row", "unknown_session": "under an unknown id", "duplicate_rating": "in two rows",
}  # fmt: skip
"""Why a session of a workbook is not rated, beside an empty row, by the problem that says so."""


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
    besides : dict of str to int
        Code of a problem → sessions that are not rated because of it.
    """

    file: str
    n_rated: int
    n_empty: int
    besides: Mapping[str, int]

    def __str__(self) -> str:
        rows = "1 row is" if self.n_empty == 1 else f"{self.n_empty} rows are"
        n = self.n_rated + self.n_empty + sum(self.besides.values())
        said = ", ".join(f"{count} {_BESIDES[code]}" for code, count in self.besides.items())
        return f"{self.file}: {self.n_rated} of {n} sessions rated; {rows} empty.{f' Besides: {said}.' if said else ''}"


def unfinished(ratings: pd.DataFrame, problems: Iterable[Problem]) -> tuple[Unfinished, ...]:
    """The workbooks with empty rows, in the order in which their problems stand.

    Parameters
    ----------
    ratings : DataFrame
        Contract ``RATINGS``, of all files.
    problems : iterable of Problem
    """
    every = list(problems)
    empty = Counter(one.file for one in every if one.code == "row_empty")
    besides = {file: Counter(one.code for one in every if one.file == file and one.code in _BESIDES) for file in empty}
    own = ratings[ratings["source_file"].isin(empty)]
    rated = own.groupby("source_file")["session_id"].nunique().to_dict()
    return tuple(Unfinished(file, int(rated.get(file, 0)), n, besides[file]) for file, n in empty.items())
