"""Type I error and coverage of `patient_outcome` with few therapists: CR2, fixed effects, plain least squares.

    python tests/simulations/few_therapists.py [sets]        # 2,000 by default; writes to standard output

Synthetic patients, one row each, dealt to therapists by chance (two each at least, so that loads are uneven). The
outcome has a share of 0 or .2 of its residual variance between therapists. Of the two predictors *he* has half of its
variance between therapists and a true slope of 0 (share of p < .05: type I error), *base* has none and a true slope of
.5 (share of limits that hold it: coverage). A slope added to the outcome moves the estimate and nothing else, so that
each of the two is 1 less the other. Seeds are fixed beforehand.
"""

from __future__ import annotations

import sys

import numpy as np
import pandas as pd

from doublecode.analysis import patient_outcome
from doublecode.analysis.mixed.hypotheses import quantile, two_sided

SEED, SLOPE, BETWEEN = 1516, 0.5, 0.5
DESIGNS = ((3, 22), (5, 22), (8, 22), (3, 50), (5, 50), (8, 50), (20, 50))
SHARES = (0.0, 0.2)


def planted(rng: np.random.Generator, therapists: int, patients: int, share: float) -> pd.DataFrame:
    """One row per patient."""
    chance = rng.integers(0, therapists, patients - 2 * therapists)
    who = np.concatenate([np.repeat(np.arange(therapists), 2), chance])
    he = np.sqrt(BETWEEN) * rng.normal(size=therapists)[who] + np.sqrt(1 - BETWEEN) * rng.normal(size=patients)
    base = rng.normal(size=patients)
    shared = np.sqrt(share) * rng.normal(size=therapists)[who]
    post = SLOPE * base + shared + np.sqrt(1 - share) * rng.normal(size=patients)
    return pd.DataFrame({"patient": np.arange(patients), "therapist": who, "he": he, "base": base, "post": post})


def outcome(data: pd.DataFrame) -> dict[str, float]:
    """What one set says: he called significant, the limits of base holding the truth, by each way."""
    robust, fixed = (
        patient_outcome(data, "post", "he", baseline="base", therapists=way).frame.set_index("term")
        for way in ("CR2", "fixed")
    )
    he, base = robust.loc["he_mean"], robust.loc["base"]
    left = len(data) - len(robust)
    said = {
        "CR2": he["p_value"] < 0.05,
        "fixed": fixed.loc["he_mean", "p_value"] < 0.05,
        "OLS": two_sided(he["estimate"] / he["ols_error"], left) < 0.05,
        "covered CR2": base["conf_low"] <= SLOPE <= base["conf_high"],
        "covered fixed": fixed.loc["base", "conf_low"] <= SLOPE <= fixed.loc["base", "conf_high"],
        "covered OLS": abs(base["estimate"] - SLOPE) <= quantile(0.95, left) * base["ols_error"],
    }
    return {name: float(one) for name, one in said.items()} | {"df he": he["df"], "df base": base["df"]}


def line(therapists: int, patients: int, share: float, n_sets: int) -> str:
    """What the sets of one design say."""
    rng = np.random.default_rng((SEED, therapists, patients, round(10 * share)))
    found = pd.DataFrame([outcome(planted(rng, therapists, patients, share)) for _ in range(n_sets)])
    mean, df = found.mean(), found.median()
    return (
        f"{therapists:>10} {patients:>8} {share:>6.1f}   {mean['CR2']:>5.3f} {mean['fixed']:>5.3f} {mean['OLS']:>5.3f}"
        f" {df['df he']:>6.1f}   {mean['covered CR2']:>5.3f} {mean['covered fixed']:>5.3f} {mean['covered OLS']:>5.3f}"
        f" {df['df base']:>6.1f}"
    )


def main(n_sets: int) -> None:
    error = np.sqrt(0.05 * 0.95 / n_sets)
    print(
        f"{n_sets} sets per line, seed {SEED}; nominal .05 and .95, simulation error {error:.3f}; df: median of CR2's\n"
    )
    print("                             he: rejected at slope 0          base: limits hold its slope")
    print("therapists patients  share     CR2 fixed   OLS     df     CR2 fixed   OLS     df")
    for share in SHARES:
        for therapists, patients in DESIGNS:
            print(line(therapists, patients, share, n_sets), flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2000)
