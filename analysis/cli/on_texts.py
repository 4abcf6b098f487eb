"""The command that audits a text."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from doublecode.analysis.cli.on_files import AsJson
from doublecode.coding.console import ANY_FILE

Text = Annotated[
    Path,
    typer.Argument(help="A .txt, .md, .docx, .pdf (needs pypdf), or a TOML list of statements.", show_default=False),
]


def register(app: typer.Typer) -> None:
    """Add the command of this module to `app`."""
    app.command("audit", rich_help_panel=ANY_FILE)(audit)


def audit(
    file: Text,
    every: Annotated[bool, typer.Option("--all", help="Print every check, not the questions alone.")] = False,
    as_json: AsJson = False,
) -> None:
    """Recompute the printed numbers of a paper from one another; what does not add up is asked as a question."""
    from doublecode.analysis.auditing.audited_text import audit_file
    from doublecode.analysis.rendering.screen import print_answer
    from doublecode.schemas.results import result_record

    result = audit_file(file)
    shown = result.every() if every else result
    record = result_record(result) if as_json else None
    print_answer(replace(shown, notes=()), record, sentences=result.note_texts())  # every question, however many
