"""Internal consistency: alpha and the kinds of omega with intervals, pooled and per session.

The unit that is resampled is the patient (`clusters`), not the session: sessions of one
patient are alike, and treating them as independent makes the interval too short.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from doublecode.analysis.consistency.alpha_estimates import alpha_level
from doublecode.analysis.consistency.alpha_omega_results import AlphaResult, OmegaResult
from doublecode.analysis.consistency.codebook_items import items_by_codebook
from doublecode.analysis.consistency.item_moments import Missing, kept_rows, read_items
from doublecode.analysis.consistency.omega_kinds import Kind, options_of, parts_of
from doublecode.analysis.consistency.scale_levels import LevelTables, common_notes, levels_of, missing_counts
from doublecode.analysis.consistency.unit_resampling import Interval, check_interval
from doublecode.schemas.frames import as_pandas
from doublecode.schemas.results import Note, distinct

if TYPE_CHECKING:
    import pandas as pd

    from doublecode.analysis.results.spread_work import Progress, Workers
    from doublecode.schemas.instrument import Instrument


def alpha(
    data: pd.DataFrame,
    *,
    items: Sequence[str] | str | None = None,
    instrument: Instrument | str | None = None,
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
        Item columns; all but `clusters` and `by` when not given. With `instrument`: its items, the name of a
        scale of it, or nothing where it has one scale.
    instrument
        A codebook, or the name of a shipped one: items that it reverses are reversed here. Without it
        items stay as they are.
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
    InstrumentError
        No such instrument, scale or item.
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
    data = as_pandas(data)
    check_interval("jackknife", conf_level, 2000)
    named = items_by_codebook(data, items, instrument)
    read = read_items(named.data, named.items, clusters, by)
    found = LevelTables()
    for level, part in levels_of(named.data, read, by):
        found.add(level, partial(alpha_level, level, part, conf_level, missing))
    spec: dict[str, Any] = {"function": "alpha", "items": list(read.items), **named.spec}
    spec |= {"clusters": clusters, "by": by, "conf_level": conf_level, "missing": missing, "labels": named.labels}
    notes = [*named.notes, *common_notes(read, clusters, missing, by, named.data), *found.notes]
    if clusters is not None:
        notes.append(Note("feldt_and_jackknife", numbers={"clusters": clusters}))
    rows = data.index[kept_rows(data, read.items)]
    design = read.counts | missing_counts(read, missing)
    return AlphaResult(spec, found.frame(0), found.frame(1), found.frame(2), design, distinct(notes), rows)


def omega(
    data: pd.DataFrame,
    *,
    items: Sequence[str] | str | None = None,
    instrument: Instrument | str | None = None,
    kind: Kind = "total",
    clusters: str | None = None,
    by: str | None = None,
    conf_level: float = 0.95,
    seed: int = 0,
    interval: Interval | None = None,
    n_boot: int | None = None,
    missing: Missing | None = None,
    n_factors: int | None = None,
    targets: Sequence[str] | None = None,
    raters: str | None = None,
    workers: Workers | None = None,
    progress: Progress | None = None,
) -> OmegaResult:
    """Omega of a scale, with an interval over patients: the reliability of a sum by a factor model.

    Parameters
    ----------
    data
        Wide frame: one row per session (or patient and session), one column per item. For
        ``kind="psych_default"`` also a square correlation matrix.
    items
        Item columns, at least three; all but `clusters`, `by`, `targets` and `raters` when not given. With
        `instrument`: its items, the name of a scale of it, or nothing where it has one scale.
    instrument
        A codebook, or the name of a shipped one: items that it reverses are reversed here. Without it
        items stay as they are.
    kind
        ``"total"``: one maximum-likelihood factor of the covariances.
        ``"categorical"``: reliability of a sum of ordered codes, by polychoric correlations; codes of *one* rater.
        ``"hierarchical"``: a general factor beside group factors, by Schmid–Leiman.
        ``"multilevel"``: within patients, between patients and of the single session; needs `clusters`.
        ``"psych_default"``: what R's ``psych::omega`` prints, a reproduction without interval.
    clusters
        Column that names the patient, the unit that is resampled; rows when not given.
    by
        Column of session number or phase: rows per level besides the pooled one (`total`).
    conf_level
        Level of the intervals, between 0 and 1.
    seed
        Seed of the bootstrap, of groups left out together beyond 2,000 units, and of the draw of raters.
    interval
        ``"jackknife"`` (when not given) or ``"bootstrap"``: standard error on the logit scale with t(P − 1);
        ``"percentile"``, ``"bca"``: too short with few patients, for comparison. Not for `multilevel`.
    n_boot
        Number of bootstrap samples: 2,000, `hierarchical` 500, `categorical` 200.
    missing
        Missing items: ``"fiml"`` (when not given), ``"pairwise"`` or ``"listwise"`` (`total`, `hierarchical`).
        `categorical` takes each pair of items on the rows that have both; `multilevel` complete rows.
    n_factors
        Number of group factors (`hierarchical`, `psych_default`); 3 when not given.
    targets, raters
        Columns that name what was rated, say ``["patient", "session"]``, and who rated it: where several
        raters have a row, one is drawn by `seed` (`categorical`).
    workers, progress
        Cores or a cluster for the resamples, and what is told how many are done (`total`, `hierarchical`,
        `categorical`); the limits are the same, and what is kept is not done again.

    Returns
    -------
    OmegaResult

    Raises
    ------
    UsageError, ContractError
        A column is absent, doubled or not numeric; fewer than three items; an option that the kind does not
        understand; half points or too many codes (`categorical`).
    InstrumentError
        No such instrument, scale or item.
    NotEstimable
        The pooled data carry no such model: no spread, too few rows, a covariance matrix that is not positive
        definite, more factors than the items identify, fewer than three patients with two sessions
        (`multilevel`). A single level that fails is a row with its reason.

    Notes
    -----
    *total*: omega = (Σλ)² / [(Σλ)² + Σψ], λ and ψ of the covariances (``term = "omega"``) or of the
    correlations (``"omega_standardised"``). `.formulas` holds those with the observed variance below the line,
    and minres. The other kinds write their formulas in ``.frame["formula"]``; see the modules
    ``categorical_omega``, ``hierarchical_omega`` and ``multilevel_omega`` of this room for their models and sources.

    References
    ----------
    McDonald (1999), *Test theory*; Kelley & Pornprasertmanit (2016), *Psychological Methods* 21;
    Green & Yang (2009), *Psychometrika* 74; Zinbarg, Revelle, Yovel & Li (2005), *Psychometrika* 70;
    Lai (2021), *Psychological Methods* 26.

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
    >>> omega(ratings, clusters="patient", kind="multilevel").frame["term"].head(2).tolist()
    ['omega_within', 'omega_between']
    """
    data = as_pandas(data)
    options = options_of(
        kind, clusters=clusters, by=by, conf_level=conf_level, seed=seed, interval=interval, n_boot=n_boot,
        missing=missing, n_factors=n_factors, targets=targets, raters=raters, workers=workers,
        progress=progress,
    )  # fmt: skip
    named = items_by_codebook(data, items, instrument)
    found = parts_of(named.data, named.items, options)
    spec: dict[str, Any] = {"function": "omega", "kind": kind, "items": list(found.items), **named.spec}
    spec |= {**options.spec(), "method": found.method, "labels": named.labels}
    notes = distinct([*named.notes, *found.notes])
    return OmegaResult(spec, found.frame, found.parts, found.design, notes, found.rows, found.scores)
