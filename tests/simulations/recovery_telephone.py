"""Is what was planted in the telephone study found again? Many seeds of the generator, the declared analysis.

Run: OMP_NUM_THREADS=1 nice python tests/simulations/recovery_telephone.py SEEDS HEADLINE_SEEDS FOLDER: SEEDS are
analysed in full with their intervals, HEADLINE_SEEDS only for the choice of the shipped seed. 2,000 of both take half
an hour on a quiet core; what was analysed is kept in FOLDER, and a run that was stopped goes on from there. The table
and the choice are kept in recovery_telephone.txt beside this file; the counts go into planted_truth.json.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).parent))
from recovery import Judged, counts, judge, keep, summary, table

from doublecode.data_examples.generate_telephone_cbt import SHIPPED
from doublecode.data_examples.printed_values import choice_text, distances
from doublecode.data_examples.seed_cache import kept_in
from doublecode.data_examples.telephone_printed import HEADLINE
from doublecode.data_examples.telephone_seeds import many_headlines, many_seeds

KNOWN: dict[str, str] = {}
NOTES = """\
off_by_se: mean - population, in Monte-Carlo standard errors of both (the seeds, and the 5,000 patients).
Small-sample directions to be expected: shares between patients are a little low with 22 patients (Olkin & Pratt 1958,
Ann. Math. Stat. 29, 201-211), so is agreement with five raters and clustered sessions. The interval of the intercepts
takes the five raters as fixed, hence .92-.93.
"""


def judged_quantities(estimates: pd.DataFrame, targets: dict[str, tuple[float, float]]) -> dict[str, Judged]:
    found = {}
    for quantity, rows in estimates.groupby("quantity", sort=False):
        if quantity in targets:
            value, se = targets[str(quantity)]
            ends = (rows[name].to_numpy(dtype=float) for name in ("estimate", "conf_low", "conf_high"))
            found[str(quantity)] = Judged(*ends, np.full(len(rows), value), se)
    return found


def judged_estimates(estimates: pd.DataFrame) -> pd.DataFrame:
    truth = json.loads((SHIPPED / "planted_truth.json").read_text(encoding="utf-8"))
    targets = {entry["quantity"]: (entry["population"], entry["population_se"]) for entry in truth["quantities"]}
    return judge(judged_quantities(estimates, targets), KNOWN)


def report(estimates: pd.DataFrame, judged: pd.DataFrame, headlines: pd.DataFrame) -> str:
    n = estimates["seed"].nunique()
    text = f"telephone study: {n} seeds (1 to {n}) of 22 patients against 5,000 patients\n\n"
    text += f"{counts(judged)}\n\n{table(judged)}\n\n"
    return text + choice_text(distances(headlines, HEADLINE), HEADLINE, headlines) + "\n" + NOTES


def main(n_seeds: int, n_headline: int, folder: Path) -> None:
    estimates = many_seeds(n_seeds, kept_in(folder, "telephone.pkl"))
    judged = judged_estimates(estimates)
    text = report(estimates, judged, many_headlines(n_headline, kept_in(folder, "headlines.pkl")))
    Path(__file__).with_suffix(".txt").write_text(text, encoding="utf-8")
    keep(SHIPPED, summary(judged, n_seeds, KNOWN, {}))
    print(text)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))
