"""A table of a report in the XML of Word, written as text: a long one is built cell by cell ten times as slowly."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final
from xml.sax.saxutils import escape

from doublecode.analysis.rendering.tables import Table
from doublecode.schemas.marks import inline

KEEP_WHOLE: Final = 25
CELL_MARGIN_CM: Final = 0.09
_TWIPS_PER_CM: Final = 1440 / 2.54
_LINE: Final = '<w:{} w:val="single" w:sz="{}" w:space="0" w:color="000000"/>'
_SPACE: Final = '<w:spacing w:after="20" w:before="20"/>'
_FONTS: Final = '<w:rFonts w:ascii="Courier New" w:hAnsi="Courier New"/>'
_BREAKS: Final = {"\t": "<w:tab/>", "\n": "<w:br/>", "\r": "<w:br/>"}
_HEAD: Final = (
    '<w:tblPr><w:tblW w:type="auto" w:w="0"/><w:jc w:val="left"/><w:tblLayout w:type="fixed"/><w:tblLook '
    'w:firstColumn="1" w:firstRow="1" w:lastColumn="0" w:lastRow="0" w:noHBand="0" w:noVBand="1" w:val="04A0"/>'
    '<w:tblCellMar><w:left w:w="{0}" w:type="dxa"/><w:right w:w="{0}" w:type="dxa"/></w:tblCellMar></w:tblPr>'
)


def table_xml(block: Table, widths: Sequence[int], size: int) -> str:
    """Lay a table out in APA form: three rules, numbers to the right, the heading repeated on every page.

    No row is broken over two pages, and a table of at most 25 rows stands on one. LibreOffice reads the widths in the
    grid, Word those in the cells.

    Parameters
    ----------
    block : Table
    widths : sequence of int
        Of its columns, in twentieths of a point.
    size : int
        Font size in points.
    """
    from docx.oxml.ns import nsdecls

    rows = [[column.heading for column in block.columns], *block.body()]
    whole, last = len(rows) <= KEEP_WHOLE + 1, len(rows) - 1
    margin = round(CELL_MARGIN_CM * _TWIPS_PER_CM)
    grid = "".join(f'<w:gridCol w:w="{width}"/>' for width in widths)
    numeric = [column.kind != "text" and place > 0 for place, column in enumerate(block.columns)]
    body = []
    for at, texts in enumerate(rows):
        kept = "<w:keepNext/>" if (whole and at < last) or at < 2 else ""
        rules = [_LINE.format("top", 8), _LINE.format("bottom", 4)] if at == 0 else [_LINE.format("bottom", 8)]
        borders = f"<w:tcBorders>{''.join(rules)}</w:tcBorders>" if at in (0, last) else ""
        merged = len(texts) == 1 < len(widths)
        span = f'<w:gridSpan w:val="{len(widths)}"/>' if merged else ""
        cells = "".join(
            f'<w:tc><w:tcPr><w:tcW w:type="dxa" w:w="{width}"/>{span}{borders}</w:tcPr><w:p><w:pPr>{kept}{_SPACE}'
            f'<w:jc w:val="{"right" if right else "left"}"/></w:pPr>{_runs(text, size, italic=merged)}</w:p></w:tc>'
            for text, width, right in zip(texts, widths, numeric, strict=False)
        )
        heading = "<w:tblHeader/>" if at == 0 else ""
        body.append(f"<w:tr><w:trPr>{heading}<w:cantSplit/></w:trPr>{cells}</w:tr>")
    head = _HEAD.format(margin)
    return f"<w:tbl {nsdecls('w')}>{head}<w:tblGrid>{grid}</w:tblGrid>{''.join(body)}</w:tbl>"


def _runs(text: str, size: int, *, italic: bool) -> str:
    return "".join(
        f"<w:r><w:rPr>{_FONTS if mark == 'code' else ''}{'<w:i/>' if italic != (mark == 'italic') else ''}"
        f'<w:sz w:val="{2 * size}"/></w:rPr>{_text(part)}</w:r>'
        for mark, part in inline(text)
    )


def _text(part: str) -> str:
    """A text with its tabs and line breaks as elements of their own."""
    return "".join(_BREAKS.get(one) or _written(one) for one in re.split("([\t\r\n])", part) if one)


def _written(text: str) -> str:
    kept = ' xml:space="preserve"' if text != text.strip() else ""
    return f"<w:t{kept}>{escape(text)}</w:t>"
