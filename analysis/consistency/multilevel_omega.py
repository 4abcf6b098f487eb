"""Omega of repeated sessions: within patients, between patients, and of the single session."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import special

from doublecode.analysis.consistency.item_moments import Array, ItemData, all_units, check_rows, listwise, read_items
from doublecode.analysis.consistency.two_level_factor import (
    TwoLevelFit,
    fit_two_level,
    moment_estimates,
    two_level_moments,
)
from doublecode.analysis.consistency.unit_resampling import (
    LOGIT,
    Limits,
    check_interval,
    interval_name,
    jackknife_limits,
    jackknife_weights,
)
from doublecode.analysis.rendering.answers import Answer
from doublecode.schemas.errors import NotEstimable

TERMS = ("omega_within", "omega_between", "omega_between_observed", "omega_two_level")
_FORMULAS = {
    "omega_within": "(Σλw)² / [(Σλw)² + Σψw]",
    "omega_between": "(Σλb)² / [(Σλb)² + Σψb]",
    "omega_between_observed": "(Σλb)² / {(Σλb)² + Σψb + [(Σλw)² + Σψw] / ñ}",
    "omega_two_level": "[(Σλw)² + (Σλb)²] / [(Σλw)² + (Σλb)² + Σψw + Σψb]",
}
_MEANING = {
    "omega_within": "change of a patient from session to session",
    "omega_between": "latent patient means",
    "omega_between_observed": "observed patient means over the sessions there are",
    "omega_two_level": "single sessions, patients and sessions together",
}


@dataclass(frozen=True, eq=False, repr=False)
class MultilevelOmegaResult(Answer):
    """Answer of `omega_multilevel`.

    `frame`: model (cross-level invariance, configural), term, meaning, estimate, std_error, df, conf_low,
    conf_high, admissible, reason, unrestricted, formula. An inadmissible solution has no `estimate`;
    what the unrestricted likelihood gave stands in `unrestricted`. `loadings`: model, item, loading_within,
    residual_within, loading_between, residual_between. `fit`: model, loglik, n_parameters, chisq, df, p_value
    (invariance against configural), converged.
    """

    spec: dict[str, Any]
    frame: pd.DataFrame
    loadings: pd.DataFrame
    fit: pd.DataFrame
    design: dict[str, Any]
    notes: tuple[str, ...]


def omega_multilevel(
    data: pd.DataFrame, *, clusters: str, items: Sequence[str] | None = None, conf_level: float = 0.95
) -> MultilevelOmegaResult:
    """Omega within patients, between patients and of the single session, by a two-level factor model.

    Parameters
    ----------
    data
        Wide frame: one row per patient and session, one column per item. Rows with a missing
        item are left out and counted.
    clusters
        Column that names the patient.
    items
        Item columns, at least three; all others when not given.
    conf_level
        Level of the intervals (jackknife over patients, logit scale, t(P − 1)).

    Returns
    -------
    MultilevelOmegaResult

    Notes
    -----
    Two models: *cross-level invariance* (the same loadings at both levels, Lai 2021), the one under
    which the two-level omega means the reliability of one score; and *configural* (Geldhof 2014).
    ñ is the harmonic mean of sessions per patient. A negative residual or factor variance between
    patients makes the affected coefficients *inadmissible*: they are stated as such, not repaired.

    Raises
    ------
    NotEstimable
        Fewer than three patients with two sessions, or no item variance.

    References
    ----------
    Lai (2021), *Psychological Methods* 26, 90–102; Geldhof, Preacher & Zyphur (2014),
    *Psychological Methods* 19, 72–91.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> rng = np.random.default_rng(4)
    >>> patient = np.repeat(np.arange(60), 8)
    >>> level = rng.normal(size=(60, 1))[patient] + rng.normal(size=(480, 1))
    >>> own = 0.5 * rng.normal(size=(60, 4))[patient]
    >>> ratings = pd.DataFrame(level + own + rng.normal(size=(480, 4)), columns=list("abcd"))
    >>> answer = omega_multilevel(ratings.assign(patient=patient), clusters="patient")
    >>> answer.frame[["term", "estimate"]].head(2).round(2).to_numpy().tolist()
    [['omega_within', 0.8], ['omega_between', 0.92]]
    """
    check_interval("jackknife", conf_level, 2000)
    read = read_items(data, items, clusters, least=3)
    part = listwise(read)
    part = part.rows(np.ones(part.n_rows, dtype=bool))
    check_rows(part)
    sizes = np.bincount(part.unit)
    if (sizes > 1).sum() < 3:
        raise NotEstimable(
            f"{int((sizes > 1).sum())} {clusters}(s) have two sessions or more; within and between cannot be told "
            "apart with fewer than three. Use omega()."
        )
    harmonic = float(len(sizes) / (1 / sizes).sum())
    answers = {name: _model(part, name, harmonic, conf_level) for name in ("cross-level invariance", "configural")}
    frame = pd.concat([a[0] for a in answers.values()], ignore_index=True)
    loadings = pd.concat([a[1] for a in answers.values()], ignore_index=True)
    design = {**read.counts, "rows_incomplete": read.n_rows - part.n_rows, "n_rows_used": part.n_rows}
    design |= {"sessions_per_unit": float(sizes.mean()), "harmonic_mean_sessions": harmonic}
    notes = _notes(part, read, frame, clusters, design)
    spec: dict[str, Any] = {"function": "omega_multilevel", "items": list(read.items), "clusters": clusters}
    spec |= {"conf_level": conf_level, "method": interval_name("jackknife", clusters)}
    fits = {name: a[2] for name, a in answers.items()}
    return MultilevelOmegaResult(spec, frame, loadings, _fit_frame(fits, len(read.items)), design, notes)


def coefficients(fit: TwoLevelFit, harmonic: float) -> Array:
    """The four omegas of every set, (n_sets, 4), in the order of TERMS; NaN without convergence."""
    within, between = fit.loadings.sum(axis=1) ** 2, fit.loadings_between.sum(axis=1) ** 2
    unique, unique_between = fit.residual.sum(axis=1), fit.residual_between.sum(axis=1)
    total_between = between + unique_between
    out = np.column_stack(
        [
            within / (within + unique),
            between / total_between,
            between / (total_between + (within + unique) / harmonic),
            (within + between) / (within + unique + total_between),
        ]
    )
    return np.where(fit.converged[:, None], out, np.nan)


def _model(
    part: ItemData, name: str, harmonic: float, conf_level: float
) -> tuple[pd.DataFrame, pd.DataFrame, TwoLevelFit]:
    invariant = name != "configural"
    fit = fit_two_level(two_level_moments(part, all_units(part.n_units)), invariant=invariant)
    estimate = coefficients(fit, harmonic)[0]
    limits = Limits(*(np.full(4, np.nan) for _ in range(4)))
    if fit.converged[0]:
        moments = two_level_moments(part, jackknife_weights(part.n_units))
        left_out = coefficients(fit_two_level(moments, invariant=invariant, start=fit.parameters[0]), harmonic)
        limits = jackknife_limits(estimate, left_out, conf_level, LOGIT)
    reasons = _reasons(part.items, fit, invariant)
    rows = []
    for j, term in enumerate(TERMS):
        if term == "omega_two_level" and not invariant:
            continue  # without equal loadings the two factors are not one construct (Lai 2021)
        reason = reasons[0] if term == "omega_within" else "; ".join(filter(None, reasons))
        rows.append(_row(name, term, float(estimate[j]), limits, j, reason))
    loadings = pd.DataFrame(
        {
            "model": name,
            "item": list(part.items),
            "loading_within": fit.loadings[0],
            "residual_within": fit.residual[0],
            "loading_between": fit.loadings_between[0],
            "residual_between": fit.residual_between[0],
        }
    )
    return pd.DataFrame(rows), loadings, fit


def _row(name: str, term: str, estimate: float, limits: Limits, j: int, reason: str) -> dict[str, Any]:
    ok = not reason
    nothing = float("nan")
    return {
        "model": name,
        "term": term,
        "meaning": _MEANING[term],
        "estimate": estimate if ok else nothing,
        "std_error": float(limits.std_error[j]) if ok else nothing,
        "df": float(limits.df[j]) if ok else nothing,
        "conf_low": float(limits.low[j]) if ok else nothing,
        "conf_high": float(limits.high[j]) if ok else nothing,
        "admissible": ok,
        "reason": reason,
        "unrestricted": estimate,
        "formula": _FORMULAS[term],
    }


def _reasons(items: Sequence[str], fit: TwoLevelFit, invariant: bool) -> tuple[str, str]:
    """Why the within and the between part cannot be interpreted; empty where they can."""
    if not fit.converged[0]:
        return "the model did not converge", ""
    within = _negative(items, fit.residual[0], "within patients")
    if invariant and fit.ratio[0] <= 0:
        return within, f"factor variance between patients is {fit.ratio[0]:.3f}, not above 0"
    return within, _negative(items, fit.residual_between[0], "between patients")


def _negative(items: Sequence[str], residual: Array, where: str) -> str:
    below = [f"{item} ({value:.3f})" for item, value in zip(items, residual, strict=True) if value < 0]
    return f"negative residual variance {where}: {', '.join(below)}" if below else ""


def _notes(
    part: ItemData, read: ItemData, frame: pd.DataFrame, clusters: str, design: dict[str, Any]
) -> tuple[str, ...]:
    notes = []
    if part.n_rows < read.n_rows:
        notes.append(f"{read.n_rows - part.n_rows} row(s) with a missing item were left out.")
    between = moment_estimates(two_level_moments(part, all_units(part.n_units)))[1][0]
    smallest = float(np.linalg.eigvalsh(between)[0])
    design["smallest_between_eigenvalue"] = smallest
    if smallest <= 0:
        notes.append(
            f"The between-{clusters} covariance matrix (analysis of variance) is not positive definite: "
            f"{part.n_units} {clusters}s are few for {len(part.items)} items."
        )
    notes += [
        f"{model}: {', '.join(rows['term'])} inadmissible, {rows['reason'].iloc[-1]}."
        for model, rows in frame[~frame["admissible"]].groupby("model", sort=False)
    ]
    lost = frame[frame["admissible"] & frame["conf_low"].isna()]
    notes += [
        f"{model}: no interval for {', '.join(rows['term'])}; without one {clusters} the model has no solution there."
        for model, rows in lost.groupby("model", sort=False)
    ]
    return tuple(notes)


def _fit_frame(fits: dict[str, TwoLevelFit], p: int) -> pd.DataFrame:
    rows: list[dict[str, Any]] = []
    for name, fit in fits.items():
        q = 5 * p if name == "configural" else 4 * p + 1
        rows.append({"model": name, "loglik": float(fit.loglik[0]), "n_parameters": q})
    chisq = 2 * (rows[1]["loglik"] - rows[0]["loglik"])
    both = all(bool(fit.converged[0]) for fit in fits.values())
    frame = pd.DataFrame(rows).assign(chisq=np.nan, df=np.nan, p_value=np.nan)
    if both:
        frame.loc[0, ["chisq", "df", "p_value"]] = [chisq, p - 1, float(special.chdtrc(p - 1, max(chisq, 0.0)))]
    return frame.assign(converged=[bool(fit.converged[0]) for fit in fits.values()])
