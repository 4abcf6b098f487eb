"""More than a hundred kinds of damage done to a rater's workbook, thirty places each: is each found at its cell?

The tables of kinds (KINDS here and in ``study_damage.py``) were written before anything was mended: which code is to be
said where, and which other codes may be said of the same damage. Whatever else is reported counts against precision.
``python tests/hostile/damage.py [PLACES [PLACES OF STUDIES [SETS]]]`` prints the counts by kind, here, for damage to a
study, and what the screens see of what no cell can show; what it printed stands in ``damage.txt``.
"""

from __future__ import annotations

import datetime as dt
import io
import random
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from openpyxl import load_workbook
from small_study import CODED, FIRST_ROW, HEADS, book_of, impossible, make_small

from doublecode.coding.reading.expectations import load_expected
from doublecode.coding.reading.one_workbook import read_file
from doublecode.coding.reading.ratings_builder import Collector
from doublecode.coding.workbooks.mark import write_redpen
from doublecode.schemas.problems import Problem
from doublecode.schemas.study import Study, load_study

CELL, ID, RECORDING, HEAD, FILE = "cell", "id", "recording", "head", "file"


@dataclass(frozen=True)
class Kind:
    """One kind of damage.

    Attributes
    ----------
    name : str
    code : str
        What finds it; empty if nothing can.
    spoil : callable
        Does it to the sheet at a row and column.
    at : str
        Where it is to be found: the cell, the id or the recording of its row, the head of its column, the file (or a
        sheet as a whole), or a cell by its name with {row} or {letter}.
    also : frozenset of str
        Codes that may be said of the same damage besides.
    is_value : bool
        Whether a value was typed into a rating cell, which must not be taken in.
    """

    name: str
    code: str
    spoil: Callable[[Any, int, int], None]
    at: str = CELL
    also: frozenset[str] = frozenset()
    is_value: bool = True

    def place(self, row: int, letter: str) -> str:
        """The cell at which it is to be found; empty for a whole file or sheet."""
        known = {CELL: f"{letter}{row}", ID: f"A{row}", RECORDING: f"B{row}", HEAD: f"{letter}{HEADS}", FILE: ""}
        if self.at in known:
            return known[self.at]
        return self.at.format(row=row, letter=letter, second=max(row, FIRST_ROW + 1))


def typed(value: Any, style: str | None = None, kind: str | None = None) -> Callable[[Any, int, int], None]:
    """Type a value into the cell."""

    def spoil(sheet: Any, row: int, column: int) -> None:
        cell = sheet.cell(row, column)
        cell.value = value
        if style is not None:
            cell.number_format = style
        if kind is not None:
            cell.data_type = kind

    return spoil


