"""The analysis whose answers are planted in the adolescent study: the real pipeline, without the workbooks."""

from __future__ import annotations

import numpy as np
import pandas as pd

from doublecode.analysis.consistency.alpha_omega import alpha
from doublecode.analysis.description.correlations import correlate
from doublecode.analysis.description.outliers import winsorise
from doublecode.analysis.regression.group_differences import group_anova
from doublecode.analysis.regression.moderation_result import ModerationResult
from doublecode.analysis.reliability.interrater import icc
from doublecode.analysis.study.declared_models import declared_frame
from doublecode.analysis.study.declared_moderation import fit_moderation
from doublecode.coding.scoring import pool_ratings, score, score_raters
from doublecode.data_examples.adolescent_ratings import RESISTANCE_ITEMS
from doublecode.data_examples.adolescent_study import AdolescentStudy
from doublecode.data_examples.telephone_analysis import ESTIMATE as ESTIMATE
from doublecode.data_examples.telephone_analysis import Row as Row
from doublecode.data_examples.telephone_analysis import row_of
from doublecode.schemas.study import Study

PAIRS = (("ir", "hw2"), ("ir", "hw3"), ("hispanic", "rationale_s2"), ("hispanic", "hw2"))
RATED_ITEMS = ("specification", "rationale", "reactions", "review", "praise", "time_assigning")
PRINTED_INTERACTIONS = ("rationale_s1", "time_s1", "rationale_s2", "reactions_s2")
NOT_GIVEN = float("nan")
LEAST_SQUARES = ", least-squares limits"


def patient_frame(study: AdolescentStudy, declared: Study) -> pd.DataFrame:
    """The analysis frame, one row per adolescent, before the outlier rule."""
    items = pool_ratings(study.ratings, declared)
    scores = score(items, declared.codebooks)
    return declared_frame(declared, scores, items, study.sessions, study.patients).frame


def estimate_all(frame: pd.DataFrame, study: AdolescentStudy, declared: Study) -> pd.DataFrame:
    """Estimate every planted quantity of one generated study: quantity, estimate, conf_low, conf_high."""
    rows = [*estimate_patients(frame, declared), *_reliabilities(study, declared), alpha_of_resistance(study)]
    return pd.DataFrame(rows, columns=["quantity", *ESTIMATE])


def estimate_patients(frame: pd.DataFrame, declared: Study) -> list[Row]:
    """Estimate what rests on the analysis frame; the coefficients before and after the outlier rule."""
    if declared.outliers is None:
        return []
    found = winsorise(frame, declared.outliers)
    data = found.data
    rows = _regressions(frame, data, declared)
    for one, other in PAIRS:
        r = correlate(data, [one, other], method="pearson").frame.rename(columns={"r": "estimate"})
        rows.append(row_of(f"r({one}, {other})", r, 0))
    for name in ("hw2", "hw3", "ir"):
        rows += [(f"{name}: mean", *_mean(data[name].dropna().to_numpy(dtype=float)))]
        rows += [(f"{name}: SD", float(data[name].std()), NOT_GIVEN, NOT_GIVEN)]
    changed = found.counts.set_index("variable")
    for name in changed.index:
        share = float((changed["n_low"] + changed["n_high"])[name] / changed["n"][name])
        rows.append((f"{name}: share winsorised", share, NOT_GIVEN, NOT_GIVEN))
    return rows


def _regressions(frame: pd.DataFrame, adjusted: pd.DataFrame, declared: Study) -> list[Row]:
    """The declared regressions after the outlier rule, and the printed interactions before it."""
    rows: list[Row] = []
    for model in declared.moderations:
        after = fit_moderation(model, adjusted, observed=frame)
        for term in after.frame["term"].drop(index=0):  # without the intercept
            rows += _coefficient(f"{model.name}: {term} (b)", after, term)
        betas = after.frame.set_index("term")["beta_posthoc"].drop(index="Intercept")
        rows += [(f"{model.name}: {term} (beta)", float(beta), NOT_GIVEN, NOT_GIVEN) for term, beta in betas.items()]
        if model.name in PRINTED_INTERACTIONS:
            term = f"{model.predictor}:{model.moderator}"
            rows += _coefficient(f"{model.name}: {term} before the rule (b)", fit_moderation(model, frame), term)
    return rows


def _coefficient(quantity: str, found: ModerationResult, term: str) -> list[Row]:
    """A coefficient with its robust limits (HC3), and again with those of least squares.

    Each regression leaves out the interactions of the others, so that its residuals do not spread equally.
    """
    limits = {quantity: found.robust, quantity + LEAST_SQUARES: found.frame}
    return [row_of(name, table.set_index("term"), term) for name, table in limits.items()]


def _mean(values: np.ndarray[tuple[int], np.dtype[np.float64]]) -> tuple[float, float, float]:
    from scipy.special import stdtrit

    half = float(stdtrit(len(values) - 1, 0.975) * values.std(ddof=1) / np.sqrt(len(values)))
    return float(values.mean()), float(values.mean()) - half, float(values.mean()) + half


def _reliabilities(study: AdolescentStudy, declared: Study) -> list[Row]:
    ratings = study.ratings.dropna(subset=["value"])
    own = ratings[ratings["instrument"] == "initial_resistance"]
    scored = score_raters(own, [declared.codebooks["initial_resistance"]])
    return [
        *(_reliability(item, ratings[ratings["item"] == item], declared) for item in (*RATED_ITEMS, "adherence")),
        _reliability("ir", scored, declared),
    ]


def _reliability(name: str, ratings: pd.DataFrame, declared: Study) -> Row:
    """ICC of one rating, in the form and with the limits that the study declares for the instrument."""
    use = declared.use(ratings["instrument"].iloc[0])
    form, raters = ("ICC(1,1)", None) if use.reliability == "one-way" else ("ICC(A,1)", "rater")
    found = icc(
        ratings, targets="session_id", raters=raters, ratings="value", k=(1,), interval=use.reliability_interval
    )
    return row_of(f"{name}: {form}", found.frame.set_index("form"), form)


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
