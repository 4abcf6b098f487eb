"""The file itself: what it is, whether it is safe to open, and the shape of a sheet.

Nothing in a file is ever executed. Sizes are checked before anything is unpacked
into memory; macros, links and connections are named and left alone.
"""

from __future__ import annotations

import hashlib
import html
import io
import re
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from posixpath import dirname, join, normpath
from typing import TYPE_CHECKING, Any, Literal
from xml.etree import ElementTree

from doublecode.coding.reading.ods_shape import ods_shapes
from doublecode.coding.reading.sheet_shape import MAX_CELLS, TOO_MANY_CELLS, Shape, SheetTooLarge, cell_name, split_cell
from doublecode.schemas.csv_rows import UTF16_MARKS
from doublecode.schemas.problems import Problem

if TYPE_CHECKING:
    from python_calamine import CalamineWorkbook

MAX_FILE, MAX_UNPACKED, MAX_PARTS = 20_000_000, 100_000_000, 2_000
Kind = Literal["xlsx", "ods", "xls", "xlsb", "csv"]

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
    parts: dict[str, bytes] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()

    def workbook(self) -> CalamineWorkbook:
        """Open the values with calamine; what it cannot read raises ``CalamineError``."""
        from python_calamine import CalamineWorkbook

        return CalamineWorkbook.from_filelike(io.BytesIO(self.data))


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


def _recognise(name: str, data: bytes) -> tuple[Kind | None, dict[str, bytes], list[Problem]]:
    if data.startswith(_ZIP):
        return _recognise_zip(name, data)
    if data.startswith(_OLE):
        if "EncryptedPackage".encode("utf-16-le") in data:
            return None, {}, [Problem("password_protected", name)]
        if "Workbook".encode("utf-16-le") in data or "Book".encode("utf-16-le") in data:
            return "xls", {}, []
        return None, {}, [Problem("not_a_workbook", name, found="an old Office file")]
    if not data:
        return None, {}, [Problem("not_a_workbook", name, found="an empty file")]
    if name.lower().endswith((".csv", ".tsv", ".txt")) and (b"\0" not in data or data.startswith(UTF16_MARKS)):
        return "csv", {}, []
    found = "a PDF" if data.startswith(b"%PDF") else "no spreadsheet format that is known here"
    return None, {}, [Problem("not_a_workbook", name, found=found)]


def _recognise_zip(name: str, data: bytes) -> tuple[Kind | None, dict[str, bytes], list[Problem]]:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = archive.infolist()
            unpacked = sum(entry.file_size for entry in entries)
            if unpacked > MAX_UNPACKED or len(entries) > MAX_PARTS:
                found = f"{len(entries)} parts, {unpacked / 1e6:.0f} MB when unpacked"
                return None, {}, [Problem("too_large", name, found=found)]
            names = [entry.filename for entry in entries]
            if any(entry.flag_bits & 1 for entry in entries):
                return None, {}, [Problem("password_protected", name)]
            kind, problem = _kind_of(name, names, archive)
            if problem is not None:
                return None, {}, [problem]
            parts = {part: archive.read(part) for part in names if _is_read(part)}
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, ValueError, KeyError) as wrong:
        return None, {}, [Problem("unreadable_file", name, found=f"damaged ({wrong})")]
    return _inspect(name, kind, names, parts)


def _is_read(part: str) -> bool:
    """Parts whose text somebody reads: themes, drawings and properties are left packed."""
    return part.endswith((".xml", ".rels")) and not part.startswith(("xl/theme", "xl/drawings/", "docProps/"))


def _kind_of(name: str, names: list[str], archive: zipfile.ZipFile) -> tuple[Kind | None, Problem | None]:
    if "xl/workbook.xml" in names:
        return "xlsx", None
    if "xl/workbook.bin" in names:
        return "xlsb", None
    if "mimetype" in names and archive.read("mimetype").startswith(b"application/vnd.oasis.opendocument.spreadsheet"):
        if b"encryption-data" in archive.read("META-INF/manifest.xml"):
            return None, Problem("password_protected", name)
        return "ods", None
    found = "a Word document" if "word/document.xml" in names else "a zip archive"
    return None, Problem("not_a_workbook", name, found=found)


