"""Writes ``planted_truth.json`` and ``printed_values.csv`` of the telephone study.

Two estimands stand side by side. *Population*: the analysis of the study (scores of one or two raters, lags with gaps)
of 5,000 patients; an analysis of 22 patients estimates this. *True score*: the same on each session's universe score,
its expected score over all raters and occasions; the difference is attenuation by rater error, and by rater error that
two instruments share.

Run ``python -m doublecode.data_examples.telephone_truth SEEDS HEADLINE_SEEDS FOLDER``: SEEDS are analysed in full, of
HEADLINE_SEEDS only the headline numbers by which the shipped seed was chosen. 2,000 of both take half an hour on a
quiet core; what was analysed is kept in FOLDER, so that a run that was stopped goes on.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import ndtr

from doublecode.data_examples.folder import SYNTHETIC
from doublecode.data_examples.generate_telephone_cbt import SHIPPED
from doublecode.data_examples.moments import agreement
from doublecode.data_examples.printed_values import RULE, OverSeeds, distances, numbers, table_of, write_printed
from doublecode.data_examples.seed_cache import kept_in
from doublecode.data_examples.telephone_analysis import SCALES, SLOPES, Scores, consistencies, scores_of, shares, slopes
from doublecode.data_examples.telephone_model import PANEL, PHQ_AT_START, TelephonePlan
from doublecode.data_examples.telephone_printed import HEADLINE, PRINTED
from doublecode.data_examples.telephone_ratings import (
    GHES,
    HALO_CORRELATION,
    STHAR,
    ScalePlan,
    ghes_levels,
    item_propensity,
    sthar_levels,
)
from doublecode.data_examples.telephone_seeds import declared, many_headlines, many_seeds, of_studies
from doublecode.data_examples.telephone_study import SEED, TelephoneStudy, telephone_study

NORMAL_WIDTH = 2 * 1.959964
NOTES = (
    "The paper prints the mean ICC(2,2) of ten pairs of raters (.68 GHES, .64 StHAR) and does not say whether the "
    "items were stacked. Both are in printed_values.csv: the mean over pairs is no estimate of the ICC(A,2) of the "
    "design, which is above it.",
    "The patients of the trial began with a PHQ-9 of 6 to 20: a patient whose first score would be another is drawn "
    "again, which cuts the variance between patients.",
    "The likelihoods of the PHQ-9 models are printed on 171 or 172 rows, which a lag by row gives; with lags by "
    "session number there are about 159, and the likelihoods are larger.",
    "Behavioral homework is planted as 128, as its printed 31 % and the printed total of 411 say, not as 138.",
)
N_PATIENTS = 5000
POPULATION_SEED = 5000
DEFINITIONS = {
    "share": "variance between patients over total variance, in the model with a random intercept only",
    "ICC": "absolute agreement, k raters: variance of sessions / (that + (variance of raters + residual) / k); "
    "on 5,000 patients by moments (half the mean squared difference of two raters is raters + residual), to which "
    "REML converges",
    "omega": "omega total of a one-factor model of the items of one tape, each the mean of its raters",
}


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


def agreement_by_moments(study: TelephoneStudy, scores: Scores) -> dict[str, tuple[float, float]]:
    """ICC(A,1) and ICC(A,2) of both scales with standard errors."""
    found = {}
    panel_of = pd.Series(study.truth.patient // PANEL, index=study.sessions["session_id"])
    for instrument, scale in SCALES:
        coded = scores.coded[instrument]
        values = coded.ratings.assign(value=coded.ratings[list(coded.items)].mean(axis=1, skipna=False))
        panel = panel_of.loc[values["session_id"]].to_numpy()
        for k in (1, 2):
            found[f"{instrument} {scale}: ICC(A,{k})"] = agreement(values, panel, k)
    return found


def kept_estimands(folder: Path) -> pd.DataFrame:
    """The population values, from FOLDER if they were computed before."""
    path = kept_in(folder, "telephone_population.csv")
    if not path.exists():
        estimands().to_csv(path, index_label="quantity")
    return pd.read_csv(path, index_col="quantity")


def estimands() -> pd.DataFrame:
    """Population values by quantity: population, population_se, true, true_se."""
    study = telephone_study(POPULATION_SEED, N_PATIENTS, pilot=False, texts=False)
    scores = scores_of(study, declared())
    rows = [*shares([scores.frame])[0], *slopes(scores.frame, "z"), *consistencies(scores)]
    observed = {name: (value, (high - low) / NORMAL_WIDTH) for name, value, low, high in rows if not np.isnan(low)}
    observed |= agreement_by_moments(study, scores)
    universe = universe_scores(study)
    rows = [*shares([universe])[0], *slopes(universe, "z")]
    true = {name: (value, (high - low) / NORMAL_WIDTH) for name, value, low, high in rows if not np.isnan(low)}
    columns = {"population": observed, "true": true}
    return pd.DataFrame(
        {f"{name}{part}": pd.Series({key: pair[i] for key, pair in found.items()})
         for name, found in columns.items() for i, part in enumerate(("", "_se"))}
    ).loc[list(observed)]  # fmt: skip


def over_seeds(population: pd.DataFrame, samples: pd.DataFrame) -> OverSeeds:
    """Population values and the samples of many seeds (one row per seed)."""
    return OverSeeds(numbers(population["population"]), numbers(samples.mean()), numbers(samples.std()))


def write_truth(n_seeds: int, n_headline: int, folder: Path, shipped: Path = SHIPPED) -> None:
    """Compute everything and write both files."""
    population = kept_estimands(folder)
    samples = many_seeds(n_seeds, kept_in(folder, "telephone.pkl"))
    samples = samples.pivot(index="seed", columns="quantity", values="estimate")  # noqa: PD010
    chosen = distances(many_headlines(n_headline, kept_in(folder, "headlines.pkl")), HEADLINE)[SEED]
    own = of_studies([telephone_study(SEED, texts=False)], declared()).set_index("quantity")["estimate"]
    over = over_seeds(population, samples)
    write_printed(table_of(PRINTED, over, numbers(own)), shipped)
    printed = {one.quantity: one.value for one in PRINTED}
    content = {
        "synthetic": SYNTHETIC,
        "study": "telephone_cbt",
        "shipped_seed": SEED,
        "chosen": f"{RULE} over {len(HEADLINE)} headline numbers, seeds 1 to {n_headline}: {chosen:.3f}",
        "headline": dict(HEADLINE),
        "estimands_from": {"n_patients": N_PATIENTS, "seed": POPULATION_SEED, "panels": "22 patients, 3 therapists, "
                           "5 raters each"},
        "population_value": "what the declared analysis gives on that many patients: scores of one or two raters; the "
        f"mean over {n_seeds} seeds where there is no such value (means of pairs of raters, ranges, likelihoods)",
        "true_score": "the same on universe scores: each session's expected score over all raters",
        "notes": NOTES,
        "quantities": [
            _entry(str(name), row, over, printed.get(str(name))) for name, row in population.iterrows()
        ],
        "latent_model": asdict(TelephonePlan()),
        "first_phq9_within": PHQ_AT_START,
        "raters_ghes": asdict(GHES),
        "raters_sthar": asdict(STHAR),
        "correlation_of_halos": HALO_CORRELATION,
        "planted_as_none": ["therapists", "sessions lost (at random)", "demographics", "drift of raters"],
    }  # fmt: skip
    text = json.dumps(content, indent=1, ensure_ascii=False) + "\n"
    (shipped / "planted_truth.json").write_text(text, encoding="utf-8")


def _entry(name: str, row: pd.Series[float], over: OverSeeds, printed: float | str | None) -> dict[str, Any]:
    formula, term = SLOPES.get(name, ("", ""))
    definition = f"{term} in {formula}" if formula else next(v for k, v in DEFINITIONS.items() if k in name)
    entry: dict[str, Any] = {"quantity": name, "definition": definition, "printed": printed}
    entry |= {column: _rounded(row[column]) for column in ("population", "population_se")}
    entry |= {"mean_over_seeds": _rounded(over.mean[name]), "sd_over_seeds": _rounded(over.sd[name])}
    return entry | {column: _rounded(row[column]) for column in ("true", "true_se")}


def _rounded(value: float) -> float | None:
    return None if pd.isna(value) else round(float(value), 5)


if __name__ == "__main__":
    write_truth(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))
