"""The coordinator's commands: instruments, allocation, workbooks out, workbooks back."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from doublecode.coding.console import CLEAN, COORDINATOR, PROBLEMS, print_problems, progress_bar, say
from doublecode.schemas.errors import UsageError
from doublecode.schemas.problems import Problem
from doublecode.schemas.to_be_written import NOT_NAMED

if TYPE_CHECKING:
    from doublecode.coding.allocation.allocation_result import Allocation
    from doublecode.schemas.instrument import Instrument
    from doublecode.schemas.study import Study

AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON and nothing else.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace what an earlier run wrote.")]
Folder = Annotated[Path, typer.Argument(help="The study folder, with its study.toml.", show_default=False)]

_MOST_LOADS = 20

instruments = typer.Typer(help="Codebooks: what is shipped, and whether your own is right.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the commands of this module to `app`."""
    for name, command in (("allocate", allocate), ("template", template), ("check", check)):
        app.command(name, rich_help_panel=COORDINATOR)(command)
    app.add_typer(instruments, name="instrument", rich_help_panel=COORDINATOR)


def print_record(spec: Mapping[str, Any], rows: Sequence[Any], design: Mapping[str, Any], notes: Iterable[str]) -> None:
    """Write one JSON object on standard output, in the form that every command shares."""
    from doublecode.schemas.results import to_json

    record = {"spec": spec, "frame": rows, "variances": None, "design": design, "notes": list(notes)}
    sys.stdout.write(to_json(record) + "\n")


def print_problems_json(problems: Sequence[Problem], spec: Mapping[str, Any], notes: Iterable[str] = ()) -> None:
    """Write problems as JSON, one record each."""
    rows = [
        {
            "code": one.code, "severity": one.severity, "file": one.file, "sheet": one.sheet, "cell": one.cell,
            "subject": one.subject, "found": one.found, "allowed": one.allowed, "text": str(one),
        }
        for one in problems
    ]  # fmt: skip
    counts = {weight: sum(one.severity == weight for one in problems) for weight in ("error", "warning", "info")}
    print_record(spec, rows, counts, notes)


def check(
    files: Annotated[list[Path], typer.Argument(help="Workbooks that came back, or their folder.", show_default=False)],
    study: Annotated[
        Path | None, typer.Option(help="The study folder; else the nearest study.toml upward.", show_default=False)
    ] = None,
    marked: Annotated[bool, typer.Option(help="Write a marked copy of each file with errors.")] = True,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
) -> None:
    """Validate workbooks. A marked copy of each file with errors is written for its rater."""
    from doublecode.coding.reading.incoming import checks_not_done, read_workbooks

    files = _expand(files)
    problems: list[Problem] = []
    copies: list[Path] = []
    notes: dict[str, None] = {}
    n_ratings = 0
    for declared, own in _by_study(files, study):
        ratings, found = read_workbooks(own, study=declared)
        n_ratings += len(ratings)
        notes |= dict.fromkeys(f"not checked: {text}" for text in checks_not_done(declared))
        for file, its in zip(own, found, strict=True):
            problems += its
            if marked:
                copies += hand_back([file], its, _copy_folder(file, declared), overwrite)
    errors = sum(one.severity == "error" for one in problems)
    if as_json:
        print_problems_json(problems, {"command": "check", "files": [str(file) for file in files]}, notes)
    else:
        print_problems(problems, most=200, severities=("error", "warning", "info"))
        say(f"{len(files)} file(s), {n_ratings} ratings: {errors} error(s), {len(problems) - errors} other remark(s).")
        for line in (*notes, *(f"Marked copy: {path}" for path in copies)):
            say(line)
    raise typer.Exit(PROBLEMS if errors else CLEAN)


