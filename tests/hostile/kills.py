"""Kill an import and a run at random moments: the ledger opens, each file is wholly in or out, a repeat completes it.

    python tests/hostile/kills.py [IMPORTS [RUNS [STEPS [SEED]]]]     # by hand: 200, 100 and all unless said otherwise

A synthetic study of 50 workbooks, in two states: *first*, without ledger and report, all 50 in ``incoming/``; and
*later*, with 25 of them taken in and a report, when 25 more have arrived and 5 have come back changed. The process at
work is killed with SIGKILL, half of the times at a moment drawn from its whole duration, half of the times at one drawn
from the time after it has begun to write (the journal of the ledger, or the folder of the new report, is there); a
child is forked, so that the moments lie in the work and not in the start of Python; how long it takes is measured anew
every thirty kills, and where a kill came too late another moment is drawn. STEPS more runs are killed before
one step on the file system each (a file opened to be written, renamed or removed, a folder made or removed), beginning
with the last. After each kill the ledger is opened and every hash recomputed, the report must be the old or the new
one, byte for byte and without any help; the same once more must give what an undisturbed child gives, and so must a
run after it (after every import in twenty, since most of the time goes there). What it printed
stands in ``kills.txt``.
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
"""
KEEP_OUT = shutil.ignore_patterns("all", "changed", "out")
STEPS = frozenset({"os.rename", "os.remove", "os.mkdir", "os.rmdir", "sqlite3.connect"})
MOMENTS = ("at a random moment", "before a step")
HAD_ENDED = ", had ended"
N_BATCHES, N_SESSIONS, N_BEFORE, N_CHANGED = 25, 4, 25, 5


@dataclass(frozen=True)
class Scene:
    """A study before workbooks are taken in, and what an undisturbed run gives of it."""

    name: str
    before: Path
    n_before: int
    old_report: dict[str, str]
    new_report: dict[str, str]
    ratings: Any
    files: list[tuple[str, bool]]


@dataclass(frozen=True)
class Took:
    """How many seconds an undisturbed child works, and how many of them after it has begun to write."""

    whole: float
    writing: float
    n_steps: int


@dataclass(frozen=True)
class Moment:
    """When a child is killed: seconds after its start or its first write, or once it has stored, or before a step."""

    seconds: float = 0.0
    in_writing: bool = False
    step: int = 0
    stored: bool = False


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


def set_scenes(folder: Path, seed: int = 1) -> tuple[Scene, Scene]:
    """The study when its first workbooks come, and when more come later."""
    source = make_study(folder / "source", random.Random(seed))
    books = sorted((source / "all").iterdir())
    first, later = (Path(shutil.copytree(source, folder / name, ignore=KEEP_OUT)) for name in ("first", "later"))
    for path in books:
        shutil.copy(path, first / "incoming")
    for path in books[:N_BEFORE]:
        shutil.copy(path, later / "incoming")
    run(later)
    for path in books[N_BEFORE:]:
        shutil.copy(path, later / "incoming")
    for path in books[:N_CHANGED]:
        shutil.copy(source / "changed" / path.name, later / "incoming")
    return scene_of("first", first, folder), scene_of("later", later, folder)


def scene_of(name: str, before: Path, folder: Path) -> Scene:
    n_before = len(what_is_held(before)[1]) if (before / "ledger.sqlite").exists() else 0
    after = Path(shutil.copytree(before, folder / f"after_{name}"))
    run(after)
    return Scene(name, before, n_before, report_of(before), report_of(after), *what_is_held(after))


def forked(work: Callable[[Path], None], folder: Path, moment: Moment = Moment(), told: int | None = None) -> int:
    """Begin a piece of work in a child of its own; return its process id."""
    child = os.fork()
    if child:
        return child
    try:
        steps = watch_steps(folder, moment.step)
        work(folder)
        if told is not None:
            os.write(told, str(len(steps)).encode())
    except BaseException:
        os._exit(1)
    os._exit(0)


def watch_steps(folder: Path, last: int) -> list[str]:
    """Note every step on the file system within a folder; at the step of this number the process ends."""
    steps: list[str] = []

    def watch(event: str, given: tuple[Any, ...]) -> None:
        writes = event in STEPS or (
            event == "open" and isinstance(given[2], int) and given[2] & (os.O_WRONLY | os.O_RDWR)
        )
        if writes and isinstance(given[0], (str, os.PathLike)) and os.fspath(given[0]).startswith(str(folder)):
            steps.append(event)
            if len(steps) == last:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(watch)
    return steps


def has_begun_to_write(folder: Path) -> bool:
    return (folder / "ledger.sqlite-journal").exists() or any(folder.glob(".report-new-*"))


def measure(work: Callable[[Path], None], scene: Scene, at: Path) -> Took:
    """Let a child work undisturbed."""
    folder = Path(shutil.copytree(scene.before, at))
    read, write = os.pipe()
    start, wrote = time.monotonic(), 0.0
    child = forked(work, folder, told=write)
    while not (ended := os.waitpid(child, os.WNOHANG))[0]:
        if not wrote and has_begun_to_write(folder):
            wrote = time.monotonic()
        time.sleep(0.0005)
    if ended[1]:
        raise AssertionError("the undisturbed child failed")
    end = time.monotonic()
    os.close(write)
    with os.fdopen(read) as told:
        n_steps = int(told.read())
    shutil.rmtree(folder)
    return Took(end - start, end - (wrote or start), n_steps)


