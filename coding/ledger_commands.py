"""The coordinator's commands on the ledger: take in, look back, take out, check, hand on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from doublecode.coding.cli import AsJson, Folder, Overwrite, hand_back, print_problems_json, print_record
from doublecode.coding.console import CLEAN, COORDINATOR, PROBLEMS, print_problems, progress_bar, say
from doublecode.schemas.errors import UsageError
from doublecode.schemas.letters import as_typed

if TYPE_CHECKING:
    import pandas as pd

    from doublecode.coding.intake.double_entry import DoubleEntry
    from doublecode.coding.intake.imports import Imported
    from doublecode.coding.intake.ledger import Ledger
    from doublecode.schemas.problems import Problem
    from doublecode.schemas.study import Study

InStudy = Annotated[Path | None, typer.Option("--study", help="The study folder; else the nearest study.toml upward.")]
Reason = Annotated[str, typer.Option("--reason", help="Why; it stays in the history.", show_default=False)]
_MOST_ROWS = 200
_OF_A_CODE = ("site", "session_id", "rater", "instrument", "item", "occasion")

ledger = typer.Typer(help="The store of ratings: history, taking back, checks, export.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the commands of this module to `app`."""
    app.command("import", rich_help_panel=COORDINATOR)(import_files)
    app.command("reconcile", rich_help_panel=COORDINATOR)(reconcile)
    app.add_typer(ledger, name="ledger", rich_help_panel=COORDINATOR)


def _study(folder: Path | None) -> Study:
    """The study that was named, or the one whose study.toml lies nearest above."""
    from doublecode.coding.reading.declared_heads import open_study

    here = Path.cwd()
    above = folder or next((one for one in (here, *here.parents) if (one / "study.toml").is_file()), None)
    if above is None:
        raise UsageError(f"{here}: there is no study.toml here or above. Name the study folder: --study FOLDER")
    return open_study(above)


def _with_ledger(folder: Path | None) -> Study:
    from doublecode.coding.intake.study_ledger import has_ledger

    study = _study(folder)
    if not has_ledger(study):
        raise UsageError(
            f"{study.folder}: nothing was taken in yet. Begin with: doublecode import {as_typed(study.folder)}"
        )
    return study


def import_files(
    study: Folder,
    set_aside: Annotated[
        list[str] | None, typer.Option("--set-aside", help="A file of incoming/ to leave out.")
    ] = None,
    reason: Annotated[str, typer.Option(help="Why files correct earlier ones; it stays in the history.")] = "",
    overwrite: Overwrite = False,
    as_json: AsJson = False,
) -> None:
    """Check what lies in incoming/ and take it into the ledger; files with errors stay out."""
    from doublecode.coding.intake.imports import import_study
    from doublecode.coding.reading.declared_heads import open_study

    declared = open_study(study)
    with progress_bar() as show:
        done = import_study(declared, set_aside=set_aside or (), reason=reason, progress=show)
    if as_json:
        spec = {"command": "import", "study": declared.name, **done.taken.design, "waiting": list(done.waiting)}
        print_problems_json(done.problems, spec)
    else:
        for one in done.unfinished:
            say(str(one), to_error=True, style="yellow")
        print_problems(done.problems, most=200)
        _say_imported(done, declared, overwrite)
    raise typer.Exit(PROBLEMS if done.n_errors else CLEAN)


def _say_imported(done: Imported, study: Study, overwrite: bool) -> None:
    replaced = f" In place of earlier ones: {', '.join(done.taken.superseded)}." if done.taken.superseded else ""
    say(f"{done.taken.counted()}{replaced}")
    if done.absent:
        say(f"Not in incoming/ any more, and counted: {', '.join(done.absent)}", style="yellow")
    if not done.waiting:
        say(f"Next: doublecode run {as_typed(study.folder)}")
        return
    say(f"Not stored, as they are to be mended first: {', '.join(done.waiting)}", to_error=True, style="bold red")
    sources = [path for name in done.waiting if (path := study.folder / "incoming" / name).is_file()]
    for path in hand_back(sources, done.problems, study.folder / "please_fix", overwrite, study):
        say(f"Marked copy: {path}", to_error=True)


