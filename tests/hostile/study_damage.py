"""Damage that no workbook shows by itself: withdrawn, copied, shifted, typed twice, decided by two people.

A small study is taken in, something is done to it, and it is read again. Each kind says beforehand what is to be
reported where: problems at ``file!cell``, and which of the cells that were touched may be named besides. Ratings that
must not count, and those that must count although their file is gone, are held to the ones before.
"""

from __future__ import annotations

import itertools
import random
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from damage import Count, values
from openpyxl import Workbook, load_workbook
from small_study import BOOK, CODED, FIRST_ROW, N_ROWS, book_of, impossible, make_small

from doublecode.coding import Ledger
from doublecode.coding.intake.consensus import write_consensus
from doublecode.coding.intake.imports import import_study
from doublecode.coding.intake.study_ratings import StudyRatings, read_study_ratings
from doublecode.schemas.study import load_study

LAST_ROW = FIRST_ROW + N_ROWS - 1
ROWS = range(FIRST_ROW, LAST_ROW + 1)
CODE_COLUMNS = range(3, 9)
N_COPIED = 10
AGAIN, CONSENSUS = "second_entry", "consensus"
DECISIONS = f"consensus_{BOOK}.xlsx"


@dataclass
class Wanted:
    """What is to be reported.

    Attributes
    ----------
    spots : set of (str, str, str)
        Code, file, cell; the cell is empty where a file, a sheet or a row as such is meant.
    touched : set of (str, str)
        File and cell of everything that was changed: whatever else is said of these is no false alarm.
    also : set of str
        Codes that may be said of the same files besides, without a cell.
    gone : set of str
        Files whose ratings must not count.
    stays : bool
        Whether every rating must be as it was before.
    """

    spots: set[tuple[str, str, str]] = field(default_factory=set)
    touched: set[tuple[str, str]] = field(default_factory=set)
    also: set[str] = field(default_factory=set)
    gone: set[str] = field(default_factory=set)
    stays: bool = False


Said = tuple[str, str, str, str, str]
"""Code, file, cell, subject and what was found of a problem."""
Harm = Callable[[Path, random.Random], Wanted]
"""Does the damage to a study folder and says what is to be reported."""


@dataclass(frozen=True)
class StudyKind:
    """One kind: its name, the code that finds it ("" if nothing can), what the study looks like before, the damage."""

    name: str
    code: str
    harm: Harm
    state: str = "imported"


def letter(column: int) -> str:
    return chr(64 + column)


class Opened:
    """A workbook that is changed and saved."""

    def __init__(self, path: Path, sheet: str = "Rate") -> None:
        self.path = path
        self.workbook: Workbook = load_workbook(path)
        self.sheet: Any = self.workbook[sheet]

    def __enter__(self) -> Any:
        return self.sheet

    def __exit__(self, *_: object) -> None:
        self.workbook.save(self.path)


def rows_of(path: Path) -> list[list[Any]]:
    """The rows of *Rate*, from its first session."""
    sheet = load_workbook(path)["Rate"]
    return [[cell.value for cell in row] for row in sheet.iter_rows(min_row=FIRST_ROW, max_row=LAST_ROW, max_col=10)]


# withdrawn


def _removed(folder: Path, rng: random.Random) -> Wanted:
    name = book_of(rng.choice(("R1", "R2", "R3")))
    (folder / "incoming" / name).unlink()
    return Wanted({("file_absent", name, "")}, stays=True)


def _withdrawn(folder: Path, rng: random.Random) -> Wanted:
    name = book_of(rng.choice(("R1", "R2", "R3")))
    with Ledger(folder / "ledger.sqlite") as ledger:
        ledger.withdraw(name, "another tape was heard")
    return Wanted({("withdrawn_file", name, "")}, gone={name})


def _withdrawn_and_removed(folder: Path, rng: random.Random) -> Wanted:
    wanted = _withdrawn(folder, rng)
    (folder / "incoming" / next(iter(wanted.gone))).unlink()
    return Wanted(gone=wanted.gone)


def _older_again(folder: Path, rng: random.Random) -> Wanted:
    """A correction is taken in; then the file from before it is sent once more."""
    name = book_of(rng.choice(("R1", "R2", "R3")))
    path = folder / "incoming" / name
    kept = path.read_bytes()
    with Opened(path) as sheet:
        row = rng.choice(ROWS)
        sheet.cell(row, 3).value = (sheet.cell(row, 3).value + 1) % 5
    import_study(load_study(folder), reason="heard again")
    path.write_bytes(kept)
    return Wanted({("older_file", name, "")}, also={"file_absent"})


