"""Reads long and wide tables with the same care as workbooks: typed, nothing guessed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import pandas as pd

from doublecode.coding.reading.cells import show_number, show_text
from doublecode.coding.reading.container import Package, open_book, open_package
from doublecode.coding.reading.equal_rows import equal_rows
from doublecode.coding.reading.missing_codes import MissingCodes, missing_remarks
from doublecode.coding.reading.safe_xml import Damaged, TooLarge
from doublecode.coding.reading.sheet_grid import Book, restore_percents
from doublecode.coding.reading.sheet_shape import cell_name
from doublecode.coding.reading.statistics_files import read_statistics, statistics_kind
from doublecode.coding.reading.table_remarks import (
    csv_remarks,
    hidden_in,
    merged_in,
    remarks_on,
    summary_rows,
    unseen_in_cells,
)
from doublecode.schemas.column_types import (
    Oddity,
    Role,
    decimal_mark,
    decimals_on_trust,
    read_values,
    said_grouped,
    table_mark,
)
from doublecode.schemas.csv_rows import read_csv_rows
from doublecode.schemas.errors import ContractError, MissingColumn, UsageError
from doublecode.schemas.frames import said_missing
from doublecode.schemas.letters import as_typed, clean, composed
from doublecode.schemas.problems import Problem

_ADVICE = {
    Oddity.WORD: "found {found}, allowed a number or an empty cell. Correct the cell{or_missing}.",
    Oddity.DATE: "found {found}, a date or a time, where a number is needed. Add a column with days or minutes since a "
    "start and name that one.",
    Oddity.WRITING: "found {found}, allowed a number as the other cells of its column have it: the same decimal mark, "
    "- for minus, nothing between thousands. Write it so.",
    Oddity.DRESSED: "found {found}, and every cell with a sign, a unit or thousands. Write plain numbers.",
}
_NO_NUMBER = ", or name another column: this one holds no number at all"
_MOST_TITLES = 20
_OR_NAMES = " If the column holds names, write C({name}) in the formula."


@dataclass(frozen=True)
class Table:
    """A table as its file has it: rows of typed cells, and how a place in it is called.

    Emptied cells that stood for a missing value are in `declared`: (row, column) → the code; what stood there is in
    `emptied`.
    """

    name: str
    rows: list[list[Any]]
    place: Callable[[int, int], str]
    lines: Sequence[int]
    unsaved: frozenset[str] = frozenset()
    others: tuple[str, ...] = ()
    remarks: tuple[Problem, ...] = ()
    declared: Mapping[tuple[int, int], str] = field(default_factory=dict)
    emptied: Mapping[tuple[int, int], str] = field(default_factory=dict)

    def said(self, read: Collection[int] | None = None) -> list[Problem]:
        """What should be said of the table when the columns `read` are read, all without it."""
        heads = next((texts for cells in self.rows if any(texts := [cell_text(cell) for cell in cells])), [])
        return [*self.remarks, *missing_remarks(self.name, heads, self.emptied, read)]


def read_long(
    path: str | Path,
    columns: Sequence[str],
    sheet: str | None = None,
    *,
    numbers: Sequence[str] | None = None,
    missing: Sequence[str] = (),
    by_line: bool = False,
) -> pd.DataFrame:
    """Read named columns of a long table, without the remarks of :func:`read_rows`, whose parameters it takes."""
    return read_rows(path, columns, sheet, numbers=numbers, missing=missing, by_line=by_line)[0]


def read_rows(
    path: str | Path,
    columns: Sequence[str],
    sheet: str | None = None,
    *,
    numbers: Sequence[str] | None = None,
    texts: Sequence[str] = (),
    roles: Mapping[str, Role] | None = None,
    missing: Sequence[str] = (),
    by_line: bool = False,
) -> tuple[pd.DataFrame, list[Problem]]:
    """Read named columns of a table from a text file (.csv, .tsv, .txt, .tab, .dat) or a workbook.

    Parameters
    ----------
    path : path
    columns : sequence of str
        Columns to read, by the heads in the first filled row.
    sheet : str, optional
        Sheet of a workbook; by default the first.
    numbers : sequence of str, optional
        Columns that must hold numbers; all others are then text, so that an id stays what it is.
        By default a column in which most cells are numbers must hold nothing else. Ids with leading
        zeros (``001``) or a bare exponent (``1E5``) stay text where no cell has a decimal mark.
    texts : sequence of str
        Columns that are text whatever stands in them, such as those that group rows.
    roles : mapping of str to Role, optional
        What columns are used as, such as the terms of a formula; before `numbers` and `texts`.
    missing : sequence of str
        What else stands for a missing value: ``-99``, ``n/a``.
    by_line : bool
        Index the rows by their line in the file, so that what is said of a row is found there;
        by default they are counted from 0.

    Returns
    -------
    table : DataFrame
        `columns` in that order, float64 or str. Empty cells, ``NA`` and `missing` are missing.
    remarks : list of Problem
        Warnings and infos: hidden rows that were read, letters that nobody sees, labels that are nearly
        alike, values far outside the others, what was taken as missing.

    Raises
    ------
    UsageError
        The file cannot be read, or has no such sheet.
    ContractError
        A column is missing or stands twice, or a cell is no number; the message names the cell.
    """
    wanted = list(dict.fromkeys([*columns, *(numbers or ())]))
    table = open_table(Path(path), wanted, sheet)
    filled = [row for row, cells in enumerate(table.rows) if any(cell_text(cell) for cell in cells)]
    if not filled:
        raise ContractError(f"{table.name}: the table is empty. Columns: {', '.join(wanted)}.")
    head, *body = filled
    places = find_columns(table, head, wanted)
    usual = Role.LABEL if numbers is None else Role.TEXT
    asked = dict.fromkeys(texts, Role.TEXT) | dict.fromkeys(numbers or (), Role.NUMBER) | dict(roles or {})
    reader = _Columns(table, body, places, {name: asked.get(name, usual) for name in wanted}, missing)
    frame = pd.DataFrame({name: reader.read(name) for name in columns}, columns=list(columns))
    remarks = [*table.said(places.values()), *reader.remarks, *remarks_on(frame, table.name)]
    remarks += equal_rows(table.rows, head, body, table.name, table.place)
    remarks += summary_rows(table.rows, body, set(places.values()), table.name, table.place)
    return (frame.set_axis([table.lines[row] for row in body], axis=0) if by_line else frame), remarks


def read_wide(
    path: str | Path,
    targets: str,
    raters: Sequence[str],
    sheet: str | None = None,
    *,
    others: Sequence[str] = (),
    missing: Sequence[str] = (),
    as_text: bool = False,
    names: tuple[str, str] = ("rater", "rating"),
) -> tuple[pd.DataFrame, list[Problem]]:
    """Read a table with a row per target and a column per rater, and turn it into the long form.

    Parameters
    ----------
    path : path
    targets : str
        Column of what is rated.
    raters : sequence of str
        Columns that hold one rater's ratings each.
    sheet : str, optional
    others : sequence of str
        Further columns to keep.
    missing : sequence of str
    as_text : bool
        Ratings are names of codes, also where they look like numbers.
    names : (str, str)
        Names of the columns that are made: of the rater and of the rating.

    Returns
    -------
    table : DataFrame
        Index: the line of the file. Columns: targets, others, `names`.
    remarks : list of Problem
        As for :func:`read_rows`.
    """
    kept = list(dict.fromkeys([targets, *others]))
    twice = [name for name, times in Counter([*kept, *raters]).items() if times > 1]
    if twice:
        raise UsageError(f"--raters: the column {twice[0]!r} is named twice; give every rater a column of their own.")
    numbers = () if as_text else raters
    frame, remarks = read_rows(path, [*kept, *raters], sheet, numbers=numbers, missing=missing, by_line=True)
    long = frame.melt(id_vars=kept, value_vars=list(raters), var_name=names[0], value_name=names[1], ignore_index=False)
    return long, remarks


def open_table(path: Path, wanted: Sequence[str], sheet: str | None) -> Table:
    """Open a table, whatever its format; `wanted` columns help to find out what parts the cells of a text file."""
    if not path.is_file():
        what = "is a folder. Name a file in it." if path.is_dir() else "there is no such file. Check the path."
        raise UsageError(f"{path} · unreadable_file · {what}")
    kind = statistics_kind(path)
    if kind is not None:
        return _open_statistics(path, kind)
    package = open_package(path)
    if package.kind is None:
        raise UsageError(str(package.problems[0]))
    if package.kind == "csv":
        return _open_csv(package, wanted)
    return _open_sheet(package, sheet)


def sheet_names(path: Path) -> tuple[str, ...]:
    """Names of the sheets of a workbook; empty for every other file."""
    package = open_package(path)
    if package.kind in (None, "csv"):
        return ()
    try:
        return tuple(open_book(package).names)
    except (TooLarge, Damaged) as wrong:
        raise UsageError(str(Problem("unreadable_file", package.name, found=f"damaged ({wrong})"))) from None


def _open_csv(package: Package, wanted: Sequence[str]) -> Table:
    found = read_csv_rows(package.data, wanted, package.name)
    rows: list[list[Any]] = [list(row) for row in found.rows]
    remarks = tuple(csv_remarks(found, package.name))
    return Table(package.name, rows, lambda row, column: f"line {found.lines[row]}", found.lines, remarks=remarks)


def _open_statistics(path: Path, kind: str) -> Table:
    rows, shown, declared = read_statistics(path, kind)
    lines = range(len(rows))
    return Table(path.name, rows, lambda row, column: f"case {row}", lines, declared=declared, emptied=shown)


def _first_sheet(book: Book) -> str:
    """The first sheet that can be seen and holds something, so no sheet of a chart; else the first one."""
    seen = [name for name in book.names if name not in book.hidden]
    return next((name for name in seen[:-1] if any(any(map(cell_text, row)) for row in book.sheet(name).grid)), "") or (
        seen[-1] if seen else book.names[0]
    )


def _open_sheet(package: Package, sheet: str | None) -> Table:
    try:
        book = open_book(package)
        if not book.names:
            raise Damaged("it holds no sheet")
        name = sheet if sheet is not None else _first_sheet(book)
        if name not in book.names:
            found = ", ".join(book.names)
            raise UsageError(f"{package.name}: there is no sheet {name!r}; there are {found}. Name one with --sheet.")
        read = book.sheet(name)
    except TooLarge as wrong:
        raise UsageError(str(Problem("too_large", package.name, found=str(wrong)))) from None
    except Damaged as wrong:
        raise UsageError(str(Problem("unreadable_file", package.name, found=f"damaged ({wrong})"))) from None
    restore_percents(read, mixed_only=True)
    unsaved = frozenset(cell for cell, (_, result) in read.shape.formulas.items() if result is None)
    others = tuple(other for other in book.names if other != name)
    lines = range(1, len(read.grid) + 1)
    unseen = [Problem("hidden_rows", package.name, name, found="the whole sheet")] if name in book.hidden else []
    shape = hidden_in(read, package.name, name) + merged_in(read, package.name, name)
    remarks = unseen + shape + unseen_in_cells(read.grid, package.name, name)
    return Table(f"{package.name} › {name}", read.grid, cell_name, lines, unsaved, others, tuple(remarks))


def cell_text(cell: Any) -> str:
    """What a cell says, without blanks around it and letters that nobody sees."""
    if isinstance(cell, str):
        return clean(cell)
    if isinstance(cell, bool):
        return "TRUE" if cell else "FALSE"
    if isinstance(cell, float):
        return show_number(cell)
    return "" if cell is None else str(cell)


def _or_missing(text: str) -> str:
    """How a text is named as a missing value; nothing where the option would read several in it."""
    several = "," in text or "`" in text
    return "" if several else f", or name it as a missing value (--missing {as_typed(text)})"


def find_columns(table: Table, head: int, wanted: Sequence[str]) -> dict[str, int]:
    """Where the wanted columns stand; one that is missing or stands twice raises."""
    heads = [cell_text(cell) for cell in table.rows[head]]
    found = ", ".join(text for text in heads if text)
    elsewhere = f" Other sheets: {', '.join(table.others)} (choose with --sheet)." if table.others else ""
    missing = [name for name in dict.fromkeys(wanted) if composed(name) not in heads]
    if missing:
        way = _below(table, head, wanted) or f"Correct the head.{_cut_short(missing, heads)}{elsewhere}"
        raise MissingColumn(f"{table.name}: {said_missing(missing)}; found: {found}. {way}")
    twice = [name for name in dict.fromkeys(wanted) if heads.count(composed(name)) > 1]
    if twice:
        raise ContractError(
            f"{table.name}: the column {twice[0]!r} stands twice; found: {found}. Rename one of the two."
        )
    return {name: heads.index(composed(name)) for name in wanted}


def _below(table: Table, head: int, wanted: Sequence[str]) -> str:
    """What to do where a title stands above the heads."""
    for row in range(head + 1, min(head + _MOST_TITLES, len(table.rows))):
        if set(wanted) <= set(map(cell_text, table.rows[row])):
            first, heads = table.place(head, 0), table.place(row, 0)
            return f"The heads stand in the row of {heads}. Delete the rows above them, from {first} on."
    return ""


def _cut_short(missing: Sequence[str], heads: Sequence[str]) -> str:
    """Which head begins with a missing name and goes on with a sign, as ``PHQ-9`` does without backticks."""
    for name in missing:
        for head in heads:
            if head.startswith(name) and not head.isidentifier() and not head.removeprefix(name)[:1].isalnum():
                return f" Is {head!r} meant? In a formula it stands in backticks: `{head}`."
    return ""


class _Columns:
    """Reads the columns of a table one by one, each as what it has to be."""

    def __init__(
        self,
        table: Table,
        body: Sequence[int],
        places: Mapping[str, int],
        roles: Mapping[str, Role],
        missing: Sequence[str],
    ) -> None:
        self._table, self._body, self._places, self._roles = table, body, places, roles
        self._missing = MissingCodes([*map(clean, missing), "NA"])
        self._cells = {name: self._saved_cells(name) for name in places}
        self._mark = table_mark(cells for name, cells in self._cells.items() if roles[name] is not Role.TEXT)
        asked = [name for name in places if roles[name] is not Role.TEXT]
        trusted = zip(asked, decimals_on_trust([self._cells[name] for name in asked]), strict=True)
        self.remarks: list[Problem] = [self._on_trust(name, place) for name, place in trusted if place is not None]

    def _on_trust(self, name: str, place: int) -> Problem:
        cell = self._table.place(self._body[place], self._places[name])
        found = show_text(self._cells[name][place])
        return Problem("decimals_on_trust", self._table.name, "", cell, subject=name, found=found)

    def read(self, name: str) -> pd.Series[Any]:
        """One column, float64 or str; a cell that cannot stand in it raises with its place."""
        decimal = decimal_mark(self._cells[name], self._mark)
        cells = self._without_missing(self._cells[name], name, decimal)
        read = read_values(cells, self._roles[name], decimal)
        if read.odd is not None:
            some = any(value is not None and value == value for value in read.values)
            self._refuse(name, cells[read.odd[0]], *read.odd, some=some)
        if read.numbers:
            return pd.Series(read.values, dtype="float64")
        return pd.Series([cell_text(cell) or None for cell in cells], dtype="str")

    def _saved_cells(self, name: str) -> list[Any]:
        table, place = self._table, self._places[name]
        for row in self._body:
            if table.unsaved and cell_name(row, place) in table.unsaved:
                where = f"{table.name}!{cell_name(row, place)}"
                raise ContractError(
                    f"{where}: {name}: the formula has no saved result. Replace the formula by its value."
                )
        lines = (table.rows[row] for row in self._body)
        return [line[place] if place < len(line) else "" for line in lines]

    def _refuse(self, name: str, cell: Any, at: int, kind: Oddity, *, some: bool) -> NoReturn:
        """Refuse a cell; `some` cells of its column hold numbers, or none does, and the cell is no exception."""
        where = f"{self._table.name}, {self._table.place(self._body[at], self._places[name])}"
        found = show_text(cell) if isinstance(cell, str) else cell_text(cell)
        grouped = kind is Oddity.SEPARATOR
        advice = (
            said_grouped(cell_text(cell))
            if grouped
            else _ADVICE[kind].format(found=found, or_missing=_or_missing(cell_text(cell)) if some else _NO_NUMBER)
        )
        names = _OR_NAMES.format(name=name) if self._roles[name] is Role.TERM and not grouped else ""
        raise ContractError(f"{where}: {name}: {advice}{names}")

    def _without_missing(self, cells: list[Any], name: str, decimal: str) -> list[Any]:
        """The cells with what stands for a missing value emptied, and how many there were."""
        counts: dict[str, int] = {}
        kept = []
        for cell in cells:
            text = self._missing.written(cell, decimal)
            is_code = text is not None
            if text is not None:
                counts[text] = counts.get(text, 0) + 1
            kept.append("" if is_code else cell)
        if counts:
            found = ", ".join(f"{text} × {count}" for text, count in counts.items())
            self.remarks.append(Problem("read_as_missing", self._table.name, subject=name, found=found))
        return kept