def values() -> list[Kind]:
    """Wrong values typed into a rating cell."""
    texts = (
        "x", "1,000", "1.000", "2.000", "3,000", "1 000", "<1", ">3", "25%", "1-2", "2/3", "½", "3?", "~2", "2 or 3",
        "#",
        "--", "NaN", "null", "TRUE", "ja", "III", "\uff13", "\u0663", "3e0", "1_0", "0x2", "2..", "1,5,2", "2;3", "(2)",
        "2 3", "drei", "3 (good)", "**", "n. a.", "?", ".", ",", "-", "+", "2-", "e", "1e", "\u00b2", "O", "l",
    )  # fmt: skip
    kinds = [Kind(f"text {text!a}", "not_a_number", typed(text, kind="s")) for text in texts]
    kinds += [Kind(f"number {n}", "out_of_range", typed(n)) for n in (5, -1, 9, 99, 999, -99, -9, 1e9, 1e300)]
    kinds += [Kind(f"text number {t}", "out_of_range", typed(t)) for t in ("5", "-1", "99", "05,5", "2\u200b3")]
    kinds += [Kind(f"half {n!r}", "half_point", typed(n)) for n in (2.5, 0.5, "2,5", "2.5", 3.999999, 1e-9)]
    kinds += [Kind(f"boolean {n}", "boolean_cell", typed(n)) for n in (True, False)]
    dates = (dt.date(2021, 3, 2), dt.datetime(2021, 3, 2, 4, 5), dt.date(1900, 1, 2))
    kinds += [Kind(f"date {n}", "excel_date", typed(n)) for n in dates]
    clocks = (dt.time(1, 30), dt.timedelta(hours=30), "1:30", "01:30:00", "2:15 pm")
    kinds += [Kind(f"clock {n!r}", "clock_duration", typed(n)) for n in clocks]
    kinds += [
        Kind(f"percent {n} {s}", "not_a_number", typed(n, s)) for n, s in ((1, "0%"), (0.5, "0.0%"), (2, "0.00 %"))
    ]
    errors = (
        "#N/A", "#REF!", "#DIV/0!", "#VALUE!", "#NAME?", "#NULL!", "#NUM!", "#SPILL!", "#CALC!", "#GETTING_DATA",
        "#FIELD!", "#BLOCKED!", "#UNKNOWN!", "#CONNECT!", "#BUSY!", "#PYTHON!",
    )  # fmt: skip
    kinds += [Kind(f"error {n}", "error_cell", typed(n, kind="e")) for n in errors]
    kinds += [Kind(f"empty {n!a}", "missing_rating", typed(n)) for n in (None, " ", "\u00a0", "\u200b", "\n")]
    kinds += [Kind(f"formula {n}", "formula_cell", typed(n)) for n in ("=1+1", "=A1", '=IF(1,"","")')]
    kinds += [
        Kind(f"listed {n!a}", "text_number", typed(n)) for n in ("3 ", " 2", "1\u200b", "\u00a00", "in", " IN", "nr")
    ]
    return kinds


def of_row(change: Callable[[Any, int], None]) -> Callable[[Any, int, int], None]:
    """Do something to the row of the cell."""
    return lambda sheet, row, _: change(sheet, row)


def stamped(key: str, value: str) -> Callable[[Any, int, int], None]:
    """Change the hidden stamp."""

    def spoil(sheet: Any, row: int, column: int) -> None:
        for cells in sheet.parent["Stamp"].iter_rows(min_row=1):
            if cells[0].value == key:
                cells[1].value = value

    return spoil


def put(column: int, value: Any) -> Callable[[Any, int], None]:
    """Write something into a column of the row."""
    return lambda sheet, row: sheet.cell(row, column).__setattr__("value", value)


def double(sheet: Any, row: int) -> None:
    """Write the id of the row before, or of the one below the first."""
    sheet.cell(row, 1).value = sheet.cell(row - 1 if row > FIRST_ROW else row + 1, 1).value


def stranger(sheet: Any, row: int) -> None:
    """Write the id of a session that another rater has."""
    ids = {cell.value for cell in sheet["A"]}
    sheet.cell(row, 1).value = next(one for one in ("S-41T", "S-11K") if one not in ids)


def letter(sheet: Any, row: int) -> None:
    """Exchange the last sign of the id."""
    text = str(sheet.cell(row, 1).value)
    sheet.cell(row, 1).value = f"{text[:-1]}{'A' if text[-1] != 'A' else 'B'}"


def hide_column(sheet: Any, row: int, column: int) -> None:
    """Hide the column."""
    sheet.column_dimensions[sheet.cell(HEADS, column).column_letter].hidden = True


def merge(sheet: Any, row: int, column: int) -> None:
    """Merge the cell with the one below."""
    sheet.merge_cells(start_row=row, start_column=column, end_row=row + 1, end_column=column)


def emptied(sheet: Any, row: int) -> None:
    """Clear every code of the row."""
    for cells in sheet.iter_cols(min_col=3, min_row=row, max_row=row):
        cells[0].value = None


def status(reason: str, *, cleared: bool) -> Callable[[Any, int], None]:
    """Type a reason why the session cannot be coded, over its codes or in their place."""

    def spoil(sheet: Any, row: int) -> None:
        if cleared:
            emptied(sheet, row)
        sheet.cell(row, 9).value = reason

    return spoil


