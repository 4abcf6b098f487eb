"""Everything that a workbook holds beside the values of its cells, so that two of them can be laid side by side."""

from __future__ import annotations

import re
import warnings
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from openpyxl import load_workbook
from openpyxl.worksheet.cell_range import MultiCellRange

Place = tuple[str, str, str]
"""Sheet, cell or "", and what it is about."""


_SIDES = ("left", "center", "right")


def everything_in(path: Path) -> dict[Place, Any]:
    """Values, formats, notes with the sizes of their boxes, widths, drop-downs, merged cells, how it is printed, …"""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        workbook = load_workbook(path)
    found: dict[Place, Any] = {("", "", "sheets"): tuple(workbook.sheetnames)}
    found["", "", "names"] = tuple(sorted((name, one.attr_text) for name, one in workbook.defined_names.items()))
    with zipfile.ZipFile(path) as archive:
        for part, sheet in _parts(archive):
            if sheet in workbook.sheetnames:
                found |= {(sheet, *key): value for key, value in _of_sheet(workbook[sheet])}
                text = archive.read(part).decode()
                found |= {(sheet, *key): value for key, value in _extended(workbook[sheet], text)}
                found |= {(sheet, *key): value for key, value in _boxes(archive, part)}
    return found


def _parts(archive: zipfile.ZipFile) -> Iterator[tuple[str, str]]:
    """The part of each sheet, and its name."""
    targets = dict(_both(archive.read("xl/_rels/workbook.xml.rels").decode(), "Id", "Target"))
    listed = archive.read("xl/workbook.xml").decode()
    for name, relation in re.findall(r'<sheet [^>]*?name="([^"]*)"[^>]*?r:id="([^"]*)"', listed):
        target = targets[relation].lstrip("/")
        yield target if target.startswith("xl/") else f"xl/{target}", name


def _both(text: str, *names: str) -> list[tuple[str, ...]]:
    tags = re.findall(r"<Relationship [^>]*>", text)
    return [tuple(re.search(rf'\b{name}="([^"]*)"', tag)[1] for name in names) for tag in tags]  # type: ignore[index]


def _of_sheet(sheet: Any) -> Iterator[tuple[tuple[str, str], Any]]:
    book = sheet.parent
    plain = {
        "format": ("General", *map(repr, (book._fonts[0], book._borders[0], book._alignments[0]))),
        "locked": repr(book._protections[0]), "fill": repr(book._fills[0]),
    }  # fmt: skip
    for row in sheet.iter_rows():
        for cell in row:
            where = cell.coordinate
            if cell.value is not None:
                yield (where, "value"), (cell.data_type, cell.value)
            if cell.comment is not None:
                yield (where, "note"), cell.comment.text
            if cell.hyperlink is not None:
                yield (where, "link"), (cell.hyperlink.target, cell.hyperlink.location)
            looks = (_unsigned(cell.number_format), *map(repr, (cell.font, cell.border, cell.alignment)))
            for what, look in (("format", looks), ("locked", repr(cell.protection)), ("fill", repr(cell.fill))):
                if look != plain[what]:
                    yield (where, what), look
    for letter, one in sheet.column_dimensions.items():
        yield ("", f"column {letter}"), (one.width, one.hidden, one.min, one.max)
    for number, one in sheet.row_dimensions.items():
        if one.height is not None or one.hidden:
            yield ("", f"row {number}"), (one.height, one.hidden)
    yield ("", "merged"), tuple(sorted(str(one) for one in sheet.merged_cells.ranges))
    yield ("", "state"), (sheet.sheet_state, sheet.freeze_panes, sheet.auto_filter.ref)
    yield ("", "protected"), repr(sheet.protection)
    page = sheet.page_setup
    yield ("", "page"), (page.orientation, page.paperSize, page.fitToWidth, page.fitToHeight, page.scale)
    yield ("", "page fits"), sheet.sheet_properties.pageSetUpPr and sheet.sheet_properties.pageSetUpPr.fitToPage
    yield ("", "margins"), tuple(getattr(sheet.page_margins, side) for side in ("left", "right", "top", "bottom"))
    yield (
        ("", "printed"),
        (sheet.print_title_rows, sheet.print_area.partition("!")[2], sheet.print_options.horizontalCentered),
    )
    said = (getattr(getattr(sheet, end), side).text for end in ("oddHeader", "oddFooter") for side in _SIDES)
    yield ("", "head and foot"), tuple(said)
    view = sheet.sheet_view
    yield ("", "view"), (view.zoomScale, view.showGridLines, view.rightToLeft)
    for one in sheet.conditional_formatting:
        for rule in one.rules:
            colour = rule.dxf.fill.bgColor.rgb if rule.dxf and rule.dxf.fill else ""
            top = min(box.min_row for box in one.sqref.ranges)  # the formula is written for the first cell
            said = [_from_row(text, top) for text in rule.formula]
            for cell in _cells(str(one.sqref)):
                yield (cell, f"live {said} {colour}"), True
    for one in sheet.data_validations.dataValidation:
        yield from _choices(str(one.sqref), one.type, one.formula1, one.error, one.prompt)


