"""Opens a workbook that was sent out and came back: its stamp, and the sheet that was to be filled in.

Raters' workbooks and those of disagreements are opened here, so that whatever a file may be is said of both alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from doublecode.coding.reading.container import Package, open_book
from doublecode.coding.reading.safe_xml import Damaged, TooLarge
from doublecode.coding.reading.sheet_grid import Book, Sheet, restore_percents
from doublecode.coding.workbooks.layout import RATE, STAMP, STAMP_KEYS, OwnWords, Stamp, own_words, stamp_pairs
from doublecode.schemas.phrases import Phrase
from doublecode.schemas.problems import Problem
from doublecode.schemas.workbook_texts import languages, shipped_texts

_OLD_FORMAT = "in a format whose hidden rows, notes and formulas cannot be checked"
_WAY_OUT = "Type the codes into the workbook that was sent out, and send that one."


@dataclass(frozen=True)
class Stamped:
    """A workbook that could be opened.

    Attributes
    ----------
    book : Book
    stamp : Stamp
    words : OwnWords
        What its sheets are called in its language.
    name : str
        Of the sheet that was to be filled in.
    sheet : Sheet
    """

    book: Book
    stamp: Stamp
    words: OwnWords
    name: str
    sheet: Sheet


def open_stamped(package: Package, problems: list[Problem], sheet: str = RATE) -> Stamped | None:
    """Open a workbook that came back; None, with what is wrong added to `problems`, where it cannot be used.

    Parameters
    ----------
    package : Package
        A file that could be recognised.
    problems : list of Problem
        Takes what is to be said of the file.
    sheet : str
        The sheet that was to be filled in; *Rate* has another name in another language.
    """
    if package.kind not in ("xlsx", "ods"):
        if package.kind == "csv":
            problems.append(Problem("not_a_workbook", package.name, found="a text file", allowed=_WAY_OUT))
        elif package.kind is not None:
            problems.append(Problem("unreadable_file", package.name, found=_OLD_FORMAT))
        return None
    try:
        return _opened(package, problems, sheet)
    except TooLarge as wrong:
        problems.append(Problem("too_large", package.name, sheet, found=str(wrong)))
    except Damaged as wrong:
        problems.append(Problem("unreadable_file", package.name, found=f"damaged ({wrong})"))
    return None


def _opened(package: Package, problems: list[Problem], sheet: str) -> Stamped | None:
    book = open_book(package)
    pairs = stamp_pairs(book.sheet(STAMP).grid) if STAMP in book.names else {}
    words = own_words(pairs)
    name = words.rate if sheet == RATE else sheet
    if name not in book.names and (pairs or not _lost_its_stamp(book)):
        found = ", ".join(f'"{one}"' for one in book.names)
        problems.append(Problem("sheet_missing", package.name, found=found, allowed=f'"{name}"'))
        return None
    stamp = _stamp(package, book, pairs, problems)
    if stamp is None:
        return None
    read = book.sheet(name)
    restore_percents(read)
    if name in book.hidden:
        problems.append(Problem("hidden_rows", package.name, sheet, found=Phrase("whole_sheet")))
    return Stamped(book, stamp, words, name, read)


def _lost_its_stamp(book: Book) -> bool:
    """Whether it is a workbook in another language, whose hidden sheet would have said so."""
    return any(shipped_texts(language).sheet_rate in book.names for language in languages())


def _stamp(package: Package, book: Book, pairs: Mapping[str, str], problems: list[Problem]) -> Stamp | None:
    if STAMP not in book.names:
        problems.append(Problem("no_stamp", package.name, found=Phrase("no_sheet")))
        return None
    gone = [key for key in STAMP_KEYS if not pairs.get(key)]
    if gone:
        problems.append(Problem("no_stamp", package.name, STAMP, found=Phrase("missing", ", ".join(gone))))
        return None
    time = pairs.get("occasion") or "1"
    if not time.isdecimal() or int(time) < 1:
        problems.append(Problem("no_stamp", package.name, STAMP, found=Phrase("occasion", str(time))))
        return None
    return Stamp(**{key: pairs[key] for key in STAMP_KEYS}, occasion=int(time))
