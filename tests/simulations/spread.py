"""Conditions of a simulation on several cores: ``--jobs N``, ``--scheduler ADDRESS``, ``--keep FOLDER`` of a script.

A condition prints what it found and draws from seeds of its own, so that it does not matter who does it; what they
print comes in the order of the conditions. A scheduler's workers have the folder of these scripts on their path.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from doublecode.analysis import Workers
from doublecode.analysis.results.spread_work import spread_work

Condition = tuple[Any, ...]
"""A function and its arguments, which say all of it."""


def taken_out(words: list[str]) -> Workers:
    """Take the options of this module out of the words of a command line."""
    given = {}
    for name in ("jobs", "scheduler", "keep"):
        if f"--{name}" in words:
            at = words.index(f"--{name}")
            given[name] = words[at + 1]
            del words[at : at + 2]
    keep = given.get("keep")
    return Workers(int(given.get("jobs", 1)), given.get("scheduler"), None if keep is None else Path(keep))


def printed_by(condition: Condition) -> str:
    """What a condition prints."""
    function, *arguments = condition
    with contextlib.redirect_stdout(io.StringIO()) as caught:
        function(*arguments)
    return caught.getvalue()


def written(function: Callable[..., Any]) -> str:
    """The script of a function and what stands in it now: what is kept of an earlier script is not taken."""
    script = Path(function.__code__.co_filename)
    return f"{script.name} {hashlib.sha256(script.read_bytes()).hexdigest()}"


def run_conditions(conditions: Sequence[Condition], workers: Workers) -> None:
    """Run them all; one after the other each prints as it goes."""
    if workers == Workers():
        for function, *arguments in conditions:
            function(*arguments)
        return
    said = {f"{written(one[0])} {one[0].__name__} {one[1:]!r}": one for one in conditions}

    def told(what: str, done: int, of: int) -> None:
        print(f"{done} of {of}", file=sys.stderr, flush=True)

    for text in spread_work(printed_by, said, workers, told).values():
        print(text, end="", flush=True)
