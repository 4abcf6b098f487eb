"""The one door to the tables of a study: whatever their file, their heads and their missing codes."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import pandas as pd

from doublecode.coding.reading.long_table import Table, cell_text
from doublecode.coding.reading.mapped_table import as_text, open_mapped
from doublecode.schemas.column_types import LINE
from doublecode.schemas.csv_rows import without_apostrophe
from doublecode.schemas.dates import read_dates
from doublecode.schemas.errors import ContractError
from doublecode.schemas.frames import Contract
from doublecode.schemas.study import Study
from doublecode.schemas.study_tables import TABLES
from doublecode.schemas.table_files import read_table, said_columns, typed_table
from doublecode.schemas.table_source import TableSource

_PLAIN = TableSource()


def has_table(study: Study, name: str) -> bool:
    """Whether the study has a table, such as ``assignments`` or ``given``."""
    path = study.table_files.path(name)
    return path is not None and path.is_file()


def read_study_table(study: Study, name: str) -> pd.DataFrame:
    """Read a table of a study, typed by its contract.

    Parameters
    ----------
    study : Study
    name : {"sessions", "patients", "therapists", "assignments", "given"}

    Returns
    -------
    DataFrame
        Contract of that name; columns beyond it are text.

    Raises
    ------
    ContractError
        The file or a column is missing, or a cell is not what it has to be; the message names the line.
    DuplicateError
        Two rows carry the same key.
    """
    contract, source = TABLES[name], study.tables.get(name)
    path = study.table_files.path(name) or study.folder / f"{name}.csv"
    if source is None and path.suffix == ".csv":
        return read_table(path, contract)
    table = open_study_table(study, name, tuple(contract.columns))
    frame = _texts(table, contract)
    if source is not None and source.dates is not None and "date" in frame.columns:
        places = [f"{table.name}, line {line}" for line in frame.index]
        days = read_dates(frame["date"], source.dates, places, "date")
        frame["date"] = days.dt.strftime("%Y-%m-%d").astype("str").where(days.notna(), None)
    return typed_table(frame, contract, table.name)


def open_study_table(study: Study, name: str, columns: Collection[str], *, several_forms: bool = False) -> Table:
    """Open a table of a study with our heads; see :func:`doublecode.coding.reading.mapped_table.open_mapped`.

    Raises
    ------
    ContractError
        There is no such file, or its heads are not those that are declared.
    """
    path = study.table_files.path(name)
    if path is None or not path.is_file():
        where = "" if name in TABLES else "outcomes/"
        raise ContractError(f"{where}{name}.csv: the file is missing in {study.folder}. Columns: {', '.join(columns)}.")
    source = study.tables.get(name, _PLAIN)
    return open_mapped(path, source, columns, several_forms=several_forms)


def _texts(table: Table, contract: Contract) -> pd.DataFrame:
    """The filled rows of a table as texts, empty cells missing; the index holds the line of each row."""
    filled = [row for row, cells in enumerate(table.rows) if any(map(cell_text, cells))]
    if not filled:
        raise ContractError(f"{table.name}: the file is empty. {said_columns(contract)}")
    head, *body = filled
    heads = [cell_text(cell) for cell in table.rows[head]]
    again = [name for place, name in enumerate(heads) if name and name in heads[:place]]
    if again:
        raise ContractError(f"{table.name}: the column {again[0]!r} stands twice. Remove or rename one of the two.")
    cells = [table.rows[row] for row in body]
    lines = pd.Index([table.lines[row] for row in body], name=LINE)
    columns = {
        name: pd.Series([_text(row[place]) if place < len(row) else None for row in cells], lines, dtype="str")
        for place, name in enumerate(heads)
        if name
    }
    return pd.DataFrame(columns, index=lines)


def _text(cell: Any) -> str | None:
    return without_apostrophe(as_text(cell)) or None