def _expand(given: Sequence[Path]) -> list[Path]:
    """The files that were named: by themselves, by their folder, or by a pattern that the shell left alone."""
    from doublecode.coding.reading.incoming import workbook_paths

    files: list[Path] = []
    for path in given:
        if path.is_dir():
            found = workbook_paths(path)
        elif path.is_file():
            found = [path]
        else:
            pattern = path.name if set("*?") & set(path.name) else ""
            found = [one for one in workbook_paths(path.parent) if pattern and one.match(pattern)]
        if not found:
            raise UsageError(f"{path}: there is no such file, or none in the folder. Check the path.")
        files += found
    return list(dict.fromkeys(files))


def _by_study(files: Sequence[Path], folder: Path | None) -> list[tuple[Study | None, list[Path]]]:
    """The files of each study: the one that was named, or the one whose study.toml lies nearest above a file."""
    from doublecode.coding.reading.declared_heads import open_study

    groups: dict[Path | None, list[Path]] = {}
    for file in files:
        above = folder or next((one for one in file.resolve().parents if (one / "study.toml").is_file()), None)
        groups.setdefault(above, []).append(file)
    return [(None if above is None else open_study(above), own) for above, own in groups.items()]


def _copy_folder(file: Path, study: Study | None) -> Path:
    """Marked copies must not lie in incoming/, where they would be read."""
    inside = study is not None and file.resolve().parent == (study.folder / "incoming").resolve()
    return study.folder / "please_fix" if study is not None and inside else file.parent


_NOTHING_TO_MARK = frozenset({"unreadable_file", "password_protected", "not_a_workbook", "too_large"})


def hand_back(files: Sequence[Path], problems: Sequence[Problem], folder: Path, overwrite: bool) -> list[Path]:
    """Write a marked copy of each file that holds errors; return the copies.

    A copy that exists may hold a rater's corrections, so it is replaced only with
    `overwrite`; a file that cannot be opened has no copy.
    """
    from doublecode.coding.reading.mended_copies import please_fix_path
    from doublecode.coding.workbooks.mark import write_redpen

    copies = []
    for file in files:
        mine = [one for one in problems if one.file == file.name]
        if not any(one.severity == "error" and one.code not in _NOTHING_TO_MARK for one in mine):
            continue
        target = folder / please_fix_path(file).name
        if target.exists() and not overwrite:
            say(f"{target} is there already and was left as it is (--overwrite replaces it).", to_error=True)
            continue
        write_redpen(file, mine, target, overwrite=overwrite)
        copies.append(target)
    return copies


def allocate(
    study: Folder,
    share: Annotated[float, typer.Option(min=0, max=1, help="Share of sessions to be coded twice.")] = 0.4,
    batches: Annotated[int, typer.Option(min=1, help="Workbooks per rater and instrument.")] = 1,
    seed: Annotated[int | None, typer.Option(help="Seed; the study's own without it.", show_default=False)] = None,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
) -> None:
    """Decide who rates what: balanced, stratified, a share coded twice. Writes assignments.csv."""
    import pandas as pd

    from doublecode.coding.reading.declared_heads import open_study
    from doublecode.schemas.csv_rows import without_formulas
    from doublecode.schemas.whole_files import replace_files

    declared = open_study(study)
    target = declared.folder / "assignments.csv"
    held = declared.table_files.path("assignments")
    if held is not None and held != target:
        raise UsageError(f"{held} says already who rates what. Remove it, and [tables.assignments], to draw anew.")
    if target.exists() and not overwrite:
        raise UsageError(f"{target} is there already. Add --overwrite to draw again; workbooks sent out would not fit.")
    with progress_bar() as show:
        plans = _allocate_by_raters(declared, share, batches, declared.seed if seed is None else seed, show)
    rows = pd.concat([plan.assignments for plan in plans], ignore_index=True)
    replace_files({target: without_formulas(rows).to_csv(index=False, lineterminator="\n").encode()})
    notes = list(dict.fromkeys(text for plan in plans for text in plan.note_texts()))
    if as_json:
        frame = pd.concat([plan.frame.assign(instruments=", ".join(plan.spec["instruments"])) for plan in plans])
        proof = json.loads(frame.to_json(orient="records", double_precision=15))
        print_record(
            {"command": "allocate", "plans": [plan.spec for plan in plans]},
            proof,
            {"plans": [plan.design for plan in plans]},
            notes,
        )
        return
    for plan in plans:
        loads = plan.frame[plan.frame["table"] == "load"]
        each = ", ".join(f"{name} {n}" for name, n in zip(loads["name"], loads["sessions"], strict=True))
        if len(loads) > _MOST_LOADS:
            each = f"{loads['sessions'].min()} to {loads['sessions'].max()}, {len(loads)} raters"
        say(f"{', '.join(plan.spec['instruments'])}: ratings per rater {each}")
    for note in notes:
        say(f"Note: {note}")
    say(f"{len(rows)} assignments written to {target}")


