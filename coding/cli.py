"""The coordinator's commands: instruments, workbooks and recordings out, workbooks back."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from doublecode.coding.console import CLEAN, COORDINATOR, PROBLEMS, print_problems, progress_bar, say, screen_width
from doublecode.schemas.errors import UsageError
from doublecode.schemas.letters import as_typed
from doublecode.schemas.problems import Problem
from doublecode.schemas.to_be_written import NOT_NAMED

if TYPE_CHECKING:
    from doublecode.schemas.instrument import Instrument
    from doublecode.schemas.study import Study

AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON and nothing else.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace what an earlier run wrote.")]
Folder = Annotated[Path, typer.Argument(help="The study folder, with its study.toml.", show_default=False)]

instruments = typer.Typer(help="Codebooks: what is shipped, and whether your own is right.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the commands of this module to `app`."""
    for name, command in (("template", template), ("check", check), ("recordings", recordings)):
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
    from doublecode.coding.reading.declared_heads import missing_from_tables
    from doublecode.coding.reading.incoming import checks_not_done, not_read_inside, read_workbooks
    from doublecode.coding.reading.unfinished import Unfinished, unfinished

    given, files = files, _expand(files)
    problems: list[Problem] = []
    copies: list[Path] = []
    notes: dict[str, None] = {}
    begun: list[Unfinished] = []
    n_ratings = 0
    for declared, own in _by_study(files, study):
        with progress_bar() as show:
            ratings, found = read_workbooks(own, study=declared, progress=show)
        n_ratings += len(ratings)
        notes |= dict.fromkeys(f"not checked: {text}" for text in checks_not_done(declared))
        if declared is not None:
            notes |= dict.fromkeys(f"study.toml: {text}" for text in missing_from_tables(declared))
        for file, its in zip(own, found, strict=True):
            problems += its
            begun += unfinished(ratings, its)
            if marked:
                copies += hand_back([file], its, _copy_folder(file, declared), overwrite, declared)
        if declared is not None and {declared.folder.resolve() / "incoming"} & {one.resolve() for one in given}:
            problems += not_read_inside(declared)
    errors = sum(one.severity == "error" for one in problems)
    if as_json:
        print_problems_json(problems, {"command": "check", "files": [str(file) for file in files]}, notes)
    else:
        for one in begun:
            say(str(one), to_error=True, style="yellow")
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


_MOST_NAMED = 30
_NOTHING_TO_MARK = frozenset(
    {"unreadable_file", "password_protected", "not_a_workbook", "too_large", "copy_and_original_differ"}
)


def _is_nothing_to_mark(problem: Problem) -> bool:
    """Whether a rater has nothing to mend: the file does not open, or stands there twice as a whole."""
    return problem.code in _NOTHING_TO_MARK or (problem.code == "duplicate_rating" and not problem.cell)


def hand_back(
    files: Sequence[Path], problems: Sequence[Problem], folder: Path, overwrite: bool, study: Study | None
) -> list[Path]:
    """Write a marked copy of each file that holds errors; return the copies. One that cannot be written is named.

    A copy that exists may hold a rater's corrections, so it is replaced only with
    `overwrite`; a file that cannot be opened has no copy.
    """
    from doublecode.coding.reading.mended_copies import please_fix_path
    from doublecode.coding.workbooks.mark import write_redpen

    copies = []
    for file in files:
        mine = [one for one in problems if one.file == file.name]
        if not any(one.severity == "error" and not _is_nothing_to_mark(one) for one in mine):
            continue
        target = folder / please_fix_path(file).name
        if target.exists() and not overwrite:
            say(f"{target} is there already and was left as it is (--overwrite replaces it).", to_error=True)
            continue
        try:
            write_redpen(file, mine, target, overwrite=overwrite, study=study)
        except UsageError as wrong:  # what is to be mended is said all the same, of the other files too
            say(f"No marked copy of {file.name}: {wrong}", to_error=True, style="yellow")
            continue
        copies.append(target)
    return copies


