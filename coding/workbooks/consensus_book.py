"""Writes the workbook in which raters settle what they coded differently: side by side, with anchors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from doublecode.coding.reading.consensus_table import AGREED, CONSENSUS, DECIDERS, SHEET
from doublecode.coding.workbooks.content import Sheet
from doublecode.coding.workbooks.item_texts import prompt, prompt_title, refusal
from doublecode.coding.workbooks.layout import LISTS, STAMP, Stamp, allowed_codes
from doublecode.coding.workbooks.paper import BLUE, GREY, box, fit_width, height_of, put, put_text, set_font, set_page
from doublecode.coding.workbooks.reading_sheets import fill_anchors
from doublecode.coding.workbooks.save import fixed_bytes
from doublecode.schemas.codebook_hash import coding_hash
from doublecode.schemas.instrument import Instrument
from doublecode.schemas.item import Item
from doublecode.schemas.study import Study

if TYPE_CHECKING:
    from openpyxl.worksheet.worksheet import Worksheet

Entered = Mapping[tuple[str, str], tuple[Any, str, str]]
"""Session and item → what was agreed on, who decided, and why."""
_WIDTHS: Final = {"session_id": 14.0, "item": 16.0, "label": 40.0, "why": 44.0}
_USUAL: Final = 12.0
_OPEN: Final = (AGREED, "decided_by", "why")


@dataclass(frozen=True, slots=True)
class Disagreement:
    """One item of a session that raters coded differently.

    Attributes
    ----------
    session_id : str
    item : Item
    codes : tuple of (str, str)
        Rater and code, in the order of the raters' ids.
    distance : float or None
        The largest code less the smallest; None where one of them is no number.
    """

    session_id: str
    item: Item
    codes: tuple[tuple[str, str], ...]
    distance: float | None


def consensus_name(instrument: str) -> str:
    """File name of the workbook of one instrument.

    Examples
    --------
    >>> consensus_name("ghes")
    'consensus_ghes.xlsx'
    """
    return f"consensus_{instrument}.xlsx"


def consensus_bytes(study: Study, book: Instrument, rows: Sequence[Disagreement], entered: Entered) -> bytes:
    """Make the workbook: *Decide* with a row per disagreement, *Anchors*, and two hidden sheets.

    Parameters
    ----------
    study : Study
        Its name and the language of *Anchors* and of the prompts.
    book : Instrument
    rows : sequence of Disagreement
    entered : mapping
        What was decided before; it is written again.
    """
    from openpyxl import Workbook

    stamp = Stamp(study.name, book.name, book.version, coding_hash(book), CONSENSUS, CONSENSUS)
    content = Sheet(stamp, book, (), study.workbook_texts)
    workbook = Workbook()
    set_font(workbook)
    decide = workbook.worksheets[0]
    decide.title = SHEET
    anchors, lists, hidden = (
        workbook.create_sheet(name) for name in (study.workbook_texts.sheet_anchors, LISTS, STAMP)
    )
    fill_anchors(anchors, content)
    heads = _heads(rows)
    _fill(decide, heads, rows, entered)
    set_page(decide, book.title, content.texts.page)
    _add_choices(decide, lists, heads, rows, content)
    for row, pair in enumerate(stamp.rows(), start=1):
        for column, text in enumerate(pair, start=1):
            put_text(hidden, row, column, text)
    lists.sheet_state, hidden.sheet_state = "hidden", "veryHidden"
    for sheet in (decide, anchors, lists, hidden):
        sheet.protection.enable()
    decide.protection.formatColumns = decide.protection.formatRows = decide.protection.autoFilter = False
    return fixed_bytes(workbook)


def _heads(rows: Sequence[Disagreement]) -> list[str]:
    most = max((len(row.codes) for row in rows), default=2)
    pairs = [name for number in range(1, most + 1) for name in (f"rater_{number}", f"code_{number}")]
    return ["session_id", "item", "label", *pairs, "difference", *_OPEN]


def _texts(row: Disagreement, entered: Entered) -> dict[str, Any]:
    """The cells of one row by their heads."""
    agreed, by, why = entered.get((row.session_id, row.item.name), (None, "", ""))
    cells: dict[str, Any] = {"session_id": row.session_id, "item": row.item.name, "label": row.item.label}
    cells |= {"difference": row.distance, AGREED: agreed, "decided_by": by or None, "why": why or None}
    for number, (rater, code) in enumerate(row.codes, start=1):
        cells |= {f"rater_{number}": rater, f"code_{number}": code}
    return cells


def _fill(sheet: Worksheet, heads: Sequence[str], rows: Sequence[Disagreement], entered: Entered) -> None:
    """Write heads and rows: grey is what raters coded, white is what is to be decided."""
    from openpyxl.styles import PatternFill, Protection
    from openpyxl.utils import get_column_letter

    blue, grey = PatternFill("solid", fgColor=BLUE), PatternFill("solid", fgColor=GREY)
    widths = [_WIDTHS.get(head, _USUAL) for head in heads]
    for column, (head, width) in enumerate(zip(heads, widths, strict=True), start=1):
        cell = put(sheet, 1, column, head, bold=True)
        cell.fill, cell.border = blue, box()
        sheet.column_dimensions[get_column_letter(column)].width = width
    for number, row in enumerate(rows, start=2):
        cells = _texts(row, entered)
        for column, head in enumerate(heads, start=1):
            is_open = head in _OPEN
            cell = put(sheet, number, column, cells.get(head), vertical="center", bold=head == AGREED)
            cell.border = box()
            cell.protection = Protection(locked=not is_open)
            if not is_open:
                cell.fill = grey
        shown = [(str(cells[head]), width) for head, width in zip(heads, widths, strict=True) if cells.get(head)]
        sheet.row_dimensions[number].height = max(height_of(shown), 22.0)
    last = get_column_letter(len(heads))
    sheet.freeze_panes = "D2"
    sheet.auto_filter.ref = f"A1:{last}{len(rows) + 1}"
    sheet.print_title_rows = "1:1"
    fit_width(sheet, widths)


def _add_choices(
    sheet: Worksheet, lists: Worksheet, heads: Sequence[str], rows: Sequence[Disagreement], content: Sheet
) -> None:
    """Drop-downs with what each item allows, and prompts with its anchors."""
    from openpyxl.utils import get_column_letter
    from openpyxl.worksheet.datavalidation import DataValidation

    agreed, decided = (get_column_letter(heads.index(head) + 1) for head in (AGREED, "decided_by"))
    items: dict[str, Item] = {row.item.name: row.item for row in rows}
    for position, item in enumerate(items.values(), start=2):
        codes = allowed_codes(content.book, item) if item.codes or (item.categories and not item.multiple) else ()
        own = _listed(lists, position, item.name, codes)
        checked = DataValidation(
            type="list" if codes else None, formula1=own if codes else None, allow_blank=True,
            showErrorMessage=bool(codes), showInputMessage=True,
            errorTitle=prompt_title(content.texts.not_a_code), error=refusal(content.book, item, content.texts),
            promptTitle=prompt_title(item.label), prompt=prompt(content.book, item, content.texts),
        )  # fmt: skip
        for number, row in enumerate(rows, start=2):
            if row.item.name == item.name:
                checked.add(f"{agreed}{number}")
        sheet.add_data_validation(checked)
    by = DataValidation(type="list", formula1=_listed(lists, 1, "decided_by", tuple(DECIDERS)), allow_blank=True)
    by.add(f"{decided}2:{decided}{len(rows) + 1}")
    sheet.add_data_validation(by)


def _listed(lists: Worksheet, column: int, head: str, codes: Sequence[int | str]) -> str:
    """Write a list into the hidden sheet, and name its cells."""
    from openpyxl.utils import get_column_letter

    for row, text in enumerate((head, *codes), start=1):
        put_text(lists, row, column, text)
    letter = get_column_letter(column)
    return f"={LISTS}!${letter}$2:${letter}${max(len(codes), 1) + 1}"
