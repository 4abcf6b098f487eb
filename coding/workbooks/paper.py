"""How high a text stands in a column, where it may be cut, and how a sheet is printed."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from openpyxl import Workbook
    from openpyxl.worksheet.worksheet import Worksheet

FONT: Final = "Arial"
"""It, or a font of the same widths, is on every system: heights of rows are reckoned with its letters."""
TEXT, SMALL, CODES = 10, 8, 16
"""Sizes in points: of texts, of names of columns, and of codes."""
GREY, BLUE = "E7E6E6", "DDEBF7"
HIGHEST: Final = 400.0
"""Points; no row of a spreadsheet is higher than 409."""
PAGE_HEIGHT: Final = 480.0
"""Points between the margins of a landscape page, A4 or Letter, below the repeated head."""
_PAGE_WIDTH, _LEAST_SCALE, _MOST_PAGES = 980, 0.7, 4
_MARGIN, _FOOT = 0.59, 0.3
_MOST_IN_FOOT: Final = 80
_LEADING: Final = 1.3
_WIDTHS: Final = {
    letter: width
    for letters, width in (
        ("ijl|'", 0.23), ("ftI.,:;!/ []", 0.28), ("r()-", 0.34), ("cksvxyzJ", 0.5), ("ABEKPSVXY&", 0.67),
        ("CDHNRUw", 0.73), ("GOQ", 0.78), ("mM", 0.84), ("W—…%@", 1.0),
    )
    for letter in letters
}  # fmt: skip
"""Widths of Arial's letters in ems."""
_CAPITAL, _LETTER, _FOREIGN = 0.7, 0.56, 1.0
_SPARE: Final = 1.07
"""Bold letters, and fonts that stand in for Arial, are a little wider."""


def _ems(text: str) -> float:
    """Width of a text in ems, rather too wide than too narrow."""
    return _SPARE * sum(_WIDTHS.get(one) or _other(one) for one in text)


def _other(letter: str) -> float:
    if ord(letter) >= 0x2E80:
        return _FOREIGN
    return _CAPITAL if letter.isupper() else _LETTER


def columns_wide(text: str, size: int = TEXT) -> float:
    """Width of a text on one line, in the units of a column (the width of a digit)."""
    return _ems(text) * size * 4 / 3 / 7 + 1


def lines_of(text: str, width: float, size: int = TEXT) -> int:
    """How many lines a text takes in a column.

    Examples
    --------
    >>> lines_of("Task was specified", 30), lines_of("Task was specified", 12)
    (1, 2)
    """
    room = max(width * 7 - 3, 20) / (size * 4 / 3)
    return sum(_wrapped(paragraph, room) for paragraph in text.split("\n"))


def _wrapped(paragraph: str, room: float) -> int:
    lines, used = 1, 0.0
    for word in paragraph.split(" "):
        long = _ems(word)
        if used and used + 0.28 + long > room:
            lines, used = lines + 1, 0.0
        used += long + (0.28 if used else 0.0)
        if used > room:  # a word that is longer than the column is broken
            more = math.ceil(used / room) - 1
            lines, used = lines + more, used - more * room
    return lines


def height_of(cells: Iterable[tuple[str, float]], size: int = TEXT) -> float:
    """Height of a row, in points, in which every text of (text, width of its column) is seen."""
    most = max((lines_of(text, width, size) for text, width in cells), default=1)
    return min(most * size * _LEADING + 4, HIGHEST)


def shortened(text: str, most: int) -> str:
    """A text of at most so many letters, as Excel counts them, that ends with a whole word.

    Examples
    --------
    >>> shortened("Reactions and obstacles were asked for", 32)
    'Reactions and obstacles were …'
    """
    if _units(text) <= most:
        return text
    kept = _as_many(re.findall(r"[^\s/]*[\s/]*", text), most - 2) or _as_many(text, most - 2)
    return f"{kept.rstrip()} …"


def _as_many(pieces: Iterable[str], most: int) -> str:
    """The first pieces that fit together."""
    kept = ""
    for piece in pieces:
        if _units((kept + piece).rstrip()) > most:
            break
        kept += piece
    return kept


