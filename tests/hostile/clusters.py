"""One grid of power on one core, on two, on a Dask cluster whose worker is killed, and resumed: is it one table?

``python tests/hostile/clusters.py [cells] > tests/hostile/clusters.txt``; 200 cells of 500 studies. The cluster has two
worker processes under a nanny, one of which gets SIGKILL when half of the cells are kept; the resumed run is a
command that gets SIGKILL at that moment and is repeated. Then the time of 1, 2 and 4 workers.
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

from doublecode.analysis import PlannedStudy, power
from doublecode.analysis.results.spread_work import Workers

CELLS = int(next((word for word in reversed(sys.argv[1:]) if word.isdigit()), "200"))
PLAN = PlannedStudy(patients=20, sessions=6, raters=4, double=0.3, icc_rating=0.6)
VARIED = {"patients": [10 + n for n in range(CELLS // 10)], "within": [round(x, 2) for x in np.linspace(0.05, 0.5, 10)]}


def grid(workers: Workers):
    return power(PLAN, vary=VARIED, studies=500, seed=20261128, workers=workers).frame


def kept(folder: Path) -> int:
    return len(list(folder.glob("*.json"))) if folder.is_dir() else 0


def when_half(folder: Path, strike) -> threading.Thread:
    def wait() -> None:
        while kept(folder) < CELLS // 2:
            time.sleep(0.01)
        strike()

    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    return thread


def on_cluster(folder: Path) -> tuple[object, str]:
    from distributed import Client, LocalCluster

    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
        with Client(cluster.scheduler_address, set_as_default=False) as client:
            victim = min(client.run(os.getpid).values())
        struck = when_half(folder, lambda: os.kill(victim, signal.SIGKILL))
        frame = grid(Workers(scheduler=cluster.scheduler_address, keep=folder))
        struck.join(1)
    return frame, f"worker {'killed' if not struck.is_alive() else 'NOT killed'} when half of the cells were kept"


def resumed(folder: Path) -> tuple[object, str]:
    child = subprocess.Popen([sys.executable, __file__, "child", str(folder), str(CELLS)])
    when_half(folder, child.kill).join(600)
    child.wait()
    before = kept(folder)
    return grid(Workers(keep=folder)), f"killed (code {child.returncode}) with {before} of {CELLS} cells kept"


def main() -> None:
    if len(sys.argv) > 2 and sys.argv[1] == "child":
        grid(Workers(jobs=2, keep=Path(sys.argv[2])))
        return
    place = Path(tempfile.mkdtemp())
    times, one = {}, None
    for jobs in (1, 2, 4):
        start = time.perf_counter()
        frame = grid(Workers(jobs=jobs))
        times[jobs] = time.perf_counter() - start
        one = frame if one is None else one
        ratio = times[1] / times[jobs]
        print(f"{jobs} workers: {CELLS} cells in {times[jobs]:.1f} s, {ratio:.2f} times as fast as one; "
              f"same table: {frame.equals(one)}", flush=True)  # fmt: skip
    print(f"cores here: {os.cpu_count()}")
    for name, run in (("Dask", on_cluster), ("resumed", resumed)):
        frame, said = run(place / name)
        print(f"{name}: {said}; same table: {frame.equals(one)}", flush=True)
    shutil.rmtree(place)


if __name__ == "__main__":
    main()
