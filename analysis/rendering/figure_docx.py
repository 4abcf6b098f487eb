"""One figure with its caption, and a paragraph of text, as a Word file: what goes into a proposal."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

from doublecode.analysis.rendering.docx_setup import set_font, set_properties
from doublecode.schemas.marks import bare, inline


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
    from docx.shared import Cm, Pt

    file = docx.Document()
    set_properties(file, "Power")
    set_font(file.styles["Normal"], 11)
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
