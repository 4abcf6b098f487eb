"""Our number beside a printed one: a cell of a table, or what is taken of several."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from doublecode.schemas.errors import UsageError
from doublecode.schemas.near_names import allowed, nearest
from doublecode.schemas.published_values import Cell, Condition
from doublecode.schemas.results import is_missing

if TYPE_CHECKING:
    import pandas as pd

_TAKEN: Final[dict[str, Callable[[Any], float]]] = {
    "sum": lambda values: float(values.sum()),
    "mean": lambda values: float(values.mean()),
    "median": lambda values: float(values.median()),
    "min": lambda values: float(values.min()),
    "max": lambda values: float(values.max()),
    "sd": lambda values: float(values.std()),
    "weakest": lambda values: float(values.iloc[values.abs().argmin()]),
    "strongest": lambda values: float(values.iloc[values.abs().argmax()]),
}


def value_of(cell: Cell, tables: Mapping[str, object]) -> float | str:
    """The number, or the text, that stands in a cell.

    Parameters
    ----------
    cell : Cell
    tables : mapping
        Frames, and results with frames, by name.

    Returns
    -------
    float or str
        NaN where the cell is empty. Yes and no are texts.

    Raises
    ------
    UsageError
        A table, column or row that is not there, several rows where one is wanted, or a text where numbers are.
    """
    found = _taken(cell, tables)
    if cell.of is None:
        return found
    part, whole = found, value_of(cell.of, tables)
    if isinstance(part, str) or isinstance(whole, str):
        raise UsageError(f"{cell.table}: {part!r} of {whole!r} is no ratio; both must be numbers.")
    return (100 if cell.unit == "percent" else 1) * part / whole


def _taken(cell: Cell, tables: Mapping[str, object]) -> float | str:
    frame = frame_named(cell.table, tables)
    rows = frame[_chosen(frame, cell)]
    if cell.per:
        counts = rows.groupby(_column(frame, cell.per, cell), observed=True)[
            _column(frame, cell.column, cell)
        ].nunique()
        return _number_of(counts, cell)
    if cell.take == "count":
        return float(len(rows))
    values = rows[_column(frame, cell.column, cell)]
    if cell.take == "distinct":
        return float(values.nunique())
    if cell.take == "value":
        return _only(values, cell)
    return _number_of(values, cell)


def frame_named(name: str, tables: Mapping[str, object]) -> pd.DataFrame:
    """The table of that name; ``name.attribute`` is another frame of a result, or its counts (``design``)."""
    import pandas as pd

    head, _, attribute = name.partition(".")
    if head not in tables:
        meant = nearest(head, tables)
        asked = "" if meant is None else f" Did you mean {meant!r}?"
        raise UsageError(f"there is no table {head!r} in the report, and none was given by that name.{asked}")
    found = tables[head]
    if not hasattr(found, "columns"):
        found = getattr(found, attribute or "frame", None)
    if isinstance(found, Mapping):
        found = pd.DataFrame([dict(found)])
    if not hasattr(found, "columns"):
        raise UsageError(f"{head!r} has no table {attribute or 'frame'!r}; name one of its frames.")
    return found  # type: ignore[return-value]


def _chosen(frame: pd.DataFrame, cell: Cell) -> pd.Series[bool]:
    import pandas as pd

    kept = pd.Series(True, index=frame.index)
    for name, wanted in cell.rows.items():
        kept &= _meets(frame[_column(frame, name, cell)], wanted)
    return kept


def _equals(values: pd.Series[Any], wanted: object) -> pd.Series[bool]:
    """Which values are the one that is wanted; a number is one however it is written (2, 2.0, "2")."""
    import pandas as pd

    try:
        number = float(str(wanted))
    except ValueError:
        return values.astype(str) == str(wanted)
    return pd.to_numeric(values, errors="coerce") == number


def _meets(values: pd.Series[Any], wanted: object) -> pd.Series[bool]:
    import pandas as pd

    if isinstance(wanted, tuple):
        return pd.concat([_equals(values, one) for one in wanted], axis=1).any(axis=1)
    if not isinstance(wanted, Condition):
        return _equals(values, wanted)
    kept = values.notna()
    if wanted.unlike is not None:
        kept &= values.astype(str) != str(wanted.unlike)
    if wanted.least is not None:
        kept &= values.astype(float) >= wanted.least
    if wanted.most is not None:
        kept &= values.astype(float) <= wanted.most
    entries = values.astype(str).str.split(r"\s*;\s*", regex=True)
    if wanted.has is not None:
        kept &= entries.explode().eq(wanted.has).groupby(level=0).any()
    if wanted.entries is not None:
        kept &= entries.map(len) >= wanted.entries
    if wanted.begins is not None:
        kept &= values.astype(str).str.startswith(wanted.begins)
    return kept


def _column(frame: pd.DataFrame, name: str, cell: Cell) -> str:
    if name not in frame.columns:
        raise UsageError(f"table {cell.table!r} has no column {name!r}; {allowed(name, map(str, frame.columns))}.")
    return name


def _only(values: pd.Series[Any], cell: Cell) -> float | str:
    if len(values) != 1:
        asked = ", ".join(f"{name} = {wanted}" for name, wanted in cell.rows.items()) or "no condition"
        raise UsageError(f"table {cell.table!r} has {len(values)} rows with {asked}; one is wanted, or another take.")
    value = values.iloc[0]
    if isinstance(value, (bool, np.bool_)):
        return "yes" if value else "no"
    if is_missing(value):
        return float("nan")
    if isinstance(value, str):
        return value
    return abs(float(value)) if cell.size else float(value)


def _number_of(values: pd.Series[Any], cell: Cell) -> float:
    import pandas as pd

    try:
        numbers = pd.to_numeric(values).astype(float).dropna()
    except (TypeError, ValueError):
        raise UsageError(f"table {cell.table!r}: {cell.column!r} holds texts; {cell.take} needs numbers.") from None
    if numbers.empty:
        return float("nan")
    return _TAKEN[cell.take](numbers.abs() if cell.size else numbers)
