"""The streams inside an old Office file (an OLE compound file), with every chain bounded."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from doublecode.coding.reading.safe_xml import Damaged

_LAST = 0xFFFFFFFA  # sector numbers from here on are marks


def read_stream(data: bytes, names: tuple[str, ...]) -> bytes:
    """The first stream that bears one of the names.

    Raises
    ------
    Damaged
        There is none, or its sectors do not hang together.
    """
    try:
        return _OleFile(data).stream(names)
    except (struct.error, IndexError):
        raise Damaged("an old Office file that ends too early") from None


class _OleFile:
    def __init__(self, data: bytes) -> None:
        self._data = data
        shift, mini_shift = struct.unpack_from("<HH", data, 30)
        if shift not in (9, 12) or mini_shift != 6:
            raise Damaged("an old Office file of an unknown build")
        self._size, self._mini_size = 1 << shift, 1 << mini_shift
        directory, self._cutoff = struct.unpack_from("<I", data, 48)[0], struct.unpack_from("<I", data, 56)[0]
        first_mini, _, first_difat = struct.unpack_from("<3I", data, 60)
        places = [place for place in struct.unpack_from("<109I", data, 76) if place < _LAST]
        self._fat: tuple[int, ...] = ()
        for _ in range(len(data) // self._size):
            if first_difat >= _LAST:
                break
            sector = self._numbers(first_difat)
            places += [place for place in sector[:-1] if place < _LAST]
            first_difat = sector[-1]
        self._fat = tuple(number for place in places for number in self._numbers(place))
        self._minifat = self._numbers_of(self._chain(first_mini, self._fat))
        self._entries = self._chain(directory, self._fat)

    def _sector(self, place: int) -> bytes:
        start = (place + 1) * self._size
        return self._data[start : start + self._size]

    def _numbers(self, place: int) -> tuple[int, ...]:
        return self._numbers_of(self._sector(place))

    @staticmethod
    def _numbers_of(data: bytes) -> tuple[int, ...]:
        return struct.unpack(f"<{len(data) // 4}I", data[: len(data) // 4 * 4])

    def _places(self, first: int, table: tuple[int, ...]) -> Iterator[int]:
        for _ in range(len(table) + 1):
            if first >= len(table):
                return
            yield first
            first = table[first]
        raise Damaged("an old Office file whose sectors run in a circle")

    def _chain(self, first: int, table: tuple[int, ...]) -> bytes:
        return b"".join(self._sector(place) for place in self._places(first, table))

    def stream(self, names: tuple[str, ...]) -> bytes:
        root, found = None, None
        for at in range(0, len(self._entries) - 127, 128):
            length = struct.unpack_from("<H", self._entries, at + 64)[0]
            name = self._entries[at : at + max(min(length, 64) - 2, 0)].decode("utf-16-le", "replace")
            kind, start, size = self._entries[at + 66], *struct.unpack_from("<II", self._entries, at + 116)
            if kind == 5:
                root = start
            elif kind == 2 and name in names and found is None:
                found = (start, size)
        if found is None:
            raise Damaged("an old Office file without a workbook")
        start, size = found
        if size >= self._cutoff:
            return self._chain(start, self._fat)[:size]
        whole = b"" if root is None else self._chain(root, self._fat)
        pieces = (
            whole[place * self._mini_size : (place + 1) * self._mini_size]
            for place in self._places(start, self._minifat)
        )
        return b"".join(pieces)[:size]
