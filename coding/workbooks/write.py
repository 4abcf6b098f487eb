"""Writes the workbooks that raters fill in.

One workbook per instrument, rater and batch. She sees only her own sessions, in
her own order, by blind ids; nothing tells which of them another rater codes too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pandas as pd

from doublecode.coding.allocation.blinding import blind_names
from doublecode.coding.reading.expectations import check_assigned
from doublecode.coding.reading.given_texts import load_given
from doublecode.coding.reading.study_tables import read_study_table
from doublecode.coding.workbooks.layout import (
    ANCHORS,
    HEADER_ROW,
    LISTS,
    NOT_CODABLE,
    NOTES,
    RATE,
    READ_ME,
    RECORDING,
    SESSION,
    STAMP,
    START,
    STATUS,
    STOP,
    Stamp,
    allowed_codes,
    anchor_text,
    own_order,
    rate_columns,
    rated_items,
    workbook_name,
)
from doublecode.coding.workbooks.save import fixed_bytes, refuse_existing
from doublecode.schemas.codebook_hash import coding_hash
from doublecode.schemas.frames import ASSIGNMENTS, OCCASION, check_frame
from doublecode.schemas.instrument import Instrument
from doublecode.schemas.item import Item
from doublecode.schemas.study import Study
from doublecode.schemas.whole_files import replace_files

if TYPE_CHECKING:
    from openpyxl import Workbook
    from openpyxl.worksheet.datavalidation import DataValidation
    from openpyxl.worksheet.worksheet import Worksheet

_GREY, _BLUE = "E7E6E6", "DDEBF7"
_WIDTHS = {SESSION: 12, RECORDING: 18, START: 8, STOP: 8, STATUS: 16, NOTES: 40}


@dataclass(frozen=True)
class Sheet:
    """The content of one workbook: its stamp, its codebook, a row per session.

    Parameters
    ----------
    rows : sequence of mapping of str to str
        Per session the texts of ``session_id``, ``recording``, ``start``, ``stop`` and the given items.
    """

    stamp: Stamp
    book: Instrument
    rows: Sequence[Mapping[str, str]] = field(default_factory=tuple)


def write_workbooks(
    study: Study,
    assignments: pd.DataFrame,
    folder: str | Path,
    *,
    sessions: pd.DataFrame | None = None,
    given: pd.DataFrame | None = None,
    overwrite: bool = False,
) -> tuple[Path, ...]:
    """Write one workbook per instrument, rater and batch of the assignments.

    Parameters
    ----------
    study : Study
        Names the codebooks and the seed of the raters' orders.
    assignments : DataFrame
        Contract ``ASSIGNMENTS``: session_id, rater, instrument, role, batch; ``occasion`` where sessions are rated
        again by the same rater: each occasion has workbooks of its own.
    folder : path
        Where the workbooks go; made if it is not there.
    sessions : DataFrame, optional
        Contract ``SESSIONS``; by default ``sessions.csv`` of the study. Columns ``start`` and
        ``stop`` (minutes:seconds), where there are any, name the stretch to be heard; else the
        codebook's segment does.
    given : DataFrame, optional
        Contract ``GIVEN``: session_id, item, text, what an assistant entered beforehand. By default
        ``given.csv`` of the study, where there is one; what comes back is held against that file.
    overwrite : bool
        Replace workbooks that exist; refused otherwise.

    Returns
    -------
    tuple of Path
        Sorted by instrument, rater, batch. The same input gives the same bytes.

    Raises
    ------
    StudyError
        A session, instrument or rater of the assignments is not known to the study.
    ContractError
        A table breaks its contract.
    UsageError
        A workbook exists and `overwrite` is off, or one cannot be written: then none was.
    """
    check_frame(assignments, ASSIGNMENTS)
    if sessions is None:
        sessions = read_study_table(study, "sessions")
    known = {str(row[SESSION]): row for _, row in sessions.iterrows()}
    check_assigned(study, assignments, known)
    filled = load_given(study, known, given) or {}
    names = blind_names(study.folder)
    contents: dict[Path, bytes] = {}
    times = assignments[OCCASION] if OCCASION in assignments.columns else pd.Series(1, index=assignments.index)
    by = [assignments[name] for name in ("instrument", "rater", "batch")]
    for (instrument, rater, batch, time), group in assignments.groupby([*by, times.astype(int)], sort=True):
        book, occasion = study.codebooks[str(instrument)], int(str(time))
        stamp = Stamp(study.name, book.name, book.version, coding_hash(book), str(rater), str(batch), occasion)
        ids = own_order(group[SESSION].astype(str).tolist(), study.seed, str(rater), str(batch), occasion)
        rows = [_row(session, known, book, filled) | _recording(session, names) for session in ids]
        target = Path(folder) / workbook_name(book.name, str(rater), str(batch), occasion)
        refuse_existing(target, overwrite=overwrite)
        contents[target] = fixed_bytes(make_workbook(Sheet(stamp, book, rows)))
    replace_files(contents)
    return tuple(contents)


def _row(
    session: str, known: Mapping[str, pd.Series[Any]], book: Instrument, given: Mapping[tuple[str, str], str]
) -> dict[str, str]:
    held = known[session]
    segment = book.segment
    start = "" if segment is None else f"{segment.start_minute}:00"
    stop = "" if segment is None else f"{segment.start_minute + segment.minutes}:00"
    row = {
        SESSION: session,
        RECORDING: _text(held.get(RECORDING)),
        START: _text(held.get(START)) or start,
        STOP: _text(held.get(STOP)) or stop,
    }
    return row | {item.name: given.get((session, item.name), "") for item in book.columns if item.given}


def _recording(session: str, names: Mapping[str, str]) -> dict[str, str]:
    """The blind name of a recording, where the study has a key of them."""
    return {RECORDING: names[session]} if session in names else {}


def _text(value: object) -> str:
    return "" if value is None or value != value else str(value)


def make_workbook(sheet: Sheet) -> Workbook:
    """Build one rater's workbook in memory: *Read me*, *Rate*, *Anchors*, and two hidden sheets."""
    from openpyxl import Workbook

    workbook = Workbook()
    read_me = workbook.worksheets[0]
    read_me.title = READ_ME
    _fill_read_me(read_me, sheet)
    rate = workbook.create_sheet(RATE)
    _fill_anchors(workbook.create_sheet(ANCHORS), sheet.book)
    lists = workbook.create_sheet(LISTS)
    _fill_rate(rate, sheet)
    _add_choices(rate, lists, sheet)
    stamp = workbook.create_sheet(STAMP)
    for row in sheet.stamp.rows():
        stamp.append(row)
    lists.sheet_state = "hidden"
    stamp.sheet_state = "veryHidden"
    workbook.active = 1
    for other in (read_me, workbook[ANCHORS], lists, stamp):
        other.protection.enable()
        other.sheet_view.tabSelected = False
    return workbook


