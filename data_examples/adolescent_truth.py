"""Writes ``planted_truth.json`` and ``printed_values.csv`` of the adolescent study.

*Population value*: the declared analysis of 20,000 adolescents under the fences of each of many samples of 50, averaged
over the samples. *True score*: the same on what the raters would code without any error of their own.

Run ``python -m doublecode.data_examples.adolescent_truth [SEEDS] [FOLDER]``: 2,000 seeds take half an hour on a quiet
core; what was drawn is kept in FOLDER, so that a run that was stopped goes on.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from doublecode.data_examples.adolescent_findings import Findings, findings_of
from doublecode.data_examples.adolescent_model import PANEL, AdolescentPlan
from doublecode.data_examples.adolescent_population import draw_population, population_frame
from doublecode.data_examples.adolescent_printed import HEADLINE, PRINTED
from doublecode.data_examples.adolescent_ratings import ADHERENCE_EDGES, NO_ERROR, RaterPlan
from doublecode.data_examples.adolescent_seeds import declared, many_seeds, of_studies
from doublecode.data_examples.adolescent_study import SEED, adolescent_study
from doublecode.data_examples.adolescent_targets import (
    POPULATION,
    POPULATION_SEED,
    conditional_targets,
    standard_errors,
)
from doublecode.data_examples.folder import SYNTHETIC
from doublecode.data_examples.generate_adolescent_cbt import SHIPPED
from doublecode.data_examples.least_squares import Floats
from doublecode.data_examples.printed_values import RULE, distances, numbers, table_of, write_printed
from doublecode.data_examples.seed_cache import kept_in

DEFINITIONS = {
    "model: term (b)": "coefficient of the declared regression after the outlier rule, predictor and moderator centred",
    "model: term (beta)": "b · SD of its column / SD of the outcome, the product formed of the centred variables",
    "before the rule": "the same without the outlier rule",
    "r(x, y)": "Pearson correlation after the outlier rule",
    "rho(x, y)": "Spearman correlation before the rule",
    "share winsorised": "share of values beyond the quartiles ± 1.5 IQR",
    "ICC(A,1)": "one rater, absolute agreement, by REML",
    "ICC(1,1)": "one rater, one-way, of the sum of six items, by REML",
    "ir: alpha": "Cronbach's alpha of six items, by the primary rater of each session",
}
NOTES = (
    "Not every printed number can be met together with every other; the column `true` says what raters without error "
    "would find. At the printed reliability of adherence (.72) the interactions of session 2 and the praise model are "
    "weakened: printed -.45 and -.40, here {rationale_s2} and {reactions_s2} (true {true_rationale_s2} and "
    "{true_reactions_s2}); printed .62 and -.48 on those who did some homework, here {praise_hw2} and {praise_ir} "
    "(true {true_praise_hw2} and {true_praise_ir}). They were printed of 28 to 33 adolescents, because they were "
    "significant there.",
    "r(ir, hw3) is printed as -.23, here {r_hw3}: the printed betas of resistance (-.20 to -.47, and -.48 in the "
    "praise model) ask for more, and pull it down.",
    "rho(hispanic, hw2) is printed as -.31, here {rho}: the printed betas (-.33 to -.44) ask for more.",
    "Printed item ICCs of THABS lie between .27 and .84 with a mean of .67; which item has which is not in our hands.",
)


def findings(n_seeds: int, folder: Path) -> Findings:
    """Estimates and targets of the first `n_seeds` seeds."""
    seeds = many_seeds(n_seeds, kept_in(folder, "adolescents.pkl"))
    return findings_of(seeds, declared(), observed_population())


def observed_population() -> dict[str, Floats]:
    """The analysis frame of the population."""
    return population_frame(draw_population(POPULATION_SEED, POPULATION), declared())


def write_truth(n_seeds: int, folder: Path, shipped: Path = SHIPPED) -> None:
    """Compute everything and write both files."""
    found = findings(n_seeds, folder)
    over = found.over_seeds()
    own = findings_of(of_studies([adolescent_study(SEED)], declared()), declared()).samples.iloc[0]
    without_error = population_frame(draw_population(POPULATION_SEED, POPULATION, NO_ERROR), declared())
    true = conditional_targets(without_error, found.fences.first(200), declared())
    write_printed(table_of(PRINTED, over, numbers(own)), shipped)
    quantities = _entries(
        over.population, found, standard_errors(observed_population(), found.fences, declared()), true
    )
    content = {
        "synthetic": SYNTHETIC,
        "study": "adolescent_cbt",
        "shipped_seed": SEED,
        "chosen": f"{RULE} over {len(HEADLINE)} headline numbers, seeds 1 to {n_seeds}: "
        f"{distances(found.samples, HEADLINE)[SEED]:.3f}",
        "headline": dict(HEADLINE),
        "population": {"n_adolescents": POPULATION, "seed": POPULATION_SEED, "panels": "50 adolescents, 8 therapists, "
                       "three sets of three raters each", "samples": n_seeds, "of": PANEL},
        "population_value": "the declared analysis of the population under each sample's fences, averaged over samples",
        "true_score": "the same with raters who make no error and are equally severe (fences of 200 samples)",
        "definitions": DEFINITIONS,
        "notes": [note.format(**_numbers(quantities)) for note in NOTES],
        "quantities": list(quantities.values()),
        "latent_model": asdict(AdolescentPlan()),
        "raters": asdict(RaterPlan()),
        "edges_of_adherence": {str(session): edges for session, edges in ADHERENCE_EDGES.items()},
        "planted_as_none": ["therapists", "tapes lost (at random)", "drop-out (at random)", "other demographics",
                            "severity of depression (C-DISC)"],
    }  # fmt: skip
    text = json.dumps(content, indent=1, ensure_ascii=False) + "\n"
    (shipped / "planted_truth.json").write_text(text, encoding="utf-8")


def _entries(
    population: Mapping[str, float], found: Findings, se: Mapping[str, float], true: Mapping[str, Any]
) -> dict[str, dict[str, Any]]:
    """One entry per quantity; those of raters' agreement have no population under fences, but the mean over seeds."""
    printed = {one.quantity: one.value for one in PRINTED}
    agreement = [str(name) for name in found.samples if "ICC(" in str(name) and "THABS" not in str(name)]
    entries = {}
    for name in [*population, *agreement, "ir: alpha"]:
        values = found.samples[name]
        entries[name] = {
            "quantity": name,
            "printed": printed.get(name),
            "population": _rounded(population.get(name, values.mean())),
            "population_se": _rounded(se[name] if name in se else float(values.std() / np.sqrt(values.count()))),
            "mean_over_seeds": _rounded(values.mean()),
            "sd_over_seeds": _rounded(values.std()),
            "true": _rounded(float(np.mean(true[name]))) if name in true else None,
        }
    return entries


def _rounded(value: float) -> float | None:
    return None if pd.isna(value) else round(float(value), 6)


def _numbers(entries: Mapping[str, dict[str, Any]]) -> dict[str, str]:
    """The numbers that the notes name."""
    names = {
        "rationale_s2": "rationale_s2: rationale_s2:hw2 (beta)",
        "reactions_s2": "reactions_s2: reactions_s2:hw2 (beta)",
        "praise_hw2": "praise_s2: hw2 (beta)", "praise_ir": "praise_s2: ir (beta)", "r_hw3": "r(ir, hw3)",
        "rho": "rho(hispanic, hw2)",
    }  # fmt: skip
    found = {key: f"{entries[name]['population']:.2f}" for key, name in names.items()}
    return found | {f"true_{key}": f"{entries[name]['true']:.2f}" for key, name in names.items()}


if __name__ == "__main__":
    write_truth(int((sys.argv[1:] or ["2000"])[0]), Path((sys.argv[2:] or ["seeds"])[0]))
