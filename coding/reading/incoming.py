"""Reads rater workbooks: typed cells, nothing inferred, every problem at its cell.

A cell
with an error yields no rating; a file that is not what the study expects yields none.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import pandas as pd

from doublecode.coding.reading.container import open_book, open_package
from doublecode.coding.reading.copy_and_original import against_copy
from doublecode.coding.reading.expectations import Expected, checks_not_done, load_expected
from doublecode.coding.reading.long_table import read_long
from doublecode.coding.reading.many_files import Progress, read_each
from doublecode.coding.reading.mended_copies import copies_first, please_fix_path
from doublecode.coding.reading.one_workbook import TakenFile, read_file
from doublecode.coding.reading.outcomes import read_outcomes
from doublecode.coding.reading.ratings_builder import Collector
from doublecode.coding.reading.safe_xml import Damaged, TooLarge
from doublecode.coding.reading.sheet_shape import split_cell
from doublecode.coding.workbooks.layout import (
    STAMP,
    Stamp,
)
from doublecode.schemas.errors import UsageError
from doublecode.schemas.problems import Problem
from doublecode.schemas.study import Study

__all__ = ["checks_not_done", "read_incoming", "read_long", "read_outcomes", "read_workbook", "read_workbooks"]

FILE_COLUMNS = ("file", "sha256", "study", "instrument", "version", "rater", "batch", "n_rows")
_NOBODYS = frozenset({"thumbs.db", "desktop.ini"})


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
    taken = read_file(Path(path), load_expected(study), collector)
    return collector.frame(), _sorted(taken.problems)


def read_expert_workbook(path: Path, study: Study) -> tuple[pd.DataFrame, list[Problem], str] | None:
    """Read a workbook that holds the key of a training, whoever it was made for; None where the file is none of ours.

    Ratings and problems are those of :func:`read_workbook`; the version of the codebook that it was made with is the
    third, and need not be that of now.
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
    known = load_expected(study)
    every = frozenset(known.sessions or ())
    expected = replace(known, assigned=None, raters={}, training=every, reads_training=True)
    taken = read_file(path, expected, collector)
    return collector.frame(), _sorted(taken.problems), taken.stamp.version if taken.stamp is not None else ""


def read_workbooks(
    paths: Sequence[str | Path], *, study: Study | None = None, progress: Progress | None = None
) -> tuple[pd.DataFrame, list[list[Problem]]]:
    """Read several workbooks and hold them against one another: the same sessions twice are a problem.

    Parameters
    ----------
    paths : sequence of path
    study : Study, optional
        As for :func:`read_workbook`.
    progress : callable, optional
        As for :func:`read_incoming`.

    Returns
    -------
    ratings : DataFrame
        Contract ``RATINGS``, of all files.
    problems : list of list of Problem
        Per file, in the order of `paths`, each sorted by place.
    """
    order = copies_first(paths)
    ordered = [Path(paths[place]) for place in order]
    taken, ratings = _read_all(ordered, lambda: load_expected(study), progress=progress)
    found = dict(zip(order, taken, strict=True))
    return ratings, [_sorted(found[place].problems) for place in range(len(paths))]


def _read_all(
    paths: Sequence[Path],
    gather: Callable[[], Expected],
    superseded: Collection[str] = (),
    withdrawn: Mapping[str, str] | None = None,
    progress: Progress | None = None,
) -> tuple[list[TakenFile], pd.DataFrame]:
    """Read files and hold each against those before it; a file that meets another is read again beside it."""
    expected = cache(gather)
    collector = Collector()
    taken: list[TakenFile] = []
    known: dict[tuple[str, ...], list[TakenFile]] = {}
    names: set[str] = set()
    copies: dict[str, Collector] = {}
    gone = withdrawn or {}
    for path, (read, own) in zip(paths, read_each(paths, expected, superseded, gone, progress), strict=True):
        one, others = read, known.setdefault(_whose(read), []) if read.stamp is not None else []
        if _meets(one, others) or please_fix_path(path).name in names:
            again = Collector()
            one = read_file(path, expected(), again, taken, superseded, gone)
            copy = please_fix_path(path).name
            if copy in copies and any(problem.code == "mended_copy" for problem in one.problems):
                one.problems = against_copy(read, own, copy, copies[copy], expected().out) or one.problems
            own = again
        collector.join(own)
        taken.append(one)
        if one.stamp is not None:
            names.add(one.file)
            if one.file == please_fix_path(path).name:
                copies[one.file] = own
            others.append(one)
    return taken, collector.frame()


def _whose(one: TakenFile) -> tuple[str, ...]:
    stamp = one.stamp
    return () if stamp is None else (stamp.rater, stamp.instrument, str(stamp.occasion))


def _meets(one: TakenFile, others: Sequence[TakenFile]) -> bool:
    """Whether another file of the same rater and instrument is the same workbook, or has some of its sessions."""
    sessions = {row.session_id for row in one.rows}
    return any(
        other.stamp == one.stamp or not sessions.isdisjoint(row.session_id for row in other.rows) for other in others
    )


def read_incoming(
    study: Study,
    *,
    set_aside: Collection[str] = (),
    superseded: Collection[str] = (),
    withdrawn: Mapping[str, str] | None = None,
    training: bool = False,
    progress: Progress | None = None,
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
    training : bool
        Read workbooks of training sessions, too, that were made with another version of the codebook.
    progress : callable, optional
        Called with what is done, how many files are read, and how many there are.

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
    found = read_returned(
        study, set_aside=set_aside, superseded=superseded, withdrawn=withdrawn, training=training, progress=progress
    )
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
    training: bool = False,
    progress: Progress | None = None,
) -> Returned:
    """Read ``incoming/`` as :func:`read_incoming` does, and say which row of which file is of which session."""
    paths = _incoming_paths(study, set_aside)
    ordered = [paths[place] for place in copies_first(paths)]

    def gather() -> Expected:
        return replace(load_expected(study), reads_training=training)

    everything, ratings = _read_all(ordered, gather, superseded, withdrawn, progress)
    problems = [*not_read_inside(study), *(problem for one in everything for problem in one.problems)]
    taken = [one for one in everything if one.stamp is not None]
    unread = [
        one.file for one in everything
        if one.stamp is None and any(problem.severity == "error" for problem in one.problems)
    ]  # fmt: skip
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
    return Returned(ratings, _sorted(problems), files, lines, tuple(sorted(unread)))


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


def not_read_inside(study: Study) -> list[Problem]:
    """Folders inside ``incoming/`` that hold files, and what is no file: what lies there is not read."""
    everything = sorted(path for path in (study.folder / "incoming").iterdir() if not path.name.startswith("."))
    inside = [path for path in everything if path.is_dir()]
    strange = [
        Problem("no_file", path.name, found="a link to nothing" if path.is_symlink() else "a pipe or a device")
        for path in everything
        if not (path.is_file() or path.is_dir())
    ]
    return strange + [
        Problem("not_read", f"{path.name}/", found=f"{count} file(s)")
        for path in inside
        if (count := sum(one.is_file() for one in path.rglob("*")))
    ]


def _stamp_columns(one: TakenFile) -> tuple[str, str, str, str, str]:
    stamp = one.stamp or Stamp("", "", "", "", "", "")
    return stamp.study, stamp.instrument, stamp.version, stamp.rater, stamp.batch


def _sorted(problems: list[Problem]) -> list[Problem]:
    return sorted(problems, key=lambda one: (one.file, one.sheet, split_cell(one.cell), one.code))
