"""Type I error and power of the contextual test: does the slope between patients differ from that within them?

    python tests/simulations/contextual.py [sets]            # 2,000 by default; writes to standard output

Synthetic patients of nine sessions, some 15 % of them missing (session 1 is there); `fit_series` of ``y ~ session + he
+ (1 | patient)`` with *he* split at its manifest patient means; outcome with an SD of 1 within and of 1 between
patients. *equal*: both slopes of the parts of he are −.5, so that the manifest difference is 0 as well. *planted*: −.5
within and −1.5 between; the mean of nine sessions has a reliability below 1, so that the manifest difference is drawn
towards 0 by about that factor, which the median shows. Ten outcomes are drawn on each frame. Two
tests: `.hypotheses` (difference of two slopes of one REML fit, t with the model's df: Kenward–Roger, from 50 patients
on Satterthwaite) and `.contextual` (likelihood ratio of ML fits, chi-square); all sets by `fit_many`, the first of each
line held to what `fit_series` says. Seeds are fixed beforehand.
"""

from __future__ import annotations

import sys

import numpy as np
import pandas as pd
from scipy.special import chdtrc

from doublecode.analysis import fit_many, fit_series, within_between

SEED, SESSIONS, MISSING, OUTCOMES = 1517, 9, 0.15, 10
WITHIN, EQUAL, APART = -0.5, -0.5, -1.5
DESIGNS = ((22, 0.25), (22, 0.5), (60, 0.25))


def planted(
    rng: np.random.Generator, patients: int, share: float, between: float, outcomes: int
) -> tuple[pd.DataFrame, np.ndarray]:
    """Sessions of patients, `share` of the variance of he between them; and outcomes (n, outcomes) on them."""
    patient, session = np.divmod(np.arange(patients * SESSIONS), SESSIONS)
    kept = (session == 0) | (rng.random(len(patient)) >= MISSING)
    patient, session = patient[kept], session[kept]
    stable = np.sqrt(share) * rng.normal(size=patients)[patient]
    moving = np.sqrt(1 - share) * rng.normal(size=len(patient))
    mean = between * stable + WITHIN * moving - 0.1 * session
    y = mean[:, None] + rng.normal(size=(patients, outcomes))[patient] + rng.normal(size=(len(patient), outcomes))
    data = pd.DataFrame({"patient": patient, "session": session + 1.0, "he": stable + moving})
    return within_between(data, "he"), y


def statistics_of(data: pd.DataFrame, y: np.ndarray) -> pd.DataFrame:
    """Per outcome the contextual effect, its df and p, and the p of the likelihood ratio.

    It is the slope of the patient mean beside the raw predictor: the same model as the split one.
    """
    conflated = "y ~ session + he + (1 | patient)"
    both = conflated.replace("he", "he + he_between")
    found = fit_many(both, data, y, ddf="kenward-roger" if data["patient"].nunique() < 50 else "satterthwaite")
    at = found.terms.index("he_between")
    ratio = 2 * (fit_many(both, data, y, reml=False).loglik - fit_many(conflated, data, y, reml=False).loglik)
    shown = {"estimate": found.estimate[at], "df": found.df[at], "p_value": found.p_value[at]}
    return pd.DataFrame({**shown, "p_ratio": chdtrc(1, np.maximum(ratio, 0.0))})


def held_to_the_door(data: pd.DataFrame, y: np.ndarray, first: pd.Series) -> None:
    """The first set is what `fit_series` says of it."""
    series = fit_series(
        "y ~ session + he + (1 | patient)", data[["patient", "session", "he"]].assign(y=y[:, 0]), split=["he"]
    )  # fmt: skip
    door = series.hypotheses.iloc[0]
    for name in ("estimate", "df", "p_value"):
        np.testing.assert_allclose(first[name], float(door[name]), rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(first["p_ratio"], series.contextual["p_value"].iloc[0], rtol=1e-5, atol=1e-7)


def line(patients: int, share: float, between: float, n_sets: int) -> str:
    """What the sets of one design say: OUTCOMES outcomes on each of the frames."""
    rng = np.random.default_rng((SEED, patients, round(100 * share), round(-10 * between)))
    parts = []
    for _ in range(max(n_sets // OUTCOMES, 1)):
        data, y = planted(rng, patients, share, between, OUTCOMES)
        parts.append(statistics_of(data, y))
        if len(parts) == 1:
            held_to_the_door(data, y, parts[0].iloc[0])
    table = pd.concat(parts)
    rejected = (table[["p_value", "p_ratio"]] < 0.05).mean()
    return (
        f"{patients:>8} {share:>6.2f} {between - WITHIN:>11.1f} {table['estimate'].median():>8.3f} "
        f"{rejected['p_value']:>10.3f} {rejected['p_ratio']:>12.3f} {table['df'].median():>7.1f}"
    )


def main(n_sets: int) -> None:
    error = np.sqrt(0.05 * 0.95 / n_sets)
    print(
        f"{n_sets} sets per line, seed {SEED}; nominal .05, simulation error of it {error:.3f}; slope within {WITHIN}"
    )
    print("\n         share of                            rejected    likelihood  median")
    print("patients     he  difference   median          by t         ratio      df")
    for between in (EQUAL, APART):
        for patients, share in DESIGNS:
            print(line(patients, share, between, n_sets), flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2000)
