"""Columns as people hand them in: names that stand twice, cells that hold several values, nullable types."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from doublecode.schemas.errors import ContractError

if TYPE_CHECKING:
    import pandas as pd


def plain_column(data: pd.DataFrame, name: Any) -> pd.Series[Any]:
    """One column as :func:`~doublecode.schemas.frames.as_pandas` hands it on; a view of it, the others not looked at.

    To ask a frame for the types of all its columns takes a tenth of the time of a small model or an ICC table.

    Raises
    ------
    ContractError
        The column holds lists.
    """
    column: pd.Series[Any] = data[name]
    dtype = column.dtype
    if dtype.kind in "iufb" and not hasattr(dtype, "na_value"):  # numpy's own
        return column
    refuse_several_values(column, "data")
    return ordinary(column)


def refuse_odd_columns(data: pd.DataFrame, where: str = "data", kinds: Sequence[Any] | None = None) -> None:
    """Refuse a name that stands over several columns, and columns of lists and the like.

    The types of the columns are `kinds`, where a caller has asked for them already.

    Raises
    ------
    ContractError
        The name does not say which column is meant, or its values are neither numbers nor names of anything.
    """
    refuse_doubled_names(data, where)
    for place, kind in enumerate(data.dtypes if kinds is None else kinds):
        if getattr(kind, "kind", "") == "O":
            refuse_several_values(data.iloc[:, place], where)


def refuse_doubled_names(data: pd.DataFrame, where: str = "data") -> None:
    """Refuse a name that stands over several columns."""
    if not data.columns.is_unique:
        twice = data.columns[data.columns.duplicated()][0]
        raise ContractError(
            f"{where}: the column {twice!r} stands {int((data.columns == twice).sum())} times, so that its name does "
            "not say which is meant; rename one of them, or leave it out."
        )


def refuse_several_values(column: pd.Series[Any], where: str) -> None:
    """Refuse a column whose first cell holds several values."""
    texts = column.dtype.kind != "O" or column.dtype.name in ("str", "string")
    first = None if texts or not len(column) else column.array[0]
    if isinstance(first, list | dict | set | tuple):
        raise ContractError(
            f"{where}: the column {column.name!r} holds several values in one cell (a {type(first).__name__}); give "
            "every value a cell of its own."
        )


def ordinary(column: pd.Series[Any]) -> pd.Series[Any]:
    """Return a column of a nullable type as ordinary numbers or texts; any other untouched."""
    import pandas as pd

    if getattr(column.dtype, "na_value", None) is not pd.NA:
        return column
    kind, gaps = column.dtype.kind, bool(column.isna().any())
    if kind in "iufb":
        own: Any = "float64" if gaps else getattr(column.dtype, "numpy_dtype", "float64")
        return column.astype(own)
    return column.astype(object).where(column.notna(), None)
