"""The command that makes a page for each therapist."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from doublecode.coding.console import MOST_WARNINGS, PROBLEMS, RESEARCHER, print_problems, progress_bar, say

Folder = Annotated[Path, typer.Argument(help="The study folder, with its study.toml.", show_default=False)]


def register(app: typer.Typer) -> None:
    """Add the command of this module to `app`."""
    app.command("therapists", rich_help_panel=RESEARCHER)(therapists)


def therapists(
    study: Folder,
    therapist: Annotated[
        str | None,
        typer.Option("--therapist", metavar="ID", help="Only this one; therapists/ then holds no other.",
                     show_default=False),
    ] = None,
    comments: Annotated[
        bool, typer.Option("--comments", help="With what raters wrote; read it before you hand a page on.")
    ] = False,
    set_aside: Annotated[
        list[str] | None, typer.Option("--set-aside", help="A file of incoming/ to leave out.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Folder for therapists/, where the study's own can only be read.",
                     show_default=False),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace what an earlier run wrote.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON and nothing else.")] = False,
) -> None:  # fmt: skip
    """A page per therapist: each behavior against team and threshold, trend, sessions to hear again."""
    from doublecode.analysis.rendering.screen import print_answer
    from doublecode.analysis.report.therapist_folder import check_therapists_target, write_therapists
    from doublecode.analysis.study.run import read_study
    from doublecode.analysis.study.therapist_facts import therapist_pages
    from doublecode.analysis.study.therapist_values import page_of
    from doublecode.schemas.results import result_record

    with progress_bar() as show:
        show("Reading the workbooks", 0, 1)
        intake = read_study(study, set_aside=tuple(set_aside or ()))
        page_of(intake.study)
        folder = out or intake.study.folder
        check_therapists_target(folder, overwrite=overwrite)
        found = None
        if not intake.errors:
            found = therapist_pages(intake, therapist=therapist, comments=comments, progress=show)
        target = None if found is None else write_therapists(found, intake.study, folder, overwrite=overwrite)
    if found is None:
        print_problems(intake.problems, severities=("error",))
        say(f"{len(intake.errors)} problem(s) in the data; nothing was computed.", to_error=True, style="bold red")
        raise typer.Exit(PROBLEMS)
    print_problems(intake.problems, most=MOST_WARNINGS, severities=("warning",))
    print_answer(found, result_record(found) if as_json else None)
    say(f"Pages: {target}/; {target}/for_the_lab/ holds ids and stays in the laboratory.", to_error=as_json)
