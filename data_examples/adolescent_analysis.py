"""The analysis whose answers are planted in the adolescent study: what ``run`` computes, for many studies at once.

Every number that rests on the analysis frame is a function of the frame and of the fences of the outlier rule. With a
sample's own fences it is what the study finds; with the same fences on very many adolescents it is what the study
aims at: the target *conditional on this sample's fences*. Its mean over samples is the *population value*.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from doublecode.analysis.consistency.alpha_omega import alpha
from doublecode.analysis.regression.group_differences import group_anova
from doublecode.analysis.reliability.interrater import icc
from doublecode.analysis.study.declared_models import declared_frame
from doublecode.coding.scoring import pool_ratings, score
from doublecode.data_examples.adolescent_ratings import RESISTANCE_ITEMS
from doublecode.data_examples.adolescent_study import AdolescentStudy
from doublecode.data_examples.least_squares import (
    Columns,
    Fences,
    Floats,
    Regressions,
    brought_in,
    correlation,
    ranks,
    regress,
)
from doublecode.data_examples.telephone_analysis import Row, row_of
from doublecode.schemas.study import Study
from doublecode.schemas.study_parts import ModerationModel

PAIRS = (("ir", "hw2"), ("ir", "hw3"), ("hispanic", "rationale_s2"))
RATED_ITEMS = ("specification", "rationale", "reactions", "review", "praise", "time_assigning")
BEHAVIORS_1 = ("specification_s1", "rationale_s1", "reactions_s1", "time_s1")
BEHAVIORS_2 = ("specification_s2", "rationale_s2", "reactions_s2", "time_s2")
PRINTED_INTERACTIONS = ("rationale_s1", "time_s1", "rationale_s2", "reactions_s2")
LEAST_SQUARES = ", least-squares limits"
P_LEAST_SQUARES, P_ROBUST = " (p, least squares)", " (p, HC3)"


@dataclass(frozen=True)
class Found:
    """One quantity in many studies; arrays of shape (n_studies,), limits of 95 % or NaN."""

    estimate: Floats
    conf_low: Floats
    conf_high: Floats


def patient_frame(study: AdolescentStudy, declared: Study) -> pd.DataFrame:
    """The analysis frame, one row per adolescent, before the outlier rule."""
    items = pool_ratings(study.ratings, declared)
    scores = score(items, declared.codebooks)
    return declared_frame(declared, scores, items, study.sessions, study.patients).frame


def quick_columns(study: AdolescentStudy, declared: Study) -> dict[str, Floats]:
    """The same variables as ``columns_of`` gives, without the frame and its ledger: for thousands of studies."""
    number = pd.Index(study.patients["patient"])
    found = {}
    for one in declared.variables:
        if one.column is not None:
            found[one.name] = study.patients[one.column].to_numpy(dtype=float)
            continue
        own = study.ratings[(study.ratings["instrument"] == one.instrument) & (study.ratings["session"] == one.session)]
        if one.item is not None:
            own = own[own["item"] == one.item]
        own = own.dropna(subset=["value"])
        row, value = number.get_indexer(pd.Index(own["patient"])), own["value"].to_numpy(dtype=float)
        raters = 1 if one.item is not None else len(RESISTANCE_ITEMS)
        count = np.bincount(row, minlength=len(number)) / raters
        total = np.bincount(row, value, len(number))
        found[one.name] = np.where(count > 0, total / np.where(count > 0, count, 1), np.nan)
    return {name: values[None, :] for name, values in found.items()}


def columns_of(frame: pd.DataFrame, declared: Study) -> dict[str, Floats]:
    """The variables of one frame as rows of one study, shape (1, n)."""
    names = [one.name for one in declared.variables]
    return {name: frame[name].to_numpy(dtype=float)[None, :] for name in names}


def estimate_patients(columns: Columns, fences: Fences, declared: Study) -> dict[str, Found]:
    """Estimate all that rests on the analysis frame, in every study, with the fences given."""
    adjusted = brought_in(columns, fences)
    found: dict[str, Found] = {}
    for model in declared.moderations:
        found |= _of_regression(model, columns, adjusted)
    found |= _ranges(found)
    for one, other in PAIRS:
        found |= _correlated(f"r({one}, {other})", *correlation(adjusted[one], adjusted[other]))
    hispanic, hw2 = columns["hispanic"], columns["hw2"]
    both = np.isfinite(hispanic) & np.isfinite(hw2)
    ranked = (ranks(np.where(both, values, np.nan)) for values in (hispanic, hw2))
    found |= _correlated("rho(hispanic, hw2)", *correlation(*ranked), of_ranks=True)
    found["largest r among predictors"] = _without_limits(_largest(adjusted, declared))
    for name in ("hw2", "hw3", "ir"):
        found |= _moments(name, adjusted[name])
    for name, low in fences.low.items():
        values = columns[name]
        outside = (values < low[:, None]) | (values > fences.high[name][:, None])
        found[f"{name}: share winsorised"] = _without_limits(outside.sum(axis=1) / np.isfinite(values).sum(axis=1))
        found[f"{name}: number winsorised"] = _without_limits(outside.sum(axis=1).astype(float))
    found["ir: lowest"] = _without_limits(np.nanmin(columns["ir"], axis=1))
    found["ir: highest"] = _without_limits(np.nanmax(columns["ir"], axis=1))
    return found


def _of_regression(model: ModerationModel, columns: Columns, adjusted: Columns) -> dict[str, Found]:
    """Coefficients with robust limits (HC3) and with those of least squares; of the printed ones also before the rule.

    Each regression leaves out the interactions of the others, so that its residuals do not spread equally.
    """
    chosen = columns["hw2"] > 0 if model.subset else None  # judged by the values before the rule
    after = regress(model, adjusted, chosen)
    found: dict[str, Found] = {}
    for j, term in enumerate(after.terms):
        found |= _coefficient(f"{model.name}: {term} (b)", after, j)
        found[f"{model.name}: {term} (beta)"] = _without_limits(after.beta[:, j])
        found[f"{model.name}: {term}{P_LEAST_SQUARES}"] = _without_limits(
            _two_sided(after.b[:, j] / after.std_error[:, j], after.df[:, 0])
        )
        found[f"{model.name}: {term}{P_ROBUST}"] = _without_limits(
            _two_sided(after.b[:, j] / after.robust[:, j], after.df[:, 0])
        )
    found[f"{model.name}: rows"] = _without_limits(after.n.astype(float))
    if model.name in PRINTED_INTERACTIONS:
        before = regress(model, columns, chosen)
        found |= _coefficient(f"{model.name}: {before.terms[-1]} before the rule (b)", before, len(before.terms) - 1)
    return found


def _two_sided(statistic: Floats, df: NDArray[np.int64]) -> Floats:
    from scipy.special import stdtr

    return np.asarray(2 * stdtr(df, -np.abs(statistic)))


def _coefficient(quantity: str, found: Regressions, j: int) -> dict[str, Found]:
    from scipy.special import stdtrit

    reach = stdtrit(found.df[:, 0], 0.975)
    b = found.b[:, j]
    errors = {quantity: found.robust[:, j], quantity + LEAST_SQUARES: found.std_error[:, j]}
    return {name: Found(b, b - reach * error, b + reach * error) for name, error in errors.items()}


def _without_limits(estimate: Floats) -> Found:
    nothing = np.full(len(estimate), np.nan)
    return Found(estimate, nothing, nothing)


def _ranges(found: dict[str, Found]) -> dict[str, Found]:
    """Smallest and largest of the standardised coefficients that the paper gives as ranges over four regressions."""
    added = {}
    for behaviors, session, terms in ((BEHAVIORS_1, 1, ("ir", "hispanic")), (BEHAVIORS_2, 2, ("ir", "hw2"))):
        for term in terms:
            four = np.stack([found[f"{name}: {term} (beta)"].estimate for name in behaviors])
            size = np.abs(np.where(np.isnan(four), 0.0, four))
            for end, which in (("weakest", size.argmin(axis=0)), ("strongest", size.argmax(axis=0))):
                values = np.take_along_axis(four, which[None, :], axis=0)[0]
                added[f"session {session}: {term} ({end} beta of four)"] = _without_limits(values)
    return added


def _correlated(name: str, r: Floats, n: NDArray[np.int64], *, of_ranks: bool = False) -> dict[str, Found]:
    """Limits by Fisher's z; for ranks with the variance of Bonett & Wright (2000), as ``correlate`` does."""
    from scipy.special import ndtri

    half = ndtri(0.975) * np.sqrt((1 + np.square(r) / 2 if of_ranks else 1.0) / (n - 3))
    p_value = _two_sided(r * np.sqrt((n - 2) / (1 - np.square(r))), n - 2)
    limits = Found(r, np.tanh(np.arctanh(r) - half), np.tanh(np.arctanh(r) + half))
    return {name: limits, f"{name}: p": _without_limits(p_value)}


