"""Results in the terminal: the table and its notes, or JSON and nothing else."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from doublecode.analysis.rendering.tables import Table
from doublecode.coding.console import console, say
from doublecode.schemas.results import result_record, to_json

if TYPE_CHECKING:
    from doublecode.schemas.problems import Problem
    from doublecode.schemas.results import Result


MOST_NOTES = 15


def print_json(record: object) -> None:
    """Write `record` as JSON on standard output."""
    sys.stdout.write(to_json(record) + "\n")


def print_table(table: Table) -> None:
    """Print a table of the report in the terminal."""
    from rich import box
    from rich.table import Table as Grid
    from rich.text import Text

    grid = Grid(title=Text(table.title, style="bold"), title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for column in table.columns:
        numeric = column.kind != "text"
        heading = column.heading.replace("*", "")
        grid.add_column(heading, justify="right" if numeric else "left", no_wrap=numeric, overflow="fold")
    for row in table.body():
        if len(row) == 1 < len(table.columns):
            grid.add_row(Text(row[0], style="bold"))
        else:
            grid.add_row(*(Text(cell) for cell in row))
    screen = console()
    if not screen.is_terminal:
        # a file or a pipe shows every column in full, however wide
        screen.width = max(screen.width, screen.measure(grid).maximum)
    screen.print(grid)


def print_answer(
    result: Result,
    tables: Sequence[Table],
    record: Mapping[str, Any] | None,
    *,
    sentences: Sequence[str] = (),
    warnings: Sequence[Problem] = (),
) -> None:
    """Print a result: `record` as JSON where there is one, else tables, the sentences to paste, warnings, notes.

    A note that a warning quotes is not printed a second time.
    """
    if record is not None:
        print_json(record)
        return
    for table in tables:
        print_table(table)
    for sentence in sentences:
        say(sentence)
    if sentences and result.notes:
        say("")
    for warning in warnings:
        say(f"Warning: {warning}", style="yellow")
    notes = [note for note in result.note_texts() if not any(one.found in note for one in warnings)]
    for note in notes[:MOST_NOTES]:
        say(f"Note: {note}", style="yellow")
    if len(notes) > MOST_NOTES:
        say(f"… and {len(notes) - MOST_NOTES} more notes; --json has them all.", style="yellow")


def print_result(
    result: Result,
    tables: Sequence[Table],
    *,
    as_json: bool,
    sentences: Sequence[str] = (),
    warnings: Sequence[Problem] = (),
) -> None:
    """Print a result of the usual form; see :func:`print_answer`."""
    record = result_record(result) if as_json else None
    print_answer(result, tables, record, sentences=sentences, warnings=warnings)