def reconcile(
    study: Folder,
    at_least: Annotated[
        float, typer.Option(min=0, help="Codes that lie closer together are not listed: 2 leaves out one point.")
    ] = 0.0,
    as_json: AsJson = False,
) -> None:
    """Lay what raters coded differently side by side, to be settled; compare sheets that were typed twice."""
    from doublecode.coding.intake.consensus import write_consensus
    from doublecode.coding.intake.study_ratings import read_study_ratings
    from doublecode.coding.reading.declared_heads import open_study

    declared = open_study(study)
    rated = read_study_ratings(declared)
    twice, errors = rated.typed_twice, [one for one in rated.problems if one.severity == "error"]
    written = {} if errors else write_consensus(declared, rated.ratings, at_least=at_least)
    if as_json:
        counts = {} if twice is None else {"n_compared": twice.n_compared, "n_different": twice.n_different}
        rows = [
            {"file": str(path), "n_different": n_cells, "n_decided": done} for path, (n_cells, done) in written.items()
        ]
        spec = {"command": "reconcile", "study": declared.name, "at_least": at_least}
        print_record(spec, rows, {"n_errors": len(errors), **counts}, map(str, errors))
    else:
        _say_reconciled(written, twice, errors)
    raise typer.Exit(PROBLEMS if errors else CLEAN)


def _say_reconciled(
    written: Mapping[Path, tuple[int, int]], twice: DoubleEntry | None, errors: Sequence[Problem]
) -> None:
    if twice is not None:
        rate = 1000 * twice.n_different / twice.n_compared if twice.n_compared else 0.0
        say(
            f"Typed twice: {len(twice.files)} workbook(s), {twice.n_compared:,} cells compared, {twice.n_different} "
            f"differ ({rate:.1f} in 1,000)."
        )
    print_problems(errors, most=200)
    if errors:
        say("No workbook of disagreements was written: mend these first.", to_error=True, style="bold red")
    for path, (n_cells, done) in written.items():
        say(f"{path}: {n_cells} disagreement(s), {done} decided.")
    if written:
        say("Fill in agreed, and save; doublecode run takes it in. The raters' own codes stay as they are.")
    elif not errors:
        say("No session was coded differently by two raters: nothing is to be settled.")