def _unsigned(code: str) -> str:
    """A number format without the sign that a marked cell shows."""
    return code.split(";")[0].replace('"✗ "', "") if "✗" in code else code


def _from_row(formula: str, top: int) -> str:
    """A formula with its rows counted from one row, so that it reads the same from wherever it is written."""
    return re.sub(r"(\$?[A-Z]{1,3})(\d+)\b", lambda at: f"{at[1]}[{int(at[2]) - top}]", formula)


def _choices(where: str, *told: str | None) -> Iterator[tuple[tuple[str, str], Any]]:
    said = tuple((one or "").lstrip("=") for one in told)
    for cell in _cells(where):
        yield (cell, "choices"), said


def _cells(where: str) -> Iterator[str]:
    for box in MultiCellRange(where).ranges:
        for row, column in box.cells:
            yield f"{_letter(column)}{row}"


def _letter(column: int) -> str:
    from openpyxl.utils import get_column_letter

    return get_column_letter(column)


def _extended(sheet: Any, text: str) -> Iterator[tuple[tuple[str, str], Any]]:
    """Drop-downs that Excel keeps in an extension."""
    for tag, inside in re.findall(r"<x14:dataValidation\b([^>]*)>(.*?)</x14:dataValidation>", text, re.DOTALL):
        said = dict(re.findall(r'(\w+)="([^"]*)"', tag))
        formula = re.search(r"<x14:formula1><xm:f>(.*?)</xm:f>", inside)
        where = re.search(r"<xm:sqref>(.*?)</xm:sqref>", inside)
        if where is not None:
            told = (said.get("type"), formula[1] if formula else "", said.get("error"), said.get("prompt"))
            yield from _choices(where[1], *map(_plain, told))


def _plain(text: str | None) -> str | None:
    from html import unescape

    return None if text is None else unescape(text)


def _boxes(archive: zipfile.ZipFile, part: str) -> Iterator[tuple[tuple[str, str], Any]]:
    """How large the boxes of the notes are."""
    folder, _, file = part.rpartition("/")
    relations = f"{folder}/_rels/{file}.rels"
    if relations not in archive.namelist():
        return
    for kind, target in _both(archive.read(relations).decode(), "Type", "Target"):
        if kind.endswith("/vmlDrawing"):
            name = target.lstrip("/") if target.startswith("/") else f"xl/{target.removeprefix('../')}"
            for shape in re.findall(r"<v:shape .*?</v:shape>", archive.read(name).decode(), re.DOTALL):
                row, column = (int(re.search(rf"<x:{tag}>(\d+)<", shape)[1]) for tag in ("Row", "Column"))  # type: ignore[index]
                size = re.findall(r"(?<![-\w])(width|height):([\d.]+\w*)", shape.split(">")[0])
                yield (f"{_letter(column + 1)}{row + 1}", "box"), tuple(sorted(size))