def _sent_twice(folder: Path, rng: random.Random) -> Wanted:
    name = book_of(rng.choice(("R1", "R2", "R3")))
    again = name.replace(".xlsx", f" ({rng.randint(1, 9)}).xlsx")
    shutil.copy(folder / "incoming" / name, folder / "incoming" / again)
    return Wanted({("duplicate_rating", name, "")}, also={"duplicate_rating"})


def _sent_empty(folder: Path, rng: random.Random) -> Wanted:
    name = book_of(rng.choice(("R1", "R2", "R3")))
    shutil.copy(folder / "outgoing" / name, folder / "incoming" / name)
    return Wanted({("row_empty", name, f"C{row}") for row in ROWS})


def _in_a_folder(folder: Path, rng: random.Random) -> Wanted:
    name = book_of(rng.choice(("R1", "R2", "R3")))
    inside = folder / "incoming" / "old"
    inside.mkdir()
    (folder / "incoming" / name).rename(inside / name)
    return Wanted({("not_read", "old/", ""), ("file_absent", name, "")}, stays=True)


def _renamed(folder: Path, rng: random.Random) -> Wanted:
    name = book_of(rng.choice(("R1", "R2", "R3")))
    (folder / "incoming" / name).rename(folder / "incoming" / f"new {name}")
    return Wanted()


def _removed_before(folder: Path, rng: random.Random) -> Wanted:
    (folder / "incoming" / book_of(rng.choice(("R1", "R2", "R3")))).unlink()
    return Wanted()


# copied


def _strangers_rows(folder: Path, rng: random.Random) -> Wanted:
    """Ten rows of a rater of other sessions, with their ids, over a rater's own."""
    source, target = rng.choice((("R3", "R1"), ("R3", "R2"), ("R1", "R3"), ("R2", "R3")))
    first = rng.randint(FIRST_ROW, LAST_ROW - N_COPIED + 1)
    pasted = rows_of(folder / "incoming" / book_of(source))
    name, wanted = book_of(target), Wanted(also={"row_missing"})
    with Opened(folder / "incoming" / name) as sheet:
        for row in range(first, first + N_COPIED):
            for column, value in enumerate(pasted[row - FIRST_ROW], start=1):
                sheet.cell(row, column).value = value
                wanted.touched.add((name, f"{letter(column)}{row}"))
            wanted.spots.add(("not_assigned", name, f"A{row}"))
    return wanted


def _shared_rows(folder: Path, rng: random.Random) -> Wanted:
    """Ten rows of the other rater of the same sessions, with their ids: sessions stand twice, others are gone."""
    source, target = rng.choice((("R1", "R2"), ("R2", "R1")))
    first = rng.randint(FIRST_ROW, LAST_ROW - N_COPIED + 1)
    pasted = rows_of(folder / "incoming" / book_of(source))
    name, wanted, seen = book_of(target), Wanted(also={"row_missing"}), set[str]()
    with Opened(folder / "incoming" / name) as sheet:
        for row in range(first, first + N_COPIED):
            for column, value in enumerate(pasted[row - FIRST_ROW], start=1):
                sheet.cell(row, column).value = value
                wanted.touched.add((name, f"{letter(column)}{row}"))
        for row in ROWS:
            one = sheet.cell(row, 1).value
            if one in seen:
                wanted.spots.add(("duplicate_rating", name, f"A{row}"))
            seen.add(one)
    return wanted


def _all_rows(folder: Path, rng: random.Random) -> Wanted:
    """All rows of the other rater of the same sessions, in the other's order."""
    source, target = rng.choice((("R1", "R2"), ("R2", "R1")))
    pasted = rows_of(folder / "incoming" / book_of(source))
    name = book_of(target)
    with Opened(folder / "incoming" / name) as sheet:
        for row, column in itertools.product(ROWS, range(1, 11)):
            sheet.cell(row, column).value = pasted[row - FIRST_ROW][column - 1]
    return Wanted({("stamp_differs", name, "")})


def _whole_file(folder: Path, rng: random.Random) -> Wanted:
    """The other rater's file under this rater's name."""
    source, target = rng.choice((("R1", "R2"), ("R2", "R1"), ("R3", "R1")))
    shutil.copy(folder / "incoming" / book_of(source), folder / "incoming" / book_of(target))
    return Wanted({("stamp_differs", book_of(target), "")}, also={"duplicate_rating", "file_absent"})