def _allocate_by_raters(
    study: Study, share: float, batches: int, seed: int, progress: Callable[[str, int, int], None]
) -> list[Allocation]:
    """Draw once per set of raters: instruments rated by the same people from the same tape go together."""
    from doublecode.coding.allocation.plan import allocate as draw
    from doublecode.coding.reading.study_tables import read_study_table

    sessions, patients = (read_study_table(study, name) for name in ("sessions", "patients"))
    sets: dict[tuple[Any, ...], list[str]] = {}
    for name in study.codebooks:
        use = study.use(name)
        if use.source == "raters":
            sets.setdefault((use.raters or tuple(rater.id for rater in study.raters), use.sessions), []).append(name)
    if not sets:
        raise UsageError(f"{study.name}: no instrument is filled in by raters. See [[instruments]] in study.toml.")
    plans = []
    for place, ((raters, numbers), names) in enumerate(sets.items()):
        rows = sessions if numbers is None else sessions[sessions["session"].isin(numbers)]
        twice = share if len(raters) > 1 else 0.0
        plans.append(
            draw(
                rows,
                raters,
                instruments=names,
                share=twice,
                batches=batches,
                seed=seed + place,
                patients=patients,
                progress=progress,
            )
        )
    return plans


def template(
    study: Folder,
    folder: Annotated[
        Path | None, typer.Option(help="Where the workbooks go; outgoing/ of the study without it.", show_default=False)
    ] = None,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
) -> None:
    """Write the raters' workbooks from assignments.csv."""
    from doublecode.coding.reading.declared_heads import open_study
    from doublecode.coding.reading.expectations import kept_out_sessions
    from doublecode.coding.reading.study_tables import read_study_table
    from doublecode.coding.workbooks.write import write_workbooks

    declared = open_study(study)
    rows = read_study_table(declared, "assignments")
    left_out = rows["session_id"].isin(kept_out_sessions(declared, read_study_table(declared, "sessions")))
    target = declared.folder / "outgoing" if folder is None else folder
    paths = write_workbooks(declared, rows[~left_out], target, overwrite=overwrite)
    if as_json:
        listed = [{"file": str(path)} for path in paths]
        print_record(
            {"command": "template", "study": declared.name},
            listed,
            {"n_files": len(paths), "n_left_out": int(left_out.sum())},
            (),
        )
    else:
        if left_out.any():
            n, sessions = int(left_out.sum()), rows.loc[left_out, "session_id"].nunique()
            say(f"Left out: {n} assignments of {sessions} sessions, whose clients are in no number (patients.csv).")
        say(f"{len(paths)} workbooks written to {target}/, one per instrument, rater and batch.")


@instruments.command("list")
def list_instruments(as_json: AsJson = False) -> None:
    """List the codebooks that come with doublecode."""
    from doublecode.schemas.instrument import counted, load_instrument, shipped_instruments

    books = [load_instrument(name) for name in shipped_instruments()]
    if as_json:
        rows = [{"name": b.name, "title": b.title, "version": b.version, "n_items": len(b.items)} for b in books]
        print_record({"command": "instrument list"}, rows, {"n": len(rows)}, ())
        return
    width = max(len(book.name) for book in books)
    for book in books:
        say(f"{book.name:<{width}}  {book.title} (version {book.version}, {counted(len(book.items), 'item')})")


