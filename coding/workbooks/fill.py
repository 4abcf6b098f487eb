"""Fills a workbook in, as a rater would: for the example studies, for rehearsals and for tests."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from copy import copy
from pathlib import Path
from typing import TYPE_CHECKING

from doublecode.coding.workbooks.layout import HEADER_ROW, SESSION, STAMP, own_words, stamp_pairs
from doublecode.coding.workbooks.restored import restore
from doublecode.coding.workbooks.save import save_fixed
from doublecode.schemas.errors import UsageError

if TYPE_CHECKING:
    from openpyxl.worksheet.worksheet import Worksheet

CellValue = int | float | str | bool | None


def fill_workbook(
    source: str | Path,
    target: str | Path,
    cells: Mapping[tuple[str, str], CellValue],
    *,
    comments: Mapping[tuple[str, str], str] | None = None,
    blank_rows_after: Iterable[str] = (),
    column_order: Iterable[str] | None = None,
    synthetic: str | None = None,
    overwrite: bool = False,
) -> Path:
    """Write values into the *Rate* sheet of a workbook and save it as `target`.

    Parameters
    ----------
    source, target : path
        The workbook that was sent out, and the one that comes back.
    cells : mapping of (session_id, column) to value
        Columns are item names, ``status`` or ``notes``. Numbers stay numbers, texts stay texts
        (``"3 "`` is written as that text).
    comments : mapping of (session_id, column) to str, optional
        Comments that the rater leaves on cells.
    blank_rows_after : iterable of str
        Sessions after which the rater left an empty row.
    column_order : iterable of str, optional
        All column names in the order into which the rater moved them.
    synthetic : str, optional
        Why the data are no real ones: said on the first sheet and in the properties of the file.
    overwrite : bool
        Replace `target` if it exists.

    Raises
    ------
    UsageError
        A session or a column is not in the workbook, or `target` exists.
    """
    from openpyxl import load_workbook
    from openpyxl.comments import Comment

    workbook = load_workbook(source)
    restore(workbook, Path(source).read_bytes())
    words = own_words(stamp_pairs(workbook[STAMP].values))
    sheet = workbook[words.rate]
    places = _Places(sheet)
    for (session, column), value in cells.items():
        sheet.cell(places.row(session), places.column(column)).value = value
    for (session, column), text in (comments or {}).items():
        sheet.cell(places.row(session), places.column(column)).comment = Comment(text, "rater")
    if column_order is not None:
        _reorder(sheet, [places.column(name) for name in column_order])
    for row in sorted((places.row(session) for session in blank_rows_after), reverse=True):
        sheet.insert_rows(row + 1)
    if synthetic is not None:
        read_me = workbook[words.read_me]
        read_me.cell(read_me.max_row + 1, 1, synthetic)
        workbook.properties.title = f"{Path(target).stem.replace('_', ' ')} (synthetic data)"
        workbook.properties.keywords = "synthetic"
        workbook.properties.description = synthetic
    return save_fixed(workbook, Path(target), overwrite=overwrite)


class _Places:
    """Where sessions and columns stand on a *Rate* sheet."""

    def __init__(self, sheet: Worksheet) -> None:
        heads = {str(cell.value): cell.column for cell in sheet[HEADER_ROW] if cell.value is not None}
        first = heads[SESSION]
        rows = range(HEADER_ROW + 1, sheet.max_row + 1)
        self._columns: dict[str, int] = heads
        self._rows = {str(sheet.cell(row, first).value): row for row in rows}

    def row(self, session: str) -> int:
        if session not in self._rows:
            raise UsageError(f"the workbook has no session {session!r}; allowed: {', '.join(self._rows)}.")
        return self._rows[session]

    def column(self, name: str) -> int:
        if name not in self._columns:
            raise UsageError(f"the workbook has no column {name!r}; allowed: {', '.join(self._columns)}.")
        return self._columns[name]


def _reorder(sheet: Worksheet, order: list[int]) -> None:
    """Put the columns, heads included, into another order; drop-downs are lost, as pasting loses them."""
    if sorted(order) != list(range(1, sheet.max_column + 1)):
        raise UsageError("column_order must name every column of the workbook once.")
    for row in range(HEADER_ROW - 1, sheet.max_row + 1):
        old = [sheet.cell(row, column) for column in order]
        kept = [(cell.value, copy(cell.comment), copy(cell._style)) for cell in old]  # type: ignore[union-attr]
        for column, (value, comment, style) in enumerate(kept, start=1):
            cell = sheet.cell(row, column)
            cell.value, cell.comment, cell._style = value, comment, style  # type: ignore[union-attr]
    sheet.data_validations.dataValidation.clear()