def _inspect(
    name: str, kind: Kind | None, names: list[str], parts: dict[str, bytes]
) -> tuple[Kind | None, dict[str, bytes], list[Problem]]:
    declared = [part for part, text in parts.items() if b"<!DOCTYPE" in text or b"<!ENTITY" in text]
    if declared:
        return None, {}, [Problem("unreadable_file", name, found=f"{declared[0]} declares XML entities")]
    seen = [
        what for mark, what in _ACTIVE.items() if any(part.startswith(mark) or part.endswith(mark) for part in names)
    ]
    problems = [Problem("active_content", name, found=what) for what in dict.fromkeys(seen)]
    return kind, parts, problems


_SHEET = re.compile(rb"<(?:\w+:)?sheet\s([^>]*)>")
_RELATION = re.compile(rb"<(?:\w+:)?Relationship\s([^>]*)>")
_ATTRIBUTE = re.compile(rb'([\w:]+)\s*=\s*(?:"([^"]*)"|\'([^\']*)\')')
_MERGED = re.compile(rb'<(?:\w+:)?mergeCell\s[^>]*ref="([^"]+)"')
_HIDDEN_ROW = re.compile(rb'<(?:\w+:)?row\s[^>]*hidden="(?:1|true)"[^>]*>')
_HIDDEN_COLUMN = re.compile(rb'<(?:\w+:)?col\s[^>]*hidden="(?:1|true)"[^>]*>')
_FORMULA = re.compile(
    rb"<(?:\w+:)?c\s([^>]*)>\s*<(?:\w+:)?f\b[^>]*?(?:/>|>([^<]*)</(?:\w+:)?f>)\s*(?:<(?:\w+:)?v(?:\s[^>]*)?>([^<]*)</)?"
)
_FORMULA_START = re.compile(rb"<(?:\w+:)?f[\s/>]")
_FAR = re.compile(rb'r="(?:[A-Z]{3,}\d+|[A-Z]+\d{5,})"')
_ROW_OR_CELL = re.compile(rb"(<(?:\w+:)?(row|c))(?=[\s/>])([^>]*)>")
_XML_COMMENT = re.compile(rb"<!--.*?-->", re.DOTALL)
_SINGLE_QUOTED = re.compile(rb"='([^'<>\"]*)'")
_ERROR = re.compile(rb'<(?:\w+:)?c\s([^>]*\bt="e"[^>]*?)(?:/>|>(.*?)</(?:\w+:)?c>)', re.DOTALL)
_RESULT = re.compile(rb"<(?:\w+:)?v(?:\s[^>]*)?>([^<]*)</")
_FORMATS = re.compile(rb"<(?:\w+:)?numFmt\s([^>]*)>")
_CELL_FORMATS = re.compile(rb"<(?:\w+:)?cellXfs\b.*?</(?:\w+:)?cellXfs>", re.DOTALL)
_FORMAT = re.compile(rb"<(?:\w+:)?xf\s([^>]*)>")
_QUOTED = re.compile(r'"[^"]*"|\\.')
_PERCENT = frozenset({"9", "10"})  # the formats 0% and 0.00% that every workbook knows
_FILLED = re.compile(rb'<(?:\w+:)?c\s(?:[^>]*?\s)?r="([A-Z]+)(\d+)"[^>]*(?<!/)>')


def read_shape(package: Package, sheet: str) -> Shape:
    """Find merged cells, hidden rows and columns, comments and formulas of one sheet.

    Raises
    ------
    SheetTooLarge
        A cell stands so far out that no rater's workbook has it.
    """
    if package.kind == "ods":
        return ods_shapes(package.parts.get("content.xml", b"")).get(sheet, Shape())
    part = _sheet_parts(package.parts).get(sheet, "")
    text = _plain_xml(package.parts.get(part, b""))
    if _FAR.search(text):
        _check_extent(text)
    return Shape(
        merged=tuple(ref.decode() for ref in _find(_MERGED, text, b"mergeCell")),
        hidden_rows=tuple(int(_attributes(tag).get("r", "0")) for tag in _find(_HIDDEN_ROW, text, b"hidden=")),
        hidden_columns=tuple(_column_span(_attributes(tag)) for tag in _find(_HIDDEN_COLUMN, text, b"hidden=")),
        comments=_comments(package.parts, part),
        formulas=_formulas(text),
        errors=_errors(text) if b't="e"' in text else {},
        percents=_percents(package.parts.get("xl/styles.xml", b""), text),
    )


