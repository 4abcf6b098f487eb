"""Puts back what openpyxl forgets of a workbook that is opened and saved: note boxes' sizes, Excel's own drop-downs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from doublecode.coding.reading.safe_xml import Damaged, Element, TooLarge, elements
from doublecode.coding.reading.sheet_shape import cell_name
from doublecode.coding.reading.xlsx_book import XlsxBook, relations
from doublecode.coding.reading.zip_parts import ZipParts

if TYPE_CHECKING:
    from openpyxl import Workbook
    from openpyxl.worksheet.datavalidation import DataValidation
    from openpyxl.worksheet.worksheet import Worksheet

_LENGTH: Final = re.compile(r"(?:^|;)\s*(width|height)\s*:\s*(\d{1,5}(?:\.\d{1,9})?)(px|pt|in|mm|cm)?", re.ASCII)
_PIXELS: Final = {"px": 1.0, "": 1.0, "pt": 96 / 72, "in": 96.0, "mm": 96 / 25.4, "cm": 96 / 2.54}
_TEXTS: Final = ("type", "errorTitle", "error", "promptTitle", "prompt", "operator", "errorStyle")
_SWITCHES: Final = ("allowBlank", "showErrorMessage", "showInputMessage", "showDropDown")


def restore(workbook: Workbook, data: bytes) -> None:
    """Give a workbook that openpyxl opened the sizes of its note boxes and the drop-downs that it left out.

    Parameters
    ----------
    workbook : Workbook
        Changed in place.
    data : bytes
        The file that it was opened from.

    Notes
    -----
    Excel keeps a drop-down whose list stands on another sheet in an extension that openpyxl drops, and the size of a
    note's box in a drawing that it does not read. A part that is damaged is left as openpyxl has it.
    """
    try:
        parts = ZipParts(data)
        book = XlsxBook(parts)
    except (Damaged, TooLarge):
        return
    for name in workbook.sheetnames:
        part = book.part(name)
        try:
            _add_choices(workbook[name], parts, part)
            _size_notes(workbook[name], parts, part)
        except (Damaged, TooLarge):
            continue


def _size_notes(sheet: Worksheet, parts: ZipParts, part: str) -> None:
    for kind, target in relations(parts, part).values():
        if kind.endswith("/vmlDrawing"):
            found = elements((parts.small(target),), ("shape", "Row", "Column"))
            for cell, sizes in _boxes(found):
                comment = sheet[cell].comment
                if comment is not None:
                    comment.width = round(sizes.get("width", comment.width))
                    comment.height = round(sizes.get("height", comment.height))


def _boxes(found: list[Element]) -> Iterator[tuple[str, Mapping[str, float]]]:
    """Cell and size of each box; its row and column, from 0, end before the box does."""
    place: dict[str, int] = {}
    for one in found:
        if one.name != "shape":
            text = one.text.strip()
            place[one.name] = int(text) if text.isdecimal() and len(text) < 8 else -1
            continue
        sizes = {
            name: float(number) * _PIXELS[unit]
            for name, number, unit in _LENGTH.findall(one.attributes.get("style", ""))
        }
        if place.get("Row", -1) >= 0 and 0 <= place.get("Column", -1) < 16_384:
            yield cell_name(place["Row"], place["Column"]), sizes
        place = {}


def _add_choices(sheet: Worksheet, parts: ZipParts, part: str) -> None:
    found = elements(parts.pieces(part), ("dataValidation", "formula1", "formula2", "sqref"))
    inside: dict[str, str] = {}
    for one in found:
        if one.name != "dataValidation":
            inside[one.name] = one.text.strip()
            continue
        if "sqref" in inside:  # an ordinary one has its cells as an attribute, and openpyxl keeps it
            sheet.add_data_validation(_validation(one.attributes, inside))
        inside = {}


def _validation(said: Mapping[str, str], inside: Mapping[str, str]) -> DataValidation:
    from openpyxl.worksheet.datavalidation import DataValidation

    told: dict[str, Any] = {name: said[name] in ("1", "true") for name in _SWITCHES if name in said}
    told |= {name: said[name] for name in _TEXTS if name in said}
    return DataValidation(**{"allowBlank": False, **told, **inside})
