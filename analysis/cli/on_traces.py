"""The command that leads from a printed number to the cells of workbooks, and back."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from doublecode.coding.console import RESEARCHER
from doublecode.schemas.errors import UsageError

Folder = Annotated[
    Path, typer.Argument(help="The study folder, with its study.toml and its report/.", show_default=False)
]


def register(app: typer.Typer) -> None:
    """Add the command of this module to `app`."""
    app.command("trace", rich_help_panel=RESEARCHER)(trace)


def trace(
    study: Folder,
    table: Annotated[
        str | None, typer.Option("--table", help="A table of the report, named as its file.", show_default=False)
    ] = None,
    row: Annotated[
        list[str] | None,
        typer.Option("--row", help="What the row is called; again, where one name is not enough.", show_default=False),
    ] = None,
    column: Annotated[
        str | None, typer.Option("--column", help="The column, as on the page or in the file.", show_default=False)
    ] = None,
    cell: Annotated[
        str | None,
        typer.Option(
            "--cell", metavar="FILE!CELL", help="Instead: what stands on this cell, or why nothing does.",
            show_default=False,
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="Folder of report/, where it is not the study's.", show_default=False)
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON and nothing else.")] = False,
) -> None:  # fmt: skip
    """List the cells that a number of the report, or of the sensitivity page, stands on; or where a cell went."""
    from doublecode.analysis.rendering.screen import print_answer
    from doublecode.analysis.report.traced_report import traced_folder
    from doublecode.coding.reading.declared_heads import open_study
    from doublecode.schemas.results import result_record

    if cell is not None and (table or row or column):
        raise UsageError("trace: --cell leads from a cell to numbers, --table, --row and --column back; give one way.")
    opened = open_study(study.parent if study.name == "study.toml" else study)
    report = traced_folder(opened, out or opened.folder, table)
    if cell is not None:
        from doublecode.analysis.report.traced_cell import trace_cell

        found = trace_cell(report, cell)
        print_answer(found, result_record(found) if as_json else None)
        return
    answer = report.number(table, tuple(row or ()), column)
    print_answer(answer, result_record(answer) if as_json else None)
