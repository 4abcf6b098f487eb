"""Independent pieces of work: on one core, on several, on a Dask cluster; the same answers wherever they are done.

A piece carries all that it needs, its seeds too, so that its answer does not depend on who does it and when. Answers
are kept as they come where a folder is named, and a repeat does only what is not there yet. A worker that is lost is
replaced, and what it had is done again.
"""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import numpy as np

from doublecode.analysis.results.versions import version_of
from doublecode.schemas.errors import UsageError
from doublecode.schemas.whole_files import replace_files

Progress = Callable[[str, int, int], None]
"""Called with what is being done, how much of it is done, and how much there is."""
Piece = Any
MOST_LOST: Final = 5
"""How often lost workers are replaced before it is told: memory that runs out loses them all."""
IDLE: Final = 60
"""Seconds after which workers leave that hear nothing: a run that was killed leaves none behind for long."""


@dataclass(frozen=True)
class Workers:
    """Where pieces are done.

    Attributes
    ----------
    jobs : int
        Processes on this machine.
    scheduler : str, optional
        Address of a Dask scheduler, ``tcp://host:8786``, in place of `jobs`.
    keep : Path, optional
        Folder for answers as they come, one file each; what is there already is not done again.
    """

    jobs: int = 1
    scheduler: str | None = None
    keep: Path | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot be.

        Raises
        ------
        UsageError
        """
        if isinstance(self.jobs, bool) or self.jobs != int(self.jobs) or self.jobs < 1:
            raise UsageError(f"jobs is {self.jobs!r}; allowed: a whole number from 1 on.")
        if self.scheduler is not None and self.jobs > 1:
            raise UsageError(f"jobs is {self.jobs} beside the scheduler {self.scheduler}; take one of them.")
        if self.keep is not None and self.keep.exists() and not self.keep.is_dir():
            raise UsageError(f"{self.keep} is a file; allowed: a folder for what is kept, new or of an earlier run.")


def digest(*parts: object) -> str:
    """A short text that stands for arrays, with every bit of them, and for whatever else says itself in words.

    Examples
    --------
    >>> import numpy as np
    >>> digest(np.arange(3.0), "REML") == digest(np.arange(3.0), "REML") != digest(np.arange(3.0), "ML")
    True
    """
    said = hashlib.sha256()
    for part in parts:
        is_array = isinstance(part, np.ndarray) and part.dtype.kind in "biuf"
        words = f"{part.dtype} {part.shape}" if is_array else repr(part)  # type: ignore[attr-defined]
        said.update(f"{len(words)} {words}".encode())
        if is_array:
            said.update(np.ascontiguousarray(part).tobytes())
    return said.hexdigest()[:24]


def spread_work(
    function: Callable[[Piece], Any],
    pieces: Mapping[str, Piece],
    workers: Workers,
    progress: Progress | None = None,
    what: str = "Working",
    beside: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Do every piece and give the answers in the order of the pieces.

    Parameters
    ----------
    function : callable
        At the top of a module, so that other processes find it; its answer is made of texts, numbers, lists and
        mappings.
    pieces : mapping
        By a text that says all of a piece; what is kept is found again by it, the function and the version.
    workers : Workers
    progress : callable, optional
        Takes `what`, how many are done, and of how many.
    beside : dict, optional
        Where it is given `function` answers with a pair, and the second of it is put in here, by piece: anything that
        can go from one process to another. It is not kept.

    Raises
    ------
    UsageError
        The scheduler is not there, workers are lost again and again, or what is kept cannot be read.
    """
    places = {key: _place(workers.keep, function, key) for key in pieces}
    found = {key: _kept(place, key) for key, place in places.items() if place is not None and place.exists()}
    if progress is not None:
        progress(what, len(found), len(pieces))
    waiting = {key: piece for key, piece in pieces.items() if key not in found}
    for key, answer in _answers(function, waiting, workers):
        if beside is not None:
            answer, beside[key] = answer
        found[key] = json.loads(_text(answer))
        if (place := places[key]) is not None:
            replace_files({place: _text({"piece": key, "answer": found[key]}).encode()})
        if progress is not None:
            progress(what, len(found), len(pieces))
    return {key: found[key] for key in pieces}


