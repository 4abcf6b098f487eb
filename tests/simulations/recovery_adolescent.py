"""Is what was planted in the adolescent study found again? 300 seeds of the generator, the real pipeline.

Run: OMP_NUM_THREADS=1 nice python tests/simulations/recovery_adolescent.py [SEEDS] (about fifteen minutes);
the table is kept in recovery_adolescent.txt beside this file, and grows as it goes.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pandas as pd

sys.path.insert(0, str(Path(__file__).parent))
from recovery import judge, table

from doublecode.analysis.outliers import bring_in
from doublecode.data_examples.adolescent_analysis import estimate_all, patient_frame, therapist_p_values
from doublecode.data_examples.adolescent_study import adolescent_study
from doublecode.data_examples.generate_adolescent_cbt import SHIPPED
from doublecode.schemas.errors import NotEstimable
from doublecode.schemas.study import load_study

KNOWN: dict[str, str] = {}
NOTES = ""


def main(n_seeds: int) -> None:
    declared = load_study(SHIPPED)
    truth = json.loads((SHIPPED / "planted_truth.json").read_text(encoding="utf-8"))
    targets = {entry["quantity"]: (entry["observed"], entry["observed_se"]) for entry in truth["quantities"]}
    found, p_values, refused, failed = [], [], 0, []
    for seed in range(1, n_seeds + 1):
        study = adolescent_study(seed)
        try:
            found.append(estimate_all(study, declared).assign(seed=seed))
        except NotEstimable as why:
            failed.append(f"seed {seed}: {why}")
            continue
        frame = patient_frame(study, declared)
        p_values.append(therapist_p_values(frame, declared))
        refused += len(bring_in(frame, declared.outliers).design["refused"])
        if seed % 50 == 0 or seed == n_seeds:
            judged = judge(pd.concat(found, ignore_index=True), targets, KNOWN)
            below = (pd.DataFrame(p_values) < 0.05).mean().round(3).to_dict()
            text = (
                f"adolescent study: {seed} seeds (1 to {seed}) of 50 adolescents against 5,000\n\n{table(judged)}\n\n"
            )
            text += f"outlier rule refused (IQR 0): {refused} of {6 * len(found)} variables\n"
            text += f"therapists' ANOVA, share of p < .05 (none planted): {below}\n"
            text += f"not estimable: {'; '.join(failed) or 'none'}\n\n{NOTES}"
            Path(__file__).with_suffix(".txt").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 300)