def _plain_xml(text: bytes) -> bytes:
    """The sheet as most programs write it: attributes in double quotation marks, no comments, cells with names."""
    if b"<!--" in text:
        text = _XML_COMMENT.sub(b"", text)
    if b"='" in text:
        text = _SINGLE_QUOTED.sub(rb'="\1"', text)
    named = all(
        text.count(b"<%s " % tag) == text.count(b"<%s r=" % tag) and b"<%s>" % tag not in text for tag in (b"row", b"c")
    )
    return text if named else _with_names(text)


def _with_names(text: bytes) -> bytes:
    """Give rows and cells that are written without their names the ones that they have by counting."""
    row = column = -1

    def name(tag: re.Match[bytes]) -> bytes:
        nonlocal row, column
        own = _attributes(tag[3]).get("r", "")
        if tag[2] == b"row":
            row, column = int(own) - 1 if own.isdigit() else row + 1, -1
            shown = str(row + 1)
        else:
            column = split_cell(own)[1] if own else column + 1
            shown = cell_name(row, column)
        return tag[0] if own else b'%s r="%s"%s' % (tag[1], shown.encode(), tag[3] + b">")

    return _ROW_OR_CELL.sub(name, text)


def _find(pattern: re.Pattern[bytes], text: bytes, mark: bytes) -> list[bytes]:
    """All matches, for which the text is searched only if it holds the mark at all."""
    return pattern.findall(text) if mark in text else []


def _check_extent(text: bytes) -> None:
    """Refuse a sheet whose filled cells span more than can be unpacked safely."""
    cells = _FILLED.findall(text)
    rows = max((int(row) for _, row in cells), default=0)
    columns = max(
        (split_cell(letters.decode() + "1")[1] + 1 for letters in {letters for letters, _ in cells}), default=0
    )
    if rows * columns > MAX_CELLS:
        raise SheetTooLarge(TOO_MANY_CELLS)


def _attributes(tag: bytes) -> dict[str, str]:
    return {
        key.decode(): html.unescape((first or second).decode("utf-8", "replace"))
        for key, first, second in _ATTRIBUTE.findall(tag)
    }


def _column_span(attributes: dict[str, str]) -> tuple[int, int]:
    return int(attributes.get("min", "0")), int(attributes.get("max", "0"))


def _relations(parts: dict[str, bytes], part: str) -> dict[str, tuple[str, str]]:
    """Relation id → (type, target part) of one part."""
    folder, _, file = part.rpartition("/")
    text = parts.get(f"{folder}/_rels/{file}.rels", b"")
    found = {}
    for tag in _RELATION.findall(text):
        relation = _attributes(tag)
        target = relation.get("Target", "")
        target = target.lstrip("/") if target.startswith("/") else normpath(join(dirname(part), target))
        found[relation.get("Id", "")] = (relation.get("Type", ""), target)
    return found


def _sheet_parts(parts: dict[str, bytes]) -> dict[str, str]:
    """Sheet name → its part in the package."""
    relations = _relations(parts, "xl/workbook.xml")
    sheets = {}
    for tag in _SHEET.findall(parts.get("xl/workbook.xml", b"")):
        attributes = _attributes(tag)
        identifier = next((value for key, value in attributes.items() if key.endswith(":id")), "")
        sheets[attributes.get("name", "")] = relations.get(identifier, ("", ""))[1]
    return sheets