def _pasted_by_place(*, recordings: bool) -> Harm:
    """Ten rows of codes as they stand in the other's file, with or without the recordings beside them."""

    def harm(folder: Path, rng: random.Random) -> Wanted:
        source, target = rng.choice((("R1", "R2"), ("R2", "R1")))
        first = rng.randint(FIRST_ROW, LAST_ROW - N_COPIED + 1)
        pasted = rows_of(folder / "incoming" / book_of(source))
        name, wanted = book_of(target), Wanted()
        with Opened(folder / "incoming" / name) as sheet:
            for row in range(first, first + N_COPIED):
                own, other = sheet.cell(row, 2).value, pasted[row - FIRST_ROW]
                is_first = sheet.cell(row, 6).value == "NA"
                if not recordings and (other[5] == "NA") != is_first:
                    continue  # NA where it is not allowed would be said
                for column in (*([2] if recordings else []), *CODE_COLUMNS):
                    sheet.cell(row, column).value = other[column - 1]
                    wanted.touched.add((name, f"{letter(column)}{row}"))
                if recordings and own != other[1]:
                    wanted.spots.add(("recording_changed", name, f"B{row}"))
        return wanted

    return harm


def _pasted_by_session(folder: Path, rng: random.Random) -> Wanted:
    """The other's codes of ten sessions, each beside its own id."""
    source, target = rng.choice((("R1", "R2"), ("R2", "R1")))
    pasted = {row[0]: row for row in rows_of(folder / "incoming" / book_of(source))}
    with Opened(folder / "incoming" / book_of(target)) as sheet:
        for row, column in itertools.product(rng.sample(ROWS, N_COPIED), CODE_COLUMNS):
            sheet.cell(row, column).value = pasted[sheet.cell(row, 1).value][column - 1]
    return Wanted()


# shifted


def _shifted(sheet: Any, column: int, first: Any, *, below: bool) -> Any:
    """Move a column down by one row; what was in its last row."""
    held = [sheet.cell(row, column).value for row in ROWS]
    for row, value in zip(ROWS, [first, *held[:-1]], strict=True):
        sheet.cell(row, column).value = value
    if below:
        sheet.cell(LAST_ROW + 1, column).value = held[-1]
    return held[-1]


def _column_down(*, first: str, below: bool = False) -> Harm:
    """A column of codes is moved down: its first cell is left empty or repeated, its last code falls out or below."""

    def harm(folder: Path, rng: random.Random) -> Wanted:
        name, column = book_of(rng.choice(("R1", "R2", "R3"))), rng.choice((3, 4, 5, 8))
        with Opened(folder / "incoming" / name) as sheet:
            filled = sheet.cell(FIRST_ROW, column).value if first == "repeated" else None
            _shifted(sheet, column, filled, below=below)
        spots = set() if first == "repeated" else {("missing_rating", name, f"{letter(column)}{FIRST_ROW}")}
        spots |= {("unknown_session", name, f"A{LAST_ROW + 1}")} if below else set()
        return Wanted(spots, {(name, f"{letter(column)}{row}") for row in ROWS})

    return harm


def _column_up(folder: Path, rng: random.Random) -> Wanted:
    name, column = book_of(rng.choice(("R1", "R2", "R3"))), rng.choice((3, 4, 5, 8))
    with Opened(folder / "incoming" / name) as sheet:
        held = [sheet.cell(row, column).value for row in ROWS]
        for row, value in zip(ROWS, [*held[1:], None], strict=True):
            sheet.cell(row, column).value = value
    spot = ("missing_rating", name, f"{letter(column)}{LAST_ROW}")
    return Wanted({spot}, {(name, f"{letter(column)}{row}") for row in ROWS})


def _na_column_down(folder: Path, rng: random.Random) -> Wanted:
    """A column with NA in first sessions: the NA fall where they are not allowed."""
    name, column = book_of(rng.choice(("R1", "R2", "R3"))), rng.choice((6, 7))
    with Opened(folder / "incoming" / name) as sheet:
        first_sessions = {row for row in ROWS if sheet.cell(row, 6).value == "NA"}
        _shifted(sheet, column, None, below=False)
        fallen = {row for row in ROWS if sheet.cell(row, column).value == "NA" and row not in first_sessions}
    spots = {("not_applicable_here", name, f"{letter(column)}{row}") for row in fallen if column == 6}
    return Wanted(
        {("missing_rating", name, f"{letter(column)}{FIRST_ROW}"), *spots},
        {(name, f"{letter(column)}{row}") for row in ROWS},
    )


