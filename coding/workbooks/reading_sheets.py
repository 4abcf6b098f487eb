"""The sheets that a rater reads: what to do in six lines, and every anchor of every item."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from doublecode.coding.workbooks.item_texts import meanings
from doublecode.coding.workbooks.layout import STATUS
from doublecode.coding.workbooks.paper import (
    BLUE,
    PAGE_HEIGHT,
    box,
    fit_width,
    height_of,
    pieces_of,
    put,
    set_page,
)
from doublecode.schemas.item import Item

if TYPE_CHECKING:
    from openpyxl.worksheet.worksheet import Worksheet

    from doublecode.coding.workbooks.content import Sheet

_READ_ME_WIDTH = 88
_WIDTHS = (16, 34, 13, 45, 24)
_LABEL, _MEANING = 1, 3
_BOLD = 1.05


def fill_read_me(sheet: Worksheet, content: Sheet) -> None:
    """Write the six lines, each in a row as high as its text."""
    texts, book = content.texts, content.book
    codes = ", ".join(f"{code} = {text}" for code, text in book.missing_codes.items()) or texts.no_codes
    filled = {
        "title": book.title, "rater": content.stamp.rater, "batch": content.stamp.batch, "rate": texts.sheet_rate,
        "anchors": texts.sheet_anchors, "codes": codes, "status": texts.head_status,
        "start": texts.head_start, "stop": texts.head_stop,
    }  # fmt: skip
    heard = f"{texts.read_me_open} {texts.read_me_segment}".strip() if content.segments else texts.read_me_open
    lines = (
        texts.read_me_title, heard, texts.read_me_fill, texts.read_me_reason, texts.read_me_status,
        texts.read_me_return,
    )  # fmt: skip
    sheet.column_dimensions["A"].width = _READ_ME_WIDTH
    for number, line in enumerate((line.format(**filled) for line in lines), start=1):
        put(sheet, number, 1, line, bold=number == 1)
        sheet.row_dimensions[number].height = height_of([(line, _READ_ME_WIDTH)]) + 4
    sheet.sheet_view.showGridLines = False
    set_page(sheet, book.title, texts.page, landscape=False)
    fit_width(sheet, [_READ_ME_WIDTH])


@dataclass(frozen=True)
class _Line:
    """One row of the sheet of anchors; the first of an item opens its block."""

    item: str
    label: str
    code: int | str
    meaning: str
    credit: str
    opens: bool = False
    beside: bool = False
    least: float = 0.0

    @property
    def cells(self) -> tuple[str | int, ...]:
        return self.item, self.label, self.code, self.meaning, self.credit

    @property
    def height(self) -> float:
        """Of its texts; a label beside all rows of its item may use their height too."""
        texts = list(zip(map(str, self.cells), _WIDTHS, strict=True))
        if self.beside:
            del texts[_LABEL]
        return max(height_of(texts), self.least)


def _label_fits(block: list[_Line]) -> list[_Line]:
    """The block of an item, its last row high enough for the label that stands beside all of them."""
    if not block[0].beside:
        return block
    label = height_of([(block[0].label, _WIDTHS[_LABEL] / _BOLD)])
    spare = label - sum(line.height for line in block)
    return block if spare <= 0 else [*block[:-1], replace(block[-1], least=block[-1].height + spare)]


def fill_anchors(sheet: Worksheet, content: Sheet) -> None:
    """Write every anchor, item by item; on paper an item's rows stay on one page where they can."""
    from openpyxl.styles import PatternFill
    from openpyxl.utils import get_column_letter

    texts, blue = content.texts, PatternFill("solid", fgColor=BLUE)
    heads = (
        texts.anchors_item, texts.anchors_label, texts.anchors_code, texts.anchors_meaning, texts.anchors_credit,
    )  # fmt: skip
    blocks = [_label_fits(block) for block in _blocks(content)]
    lines = [line for block in blocks for line in block]
    for column, (head, width) in enumerate(zip(heads, _WIDTHS, strict=True), start=1):
        cell = put(sheet, 1, column, head, bold=True)
        cell.fill, cell.border = blue, box()
        sheet.column_dimensions[get_column_letter(column)].width = width
    for row, line in enumerate(lines, start=2):
        for column, text in enumerate(line.cells, start=1):
            cell = put(sheet, row, column, text, bold=line.opens and column <= _LABEL + 1, color=_colour(line, column))
            cell.border = box()
            if line.opens:
                cell.fill = PatternFill("solid", fgColor="F2F2F2")
        sheet.row_dimensions[row].height = line.height
    sheet.freeze_panes = "A2"
    sheet.print_title_rows = "1:1"
    set_page(sheet, content.book.title, texts.page)
    _keep_together(sheet, blocks)


def _colour(line: _Line, column: int) -> str | None:
    """The name of an item is repeated in its rows, for filters, and shown faintly there."""
    return "A6A6A6" if column == 1 and not line.opens else None


def _keep_together(sheet: Worksheet, blocks: list[list[_Line]]) -> None:
    """One label beside all rows of an item; a page ends where the next item would not fit on it whole."""
    from openpyxl.worksheet.pagebreak import Break

    used, row = 0.0, 1
    for block in blocks:
        if block[0].beside and len(block) > 1:
            sheet.merge_cells(start_row=row + 1, end_row=row + len(block), start_column=2, end_column=2)
        high = sum(line.height for line in block)
        if used and used + high > PAGE_HEIGHT:
            sheet.row_breaks.append(Break(id=row))
            used = 0.0
        used, row = (used + high if high <= PAGE_HEIGHT else high % PAGE_HEIGHT), row + len(block)


def _blocks(content: Sheet) -> Iterator[list[_Line]]:
    """The rows of each item, then those of the reasons why a session cannot be coded."""
    texts = content.texts
    for item in content.book.items:
        for one in item.per_code:
            yield list(_rows_of(one, content))
    label = texts.head_status
    yield [
        _Line(STATUS, label, "", texts.status_prompt, "", opens=True, beside=True),
        *(_Line(STATUS, "", word, texts.meanings[code], "") for code, word in texts.reasons.items()),
    ]


def _rows_of(item: Item, content: Sheet) -> Iterator[_Line]:
    """Label with what is allowed, hint, definition, anchors, missing codes; slots of a log share their rows."""
    book, texts = content.book, content.texts
    name = item.name
    slots = name if item.repeat == 1 else f"{name}_1 – {name}_{item.repeat}"
    credit, own = texts.credit(item.anchor_source), meanings(item, texts)
    allowed = texts.allowed.format(allowed=book.allowed(item, texts))
    first, *more = pieces_of(item.label, _WIDTHS[_LABEL] / _BOLD)
    remark = f"{allowed}\n{texts.may_be_empty}" if item.optional else allowed
    yield _Line(slots, first, "", remark, "", opens=True, beside=not more)
    yield from (_Line(name, piece, "", "", "") for piece in more)
    for code, text, by in (
        (texts.hint, item.hint, credit if item.definition else ""),
        (texts.definition, item.definition, credit),
        *((code, text, credit) for code, text in own.items()),
        *((code, book.missing_codes[code], texts.this_codebook) for code in book.missing_for(item)),
    ):
        first, *more = pieces_of(text, _WIDTHS[_MEANING]) if text else ("",)
        if text:
            yield _Line(name, "", code, first, by)
        yield from (_Line(name, "", "", piece, by) for piece in more)
