"""Tables of ratings in a study: the one that study.toml names, and those that were imported into the ledger."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import pandas as pd

from doublecode.coding.intake.ledger import Ledger
from doublecode.coding.intake.ledger_values import FILE_COLUMNS, SEVERAL, with_occasion
from doublecode.coding.intake.taken_in import TakenIn
from doublecode.coding.reading.long_table import sheet_names
from doublecode.coding.reading.ratings_table import read_ratings_table
from doublecode.schemas.errors import StudyError
from doublecode.schemas.frames import RATINGS
from doublecode.schemas.problems import Problem, place_in
from doublecode.schemas.study import Study
from doublecode.schemas.study_tables import RATINGS_TABLE
from doublecode.schemas.table_source import TableSource

LEDGER: Final = "ledger.sqlite"


def import_ratings(study: Study, path: Path, source: TableSource) -> tuple[TakenIn | None, pd.DataFrame, list[Problem]]:
    """Check a table of ratings and put it into the ledger of its study.

    Parameters
    ----------
    study : Study
    path : Path
    source : TableSource
        What its heads mean, and what stands for a missing value.

    Returns
    -------
    taken : TakenIn or None
        None where errors were found: then nothing was stored.
    ratings : DataFrame
        Contract ``RATINGS``.
    problems : list of Problem

    Raises
    ------
    DuplicateError
        Another file that holds has the same ratings.

    Notes
    -----
    A table of the same file name (and sheet, where it is not the first) replaces the one that was imported before, and
    so does the same file where it is read otherwise. The same ratings of the same file change nothing.
    """
    ratings, problems = read_ratings_table(path, source, study)
    if any(one.severity == "error" for one in problems):
        return None, ratings, problems
    with Ledger(study.folder / LEDGER) as ledger:
        return ledger.take_in(ratings, _files_of(study, path, ratings, source.sheet)), ratings, problems


def read_rating_tables(study: Study, workbooks: pd.DataFrame) -> tuple[pd.DataFrame, list[Problem], pd.DataFrame]:
    """Read every table of ratings of a study, and hold them against its workbooks and one another.

    Parameters
    ----------
    study : Study
    workbooks : DataFrame
        Contract ``RATINGS``: what was read of ``incoming/``.

    Returns
    -------
    ratings : DataFrame
        Contract ``RATINGS``, of the tables alone.
    problems : list of Problem
        A rating that stands in two of them is an error.
    files : DataFrame
        As :func:`doublecode.coding.reading.incoming.read_incoming` returns it.
    """
    parts: list[pd.DataFrame] = []
    records: list[pd.DataFrame] = []
    problems: list[Problem] = []
    if RATINGS_TABLE in study.tables:
        path = study.table_files.path(RATINGS_TABLE)
        if path is None:
            raise StudyError(f"{study.name}: [tables.{RATINGS_TABLE}] names no file. Add file = …")
        ratings, problems = read_ratings_table(path, study.tables[RATINGS_TABLE], study)
        parts.append(ratings)
        records.append(_files_of(study, path, ratings))
    imported, files = _imported(study, [str(one["file"].iloc[0]) for one in records])
    parts, records = [*parts, imported], [*records, files]
    together = pd.concat([one for one in parts if len(one)] or parts[:1], ignore_index=True)
    held = pd.concat([one for one in (workbooks, together) if len(one)] or [together])
    said = [*problems, *_strangers(study, imported, files), *_twice(held)]
    return together, said, pd.concat(records, ignore_index=True)


def _files_of(study: Study, path: Path, ratings: pd.DataFrame, sheet: str | None = None) -> pd.DataFrame:
    """The record of a table: its bytes, the versions of its codebooks, how many ratings."""
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    batch = path.name if sheet is None or sheet in sheet_names(path)[:1] else f"{path.name} › {sheet}"
    row = (path.name, digest, study.name, SEVERAL, _versions(study, ratings), SEVERAL, batch, len(ratings))
    return pd.DataFrame([row], columns=list(FILE_COLUMNS))


def _versions(study: Study, ratings: pd.DataFrame) -> str:
    names = sorted(set(ratings["instrument"]))
    return "; ".join(f"{name} {study.codebooks[name].version}" for name in names if name in study.codebooks)[:200]


def _imported(study: Study, declared: Sequence[str]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Ratings that were imported; a file that study.toml names is read anew, and not from the ledger."""
    nothing = pd.DataFrame({name: pd.Series(dtype="object") for name in RATINGS.columns})
    none = pd.DataFrame(columns=list(FILE_COLUMNS))
    if not (study.folder / LEDGER).is_file():
        return nothing, none
    with Ledger(study.folder / LEDGER) as ledger:
        files = ledger.files()
        own = files[(files["rater"] == SEVERAL) & files["holds"].astype(bool) & ~files["file"].isin(declared)]
        if own.empty:
            return nothing, none
        ratings = ledger.ratings()
    return ratings[ratings["source_file"].isin(own["file"])].reset_index(drop=True), own[list(FILE_COLUMNS)]


def _strangers(study: Study, ratings: pd.DataFrame, files: pd.DataFrame) -> list[Problem]:
    """What was imported under a codebook that the study has no longer, or has in another version now."""
    gone = sorted(set(ratings["instrument"]) - set(study.codebooks))
    allowed = ", ".join(study.codebooks)
    problems = [Problem("wrong_instrument", RATINGS_TABLE, found=name, allowed=allowed) for name in gone]
    for file, version in zip(files["file"], files["version"], strict=True):
        now = _versions(study, ratings[ratings["source_file"] == file])
        if now != version and not gone:
            problems.append(Problem("codebook_changed", str(file), found=str(version), allowed=now))
    return problems


def _twice(ratings: pd.DataFrame) -> list[Problem]:
    """Ratings that stand in two files."""
    key = list(RATINGS.key)
    ratings = with_occasion(ratings)
    again = ratings[ratings.duplicated(key, keep=False)].sort_values(key, kind="stable")
    problems = []
    for _, rows in again.groupby(key, sort=True):
        first, second = rows.iloc[0], rows.iloc[1]
        if first["source_file"] == second["source_file"]:
            continue
        places = [
            place_in(*(str(one[name] or "") for name in ("source_file", "source_sheet", "source_cell")))
            for one in (first, second)
        ]
        subject = f"{second['session_id']}, {second['rater']}, {second['item']}"
        problems.append(
            Problem("duplicate_rating", second["source_file"], second["source_sheet"], second["source_cell"], subject,
                    " and ".join(places))
        )  # fmt: skip
    return problems
