"""Transcription double entry: a sheet of paper typed twice, compared cell by cell.

It says nothing of raters: both files hold the codes of the same one. What differs was mistyped in one of them.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from doublecode.coding.intake.disagreements import code_of
from doublecode.coding.reading.incoming import read_workbooks, workbook_paths
from doublecode.schemas.problems import Problem, place_in
from doublecode.schemas.study import Study

FOLDER = "second_entry"
_CELL = ["session_id", "rater", "instrument", "item", "occasion"]


@dataclass(frozen=True)
class DoubleEntry:
    """How two entries of the same sheets compare.

    Attributes
    ----------
    files : tuple of str
        Workbooks that were typed a second time.
    n_compared, n_different : int
        Cells.
    problems : tuple of Problem
        ``entry_differs`` at the cell of the first entry; ``entry_alone`` for a cell that only one of the two has; and
        what is wrong with the second entry itself.
    """

    files: tuple[str, ...]
    n_compared: int
    n_different: int
    problems: tuple[Problem, ...]


def compare_entries(study: Study, first: pd.DataFrame, erased: Collection[str] = ()) -> DoubleEntry | None:
    """Hold the workbooks of ``second_entry/`` against what was typed first; None where there are none.

    Parameters
    ----------
    study : Study
    first : DataFrame
        Contract ``RATINGS``: what stands in ``incoming/``, or in the ledger.
    erased : collection of str
        Patients whose ratings were erased: nothing is said of what the second entry still holds of them.
    """
    paths = workbook_paths(study.folder / FOLDER)
    if not paths:
        return None
    ratings, found = read_workbooks(paths, study=study)
    ratings = ratings[~ratings["patient"].isin(erased)]
    own = [_named(one) for problems in found for one in problems if one.severity == "error"]
    both = _coded(first).merge(_coded(ratings), on=_CELL, how="outer", suffixes=("", "_again"), indicator=True)
    typed_again = set(ratings["source_file"])
    sheets = _coded(ratings)[["rater", "instrument", "occasion", "session_id"]].drop_duplicates()
    both = both.merge(sheets, on=["rater", "instrument", "occasion", "session_id"])
    compared = both[both["_merge"] == "both"]
    different = compared[compared["code"] != compared["code_again"]]
    problems = [*own, *map(_differs, different.to_dict("records"))]
    problems += [_alone(row) for row in both[both["_merge"] != "both"].to_dict("records")]
    return DoubleEntry(tuple(sorted(typed_again)), len(compared), len(different), tuple(problems))


def _coded(ratings: pd.DataFrame) -> pd.DataFrame:
    rows = ratings if "occasion" in ratings.columns else ratings.assign(occasion=1)
    places = ["source_file", "source_sheet", "source_cell"]
    return rows[[*_CELL, *places]].assign(code=code_of(rows)).astype({"occasion": "int64"})


def _named(one: Problem) -> Problem:
    """A problem of the second entry, whose file bears the name of the first."""
    return Problem(one.code, f"{FOLDER}/{one.file}", one.sheet, one.cell, one.subject, one.found, one.allowed)


def _differs(row: Mapping[Hashable, Any]) -> Problem:
    place = place_in(f"{FOLDER}/{row['source_file_again']}", row["source_sheet_again"], row["source_cell_again"])
    return Problem(
        "entry_differs", row["source_file"], row["source_sheet"], row["source_cell"],
        f"{row['session_id']}, {row['item']}", row["code"], f"{row['code_again']} ({place})",
    )  # fmt: skip


def _alone(row: Mapping[Hashable, Any]) -> Problem:
    """A cell of a session that was typed twice, which stands in one entry alone."""
    subject = f"{row['session_id']}, {row['item']}"
    if row["_merge"] == "left_only":
        place = (row["source_file"], row["source_sheet"], row["source_cell"])
        return Problem("entry_alone", *place, subject, row["code"], f"{FOLDER}/")
    place = (f"{FOLDER}/{row['source_file_again']}", row["source_sheet_again"], row["source_cell_again"])
    return Problem("entry_alone", *place, subject, row["code_again"], "incoming/")
