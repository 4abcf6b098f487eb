"""What many seeds of the adolescent study find, side by side with what each aims at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from doublecode.data_examples.adolescent_analysis import (
    BEHAVIORS_1,
    BEHAVIORS_2,
    P_LEAST_SQUARES,
    P_ROBUST,
    PRINTED_INTERACTIONS,
    RATED_ITEMS,
    Found,
    estimate_patients,
)
from doublecode.data_examples.adolescent_seeds import AdolescentSeeds
from doublecode.data_examples.adolescent_targets import conditional_targets
from doublecode.data_examples.least_squares import Columns, Fences, Floats, find_fences, rows_of
from doublecode.data_examples.printed_values import OverSeeds, numbers
from doublecode.schemas.study import Study

AGREEMENT = ("conf_low", "conf_high")


@dataclass(frozen=True)
class Findings:
    """Estimates of every study by quantity, what each study aims at, and all of it as one row per seed."""

    estimates: Mapping[str, Found]
    targets: Mapping[str, Floats]
    samples: pd.DataFrame
    fences: Fences

    def over_seeds(self) -> OverSeeds:
        """Population values, and the mean and SD of the samples."""
        population = {name: float(np.nanmean(values)) for name, values in self.targets.items()}
        return OverSeeds(population, numbers(self.samples.mean()), numbers(self.samples.std()))


def findings_of(seeds: AdolescentSeeds, declared: Study, population: Columns | None = None) -> Findings:
    """Estimate everything in every study; with the `population`, also what each study aims at."""
    if declared.outliers is None:
        raise ValueError("the study declares no outlier rule")
    fences = find_fences(seeds.columns, declared.outliers)
    estimates = estimate_patients(seeds.columns, fences, declared) | _agreement(seeds)
    samples = pd.DataFrame(
        {name: one.estimate for name, one in estimates.items()}, index=pd.Index(seeds.seeds, name="seed")
    )
    counts = [*BEHAVIORS_1, *BEHAVIORS_2]
    rows = samples[[f"{name}: rows" for name in counts]]
    icc = samples[[f"{name}: ICC(A,1)" for name in RATED_ITEMS]]
    facts = seeds.facts.set_axis(samples.index)
    existing, coded = facts["sessions 2 and 3 held"], facts["homework_adherence: sessions coded"]
    praise = next(model for model in declared.moderations if model.subset)
    more = facts.drop(columns="ir: alpha", errors="ignore").assign(
        **{
            "homework_adherence: sessions not coded": existing - coded,
            "homework_adherence: sessions not coded, %": 100 * (existing - coded) / existing,
            "rows of the smallest regression": rows.min(axis=1),
            "rows of the largest regression": rows.max(axis=1),
            "rows before the praise model's condition": np.sum(
                rows_of(declared.moderations[counts.index("rationale_s2")], seeds.columns), axis=1
            ),
            "rows of the praise model before its condition": rows_of(praise, seeds.columns).sum(axis=1),
            "THABS: lowest ICC(A,1)": icc.min(axis=1),
            "THABS: highest ICC(A,1)": icc.max(axis=1),
            "THABS: mean ICC(A,1)": icc.mean(axis=1),
            "therapists, hw2: p": seeds.p_values["hw2"].to_numpy(),
            "therapists, hw3: p": seeds.p_values["hw3"].to_numpy(),
        }
    )
    targets = {} if population is None else conditional_targets(population, fences, declared)
    return Findings(estimates, targets, pd.concat([samples, more], axis=1), fences)


def _agreement(seeds: AdolescentSeeds) -> dict[str, Found]:
    wide = seeds.agreement.pivot(index="seed", columns="quantity").reindex(list(seeds.seeds))  # noqa: PD010
    names = seeds.agreement["quantity"].unique()
    ends = ("estimate", *AGREEMENT)
    return {name: Found(*(wide[end][name].to_numpy(dtype=float) for end in ends)) for name in names}


def patterns(samples: pd.DataFrame) -> pd.DataFrame:
    """How often the eight interactions are significant (p < .05), by least squares and with HC3.

    Returns
    -------
    DataFrame
        pattern, least squares, HC3; shares of studies.
    """
    terms = {name: f"{name}: {name}:{'ir' if name in BEHAVIORS_1 else 'hw2'}" for name in (*BEHAVIORS_1, *BEHAVIORS_2)}
    rows: dict[str, list[float]] = {}
    for kind in (P_LEAST_SQUARES, P_ROBUST):
        found = pd.DataFrame({name: samples[term + kind] < 0.05 for name, term in terms.items()})
        printed = found[list(PRINTED_INTERACTIONS)]
        others = found.drop(columns=list(PRINTED_INTERACTIONS))
        for name in found:
            mark = "printed" if name in PRINTED_INTERACTIONS else "not printed"
            rows.setdefault(f"{name} × {'resistance' if name in BEHAVIORS_1 else 'adherence'} ({mark})", []).append(
                float(found[name].mean())
            )
        rows.setdefault("all four that are printed", []).append(float(printed.all(axis=1).mean()))
        rows.setdefault("the paper's pattern: all four and no other", []).append(
            float((printed.all(axis=1) & ~others.any(axis=1)).mean())
        )
        rows.setdefault("at least one of the four", []).append(float(printed.any(axis=1).mean()))
    return pd.DataFrame([(name, *shares) for name, shares in rows.items()], columns=["pattern", "least squares", "HC3"])