def _comments(parts: dict[str, bytes], part: str) -> dict[str, str]:
    """Cell → text of its comment."""
    targets = [target for kind, target in _relations(parts, part).values() if kind.endswith("/comments")]
    found: dict[str, str] = {}
    for target in targets:
        for element in _parse(parts.get(target, b"")).iter():
            if element.tag.rpartition("}")[2] == "comment":
                # LibreOffice writes the anchor of the box beside the text: only the text is what was said
                said = (part for part in element if part.tag.rpartition("}")[2] == "text")
                found[element.get("ref", "")] = "".join("".join(part.itertext()) for part in said).strip()
    return found | _threads(parts, part)


def _threads(parts: dict[str, bytes], part: str) -> dict[str, str]:
    """Cell → the words of a threaded comment; the plain comment beside it only says that there is one."""
    said: dict[str, list[str]] = {}
    for kind, target in _relations(parts, part).values():
        if kind.endswith("/threadedComment"):
            for element in _parse(parts.get(target, b"")).iter():
                if element.tag.rpartition("}")[2] == "threadedComment":
                    said.setdefault(element.get("ref", ""), []).append("".join(element.itertext()).strip())
    return {cell: " / ".join(texts) for cell, texts in said.items()}


def _parse(text: bytes) -> ElementTree.Element:
    try:
        return ElementTree.fromstring(text)
    except ElementTree.ParseError:
        return ElementTree.Element("damaged")


def _formulas(text: bytes) -> dict[str, tuple[str, str]]:
    """Cell → (formula, saved result); the result is empty where none was saved."""
    found = {}
    for mark in _formula_starts(text):
        start = max(text.rfind(b"<c ", 0, mark), text.rfind(b":c ", 0, mark))
        match = _FORMULA.search(text, text.rfind(b"<", 0, start + 1))
        if match is not None:
            tag, formula, result = (part or b"" for part in match.groups())
            shown = "=" + html.unescape(formula.decode("utf-8", "replace"))
            found[_attributes(tag).get("r", "")] = (shown, result.decode("utf-8", "replace"))
    return found


def _errors(text: bytes) -> dict[str, str]:
    """Cell → the error that it shows."""
    found = {}
    for tag, inside in _ERROR.findall(text):
        result = _RESULT.search(inside)
        shown = html.unescape(result[1].decode("utf-8", "replace")).strip() if result else ""
        found[_attributes(tag).get("r", "")] = shown or "#ERROR"
    return found


def _percents(styles: bytes, text: bytes) -> frozenset[str]:
    """Cells whose number format shows a percentage."""
    own = (_attributes(tag) for tag in _FORMATS.findall(styles))
    codes = _PERCENT | {one.get("numFmtId", "") for one in own if "%" in _QUOTED.sub("", one.get("formatCode", ""))}
    block = _CELL_FORMATS.search(styles)
    formats = _FORMAT.findall(block[0]) if block else []
    places = [str(at) for at, tag in enumerate(formats) if _attributes(tag).get("numFmtId") in codes]
    if not places:
        return frozenset()
    cells = re.findall(rb'<(?:\w+:)?c\s([^>]*\bs="(?:%s)"[^>]*)>' % "|".join(places).encode(), text)
    return frozenset(_attributes(tag).get("r", "") for tag in cells)


def _formula_starts(text: bytes) -> Iterator[int]:
    """Where the formulas of a sheet begin; plain searching, since most sheets have only one."""
    if b":f" in text:
        yield from (mark.start() for mark in _FORMULA_START.finditer(text))
        return
    at = text.find(b"<f")
    while at >= 0:
        if text[at + 2 : at + 3] in (b">", b"/", b" "):
            yield at
        at = text.find(b"<f", at + 2)


def calls_out(formula: str) -> bool:
    """Whether a formula asks something outside the workbook."""
    return bool(_CALLS_OUT.search(formula))


def read_grid(package: Package, workbook: Any, sheet: str) -> list[list[Any]]:
    """The typed values of a sheet, row by row from A1; an empty cell is an empty text.

    Returns
    -------
    list of list
        float, str, bool, date, datetime, time or timedelta. No inference beyond the file's own types.
    """
    grid: list[list[Any]] = workbook.get_sheet_by_name(sheet).to_python(skip_empty_area=False)
    return grid
