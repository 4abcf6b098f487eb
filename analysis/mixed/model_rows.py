"""Which rows a model stands on: the one rule for missing values, and what it leaves out.

A row is used when every column in use has a value in it; every other row is left out and named with the columns that
it lacks. Rows are judged first and values afterwards: what stands in a row that no model uses (an infinite value
beside an empty cell) changes no number, so it is no reason to refuse the rows in use. Every model of a series stands
on one common set of rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from doublecode.schemas.column_types import missing_in
from doublecode.schemas.errors import ContractError, NotEstimable, UsageError

if TYPE_CHECKING:
    import pandas as pd

    Column = pd.Series[Any] | npt.NDArray[np.float64]


ADJUSTED = "doublecode: adjusted columns"
"""Where a frame says in its ``attrs`` which of its columns an outlier rule has changed."""


def adjusted_columns(frame: pd.DataFrame) -> frozenset[str]:
    """Return the columns of a frame that an outlier rule has changed, as far as the frame knows."""
    return frozenset(frame.attrs.get(ADJUSTED, ()))


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
    missing = {
        name: flags for name, flags in ((name, _missing(one)) for name, one in columns.items()) if flags is not None
    }
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
    lacking = (tuple(name for name, flags in missing.items() if flags[i]) for i in where)
    return ~bad, tuple(map(LostRow, index[where].tolist(), lacking))


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


@dataclass(frozen=True, eq=False)
class CommonRows:
    """The rows that have all variables, and the ones that do not.

    Attributes
    ----------
    data : DataFrame
        The kept rows, in their old order, index kept.
    columns : tuple of str
        The variables that were asked for.
    lost : tuple of LostRow
        The other rows: label and missing columns.
    keys : tuple of dict
        Of each lost row what the caller names rows by (patient, session); without it the label.
    """

    data: pd.DataFrame
    columns: tuple[str, ...]
    lost: tuple[LostRow, ...]
    keys: tuple[dict[str, Any], ...]

    @property
    def lost_records(self) -> list[dict[str, Any]]:
        """The lost rows as a result's ``.design`` lists them: keys, and ``reason`` in words."""
        return [
            {**key, "reason": f"{' and '.join(row.missing)} {'is' if len(row.missing) == 1 else 'are'} missing"}
            for key, row in zip(self.keys, self.lost, strict=True)
        ]


def common_rows(frame: pd.DataFrame, columns: Sequence[str], keys: Sequence[str] = ()) -> CommonRows:
    """Keep the rows that have a value in every one of `columns`.

    Parameters
    ----------
    frame : DataFrame
    columns : sequence of str
        Variables that must be present.
    keys : sequence of str
        Columns that name a lost row (patient, session); without them its index does.

    Raises
    ------
    NotEstimable
        No row has all of them.
    ContractError
        A value of the kept rows is infinite.

    Examples
    --------
    >>> import pandas as pd
    >>> frame = pd.DataFrame({"patient": ["P1", "P2"], "he": [2.0, None]})
    >>> rows = common_rows(frame, ["he"], ["patient"])
    >>> rows.lost
    (LostRow(label=1, missing=('he',)),)
    >>> rows.lost_records
    [{'patient': 'P2', 'reason': 'he is missing'}]
    """
    keep, lost = complete_rows({name: frame[name] for name in columns}, frame.index)
    data = frame.loc[keep]
    refuse_infinite(data, columns)
    there = [key for key in keys if key in frame.columns]
    named = frame.loc[~keep, there].to_dict("records") if there else [{"row": row.label} for row in lost]
    return CommonRows(data, tuple(columns), lost, tuple({str(k): v for k, v in one.items()} for one in named))


def refuse_infinite(
    columns: Mapping[str, pd.Series[Any]] | pd.DataFrame, names: Iterable[str], where: str = ""
) -> None:
    """Raise ``ContractError`` naming the first of the columns `names` with infinite values, and their rows."""
    for name in names:
        column = columns[name]
        if column.dtype.kind != "f":
            continue
        bad = np.isinf(column.to_numpy(dtype=np.float64, na_value=np.nan))
        if bad.any():
            rows = ", ".join(map(str, column.index[bad][:5]))
            raise ContractError(
                f"{where + ': ' if where else ''}column {name!r} has {int(bad.sum())} infinite values (row {rows}"
                f"{', …' if bad.sum() > 5 else ''}); correct them or set them missing"
            )


def require_columns(frame: pd.DataFrame, columns: Iterable[str], where: str) -> None:
    """Raise ``UsageError`` naming those of `columns` that `frame` lacks."""
    missing = [column for column in dict.fromkeys(columns) if column not in frame.columns]
    if missing:
        allowed, names = ", ".join(map(str, frame.columns)), ", ".join(map(repr, missing))
        which = ("column", "name") if len(missing) == 1 else ("columns", "names")
        raise UsageError(f"{where}: there is no {which[0]} {names}; allowed: {allowed}. Check the {which[1]}.")
