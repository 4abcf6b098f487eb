"""Two imports at once, a full disk, a folder that can only be read, a report that is held open: is anything lost?

    python tests/hostile/hindrances.py [NAME …]    prints a line per hindrance; what it printed stands in hindrances.txt

The study of ``kills.py``: 50 synthetic workbooks, 25 of them taken in, a report; 25 more and 5 corrections have come.
After each hindrance the ledger is opened and every hash recomputed, each file is wholly in or out, the report is the
old one or the new one, and the same once more, without the hindrance, gives what an undisturbed child gives. What
needs rights or programs that are not here (to mount a disk, a server of PostgreSQL) is skipped and said.
"""

from __future__ import annotations

import errno
import os
import random
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import kills
from kills import Scene, report_of, run, take_in, what_is_held

from doublecode.schemas.errors import DoublecodeError

BIN = next((path for path in sorted(Path("/usr/lib/postgresql").glob("*/bin"))[::-1]), None)
SERVANT = "nobody"
"""Whom the server runs as where this runs as root, whom it refuses."""
Work = Callable[[Path], None]


def told_by(work: Work, folder: Path, before: Callable[[], None] = lambda: None) -> str:
    """Let a child work; what it was told, or "done"; a traceback is an error here."""
    return heard(*begun(work, folder, before))


def begun(work: Work, folder: Path, before: Callable[[], None] = lambda: None) -> tuple[int, int]:
    """Begin work in a child; its process id, and where its answer can be read."""
    read, write = os.pipe()
    child = os.fork()
    if child:
        os.close(write)
        return child, read
    answer = "done"
    try:
        before()
        work(folder)
    except DoublecodeError as wrong:
        answer = f"told: {wrong}"
    except BaseException as wrong:
        answer = f"TRACEBACK {wrong!r}"
    os.write(write, answer.encode())
    os._exit(0)


def heard(child: int, read: int) -> str:
    with os.fdopen(read) as answer:
        said = answer.read()
    os.waitpid(child, 0)
    if said.startswith("TRACEBACK") or not said:
        raise AssertionError(said or "the child ended without a word")
    return said


def check(scene: Scene, folder: Path, work: Work = run) -> str:
    """Hold what a hindrance left to the scene, then do the work once more; say what was left."""
    ledger = folder / "ledger.sqlite"
    _, files = what_is_held(folder) if ledger.exists() else (None, [])
    state = "all stored" if files == scene.files else "as before" if len(files) == scene.n_before else "PART"
    left = report_of(folder)
    if state == "PART" or left not in (scene.old_report, scene.new_report):
        raise AssertionError(f"{state}; the report is {'' if left else 'not '}there")
    work(folder)
    ratings, files = what_is_held(folder)
    if not (ratings.equals(scene.ratings) and files == scene.files):
        raise AssertionError("the same once more did not complete it")
    if work is run and report_of(folder) != scene.new_report:
        raise AssertionError("the report is not that of an undisturbed run")
    if stray := [path.name for path in folder.iterdir() if path.name.startswith(".")]:
        raise AssertionError(f"left behind: {stray}")
    return f"{state}, {'new' if left == scene.new_report and left != scene.old_report else 'old'} report"


@contextmanager
def copied(scene: Scene, at: Path) -> Iterator[Path]:
    folder = Path(shutil.copytree(scene.before, at))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def mounted(*words: str, at: Path) -> Iterator[bool]:
    """Something mounted at a place; False where there is no right to."""
    try:
        done = subprocess.run(["mount", *words, str(at)], capture_output=True, timeout=30).returncode == 0
    except OSError:
        done = False
    try:
        yield done
    finally:
        if done:
            subprocess.run(["umount", "-l", str(at)], capture_output=True, timeout=30)


def two_at_once(scene: Scene, place: Path, times: int = 5) -> Iterator[str]:
    """Two imports, and two runs, of one study at the same moment."""
    for name, work, count in (("import", take_in, times), ("run", run, 2)):
        seen = []
        for _ in range(count):
            with copied(scene, place / "two") as folder:
                children = [begun(work, folder) for _ in range(2)]
                seen.append(sorted(heard(*child)[:60] for child in children))
                check(scene, folder)
        n_both = sum(one == ["done", "done"] for one in seen)
        yield f"two at once, {name}, SQLite: {count} times, each file once; in {n_both} both ended without an error"


