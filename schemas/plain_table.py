"""A table of ready texts: headings and cells, laid out for the terminal, a notebook or Markdown.

Nothing is rounded here and no frame is known; whoever makes the cells decides how a number looks.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

from doublecode.schemas.marks import bare, for_markdown, inline

WIDTH: Final = 100
NARROWEST: Final = 12
LONGEST_WORD: Final = 24
MOST_ROWS: Final = 60
GAP: Final = "  "


@dataclass(frozen=True)
class PlainTable:
    """Headings and cells, all of them texts.

    Parameters
    ----------
    title : str
    headings : tuple of str
        ``*M*`` stands for italics; asterisks are left out in the terminal.
    rows : tuple of tuple of str
        A row of one cell in a table of several columns is a spanner.
    numeric : tuple of bool
        Which columns hold numbers: set flush right; their cells are never folded, their headings where room is short.
    n_more : int
        Rows of the frame that are not shown.

    Examples
    --------
    >>> print(PlainTable("Slopes", ("Term", "*b*"), (("time", "−0.05"), ("he", "−0.83")), (False, True)).text())
    Slopes
    Term      b
    ────  ─────
    time  −0.05
    he    −0.83
    """

    title: str
    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numeric: tuple[bool, ...]
    n_more: int = 0

    def text(self, width: int = WIDTH) -> str:
        """Lay the table out in at most `width` columns: texts are folded, then columns are set below each other."""
        blocks = [_block(self, list(part), width) for part in self._parts(width)]
        more = [f"… {self.n_more} more rows; .frame has them all"] if self.n_more else []
        return "\n".join([*([self.title] if self.title else []), "\n\n".join(blocks), *more])

    def html(self) -> str:
        """Render as an HTML table with a caption; nothing in it is markup of the cells."""
        head = "".join(f"<th{_align(number)}>{_emphasis(one)}</th>" for one, number in self._columns())
        body = "".join(f"<tr>{self._html_row(row)}</tr>" for row in self.rows)
        more = f"<p>… {self.n_more} more rows</p>" if self.n_more else ""
        caption = f"<caption>{_emphasis(self.title)}</caption>" if self.title else ""
        return f"<table>{caption}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{more}"

    def markdown(self) -> str:
        """Render as a Markdown table; the title stands above it."""
        rule = "|" + "|".join("---:" if number else "---" for number in self.numeric) + "|"
        lines = [_markdown_row(self.headings), rule]
        lines += [_markdown_row((*row, *("",) * (len(self.headings) - len(row)))) for row in self.rows]
        lines += ["", f"… {self.n_more} more rows; .frame has them all"] if self.n_more else []
        return "\n".join([*([f"**{for_markdown(self.title)}**", ""] if self.title else []), *lines])

    def _columns(self) -> list[tuple[str, bool]]:
        return list(zip(self.headings, self.numeric, strict=True))

    def _html_row(self, row: tuple[str, ...]) -> str:
        if len(row) == 1 < len(self.headings):
            return f'<th colspan="{len(self.headings)}" style="text-align:left">{escape(row[0])}</th>'
        return "".join(
            f"<td{_align(number)}>{escape(cell)}</td>" for cell, number in zip(row, self.numeric, strict=True)
        )

    def _parts(self, width: int) -> list[list[int]]:
        """Columns of each block: the stub (the leading texts) is repeated in every one."""
        least = [_least(self, i) for i in range(len(self.headings))]
        if sum(least) + len(GAP) * (len(least) - 1) <= width:
            return [list(range(len(least)))]
        stub = next((i for i, number in enumerate(self.numeric) if number), 1) or 1
        stub = min(stub, 2)
        room = width - sum(least[:stub]) - len(GAP) * stub
        parts: list[list[int]] = []
        used = room + 1
        for i in range(stub, len(least)):
            if used + least[i] + len(GAP) > room:
                parts.append(list(range(stub)))
                used = 0
            parts[-1].append(i)
            used += least[i] + len(GAP)
        return parts


def _cells(table: PlainTable, i: int) -> list[str]:
    return [bare(table.headings[i]), *(row[i] for row in table.rows if len(row) == len(table.headings))]


def _widest(table: PlainTable, i: int) -> int:
    return max(1, *map(len, _cells(table, i)))


def _least(table: PlainTable, i: int) -> int:
    """Narrowest that column i may become: no number is broken, and no word of usual length."""
    heading, *cells = _cells(table, i)
    if table.numeric[i]:
        return max(1, _longest_word(heading), *map(len, cells))
    word = max(map(_longest_word, [heading, *cells]))
    return min(_widest(table, i), max(NARROWEST, min(word, LONGEST_WORD)))


def _longest_word(text: str) -> int:
    return max(map(len, textwrap.wrap(text, 1, break_long_words=False)), default=0)


def _block(table: PlainTable, columns: Sequence[int], width: int) -> str:
    """Lay out some columns; texts share what the numbers leave."""
    widths = {i: _widest(table, i) for i in columns}
    least = {i: _least(table, i) for i in columns}
    while sum(widths.values()) + len(GAP) * (len(columns) - 1) > width:
        loose = [i for i in columns if widths[i] > least[i]]
        if not loose:
            break
        widths[max(loose, key=lambda i: (table.numeric[i], widths[i]))] -= 1
    lines = _lines([bare(table.headings[i]) for i in columns], columns, widths, table.numeric)
    lines.append(GAP.join("─" * widths[i] for i in columns))
    for row in table.rows:
        spanner = len(row) == 1 < len(table.headings)
        lines += [row[0]] if spanner else _lines([row[i] for i in columns], columns, widths, table.numeric)
    return "\n".join(lines)


def _lines(cells: list[str], columns: Sequence[int], widths: dict[int, int], numeric: Sequence[bool]) -> list[str]:
    folded = [textwrap.wrap(cell, widths[i]) or [""] for cell, i in zip(cells, columns, strict=True)]
    lines = []
    for place in range(max(map(len, folded))):
        parts = [
            (one[place] if place < len(one) else "").rjust(widths[i])
            if numeric[i]
            else (one[place] if place < len(one) else "").ljust(widths[i])
            for one, i in zip(folded, columns, strict=True)
        ]
        lines.append(GAP.join(parts).rstrip())
    return lines


def _emphasis(text: str) -> str:
    form = {"": "{}", "code": "<code>{}</code>", "italic": "<i>{}</i>"}
    return "".join(form[mark].format(escape(run)) for mark, run in inline(text))


def _align(number: bool) -> str:
    return ' style="text-align:right"' if number else ' style="text-align:left"'


def _markdown_row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(for_markdown(cell).replace("|", "\\|") for cell in cells) + " |"
