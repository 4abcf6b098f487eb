"""A lab's table as its file has it: whatever heads, whatever format, every column as a list of cells."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from doublecode.coding.reading.long_table import cell_text, open_table
from doublecode.coding.reading.mapped_table import cells_of_head
from doublecode.coding.reading.missing_codes import MissingCodes
from doublecode.coding.reading.table_remarks import far_values
from doublecode.schemas.column_types import decimal_mark, is_missing, number_in_cell, table_mark
from doublecode.schemas.errors import ContractError
from doublecode.schemas.problems import Problem

if TYPE_CHECKING:
    import pandas as pd

_MOST_NAMED: Final = 6


@dataclass(frozen=True)
class GivenTable:
    """The columns of a table by their heads.

    Attributes
    ----------
    name : str
        The file (and sheet), for messages.
    columns : mapping of str to list
        Cells as the file types them.
    places : list of str
        Where each row stands: ``line 4``.
    mark : {".", ","}
        The decimal mark of the table's texts.
    remarks : tuple of Problem
        What should be said of the file.
    at : callable, optional
        Where a cell stands, by its row and its head.
    """

    name: str
    columns: dict[str, list[Any]]
    places: list[str]
    mark: str
    remarks: tuple[Problem, ...] = ()
    at: Callable[[int, str], str] | None = None

    def place(self, row: int, head: str) -> str:
        """Where a cell stands: ``C50``, or the line of a text file."""
        return self.places[row] if self.at is None else self.at(row, head)

    def places_of(self, head: str) -> list[str]:
        """Where each cell of a column stands."""
        return [self.place(row, head) for row in range(len(self.places))]

    @property
    def heads(self) -> list[str]:
        """The heads, in their order."""
        return list(self.columns)

    def texts(self, head: str) -> list[str]:
        """A column as texts; empty where a cell is empty or ``NA``."""
        texts = [cell_text(cell) for cell in self.columns[head]]
        return ["" if is_missing(text) else text for text in texts]

    def numbers(self, head: str) -> list[float | None]:
        """A column as numbers: NaN where a cell is empty, None where it holds no number."""
        return [number_in_cell(cell, self.mark) for cell in self.columns[head]]

    def pooled(self, heads: Iterable[str]) -> pd.Series[Any]:
        """The numbers of some columns together."""
        import pandas as pd

        return pd.Series([value for head in heads for value in self.numbers(head) if value is not None], dtype=float)

    def far(self, heads: Sequence[str]) -> tuple[Problem, ...]:
        """Values far outside the others of these columns, which have one range."""
        if not heads:
            return ()
        named = ", ".join(heads[:_MOST_NAMED]) + (" …" if len(heads) > _MOST_NAMED else "")
        return tuple(far_values(self.pooled(heads), self.name, named))

    def example(self, head: str) -> str:
        """The first values of a column, for somebody who looks whether it was understood."""
        filled = [text for text in dict.fromkeys(self.texts(head)) if text]
        return ", ".join(filled[:3])


def read_given(path: Path, missing: Sequence[str] = ()) -> GivenTable:
    """Read a table with all its columns: csv, xlsx, ods, sav, dta.

    Parameters
    ----------
    path : path
    missing : sequence of str
        Texts that stand for a missing value, such as ``-99``.

    Raises
    ------
    UsageError, ContractError
        The file cannot be read, is empty, or two columns have one head.
    """
    table = open_table(path, cells_of_head(path), None)
    filled = [row for row, cells in enumerate(table.rows) if any(cell_text(cell) for cell in cells)]
    if len(filled) < 2:
        raise ContractError(f"{table.name}: the table is empty. It needs a row of heads and rows below it.")
    head, *body = filled
    heads = [cell_text(cell) for cell in table.rows[head]]
    twice = [name for place, name in enumerate(heads) if name and name in heads[:place]]
    if twice:
        raise ContractError(f"{table.name}: the column {twice[0]!r} stands twice. Rename one of the two.")
    rows = [[*table.rows[row], *[""] * len(heads)] for row in body]
    given = {place: [row[place] for row in rows] for place, name in enumerate(heads) if name}
    usual, codes, emptied = table_mark(given.values()), MissingCodes(missing), dict(table.emptied)
    columns: dict[str, list[Any]] = {}
    for place, cells in given.items():
        decimal = decimal_mark(cells, usual)
        said = [codes.written(cell, decimal) for cell in cells]
        emptied |= {(row, place): text for row, text in zip(body, said, strict=True) if text is not None}
        columns[heads[place]] = [cell if text is None else "" for cell, text in zip(cells, said, strict=True)]
    places = [table.place(row, 0) for row in body]
    remarks = tuple(replace(table, emptied=emptied).said())
    at = {name: place for place, name in enumerate(heads)}
    return GivenTable(
        table.name, columns, places, table_mark(columns.values()), remarks,
        lambda row, name: table.place(body[row], at[name]),
    )  # fmt: skip