def a_writer_that_stays(scene: Scene, place: Path) -> Iterator[str]:
    """Another program holds the ledger for good: the import gives up after its patience, and says so."""
    from doublecode.coding.intake import ledger_tables

    with copied(scene, place / "held") as folder:
        holder = sqlite3.connect(folder / "ledger.sqlite", isolation_level=None)
        holder.execute("BEGIN IMMEDIATE")
        said = told_by(take_in, folder, lambda: setattr(ledger_tables, "PATIENCE", 1))
        holder.close()
        yield f"ledger held by another writer: {said[:150]} … {check(scene, folder)}"


def full_disk(scene: Scene, place: Path) -> Iterator[str]:
    """A small disk with less and less room left; then files that may not grow (a quota)."""
    disk = place / "disk"
    disk.mkdir()
    with mounted("-t", "tmpfs", "-o", "size=12m", "tmpfs", at=disk) as is_there:
        if not is_there:
            yield "disk full: skipped, no right to mount a small disk here"
        for name, work in (("import", take_in), ("run", run)) if is_there else ():
            answers: dict[str, int] = {}
            for leave in (0, 4, 16, 48, 96, 160, 256, 400) if work is take_in else (0, 200, 400, 600, 800, 1200):
                with copied(scene, disk / "study") as folder:
                    fill(disk, leave * 1024)
                    said = told_by(work, folder)
                    (disk / "fill").unlink()
                    left = check(scene, folder, work)
                key = "done" if said == "done" else f"{told_why(said)}; {left}"
                answers[key] = answers.get(key, 0) + 1
            for said, count in answers.items():
                yield f"disk full, {name}: {count} × {said}"
    for kilobytes in (8, 64, 200):
        with copied(scene, place / "quota") as folder:
            limit = kilobytes * 1024 + (folder / "ledger.sqlite").stat().st_size
            said = told_by(take_in, folder, limited(limit))
            yield f"file size limited, import, {kilobytes} kB more: {told_why(said)}; {check(scene, folder, take_in)}"
    with copied(scene, place / "quota") as folder:
        said = told_by(run, folder, limited(300_000))
        yield f"file size limited, run, 300 kB: {told_why(said)}; {check(scene, folder)}"


def limited(size: int) -> Callable[[], None]:
    """No file of the child may grow beyond so many bytes."""
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def told_why(said: str) -> str:
    """The answer without the path."""
    return said if said == "done" else " ".join(said.partition("study")[2].split()[1:26]) or said[:160]


def fill(disk: Path, leave: int) -> None:
    with (disk / "fill").open("wb", buffering=0) as file:
        try:
            while file.write(b"\0" * 65_536):
                pass
        except OSError as wrong:
            if wrong.errno != errno.ENOSPC:
                raise
        try:
            while file.write(b"\0" * 4096):
                pass
        except OSError:
            file.truncate(max(0, file.tell() - leave))


def read_only(scene: Scene, place: Path) -> Iterator[str]:
    """A share that can only be read."""
    disk = place / "share"
    disk.mkdir()
    with mounted("-t", "tmpfs", "-o", "size=20m", "tmpfs", at=disk) as is_there:
        if not is_there:
            yield "read-only folder: skipped, no right to mount here"
            return
        with copied(scene, disk / "study") as folder:
            for name, work in (("import", take_in), ("run", run)):
                subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True, timeout=30)
                said = told_by(work, folder)
                subprocess.run(["mount", "-o", "remount,rw", str(disk)], check=True, timeout=30)
                yield f"read-only folder, {name}: {told_why(said)}; {len(what_is_held(folder)[1])} files as before"
            yield f"read-only folder, afterwards: {check(scene, folder)}"


def open_report(scene: Scene, place: Path) -> Iterator[str]:
    """A program has the page open; and a folder that cannot be moved, as where a program holds it."""
    with copied(scene, place / "open") as folder:
        before = (folder / "report" / "index.html").read_bytes()
        with (folder / "report" / "index.html").open("rb") as page:
            said = told_by(run, folder)
            whole = page.read() == before
        kept = "as before" if whole else "OTHERWISE"
        yield f"page held open: {said}, what was open reads {kept}; {check(scene, folder)}"
    with copied(scene, place / "open") as folder:
        with mounted("--bind", str(folder / "report"), at=folder / "report") as is_there:
            said = told_by(run, folder) if is_there else ""
        why = told_why(said) if said else "skipped, no right to mount"
        yield f"report that cannot be moved: {why}; {check(scene, folder)}"


