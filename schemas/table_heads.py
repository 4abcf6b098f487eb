"""In which table the column of a variable stands, as far as text files say; and columns that none of them has."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Final, Literal

from doublecode.schemas.csv_rows import read_csv_rows
from doublecode.schemas.errors import StudyError
from doublecode.schemas.gathered import Gathered
from doublecode.schemas.letters import clean
from doublecode.schemas.study_tables import TEXT_FILES, StudyTables
from doublecode.schemas.table_source import TableSource
from doublecode.schemas.variable_checks import table_of

if TYPE_CHECKING:
    from doublecode.schemas.model_series import ModelSeries
    from doublecode.schemas.study_parts import Variable

OF_VARIABLES: Final[tuple[Literal["patients", "therapists", "sessions"], ...]] = ("patients", "therapists", "sessions")
"""Tables whose columns may be variables."""
_PLAIN: Final = TableSource()


def text_heads(tables: StudyTables) -> dict[str, list[str]]:
    """Columns of the tables that are text files, as the study calls them; of a table that is not there, none.

    A table of another kind is left out: workbooks are read in ``coding``.
    """
    found: dict[str, list[str]] = {}
    for name in OF_VARIABLES:
        try:
            path = tables.path(name)
            if path is None:
                found[name] = []
            elif path.suffix.lower() in TEXT_FILES and path.is_file():
                found[name] = _heads(tables, name)
        except ValueError:  # a file that cannot be read says so where it is read
            continue
    return found


def _heads(tables: StudyTables, name: str) -> list[str]:
    path, source = tables.path(name), tables.declared.get(name, _PLAIN)
    if path is None:
        return []
    rows = read_csv_rows(path.read_bytes(), [*source.map, *tables.columns_of(name)], path.name).rows
    head = next((row for row in rows if any(cell.strip() for cell in row)), [])
    return [source.map.get(clean(cell), clean(cell)) for cell in head]


def unplaced(series: Iterable[ModelSeries], variables: Mapping[str, Variable]) -> list[Variable]:
    """Variables that a series splits and whose column is not said to stand in any table."""
    names = dict.fromkeys(name for one in series for name in one.split)
    found = [variables[name] for name in names if name in variables]
    return [one for one in found if one.column is not None and one.table is None]


def placed(
    variables: Mapping[str, Variable],
    series: Iterable[ModelSeries],
    tables: StudyTables,
    heads: Mapping[str, Iterable[str]] | None = None,
) -> dict[str, Variable]:
    """Variables by name, those of :func:`unplaced` with the table that has their column.

    Of a column in no text file, or in several, nothing is concluded here: it is taken for one of sessions, and
    :func:`table_of` refuses it where all tables are known.
    """
    found, open_ = dict(variables), unplaced(series, variables)
    if open_:
        known = text_heads(tables) if heads is None else heads
        for one in open_:
            holding = [name for name, columns in known.items() if str(one.column) in columns]
            found[one.name] = one.model_copy(update={"table": holding[0] if len(holding) == 1 else "sessions"})
    return found


def check_tables(tables: StudyTables, variables: Iterable[Variable], before: Gathered) -> None:
    """Hold ``[tables.NAME]`` to the study; where anything is wrong, columns that no table has are named beside it.

    A study may be planned before its tables are filled: with nothing else wrong, what is missing is for the run to say.

    Raises
    ------
    StudyError
        As :meth:`StudyTables.check`; and, beside something else, a variable's column is in no table or in several.
    """
    wrong = Gathered()
    with wrong.one():
        tables.check()
    if before.any or wrong.any:
        for text in missing_columns(variables, text_heads(tables)):
            with wrong.one():
                raise StudyError(text)
    wrong.refuse()


def missing_columns(variables: Iterable[Variable], heads: Mapping[str, list[str]]) -> list[str]:
    """Say which variables have no table, given the columns of all tables; nothing where one is not known."""
    if set(heads) < set(OF_VARIABLES):
        return []
    wrong = []
    for one in variables:
        if one.column is not None:
            try:
                table_of(one, heads)
            except StudyError as missing:
                wrong.append(str(missing))
    return wrong
