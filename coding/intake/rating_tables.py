"""Tables of ratings in a study: the one that study.toml names, and those that are imported into the ledger."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pandas as pd

from doublecode.coding.intake.ledger_values import FILE_COLUMNS, SEVERAL
from doublecode.coding.intake.study_ledger import open_ledger
from doublecode.coding.intake.taken_in import TakenIn
from doublecode.coding.reading.long_table import sheet_names
from doublecode.coding.reading.ratings_table import read_ratings_table
from doublecode.schemas.errors import StudyError
from doublecode.schemas.problems import Problem
from doublecode.schemas.study import Study
from doublecode.schemas.study_tables import RATINGS_TABLE
from doublecode.schemas.table_source import TableSource


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
    with open_ledger(study) as ledger:
        return ledger.take_in(ratings, _files_of(study, path, ratings, source.sheet)), ratings, problems


def read_declared_table(study: Study) -> tuple[pd.DataFrame, list[Problem], pd.DataFrame] | None:
    """Read the table of ratings that study.toml names; None where it names none.

    Returns
    -------
    ratings : DataFrame
        Contract ``RATINGS``.
    problems : list of Problem
    files : DataFrame
        As :func:`doublecode.coding.reading.incoming.read_incoming` returns it.
    """
    if RATINGS_TABLE not in study.tables:
        return None
    path = study.table_files.path(RATINGS_TABLE)
    if path is None:
        raise StudyError(f"{study.name}: [tables.{RATINGS_TABLE}] names no file. Add file = …")
    ratings, problems = read_ratings_table(path, study.tables[RATINGS_TABLE], study)
    return ratings, problems, _files_of(study, path, ratings)


def _files_of(study: Study, path: Path, ratings: pd.DataFrame, sheet: str | None = None) -> pd.DataFrame:
    """The record of a table: its bytes, the versions of its codebooks, how many ratings."""
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    batch = path.name if sheet is None or sheet in sheet_names(path)[:1] else f"{path.name} › {sheet}"
    row = (path.name, digest, study.name, SEVERAL, versions_of(study, ratings), SEVERAL, batch, len(ratings))
    return pd.DataFrame([row], columns=list(FILE_COLUMNS))


def versions_of(study: Study, ratings: pd.DataFrame) -> str:
    """The codebooks that ratings were held to, with their versions."""
    names = sorted(set(ratings["instrument"]))
    return "; ".join(f"{name} {study.codebooks[name].version}" for name in names if name in study.codebooks)[:200]