def _text(answer: Any) -> str:
    """JSON with every digit of a number; what was kept and what was just done are the same."""
    return json.dumps(answer, default=lambda number: number.item())


def _place(keep: Path | None, function: Callable[[Piece], Any], key: str) -> Path | None:
    if keep is None:
        return None
    said = f"{version_of('doublecode')} {function.__module__}.{function.__qualname__} {key}"
    return keep / f"{hashlib.sha256(said.encode()).hexdigest()[:24]}.json"


def _kept(place: Path, key: str) -> Any:
    try:
        held = json.loads(place.read_text(encoding="utf-8"))
        if held["piece"] != key:
            raise ValueError
        return held["answer"]
    except (OSError, ValueError, KeyError, TypeError):
        raise UsageError(
            f"{place}: what an earlier run kept cannot be read. Delete this file; it is made again."
        ) from None


def _answers(
    function: Callable[[Piece], Any], waiting: dict[str, Piece], workers: Workers
) -> Iterator[tuple[str, Any]]:
    if workers.scheduler is not None:
        yield from _on_cluster(function, waiting, workers.scheduler)
    elif workers.jobs > 1 and len(waiting) > 1:
        yield from _on_cores(function, waiting, workers.jobs)
    else:
        for key, piece in waiting.items():
            yield key, function(piece)


def _named(function: Callable[[Piece], Any], key: str, piece: Piece) -> tuple[str, Any]:
    return key, function(piece)


def _on_cores(function: Callable[[Piece], Any], waiting: dict[str, Piece], jobs: int) -> Iterator[tuple[str, Any]]:
    from joblib import Parallel, delayed
    from joblib.externals.loky.process_executor import TerminatedWorkerError

    # said in the thread that replaces the worker: made an error there, it ends that thread, and all wait for ever
    warnings.filterwarnings("ignore", message="A worker stopped while some jobs", category=UserWarning)
    left = dict(waiting)
    for _ in range(MOST_LOST):
        try:
            work = Parallel(n_jobs=min(jobs, len(left)), return_as="generator_unordered", batch_size=1, backend="loky",
                            idle_worker_timeout=IDLE)  # fmt: skip
            for key, answer in work(delayed(_named)(function, key, piece) for key, piece in list(left.items())):
                del left[key]
                yield key, answer
        except TerminatedWorkerError:
            continue
        return
    raise _all_lost(len(left), len(waiting))


def _all_lost(n_left: int, n: int) -> UsageError:
    return UsageError(
        f"workers were lost again and again, most likely for want of memory; {n_left} of {n} pieces are left. Take "
        "fewer workers; with a folder to keep answers in, what was done is not done again."
    )


def _on_cluster(
    function: Callable[[Piece], Any], waiting: dict[str, Piece], scheduler: str
) -> Iterator[tuple[str, Any]]:
    try:
        dask: Any = import_module("distributed")
    except ImportError:
        raise UsageError(
            f"scheduler {scheduler}: Dask is not installed here. Install doublecode[cluster], here and on the workers."
        ) from None
    try:
        client = dask.Client(scheduler, timeout=10, set_as_default=False)
    except (OSError, TimeoutError, ValueError) as wrong:
        raise UsageError(f"no Dask scheduler answers at {scheduler} ({wrong}). Look at its address and port.") from None
    with client, client.as_current():
        futures = [client.submit(_named, function, key, piece, pure=False, retries=MOST_LOST)
                   for key, piece in waiting.items()]  # fmt: skip
        n_left = len(futures)
        try:
            for _, (key, answer) in dask.as_completed(futures, with_results=True):
                n_left -= 1
                yield key, answer
        except dask.KilledWorker:
            raise _all_lost(n_left, len(futures)) from None
