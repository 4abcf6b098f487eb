"""A long frame of ratings to sets that share a layout, and the refusals on the way."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from doublecode.analysis.ratings.design import Layout, RatingData, RatingSets, complete_layout
from doublecode.analysis.ratings.id_codes import ALL, id_codes, repeats, set_codes
from doublecode.analysis.ratings.regular_order import Axis, full_table
from doublecode.analysis.results.complete_rows import has_all
from doublecode.schemas.errors import ContractError, DuplicateError, NotEstimable, UsageError
from doublecode.schemas.odd_columns import plain_column

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def as_names(by: str | Sequence[str] | None) -> tuple[str, ...]:
    """Return the grouping columns as a tuple."""
    if by is None:
        return ()
    return (by,) if isinstance(by, str) else tuple(by)


def require_columns(data: pd.DataFrame, columns: Sequence[str | None], caller: str) -> None:
    """Refuse what is no frame, lacks a named column or has it twice, and one column named for two roles."""
    if not hasattr(data, "columns"):
        raise UsageError(f"{caller}: data must be a pandas DataFrame, not {type(data).__name__}.")
    names = [name for name in columns if name is not None]
    there = list(data.columns)
    for name in names:
        if name not in there:
            raise ContractError(
                f"{caller}: the frame has no column {name!r}; it has "
                f"{', '.join(map(repr, there))}. Name an existing column."
            )
        if there.count(name) > 1:
            raise ContractError(f"{caller}: the frame has more than one column {name!r}. Rename or drop one of them.")
        if names.count(name) > 1:
            raise UsageError(f"{caller}: column {name!r} is named for two roles; each role needs a column of its own.")


def numeric_column(data: pd.DataFrame, column: str, caller: str) -> Floats:
    """Return a column as floats; text and truth values are refused, not coerced."""
    return _numbers(data, column, caller)[0]


def _numbers(data: pd.DataFrame, column: str, caller: str) -> tuple[Floats, bool]:
    """A column as floats, and whether all of it is there."""
    import pandas as pd

    series = data[column]
    ordinary = isinstance(series.dtype, np.dtype)
    usual = ordinary and series.dtype.kind in "iuf"
    if not usual and (pd.api.types.is_bool_dtype(series) or not pd.api.types.is_numeric_dtype(series)):
        odd = series[pd.to_numeric(series, errors="coerce").isna() & series.notna()]
        found = f"for example {odd.iloc[0]!r} in row {odd.index.tolist()[0]!r}" if len(odd) else f"type {series.dtype}"
        raise ContractError(
            f"{caller}: column {column!r} must hold numbers, found {found}. "
            "Convert it to numbers, with blanks for missing ratings."
        )
    values = series.to_numpy(dtype=np.float64) if ordinary else series.to_numpy(dtype=np.float64, na_value=np.nan)
    finite = bool(np.isfinite(values).all())
    if not finite and np.isinf(values).any():
        raise ContractError(f"{caller}: column {column!r} holds an infinite value; ratings are finite numbers.")
    return values, finite


def rated_rows(data: pd.DataFrame, ratings: str, caller: str) -> tuple[pd.DataFrame, Floats]:
    """The rows that hold a rating, and their ratings (n,).

    Raises
    ------
    ContractError
        A rating is no finite number.
    NotEstimable
        No row holds one.
    """
    values, keep = _rated(data, ratings, caller)
    return (data, values) if keep is None else (data.loc[keep], values[keep])


def _rated(data: pd.DataFrame, ratings: str, caller: str) -> tuple[Floats, NDArray[np.bool_] | None]:
    """The column of ratings (n_rows,), and which rows hold one; None where all do."""
    values, all_there = _numbers(data, ratings, caller)
    if all_there and len(values):
        return values, None
    keep = has_all({ratings: values}, [ratings], len(values))
    if not keep.any():
        raise NotEstimable(f"{caller}: column {ratings!r} holds no rating at all; there is nothing to estimate.")
    return values, keep


def read_ratings(
    data: pd.DataFrame,
    *,
    targets: str,
    raters: str | None,
    ratings: str,
    clusters: str | None = None,
    by: str | Sequence[str] | None = None,
    caller: str = "icc",
    sort_targets: bool = True,
) -> RatingData:
    """Turn a long frame into sets of ratings, grouped by layout.

    Rows without a rating are left out and counted. Duplicates are refused. Targets are coded in
    the order of their labels, or as they come where `sort_targets` is False, which is quicker.

    Raises
    ------
    ContractError
        A column is missing, a rating is no number, a target lies in two clusters.
    DuplicateError
        A rater rated a target twice within a set.
    NotEstimable
        Nothing is left to work on.
    """
    names = as_names(by)
    require_columns(data, [targets, raters, ratings, clusters, *names], caller)
    values, keep = _rated(data, ratings, caller)
    columns = {name: plain_column(data, name) for name in (*names, targets, raters, clusters) if name is not None}
    index = data.index
    if keep is not None:
        values, index = values[keep], index[keep]
        columns = {name: column[keep] for name, column in columns.items()}
    n_missing = len(data) - len(values)
    sets = [columns[name] for name in names]
    ids = [columns[name] for name in (targets, raters) if name is not None]
    if raters is not None and clusters is None:
        found = full_table([*sets, *ids], values)
        if found is not None:
            keys, group = _whole_table(*found, sort_targets=sort_targets)
            return RatingData((group,), keys, names, n_missing, index)
    set_code, keys = set_codes(sets, len(values), caller)
    fold = _fold(ids, set_code, values, len(keys)) if clusters is None and len(keys) > 1 else None
    part, table = fold or (ALL, values[None, :])
    if fold:
        set_code = np.zeros(table.shape[1], dtype=np.int64)
    target, target_names = id_codes(ids[0], caller, rows=part, sort=sort_targets)
    rater, rater_names = id_codes(ids[1], caller, rows=part) if raters is not None else (None, ())
    seat = set_code * len(target_names)
    seat += target
    if rater is not None:
        seat *= len(rater_names)
        seat += rater
        if clusters is None:
            n_sets = len(keys) // len(table)
            whole = _complete(seat, table, (n_sets, len(target_names), len(rater_names)), rater_names)
            if whole is not None:
                return RatingData((whole,), keys, names, n_missing, index)
    order = _order(seat)
    values = table if isinstance(order, slice) else table.take(order, axis=1)
    rows = _Rows(set_code[order], target[order], None if rater is None else rater[order], values)
    _refuse_duplicates(rows, seat[order], (keys, target_names, rater_names), (targets, raters, caller))
    cluster = _cluster_codes(columns, clusters, rows.target, target_names, order, caller)
    groups = _group_by_layout(rows, len(keys) // len(table), cluster, rater_names)
    return RatingData(groups, keys, names, n_missing, index)


@dataclass(frozen=True, eq=False)
class _Rows:
    """Ratings sorted by set, target and rater: codes of shape (n_rows,), values of shape (n_folded, n_rows)."""

    set_code: Ints
    target: Ints
    rater: Ints | None
    values: Floats


def _fold(ids: list[pd.Series[Any]], set_code: Ints, values: Floats, n_sets: int) -> tuple[slice, Floats] | None:
    """Rows of one set, and the values of all, shape (n_sets, n), where every set holds the same ids in the same order.

    So do frames that were once a wide sheet, whether set follows set or the sets alternate. Else None.
    """
    n, odd = divmod(len(set_code), n_sets)
    whole = bool((set_code[:n] == set_code[0]).all())

    def grid(column: NDArray[Any]) -> NDArray[Any]:
        return column.reshape(n_sets, n) if whole else column.reshape(n, n_sets).T

    if odd or len(set(grid(set_code)[:, 0].tolist())) < n_sets:
        return None
    if (grid(set_code) != grid(set_code)[:, :1]).any() or not all(repeats(series, grid) for series in ids):
        return None
    return slice(0, n) if whole else slice(0, None, n_sets), grid(values)[np.argsort(grid(set_code)[:, 0])]


def _order(seat: Ints) -> Ints | slice:
    """Index that sorts the seats; the whole slice, which copies nothing, where they are sorted already."""
    if bool((seat[1:] >= seat[:-1]).all()):
        return slice(None)
    top = int(seat.max()) + 1
    if top <= 4 * len(seat) + 1000:
        # Few empty seats: let each row take its own, which orders them unless two want the same.
        row = np.full(top, -1)
        row[seat] = np.arange(len(seat))
        taken = row[row >= 0]
        if len(taken) == len(seat):
            return taken
    return np.argsort(seat, kind="stable").astype(np.int64, copy=False)


def _refuse_duplicates(
    rows: _Rows,
    seat: Ints,
    labels: tuple[tuple[tuple[Hashable, ...], ...], tuple[Hashable, ...], tuple[Hashable, ...]],
    words: tuple[str, str | None, str],
) -> None:
    same = seat[1:] == seat[:-1]
    if rows.rater is None or not same.any():
        return
    at = int(np.argmax(same))
    keys, target_names, rater_names = labels
    targets, raters, caller = words
    key, rater = keys[rows.set_code[at]], rows.rater
    where = f" in {' · '.join(map(str, key))}" if key else ""
    raise DuplicateError(
        f"{caller}: {raters} {rater_names[rater[at]]!r} rated {targets} {target_names[rows.target[at]]!r} more than "
        f"once{where} ({int(same.sum()) * len(rows.values)} repeated row(s) in all). Ratings are never averaged in "
        "silence: keep one row each, name the columns that tell the rows apart in `by`, or use intra_rater() for "
        "recodes."
    )


def _cluster_codes(
    columns: Mapping[str, pd.Series[Any]],
    clusters: str | None,
    target: Ints,
    target_names: tuple[Hashable, ...],
    order: Ints | slice,
    caller: str,
) -> Ints | None:
    if clusters is None:
        return None
    code, names = id_codes(columns[clusters], caller)
    code = code[order]
    home = np.full(len(target_names), -1, dtype=np.int64)
    home[target] = code
    wrong = home[target] != code
    if wrong.any():
        at = int(np.argmax(wrong))
        raise ContractError(
            f"{caller}: target {target_names[target[at]]!r} lies in two clusters, {names[code[at]]!r} and "
            f"{names[home[target[at]]]!r}. Targets must be nested in {clusters!r}: give each target a "
            "label of its own."
        )
    return code


def _complete(
    seat: Ints, values: Floats, shape: tuple[int, int, int], rater_names: tuple[Hashable, ...]
) -> RatingSets | None:
    """The one group of sets whose raters all rated every target; None where a seat is empty or taken twice.

    Parameters
    ----------
    seat : ndarray of int, shape (n_rows,)
        Place of each row among all sets × targets × raters.
    values : ndarray, shape (n_folded, n_rows)
    shape : tuple of int
        Number of sets, targets and raters.
    """
    n_sets, n_targets, n_raters = shape
    if len(seat) != n_sets * n_targets * n_raters:
        return None
    places = np.arange(len(seat))
    if seat[0] != 0 or (seat != places).any():
        row = np.full(len(seat), -1)
        row[seat] = places
        if row.min() < 0:
            return None
        values = values.take(row, axis=1)
    block = _own(values).reshape(n_sets * len(values), -1)
    return RatingSets(complete_layout(n_targets, rater_names), block, np.arange(len(block)))


def _own(values: Floats) -> Floats:
    """The values in C order and in memory of their own, as results keep them; a column of a frame is a view of it."""
    return values if values.flags.owndata and values.flags.c_contiguous else values.copy()


def _whole_table(
    table: Floats, axes: Sequence[Axis], *, sort_targets: bool
) -> tuple[tuple[tuple[Hashable, ...], ...], RatingSets]:
    """Keys of the sets of a full table, and the sets; labels in ascending order, those of targets if asked.

    Parameters
    ----------
    table : ndarray, shape (labels of each column of `by` …, n_targets, n_raters)
    axes : sequence of Axis
    """
    names: list[tuple[Hashable, ...]] = []
    for at, axis in enumerate(axes):
        order = axis.ordered() if sort_targets or at != len(axes) - 2 else None
        table = table if order is None else table.take(order, axis=at)
        names.append(tuple(axis.labels if order is None else [axis.labels[place] for place in order]))
    *sets, targets, raters = names
    block = _own(table).reshape(-1, len(targets) * len(raters))
    return tuple(product(*sets)), RatingSets(complete_layout(len(targets), raters), block, np.arange(len(block)))


def _group_by_layout(
    rows: _Rows, n_sets: int, cluster: Ints | None, rater_names: tuple[Hashable, ...]
) -> tuple[RatingSets, ...]:
    set_code, target = rows.set_code, rows.target
    bounds = np.searchsorted(set_code, np.arange(n_sets + 1))
    fresh = np.ones(len(target), dtype=bool)
    fresh[1:] = (target[1:] != target[:-1]) | (set_code[1:] != set_code[:-1])
    running = np.cumsum(fresh)
    local_target = running - np.repeat(running[bounds[:-1]], np.diff(bounds))
    if rows.rater is None:
        starts = np.flatnonzero(fresh)
        local_rater, names_of = np.arange(len(target)) - starts[running - 1], None
    else:
        chair = set_code * len(rater_names) + rows.rater
        names_of = (np.bincount(chair, minlength=n_sets * len(rater_names)) > 0).reshape(n_sets, -1)
        local_rater = (np.cumsum(names_of, axis=1) - 1).ravel()[chair]
    pattern = local_target * (int(local_rater.max()) + 1) + local_rater
    pattern = pattern.astype(np.min_scalar_type(int(pattern.max())))
    patterns: dict[bytes, list[int]] = {}
    for s in range(n_sets):
        part = slice(bounds[s], bounds[s + 1])
        mark = pattern[part].tobytes()
        if names_of is not None:
            mark += names_of[s].tobytes()
        if cluster is not None:
            mark += cluster[part].tobytes()
        patterns.setdefault(mark, []).append(s)
    groups = []
    folds = np.arange(len(rows.values))
    for members in patterns.values():
        first = slice(bounds[members[0]], bounds[members[0] + 1])
        names = () if names_of is None else tuple(rater_names[i] for i in np.flatnonzero(names_of[members[0]]))
        own = None if cluster is None else np.unique(cluster[first], return_inverse=True)[1].astype(np.int64)
        layout = Layout(local_target[first], local_rater[first], own, names, rows.rater is not None)
        block = np.ascontiguousarray(np.concatenate([rows.values[:, bounds[s] : bounds[s + 1]] for s in members]))
        groups.append(RatingSets(layout, block, np.add.outer(members, folds).ravel()))
    return tuple(groups)
