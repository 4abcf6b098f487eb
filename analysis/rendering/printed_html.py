"""Tables as printed on a web page: three rules, notes below, nothing loaded from outside."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import Final

from doublecode.analysis.rendering.printed_parts import Cell, Head, NoteRun, Row, TableParts, kept
from doublecode.schemas.marks import inline

_LONG: Final = 10  # letters of a heading that may wrap
_BROAD: Final = 8  # columns that a sheet held upright has room for
_FORM: Final = {"": "{}", "code": "<code>{}</code>", "italic": "<i>{}</i>"}
STYLE: Final = """
.apa { margin: 0 0 2.6rem; max-width: 100%; }
.apa .scroll { overflow-x: auto; }
.apa table { border-collapse: collapse; border-bottom: 1.5px solid currentColor; font-variant-numeric: tabular-nums;
  font-size: .92rem; line-height: 1.35; }
.apa caption { text-align: left; padding-bottom: .5rem; position: sticky; left: 0; max-width: calc(100vw - 2.5rem); }
.apa caption b { display: block; }
.apa caption i i { font-style: normal; }
.apa th, .apa td { padding: .22rem .6rem; text-align: right; vertical-align: top; white-space: nowrap; border: 0;
  background: none; font-weight: 400; }
.apa thead th { vertical-align: bottom; }
.apa thead tr:first-child > * { border-top: 1.5px solid currentColor; }
.apa thead tr:last-child > *, .apa thead .stub { border-bottom: 1px solid currentColor; }
.apa th.spanner { text-align: center; white-space: normal; }
.apa th.spanner span { display: block; border-bottom: 1px solid currentColor; padding-bottom: .15rem; }
.apa th.stub, .apa th.row, .apa th.section, .apa .text { text-align: left; white-space: normal; }
.apa th.row { min-width: 11rem; }
.apa th.long { white-space: normal; min-width: 4.2rem; }
.apa td.wide { text-align: center; }
.apa th.section { font-style: italic; padding-top: .5rem; }
.apa tr.rule > * { border-top: 1px solid currentColor; }
.apa sup { line-height: 0; }
.apa figcaption p { margin: .35rem 0 0; font-size: .88rem; line-height: 1.45; max-width: 46rem; }
@page broad { size: landscape; }
@media print {
  body .apa { margin-bottom: 2rem; break-inside: avoid; }
  .apa.broad { page: broad; }
  .apa .scroll { overflow: visible; }
  .apa caption { position: static; max-width: none; }
  .apa table { font-size: 8.5pt; line-height: 1.25; }
  .apa th, .apa td { padding: .14rem .32rem; }
  .apa tr, .apa thead { break-inside: avoid; }
}
"""


def table_html(table: TableParts) -> str:
    """Render as an HTML figure: caption, heads with their scope, notes in the figure's caption.

    Parameters
    ----------
    table : TableParts
    """
    anchor = escape(table.name.replace(".", "-"), quote=True)
    number = f"<b>{escape(table.caption)}</b> " if table.caption else ""
    notes = "".join(f"<p>{_note(text)}</p>" for text in table.notes)
    kind = "apa broad" if len(table.columns) > _BROAD else "apa"
    return (
        f'<figure class="{kind}" id="{anchor}"><div class="scroll" role="region" tabindex="0" '
        f'aria-labelledby="{anchor}-caption"><table>'
        f'<caption id="{anchor}-caption">{number}<i>{rich(table.title)}</i></caption>'
        f"<thead>{_head(table)}</thead>{_bodies(table)}</table></div>"
        + (f"<figcaption>{notes}</figcaption>" if notes else "")
        + "</figure>"
    )


def styled_html(table: TableParts) -> str:
    """The same with its style, to stand alone in a notebook."""
    return f"<style>{STYLE}</style>{table_html(table)}"


def html_page(title: str, subtitle: str, blocks: Iterable[str]) -> str:
    """A self-contained page of tables.

    Parameters
    ----------
    title, subtitle : str
        Plain texts.
    blocks : iterable of str
        HTML, one per table.
    """
    page = (
        "body { margin: 0 auto; padding: 1.5rem 1.25rem 4rem; max-width: 72rem; font: 1rem/1.55 system-ui, sans-serif; "
        "color: #1c2330; background: #fff; } h1 { font-size: 1.6rem; line-height: 1.25; } a { color: #0b5c8a; } "
        ".apa { font-family: 'Times New Roman', Times, 'Liberation Serif', serif; margin-bottom: 0; } "
        ".apa .head { margin: 0 0 .5rem; } .side { display: flex; flex-wrap: wrap; gap: 1rem; } "
        ".drawn { flex: 1 1 22rem; max-width: 34rem; min-width: 0; } .drawn svg { width: 100%; height: auto; } "
        ".drawn p { margin: .2rem 0 0; font-size: .82rem; } "
        ".below { font-size: .88rem; margin: .5rem 0 2.8rem; "
        "color: #566072; } @media (prefers-color-scheme: dark) { body { color: #e4e8ef; background: #14181f; } "
        "a { color: #7cc0ec; } .below { color: #aab3c2; } } @media print { .below { display: none; } "
        ".drawn { flex-basis: 16rem; } .drawn svg { max-height: 12cm; } "
        "h1:has(+ p + .broad), h1:has(+ .broad), h1 + p:has(+ .broad) { page: broad; } }"
    )
    below = f"<p>{escape(subtitle)}</p>\n" if subtitle else ""
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n<meta name="generator" '
        'content="doublecode">\n<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
        'style-src \'unsafe-inline\'; img-src data:">\n<link rel="icon" href="data:,">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}{page}</style>\n</head>\n<body>\n<main>\n"
        f"<h1>{escape(title)}</h1>\n{below}" + "\n".join(blocks) + "\n</main>\n</body>\n</html>\n"
    )


def rich(text: str) -> str:
    """Marks of italics and code as HTML, everything else escaped."""
    return "".join(_FORM[mark].format(escape(run)) for mark, run in inline(text))


def _note(runs: Iterable[NoteRun]) -> str:
    return "".join(f"<sup>{escape(run.text)}</sup>" if run.is_raised else rich(run.text) for run in runs)


def _raised(marks: tuple[str, ...]) -> str:
    return f"<sup>{escape(','.join(marks))}</sup>" if marks else ""


def _head(table: TableParts) -> str:
    heads = "".join(f'<th scope="col"{_class(_kind(column))}>{rich(column.heading)}</th>' for column in table.columns)
    runs = table.spanners
    deep = ' rowspan="2"' if runs else ""
    stub = f'<th scope="col" class="stub"{deep}>{rich(table.stub)}</th>'
    if not runs:
        return f"<tr>{stub}{heads}</tr>"
    above = "".join(
        f'<th scope="colgroup" colspan="{run.width}" class="spanner"><span>{rich(run.text)}</span></th>'
        if run.text
        else f'<td colspan="{run.width}"></td>'
        for run in runs
    )
    return f"<tr>{stub}{above}</tr><tr>{heads}</tr>"


def _kind(column: Head) -> str:
    return "text" if column.is_text else "long" if len(column.heading) > _LONG else ""


def _bodies(table: TableParts) -> str:
    """One body per section, so that its head's scope is that of the rows below it."""
    parts: list[str] = ["<tbody>"]
    for at, row in enumerate(table.rows):
        if row.is_section and at:
            parts.append("</tbody><tbody>")
        parts.append(_row(row, len(table.columns), [column.is_text for column in table.columns]))
    return "".join([*parts, "</tbody>"])


def _row(row: Row, width: int, texts: list[bool]) -> str:
    label = f"{rich(row.label)}{_raised(row.marks)}"
    rule = _class("rule" if row.rule else "")
    if row.is_section:
        return f'<tr{rule}><th scope="rowgroup" colspan="{width + 1}" class="section">{label}</th></tr>'
    shift = f' style="padding-left:{0.6 + 1.1 * row.indent:.1f}rem"' if row.indent else ""
    cells = "".join(_cell(cell, texts[place]) for place, cell in kept(row.cells))
    return f'<tr{rule}><th scope="row" class="row"{shift}>{label}</th>{cells}</tr>'


def _cell(cell: Cell, is_text: bool) -> str:
    kind = "wide" if cell.span > 1 else "text" if is_text else ""
    span = f' colspan="{cell.span}"' if cell.span > 1 else ""
    return f"<td{span}{_class(kind)}>{escape(cell.text)}{_raised(cell.marks)}</td>"


def _class(name: str) -> str:
    return f' class="{name}"' if name else ""
