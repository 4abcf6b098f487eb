"""Alpha, Feldt's limits and corrected item–total correlations of one block of rows."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import numpy as np
import pandas as pd
from scipy import special

from doublecode.analysis.consistency import item_statistics as st
from doublecode.analysis.consistency.estimable_items import check_rows
from doublecode.analysis.consistency.item_moments import (
    Array,
    ItemData,
    Missing,
    all_units,
    covariances,
    listwise,
)
from doublecode.analysis.consistency.observed_blocks import correlations
from doublecode.analysis.consistency.scale_levels import POOLED, Frames, LevelState, note_of
from doublecode.analysis.consistency.unit_resampling import (
    FISHER_Z,
    LOG_COMPLEMENT,
    ROW,
    Limits,
    interval_name,
    limits_of,
)
from doublecode.schemas.errors import NotEstimable
from doublecode.schemas.results import Note


def alpha_level(level: Hashable, part: ItemData, conf_level: float, missing: Missing) -> Frames:
    """Frames of one level (coefficients, items, totals) and its notes."""
    check_rows(part, missing)
    S = covariances(part, all_units(part.n_units), missing)
    if S.sum() <= 1e-12 * np.trace(S[0]):
        raise NotEstimable("The sum of the items does not vary: they cancel one another. Does an item want reversing?")
    rows, failed = _alpha_rows(level, part, S, conf_level, missing)
    frame = pd.DataFrame(rows)

    def correlation(weights: Array) -> Array:
        with np.errstate(invalid="ignore", divide="ignore"):
            return st.r_drop_of(covariances(part, weights, missing))

    r_drop, limits, failed = limits_of(correlation, part.n_units, conf_level=conf_level, scale=FISHER_Z)
    items, notes = item_total_frame(level, part, r_drop, limits)
    if failed and part.unit_name != ROW:
        notes.append(note_of(level, "alpha_jackknife_undefined", failed=failed, n=part.n_units))
    extra = pd.DataFrame(_alpha_item_columns(S, rows_used(part, missing)))
    if failed:
        notes.append(note_of(level, "alpha_not_without_each", failed=failed))
    if np.isnan(st.lambda6_of(S)[0]):
        notes.append(note_of(level, "item_is_a_sum"))
    return [frame, pd.concat([items, extra], axis=1), _totals(level, part, S, missing)], notes


def rows_used(part: ItemData, missing: Missing) -> int:
    """Rows that the covariances rest on."""
    return listwise(part).n_rows if missing == "listwise" else part.n_rows


def _alpha_rows(
    level: Hashable, part: ItemData, S: Array, conf_level: float, missing: Missing
) -> tuple[list[dict[str, Any]], int]:
    """Rows of alpha with Feldt's limits and over units, and how many units have no alpha without them."""
    n, p = rows_used(part, missing), len(part.items)
    rows = []
    for term, matrix in (("alpha", S), ("alpha_standardised", correlations(S))):
        value = float(st.alpha_of(matrix)[0])
        low, high = feldt_limits(value, n, p, conf_level)
        error = float(st.alpha_standard_error(matrix, n)[0])
        rows.append(_row(level, term, value, error, float(n - 1), low, high, "Feldt, rows independent", part))
    if part.unit_name == ROW:
        return rows, 0

    def both(weights: Array) -> Array:
        cov = covariances(part, weights, missing)
        return np.column_stack([st.alpha_of(cov), st.alpha_of(correlations(cov))])

    estimate, limits, failed = limits_of(both, part.n_units, conf_level=conf_level, scale=LOG_COMPLEMENT)
    method = interval_name("jackknife", part.unit_name, LOG_COMPLEMENT, part.n_units)
    for j, term in enumerate(("alpha", "alpha_standardised")):
        value, error, df = float(estimate[j]), float(limits.std_error[j]), float(limits.df[j])
        rows.append(_row(level, term, value, error, df, float(limits.low[j]), float(limits.high[j]), method, part))
    return rows, failed


