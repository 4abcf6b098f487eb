"""Reads many workbooks, each by itself: with every core where there are enough of them to be worth it.

Helpers are processes of their own that run this module; they are asked for a few files at a time, from the end of the
list, while this process reads from its beginning. One that dies takes nothing with it: its files are read here.
"""

from __future__ import annotations

import os
import pickle
import struct
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import IO, Final

from doublecode.coding.reading.expectations import Expected
from doublecode.coding.reading.one_workbook import TakenFile, read_file
from doublecode.coding.reading.ratings_builder import Collector

Progress = Callable[[str, int, int], None]
Read = tuple[TakenFile, Collector]
Answers = dict[int, Read | bytes]
"""By place in the list: what was read here, or what a helper sent, unopened."""
FEWEST: Final = 80
"""Fewer files than these are read sooner than a helper has started."""
_AT_ONCE, _MOST_HELPERS = 4, 8
_LENGTH = struct.Struct(">Q")


@dataclass(frozen=True)
class _Given:
    """What every file is read with."""

    expected: Expected
    superseded: Collection[str]
    withdrawn: Mapping[str, str]

    def read(self, path: Path) -> Read:
        collector = Collector()
        return read_file(path, self.expected, collector, (), self.superseded, self.withdrawn), collector.unprepared()


def read_each(
    paths: Sequence[Path],
    expected: Expected,
    superseded: Collection[str] = (),
    withdrawn: Mapping[str, str] | None = None,
    progress: Progress | None = None,
) -> list[Read]:
    """Read every file without regard to the others.

    Parameters
    ----------
    paths : sequence of Path
    expected : Expected
    superseded, withdrawn
        As :func:`doublecode.coding.reading.one_workbook.read_file` takes them.
    progress : callable, optional
        Called with what is done, how many files are read, and how many there are.

    Returns
    -------
    list of (TakenFile, Collector)
        In the order of `paths`.
    """
    given = _Given(expected, superseded, withdrawn or {})
    open_places = deque(range(len(paths)))
    answers: Answers = {}
    helpers = _start_helpers(len(paths))
    packed = pickle.dumps(given) if helpers else b""
    threads = [Thread(target=_ask, args=(one, packed, paths, open_places, answers), daemon=True) for one in helpers]
    try:
        for thread in threads:
            thread.start()
        _read_here(given, paths, open_places, answers, progress)
        for thread in threads:
            thread.join()
        _read_here(given, paths, open_places, answers, progress)  # what a helper that died left undone
    finally:
        for helper in helpers:
            helper.kill()
            with suppress(OSError), helper:  # closes its pipes, and waits for its end
                pass
    return [_opened(answers[place]) for place in range(len(paths))]


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


def _opened(answer: Read | bytes) -> Read:
    if isinstance(answer, bytes):
        read: Read = pickle.loads(answer)
        return read
    return answer


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
    """Give a helper the last files of the list, a few at a time, and keep what it answers unopened."""
    if helper.stdin is None or helper.stdout is None:
        return
    asked: list[int] = []
    try:
        _send(helper.stdin, given)
        while asked := _last_of(places):
            for place in asked:
                _send(helper.stdin, os.fsencode(paths[place]))
            for place in asked:
                answers[place] = _received(helper.stdout)
    except (OSError, EOFError, ValueError):  # it died: what it was asked for is read here
        places.extend(place for place in asked if place not in answers)


def _last_of(places: deque[int]) -> list[int]:
    """Take a few places from the end; fewer and fewer as the end comes near, so that all are done at one time."""
    taken = []
    for _ in range(min(_AT_ONCE, 1 + len(places) // 4)):
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
