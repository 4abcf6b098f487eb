"""How much fits: ratings, workbooks, studies and sets per second, memory by size, and what one more worker adds.

``python tests/benchmarks/bench_how_much.py [--quick] [part ...] > tests/benchmarks/bench_how_much.txt``; parts are
ratings, workbooks, sets, studies, sites, multiverse, bootstrap, categories, workers, cluster. Synthetic data. What one
core does is told in seconds of the processor, each size in a process of its own, whose peak of memory is told. Of
several workers a free machine waits for the one that is longest at it: that is told, and the clock with the load beside
it.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import platform
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[_name] = "1"

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402

HERE = Path(__file__).parent
SIZES = (10_000, 100_000, 1_600_000)
QUICK = "--quick" in sys.argv
CHOICES = {
    "pooling": ["primary"], "reverse": {"ghes": [[]]}, "minimum_valid": {"he": [5, 6]}, "lag": {"he": [1]},
    "covariates": [["session"]], "centring": ["none"], "random": ["(1 | patient)"],
}  # fmt: skip


def peak() -> float:
    """MB that this process has held at most."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def say(*words: object) -> None:
    print(*words, flush=True)


def clock(work: Callable[[], object], rounds: int = 3) -> float:
    found = []
    for _ in range(1 if QUICK else rounds):
        start = time.perf_counter()
        work()
        found.append(time.perf_counter() - start)
    return min(found)


def alone(task: str, size: int) -> dict[str, float]:
    """What one task says in a process of its own."""
    told = subprocess.run([sys.executable, __file__, "--task", task, str(size)], capture_output=True, text=True)
    if told.returncode:
        raise SystemExit(told.stderr)
    return json.loads(told.stdout.splitlines()[-1])


