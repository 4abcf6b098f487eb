"""The cells that numbers stand on: of raters' workbooks, and of the tables of the study folder."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from typing import TYPE_CHECKING, Any

from doublecode.schemas.column_types import LINE

if TYPE_CHECKING:
    import pandas as pd

    from doublecode.schemas.study import Study


class How(StrEnum):
    """What was done with a cell's value on its way into a number."""

    POOLED = "pooled"
    REVERSED = "reversed"
    LAGGED = "lagged"
    PRORATED = "prorated"
    START = "start"
    WINSORISED = "winsorised"
    FENCE = "fence"
    MISSING = "missing"
    COUNTED = "counted"
    BASE = "base"
    COMPARED = "compared"
    FIRST = "first"
    AGAIN = "again"
    LOST = "lost"
    KEY = "key"


@dataclass(frozen=True, eq=False)
class Role:
    """What a cell is to a number; made by :func:`role_of`, which gives the same one for the same words.

    Parameters
    ----------
    of : str
        The variable, scale or item that the cell makes; empty where the number is of the cells themselves.
    how : frozenset of How
    """

    of: str = ""
    how: frozenset[How] = frozenset()


@cache
def role_of(of: str, how: frozenset[How]) -> Role:
    """The role of these words."""
    return Role(of, how)


@cache
def extended(role: Role, how: tuple[How, ...], of: str | None) -> Role:
    """A role with something more that was done to the cell, or under the name of what the cell makes."""
    return role_of(role.of if of is None else of, role.how | frozenset(how))


PLAIN = role_of("", frozenset())
POOLED = role_of("", frozenset({How.POOLED}))
MISSING = role_of("", frozenset({How.MISSING}))
Basis = tuple[tuple[int, Role], ...]
"""Numbers of cells in their list, each with its role."""


@dataclass(frozen=True)
class SourceCell:
    """One cell.

    Parameters
    ----------
    file : str
        Name of a workbook, or path of a table within the study folder.
    sheet, cell : str
        Place in a workbook; of a table the line and the column, without a sheet.
    value : float, str or None
        What was read: a number, a text or a missing code.
    session : str
        Blind id of the session; of a table that is not about sessions empty.
    rater, instrument, item : str
        Empty where the cell is not a rating.
    """

    file: str
    sheet: str
    cell: str
    value: float | str | None
    session: str = ""
    rater: str = ""
    instrument: str = ""
    item: str = ""


@dataclass(eq=False)
class CellList:
    """Cells with their numbers; a cell has one number, however often it is asked for."""

    cells: list[SourceCell] = field(default_factory=list)
    _numbers: dict[SourceCell, int] = field(default_factory=dict)

    def number(self, cell: SourceCell) -> int:
        """The number of a cell; a new one is added to the list."""
        found = self._numbers.setdefault(cell, len(self.cells))
        if found == len(self.cells):
            self.cells.append(cell)
        return found


def free_texts(study: Study) -> frozenset[tuple[str, str]]:
    """Instruments and items that hold texts as raters write them."""
    return frozenset(
        (name, item.name) for name, book in study.codebooks.items() for item in book.columns if item.type == "text"
    )


def rating_cells(
    ratings: pd.DataFrame, without: frozenset[tuple[str, str]] = frozenset()
) -> Iterator[tuple[Any, SourceCell]]:
    """The cell of every rating, by its label; of the items `without` it is not said what they hold."""
    names = (
        "source_file", "source_sheet", "source_cell", "value", "text", "missing_code", "session_id", "rater",
        "instrument", "item",
    )  # fmt: skip
    columns = (ratings[name].astype(object).where(ratings[name].notna(), None) for name in names)
    for label, file, sheet, cell, value, text, code, *of in zip(ratings.index, *columns, strict=True):
        held = value if value is not None else text if text is not None else code
        held = None if (of[2], of[3]) in without else held
        yield label, SourceCell(str(file), str(sheet or ""), str(cell or ""), held, *map(str, of))


def table_file(study: Study, name: str) -> str:
    """The path of a table within the study folder."""
    path = study.table_files.path(name)
    return f"{name}.csv" if path is None else path.relative_to(study.folder).as_posix()


def head_of(study: Study, table: str, column: str) -> str:
    """What the file calls a column of ours."""
    source = study.tables.get(table)
    heads: Mapping[str, str] = {} if source is None else source.map
    return next((head for head, ours in heads.items() if ours == column), column)


def table_cells(study: Study, table: str, rows: pd.DataFrame, column: str) -> list[SourceCell]:
    """The cells of a column of patients, therapists or sessions, row by row; none where no file holds it."""
    if rows.index.name != LINE or column not in rows.columns:
        return []
    file, head = table_file(study, table), head_of(study, table, column)
    sessions = rows["session_id"] if "session_id" in rows.columns else [""] * len(rows)
    values = rows[column].astype(object).where(rows[column].notna(), None)
    return [
        SourceCell(file, "", f"line {line}, {head}", value if value is None or isinstance(value, str) else float(value),
                   str(session))
        for line, value, session in zip(rows.index, values, sessions, strict=True)
    ]  # fmt: skip
