"""The sheet that a rater fills in: a row per session, a column per item."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from typing import TYPE_CHECKING, Any

from doublecode.coding.workbooks.formulas import Grid, progress
from doublecode.coding.workbooks.item_texts import anchor_text
from doublecode.coding.workbooks.layout import (
    HEADER_ROW,
    NOTES,
    RECORDING,
    SESSION,
    START,
    STATUS,
    STOP,
)
from doublecode.coding.workbooks.paper import (
    BLUE,
    CODES,
    GREY,
    SMALL,
    TEXT,
    box,
    columns_wide,
    fit_width,
    height_of,
    lines_of,
    put,
    put_text,
    set_page,
    shortened,
)
from doublecode.coding.workbooks.signals import add_signals
from doublecode.schemas.item import Item

if TYPE_CHECKING:
    from openpyxl.worksheet.worksheet import Worksheet

    from doublecode.coding.workbooks.content import Sheet

_WIDTHS = {SESSION: 12.0, RECORDING: 18.0, START: 8.0, STOP: 8.0, STATUS: 16.0, NOTES: 40.0}
_LEAST, _MOST, _FEW_LINES, _MANY_LINES = 12, 60, 12, 29
_TEXT_WIDTH = 28
_ROW_HEIGHT = 22.0
"""Points, of rows that nothing else makes higher: room for a pen; they grow with what is typed."""
_LONGEST_LABEL = 1800
_NOTE_WIDTH, _NOTE_COLUMNS, _MOST_NOTE = 360, 48, 700


def fill_rate(sheet: Worksheet, content: Sheet) -> None:
    """Write heads, sessions, signs and the line on top; protect what is not hers; set the page."""
    names = content.columns
    items = {item.name: item for item in content.book.columns}
    grid = Grid(content.book, content.texts, max(len(content.rows), 1), content.segments)
    widths = {name: column_width(_label(name, items.get(name), content), items.get(name), name) for name in names}
    put(sheet, 1, 1, "=", bold=True, wrap=False)
    sheet.cell(1, 1).value = f"={progress(grid, len(content.rows))}"
    stamp = content.stamp
    subtitle = content.texts.subtitle.format(title=content.book.title, rater=stamp.rater, batch=stamp.batch)
    put(sheet, 2, 1, subtitle, wrap=False)
    for column, name in enumerate(names, start=1):
        _head(sheet, column, name, items.get(name), content)
        _cells(sheet, column, name, items.get(name), content)
        sheet.column_dimensions[grid.letter(name)].width = widths[name]
    _rows_high_enough(sheet, content, widths)
    sheet.freeze_panes = f"B{HEADER_ROW + 1}"
    if content.rows:
        add_signals(sheet, grid)
    _print(sheet, content, [widths[name] for name in names], subtitle)
    sheet.protection.enable()
    sheet.protection.formatColumns = sheet.protection.formatRows = sheet.protection.formatCells = False


def column_width(label: str, item: Item | None, name: str) -> float:
    """The narrowest width at which a label takes few lines; wider columns for texts.

    Examples
    --------
    >>> column_width("Notes", None, "notes"), column_width("Kind", None, "kind")
    (40.0, 12.0)
    """
    if name in _WIDTHS:
        return _WIDTHS[name]
    least = _TEXT_WIDTH if item is not None and item.type == "text" else _LEAST
    words = max((columns_wide(word) for word in label.split()), default=0)
    least = max(least, min(int(words) + 1, 24))
    return float(next((wide for wide in range(least, _MOST) if lines_of(label, wide) <= _FEW_LINES), _MOST))


def _label(name: str, item: Item | None, content: Sheet) -> str:
    """What stands above a column: the item's label and hint, or what the column is for."""
    if item is None:
        return str(getattr(content.texts, f"head_{'session' if name == SESSION else name}"))
    label = shortened(item.label, _LONGEST_LABEL)
    whole = f"{label}\n{item.hint}" if item.hint else label
    return whole if lines_of(whole, _MOST) <= _MANY_LINES else label