def fitting(lines: Sequence[str], most: int, end: str) -> str:
    """As many whole lines as fit; where some do not, `end` says where the whole is to be found."""
    whole = "\n".join(lines)
    if _units(whole) <= most:
        return whole
    kept: list[str] = []
    for line in lines:
        if _units("\n".join([*kept, line, end])) > most:
            break
        kept.append(line)
    if not kept:
        kept = [shortened(lines[0], most - _units(end) - 1)]
    return "\n".join([*kept, end])


def _units(text: str) -> int:
    """Letters as Excel counts them: rare ones count twice."""
    return len(text.encode("utf-16-le")) // 2


def pieces_of(text: str, width: float) -> list[str]:
    """A text cut, between words, into pieces of which each fits into one row."""
    most = int(HIGHEST / (TEXT * _LEADING)) - 1
    pieces: list[str] = [""]
    for word in text.split(" "):
        longer = f"{pieces[-1]} {word}".strip(" ")
        if pieces[-1] and lines_of(longer, width) > most:
            pieces.append(word)
        else:
            pieces[-1] = longer
    return pieces


def put_text(sheet: Worksheet, row: int, column: int, value: Any) -> Any:
    """Write a value as what it is: a text that begins with =, or reads #N/A, stays a text."""
    cell = sheet.cell(row, column, value)
    if cell.data_type in ("f", "e"):
        cell.data_type = "s"
    return cell


def put(sheet: Worksheet, row: int, column: int, value: Any, *, size: int = TEXT, **style: Any) -> Any:
    """Write a value as :func:`put_text` does, in our font; it wraps and stands on top unless `style` says otherwise."""
    from openpyxl.styles import Alignment, Font

    cell = put_text(sheet, row, column, value)
    cell.font = Font(name=FONT, size=size, bold=style.get("bold", False), color=style.get("color"))
    cell.alignment = Alignment(
        wrap_text=style.get("wrap", True), vertical=style.get("vertical", "top"), horizontal=style.get("horizontal")
    )
    return cell


def set_font(workbook: Workbook) -> None:
    """Make ours the font by whose digits columns are measured, so that they are as wide in every program."""
    from openpyxl.styles import Font
    from openpyxl.utils.indexed_list import IndexedList

    font = Font(name=FONT, size=TEXT)
    workbook._fonts = IndexedList([font])  # type: ignore[attr-defined]
    workbook._named_styles["Normal"].font = font  # type: ignore[attr-defined]


def box() -> Any:
    """Thin lines around a cell, on the screen and on paper."""
    from openpyxl.styles import Border, Side

    line = Side(style="thin", color="A6A6A6")
    return Border(left=line, right=line, top=line, bottom=line)


def set_page(sheet: Worksheet, foot: str, page: str, *, landscape: bool = True) -> None:
    """Margins, paper, and a foot that says whose page this is and which of how many."""
    sheet.page_setup.orientation = "landscape" if landscape else "portrait"
    sheet.page_setup.paperSize = 9  # A4; a printer with Letter alone takes that
    margins = sheet.page_margins
    margins.left = margins.right = 0.4
    margins.top = margins.bottom = _MARGIN
    margins.header = margins.footer = _FOOT
    feet: Any = sheet.oddFooter
    feet.left.text = shortened(foot, _MOST_IN_FOOT).replace("&", "&&")
    feet.right.text = page.replace("&", "&&").format(page="&P", pages="&N")
    feet.left.size = feet.right.size = SMALL


def fit_width(sheet: Worksheet, widths: Sequence[float], repeated: float = 0.0) -> None:
    """Print across as few pages as leave the letters readable; the first column stands on each of them."""
    from openpyxl.worksheet.properties import PageSetupProperties

    wide = sum(7 * width + 5 for width in widths)
    pages = 1
    while pages < _MOST_PAGES and pages * _PAGE_WIDTH < _LEAST_SCALE * (wide + (pages - 1) * 7 * repeated):
        pages += 1
    sheet.page_setup.fitToWidth, sheet.page_setup.fitToHeight = pages, 0
    sheet.sheet_properties.pageSetUpPr = PageSetupProperties(fitToPage=True)
