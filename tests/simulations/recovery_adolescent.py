"""Is what was planted in the adolescent study found again? 300 seeds of the generator, the real pipeline.

Run: OMP_NUM_THREADS=1 nice python tests/simulations/recovery_adolescent.py [SEEDS] (some ten minutes on two cores);
the table is kept in recovery_adolescent.txt beside this file.
"""

from __future__ import annotations

import json
import sys
from functools import cache
from pathlib import Path

import pandas as pd

sys.path.insert(0, str(Path(__file__).parent))
from recovery import judge, over_seeds, table

from doublecode.analysis.outliers import bring_in
from doublecode.data_examples.adolescent_analysis import estimate_all, patient_frame, therapist_p_values
from doublecode.data_examples.adolescent_study import adolescent_study
from doublecode.data_examples.generate_adolescent_cbt import SHIPPED
from doublecode.schemas.errors import NotEstimable
from doublecode.schemas.study import load_study

KNOWN: dict[str, str] = {}
NOTES = ""
Study = tuple[pd.DataFrame | str, dict[str, float], int]
declared = cache(lambda: load_study(SHIPPED))


def one_study(seed: int) -> Study:
    """Estimates (or why there are none), p values of the therapists' ANOVA, variables that the outlier rule refused."""
    study = adolescent_study(seed)
    frame = patient_frame(study, declared())
    refused = len(bring_in(frame, declared().outliers).design["refused"])
    p_values = therapist_p_values(frame, declared())
    try:
        return estimate_all(frame, study, declared()).assign(seed=seed), p_values, refused
    except NotEstimable as why:
        return f"seed {seed}: {why}", p_values, refused


def main(n_seeds: int) -> None:
    done: list[Study] = []
    for study in over_seeds(one_study, n_seeds):
        done.append(study)
        if len(done) % 50 == 0 or len(done) == n_seeds:
            Path(__file__).with_suffix(".txt").write_text(report(done), encoding="utf-8")
    print(report(done))


def report(done: list[Study]) -> str:
    truth = json.loads((SHIPPED / "planted_truth.json").read_text(encoding="utf-8"))
    targets = {entry["quantity"]: (entry["observed"], entry["observed_se"]) for entry in truth["quantities"]}
    found, p_values, refused = zip(*done, strict=True)
    estimates = [one for one in found if not isinstance(one, str)]
    judged = judge(pd.concat(estimates, ignore_index=True), targets, KNOWN)
    below = (pd.DataFrame(p_values) < 0.05).mean().round(3).to_dict()
    n = len(done)
    text = f"adolescent study: {n} seeds (1 to {n}) of 50 adolescents against 5,000\n\n{table(judged)}\n\n"
    text += f"outlier rule refused (IQR 0): {sum(refused)} of {6 * n} variables\n"
    text += f"therapists' ANOVA, share of p < .05 (none planted): {below}\n"
    return text + f"not estimable: {'; '.join(one for one in found if isinstance(one, str)) or 'none'}\n\n{NOTES}"


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 300)
