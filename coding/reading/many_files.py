"""Reads many workbooks, each by itself: with every core where there are enough of them to be worth it.

Helpers are processes of their own that run this module, which is why nothing heavy may stand among its imports. They
start while this process gathers what the files are held against, and are asked for a few files ahead, from the end of
the list, while this process reads from its beginning. One that dies takes nothing with it: its files are read here.
"""

from __future__ import annotations

import gc
import os
import pickle
import struct
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread
from typing import IO, Final

from doublecode.coding.reading.cells import Reader
from doublecode.coding.reading.expectations import Expected
from doublecode.coding.reading.one_workbook import TakenFile, read_file
from doublecode.coding.reading.ratings_builder import Collector

Progress = Callable[[str, int, int], None]
Read = tuple[TakenFile, Collector]
Answers = dict[int, Read]
"""By place in the list."""
FEWEST: Final = 80
"""Fewer files than these are read sooner than a helper has started."""
_AHEAD, _MOST_HELPERS = 8, 8
"""A helper is asked for so many files before it has answered: this process may be too busy to ask at once."""
_LENGTH = struct.Struct(">Q")


@dataclass(frozen=True)
class _Given:
    """What every file is read with."""

    expected: Expected
    superseded: Collection[str]
    withdrawn: Mapping[str, str]
    readers: dict[str, Reader] = field(default_factory=dict)

    def read(self, path: Path) -> Read:
        collector = Collector(self.readers)
        return read_file(path, self.expected, collector, (), self.superseded, self.withdrawn), collector


def read_each(
    paths: Sequence[Path],
    expected: Callable[[], Expected],
    superseded: Collection[str] = (),
    withdrawn: Mapping[str, str] | None = None,
    progress: Progress | None = None,
) -> list[Read]:
    """Read every file without regard to the others.

    Parameters
    ----------
    paths : sequence of Path
    expected : callable
        Gathers what the files are held against; asked once, while helpers start.
    superseded, withdrawn
        As :func:`doublecode.coding.reading.one_workbook.read_file` takes them.
    progress : callable, optional
        Called with what is done, how many files are read, and how many there are.

    Returns
    -------
    list of (TakenFile, Collector)
        In the order of `paths`.
    """
    open_places = deque(range(len(paths)))
    answers: Answers = {}
    helpers = _start_helpers(len(paths))
    gc.freeze()  # what was there before need not be looked through each time that many objects came which stay
    try:
        given = _Given(expected(), superseded, withdrawn or {})
        packed = pickle.dumps(given) if helpers else b""
        threads = [Thread(target=_ask, args=(one, packed, paths, open_places, answers), daemon=True) for one in helpers]
        for thread in threads:
            thread.start()
        _read_here(given, paths, open_places, answers, progress)
        for thread in threads:
            thread.join()
        _read_here(given, paths, open_places, answers, progress)  # what a helper that died left undone
    finally:
        gc.unfreeze()
        for helper in helpers:
            helper.kill()
            with suppress(OSError), helper:  # closes its pipes, and waits for its end
                pass
    return [answers[place] for place in range(len(paths))]


def _read_here(
    given: _Given,
    paths: Sequence[Path],
    places: deque[int],
    answers: Answers,
    progress: Progress | None,
) -> None:
    while places:
        try:
            place = places.popleft()
        except IndexError:  # a helper was asked for the last one in this moment
            break
        answers[place] = given.read(paths[place])
        if progress is not None:
            progress("Reading workbooks", len(answers), len(paths))


def _start_helpers(n_files: int) -> list[subprocess.Popen[bytes]]:
    """As many processes as there are cores beside this one; none where they would come too late."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if n_files < FEWEST or cores < 2 or not sys.executable:
        return []
    command = [sys.executable, "-m", __name__]
    helpers = []
    for _ in range(min(cores - 1, _MOST_HELPERS)):
        try:
            pipes = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        except OSError:
            break
        helpers.append(pipes)
    return helpers


def _ask(
    helper: subprocess.Popen[bytes],
    given: bytes,
    paths: Sequence[Path],
    places: deque[int],
    answers: Answers,
) -> None:
    """Give a helper the last files of the list, always a few ahead of what it has answered."""
    if helper.stdin is None or helper.stdout is None:
        return
    asked: deque[int] = deque()
    try:
        _send(helper.stdin, given)
        while True:
            more = _last_of(places, len(asked))
            asked.extend(more)
            for place in more:
                _send(helper.stdin, os.fsencode(paths[place]))
            if not asked:
                return
            answers[asked[0]] = pickle.loads(_received(helper.stdout))
            asked.popleft()
    except (OSError, EOFError, ValueError, pickle.UnpicklingError):  # it died: what it was asked for is read here
        places.extend(asked)


def _last_of(places: deque[int], asked: int) -> list[int]:
    """Take places from the end beside those `asked` for; fewer as the end comes near, so that all end at one time."""
    taken: list[int] = []
    while asked + len(taken) < min(_AHEAD, 1 + len(places) // 4):
        try:
            taken.append(places.pop())
        except IndexError:
            break
    return taken


def _send(pipe: IO[bytes], data: bytes) -> None:
    pipe.write(_LENGTH.pack(len(data)) + data)
    pipe.flush()


def _received(pipe: IO[bytes]) -> bytes:
    head = pipe.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        raise EOFError
    (length,) = _LENGTH.unpack(head)
    data = pipe.read(length)
    if len(data) < length:
        raise EOFError
    return data


def _help() -> None:
    """Be a helper: read what the other process asks for until it asks no more."""
    asked = sys.stdin.buffer
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # whatever prints must not stand among the answers
    given: _Given = pickle.loads(_received(asked))
    while True:
        try:
            path = Path(os.fsdecode(_received(asked)))
        except EOFError:
            return
        _send(answers, pickle.dumps(given.read(path)))


if __name__ == "__main__":
    _help()
