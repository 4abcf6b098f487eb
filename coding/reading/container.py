"""The file itself: what it is, and whether it is safe to open.

Nothing in a file is ever executed. What is unpacked is counted while it is unpacked;
macros, links and connections are named and left alone.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

from doublecode.coding.reading.ods_book import OdsBook
from doublecode.coding.reading.safe_xml import Damaged, TooLarge
from doublecode.coding.reading.sheet_grid import Book
from doublecode.coding.reading.xls_book import XlsBook
from doublecode.coding.reading.xlsb_book import XlsbBook
from doublecode.coding.reading.xlsx_book import XlsxBook
from doublecode.coding.reading.zip_parts import ZipParts
from doublecode.schemas.csv_rows import UTF16_MARKS
from doublecode.schemas.problems import Problem

MAX_FILE = 20_000_000
Kind = Literal["xlsx", "ods", "xls", "xlsb", "csv"]

_OF_A_PAGE = (b"<!doctype html", b"<html", b"<table", b"<meta", b"<head", b"<div", b"<style")
_TEXT_NAMES = (".csv", ".tsv", ".txt", ".tab", ".dat", ".asc", ".prn")
_ZIP, _OLE = b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ACTIVE = {
    "vbaProject.bin": "macros",
    "xl/externalLinks/": "links to other workbooks",
    "xl/connections.xml": "data connections",
    "xl/activeX/": "ActiveX controls",
    "xl/embeddings/": "embedded files",
    "xl/macrosheets/": "macro sheets",
    "Basic/": "macros",
    "Scripts/": "macros",
    "Object 1/": "embedded files",
}
_CALLS_OUT = re.compile(
    r"\b(WEBSERVICE|DDE|DDEAUTO|CALL|REGISTER\.ID|EXEC|RTD|IMPORTDATA|IMPORTXML)\s*\(|\||\[\d+\]", re.I
)


@dataclass(frozen=True)
class Package:
    """An opened file: its bytes, what it is, and the parts that were unpacked.

    Attributes
    ----------
    kind : {"xlsx", "ods", "xls", "xlsb", "csv"} or None
        None where the file cannot be used; `problems` then says why.
    """

    name: str
    kind: Kind | None
    data: bytes
    sha256: str
    parts: ZipParts | None = None
    problems: tuple[Problem, ...] = ()


def open_package(path: str | Path) -> Package:
    """Read a file into memory and find out what it is; a file that cannot be used comes back with its problem."""
    file = Path(path)
    name = file.name
    try:
        size = file.stat().st_size
        if size > MAX_FILE:
            return Package(name, None, b"", "", problems=(Problem("too_large", name, found=f"{size / 1e6:.0f} MB"),))
        data = file.read_bytes()
    except OSError as wrong:
        return Package(name, None, b"", "", problems=(Problem("unreadable_file", name, found=_reason(wrong)),))
    kind, parts, problems = _recognise(name, data)
    return Package(name, kind, data, hashlib.sha256(data).hexdigest(), parts, tuple(problems))


def _reason(wrong: OSError) -> str:
    return wrong.strerror or type(wrong).__name__


_Found = tuple[Kind | None, ZipParts | None, list[Problem]]


def _recognise(name: str, data: bytes) -> _Found:
    if data.startswith(_ZIP):
        return _recognise_zip(name, data)
    if data.startswith(_OLE):
        if "EncryptedPackage".encode("utf-16-le") in data:
            return None, None, [Problem("password_protected", name)]
        if "Workbook".encode("utf-16-le") in data or "Book".encode("utf-16-le") in data:
            return "xls", None, []
        return None, None, [_no_workbook(name, "an old Office file of another program", _IN_ITS_PROGRAM)]
    if not data:
        return None, None, [_no_workbook(name, "an empty file", "Save the table once more, or ask for the file again.")]
    if name.startswith("~$"):
        return None, None, [_no_workbook(name, "the mark that Excel leaves beside an open workbook", _CLOSE)]
    disguise = _disguised(data)
    if disguise is not None:
        return None, None, [_no_workbook(name, *disguise)]
    if _is_text(name, data):
        return "csv", None, []
    return None, None, [_no_workbook(name, "of no spreadsheet format that is known here", _IN_ITS_PROGRAM)]


_CLOSE = "Close the workbook in Excel, and give the workbook itself."
_IN_A_SPREADSHEET = "Open it in Excel or LibreOffice Calc, save it as .xlsx, and give that file."
_IN_ITS_PROGRAM = (
    "Open it in its own program, copy the table into a new workbook, save that as .xlsx, and give that file."
)


def _no_workbook(name: str, found: str, way_out: str) -> Problem:
    return Problem("not_a_workbook", name, found=found, allowed=way_out)


def _disguised(data: bytes) -> tuple[str, str] | None:
    """What a file is that programs like to call a spreadsheet, and what to do with it."""
    head = data[:4000].replace(b"\0", b"").lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n").lower()
    if head.startswith(b"%pdf"):
        return "a PDF", _IN_ITS_PROGRAM
    is_xml = head.startswith(b"<?xml")
    if head.startswith(_OF_A_PAGE) or (is_xml and b"<html" in head):
        return "a web page", _IN_A_SPREADSHEET
    if b"urn:schemas-microsoft-com:office:spreadsheet" in head or b'progid="excel.sheet"' in head:
        return "XML of Excel 2003", _IN_A_SPREADSHEET
    if is_xml:
        return "XML of another kind", _IN_ITS_PROGRAM
    return ("a text in RTF", _IN_ITS_PROGRAM) if head.startswith(b"{\\rtf") else None


def _is_text(name: str, data: bytes) -> bool:
    """Whether the file is a table of text: by its name, or since nothing in it is anything but text."""
    if data.startswith(UTF16_MARKS):
        return True
    if b"\0" in data:
        return False
    if name.lower().endswith(_TEXT_NAMES):
        return True
    head = data[:20_000]
    return not any(byte < 32 and byte not in b"\t\r\n\f" for byte in head) and any(mark in head for mark in b",;\t")


def _recognise_zip(name: str, data: bytes) -> _Found:
    try:
        parts = ZipParts(data)
        if parts.is_locked:
            return None, None, [Problem("password_protected", name)]
        kind, problem = _kind_of(name, parts)
    except Damaged as wrong:
        return None, None, [Problem("unreadable_file", name, found=f"damaged ({wrong})")]
    except TooLarge as wrong:
        return None, None, [Problem("too_large", name, found=str(wrong))]
    if problem is not None:
        return None, None, [problem]
    seen = [
        what
        for mark, what in _ACTIVE.items()
        if any(part.startswith(mark) or part.endswith(mark) for part in parts.names)
    ]
    return kind, parts, [Problem("active_content", name, found=what) for what in dict.fromkeys(seen)]


def _kind_of(name: str, parts: ZipParts) -> tuple[Kind | None, Problem | None]:
    if "xl/workbook.xml" in parts:
        return "xlsx", None
    if "xl/workbook.bin" in parts:
        return "xlsb", None
    if parts.begins("mimetype", b"application/vnd.oasis.opendocument.spreadsheet"):
        if any(b"encryption-data" in piece for piece in parts.pieces("META-INF/manifest.xml")):
            return None, Problem("password_protected", name)
        return "ods", None
    if "word/document.xml" in parts:
        return None, _no_workbook(name, "a Word document", _IN_ITS_PROGRAM)
    return None, _no_workbook(name, "a zip archive", "Unpack it, and give the workbook that is in it.")


@lru_cache(maxsize=64)
def calls_out(formula: str) -> bool:
    """Whether a formula asks something outside the workbook."""
    return bool(_CALLS_OUT.search(formula))


def open_book(package: Package) -> Book:
    """The sheets of an opened file.

    Raises
    ------
    Damaged
        A part does not hold what it should.
    TooLarge
        Something in it stretches so far that reading it could fill the memory.
    """
    if package.kind == "ods" and package.parts is not None:
        return OdsBook(package.parts)
    if package.kind == "xlsx" and package.parts is not None:
        return XlsxBook(package.parts)
    if package.kind == "xlsb" and package.parts is not None:
        return XlsbBook(package.parts)
    if package.kind == "xls":
        return XlsBook(package.data)
    raise Damaged("no workbook")
