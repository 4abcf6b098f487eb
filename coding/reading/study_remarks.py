"""What should be said of the tables of a study: letters taken out, labels alike, dates of no form, far numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

import pandas as pd

from doublecode.coding.reading.asked_columns import remarks_on_columns
from doublecode.coding.reading.left_out import sessions_left_out
from doublecode.coding.reading.mapped_table import as_text
from doublecode.coding.reading.study_tables import open_study_table, read_study_table
from doublecode.coding.reading.table_remarks import alike, csv_remarks
from doublecode.schemas.column_types import decimals_on_trust
from doublecode.schemas.csv_rows import CsvRows, read_csv_rows
from doublecode.schemas.dates import read_dates
from doublecode.schemas.errors import ContractError
from doublecode.schemas.letters import clean
from doublecode.schemas.problems import Problem
from doublecode.schemas.study import Study
from doublecode.schemas.study_tables import TABLES

_IDS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "patients": ("patient",),
        "therapists": ("therapist",),
        "sessions": ("session_id", "patient", "therapist"),
        "assignments": ("session_id", "rater", "batch"),
        "given": ("session_id",),
    }
)


def remarks_on_tables(study: Study) -> list[Problem]:
    """Read the tables of a study once more as they stand, and say what is odd about their names.

    A label is held against those of all tables: ``P01`` of ``patients.csv`` and ``P1`` of an outcome are alike.
    """
    tables = dict(_IDS) | dict.fromkeys(study.table_files.outcomes, ("patient",))
    labels: dict[str, dict[str, str]] = {"rater": {rater.id: "study.toml" for rater in study.raters}}
    problems: list[Problem] = []
    has_events = not study.events or any(variable.event for variable in study.variables)
    for table, columns in tables.items():
        path = study.table_files.path(table)
        if path is None or not path.is_file():
            continue
        name = path.relative_to(study.folder).as_posix()
        try:
            found, remarks = _rows(study, table, path, columns)
        except ContractError:
            continue  # whoever reads the table says what is wrong with it
        problems += remarks if table in _IDS else []  # those of an outcome are said where it is read
        problems += [*csv_remarks(found, name), *_on_trust(found, name)]
        if table in _IDS:
            problems += remarks_on_columns(found, name, {*study.table_files.columns, "minutes"} - {*columns, "date"})
        has_events = has_events or bool(table not in _IDS and _labels(found, "event"))
        for column in columns:
            for label in _labels(found, column):
                labels.setdefault(column, {}).setdefault(label, name)
        source = study.tables.get(table)
        if table == "sessions" and (source is None or source.dates is None):
            problems += _dates(found, name)
    for column, where in labels.items():
        said, files = alike(where), ", ".join(dict.fromkeys(where.values()))
        if said:
            problems.append(Problem("labels_alike", files, subject=column, found=said))
    return [*problems, *_dates_out_of_order(study), *_without_effect(study, labels, has_events=has_events)]


def _without_effect(study: Study, labels: Mapping[str, Mapping[str, str]], *, has_events: bool) -> Iterator[Problem]:
    """Events that no outcome is of and no variable names, and dates at which batches are due that nobody was given."""
    if not has_events:
        found = f"events {', '.join(event.name for event in study.events)}"
        where = "a column event of an outcome's table, or event of a variable"
        yield Problem("declared_unused", "study.toml", subject="events", found=found, allowed=where)
    stray = [batch for batch in study.due if batch not in labels.get("batch", {})]
    if stray:
        where = "a batch of assignments.csv"
        yield Problem("declared_unused", "study.toml", subject="due", found=", ".join(stray), allowed=where)


def _dates_out_of_order(study: Study) -> Iterator[Problem]:
    """Sessions of a patient whose dates go back where their numbers go on; dates of no known form say nothing."""
    path = study.table_files.path("sessions")
    if path is None or not path.is_file():
        return
    sessions = read_study_table(study, "sessions").sort_values(["patient", "session"])
    out = sessions_left_out(study, sessions)
    dated = sessions[sessions["date"].notna() & ~sessions["session_id"].isin(list(out))]
    try:
        days = read_dates(dated["date"], None, [path.name] * len(dated), "date")
    except ContractError:
        return
    before, day_before = dated.shift(), days.shift()
    back = (dated["patient"] == before["patient"]) & (days < day_before)
    for row, earlier in zip(dated[back].itertuples(), before[back].itertuples(), strict=True):
        found = f"session {earlier.session:g} on {earlier.date}, session {row.session:g} on {row.date}"
        yield Problem("dates_out_of_order", path.name, subject=f"patient {row.patient}", found=found)


def _rows(study: Study, table: str, path: Path, columns: tuple[str, ...]) -> tuple[CsvRows, list[Problem]]:
    """The rows of a table as texts, and what was said when it was read."""
    if path.suffix == ".csv" and table not in study.tables:
        return read_csv_rows(path.read_bytes(), columns, path.relative_to(study.folder).as_posix()), []
    wanted = TABLES[table].columns if table in TABLES else columns
    read = open_study_table(study, table, tuple(wanted))
    rows = [[as_text(cell) for cell in cells] for cells in read.rows]
    return CsvRows(rows, list(read.lines), ","), read.said()


def _on_trust(found: CsvRows, name: str) -> Iterator[Problem]:
    """Columns in which every number has three decimals, where nothing tells that they are some."""
    heads, *body = [row for row in found.rows if any(cell.strip() for cell in row)] or [[]]
    cells = [[row[place] if place < len(row) else "" for row in body] for place in range(len(heads))]
    for head, column, first in zip(heads, cells, decimals_on_trust(cells), strict=True):
        if first is not None:
            line = next(at for row, at in zip(found.rows, found.lines, strict=True) if row is body[first])
            yield Problem(
                "decimals_on_trust", name, "", f"line {line}", subject=clean(head), found=f'"{column[first].strip()}"'
            )


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
