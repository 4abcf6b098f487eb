"""Cumulative mixed models against R's clmm in the same run; standard errors included, CPU seconds on both
sides, so that other work on the machine does not count.

``python tests/benchmarks/bench_ordinal.py`` (needs R with ordinal). 22 × 9, 40 sessions × 5 raters crossed, 100 × 20.
"""

from __future__ import annotations

import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

from doublecode.analysis import fit_generalized

HERE = Path(__file__).parent
JOBS = {
    "small-15": ("small", "y ~ x + w + (1 | g)", 15, 21),
    "small-1": ("small", "y ~ x + w + (1 | g)", 1, 21),
    "slopes": ("small", "y ~ x + w + (1 + x | g)", 1, 11),
    "crossed": ("crossed", "y ~ x + (1 | g) + (1 | h)", 1, 11),
    "large-1": ("large", "y ~ x + w + (1 | g)", 1, 5),
}


def drawn(job: str, groups: int, rows: int, raters: int) -> pd.DataFrame:
    """Ratings 0–4 of `groups` × `rows`; with `raters` each row is one rater's."""
    rng = np.random.default_rng([7, groups, rows])
    g = np.repeat(np.arange(groups), rows)
    h = np.tile(np.arange(rows), groups) % raters
    frame = pd.DataFrame({"job": job, "g": g, "h": h, "x": rng.normal(size=len(g)), "w": rng.normal(size=groups)[g]})
    latent = 0.5 * frame["x"] + 0.4 * frame["w"] + rng.normal(0, 1.2, groups)[g] + rng.normal(0, 0.8, raters)[h]
    slope = rng.normal(0, 0.5, groups)[g] * frame["x"]
    return frame.assign(y=np.searchsorted([-2, -0.7, 0.6, 2], latent + slope + rng.logistic(size=len(g))))


def main() -> None:
    data = pd.concat([drawn("small", 22, 9, 1), drawn("crossed", 40, 5, 5), drawn("large", 100, 20, 1)])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "data.csv"
        data.to_csv(path, index=False)
        command = ["Rscript", str(HERE / "bench_ordinal.R"), str(path)]
        answer = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    print(f"{'job':10} {'rows':>6} {'clmm ms':>9} {'ours ms':>8} {'ratio':>6}  log-likelihood ours − clmm")
    for line in answer.splitlines():
        job, seconds, loglik = line.split()
        name, formula, nodes, times = JOBS[job]
        rows, took = data[data["job"] == name].reset_index(drop=True), []
        for _ in range(times):
            start = time.process_time()
            fit = fit_generalized(formula, rows, family="ordinal", nagq=nodes)
            errors = [fit.fixed["std_error"], fit.thresholds["std_error"]]
            took.append(time.process_time() - start)
        assert all(se.notna().all() for se in errors)
        ours, theirs = 1e3 * float(np.median(took)), 1e3 * float(seconds)
        print(
            f"{job:10} {len(rows):6} {theirs:9.0f} {ours:8.1f} {theirs / ours:6.1f}  {fit.loglik - float(loglik):.1e}"
        )


if __name__ == "__main__":
    main()