def rated(n: int) -> pd.DataFrame:
    """`n` ratings of ten items: half of the sessions by two raters of eight."""
    rng = np.random.default_rng(1)
    sessions = round(n / 15)
    level = rng.normal(size=(sessions, 10))
    first, second = rng.integers(8, size=sessions), rng.integers(1, 8, size=sessions)
    parts = []
    for rater, rows in ((first, np.arange(sessions)), ((first + second) % 8, np.arange(sessions // 2))):
        value = np.clip(np.round(2 + level[rows] + rng.normal(size=(len(rows), 10))), 0, 4)
        parts.append(pd.DataFrame({
            "session": np.repeat(rows, 10), "rater": np.repeat(rater[rows], 10), "item": np.tile(range(10), len(rows)),
            "value": value.ravel(),
        }))  # fmt: skip
    frame = pd.concat(parts, ignore_index=True)
    texts = {"session": "S-", "rater": "R", "item": "item_"}
    return frame.assign(**{name: text + frame[name].astype(str) for name, text in texts.items()})


def task_ratings(n: int) -> dict[str, float]:
    from doublecode.analysis import icc

    bare = peak()
    frame = pd.read_csv(Path(tempfile.gettempdir()) / f"how_much_{n}.csv")
    start = time.process_time()
    icc(frame, targets="session", raters="rater", ratings="value", by="item")
    return {"n": len(frame), "seconds": time.process_time() - start, "bare": bare, "peak": peak()}


def task_table(n: int) -> dict[str, float]:
    rated(n).to_csv(Path(tempfile.gettempdir()) / f"how_much_{n}.csv", index=False)
    return {}


def task_sets(n: int) -> dict[str, float]:
    from doublecode.analysis import fit_many

    rng = np.random.default_rng(2)
    rows = pd.DataFrame({"patient": np.repeat(np.arange(22), 9), "session": np.tile(np.arange(9), 22)})
    rows["x"] = rng.normal(size=198)
    y = rng.normal(size=(22, n)).repeat(9, axis=0) + rng.normal(size=(198, n))
    fit_many("y ~ x + session + (1 | patient)", rows, y[:, :10], ddf="kenward-roger")
    start = time.process_time()
    many = fit_many("y ~ x + session + (1 | patient)", rows, y, ddf="kenward-roger")
    return {"n": n, "seconds": time.process_time() - start, "peak": peak(), "failed": float((~many.converged).sum())}


def task_studies(n: int) -> dict[str, float]:
    from doublecode.analysis import PlannedStudy, power

    plan = PlannedStudy(patients=22, sessions=9, raters=5, double=0.4, icc_rating=0.6, points=5)
    power(plan, within=0.3, studies=100)
    start = time.process_time()
    power(plan, within=0.3, studies=n)
    return {"n": n, "seconds": time.process_time() - start, "peak": peak()}


def task_workbooks(n: int) -> dict[str, float]:
    from doublecode.analysis import read_study

    folder = Path(str(files("doublecode.data_examples") / "telephone_cbt"))
    read_study(folder)
    start = time.process_time()
    for _ in range(n):
        intake = read_study(folder)
    seconds = (time.process_time() - start) / n
    rows = len(intake.ratings)
    return {
        "n": len(intake.files),
        "ratings": rows,
        "sessions": len(intake.sessions),
        "seconds": seconds,
        "peak": peak(),
    }


def ratings() -> None:
    for n in SIZES:
        alone("table", n)
        told = alone("ratings", n)
        (Path(tempfile.gettempdir()) / f"how_much_{n}.csv").unlink()
        say(f"{told['n']:9,.0f} ratings, ICC of ten items with every form and limits: {told['seconds']:6.2f} s, "
            f"{told['n'] / told['seconds']:9,.0f} ratings a second; {told['peak']:5.0f} MB at most, table and all, "
            f"{told['bare']:.0f} of them without any ratings")  # fmt: skip


def workbooks() -> None:
    told = alone("workbooks", 3)
    say(f"{told['n']:.0f} workbooks, {told['ratings']:,.0f} ratings of {told['sessions']:.0f} sessions read, checked: "
        f"{told['seconds']:.2f} s; {told['n'] / told['seconds']:.0f} workbooks, "
        f"{told['sessions'] / told['seconds']:.0f} sessions a second; {told['peak']:.0f} MB")  # fmt: skip


def sets() -> None:
    for n in (1_000, 10_000):
        told = alone("sets", n)
        say(f"{n:,} sets of 22 × 9 with Kenward–Roger: {told['seconds']:.2f} s, {n / told['seconds']:,.0f} sets a "
            f"second; {told['peak']:.0f} MB; {told['failed']:.0f} failed")  # fmt: skip


def studies() -> None:
    told = alone("studies", 10_000)
    say(f"10,000 planned studies of 22 × 9 with raters drawn, fitted and tested: {told['seconds']:.2f} s, "
        f"{10_000 / told['seconds']:,.0f} studies a second; {told['peak']:.0f} MB")  # fmt: skip


def of_workers() -> dict[str, float]:
    """Seconds of the processor that each of our workers has taken (Linux)."""
    found = {}
    for place in Path("/proc").glob("[0-9]*/stat"):
        try:
            words = place.read_text().rpartition(")")[2].split()
            loky = b"loky" in place.with_name("cmdline").read_bytes()
        except OSError:
            continue
        if int(words[1]) == os.getpid() and loky:
            found[place.parent.name] = (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")
    return found


def compared(what: str, work: Callable[[int], pd.DataFrame], counts: tuple[int, ...] = (1, 2)) -> None:
    """The clock of some numbers of workers, what a free machine would wait for, and whether the tables are the same.

    A free machine waits for this process and for the worker that is longest at it, or for its share of all of them.
    """
    first, tables = 0.0, []
    for jobs in counts:
        before, here, start = of_workers(), time.process_time(), time.perf_counter()
        tables.append(work(jobs))
        passed = time.perf_counter() - start
        taken = [seconds - before.get(one, 0.0) for one, seconds in of_workers().items()]
        free = time.process_time() - here + max([0.0, *taken, sum(taken) / (os.cpu_count() or 1)])
        first = first or free
        say(f"{what}, {jobs} worker{'s' if jobs > 1 else ''}: {free:.1f} s where nothing else runs, {first / free:.2f} "
            f"times as fast as one ({passed:.0f} s of the clock at load {os.getloadavg()[0]:.0f}); same table: "
            f"{tables[-1].equals(tables[0])}")  # fmt: skip


def sites() -> None:
    from many_sites import make_site

    from doublecode.analysis import Workers, reliability_of_studies

    folder = Path(tempfile.mkdtemp())
    n = 20 if QUICK else 100
    for seed in range(n):
        make_site(folder / f"site_{seed:03}", seed)
    compared(f"{n} studies of 48 sessions in one call of reliability",
             lambda jobs: reliability_of_studies(folder, workers=Workers(jobs)).frame)  # fmt: skip
    shutil.rmtree(folder)


def multiverse() -> None:
    from doublecode.analysis import Workers, read_study, study_sensitivity
    from doublecode.schemas.sensitivity import Sensitivity

    intake = read_study(Path(str(files("doublecode.data_examples") / "telephone_cbt")))
    choices = {name: CHOICES[name] for name in list(CHOICES)[-3:]} if QUICK else CHOICES
    asked = {"headline": {"model": "phq9", "term": "he_within"}, "leave_out": ["patient", "rater", "therapist"]}
    text = json.dumps(asked | {"choices": choices})
    study = intake.study.model_copy(update={"sensitivity": Sensitivity.model_validate_json(text)})
    n = len(study_sensitivity(replace(intake, study=study)).findings[0].frame) if QUICK else 192
    compared(f"{n} specifications and 30 refits without one unit", lambda jobs: study_sensitivity(
        replace(intake, study=study), workers=Workers(jobs)).findings[0].frame)  # fmt: skip


def bootstrap() -> None:
    from doublecode.analysis import Workers, confint, fit_mixed

    rng = np.random.default_rng(3)
    rows = pd.DataFrame({"patient": np.repeat(np.arange(22), 9), "session": np.tile(np.arange(9), 22)})
    rows["x"] = rng.normal(size=198)
    rows["y"] = rng.normal(size=22).repeat(9) + 0.3 * rows["x"] + rng.normal(size=198)
    fit = fit_mixed("y ~ x + session + (1 | patient)", rows, correlation="ar1(session | patient)")
    n = 200 if QUICK else 1000
    compared(f"bootstrap of {n:,} refits with correlated residuals",
             lambda jobs: confint(fit, "bootstrap", n_boot=n, workers=Workers(jobs)))  # fmt: skip


def categories() -> None:
    from doublecode.analysis import Workers, confint, fit_generalized

    rng = np.random.default_rng(4)
    rows = pd.DataFrame({"patient": np.repeat(np.arange(22), 9), "x": rng.normal(size=198)})
    eta = rng.normal(size=22).repeat(9) + 0.4 * rows["x"]
    rows["word"] = np.digitize(eta + rng.logistic(size=198), [-1.0, 0.0, 1.0])
    fit = fit_generalized("word ~ x + (1 | patient)", rows, family="ordinal")
    n = 200 if QUICK else 1000
    compared(f"bootstrap of {n:,} refits of ordered categories",
             lambda jobs: confint(fit, "bootstrap", n_boot=n, workers=Workers(jobs)))  # fmt: skip


def grid(workers: object) -> pd.DataFrame:
    from doublecode.analysis import PlannedStudy, power

    plan = PlannedStudy(patients=20, sessions=6, raters=4, double=0.3, icc_rating=0.6)
    varied = {"patients": [10 + n for n in range(2 if QUICK else 20)], "within": [0.05 * n for n in range(1, 11)]}
    return power(plan, vary=varied, studies=500, seed=1, workers=workers).frame


def workers() -> None:
    from doublecode.analysis import Workers

    compared(f"power, a grid of {20 if QUICK else 200} combinations", lambda jobs: grid(Workers(jobs)), (1, 2, 4))


def cluster() -> None:
    from doublecode.analysis import Workers

    try:
        from distributed import LocalCluster
    except ImportError:
        say("cluster: Dask is not installed here (doublecode[cluster])")
        return
    one = grid(Workers())
    for n in (1, 2):
        with LocalCluster(n_workers=n, threads_per_worker=1, dashboard_address=None) as there:
            grid(Workers(scheduler=there.scheduler_address))
            found: list[pd.DataFrame] = []
            seconds = clock(
                lambda found=found, at=there: found.append(grid(Workers(scheduler=at.scheduler_address))), 2
            )
        say(f"the same grid on a Dask cluster of {n} worker{'s' if n > 1 else ''}: {seconds:.1f} s; same table: "
            f"{found[-1].equals(one)}; load {os.getloadavg()[0]:.1f}")  # fmt: skip


PARTS = (ratings, workbooks, sets, studies, sites, multiverse, bootstrap, categories, workers, cluster)


def main() -> None:
    sys.path.insert(0, str(HERE))
    reader = argparse.ArgumentParser()
    reader.add_argument("parts", nargs="*")
    reader.add_argument("--quick", action="store_true")
    reader.add_argument("--task", nargs=2)
    asked = reader.parse_args()
    if asked.task:
        name, size = asked.task
        say(json.dumps(globals()[f"task_{name}"](int(size))))
        return
    say(f"{dt.date.today()}, {os.cpu_count()} cores, Python {platform.python_version()}, pandas {pd.__version__}, "
        f"load {os.getloadavg()[0]:.1f}")  # fmt: skip
    for part in PARTS:
        if not asked.parts or part.__name__ in asked.parts:
            say(f"\n{part.__name__}")
            part()


if __name__ == "__main__":
    main()
