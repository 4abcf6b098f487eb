"""The command that holds a finding against single patients, raters and therapists, and against other rules."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from doublecode.analysis.cli.resampling_flags import Jobs, Keep, Scheduler
from doublecode.coding.console import MOST_WARNINGS, PROBLEMS, RESEARCHER, print_problems, progress_bar, say
from doublecode.coding.option_ranges import number
from doublecode.schemas.errors import UsageError

Folder = Annotated[Path, typer.Argument(help="The study folder, with its study.toml.", show_default=False)]


def register(app: typer.Typer) -> None:
    """Add the command of this module to `app`."""
    app.command("sensitivity", rich_help_panel=RESEARCHER)(sensitivity)


def sensitivity(
    study: Folder,
    specification: Annotated[
        int | None,
        typer.Option(
            "--specification", parser=number(whole=True), metavar="K", show_default=False,
            help="Instead: the study as its specification K declares it.",
        ),
    ] = None,
    write: Annotated[
        Path | None,
        typer.Option("--write", metavar="FOLDER", help="Where --specification puts it.", show_default=False),
    ] = None,
    finding: Annotated[
        int,
        typer.Option(
            "--finding", parser=number(whole=True), metavar="N",
            help="Of which finding K is a specification: 1 is the headline, 2 the first further one.",
        ),
    ] = 1,
    set_aside: Annotated[
        list[str] | None, typer.Option("--set-aside", help="A file of incoming/ to leave out.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Folder for sensitivity/, where the study's own can only be read.",
                     show_default=False),
    ] = None,
    jobs: Jobs = 1,
    scheduler: Scheduler = None,
    keep: Keep = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace what an earlier run wrote.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON and nothing else.")] = False,
) -> None:  # fmt: skip
    """Do the declared findings hold without each patient, rater, therapist, and under other rules."""
    from doublecode.analysis.rendering.screen import print_answer
    from doublecode.analysis.report.sensitivity_folder import (
        check_sensitivity_target,
        sensitivity_record,
        write_sensitivity,
    )
    from doublecode.analysis.results.spread_work import Workers
    from doublecode.analysis.study.run import read_study
    from doublecode.analysis.study.sensitivity_of_study import study_sensitivity
    from doublecode.analysis.study.sensitivity_specifications import headline_of

    workers = Workers(jobs, scheduler, keep)
    if specification is not None or write is not None:
        _write_one(study, specification, write, finding)
        return
    with progress_bar() as show:
        show("Reading the workbooks", 0, 1)
        intake = read_study(study, set_aside=tuple(set_aside or ()))
        headline_of(intake.study)
        folder = out or intake.study.folder
        check_sensitivity_target(folder, overwrite=overwrite)
        found = None if intake.errors else study_sensitivity(intake, workers=workers, progress=show)
        target = None if found is None else write_sensitivity(found, intake.study, folder, overwrite=overwrite)
    if found is None:
        print_problems(intake.problems, severities=("error",))
        say(f"{len(intake.errors)} problem(s) in the data; nothing was computed.", to_error=True, style="bold red")
        raise typer.Exit(PROBLEMS)
    print_problems(intake.problems, most=MOST_WARNINGS, severities=("warning",))
    print_answer(found, sensitivity_record(found) if as_json else None)
    say(f"Page: {target}/index.html", to_error=as_json)


def _write_one(study: Path, specification: int | None, write: Path | None, finding: int) -> None:
    """Write the study folder of one specification."""
    from doublecode.analysis.report.sensitivity_folder import write_specification
    from doublecode.coding.reading.declared_heads import open_study

    if specification is None or write is None:
        raise UsageError("sensitivity: --specification K and --write FOLDER go together; give both.")
    one = write_specification(open_study(study), specification, write, finding)
    said = "; ".join(f"{name} = {value}" for name, value in one.choices.items())
    say(
        f"Specification {one.number} ({said}) is declared in {write}/study.toml; doublecode run {write} gives its "
        "number."
    )
