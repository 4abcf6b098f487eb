"""Reads rater workbooks: typed cells, nothing inferred, every problem at its cell.

A cell
with an error yields no rating; a file that is not what the study expects yields none.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pandas as pd

from doublecode.coding.reading.container import Package, open_book, open_package
from doublecode.coding.reading.expectations import Expected, Held, check_stamp, checks_not_done, load_expected
from doublecode.coding.reading.left_out import of_left_out_only, rows_left_out, without_left_out
from doublecode.coding.reading.long_table import read_long
from doublecode.coding.reading.mended_copies import copies_first, please_fix_path
from doublecode.coding.reading.outcomes import read_outcomes
from doublecode.coding.reading.rate_rows import RateSheet, read_session
from doublecode.coding.reading.ratings_builder import Collector
from doublecode.coding.reading.safe_xml import Damaged, TooLarge
from doublecode.coding.reading.sheet_checks import (
    Heads,
    Row,
    check_shape,
    check_sheet_names,
    covered_cells,
    find_heads,
    find_rows,
)
from doublecode.coding.reading.sheet_grid import Book, restore_percents
from doublecode.coding.reading.sheet_shape import Shape, cell_name, split_cell
from doublecode.coding.workbooks.layout import (
    RATE,
    SESSION,
    STAMP,
    STAMP_KEYS,
    OwnWords,
    Stamp,
    own_words,
    stamp_pairs,
)
from doublecode.schemas.errors import UsageError
from doublecode.schemas.problems import Problem
from doublecode.schemas.study import Study
from doublecode.schemas.workbook_texts import languages, shipped_texts

__all__ = ["checks_not_done", "read_incoming", "read_long", "read_outcomes", "read_workbook", "read_workbooks"]

FILE_COLUMNS = ("file", "sha256", "study", "instrument", "version", "rater", "batch", "n_rows")
_OF_A_KNOWN_SESSION = frozenset({"given_changed", "recording_changed", "row_empty"})
_NOBODYS = frozenset({"thumbs.db", "desktop.ini"})
_OLD_FORMAT = "in a format whose hidden rows, notes and formulas cannot be checked"
_AS_TEXT = (
    "not_a_workbook",
    "a text file",
    "Type the codes into the workbook that was sent out, and send that one.",
)


def read_workbook(path: str | Path, *, study: Study | None = None) -> tuple[pd.DataFrame, list[Problem]]:
    """Read one rater's workbook.

    Parameters
    ----------
    path : path
        An .xlsx, .xlsm or .ods file that came back from a rater.
    study : Study, optional
        Checks sessions, assignments and versions. Without it the shipped codebook that the
        workbook's stamp names is used; :func:`checks_not_done` says what could not be checked.

    Returns
    -------
    ratings : DataFrame
        Contract ``RATINGS``: one row per session and item with a code or a missing code.
        patient, therapist, session, role and phase are empty without a study.
    problems : list of Problem
        Sorted by place. Empty, or without errors, if the file can be taken in.
    """
    collector = Collector()
    taken = _read_file(Path(path), load_expected(study), collector)
    return collector.frame(), _sorted(taken.problems)


def read_expert_workbook(path: Path, study: Study) -> tuple[pd.DataFrame, list[Problem]] | None:
    """Read a workbook that holds the key of a training, whoever it was made for; None where the file is none of ours.

    Ratings and problems are those of :func:`read_workbook`.
    """
    package = open_package(path)
    if package.kind not in ("xlsx", "ods"):
        return None
    try:
        if STAMP not in open_book(package).names:
            return None
    except (Damaged, TooLarge):
        return None
    collector = Collector()
    taken = _read_file(path, replace(load_expected(study), assigned=None, raters={}), collector)
    return collector.frame(), _sorted(taken.problems)


def read_workbooks(
    paths: Sequence[str | Path], *, study: Study | None = None
) -> tuple[pd.DataFrame, list[list[Problem]]]:
    """Read several workbooks and hold them against one another: the same sessions twice are a problem.

    Parameters
    ----------
    paths : sequence of path
    study : Study, optional
        As for :func:`read_workbook`.

    Returns
    -------
    ratings : DataFrame
        Contract ``RATINGS``, of all files.
    problems : list of list of Problem
        Per file, in the order of `paths`, each sorted by place.
    """
    expected = load_expected(study)
    collector = Collector()
    taken: list[_Taken] = []
    order = copies_first(paths)
    for place in order:
        taken.append(_read_file(Path(paths[place]), expected, collector, known=taken))
    found = dict(zip(order, taken, strict=True))
    return collector.frame(), [_sorted(found[place].problems) for place in range(len(paths))]


def read_incoming(
    study: Study,
    *,
    set_aside: Collection[str] = (),
    superseded: Collection[str] = (),
    withdrawn: Mapping[str, str] | None = None,
) -> tuple[pd.DataFrame, list[Problem], pd.DataFrame]:
    """Read every workbook in the study's ``incoming/`` and hold them against one another.

    Parameters
    ----------
    study : Study
    set_aside : collection of str
        Names of files that are left out.
    superseded : collection of str
        SHA-256 of files that the ledger knows as replaced (``Ledger.superseded()``): they are
        reported as ``older_file`` and left out.
    withdrawn : mapping of str to str, optional
        SHA-256 of files that were withdrawn, and why: they are reported as ``withdrawn_file`` and left out.

    Returns
    -------
    ratings : DataFrame
        Contract ``RATINGS``, of all files.
    problems : list of Problem
        Sorted by file and place.
    files : DataFrame
        file, sha256, study, instrument, version, rater, batch, n_rows: one row per file that could be read;
        ``occasion`` where one is a recode.

    Raises
    ------
    UsageError
        There is no ``incoming/``, or a file to be set aside is not in it.
    """
    found = read_returned(study, set_aside=set_aside, superseded=superseded, withdrawn=withdrawn)
    return found.ratings, found.problems, found.files


@dataclass(frozen=True, eq=False)
class Returned:
    """What lies in ``incoming/``.

    Attributes
    ----------
    ratings, problems, files
        As :func:`read_incoming` returns them.
    rows : DataFrame
        One row per session of a workbook that could be read: ``file, line`` (of the sheet *Rate*, from 1),
        ``session_id, rater, instrument, occasion``.
    unread : tuple of str
        Names of the files that could not be read, or are not what the study expects.
    """

    ratings: pd.DataFrame
    problems: list[Problem]
    files: pd.DataFrame
    rows: pd.DataFrame
    unread: tuple[str, ...]


def read_returned(
    study: Study,
    *,
    set_aside: Collection[str] = (),
    superseded: Collection[str] = (),
    withdrawn: Mapping[str, str] | None = None,
) -> Returned:
    """Read ``incoming/`` as :func:`read_incoming` does, and say which row of which file is of which session."""
    paths = _incoming_paths(study, set_aside)
    expected = load_expected(study)
    collector = Collector()
    problems = _folders_inside(study)
    taken: list[_Taken] = []
    unread: list[str] = []
    for path in (paths[place] for place in copies_first(paths)):
        one = _read_file(path, expected, collector, taken, superseded, withdrawn or {})
        problems += one.problems
        if one.stamp is not None:
            taken.append(one)
        elif any(problem.severity == "error" for problem in one.problems):
            unread.append(one.file)
    rows = [(one.file, one.sha256, *_stamp_columns(one), one.n_rows) for one in taken]
    files = pd.DataFrame(rows, columns=list(FILE_COLUMNS))
    times = [one.stamp.occasion for one in taken if one.stamp is not None]
    if any(time > 1 for time in times):
        files = files.assign(occasion=times)
    sessions = [
        (one.file, row.number + 1, row.session_id, one.stamp.rater, one.stamp.instrument, one.stamp.occasion)
        for one in taken if one.stamp is not None for row in one.rows
    ]  # fmt: skip
    lines = pd.DataFrame(sessions, columns=["file", "line", "session_id", "rater", "instrument", "occasion"])
    return Returned(collector.frame(), _sorted(problems), files, lines, tuple(sorted(unread)))


def no_workbooks() -> tuple[pd.DataFrame, list[Problem], pd.DataFrame]:
    """What :func:`read_incoming` returns of a study whose raters sent no workbook."""
    return Collector().frame(), [], pd.DataFrame(columns=list(FILE_COLUMNS))


def _incoming_paths(study: Study, set_aside: Collection[str]) -> list[Path]:
    folder = study.folder / "incoming"
    if not folder.is_dir():
        raise UsageError(
            f"{folder}: there is no such folder. Put the raters' workbooks into it; ratings in a table of your own "
            "come in with doublecode import-ratings, or are declared under [tables.ratings] in study.toml."
        )
    paths = workbook_paths(folder)
    stray = sorted(set(set_aside) - {path.name for path in paths})
    if stray:
        found = ", ".join(path.name for path in paths) or "no file"
        raise UsageError(f"--set-aside: {stray[0]!r} is not in incoming/; found there: {found}.")
    return [path for path in paths if path.name not in set_aside]


def workbook_paths(folder: Path) -> list[Path]:
    """The files of a folder, without those that programs leave there for themselves."""
    return sorted(
        path
        for path in (folder.iterdir() if folder.is_dir() else ())
        if path.is_file() and not path.name.startswith((".", "~$")) and path.name.casefold() not in _NOBODYS
    )


def _folders_inside(study: Study) -> list[Problem]:
    """Folders inside ``incoming/`` that hold files: what lies in them is not read."""
    inside = sorted(path for path in (study.folder / "incoming").iterdir() if path.is_dir())
    return [
        Problem("not_read", f"{path.name}/", found=f"{count} file(s)")
        for path in inside
        if not path.name.startswith(".") and (count := sum(one.is_file() for one in path.rglob("*")))
    ]


def _stamp_columns(one: _Taken) -> tuple[str, str, str, str, str]:
    stamp = one.stamp or Stamp("", "", "", "", "", "")
    return stamp.study, stamp.instrument, stamp.version, stamp.rater, stamp.batch


@dataclass
class _Taken:
    """What was learnt from one file."""

    file: str
    sha256: str
    problems: list[Problem]
    stamp: Stamp | None = None
    rows: list[Row] = field(default_factory=list)
    n_rows: int = 0
    words: OwnWords = field(default_factory=OwnWords)


def _read_file(
    path: Path,
    expected: Expected,
    collector: Collector,
    known: Sequence[_Taken] = (),
    superseded: Collection[str] = (),
    withdrawn: Mapping[str, str] = MappingProxyType({}),
) -> _Taken:
    package = open_package(path)
    taken = _Taken(package.name, package.sha256, list(package.problems))
    if package.kind is None:
        return taken
    if package.sha256 in superseded:
        taken.problems.append(Problem("older_file", package.name, found=package.sha256[:12]))
        return taken
    if package.sha256 in withdrawn:
        taken.problems.append(Problem("withdrawn_file", package.name, found=withdrawn[package.sha256]))
        return taken
    if package.kind not in ("xlsx", "ods"):
        code, found, way_out = _AS_TEXT if package.kind == "csv" else ("unreadable_file", _OLD_FORMAT, "")
        taken.problems.append(Problem(code, package.name, found=found, allowed=way_out))
        return taken
    opened = _open_sheets(package, taken)
    if opened is not None:
        _read_rate(taken, *opened, expected, collector, known)
    if taken.words.rate != RATE:  # what is said of the sheet names it as the rater sees it
        taken.problems = [replace(one, sheet=taken.words.rate) if one.sheet == RATE else one for one in taken.problems]
    return taken


def _open_sheets(package: Package, taken: _Taken) -> tuple[list[list[Any]], Shape, Stamp] | None:
    """Grid and shape of *Rate* and the stamp; None, with a problem, where one of them is not there."""
    try:
        book = open_book(package)
        pairs = stamp_pairs(book.sheet(STAMP).grid) if STAMP in book.names else {}
        taken.words = own_words(pairs)
        rate = taken.words.rate
        if rate not in book.names and (pairs or not _lost_its_stamp(book)):
            found = ", ".join(f'"{name}"' for name in book.names)
            taken.problems.append(Problem("sheet_missing", package.name, found=found, allowed=f'"{rate}"'))
            return None
        stamp = _read_stamp(package, book, pairs, taken)
        if stamp is None:
            return None
        sheet = book.sheet(rate)
        restore_percents(sheet)
        if rate in book.hidden:
            taken.problems.append(Problem("hidden_rows", package.name, RATE, found="the whole sheet"))
        taken.problems += check_sheet_names(
            book.names, taken.words.sheets, lambda name: book.sheet(name).grid, package.name
        )
        return sheet.grid, sheet.shape, stamp
    except TooLarge as wrong:
        taken.problems.append(Problem("too_large", package.name, RATE, found=str(wrong)))
    except Damaged as wrong:
        taken.problems.append(Problem("unreadable_file", package.name, found=f"damaged ({wrong})"))
    return None


def _lost_its_stamp(book: Book) -> bool:
    """Whether it is a workbook in another language, whose hidden sheet would have said so."""
    return any(shipped_texts(language).sheet_rate in book.names for language in languages())


def _read_stamp(package: Package, book: Book, pairs: Mapping[str, str], taken: _Taken) -> Stamp | None:
    if STAMP not in book.names:
        taken.problems.append(Problem("no_stamp", package.name, found="no such sheet"))
        return None
    gone = [key for key in STAMP_KEYS if not pairs.get(key)]
    if gone:
        taken.problems.append(Problem("no_stamp", package.name, STAMP, found=f"{', '.join(gone)} missing"))
        return None
    time = pairs.get("occasion") or "1"
    if not time.isdecimal() or int(time) < 1:
        taken.problems.append(Problem("no_stamp", package.name, STAMP, found=f"occasion {time}"))
        return None
    return Stamp(**{key: pairs[key] for key in STAMP_KEYS}, occasion=int(time))


def _read_rate(
    taken: _Taken,
    grid: list[list[Any]],
    shape: Shape,
    stamp: Stamp,
    expected: Expected,
    collector: Collector,
    known: Sequence[_Taken],
) -> None:
    file = taken.file
    wrong = check_stamp(stamp, expected, file)
    if wrong and of_left_out_only(grid, expected.sessions or (), expected.out):
        wrong = [one for one in wrong if one.code != "not_assigned"]
    taken.problems += wrong
    if any(one.severity == "error" for one in wrong):
        return
    copy = please_fix_path(file).name
    if copy != file and any((other.file, other.stamp) == (copy, stamp) for other in known):
        taken.problems = [Problem("mended_copy", file, found=copy)]
        return
    taken.stamp = stamp
    book = expected.books[stamp.instrument]
    heads, problems = find_heads(grid, book, file)
    taken.problems += problems
    if SESSION not in heads.columns:
        return
    rows, strangers, problems = find_rows(grid, heads, stamp, expected, file, covered_cells(shape))
    taken.problems += problems
    taken.problems += check_shape(shape, heads, grid, file)
    rows, problems = _not_elsewhere(rows, taken, heads, known)
    taken.problems += problems
    taken.rows = rows
    sheet = RateSheet(file, grid, shape, heads, collector.reader(book), expected.given, taken.words)
    before = len(collector)
    for row in rows:
        held = expected.sessions[row.session_id] if expected.sessions is not None else Held()
        if row.session_id in expected.out and (wrong := _unfinished(sheet, row, held)):
            taken.problems += wrong
            continue
        role = expected.roles(stamp).get(row.session_id, (None, None))[0]
        collector.head(stamp, held, row.session_id, role, file, taken.words.rate)
        taken.problems += read_session(sheet, row, held, collector)
    taken.n_rows = len(collector) - before
    out = rows_left_out(grid, heads.row, heads.columns[SESSION], expected.out)
    for row in strangers:  # their values are in no rating, and right or wrong all the same
        found = read_session(sheet, row, Held(), Collector())
        taken.problems += [one for one in found if one.severity == "error" and one.code not in _OF_A_KNOWN_SESSION]
    taken.problems = without_left_out(taken.problems, out, expected.out, file)


def _unfinished(sheet: RateSheet, row: Row, held: Held) -> list[Problem]:
    """What is wrong with a row that is empty, or cannot be read without an error; nothing where it can."""
    found = read_session(sheet, row, held, Collector())
    return found if any(one.severity == "error" for one in found) else []


def _not_elsewhere(
    rows: list[Row], taken: _Taken, heads: Heads, known: Sequence[_Taken]
) -> tuple[list[Row], list[Problem]]:
    """Drop what another file of the same rater and instrument already holds, and say so."""
    stamp = taken.stamp
    if stamp is None:
        return rows, []
    others = [
        other for other in known
        if other.stamp is not None
        and (other.stamp.rater, other.stamp.instrument, other.stamp.occasion)
        == (stamp.rater, stamp.instrument, stamp.occasion)
    ]  # fmt: skip
    for other in others:
        if other.stamp == stamp:
            subject = f"{stamp.rater}, {stamp.instrument}, {stamp.batch}"
            found = f"the whole workbook stands in {other.file} too"
            return [], [Problem("duplicate_rating", taken.file, subject=subject, found=found)]
    places = {row.session_id: (other.file, row.number) for other in others for row in other.rows}
    again = [row for row in rows if row.session_id in places]
    problems = []
    for row in again:
        file, number = places[row.session_id]
        cell = cell_name(row.number, heads.columns[SESSION])
        found = f"here and in {file}, row {number + 1}"
        problems.append(Problem("duplicate_rating", taken.file, RATE, cell, row.session_id, found))
    return [row for row in rows if row.session_id not in places], problems


def _sorted(problems: list[Problem]) -> list[Problem]:
    return sorted(problems, key=lambda one: (one.file, one.sheet, split_cell(one.cell), one.code))
