"""The one rule for missing values: a row is used when every column in use has a value in it.

Every other row is left out and counted, by name with the columns that it lacks where a model does so. What is missing
is said by :func:`doublecode.schemas.column_types.missing_in`. Pairs of variables (correlations) and single ratings
are the rule on two columns, and on one. What describes one column by itself (moments, shares of the sample, entries of
a homework log) leaves out no row: it counts the values that are there, and beside them those that are not.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from doublecode.schemas.column_types import missing_in
from doublecode.schemas.errors import NotEstimable

if TYPE_CHECKING:
    import pandas as pd

    Column = pd.Series[Any] | npt.NDArray[np.float64]


class LostRow(NamedTuple):
    """A row that is left out: its label, and the columns that it lacks."""

    label: Any
    missing: tuple[str, ...]


def complete_rows(
    columns: Mapping[str, Column], index: pd.Index[Any]
) -> tuple[npt.NDArray[np.bool_], tuple[LostRow, ...]]:
    """Apply the rule for missing values.

    Parameters
    ----------
    columns : mapping of name to column
        Of length n, missing as NaN, None or NA; in a column of texts also as an empty text or ``NA``.
    index : Index
        (n,) labels of the rows.

    Returns
    -------
    keep : ndarray
        (n,) whether a row has all columns.
    lost : tuple of LostRow
        The other rows.

    Raises
    ------
    NotEstimable
        No row has all of them.
    """
    missing = lacking(columns)
    if len(index) and not missing:
        return np.ones(len(index), dtype=bool), ()
    bad = np.zeros(len(index), dtype=bool)
    for flags in missing.values():
        bad |= flags
    if bad.all():
        counts = (
            f"{name} in {len(index) - int(missing[name].sum()) if name in missing else len(index)}" for name in columns
        )
        raise NotEstimable(
            f"no row of {len(index)} has all of {', '.join(columns)}; present: {', '.join(counts)}. "
            "Leave out the variable that is missing most."
        )
    where = np.flatnonzero(bad)
    names = (tuple(name for name, flags in missing.items() if flags[i]) for i in where)
    return ~bad, tuple(map(LostRow, index[where].tolist(), names))


def _missing(column: Column) -> npt.NDArray[np.bool_] | None:
    """(n,) where a column has no value; None if it has one everywhere."""
    ordinary = isinstance(column.dtype, np.dtype)
    if ordinary and column.dtype.kind in "iub":
        return None
    if isinstance(column, np.ndarray):
        flags = np.isnan(column)
    else:
        flags = np.isnan(column.to_numpy()) if ordinary and column.dtype.kind == "f" else missing_in(column)
    return flags if flags.any() else None


def lacking(columns: Mapping[str, Column] | pd.DataFrame) -> dict[str, npt.NDArray[np.bool_]]:
    """Where (n,) each column has no value; columns that have one everywhere are left out."""
    found = ((str(name), _missing(one)) for name, one in columns.items())
    return {name: flags for name, flags in found if flags is not None}


def has_all(columns: Mapping[str, Column] | pd.DataFrame, names: Iterable[str], n: int) -> npt.NDArray[np.bool_]:
    """(n,) whether a row has a value in every one of the columns `names`.

    Examples
    --------
    >>> import pandas as pd
    >>> has_all(pd.DataFrame({"he": [1.0, None, 2.0], "site": ["a", "b", "NA"]}), ["he", "site"], 3).tolist()
    [True, False, False]
    """
    keep = np.ones(n, dtype=bool)
    for name in names:
        flags = _missing(columns[name])
        if flags is not None:
            keep &= ~flags
    return keep
