"""More than a hundred kinds of damage done to a rater's workbook, ten places each: is each found at its cell?

The table KINDS was written before anything was mended. ``python tests/hostile/damage.py`` prints the
counts by kind; what it printed stands in ``damage.txt``.
"""

from __future__ import annotations

import datetime as dt
import random
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from openpyxl import load_workbook

from doublecode.coding.reading.incoming import read_workbook
from doublecode.coding.workbooks.mark import write_redpen
from doublecode.schemas.study import Study, load_study

STUDY = Path(str(files("doublecode.data_examples"))) / "adolescent_cbt"
ITEMS = ("rationale", "negotiate", "specificity", "reactions", "goals", "praise")


@dataclass(frozen=True)
class Kind:
    """One kind of damage: what is done to the sheet at a cell, and which code finds it ("" if nothing can)."""

    name: str
    code: str
    spoil: Callable[[Any, int, int], None]
    at_cell: bool = True
    is_value: bool = True


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


def shapes() -> list[Kind]:
    """Rows, heads, sheets and stamps that were changed."""

    def put(column: int, value: Any) -> Callable[[Any, int], None]:
        return lambda sheet, row: sheet.cell(row, column).__setattr__("value", value)

    def double(sheet: Any, row: int) -> None:
        sheet.cell(row, 1).value = sheet.cell(row - 1 if row > 5 else row + 1, 1).value

    def letter(sheet: Any, row: int) -> None:
        text = str(sheet.cell(row, 1).value)
        sheet.cell(row, 1).value = f"{text[:-1]}{'A' if text[-1] != 'A' else 'B'}"

    def hide_column(sheet: Any, row: int, column: int) -> None:
        sheet.column_dimensions[sheet.cell(4, column).column_letter].hidden = True

    def merge(sheet: Any, row: int, column: int) -> None:
        sheet.merge_cells(start_row=row, start_column=column, end_row=row + 1, end_column=column)

    kinds = [
        ("id gone", "unknown_session", of_row(put(1, None))),
        ("id of nobody", "unknown_session", of_row(put(1, "S-ZZZZ"))),
        ("id twice", "duplicate_rating", of_row(double)), ("id mistyped", "unknown_session", of_row(letter)),
        ("row deleted", "row_missing", of_row(lambda sheet, row: sheet.delete_rows(row))),
        ("row hidden", "hidden_rows", of_row(lambda sheet, row: sheet.row_dimensions[row].__setattr__("hidden", True))),
        ("column hidden", "hidden_rows", hide_column), ("cells merged", "merged_cells", merge),
        ("head renamed", "header_renamed", lambda s, r, c: s.cell(4, c).__setattr__("value", "rating")),
        ("head gone", "header_renamed", lambda s, r, c: s.cell(4, c).__setattr__("value", None)),
        ("head with PHQ", "blinding_breach", lambda s, r, c: s.cell(4, 20).__setattr__("value", "PHQ-9")),
        ("column inserted", "extra_column", lambda s, r, c: s.cell(4, 20).__setattr__("value", "mine")),
        ("beside the table", "stray_cell", lambda s, r, c: s.cell(r, 25).__setattr__("value", "here")),
        ("recording changed", "recording_changed", of_row(put(2, "other.mp3"))),
        ("sheet renamed", "sheet_missing", lambda s, r, c: s.__setattr__("title", "Rating")),
        ("stamp gone", "no_stamp", lambda s, r, c: s.parent.remove(s.parent["Stamp"])),
        ("stamp of another rater", "not_assigned", stamped("rater", "R99")),
        ("stamp of another batch", "not_assigned", stamped("batch", "batch77")),
        ("stamp of another version", "wrong_version", stamped("version", "0.1")),
        ("stamp of another hash", "wrong_version", stamped("hash", "0" * 64)),
        ("stamp of another study", "wrong_instrument", stamped("study", "else")),
        ("stamp of another book", "wrong_instrument", stamped("instrument", "else")),
        ("stamp half empty", "no_stamp", stamped("rater", "")),
        ("sheet with outcomes", "blinding_breach", lambda s, r, c: s.parent.create_sheet("PHQ-9")),
    ]  # fmt: skip
    return [Kind(name, code, spoil, at_cell=False, is_value=False) for name, code, spoil in kinds]


