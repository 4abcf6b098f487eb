"""CPU of one generalised fit beside glmer and the package glmm, and of batches beside glmm in a loop; one thread.

``OMP_NUM_THREADS=1 python bench_generalized.py > bench_generalized.txt`` (needs R with lme4; glmm from PyPI if it is
there); ``python bench_generalized.py 5 batches`` for the batches alone. Medians over rounds; data synthetic, made here.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np
import pandas as pd

from doublecode.analysis import fit_generalized, fit_many

TASKS = {
    "binary": ("y ~ within + between + time + (1 | patient)", "binomial", 1),
    "binary15": ("y ~ within + between + time + (1 | patient)", "binomial", 15),
    "count": ("n ~ within + between + time + (1 | patient)", "poisson", 1),
    "slopes": ("y ~ within + between + time + (time | patient)", "binomial", 1),
}
BATCHES = TASKS | {"count15": ("n ~ within + between + time + (1 | patient)", "poisson", 15)}
del BATCHES["slopes"]


def draw(patients: int, rows: int) -> pd.DataFrame:
    rng = np.random.default_rng(patients)
    data = pd.DataFrame({"patient": np.repeat(np.arange(patients), rows)})
    data["within"] = rng.normal(size=len(data))
    data["between"] = rng.normal(size=patients)[data["patient"]]
    data["time"] = np.tile(np.linspace(-1, 1, rows), patients)
    eta = 0.2 + 0.5 * data["within"] + 0.3 * data["between"] + 0.4 * data["time"]
    eta += rng.normal(0, 1.1, patients)[data["patient"]] + rng.normal(0, 0.5, patients)[data["patient"]] * data["time"]
    data["y"] = (rng.uniform(size=len(data)) < 1 / (1 + np.exp(-eta))).astype(int)
    data["n"] = rng.poisson(np.exp(0.5 * eta))
    return data


def timed(run: Callable[[], float], times: int) -> tuple[float, float]:
    """Median CPU seconds, and the log-likelihood."""
    loglik, spent = run(), []
    for _ in range(times):
        began = time.process_time()
        run()
        spent.append(time.process_time() - began)
    return median(spent), loglik


def ours(data: pd.DataFrame, task: tuple[str, str, int]) -> float:
    formula, family, nagq = task
    fit = fit_generalized(formula, data, family=family, nagq=nagq)
    _ = fit.fixed
    return fit.loglik


def theirs(data: pd.DataFrame, task: tuple[str, str, int]) -> float:
    import glmm

    formula, family, nagq = task
    return float(glmm.fit(data, formula, family=family, nagq=nagq).loglik)


def batches(rounds: int, n_sets: int = 1000, looped: int = 50) -> None:
    """CPU of a set in a batch of `n_sets`, beside glmm's in a loop over the first `looped` of them."""
    rng, data = np.random.default_rng(5), draw(22, 9)
    eta = (0.2 + 0.5 * data["within"] + 0.3 * data["between"] + 0.4 * data["time"]).to_numpy()[:, None]
    eta = eta + rng.normal(0, 1.1, (22, n_sets))[data["patient"]]
    drawn = {"y": (rng.uniform(size=eta.shape) < 1 / (1 + np.exp(-eta))).astype(float),
             "n": rng.poisson(np.exp(0.5 * eta)).astype(float)}  # fmt: skip
    print(f"{n_sets} sets of 22 x 9 at once, the first {looped} by glmm in a loop")
    print(f"{'task':18s}{'ours ms':>10s}{'glmm ms':>10s}{'ratio':>7s}  largest difference of log-likelihoods")
    for task, (formula, family, nagq) in BATCHES.items():
        outcome = formula.partition(" ")[0]
        Y, own, rust = drawn[outcome], [], []
        for _ in range(rounds):
            began = time.process_time()
            many = fit_many(formula, data, Y, family=family, nagq=nagq)
            own.append((time.process_time() - began) / n_sets)
            began = time.process_time()
            theirs_too = [theirs(data.assign(**{outcome: Y[:, i]}), (formula, family, nagq)) for i in range(looped)]
            rust.append((time.process_time() - began) / looped)
        gap = float(np.nanmax(np.abs(many.loglik[:looped] - theirs_too)))
        print(
            f"{task:18s}{1e3 * median(own):10.3f}{1e3 * median(rust):10.2f}{median(rust) / median(own):7.1f}  {gap:.1e}"
        )


def main() -> None:
    warnings.simplefilter("ignore")
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    if len(sys.argv) > 2:
        batches(rounds)
        return
    with tempfile.TemporaryDirectory() as name:
        sets = {"22x9": draw(22, 9), "2000x20": draw(2000, 20)}
        for size, data in sets.items():
            data.to_csv(Path(name) / f"{size}.csv", index=False)
        script = Path(__file__).with_suffix(".R")
        lines = subprocess.run(["Rscript", str(script), name], check=True, capture_output=True, text=True).stdout
        peers = {one.split()[0]: tuple(map(float, one.split()[1:])) for one in lines.splitlines()}
        print(
            f"{'task':18s}{'ours ms':>10s}{'glmer ms':>10s}{'ratio':>7s}{'glmm ms':>10s}{'ratio':>7s}  log-likelihoods"
        )
        for size, data in sets.items():
            for task, what in TASKS.items():
                own, loglik = timed(lambda d=data, w=what: ours(d, w), rounds if size == "22x9" else 3)
                rust, other = timed(lambda d=data, w=what: theirs(d, w), rounds if size == "22x9" else 3)
                peer = peers[f"{task}_{size}"]
                print(
                    f"{task + '_' + size:18s}{1e3 * own:10.1f}{1e3 * peer[0]:10.1f}{peer[0] / own:7.1f}"
                    f"{1e3 * rust:10.1f}{rust / own:7.2f}  {loglik:.4f} {peer[1]:.4f} {other:.4f}"
                )
    batches(rounds)


if __name__ == "__main__":
    main()