def _largest(adjusted: Columns, declared: Study) -> Floats:
    names = [name for name in declared.correlations.variables if name != "hw3"] if declared.correlations else []
    pairs = [(one, other) for i, one in enumerate(names) for other in names[:i]]
    largest: Floats = np.nanmax([np.abs(correlation(adjusted[a], adjusted[b])[0]) for a, b in pairs], axis=0)
    return largest


def _moments(name: str, values: Floats) -> dict[str, Found]:
    from scipy.special import stdtrit

    n = np.isfinite(values).sum(axis=1)
    mean, sd = np.nanmean(values, axis=1), np.nanstd(values, axis=1, ddof=1)
    half = stdtrit(n - 1, 0.975) * sd / np.sqrt(n)
    return {f"{name}: mean": Found(mean, mean - half, mean + half), f"{name}: SD": _without_limits(sd)}


def agreements(studies: Sequence[AdolescentStudy]) -> pd.DataFrame:
    """Agreement of the raters and alpha of resistance: quantity, estimate, conf_low, conf_high, seed.

    Many studies are estimated in one go. The jackknife limits of the agreement on adherence are left to
    :func:`jackknifed_adherence`.
    """
    thabs = _ratings_of(studies, "thabs")
    found = icc(
        thabs, targets="session_id", raters="rater", ratings="value", by=["seed", "item"], k=(1,)
    ).frame  # fmt: skip
    found = found[(found["form"] == "ICC(A,1)") & found["item"].isin(RATED_ITEMS)]
    items = found.assign(quantity=found["item"] + ": ICC(A,1)")
    adherence = icc(
        _ratings_of(studies, "homework_adherence"), targets="session_id", raters="rater", ratings="value", by="seed",
        k=(1,),
    ).frame  # fmt: skip
    adherence = adherence[adherence["form"] == "ICC(A,1)"].assign(
        quantity="adherence: ICC(A,1)", conf_low=np.nan, conf_high=np.nan
    )
    keys = ["seed", "session_id", "rater"]
    totals = _ratings_of(studies, "initial_resistance").groupby(keys)[["value"]].sum().reset_index()
    resistance = icc(
        totals, targets="session_id", raters=None, ratings="value", by="seed", k=(1,), interval="jackknife"
    ).frame.assign(quantity="ir: ICC(1,1)")
    alphas = pd.DataFrame(
        [(*alpha_of_resistance(study), study.seed) for study in studies],
        columns=["quantity", "estimate", "conf_low", "conf_high", "seed"],
    )
    return pd.concat([part[alphas.columns] for part in (items, adherence, resistance, alphas)], ignore_index=True)


