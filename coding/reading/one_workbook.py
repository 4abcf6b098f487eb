"""Reads one workbook of a rater: its container, its stamp, its rows, and what is wrong at which cell."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from doublecode.coding.reading.container import Package, open_package
from doublecode.coding.reading.expectations import Expected, Held, check_rater, check_stamp, is_of_another_version
from doublecode.coding.reading.left_out import names_only, rows_left_out, without_left_out
from doublecode.coding.reading.mended_copies import please_fix_path
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
from doublecode.coding.reading.sheet_shape import Shape, cell_name
from doublecode.coding.reading.stamped_book import Stamped, open_stamped
from doublecode.coding.workbooks.layout import (
    RATE,
    SESSION,
    OwnWords,
    Stamp,
)
from doublecode.schemas.phrases import Phrase
from doublecode.schemas.problems import Problem

_OF_A_KNOWN_SESSION = frozenset({"given_changed", "recording_changed", "row_empty"})


@dataclass
class TakenFile:
    """What was learnt from one file."""

    file: str
    sha256: str
    problems: list[Problem]
    stamp: Stamp | None = None
    rows: list[Row] = field(default_factory=list)
    n_rows: int = 0
    words: OwnWords = field(default_factory=OwnWords)


def read_file(
    path: Path,
    expected: Expected,
    collector: Collector,
    known: Sequence[TakenFile] = (),
    superseded: Collection[str] = (),
    withdrawn: Mapping[str, str] = MappingProxyType({}),
) -> TakenFile:
    """Read one file into `collector`; what it holds twice of files that are `known` is a problem.

    Parameters
    ----------
    path : path
    expected : Expected
        What the study knows.
    collector : Collector
        Takes its ratings.
    known : sequence of TakenFile
        The files that were read before.
    superseded, withdrawn
        As :func:`doublecode.coding.reading.incoming.read_incoming` takes them.
    """
    package = open_package(path)
    taken = TakenFile(package.name, package.sha256, list(package.problems))
    if package.kind is None:
        return _or_its_copy(taken, known)
    if package.sha256 in superseded:
        taken.problems.append(Problem("older_file", package.name, found=package.sha256[:12]))
        return taken
    if package.sha256 in withdrawn:
        taken.problems.append(Problem("withdrawn_file", package.name, found=withdrawn[package.sha256]))
        return taken
    opened = _opened(package, taken)
    if opened is None:
        return _or_its_copy(taken, known)
    taken.words = opened.words
    _read_rate(taken, opened.sheet.grid, opened.sheet.shape, opened.stamp, expected, collector, known)
    if taken.words.rate != RATE:  # what is said of the sheet names it as the rater sees it
        taken.problems = [replace(one, sheet=taken.words.rate) if one.sheet == RATE else one for one in taken.problems]
    return taken


def _or_its_copy(taken: TakenFile, known: Sequence[TakenFile]) -> TakenFile:
    """A file that cannot be read, or its marked copy in its place, where that is here and can be."""
    copy = please_fix_path(taken.file).name
    if copy != taken.file and any(other.file == copy and other.stamp is not None for other in known):
        taken.problems = [Problem("mended_copy", taken.file, found=copy)]
    return taken


def _opened(package: Package, taken: TakenFile) -> Stamped | None:
    """The workbook with its sheet *Rate*, once what stands beside its own sheets could be looked at, too."""
    opened = open_stamped(package, taken.problems)
    if opened is None:
        return None
    book, own = opened.book, opened.words.sheets
    try:
        taken.problems += check_sheet_names(book.names, own, lambda name: book.sheet(name).grid, package.name)
    except TooLarge as wrong:
        taken.problems.append(Problem("too_large", package.name, RATE, found=str(wrong)))
    except Damaged as wrong:
        taken.problems.append(Problem("unreadable_file", package.name, found=f"damaged ({wrong})"))
    else:
        return opened
    return None


def _read_rate(
    taken: TakenFile,
    grid: list[list[Any]],
    shape: Shape,
    stamp: Stamp,
    expected: Expected,
    collector: Collector,
    known: Sequence[TakenFile],
) -> None:
    file = taken.file
    wrong = check_stamp(stamp, expected, file)
    wrong = _of_training(wrong, stamp, grid, expected, file)
    if wrong and names_only(grid, expected.sessions or (), expected.out):
        wrong = [one for one in wrong if one.code != "not_assigned"]
    taken.problems += wrong
    if any(one.severity == "error" or one.code == "training_version" for one in wrong):
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
    taken.problems += [*problems, *check_shape(shape, heads, grid, file)]
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


def _of_training(
    wrong: list[Problem], stamp: Stamp, grid: list[list[Any]], expected: Expected, file: str
) -> list[Problem]:
    """What is wrong with a workbook of training that was made with another version of its codebook."""
    if not (wrong and is_of_another_version(stamp, expected)):
        return wrong
    if not names_only(grid, expected.sessions or (), expected.training):
        return wrong
    if expected.reads_training:
        return check_rater(stamp, expected, file)
    now = expected.books[stamp.instrument].version
    return [Problem("training_version", file, subject=stamp.instrument, found=stamp.version, allowed=now)]


def _unfinished(sheet: RateSheet, row: Row, held: Held) -> list[Problem]:
    """What is wrong with a row that is empty, or cannot be read without an error; nothing where it can."""
    found = read_session(sheet, row, held, Collector())
    return found if any(one.severity == "error" for one in found) else []


def _not_elsewhere(
    rows: list[Row], taken: TakenFile, heads: Heads, known: Sequence[TakenFile]
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
            found = Phrase("workbook_too", other.file)
            return [], [Problem("duplicate_rating", taken.file, subject=subject, found=found)]
    places = {row.session_id: (other.file, row.number) for other in others for row in other.rows}
    again = [row for row in rows if row.session_id in places]
    problems = []
    for row in again:
        file, number = places[row.session_id]
        cell = cell_name(row.number, heads.columns[SESSION])
        found = Phrase("in_file_too", file, str(number + 1))
        problems.append(Problem("duplicate_rating", taken.file, RATE, cell, row.session_id, found))
    return [row for row in rows if row.session_id not in places], problems
