"""Commands that hold a study to what was said before: the frozen plan of its analysis, and the report that stands."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from doublecode.coding.console import CLEAN, PROBLEMS, RESEARCHER, progress_bar, say

Folder = Annotated[Path, typer.Argument(help="The study folder, with its study.toml.", show_default=False)]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON and nothing else.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this module to `app`."""
    app.command("freeze", rich_help_panel=RESEARCHER)(freeze)
    app.command("reproduce", rich_help_panel=RESEARCHER)(reproduce)


def freeze(
    study: Folder,
    amend: Annotated[
        str, typer.Option("--amend", metavar="REASON", help="Freeze it anew, and why.", show_default=False)
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Keep the declared analysis as the plan; every later report lists what departs from it."""
    from doublecode.analysis.rendering.screen import print_json
    from doublecode.analysis.study.frozen_plan import PLAN_FILE, freeze_plan
    from doublecode.analysis.study.run import read_study

    intake = read_study(_folder(study))
    plan = freeze_plan(intake.study, len(intake.ratings), reason=amend)
    if as_json:
        print_json(vars(plan))
        return
    say(f"Frozen {plan.at} with {plan.n_ratings} ratings at hand, SHA-256 {plan.sha256[:12]}: {study / PLAN_FILE}")
    say("Every report from now on says on its first page what departs from it.")


def reproduce(
    study: Folder,
    report: Annotated[
        Path | None, typer.Option("--report", help="The report folder, if not the study's own.", show_default=False)
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Run the study again and compare every cell with the report that stands; nothing is written."""
    from doublecode.analysis.rendering.screen import print_answer
    from doublecode.analysis.report.reproduction import reproduce as make_again
    from doublecode.schemas.results import result_record

    with progress_bar() as show:
        found = make_again(_folder(study), report, show)
    print_answer(found, result_record(found) if as_json else None)
    raise typer.Exit(CLEAN if found.is_equal else PROBLEMS)


def _folder(study: Path) -> Path:
    return study.parent if study.name == "study.toml" else study
