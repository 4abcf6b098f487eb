"""Kill an import and a run at random moments: the ledger opens, each file is wholly in or out, a repeat completes it.

    python tests/hostile/kills.py [IMPORTS [RUNS [SEED]]]     # by hand: 200 and 100 unless said otherwise

A synthetic study of 50 workbooks. The state before: 25 of them taken in, and a report. Then 25 more arrive and 5 come
back changed. The process that takes them in is killed with SIGKILL at a moment drawn from its whole duration; a child
is forked, so that the moments lie in the work and not in the start of Python. After each kill the ledger is opened
and every hash recomputed, the report must be the old or the new one, byte for byte, and a second run must give what
an undisturbed one gives.
"""

from __future__ import annotations

import hashlib
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

BOOK = (Path(__file__).parents[1] / "cases" / "study_before_store" / "warmth.toml").read_text(encoding="utf-8")
STUDY = """name = "killed"
title = "A study whose import is killed (synthetic)"
synthetic = true
raters = [{ id = "R1" }, { id = "R2" }]
[[instruments]]
name = "warmth.toml"
raters = ["R1", "R2"]
[[variables]]
name = "warm"
instrument = "warmth"
scale = "total"
[[series]]
name = "warm"
title = "Warmth"
steps = ["warm ~ session + (1 | patient)"]
"""
N_BATCHES, N_SESSIONS, N_BEFORE, N_CHANGED = 25, 4, 25, 5


@dataclass(frozen=True)
class Scene:
    """A study before and after more workbooks came, and what an undisturbed run gives of each."""

    before: Path
    after: Path
    old_report: dict[str, str]
    new_report: dict[str, str]
    ratings: Any
    files: list[tuple[str, bool]]


def make_study(folder: Path, rng: random.Random) -> Path:
    """A study folder with 50 filled workbooks in ``all/``, and 5 changed ones in ``changed/``."""
    from doublecode.coding import write_workbooks
    from doublecode.coding.workbooks.fill import fill_workbook
    from doublecode.schemas.frames import ASSIGNMENTS
    from doublecode.schemas.study import load_study
    from doublecode.schemas.table_files import read_table

    folder.mkdir()
    for part in ("incoming", "all", "changed"):
        (folder / part).mkdir()
    (folder / "study.toml").write_text(STUDY, encoding="utf-8")
    (folder / "warmth.toml").write_text(BOOK, encoding="utf-8")
    batches = [f"b{number:02d}" for number in range(N_BATCHES)]
    held = {batch: [f"S-{batch}{n}" for n in range(1, N_SESSIONS + 1)] for batch in batches}
    rows = [f"{one},P{batch},T1,{n},main,held\n" for batch, ids in held.items() for n, one in enumerate(ids, 1)]
    (folder / "sessions.csv").write_text("session_id,patient,therapist,session,phase,status\n" + "".join(rows))
    (folder / "patients.csv").write_text("patient,status\n" + "".join(f"P{batch},completed\n" for batch in batches))
    rows = [
        f"{one},{rater},warmth,{role},{batch}\n"
        for batch, ids in held.items() for rater, role in (("R1", "primary"), ("R2", "second")) for one in ids
    ]  # fmt: skip
    (folder / "assignments.csv").write_text("session_id,rater,instrument,role,batch\n" + "".join(rows))
    level = {one: rng.gauss(2, 1) for ids in held.values() for one in ids}
    assigned = read_table(folder / "assignments.csv", ASSIGNMENTS)
    for path in write_workbooks(load_study(folder), assigned, folder / "out"):
        cells = [(one, item) for one in held[path.stem.split("_")[2]] for item in ("smiles", "nods")]
        for target in ("all", "changed"):
            typed = {cell: max(0, min(4, round(level[cell[0]] + rng.gauss(0, 0.6)))) for cell in cells}
            fill_workbook(path, folder / target / path.name, typed)
    return folder


def take_in(folder: Path) -> None:
    from doublecode.coding.intake.imports import import_study
    from doublecode.schemas.study import load_study

    import_study(load_study(folder))


def run(folder: Path) -> None:
    from doublecode.analysis.report.folder import run_study

    run_study(folder, overwrite=True)


def report_of(folder: Path) -> dict[str, str]:
    """Hash of every file of a report by its path; the Word file, which holds its time, by its name alone."""
    from doublecode.schemas.whole_files import recover_folder

    recover_folder(folder / "report")
    paths = [path for path in sorted((folder / "report").rglob("*")) if path.is_file()]
    read = {path: b"" if path.suffix == ".docx" else path.read_bytes() for path in paths}
    return {path.relative_to(folder).as_posix(): hashlib.sha256(data).hexdigest() for path, data in read.items()}


