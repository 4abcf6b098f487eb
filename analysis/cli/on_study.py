"""Commands on a study folder: the demo, the whole run, drift, consistency, models, frame."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from doublecode.analysis.cli.resampling_flags import (
    ALONE,
    Jobs,
    Keep,
    Scheduler,
    Sharing,
    helped_by,
    refuse_unshared,
)
from doublecode.coding.console import (
    CLEAN,
    COORDINATOR,
    MOST_WARNINGS,
    PROBLEMS,
    RESEARCHER,
    print_problems,
    progress_bar,
    say,
)
from doublecode.coding.option_ranges import number
from doublecode.schemas.errors import NotEstimable, UsageError
from doublecode.schemas.letters import as_typed

if TYPE_CHECKING:
    from doublecode.analysis.study.study_run import Intake, StudyRun

Folder = Annotated[Path, typer.Argument(help="The study folder, with its study.toml.", show_default=False)]
SetAside = Annotated[
    list[str] | None, typer.Option("--set-aside", help="A file of incoming/ to leave out; printed on page 1.")
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace what an earlier run wrote.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON and nothing else.")]
DEMO = "telephone_cbt"


def register(app: typer.Typer) -> None:
    """Add the commands of this module to `app`."""
    for name, command in (("demo", demo), ("run", run), ("consistency", consistency)):
        app.command(name, rich_help_panel=RESEARCHER)(command)
    app.command("models", rich_help_panel=RESEARCHER)(models)
    app.command("frame", rich_help_panel=RESEARCHER)(frame)
    app.command("drift", rich_help_panel=COORDINATOR)(drift)


def demo(
    folder: Annotated[Path, typer.Argument(help="Where the example study is put.")] = Path("doublecode-demo"),
    overwrite: Overwrite = False,
) -> None:
    """Copy a synthetic example study here, run it, and say where to look."""
    from doublecode.analysis.report.demo_folder import copy_example

    copy_example(DEMO, folder, overwrite=overwrite)
    say(f"Example study (synthetic) copied to {folder}/")
    raise typer.Exit(_run(folder, (), overwrite=True, as_json=False, is_demo=True))


def run(
    study: Folder,
    set_aside: SetAside = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Folder for report/, where the study's own can only be read.", show_default=False),
    ] = None,
    jobs: Jobs = 1,
    scheduler: Scheduler = None,
    keep: Keep = None,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
) -> None:
    """Take in the workbooks, analyse everything declared, write the report folder."""
    sharing = Sharing(jobs, scheduler, keep)
    code = _run(study, tuple(set_aside or ()), out=out, overwrite=overwrite, as_json=as_json, sharing=sharing)
    raise typer.Exit(code)


def _run(
    folder: Path,
    set_aside: tuple[str, ...],
    *,
    overwrite: bool,
    as_json: bool,
    out: Path | None = None,
    is_demo: bool = False,
    sharing: Sharing = ALONE,
) -> int:
    from doublecode.analysis.report.folder import check_target, write_report
    from doublecode.analysis.study.run import analyse, read_study, store

    workers: dict[str, Any] = helped_by(sharing)
    folder = folder.parent if folder.name == "study.toml" else folder
    if (folder / "study.toml").is_file():
        check_target(out or folder, overwrite=overwrite)
    with progress_bar() as show:
        show("Reading the workbooks", 0, 1)
        intake = read_study(folder, set_aside=set_aside, progress=show)
        refuse_unshared(sharing, intake.study)
        if not intake.errors:
            unstored = store(intake, may_only_read=out is not None)
            done = analyse(intake, show, **workers)
            show("Writing the report", 1, 1)
            target = write_report(done, out or folder, overwrite=overwrite)
    if intake.errors:
        _stop(intake, folder, out or folder, overwrite=overwrite, as_json=as_json)
        return PROBLEMS
    print_problems(intake.problems, most=MOST_WARNINGS, severities=("warning",))
    if unstored:
        say(f"{unstored} The numbers stand on the ledger and the files as they are.", to_error=True, style="yellow")
    if as_json:
        _print_run_json(done, target)
    else:
        _print_headlines(done, target, is_demo=is_demo)
    return CLEAN


def _stop(intake: Intake, folder: Path, target: Path, *, overwrite: bool, as_json: bool) -> None:
    """Say what is wrong, hand the marked files back, say the way on."""
    from doublecode.coding.cli import hand_back, print_problems_json

    if as_json:
        print_problems_json(intake.problems, {"command": "run", "study": intake.study.name})
    print_problems(intake.problems, severities=("error",))
    sources = [folder / "incoming" / name for name in sorted({one.file for one in intake.errors if one.file})]
    workbooks = [path for path in sources if path.is_file()]
    marked = hand_back(workbooks, intake.problems, target / "please_fix", overwrite, intake.study)
    say(f"\n{len(intake.errors)} problem(s) in the data; no report was written.", to_error=True, style="bold red")
    for path in marked:
        say(f"Marked copy: {path}", to_error=True)
    if (target / "report").is_dir():
        say(f"{target / 'report'} is of an earlier run and was left as it is.", to_error=True)
    tables = [path.relative_to(folder / "incoming").as_posix() for path in sources if path not in workbooks]
    say(_way_on(bool(workbooks), tables), to_error=True)


def _way_on(is_in_workbooks: bool, tables: list[str]) -> str:
    """What is to be mended before the next run: workbooks that came back, tables of the study, or both."""
    if not is_in_workbooks:
        return f"Mend {', '.join(tables) or 'what is named above'} as it is said above, and run again."
    also = f", mend {', '.join(tables)} as it is said above," if tables else ""
    return (
        f"Mend the files in incoming/ (or have them mended: a mended marked copy comes into incoming/){also} and run "
        "again; or leave a file out by name: --set-aside FILE."
    )


def _print_headlines(done: StudyRun, target: Path, *, is_demo: bool) -> None:
    from textwrap import shorten

    from doublecode.analysis.rendering.document import NO_WORKBOOK
    from doublecode.analysis.rendering.notes import sentence
    from doublecode.analysis.report.headlines import headlines

    lines = headlines(done)
    width = max(len(one.label) for one in lines)
    say("")
    for one in lines:
        detail = one.detail.replace("*", "")
        say(f"{one.label:<{width}}  {one.value.replace('*', '')}  ({detail})")
    if done.warnings:
        counts = Counter(one.code for one in done.warnings).most_common()
        said = ", ".join(f"{n} {code}" for code, n in counts)
        say(f"Warnings of the analysis: {said} (listed in the report, each with its next step)", style="yellow")
    if done.not_estimated:
        first = shorten(sentence(done.not_estimated[0]), 200, placeholder=" …")
        say(f"Not estimated: {len(done.not_estimated)} (listed in the report), such as {first}", style="yellow")
    for remark in ((NO_WORKBOOK,) if done.unread else ()) + done.frame.note_texts():
        say(shorten(remark, 300, placeholder=" …"), style="yellow")
    if done.intake.absent:
        from doublecode.analysis.report.folder import absent_files

        say(absent_files(done.intake.absent), style="yellow")
    if done.intake.set_aside:
        say(f"Set aside: {', '.join(done.intake.set_aside)}", style="yellow")
    say(f"\nReport: {target / 'index.html'} (open it in a browser) and {target / 'report.docx'}")
    if done.study.papers.tables:
        say(f"Tables of the paper: {target / 'paper' / 'index.html'}, for Word {target / 'paper' / 'tables.docx'}")
    if is_demo:
        folder = target.parent
        typed = as_typed(folder)
        say(
            f"Look next: {folder / 'study.toml'} declares everything that was run; {folder / 'incoming'} holds what "
            f"raters sent back.\nTry: doublecode run {typed} --overwrite   doublecode reliability {typed}   "
            f"doublecode check {as_typed(folder / 'incoming')}"
        )


def _print_run_json(done: StudyRun, target: Path) -> None:
    from doublecode.analysis.rendering.coded_warnings import problem_of
    from doublecode.analysis.rendering.notes import sentence
    from doublecode.analysis.rendering.screen import print_json
    from doublecode.analysis.report.headlines import headlines

    design = {**done.frame.design, "n_files": len(done.intake.files), "report": str(target)}
    notes = [str(one) for one in done.intake.problems if one.severity == "warning"]
    notes += [str(problem_of(one)) for one in done.warnings]
    notes += [f"set aside: {name}" for name in done.intake.set_aside]
    print_json(
        {
            "spec": {"command": "run", "study": done.study.name, "set_aside": list(done.intake.set_aside)},
            "frame": [vars(one) for one in headlines(done)],
            "variances": None,
            "design": design,
            "notes": [*notes, *map(sentence, done.not_estimated)],
        }
    )


def clean_intake(folder: Path, set_aside: list[str] | None) -> Intake:
    """Read a study and say the warnings of its data; where these hold errors say them and leave."""
    from doublecode.analysis.study.run import read_study

    intake = read_study(folder, set_aside=tuple(set_aside or ()))
    if intake.errors:
        print_problems(intake.problems, severities=("error",))
        say(f"{len(intake.errors)} problem(s) in the data; nothing was computed.", to_error=True, style="bold red")
        raise typer.Exit(PROBLEMS)
    print_problems(intake.problems, most=MOST_WARNINGS, severities=("warning",))
    return intake


def drift(
    study: Annotated[
        Path, typer.Argument(help="The study folder, or any file of ratings, long or wide.", show_default=False)
    ],
    by_date: Annotated[
        int | None,
        typer.Option(
            "--by-date",
            parser=number(whole=True),
            metavar="N",
            help="Cut sessions by date into N periods, instead of by batch.",
        ),
    ] = None,
    dates: Annotated[
        str | None,
        typer.Option("--dates", metavar="FORM", help="How sessions.csv writes dates, if not 2021-04-03: dd.mm.yyyy"),
    ] = None,
    top: Annotated[
        int,
        typer.Option(
            "--top", parser=number(0, whole=True), metavar="<from 0 on>", help="Sessions to hear again, per scale."
        ),
    ] = 5,
    targets: Annotated[
        str | None, typer.Option(help="Of a file: the column of what is rated.", show_default=False)
    ] = None,
    raters: Annotated[
        str | None,
        typer.Option(help="Of a file: the column of the rater, or of a wide one all: J1,J2,J3", show_default=False),
    ] = None,
    ratings: Annotated[
        str | None, typer.Option(help="Of a long file: the column of the rating.", show_default=False)
    ] = None,
    periods: Annotated[
        str | None, typer.Option(help="Of a file: the column of the period of a rating.", show_default=False)
    ] = None,
    missing: Annotated[
        str, typer.Option(help="Of a file: what stands for a missing value: -99,n/a", show_default=False)
    ] = "",
    sheet: Annotated[str | None, typer.Option(help="Of a file: its sheet.", show_default=False)] = None,
    latent: Annotated[
        bool,
        typer.Option("--latent", help="On the latent scale of ordinal items (0–4): fair averages and both ICCs."),
    ] = False,
    set_aside: SetAside = None,
    as_json: AsJson = False,
) -> None:
    """Severity of each rater by scale and batch, its drift, and the sessions worth hearing again."""
    if latent and (by_date is not None or dates is not None or periods is not None):
        raise UsageError(
            "drift: --latent compares raters over all ratings; leave out --by-date, --dates and --periods."
        )
    if study.is_file() and study.name != "study.toml":
        if by_date is not None or dates is not None or set_aside:
            raise UsageError("drift: --by-date, --dates and --set-aside belong to a study; leave them out of a file.")
        _drift_of_file(study, targets, raters, ratings, periods, missing, sheet, None if latent else top, as_json)
        return
    own = {"targets": targets, "raters": raters, "ratings": ratings, "periods": periods, "missing": missing}
    stray = next((name for name, value in {**own, "sheet": sheet}.items() if value), None)
    if stray is not None:
        raise UsageError(f"drift: --{stray} belongs to a file of ratings; {study} is none. Leave it out.")
    from doublecode.analysis.rendering.screen import print_answer
    from doublecode.analysis.report.records import drift_record, latent_severity_record
    from doublecode.analysis.study.ordinal_raters import latent_severity_of
    from doublecode.analysis.study.rater_drift import drift_of

    intake = clean_intake(study, set_aside)
    if latent:
        ordinal = latent_severity_of(intake.study, intake.ratings)
        print_answer(ordinal, latent_severity_record(ordinal) if as_json else None)
        return
    sessions = intake.sessions
    found = drift_of(
        intake.study, intake.ratings, intake.files, sessions, n_periods=by_date, dates=dates, top=top
    )  # fmt: skip
    print_answer(found, drift_record(found) if as_json else None)


def _drift_of_file(
    file: Path,
    targets: str | None,
    raters: str | None,
    ratings: str | None,
    periods: str | None,
    missing: str,
    sheet: str | None,
    top: int | None,
    as_json: bool,
) -> None:
    """Severity of the raters of a file; without `top` that on the latent scale."""
    from doublecode.analysis.cli.read_files import bare, names_in, read_ratings, with_remarks
    from doublecode.analysis.reliability.latent_severity import ordinal_severity
    from doublecode.analysis.reliability.severity import drift as estimate
    from doublecode.analysis.rendering.screen import print_answer
    from doublecode.schemas.results import result_record

    if targets is None or raters is None:
        raise UsageError("drift of a file: name the columns: --targets session --raters rater --ratings rating.")
    target, period = bare(targets), periods and bare(periods)
    others = (period,) if period else ()
    read = read_ratings(file, target, raters, ratings and bare(ratings), others, sheet, names_in(missing))
    named: dict[str, Any] = {"targets": target, "raters": str(read.raters), "ratings": read.ratings}
    found = ordinal_severity(read.data, **named) if top is None else estimate(
        read.data, **named, periods=period, top=top
    )  # fmt: skip
    print_answer(found, with_remarks(result_record(found), read.remarks) if as_json else None)


def consistency(study: Folder, set_aside: SetAside = None, as_json: AsJson = False) -> None:
    """Omega of every scale, pooled and per session, patients as the unit of its interval."""
    from doublecode.analysis.rendering.screen import print_answer
    from doublecode.analysis.report.records import consistency_record
    from doublecode.analysis.study.run import consistency_of, score_study

    intake = clean_intake(study, set_aside)
    items, _ = score_study(intake)
    table = consistency_of(intake.study, items)
    if table is None:
        raise NotEstimable(f"{intake.study.name}: no instrument of the study has a scale of two items or more.")
    record = consistency_record(table) if as_json else None
    print_answer(table, record, sentences=table.statements())


def models(study: Folder, set_aside: SetAside = None, as_json: AsJson = False) -> None:
    """The declared series and regressions side by side: one column per model, with its rows, patients and criteria."""
    from doublecode.analysis.rendering.screen import print_answer
    from doublecode.analysis.study.model_columns import study_models
    from doublecode.schemas.results import result_record

    found = study_models(clean_intake(study, set_aside))
    print_answer(found, result_record(found) if as_json else None)


def frame(
    study: Folder,
    out: Annotated[
        Path | None, typer.Option("--out", help="NAME.csv or NAME.sav; by default STUDY/frame.csv.", show_default=False)
    ] = None,
    set_aside: SetAside = None,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
) -> None:
    """Write the frame that the models stand on, with its codebook and row ledger, for other programs."""
    from doublecode.analysis.rendering.screen import print_json
    from doublecode.analysis.report.frame_file import write_frame
    from doublecode.analysis.study.frame_codebook import frame_codebook
    from doublecode.analysis.study.frame_of_study import study_frame
    from doublecode.schemas.results import plain

    intake = clean_intake(study, set_aside)
    built = study_frame(intake)
    written = write_frame(built, intake.study, out or intake.study.folder / "frame.csv", overwrite=overwrite)
    if as_json:
        spec = {"command": "frame", **built.spec, "codebook": frame_codebook(built, intake.study).to_dict("records")}
        record = {"spec": spec, "frame": built.frame.to_dict("records"), "variances": None, "design": built.design}
        print_json(plain(record | {"notes": built.note_texts(), "files": [str(path) for path in written]}))
        return
    say(f"{built.counted()}; {len(built.frame.columns)} columns.")
    for path, what in zip(written, ("Frame", "Codebook", "Row ledger"), strict=True):
        say(f"{what}: {path}")
    for remark in built.note_texts():
        say(remark, style="yellow")
