"""Small .xls and .xlsb workbooks, written record by record: what a spreadsheet program would save."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Day:
    """A number whose cell is formatted as a date."""

    serial: float


@dataclass(frozen=True)
class Error:
    """An error value by its code."""

    code: int


@dataclass(frozen=True)
class Formula:
    """A formula with its saved result; an empty text is how both formats write that there is none."""

    result: Any


DATE_FORMAT = 14


def xls(
    rows: Sequence[Sequence[Any]], *, hidden_rows=(), hidden_columns=(), is_1904=False, hidden_sheet=False
) -> bytes:
    """A BIFF8 workbook of one sheet, in an OLE file."""
    styles = b"".join(_biff(0xE0, struct.pack("<2H16x", 0, number)) for number in (0, DATE_FORMAT))
    head = _biff(0x809, struct.pack("<4H2I", 0x600, 5, 0, 0, 0, 0)) + _biff(0x22, struct.pack("<H", is_1904)) + styles
    name = b"Data"
    size = len(head) + 4 + 8 + len(name) + 4
    bound = _biff(0x85, struct.pack("<IBBBB", size, hidden_sheet, 0, len(name), 0) + name)
    stream = head + bound + _biff(0x0A, b"")
    stream += _biff(0x809, struct.pack("<4H2I", 0x600, 0x10, 0, 0, 0, 0))
    stream += b"".join(_biff(0x7D, struct.pack("<5H2x", at, at, 2000, 0, 1)) for at in hidden_columns)
    for at in range(len(rows)):
        stream += _biff(0x208, struct.pack("<6HI", at, 0, 9, 255, 0, 0, 0x20 if at in hidden_rows else 0))
    for row, cells in enumerate(rows):
        for column, value in enumerate(cells):
            stream += _xls_cell(row, column, value)
    return _ole(stream + _biff(0x0A, b""))


def _biff(kind: int, data: bytes) -> bytes:
    return struct.pack("<2H", kind, len(data)) + data


def _xls_cell(row: int, column: int, value: Any) -> bytes:
    place = struct.pack("<2H", row, column)
    if isinstance(value, Day):
        return _biff(0x203, place + struct.pack("<Hd", 1, value.serial))
    if isinstance(value, Error):
        return _biff(0x205, place + struct.pack("<H2B", 0, value.code, 1))
    if isinstance(value, Formula):
        return _xls_formula(place, value.result)
    if isinstance(value, str):
        return _biff(0x204, place + struct.pack("<2HB", 0, len(value), 1) + value.encode("utf-16-le"))
    return b"" if value is None else _biff(0x203, place + struct.pack("<Hd", 0, value))


def _xls_formula(place: bytes, result: Any) -> bytes:
    after = b""
    if isinstance(result, Error):
        saved = struct.pack("<6BH", 2, 0, result.code, 0, 0, 0, 0xFFFF)
    elif result == "":
        saved = struct.pack("<6BH", 3, 0, 0, 0, 0, 0, 0xFFFF)
    elif isinstance(result, str):
        saved = struct.pack("<6BH", 0, 0, 0, 0, 0, 0, 0xFFFF)
        after = _biff(0x207, struct.pack("<HB", len(result), 1) + result.encode("utf-16-le"))
    else:
        saved = struct.pack("<d", result)
    return _biff(0x06, place + struct.pack("<H", 0) + saved + struct.pack("<HIH", 0, 0, 0)) + after


def _ole(stream: bytes) -> bytes:
    """One stream called Workbook, large enough to stand in whole sectors."""
    size = max(len(stream), 4096)
    body = stream.ljust(-(-size // 512) * 512, b"\0")
    n = len(body) // 512
    fat = [0xFFFFFFFD, 0xFFFFFFFE, *range(3, n + 2), 0xFFFFFFFE]
    head = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16) + struct.pack("<5H", 62, 3, 0xFFFE, 9, 6) + bytes(6)
    head += struct.pack("<10I", 0, 1, 1, 0, 4096, 0xFFFFFFFE, 0, 0xFFFFFFFE, 0, 0) + b"\xff\xff\xff\xff" * 108
    table = struct.pack(f"<{len(fat)}I", *fat).ljust(512, b"\xff")
    return (
        head
        + table
        + (_entry("Root Entry", 5, 0xFFFFFFFE, 0) + _entry("Workbook", 2, 2, size)).ljust(512, b"\0")
        + body
    )


def _entry(name: str, kind: int, start: int, size: int) -> bytes:
    text = name.encode("utf-16-le")
    head = text.ljust(64, b"\0") + struct.pack("<HBB3I", len(text) + 2, kind, 1, 0xFFFFFFFF, 0xFFFFFFFF, 1)
    return head.ljust(116, b"\0") + struct.pack("<IQ", start, size)


def xlsb(
    rows: Sequence[Sequence[Any]], *, hidden_rows=(), hidden_columns=(), is_1904=False, hidden_sheet=False
) -> bytes:
    """An .xlsb workbook of one sheet."""
    book = _record(153, struct.pack("<3I", is_1904, 0, 0))
    book += _record(156, struct.pack("<2I", hidden_sheet, 1) + _wide("rId1") + _wide("Data"))
    sheet = b"".join(_record(60, struct.pack("<4IH", at, at, 2000, 0, 1)) for at in hidden_columns)
    for row, cells in enumerate(rows):
        sheet += _record(0, struct.pack("<2IH2B", row, 0, 300, 0, 0x10 if row in hidden_rows else 0) + bytes(5))
        sheet += b"".join(_xlsb_cell(column, value) for column, value in enumerate(cells))
    styles = _record(617, struct.pack("<I", 2))
    styles += b"".join(_record(47, struct.pack("<2H12x", 0xFFFF, number)) for number in (0, DATE_FORMAT)) + _record(
        618, b""
    )
    kind = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    links = "".join(
        f'<Relationship Id="{own}" Type="{kind}/{what}" Target="{part}"/>'
        for own, what, part in (("rId1", "worksheet", "worksheets/sheet1.bin"), ("rId2", "styles", "styles.bin"))
    )
    relations = (
        f'<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">{links}</Relationships>'
    )
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in (
            ("xl/workbook.bin", book), ("xl/_rels/workbook.bin.rels", relations.encode()),
            ("xl/worksheets/sheet1.bin", sheet), ("xl/styles.bin", styles),
        ):  # fmt: skip
            archive.writestr(name, data)
    return out.getvalue()


def _record(kind: int, data: bytes) -> bytes:
    head = bytes([kind]) if kind < 128 else bytes([kind & 0x7F | 0x80, kind >> 7])
    size, length = len(data), b""
    while True:
        size, low = size >> 7, size & 0x7F
        length += bytes([low | 0x80 if size else low])
        if not size:
            return head + length + data


def _wide(text: str) -> bytes:
    return struct.pack("<I", len(text)) + text.encode("utf-16-le")


def _xlsb_cell(column: int, value: Any) -> bytes:
    place = struct.pack("<2I", column, 1 if isinstance(value, Day) else 0)
    if isinstance(value, Formula):
        rest = struct.pack("<HI", 0, 0)
        if isinstance(value.result, Error):
            return _record(11, place + bytes([value.result.code]) + rest)
        if isinstance(value.result, str):
            return _record(8, place + _wide(value.result) + rest)
        return _record(9, place + struct.pack("<d", value.result) + rest)
    if isinstance(value, Error):
        return _record(3, place + bytes([value.code]))
    if isinstance(value, str):
        return _record(6, place + _wide(value))
    number = value.serial if isinstance(value, Day) else value
    return b"" if number is None else _record(5, place + struct.pack("<d", number))