def _ids_down(folder: Path, rng: random.Random) -> Wanted:
    name = book_of(rng.choice(("R1", "R2", "R3")))
    with Opened(folder / "incoming" / name) as sheet:
        _shifted(sheet, 1, None, below=False)
    touched = {(name, f"{letter(column)}{row}") for row in ROWS for column in (1, 6, 7)}  # NA under another session
    spots = {("recording_changed", name, f"B{row}") for row in ROWS[1:]}
    return Wanted({("unknown_session", name, f"A{FIRST_ROW}"), *spots}, touched, {"row_missing"})


def _recordings_down(folder: Path, rng: random.Random) -> Wanted:
    name = book_of(rng.choice(("R1", "R2", "R3")))
    with Opened(folder / "incoming" / name) as sheet:
        _shifted(sheet, 2, sheet.cell(LAST_ROW, 2).value, below=False)
    return Wanted({("recording_changed", name, f"B{row}") for row in ROWS})


def _codes_down(folder: Path, rng: random.Random) -> Wanted:
    """All codes by one row: the first session is empty, the last codes stand beside no id."""
    name = book_of(rng.choice(("R1", "R2", "R3")))
    with Opened(folder / "incoming" / name) as sheet:
        for column in CODE_COLUMNS:
            _shifted(sheet, column, None, below=True)
    touched = {(name, f"{letter(column)}{row}") for row in ROWS for column in CODE_COLUMNS}
    return Wanted({("row_empty", name, f"C{FIRST_ROW}"), ("unknown_session", name, f"A{LAST_ROW + 1}")}, touched)


# typed twice


def _typed_again(folder: Path, name: str) -> Path:
    (folder / AGAIN).mkdir(exist_ok=True)
    return Path(shutil.copy(folder / "incoming" / name, folder / AGAIN / name))


def _again(change: Callable[[Any, int, int, str], set[tuple[str, str, str]]], *, whole_row: bool = False) -> Harm:
    """Something is done to one cell or row of the second entry."""

    def harm(folder: Path, rng: random.Random) -> Wanted:
        name, row, column = book_of(rng.choice(("R1", "R2", "R3"))), rng.choice(ROWS), rng.choice((3, 4, 5, 8))
        with Opened(_typed_again(folder, name)) as sheet:
            spots = change(sheet, row, column, name)
        columns = CODE_COLUMNS if whole_row else (column,)
        places = {f"{letter(one)}{row}" for one in columns}
        return Wanted(spots, {(file, cell) for file in (name, f"{AGAIN}/{name}") for cell in places})

    return harm


def _another_code(sheet: Any, row: int, column: int, name: str) -> set[tuple[str, str, str]]:
    sheet.cell(row, column).value = (sheet.cell(row, column).value + 1) % 5
    return {("entry_differs", name, f"{letter(column)}{row}")}


def _left_empty(sheet: Any, row: int, column: int, name: str) -> set[tuple[str, str, str]]:
    sheet.cell(row, column).value = None
    cell = f"{letter(column)}{row}"
    return {("missing_rating", f"{AGAIN}/{name}", cell), ("entry_alone", name, cell)}


def _no_code(sheet: Any, row: int, column: int, name: str) -> set[tuple[str, str, str]]:
    sheet.cell(row, column).value = -7
    cell = f"{letter(column)}{row}"
    return {("out_of_range", f"{AGAIN}/{name}", cell), ("entry_alone", name, cell)}


def _row_gone(sheet: Any, row: int, column: int, name: str) -> set[tuple[str, str, str]]:
    sheet.delete_rows(row)
    return {("row_missing", f"{AGAIN}/{name}", "")}


def _row_left_empty(sheet: Any, row: int, column: int, name: str) -> set[tuple[str, str, str]]:
    for one in CODE_COLUMNS:
        sheet.cell(row, one).value = None
    return {("row_empty", f"{AGAIN}/{name}", f"C{row}")}


def _not_codable(sheet: Any, row: int, column: int, name: str) -> set[tuple[str, str, str]]:
    differing = [one for one in CODE_COLUMNS if sheet.cell(row, one).value is not None]
    _row_left_empty(sheet, row, column, name)
    sheet.cell(row, 9).value = "poor_sound"
    return {("entry_differs", name, f"{letter(one)}{row}") for one in differing}