@contextmanager
def server() -> Iterator[Path | None]:
    """A server of PostgreSQL in a folder of its own; None where there is none."""
    try:
        import psycopg  # noqa: F401
    except ImportError:
        yield None
        return
    if BIN is None:
        yield None
        return
    user = {"user": SERVANT} if os.geteuid() == 0 else {}
    place = Path(tempfile.mkdtemp(prefix="pg"))
    data = place / "data"
    data.mkdir()
    for path in (place, data) if user else ():
        shutil.chown(path, SERVANT)
    control = [str(BIN / "pg_ctl"), "-D", str(data)]
    options = f"-c listen_addresses='' -c unix_socket_directories={place} -c fsync=off"
    initdb = [str(BIN / "initdb"), "-D", str(data), "-A", "trust", "-U", "doublecode", "-E", "UTF8", "--no-sync"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "timeout": 120, **user}
    subprocess.run(initdb, check=True, **quiet)
    subprocess.run([*control, "-w", "-l", str(place / "log"), "-o", options, "start"], check=True, **quiet)
    try:
        yield place
    finally:
        subprocess.run([*control, "-m", "immediate", "stop"], check=False, **quiet)
        shutil.rmtree(place, ignore_errors=True)


def in_a_server(scene: Scene, place: Path, times: int = 4, n_kills: int = 20) -> Iterator[str]:
    """Two imports at once, and imports that are killed at random moments, with the ledger in a server."""
    from doublecode.coding import Ledger

    with server() as socket:
        if socket is None:
            yield "PostgreSQL: skipped, no server or no psycopg is installed here"
            return
        names, rng, states = {name for name, _ in scene.files}, random.Random(14), Counter[str]()
        ended, took = 0, 0.0
        for number in range(1 + times + n_kills):
            address = new_database(socket, f"study{number}")
            with copied(scene, place / "served") as folder:
                told = (folder / "study.toml").read_text(encoding="utf-8")
                (folder / "study.toml").write_text(f'ledger = "{address}"\n{told}', encoding="utf-8")
                start = time.monotonic()
                if number <= times:
                    children = [begun(take_in, folder) for _ in range(2 if number else 1)]
                    ended += [heard(*child) for child in children] == ["done", "done"]
                    took = took or time.monotonic() - start
                else:
                    states[killed_after(rng.uniform(0.3, 1.1) * took, folder, address, len(names))] += 1
                    take_in(folder)
                with Ledger(address) as ledger:
                    wrong, files = ledger.verify(), ledger.files()
                if wrong or len(files) != len(set(files["file"])) or set(files["file"]) != names:
                    raise AssertionError(f"PostgreSQL: {wrong or len(files)}")
        yield f"two at once, import, PostgreSQL: {times} times, each file once; in {ended} both ended without an error"
        yield f"import killed, PostgreSQL: {n_kills} times, {dict(states)}; a repeat completed each"


def new_database(socket: Path, name: str) -> str:
    user = {"user": SERVANT} if os.geteuid() == 0 else {}
    create = [str(BIN / "createdb"), "-h", str(socket), "-U", "doublecode", name]  # type: ignore[operator]
    subprocess.run(create, check=True, timeout=60, **user)
    return f"postgresql://doublecode@/{name}?host={socket}"


def killed_after(seconds: float, folder: Path, address: str, n_files: int) -> str:
    """Kill an import; whether its files are all in the server, or none of them."""
    from doublecode.coding import Ledger

    child, read = begun(take_in, folder)
    time.sleep(seconds)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    os.close(read)
    with Ledger(address) as ledger:
        wrong, n_held = ledger.verify(), len(ledger.files())
    if wrong or n_held not in (0, n_files):
        raise AssertionError(f"PostgreSQL: {wrong or n_held} after a kill")
    return "all stored" if n_held else "nothing stored"


HINDRANCES = (two_at_once, in_a_server, a_writer_that_stays, full_disk, read_only, open_report)


def main(names: Sequence[str]) -> None:
    """Print a line per hindrance; of all of them, or those that are named."""
    with tempfile.TemporaryDirectory() as scratch:
        place = Path(scratch)
        scene = kills.set_scenes(place)[1]
        for hinder in HINDRANCES:
            for said in hinder(scene, place) if not names or hinder.__name__ in names else ():
                print(said.replace(str(place), "…"), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