def _head(sheet: Worksheet, column: int, name: str, item: Item | None, content: Sheet) -> None:
    from openpyxl.comments import Comment
    from openpyxl.styles import PatternFill

    blue = PatternFill("solid", fgColor=BLUE)
    label = put(sheet, HEADER_ROW - 1, column, _label(name, item, content), vertical="bottom", bold=item is None)
    head = put(sheet, HEADER_ROW, column, name, size=SMALL, vertical="center", color="595959")
    for cell in (label, head):
        cell.fill, cell.border = blue, box()
    note = anchor_text(content.book, item, content.texts) if item else _status_note(content) if name == STATUS else ""
    if note:
        height = min(24 + 15 * lines_of(note, _NOTE_COLUMNS), _MOST_NOTE)
        head.comment = Comment(note, shortened(content.book.title, 50), height=height, width=_NOTE_WIDTH)


def _status_note(content: Sheet) -> str:
    texts = content.texts
    return "\n".join([texts.status_note, *(f"{word} = {texts.meanings[code]}" for code, word in texts.reasons.items())])


def _cells(sheet: Worksheet, column: int, name: str, item: Item | None, content: Sheet) -> None:
    """The cells of one column: grey and closed where she only reads, open where she writes."""
    from openpyxl.styles import PatternFill, Protection

    is_open = name in (STATUS, NOTES) or (item is not None and not item.given)
    is_code = item is not None and is_open and item.type != "text"
    side = "center" if is_code or name in (START, STOP) else None
    first: Any = None
    for row, values in enumerate(content.rows, start=HEADER_ROW + 1):
        text = values.get(name) or None
        if first is None:
            first = put(
                sheet, row, column, text, size=CODES if is_code else TEXT,
                horizontal=side, vertical="center", bold=name == SESSION,
            )  # fmt: skip
            first.border = box()
            if item is None or not item.is_numeric:
                first.number_format = "@"
            if is_open:
                first.protection = Protection(locked=False)
            else:
                first.fill = PatternFill("solid", fgColor=GREY)
        else:  # openpyxl takes its time with each style: all rows share that of the first
            put_text(sheet, row, column, text)._style = copy(first._style)


def _rows_high_enough(sheet: Worksheet, content: Sheet, widths: Mapping[str, float]) -> None:
    """Heads and what is written beforehand are seen whole; other rows grow with what the rater types."""
    names = content.columns
    labels = [(str(sheet.cell(HEADER_ROW - 1, at).value), widths[name]) for at, name in enumerate(names, start=1)]
    sheet.sheet_format.defaultRowHeight, sheet.sheet_format.customHeight = _ROW_HEIGHT, True
    for row in (1, 2):
        sheet.row_dimensions[row].height = height_of([("", 1)])
    sheet.row_dimensions[HEADER_ROW - 1].height = height_of(labels)
    sheet.row_dimensions[HEADER_ROW].height = height_of([(name, widths[name]) for name in names], SMALL)
    for row, values in enumerate(content.rows, start=HEADER_ROW + 1):
        cells = [(text, widths[name]) for name, text in values.items() if text and name in widths]
        if any(lines_of(*cell) > 1 for cell in cells):
            sheet.row_dimensions[row].height = max(height_of(cells), _ROW_HEIGHT)


def _print(sheet: Worksheet, content: Sheet, widths: list[float], subtitle: str) -> None:
    """A form for the desk: lines, heads and session ids on every page, numbered pages."""
    last: Any = sheet.cell(HEADER_ROW + max(len(content.rows), 1), len(widths)).coordinate
    sheet.print_area = f"A{HEADER_ROW - 1}:{last}"
    sheet.print_title_rows = f"{HEADER_ROW - 1}:{HEADER_ROW}"
    sheet.print_title_cols = "A:A"
    set_page(sheet, subtitle.rpartition(" · ")[0] or subtitle, content.texts.page)
    fit_width(sheet, widths, widths[0])
