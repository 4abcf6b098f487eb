"""One figure with its caption, and a paragraph of text, as a Word file: what goes into a proposal."""

from __future__ import annotations

import io
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from doublecode.schemas.marks import bare, inline

FONT: Final = "Times New Roman"
_ANY_DAY: Final = datetime(2000, 1, 1)


def figure_docx(png: bytes, width_cm: float, caption: str, text: str, path: Path) -> None:
    """Write the file; the same figure and texts give the same content.

    Parameters
    ----------
    png : bytes
        The drawing.
    width_cm : float
        How wide it stands on the page.
    caption, text : str
        Under the figure, and the paragraph after it.
    path : Path
    """
    import docx
    from docx.oxml.ns import qn
    from docx.shared import Cm, Pt

    file = docx.Document()
    facts = file.core_properties
    facts.title, facts.author, facts.comments, facts.last_modified_by = "Power", "doublecode", "", "doublecode"
    facts.created = facts.modified = _ANY_DAY
    facts.revision = 1
    normal: Any = file.styles["Normal"]
    normal.font.name, normal.font.size = FONT, Pt(11)
    fonts = normal.element.get_or_add_rPr().get_or_add_rFonts()
    for script in ("w:ascii", "w:hAnsi", "w:eastAsia", "w:cs"):
        fonts.set(qn(script), FONT)
    shape: Any = file.add_picture(io.BytesIO(png), width=Cm(width_cm))
    shape._inline.docPr.set("descr", bare(caption))
    _write(file.add_paragraph(), f"Figure 1. {caption}", Pt(9))
    _write(file.add_paragraph(), text, Pt(11))
    file.save(str(path))


def _write(paragraph: Any, text: str, size: Any) -> None:
    for mark, part in inline(text):
        run = paragraph.add_run(part)
        run.italic = mark == "italic" or None
        run.font.size = size
