"""How the answers of statistics show themselves: tables in APA form, notes by the catalogue."""

from __future__ import annotations

from typing import TYPE_CHECKING

from doublecode.analysis.rendering.notes import sentence
from doublecode.analysis.rendering.tables import Table, column
from doublecode.schemas.results import Result

if TYPE_CHECKING:
    import pandas as pd

    from doublecode.schemas.plain_table import PlainTable
    from doublecode.schemas.results import Note


class Answer(Result):
    """A result of the researcher's room; subclasses are frozen dataclasses that say which tables they are."""

    def tables(self) -> tuple[Table, ...]:
        """Return the answer as tables: the same in the terminal, in notebooks, on the page and in the Word file."""
        return (whole_frame("result", "", self.frame),)

    def plain_tables(self) -> tuple[PlainTable, ...]:
        """Return the tables as ready texts."""
        return tuple(table.plain() for table in self.tables())

    def sentence_of(self, note: Note) -> str:
        """Say one note in words, by the catalogue."""
        return sentence(note)


def whole_frame(name: str, title: str, frame: pd.DataFrame) -> Table:
    """Return a table of every column of a frame, under the usual headings.

    Both limits of an interval share a column.
    """
    columns = [
        column(str(one), **({} if frame[one].dtype.kind in "iuf" else {"kind": "text", "upper": ""}))
        for one in frame.columns
        if one != "conf_high" or "conf_low" not in frame.columns
    ]
    return Table(name, title, frame, tuple(columns))
