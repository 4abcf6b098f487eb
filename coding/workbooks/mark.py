"""Hands a rater's own file back with marks: her values untouched, a colour and a note where something is wrong."""

from __future__ import annotations

import io
import warnings
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from doublecode.coding.reading.cells import show_text
from doublecode.coding.reading.container import Package, open_book, open_package
from doublecode.coding.reading.mended_copies import please_fix_path
from doublecode.coding.reading.safe_xml import Damaged, TooLarge
from doublecode.coding.reading.sheet_grid import Book, restore_percents
from doublecode.coding.reading.sheet_shape import Shape, column_letter, split_cell, split_range
from doublecode.coding.workbooks.error_sign import with_sign, without_sign
from doublecode.coding.workbooks.layout import LISTS, NOTE_MARK, STAMP, OwnWords, own_words, stamp_pairs
from doublecode.coding.workbooks.live_marks import add_live_marks
from doublecode.coding.workbooks.paper import FONT, TEXT, box, fit_width, height_of, put, set_page
from doublecode.coding.workbooks.rater_words import RaterWords, rater_words
from doublecode.coding.workbooks.restored import restore
from doublecode.coding.workbooks.save import save_fixed
from doublecode.schemas.errors import UsageError
from doublecode.schemas.problems import Problem

if TYPE_CHECKING:
    from openpyxl import Workbook
    from openpyxl.worksheet.worksheet import Worksheet

    from doublecode.schemas.study import Study

HER_NOTE = "\n— your note: "
_YELLOW, _RED = "FFFF66", "FF9999"
_MISSING = frozenset({"missing_rating", "log_missing", "reason_missing", "row_empty", "row_missing"})
_DAMAGED = (SyntaxError, ValueError, KeyError, TypeError, AttributeError, IndexError, OSError, zipfile.BadZipFile)
_WIDTHS = (18, 22, 60, 44)
_MOST_FORMULAS = 500
_FEW_ROWS = 3


def write_redpen(
    path: str | Path, problems: Sequence[Problem], target: str | Path | None = None, *, overwrite: bool = True,
    study: Study | None = None,
) -> Path:  # fmt: skip
    """Write a copy of a rater's file in which every problem is marked.

    Parameters
    ----------
    path : path
        Her file; it is not changed.
    problems : sequence of Problem
        What the reader found; those of other files are left out.
    target : path, optional
        The copy, an .xlsx file; by default :func:`please_fix_path`.
    overwrite : bool
        Replace an earlier marked copy.
    study : Study, optional
        For its codebooks, and for texts in a language of its own.

    Returns
    -------
    Path
        The copy. Yellow cells are missing, red ones, with a ✗ before their value, not allowed; each has a note that
        says what to do; the sheet *Problems* lists all of them with links. A file that cannot be opened comes
        back as that list alone.

    Raises
    ------
    UsageError
        The target is the file itself, or exists and `overwrite` is off.
    """
    source = Path(path)
    place = please_fix_path(source) if target is None else Path(target)
    if place.resolve() == source.resolve():
        raise UsageError(f"{place}: the marked copy would replace the rater's file. Choose another target.")
    own = [problem for problem in problems if problem.file == source.name]
    package = open_package(source)
    book = _book_of(package)
    workbook = _open_copy(package, book)
    own_sheets, stamped = _words_of(book), _stamp_of(book)
    words = rater_words(own_sheets, stamped, study)
    marks: dict[str, dict[str, str]] = {}
    for problem in own:
        if problem.severity != "info" and problem.sheet in workbook.sheetnames and problem.cell:
            marks.setdefault(problem.sheet, {}).update(_mark(workbook[problem.sheet], problem, words))
    for name, colours in marks.items():
        add_live_marks(workbook[name], colours)
    _list_problems(workbook, own, own_sheets, words, () if book is None else tuple(_replaced(book, words)))
    return save_fixed(workbook, place, overwrite=overwrite)


def _open_copy(package: Package, book: Book | None) -> Workbook:
    """Her workbook as openpyxl holds it; else cell by cell (.ods, or a damaged part); else an empty one."""
    from openpyxl import Workbook, load_workbook

    if package.kind == "xlsx" and book is not None:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)  # extensions of Excel that a copy does without
                workbook = load_workbook(io.BytesIO(package.data))
                if tuple(workbook.sheetnames) == book.names:  # it finds none in "strict" workbooks
                    restore(workbook, package.data)
                    return _as_saved(workbook, book)
        except _DAMAGED:
            pass  # a part that our reader does without is damaged: the values are copied below
    copy = Workbook()
    copy.remove(copy.worksheets[0])
    if book is not None:
        try:
            _copy_values(book, copy)
        except (Damaged, TooLarge, *_DAMAGED):
            for sheet in copy.worksheets:
                copy.remove(sheet)
    return copy


