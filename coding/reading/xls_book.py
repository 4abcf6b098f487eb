"""An .xls workbook of Excel 97 to 2003 (BIFF8): values, errors, formulas' results, what is hidden."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator

from doublecode.coding.reading.binary_cells import BinarySheet, rk_number
from doublecode.coding.reading.ole_file import read_stream
from doublecode.coding.reading.safe_xml import Damaged, TooLarge
from doublecode.coding.reading.sheet_grid import MAX_LETTERS, Formats, Sheet
from doublecode.coding.reading.sheet_shape import cell_name

_BOF, _EOF, _CONTINUE, _PASSWORD, _1904, _FORMAT, _XF, _SHEET, _TEXTS = (
    0x809, 0x0A, 0x3C, 0x2F, 0x22, 0x41E, 0xE0, 0x85, 0xFC,
)  # fmt: skip
_STRING = 0x207


class XlsBook:
    """An opened .xls workbook.

    Parameters
    ----------
    data : bytes
        The file.
    """

    def __init__(self, data: bytes) -> None:
        self._stream = read_stream(data, ("Workbook", "Book"))
        self._starts: dict[str, int] = {}
        self._hidden: set[str] = set()
        self._texts: list[str] = []
        try:
            self._read_globals()
        except (struct.error, IndexError):
            raise Damaged("a record ends too early") from None

    @property
    def names(self) -> tuple[str, ...]:
        """Its sheets in their order."""
        return tuple(self._starts)

    @property
    def hidden(self) -> frozenset[str]:
        """Those of them that nobody sees."""
        return frozenset(self._hidden)

    def sheet(self, name: str) -> Sheet:
        """Read one sheet."""
        reader = _SheetReader(BinarySheet(self._formats), self._texts)
        try:
            for kind, parts in _records(self._stream, self._starts[name]):
                reader.take(kind, parts)
        except (struct.error, IndexError):
            raise Damaged("a record ends too early") from None
        return reader.own.sheet()

    def _read_globals(self) -> None:
        of_cells: list[int] = []
        codes: dict[int, str] = {}
        from_1904 = False
        for kind, parts in _records(self._stream, 0):
            data = parts[0]
            if kind == _BOF and struct.unpack_from("<H", data)[0] != 0x0600:
                raise Damaged("a workbook of Excel 95 or older; save it as .xlsx")
            if kind == _PASSWORD:
                raise Damaged("it is protected by a password; remove it")
            if kind == _1904:
                from_1904 = data[:1] == b"\1"
            elif kind == _FORMAT:
                codes[struct.unpack_from("<H", data)[0]] = _text(data, 2)
            elif kind == _XF:
                of_cells.append(struct.unpack_from("<H", data, 2)[0])
            elif kind == _SHEET and data[5] == 0:
                name = _text(data, 6, short=True)
                if name in self._starts:
                    raise Damaged(f"two sheets are called {name[:40]!r}")
                self._starts[name] = struct.unpack_from("<I", data)[0]
                if data[4] & 3:
                    self._hidden.add(name)
            elif kind == _TEXTS:
                self._texts = _Texts(parts).all()
        self._formats = Formats(of_cells, codes, from_1904=from_1904)


def _records(stream: bytes, at: int) -> Iterator[tuple[int, list[bytes]]]:
    """The records of one part of the stream, each with the ones that continue it; charts inside are passed over."""
    depth = 0
    waiting: tuple[int, list[bytes]] | None = None
    while at + 4 <= len(stream):
        kind, length = struct.unpack_from("<HH", stream, at)
        data = stream[at + 4 : at + 4 + length]
        at += 4 + length
        if kind == _CONTINUE and waiting is not None:
            waiting[1].append(data)
            continue
        if waiting is not None:
            yield waiting
        depth += (kind == _BOF) - (kind == _EOF)
        if depth == 0:
            return
        waiting = (kind, [data]) if depth == 1 else None
    raise Damaged("the workbook ends too early")


def _text(data: bytes, at: int, *, short: bool = False) -> str:
    """A text with its length before it: 8 or 16 bits a letter."""
    length = data[at] if short else struct.unpack_from("<H", data, at)[0]
    at += 1 if short else 2
    wide, extra = data[at] & 1, (2 if data[at] & 8 else 0) + (4 if data[at] & 4 else 0)
    at += 1 + extra
    return _decoded(data[at:], length, wide)


def _decoded(data: bytes, length: int, wide: int) -> str:
    return data[: 2 * length].decode("utf-16-le", "replace") if wide else data[:length].decode("latin-1")


class _Texts:
    """The texts that cells share; one may be cut anywhere by the end of a record."""

    def __init__(self, parts: list[bytes]) -> None:
        self._parts, self._part, self._at = parts, 0, 8
        self._count = struct.unpack_from("<I", parts[0], 4)[0]

    def all(self) -> list[str]:
        texts: list[str] = []
        letters = 0
        while len(texts) < self._count and not (self._part == len(self._parts) - 1 and self._left() == 0):
            texts.append(self._one())
            letters += len(texts[-1])
            if letters > MAX_LETTERS:
                raise TooLarge(f"shared texts of more than {MAX_LETTERS:,} letters")
        return texts

    def _left(self) -> int:
        return len(self._parts[self._part]) - self._at

    def _take(self, size: int) -> bytes:
        """Some bytes, out of the following records where this one ends."""
        taken = b""
        while size:
            if self._left() <= 0:
                self._part, self._at = self._part + 1, 0
                if self._part >= len(self._parts):
                    raise IndexError
            piece = self._parts[self._part][self._at : self._at + size]
            taken += piece
            self._at += len(piece)
            size -= len(piece)
        return taken

    def _one(self) -> str:
        length, flags = struct.unpack("<HB", self._take(3))
        runs = struct.unpack("<H", self._take(2))[0] if flags & 8 else 0
        phonetic = struct.unpack("<I", self._take(4))[0] if flags & 4 else 0
        pieces = []
        while length:
            if self._left() <= 0:  # the text goes on in the next record, which says anew how wide its letters are
                flags = self._take(1)[0]
            width = 2 if flags & 1 else 1
            fits = min(length, self._left() // width)
            if fits <= 0 and self._left() > 0:
                raise Damaged("a shared text is cut inside a letter")
            piece = self._take(fits * width)
            pieces.append(piece.decode("utf-16-le", "replace") if width == 2 else piece.decode("latin-1"))
            length -= fits
        self._take(4 * runs + phonetic)
        return "".join(pieces)


class _SheetReader:
    """Takes the records of a sheet as they come."""

    def __init__(self, own: BinarySheet, texts: list[str]) -> None:
        self.own, self._texts = own, texts
        self._waiting: tuple[int, int, int] | None = None
        self._takes: dict[int, Callable[[bytes], None]] = {
            0x208: self._row, 0x7D: self._column, 0x203: self._number, 0x27E: self._rk, 0xBD: self._many,
            0xFD: self._shared, 0x204: self._label, 0xD6: self._label, 0x205: self._bool_or_error,
            0x06: self._formula, 0xE5: self._merged,
        }  # fmt: skip

    def take(self, kind: int, parts: list[bytes]) -> None:
        if kind == _STRING and self._waiting is not None:
            row, column, style = self._waiting
            self._waiting = None
            length, wide = struct.unpack_from("<HB", parts[0])
            whole = parts[0][3:] + b"".join(part[1:] for part in parts[1:])
            self.own.put_formula(row, column, _decoded(whole, length, wide & 1), style)
            return
        take = self._takes.get(kind)
        if take is not None:
            take(parts[0])

    def _row(self, data: bytes) -> None:
        if struct.unpack_from("<H", data, 12)[0] & 0x20:
            self.own.hidden_rows.append(struct.unpack_from("<H", data)[0] + 1)

    def _column(self, data: bytes) -> None:
        first, last, _, _, flags = struct.unpack_from("<5H", data)
        if flags & 1:
            self.own.hidden_columns.append((first + 1, last + 1))

    def _number(self, data: bytes) -> None:
        row, column, style, value = struct.unpack_from("<3Hd", data)
        self.own.put(row, column, value, style)

    def _rk(self, data: bytes) -> None:
        row, column, style, packed = struct.unpack_from("<3HI", data)
        self.own.put(row, column, rk_number(packed), style)

    def _many(self, data: bytes) -> None:
        row, column = struct.unpack_from("<2H", data)
        for place in range((len(data) - 6) // 6):
            style, packed = struct.unpack_from("<HI", data, 4 + 6 * place)
            self.own.put(row, column + place, rk_number(packed), style)

    def _shared(self, data: bytes) -> None:
        row, column, _, place = struct.unpack_from("<3HI", data)
        self.own.put(row, column, self._texts[place])

    def _label(self, data: bytes) -> None:
        row, column = struct.unpack_from("<2H", data)
        self.own.put(row, column, _text(data, 6))

    def _bool_or_error(self, data: bytes) -> None:
        row, column, _, value, is_error = struct.unpack_from("<3H2B", data)
        if is_error:
            self.own.put_error(row, column, value)
        else:
            self.own.put(row, column, bool(value))

    def _formula(self, data: bytes) -> None:
        row, column, style = struct.unpack_from("<3H", data)
        result = data[6:14]
        if result[6:8] != b"\xff\xff":
            self.own.put_formula(row, column, struct.unpack("<d", result)[0], style)
        elif result[0] == 0:
            self._waiting = (row, column, style)
        elif result[0] == 2:
            self.own.put_error(row, column, result[2])
        else:
            self.own.put_formula(row, column, bool(result[2]) if result[0] == 1 else "", style)

    def _merged(self, data: bytes) -> None:
        for place in range(struct.unpack_from("<H", data)[0]):
            top, bottom, left, right = struct.unpack_from("<4H", data, 2 + 8 * place)
            self.own.merged.append(f"{cell_name(top, left)}:{cell_name(bottom, right)}")