def _fill_read_me(sheet: Worksheet, content: Sheet) -> None:
    from openpyxl.styles import Alignment, Font

    lines = (
        f"{content.book.title}: workbook of {content.stamp.rater}, {content.stamp.batch}.",
        f"1. Open the sheet {RATE}. Each row is one session; hear the recording that it names, from start to stop.",
        "2. Fill in every white cell. The drop-down shows the codes; the note on a column's head says what they mean.",
        f"3. Where you cannot rate, type the reason code ({_codes(content.book)}). Leave no cell empty.",
        f"4. If a session cannot be coded at all, choose why under {STATUS} and leave its other cells empty.",
        "5. Change no grey cell, no head, no sheet. Do not talk about your codes. Save, and send this file back.",
    )
    sheet.column_dimensions["A"].width = 110
    for number, line in enumerate(lines, start=1):
        cell = sheet.cell(number, 1, line)
        cell.alignment = Alignment(wrap_text=True, vertical="top")
        cell.font = Font(bold=number == 1)
        sheet.row_dimensions[number].height = 16 * -(-len(line) // 95)


def _codes(book: Instrument) -> str:
    return ", ".join(f"{code} = {text}" for code, text in book.missing_codes.items()) or "none here"


def _fill_rate(sheet: Worksheet, content: Sheet) -> None:
    from openpyxl.styles import Alignment, Font, PatternFill, Protection

    names = rate_columns(content.book)
    items = {item.name: item for item in content.book.columns}
    grey, blue = PatternFill("solid", fgColor=_GREY), PatternFill("solid", fgColor=_BLUE)
    sheet.cell(1, 1, _progress(content)).font = Font(bold=True)
    sheet.cell(
        2, 1
    ).value = f"{content.book.title} · {content.stamp.rater} · {content.stamp.batch} · grey cells stay as they are"
    open_cells = Protection(locked=False)
    for column, name in enumerate(names, start=1):
        _head(sheet, column, name, items.get(name), content.book)
        is_open = name in (STATUS, NOTES) or (name in items and not items[name].given)
        is_text = name not in items or not items[name].is_numeric
        for row, values in enumerate(content.rows, start=HEADER_ROW + 1):
            cell = sheet.cell(row, column, values.get(name) or None)
            if cell.data_type in ("f", "e"):  # a text that begins with =, or reads #N/A, stays a text
                cell.data_type = "s"
            cell.alignment = Alignment(wrap_text=is_text, vertical="top", horizontal=None if is_text else "center")
            if is_text:
                cell.number_format = "@"
            if is_open:
                cell.protection = open_cells
            else:
                cell.fill = grey
        sheet.cell(HEADER_ROW, column).fill = blue
    sheet.freeze_panes = f"B{HEADER_ROW + 1}"
    _fit_page(sheet, content)
    sheet.protection.enable()
    sheet.protection.formatColumns = sheet.protection.formatRows = sheet.protection.formatCells = False


def _fit_page(sheet: Worksheet, content: Sheet) -> None:
    """Rows high enough for what is written beforehand; printed across one landscape page."""
    from openpyxl.worksheet.properties import PageSetupProperties

    sheet.row_dimensions[HEADER_ROW - 1].height = 45
    for row, values in enumerate(content.rows, start=HEADER_ROW + 1):
        lines = max((-(-len(text) // 26) for text in values.values()), default=1)
        if lines > 1:  # a row without a height grows with what the rater types
            sheet.row_dimensions[row].height = 15 * lines
    sheet.page_setup.orientation = "landscape"
    sheet.page_setup.fitToWidth, sheet.page_setup.fitToHeight = 1, 0
    sheet.sheet_properties.pageSetUpPr = PageSetupProperties(fitToPage=True)


def _head(sheet: Worksheet, column: int, name: str, item: Item | None, book: Instrument) -> None:
    from openpyxl.comments import Comment
    from openpyxl.styles import Alignment, Font
    from openpyxl.utils import get_column_letter

    label = sheet.cell(HEADER_ROW - 1, column, item.label if item else _LABELS[name])
    label.alignment = Alignment(wrap_text=True, vertical="bottom")
    head = sheet.cell(HEADER_ROW, column, name)
    head.font = Font(bold=True)
    note = anchor_text(book, item) if item else _STATUS_NOTE if name == STATUS else ""
    if note:
        head.comment = Comment(note, "doublecode", height=30 + 18 * note.count("\n"), width=340)
    sheet.column_dimensions[get_column_letter(column)].width = _WIDTHS.get(
        name, 28 if item and item.type == "text" else 14
    )


_LABELS = {
    SESSION: "Session",
    RECORDING: "Recording",
    START: "Hear from",
    STOP: "Hear to",
    STATUS: "Session not codable because",
    NOTES: "Notes",
}
_STATUS_NOTE = "Only if the session cannot be coded at all:\n" + "\n".join(f"{k} = {v}" for k, v in NOT_CODABLE.items())


def _progress(content: Sheet) -> str:
    """The line on top, as a formula: a session is done when its required cells or its status are filled."""
    from openpyxl.utils import get_column_letter

    names = rate_columns(content.book)
    last = HEADER_ROW + max(len(content.rows), 1)

    def filled(name: str) -> str:
        letter = get_column_letter(names.index(name) + 1)
        return f'(${letter}${HEADER_ROW + 1}:${letter}${last}<>"")'

    items = rated_items(content.book)
    needed = [item.name for item in items if not item.optional] or [items[0].name]
    done = f"SUMPRODUCT(--(({'*'.join(map(filled, needed))}+{filled(STATUS)})>0))"
    return f'="Done: "&{done}&" of {len(content.rows)} sessions"'


def _add_choices(rate: Worksheet, lists: Worksheet, content: Sheet) -> None:
    """Drop-downs that refer to a range: a list written out over 255 characters corrupts the file."""
    from openpyxl.utils import get_column_letter

    if not content.rows:
        return
    names, items = rate_columns(content.book), {item.name: item for item in content.book.columns}
    for position, (column, choices, validation) in enumerate(_validations(content), start=1):
        lists.cell(1, position, rate.cell(HEADER_ROW, column).value)
        for row, code in enumerate(choices, start=2):
            lists.cell(row, position, code)
        letter, own = get_column_letter(column), get_column_letter(position)
        top = f"{letter}{HEADER_ROW + 1}"
        source = f"{LISTS}!${own}$2:${own}${max(len(choices), 1) + 1}"
        if validation.type == "list":
            validation.formula1 = f"={source}"
        elif validation.type == "custom":
            validation.formula1 = f"OR({_is_number(items[names[column - 1]], top)},COUNTIF({source},{top})>0)"
        validation.add(f"{top}:{letter}{HEADER_ROW + len(content.rows)}")
        rate.add_data_validation(validation)


def _is_number(item: Item, cell: str) -> str:
    """The formula that asks whether a cell holds a value of a numeric item without a list of codes."""
    if item.type not in ("decimal", "minutes"):
        return f"ISNUMBER({cell})"
    ends = [f"{cell}>={item.low:g}", *([] if item.high == float("inf") else [f"{cell}<={item.high:g}"])]
    places = 0 if item.type == "minutes" else item.decimals
    rounded = [] if places is None else [f"ROUND({cell},{places})={cell}"]
    return f"IF(ISNUMBER({cell}),AND({','.join([*ends, *rounded])}),FALSE)"


def _validations(content: Sheet) -> Iterator[tuple[int, tuple[int | str, ...], DataValidation]]:
    from openpyxl.worksheet.datavalidation import DataValidation

    names = rate_columns(content.book)
    for item in rated_items(content.book):
        kind: Literal["list", "custom"] | None = "list" if item.codes or item.categories else "custom"
        if item.multiple or item.type == "text":
            kind = None
        allowed = content.book.allowed(item)
        yield (
            names.index(item.name) + 1,
            allowed_codes(content.book, item),
            DataValidation(
                type=kind,
                allow_blank=True,
                showErrorMessage=kind is not None,
                showInputMessage=True,
                errorTitle="Not a code of this item",
                error=f"Allowed: {allowed}"[:220],
                promptTitle=item.name[:30],
                prompt=anchor_text(content.book, item)[:250],
            ),
        )
    status = DataValidation(type="list", allow_blank=True, showErrorMessage=True, error="Choose from the list.")
    yield names.index(STATUS) + 1, tuple(NOT_CODABLE), status


def _fill_anchors(sheet: Worksheet, book: Instrument) -> None:
    from openpyxl.styles import Alignment, Font

    sheet.append(("item", "label", "code", "meaning", "words by"))
    for item in book.columns:
        if item.definition:
            sheet.append((item.name, item.label, "definition", item.definition, item.credit))
        for code, text in item.meanings.items():
            sheet.append((item.name, item.label, code, text, item.credit))
        if not item.meanings:
            sheet.append((item.name, item.label, book.allowed(item), "", ""))
        for code in book.missing_for(item):
            sheet.append((item.name, item.label, code, book.missing_codes[code], "this codebook"))
    for cell in sheet[1]:
        cell.font = Font(bold=True)
    for letter, width in zip("ABCDE", (22, 40, 24, 60, 24), strict=True):
        sheet.column_dimensions[letter].width = width
    for row in sheet.iter_rows(min_row=2):
        row[3].alignment = Alignment(wrap_text=True, vertical="top")
    sheet.freeze_panes = "A2"
