"""Simulated unbalanced sets of 22 patients × 9 sessions rated 0–4, and what R's clmm makes of them.

Synthetic data. ``python ordinal_sets.py`` writes the sets to a temporary CSV, lets ``ordinal_sets.R`` fit them by
Laplace and by 15 points, and keeps only the answers: ``ordinal_sets.csv.xz``. The sets themselves come back from
their number by :func:`simulated_set`.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.special import logit, ndtri

HERE = Path(__file__).parent
FORMULA = "y ~ within + between + time + (1 | patient)"
SD = (0.0, 0.5, 1.0, 1.0, 1.5, 2.0, 2.5, 1.0, 0.3, 4.0)
CUTS = ((-2.0, -0.7, 0.6, 2.0), (-3.5, -2.0, 0.0, 0.5), (0.0, 1.5, 3.0, 4.5))
EFFECTS = {"within": 0.5, "between": 0.4, "time": 0.1}


def simulated_set(number: int) -> pd.DataFrame:
    """Return set `number`: patient, within, between, time, y (0–4), of 22 patients with up to 9 sessions.

    Uniform draws through quantiles, so that the sets do not depend on numpy's generators of other laws. Deviations from
    a patient's mean come from whole thousandths, whose sum is exact: rounded differences of floating means have ties,
    which fall to either side by version.
    """
    rng = np.random.default_rng([20261128, number])
    patient, session = np.divmod(np.arange(22 * 9), 9)
    keep = (rng.random(198) < 0.85) | (session == 0)
    raw, noise, level = ndtri(rng.random(198)), logit(rng.random(198)), ndtri(rng.random((22, 2)))
    raw = np.rint(1000.0 * raw)
    frame = pd.DataFrame({"patient": patient + 1, "raw": raw, "time": session - 4.0, "e": noise})[keep]
    frame["between"] = np.round(level[:, 1], 3)[frame["patient"] - 1]
    of_patient = frame.groupby("patient")["raw"]
    n = of_patient.transform("size")
    frame["within"] = (n * frame["raw"] - of_patient.transform("sum")) / (1000.0 * n)
    eta = SD[number % 10] * level[frame["patient"] - 1, 0] + frame["e"].to_numpy()
    for name, effect in EFFECTS.items():
        eta = eta + effect * frame[name].to_numpy()
    frame["y"] = np.searchsorted(CUTS[number % 3], eta)
    return frame[["patient", "within", "between", "time", "y"]].reset_index(drop=True)


if __name__ == "__main__":
    n_sets = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "sets.csv"
        pd.concat([simulated_set(k).assign(set=k) for k in range(n_sets)]).to_csv(path, index=False)
        subprocess.run(["Rscript", "ordinal_sets.R", str(path)], cwd=HERE, check=True)
