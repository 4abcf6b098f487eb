"""Simulated unbalanced sets of 22 patients × 9 sessions, and what lme4 and pbkrtest make of them.

Synthetic data. ``python mixed_sets.py`` writes the sets to a temporary CSV, lets ``mixed_sets.R`` fit them and
keeps only the answers: ``mixed_sets_loglik.csv.xz`` (1,000 sets, best logLik of bobyqa, nloptwrap and Newton
steps, REML and ML, with theta) and ``mixed_sets_kr.csv`` (Kenward–Roger SE and df on the first 50, which have a
random slope SD of .1 or 0). The sets themselves come back from their number by :func:`simulated_set`.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.special import ndtri

HERE = Path(__file__).parent
FORMULA = "y ~ within + time + between + (time | patient)"
SLOPE_SD = (0.1, 0.0, 0.1, 0.1, 0.3, 0.05, 0.0, 0.1, 0.2, 0.6)
CORRELATION = (0.0, 0.0, 0.5, -0.5, 0.0, 0.8, 0.0, -0.9, 0.3, 0.0)


def simulated_set(number: int) -> pd.DataFrame:
    """Return set `number` (0 … 999): patient, session, within, time, between, y.

    Uniform draws through the normal quantile, so that the sets do not depend on numpy's normal generator.
    """
    rng = np.random.default_rng([20261121, number])
    kind = number % 10 if number >= 50 else number % 2  # the first fifty alternate slope SD .1 and 0
    slope_sd, rho = SLOPE_SD[kind], CORRELATION[kind]
    patient, session = np.divmod(np.arange(22 * 9), 9)
    keep = (rng.random(198) < 0.85) | (session == 0)
    normal = ndtri(rng.random((198, 2)))
    level = ndtri(rng.random((22, 3)))
    intercept = 0.6 * level[:, 0]
    slope = slope_sd * (rho * level[:, 0] + np.sqrt(1 - rho**2) * level[:, 1])
    frame = pd.DataFrame({"patient": patient + 1, "session": session + 1, "raw": normal[:, 0], "e": normal[:, 1]})[keep]
    who = frame["patient"].to_numpy() - 1
    frame["within"] = frame["raw"] - frame.groupby("patient")["raw"].transform("mean")
    frame["time"] = frame["session"] - 5.0
    frame["between"] = level[who, 2]
    frame["y"] = (
        4 + 0.3 * frame["within"] + 0.05 * frame["time"] + 0.3 * frame["between"]
        + intercept[who] + slope[who] * frame["time"] + 0.8 * frame["e"]
    )  # fmt: skip
    return frame[["patient", "session", "within", "time", "between", "y"]].reset_index(drop=True)


def main(n_sets: int = 1000) -> None:
    """Write the sets to a temporary file, fit them in R, keep the answers."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "sets.csv"
        pd.concat([simulated_set(i).assign(set=i) for i in range(n_sets)]).to_csv(path, index=False)
        subprocess.run(["Rscript", "mixed_sets.R", str(path)], cwd=HERE, check=True)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
