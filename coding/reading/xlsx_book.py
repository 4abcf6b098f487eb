"""An .xlsx workbook: its sheets, the texts they share, their formats and comments."""

from __future__ import annotations

from functools import cached_property, lru_cache
from posixpath import dirname, join, normpath

from doublecode.coding.reading.safe_xml import Damaged, TooLarge, check_depth, check_elements, elements, parse
from doublecode.coding.reading.sheet_grid import MAX_LETTERS, Formats, Sheet
from doublecode.coding.reading.xlsx_sheet import SPACES, SheetHandler
from doublecode.coding.reading.zip_parts import ZipParts

_WORKBOOK = "xl/workbook.xml"


class XlsxBook:
    """An opened .xlsx workbook.

    Parameters
    ----------
    parts : ZipParts
    """

    def __init__(self, parts: ZipParts) -> None:
        self._parts = parts
        self._relations = relations(parts, _WORKBOOK)
        self._sheets: dict[str, str] = {}
        self._hidden: set[str] = set()
        self._from_1904 = False
        for one in elements(parts.pieces(_WORKBOOK), ("sheet", "workbookPr")):
            if one.name == "workbookPr":
                self._from_1904 = one.attributes.get("date1904") in ("1", "true")
            elif one.attributes.get("name", "") not in self._sheets:
                target = self._relations.get(one.attributes.get("id", ""), ("", ""))[1]
                if one.attributes.get("state", "visible") != "visible":
                    self._hidden.add(one.attributes.get("name", ""))
                self._sheets[one.attributes.get("name", "")] = target
            else:
                raise Damaged(f"two sheets are called {one.attributes.get('name', '')[:40]!r}")

    @property
    def names(self) -> tuple[str, ...]:
        """Its sheets in their order."""
        return tuple(self._sheets)

    @property
    def hidden(self) -> frozenset[str]:
        """Those of them that nobody sees."""
        return frozenset(self._hidden)

    def part(self, name: str) -> str:
        """The part of the package that holds a sheet; empty where there is no such sheet."""
        return self._sheets.get(name, "")

    def sheet(self, name: str) -> Sheet:
        """Read one sheet."""
        part = self._sheets[name]
        handler = SheetHandler(self._shared, self._formats)
        parse(self._parts.pieces(part), handler, resolve=False)
        return handler.sheet(self._comments(part))

    @cached_property
    def _shared(self) -> list[str]:
        part = next((target for kind, target in self._relations.values() if kind.endswith("/sharedStrings")), "")
        handler = _SharedTexts()
        if part in self._parts:
            parse(self._parts.pieces(part), handler)
        return handler.texts

    @cached_property
    def _formats(self) -> Formats:
        part = next((target for kind, target in self._relations.values() if kind.endswith("/styles")), "")
        if part not in self._parts:
            return Formats((), {})
        return _formats(self._parts.small(part), self._from_1904)

    def _comments(self, part: str) -> dict[str, str]:
        """Cell → text of its comment; a thread's words instead of the plain comment that announces them."""
        found: dict[str, str] = {}
        threads: dict[str, list[str]] = {}
        for kind, target in relations(self._parts, part).values():
            if kind.endswith("/comments"):
                found |= dict(_said(self._parts.small(target), "comment"))
            elif kind.endswith("/threadedComment"):
                for cell, text in _said(self._parts.small(target), "threadedComment"):
                    threads.setdefault(cell, []).append(text)
        return found | {cell: " / ".join(texts) for cell, texts in threads.items()}


@lru_cache(maxsize=8)
def _formats(styles: bytes, from_1904: bool) -> Formats:
    """Number formats from the text of the part; the workbooks of one study most often share it."""
    codes: dict[int, str] = {}
    of_cells: list[int] = []
    own: list[int] = []
    for one in elements((styles,), ("numFmt", "xf", "cellXfs", "cellStyleXfs")):
        number = one.attributes.get("numFmtId", "0")
        number = number if number.isdecimal() and len(number) < 7 else "0"
        if one.name == "numFmt":
            codes[int(number)] = one.attributes.get("formatCode", "")
        elif one.name == "xf":
            own.append(int(number))
        else:  # the list of formats that just ended: of cells, or of the styles that they have names for
            of_cells, own = (own, []) if one.name == "cellXfs" else (of_cells, [])
    return Formats(of_cells, codes, from_1904=from_1904)


@lru_cache(maxsize=8)
def _said(comments: bytes, tag: str) -> tuple[tuple[str, str], ...]:
    """Cell and text of each comment of a part."""
    # LibreOffice writes the anchor of the box beside the text: only the text is what was said
    found = elements((comments,), (tag,), frozenset({"text"}))
    return tuple((one.attributes.get("ref", "")[:12], one.text.strip()) for one in found)


class _SharedTexts:
    """The texts that cells share, without their phonetic readings."""

    def __init__(self) -> None:
        self.buffer: list[str] = []
        self.texts: list[str] = []
        self._pieces: list[str] = []
        self._phonetic = False
        self._letters = self._elements = self._depth = 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        self._elements += 1
        check_depth(self._depth)
        check_elements(self._elements)
        self.buffer.clear()
        if name in _SI:
            self._pieces = []
        elif name in _RPH:
            self._phonetic = True

    def end(self, name: str) -> None:
        self._depth -= 1
        if name in _T and not self._phonetic:
            self._pieces.append("".join(self.buffer))
        elif name in _SI:
            text = "".join(self._pieces)
            self.texts.append(text)
            self._letters += len(text)
            if self._letters > MAX_LETTERS:
                raise TooLarge(f"shared texts of more than {MAX_LETTERS:,} letters")
        elif name in _RPH:
            self._phonetic = False
        self.buffer.clear()


_SI, _T, _RPH = ({f"{space} {name}" for space in SPACES} for name in ("si", "t", "rPh"))


def relations(parts: ZipParts, part: str) -> dict[str, tuple[str, str]]:
    """Relation id → (type, target part) of one part."""
    folder, _, file = part.rpartition("/")
    found: dict[str, tuple[str, str]] = {}
    for one in elements(parts.pieces(f"{folder}/_rels/{file}.rels"), ("Relationship",)):
        target = one.attributes.get("Target", "")
        target = target.lstrip("/") if target.startswith("/") else normpath(join(dirname(part), target))
        found[one.attributes.get("Id", "")] = (one.attributes.get("Type", ""), target)
    return found