def shapes() -> list[Kind]:
    """Rows, heads, sheets and stamps that were changed."""
    set_head = lambda value, at=None: lambda s, r, c: s.cell(HEADS, at or c).__setattr__("value", value)  # noqa: E731
    hidden = of_row(lambda sheet, row: sheet.row_dimensions[row].__setattr__("hidden", True))
    also, lost = frozenset[str], frozenset({"row_missing"})
    strangers = frozenset({"row_missing", "not_assigned"})  # another's sessions, where he has others
    kinds = [
        ("id gone", "unknown_session", of_row(put(1, None)), ID, lost),
        ("id of nobody", "unknown_session", of_row(put(1, "S-ZZZZ")), ID, lost),
        ("id of another rater's session", "not_assigned", of_row(stranger), ID, lost),
        ("id twice", "duplicate_rating", of_row(double), "A{second}", lost),
        ("id mistyped", "unknown_session", of_row(letter), ID, lost),
        ("row deleted", "row_missing", of_row(lambda sheet, row: sheet.delete_rows(row)), FILE, also()),
        ("row emptied", "row_empty", of_row(emptied), "C{row}", also()),
        ("row hidden", "hidden_rows", hidden, ID, also()),
        ("column hidden", "hidden_rows", hide_column, HEAD, also()),
        ("cells merged", "merged_cells", merge, CELL, also()),
        ("head renamed", "header_renamed", set_head("rating"), HEAD, also()),
        ("head gone", "header_renamed", set_head(None), HEAD, also({"stray_cell"})),
        ("head with PHQ", "blinding_breach", set_head("PHQ-9", 20), "T4", also()),
        ("column inserted", "extra_column", set_head("mine", 20), "T4", also()),
        ("beside the table", "stray_cell", of_row(put(25, "here")), "Y{row}", also()),
        ("recording changed", "recording_changed", of_row(put(2, "other.mp3")), RECORDING, also()),
        ("status of none", "out_of_range", of_row(status("tired", cleared=True)), "I{row}", also()),
        ("status over codes", "status_contradicts", of_row(status("poor_sound", cleared=False)), "I{row}", also()),
        ("status without a reason", "reason_missing", of_row(status("other", cleared=True)), "J{row}", also()),
        ("sheet renamed", "sheet_missing", lambda s, r, c: s.__setattr__("title", "Rating"), FILE, also()),
        ("stamp gone", "no_stamp", lambda s, r, c: s.parent.remove(s.parent["Stamp"]), FILE, also()),
        ("stamp of another rater", "stamp_differs", stamped("rater", "R2"), FILE, strangers),
        ("stamp of nobody", "not_assigned", stamped("rater", "R99"), FILE, also()),
        ("stamp of another batch", "not_assigned", stamped("batch", "batch77"), FILE, also()),
        ("stamp of another version", "wrong_version", stamped("version", "0.1"), FILE, also()),
        ("stamp of another hash", "wrong_version", stamped("hash", "0" * 64), FILE, also()),
        ("stamp of another study", "wrong_instrument", stamped("study", "else"), FILE, also()),
        ("stamp of another book", "wrong_instrument", stamped("instrument", "else"), FILE, also()),
        ("stamp half empty", "no_stamp", stamped("rater", ""), FILE, also()),
        ("sheet with outcomes", "blinding_breach", lambda s, r, c: s.parent.create_sheet("PHQ-9"), FILE, also()),
        ("sheet with codes", "extra_sheet", lambda s, r, c: s.parent.create_sheet("Mine").append([1, 2]), FILE, also()),
    ]  # fmt: skip
    return [Kind(name, code, spoil, at, seen, is_value=False) for name, code, spoil, at, seen in kinds]


KINDS: list[Kind] = [
    *values(),
    *shapes(),
    Kind("another valid code", "", lambda s, r, c: s.cell(r, c).__setattr__("value", (s.cell(r, c).value + 1) % 5),
         is_value=False),
]  # fmt: skip


