"""The command ``init``: a study folder from a list of sessions, asking at a terminal for what was not said."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from doublecode.coding.console import COORDINATOR, console, print_problems, say
from doublecode.schemas.errors import UsageError
from doublecode.schemas.letters import as_typed

if TYPE_CHECKING:
    from doublecode.coding.new_study.folder import NewStudy

_NEEDED = {
    "sessions": ("List of sessions (a file: csv, xlsx, ods, sav)", "--sessions FILE"),
    "raters": ("Raters, separated by commas", "--raters anna,ben"),
    "instruments": ("Instruments: names (doublecode instrument list) or TOML files, separated by commas",
                    "--instruments ghes,my_scale.toml"),
}  # fmt: skip


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command("init", rich_help_panel=COORDINATOR)(init)


def init(
    folder: Annotated[Path, typer.Argument(help="The study folder to be made.", show_default=False)],
    sessions: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="A row per session: patient, number or date; therapist if there is one."),
    ] = None,
    raters: Annotated[str | None, typer.Option(metavar="IDS", help="Who codes: anna,ben,clara")] = None,
    instruments: Annotated[
        str | None,
        typer.Option(metavar="NAMES", help="Shipped codebooks by name, your own by file: ghes,my_scale.toml"),
    ] = None,
    outcome: Annotated[
        list[Path] | None, typer.Option(metavar="FILE", help="Answers of an outcome measure; may be repeated.")
    ] = None,
    mapped: Annotated[
        list[str] | None,
        typer.Option(
            "--map", metavar="HEAD=MEANING", help='What a column is, if it is not guessed: "Pat.-Nr.=patient"'
        ),
    ] = None,
    items: Annotated[
        str | None, typer.Option(metavar="HEADS", help="Columns of the outcome that hold the answers: BDI_01-BDI_21")
    ] = None,
    missing: Annotated[
        str | None, typer.Option(metavar="TEXTS", help="What stands for a missing value: -99,k.A.")
    ] = None,
    dates: Annotated[str | None, typer.Option(metavar="FORM", help="How dates are written: dd.mm.yyyy")] = None,
    within: Annotated[
        int | None,
        typer.Option(
            "--next-session-within",
            metavar="DAYS",
            min=0,
            help="An answer between sessions is of the patient's next session, at most so many days later.",
        ),
    ] = None,
    title: Annotated[str, typer.Option(help="Title of the study; the folder's name without it.")] = "",
    yes: Annotated[bool, typer.Option("--yes", help="Take the guess as it is shown.")] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Make the files anew; what was entered in the tables is kept.")
    ] = False,
) -> None:
    """Make a study folder from a list of sessions: declaration, tables, places for workbooks."""
    from doublecode.coding.new_study.folder import Wishes, plan_study, refuse_present, write_study

    refuse_present(folder, ["study.toml"], overwrite=overwrite)
    given = {"sessions": None if sessions is None else str(sessions), "raters": raters, "instruments": instruments}
    answers = {name: _asked(name, value) for name, value in given.items()}
    if answers != given and not outcome:
        export = str(typer.prompt("Outcome measure (a file; Enter if there is none)", default="", err=True))
        outcome = [Path(export.strip())] if export.strip() else None
    study = plan_study(
        folder,
        Wishes(
            sessions=Path(answers["sessions"]),
            raters=_listed(answers["raters"]),
            instruments=_listed(answers["instruments"]),
            outcomes=tuple(outcome or ()),
            told=dict(map(_pair, mapped or ())),
            items=_listed(items or ""),
            missing=_listed(missing or ""),
            dates=dates,
            within=within,
            title=title,
        ),
    )
    _show(study)
    _confirm(yes)
    write_study(study, overwrite=overwrite)
    say(f"\nWritten: {folder}/ ({', '.join(sorted(study.files))})")
    typed = as_typed(folder)
    say(f"Next: doublecode allocate {typed}   then: doublecode template {typed}   (README.md there says what follows)")


def is_terminal() -> bool:
    """Whether somebody is there to answer."""
    return sys.stdin.isatty()


def _asked(name: str, value: str | None) -> str:
    """What was given, or what somebody at a terminal answers; without a terminal the option is asked for."""
    question, option = _NEEDED[name]
    if value is not None and value.strip():
        return value
    if not is_terminal():
        raise UsageError(f"init: {option.split()[0]} is missing ({question}). Add {option}.")
    return str(typer.prompt(question, err=True))


def _confirm(yes: bool) -> None:
    if yes:
        return
    if not is_terminal():
        raise UsageError(
            'init: nothing was written. Look at the table above and add --yes, or say what a column is: --map "HEAD='
            'patient" (or session, date, therapist, minutes, recording, keep, leave_out).'
        )
    if not typer.confirm("Is that right?", err=True):
        raise UsageError('init: nothing was written. Say what a column is: --map "HEAD=patient", and so on.')


def _listed(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _pair(text: str) -> tuple[str, str]:
    head, equals, meaning = text.rpartition("=")
    if not equals or not head.strip() or not meaning.strip():
        raise UsageError(f'--map: found {text!r}, allowed HEAD=MEANING, such as "Pat.-Nr.=patient".')
    return head.strip(), meaning.strip()


def _show(study: NewStudy) -> None:
    """Print what each column was taken for, and what else is to be known."""
    from rich.table import Table

    for file in dict.fromkeys(one.file for one in study.understood):
        grid = Table(title=f"{file}: what was understood", title_justify="left", box=None, pad_edge=False)
        for name in ("Column", "First values", "is taken for"):
            grid.add_column(name, overflow="fold")
        for one in study.understood:
            if one.file == file:
                grid.add_row(one.head, one.example, one.becomes)
        console().print(grid)
    counts = study.design
    therapists = f", {counts['therapists']} therapists" if counts["therapists"] else "; no therapists"
    say(f"\n{counts['sessions']} sessions of {counts['patients']} patients{therapists}.")
    entered = [f"{n} {name} as {status}" for name, counts in study.statuses.items() for status, n in counts.items()]
    say(f"Entered: {', '.join(entered)}. Change status and reason where it is otherwise.")
    for line in study.said:
        say(line, style="yellow")
    print_problems(study.remarks, most=20, severities=("error", "warning", "info"))
