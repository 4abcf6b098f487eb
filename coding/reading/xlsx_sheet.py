"""One sheet of an .xlsx workbook, read in a single pass: values, formulas, what is hidden or merged."""

from __future__ import annotations

import datetime as dt
from typing import Any

from doublecode.coding.reading.safe_xml import Damaged, TooLarge, check_depth, check_elements
from doublecode.coding.reading.sheet_grid import MAX_COLUMNS, MAX_FILLED, MAX_ROWS, Cells, Formats, Sheet, number_of
from doublecode.coding.reading.sheet_shape import Shape, cell_name, column_letter, is_nought, split_cell

SPACES = (
    "http://schemas.openxmlformats.org/spreadsheetml/2006/main",
    "http://purl.oclc.org/ooxml/spreadsheetml/main",  # Excel's "Strict Open XML"
)
_ROW, _CELL, _VALUE, _FORMULA, _TEXT, _PHONETIC, _INLINE, _MERGED, _COLUMN = range(1, 10)
_TAGS = {
    "row": _ROW, "c": _CELL, "v": _VALUE, "f": _FORMULA, "t": _TEXT, "rPh": _PHONETIC, "is": _INLINE,
    "mergeCell": _MERGED, "col": _COLUMN,
}  # fmt: skip
_COLUMNS = {column_letter(number): number - 1 for number in range(1, 703)}
_WITH_TEXT = frozenset({_VALUE, _FORMULA, _TEXT})
_TRUE = ("1", "true")


