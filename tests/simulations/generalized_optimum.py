"""Is our end ever worse than glmer's? 1,000 sets each of 22 × 9 binary outcomes and counts (needs R with lme4).

``python generalized_optimum.py > generalized_optimum.txt``. Of every set our objective (Laplace) at our end is held
against our objective at glmer's estimates. Intercepts, slopes and the standard deviation between patients differ from
set to set, from none to wide, so that singular and nearly separated sets are among them.
"""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

from doublecode.analysis import fit_generalized
from doublecode.analysis.mixed.generalized.objective import evaluate
from doublecode.schemas.errors import NotEstimable

SETS, PATIENTS, ROWS = 1000, 22, 9


def draw(kind: str, number: int) -> pd.DataFrame:
    rng = np.random.default_rng([20261128, number, int(kind == "count")])
    data = pd.DataFrame({"set": number, "patient": np.repeat(np.arange(PATIENTS), ROWS)})
    data["within"] = rng.normal(size=len(data))
    data["between"] = rng.normal(size=PATIENTS)[data["patient"]]
    eta = rng.normal(0, 1) + rng.normal(0, 0.7) * data["within"] + rng.normal(0, 0.5) * data["between"]
    eta += rng.choice([0.0, 0.3, 1.0, 2.0]) * rng.normal(size=PATIENTS)[data["patient"]]
    chance = 1 / (1 + np.exp(-eta))
    data["y"] = rng.poisson(np.exp(0.5 * eta)) if kind == "count" else (rng.uniform(size=len(data)) < chance) * 1
    return data


def compare(kind: str, sets: list[pd.DataFrame], theirs: pd.DataFrame) -> None:
    family = "poisson" if kind == "count" else "binomial"
    gaps, ends, refused = [], {"converged": 0, "singular": 0, "not converged": 0}, {}
    for data, other in zip(sets, theirs.itertuples(), strict=True):
        try:
            fit = fit_generalized("y ~ within + between + (1 | patient)", data, family=family, nagq=1)
        except NotEstimable as error:
            reason = str(error).split(":")[0].split(" by ")[0][:40]
            refused[reason] = refused.get(reason, 0) + 1
            continue
        ends[str(fit.state)] += 1
        if np.isnan(other.loglik):
            continue
        beta = np.array([other.Intercept, other.within, other.between])
        at = evaluate(fit.fit.problem, np.concatenate([[other.theta], fit.fit.x_root @ beta]))
        gaps.append(fit.fit.end.point.value - at.value)
    gap = np.array(gaps)
    print(f"{kind}: {len(sets)} sets; our ends {ends}; refused by name {refused}")
    print(f"  glmer gave {len(gap)} fits to compare; our objective minus that at glmer's estimates:")
    print(f"  largest {gap.max():.2e}, median {np.median(gap):.2e}, smallest {gap.min():.2e}")
    print(f"  ours worse by more than 1e-6 in {(gap > 1e-6).sum()}, better by more than 1e-6 in {(gap < -1e-6).sum()}")


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        every = {kind: [draw(kind, i) for i in range(SETS)] for kind in ("binary", "count")}
        for kind, sets in every.items():
            pd.concat(sets).to_csv(folder / f"{kind}.csv", index=False)
        script = Path(__file__).with_suffix(".R")
        subprocess.run(["Rscript", str(script), str(folder)], check=True)
        for kind, sets in every.items():
            compare(kind, sets, pd.read_csv(folder / f"{kind}_glmer.csv"))


if __name__ == "__main__":
    main()
