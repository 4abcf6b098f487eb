"""Reads long tables and outcome measures with the same care as workbooks: typed, nothing inferred."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from doublecode.coding.reading.cells import Codec, Reading, make_codec, read_cell, show_number, show_text
from doublecode.coding.reading.container import Package, open_book, open_package
from doublecode.coding.reading.safe_xml import Damaged, TooLarge
from doublecode.coding.reading.sheet_shape import cell_name
from doublecode.schemas.csv_rows import read_csv_rows
from doublecode.schemas.errors import ContractError, UsageError
from doublecode.schemas.frames import SESSIONS, read_table
from doublecode.schemas.instrument import Instrument
from doublecode.schemas.problems import Problem
from doublecode.schemas.study import Study

_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_AN_ID = re.compile(r"[+-]?0\d|.*[eE+]", re.ASCII)
_MISSING = ("", "NA")
_OUTCOME_COLUMNS = (
    "study", "patient", "therapist", "session", "session_id", "instrument", "item", "value", "n_raters", "reason",
)  # fmt: skip


@dataclass(frozen=True)
class _Table:
    """A table as its file has it: rows of typed cells, and how a place in it is called."""

    name: str
    rows: list[list[Any]]
    place: Callable[[int, int], str]
    lines: Sequence[int]
    decimal: str = "."
    unsaved: frozenset[str] = frozenset()
    others: tuple[str, ...] = ()


def read_long(
    path: str | Path,
    columns: Sequence[str],
    sheet: str | None = None,
    *,
    numbers: Sequence[str] | None = None,
    by_line: bool = False,
) -> pd.DataFrame:
    """Read named columns of a long table from a .csv, .xlsx, .ods or .xls file.

    Parameters
    ----------
    path : path
    columns : sequence of str
        Columns to read, by the heads in the first filled row.
    sheet : str, optional
        Sheet of a workbook; by default the first.
    numbers : sequence of str, optional
        Columns that must hold numbers; all others are then text, so that an id stays what it is.
        By default a column is numeric if all of its cells are written as plain numbers: ids with
        leading zeros (``001``) or an exponent (``1E5``) stay text.
    by_line : bool
        Index the rows by their line in the file, so that what is said of a row is found there;
        by default they are counted from 0.

    Returns
    -------
    DataFrame
        `columns` in that order, float64 or str. Empty cells (and ``NA`` among numbers) are missing.

    Raises
    ------
    UsageError
        The file cannot be read, or has no such sheet.
    ContractError
        A column is missing or stands twice, or a cell is no number; the message names the cell.
    """
    wanted = list(dict.fromkeys([*columns, *(numbers or ())]))
    table = _open_table(Path(path), wanted, sheet)
    filled = [row for row, cells in enumerate(table.rows) if any(_text(cell) for cell in cells)]
    if not filled:
        raise ContractError(f"{table.name}: the table is empty. Columns: {', '.join(wanted)}.")
    head, *body = filled
    places = _find_columns(table, head, wanted)
    frame = pd.DataFrame(
        {name: _column(table, body, places[name], name, numbers) for name in columns}, columns=list(columns)
    )
    return frame.set_axis([table.lines[row] for row in body], axis=0) if by_line else frame


def _open_table(path: Path, wanted: Sequence[str], sheet: str | None) -> _Table:
    if not path.is_file():
        what = "is a folder. Name a file in it." if path.is_dir() else "there is no such file. Check the path."
        raise UsageError(f"{path} · unreadable_file · {what}")
    package = open_package(path)
    if package.kind is None:
        raise UsageError(str(package.problems[0]))
    if package.kind == "csv":
        return _open_csv(package, wanted)
    return _open_sheet(package, sheet)


def _open_csv(package: Package, wanted: Sequence[str]) -> _Table:
    found = read_csv_rows(package.data, wanted, package.name)
    decimal = "," if found.delimiter == ";" else "."
    rows: list[list[Any]] = [list(row) for row in found.rows]
    return _Table(package.name, rows, lambda row, column: f"line {found.lines[row]}", found.lines, decimal)


def _open_sheet(package: Package, sheet: str | None) -> _Table:
    try:
        book = open_book(package)
        if not book.names:
            raise Damaged("it holds no sheet")
        name = sheet if sheet is not None else book.names[0]
        if name not in book.names:
            found = ", ".join(book.names)
            raise UsageError(f"{package.name}: there is no sheet {name!r}; there are {found}. Name one with --sheet.")
        read = book.sheet(name)
    except TooLarge as wrong:
        raise UsageError(str(Problem("too_large", package.name, found=str(wrong)))) from None
    except Damaged as wrong:
        raise UsageError(str(Problem("unreadable_file", package.name, found=f"damaged ({wrong})"))) from None
    unsaved = frozenset(cell for cell, (_, result) in read.shape.formulas.items() if result is None)
    others = tuple(other for other in book.names if other != name)
    lines = range(1, len(read.grid) + 1)
    return _Table(f"{package.name} › {name}", read.grid, cell_name, lines, ".", unsaved, others)


def _text(cell: Any) -> str:
    if isinstance(cell, str):
        return cell.strip()
    if isinstance(cell, bool):
        return "TRUE" if cell else "FALSE"
    if isinstance(cell, float):
        return show_number(cell)
    return "" if cell is None else str(cell)


def _find_columns(table: _Table, head: int, wanted: Sequence[str]) -> dict[str, int]:
    heads = [_text(cell) for cell in table.rows[head]]
    places = {}
    for name in wanted:
        if heads.count(name) == 1:
            places[name] = heads.index(name)
            continue
        found = ", ".join(text for text in heads if text)
        what = "stands twice" if name in heads else "is missing"
        elsewhere = f" Other sheets: {', '.join(table.others)} (choose with --sheet)." if table.others else ""
        raise ContractError(f"{table.name}: the column {name!r} {what}; found: {found}. Correct the head.{elsewhere}")
    return places


def _column(table: _Table, body: Sequence[int], place: int, name: str, numbers: Sequence[str] | None) -> pd.Series[Any]:
    cells = [table.rows[row][place] if place < len(table.rows[row]) else "" for row in body]
    for row in body:
        if table.unsaved and cell_name(row, place) in table.unsaved:
            where = f"{table.name}!{cell_name(row, place)}"
            raise ContractError(f"{where}: {name}: the formula has no saved result. Replace the formula by its value.")
    read = [_number(cell, table.decimal) for cell in cells]
    if numbers is None:
        texts = [_text(cell) for cell in cells if not isinstance(cell, float)]
        plain = all(value is not None for value in read) and not any(_AN_ID.match(text) for text in texts)
        as_numbers = plain and not all(_text(cell) in _MISSING for cell in cells)
    else:
        as_numbers = name in numbers
    if not as_numbers:
        return pd.Series([_text(cell) or None for cell in cells], dtype="str")
    for row, cell, value in zip(body, cells, read, strict=True):
        if value is None:
            where = f"{table.name}, {table.place(row, place)}"
            found = show_text(cell) if isinstance(cell, str) else _text(cell)
            raise ContractError(f"{where}: {name}: found {found}, allowed a number or an empty cell. Correct the cell.")
    return pd.Series(read, dtype="float64")


def _number(cell: Any, decimal: str) -> float | None:
    """The number in a cell; NaN if it is empty, None if it holds something else."""
    if isinstance(cell, bool):
        return None
    if isinstance(cell, (int, float)):
        return float(cell)
    if cell is None:
        return math.nan
    if not isinstance(cell, str):
        return None
    text = cell.strip()
    if text in _MISSING:
        return math.nan
    text = text.replace(",", ".") if decimal == "," else text
    return float(text) if _NUMBER.fullmatch(text) else None


def read_outcomes(study: Study) -> tuple[pd.DataFrame, list[Problem]]:
    """Read the outcome measures of a study, held against their codebooks.

    Reads ``outcomes/<instrument>.csv`` of every instrument with ``source = "outcomes"``:
    patient, session, one column per item.

    Returns
    -------
    items : DataFrame
        Contract ``ITEMS``; sessions of the pilot phase are left out.
    problems : list of Problem
        The place is the line of the file.

    Raises
    ------
    ContractError
        The file or one of its columns is missing.
    """
    sessions = read_table(study.folder / "sessions.csv", SESSIONS)
    columns = (sessions[name] for name in ("patient", "session", "session_id", "therapist", "phase"))
    held = {(str(p), int(s)): (str(i), str(t), str(phase)) for p, s, i, t, phase in zip(*columns, strict=True)}
    rows: list[tuple[Any, ...]] = []
    problems: list[Problem] = []
    for name, book in study.codebooks.items():
        if study.use(name).source == "outcomes":
            _read_outcome(study, book, held, rows, problems)
    items = pd.DataFrame(rows, columns=list(_OUTCOME_COLUMNS))
    kinds = {"session": "int64", "value": "float64", "n_raters": "float64"}
    return items.astype({name: kinds.get(name, "str") for name in _OUTCOME_COLUMNS}), problems


def _read_outcome(
    study: Study,
    book: Instrument,
    held: dict[tuple[str, int], tuple[str, str, str]],
    rows: list[tuple[Any, ...]],
    problems: list[Problem],
) -> None:
    path = study.folder / "outcomes" / f"{book.name}.csv"
    names = ["patient", "session", *(item.name for item in book.columns)]
    if not path.is_file():
        raise ContractError(
            f"outcomes/{path.name}: the file is missing in {study.folder}. Columns: {', '.join(names)}."
        )
    table = _open_table(path, names, None)
    filled = [row for row, cells in enumerate(table.rows) if any(_text(cell) for cell in cells)]
    if not filled:
        raise ContractError(f"outcomes/{path.name}: the file is empty. Columns: {', '.join(names)}.")
    places = _find_columns(table, filled[0], names)
    codecs = [make_codec(book, item) for item in book.columns]
    seen: dict[tuple[str, int], str] = {}
    for row in filled[1:]:
        cells = [*table.rows[row], *[""] * len(names)]
        line = (f"outcomes/{path.name}", "", table.place(row, 0))
        key = _session_of(cells, places, line, held, seen, problems)
        if key is None:
            continue
        session_id, therapist, phase = held[key]
        for codec in codecs:
            reading = _read_item(cells[places[codec.item.name]], codec, key, line, problems)
            if reading is not None and phase == "main":
                reason = (
                    None if reading.missing is None else f"{reading.missing}: {book.missing_codes[reading.missing]}"
                )
                head = (study.name, key[0], therapist, key[1], session_id, book.name)
                rows.append((*head, codec.item.name, reading.value, math.nan, reason))


def _session_of(
    cells: Sequence[Any],
    places: dict[str, int],
    line: tuple[str, str, str],
    held: dict[tuple[str, int], tuple[str, str, str]],
    seen: dict[tuple[str, int], str],
    problems: list[Problem],
) -> tuple[str, int] | None:
    patient, number = _text(cells[places["patient"]]), _number(cells[places["session"]], ".")
    whole = number is not None and number.is_integer()
    key = (patient, int(number)) if whole and number is not None else None
    shown = f"{patient}, session {_text(cells[places['session']])}"
    if key is None or key not in held:
        problems.append(Problem("unknown_session", *line, found=shown, allowed=" (see sessions.csv)"))
        return None
    if key in seen:
        problems.append(Problem("duplicate_rating", *line, shown, f"{seen[key]} and {line[2]}"))
        return None
    seen[key] = line[2]
    return key


def _read_item(
    cell: Any, codec: Codec, key: tuple[str, int], line: tuple[str, str, str], problems: list[Problem]
) -> Reading | None:
    number = _number(cell, ".")
    value = number if number is not None and not math.isnan(number) else cell
    reading = read_cell(value, codec, key[1])
    if reading.problem:
        subject = f"{key[0]}, session {key[1]}, {codec.item.name}"
        problems.append(Problem(reading.problem, *line, subject, reading.found, reading.allowed))
        return reading if reading.problem == "text_number" else None
    return None if reading.is_empty else reading