class SheetHandler:
    """Takes the elements of a sheet as they come.

    Parameters
    ----------
    shared : list of str
        Texts that the cells of a workbook share.
    formats : Formats
    """

    def __init__(self, shared: list[str], formats: Formats) -> None:
        self.buffer: list[str] = []
        self.shared, self.formats = shared, formats
        self.cells = Cells()
        self.merged: list[str] = []
        self.hidden_rows: list[int] = []
        self.hidden_columns: list[tuple[int, int]] = []
        self.formulas: dict[str, tuple[str, str | None]] = {}
        self.errors: dict[str, str] = {}
        self.percents: set[str] = set()
        self._styles = bool(formats.kinds)
        self._tags: dict[str, int] = {}
        self._declares = ""
        self._in_row = self._in_text = False
        self._depth = self._others = self._n_cells = 0
        self._row = self._column = -1
        self._row_text = ""
        self._line: dict[int, Any] = {}
        self._attributes: dict[str, str] | None = None
        self._value: str | None = None
        self._formula: str | None = None
        self._inline: list[str] | None = None
        self._phonetic = False
        self._quick: dict[str, float | str] = {}

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """Begin an element."""
        kind = self._tags.get(name)
        if kind == _CELL:
            if self._attributes is not None:
                raise Damaged("a cell stands inside another one")
            self._attributes = attributes
            self._value = self._formula = self._inline = None
            own = attributes.get("r")
            column = None if own is None else _COLUMNS.get(own.removesuffix(self._row_text))
            self._column = self._place(own) if column is None else column
        elif kind in _WITH_TEXT:
            if self._in_text:
                raise Damaged("a value stands inside another one")
            self._in_text = True
            self.buffer.clear()
        elif kind == _ROW:
            self._begin_row(attributes)
        else:
            self._others += 1
            self._depth += 1
            check_elements(self._others)
            check_depth(self._depth)
            self._begin_other(kind, name, attributes)

    def end(self, name: str) -> None:
        """End an element."""
        kind = self._tags.get(name)
        if kind == _VALUE:
            if self._value is not None and self._attributes is not None:
                raise Damaged(f"the cell {cell_name(self._row, self._column)} holds two values")
            self._value, self._in_text = "".join(self.buffer), False
            self.buffer.clear()
        elif kind == _CELL:
            self._end_cell()
        elif kind == _FORMULA:
            self._formula, self._in_text = "".join(self.buffer), False
            self.buffer.clear()
        elif kind == _TEXT:
            if self._inline is not None and not self._phonetic:
                self._inline.append("".join(self.buffer))
            self._in_text = False
            self.buffer.clear()
        elif kind == _ROW:
            self._in_row = False
        else:
            self._depth -= 1
            self._phonetic = self._phonetic and kind != _PHONETIC
            self.buffer.clear()

    def _begin_row(self, attributes: dict[str, str]) -> None:
        if self._in_row or self._attributes is not None:
            raise Damaged("a row stands inside another one")
        self._in_row = True
        own = attributes.get("r")
        if own is None:
            self._row += 1
        elif own.isascii() and own.isdigit() and len(own) <= 7 and own[0] != "0":
            self._row = int(own) - 1
        else:
            raise Damaged(f"a row is called {own[:20]!r}")
        if self._row in self.cells.rows or self._row >= MAX_ROWS:
            raise Damaged(f"row {self._row + 1} stands there twice or beyond the sheet")
        self._row_text, self._column = str(self._row + 1), -1
        self._line = self.cells.rows[self._row] = {}
        if attributes.get("hidden") in _TRUE or is_nought(attributes.get("ht")):
            self.hidden_rows.append(self._row + 1)

    def _place(self, own: str | None) -> int:
        """The column of a cell: by its name, or the next one where it has none."""
        if own is None:
            return self._column + 1
        row, column = split_cell(own) if own.isupper() else (-1, -1)
        if row != self._row or not 0 <= column < MAX_COLUMNS:
            raise Damaged(f"a cell in row {self._row + 1} is called {own[:20]!r}")
        return column

    def _begin_other(self, kind: int | None, name: str, attributes: dict[str, str]) -> None:
        if not self._tags or attributes.get(self._declares, SPACES[0]) not in SPACES:
            self._begin_sheet(name, attributes)
        elif kind is None:
            return
        elif kind == _INLINE:
            self._inline = []
        elif kind == _PHONETIC:
            self._phonetic = True
        elif kind == _MERGED:
            self.merged.append(attributes.get("ref", "")[:40])
        elif attributes.get("hidden") in _TRUE or is_nought(attributes.get("width")):
            first, last = attributes.get("min", ""), attributes.get("max", "")
            if len(first) < 8 and first.isdecimal() and len(last) < 8 and last.isdecimal():
                self.hidden_columns.append((int(first), int(last)))

    def _begin_sheet(self, name: str, attributes: dict[str, str]) -> None:
        """Learn from the outermost element how the elements of a sheet are written here: ``c`` or ``x:c``."""
        prefix, colon, _ = name.rpartition(":")
        self._declares = f"xmlns:{prefix}" if colon else "xmlns"
        if attributes.get(self._declares) not in SPACES:
            raise Damaged(f"the element {name[:40]!r} is none of a sheet")
        self._tags = {f"{prefix}{colon}{tag}": kind for tag, kind in _TAGS.items()}

    def _end_cell(self) -> None:
        attributes, text = self._attributes, self._value
        if attributes is None:
            return
        self._attributes = None
        self._n_cells += 1
        if self._n_cells > MAX_FILLED:
            raise TooLarge(f"a sheet of more than {MAX_FILLED:,} cells")
        kind = attributes.get("t", "n")
        value: Any
        if self._formula is None and kind == "n" and text is not None:
            value = self._quick.get(text)
            if value is None:
                value = self._number(text)
        elif self._formula is None and kind == "s" and text is not None:
            value = self._shared_text(text)
        elif self._formula is None and text is None and self._inline is None and kind != "e":
            return
        else:
            value = self._other_value(kind, text)
        if self._column in self._line or self._row < 0:
            raise Damaged(f"the cell {cell_name(self._row, self._column)} stands there twice")
        if self._styles and value.__class__ is float and "s" in attributes:
            value = self._styled(value, attributes["s"])
        if value != "":
            self._line[self._column] = value

    def _number(self, text: str) -> float | str:
        value = number_of(text.strip())
        if len(self._quick) < 10_000:
            self._quick[text] = value
        return self.cells.count_text(value) if isinstance(value, str) else value

    def _shared_text(self, text: str) -> str:
        try:
            place = int(text) if len(text) < 9 else -1
        except ValueError:
            place = -1
        if not 0 <= place < len(self.shared):
            raise Damaged(f"the cell {cell_name(self._row, self._column)} shares a text that is not there")
        return self.cells.count_text(self.shared[place])

    def _other_value(self, kind: str | None, text: str | None) -> Any:
        """A formula's saved result, an error, a truth value, an inline text, a date in words."""
        cell = cell_name(self._row, self._column)
        value: Any = ""
        if kind == "e":
            value = self.errors[cell] = (text or "").strip()[:40] or "#ERROR"
        elif kind == "inlineStr" or (text is None and self._inline):
            value = self.cells.count_text("".join(self._inline or []))
        elif kind == "s" and text:
            value = self._shared_text(text)
        elif kind == "str":
            value = self.cells.count_text(text or "")
        elif text and kind == "b":
            value = text.strip() in _TRUE
        elif text and kind == "d":
            value = _iso(text.strip())
        elif text:
            value = self._number(text)
        if self._formula is None:
            return value
        return self._note_formula(cell, kind, text, value)

    def _note_formula(self, cell: str, kind: str | None, text: str | None, value: Any) -> Any:
        shown = "=" + self.cells.count_text(self._formula or "")
        saved = text if text or kind == "e" else "" if kind in ("str", "inlineStr") else None
        self.formulas[cell] = (shown, saved if kind != "s" else str(value))
        return shown if saved is None else value

    def _styled(self, value: float, style: str) -> Any:
        place = int(style) if style.isdecimal() and len(style) < 7 else -1
        if place in self.formats.percents:
            self.percents.add(cell_name(self._row, self._column))
        return self.formats.typed(value, place)

    def sheet(self, comments: dict[str, str]) -> Sheet:
        """What was read."""
        shape = Shape(
            merged=tuple(self.merged),
            hidden_rows=tuple(self.hidden_rows),
            hidden_columns=tuple(self.hidden_columns),
            comments=comments,
            formulas=self.formulas,
            errors=self.errors,
            percents=frozenset(self.percents),
        )
        return Sheet(self.cells.grid(), shape)


def _iso(text: str) -> Any:
    """A date or a clock time that is written out."""
    for kind in (dt.date, dt.time, dt.datetime):
        try:
            return kind.fromisoformat(text.removesuffix("Z"))
        except ValueError:
            continue
    return text
