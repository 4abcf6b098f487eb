"""What the cells of the two binary formats (.xls and .xlsb) have in common."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import Any

from doublecode.coding.reading.safe_xml import Damaged, TooLarge
from doublecode.coding.reading.sheet_grid import MAX_COLUMNS, MAX_FILLED, MAX_ROWS, Cells, Formats, Sheet
from doublecode.coding.reading.sheet_shape import Shape, cell_name

ERRORS = {
    0x00: "#NULL!", 0x07: "#DIV/0!", 0x0F: "#VALUE!", 0x17: "#REF!", 0x1D: "#NAME?", 0x24: "#NUM!", 0x2A: "#N/A",
    0x2B: "#GETTING_DATA",
}  # fmt: skip


def rk_number(packed: int) -> float:
    """The number in Excel's short form: 30 bits, two of which say how to read the rest.

    Examples
    --------
    >>> rk_number(0x3FF00000), rk_number((7 << 2) | 2), rk_number((123 << 2) | 3)
    (1.0, 7.0, 1.23)
    """
    if packed & 2:
        value = float(struct.unpack("<i", struct.pack("<I", packed))[0] >> 2)
    else:
        value = float(struct.unpack("<d", struct.pack("<Q", (packed & 0xFFFFFFFC) << 32))[0])
    return value / 100 if packed & 1 else value


@dataclass
class BinarySheet:
    """A sheet on its way."""

    formats: Formats
    cells: Cells = field(default_factory=Cells)
    filled: int = 0
    hidden_rows: list[int] = field(default_factory=list)
    hidden_columns: list[tuple[int, int]] = field(default_factory=list)
    merged: list[str] = field(default_factory=list)
    errors: dict[str, str] = field(default_factory=dict)
    percents: set[str] = field(default_factory=set)
    formulas: dict[str, tuple[str, str | None]] = field(default_factory=dict)
    blank: list[tuple[int, int]] = field(default_factory=list)

    def put(self, row: int, column: int, value: Any, style: int = -1) -> None:
        """Put a value into its cell."""
        self.filled += 1
        if self.filled > MAX_FILLED:
            raise TooLarge(f"a sheet of more than {MAX_FILLED:,} cells")
        if row >= MAX_ROWS or column >= MAX_COLUMNS:
            raise Damaged(f"a cell stands in row {row + 1} and column {column + 1}")
        if isinstance(value, str):
            self.cells.count_text(value)
        elif isinstance(value, float):
            if style in self.formats.percents:
                self.percents.add(cell_name(row, column))
            value = self.formats.typed(value, style)
        line = self.cells.rows.setdefault(row, {})
        if column in line:
            raise Damaged(f"the cell {cell_name(row, column)} stands there twice")
        line[column] = value

    def put_error(self, row: int, column: int, code: int) -> None:
        """Put an error value into its cell."""
        text = ERRORS.get(code, "#ERROR")
        self.put(row, column, text)
        self.errors[cell_name(row, column)] = text

    def put_formula(self, row: int, column: int, value: Any, style: int) -> None:
        """Put a formula's saved result into its cell; the empty text is judged when all are known."""
        if value == "":
            self.blank.append((row, column))
            return
        self.put(row, column, value, style)
        self.formulas[cell_name(row, column)] = ("=", str(value))

    def sheet(self) -> Sheet:
        """What was read.

        These formats write the empty text as they write nothing: where no formula of a sheet
        has any other result, it was never calculated.
        """
        unsaved = not self.formulas
        for row, column in self.blank:
            self.formulas[cell_name(row, column)] = ("=", None if unsaved else "")
            if unsaved:
                self.put(row, column, "=")
        shape = Shape(
            merged=tuple(self.merged),
            hidden_rows=tuple(sorted(set(self.hidden_rows))),
            hidden_columns=tuple(self.hidden_columns),
            formulas=self.formulas,
            errors=self.errors,
            percents=frozenset(self.percents),
        )
        return Sheet(self.cells.grid(), shape)
