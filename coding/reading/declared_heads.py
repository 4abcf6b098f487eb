"""Loads a study and holds the heads of all its tables to study.toml, whatever their files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from doublecode.coding.reading.long_table import cell_text, open_table, sheet_names
from doublecode.coding.reading.statistics_files import statistics_heads, statistics_kind
from doublecode.coding.reading.study_tables import has_table, read_study_table
from doublecode.schemas.errors import DoublecodeError
from doublecode.schemas.gathered import said_of
from doublecode.schemas.near_names import allowed
from doublecode.schemas.study import Study, load_study
from doublecode.schemas.study_tables import TEXT_FILES, raise_wrong, wrong_heads
from doublecode.schemas.table_heads import OF_VARIABLES, missing_columns, placed, text_heads, unplaced
from doublecode.schemas.variable_checks import check_splits


def open_study(folder: str | Path) -> Study:
    """Load a study; what is declared of the heads of its tables is held to every file, and all that is wrong is said.

    :func:`doublecode.schemas.load_study` looks into text files only: it knows no workbooks.

    Raises
    ------
    StudyError
        As :func:`doublecode.schemas.load_study`; or a head or a sheet that study.toml names is not in the file.
    InstrumentError
        An instrument that the study names is wrong.
    UsageError
        A file cannot be read.
    """
    study = load_study(folder)
    with said_of("study.toml"):
        raise_wrong([f"tables.{name}.{text}" for name in study.tables for text in _wrong(study, name)])
        _check_splits(study)
    return study


def missing_from_tables(study: Study) -> list[str]:
    """Say which declared columns no table of the folder has, whatever their files; nothing where a table is unreadable.

    A study may be planned before its tables are filled, so that this is no refusal before the run.
    """
    return missing_columns(study.variables, _columns(study))


def _columns(study: Study) -> dict[str, list[str]]:
    """Columns of the tables of variables that can be read."""
    found: dict[str, list[str]] = {}
    for name in OF_VARIABLES:
        try:
            there = has_table(study, name)
            found[name] = list(map(str, read_study_table(study, name).columns)) if there else []
        except (DoublecodeError, OSError):  # said where it is read for its values
            continue
    return found


def _check_splits(study: Study) -> None:
    """Hold what is split to the tables that :func:`load_study` cannot read."""
    variables = {one.name: one for one in study.variables}
    if unplaced(study.series, variables) and len(text_heads(study.table_files)) < len(OF_VARIABLES):
        uses = {book.name: (book, study.use(book.name)) for book in study.codebooks.values()}
        found = placed(variables, study.series, study.table_files, _columns(study))
        check_splits(study.series, found, uses, study.unit)


def _wrong(study: Study, name: str) -> Iterator[str]:
    source, path = study.tables[name], study.table_files.path(name)
    if path is None or path.suffix.lower() in TEXT_FILES or not (source.map or source.rows or source.sheet):
        return
    kind = statistics_kind(path)
    if kind is not None:
        yield from wrong_heads(source, statistics_heads(path, kind))
        return
    sheets = sheet_names(path)
    if source.sheet is not None and source.sheet not in sheets:
        yield f"sheet: {path.name} has no sheet {source.sheet!r}; {allowed(source.sheet, sheets)}"
        return
    rows = open_table(path, [*source.map, *study.table_files.columns_of(name)], source.sheet).rows
    texts = ([cell_text(cell) for cell in cells] for cells in rows)
    yield from wrong_heads(source, next((heads for heads in texts if any(heads)), []))
