"""Internal consistency: alpha and one-factor omega with intervals, pooled and per session.

The unit that is resampled is the patient (`clusters`), not the session: sessions of one
patient are alike, and treating them as independent makes the interval too short.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import pandas as pd

from doublecode.analysis.consistency.alpha_estimates import alpha_level
from doublecode.analysis.consistency.item_moments import Missing, read_items
from doublecode.analysis.consistency.omega_estimates import Resampling, omega_level
from doublecode.analysis.consistency.scale_levels import LevelTables, common_notes, levels_of
from doublecode.analysis.consistency.unit_resampling import Interval, check_interval, interval_name
from doublecode.analysis.rendering.answers import Answer


@dataclass(frozen=True, eq=False, repr=False)
class AlphaResult(Answer):
    """Answer of `alpha`.

    `frame`: level, term (alpha, alpha_standardised), estimate, std_error, df, conf_low, conf_high,
    method, n_rows, n_units, status. `items`: level, item, n, mean, sd, r_drop with conf_low and
    conf_high, raw_r, std_r, r_cor, and the coefficients if the item is dropped. `totals`: one row
    per level with raw_alpha, std_alpha, lambda6, average_r, median_r, signal_noise, ase, mean, sd.
    """

    spec: dict[str, Any]
    frame: pd.DataFrame
    items: pd.DataFrame
    totals: pd.DataFrame
    design: dict[str, Any]
    notes: tuple[str, ...]


@dataclass(frozen=True, eq=False, repr=False)
class OmegaResult(Answer):
    """Answer of `omega`.

    `frame`: level, term (omega, omega_standardised), estimate, std_error, df, conf_low, conf_high,
    estimator, matrix, formula, below_line, n_items, n_rows, n_units, status. `items`: level, item,
    n, mean, sd, r_drop with conf_low and conf_high, loading, loading_std, uniqueness, heywood,
    omega_if_dropped, alpha_if_dropped. `formulas`: the nine coefficients called omega, pooled rows.
    `fit`: one row of fit indices of the pooled one-factor model; `residuals`: residual correlations.
    """

    spec: dict[str, Any]
    frame: pd.DataFrame
    items: pd.DataFrame
    formulas: pd.DataFrame
    fit: pd.DataFrame
    residuals: pd.DataFrame
    design: dict[str, Any]
    notes: tuple[str, ...]


def alpha(
    data: pd.DataFrame,
    *,
    items: Sequence[str] | None = None,
    clusters: str | None = None,
    by: str | None = None,
    conf_level: float = 0.95,
    missing: Missing = "fiml",
) -> AlphaResult:
    """Cronbach's alpha with limits, and the corrected item–total correlations.

    Parameters
    ----------
    data
        Wide frame: one row per session (or patient and session), one column per item.
    items
        Item columns; all but `clusters` and `by` when not given.
    clusters
        Column that names the patient. Adds the jackknife over patients beside Feldt's limits,
        which take rows as independent.
    by
        Column of session number or phase: a block of rows per level besides the pooled one.
    conf_level
        Level of the intervals, between 0 and 1.
    missing
        How missing items enter the covariances: ``"fiml"`` (saturated normal model, EM),
        ``"pairwise"`` or ``"listwise"``.

    Returns
    -------
    AlphaResult

    Raises
    ------
    UsageError, ContractError
        A column is absent, doubled or not numeric.
    NotEstimable
        An item without spread, or fewer rows than items plus one, in the pooled data.

    Notes
    -----
    alpha = p/(p−1) · (1 − Σ s²_i / s²_sum). Feldt's limits: 1 − (1 − alpha)·F quantiles with
    n − 1 and (n − 1)(p − 1) degrees of freedom.

    References
    ----------
    Cronbach (1951), *Psychometrika* 16; Feldt, Woodruff & Salih (1987), *Applied Psychological
    Measurement* 11; Duhachek & Iacobucci (2004), *Journal of Applied Psychology* 89.

    Examples
    --------
    >>> import pandas as pd
    >>> ratings = pd.DataFrame({"a": [1, 2, 3, 4, 4], "b": [1, 3, 3, 4, 5], "c": [2, 2, 3, 5, 4]})
    >>> round(float(alpha(ratings).frame["estimate"].iloc[0]), 3)
    0.947
    """
    check_interval("jackknife", conf_level, 2000)
    read = read_items(data, items, clusters, by)
    found = LevelTables()
    for level, part in levels_of(data, read, by):
        found.add(level, partial(alpha_level, level, part, conf_level, missing))
    spec: dict[str, Any] = {"function": "alpha", "items": list(read.items), "clusters": clusters, "by": by}
    spec |= {"conf_level": conf_level, "missing": missing}
    notes = (*common_notes(read, clusters, missing, by, data), *found.notes)
    if clusters is not None:
        notes = (*notes, f"Feldt's limits take rows as independent; the jackknife takes {clusters} as the unit.")
    return AlphaResult(spec, found.frame(0), found.frame(1), found.frame(2), read.counts, notes)


def omega(
    data: pd.DataFrame,
    *,
    items: Sequence[str] | None = None,
    clusters: str | None = None,
    by: str | None = None,
    conf_level: float = 0.95,
    seed: int = 0,
    interval: Interval = "jackknife",
    n_boot: int = 2000,
    missing: Missing = "fiml",
) -> OmegaResult:
    """Omega total of a one-factor maximum-likelihood model, with an interval over patients.

    Parameters
    ----------
    data
        Wide frame: one row per session (or patient and session), one column per item.
    items
        Item columns, at least three; all but `clusters` and `by` when not given.
    clusters
        Column that names the patient, the unit that is resampled; rows when not given.
    by
        Column of session number or phase: rows per level besides the pooled one.
    conf_level
        Level of the intervals, between 0 and 1.
    seed
        Seed of the bootstrap; the jackknife uses none.
    interval
        ``"jackknife"`` or ``"bootstrap"``: standard error on the logit scale with t(P − 1);
        ``"percentile"``, ``"bca"``: too short with few patients, for comparison.
    n_boot
        Number of bootstrap samples.
    missing
        Missing items: ``"fiml"``, ``"pairwise"`` or ``"listwise"``.

    Returns
    -------
    OmegaResult

    Raises
    ------
    UsageError, ContractError
        A column is absent, doubled or not numeric; fewer than three items; an unknown option.
    NotEstimable
        The pooled data carry no one-factor model: no spread, too few rows, a covariance matrix
        that is not positive definite. A single level that fails is a row with its reason.

    Notes
    -----
    omega = (Σλ)² / [(Σλ)² + Σψ], λ and ψ of the covariances (``term = "omega"``) or of the
    correlations (``"omega_standardised"``). `formulas` holds those with the observed variance
    below the line, and minres, beside them.

    References
    ----------
    McDonald (1999), *Test theory*; Kelley & Pornprasertmanit (2016), *Psychological Methods* 21.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> rng = np.random.default_rng(1)
    >>> factor = rng.normal(size=(120, 1))
    >>> ratings = pd.DataFrame(factor + rng.normal(size=(120, 4)), columns=list("abcd"))
    >>> ratings["patient"] = np.repeat(np.arange(20), 6)
    >>> answer = omega(ratings, clusters="patient")
    >>> answer.frame[["term", "estimate", "conf_low", "conf_high"]].head(1).round(2).to_numpy().tolist()
    [['omega', 0.76, 0.66, 0.83]]
    """
    check_interval(interval, conf_level, n_boot)
    read = read_items(data, items, clusters, by, least=3)
    how = Resampling(conf_level, interval, n_boot, seed, missing)
    found = LevelTables()
    for level, part in levels_of(data, read, by):
        found.add(level, partial(omega_level, level, part, how))
    spec: dict[str, Any] = {"function": "omega", "items": list(read.items), "clusters": clusters, "by": by}
    spec |= {"conf_level": conf_level, "seed": seed, "interval": interval, "n_boot": n_boot, "missing": missing}
    spec["method"] = interval_name(interval, read.unit_name, n_units=read.n_units)
    notes = (*common_notes(read, clusters, missing, by, data), *found.notes)
    frame, table, formulas, fit, residuals = (found.frame(k) for k in range(5))
    return OmegaResult(spec, frame, table, formulas, fit, residuals, read.counts, notes)
