"""Which rows a model stands on, by the one rule for missing values, and what is left out.

The rule is that of :mod:`doublecode.analysis.results.complete_rows`. Rows are judged first and values afterwards:
what stands in a row that no model uses (an infinite value beside an empty cell) changes no number, so it is no reason
to refuse the rows in use. Every model of a series stands on one common set of rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from doublecode.analysis.results.complete_rows import LostRow, complete_rows
from doublecode.schemas.errors import ContractError, UsageError

if TYPE_CHECKING:
    import pandas as pd


ADJUSTED = "doublecode: adjusted columns"
"""Where a frame says in its ``attrs`` which of its columns an outlier rule has changed."""


def adjusted_columns(frame: pd.DataFrame) -> frozenset[str]:
    """Return the columns of a frame that an outlier rule has changed, as far as the frame knows."""
    return frozenset(frame.attrs.get(ADJUSTED, ()))


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
        ordinary = isinstance(column.dtype, np.dtype)
        bad = np.isinf(column.to_numpy() if ordinary else column.to_numpy(dtype=np.float64, na_value=np.nan))
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


def require_numbers(frame: pd.DataFrame, columns: Iterable[str], where: str) -> None:
    """Refuse columns that hold anything but numbers.

    Raises
    ------
    ContractError
        The message names column and type.
    """
    for name in columns:
        if frame[name].dtype.kind not in "iuf":
            raise ContractError(f"{where}: {name!r} must hold numbers, found {frame[name].dtype}.")
