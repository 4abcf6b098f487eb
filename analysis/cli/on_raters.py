"""Commands about the raters of a study: how far they are, and whether they are trained."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from doublecode.coding.console import COORDINATOR, print_problems, say
from doublecode.coding.option_ranges import number

Folder = Annotated[Path, typer.Argument(help="The study folder, with its study.toml.", show_default=False)]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON and nothing else.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this module to `app`."""
    app.command("status", rich_help_panel=COORDINATOR)(status)
    app.command("certify", rich_help_panel=COORDINATOR)(certify)


def status(
    study: Folder,
    page: Annotated[
        Path | None, typer.Option(help="Write it as a web page too: FILE.html.", show_default=False)
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an earlier page.")] = False,
    as_json: AsJson = False,
) -> None:
    """What is done, late and left, by rater, instrument and batch; pairs complete, pace, hours. Changes nothing."""
    from doublecode.analysis.rendering.screen import print_answer
    from doublecode.analysis.report.records import status_record
    from doublecode.analysis.report.status_page import write_status_page
    from doublecode.analysis.study.coding_status import study_status
    from doublecode.coding.reading.declared_heads import open_study

    declared = open_study(study)
    found = study_status(declared)
    written = None if page is None else write_status_page(found, declared, page, overwrite=overwrite)
    print_answer(found, status_record(found) if as_json else None)
    if written is not None:
        say(f"Page: {written}", to_error=as_json)


def certify(
    study: Folder,
    top: Annotated[
        int,
        typer.Option(
            "--top",
            parser=number(0, whole=True),
            metavar="<from 0 on>",
            help="Ratings to hear again, per trainee and instrument.",
        ),
    ] = 10,
    as_json: AsJson = False,
) -> None:
    """Trainees against the expert key and the pass mark of study.toml: verdicts, and what to hear again."""
    from doublecode.analysis.rendering.screen import print_answer
    from doublecode.analysis.report.records import certification_record
    from doublecode.analysis.study.rater_certification import certify_raters
    from doublecode.coding.reading.declared_heads import open_study

    found, problems = certify_raters(open_study(study), top=top)
    print_problems(problems, severities=("error",))
    print_answer(found, certification_record(found) if as_json else None)