def _book_of(package: Package) -> Book | None:
    """Her workbook as our reader sees it, if every sheet of it can be read."""
    if package.kind not in ("xlsx", "ods"):
        return None
    try:
        book = open_book(package)
        for name in book.names:
            book.sheet(name)
    except (Damaged, TooLarge):
        return None
    return book


def _stamp_of(book: Book | None) -> dict[str, str]:
    return stamp_pairs(book.sheet(STAMP).grid) if book is not None and STAMP in book.names else {}


def _words_of(book: Book | None) -> OwnWords:
    """The names of the sheets in the language of the workbook."""
    return own_words(_stamp_of(book))


def _as_saved(workbook: Workbook, book: Book) -> Workbook:
    """Put the saved result in the place of each formula, and take an earlier red pen's marks off."""
    from openpyxl.styles import PatternFill

    for name in workbook.sheetnames:
        read, sheet = book.sheet(name), workbook[name]
        for place, (_, saved) in read.shape.formulas.items():
            row, column = split_cell(place)
            if saved is not None:
                _write(sheet, row + 1, column + 1, read.grid[row][column] if _inside(read.grid, row, column) else None)
        for place, text in read.shape.comments.items():
            if not text.startswith(NOTE_MARK) or split_cell(place)[0] < 0:
                continue
            cell = sheet[place]
            cell.comment, cell.fill = None, PatternFill()
            cell.number_format = without_sign(cell.number_format)
            _, _, hers = text.partition(HER_NOTE)
            if hers:
                _note(cell, hers)
    return workbook


def _inside(grid: Sequence[Sequence[Any]], row: int, column: int) -> bool:
    return 0 <= row < len(grid) and 0 <= column < len(grid[row])


def _note(cell: Any, text: str) -> None:
    from openpyxl.comments import Comment

    cell.comment = Comment(_printable(text), "doublecode", height=120, width=320)


def _copy_values(book: Book, copy: Workbook) -> None:
    for name in book.names:
        read = book.sheet(name)
        sheet = copy.create_sheet(name)
        restore_percents(read)
        for row, cells in enumerate(read.grid, start=1):
            for column, value in enumerate(cells, start=1):
                if value != "":
                    _write(sheet, row, column, value)
        _copy_shape(read.shape, sheet)
        if name in (STAMP, LISTS):
            sheet.sheet_state = "hidden"


def _copy_shape(shape: Shape, sheet: Worksheet) -> None:
    """Her notes, what she hid and what she merged; nothing beyond the filled part of the sheet."""
    rows, columns = sheet.max_row, sheet.max_column
    for place, text in shape.comments.items():
        row, column = split_cell(place)
        if 0 <= row < rows and column < columns and not text.startswith(NOTE_MARK):
            _note(sheet.cell(row + 1, column + 1), text)
    for row in shape.hidden_rows:
        if row <= rows:
            sheet.row_dimensions[row].hidden = True
    for first, last in shape.hidden_columns:
        for column in range(first, min(last, columns) + 1):
            sheet.column_dimensions[column_letter(column)].hidden = True
    for cells in shape.merged:
        if 0 <= split_range(cells)[2] < rows and split_range(cells)[3] < columns:
            sheet.merge_cells(cells)


def _write(sheet: Worksheet, row: int, column: int, value: Any) -> None:
    """Write a value as what it is: a text that begins with = stays a text."""
    cell = sheet.cell(row, column, _printable(value) if isinstance(value, str) else value)
    if cell.data_type == "f":
        cell.data_type = "s"


def _printable(text: str) -> str:
    """Leave out the control characters that no workbook may hold."""
    return "".join(letter for letter in text if letter in "\n\t" or ord(letter) >= 32)