@dataclass
class Count:
    """What became of one kind.

    Attributes
    ----------
    done, found : int
        Damaged files, or places that were to be reported; and those that were, with the code that was written down.
    reported, stray : int
        New problems, and those among them that stand elsewhere, or say what nobody wrote down.
    impossible : int
        Ratings that were taken in and hold what their item does not allow, or stand on the damaged cell.
    """

    done: int = 0
    found: int = 0
    reported: int = 0
    stray: int = 0
    impossible: int = 0
    copied: int = 0
    copies: int = 0
    mended: int = 0
    clean: int = 0
    crashed: int = 0


def run(kinds: Sequence[Kind], positions: int, seed: int = 10) -> dict[str, Count]:
    """Do each damage at so many places; copies are marked, mended and checked at the first of them."""
    counts: dict[str, Count] = {}
    with tempfile.TemporaryDirectory() as scratch:
        study = load_study(make_small(Path(scratch) / "study"))
        sources = [light(study.folder / "incoming" / book_of(rater)) for rater in ("R1", "R3")]
        reader = Reader(study)
        for kind in kinds:
            rng = random.Random(f"{seed}/{kind.name}")
            count = counts[kind.name] = Count()
            for place in range(positions):
                path = Path(scratch) / book_of(("R1", "R3")[place % 2])
                one_damage(
                    kind, count, load_workbook(io.BytesIO(sources[place % 2])), path, reader, rng, is_first=place == 0
                )
    return counts


def light(path: Path) -> bytes:
    """A workbook without the sheets that nobody types into: they take most of the time."""
    workbook = load_workbook(path)
    for name in ("Read me", "Anchors"):
        workbook.remove(workbook[name])
    held = io.BytesIO()
    workbook.save(held)
    return held.getvalue()


class Reader:
    """Reads one file as ``read_workbook`` does; what the study expects is gathered once."""

    def __init__(self, study: Study) -> None:
        self.study, self.expected = study, load_expected(study)

    def read(self, path: Path) -> tuple[pd.DataFrame, list[Problem]]:
        collector = Collector()
        problems = read_file(path, self.expected, collector).problems
        return collector.frame(), problems


def one_damage(
    kind: Kind, count: Count, workbook: Any, path: Path, reader: Reader, rng: random.Random, *, is_first: bool
) -> None:
    """Damage one place of a workbook that bears no error, and read; at the first place mark, mend and read again."""
    sheet = workbook["Rate"]
    columns = {cell.value: cell.column for cell in sheet[HEADS]}
    rated = [
        (row, columns[item]) for row in range(FIRST_ROW, sheet.max_row) for item in CODED
        if isinstance(sheet.cell(row, columns[item]).value, int)
    ]  # fmt: skip
    row, column = rng.choice(rated)
    cell = sheet.cell(row, column)
    where, style, value = cell.coordinate, cell.number_format, cell.value
    wanted = kind.place(row, cell.column_letter)
    kind.spoil(sheet, row, column)
    workbook.save(path)
    count.done += 1
    try:
        ratings, problems = reader.read(path)
    except Exception as wrong:  # a traceback for the coordinator
        count.crashed += 1
        print(f"{kind.name} at {where}: {wrong!r}", file=sys.stderr)
        return
    hits = [one for one in problems if (one.code, one.cell) == (kind.code, wanted)]
    count.found += bool(hits)
    count.reported += len(problems)
    count.stray += len(problems) - len(hits) - sum(one.code in kind.also for one in problems)
    severe = kind.is_value and kind.code != "text_number"
    count.impossible += impossible(ratings, reader.study) + (severe and where in set(ratings["source_cell"]))
    if is_first and severe:
        mark_and_mend(count, path, problems, reader, where, value, style)


