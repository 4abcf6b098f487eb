"""Item scores of a wide frame, read with care, and their covariance matrices over resampled units.

A *unit* is what is drawn again in a jackknife or bootstrap: the patient where
`clusters` is named, else the row. All moments are sums over units, so that a
resample is one row of weights (`(n_sets, n_units)`) and 2,000 covariance
matrices are one matrix product.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from doublecode.analysis.consistency.em_rounds import ROUNDS_BETWEEN, refuse_singular, rounds_left
from doublecode.analysis.consistency.observed_blocks import log_determinants, padded_inverse
from doublecode.schemas.column_types import missing_in
from doublecode.schemas.errors import ContractError, NotEstimable, UsageError

Array = NDArray[np.float64]
Missing = Literal["fiml", "pairwise", "listwise"]
MISSING_RULES: tuple[Missing, ...] = ("fiml", "pairwise", "listwise")


@dataclass(frozen=True)
class ItemData:
    """Item scores ready for estimation.

    `scores` is (n_rows, n_items), NaN where an item is missing; `unit` is (n_rows,) with
    0 … n_units − 1; `counts` tells what was read and what was dropped.
    """

    items: tuple[str, ...]
    scores: Array
    unit: NDArray[np.intp]
    n_units: int
    unit_name: str
    counts: dict[str, Any]

    @property
    def n_rows(self) -> int:
        """Rows that carry at least one item."""
        return int(self.scores.shape[0])

    @property
    def complete(self) -> bool:
        """Whether no item score is missing."""
        return not bool(np.isnan(self.scores).any())

    def rows(self, keep: NDArray[np.bool_]) -> ItemData:
        """The same items for some rows only; units are numbered anew."""
        codes, unit = np.unique(self.unit[keep], return_inverse=True)
        scores = self.scores[keep]
        counts = {"n_rows": len(scores), "n_units": len(codes), "n_missing": int(np.isnan(scores).sum())}
        return ItemData(self.items, scores, unit.astype(np.intp), len(codes), self.unit_name, counts)

    def columns(self, items: Sequence[str]) -> ItemData:
        """Some of the items, for the rows that carry at least one of them."""
        at = [self.items.index(item) for item in items]
        part = ItemData(tuple(items), self.scores[:, at], self.unit, self.n_units, self.unit_name, self.counts)
        return part.rows(np.asarray(~np.isnan(part.scores).all(axis=1)))


def read_items(
    data: pd.DataFrame,
    items: Sequence[str] | None = None,
    clusters: str | None = None,
    by: str | None = None,
    *,
    least: int = 2,
) -> ItemData:
    """Check a wide frame and return its item scores.

    Raises
    ------
    UsageError
        A named column is absent, or fewer than `least` items are named.
    ContractError
        An item column holds text, truth values or infinite numbers; or a row has no cluster.
    """
    if not hasattr(data, "columns"):
        raise UsageError(f"data must be a pandas DataFrame with a column per item, not {type(data).__name__}.")
    data = data.rename(columns=str)
    names = _item_names(data, items, clusters, by, least)
    scores = np.column_stack([_numbers(data, name) for name in names])
    unit_codes = _unit_codes(data, clusters)
    empty = np.isnan(scores).all(axis=1)
    codes, unit = np.unique(unit_codes[~empty], return_inverse=True)
    counts = {
        "n_rows": int((~empty).sum()),
        "n_units": len(codes),
        "n_missing": int(np.isnan(scores[~empty]).sum()),
        "rows_dropped": int(empty.sum()),
        "reason": "no item rated" if empty.any() else "",
    }
    unit_name = clusters or "row"
    return ItemData(tuple(names), scores[~empty], unit.astype(np.intp), len(codes), unit_name, counts)


def kept_rows(data: pd.DataFrame, items: Sequence[str]) -> NDArray[np.bool_]:
    """Rows of `data` that `read_items` keeps: those with at least one item."""
    return np.asarray(~data.rename(columns=str)[list(items)].isna().to_numpy().all(axis=1))


def _item_names(
    data: pd.DataFrame, items: Sequence[str] | None, clusters: str | None, by: str | None, least: int
) -> list[str]:
    if isinstance(items, str):
        raise UsageError(f"items must be a list of column names; found the text {items!r}. Write items=[{items!r}].")
    if not data.columns.is_unique:
        raise ContractError("The frame has two columns of the same name; each item needs a name of its own.")
    names = [c for c in data.columns if c not in (clusters, by)] if items is None else [str(c) for c in items]
    wanted = [*names, *(c for c in (clusters, by) if c is not None)]
    absent = [name for name in wanted if name not in data.columns]
    if absent:
        raise UsageError(f"Not in the frame: {', '.join(absent)}. Its columns are {', '.join(map(str, data.columns))}.")
    doubled = sorted({name for name in wanted if wanted.count(name) > 1})
    if doubled:
        raise UsageError(f"Named twice among items, clusters and by: {', '.join(doubled)}. Name each column once.")
    if len(names) < least:
        raise UsageError(f"{len(names)} item(s) named ({', '.join(names)}); at least {least} are needed.")
    return names


def _numbers(data: pd.DataFrame, name: str) -> Array:
    column = data[name]
    if pd.api.types.is_bool_dtype(column):
        raise ContractError(f"Item {name!r} holds truth values; code it as numbers first.")
    if not pd.api.types.is_numeric_dtype(column):
        numbers = (int, float, np.number)
        odd = [v for v in column.dropna().unique() if not isinstance(v, numbers) or isinstance(v, (bool, np.bool_))]
        if odd:
            raise ContractError(
                f"Item {name!r} holds {odd[0]!r}, which is not a number; name the item columns with items=[…]."
            )
    values = column.to_numpy(dtype=float, na_value=np.nan)
    if np.isinf(values).any():
        raise ContractError(
            f"Item {name!r} holds an infinite number in row {data.index[int(np.argmax(np.isinf(values)))]}."
        )
    return values


def _unit_codes(data: pd.DataFrame, clusters: str | None) -> NDArray[np.intp]:
    if clusters is None:
        return np.arange(len(data), dtype=np.intp)
    lacking = missing_in(data[clusters])
    if lacking.any():
        raise ContractError(
            f"{int(lacking.sum())} row(s) have no {clusters!r} (first: row {data.index[int(np.argmax(lacking))]}); "
            "every row must belong to one. Fill it in, or leave the rows out before."
        )
    return np.asarray(pd.factorize(data[clusters], sort=True)[0], dtype=np.intp)


def all_units(n_units: int) -> Array:
    """Weights (1, n_units) of the sample itself."""
    return np.ones((1, n_units))


def covariances(data: ItemData, weights: Array, missing: Missing = "fiml") -> Array:
    """ML covariance matrices (divisor n) of every weighted resample.

    Parameters
    ----------
    data
        Item scores; with missing items, see `missing`.
    weights
        (n_sets, n_units), how often each unit is drawn.
    missing
        ``"fiml"``: saturated normal maximum likelihood (EM); ``"pairwise"``: each
        covariance from the rows that carry both items; ``"listwise"``: complete rows only.

    Returns
    -------
    Array
        (n_sets, n_items, n_items).
    """
    if missing not in MISSING_RULES:
        raise UsageError(f"missing={missing!r} is not known; allowed are {', '.join(MISSING_RULES)}.")
    if data.complete:
        return _complete_covariances(data, weights)
    if missing == "pairwise":
        return _pairwise_covariances(data, weights)
    if missing == "listwise":
        return _complete_covariances(listwise(data), weights)
    return saturated_normal(data, weights)[1]


def listwise(data: ItemData) -> ItemData:
    """The complete rows; unit numbers are kept as they are."""
    keep = ~np.isnan(data.scores).any(axis=1)
    if not keep.any():
        raise NotEstimable(
            f"None of the {data.n_rows} rows holds all of {', '.join(data.items)}; this answer needs complete rows. "
            "Leave out the items that are seldom rated, or take an answer that uses incomplete rows (missing='fiml')."
        )
    return ItemData(
        data.items, data.scores[keep], data.unit[keep], data.n_units, data.unit_name,
        {**data.counts, "n_rows": int(keep.sum()), "rows_incomplete": int((~keep).sum())},
    )  # fmt: skip


def pair_counts(data: ItemData, weights: Array) -> Array:
    """Rows that hold both items of each pair, (n_sets, n_items, n_items); on the diagonal those that hold the item."""
    p = len(data.items)
    seen = (~np.isnan(data.scores)).astype(float)
    both = unit_sums((seen[:, :, None] * seen[:, None, :]).reshape(len(seen), p * p), data.unit, data.n_units)
    return np.asarray((weights @ both).reshape(-1, p, p))


def unit_sums(values: Array, unit: NDArray[np.intp], n_units: int) -> Array:
    """Sums of the rows of `values` (n_rows, m) per unit: (n_units, m)."""
    flat = np.zeros((n_units, values.shape[1]))
    np.add.at(flat, unit, values)
    return flat


def _complete_covariances(data: ItemData, weights: Array) -> Array:
    p = len(data.items)
    x = data.scores - data.scores.mean(axis=0)
    cross = (x[:, :, None] * x[:, None, :]).reshape(len(x), p * p)
    sums = weights @ unit_sums(np.column_stack([np.ones(len(x)), x, cross]), data.unit, data.n_units)
    n = sums[:, :1]
    mean = sums[:, 1 : p + 1] / n
    second = (sums[:, p + 1 :] / n).reshape(-1, p, p)
    return second - mean[:, :, None] * mean[:, None, :]


def _pairwise_covariances(data: ItemData, weights: Array) -> Array:
    p = len(data.items)
    seen = (~np.isnan(data.scores)).astype(float)
    x = np.where(seen > 0, data.scores - np.nanmean(data.scores, axis=0), 0.0)

    def summed(a: Array, b: Array) -> Array:
        product = (a[:, :, None] * b[:, None, :]).reshape(len(a), p * p)
        return (weights @ unit_sums(product, data.unit, data.n_units)).reshape(-1, p, p)

    n, first, cross = summed(seen, seen), summed(x, seen), summed(x, x)
    if (n < 2).any(axis=(1, 2)).all():
        i, j = np.argwhere((n < 2).any(axis=0))[0]
        raise NotEstimable(
            f"Items {data.items[i]!r} and {data.items[j]!r} are never rated together often enough "
            "for a pairwise covariance; use missing='fiml' or leave one out."
        )
    n = np.where(n < 2, np.nan, n)  # a resample that holds a pair less than twice has no answer
    # each pair over its own n − 1, as R and psych have it; one factor for all puts it on the scale of ÷ n
    most = np.nanmax(n, axis=(1, 2), keepdims=True)
    return np.asarray((cross - first * np.swapaxes(first, 1, 2) / n) / (n - 1.0) * ((most - 1.0) / most))


@dataclass(frozen=True)
class Pattern:
    """Rows that carry the same items: summed moments over units, per set of weights.

    `observed` (n_items,) bool; `n` (n_sets,); `mean` (n_sets, n_items) and `second`
    (n_sets, n_items, n_items): mean and mean product about a common origin, 0 where not observed.
    """

    observed: NDArray[np.bool_]
    n: Array
    mean: Array
    second: Array

    def some(self, sets: NDArray[np.intp] | NDArray[np.bool_]) -> Pattern:
        """The statistics of some of the sets."""
        return Pattern(self.observed, self.n[sets], self.mean[sets], self.second[sets])


def patterns(data: ItemData, weights: Array) -> tuple[Array, list[Pattern]]:
    """Sufficient statistics of each missingness pattern, about the column means (n_items,)."""
    p = len(data.items)
    origin = np.nanmean(data.scores, axis=0)
    seen = ~np.isnan(data.scores)
    kinds, which = np.unique(seen, axis=0, return_inverse=True)
    found = []
    for k, observed in enumerate(kinds):
        rows = which.ravel() == k
        x = np.where(observed, data.scores[rows] - origin, 0.0)
        cross = (x[:, :, None] * x[:, None, :]).reshape(len(x), p * p)
        columns = np.column_stack([np.ones(len(x)), x, cross])
        sums = weights @ unit_sums(columns, data.unit[rows], data.n_units)
        n = sums[:, 0]
        safe = np.maximum(n, 1e-300)[:, None]
        found.append(Pattern(observed, n, sums[:, 1 : p + 1] / safe, (sums[:, p + 1 :] / safe).reshape(-1, p, p)))
    return origin, found


def saturated_normal(
    data: ItemData, weights: Array, *, tolerance: float = 1e-10, max_iterations: int = 5000
) -> tuple[Array, Array, Array]:
    """Mean, covariance (divisor n) and log-likelihood of the unrestricted normal model, by EM.

    Its rounds rise by themselves: a fixed point without step or gradient, so not a descent. A set whose changes shrink
    too slowly to end in `max_iterations` rounds is given up as soon as that is seen: its covariances run to a singular
    matrix, ever slower.

    Returns
    -------
    tuple of Array
        Means (n_sets, p), covariances (n_sets, p, p), log-likelihoods (n_sets,); NaN for a resample that holds no
        row of some pair of items, or for which the rounds do not end.

    Raises
    ------
    NotEstimable
        No set has a solution that the rounds reach.

    References
    ----------
    Little & Rubin (2002), *Statistical analysis with missing data*, section 11.2.
    """
    origin, found = patterns(data, weights)
    p = len(data.items)
    held = (pair_counts(data, weights) > 0).all(axis=(1, 2))
    if not held.all():
        answer = (
            np.full((len(weights), p), np.nan),
            np.full((len(weights), p, p), np.nan),
            np.full(len(weights), np.nan),
        )
        if held.any():
            part = saturated_normal(data, weights[held], tolerance=tolerance, max_iterations=max_iterations)
            for whole, some in zip(answer, part, strict=True):
                whole[held] = some
        return answer
    mean = np.zeros((len(weights), p))
    spread = np.nanvar(data.scores, axis=0)
    scale = np.sqrt(spread[:, None] * spread)
    cov = np.tile(np.diag(spread), (len(weights), 1, 1))
    active, left = np.arange(len(weights)), found
    hopeless = np.zeros(len(weights), dtype=bool)
    earlier = np.full(len(weights), np.inf)
    for done in range(1, max_iterations + 1):
        with np.errstate(over="ignore", invalid="ignore"):  # of sets that run to a singular matrix
            new_mean, new_cov = _em_round(left, mean[active], cov[active])
            change = np.abs((new_cov - cov[active]) / scale).max(axis=(1, 2))
        mean[active], cov[active] = new_mean, new_cov
        going = change >= tolerance
        if done % ROUNDS_BETWEEN == 0:
            rest = rounds_left(change, earlier[active], tolerance)
            hopeless[active[going & (done + rest > max_iterations)]] = True
            earlier[active] = change
            going &= ~hopeless[active]
        if not going.all():
            active = active[going]
            left = [pattern.some(active) for pattern in found]
        if not len(active):
            break
    hopeless[active] = True
    if not hopeless.all():
        mean[hopeless], cov[hopeless] = np.nan, np.nan
        refuse_singular(cov, data.items)
        return mean + origin, cov, normal_loglik(found, mean, cov)
    n = pair_counts(data, weights)[0]
    i, j = np.unravel_index(np.argmin(n), n.shape)
    raise NotEstimable(
        f"The EM algorithm for missing items did not settle in {max_iterations} rounds: some correlation runs to ±1, "
        f"as it does where items are rarely rated together (the fewest: {data.items[i]!r} and {data.items[j]!r}, "
        f"{n[i, j]:.0f} rows). Leave one out, rate more rows with both, or use missing='pairwise' or 'listwise'."
    )


def _em_round(found: Sequence[Pattern], mean: Array, cov: Array) -> tuple[Array, Array]:
    """One expectation and maximisation of the saturated normal model."""
    first, second, total = np.zeros_like(mean), np.zeros_like(cov), np.zeros(len(mean))
    for pattern in found:
        m, s = _expected(pattern, mean, cov)
        first += pattern.n[:, None] * m
        second += pattern.n[:, None, None] * s
        total += pattern.n
    new_mean = first / total[:, None]
    return new_mean, second / total[:, None, None] - new_mean[:, :, None] * new_mean[:, None, :]


def _expected(pattern: Pattern, mean: Array, cov: Array) -> tuple[Array, Array]:
    """Expected mean (n_sets, p) and mean product (n_sets, p, p) of the completed rows of one pattern."""
    seen = pattern.observed
    slope = cov @ padded_inverse(cov, seen)  # (n_sets, p, p): rows of observed items are the identity
    shift = np.where(seen, 0.0, mean - np.einsum("sij,sj->si", slope, np.where(seen, mean, 0.0)))
    fitted = np.einsum("sij,sj->si", slope, pattern.mean)
    core = slope @ pattern.second @ np.swapaxes(slope, 1, 2)
    second = core + fitted[:, :, None] * shift[:, None, :] + shift[:, :, None] * fitted[:, None, :]
    left = cov - slope @ np.where(seen[:, None], cov, 0.0)
    left = np.where(seen[:, None] | seen[None, :], 0.0, left)
    return fitted + shift, second + shift[:, :, None] * shift[:, None, :] + left


def normal_loglik(found: Sequence[Pattern], mean: Array, cov: Array) -> Array:
    """Log-likelihood (n_sets,) of the observed items under N(mean, cov); mean about the common origin."""
    total = np.zeros(len(mean))
    for pattern in found:
        inverse = padded_inverse(cov, pattern.observed)
        quadratic = np.einsum("sij,sij->s", inverse, products_about(pattern, mean))
        constant = pattern.observed.sum() * np.log(2 * np.pi)
        total += -0.5 * pattern.n * (constant + log_determinants(cov, pattern.observed) + quadratic)
    return total


def products_about(pattern: Pattern, mean: Array) -> Array:
    """Mean product (n_sets, p, p) of one pattern about `mean`; zero where not observed."""
    m = np.where(pattern.observed, mean, 0.0)
    first = pattern.mean
    return np.asarray(
        pattern.second
        - first[:, :, None] * m[:, None, :]
        - m[:, :, None] * first[:, None, :]
        + m[:, :, None] * m[:, None, :]
    )
