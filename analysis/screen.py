"""Results in the terminal: the table and its notes, or JSON and nothing else."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from doublecode.analysis.tables import Table, result_record, to_json
from doublecode.coding.terminal import console, say

if TYPE_CHECKING:
    from doublecode.schemas.contracts import Result


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


def print_results(
    results: Sequence[tuple[str, Any, Sequence[str]]],
    tables_of: Callable[[Any], Sequence[Table]],
    *,
    as_json: bool,
) -> None:
    """Print several results, each with its name and its sentences; as JSON one object by name."""
    if as_json:
        print_json({name: result_record(result) for name, result, _ in results})
        return
    for name, result, sentences in results:
        say(f"\n{name}", style="bold")
        print_result(result, tables_of(result), as_json=False, sentences=sentences)


def print_result(result: Result, tables: Sequence[Table], *, as_json: bool, sentences: Sequence[str] = ()) -> None:
    """Print a result: as JSON, or its tables, the sentences to paste, and its notes."""
    if as_json:
        print_json(result_record(result))
        return
    for table in tables:
        print_table(table)
    for sentence in sentences:
        say(sentence)
    if sentences and result.notes:
        say("")
    for note in result.notes:
        say(f"Note: {note}", style="yellow")