def jackknifed_adherence(studies: Sequence[AdolescentStudy]) -> pd.DataFrame:
    """The agreement on adherence with the limits that the study declares."""
    found = icc(
        _ratings_of(studies, "homework_adherence"), targets="session_id", raters="rater", ratings="value", by="seed",
        k=(1,), interval="jackknife",
    ).frame  # fmt: skip
    found = found[found["form"] == "ICC(A,1)"].assign(quantity="adherence: ICC(A,1)")
    return found[["quantity", "estimate", "conf_low", "conf_high", "seed"]].reset_index(drop=True)


def _ratings_of(studies: Sequence[AdolescentStudy], instrument: str) -> pd.DataFrame:
    parts = [
        study.ratings.loc[study.ratings["instrument"] == instrument, ["session_id", "rater", "item", "value"]].assign(
            seed=study.seed
        )
        for study in studies
    ]
    return pd.concat(parts, ignore_index=True).dropna(subset=["value"])


def alpha_of_resistance(study: AdolescentStudy) -> Row:
    """Cronbach's alpha of the six resistance items, each session by its primary rater."""
    own = study.ratings[(study.ratings["instrument"] == "initial_resistance") & (study.ratings["role"] == "primary")]
    wide = own.pivot(index="patient", columns="item", values="value")  # noqa: PD010
    return row_of("ir: alpha", alpha(wide, items=list(RESISTANCE_ITEMS)).frame, 0)


def therapist_p_values(frame: pd.DataFrame, declared: Study) -> dict[str, float]:
    """P values of the declared group comparisons; no therapist effect was planted."""
    return {
        one.outcome: float(group_anova(frame, one.outcome, one.group).frame["p_value"].iloc[0])
        for one in declared.group_comparisons
    }