def mark_and_mend(
    count: Count, path: Path, problems: Sequence[Problem], reader: Reader, where: str, value: Any, style: str
) -> None:
    """Does the marked copy check the same, and is it clean when the cell holds its code again?"""
    copy = write_redpen(path, problems, path.with_name(f"copy_{path.name}"))
    again = {(one.code, one.cell, one.found) for one in reader.read(copy)[1] if one.severity == "error"}
    count.copies += 1
    count.copied += again == {(one.code, one.cell, one.found) for one in problems if one.severity == "error"}
    workbook = load_workbook(copy)
    mended = workbook["Rate"][where]
    mended.number_format = style
    mended.value = value
    workbook.save(copy)
    count.mended += 1
    count.clean += not [one for one in reader.read(copy)[1] if one.severity != "info"]


def line_of(name: str, code: str, one: Count) -> str:
    """The counts of one kind."""
    remarks = [
        f"{one.stray} of {one.reported} reported elsewhere" if one.stray else "",
        f"{one.impossible} impossible values accepted" if one.impossible else "",
        f"{one.crashed} tracebacks" if one.crashed else "",
        "copy differs" if one.copied < one.copies else "",
        "not clean" if one.clean < one.mended else "",
    ]
    said = " · ".join(filter(None, remarks))
    return f"{name:<46} {code or '(nothing can find it)':<22} {one.found:>4} of {one.done:>4} {said}".rstrip()


def summary(kinds: Sequence[tuple[str, str]], counts: dict[str, Count]) -> str:
    """Recall and precision over the kinds that can be found."""

    def total(key: str, chosen: Callable[[str], object]) -> int:
        return sum(getattr(counts[name], key) for name, code in kinds if chosen(code))

    every = frozenset(code for _, code in kinds).__contains__
    found, done, reported, stray = (total(key, bool) for key in ("found", "done", "reported", "stray"))
    right, n_kinds = reported - stray, sum(bool(code) for _, code in kinds)
    lines = (
        f"{n_kinds} kinds that can be found: recall at the cell {found} of {done} ({found / done:.2%}), "
        f"precision at the cell {right} of {reported} ({right / reported:.2%})",
        f"{len(kinds) - n_kinds} kinds that no cell can show: problems {total('reported', lambda code: not code)}",
        f"impossible values accepted {total('impossible', every)}, tracebacks {total('crashed', every)}",
    )
    return "\n".join(lines)


def tell(title: str, kinds: Sequence[Any], counts: dict[str, Count]) -> None:
    """Print the counts of a table of kinds."""
    print(f"\n{title}\n")
    for kind in kinds:
        print(line_of(kind.name, kind.code, counts[kind.name]))
    print(summary([(kind.name, kind.code) for kind in kinds], counts), flush=True)


def main(arguments: Sequence[str]) -> None:
    """Print the counts by kind."""
    import screened
    import study_damage

    positions, places, sets = (int(arguments[at]) if len(arguments) > at else default
                               for at, default in enumerate((30, 11, 50)))  # fmt: skip
    n_files, n_studies = len(KINDS) * positions, len(study_damage.KINDS) * places
    print(f"{n_files + n_studies} damaged files: {len(KINDS)} kinds of damage to a workbook, {positions} places each;")
    print(f"{len(study_damage.KINDS)} kinds of damage to a study that was taken in, {places} times each")
    counts = run(KINDS, positions)
    tell("One workbook damaged: found, of files", KINDS, counts)
    copied, copies, clean, mended = (sum(getattr(one, key) for one in counts.values())
                                     for key in ("copied", "copies", "clean", "mended"))  # fmt: skip
    print(
        f"marked copies that check the same {copied} of {copies}; clean after the advice {clean} of {mended}",
        flush=True,
    )
    tell("A study damaged: found, of places", study_damage.KINDS, study_damage.run(study_damage.KINDS, places))
    print(f"\nLegal codes in the wrong place: which alarms the screens raise, {sets} studies each\n")
    for name, seen in screened.run(sets).items():
        print(f"{name:<46} {', '.join(f'{screen} {n}' for screen, n in sorted(seen.items())) or 'none'}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
