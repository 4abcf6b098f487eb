"""Omega of repeated sessions: within patients, between patients, and of the single session."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
import pandas as pd
from scipy import special

from doublecode.analysis.consistency.estimable_items import check_pairs, check_rows
from doublecode.analysis.consistency.item_moments import Array, ItemData, all_units, listwise
from doublecode.analysis.consistency.kind_answers import KindAnswer, coefficient_frame
from doublecode.analysis.consistency.two_level_factor import (
    TwoLevelFit,
    fit_two_level,
    moment_estimates,
    two_level_moments,
)
from doublecode.analysis.consistency.unit_resampling import (
    LOGIT,
    Limits,
    Resampling,
    interval_name,
    jackknife_limits,
    jackknife_weights,
)
from doublecode.schemas.errors import NotEstimable
from doublecode.schemas.results import Note

INVARIANT, CONFIGURAL = "cross-level invariance", "configural"
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


class Inadmissible(StrEnum):
    """Why a coefficient of a two-level model cannot be interpreted."""

    NOT_CONVERGED = "the model did not converge"
    NEGATIVE_WITHIN = "negative residual variance within patients"
    NEGATIVE_BETWEEN = "negative residual variance between patients"
    NO_FACTOR_BETWEEN = "factor variance between patients not above 0"


@dataclass(frozen=True)
class Reason:
    """A reason with its items and their variances, or the variance of the factor."""

    why: Inadmissible
    variances: tuple[tuple[str, float], ...] = ()


def multilevel_omega(read: ItemData, how: Resampling) -> KindAnswer:
    """Omega within patients, between patients and of the single session, by a two-level factor model.

    Parameters
    ----------
    read
        Item scores with patients as units. Rows with a missing item are left out and counted.
    how
        Level and seed of the intervals (jackknife over patients, logit scale, t(P − 1)).

    Notes
    -----
    Two models: *cross-level invariance* (the same loadings at both levels, Lai 2021), the one under
    which the two-level omega means the reliability of one score; and *configural* (Geldhof 2014).
    ñ is the harmonic mean of sessions per patient. A negative residual or factor variance between
    patients makes the affected coefficients *inadmissible*: they are stated as such, not repaired;
    what the unrestricted likelihood gave stands in the column ``unrestricted``.

    Raises
    ------
    NotEstimable
        Fewer than three patients with two sessions, or no item variance.

    References
    ----------
    Lai (2021), *Psychological Methods* 26, 90–102; Geldhof, Preacher & Zyphur (2014),
    *Psychological Methods* 19, 72–91.
    """
    check_pairs(read)
    part = listwise(read)
    part = part.rows(np.ones(part.n_rows, dtype=bool))
    check_rows(part)
    sizes = np.bincount(part.unit)
    if (sizes > 1).sum() < 3:
        raise NotEstimable(
            f"{int((sizes > 1).sum())} {read.unit_name}(s) have two sessions or more; within and between cannot be "
            "told apart with fewer than three. Use omega()."
        )
    harmonic = float(len(sizes) / (1 / sizes).sum())
    answers = {name: _model(part, name, harmonic, how) for name in (INVARIANT, CONFIGURAL)}
    frame = pd.concat([a.frame for a in answers.values()], ignore_index=True)
    loadings = pd.concat([a.loadings for a in answers.values()], ignore_index=True)
    design = {**read.counts, "rows_incomplete": read.n_rows - part.n_rows, "n_rows_used": part.n_rows}
    design |= {"sessions_per_unit": float(sizes.mean()), "harmonic_mean_sessions": harmonic}
    between = moment_estimates(two_level_moments(part, all_units(part.n_units)))[1][0]
    design["smallest_between_eigenvalue"] = float(np.linalg.eigvalsh(between)[0])
    notes = [*_sample_notes(part, design), *(note for a in answers.values() for note in _model_notes(a, part))]
    fits = {name: a.fit for name, a in answers.items()}
    parts = {"loadings": loadings, "fit": _fit_frame(fits, len(read.items))}
    return KindAnswer(frame, parts, design, notes, interval_name("jackknife", read.unit_name))


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


@dataclass(frozen=True)
class _Model:
    """One of the two models: coefficients, loadings, its fit, and the reasons within and between."""

    name: str
    frame: pd.DataFrame
    loadings: pd.DataFrame
    fit: TwoLevelFit
    reasons: tuple[Reason | None, Reason | None]


def _model(part: ItemData, name: str, harmonic: float, how: Resampling) -> _Model:
    invariant = name == INVARIANT
    fit = fit_two_level(two_level_moments(part, all_units(part.n_units)), invariant=invariant)
    estimate = coefficients(fit, harmonic)[0]
    limits = Limits(*(np.full(4, np.nan) for _ in range(4)))
    if fit.converged[0]:
        moments = two_level_moments(part, jackknife_weights(part.n_units, how.seed))
        left_out = coefficients(fit_two_level(moments, invariant=invariant, start=fit.parameters[0]), harmonic)
        limits = jackknife_limits(estimate, left_out, how.conf_level, LOGIT)
    reasons = (_reason_within(part.items, fit), _reason_between(part.items, fit, invariant))
    frame = _coefficient_frame(part, name, estimate, limits, reasons)
    if not invariant:
        frame = frame[frame["term"] != "omega_two_level"]  # two factors without equal loadings: not one construct
    return _Model(name, frame, _loading_frame(part.items, name, fit), fit, reasons)


def _coefficient_frame(
    part: ItemData, name: str, estimate: Array, limits: Limits, reasons: tuple[Reason | None, Reason | None]
) -> pd.DataFrame:
    """The shared columns, and what makes a coefficient inadmissible; those have no estimate."""
    why = [[r for r in (reasons[:1] if term == "omega_within" else reasons) if r is not None] for term in TERMS]
    frame = coefficient_frame(part, TERMS, list(_FORMULAS.values()), estimate, limits)
    frame = frame.assign(
        model=name,
        meaning=list(_MEANING.values()),
        admissible=[not some for some in why],
        reason=["; ".join(one.why for one in some) for some in why],
        unrestricted=estimate,
    )
    numbers = ["estimate", "std_error", "df", "conf_low", "conf_high"]
    frame[numbers] = frame[numbers].where(frame["admissible"], np.nan)
    first = ["level", "model", "term", "meaning"]
    return frame[[*first, *(column for column in frame.columns if column not in first)]]


def _loading_frame(items: Sequence[str], name: str, fit: TwoLevelFit) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "model": name,
            "item": list(items),
            "loading_within": fit.loadings[0],
            "residual_within": fit.residual[0],
            "loading_between": fit.loadings_between[0],
            "residual_between": fit.residual_between[0],
        }
    )


def _reason_within(items: Sequence[str], fit: TwoLevelFit) -> Reason | None:
    """Why the within part cannot be interpreted; None where it can."""
    if not fit.converged[0]:
        return Reason(Inadmissible.NOT_CONVERGED)
    return _negative(items, fit.residual[0], Inadmissible.NEGATIVE_WITHIN)


def _reason_between(items: Sequence[str], fit: TwoLevelFit, invariant: bool) -> Reason | None:
    """Why the between part cannot be interpreted; None where it can, or where the model did not converge."""
    if not fit.converged[0]:
        return None
    if invariant and fit.ratio[0] <= 0:
        return Reason(Inadmissible.NO_FACTOR_BETWEEN, (("", float(fit.ratio[0])),))
    return _negative(items, fit.residual_between[0], Inadmissible.NEGATIVE_BETWEEN)


def _negative(items: Sequence[str], residual: Array, why: Inadmissible) -> Reason | None:
    below = tuple((item, float(value)) for item, value in zip(items, residual, strict=True) if value < 0)
    return Reason(why, below) if below else None


def _sample_notes(part: ItemData, design: dict[str, Any]) -> list[Note]:
    notes = []
    if design["rows_incomplete"]:
        notes.append(Note("incomplete_rows", numbers={"n": design["rows_incomplete"]}))
    if design["smallest_between_eigenvalue"] <= 0:
        counts = {"clusters": part.unit_name, "n_units": part.n_units, "n_items": len(part.items)}
        notes.append(Note("between_not_definite", numbers=counts))
    return notes


def _model_notes(model: _Model, part: ItemData) -> list[Note]:
    """Coefficients of a model that cannot be interpreted, or have no interval."""
    frame, notes = model.frame, []
    if not frame["admissible"].all():
        reasons = tuple((str(one.why), one.variances) for one in model.reasons if one is not None)
        terms = tuple(frame.loc[~frame["admissible"], "term"])
        notes.append(Note("inadmissible", model.name, {"terms": terms, "reasons": reasons}))
    lost = frame[frame["admissible"] & frame["conf_low"].isna()]
    if len(lost):
        notes.append(
            Note("no_interval_in_model", model.name, {"terms": tuple(lost["term"]), "clusters": part.unit_name})
        )
    return notes


def _fit_frame(fits: dict[str, TwoLevelFit], p: int) -> pd.DataFrame:
    rows: list[dict[str, Any]] = []
    for name, fit in fits.items():
        q = 4 * p + 1 if name == INVARIANT else 5 * p
        rows.append({"model": name, "loglik": float(fit.loglik[0]), "n_parameters": q})
    chisq = 2 * (rows[1]["loglik"] - rows[0]["loglik"])
    both = all(bool(fit.converged[0]) for fit in fits.values())
    frame = pd.DataFrame(rows).assign(chisq=np.nan, df=np.nan, p_value=np.nan)
    if both:
        frame.loc[0, ["chisq", "df", "p_value"]] = [chisq, p - 1, float(special.chdtrc(p - 1, max(chisq, 0.0)))]
    return frame.assign(converged=[bool(fit.converged[0]) for fit in fits.values()])
