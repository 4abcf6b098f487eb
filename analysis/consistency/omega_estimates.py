"""One-factor omega with its interval, items, nine formulas and fit of one block of rows."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from doublecode.analysis.consistency import item_statistics as st
from doublecode.analysis.consistency.alpha_estimates import item_total_frame, rows_used
from doublecode.analysis.consistency.estimable_items import check_rows
from doublecode.analysis.consistency.factor import FactorFit, fit_factors
from doublecode.analysis.consistency.factor_fit import (
    CFI_LEAST,
    SRMR_MOST,
    fit_indices,
    independence_chisq,
    residual_frame,
    srmr_of,
)
from doublecode.analysis.consistency.factor_missing import fit_one_factor_fiml
from doublecode.analysis.consistency.item_moments import (
    Array,
    ItemData,
    Missing,
    all_units,
    covariances,
    saturated_normal,
)
from doublecode.analysis.consistency.observed_blocks import correlations
from doublecode.analysis.consistency.scale_levels import POOLED, Frames, LevelState, note_of
from doublecode.analysis.consistency.unit_resampling import (
    FISHER_Z,
    LOGIT,
    ROW,
    Limits,
    Resampling,
    side_by_side,
)
from doublecode.schemas.errors import NotEstimable
from doublecode.schemas.results import Note


def omega_level(level: Hashable, part: ItemData, how: Resampling) -> Frames:
    """Frames of one level (coefficients, items; pooled also formulas, fit, residuals) and its notes."""
    check_rows(part, how.missing)
    fit, S = one_factor(part, all_units(part.n_units), how.missing)
    if np.isnan(fit.loadings).any():
        raise NotEstimable(_NOT_DEFINITE)
    pooled = level == POOLED
    m = 9 if pooled else 2

    def coefficients(weights: Array) -> Array:
        some, cov = one_factor(part, weights, how.missing, fit)
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.column_stack([_omegas(some, cov, every=pooled), st.r_drop_of(cov)])

    estimate, limits, failed = how.limits(
        coefficients, part.n_units, side_by_side(LOGIT, m, FISHER_Z), ("total", m, part.scores, part.unit)
    )
    rows = _omega_rows(level, part, estimate[:m], limits.part(slice(0, m)))
    frame = rows[rows["term"].isin(["omega", "omega_standardised"])]
    items, notes = item_total_frame(level, part, estimate[m:], limits.part(slice(m, None)))
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
    data: ItemData, weights: Array, missing: Missing = "fiml", start: FactorFit | None = None
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
        Solution of one set to start from, say that of the sample for its resamples.

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
            return fit_factors(S, start=None if start is None else start.uniqueness[0]), S
        return fit_one_factor_fiml(data, weights, saturated, start=start).fit, S
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


def _positive_definite(S: Array) -> NDArray[np.bool_]:
    """Which of the matrices have a maximum-likelihood solution."""
    variance = np.diagonal(S, axis1=1, axis2=2)
    ok = np.asarray((variance > 1e-12 * variance.max()).all(axis=1) & np.isfinite(S).all(axis=(1, 2)))
    pivot: Array = np.full(len(S), -1.0)
    if ok.any():
        R = correlations(np.asarray(S[ok]))
        try:  # the smallest pivot of a Cholesky factor, at a tenth of the price of eigenvalues
            pivot[ok] = np.diagonal(np.linalg.cholesky(R), axis1=1, axis2=2).min(axis=1) ** 2
        except np.linalg.LinAlgError:
            pivot[ok] = np.linalg.eigvalsh(R)[:, 0]
    return np.asarray(pivot > 1e-9)


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
    out[good, 1] = st.one_factor_formulas(loadings, uniqueness, correlations(S[good]))[:, 0]
    return out


def _omega_rows(level: Hashable, part: ItemData, estimate: Array, limits: Limits) -> pd.DataFrame:
    formulas = st.OMEGA_FORMULAS if len(estimate) == 9 else (st.OMEGA_FORMULAS[0], st.OMEGA_FORMULAS[3])
    return pd.DataFrame(
        {
            "level": [level] * len(formulas),
            "term": [f.name for f in formulas],
            "estimate": estimate,
            "std_error": limits.std_error,
            "df": limits.df,
            "conf_low": limits.low,
            "conf_high": limits.high,
            "estimator": [f.estimator for f in formulas],
            "matrix": [f.matrix for f in formulas],
            "formula": [f.formula for f in formulas],
            "below_line": [f.below_line for f in formulas],
            "n_items": len(part.items),
            "n_rows": part.n_rows,
            "n_units": part.n_units,
            "status": [str(LevelState.of(bool(known))) for known in np.isfinite(estimate)],
        }
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


def _omega_notes(level: Hashable, items: pd.DataFrame, fit: FactorFit, failed: int, how: Resampling) -> list[Note]:
    notes = []
    names = items["item"].tolist()
    held = tuple(name for name, at_floor in zip(names, items["heywood"], strict=True) if at_floor)
    if held:
        notes.append(note_of(level, "heywood_case", items=held))
    notes += [
        note_of(level, "negative_loading", item=item, loading=loading)
        for item, loading in zip(names, items["loading_std"].tolist(), strict=True)
        if loading < 0
    ]
    if not fit.converged[0]:
        notes.append(note_of(level, "one_factor_not_converged"))
    if failed and how.interval == "jackknife":
        notes.append(note_of(level, "jackknife_without_solution", failed=failed))
    elif failed:
        notes.append(note_of(level, "resamples_without_solution", failed=failed, n_boot=how.n_boot))
    return notes


def _one_factor_check(
    part: ItemData, fit: FactorFit, S: Array, missing: Missing
) -> tuple[pd.DataFrame, pd.DataFrame, list[Note]]:
    """Fit indices and residual correlations of the pooled one-factor model."""
    n, p = rows_used(part, missing), len(part.items)
    implied = np.outer(fit.first[0], fit.first[0]) + np.diag(fit.uniqueness[0])
    chisq = n * float(fit.discrepancy[0])
    baseline = independence_chisq(S[0], n)
    indices: dict[str, Any] = fit_indices(chisq, p * (p - 3) // 2, baseline, n, p)
    indices["srmr"] = srmr_of(S[0], implied)
    notes = _poor_fit(indices)
    if p == 3:
        notes.append(Note("three_items"))
    elif part.unit_name != ROW:
        notes.append(Note("fit_of_repeated_rows"))
    frame = pd.DataFrame([{"model": "one factor", **indices, "n_rows": n}])
    return frame, residual_frame(part.items, S[0], implied), notes


def _poor_fit(indices: dict[str, Any]) -> list[Note]:
    """Say where CFI or SRMR miss the cut-offs of Hu & Bentler (1999)."""
    if not (indices["cfi"] < CFI_LEAST or indices["srmr"] > SRMR_MOST):
        return []
    numbers = {"cfi": indices["cfi"], "cfi_least": CFI_LEAST, "srmr": indices["srmr"], "srmr_most": SRMR_MOST}
    return [Note("poor_one_factor_fit", numbers=numbers)]
