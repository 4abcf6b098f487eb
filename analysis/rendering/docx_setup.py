"""What all our Word files have in common: fixed properties, and the font of a style."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

FONT: Final = "Times New Roman"
_ANY_DAY: Final = datetime(2000, 1, 1)


def set_properties(file: Any, title: str) -> None:
    """Write the properties of a Word file; the same title gives the same content on every day."""
    facts = file.core_properties
    facts.title, facts.author, facts.comments, facts.last_modified_by = title, "doublecode", "", "doublecode"
    facts.created = facts.modified = _ANY_DAY
    facts.revision = 1


def set_font(style: Any, points: float) -> None:
    """Give a style our font, in every script."""
    from docx.oxml.ns import qn
    from docx.shared import Pt

    style.font.name, style.font.size = FONT, Pt(points)
    fonts = style.element.get_or_add_rPr().get_or_add_rFonts()
    for attribute in [key for key in fonts.attrib if "Theme" in key]:
        del fonts.attrib[attribute]
    for script in ("w:ascii", "w:hAnsi", "w:eastAsia", "w:cs"):
        fonts.set(qn(script), FONT)
