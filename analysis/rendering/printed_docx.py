"""Tables as printed in Word: number and title above, three rules, notes below; each table on a page of its own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final
from xml.sax.saxutils import escape

from doublecode.analysis.rendering.docx_setup import set_font, set_properties
from doublecode.analysis.rendering.printed_parts import Cell, TableParts, kept
from doublecode.schemas.marks import bare, inline

_ACROSS, _TURNED = 16.5, 25.2  # cm of text on A4
_SIZES: Final = (11.0, 10.0, 9.0, 8.0, 7.0)
_LETTER: Final = 0.5 * 2.54 / 72  # cm per letter and point, of a stub, which may wrap
_DIGIT: Final = 0.6 * 2.54 / 72  # of a cell, which must not, where another font takes the place of ours
_MARGIN: Final = 0.09
_TWIPS: Final = 1440 / 2.54
_STUB: Final = (12, 42)
_KEPT_WHOLE: Final = 45  # rows that stand on one page
_WITH_NEXT: Final = "<w:keepNext/>"
_LINE: Final = '<w:{} w:val="single" w:sz="{}" w:space="0" w:color="000000"/>'


def write_tables(tables: Sequence[TableParts], path: Path, title: str, *, apart: bool = True) -> None:
    """Write tables into one Word file; the same tables give the same content. A wide one gets a page that is turned.

    Parameters
    ----------
    tables : sequence of TableParts
    path : path
    title : str
        In the properties of the file.
    apart : bool
        Each on a page of its own.
    """
    import docx
    from docx.enum.section import WD_ORIENT, WD_SECTION

    file = docx.Document()
    set_properties(file, title)
    set_font(file.styles["Normal"], 11)
    turned = False
    for at, table in enumerate(tables):
        before, turned = turned, _needs(table, 9.0) > _ACROSS
        fresh = at > 0 and (apart or before != turned)
        section = file.add_section(WD_SECTION.NEW_PAGE) if fresh else file.sections[-1]
        section.orientation = WD_ORIENT.LANDSCAPE if turned else WD_ORIENT.PORTRAIT
        _page(section, turned=turned)
        _table(file, table, _TURNED if turned else _ACROSS)
    file.save(str(path))


def _page(section: Any, *, turned: bool) -> None:
    from docx.shared import Cm

    width, height = (29.7, 21.0) if turned else (21.0, 29.7)
    section.page_width, section.page_height = Cm(width), Cm(height)
    section.left_margin = section.right_margin = Cm((width - (_TURNED if turned else _ACROSS)) / 2)
    section.top_margin = section.bottom_margin = Cm(2.0)


def _table(file: Any, table: TableParts, room: float) -> None:
    from docx.oxml import parse_xml
    from docx.shared import Pt

    if table.caption:
        first = _paragraph(file, after=4)
        _write(first, table.caption, bold=True)
    second = _paragraph(file, after=6)
    _write(second, table.title, italic=True)
    size = next((size for size in _SIZES if _needs(table, size) <= room), _SIZES[-1])
    widths = [round(width * _TWIPS) for width in _widths(table, size, room)]
    file.element.body[-1].addprevious(parse_xml(table_xml(table, widths, size)))  # the last one is the page's set-up
    for at, runs in enumerate(table.notes):
        paragraph = file.add_paragraph()
        paragraph.paragraph_format.space_before = Pt(4 if at == 0 else 0)
        paragraph.paragraph_format.space_after = Pt(2)
        for run in runs:
            if run.is_raised:
                letter = paragraph.add_run(run.text)
                letter.font.superscript, letter.font.size = True, Pt(9)
            else:
                _write(paragraph, run.text, size=9)


def _paragraph(file: Any, after: int) -> Any:
    from docx.shared import Pt

    paragraph = file.add_paragraph()
    paragraph.paragraph_format.space_after = Pt(after)
    paragraph.paragraph_format.keep_with_next = True
    return paragraph


def _write(paragraph: Any, text: str, *, size: float | None = None, bold: bool = False, italic: bool = False) -> None:
    from docx.shared import Pt

    for mark, part in inline(text):
        run = paragraph.add_run(part)
        run.bold = bold or None
        run.italic = (italic != (mark == "italic")) or None  # in an italic title marked symbols stand upright
        if size is not None:
            run.font.size = Pt(size)


def _letters(table: TableParts) -> list[float]:
    """Letters of the longest cell of each column; the stub within bounds, for it may wrap."""
    rows = [row for row in table.rows if not row.is_section]
    longest = max([len(bare(table.stub)), *(len(bare(row.label)) + 2 * row.indent for row in rows)], default=_STUB[0])
    cells: list[float] = []
    for at, one in enumerate(table.columns):
        texts = [row.cells[at].text + ",".join(row.cells[at].marks) for row in rows if row.cells[at].span == 1]
        words = (1.25 * _breadth(word) for word in bare(one.heading).split())  # letters are broader than digits
        cells.append(max([3.0, *words, *map(_breadth, texts)]))  # a heading may wrap
    return [min(max(longest, _STUB[0]), _STUB[1]), *cells]


def _breadth(text: str) -> float:
    """Breadth of a text in digits: a minus, a dash and a smaller-than sign are broader."""
    return sum(1.4 if letter in "−–—<*" else 1.0 for letter in text)


def _needs(table: TableParts, size: float) -> float:
    """Width in cm without any cell broken."""
    return sum(_wanted(table, size))


def _wanted(table: TableParts, size: float) -> list[float]:
    stub, *cells = _letters(table)
    return [stub * _LETTER * size + 2 * _MARGIN, *(letters * _DIGIT * size + 2 * _MARGIN for letters in cells)]


def _widths(table: TableParts, size: float, room: float) -> list[float]:
    """Widths in cm; what is left goes to the columns in even parts, up to half of what they need."""
    needs = _wanted(table, size)
    spare = room - sum(needs)
    if spare < 0:  # the stub wraps
        return [max(needs[0] + spare, 2.0), *needs[1:]]
    stub = min(spare, 0.25 * needs[0])
    return [needs[0] + stub, *(need + min((spare - stub) / len(needs), need / 2) for need in needs[1:])]


def table_xml(table: TableParts, widths: Sequence[int], size: float) -> str:
    """Lay a table out as XML of Word: rules above and below the head and at the foot, the head on every page.

    Parameters
    ----------
    table : TableParts
    widths : sequence of int
        Of stub and columns, in twentieths of a point.
    size : float
        Font size in points.
    """
    from docx.oxml.ns import nsdecls

    rows = _head_rows(table, widths, size)
    last = len(table.rows) - 1
    for at, row in enumerate(table.rows):
        rules = (_LINE.format("top", 4) if row.rule else "") + (_LINE.format("bottom", 8) if at == last else "")
        label = _runs(row.label, size, italic=row.is_section) + _raised(row.marks, size)
        if row.is_section:
            cells = _td(label, size, sum(widths), "left", rules, span=len(widths))
        else:
            cells = _td(label, size, widths[0], "left", rules, indent=row.indent)
            for place, cell in kept(row.cells):
                width = sum(widths[place + 1 : place + 1 + cell.span])
                align = "center" if cell.span > 1 else "left" if table.columns[place].is_text else "right"
                cells += _td(_cell_runs(cell, size), size, width, align, rules, span=cell.span)
        rows.append(f"<w:tr><w:trPr><w:cantSplit/></w:trPr>{cells}</w:tr>")
    margin = round(_MARGIN * _TWIPS)
    grid = "".join(f'<w:gridCol w:w="{width}"/>' for width in widths)
    head = (
        '<w:tblPr><w:tblW w:type="auto" w:w="0"/><w:jc w:val="left"/><w:tblLayout w:type="fixed"/>'
        f'<w:tblCellMar><w:left w:w="{margin}" w:type="dxa"/><w:right w:w="{margin}" w:type="dxa"/></w:tblCellMar>'
        f'<w:tblCaption w:val="{escape(bare(table.title), {chr(34): "&quot;"})}"/></w:tblPr>'
    )
    body = "".join(rows)
    if len(rows) > _KEPT_WHOLE:  # a longer table breaks between rows, and its head is repeated
        body = body.replace(_WITH_NEXT, "")
    return f"<w:tbl {nsdecls('w')}>{head}<w:tblGrid>{grid}</w:tblGrid>{body}</w:tbl>"


def _head_rows(table: TableParts, widths: Sequence[int], size: float) -> list[str]:
    top, below = _LINE.format("top", 8), _LINE.format("bottom", 4)
    rows = []
    if table.spanners:
        cells = _td("", size, widths[0], "left", top)
        for run in table.spanners:
            width = sum(widths[run.start + 1 : run.start + 1 + run.width])
            rules = top + (below if run.text else "")
            cells += _td(_runs(run.text, size), size, width, "center", rules, span=run.width, valign="bottom")
        rows.append(f"<w:tr><w:trPr><w:cantSplit/><w:tblHeader/></w:trPr>{cells}</w:tr>")
        top = ""
    cells = _td(_runs(table.stub, size), size, widths[0], "left", top + below, valign="bottom")
    for width, one in zip(widths[1:], table.columns, strict=True):
        cells += _td(
            _runs(one.heading, size), size, width, "left" if one.is_text else "right", top + below, valign="bottom"
        )
    return [*rows, f"<w:tr><w:trPr><w:cantSplit/><w:tblHeader/></w:trPr>{cells}</w:tr>"]


def _td(
    runs: str, size: float, width: int, align: str, rules: str, *, span: int = 1, indent: int = 0, valign: str = "top"
) -> str:
    merged = f'<w:gridSpan w:val="{span}"/>' if span > 1 else ""
    borders = f"<w:tcBorders>{rules}</w:tcBorders>" if rules else ""
    shift = f'<w:ind w:left="{170 * indent}"/>' if indent else ""
    mark = f'<w:rPr><w:sz w:val="{round(2 * size)}"/></w:rPr>'  # an empty cell is as high as its paragraph's mark
    placed = f'{shift}<w:jc w:val="{align}"/>{mark}'
    return (
        f'<w:tc><w:tcPr><w:tcW w:type="dxa" w:w="{width}"/>{merged}{borders}<w:vAlign w:val="{valign}"/></w:tcPr><w:p>'
        f'<w:pPr>{_WITH_NEXT}<w:spacing w:after="24" w:before="36"/>{placed}</w:pPr>{runs}</w:p></w:tc>'
    )


def _cell_runs(cell: Cell, size: float) -> str:
    return _run(cell.text, size) + _raised(cell.marks, size)


def _runs(text: str, size: float, *, italic: bool = False) -> str:
    return "".join(_run(part, size, "<w:i/>" if italic != (mark == "italic") else "") for mark, part in inline(text))


def _raised(marks: tuple[str, ...], size: float) -> str:
    return _run(",".join(marks), size, after='<w:vertAlign w:val="superscript"/>') if marks else ""


def _run(text: str, size: float, before: str = "", after: str = "") -> str:
    if not text:
        return ""
    shown = escape(text.replace("\t", " ").replace("\n", " "))
    properties = f'<w:rPr>{before}<w:sz w:val="{round(2 * size)}"/>{after}</w:rPr>'
    return f'<w:r>{properties}<w:t xml:space="preserve">{shown}</w:t></w:r>'
