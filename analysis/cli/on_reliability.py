"""The command ``reliability``: of one study, or of many in one table."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from doublecode.analysis.cli.on_study import AsJson, Overwrite, SetAside, clean_intake
from doublecode.analysis.cli.resampling_flags import Jobs, Keep, Scheduler
from doublecode.coding.console import CLEAN, PROBLEMS, RESEARCHER, progress_bar, say
from doublecode.schemas.errors import UsageError

if TYPE_CHECKING:
    from doublecode.analysis.results.spread_work import Workers
    from doublecode.analysis.study.reliability_of_many import ManyReliabilities

FORMS: Final = (".csv", ".xlsx")


def register(app: typer.Typer) -> None:
    """Add the command of this module to `app`."""
    app.command("reliability", rich_help_panel=RESEARCHER)(reliability)


def reliability(
    studies: Annotated[
        list[Path],
        typer.Argument(
            help="The study folder, with its study.toml; or several, or a folder of study folders: one table of all.",
            show_default=False,
        ),
    ],
    d_study: Annotated[
        bool, typer.Option("--d-study", help="Beside it what to expect of more raters and more sessions coded twice.")
    ] = False,
    set_aside: SetAside = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="Of many studies: write the table, NAME.csv or NAME.xlsx.",
                     show_default=False),
    ] = None,
    jobs: Jobs = 1,
    scheduler: Scheduler = None,
    keep: Keep = None,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
) -> None:  # fmt: skip
    """Inter-rater reliability of every instrument of a study, by the design it has; of many studies, one table."""
    from doublecode.analysis.results.spread_work import Workers
    from doublecode.analysis.study.study_folders import is_one_study

    workers = Workers(jobs, scheduler, keep)
    if not is_one_study(studies):
        _refuse({"--d-study": d_study, "--set-aside": bool(set_aside)}, "one study", "name one study folder")
        raise typer.Exit(_of_many(studies, workers, out, overwrite=overwrite, as_json=as_json))
    given = {"--out": out is not None, "--jobs": jobs > 1, "--scheduler": bool(scheduler), "--keep": keep is not None,
             "--overwrite": overwrite}  # fmt: skip
    _refuse(given, "many studies", "leave it out, or name a folder of study folders")
    _of_one(studies[0], d_study, set_aside, as_json)


def _refuse(given: dict[str, bool], whose: str, instead: str) -> None:
    stray = next((option for option, is_given in given.items() if is_given), None)
    if stray is not None:
        raise UsageError(f"reliability: {stray} belongs to {whose}; {instead}.")


def _of_one(study: Path, d_study: bool, set_aside: list[str] | None, as_json: bool) -> None:
    from doublecode.analysis.rendering.screen import print_answer
    from doublecode.analysis.report.records import reliability_record, with_records
    from doublecode.analysis.study.planned_ratings import planned_ratings
    from doublecode.analysis.study.study_scales import reliability_of
    from doublecode.analysis.study.warnings import reliability_warnings

    intake = clean_intake(study, set_aside)
    table = reliability_of(intake.study, intake.ratings)
    beside = {"d_study": planned_ratings(table, seed=intake.study.seed)} if d_study else {}
    record = {**reliability_record(table), **with_records(beside)} if as_json else None
    sentences, warnings = table.sentence().splitlines(), reliability_warnings(table)
    print_answer(table, record, beside=tuple(beside.values()), sentences=sentences, warnings=warnings)


def _of_many(studies: list[Path], workers: Workers, out: Path | None, *, overwrite: bool, as_json: bool) -> int:
    from doublecode.analysis.rendering.screen import print_answer
    from doublecode.analysis.study.reliability_of_many import reliability_of_studies
    from doublecode.schemas.results import records, result_record

    if out is not None:
        _check(out, overwrite=overwrite)
    with progress_bar() as show:
        found = reliability_of_studies(studies, workers=workers, progress=show)
    if out is not None:
        _write(found, out)
    parts = ("forms", "over_studies", "failures")
    record = {**result_record(found), **{part: records(getattr(found, part)) for part in parts}} if as_json else None
    print_answer(found, record)
    if out is not None:
        say(f"Table: {out}", to_error=as_json)
    return PROBLEMS if len(found.failures) else CLEAN


def _check(out: Path, *, overwrite: bool) -> None:
    """Refuse, before any work, a name that nothing can be written under."""
    if out.suffix.lower() not in FORMS:
        raise UsageError(f"--out: found {out.name}, allowed: a name that ends in .csv or .xlsx.")
    if not out.parent.is_dir():
        raise UsageError(f"--out: there is no folder {out.parent}. Make it, or write elsewhere.")
    if out.is_dir():
        raise UsageError(f"--out: {out} is a folder. Name a file in it.")
    if out.exists() and not overwrite:
        raise UsageError(f"--out: {out} is there already. Add --overwrite to replace it, or name another file.")


def _write(found: ManyReliabilities, out: Path) -> None:
    from doublecode.analysis.rendering.tables import csv_text
    from doublecode.schemas.whole_files import replace_files

    if out.suffix.lower() == ".xlsx":
        found.to_xlsx(out, overwrite=True)
    else:
        replace_files({out: csv_text(found.frame).encode()})
