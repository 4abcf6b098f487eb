"""Labels of sessions, raters and items to codes 0 … n − 1, whatever type their column has."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from doublecode.schemas.column_types import missing_labels
from doublecode.schemas.errors import ContractError

if TYPE_CHECKING:
    import pandas as pd

Ints = NDArray[np.int64]
ALL = slice(None)
_GLANCE = 200
_RUN = 20
_ENOUGH = 32
_FIRST = 64


def id_codes(
    series: pd.Series[Any], caller: str, *, rows: slice = ALL, sort: bool = True
) -> tuple[Ints, tuple[Hashable, ...]]:
    """Code a column of labels.

    Parameters
    ----------
    series : Series
        Column of the ratings; text, numbers, dates or a category.
    caller : str
        Named in the message.
    rows : slice
        Which rows to read.
    sort : bool
        Codes in the order of the labels (of the categories, in a category); else as they come.

    Returns
    -------
    codes : ndarray of int, shape (n_rows,)
    labels : tuple
        Label of each code; labels that do not occur are left out.

    Raises
    ------
    ContractError
        A label is blank.

    Examples
    --------
    >>> import pandas as pd
    >>> codes, labels = id_codes(pd.Series(["S-9", "S-1", "S-9"]), "icc")
    >>> codes.tolist(), labels
    ([1, 0, 1], ('S-1', 'S-9'))
    """
    codes, labels = _factorize(series, rows, sort=sort)
    if len(codes) and codes.min() < 0:
        row = series.index[rows].tolist()[int(np.argmin(codes))]
        raise ContractError(
            f"{caller}: column {series.name!r} is blank in row {row!r} although the row holds a rating. "
            "Fill it in, or remove the row."
        )
    names = tuple(labels.tolist())
    blank = missing_labels(names) if getattr(labels.dtype, "kind", "O") == "O" else ()
    if blank:
        place = next(place for place, name in enumerate(names) if name in blank)
        row = series.index[rows].tolist()[int(np.argmax(codes == place))]
        raise ContractError(
            f"{caller}: column {series.name!r} holds {names[place]!r} in row {row!r}, which stands for a missing "
            "label, although the row holds a rating. Fill it in, or remove the row."
        )
    return codes.astype(np.int64, copy=False), names


def object_array(labels: Sequence[Hashable]) -> NDArray[np.object_]:
    """Labels as an array (n,) that can be indexed by codes; labels that are themselves sequences stay whole."""
    held = np.empty(len(labels), dtype=object)
    held[:] = labels
    return held


def repeats(series: pd.Series[Any], grid: Callable[[NDArray[Any]], NDArray[Any]]) -> bool:
    """Whether every row of a grid laid over the column holds the labels of the first; False where that is not cheap.

    Parameters
    ----------
    series : Series
        Column of labels, shape (n_rows,).
    grid : callable
        Lays an array of shape (n_rows,) out as (n_sets, n_rows / n_sets).
    """
    import pandas as pd

    dtype = series.dtype
    if holds_objects(dtype):
        held = series.to_numpy(dtype=object)
        places = grid(addresses(held))
        if (places == places[0]).all():
            return True
        first, *others = grid(held)
        texts = dtype == "str" or set(map(type, first)) == {str}
        return texts and not any(differ(row, first).any() for row in others)
    if isinstance(series.array, pd.Categorical):
        codes = grid(np.asarray(series.array.codes))
    elif isinstance(dtype, np.dtype) and dtype.kind in "iu":
        codes = grid(series.to_numpy())
    else:
        return False
    return bool((codes == codes[0]).all())


def holds_objects(dtype: Any) -> bool:
    """Whether a column of this type holds Python objects, and no codes or numbers."""
    import pandas as pd

    return bool(dtype == np.dtype(object)) or (isinstance(dtype, pd.StringDtype) and dtype.storage == "python")


def addresses(held: NDArray[np.object_]) -> NDArray[np.intp]:
    """Where the objects lie: most ways to a frame let all rows of an id share one object."""
    return np.frombuffer(held.tobytes(), dtype=np.intp)


def own_objects(held: NDArray[np.object_]) -> bool:
    """Whether rows hold each an object of its own, by a glance at the first; then addresses tell nothing."""
    glance = addresses(held[:_FIRST]).tolist()
    return 10 * len(set(glance)) > 9 * len(glance)


def _factorize(series: pd.Series[Any], rows: slice, *, sort: bool) -> tuple[NDArray[np.intp], Any]:
    """As `pd.factorize`; Python objects are told apart by their addresses first, then one of each by its value."""
    import pandas as pd

    dtype = series.dtype
    if isinstance(series.array, pd.Categorical):
        codes = series.array.codes[rows]
        if len(codes) and codes.min() >= 0:
            place, found = _counted(codes, sort=sort)
            return place, series.array.categories[found]
    if isinstance(dtype, np.dtype) and dtype.kind == "i" and len(series):
        numbers = series.to_numpy()[rows]
        if numbers.min() >= 0 and (sort or _few_gaps(numbers)):
            return _counted(numbers, sort=sort)
    if not holds_objects(dtype):
        return pd.factorize(series.iloc[rows], sort=sort)
    held = series.to_numpy(dtype=object)[rows]
    address, own = addresses(held), own_objects(held)
    starts = _starts(held if own else address)
    if starts is not None:
        codes, labels = _factorize_few(held[starts], sort=sort)
        return np.repeat(codes, np.diff(starts, append=len(held))), labels
    if own:
        codes, labels = pd.factorize(held)
        if sort and set(map(type, labels)) <= {str}:
            return _in_order(codes, labels)
        return pd.factorize(held, sort=True) if sort else (codes, labels)
    codes, found = pd.factorize(address)
    place, labels = _factorize_few(held[_a_row_of_each(codes, len(found))], sort=sort)
    return (codes if not sort and len(labels) == len(found) else place.take(codes)), labels


def _a_row_of_each(codes: NDArray[np.intp], n: int) -> NDArray[np.intp]:
    """A row of each of n codes; the first rows hold them all as a rule."""
    row = np.full(n, -1, dtype=np.intp)
    some = codes[: _ENOUGH * n]
    row[some] = np.arange(len(some))
    if row.min() < 0:
        row[codes] = np.arange(len(codes))
    return row


def _starts(column: NDArray[Any]) -> NDArray[np.intp] | None:
    """Where runs of one value begin; None where they are short, or not all of the first values are texts or numbers."""
    first = column[:_GLANCE]
    changes = np.count_nonzero(differ(first[1:], first[:-1]))
    if _RUN * changes > len(first) or not set(map(type, first.tolist())) <= {str, int}:
        return None
    starts = np.flatnonzero(np.concatenate([[True], differ(column[1:], column[:-1])]))
    return starts if _RUN * len(starts) < len(column) else None


def differ(one: NDArray[Any], other: Any) -> NDArray[np.bool_]:
    """Where labels differ; everywhere where some, such as `pandas.NA`, do not say."""
    try:
        return np.asarray(one != other, dtype=bool)
    except (TypeError, ValueError):
        return np.ones(one.shape, dtype=bool)


def _counted(numbers: NDArray[np.integer[Any]], *, sort: bool) -> tuple[Ints, Ints]:
    """As `pd.factorize` for numbers from nought on."""
    found, place = _dense(numbers)
    if sort:
        return place, found
    first = np.empty(len(found), dtype=np.intp)
    first[place[::-1]] = np.arange(len(place))[::-1]
    order = np.argsort(first)
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    return rank[place], found[order]


def _in_order(codes: NDArray[np.intp], labels: NDArray[np.object_]) -> tuple[NDArray[np.intp], NDArray[np.object_]]:
    """Codes in the order of their labels; those of blanks, −1, stay."""
    names = labels.tolist()
    order = sorted(range(len(names)), key=names.__getitem__)
    place = np.full(len(names) + 1, -1)
    place[order] = np.arange(len(names))
    return place[codes], labels[order]


def _factorize_few(held: NDArray[np.object_], *, sort: bool) -> tuple[NDArray[np.intp], NDArray[np.object_]]:
    """As `pd.factorize`; without its first look at what the objects are where they are texts and hardly repeat."""
    import pandas as pd

    names = held.tolist()
    if set(map(type, names)) != {str}:
        return pd.factorize(held, sort=sort)
    if not sort and len(set(names)) == len(names):
        return np.arange(len(names)), held
    labels = sorted(set(names)) if sort else list(dict.fromkeys(names))
    code = {label: place for place, label in enumerate(labels)}
    return np.array([code[name] for name in names], dtype=np.intp), object_array(labels)


def set_codes(
    columns: Sequence[pd.Series[Any]], n_rows: int, caller: str
) -> tuple[Ints, tuple[tuple[Hashable, ...], ...]]:
    """Code the combinations of labels that occur in the columns, in the order of their labels.

    Returns
    -------
    codes : ndarray of int, shape (n_rows,)
    keys : tuple of tuple
        Per code the label in each column.

    Raises
    ------
    ContractError
        A label is blank.
    """
    if not columns:
        return np.zeros(n_rows, dtype=np.int64), ((),)
    if len(columns) == 1:
        code, labels = id_codes(columns[0], caller)
        return code, tuple((label,) for label in labels)
    code = np.zeros(n_rows, dtype=np.int64)
    levels = []
    for column in columns:
        own, labels = id_codes(column, caller)
        code = code * len(labels) + own
        levels.append(labels)
    found, code = _dense(code)
    keys = []
    for value in found.tolist():
        key: list[Hashable] = []
        for labels in reversed(levels):
            value, position = divmod(value, len(labels))
            key.append(labels[position])
        keys.append(tuple(reversed(key)))
    return code, tuple(keys)


def _dense(code: NDArray[np.integer[Any]]) -> tuple[Ints, Ints]:
    """Distinct codes, ascending, and the place of each code among them; by counting where that is quicker."""
    if not _few_gaps(code):
        found, place = np.unique(code, return_inverse=True)
        return found, place.astype(np.int64)
    there = np.bincount(code) > 0
    return np.flatnonzero(there), (np.cumsum(there) - 1)[code]


def _few_gaps(code: NDArray[np.integer[Any]]) -> bool:
    """Whether numbers from nought on are so dense that counting them costs no more than they themselves."""
    return bool(int(code.max()) <= 4 * len(code) + 1000)
