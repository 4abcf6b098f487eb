"""The report as a Word file: tables in APA form, figures as pictures, fixed metadata."""

from __future__ import annotations

import io
from functools import singledispatch
from pathlib import Path
from typing import Any, Final

from doublecode.analysis.rendering.document import (
    Bullets,
    Callout,
    Checklist,
    Document,
    Links,
    Paragraph,
    Picture,
    Section,
)
from doublecode.analysis.rendering.docx_setup import set_font, set_properties
from doublecode.analysis.rendering.docx_table import CELL_MARGIN_CM, table_xml
from doublecode.analysis.rendering.tables import Column, Table, frame_of
from doublecode.schemas.marks import bare, inline

_TEXT_WIDTH_CM: Final = 16.5
_PICTURE_HEIGHT_CM: Final = 21.0
_FEWEST_LETTERS: Final = 4


def write_docx(document: Document, path: Path) -> None:
    """Render a document as a Word file; the same document gives the same content."""
    import docx

    file = docx.Document()
    _set_up(file, document)
    file.add_heading(level=0).add_run(document.title)
    _write(file.add_paragraph(), document.subtitle)
    for callout in document.callouts:
        _callout(file, callout.text)
    for headline in document.headlines:
        paragraph = file.add_paragraph(style="List Bullet")
        _write(paragraph, f"{headline.label}: ")
        _write(paragraph, headline.value, bold=True)
        _write(paragraph, f" {headline.detail}")
    numbers = document.numbers()
    for part in document.parts():
        if part.title:
            _write(file.add_heading(level=1), part.title)
        for section in part.sections:
            _section(file, section, numbers)
    _write(file.add_paragraph(), document.colophon)
    file.save(str(path))


def _set_up(file: Any, document: Document) -> None:
    from docx.shared import Cm, RGBColor

    set_properties(file, document.title)
    page = file.sections[0]
    page.page_width, page.page_height = Cm(21.0), Cm(29.7)
    page.left_margin = page.right_margin = Cm((21.0 - _TEXT_WIDTH_CM) / 2)
    page.top_margin = page.bottom_margin = Cm(2.3)
    for name, size in (("Normal", 11), ("Title", 20), ("Heading 1", 15), ("Heading 2", 12)):
        style = file.styles[name]
        style.font.color.rgb = RGBColor(0, 0, 0)
        set_font(style, size)


def _section(file: Any, section: Section, numbers: dict[str, int]) -> None:
    _write(file.add_heading(level=2 if section.part else 1), section.title)
    for block in section.blocks:
        _block(block, file, numbers)


@singledispatch
def _block(block: object, file: Any, numbers: dict[str, int]) -> None:
    raise TypeError(f"no rendering for {type(block).__name__}")


@_block.register
def _(block: Paragraph, file: Any, numbers: dict[str, int]) -> None:
    _write(file.add_paragraph(), block.text + seen(block.see, numbers))


@_block.register
def _(block: Links, file: Any, numbers: dict[str, int]) -> None:
    _write(file.add_paragraph(), f"{block.text} {', '.join(link.text for link in block.links)}".strip())


@_block.register
def _(block: Checklist, file: Any, numbers: dict[str, int]) -> None:
    rows = [
        {
            "number": row.number, "topic": row.topic, "where": "; ".join(link.text for link in row.links),
            "to_write": row.to_write,
        }
        for row in block.rows
    ]  # fmt: skip
    heads = (("number", "Item"), ("topic", "To report"), ("where", "In the report"), ("to_write", "You must write"))
    columns = tuple(Column(name, head, "text") for name, head in heads)
    _put_table(file, Table(block.name, block.title, frame_of(rows, [name for name, _ in heads]), columns), 9)


@_block.register
def _(block: Callout, file: Any, numbers: dict[str, int]) -> None:
    _callout(file, block.text)


@_block.register
def _(block: Bullets, file: Any, numbers: dict[str, int]) -> None:
    for item in block.items:
        _write(file.add_paragraph(style="List Bullet"), item, size=None if block.to_read else 9)