@ledger.command("history")
def history(
    study: InStudy = None,
    session: Annotated[str | None, typer.Option(help="Id of a session.", show_default=False)] = None,
    rater: Annotated[str | None, typer.Option(help="Id of a rater.", show_default=False)] = None,
    item: Annotated[str | None, typer.Option(help="Name of an item.", show_default=False)] = None,
    cell: Annotated[
        str | None, typer.Option(help="A cell of a workbook: R2_ghes_batch01.xlsx!F6", show_default=False)
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show what a cell was, when, and from which file; without a cell, every file that was taken in."""
    from doublecode.coding.intake.study_ledger import open_ledger
    from doublecode.schemas.results import plain

    declared = _with_ledger(study)
    where = {name: value for name, value in (("session_id", session), ("rater", rater), ("item", item)) if value}
    where |= _cell(cell) if cell else {}
    with open_ledger(declared) as held:
        found = held.history(**where) if where else held.files()
        events = held.events().drop_duplicates(["kind", "subject", "reason", "at"])
    if as_json:
        spec = {"command": "ledger history", "study": declared.name, **where}
        print_record(spec, plain(found), {"n_rows": len(found), "events": plain(events)}, ())
        return
    for told in (_told_cells(found) if where else [_told_file(row) for row in found.to_dict("records")])[:_MOST_ROWS]:
        say(told)
    if len(found) > _MOST_ROWS:
        say(f"… and {len(found) - _MOST_ROWS} more; --json prints all.")
    if found.empty:
        said = ", ".join(f"{name} {value}" for name, value in where.items())
        say(f"The ledger holds nothing of {said}.")
    for row in events.to_dict("records") if not where else ():
        say(f"{row['at']}  {row['kind']}: {row['subject']} ({row['reason']})")


def _cell(text: str) -> dict[str, str]:
    file, mark, cell = text.rpartition("!")
    if not (file and mark and cell):
        raise UsageError(f"--cell: found {text!r}, allowed a file and a cell, such as R2_ghes_batch01.xlsx!F6")
    return {"source_file": file, "source_cell": cell}


def _told_cells(found: pd.DataFrame) -> list[str]:
    """Say each state of the cells; of one that was replaced also what took its place, where that is among them."""
    told, later = [], dict[tuple[Any, ...], str]()
    for row in reversed(found.to_dict("records")):
        key = tuple(row.get(name) for name in _OF_A_CODE)  # occasion is there where anything was rated again
        told.append(_told_cell(row, later.get(key)))
        later[key] = _said(row)
    return told[::-1]


def _told_cell(row: Mapping[Any, Any], later: str | None) -> str:
    from doublecode.schemas.problems import place_in

    place = place_in(row["source_file"], row["source_sheet"] or "", row["source_cell"] or "")
    told = f"{row['taken_in']}  {row['session_id']}, {row['rater']}, {row['item']} = {_said(row)}  ({place})"
    return f"{told}{_fate(row, later)}"


def _said(row: Mapping[Any, Any]) -> str:
    what = next((row[name] for name in ("missing_code", "text", "value") if _filled(row[name])), "empty")
    return f"{what:g}" if isinstance(what, float) else str(what)


def _told_file(row: Mapping[Any, Any]) -> str:
    site = f"{row['site']}: " if row["site"] else ""
    state = "" if row["holds"] or _filled(row["withdrawn"]) else "; replaced by a later file"
    head = f"{row['taken_in']}  {site}{row['file']}  {row['sha256'][:12]}  {row['n_rows']} ratings"
    return f"{head}{_fate(row)}{state}"


def _fate(row: Mapping[Any, Any], later: str | None = None) -> str:
    parts = [f"reason: {row['reason']}"] if _filled(row["reason"]) else []
    if _filled(row.get("replaced_by")):
        says = "" if later is None else f", which says {'the same' if later == _said(row) else later}"
        parts.append(f"replaced by {row['replaced_by']}{says}")
    parts += [f"withdrawn: {row['withdrawn']}"] if _filled(row["withdrawn"]) else []
    return f"; {'; '.join(parts)}" if parts else ""


def _filled(value: Any) -> bool:
    return value is not None and value == value and value != ""


def _entry(held: Ledger, typed: str) -> str:
    """The name of a file in the ledger: a path to it will do, and a file of another site begins with that site."""
    return typed if typed in set(held.files()["file"]) else Path(typed).name


@ledger.command("withdraw")
def withdraw(
    file: Annotated[str, typer.Argument(help="Its name, or the beginning of its SHA-256.", show_default=False)],
    reason: Reason,
    study: InStudy = None,
) -> None:
    """Take a file out of the numbers; its ratings stay in the history."""
    from doublecode.coding.intake.study_ledger import open_ledger

    declared = _with_ledger(study)
    with open_ledger(declared) as held:
        name = held.withdraw(_entry(held, file), reason)
    say(f"{name} is withdrawn and in no number from now on. Its ratings stay in the history ({reason}).")
    if (declared.folder / "incoming" / name).is_file():
        say(f"It still lies in incoming/ and will be named there; take it out: {declared.folder / 'incoming' / name}")


@ledger.command("restore")
def restore(
    file: Annotated[str, typer.Argument(help="Its name, or the beginning of its SHA-256.", show_default=False)],
    reason: Reason,
    study: InStudy = None,
) -> None:
    """Count a file again that was withdrawn."""
    from doublecode.coding.intake.study_ledger import open_ledger

    with open_ledger(_with_ledger(study)) as held:
        name = held.restore(_entry(held, file), reason)
    say(f"{name} counts again ({reason}).")


@ledger.command("verify")
def verify(study: InStudy = None, as_json: AsJson = False) -> None:
    """Recompute every hash of the ledger, and hold the files in incoming/ against it."""
    from doublecode.coding.intake.file_states import file_states
    from doublecode.coding.intake.study_ledger import open_ledger

    declared = _with_ledger(study)
    with open_ledger(declared) as held:
        wrong = held.verify()
        states = file_states(declared, held.files())
    if as_json:
        counts = {str(state): int(n) for state, n in states["state"].value_counts().items()}
        spec = {"command": "ledger verify", "study": declared.name}
        print_record(spec, states.to_dict("records"), {"intact": not wrong, **counts}, wrong)
        raise typer.Exit(PROBLEMS if wrong else CLEAN)
    for text in wrong:
        say(text, to_error=True, style="bold red")
    say("Something in the ledger was changed by hand." if wrong else "The ledger is intact: every hash agrees.")
    for state, rows in states.groupby("state", sort=False):
        named = _told_apart(rows, states)
        shown = "" if state == "as it was taken in" else f": {', '.join(named)}"
        say(f"{len(rows)} file(s) {state}{shown}")
    raise typer.Exit(PROBLEMS if wrong else CLEAN)


def _told_apart(rows: pd.DataFrame, states: pd.DataFrame) -> list[str]:
    """The names of files; of those that the ledger holds twice, with the beginning of the hash."""
    twice = set(states.loc[states["file"].duplicated(), "file"])
    pairs = zip(rows["file"], rows["sha256"], strict=True)
    return [f"{name} [{digest[:8]}]" if name in twice else str(name) for name, digest in pairs]


@ledger.command("export")
def export(
    out: Annotated[Path, typer.Option("--out", help="Folder that the export goes to.", show_default=False)],
    study: InStudy = None,
    overwrite: Overwrite = False,
) -> None:
    """Write the ratings that hold as a Psych-DS folder (CSV, JSON-LD codebook), with tables for REDCap."""
    from doublecode.coding.intake.export import export_ratings
    from doublecode.coding.intake.study_ledger import open_ledger

    declared = _with_ledger(study)
    if out.exists() and any(out.iterdir()) and not overwrite:
        raise UsageError(f"{out} holds something already. Name another folder, or add --overwrite.")
    with open_ledger(declared) as held:
        ratings = held.ratings()
    for path in export_ratings(declared, ratings, out):
        say(f"Written: {path}")
    say(f"{len(ratings)} ratings. Ids are those of the study; outcomes and tables of patients are not in it.")


@ledger.command("erase")
def erase(
    patient: Annotated[str, typer.Option("--patient", help="Id of who withdrew consent.", show_default=False)],
    reason: Reason,
    study: InStudy = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask first.")] = False,
) -> None:
    """Remove a patient's codes and texts for good, and list the files that are to be destroyed."""
    from doublecode.coding.intake.erasing import left_to_destroy, stem_of, with_others
    from doublecode.coding.intake.study_ledger import open_ledger

    declared = _with_ledger(study)
    if not yes:
        typer.confirm(f"Erase every rating of {patient} from the ledger? This cannot be undone.", abort=True)
    with open_ledger(declared) as held:
        files = held.erase(patient, reason)  # one row per state of a file
        shared = with_others(declared, held.history(), patient)
    say(f"{int(files['n_rows'].sum())} ratings of {patient} are erased from {len(files)} file(s) of the ledger.")
    if not _withdrew(declared, patient):
        say(f"Write consent_withdrawn as the status of {patient} in patients.csv.")
    say("To be destroyed by you:")
    both = []
    for path, what in left_to_destroy(declared, files, patient):
        if path.suffix and stem_of(path.name) in shared:
            both.append(f"  {path} ({what})")
        else:
            say(f"  {path} ({what})")
    say("  copies elsewhere: mail, backups, the raters' own; the recordings; the outcomes in outcomes/")
    if both:
        say(f"Hold rows of others, too: save each without the rows of {patient}, under its name, and run again:")
    for line in both:
        say(line)


def _withdrew(study: Study, patient: str) -> bool:
    """Whether the table of patients says already that this one withdrew consent."""
    from doublecode.coding.reading.study_tables import read_study_table
    from doublecode.schemas.frames import WITHDRAWN

    people = read_study_table(study, "patients")
    return WITHDRAWN in people.loc[people["patient"] == patient, "status"].tolist()


@ledger.command("merge")
def merge(
    other: Annotated[Path, typer.Argument(help="Ledger of a site, or its study folder.", show_default=False)],
    site: Annotated[str, typer.Option("--site", help="Short name that stands before its ids.", show_default=False)],
    study: InStudy = None,
) -> None:
    """Take another site's ledger in; its ids are kept apart: SITE:ID."""
    from doublecode.coding.intake.ledger import Ledger
    from doublecode.coding.intake.ledger_merge import ids_not_in_tables, merge_ledgers
    from doublecode.coding.intake.study_ledger import LEDGER, open_ledger

    path = other / LEDGER if other.is_dir() else other
    if not path.is_file():
        raise UsageError(f"{path}: there is no ledger. Name the file ledger.sqlite of the site, or its study folder.")
    declared = _study(study)
    with open_ledger(declared) as held, Ledger(path) as source:
        done = merge_ledgers(held, source, site)
        lacking = ids_not_in_tables(declared, held, site)
    counts = f"{done.n_files} files with {done.n_ratings} ratings taken in, {done.n_known} known already"
    say(f"{site}: {counts}, {done.n_events} withdrawals and erasures followed.")
    for table, ids in lacking.items():
        say(f"To be added to {table}: {len(ids)} ids of {site} ({', '.join(ids[:3])}{', …' if len(ids) > 3 else ''}).")
    if lacking:
        say(f"Take its lines from the site's own tables, with {site}: before each id.")
    say("Next: doublecode run")