@instruments.command("show")
def show_instrument(
    source: Annotated[str, typer.Argument(help="Name of a shipped codebook, or the path of your TOML file.")],
    as_json: AsJson = False,
) -> None:
    """Show a codebook: source, missing codes, items with what may stand in a cell, scales."""
    from doublecode.schemas.instrument import load_instrument

    book = load_instrument(source)
    if as_json:
        _print_book(book, {"command": "instrument show", "source": source})
    else:
        say(str(book))


def _print_book(book: Instrument, spec: Mapping[str, Any]) -> None:
    """Write the items of a codebook as JSON."""
    rows = [
        {"item": item.name, "label": item.label, "type": item.type, "allowed": book.allowed(item)}
        for item in book.columns
    ]
    scales = [f"{scale.name}: {scale.score} of {len(scale.items)} items" for scale in book.scales]
    print_record(spec, rows, {"hash": book.content_hash, "scales": scales}, ())


@instruments.command("new")
def new_instrument(
    file: Annotated[Path, typer.Argument(help="A codebook as a spreadsheet, a REDCap data dictionary or an XLSForm.")],
    name: Annotated[str, typer.Option(help="Short name of the instrument: lower case, digits, underscores.")],
    title: Annotated[str, typer.Option(help="Full name of the scale; the short name without it.")] = "",
    citation: Annotated[str, typer.Option(help="Where the scale was published.")] = NOT_NAMED,
    rights: Annotated[str, typer.Option(help="To whom its wording belongs.")] = NOT_NAMED,
    score: Annotated[
        Literal["mean", "sum"], typer.Option(help="How the scales of a spreadsheet are put together.")
    ] = "mean",
    folder: Annotated[Path, typer.Option(help="Where NAME.toml is put.")] = Path(),
    overwrite: Overwrite = False,
) -> None:
    """Turn a codebook that you have into a checked TOML file."""
    from doublecode.coding.reading.codebook_tables import read_codebook
    from doublecode.schemas.declared import save_toml
    from doublecode.schemas.errors import InstrumentError
    from doublecode.schemas.instrument import Instrument
    from doublecode.schemas.near_names import ended

    target = folder / f"{name}.toml"
    if target.exists() and not overwrite:
        raise UsageError(f"{target}: there is such a file already. Give another --name, or --overwrite.")
    draft = read_codebook(file, score=score)
    book = save_toml(target, draft.declaration(name, title or name, citation, rights), Instrument, InstrumentError)
    say(str(book))
    for place, reason in draft.passed_over:
        say(f"Look at: {place}: {ended(reason)}")
    say(f"Written: {target}. Look at ranges, reversed items and scales; then: doublecode instrument check {target}")


@instruments.command("check")
def check_instrument(
    source: Annotated[str, typer.Argument(help="Path of your TOML file, or the name of a shipped codebook.")],
    as_json: AsJson = False,
) -> None:
    """Check a codebook; a wrong entry is named with what is allowed."""
    from doublecode.schemas.instrument import counted, load_instrument

    book = load_instrument(source)
    if as_json:
        _print_book(book, {"command": "instrument check", "source": source})
        return
    counts = f"{counted(len(book.columns), 'item')}, {counted(len(book.scales), 'scale')}"
    head = f"{book.title}, version {book.version}: {counts}."
    say(f"{head} Nothing is wrong with it.")
    for item in book.columns:
        say(f"  {item.name:<20} {item.label:<40} {book.allowed(item)}")
    for scale in book.scales:
        say(f"  scale {scale.name}: {scale.score} of {len(scale.items)} items")