def _id_mistyped(folder: Path, rng: random.Random) -> Wanted:
    name, row = book_of(rng.choice(("R1", "R2", "R3"))), rng.choice(ROWS)
    with Opened(_typed_again(folder, name)) as sheet:
        sheet.cell(row, 1).value = f"{sheet.cell(row, 1).value[:-1]}A"
    again = f"{AGAIN}/{name}"
    touched = {(again, f"{column}{row}") for column in "BFG"}
    return Wanted({("unknown_session", again, f"A{row}")}, touched, {"row_missing"})


def _another_sheet(folder: Path, rng: random.Random) -> Wanted:
    """The second time the sheet of the other rater of the same sessions was typed."""
    own, other = rng.choice((("R1", "R2"), ("R2", "R1")))
    name = book_of(own)
    codes = {row[0]: row for row in rows_of(folder / "incoming" / book_of(other))}
    wanted = Wanted()
    with Opened(_typed_again(folder, name)) as sheet:
        for row, column in itertools.product(ROWS, CODE_COLUMNS):
            typed = codes[sheet.cell(row, 1).value][column - 1]
            if typed != sheet.cell(row, column).value:
                wanted.spots.add(("entry_differs", name, f"{letter(column)}{row}"))
            sheet.cell(row, column).value = typed
    return wanted


def _two_rows_swapped(folder: Path, rng: random.Random) -> Wanted:
    """The codes of two sessions changed places in the second entry."""
    name = book_of(rng.choice(("R1", "R2", "R3")))
    wanted = Wanted()
    with Opened(_typed_again(folder, name)) as sheet:
        own = [row for row in ROWS if sheet.cell(row, 6).value != "NA"]
        one, other = rng.sample(own, 2)
        for column in CODE_COLUMNS:
            a, b = sheet.cell(one, column), sheet.cell(other, column)
            if a.value != b.value:
                wanted.spots |= {("entry_differs", name, cell.coordinate) for cell in (a, b)}
            a.value, b.value = b.value, a.value
    return wanted


def _again_down(folder: Path, rng: random.Random) -> Wanted:
    """A column of the second entry slipped by one row; its first cell was repeated."""
    name, column = book_of(rng.choice(("R1", "R2", "R3"))), rng.choice((3, 4, 5, 8))
    with Opened(_typed_again(folder, name)) as sheet:
        before = [sheet.cell(row, column).value for row in ROWS]
        _shifted(sheet, column, before[0], below=False)
        differing = [row for row, value in zip(ROWS, before, strict=True) if sheet.cell(row, column).value != value]
    return Wanted({("entry_differs", name, f"{letter(column)}{row}") for row in differing})


def _first_never_came(folder: Path, rng: random.Random) -> Wanted:
    """What was typed twice stands in the second entry alone."""
    name = book_of(rng.choice(("R1", "R2", "R3")))
    path = _typed_again(folder, name)
    (folder / "incoming" / name).unlink()
    filled = {f"{letter(column)}{row}" for row, column in itertools.product(ROWS, CODE_COLUMNS)}
    return Wanted({("entry_alone", f"{AGAIN}/{path.name}", cell) for cell in filled})


# decided by two people


def decisions(folder: Path, rng: random.Random) -> None:
    """Lay the disagreements side by side and decide every one of them."""
    study = load_study(folder)
    write_consensus(study, read_study_ratings(study).ratings)
    with Opened(folder / CONSENSUS / DECISIONS, "Decide") as sheet:
        agreed, decided = (heads_of(sheet)[name] for name in ("agreed", "decided_by"))
        for row in range(2, sheet.max_row + 1):
            sheet.cell(row, agreed).value = rng.randint(0, 4)
            sheet.cell(row, decided).value = rng.choice(("consensus", "expert"))


def heads_of(sheet: Any) -> dict[str, int]:
    return {cell.value: cell.column for cell in sheet[1]}


def _decided(change: Callable[[Any, dict[str, int], int, random.Random], Wanted]) -> Harm:
    """Something is done to one row of the workbook of decisions."""

    def harm(folder: Path, rng: random.Random) -> Wanted:
        with Opened(folder / CONSENSUS / DECISIONS, "Decide") as sheet:
            heads = heads_of(sheet)
            rows = [row for row in range(2, sheet.max_row) if sheet.cell(row, heads["item"]).value in CODED]
            return change(sheet, heads, rng.choice(rows), rng)

    return harm


def _at(code: str, heads: dict[str, int], head: str, row: int) -> Wanted:
    return Wanted({(code, DECISIONS, f"{letter(heads[head])}{row}")})


def _set(code: str, head: str, value: Any, at: str = "") -> Harm:
    """Something is typed under a head; it is found there, or under another head of the row."""

    def change(sheet: Any, heads: dict[str, int], row: int, rng: random.Random) -> Wanted:
        sheet.cell(row, heads[head]).value = value
        return _at(code, heads, at or head, row) if code else Wanted()

    return _decided(change)


