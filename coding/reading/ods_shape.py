"""The shape of the sheets of an OpenDocument spreadsheet, from its ``content.xml``."""

from __future__ import annotations

import re
from xml.etree import ElementTree

from doublecode.coding.reading.sheet_shape import MAX_CELLS, TOO_MANY_CELLS, Shape, SheetTooLarge, cell_name

_TABLE = "{urn:oasis:names:tc:opendocument:xmlns:table:1.0}"
_OFFICE = "{urn:oasis:names:tc:opendocument:xmlns:office:1.0}"
_TEXT = "{urn:oasis:names:tc:opendocument:xmlns:text:1.0}"
_CALC = "{urn:org:documentfoundation:names:experimental:calc:xmlns:calcext:1.0}"
_ERROR = re.compile(r"#[A-Z/0-9]+[!?]?|Err:\d+")
_MOST_REPEATS = 10_000


def ods_shapes(content: bytes) -> dict[str, Shape]:
    """Shape of every sheet by its name.

    Raises
    ------
    SheetTooLarge
        The filled cells, repeats counted, span more than can be unpacked safely.
    """
    try:
        root = ElementTree.fromstring(content)
    except ElementTree.ParseError:
        return {}
    return {table.get(f"{_TABLE}name", ""): _Walk(table).shape() for table in root.iter(f"{_TABLE}table")}


class _Walk:
    """Goes through the rows and cells of one table, counting repeats."""

    def __init__(self, table: ElementTree.Element) -> None:
        self.merged: list[str] = []
        self.hidden_rows: list[int] = []
        self.hidden_columns: list[tuple[int, int]] = []
        self.comments: dict[str, str] = {}
        self.formulas: dict[str, tuple[str, str]] = {}
        self.errors: dict[str, str] = {}
        self.percents: set[str] = set()
        column = 1
        for element in table.iter(f"{_TABLE}table-column"):
            count = _repeats(element, "columns")
            if element.get(f"{_TABLE}visibility") in ("collapse", "filter"):
                self.hidden_columns.append((column, column + count - 1))
            column += count
        self._last_column = row = 0
        for element in table.iter(f"{_TABLE}table-row"):
            count = _repeats(element, "rows")
            filled = self._row(element, row, count)
            if filled and (row + count) * self._last_column > MAX_CELLS:
                raise SheetTooLarge(TOO_MANY_CELLS)
            if filled and element.get(f"{_TABLE}visibility") in ("collapse", "filter"):
                self.hidden_rows.extend(range(row + 1, row + count + 1))
            row += count

    def _row(self, element: ElementTree.Element, row: int, count_rows: int) -> bool:
        """Look at one row's cells; say whether any holds a value."""
        column, filled = 0, False
        for cell in element:
            if cell.tag not in (f"{_TABLE}table-cell", f"{_TABLE}covered-table-cell"):
                continue
            count = _repeats(cell, "columns")
            if cell.get(f"{_OFFICE}value-type"):
                filled = True
                self._last_column = max(self._last_column, column + count)
            self._cell(cell, row, column)
            self._value(cell, (row, count_rows), (column, count))
            column += count
        return filled

    def _cell(self, cell: ElementTree.Element, row: int, column: int) -> None:
        name = cell_name(row, column)
        across = int(cell.get(f"{_TABLE}number-columns-spanned", "1"))
        down = int(cell.get(f"{_TABLE}number-rows-spanned", "1"))
        if across > 1 or down > 1:
            self.merged.append(f"{name}:{cell_name(row + down - 1, column + across - 1)}")
        note = cell.find(f"{_OFFICE}annotation")
        if note is not None:
            self.comments[name] = "\n".join("".join(text.itertext()) for text in note.iter(f"{_TEXT}p")).strip()
        formula = cell.get(f"{_TABLE}formula")
        if formula is not None:
            self.formulas[name] = (formula, cell.get(f"{_OFFICE}value") or _shown(cell))

    def _value(self, cell: ElementTree.Element, rows: tuple[int, int], columns: tuple[int, int]) -> None:
        """Note errors and percentages in every repetition of a cell."""
        is_percent = cell.get(f"{_OFFICE}value-type") == "percentage"
        shown = _shown(cell) if is_percent or cell.get(f"{_TABLE}formula") or cell.get(f"{_CALC}value-type") else ""
        is_error = cell.get(f"{_CALC}value-type") == "error" or (
            cell.get(f"{_TABLE}formula") is not None and _ERROR.fullmatch(shown) is not None
        )
        if not (is_percent or is_error):
            return
        for row in range(rows[0], rows[0] + min(rows[1], _MOST_REPEATS)):
            for column in range(columns[0], columns[0] + min(columns[1], _MOST_REPEATS)):
                if is_error:
                    self.errors[cell_name(row, column)] = shown or "#ERROR"
                else:
                    self.percents.add(cell_name(row, column))

    def shape(self) -> Shape:
        return Shape(
            merged=tuple(self.merged),
            hidden_rows=tuple(self.hidden_rows),
            hidden_columns=tuple(self.hidden_columns),
            comments=self.comments,
            formulas=self.formulas,
            errors=self.errors,
            percents=frozenset(self.percents),
        )


def _shown(cell: ElementTree.Element) -> str:
    return "".join(text for part in cell.findall(f"{_TEXT}p") for text in part.itertext())


def _repeats(element: ElementTree.Element, what: str) -> int:
    return int(element.get(f"{_TABLE}number-{what}-repeated", "1"))
