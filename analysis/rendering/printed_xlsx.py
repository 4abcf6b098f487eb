"""Tables as printed in Excel: numbers stay numbers, shown by number formats; a second sheet has full columns."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from doublecode.analysis.rendering.printed_csv import table_frame
from doublecode.analysis.rendering.printed_parts import Cell, TableParts, kept
from doublecode.analysis.rendering.tables import SMALLEST_P
from doublecode.schemas.marks import bare

if TYPE_CHECKING:
    from openpyxl.styles import Alignment, Font
    from openpyxl.worksheet.worksheet import Worksheet

_ANY_DAY: Final = datetime(2000, 1, 1)
_FONT: Final = "Times New Roman"
_STUB_WIDTH: Final = 40.0
_LONGEST_NAME: Final = 31  # letters of a sheet's name


def tables_xlsx(tables: Sequence[TableParts]) -> bytes:
    """Render as a workbook of two sheets per table: as printed, and its values in plain columns."""
    from openpyxl import Workbook

    book = Workbook()
    for sheet in list(book.worksheets):
        book.remove(sheet)
    for at, table in enumerate(tables, 1):
        name = table.caption or (f"Table {at}" if len(tables) > 1 else "Table")
        _fill(book.create_sheet(name[:_LONGEST_NAME]), table)
        _values(book.create_sheet(f"Values {name.removeprefix('Table')}".strip()[:_LONGEST_NAME]), table)
    book.properties.creator = book.properties.lastModifiedBy = "doublecode"
    book.properties.title = bare(tables[0].title)
    book.properties.created = book.properties.modified = _ANY_DAY
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def number_format(cell: Cell) -> str:
    """Excel's format of a cell, which shows what :attr:`Cell.text` prints.

    Examples
    --------
    >>> number_format(Cell(0.2, "p")), number_format(Cell(-0.26, "bounded", stars="*"))
    ('[<0.001]"< .001";.000', '.00"*";−.00"*"')
    """
    stars = f'"{cell.stars}"' if cell.stars else ""
    value = 0.0 if cell.value is None or isinstance(cell.value, str) else float(cell.value)
    if cell.kind == "p":
        above = "0.000" if value >= 1 else ".000"
        return f'[<{SMALLEST_P}]"< .001"{stars};{above}{stars}'
    text = cell.text.removesuffix(cell.stars)
    decimals = len(text.rstrip(" %").partition(".")[2])
    whole = "" if cell.kind == "bounded" and text.lstrip("−").startswith(".") else "0"
    shown = whole + ("." + "0" * decimals if decimals else "") + (" %" if cell.kind == "percent" else "")
    # a number that rounds to zero is printed without a sign
    sign = "−" if text.startswith("−") or value > 0 else ""
    return f"{shown}{stars};{sign}{shown}{stars}"


@cache
def _font(*, bold: bool = False, italic: bool = False, size: int = 11) -> Font:
    from openpyxl.styles import Font

    return Font(name=_FONT, bold=bold, italic=italic, size=size)


@cache
def _placed(where: str = "general", *, wrap: bool = False, indent: int = 0) -> Alignment:
    from openpyxl.styles import Alignment

    return Alignment(horizontal=where, vertical="top", wrap_text=wrap, indent=indent)


def _fill(sheet: Worksheet, table: TableParts) -> None:
    from openpyxl.worksheet.properties import PageSetupProperties

    width = len(table.columns) + 1
    at = 1
    for text, font in (
        (table.caption, _font(bold=True)),
        (bare(table.title), _font(italic=True)),
    ):
        if text:
            _put(sheet, at, 1, text, font=font)
            at += 1
    first = at
    at = _heads(sheet, table, at)
    for row in table.rows:
        label = bare(row.label) + _raised(row.marks)
        _put(sheet, at, 1, label, font=_font(italic=row.is_section or _is_symbol(row.label)), indent=row.indent)
        for place, cell in kept(row.cells):
            _cell(sheet, at, place + 2, cell, is_text=table.columns[place].is_text)
        if row.rule:
            _rule(sheet, at, width, top="thin")
        at += 1
    _rule(sheet, at - 1, width, bottom="medium")
    _rule(sheet, first, width, top="medium")
    for runs in table.notes:
        text = "".join(f"({run.text}) " if run.is_raised else bare(run.text) for run in runs)
        _put(sheet, at, 1, text, font=_font(size=9))
        sheet.merge_cells(start_row=at, start_column=1, end_row=at, end_column=width)
        sheet.cell(at, 1).alignment = _placed(wrap=True)
        room = _STUB_WIDTH + 11 * (width - 1)
        sheet.row_dimensions[at].height = 13 * (1 + int(len(text) / room))
        at += 1
    sheet.column_dimensions["A"].width = _STUB_WIDTH
    sheet.sheet_view.showGridLines = False
    sheet.page_setup.orientation = "landscape"
    sheet.page_setup.fitToWidth, sheet.page_setup.fitToHeight = 1, 0
    sheet.sheet_properties.pageSetUpPr = PageSetupProperties(fitToPage=True)


def _heads(sheet: Worksheet, table: TableParts, at: int) -> int:
    """Write the head, and return the row below it."""
    from openpyxl.utils import get_column_letter

    font, width = _font(), len(table.columns) + 1
    for run in table.spanners:
        if run.text:
            _put(sheet, at, run.start + 2, bare(run.text), font=font)
            sheet.merge_cells(
                start_row=at, start_column=run.start + 2, end_row=at, end_column=run.start + 1 + run.width
            )
            sheet.cell(at, run.start + 2).alignment = _placed("center", wrap=True)
            _rule(sheet, at, run.start + 1 + run.width, bottom="thin", first=run.start + 2)
    at += bool(table.spanners)
    _put(sheet, at, 1, bare(table.stub), font=font)
    for place, column in enumerate(table.columns):
        _put(sheet, at, place + 2, bare(column.heading), font=_font(italic=_is_symbol(column.heading)))
        sheet.cell(at, place + 2).alignment = _placed("left" if column.is_text else "right")
        texts = [len(row.cells[place].text) for row in table.rows if row.cells and row.cells[place].span == 1]
        sheet.column_dimensions[get_column_letter(place + 2)].width = 3 + max(
            [len(bare(column.heading)), *texts], default=6
        )
    _rule(sheet, at, width, bottom="thin")
    return at + 1


def _cell(sheet: Worksheet, row: int, column: int, cell: Cell, *, is_text: bool) -> None:
    where = "center" if cell.span > 1 else "left" if is_text else "right"
    if cell.is_number:
        here = sheet.cell(row, column, float(cell.value or 0.0))
        raised = _raised(cell.marks)
        here.number_format = number_format(cell) if not raised else number_format(_with_mark(cell, raised))
        here.font, here.alignment = _font(), _placed(where)
    elif cell.text or cell.marks:
        _put(sheet, row, column, cell.text + _raised(cell.marks), font=_font())
        sheet.cell(row, column).alignment = _placed(where)
    if cell.span > 1:
        sheet.merge_cells(start_row=row, start_column=column, end_row=row, end_column=column + cell.span - 1)


def _is_symbol(text: str) -> bool:
    """Whether the whole text is set in italics, as the symbol of a statistic is."""
    return text == f"*{bare(text)}*"


def _with_mark(cell: Cell, raised: str) -> Cell:
    return replace(cell, stars=cell.stars + raised)


def _raised(marks: tuple[str, ...]) -> str:
    return f" ({', '.join(marks)})" if marks else ""


def _put(sheet: Worksheet, row: int, column: int, text: str, *, font: Any, indent: int = 0) -> None:
    """Write a text as a text, also one that begins like a formula."""
    here = sheet.cell(row, column)
    here.value, here.data_type = text, "s"
    here.font = font
    if indent:
        here.alignment = _placed("left", indent=indent)


def _rule(sheet: Worksheet, row: int, last: int, *, top: str = "", bottom: str = "", first: int = 1) -> None:
    from openpyxl.styles import Border, Side

    for column in range(first, last + 1):
        here = sheet.cell(row, column)
        old = here.border
        above = Side(style="medium" if top == "medium" else "thin") if top else old.top
        below = Side(style="medium" if bottom == "medium" else "thin") if bottom else old.bottom
        here.border = Border(top=above, bottom=below)


def _values(sheet: Worksheet, table: TableParts) -> None:
    """What the CSV file has: full precision, one column per number."""
    frame = table_frame(table)
    for column, name in enumerate(frame.columns, 1):
        here = sheet.cell(1, column)
        here.value, here.data_type = str(name), "s"
        for row, value in enumerate(frame[name], 2):
            here = sheet.cell(row, column)
            if isinstance(value, str):
                here.value, here.data_type = value, "s"
            elif value is not None and value == value:
                here.value = float(value)
