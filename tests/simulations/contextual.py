"""Type I error and power of the contextual test: does the slope between patients differ from that within them?

    python tests/simulations/contextual.py [sets]            # 2,000 by default; writes to standard output

Synthetic patients of nine sessions, some 15 % of them missing (session 1 is there); `fit_series` of ``y ~ session + he
+ (1 | patient)`` with *he* split at its manifest patient means; outcome with an SD of 1 within and of 1 between
patients. *equal*: both slopes of the parts of he are −.5, so that the manifest difference is 0 as well. *planted*: −.5
within and −1.5 between; the mean of nine sessions has a reliability below 1, so that the manifest difference is drawn
towards 0 by about that factor, which the median shows. Two tests: `.hypotheses` (difference of two slopes of one REML
fit, t with the model's df) and `.contextual` (likelihood ratio of ML fits, chi-square). Seeds are fixed beforehand.
"""

from __future__ import annotations

import sys

import numpy as np
import pandas as pd

from doublecode.analysis import fit_series

SEED, SESSIONS, MISSING = 1517, 9, 0.15
WITHIN, EQUAL, APART = -0.5, -0.5, -1.5
DESIGNS = ((22, 0.25), (22, 0.5), (60, 0.25))


def planted(rng: np.random.Generator, patients: int, share: float, between: float) -> pd.DataFrame:
    """Sessions of patients; `share` of the variance of he is between them."""
    patient, session = np.divmod(np.arange(patients * SESSIONS), SESSIONS)
    stable = np.sqrt(share) * rng.normal(size=patients)[patient]
    moving = np.sqrt(1 - share) * rng.normal(size=len(patient))
    y = between * stable + WITHIN * moving - 0.1 * session + rng.normal(size=patients)[patient]
    y += rng.normal(size=len(patient))
    data = pd.DataFrame({"patient": patient, "session": session + 1.0, "he": stable + moving, "y": y})
    return data[(session == 0) | (rng.random(len(patient)) >= MISSING)].reset_index(drop=True)


def line(patients: int, share: float, between: float, n_sets: int) -> str:
    """What the sets of one design say."""
    rng = np.random.default_rng((SEED, patients, round(100 * share), round(-10 * between)))
    tested, ratio = [], []
    for _ in range(n_sets):
        found = fit_series("y ~ session + he + (1 | patient)", planted(rng, patients, share, between), split=["he"])
        tested.append(found.hypotheses.iloc[0])
        ratio.append(found.contextual["p_value"].iloc[0])
    table = pd.DataFrame(tested)
    rejected = (table["p_value"].astype(float) < 0.05).mean()
    return (
        f"{patients:>8} {share:>6.2f} {between - WITHIN:>11.1f} {table['estimate'].astype(float).median():>8.3f} "
        f"{rejected:>10.3f} {np.mean(np.array(ratio) < 0.05):>12.3f} {table['df'].astype(float).median():>7.1f}"
    )


def main(n_sets: int) -> None:
    error = np.sqrt(0.05 * 0.95 / n_sets)
    print(
        f"{n_sets} sets per line, seed {SEED}; nominal .05, simulation error of it {error:.3f}; slope within {WITHIN}"
    )
    print("\n         share of                            rejected    likelihood  median")
    print("patients     he  difference   median    by t of KR         ratio      df")
    for between in (EQUAL, APART):
        for patients, share in DESIGNS:
            print(line(patients, share, between, n_sets), flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2000)
