"""A file without errors beside its marked copy: one of them is a later correction, and nobody said which."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from doublecode.schemas.phrases import Phrase
from doublecode.schemas.problems import Problem

if TYPE_CHECKING:
    import pandas as pd

    from doublecode.coding.reading.one_workbook import TakenFile
    from doublecode.coding.reading.ratings_builder import Collector

_PLACE, _CODE = ["session_id", "item"], ["value", "text", "missing_code"]


def against_copy(
    original: TakenFile, codes: Collector, copy: str, of_copy: Collector, out: Collection[str]
) -> list[Problem]:
    """What is wrong where a file, read by itself, has no errors and other codes than its marked copy.

    Parameters
    ----------
    original : TakenFile
    codes : Collector
        Its ratings.
    copy : str
        Name of the marked copy.
    of_copy : Collector
        Its ratings.
    out : collection of str
        Sessions that are left out: in no number, whatever the two say.

    Returns
    -------
    list of Problem
        One, at the first code that differs; none where the file has errors, which the copy was made to mend, or the
        same codes.
    """
    if any(one.severity == "error" for one in original.problems):
        return []
    here, there = _placed(codes.frame(), out), _placed(of_copy.frame(), out)
    where = here.index.union(there.index, sort=False)
    first, second = here.reindex(where)[_CODE].astype(object), there.reindex(where)[_CODE].astype(object)
    differs = ~((first == second) | (first.isna() & second.isna())).all(axis=1)
    if not differs.any():
        return []
    place = where[int(differs.to_numpy().argmax())]
    source = here if place in here.index else there
    sheet, cell = (str(source.loc[place, column]) for column in ("source_sheet", "source_cell"))
    found = Phrase("differ", str(copy), str(differs.sum()))
    return [Problem("copy_and_original_differ", original.file, sheet, cell, ", ".join(place), found)]


def _placed(ratings: pd.DataFrame, out: Collection[str]) -> pd.DataFrame:
    return ratings[~ratings["session_id"].isin(list(out))].set_index(_PLACE)
