"""A grid of power and bootstraps on one core, on two, on a Dask cluster whose worker is killed, and resumed: one table?

``python tests/hostile/clusters.py [grid|ordinal|counts|residuals|omega ...] [cells]``; 200 cells of 500 studies, and
all five where none is named. The cluster has two worker processes under a nanny, one of which gets SIGKILL when half
of the pieces are kept; the resumed run is a command that gets SIGKILL at that moment and is repeated. Before them 1, 2
and 4 workers by the clock. The printed result stands in ``tests/hostile/clusters.txt``.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import pandas as pd

from doublecode.analysis import PlannedStudy, confint, fit_generalized, fit_mixed, omega, power
from doublecode.analysis.results.spread_work import Workers

CELLS = int(next((word for word in reversed(sys.argv[1:]) if word.isdigit()), "200"))
PLAN = PlannedStudy(patients=20, sessions=6, raters=4, double=0.3, icc_rating=0.6)
VARIED = {"patients": [10 + n for n in range(CELLS // 10)], "within": [round(x, 2) for x in np.linspace(0.05, 0.5, 10)]}
RANDOM = "(x | patient)"


def sessions() -> pd.DataFrame:
    """22 patients with 9 sessions: outcomes of every kind, and five items."""
    rng = np.random.default_rng(20261128)
    rows = pd.DataFrame({"patient": np.repeat(np.arange(22), 9), "session": np.tile(np.arange(9), 22)})
    rows["x"] = rng.normal(size=198)
    eta = rng.normal(size=22)[rows["patient"]] + 0.4 * rows["x"]
    rows["y"] = eta + rng.normal(size=198)
    rows["count"] = rng.poisson(np.exp(0.5 + 0.5 * eta))
    rows["word"] = np.digitize(eta + rng.logistic(size=198), [-1.0, 0.0, 1.0])
    items = np.clip(np.round(2 + rng.normal(size=(198, 1)) + rng.normal(size=(198, 5))), 0, 4)
    return rows.join(pd.DataFrame(items, columns=list("abcde")))


def grid(workers: Workers) -> pd.DataFrame:
    return power(PLAN, vary=VARIED, studies=500, seed=20261128, workers=workers).frame


def ordinal(workers: Workers) -> pd.DataFrame:
    fit = fit_generalized(f"word ~ x + {RANDOM}", sessions(), family="ordinal")
    return confint(fit, "bootstrap", n_boot=CELLS, seed=1, workers=workers)


def counts(workers: Workers) -> pd.DataFrame:
    fit = fit_generalized(f"count ~ x + {RANDOM}", sessions(), family="poisson")
    return confint(fit, "bootstrap", n_boot=CELLS, seed=1, workers=workers)


def residuals(workers: Workers) -> pd.DataFrame:
    fit = fit_mixed("y ~ x + (1 | patient)", sessions(), correlation="ar1(session | patient)")
    return confint(fit, "bootstrap", n_boot=5 * CELLS, seed=1, workers=workers)


def omegas(workers: Workers) -> pd.DataFrame:
    asked = {"items": list("abcde"), "clusters": "patient", "kind": "categorical", "interval": "bootstrap"}
    return omega(sessions(), **asked, n_boot=max(CELLS, 100), seed=1, workers=workers).frame


WORK = {  # what is done, what one of its pieces is, how many there are
    "grid": (grid, "cells", CELLS), "ordinal": (ordinal, "tens of refits", CELLS // 10),
    "counts": (counts, "tens of refits", CELLS // 10), "residuals": (residuals, "fifties of refits", CELLS // 10),
    "omega": (omegas, "parts of 25 resamples", max(CELLS, 100) // 25),
}  # fmt: skip


def kept(folder: Path) -> int:
    return len(list(folder.glob("*.json"))) if folder.is_dir() else 0


def when_half(folder: Path, n: int, strike) -> threading.Thread:
    def wait() -> None:
        while kept(folder) < n // 2:
            time.sleep(0.01)
        strike()

    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    return thread


def on_cluster(name: str, folder: Path) -> tuple[pd.DataFrame, str]:
    from distributed import Client, LocalCluster

    work, pieces, n = WORK[name]
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
        with Client(cluster.scheduler_address, set_as_default=False) as client:
            victim = min(client.run(os.getpid).values())
        struck = when_half(folder, n, lambda: os.kill(victim, signal.SIGKILL))
        frame = work(Workers(scheduler=cluster.scheduler_address, keep=folder))
        struck.join(1)
    return frame, f"worker {'killed' if not struck.is_alive() else 'NOT killed'} when half of the {pieces} were kept"


def resumed(name: str, folder: Path) -> tuple[pd.DataFrame, str]:
    work, pieces, n = WORK[name]
    child = subprocess.Popen([sys.executable, __file__, "child", name, str(folder), str(CELLS)])
    when_half(folder, n, child.kill).join(600)
    child.wait()
    before = kept(folder)
    start = time.process_time()
    frame = work(Workers(keep=folder))
    spent = time.process_time() - start
    whole = kept(folder)
    return frame, f"killed (code {child.returncode}) with {before} of {whole} {pieces} kept, the rest in {spent:.1f} s"


def compared(name: str, place: Path) -> None:
    work, pieces, n = WORK[name]
    times, one = {}, None
    for jobs in (1, 2, 4):
        start = time.perf_counter()
        frame = work(Workers(jobs=jobs))
        times[jobs] = time.perf_counter() - start
        one = frame if one is None else one
        ratio = times[1] / times[jobs]
        print(f"{name}, {jobs} workers: {n} {pieces} in {times[jobs]:.1f} s, {ratio:.2f} times as fast as one; "
              f"same table: {frame.equals(one)}", flush=True)  # fmt: skip
    for where, run in (("Dask", on_cluster), ("resumed", resumed)):
        frame, said = run(name, place / name / where)
        print(f"{name}, {where}: {said}; same table: {frame.equals(one)}", flush=True)


def main() -> None:
    if sys.argv[1:2] == ["child"]:
        WORK[sys.argv[2]][0](Workers(jobs=2, keep=Path(sys.argv[3])))
        return
    named = [word for word in sys.argv[1:] if word in WORK]
    place = Path(tempfile.mkdtemp())
    print(f"cores here: {os.cpu_count()}, load {os.getloadavg()[0]:.0f}")
    for name in named or WORK:
        compared(name, place)
    shutil.rmtree(place)


if __name__ == "__main__":
    main()