def wait_until(child: int, has_come: Callable[[], bool]) -> None:
    """Look every quarter of a millisecond, as long as a child is at work."""
    while not has_come() and not os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT):
        time.sleep(0.00025)


def kill_at(child: int, folder: Path, moment: Moment) -> bool:
    """Kill a child when its moment has come; whether it was at work until then."""
    if moment.step:
        _, status = os.waitpid(child, 0)
        return os.WIFSIGNALED(status)
    fresh = not (folder / "ledger.sqlite").exists()  # its tables are made in a transaction of their own
    for _ in range(1 + fresh if moment.stored else moment.in_writing):
        wait_until(child, lambda: has_begun_to_write(folder))
        if moment.stored:
            wait_until(child, lambda: not (folder / "ledger.sqlite-journal").exists())
    time.sleep(moment.seconds)
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status)


def kill_once(work: Callable[[Path], None], scene: Scene, at: Path, moment: Moment, *, and_run: bool = True) -> str:
    """Kill `work` at a moment, repeat it and hold what is left to the scene; say in which state it was found."""
    folder = Path(shutil.copytree(scene.before, at))
    was_at_work = kill_at(forked(work, folder, moment), folder, moment)
    _, files = what_is_held(folder)
    state = "stored" if files == scene.files else "as before" if len(files) == scene.n_before else "PART"
    left = report_of(folder)
    if left == scene.new_report:
        state += ", new report"
    elif left != scene.old_report:
        raise AssertionError("the report is neither the old nor the new one")
    work(folder)
    ratings, files = what_is_held(folder)
    if not (ratings.equals(scene.ratings) and files == scene.files):
        raise AssertionError("a repeat did not complete it")
    if and_run and work is not run:
        run(folder)
    if report_of(folder) != (scene.new_report if and_run or work is run else left):
        raise AssertionError("the report after a repeat is not that of an undisturbed run")
    if left_over := [path.name for path in folder.glob(".*")]:
        raise AssertionError(f"a repeat left {left_over}")
    shutil.rmtree(folder)
    return f"{state}{'' if was_at_work else HAD_ENDED}"


def draw(rng: random.Random, took: Took) -> Moment:
    in_writing = rng.random() < 0.5
    return Moment(rng.uniform(0, 1.05 * (took.writing if in_writing else took.whole)), in_writing)


def main(arguments: list[str]) -> int:
    n_imports, n_runs, n_steps, seed = (int(arguments[place]) if len(arguments) > place else default
                                        for place, default in enumerate((200, 100, 1000, 1)))  # fmt: skip
    rng = random.Random(seed)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # asked to end, it says how far it came
    with tempfile.TemporaryDirectory() as place:
        works = [(f"{name}, {scene.name}", work, scene, count // 2 + (number < count % 2))
                 for number, scene in enumerate(set_scenes(Path(place)))
                 for name, work, count in (("import", take_in, n_imports), ("run", run, n_runs))]  # fmt: skip
        kills: list[tuple[str, Callable[[Path], None], Scene, int]] = []
        for name, work, scene, count in works:
            last = measure(work, scene, Path(place) / "measured").n_steps
            kills += [(name, work, scene, 0)] * count
            kills += [(name, work, scene, step) for step in range(last, max(0, last - n_steps), -1)]
        rng.shuffle(kills)
        n_wanted = len(kills)
        seen: dict[str, Counter[str]] = {f"{name}, {at}": Counter() for name, *_ in works for at in MOMENTS}
        try:
            for number, (name, work, scene, step) in enumerate(kills):
                if number % 30 == 0:  # how long it takes changes with what else the machine does
                    took = {one: measure(do, of, Path(place) / "measured") for one, do, of, _ in works}
                moment = Moment(step=step) if step else draw(rng, took[name])
                state = kill_once(work, scene, Path(place) / "killed", moment, and_run=number % 20 == 0)
                seen[f"{name}, {MOMENTS[step > 0]}"][state] += 1
                if not step and state.endswith(HAD_ENDED):
                    kills.append((name, work, scene, step))  # it came too late: another moment is drawn
                print(f"{number + 1} of {len(kills)}", file=sys.stderr, flush=True)
        except KeyboardInterrupt:
            print("stopped by hand")
        tell(seen, n_wanted, seed)
    return 0


def tell(seen: dict[str, Counter[str]], n_wanted: int, seed: int) -> None:
    at_work = {said: Counter({state: n for state, n in states.items() if not state.endswith(HAD_ENDED)})
               for said, states in seen.items()}  # fmt: skip
    n_done = sum(states.total() for states in at_work.values())
    n_random = sum(states.total() for said, states in at_work.items() if said.endswith(MOMENTS[False]))
    print(f"{n_done} of {n_wanted} kills at work, {n_random} of them at random moments; 50 workbooks, seed {seed}")
    for said, states in seen.items():
        print(f"{said}: {sum(states.values())}")
        for state, n in sorted(states.items()):
            print(f"  {state}: {n}")
    print("every ledger opened and every hash agreed; every report was the old or the new one, byte for byte;")
    print("each repeat gave the ledger of an undisturbed one, and each run its report")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
