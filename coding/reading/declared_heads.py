"""Loads a study and holds the heads of all its tables to study.toml, whatever their files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from doublecode.coding.reading.long_table import cell_text, open_table, sheet_names
from doublecode.coding.reading.statistics_files import statistics_heads, statistics_kind
from doublecode.schemas.gathered import said_of
from doublecode.schemas.near_names import allowed
from doublecode.schemas.study import Study, load_study
from doublecode.schemas.study_tables import TEXT_FILES, raise_wrong, wrong_heads


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
    return study


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