KINDS: list[Kind] = [
    *values(),
    *shapes(),
    Kind("another valid code", "", typed(2), is_value=False),
]


def clean_workbook(study: Study) -> Path:
    """A workbook of the example study that bears no error."""
    for path in sorted((study.folder / "incoming").glob("*_thabs_*.xlsx")):
        if not any(one.severity == "error" for one in read_workbook(path, study=study)[1]):
            return path
    sys.exit("no clean workbook")


@dataclass
class Count:
    """What became of one kind."""

    done: int = 0
    found: int = 0
    accepted: int = 0
    copied: int = 0
    copies: int = 0
    mended: int = 0
    clean: int = 0


def run(kinds: Sequence[Kind], positions: int, seed: int = 10) -> dict[str, Count]:
    """Do each damage at so many places; copies are marked, mended and checked at the first of them."""
    study = load_study(STUDY)
    source = clean_workbook(study)
    before = {(one.code, one.cell) for one in read_workbook(source, study=study)[1]}
    counts: dict[str, Count] = {}
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / source.name
        for kind in kinds:
            rng = random.Random(f"{seed}/{kind.name}")
            count = counts[kind.name] = Count()
            for place in range(positions):
                one_damage(kind, count, source, path, study, rng, before, is_first=place == 0)
    return counts


def one_damage(
    kind: Kind, count: Count, source: Path, path: Path, study: Study, rng: random.Random,
    before: set[tuple[str, str]], *, is_first: bool,
) -> None:  # fmt: skip
    """Damage one place, read, and at the first place mark, mend and read again."""
    workbook = load_workbook(source)
    sheet = workbook["Rate"]
    heads = {cell.value: cell.column for cell in sheet[4]}
    rated = [
        (row, heads[item]) for row in range(5, sheet.max_row) for item in ITEMS
        if item in heads and isinstance(sheet.cell(row, heads[item]).value, int)
    ]  # fmt: skip
    row, column = rng.choice(rated)
    cell, style, value = (
        sheet.cell(row, column).coordinate,
        sheet.cell(row, column).number_format,
        sheet.cell(row, column).value,
    )
    kind.spoil(sheet, row, column)
    workbook.save(path)
    ratings, problems = read_workbook(path, study=study)
    count.done += 1
    count.found += any(one.code == kind.code and (one.cell == cell or not kind.at_cell) for one in problems)
    severe = kind.is_value and kind.code != "text_number"
    count.accepted += severe and cell in set(ratings["source_cell"])
    if not is_first or not severe:
        return
    copy = write_redpen(path, problems, path.with_name(f"copy_{path.name}"))
    again = {(one.code, one.cell, one.found) for one in read_workbook(copy, study=study)[1] if one.severity == "error"}
    count.copies += 1
    count.copied += again == {(one.code, one.cell, one.found) for one in problems if one.severity == "error"}
    workbook = load_workbook(copy)
    mended = workbook["Rate"][cell]
    mended.number_format = "General" if style == "General" else style
    mended.value = value
    workbook.save(copy)
    count.mended += 1
    count.clean += {(one.code, one.cell) for one in read_workbook(copy, study=study)[1]} <= before


def main(positions: int = 10) -> None:
    """Print the counts by kind."""
    counts = run(KINDS, positions)
    for kind in KINDS:
        one = counts[kind.name]
        remarks = [
            f"accepted {one.accepted}" if one.accepted else "",
            "copy differs" if one.copied < one.copies else "",
            "not clean" if one.clean < one.mended else "",
        ]
        print(f"{kind.name:<40} {kind.code or '(nothing can find it)':<22} {one.found:>3} of {one.done}", *remarks)
    detectable = [counts[kind.name] for kind in KINDS if kind.code]
    found, done = sum(one.found for one in detectable), sum(one.done for one in detectable)
    print(f"{len(KINDS)} kinds, {positions} places each; detectable damage found at its cell {found} of {done}"
          f" ({found / done:.1%}); impossible values accepted {sum(one.accepted for one in detectable)}")  # fmt: skip
    print(f"marked copies that check the same {sum(one.copied for one in detectable)} of "
          f"{sum(one.copies for one in detectable)}; clean after the advice {sum(one.clean for one in detectable)} of "
          f"{sum(one.mended for one in detectable)}")  # fmt: skip


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10)
