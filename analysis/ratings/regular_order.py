"""Rows in regular order: a full table of sets × targets × raters, written out row by row.

So are frames that were melted from a sheet, simulated, or sorted. Each column then repeats its labels in runs of one
length, and the runs in turn: three numbers describe it, and no row needs to be looked up.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from doublecode.analysis.ratings.id_codes import addresses, differ, holds_objects, own_objects
from doublecode.schemas.column_types import missing_labels

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
_GLANCE = 64


@dataclass(frozen=True)
class Axis:
    """A column in regular order: each of its labels in a run of rows, then the same again.

    Attributes
    ----------
    run : int
        Rows in a run.
    labels : list
        As they come, each once.
    ranks : list
        What puts the labels in order: themselves, or their codes in a category.
    """

    run: int
    labels: list[Hashable]
    ranks: list[Any]

    def ordered(self) -> list[int] | None:
        """Places of the labels in ascending order; None where they come so."""
        order = sorted(range(len(self.ranks)), key=self.ranks.__getitem__)
        return None if order == list(range(len(order))) else order


def full_table(columns: Sequence[pd.Series[Any]], values: Floats) -> tuple[Floats, list[Axis]] | None:
    """The values as an array with an axis per column, and the axes; None where the rows are in no such order.

    Parameters
    ----------
    columns : sequence of Series
        Each (n_rows,): labels of sets, targets, raters.
    values : ndarray, shape (n_rows,)

    Returns
    -------
    table : ndarray, shape (n_labels of column 1, n_labels of column 2, …)
        Labels as they come; a view of `values`.
    axes : list of Axis

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> frame = pd.DataFrame({"session": ["S-2", "S-2", "S-1", "S-1"], "rater": ["R1", "R2", "R1", "R2"]})
    >>> table, axes = full_table([frame["session"], frame["rater"]], np.array([5.0, 4.0, 3.0, 2.0]))
    >>> table.tolist(), [axis.labels for axis in axes], axes[0].ordered()
    ([[5.0, 4.0], [3.0, 2.0]], [['S-2', 'S-1'], ['R1', 'R2']], [1, 0])
    """
    axes: list[Axis] = []
    for column in columns:
        axis = _axis(column, len(values))
        if axis is None:
            return None
        axes.append(axis)
    outer = sorted(range(len(axes)), key=lambda at: axes[at].run, reverse=True)
    rows = 1
    for at in reversed(outer):
        if axes[at].run != rows and len(axes[at].labels) > 1:
            return None
        rows *= len(axes[at].labels)
    if rows != len(values):
        return None
    shape = [len(axes[at].labels) for at in outer]
    return values.reshape(shape).transpose([outer.index(at) for at in range(len(axes))]), axes


def _axis(series: pd.Series[Any], n: int) -> Axis | None:
    """The column as an axis; None where it is none, or holds labels that have to be looked at one by one."""
    import pandas as pd

    dtype = series.dtype
    if holds_objects(dtype):
        held = series.to_numpy(dtype=object)
        if type(held[0]) is not str:
            return None
        run, heads = _runs(held if own_objects(held) else addresses(held), n)
        labels = held[heads].tolist()
        ranks = labels if set(map(type, labels)) == {str} else []
    elif isinstance(series.array, pd.Categorical):
        codes = series.array.codes
        run, heads = _runs(codes, n)
        ranks = codes[heads].tolist()
        labels = series.array.categories[ranks].tolist() if ranks and min(ranks) >= 0 else []
    elif isinstance(dtype, np.dtype) and dtype.kind in "iu":
        numbers = series.to_numpy()
        run, heads = _runs(numbers, n)
        labels = ranks = numbers[heads].tolist()
    else:
        return None
    usable = 0 < len(labels) == len(set(ranks)) and not missing_labels(labels)
    return Axis(run, labels, ranks) if usable else None


def _runs(marks: NDArray[Any], n: int) -> tuple[int, slice]:
    """Length of the runs of equal marks (n,), and the first row of each that is not there before; no rows if odd."""
    run = _first_run(marks)
    period = run * _first_return(marks[::run])
    again = marks[:period]
    if n % period or differ(again.reshape(-1, run), again[::run, None]).any():
        return run, slice(0)
    return run, slice(0) if differ(marks[period:], marks[: n - period]).any() else slice(0, period, run)


def _first_run(marks: NDArray[Any]) -> int:
    """How long the first run is if all are of one length: by doubling, then halving, as the next is no shorter."""
    one, inside, beyond = marks[0], 0, 1
    while beyond < len(marks) and _same(marks[beyond], one):
        inside, beyond = beyond, 2 * beyond
    beyond = min(beyond, len(marks))
    while beyond - inside > 1:
        middle = (inside + beyond) // 2
        inside, beyond = (middle, beyond) if _same(marks[middle], one) else (inside, middle)
    return beyond


def _same(mark: Any, one: Any) -> bool:
    try:
        return bool(mark == one)
    except (TypeError, ValueError):  # pandas.NA, say
        return False


def _first_return(heads: NDArray[Any]) -> int:
    """Place where the first mark stands again; the number of marks where it does not."""
    begin, size = 1, _GLANCE
    while begin < len(heads):
        found = ~differ(heads[begin : begin + size], heads[0])
        at = int(found.argmax())
        if found[at]:
            return begin + at
        begin, size = begin + size, 4 * size
    return len(heads)
