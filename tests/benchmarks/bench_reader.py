"""Reading 100 workbooks of 40 sessions × 20 items, all checks included, against openpyxl alone.

Run by hand: ``python tests/benchmarks/bench_reader.py``. Both read the same files in the same
round; seconds are of the processor, one thread each; the ratio is the median over rounds.
openpyxl does less: it loads the *Rate* sheet's values and checks nothing.
"""

from __future__ import annotations

import gc
import random
import statistics
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd
from openpyxl import load_workbook

from doublecode.coding.reading.incoming import read_incoming
from doublecode.coding.workbooks.fill import fill_workbook
from doublecode.coding.workbooks.write import write_workbooks
from doublecode.schemas.study import Study, load_study

N_RATERS, N_SESSIONS, N_ITEMS = 100, 40, 20


def make_study(folder: Path) -> Study:
    """Write a study of 100 raters, each with 40 sessions and 20 items, and its filled workbooks."""
    items = "".join(
        f'[[items]]\nname = "item_{n}"\nlabel = "Item {n}"\nminimum = 0\nmaximum = 4\n' for n in range(N_ITEMS)
    )
    (folder / "long.toml").write_text(
        'name = "long"\ntitle = "Long"\nversion = "1.0"\ncitation = "none"\nrights = "none"\n'
        f'[missing_codes]\nIN = "insufficient information"\n{items}',
        encoding="utf-8",
    )
    raters = [f"R{n:03d}" for n in range(N_RATERS)]
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
        for rater in range(N_RATERS)
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


def main(rounds: int = 5) -> None:
    """Print processor seconds of both and the median ratio."""
    with tempfile.TemporaryDirectory() as scratch:
        study = make_study(Path(scratch))
        ours, theirs = [], []
        for _ in range(rounds):
            gc.collect()
            start = time.process_time()
            ratings, problems, _ = read_incoming(study)
            ours.append(time.process_time() - start)
            gc.collect()
            start = time.process_time()
            found = read_with_openpyxl(study)
            theirs.append(time.process_time() - start)
            if problems or len(ratings) != found:
                sys.exit(f"not the same cells: {len(ratings)} and {found}; {len(problems)} problems")
        ratios = [their / our for our, their in zip(ours, theirs, strict=True)]
        print(f"{len(ratings)} ratings in {N_RATERS} workbooks, {rounds} rounds")
        print(f"doublecode, all checks  {statistics.median(ours):.3f} s")
        print(f"openpyxl, values only   {statistics.median(theirs):.3f} s")
        print(f"ratio                   {statistics.median(ratios):.1f} (least {min(ratios):.1f})")


if __name__ == "__main__":
    main()