def _spoiled(code: str, spoil: Callable[[Any, int, int], None]) -> Harm:
    """A value is typed under *agreed* as it is typed into a rating cell."""

    def change(sheet: Any, heads: dict[str, int], row: int, rng: random.Random) -> Wanted:
        spoil(sheet, row, heads["agreed"])
        return _at(code, heads, "agreed", row)

    return _decided(change)


def _row_twice(sheet: Any, heads: dict[str, int], row: int, rng: random.Random) -> Wanted:
    last = sheet.max_row + 1
    for column in heads.values():
        sheet.cell(last, column).value = sheet.cell(row, column).value
    sheet.cell(last, heads["agreed"]).value = (sheet.cell(row, heads["agreed"]).value + 1) % 5
    return _at("decided_twice", heads, "agreed", last)


def _row_removed(sheet: Any, heads: dict[str, int], row: int, rng: random.Random) -> Wanted:
    sheet.delete_rows(row)
    return Wanted()


def _another_decision(sheet: Any, heads: dict[str, int], row: int, rng: random.Random) -> Wanted:
    cell = sheet.cell(row, heads["agreed"])
    cell.value = (cell.value + 1) % 5
    return Wanted()


def _code_edited(sheet: Any, heads: dict[str, int], row: int, rng: random.Random) -> Wanted:
    cell = sheet.cell(row, heads["code_1"])
    cell.value = 0 if str(cell.value) != "0" else 1
    return _at("decision_outdated", heads, "agreed", row)


def _merged(sheet: Any, heads: dict[str, int], row: int, rng: random.Random) -> Wanted:
    column = heads["agreed"]
    sheet.merge_cells(start_row=row, start_column=column, end_row=row + 1, end_column=column)
    return _at("merged_cells", heads, "agreed", row)


def _head(value: Any) -> Callable[[Any, dict[str, int], int, random.Random], Wanted]:
    def change(sheet: Any, heads: dict[str, int], row: int, rng: random.Random) -> Wanted:
        sheet.cell(1, heads["agreed"]).value = value
        return Wanted({("header_renamed", DECISIONS, f"{letter(heads['agreed'])}1")}, also={"no_decision"})

    return change


def _sheet_renamed(sheet: Any, heads: dict[str, int], row: int, rng: random.Random) -> Wanted:
    sheet.title = "Decided"
    return Wanted({("sheet_missing", DECISIONS, "")}, also={"no_decision"})


def _stamp(key: str, value: str | None, code: str) -> Callable[[Any, dict[str, int], int, random.Random], Wanted]:
    def change(sheet: Any, heads: dict[str, int], row: int, rng: random.Random) -> Wanted:
        for cells in sheet.parent["Stamp"].iter_rows():
            if cells[0].value == key:
                cells[1].value = value
        return Wanted({(code, DECISIONS, "")}, also={"no_decision"})

    return change


def _corrected(folder: Path, rng: random.Random) -> Wanted:
    """A rater corrects a code on which something was decided; the ledger has not taken the correction in."""
    sheet = load_workbook(folder / CONSENSUS / DECISIONS)["Decide"]
    heads = heads_of(sheet)
    row = rng.choice([row for row in range(2, sheet.max_row + 1) if sheet.cell(row, heads["item"]).value in CODED])
    session, item, rater = (sheet.cell(row, heads[name]).value for name in ("session_id", "item", "rater_1"))
    with Opened(folder / "incoming" / book_of(rater)) as own:
        columns = {cell.value: cell.column for cell in own[4]}
        line = next(line for line in ROWS if own.cell(line, 1).value == session)
        cell = own.cell(line, columns[item])
        cell.value = 3 if cell.value != 3 else 2
    return _at("decision_outdated", heads, "agreed", row)


