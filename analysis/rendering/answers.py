"""How the answers of statistics show themselves: tables in APA form, notes by the catalogue."""

from __future__ import annotations

from typing import TYPE_CHECKING

from doublecode.analysis.rendering.notes import sentence
from doublecode.analysis.rendering.tables import Table, column
from doublecode.schemas.errors import UsageError
from doublecode.schemas.results import Result

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from doublecode.analysis.rendering.printed_table import PrintedTable
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

    def printed_tables(self) -> tuple[PrintedTable, ...]:
        """Describe the answer's tables as a journal prints them; counts and notes stand below the last one."""
        from doublecode.analysis.rendering.printed_answers import answer_tables

        return answer_tables(self.tables(), self.counted(), self.note_texts(), type(self).__name__)

    def to_docx(self, path: str | Path, *, overwrite: bool = False) -> Path:
        """Write tables, counts and notes as a Word file in APA form, and return its path.

        Raises
        ------
        UsageError
            A file is there already and `overwrite` is False, or the name does not end in ``.docx``.
        """
        from doublecode.analysis.rendering.printed_table import write_docx_of

        return write_docx_of(self._tables_to_print(), path, overwrite=overwrite, apart=False)

    def to_xlsx(self, path: str | Path, *, overwrite: bool = False) -> Path:
        """Write tables, counts and notes as an Excel file, numbers as numbers, and return its path.

        Raises
        ------
        UsageError
            A file is there already and `overwrite` is False, or the name does not end in ``.xlsx``.
        """
        from doublecode.analysis.rendering.printed_table import write_xlsx_of

        return write_xlsx_of(self._tables_to_print(), path, overwrite=overwrite)

    def to_latex(self) -> str:
        r"""Return the tables as floats of LaTeX for ``\input``; comments name the packages that they need."""
        return "\n".join(table.to_latex() for table in self._tables_to_print())

    def _tables_to_print(self) -> tuple[PrintedTable, ...]:
        tables = self.printed_tables()
        if not tables:
            raise UsageError(f"{type(self).__name__}: the answer has no table to write; print it instead.")
        return tables


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
