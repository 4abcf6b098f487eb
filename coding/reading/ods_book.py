"""An OpenDocument spreadsheet, read in a single pass: values, notes, what is hidden or merged."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from typing import Any

from doublecode.coding.reading.safe_xml import Damaged, TooLarge, check_depth, check_elements, parse
from doublecode.coding.reading.sheet_grid import MAX_CELLS, MAX_COLUMNS, MAX_FILLED, MAX_ROWS, Cells, Sheet, number_of
from doublecode.coding.reading.sheet_shape import Shape, cell_name, is_nought
from doublecode.coding.reading.zip_parts import ZipParts

_TABLE = "urn:oasis:names:tc:opendocument:xmlns:table:1.0 "
_STYLE = "urn:oasis:names:tc:opendocument:xmlns:style:1.0 "
_OFFICE = "urn:oasis:names:tc:opendocument:xmlns:office:1.0 "
_TEXT = "urn:oasis:names:tc:opendocument:xmlns:text:1.0 "
_CALC = "urn:org:documentfoundation:names:experimental:calc:xmlns:calcext:1.0 "
_ERROR = re.compile(r"#[A-Z_/0-9]{1,30}[!?]?|Err:\d{1,5}")
_LENGTH = re.compile(r"(-?)P(?:(\d{1,6})D)?T(?:(\d{1,8})H)?(?:(\d{1,8})M)?(?:(\d{1,8})(?:[.,](\d{1,9}))?S)?", re.ASCII)
_HIDDEN = ("collapse", "filter")


class OdsBook:
    """An opened .ods spreadsheet."""

    def __init__(self, parts: ZipParts) -> None:
        handler = _Content()
        parse(parts.pieces("content.xml"), handler)
        self._tables = handler.tables
        self._hidden = handler.hidden

    @property
    def names(self) -> tuple[str, ...]:
        """Its sheets in their order."""
        return tuple(self._tables)

    @property
    def hidden(self) -> frozenset[str]:
        """Those of them that nobody sees."""
        return frozenset(self._hidden)

    def sheet(self, name: str) -> Sheet:
        """The cells and the shape of one sheet; one that would fill the memory raises here."""
        return self._tables[name].sheet()


class _Table:
    """One sheet on its way."""

    def __init__(self) -> None:
        self.cells = Cells()
        self.merged: list[str] = []
        self.hidden_rows: list[tuple[int, int]] = []
        self.hidden_columns: list[tuple[int, int]] = []
        self.comments: dict[str, str] = {}
        self.formulas: dict[str, tuple[str, str | None]] = {}
        self.errors: dict[str, str] = {}
        self.percents: set[str] = set()
        self.row = self.column = self.column_head = self.filled = 0
        self.too_large = ""

    def repeat(self, value: Any, rows: int, columns: int) -> None:
        """Put a value into every repetition of a cell."""
        self.filled += rows * columns
        if self.filled > MAX_FILLED or self.row + rows > MAX_ROWS or self.column + columns > MAX_COLUMNS:
            self.too_large = f"a sheet whose filled cells span more than {MAX_CELLS:,} cells"
            return
        if isinstance(value, str):
            self.cells.count_text(value)
        for row in range(self.row, self.row + rows):
            line = self.cells.rows.setdefault(row, {})
            for column in range(self.column, self.column + columns):
                line[column] = value

    def sheet(self) -> Sheet:
        if self.too_large:
            raise TooLarge(self.too_large)
        grid = self.cells.grid()
        shape = Shape(
            merged=tuple(self.merged),
            hidden_rows=tuple(
                row for first, last in self.hidden_rows for row in range(first, min(last, len(grid)) + 1)
            ),
            hidden_columns=tuple(self.hidden_columns),
            comments=self.comments,
            formulas=self.formulas,
            errors=self.errors,
            percents=frozenset(self.percents),
        )
        return Sheet(grid, shape)


class _Content:
    """Takes the elements of ``content.xml`` as they come."""

    def __init__(self) -> None:
        self.buffer: list[str] = []
        self.tables: dict[str, _Table] = {}
        self.hidden: set[str] = set()
        self._style = ""
        self._unseen_styles: set[str] = set()
        self._open: list[_Table] = []
        self._depth = self._elements = self._rows = 0
        self._cell: dict[str, str] | None = None
        self._said: list[str] = []
        self._note: list[str] | None = None
        self._lines = 0
        self._starts: dict[str, Callable[[dict[str, str]], None]] = {
            f"{_STYLE}style": self._begin_style,
            f"{_STYLE}table-properties": self._table_properties,
            f"{_STYLE}table-row-properties": self._size_properties,
            f"{_STYLE}table-column-properties": self._size_properties,
            f"{_TABLE}table": self._begin_table,
            f"{_TABLE}table-column": self._column,
            f"{_TABLE}table-row": self._begin_row,
            f"{_TABLE}table-cell": self._begin_cell,
            f"{_TABLE}covered-table-cell": self._begin_cell,
            f"{_OFFICE}annotation": self._begin_note,
            f"{_TEXT}p": self._begin_line,
            f"{_TEXT}s": self._spaces,
            f"{_TEXT}tab": lambda _: self.buffer.append("\t"),
            f"{_TEXT}line-break": lambda _: self.buffer.append("\n"),
        }
        self._ends: dict[str, Callable[[], None]] = {
            f"{_TABLE}table": self._end_table,
            f"{_TABLE}table-row": self._end_row,
            f"{_TABLE}table-cell": self._end_cell,
            f"{_TABLE}covered-table-cell": self._end_cell,
            f"{_OFFICE}annotation": self._end_note,
            f"{_TEXT}p": self._end_line,
        }

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        self._elements += 1
        check_depth(self._depth)
        check_elements(self._elements)
        begin = self._starts.get(name)
        if begin is not None:
            begin(attributes)

    def end(self, name: str) -> None:
        self._depth -= 1
        finish = self._ends.get(name)
        if finish is not None:
            finish()

    def _begin_style(self, attributes: dict[str, str]) -> None:
        self._style = attributes.get(f"{_STYLE}name", "")

    def _table_properties(self, attributes: dict[str, str]) -> None:
        if attributes.get(f"{_TABLE}display") == "false":
            self._unseen_styles.add(self._style)

    def _size_properties(self, attributes: dict[str, str]) -> None:
        if any(is_nought(attributes.get(f"{_STYLE}{size}")) for size in ("row-height", "column-width")):
            self._unseen_styles.add(self._style)

    def _is_unseen(self, attributes: dict[str, str]) -> bool:
        """Whether a row or column is hidden, filtered away, or of no height or width."""
        flat = attributes.get(f"{_TABLE}style-name") in self._unseen_styles
        return flat or attributes.get(f"{_TABLE}visibility") in _HIDDEN

    def _begin_table(self, attributes: dict[str, str]) -> None:
        name = attributes.get(f"{_TABLE}name", "")
        table = _Table()
        if not self._open:  # a table inside a cell is none of the sheets
            if name in self.tables:
                raise Damaged(f"two sheets are called {name[:40]!r}")
            self.tables[name] = table
            if attributes.get(f"{_TABLE}style-name") in self._unseen_styles:
                self.hidden.add(name)
        self._open.append(table)

    def _end_table(self) -> None:
        self._open.pop()

    def _column(self, attributes: dict[str, str]) -> None:
        if not self._open:
            return
        table = self._open[-1]
        count = _repeats(attributes, "columns")
        if self._is_unseen(attributes):
            table.hidden_columns.append((table.column_head + 1, table.column_head + count))
        table.column_head += count

    def _begin_row(self, attributes: dict[str, str]) -> None:
        if self._open:
            self._rows = _repeats(attributes, "rows")
            table = self._open[-1]
            table.column = 0
            if self._is_unseen(attributes):
                table.hidden_rows.append((table.row + 1, table.row + self._rows))

    def _end_row(self) -> None:
        if self._open:
            self._open[-1].row += self._rows

    def _begin_cell(self, attributes: dict[str, str]) -> None:
        self._cell, self._said, self._lines = attributes, [], 0
        self.buffer.clear()

    def _end_cell(self) -> None:
        cell, said = self._cell, "".join(self._said)
        if cell is None or not self._open:
            return
        self._cell = None
        table, columns = self._open[-1], _repeats(cell, "columns")
        name = cell_name(table.row, table.column)
        value = self._note_formula(table, name, cell, said)
        across, down = (_whole(cell.get(f"{_TABLE}number-{what}-spanned")) for what in ("columns", "rows"))
        if across > 1 or down > 1:
            table.merged.append(f"{name}:{cell_name(table.row + down - 1, table.column + across - 1)}")
        is_error = cell.get(f"{_CALC}value-type") == "error" or (
            f"{_TABLE}formula" in cell and _ERROR.fullmatch(said) is not None
        )
        if is_error:
            value = said[:40] or "#ERROR"
        if value != "":
            table.repeat(value, self._rows, columns)
            if not table.too_large:
                self._odd(table, columns, cell.get(f"{_OFFICE}value-type") == "percentage", value if is_error else "")
        table.column += columns

    def _note_formula(self, table: _Table, name: str, cell: dict[str, str], said: str) -> Any:
        """The cell's value: where a formula has no saved result, the formula."""
        value, formula, kind = _value(cell, said), cell.get(f"{_TABLE}formula"), cell.get(f"{_OFFICE}value-type")
        if formula is None:
            return value
        saved = None if kind is None else said if kind == "string" else cell.get(f"{_OFFICE}value") or said
        table.formulas[name] = (table.cells.count_text(formula), saved)
        return formula if saved is None else value

    def _odd(self, table: _Table, columns: int, is_percent: bool, error: str) -> None:
        """Note errors and percentages in every repetition of a cell."""
        if not (is_percent or error):
            return
        for row in range(table.row, table.row + self._rows):
            for column in range(table.column, table.column + columns):
                if error:
                    table.errors[cell_name(row, column)] = error
                else:
                    table.percents.add(cell_name(row, column))

    def _begin_note(self, _: dict[str, str]) -> None:
        self._note = []

    def _end_note(self) -> None:
        if self._note is not None and self._open and self._cell is not None:
            table = self._open[-1]
            table.comments[cell_name(table.row, table.column)] = "\n".join(self._note).strip()
        self._note = None

    def _begin_line(self, _: dict[str, str]) -> None:
        self.buffer.clear()

    def _spaces(self, attributes: dict[str, str]) -> None:
        self.buffer.append(" " * min(_whole(attributes.get(f"{_TEXT}c")), 10_000))

    def _end_line(self) -> None:
        text = "".join(self.buffer)
        self.buffer.clear()
        if self._note is not None:
            self._note.append(text)
        elif self._cell is not None:
            self._said.append(f"\n{text}" if self._lines else text)
            self._lines += 1


