"""Writes the workbooks that raters fill in.

One workbook per instrument, rater and batch. She sees only her own sessions, in
her own order, by blind ids; nothing tells which of them another rater codes too.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from doublecode.coding.allocation.blinding import alias, blind_names
from doublecode.coding.reading.expectations import check_assigned
from doublecode.coding.reading.given_texts import load_given
from doublecode.coding.reading.left_out import sessions_left_out
from doublecode.coding.reading.study_tables import read_study_table
from doublecode.coding.workbooks.choices import add_choices
from doublecode.coding.workbooks.content import Sheet
from doublecode.coding.workbooks.formulas import Grid
from doublecode.coding.workbooks.layout import (
    LISTS,
    RECORDING,
    SESSION,
    STAMP,
    START,
    STOP,
    Stamp,
    language_rows,
    own_order,
    workbook_name,
)
from doublecode.coding.workbooks.paper import put_text, set_font
from doublecode.coding.workbooks.rate_sheet import fill_rate
from doublecode.coding.workbooks.reading_sheets import fill_anchors, fill_read_me
from doublecode.coding.workbooks.save import fixed_bytes
from doublecode.schemas.codebook_hash import coding_hash
from doublecode.schemas.errors import UsageError
from doublecode.schemas.frames import ASSIGNMENTS, OCCASION, check_frame
from doublecode.schemas.instrument import Instrument
from doublecode.schemas.study import Study
from doublecode.schemas.whole_files import replace_files

if TYPE_CHECKING:
    from openpyxl import Workbook


def write_workbooks(
    study: Study,
    assignments: pd.DataFrame,
    folder: str | Path,
    *,
    sessions: pd.DataFrame | None = None,
    given: pd.DataFrame | None = None,
    overwrite: bool = False,
    only_new: bool = False,
) -> tuple[Path, ...]:
    """Write one workbook per instrument, rater and batch of the assignments.

    Sessions of patients who are excluded or withdrew their consent (``patients.csv``) are left out; a workbook of such
    sessions only is not written.

    Parameters
    ----------
    study : Study
        Names the codebooks, the language of the workbooks and the seed of the raters' orders.
    assignments : DataFrame
        Contract ``ASSIGNMENTS``: session_id, rater, instrument, role, batch; ``occasion`` where sessions are rated
        again by the same rater: each occasion has workbooks of its own.
    folder : path
        Where the workbooks go; made if it is not there.
    sessions : DataFrame, optional
        Contract ``SESSIONS``; by default ``sessions.csv`` of the study. Columns ``start`` and
        ``stop`` (minutes:seconds), where there are any, name the stretch to be heard; else the
        codebook's segment does. An instrument of whose sessions nothing says it has no such columns.
    given : DataFrame, optional
        Contract ``GIVEN``: session_id, item, text, what an assistant entered beforehand. By default
        ``given.csv`` of the study, where there is one; what comes back is held against that file.
    overwrite : bool
        Replace workbooks that exist; refused otherwise.
    only_new : bool
        Leave workbooks that exist as they are, and write the others.

    Returns
    -------
    tuple of Path
        What was written, sorted by instrument, rater, batch. The same input gives the same bytes.

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
    out = sessions_left_out(study, sessions)
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
        rows = [_row(one, known, book, filled, names) for one in ids if one not in out]
        if not rows:
            continue
        target = Path(folder) / workbook_name(book.name, str(rater), str(batch), occasion)
        if only_new and target.exists():
            continue
        if target.exists() and not overwrite:
            raise UsageError(
                f"{target}: the workbook exists and is not overwritten; nothing was written. --new writes those "
                "that are not there yet, --overwrite all of them anew, which changes workbooks that raters may have."
            )
        contents[target] = fixed_bytes(
            make_workbook(Sheet(stamp, book, rows, study.workbook_texts, has_segments(book, sessions)))
        )
    replace_files(contents)
    return tuple(contents)


def has_segments(book: Instrument, sessions: pd.DataFrame) -> bool:
    """Whether the codebook or any session of the study says from where to where a recording is heard."""
    columns = [sessions[name] for name in (START, STOP) if name in sessions.columns]
    return book.segment is not None or any(_text(value) for column in columns for value in column)


def _row(
    session: str,
    known: Mapping[str, pd.Series[Any]],
    book: Instrument,
    given: Mapping[tuple[str, str], str],
    names: Mapping[str, str],
) -> dict[str, str]:
    held = known[session]
    segment = book.segment
    start = "" if segment is None else f"{segment.start_minute}:00"
    stop = "" if segment is None else f"{segment.start_minute + segment.minutes}:00"
    row = {
        SESSION: session,
        RECORDING: names.get(session) or alias(session, _text(held.get(RECORDING))),
        START: _text(held.get(START)) or start,
        STOP: _text(held.get(STOP)) or stop,
    }
    return row | {item.name: given.get((session, item.name), "") for item in book.columns if item.given}


def _text(value: object) -> str:
    return "" if value is None or value != value else str(value)


def make_workbook(sheet: Sheet) -> Workbook:
    """Build one rater's workbook in memory: *Read me*, *Rate*, *Anchors*, and two hidden sheets."""
    from openpyxl import Workbook

    workbook, texts = Workbook(), sheet.texts
    set_font(workbook)
    read_me = workbook.worksheets[0]
    read_me.title = texts.sheet_read_me
    fill_read_me(read_me, sheet)
    rate = workbook.create_sheet(texts.sheet_rate)
    anchors = workbook.create_sheet(texts.sheet_anchors)
    fill_anchors(anchors, sheet)
    lists, stamp = (workbook.create_sheet(name) for name in (LISTS, STAMP))
    fill_rate(rate, sheet)
    if sheet.rows:
        add_choices(rate, lists, Grid(sheet.book, texts, len(sheet.rows), sheet.segments))
    for row, pair in enumerate((*sheet.stamp.rows(), *language_rows(texts)), start=1):
        for column, text in enumerate(pair, start=1):
            put_text(stamp, row, column, text)
    lists.sheet_state = "hidden"
    stamp.sheet_state = "veryHidden"
    workbook.active = 1
    for other in (read_me, anchors, lists, stamp):
        other.protection.enable()
        other.sheet_view.tabSelected = False
    return workbook
