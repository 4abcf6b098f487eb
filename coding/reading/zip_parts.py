"""The parts of a zipped workbook, unpacked piece by piece; what is counted is what really comes out."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Iterator

from doublecode.coding.reading.safe_xml import Damaged, TooLarge

MAX_UNPACKED, MAX_SMALL, MAX_PARTS, PIECE = 100_000_000, 5_000_000, 2_000, 250_000
_DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, ValueError, KeyError, RuntimeError)


class ZipParts:
    """An opened package.

    Parameters
    ----------
    data : bytes
        The file.

    Raises
    ------
    Damaged
        It is no zip archive, or a name stands in it twice.
    TooLarge
        It has more parts than any workbook, or says itself that it unpacks to more than fits.
    """

    def __init__(self, data: bytes) -> None:
        try:
            self._archive = zipfile.ZipFile(io.BytesIO(data))
            entries = self._archive.infolist()
        except _DAMAGED as wrong:
            raise Damaged(str(wrong)) from None
        unpacked = sum(entry.file_size for entry in entries)
        if unpacked > MAX_UNPACKED or len(entries) > MAX_PARTS:
            raise TooLarge(f"{len(entries)} parts, {unpacked / 1e6:.0f} MB when unpacked")
        self.is_locked = any(entry.flag_bits & 1 for entry in entries)
        self.names = tuple(entry.filename for entry in entries)
        self._known = frozenset(self.names)
        if len(self._known) < len(self.names):
            raise Damaged("a part stands in it twice")
        self._left = MAX_UNPACKED

    def __contains__(self, part: object) -> bool:
        return part in self._known

    def pieces(self, part: str) -> Iterator[bytes]:
        """Unpack a part; nothing comes where there is none.

        Raises
        ------
        Damaged
            The part cannot be unpacked.
        TooLarge
            More was unpacked, over all parts, than a workbook holds.
        """
        if part not in self._known:
            return
        try:
            with self._archive.open(part) as stream:
                while piece := stream.read(PIECE):
                    self._left -= len(piece)
                    if self._left < 0:
                        raise TooLarge(f"more than {MAX_UNPACKED / 1e6:.0f} MB when unpacked")
                    yield piece
        except _DAMAGED as wrong:
            raise Damaged(str(wrong)) from None

    def small(self, part: str) -> bytes:
        """The whole of a part that is never large.

        Raises
        ------
        TooLarge
            It is.
        """
        whole = bytearray()
        for piece in self.pieces(part):
            whole += piece
            if len(whole) > MAX_SMALL:
                raise TooLarge(f"the part {part[:60]!r} of more than {MAX_SMALL / 1e6:.0f} MB")
        return bytes(whole)

    def begins(self, part: str, beginning: bytes) -> bool:
        """Whether a part begins with some bytes."""
        return next(self.pieces(part), b"").startswith(beginning)
