"""Type I error and coverage of `patient_outcome` with few therapists: CR2, fixed effects, plain least squares.

    python tests/simulations/few_therapists.py [sets]        # 2,000 by default; writes to standard output

Synthetic patients, one row each, dealt to therapists by chance (two each at least, so that loads are uneven). The
outcome has a share of 0 or .2 of its residual variance between therapists. Of the two predictors *he* has half of its
variance between therapists and a true slope of 0 (share of p < .05: type I error), *base* has none and a true slope of
.5 (share of limits that hold it: coverage). A slope added to the outcome moves the estimate and nothing else, so that
each of the two is 1 less the other. The first set of each line is held to what `patient_outcome` says. Seeds are fixed
beforehand.
"""

from __future__ import annotations

import sys

import numpy as np
import pandas as pd

from doublecode.analysis import patient_outcome
from doublecode.analysis.mixed.cluster_robust import cr2
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


def fitted(X: np.ndarray, y: np.ndarray, who: np.ndarray | None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Least-squares coefficients, their errors and df: CR2 with clusters, plain without."""
    beta = np.linalg.lstsq(X, y, rcond=None)[0]
    residual, left = y - X @ beta, float(len(y) - X.shape[1])
    if who is not None:
        vcov, df = cr2(X, residual, who.tolist())
        return beta, np.sqrt(np.diag(vcov)), df
    return beta, np.sqrt(np.diag(np.linalg.inv(X.T @ X)) * (residual @ residual) / left), np.full(len(beta), left)


def outcome(data: pd.DataFrame, held_to_the_door: bool) -> dict[str, float]:
    """What one set says: he called significant, the limits of base holding the truth, by each way."""
    who, y = data["therapist"].to_numpy(), data["post"].to_numpy()
    X = np.column_stack([np.ones(len(data)), data["he"], data["base"]])
    dummies = (who[:, None] == np.unique(who)[1:]).astype(float)
    ways = {
        "CR2": fitted(X, y, who),
        "fixed": fitted(np.column_stack([X, dummies]), y, None),
        "OLS": fitted(X, y, None),
    }
    said: dict[str, float] = {"df he": ways["CR2"][2][1], "df base": ways["CR2"][2][2]}
    for way, (beta, error, df) in ways.items():
        half = quantile(0.95, df) * error
        said[way] = float(two_sided(beta / error, df)[1] < 0.05)
        said[f"covered {way}"] = float(abs(beta[2] - SLOPE) <= half[2])
        if held_to_the_door:
            asked = {"CR2": "CR2", "fixed": "fixed", "OLS": "ignored"}[way]
            door = patient_outcome(data, "post", "he", baseline="base", therapists=asked).frame
            np.testing.assert_allclose(door["estimate"], beta[:3])
            np.testing.assert_allclose(door["conf_high"], (beta + half)[:3])
    return said


def line(therapists: int, patients: int, share: float, n_sets: int) -> str:
    """What the sets of one design say."""
    rng = np.random.default_rng((SEED, therapists, patients, round(10 * share)))
    found = pd.DataFrame([outcome(planted(rng, therapists, patients, share), n == 0) for n in range(n_sets)])
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
