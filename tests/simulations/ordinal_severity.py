"""Do the limits of latent severity hold the planted values? Ratings 0–4 by five raters, three of them on each session.

``python ordinal_severity.py [N_SETS]``. 40 sessions, SD between sessions 1.5 (latent ICC(C,1) .41), severities
−1, −0.4, 0, 0.4, 1, unequal thresholds. Wald limits of the severities, and of the fair averages against their values at
the planted parameters.
"""

from __future__ import annotations

import sys

import numpy as np
import pandas as pd
from scipy.special import expit

from doublecode.analysis import ordinal_severity
from doublecode.schemas.errors import NotEstimable

SEVERITY, CUTS, SD = np.array([-1.0, -0.4, 0.0, 0.4, 1.0]), np.array([-2.5, -0.8, 0.6, 2.0]), 1.5


def draw(rng: np.random.Generator, n_sessions: int) -> pd.DataFrame:
    """Ratings of three of five raters on each session."""
    level = rng.normal(0, SD, n_sessions)
    s = np.repeat(np.arange(n_sessions), 5)
    r = np.tile(np.arange(5), n_sessions)
    keep = (s + r) % 5 < 3
    eta = level[s] + SEVERITY[r] + rng.logistic(size=len(s))
    return pd.DataFrame({"session": s, "rater": r, "y": np.searchsorted(CUTS, eta)})[keep]


def main(n_sets: int) -> None:
    fair = expit(SEVERITY[:, None] - CUTS).sum(axis=1)
    for n_sessions in (40,):
        rng = np.random.default_rng([20261128, n_sessions])
        held, fair_held, bias, latent, refused = [], [], [], [], 0
        for _ in range(n_sets):
            try:
                found = ordinal_severity(draw(rng, n_sessions), targets="session", raters="rater", ratings="y")
            except NotEstimable:
                refused += 1
                continue
            frame = found.frame
            held.append((frame["conf_low"] <= SEVERITY) & (frame["conf_high"] >= SEVERITY))
            fair_held.append((frame["fair_low"] <= fair) & (fair <= frame["fair_high"]))
            bias.append(frame["estimate"] - SEVERITY)
            latent.append(found.icc["estimate"].to_numpy())
        print(f"{n_sessions} sessions, {n_sets} sets, {refused} refused")
        print("  severity: coverage", np.round(np.mean(held, axis=0), 3), "bias", np.round(np.mean(bias, axis=0), 3))
        print("  fair average: coverage", np.round(np.mean(fair_held, axis=0), 3))
        means = np.round(np.mean(latent, axis=0), 3)
        print(f"  mean ICC(C,1), ICC(A,1): latent {means[:2]} (planted .406), ratings {means[2:]}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 500)
