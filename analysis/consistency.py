"""Internal consistency: alpha and one-factor omega with intervals, pooled and per session.

The unit that is resampled is the patient (`clusters`), not the session: sessions of one
patient are alike, and treating them as independent makes the interval too short.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import special

from doublecode.analysis import item_statistics as st
from doublecode.analysis.factor import FactorFit, fit_factors
from doublecode.analysis.factor_fit import (
    fit_in_words,
    fit_indices,
    independence_chisq,
    residual_frame,
    srmr_of,
)
from doublecode.analysis.factor_missing import fit_one_factor_fiml
from doublecode.analysis.item_moments import (
    Array,
    ItemData,
    Missing,
    all_units,
    check_rows,
    covariances,
    kept_rows,
    listwise,
    read_items,
    saturated_normal,
)
from doublecode.analysis.tables import to_markdown
from doublecode.analysis.unit_resampling import (
    FISHER_Z,
    LOG_COMPLEMENT,
    LOGIT,
    Interval,
    Limits,
    check_interval,
    interval_name,
    limits_of,
    side_by_side,
)
from doublecode.schemas.errors import NotEstimable

POOLED = "all"


@dataclass(frozen=True)
class AlphaResult:
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

    def to_markdown(self) -> str:
        """The frame as a Markdown table."""
        return to_markdown(self.frame)


@dataclass(frozen=True)
class OmegaResult:
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

    def to_markdown(self) -> str:
        """The frame as a Markdown table."""
        return to_markdown(self.frame)


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
    >>> round(alpha(ratings).frame["estimate"].iloc[0], 3)
    0.956
    """
    check_interval("jackknife", conf_level, 2000)
    read = read_items(data, items, clusters, by)
    found = _Answer()
    for level, part in _levels(data, read, by):
        found.add(level, lambda part=part, level=level: _alpha_level(level, part, conf_level, missing))
    spec = {"function": "alpha", "items": list(read.items), "clusters": clusters, "by": by}
    spec |= {"conf_level": conf_level, "missing": missing}
    notes = (*_common_notes(read, clusters, missing, by, data), *found.notes)
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
    >>> answer.frame[["term", "estimate", "conf_low", "conf_high"]].round(2).iloc[0].tolist()
    ['omega', 0.82, 0.75, 0.87]
    """
    check_interval(interval, conf_level, n_boot)
    read = read_items(data, items, clusters, by, least=3)
    how = _How(conf_level, interval, n_boot, seed, missing)
    found = _Answer()
    for level, part in _levels(data, read, by):
        found.add(level, lambda part=part, level=level: _omega_level(level, part, how))
    spec = {"function": "omega", "items": list(read.items), "clusters": clusters, "by": by}
    spec |= {"conf_level": conf_level, "seed": seed, "interval": interval, "n_boot": n_boot, "missing": missing}
    spec["method"] = interval_name(interval, read.unit_name)
    notes = (*_common_notes(read, clusters, missing, by, data), *found.notes)
    return OmegaResult(spec, *(found.frame(k) for k in range(5)), read.counts, notes)


@dataclass(frozen=True)
class _How:
    """How intervals are made."""

    conf_level: float
    interval: Interval
    n_boot: int
    seed: int
    missing: Missing

    def limits(self, coefficients: Callable[[Array], Array], units: int, scale: Any) -> tuple[Array, Limits, int]:
        return limits_of(
            coefficients, units, self.interval, conf_level=self.conf_level, n_boot=self.n_boot,
            seed=self.seed, scale=scale,
        )  # fmt: skip


class _Answer:
    """Rows of several frames, gathered level by level; a level that fails leaves a row that says why."""

    def __init__(self) -> None:
        self.tables: list[list[pd.DataFrame]] = [[] for _ in range(5)]
        self.notes: list[str] = []

    def add(self, level: Hashable, compute: Callable[[], tuple[list[pd.DataFrame], list[str]]]) -> None:
        try:
            frames, notes = compute()
        except NotEstimable as reason:
            if level == POOLED:
                raise
            self.notes.append(f"{level}: not estimable. {reason}")
            template = self.tables[0][0].iloc[:0]
            row = pd.DataFrame({"level": [level], "estimate": [np.nan], "status": [str(reason)]})
            frames, notes = [row.reindex(columns=template.columns)], []
        for table, frame in zip(self.tables, frames, strict=False):
            table.append(frame)
        self.notes += notes

    def frame(self, k: int) -> pd.DataFrame:
        rows = [record for table in self.tables[k] for record in table.to_dict("records")]
        return pd.DataFrame(rows, columns=self.tables[k][0].columns) if rows else pd.DataFrame()


def _levels(data: pd.DataFrame, read: ItemData, by: str | None) -> Iterator[tuple[Hashable, ItemData]]:
    """The pooled data first, then each level of `by` in order."""
    yield POOLED, read
    if by is None:
        return
    values = data.loc[kept_rows(data, read.items), by]
    for level in sorted(values.dropna().unique()):
        native = level.item() if isinstance(level, np.generic) else level
        yield native, read.rows((values == level).to_numpy())


def _common_notes(
    read: ItemData, clusters: str | None, missing: Missing, by: str | None, data: pd.DataFrame
) -> tuple[str, ...]:
    notes = []
    if read.counts["rows_dropped"]:
        notes.append(f"{read.counts['rows_dropped']} row(s) without any item rated were left out.")
    if not read.complete:
        ways = {
            "fiml": "full-information maximum likelihood (missing at random)",
            "pairwise": "pairwise covariances",
            "listwise": "complete rows only",
        }
        notes.append(f"{read.counts['n_missing']} item scores are missing; handled by {ways[missing]}.")
    if clusters is None:
        notes.append("Rows are taken as independent; where they are sessions, name the patient with clusters=.")
    elif read.n_units < 10:
        notes.append(f"Only {read.n_units} {clusters}s: the interval rests on few units and is rough.")
    if by is not None and (lacking := int(data.loc[kept_rows(data, read.items), by].isna().sum())):
        notes.append(f"{lacking} row(s) have no {by}; they are in the pooled rows only.")
    return tuple(notes)


# ---------------------------------------------------------------- alpha


def _alpha_level(
    level: Hashable, part: ItemData, conf_level: float, missing: Missing
) -> tuple[list[pd.DataFrame], list[str]]:
    check_rows(part)
    S = covariances(part, all_units(part.n_units), missing)
    frame = pd.DataFrame(_alpha_rows(level, part, S, conf_level, missing))

    def correlation(weights: Array) -> Array:
        with np.errstate(invalid="ignore", divide="ignore"):
            return st.r_drop_of(covariances(part, weights, missing))

    r_drop, limits, _ = limits_of(correlation, part.n_units, conf_level=conf_level, scale=FISHER_Z)
    items, notes = _item_total_frame(level, part, r_drop, limits)
    extra = pd.DataFrame(_alpha_item_columns(S, _n_rows(part, missing)))
    return [frame, pd.concat([items, extra], axis=1), _totals(level, part, S, missing)], notes


def _n_rows(part: ItemData, missing: Missing) -> int:
    return listwise(part).n_rows if missing == "listwise" else part.n_rows


def _alpha_rows(
    level: Hashable, part: ItemData, S: Array, conf_level: float, missing: Missing
) -> list[dict[str, Any]]:
    n, p = _n_rows(part, missing), len(part.items)
    rows = []
    for term, matrix in (("alpha", S), ("alpha_standardised", st.correlations(S))):
        value = float(st.alpha_of(matrix)[0])
        low, high = feldt_limits(value, n, p, conf_level)
        error = float(st.alpha_standard_error(matrix, n)[0])
        rows.append(_row(level, term, value, error, float(n - 1), low, high, "Feldt, rows independent", part))
    if part.unit_name == "row":
        return rows

    def both(weights: Array) -> Array:
        cov = covariances(part, weights, missing)
        return np.column_stack([st.alpha_of(cov), st.alpha_of(st.correlations(cov))])

    estimate, limits, _ = limits_of(both, part.n_units, conf_level=conf_level, scale=LOG_COMPLEMENT)
    method = interval_name("jackknife", part.unit_name, LOG_COMPLEMENT)
    for j, term in enumerate(("alpha", "alpha_standardised")):
        numbers = (estimate[j], limits.std_error[j], limits.df[j], limits.low[j], limits.high[j])
        rows.append(_row(level, term, *map(float, numbers), method, part))
    return rows


def _row(
    level: Hashable, term: str, estimate: float, error: float, df: float, low: float, high: float,
    method: str, part: ItemData,
) -> dict[str, Any]:  # fmt: skip
    row = {"level": level, "term": term, "estimate": estimate, "std_error": error, "df": df}
    row |= {"conf_low": low, "conf_high": high, "method": method, "n_items": len(part.items)}
    return row | {"n_rows": part.n_rows, "n_units": part.n_units, "status": "ok"}


def feldt_limits(estimate: float, n_rows: int, n_items: int, conf_level: float = 0.95) -> tuple[float, float]:
    """Feldt's confidence limits of alpha for independent rows.

    Examples
    --------
    >>> low, high = feldt_limits(0.8, 100, 6)
    >>> round(low, 3), round(high, 3)
    (0.733, 0.856)
    """
    df1, df2 = n_rows - 1, (n_rows - 1) * (n_items - 1)
    tail = (1 - conf_level) / 2
    low = 1 - (1 - estimate) * special.fdtri(df1, df2, 1 - tail)
    return float(low), float(1 - (1 - estimate) * special.fdtri(df1, df2, tail))


def _alpha_item_columns(S: Array, n_rows: int) -> dict[str, Array]:
    p = S.shape[1]
    out: dict[str, Array] = {
        "raw_r": st.r_total_of(S)[0],
        "std_r": st.r_total_of(st.correlations(S))[0],
        "r_cor": st.r_overlap_corrected_of(S)[0],
    }
    if p == 2:  # one item left: nothing to correlate
        return out
    rest = [st.without(S, i) for i in range(p)]
    off = [st.off_diagonal(T)[0] for T in rest]
    mean = np.array([values.mean() for values in off])
    out["alpha_if_dropped"] = np.array([st.alpha_of(T)[0] for T in rest])
    out["std_alpha_if_dropped"] = np.array([st.alpha_of(st.correlations(T))[0] for T in rest])
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
        "std_alpha": st.alpha_of(st.correlations(S))[0],
        "lambda6": st.lambda6_of(S)[0],
        "average_r": off.mean(),
        "median_r": np.median(off),
        "signal_noise": p * off.mean() / (1 - off.mean()),
        "ase": st.alpha_standard_error(S, _n_rows(part, missing))[0],
        "mean": person.mean(),
        "sd": person.std(ddof=1),
    }
    return pd.DataFrame([{"level": level, **numbers, "n_rows": part.n_rows, "n_units": part.n_units}])


def _item_total_frame(
    level: Hashable, part: ItemData, r_drop: Array, limits: Limits
) -> tuple[pd.DataFrame, list[str]]:
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


def _reversal_notes(level: Hashable, frame: pd.DataFrame) -> list[str]:
    if level != POOLED:
        return []
    turned = frame[frame["r_drop"] < 0]
    return [
        f"Item {row.item!r} correlates {row.r_drop:.2f} with the sum of the others: does it want reversing?"
        for row in turned.itertuples()
    ]


# ---------------------------------------------------------------- omega


def _omega_level(level: Hashable, part: ItemData, how: _How) -> tuple[list[pd.DataFrame], list[str]]:
    check_rows(part)
    fit, S = one_factor(part, all_units(part.n_units), how.missing)
    if np.isnan(fit.loadings).any():
        raise NotEstimable(_NOT_DEFINITE)
    pooled = level == POOLED
    start, m = fit.uniqueness[0], 9 if pooled else 2

    def coefficients(weights: Array) -> Array:
        some, cov = one_factor(part, weights, how.missing, start)
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.column_stack([_omegas(some, cov, every=pooled), st.r_drop_of(cov)])

    estimate, limits, failed = how.limits(coefficients, part.n_units, side_by_side(LOGIT, m, FISHER_Z))
    rows = _omega_rows(level, part, estimate[:m], limits.part(slice(0, m)))
    frame = rows[rows["term"].isin(["omega", "omega_standardised"])]
    items, notes = _item_total_frame(level, part, estimate[m:], limits.part(slice(m, None)))
    items = _omega_items(items, part, fit, S)
    notes = [*_omega_notes(level, items, fit, failed, how), *notes]
    if not pooled:
        return [frame, items], notes
    indices, residuals, said = _one_factor_check(part, fit, S, how.missing)
    return [frame, items, rows, indices, residuals], notes + said


_NOT_DEFINITE = (
    "The item covariances are not positive definite (an item is a sum of others, there are too few rows, "
    "or pairwise deletion made it so): the one-factor model has no maximum-likelihood solution. "
    "Use more rows or fewer items, or missing='fiml'."
)


def one_factor(
    data: ItemData, weights: Array, missing: Missing = "fiml", start: Array | None = None
) -> tuple[FactorFit, Array]:
    """One-factor ML fits and covariances of weighted resamples; NaN where a resample has no solution.

    Parameters
    ----------
    data
        Item scores.
    weights
        (n_sets, n_units).
    missing
        How missing items enter.
    start
        Uniquenesses (p,) to start from.

    Returns
    -------
    tuple
        `FactorFit` of n_sets solutions, covariances (n_sets, p, p).
    """
    saturated = saturated_normal(data, weights) if missing == "fiml" and not data.complete else None
    S = covariances(data, weights, missing) if saturated is None else saturated[1]
    usable = _positive_definite(S)
    if usable.all():
        if saturated is None:
            return fit_factors(S, start=start), S
        return fit_one_factor_fiml(data, weights, saturated).fit, S
    n, p = S.shape[:2]
    blank = FactorFit(
        np.full((n, p, 1), np.nan), np.full((n, p), np.nan), np.full(n, np.nan),
        np.zeros(n, dtype=bool), np.zeros((n, p), dtype=bool),
    )  # fmt: skip
    if usable.any():
        part, _ = one_factor(data, weights[usable], missing, start)
        for name in ("loadings", "uniqueness", "discrepancy", "converged", "heywood"):
            getattr(blank, name)[usable] = getattr(part, name)
    return blank, S


def _positive_definite(S: Array) -> Any:
    variance = np.diagonal(S, axis1=1, axis2=2)
    ok = (variance > 1e-12 * variance.max()).all(axis=1) & np.isfinite(S).all(axis=(1, 2))
    roots = np.full(len(S), -1.0)
    if ok.any():
        roots[ok] = np.linalg.eigvalsh(st.correlations(S[ok]))[:, 0]
    return roots > 1e-9


def _omegas(fit: FactorFit, S: Array, *, every: bool) -> Array:
    """(n_sets, 9) or (n_sets, 2) coefficients; a fit without convergence counts as none."""
    good = fit.converged
    out = np.full((len(S), 9 if every else 2), np.nan)
    if not good.any():
        return out
    some = FactorFit(*(getattr(fit, f)[good] for f in fit.__dataclass_fields__))
    if every:
        out[good] = st.omegas_of(S[good], some)
        return out
    loadings, uniqueness = st.standardised(some, S[good])
    out[good, 0] = st.one_factor_formulas(some.first, some.uniqueness, S[good])[:, 0]
    out[good, 1] = st.one_factor_formulas(loadings, uniqueness, st.correlations(S[good]))[:, 0]
    return out


def _omega_rows(level: Hashable, part: ItemData, estimate: Array, limits: Limits) -> pd.DataFrame:
    formulas = st.OMEGA_FORMULAS if len(estimate) == 9 else (st.OMEGA_FORMULAS[0], st.OMEGA_FORMULAS[3])
    return pd.DataFrame(
        [
            {
                "level": level,
                "term": f.name,
                "estimate": estimate[j],
                "std_error": limits.std_error[j],
                "df": limits.df[j],
                "conf_low": limits.low[j],
                "conf_high": limits.high[j],
                "estimator": f.estimator,
                "matrix": f.matrix,
                "formula": f.formula,
                "below_line": f.below_line,
                "n_items": len(part.items),
                "n_rows": part.n_rows,
                "n_units": part.n_units,
                "status": "ok" if np.isfinite(estimate[j]) else "not estimable",
            }
            for j, f in enumerate(formulas)
        ]
    )


def _omega_items(frame: pd.DataFrame, part: ItemData, fit: FactorFit, S: Array) -> pd.DataFrame:
    loadings, uniqueness = st.standardised(fit, S)
    p = len(part.items)
    dropped = np.full(p, np.nan)
    if p > 3:
        rest = np.concatenate([st.without(S, i) for i in range(p)])
        dropped = _omegas(fit_factors(rest), rest, every=False)[:, 0]
    return frame.assign(
        loading=fit.first[0],
        loading_std=loadings[0],
        uniqueness=uniqueness[0],
        heywood=fit.heywood[0],
        omega_if_dropped=dropped,
        alpha_if_dropped=[st.alpha_of(st.without(S, i))[0] for i in range(p)],
    )


def _omega_notes(level: Hashable, items: pd.DataFrame, fit: FactorFit, failed: int, how: _How) -> list[str]:
    notes = []
    held = items.loc[items["heywood"], "item"]
    if len(held):
        notes.append(
            f"{level}: Heywood case, the residual variance of {', '.join(held)} is held at 0.5 % of the "
            "item's variance; the model fits it no better. Omega there is an upper guess."
        )
    notes += [
        f"{level}: item {row.item!r} loads negatively ({row.loading_std:.2f}); does it want reversing?"
        for row in items[items["loading_std"] < 0].itertuples()
    ]
    if not fit.converged[0]:
        notes.append(f"{level}: the one-factor model did not converge, so omega is not given.")
    if failed:
        what = f"{failed} of {how.n_boot} resamples" if how.interval != "jackknife" else f"{failed} jackknife sets"
        effect = "there is no interval" if how.interval == "jackknife" else "they were left out"
        notes.append(f"{level}: {what} had no one-factor solution; {effect}.")
    return notes


def _one_factor_check(
    part: ItemData, fit: FactorFit, S: Array, missing: Missing
) -> tuple[pd.DataFrame, pd.DataFrame, list[str]]:
    """Fit indices and residual correlations of the pooled one-factor model."""
    n, p = _n_rows(part, missing), len(part.items)
    implied = np.outer(fit.first[0], fit.first[0]) + np.diag(fit.uniqueness[0])
    chisq = n * float(fit.discrepancy[0])
    baseline = independence_chisq(S[0], n)
    indices: dict[str, Any] = fit_indices(chisq, p * (p - 3) // 2, baseline, n, p)
    indices["srmr"] = srmr_of(S[0], implied)
    words = fit_in_words(indices)
    notes = [] if words is None else [words]
    if p == 3:
        notes.append("Three items: the one-factor model fits any three correlations, so it cannot be tested.")
    elif part.unit_name != "row":
        notes.append("Chi-square, CFI and RMSEA take rows as independent; with repeated sessions they are a guide.")
    frame = pd.DataFrame([{"model": "one factor", **indices, "n_rows": n}])
    return frame, residual_frame(part.items, S[0], implied), notes
