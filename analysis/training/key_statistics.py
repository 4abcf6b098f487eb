"""Bias, share within one point, weighted kappa and ICC(A,1) of ratings against a key, each with its limits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import special

from doublecode.schemas.errors import NotEstimable

Floats = NDArray[np.float64]
CRITERIA: Final = ("bias", "within_one", "kappa", "icc")
_LONG: Final[dict[str, Any]] = {"targets": "target", "raters": "who", "ratings": "value", "by": "set"}


def key_statistics(matched: pd.DataFrame, by: Sequence[str], conf_level: float) -> pd.DataFrame:
    """Statistics of each set of pairs.

    Parameters
    ----------
    matched : DataFrame
        ``target, rating, key`` without missing values, and the columns `by`.
    by : sequence of str
        What makes a set: the trainee, the scale.
    conf_level : float

    Returns
    -------
    DataFrame
        One row per set and criterion, in the order of :data:`CRITERIA`: `by`, ``criterion, estimate, conf_low,
        conf_high``; NaN where it is not defined. ``span``: the range of all ratings and keys of the set, in points.
    """
    rows = matched.assign(set=matched.groupby(list(by), sort=True, observed=True).ngroup())
    n_sets = int(rows["set"].max()) + 1
    found = {
        "bias": _bias(rows, n_sets, conf_level),
        "within_one": _within(rows, n_sets, conf_level),
        "kappa": _kappa(rows, n_sets, conf_level),
        "icc": _icc(rows, n_sets, conf_level),
    }
    keys = rows.drop_duplicates("set").sort_values("set")[list(by)].reset_index(drop=True)
    keys["span"] = _spans(matched, by, keys)
    parts = [
        keys.assign(criterion=name, estimate=found[name][0], conf_low=found[name][1], conf_high=found[name][2])
        for name in CRITERIA
    ]
    return pd.concat(parts).sort_index(kind="stable").reset_index(drop=True)


def _spans(matched: pd.DataFrame, by: Sequence[str], keys: pd.DataFrame) -> Floats:
    """Range of the codes in use, of all trainees together: the sets of one scale share it."""
    own = list(by[1:])
    ends = pd.concat([matched[own].assign(value=matched[name]) for name in ("rating", "key")])
    if not own:
        return np.full(len(keys), float(np.ptp(ends["value"].to_numpy(dtype=float))))
    spans = ends.groupby(own, observed=True)["value"].agg(np.ptp).rename("span").reset_index()
    return keys[own].merge(spans, on=own, how="left")["span"].to_numpy(dtype=float)


def _bias(rows: pd.DataFrame, n_sets: int, conf_level: float) -> tuple[Floats, Floats, Floats]:
    """Mean of rating − key, limits by t."""
    apart = (rows["rating"] - rows["key"]).groupby(rows["set"], observed=True)
    n, mean = apart.size().to_numpy(dtype=float), apart.mean().to_numpy(dtype=float)
    with np.errstate(invalid="ignore", divide="ignore"):
        error = apart.std().to_numpy(dtype=float) / np.sqrt(n)
    reach = np.where(n > 1, special.stdtrit(np.maximum(n - 1, 1), (1 + conf_level) / 2), np.nan) * error
    return mean, mean - reach, mean + reach


def _within(rows: pd.DataFrame, n_sets: int, conf_level: float) -> tuple[Floats, Floats, Floats]:
    """Share of ratings within one point of the key, limits by Wilson (1927)."""
    from scipy.stats import binomtest

    near = ((rows["rating"] - rows["key"]).abs() <= 1.0 + 1e-9).groupby(rows["set"], observed=True)
    tests = [binomtest(int(count), int(n)) for count, n in zip(near.sum(), near.size(), strict=True)]
    limits = [one.proportion_ci(conf_level, method="wilson") for one in tests]
    share, low, high = np.array(
        [(test.statistic, ci.low, ci.high) for test, ci in zip(tests, limits, strict=True)], dtype=np.float64
    ).T
    return share, low, high


def _long(rows: pd.DataFrame) -> pd.DataFrame:
    """Both raters of each pair below one another."""
    parts = [rows[["set", "target"]].assign(who=name, value=rows[name].astype(float)) for name in ("key", "rating")]
    return pd.concat(parts, ignore_index=True)


def _kappa(rows: pd.DataFrame, n_sets: int, conf_level: float) -> tuple[Floats, Floats, Floats]:
    from doublecode.analysis.concordance.coefficients import agreement

    try:
        found = agreement(_long(rows), **_LONG, weights=("linear",), levels=(), conf_level=conf_level).frame
    except NotEstimable:
        return _nothing(n_sets)
    return _of_sets(found[found["coefficient"] == "Cohen's kappa"], n_sets)


def _icc(rows: pd.DataFrame, n_sets: int, conf_level: float) -> tuple[Floats, Floats, Floats]:
    from doublecode.analysis.reliability.interrater import icc

    try:
        found = icc(_long(rows), **_LONG, conf_level=conf_level).frame
    except NotEstimable:
        return _nothing(n_sets)
    return _of_sets(found[found["form"] == "ICC(A,1)"], n_sets)


def _nothing(n_sets: int) -> tuple[Floats, Floats, Floats]:
    none = np.full(n_sets, np.nan)
    return none, none.copy(), none.copy()


def _of_sets(found: pd.DataFrame, n_sets: int) -> tuple[Floats, Floats, Floats]:
    """Estimate and limits by number of the set; NaN where a set has none."""
    table = found.set_index("set")[["estimate", "conf_low", "conf_high"]].reindex(range(n_sets))
    estimate, low, high = table.to_numpy(dtype=float).T
    return estimate, low, high
