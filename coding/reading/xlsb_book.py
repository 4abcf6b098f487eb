"""An .xlsb workbook (the binary form of .xlsx): values, errors, formulas' results, what is hidden."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from doublecode.coding.reading.binary_cells import BinarySheet, rk_number
from doublecode.coding.reading.safe_xml import Damaged, TooLarge
from doublecode.coding.reading.sheet_grid import MAX_LETTERS, Formats, Sheet
from doublecode.coding.reading.sheet_shape import cell_name
from doublecode.coding.reading.xlsx_book import relations
from doublecode.coding.reading.zip_parts import ZipParts

_WORKBOOK = "xl/workbook.bin"
_SHEET, _PROPERTIES, _TEXT, _FORMAT, _STYLE, _STYLES, _STYLES_END = 156, 153, 19, 44, 47, 617, 618
_ROW, _COLUMN, _MERGED = 0, 60, 176


class XlsbBook:
    """An opened .xlsb workbook."""

    def __init__(self, parts: ZipParts) -> None:
        self._parts = parts
        self._relations = relations(parts, _WORKBOOK)
        self._sheets: dict[str, str] = {}
        self._hidden: set[str] = set()
        self._from_1904 = False
        try:
            for kind, data in _records(parts.pieces(_WORKBOOK)):
                if kind == _PROPERTIES:
                    self._from_1904 = bool(data[0] & 1)
                elif kind == _SHEET:
                    identifier, at = _wide(data, 8)
                    name, _ = _wide(data, at)
                    if struct.unpack_from("<I", data)[0]:
                        self._hidden.add(name)
                    self._sheets[name] = self._relations.get(identifier, ("", ""))[1]
            self._texts = self._shared()
            self._formats = self._read_formats()
        except (struct.error, IndexError):
            raise Damaged("a record ends too early") from None

    @property
    def names(self) -> tuple[str, ...]:
        """Its sheets in their order."""
        return tuple(self._sheets)

    @property
    def hidden(self) -> frozenset[str]:
        """Those of them that nobody sees."""
        return frozenset(self._hidden)

    def sheet(self, name: str) -> Sheet:
        """Read one sheet."""
        own = BinarySheet(self._formats)
        row = -1
        try:
            for kind, data in _records(self._parts.pieces(self._sheets[name])):
                if kind == _ROW:
                    row = struct.unpack_from("<I", data)[0]
                    if data[11] & 0x10:
                        own.hidden_rows.append(row + 1)
                elif 2 <= kind <= 11 or kind == 62:
                    self._cell(own, row, kind, data)
                elif kind == _COLUMN and struct.unpack_from("<H", data, 16)[0] & 1:
                    first, last = struct.unpack_from("<2I", data)
                    own.hidden_columns.append((first + 1, last + 1))
                elif kind == _MERGED:
                    top, bottom, left, right = struct.unpack_from("<4I", data)
                    own.merged.append(f"{cell_name(top, left)}:{cell_name(bottom, right)}")
        except (struct.error, IndexError):
            raise Damaged("a record ends too early") from None
        return own.sheet()

    def _cell(self, own: BinarySheet, row: int, kind: int, data: bytes) -> None:
        column, style = struct.unpack_from("<2I", data)
        style &= 0xFFFFFF
        if kind == 2:
            own.put(row, column, rk_number(struct.unpack_from("<I", data, 8)[0]), style)
        elif kind in (3, 11):
            own.put_error(row, column, data[8])
        elif kind == 4:
            own.put(row, column, bool(data[8]))
        elif kind == 5:
            own.put(row, column, struct.unpack_from("<d", data, 8)[0], style)
        elif kind in (6, 62):
            own.put(row, column, _wide(data, 8 if kind == 6 else 9)[0])
        elif kind == 7:
            own.put(row, column, self._texts[struct.unpack_from("<I", data, 8)[0]])
        elif kind == 8:
            own.put_formula(row, column, _wide(data, 8)[0], style)
        else:
            value = struct.unpack_from("<d", data, 8)[0] if kind == 9 else bool(data[8])
            own.put_formula(row, column, value, style)

    def _part(self, kind: str) -> Iterator[bytes]:
        return self._parts.pieces(next((part for own, part in self._relations.values() if own.endswith(kind)), ""))

    def _shared(self) -> list[str]:
        texts = [_wide(data, 1)[0] for kind, data in _records(self._part("/sharedStrings")) if kind == _TEXT]
        if sum(map(len, texts)) > MAX_LETTERS:
            raise TooLarge(f"shared texts of more than {MAX_LETTERS:,} letters")
        return texts

    def _read_formats(self) -> Formats:
        codes: dict[int, str] = {}
        of_cells: list[int] = []
        inside = False
        for kind, data in _records(self._part("/styles")):
            if kind == _FORMAT:
                codes[struct.unpack_from("<H", data)[0]] = _wide(data, 2)[0]
            elif kind in (_STYLES, _STYLES_END):
                inside = kind == _STYLES
            elif kind == _STYLE and inside:
                of_cells.append(struct.unpack_from("<H", data, 2)[0])
        return Formats(of_cells, codes, from_1904=self._from_1904)


def _records(pieces: Iterator[bytes]) -> Iterator[tuple[int, bytes]]:
    """Kind and content of each record of a part."""
    held = bytearray()
    for piece in pieces:
        held += piece
        at = 0
        while (record := _record(held, at)) is not None:
            kind, start, end = record
            yield kind, bytes(held[start:end])
            at = end
        del held[:at]
    if held:
        raise IndexError


def _record(held: bytearray, at: int) -> tuple[int, int, int] | None:
    """Kind, first byte and end of the record at a place; None if it is not complete."""
    if at + 6 > len(held) and at + 2 > len(held):
        return None
    kind = held[at]
    at += 1
    if kind & 0x80:
        if at >= len(held):
            return None
        kind, at = kind & 0x7F | (held[at] & 0x7F) << 7, at + 1
    size = 0
    for shift in (0, 7, 14, 21):
        if at >= len(held):
            return None
        byte, at = held[at], at + 1
        size |= (byte & 0x7F) << shift
        if not byte & 0x80:
            break
    return (kind, at, at + size) if at + size <= len(held) else None


def _wide(data: bytes, at: int) -> tuple[str, int]:
    """A text with its length before it, and where it ends."""
    length = struct.unpack_from("<I", data, at)[0]
    end = at + 4 + 2 * length
    if end > len(data):
        raise IndexError
    return data[at + 4 : end].decode("utf-16-le", "replace"), end
