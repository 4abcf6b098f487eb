"""Tables as printed in CSV: one line per row, numbers with full precision, both limits of an interval apart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from doublecode.analysis.rendering.printed_parts import Cell, Head, Row, TableParts
from doublecode.analysis.rendering.tables import csv_text
from doublecode.schemas.marks import bare

if TYPE_CHECKING:
    import pandas as pd


def table_csv(table: TableParts) -> str:
    """Render as CSV; a text that a spreadsheet takes for a formula gets an apostrophe."""
    return csv_text(table_frame(table))


def table_frame(table: TableParts) -> pd.DataFrame:
    """The body with full precision: ``section``, the stub, one column per head, two where it holds intervals.

    A column whose cells bear stars or letters of notes is followed by one with these.
    """
    import pandas as pd

    rows, section = [], ""
    body: list[tuple[str, Row]] = []
    for row in table.rows:
        section = row.label if row.is_section else "" if row.rule else section
        body += [] if row.is_section else [(section, row)]
    named = _names(table.columns)
    for section, row in body:
        record: dict[str, Any] = {"section": bare(section)} if any(one for one, _ in body) else {}
        record[bare(table.stub) or "row"] = bare(row.label)
        for name, place in zip(named, range(len(named)), strict=True):
            cells = [one.cells[place] for _, one in body]
            cell = row.cells[place]
            record |= _values(name, cell, cells)
            if any(one.stars or one.marks for one in cells):
                record[f"{name} marks"] = cell.stars + ",".join(cell.marks)
        rows.append(record)
    return pd.DataFrame(rows).astype(object) if rows else pd.DataFrame(columns=[bare(table.stub), *named])


def _values(name: str, cell: Cell, column: Sequence[Cell]) -> dict[str, Any]:
    """A number under its head, both limits of an interval under heads of their own; a column may have rows of both."""
    held = [one for one in column if one.value is not None]
    spans = [one.high is not None for one in held]
    record: dict[str, Any] = {} if spans and all(spans) else {name: cell.value if cell.high is None else None}
    if any(spans):
        low = cell.value if cell.high is not None else None
        record |= {f"{name} low": low, f"{name} high": cell.high}
    return record


def _names(columns: Sequence[Head]) -> list[str]:
    """Heads behind their spanners; one that stands twice gets a number."""
    names: list[str] = []
    for one in columns:
        name = bare(f"{one.spanner}: {one.heading}" if one.spanner else one.heading)
        times = sum(name == other.partition(" (")[0] for other in names)
        names.append(f"{name} ({times + 1})" if times else name)
    return names