def _row(
    level: Hashable, term: str, estimate: float, error: float, df: float, low: float, high: float,
    method: str, part: ItemData,
) -> dict[str, Any]:  # fmt: skip
    row = {"level": level, "term": term, "estimate": estimate, "std_error": error, "df": df}
    row |= {"conf_low": low, "conf_high": high, "method": method, "n_items": len(part.items)}
    return row | {"n_rows": part.n_rows, "n_units": part.n_units, "status": str(LevelState.ESTIMATED)}


def feldt_limits(estimate: float, n_rows: int, n_items: int, conf_level: float = 0.95) -> tuple[float, float]:
    """Feldt's confidence limits of alpha for independent rows.

    Examples
    --------
    >>> low, high = feldt_limits(0.8, 100, 6)
    >>> round(low, 3), round(high, 3)
    (0.733, 0.855)
    """
    df1, df2 = n_rows - 1, (n_rows - 1) * (n_items - 1)
    tail = (1 - conf_level) / 2
    low = 1 - (1 - estimate) * special.fdtri(df1, df2, 1 - tail)
    return float(low), float(1 - (1 - estimate) * special.fdtri(df1, df2, tail))


def _alpha_item_columns(S: Array, n_rows: int) -> dict[str, Array]:
    p = S.shape[1]
    out: dict[str, Array] = {
        "raw_r": st.r_total_of(S)[0],
        "std_r": st.r_total_of(correlations(S))[0],
        "r_cor": st.r_overlap_corrected_of(S)[0],
    }
    if p == 2:  # one item left: nothing to correlate
        return out
    rest = [st.without(S, i) for i in range(p)]
    off = [st.off_diagonal(T)[0] for T in rest]
    mean = np.array([values.mean() for values in off])
    out["alpha_if_dropped"] = np.array([st.alpha_of(T)[0] for T in rest])
    out["std_alpha_if_dropped"] = np.array([st.alpha_of(correlations(T))[0] for T in rest])
    out["lambda6_if_dropped"] = np.array([st.lambda6_of(T)[0] for T in rest])
    out["average_r_if_dropped"] = mean
    out["median_r_if_dropped"] = np.array([np.median(values) for values in off])
    out["var_r_if_dropped"] = np.array([values.var(ddof=1) if len(values) > 1 else np.nan for values in off])
    out["signal_noise_if_dropped"] = (p - 1) * mean / (1 - mean)
    out["alpha_se_if_dropped"] = np.array([st.alpha_standard_error(T, n_rows)[0] for T in rest])
    return out


def _totals(level: Hashable, part: ItemData, S: Array, missing: Missing) -> pd.DataFrame:
    off, p = st.off_diagonal(S)[0], S.shape[1]
    person = np.nanmean(part.scores, axis=1)
    numbers = {
        "raw_alpha": st.alpha_of(S)[0],
        "std_alpha": st.alpha_of(correlations(S))[0],
        "lambda6": st.lambda6_of(S)[0],
        "average_r": off.mean(),
        "median_r": np.median(off),
        "signal_noise": p * off.mean() / (1 - off.mean()),
        "ase": st.alpha_standard_error(S, rows_used(part, missing))[0],
        "mean": person.mean(),
        "sd": person.std(ddof=1),
    }
    return pd.DataFrame([{"level": level, **numbers, "n_rows": part.n_rows, "n_units": part.n_units}])


def item_total_frame(level: Hashable, part: ItemData, r_drop: Array, limits: Limits) -> tuple[pd.DataFrame, list[Note]]:
    """Item descriptives and corrected item–total correlations with their limits (Fisher z scale)."""
    frame = pd.DataFrame(
        {
            "level": [level] * len(part.items),
            "item": list(part.items),
            "n": (~np.isnan(part.scores)).sum(axis=0),
            "mean": np.nanmean(part.scores, axis=0),
            "sd": np.nanstd(part.scores, axis=0, ddof=1),
            "r_drop": r_drop,
            "conf_low": limits.low,
            "conf_high": limits.high,
        }
    )
    return frame, _reversal_notes(level, frame)


def _reversal_notes(level: Hashable, frame: pd.DataFrame) -> list[Note]:
    if level != POOLED:
        return []
    turned = frame[frame["r_drop"] < 0]
    return [
        Note("negative_item_total", numbers={"item": item, "r_drop": float(r)})
        for item, r in zip(turned["item"], turned["r_drop"], strict=True)
    ]