def _torn(folder: Path, rng: random.Random) -> Wanted:
    """The file broke off on its way."""
    path = folder / CONSENSUS / DECISIONS
    data = path.read_bytes()
    path.write_bytes(data[: rng.randint(len(data) // 3, len(data) - 30)])
    return Wanted({("unreadable_file", DECISIONS, "")}, also={"no_decision"})


def typed_decisions() -> list[StudyKind]:
    """What is typed into a rating cell, typed under *agreed*: one of each code, and the strangest of them."""
    names = (
        "text 'x'", "text '1-2'", "number 5", "number -1", "half 2.5", "boolean True", "date 2021-03-02", "error #N/A",
        "clock '1:30'", "formula =1+1", "percent 1 0%", "listed '3 '",
    )  # fmt: skip
    known = {kind.name: kind for kind in values()}
    found = [known[name] for name in names if name in known]
    return [StudyKind(f"decided: {one.name}", one.code, _spoiled(one.code, one.spoil), "decided") for one in found]


KINDS: list[StudyKind] = [
    StudyKind("withdrawn: file removed after its import", "file_absent", _removed),
    StudyKind("withdrawn: in the ledger, the file is there", "withdrawn_file", _withdrawn),
    StudyKind("withdrawn: in the ledger, the file is gone", "", _withdrawn_and_removed),
    StudyKind("withdrawn: file moved into a folder inside", "not_read", _in_a_folder),
    StudyKind("withdrawn: file under another name", "", _renamed),
    StudyKind("withdrawn: an older state sent again", "older_file", _older_again),
    StudyKind("withdrawn: the file sent twice", "duplicate_rating", _sent_twice),
    StudyKind("withdrawn: the empty workbook in its place", "row_empty", _sent_empty),
    StudyKind("withdrawn: removed before its import", "", _removed_before, "read"),
    StudyKind("copied: 10 rows of other sessions, with ids", "not_assigned", _strangers_rows),
    StudyKind("copied: 10 rows of shared sessions, with ids", "duplicate_rating", _shared_rows),
    StudyKind("copied: all rows of another, with ids", "stamp_differs", _all_rows),
    StudyKind("copied: the whole file of another", "stamp_differs", _whole_file),
    StudyKind("copied: 10 rows by place, with recordings", "recording_changed", _pasted_by_place(recordings=True)),
    StudyKind("copied: 10 rows by place, codes alone", "", _pasted_by_place(recordings=False)),
    StudyKind("copied: 10 rows by session, codes alone", "", _pasted_by_session),
    StudyKind("shifted: a column down, its first cell empty", "missing_rating", _column_down(first="empty")),
    StudyKind("shifted: a column down, its last code below", "missing_rating", _column_down(first="empty", below=True)),
    StudyKind("shifted: a column up, its last cell empty", "missing_rating", _column_up),
    StudyKind("shifted: a column with NA down", "not_applicable_here", _na_column_down),
    StudyKind("shifted: a column down, its first cell repeated", "", _column_down(first="repeated")),
    StudyKind("shifted: the ids down", "recording_changed", _ids_down),
    StudyKind("shifted: the recordings down", "recording_changed", _recordings_down),
    StudyKind("shifted: all codes down", "row_empty", _codes_down),
    StudyKind("typed twice: another code", "entry_differs", _again(_another_code)),
    StudyKind("typed twice: a cell empty", "entry_alone", _again(_left_empty)),
    StudyKind("typed twice: no code of the item", "entry_alone", _again(_no_code)),
    StudyKind("typed twice: a row missing", "row_missing", _again(_row_gone)),
    StudyKind("typed twice: a row empty", "row_empty", _again(_row_left_empty, whole_row=True)),
    StudyKind("typed twice: a row not codable", "entry_differs", _again(_not_codable, whole_row=True)),
    StudyKind("typed twice: an id mistyped", "unknown_session", _id_mistyped),
    StudyKind("typed twice: another's sheet", "entry_differs", _another_sheet),
    StudyKind("typed twice: two rows in each other's place", "entry_differs", _two_rows_swapped),
    StudyKind("typed twice: a column slipped", "entry_differs", _again_down),
    StudyKind("typed twice: the first never came", "entry_alone", _first_never_came, "read"),
    *typed_decisions(),
    StudyKind("decided: an id of nobody", "unknown_session", _set("unknown_session", "session_id", "S-99Z"), "decided"),
    StudyKind("decided: the id gone", "unknown_session", _set("unknown_session", "session_id", None), "decided"),
    StudyKind("decided: no item", "unknown_item", _set("unknown_item", "item", "warmth"), "decided"),
    StudyKind("decided: by nobody", "unknown_decider", _set("unknown_decider", "decided_by", "me"), "decided"),
    StudyKind("decided: a row twice", "decided_twice", _decided(_row_twice), "decided"),
    StudyKind("decided: a code beside it edited", "decision_outdated", _decided(_code_edited), "decided"),
    StudyKind("decided: a rater beside it edited", "decision_outdated",
              _set("decision_outdated", "rater_1", "R3", "agreed"), "decided"),
    StudyKind("decided: the rater corrected hers later", "decision_outdated", _corrected, "decided"),
    StudyKind("decided: cells merged", "merged_cells", _decided(_merged), "decided"),
    StudyKind("decided: head renamed", "header_renamed", _decided(_head("code")), "decided"),
    StudyKind("decided: head gone", "header_renamed", _decided(_head(None)), "decided"),
    StudyKind("decided: sheet renamed", "sheet_missing", _decided(_sheet_renamed), "decided"),
    StudyKind("decided: stamp half empty", "no_stamp", _decided(_stamp("rater", None, "no_stamp")), "decided"),
    StudyKind("decided: stamp of another version", "wrong_version",
              _decided(_stamp("version", "0.1", "wrong_version")), "decided"),
    StudyKind("decided: the file broken off", "unreadable_file", _torn, "decided"),
    StudyKind("decided: another allowed code", "", _decided(_another_decision), "decided"),
    StudyKind("decided: the decision cleared", "", _set("", "agreed", None), "decided"),
    StudyKind("decided: a row removed", "", _decided(_row_removed), "decided"),
]  # fmt: skip


@dataclass(frozen=True)
class State:
    """The study before the damage, and what is said of it then."""

    folder: Path
    problems: Counter[Said]
    ratings: frozenset[tuple[Any, ...]]


def said_of(rated: StudyRatings) -> Counter[Said]:
    return Counter((one.code, one.file, one.cell, one.subject, one.found) for one in rated.problems)


def codes_of(rated: StudyRatings) -> frozenset[tuple[Any, ...]]:
    columns = rated.ratings[["session_id", "rater", "item", "value", "missing_code"]].astype(object)
    return frozenset(columns.where(columns.notna(), None).itertuples(index=False, name=None))


def set_states(folder: Path) -> dict[str, State]:
    """The study as it came back, taken in, and with decisions on every disagreement."""
    made = make_small(folder / "read")
    told = (made / "study.toml").read_text(encoding="utf-8")
    (made / "study.toml").write_text(f"{told}consensus = true\n", encoding="utf-8")
    imported = Path(shutil.copytree(made, folder / "imported"))
    import_study(load_study(imported))
    decided = Path(shutil.copytree(imported, folder / "decided"))
    decisions(decided, random.Random(14))
    states = {}
    for path in (made, imported, decided):
        rated = read_study_ratings(load_study(path))
        wrong = [str(one) for one in rated.problems if one.code != "no_decision"]
        if wrong:
            raise AssertionError(wrong)
        states[path.name] = State(path, said_of(rated), codes_of(rated))
    return states


def run(kinds: Sequence[StudyKind], places: int, seed: int = 14) -> dict[str, Count]:
    """Do each damage so many times."""
    counts: dict[str, Count] = {}
    with tempfile.TemporaryDirectory() as scratch:
        states = set_states(Path(scratch))
        for kind in kinds:
            rng = random.Random(f"{seed}/{kind.name}")
            count = counts[kind.name] = Count()
            for _ in range(places):
                folder = Path(shutil.copytree(states[kind.state].folder, Path(scratch) / "damaged"))
                one_damage(kind, count, states[kind.state], folder, rng)
                shutil.rmtree(folder)
    return counts


def one_damage(kind: StudyKind, count: Count, state: State, folder: Path, rng: random.Random) -> None:
    """Damage a study, read it, and hold what is said of it to what was to be said."""
    wanted = kind.harm(folder, rng)
    study = load_study(folder)
    try:
        rated = read_study_ratings(study)
    except Exception as wrong:  # a traceback for the coordinator
        count.crashed += 1
        print(f"{kind.name}: {wrong!r}", file=sys.stderr)
        return
    new = list((said_of(rated) - state.problems).elements())
    spots = {one[:3] for one in new}
    count.done += len(wanted.spots) or 1
    count.found += len(wanted.spots & spots)
    count.reported += len(new)
    strays = [
        one for one in new
        if one[:3] not in wanted.spots and one[1:3] not in wanted.touched and one[0] not in wanted.also
    ]  # fmt: skip
    count.stray += len(strays)
    if strays or wanted.spots - spots:
        print(f"{kind.name}: missed {sorted(wanted.spots - spots)[:4]}, elsewhere {strays[:4]}", file=sys.stderr)
    count.impossible += impossible(rated.ratings, study) + impossible(rated.decided, study)
    count.impossible += int(rated.ratings["source_file"].isin(wanted.gone).sum())
    count.impossible += len(codes_of(rated) ^ state.ratings) if wanted.stays else 0