def _mark(sheet: Worksheet, problem: Problem, words: RaterWords) -> dict[str, str]:
    """Fill a cell and write what is to be done into its note; the cell that carries the mark, with its colour."""
    from openpyxl.cell import MergedCell
    from openpyxl.styles import PatternFill

    row, column = split_cell(problem.cell)
    if row < 0:
        return {}
    cell = sheet.cell(row + 1, column + 1)
    if isinstance(cell, MergedCell):  # only the first cell of a merged range can carry a mark
        merged = next(one for one in sheet.merged_cells.ranges if problem.cell in one)
        cell = sheet.cell(merged.min_row, merged.min_col)
    colour = _YELLOW if problem.code in _MISSING else _RED
    cell.fill = PatternFill("solid", fgColor=colour)
    if colour == _RED:
        cell.number_format = with_sign(without_sign(cell.number_format))
    own = f"{NOTE_MARK} {'. '.join(words.of(problem))}"
    before = cell.comment.text if cell.comment is not None else ""
    if before.startswith(NOTE_MARK):  # two problems in one cell
        ours, mark, hers = before.partition(HER_NOTE)
        own, before = f"{ours}\n{own.removeprefix(NOTE_MARK).strip()}", hers if mark else ""
    _note(cell, f"{own}{HER_NOTE}{before}" if before else own)
    return {cell.coordinate: colour}


def _replaced(book: Book, words: RaterWords) -> Iterator[tuple[str, str, str]]:
    """Sheet, cell and what is said of each formula in whose place its saved value stands now."""
    for name in book.names:
        for cell, (formula, saved) in book.sheet(name).shape.formulas.items():
            if saved is not None:
                yield name, cell, words.texts.problem_formula.format(formula=formula, value=show_text(saved))


def _list_problems(
    workbook: Workbook, problems: Sequence[Problem], sheets: OwnWords, words: RaterWords,
    replaced: Sequence[tuple[str, str, str]] = (),
) -> None:  # fmt: skip
    from openpyxl.styles import Font

    if sheets.problems in workbook.sheetnames:
        workbook.remove(workbook[sheets.problems])
    sheet = workbook.create_sheet(sheets.problems, 0)
    lines = [("", "", place, code, found, todo) for place, code, found, todo in _summary(problems, words)]
    lines += [
        (one.sheet if one.cell else "", one.cell, place, code, found, todo)
        for one, place, code, found, todo in _lines(problems, words)
    ]
    lines += [
        (name, cell, f"{name}!{cell}", "formula", said, words.texts.problem_formula_todo)
        for name, cell, said in replaced[:_MOST_FORMULAS]
    ]
    if len(replaced) > _MOST_FORMULAS:
        more = f"{len(replaced) - _MOST_FORMULAS} more formulas became their saved values"
        lines.append(("", "", "", "formula", more, words.texts.problem_formula_todo))
    for row, (name, cell, *texts) in enumerate([("", "", *words.heads), *lines], start=1):
        for column, text in enumerate(texts, start=1):
            put(sheet, row, column, _printable(text), bold=row == 1).border = box()
        sheet.row_dimensions[row].height = height_of(zip(texts, _WIDTHS, strict=True))
        if name in workbook.sheetnames:
            sheet.cell(row, 1).hyperlink = f"#'{name}'!{cell}"
            sheet.cell(row, 1).font = Font(name=FONT, size=TEXT, color="0000FF", underline="single")
    for letter, width in zip("ABCD", _WIDTHS, strict=True):
        sheet.column_dimensions[letter].width = width
    sheet.freeze_panes = "A2"
    sheet.print_title_rows = "1:1"
    set_page(sheet, sheets.problems, "{page} / {pages}")
    fit_width(sheet, _WIDTHS)
    workbook.active = 0
    for other in workbook.worksheets[1:]:
        other.sheet_view.tabSelected = False


def _summary(problems: Sequence[Problem], words: RaterWords) -> Iterator[tuple[str, str, str, str]]:
    """The whole workbook in one line, where it came back long before it was done."""
    empty = [one for one in problems if one.code == "row_empty"]
    if len(empty) > _FEW_ROWS:
        said = words.texts.problem_unfinished.format(n=len(empty))
        yield words.texts.problem_file, words.kind("row_empty"), said, words.of(empty[0])[1]


def _lines(problems: Sequence[Problem], words: RaterWords) -> Iterator[tuple[Problem, str, str, str, str]]:
    """Errors first, then warnings, then what was put right."""
    weight = {"error": 0, "warning": 1, "info": 2}
    for problem in sorted(problems, key=lambda one: (weight[one.severity], one.sheet, split_cell(one.cell))):
        place = "!".join(part for part in (problem.sheet, problem.cell) if part) or words.texts.problem_file
        yield problem, place, words.kind(problem.code), *words.of(problem)
