"""Writes ``telephone_cbt/planted_truth.json``: what was planted, and what the analysis gives on 5,000 patients.

Two estimands stand side by side. *Observed score*: the analysis of the study (scores of one or two
raters, lags with gaps) on very many patients; an analysis of 22 patients estimates this. *True score*:
the same on each session's universe score, its expected score over all raters and occasions; the
difference is attenuation by rater error, and by rater error that two instruments share.

Run ``python -m doublecode.data_examples.telephone_truth`` (about two minutes).
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import ndtr

from doublecode.coding.scoring import score_raters
from doublecode.data_examples.folder import SYNTHETIC
from doublecode.data_examples.generate_telephone_cbt import SHIPPED
from doublecode.data_examples.moments import agreement
from doublecode.data_examples.telephone_analysis import SLOPES, estimate_scores, estimate_slopes
from doublecode.data_examples.telephone_model import PANEL, TelephonePlan
from doublecode.data_examples.telephone_ratings import (
    GHES,
    HALO_CORRELATION,
    STHAR,
    ScalePlan,
    ghes_levels,
    item_propensity,
    sthar_levels,
)
from doublecode.data_examples.telephone_study import SEED, TelephoneStudy, telephone_study
from doublecode.schemas.study import Study, load_study

N_PATIENTS = 5000
POPULATION_SEED = 5000
PRINTED = {
    "he: share between patients": 0.25, "tbh: share between patients": 0.148, "phq9: share between patients": 0.62,
    "he: intercept": 3.00, "he: session": -0.05, "tbh: intercept": 2.32, "tbh: session": -0.04,
    "he on tbh (conflated)": 0.24, "phq9 on he (conflated)": -0.83, "phq9 on tbh, he held (conflated)": 0.23,
    "ghes he: omega": 0.87, "sthar same_tape: omega": 0.80,
}  # fmt: skip
DEFINITIONS = {
    "share": "variance between patients over total variance, in the model with a random intercept only",
    "ICC": "absolute agreement, k raters: variance of sessions / (that + (variance of raters + residual) / k); "
    "on 5,000 patients by moments (half the mean squared difference of two raters is raters + residual), to which "
    "REML converges",
    "omega": "omega total of a one-factor model of the items of one tape, each the mean of its raters",
}
DYADS = "printed as the mean ICC(2,2) of ten rater pairs, which is no estimate of it: .68 (GHES), .64 (StHAR)"


def universe_scores(study: TelephoneStudy) -> pd.DataFrame:
    """The expected score of each session held, over all raters: patient, session, he, tbh, phq9."""
    truth = study.truth
    ghes = _expected_codes(study.seed, "ghes", GHES, ghes_levels(truth))
    sthar = _expected_codes(study.seed, "sthar", STHAR, sthar_levels(truth))
    before = np.vstack([np.full((1, 5), np.nan), sthar[:-1, :5]])
    before[truth.session == 1] = np.nan
    return pd.DataFrame(
        {
            "patient": study.sessions["patient"],
            "session": truth.session,
            "he": ghes.mean(axis=1),
            "tbh": np.hstack([before, sthar[:, 5:]]).mean(axis=1),
            "phq9": study.outcomes.iloc[:, 2:].sum(axis=1).astype(float),
        }
    )


def _expected_codes(seed: int, name: str, plan: ScalePlan, levels: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean of round(x + noise) within 0–4: the sum of P(x + noise > 0.5), … P(x + noise > 3.5)."""
    x = item_propensity(seed, name, plan, levels)
    halo = np.asarray(plan.loadings) * plan.halo
    noise = np.sqrt(plan.severity**2 + plan.item_severity**2 + halo**2 + plan.error**2)
    total = np.zeros_like(x)
    for step in (0.5, 1.5, 2.5, 3.5):
        total += ndtr((x - step) / noise)
    return total


def agreement_by_moments(study: TelephoneStudy, declared: Study) -> pd.DataFrame:
    """ICC(A,1) and ICC(A,2) of both scales with standard errors."""
    rows = []
    panel_of = pd.Series(study.truth.patient // PANEL, index=study.sessions["session_id"])
    for instrument, scale in (("ghes", "he"), ("sthar", "same_tape")):
        own = study.ratings[study.ratings["instrument"] == instrument]
        scored = score_raters(own, [declared.codebooks[instrument]])
        scored = scored[scored["scale"] == scale]
        panel = panel_of.loc[scored["session_id"]].to_numpy()
        rows += [(f"{instrument} {scale}: ICC(A,{k})", *agreement(scored, panel, k)) for k in (1, 2)]
    return pd.DataFrame(rows, columns=["quantity", "estimate", "se"])


def estimands() -> pd.DataFrame:
    """Both estimands of every quantity: quantity, observed, observed_se, true, true_se."""
    declared = load_study(SHIPPED)
    study = telephone_study(POPULATION_SEED, N_PATIENTS, pilot=False, texts=False)
    observed = estimate_scores(study, declared, ddf="z")
    observed["se"] = (observed["conf_high"] - observed["conf_low"]) / (2 * 1.959964)
    observed = pd.concat(
        [observed[["quantity", "estimate", "se"]], agreement_by_moments(study, declared)], ignore_index=True,
    )  # fmt: skip
    true = pd.DataFrame(estimate_slopes(universe_scores(study), "z"), columns=["quantity", "true", "low", "high"])
    true["true_se"] = (true["high"] - true["low"]) / (2 * 1.959964)
    both = observed.merge(true[["quantity", "true", "true_se"]], on="quantity", how="left")
    return both.rename(columns={"estimate": "observed", "se": "observed_se"})


def write_truth(path: Path = SHIPPED / "planted_truth.json") -> None:
    """Compute the estimands and write the file."""
    found = estimands()
    content = {
        "synthetic": SYNTHETIC,
        "study": "telephone_cbt",
        "shipped_seed": SEED,
        "estimands_from": {"n_patients": N_PATIENTS, "seed": POPULATION_SEED, "panels": "22 patients, 3 therapists, "
                           "5 raters each"},
        "observed_score": "what the declared analysis gives on that many patients: scores of one or two raters",
        "true_score": "the same on universe scores: each session's expected score over all raters",
        "quantities": [_entry(row) for row in found.to_dict("records")],
        "latent_model": asdict(TelephonePlan()),
        "raters_ghes": asdict(GHES),
        "raters_sthar": asdict(STHAR),
        "correlation_of_halos": HALO_CORRELATION,
        "planted_as_none": ["therapists", "sessions lost (at random)", "demographics", "drift of raters"],
    }  # fmt: skip
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _entry(row: dict[Any, Any]) -> dict[str, Any]:
    name = str(row["quantity"])
    formula, term = SLOPES.get(name, ("", ""))
    definition = f"{term} in {formula}" if formula else next(v for k, v in DEFINITIONS.items() if k in name)
    entry: dict[str, Any] = {"quantity": name, "definition": definition, "printed": PRINTED.get(name)}
    if "ICC(A,2)" in name:
        entry["printed_note"] = DYADS
    for column in ("observed", "observed_se", "true", "true_se"):
        entry[column] = None if pd.isna(row[column]) else round(float(row[column]), 5)
    return entry


if __name__ == "__main__":
    write_truth()