def what_is_held(folder: Path) -> tuple[Any, list[tuple[str, bool]]]:
    """Ratings that hold, in a fixed order, and the files; every hash is recomputed on the way."""
    from doublecode.coding import Ledger

    with Ledger(folder / "ledger.sqlite") as ledger:
        wrong = ledger.verify()
        if wrong:
            raise AssertionError(wrong)
        ratings, files = ledger.ratings(), ledger.files()
    counts = ratings["source_file"].value_counts()
    for file, n_rows, holds in zip(files["file"], files["n_rows"], files["holds"], strict=True):
        if holds and counts.get(file, 0) != n_rows:
            raise AssertionError(f"{file}: {counts.get(file, 0)} of {n_rows} ratings")
    ordered = ratings.sort_values(["source_file", "session_id", "item"]).reset_index(drop=True)
    return ordered, sorted(zip(files["file"], map(bool, files["holds"]), strict=True))


def set_scene(folder: Path, seed: int = 1) -> Scene:
    source = make_study(folder / "source", random.Random(seed))
    books = sorted((source / "all").iterdir())
    keep_out = shutil.ignore_patterns("all", "changed", "out")
    before = Path(shutil.copytree(source, folder / "before", ignore=keep_out))
    for path in books[:N_BEFORE]:
        shutil.copy(path, before / "incoming")
    run(before)
    old = report_of(before)
    after = Path(shutil.copytree(before, folder / "after"))
    arrive(source, before)
    shutil.rmtree(after / "incoming")
    shutil.copytree(before / "incoming", after / "incoming")
    run(after)
    return Scene(before, after, old, report_of(after), *what_is_held(after))


def arrive(source: Path, study: Path) -> None:
    books = sorted((source / "all").iterdir())
    for path in books[N_BEFORE:]:
        shutil.copy(path, study / "incoming")
    for path in books[:N_CHANGED]:
        shutil.copy(source / "changed" / path.name, study / "incoming")


def forked(work: Callable[[Path], None], folder: Path) -> int:
    """Begin a piece of work in a child of its own; return its process id."""
    child = os.fork()
    if child:
        return child
    try:
        work(folder)
    except BaseException:
        os._exit(1)
    os._exit(0)


def duration(work: Callable[[Path], None], scene: Scene, at: Path) -> float:
    folder = Path(shutil.copytree(scene.before, at))
    start = time.monotonic()
    _, status = os.waitpid(forked(work, folder), 0)
    if status:
        raise AssertionError("the undisturbed child failed")
    shutil.rmtree(folder)
    return time.monotonic() - start


def kill_once(work: Callable[[Path], None], scene: Scene, at: Path, delay: float) -> str:
    """Kill `work` after `delay` seconds, and hold what is left to the scene; say in which state it was found."""
    folder = Path(shutil.copytree(scene.before, at))
    child = forked(work, folder)
    time.sleep(delay)
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    ended = os.WIFEXITED(status)
    _, files = what_is_held(folder)
    state = "stored" if files == scene.files else "as before" if len(files) == N_BEFORE else "PART"
    left = report_of(folder)
    if left == scene.new_report:
        state += ", new report"
    elif left != scene.old_report:
        raise AssertionError("the report is neither the old nor the new one")
    run(folder)
    ratings, files = what_is_held(folder)
    if not (ratings.equals(scene.ratings) and files == scene.files and report_of(folder) == scene.new_report):
        raise AssertionError("a repeat did not complete it")
    shutil.rmtree(folder)
    return f"{state}{', had ended' if ended else ''}"


def main(arguments: list[str]) -> int:
    n_imports, n_runs, seed = (int(arguments[place]) if len(arguments) > place else default
                               for place, default in enumerate((200, 100, 1)))  # fmt: skip
    rng = random.Random(seed)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        scene = set_scene(folder)
        for name, work, count in (("import", take_in, n_imports), ("run", run, n_runs)):
            took = duration(work, scene, folder / "measured")
            seen = Counter[str]()
            for number in range(count):
                seen[kill_once(work, scene, folder / "killed", rng.uniform(0, 1.05 * took))] += 1
                print(f"{name} {number + 1}/{count}: {dict(seen)}", file=sys.stderr, flush=True)
            print(f"{name}: killed {count} times, 50 workbooks, seed {seed}", flush=True)
            for state, n in seen.most_common():
                print(f"  {state}: {n}", flush=True)
    print("every ledger opened and every hash agreed; each repeat gave the report of an undisturbed run, byte for byte")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
