"""1,000 simulated sets of 22 patients × 9 sessions rated 0–4: is our objective ever above clmm's end?

``python ordinal_against_clmm.py [N_SETS]``. The sets are those of ``tests/reference/ordinal_sets.py`` (SD between
patients 0 to 4, three kinds of thresholds, empty categories among them). clmm's estimates are put into our objective
(minus log-likelihood, by Laplace and by 15 points), so that both ends are judged by one function, and ours must not lie
higher by more than 1e-6. clmm's own log-likelihood is compared as well.
"""

from __future__ import annotations

import runpy
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd

from doublecode.analysis.mixed import fit_generalized
from doublecode.analysis.mixed.generalized.objective import evaluate
from doublecode.schemas.errors import NotEstimable

REFERENCE = Path(__file__).parents[1] / "reference"
SETS = runpy.run_path(str(REFERENCE / "ordinal_sets.py"))
TERMS = ["within", "between", "time"]


def at_clmm(found, row: pd.Series) -> float:
    """Our objective at clmm's estimates."""
    fit = found.fit
    beta = row[TERMS].to_numpy(float)
    tau = row[["t0", "t1", "t2", "t3"]].dropna().to_numpy(float)
    psi = found.outcome.thresholds.internal(tau - float(fit.centre @ beta))
    x = np.concatenate([[row["sd"]], fit.x_root @ beta, psi])
    return evaluate(fit.problem, x).value


def main(n_sets: int) -> None:
    answers = pd.read_csv(REFERENCE / "ordinal_sets.csv.xz").set_index(["set", "nAGQ"])
    states, excess, gap, evaluations = Counter(), {1: [], 15: []}, {1: [], 15: []}, []
    began = time.process_time()
    for number in range(n_sets):
        data = SETS["simulated_set"](number)
        for nodes in (1, 15):
            try:
                found = fit_generalized(SETS["FORMULA"], data, family="ordinal", nagq=nodes)
            except NotEstimable as error:
                states[nodes, f"refused: {str(error)[:60]}"] += 1
                continue
            states[nodes, found.state.value] += 1
            row = answers.loc[(number, nodes)]
            excess[nodes].append(found.fit.end.point.value - at_clmm(found, row))
            gap[nodes].append(found.loglik - row["loglik"])
            evaluations.append(sum(found.log["evaluations"]))
    print(f"{n_sets} sets, {time.process_time() - began:.0f} s of CPU, {np.mean(evaluations):.0f} evaluations a fit")
    for nodes in (1, 15):
        ours, theirs = np.array(excess[nodes]), np.array(gap[nodes])
        kinds = ", ".join(f"{state} {n}" for (at, state), n in sorted(states.items()) if at == nodes)
        print(f"{nodes} points: {kinds}")
        print(f"  our objective minus ours at clmm's estimates: at most {ours.max():.2e}, lowest {ours.min():.2e}")
        print(f"  above by more than 1e-6: {(ours > 1e-6).sum()}; below by more than 1e-6: {(ours < -1e-6).sum()}")
        print(f"  log-likelihood minus clmm's own: {theirs.min():.2e} to {theirs.max():.2e}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000)
