"""2,000 bootstrap samples of omega, 7 items × 194 sessions of 22 patients, against a loop over psych::omega.

Synthetic data. Run by hand, one thread; R (psych, GPArotation) is optional:

    OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 python tests/benchmarks/bench_omega.py
"""

from __future__ import annotations

import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from doublecode.analysis.consistency.alpha_omega import omega
from doublecode.analysis.consistency.item_moments import all_units, read_items
from doublecode.analysis.consistency.item_statistics import one_factor_formulas
from doublecode.analysis.consistency.omega_estimates import one_factor
from doublecode.analysis.consistency.unit_resampling import bootstrap_weights

ROUNDS, SAMPLES, R_SAMPLES = 5, 2000, 60
ITEMS = [f"i{k}" for k in range(1, 8)]
LOADINGS = np.array([0.8, 0.7, 0.6, 0.75, 0.65, 0.7, 0.5])
R_LOOP = """
suppressMessages(library(psych)); d <- read.csv(commandArgs(TRUE)[1]); n <- as.integer(commandArgs(TRUE)[2])
nf <- as.integer(commandArgs(TRUE)[3]); g <- split(seq_len(nrow(d)), d$patient); x <- d[, -1]; set.seed(1)
one <- function() suppressWarnings(suppressMessages(psych::omega(x[unlist(g[sample(length(g), replace = TRUE)]), ],
  nfactors = nf, plot = FALSE, flip = FALSE)$omega.tot))
invisible(one()); t <- proc.time()[["elapsed"]]; for (i in seq_len(n)) one(); cat((proc.time()[["elapsed"]] - t) / n)
"""


def study() -> pd.DataFrame:
    """194 synthetic sessions of 22 patients."""
    rng = np.random.default_rng(7)
    patient = np.arange(194) % 22
    factor = np.sqrt(0.25) * rng.normal(size=22)[patient] + np.sqrt(0.75) * rng.normal(size=194)
    scores = factor[:, None] * LOADINGS + rng.normal(size=(194, 7)) * np.sqrt(1 - LOADINGS**2)
    frame = pd.DataFrame(scores.round(3), columns=ITEMS)
    frame.insert(0, "patient", patient)
    return frame


def draws(data: pd.DataFrame) -> np.ndarray:
    """2,000 bootstrap omegas: resample patients, covariances, one-factor ML, omega."""
    read = read_items(data, ITEMS, "patient")
    start = one_factor(read, all_units(read.n_units))[0]
    fit, S = one_factor(read, bootstrap_weights(read.n_units, SAMPLES, 1), start=start)
    return one_factor_formulas(fit.first, fit.uniqueness, S)[:, 0]


def seconds(run: Callable[[], object]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def psych_seconds(data: pd.DataFrame, n_factors: int) -> float:
    """Seconds of one psych::omega on a bootstrap sample, mean of R_SAMPLES."""
    with tempfile.TemporaryDirectory() as folder:
        script, table = Path(folder, "loop.R"), Path(folder, "data.csv")
        script.write_text(R_LOOP)
        data.to_csv(table, index=False)
        command = ["Rscript", str(script), str(table), str(R_SAMPLES), str(n_factors)]
        return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def main() -> None:
    data = study()
    core, whole, ratios = [], [], {1: [], 3: []}
    peers = shutil.which("Rscript") is not None
    for _ in range(ROUNDS):
        core.append(seconds(lambda: draws(data)))
        whole.append(seconds(lambda: omega(data, items=ITEMS, clusters="patient", interval="percentile")))
        for n_factors in ratios if peers else ():
            ratios[n_factors].append(SAMPLES * psych_seconds(data, n_factors) / core[-1])
    print(f"Python {sys.version.split()[0]}, numpy {np.__version__}, medians of {ROUNDS} rounds")
    print(f"{SAMPLES} bootstrap omegas: {statistics.median(core):.3f} s")
    print(f"omega() with its item table, nine formulas, all with intervals: {statistics.median(whole):.3f} s")
    if not peers:
        print("no Rscript: no ratio")
        return
    for n_factors, found in ratios.items():
        spread = f"{min(found):.0f} to {max(found):.0f}"
        print(f"psych::omega(nfactors = {n_factors}) in a loop, {R_SAMPLES} runs scaled to {SAMPLES}:")
        print(f"    {statistics.median(found):.0f} times as long (rounds {spread})")


if __name__ == "__main__":
    main()