def template(
    study: Folder,
    folder: Annotated[
        Path | None, typer.Option(help="Where the workbooks go; outgoing/ of the study without it.", show_default=False)
    ] = None,
    new_language: Annotated[
        str | None,
        typer.Option(help="Write only the texts of a workbook, to be translated: fr.toml.", show_default=False),
    ] = None,
    new: Annotated[bool, typer.Option("--new", help="Only workbooks that are not there yet.")] = False,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
) -> None:
    """Write the raters' workbooks from assignments.csv."""
    from doublecode.coding.allocation.blinding import seal
    from doublecode.coding.reading.declared_heads import open_study
    from doublecode.coding.reading.left_out import LEFT_OUT, sessions_left_out
    from doublecode.coding.reading.study_tables import read_study_table
    from doublecode.coding.workbooks.write import write_workbooks

    declared = open_study(study)
    if new and overwrite:
        raise UsageError("--new leaves the workbooks that are there as they are, --overwrite does not: choose one.")
    if new_language is not None:
        _write_texts(declared, new_language, overwrite)
        return
    rows = read_study_table(declared, "assignments")
    target = declared.folder / "outgoing" if folder is None else folder
    sessions = read_study_table(declared, "sessions")
    seal(declared.folder, sessions[sessions["session_id"].astype(str).isin(set(rows["session_id"].astype(str)))])
    paths = write_workbooks(declared, rows, target, overwrite=overwrite, only_new=new)
    out = sessions_left_out(declared, sessions)
    n_out = len(set(rows["session_id"]) & set(out))
    notes = [f"{n_out} assigned session(s) are left out: {LEFT_OUT}"] if n_out else []
    if as_json:
        listed = [{"file": str(path)} for path in paths]
        print_record({"command": "template", "study": declared.name}, listed, {"n_files": len(paths)}, notes)
    else:
        for note in notes:
            say(f"Note: {note}")
        say(f"{len(paths)} workbooks written to {target}/, one per instrument, rater and batch.")
        if new and len(paths) <= _MOST_NAMED:
            say("  " + ", ".join(path.name for path in paths))


def _write_texts(study: Study, name: str, overwrite: bool) -> None:
    """Write the English texts of a workbook into the study folder, to be translated."""
    from doublecode.schemas.whole_files import replace_files
    from doublecode.schemas.workbook_texts import texts_to_translate

    target = study.folder / name
    if target.suffix != ".toml" or target.name != name:
        raise UsageError(f"--new-language {name}: give the name of a .toml file in the study folder, such as fr.toml.")
    if target.exists() and not overwrite:
        raise UsageError(f"{target}: there is such a file already. Give another name, or --overwrite.")
    replace_files({target: texts_to_translate().encode()})
    say(f'Written: {target}. Translate what stands in quotation marks; then in study.toml: language = "{name}"')


def recordings(
    study: Folder,
    source: Annotated[Path, typer.Argument(help="The folder with the recordings as they came.", show_default=False)],
    folder: Annotated[
        Path | None,
        typer.Option(help="Where the copies go; outgoing/recordings/ of the study without it.", show_default=False),
    ] = None,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
) -> None:
    """Copy the recordings that are rated under blind names. The key stays in keys/recordings.csv."""
    from doublecode.coding.allocation.blinding import copy_blind
    from doublecode.coding.reading.declared_heads import open_study
    from doublecode.coding.reading.left_out import LEFT_OUT, sessions_left_out
    from doublecode.coding.reading.study_tables import read_study_table

    declared = open_study(study)
    assigned = set(read_study_table(declared, "assignments")["session_id"].astype(str))
    sessions = read_study_table(declared, "sessions")
    out = assigned & set(sessions_left_out(declared, sessions))
    own = sessions[sessions["session_id"].astype(str).isin(assigned - out)]
    target = declared.folder / "outgoing" / "recordings" if folder is None else folder
    copied, held, missing = copy_blind(declared.folder, own, source, target, overwrite=overwrite)
    notes = [f"{len(out)} assigned session(s) are left out: {LEFT_OUT}"] if out else []
    stray = sorted(path.name for path in target.iterdir() if path.stem in out)
    if stray:
        notes.append(f"Delete what was copied of them before: {', '.join(stray)} in {target}.")
    if as_json:
        rows = [{"session_id": session, "copied": session in copied} for session in own["session_id"].astype(str)]
        print_record(
            {"command": "recordings", "study": declared.name},
            rows,
            {"n_copied": len(copied), "n_there": len(held)},
            notes,
        )
    else:
        for note in notes:
            say(f"Note: {note}")
        for session, name in missing.items():
            say(f"{session}: {name or 'no recording is named'} is not in {source}.")
        there = f", {len(held)} are there already" if held else ""
        say(f"{len(copied)} recordings copied to {target}{there}, {len(missing)} not found.")
    raise typer.Exit(PROBLEMS if missing else CLEAN)


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
        say(book.card.text(screen_width()))


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
    say(book.card.text(screen_width()))
    for place, reason in draft.passed_over:
        say(f"Look at: {place}: {ended(reason)}")
    typed = as_typed(target)
    say(f"Written: {target}. Look at ranges, reversed items and scales; then: doublecode instrument check {typed}")


def _alike(pairs: Sequence[tuple[str, str]]) -> dict[str, list[str]]:
    """Labels that several names have."""
    names: dict[str, list[str]] = {}
    for label, name in pairs:
        names.setdefault(label, []).append(name)
    return {label: own for label, own in names.items() if len(own) > 1}


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
    for kind, named in (("items", book.columns), ("scales", book.scales)):
        for label, names in _alike([(one.label, one.name) for one in named]).items():
            say(
                f"Look at: {kind} {', '.join(names)}: all are called {label!r}. Tables print the name behind it; a "
                "label of its own says more."
            )
    for item in book.columns:
        say(f"  {item.name:<20} {item.label:<40} {book.allowed(item)}")
    for scale in book.scales:
        say(f"  scale {scale.name}: {scale.score} of {len(scale.items)} items")
