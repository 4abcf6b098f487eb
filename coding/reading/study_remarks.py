"""What should be said of the tables of a study: invisible letters taken out, labels alike, dates of no known form."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType

import pandas as pd

from doublecode.coding.reading.table_remarks import alike
from doublecode.schemas.csv_rows import CsvRows, read_csv_rows
from doublecode.schemas.dates import read_dates
from doublecode.schemas.errors import ContractError
from doublecode.schemas.letters import clean
from doublecode.schemas.problems import Problem
from doublecode.schemas.study import Study

_IDS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "patients.csv": ("patient",),
        "therapists.csv": ("therapist",),
        "sessions.csv": ("session_id", "patient", "therapist"),
        "assignments.csv": ("session_id", "rater", "batch"),
        "given.csv": ("session_id",),
    }
)
_MOST_LINES = 12


def remarks_on_tables(study: Study) -> list[Problem]:
    """Read the tables of a study once more as they stand, and say what is odd about their names.

    A label is held against those of all tables: ``P01`` of ``patients.csv`` and ``P1`` of an outcome are alike.
    """
    tables = dict(_IDS) | {
        f"outcomes/{name}.csv": ("patient",) for name in study.codebooks if study.use(name).source == "outcomes"
    }
    labels: dict[str, dict[str, str]] = {"rater": {rater.id: "study.toml" for rater in study.raters}}
    problems: list[Problem] = []
    for name, columns in tables.items():
        path = study.folder / name
        if not path.is_file():
            continue
        try:
            found = read_csv_rows(path.read_bytes(), columns, name)
        except ContractError:
            continue  # whoever reads the table says what is wrong with it
        problems += _unseen(found, name)
        for column in columns:
            for label in _labels(found, column):
                labels.setdefault(column, {}).setdefault(label, name)
        if name == "sessions.csv":
            problems += _dates(found, name)
    for column, where in labels.items():
        said, files = alike(where), ", ".join(dict.fromkeys(where.values()))
        if said:
            problems.append(Problem("labels_alike", files, subject=column, found=said))
    return problems


def _unseen(found: CsvRows, name: str) -> Iterator[Problem]:
    for line, letters in found.unseen[:_MOST_LINES]:
        yield Problem("unseen_letters", name, "", f"line {line}", found=letters)


def _labels(found: CsvRows, column: str) -> list[str]:
    """The different labels of a column, in their order."""
    filled = [row for row in found.rows if any(cell.strip() for cell in row)]
    heads = [clean(head) for head in filled[0]] if filled else []
    if column not in heads:
        return []
    place = heads.index(column)
    return list(dict.fromkeys(row[place].strip() for row in filled[1:] if place < len(row) and row[place].strip()))


def _dates(found: CsvRows, name: str) -> Iterator[Problem]:
    """The first date that is not written year-month-day; nothing but drift by date needs one."""
    for text in _labels(found, "date"):
        try:
            read_dates(pd.Series([text]), None, [name], "date")
        except ContractError:
            yield Problem("date_form", name, subject="date", found=f'"{text}"', allowed="2021-04-03")
            return
