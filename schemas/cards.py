"""A card that says what a declared thing is: a title, a few facts, tables; as text or for a notebook."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

from doublecode.schemas.plain_table import WIDTH, PlainTable

_LABEL: Final = 12


def table_of(title: str, headings: Sequence[str], rows: Sequence[Sequence[str]]) -> PlainTable:
    """Lay texts out as a table; a column that is empty in every row is left out."""
    kept = [place for place in range(len(headings)) if any(row[place] for row in rows)]
    cells = tuple(tuple(row[place] for place in kept) for row in rows)
    return PlainTable(title, tuple(headings[place] for place in kept), cells, (False,) * len(kept))


@dataclass(frozen=True)
class Card:
    """What is printed of an instrument or a study.

    Parameters
    ----------
    title : str
    facts : tuple of (label, text)
        Facts without a text are left out.
    tables : tuple of PlainTable
        Tables without rows are left out.

    Examples
    --------
    >>> print(Card("Homework Adherence", (("Version", "1.0"), ("Scored", "")), ()).text())
    Homework Adherence
    Version      1.0
    """

    title: str
    facts: tuple[tuple[str, str], ...]
    tables: tuple[PlainTable, ...]

    def text(self, width: int = WIDTH) -> str:
        """Lay the card out in at most `width` columns; a fact of several lines keeps them."""
        head = [*textwrap.wrap(self.title, width)]
        for label, fact in self._facts():
            for at, line in enumerate(fact.splitlines()):
                start, later = f"{label if at == 0 else '':<{_LABEL}} ", " " * (_LABEL + 1)
                head += textwrap.wrap(
                    line, width, initial_indent=start, subsequent_indent=later, break_on_hyphens=False
                )
        return "\n\n".join(["\n".join(head), *(table.text(width) for table in self.tables if table.rows)])

    def html(self) -> str:
        """Render for a notebook."""
        facts = "".join(
            f'<tr><th style="text-align:left">{escape(label)}</th><td style="text-align:left">{escape(fact)}</td></tr>'
            for label, fact in self._facts()
        )
        tables = "".join(table.html() for table in self.tables if table.rows)
        return f"<p><b>{escape(self.title)}</b></p><table><tbody>{facts}</tbody></table>{tables}"

    def _facts(self) -> list[tuple[str, str]]:
        return [(label, fact) for label, fact in self.facts if fact]
