"""A table as a journal prints it, in the form that one asks for: HTML, Word, LaTeX, Excel, Markdown, CSV."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from doublecode.analysis.rendering.printed_csv import table_csv
from doublecode.analysis.rendering.printed_html import styled_html, table_html
from doublecode.analysis.rendering.printed_latex import table_latex
from doublecode.analysis.rendering.printed_markdown import table_markdown
from doublecode.analysis.rendering.printed_parts import TableParts
from doublecode.schemas.errors import UsageError
from doublecode.schemas.marks import bare


@dataclass(frozen=True, repr=False)
class PrintedTable(TableParts):
    """A table as it is printed, of paper or of a result; :class:`TableParts` says what it is made of.

    Examples
    --------
    >>> from doublecode.analysis.rendering.printed_parts import Cell, Head, Row
    >>> table = PrintedTable("1", "Engagement", "Session", (Head("*M*"),), (Row("1", (Cell(2.71),)),))
    >>> print(table.markdown())
    **Table 1**
    <BLANKLINE>
    *Engagement*
    <BLANKLINE>
    | Session | *M* |
    |---|---:|
    | 1 | 2.71 |
    <BLANKLINE>
    """

    def __str__(self) -> str:
        return self.markdown()

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return styled_html(self)

    def html(self) -> str:
        """An HTML figure, without its style."""
        return table_html(self)

    def markdown(self) -> str:
        """Markdown."""
        return table_markdown(self)

    def csv(self) -> str:
        """CSV with full precision."""
        return table_csv(self)

    def to_latex(self) -> str:
        r"""A float of LaTeX for ``\input``; its first lines name the packages."""
        return table_latex(self)

    def to_docx(self, path: str | Path, *, overwrite: bool = False) -> Path:
        """Write a Word file, and return its path; ``UsageError`` where there is one and `overwrite` is False."""
        return write_docx_of((self,), path, overwrite=overwrite)

    def to_xlsx(self, path: str | Path, *, overwrite: bool = False) -> Path:
        """Write an Excel file, and return its path; ``UsageError`` where there is one and `overwrite` is False."""
        return write_xlsx_of((self,), path, overwrite=overwrite)


def write_docx_of(
    tables: Sequence[TableParts], path: str | Path, *, overwrite: bool, title: str = "", apart: bool = True
) -> Path:
    """Write tables into a Word file, each on a page of its own unless `apart` is False."""
    from doublecode.analysis.rendering.printed_docx import write_tables

    target = _free(path, ".docx", overwrite=overwrite)
    write_tables(tables, target, title or bare(tables[0].title), apart=apart)
    return target


def write_xlsx_of(tables: Sequence[TableParts], path: str | Path, *, overwrite: bool) -> Path:
    """Write tables into an Excel file."""
    from doublecode.analysis.rendering.printed_xlsx import tables_xlsx

    target = _free(path, ".xlsx", overwrite=overwrite)
    target.write_bytes(tables_xlsx(tables))
    return target


def _free(path: str | Path, suffix: str, *, overwrite: bool) -> Path:
    """The path, if something may be written there."""
    target = Path(path)
    if target.suffix.lower() != suffix:
        raise UsageError(f"{target}: the name of this file ends in {suffix}; allowed: {target.stem}{suffix}.")
    if not target.parent.is_dir():
        raise UsageError(f"{target}: there is no folder {target.parent}. Make it, or write elsewhere.")
    if target.is_dir():
        raise UsageError(f"{target} is a folder. Name a file.")
    if target.exists() and not overwrite:
        raise UsageError(f"{target} is there already. Write overwrite=True to replace it, or choose another name.")
    return target