@_block.register
def _(block: Picture, file: Any, numbers: dict[str, int]) -> None:
    from docx.shared import Cm

    _caption(file, f"Figure {numbers[f'figure {block.name}']}", block.title)
    width = _TEXT_WIDTH_CM * (0.6 if block.half else 0.85)
    shape = file.add_picture(io.BytesIO(block.png), width=Cm(width))
    if shape.height > Cm(_PICTURE_HEIGHT_CM):  # a picture beyond the page would be cut
        shape.width, shape.height = round(shape.width * Cm(_PICTURE_HEIGHT_CM) / shape.height), Cm(_PICTURE_HEIGHT_CM)
    properties = shape._inline.docPr
    properties.set("descr", block.description)
    _notes(file, block.notes)


@_block.register
def _(block: Table, file: Any, numbers: dict[str, int]) -> None:
    _caption(file, f"Table {numbers[f'table {block.name}']}", block.title)
    _put_table(file, block, 10 if len(block.columns) <= 6 else 9 if len(block.columns) <= 8 else 8)
    _notes(file, block.notes)


def _put_table(file: Any, block: Table, size: int) -> None:
    from docx.oxml import parse_xml
    from docx.shared import Cm

    widths = [Cm(width).twips for width in column_widths(block, size)]
    file.element.body[-1].addprevious(parse_xml(table_xml(block, widths, size)))  # the last one is the page's set-up


def seen(see: tuple[str, ...], numbers: dict[str, int]) -> str:
    """Name tables and figures by their numbers, in brackets; what the document does not have is left out."""
    named = [f"{name.partition(' ')[0].capitalize()} {numbers[name]}" for name in see if name in numbers]
    return f" ({', '.join(named)})" if named else ""


def column_widths(block: Table, size: float) -> list[float]:
    """Widths in cm: numbers never wrap; columns of text share what is left by their longest cell.

    Parameters
    ----------
    block : Table
    size : float
        Font size in points; a character is taken as 0.53 of it wide.
    """
    rows = [row for row in block.body() if len(row) == len(block.columns)]
    character, padding = 0.53 * size * 2.54 / 72, 2 * CELL_MARGIN_CM + 0.12
    needs, wishes = [], []
    for place, column in enumerate(block.columns):
        texts = [row[place] for row in rows]
        words = [word for heading in (bare(column.heading),) for word in heading.split()]
        if column.kind == "text":
            words += [word for text in texts for word in text.split()]
        else:
            words += texts
        needs.append(min(max([_FEWEST_LETTERS, *map(len, words)]), 24) * character + padding)
        longest = min(max(map(len, [column.heading, *texts])), 60) * character + padding
        wishes.append(longest if column.kind == "text" else needs[-1])
    room = _TEXT_WIDTH_CM - sum(needs)
    wanted = sum(wish - need for wish, need in zip(wishes, needs, strict=True) if wish > need)
    share = min(1.0, max(0.0, room) / wanted) if wanted else 0.0
    return [need + share * max(0.0, wish - need) for wish, need in zip(wishes, needs, strict=True)]


def _caption(file: Any, number: str, title: str) -> None:
    from docx.shared import Pt

    first = file.add_paragraph()
    first.paragraph_format.space_before, first.paragraph_format.space_after = Pt(12), Pt(0)
    first.paragraph_format.keep_with_next = True
    _write(first, number, bold=True)
    second = file.add_paragraph()
    second.paragraph_format.space_after = Pt(4)
    second.paragraph_format.keep_with_next = True
    _write(second, title, italic=True)


def _notes(file: Any, notes: tuple[str, ...]) -> None:
    from docx.shared import Pt

    paragraph = file.add_paragraph()
    paragraph.paragraph_format.space_before = Pt(3)
    if notes:
        _write(paragraph, "*Note.* " + " ".join(notes), size=9)


def _callout(file: Any, text: str) -> None:
    from docx.shared import Cm

    paragraph = file.add_paragraph()
    paragraph.paragraph_format.left_indent = Cm(0.6)
    _write(paragraph, text, bold=True)


def _write(paragraph: Any, text: str, *, size: float | None = None, bold: bool = False, italic: bool = False) -> None:
    from docx.shared import Pt

    for mark, part in inline(text):
        run = paragraph.add_run(part)
        run.bold = bold or None
        # inside an italic caption the marked symbols stand upright (APA 7, 6.22)
        run.italic = (italic != (mark == "italic")) or None
        if mark == "code":
            run.font.name = "Courier New"
        if size is not None:
            run.font.size = Pt(size)
