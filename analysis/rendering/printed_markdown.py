"""Tables as printed in Markdown, which knows one line of heads and no merged cells."""

from __future__ import annotations

import re
from html import escape

from doublecode.analysis.rendering.printed_parts import Cell, Row, TableParts
from doublecode.schemas.marks import for_markdown


def table_markdown(table: TableParts) -> str:
    """Render as Markdown: a spanner stands before each of its heads, and notes below the table."""
    heads = [f"{one.spanner}: {one.heading}" if one.spanner else one.heading for one in table.columns]
    lines = [
        *([f"**{_safe(table.caption)}**", ""] if table.caption else []),
        f"*{_text(table.title).replace('*', '')}*",
        "",
        _line([_text(table.stub), *map(_text, heads)]),
        "|" + "|".join(["---", *("---" if one.is_text else "---:" for one in table.columns)]) + "|",
        *(_row(row, len(heads)) for row in table.rows),
    ]
    for runs in table.notes:
        lines += ["", "".join(f"<sup>{run.text}</sup>" if run.is_raised else _text(run.text) for run in runs)]
    return "\n".join(lines) + "\n"


def _row(row: Row, width: int) -> str:
    label = f"{'&emsp;' * row.indent}{_text(row.label)}{_raised(row.marks)}"
    if row.is_section:
        return _line([f"**{label}**", *[""] * width])
    return _line([label, *(_cell(cell) for cell in row.cells)])


def _cell(cell: Cell) -> str:
    return _safe(cell.text).replace("*", "\\*") + _raised(cell.marks)


def _raised(marks: tuple[str, ...]) -> str:
    return f"<sup>{escape(','.join(marks))}</sup>" if marks else ""


def _text(text: str) -> str:
    return for_markdown(text if "`" in text else _safe(text).replace("_", "\\_"))


def _safe(text: str) -> str:
    """Escape what would be taken for a tag; a lone < or & stays as it is."""
    return re.sub(r"<(?=[A-Za-z/!])", "&lt;", text)


def _line(cells: list[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"
