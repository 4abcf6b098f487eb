"""Writes ``adolescent_cbt/planted_truth.json``: what was planted, and what the analysis gives on 20,000 adolescents.

*Observed score* is the analysis of the study (codes of one or two raters, the outlier rule) on very many
adolescents. *True score* is the same analysis on what the raters would code without any error of their own.

Run ``python -m doublecode.data_examples.adolescent_truth`` (about five minutes).
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from doublecode.coding.scoring import score_raters
from doublecode.data_examples.adolescent_analysis import (
    ESTIMATE,
    LEAST_SQUARES,
    RATED_ITEMS,
    Row,
    alpha_of_resistance,
    estimate_patients,
    patient_frame,
)
from doublecode.data_examples.adolescent_model import PANEL, AdolescentPlan
from doublecode.data_examples.adolescent_ratings import NO_ERROR, RaterPlan
from doublecode.data_examples.adolescent_study import SEED, AdolescentStudy, adolescent_study
from doublecode.data_examples.folder import SYNTHETIC
from doublecode.data_examples.generate_adolescent_cbt import SHIPPED
from doublecode.data_examples.moments import agreement
from doublecode.schemas.study import Study, load_study

N = 20_000
POPULATION_SEED = 5000
PARTS = 20  # of whole panels, for the standard errors of the estimands: adolescents of a panel share their raters
PRINTED: dict[str, Any] = {
    "rationale_s1: rationale_s1:ir (beta)": 0.31, "time_s1: time_s1:ir (beta)": 0.30, "time_s1: time_s1 (beta)": 0.26,
    "rationale_s2: rationale_s2:hw2 (beta)": -0.45, "reactions_s2: reactions_s2:hw2 (beta)": -0.40,
    "praise_s2: hw2 (beta)": 0.62, "praise_s2: ir (beta)": -0.48,
    "r(ir, hw2)": -0.26, "r(ir, hw3)": -0.23, "r(hispanic, rationale_s2)": 0.29, "r(hispanic, hw2)": -0.31,
    "hw2: mean": 4.51, "hw2: SD": 1.01, "hw3: mean": 4.21, "hw3: SD": 1.12, "ir: mean": 7.54, "ir: SD": 1.91,
    "specification_s1: share winsorised": 0.065, "rationale_s1: share winsorised": 0.109,
    "time_s1: share winsorised": 0.043, "hw2: share winsorised": 0.114, "hw3: share winsorised": 0.15,
    "adherence: ICC(A,1)": 0.72, "ir: ICC(1,1)": 0.88, "ir: alpha": 0.89, "review: ICC(A,1)": 0.27,
} | {f"{name}_s1: ir (beta)": "-0.23 to -0.40" for name in ("specification", "rationale", "reactions", "time")} | {
    f"{name}_s1: hispanic (beta)": "-0.33 to -0.44" for name in ("specification", "rationale", "reactions", "time")
} | {f"{name}_s2: ir (beta)": "-0.20 to -0.47" for name in ("specification", "rationale", "reactions", "time")} | {
    f"{name}_s2: hw2 (beta)": "0.34 to 0.43" for name in ("specification", "rationale", "reactions", "time")
}  # fmt: skip
DEFINITIONS = {
    "model: term (b)": "coefficient of the declared regression after the outlier rule, predictor and moderator centred",
    "model: term (beta)": "b · SD of its column / SD of the outcome, the product formed of the centred variables",
    "before the rule": "the same without the outlier rule",
    "r(x, y)": "Pearson correlation after the outlier rule",
    "share winsorised": "share of values beyond the quartiles ± 1.5 IQR",
    "ICC(A,1)": "one rater, absolute agreement; on 20,000 by moments, to which REML converges",
    "ICC(1,1)": "one rater, one-way, of the sum of six items; by moments",
    "ir: alpha": "Cronbach's alpha of six items, by the primary rater of each session",
}
NOTES = (
    "The printed interactions of session 2 (-.45 and -.40) are the true-score ones here; the study sees them through "
    "its raters, and so smaller. They were printed for 33 adolescents because they were significant there.",
    "Homework that was not done is coded 0 by everybody, which lifts the planted ICC of adherence above the printed.",
    "Printed item ICCs of THABS lie between .27 and .84 with a mean of .67; which item has which is not in our hands.",
    "r(ir, hw3) is larger than printed, because the printed betas of resistance in the regressions are.",
    "Resistance is planted higher and without the printed tail (mean 8.9, SD 3.0; printed 7.54, 1.91, highest 25), and "
    "quartiles stay clear of the steps between codes: otherwise the fences of the outlier rule jump from sample to "
    "sample, and neither the mean of an estimate nor the coverage of its limits says much about the method.",
    "The praise model was not calibrated: its printed betas (28 adolescents) are above what the other models leave.",
)


def estimands() -> pd.DataFrame:
    """Both estimands of every quantity: quantity, observed, observed_se, true, true_se."""
    declared = load_study(SHIPPED)
    study = adolescent_study(POPULATION_SEED, N)
    rated = pd.DataFrame(_agreements(study, declared), columns=["quantity", "estimate", "se"])
    observed = pd.concat([_of_codes(study, declared), rated], ignore_index=True)
    true = _of_codes(adolescent_study(POPULATION_SEED, N, raters=NO_ERROR), declared)
    observed = observed.rename(columns={"estimate": "observed", "se": "observed_se"})
    return observed.merge(true.rename(columns={"estimate": "true", "se": "true_se"}), on="quantity", how="left")


def _of_codes(study: AdolescentStudy, declared: Study) -> pd.DataFrame:
    """What rests on the codes; the standard errors come from parts of the sample."""
    rows = _estimate(study, declared)
    found = pd.DataFrame(rows, columns=["quantity", *ESTIMATE]).set_index("quantity")
    found = found[~found.index.str.endswith(LEAST_SQUARES)]
    frame = patient_frame(study, declared)
    parts = [
        pd.DataFrame(estimate_patients(part, declared), columns=["quantity", *ESTIMATE]).set_index("quantity")[
            "estimate"
        ]
        for _, part in frame.groupby(np.arange(len(frame)) * PARTS // len(frame))
    ]
    by_parts = pd.concat(parts, axis=1).std(axis=1) / np.sqrt(PARTS)
    of_limits = (found["conf_high"] - found["conf_low"]) / (2 * 1.959964)
    return found[["estimate"]].assign(se=by_parts.reindex(found.index).fillna(of_limits)).reset_index()


def _estimate(study: AdolescentStudy, declared: Study) -> list[Row]:
    return [*estimate_patients(patient_frame(study, declared), declared), alpha_of_resistance(study)]


def _agreements(study: AdolescentStudy, declared: Study) -> list[tuple[str, float, float]]:
    patient = pd.Series(np.arange(N) // PANEL, index=study.patients["patient"])
    rows = []
    for item in (*RATED_ITEMS, "adherence"):
        own = study.ratings[study.ratings["item"] == item]
        rows.append((f"{item}: ICC(A,1)", *agreement(own, patient.loc[own["patient"]].to_numpy(), 1)))
    own = study.ratings[study.ratings["instrument"] == "initial_resistance"]
    scored = score_raters(own, [declared.codebooks["initial_resistance"]])
    return [*rows, ("ir: ICC(1,1)", *agreement(scored, patient.loc[scored["patient"]].to_numpy(), 1))]


def write_truth(path: Path = SHIPPED / "planted_truth.json") -> None:
    """Compute the estimands and write the file."""
    content = {
        "synthetic": SYNTHETIC,
        "study": "adolescent_cbt",
        "shipped_seed": SEED,
        "estimands_from": {"n_adolescents": N, "seed": POPULATION_SEED, "panels": "50 adolescents, 8 therapists, "
                           "three sets of three raters each"},
        "observed_score": "what the declared analysis gives on that many: codes of one or two raters, outlier rule",
        "true_score": "the same with raters who make no error and are equally severe",
        "definitions": DEFINITIONS,
        "notes": NOTES,
        "quantities": [_entry(row) for row in estimands().to_dict("records")],
        "latent_model": asdict(AdolescentPlan()),
        "raters": asdict(RaterPlan()),
        "planted_as_none": ["therapists", "tapes lost (at random)", "drop-out (at random)", "other demographics"],
    }  # fmt: skip
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _entry(row: dict[Any, Any]) -> dict[str, Any]:
    name = str(row["quantity"])
    entry: dict[str, Any] = {"quantity": name, "printed": PRINTED.get(name)}
    for column in ("observed", "observed_se", "true", "true_se"):
        entry[column] = None if pd.isna(row[column]) else round(float(row[column]), 6)
    return entry


if __name__ == "__main__":
    write_truth()