def _value(cell: dict[str, str], said: str) -> Any:
    """What a cell holds, by the type that it declares."""
    kind = cell.get(f"{_OFFICE}value-type")
    if kind is None:
        return ""
    if kind in ("float", "percentage", "currency"):
        return number_of(cell.get(f"{_OFFICE}value", said).strip())
    if kind == "boolean":
        return cell.get(f"{_OFFICE}boolean-value") == "true"
    if kind == "date":
        return _day(cell.get(f"{_OFFICE}date-value", said).strip())
    if kind == "time":
        return _clock(cell.get(f"{_OFFICE}time-value", said).strip())
    return said or cell.get(f"{_OFFICE}string-value", "")


def _day(text: str) -> Any:
    try:
        moment = dt.datetime.fromisoformat(text.removesuffix("Z"))
    except ValueError:
        return text
    return moment if moment.time() != dt.time() else moment.date()


def _clock(text: str) -> Any:
    parts = _LENGTH.fullmatch(text)
    if parts is None:
        return text
    days, hours, minutes, seconds = (int(part or 0) for part in parts.group(2, 3, 4, 5))
    length = dt.timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
    length += dt.timedelta(microseconds=int((parts[6] or "0").ljust(6, "0")[:6]))
    is_clock = not parts[1] and length < dt.timedelta(days=1)
    return (dt.datetime.min + length).time() if is_clock else -length if parts[1] else length


def _whole(text: str | None) -> int:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 10 else 1


def _repeats(attributes: dict[str, str], what: str) -> int:
    return max(_whole(attributes.get(f"{_TABLE}number-{what}-repeated")), 1)
