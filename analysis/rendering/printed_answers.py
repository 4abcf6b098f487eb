"""The tables of an answer as a journal prints them: the same cells as on the page, in every form."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Final

from doublecode.analysis.rendering.printed_parts import Cell, Head, Row
from doublecode.analysis.rendering.printed_table import PrintedTable
from doublecode.analysis.rendering.tables import Column, Table, row_digits
from doublecode.schemas.results import is_missing

_MOST_NOTES: Final = 12


def as_printed(table: Table, *, number: str = "", notes: Iterable[str] = ()) -> PrintedTable:
    """Describe a table of a report or a result as it is printed.

    Parameters
    ----------
    table : Table
    number : str
        What it is called in print.
    notes : iterable of str
        Sentences behind the notes of the table itself.
    """
    shown = [one for at, one in enumerate(table.columns) if at == 0 or _says_something(table, one)]
    stub, *columns = shown
    rows: list[Row] = []
    before: Any = None
    for given in table.frame.to_dict("records"):
        record = {str(key): value for key, value in given.items()}
        if table.group and record[table.group] != before:
            before = record[table.group]
            rows.append(Row(str(before)))
        digits = row_digits(record, table.columns)
        cells = tuple(_cell(one.with_digits(digits), record) for one in columns)
        rows.append(Row(stub.render(record), cells, int(bool(table.group))))
    heads = tuple(Head(one.heading, is_text=one.kind == "text") for one in columns)
    general = " ".join((*table.notes, *notes))
    return PrintedTable(number, table.title, stub.heading, heads, tuple(rows), general, source=(table.name,))


def answer_tables(tables: Iterable[Table], counted: str, notes: Iterable[str], title: str) -> tuple[PrintedTable, ...]:
    """Describe the tables of an answer; what it stands on and its notes are said below the last one."""
    found = tuple(tables)
    said = list(notes)
    more = [f"{len(said) - _MOST_NOTES} more notes: .notes has them."] if len(said) > _MOST_NOTES else []
    counts = [counted if counted.endswith((".", "?")) else f"{counted}."] if counted else []
    below = [*counts, *said[:_MOST_NOTES], *more]
    printed = [as_printed(one, notes=below if one is found[-1] else ()) for one in found]
    return tuple(one if one.title else replace(one, title=title) for one in printed)


def _cell(column: Column, record: Mapping[str, Any]) -> Cell:
    value = record[column.name]
    if column.upper:
        low, high = (math.nan if is_missing(one) else float(one) for one in (value, record[column.upper]))
        return Cell(low, column.kind, column.digits, high=high)
    if is_missing(value):
        return Cell(math.nan)
    if column.kind == "text" or isinstance(value, str | bool):
        return Cell(column.render(record), "text")
    return Cell(float(value), column.kind, column.digits)


def _says_something(table: Table, column: Column) -> bool:
    held = [name for name in (column.name, column.upper) if name]
    cells = table.frame[held]
    return column.name == "estimate" or not len(cells) or bool((cells.notna() & (cells != "")).to_numpy().any())
