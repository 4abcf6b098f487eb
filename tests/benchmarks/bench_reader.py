"""Reading workbooks of 40 sessions × 20 items, all checks included, against openpyxl and calamine alone.

Run by hand: ``python tests/benchmarks/bench_reader.py [WORKBOOKS] [FOLDER]``; 100 workbooks without a number, and a
folder that was named keeps them for the next time. All read the same files in the same round; seconds are of the
processor, one thread each; a ratio is the median over rounds. openpyxl and calamine (where it is installed) do less:
they load the *Rate* sheet's values and check nothing. Storing is the ledger's, into a file that is not there yet. With
two cores the longer of the two processes is what a free machine waits for. Peak memory is of a process that reads once.
"""

from __future__ import annotations

import gc
import importlib
import importlib.util
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TypeVar

import pandas as pd
from openpyxl import load_workbook

from doublecode.coding.intake.ledger import Ledger
from doublecode.coding.reading import many_files
from doublecode.coding.reading.incoming import read_incoming
from doublecode.coding.workbooks.fill import fill_workbook
from doublecode.coding.workbooks.write import write_workbooks
from doublecode.schemas.study import Study, load_study

N_SESSIONS, N_ITEMS = 40, 20
ONCE = """
import resource, time
from doublecode.coding.reading import many_files
from doublecode.coding.reading.incoming import read_incoming
from doublecode.schemas.study import load_study
many_files.FEWEST = {fewest}
study = load_study({folder!r})
wall, own = time.perf_counter(), time.process_time()
read_incoming(study)
wall, own = time.perf_counter() - wall, time.process_time() - own
helper = resource.getrusage(resource.RUSAGE_CHILDREN)
print(wall, own, helper.ru_utime + helper.ru_stime, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""
T = TypeVar("T")


def make_study(folder: Path, n_raters: int) -> Study:
    """Write a study of many raters, each with 40 sessions and 20 items, and its filled workbooks."""
    items = "".join(
        f'[[items]]\nname = "item_{n}"\nlabel = "Item {n}"\nminimum = 0\nmaximum = 4\n' for n in range(N_ITEMS)
    )
    (folder / "long.toml").write_text(
        'name = "long"\ntitle = "Long"\nversion = "1.0"\ncitation = "none"\nrights = "none"\n'
        f'[missing_codes]\nIN = "insufficient information"\n{items}',
        encoding="utf-8",
    )
    raters = [f"R{n:03d}" for n in range(n_raters)]
    declared = ", ".join(f'{{ id = "{rater}" }}' for rater in raters)
    (folder / "study.toml").write_text(
        f'name = "bench"\ntitle = "Bench"\nraters = [{declared}]\n[[instruments]]\nname = "long.toml"\n',
        encoding="utf-8",
    )
    ids = [f"S-{n:04d}" for n in range(N_SESSIONS * 4)]
    sessions = pd.DataFrame(
        {
            "session_id": ids, "patient": [f"P{n // 10}" for n in range(len(ids))], "therapist": "T1",
            "session": [n % 10 + 1 for n in range(len(ids))], "date": "", "minutes": 50, "phase": "main",
            "status": "held", "reason": "", "recording": "",
        }
    )  # fmt: skip
    sessions.to_csv(folder / "sessions.csv", index=False)
    rows = [
        (ids[(rater * 7 + n) % len(ids)], raters[rater], "long", "primary", "batch01")
        for rater in range(n_raters)
        for n in range(N_SESSIONS)
    ]
    assignments = pd.DataFrame(rows, columns=["session_id", "rater", "instrument", "role", "batch"])
    assignments.to_csv(folder / "assignments.csv", index=False)
    study = load_study(folder)
    rng = random.Random(1)
    for path in write_workbooks(study, assignments, folder / "outgoing"):
        own = assignments.loc[assignments["rater"] == path.name.split("_")[0], "session_id"]
        cells = {(session, f"item_{n}"): rng.randint(0, 4) for session in own for n in range(N_ITEMS)}
        fill_workbook(path, folder / "incoming" / path.name, cells)
    return study


def read_with_openpyxl(study: Study) -> int:
    """Load every cell of the *Rate* sheets; return how many numbers there are."""
    found = 0
    for path in sorted((study.folder / "incoming").iterdir()):
        for row in load_workbook(path)["Rate"].iter_rows(values_only=True):
            found += sum(isinstance(cell, int) for cell in row)
    return found


def read_with_calamine(study: Study) -> int:
    """The same with calamine, which is written in Rust; 0 where it is not installed."""
    if importlib.util.find_spec("python_calamine") is None:
        return 0
    calamine = importlib.import_module("python_calamine")
    found = 0
    for path in sorted((study.folder / "incoming").iterdir()):
        rows = calamine.CalamineWorkbook.from_path(str(path)).get_sheet_by_name("Rate").to_python()
        found += sum(isinstance(cell, float) for row in rows for cell in row)
    return found


def timed(work: Callable[[], T], taken: list[float]) -> T:
    """Do it, and note its processor seconds."""
    gc.collect()
    start = time.process_time()
    done = work()
    taken.append(time.process_time() - start)
    return done


def store(study: Study, ratings: pd.DataFrame, files: pd.DataFrame) -> None:
    """Take everything into a new ledger."""
    path = study.folder / "bench.sqlite"
    path.unlink(missing_ok=True)
    with Ledger(path) as ledger:
        ledger.take_in(ratings, files)
    path.unlink()


def in_a_process(study: Study, cores: int) -> dict[str, float]:
    """Read once in a process of its own: seconds of the clock and of both processors, peak memory in MB."""
    asked = ONCE.format(folder=str(study.folder), fewest=80 if cores > 1 else 10**9)
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    return dict(zip(("wall", "own", "helper", "peak"), map(float, done.stdout.split()), strict=True))


def main(n_workbooks: int = 100, folder: str = "", rounds: int = 5) -> None:
    """Print processor seconds of all and the median ratios."""
    with tempfile.TemporaryDirectory() as scratch:
        place = Path(folder or scratch)
        study = load_study(place) if (place / "incoming").is_dir() else make_study(place, n_workbooks)
        many_files.FEWEST = 10**9  # this process reads alone
        ratings, problems, files = read_incoming(study)
        store(study, ratings, files)  # what is imported or compiled once is in no round
        ours, openpyxl, calamine, stored = [list[float]() for _ in range(4)]
        for _ in range(rounds):
            ratings, problems, files = timed(lambda: read_incoming(study), ours)
            found = timed(lambda: read_with_openpyxl(study), openpyxl)
            timed(lambda: read_with_calamine(study), calamine)
            timed(partial(store, study, ratings, files), stored)
            if problems or len(ratings) != found:
                sys.exit(f"not the same cells: {len(ratings)} and {found}; {len(problems)} problems")
        one, two = ([in_a_process(study, cores) for _ in range(rounds)] for cores in (1, 2))
    print(f"{len(ratings)} ratings in {len(files)} workbooks, {rounds} rounds; load {os.getloadavg()[0]:.1f}")
    print(f"doublecode, all checks  {statistics.median(ours):.3f} s")
    for name, taken in (("openpyxl, values only", openpyxl), ("calamine, values only", calamine), ("storing", stored)):
        ratios = [their / our for our, their in zip(ours, taken, strict=True)]
        print(
            f"{name:<22}  {statistics.median(taken):.3f} s, × {statistics.median(ratios):.2f} (least {min(ratios):.2f})"
        )
    longer = [max(run["own"], run["helper"]) for run in two]
    print(f"one core   {least(one, 'own'):.2f} s, {least(one, 'wall'):.2f} s of the clock, peak {most(one):.0f} MB")
    print(f"two cores  {min(longer):.2f} s, {least(two, 'wall'):.2f} s of the clock, peak {most(two):.0f} MB")
    print(
        f"ratio      {least(one, 'own') / min(longer):.2f}, {least(one, 'wall') / least(two, 'wall'):.2f} of the clock"
    )


def least(runs: list[dict[str, float]], what: str) -> float:
    """The smallest of several runs."""
    return min(run[what] for run in runs)


def most(runs: list[dict[str, float]]) -> float:
    """The largest peak of memory."""
    return max(run["peak"] for run in runs)


if __name__ == "__main__":
    main(*(int(one) if one.isdecimal() else one for one in sys.argv[1:]))  # type: ignore[arg-type]
