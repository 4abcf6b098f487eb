"""What all commands share: exit codes, printing of results and problems, faults explained.

Standard output carries the answer and nothing else; progress, problems and
errors go to standard error.
"""

from __future__ import annotations

import sys
import tempfile
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Final

from doublecode.schemas.errors import ContractError, DoublecodeError, NotEstimable, UsageError
from doublecode.schemas.plain_table import WIDTH
from doublecode.schemas.problems import Problem
from doublecode.schemas.whole_files import forget_written, written

if TYPE_CHECKING:
    from rich.console import Console

CLEAN: Final = 0
PROBLEMS: Final = 1
WRONG_USE: Final = 2
FAULT: Final = 3
COORDINATOR: Final = "Coordinator: plan, send, check, take in"
RESEARCHER: Final = "Researcher: from a study folder to results"
ANY_FILE: Final = "Any file, no study needed"
_MANY: Final = 8
"""More problems of one kind in one file than these are not named one by one,"""
_FEW: Final = 3
"""but for the first ones."""
_TONE: Final = {"error": "bold red", "warning": "yellow", "info": "dim"}


def console(*, to_error: bool = False) -> Console:
    """Return a console on standard output, or on standard error."""
    from rich.console import Console

    # a pipe or a file has no width: then nothing is folded at 80 columns
    width = None if (sys.stderr if to_error else sys.stdout).isatty() else 140
    return Console(stderr=to_error, highlight=False, soft_wrap=False, width=width)


def screen_width() -> int:
    """Columns for tables: those of a terminal, at most 100; 100 in a pipe or a file."""
    return max(60, min(WIDTH, console().width)) if sys.stdout.isatty() else WIDTH


def say(text: str, *, to_error: bool = False, style: str | None = None) -> None:
    """Print a line as it is: no markup, no folding."""
    console(to_error=to_error).print(text, style=style, markup=False, soft_wrap=True)


@contextmanager
def progress_bar() -> Iterator[Callable[[str, int, int], None]]:
    """A progress display on standard error, told of each step: its name, how many are done, of how many.

    A plain pipe stays silent.
    """
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(bar_width=30), TimeElapsedColumn())
    screen = console(to_error=True)
    if not screen.is_terminal:  # a display that is merely disabled still ends its line in older versions of rich
        yield lambda step, done, of: None
        return
    with Progress(*columns, console=screen, transient=True) as bar:
        task = bar.add_task("", total=None)
        yield lambda step, done, of: bar.update(task, description=step, completed=done, total=of)


def exit_code_of(error: BaseException) -> int:
    """Say which exit code an error stands for.

    Examples
    --------
    >>> exit_code_of(NotEstimable("one rater")), exit_code_of(UsageError("no such column"))
    (1, 2)
    """
    if isinstance(error, (ContractError, NotEstimable)):
        return PROBLEMS
    if isinstance(error, UsageError):
        return WRONG_USE
    return PROBLEMS if isinstance(error, DoublecodeError) else FAULT


MOST_WARNINGS: Final = 5
"""Warnings of a study's data that a command names before its answer; the report lists all."""


def print_problems(
    problems: Sequence[Problem], *, most: int = 40, severities: Sequence[str] = ("error", "warning")
) -> None:
    """Print problems on standard error, a line each, errors first."""
    shown = sorted(
        (problem for problem in problems if problem.severity in severities),
        key=lambda problem: ("error", "warning", "info").index(problem.severity),
    )
    named, more = _first_of_each(shown)
    for problem in named[:most]:
        say(str(problem), to_error=True, style=_TONE[problem.severity])
    for (code, file), count in more.items():
        say(f"{file} · {code}: {count} more (--json lists each).", to_error=True)
    if len(named) > most:
        say(f"… and {len(named) - most} more.", to_error=True)


def _first_of_each(problems: Sequence[Problem]) -> tuple[list[Problem], dict[tuple[str, str], int]]:
    """The problems to be named: of many of one kind in one file the first few; and how many more there are.

    One slip of the hand, such as a column that was sorted by itself, must not hide the others.
    """
    counts = Counter((one.code, one.file) for one in problems if _is_of_a_file(one))
    named, seen = list[Problem](), Counter[tuple[str, str]]()
    for one in problems:
        kind = (one.code, one.file)
        seen[kind] += _is_of_a_file(one)
        if not _is_of_a_file(one) or counts[kind] <= _MANY or seen[kind] <= _FEW:
            named.append(one)
    return named, {kind: count - _FEW for kind, count in counts.items() if count > _MANY}


def _is_of_a_file(problem: Problem) -> bool:
    """Whether a problem is of a cell or of a session in some file, and not of a file or a result as a whole."""
    return bool(problem.cell or (problem.file and problem.subject))


class Shell:
    """Turn whatever ends a command into a message and an exit code.

    Attributes
    ----------
    code : int
        The exit code, once the block is left.
    """

    def __init__(self) -> None:
        self.code = CLEAN

    def __enter__(self) -> Shell:
        forget_written()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        """Explain `error` on standard error; only what Python itself ends on is let through."""
        if error is None or isinstance(error, (SystemExit, GeneratorExit)):
            return False
        self.code = explain(error)
        return True


def explain(error: BaseException) -> int:
    """Say on standard error what ended a command; return its exit code."""
    if isinstance(error, KeyboardInterrupt):
        say(f"Stopped. {_kept()}", to_error=True)
        return 130
    code = WRONG_USE if isinstance(error, OSError) else exit_code_of(error)
    if isinstance(error, OSError) and error.filename and error.strerror:
        say(f"Error: {error.filename}: {error.strerror}. Look at the path and its rights.", to_error=True, style="red")
    elif code == FAULT:
        _explain_fault(error)
    else:
        say(f"{'Problem' if code == PROBLEMS else 'Error'}: {error}", to_error=True, style="red")
    return code


def _kept() -> str:
    """What a command that ended early had put in its place."""
    paths = ", ".join(map(str, written()))
    return f"Written before, and whole: {paths}." if paths else "Nothing was written."


def _explain_fault(error: BaseException) -> None:
    text = "".join(traceback.format_exception(error))
    with tempfile.NamedTemporaryFile(
        "w", prefix="doublecode-fault-", suffix=".txt", delete=False, encoding="utf-8"
    ) as file:
        file.write(text)
    say(
        f"Internal fault: {type(error).__name__}: {error}\n"
        f"This is a mistake in doublecode, not in your data. {_kept()}\n"
        f"The traceback is saved in {Path(file.name)}; please send it with the command you typed.",
        to_error=True,
        style="bold red",
    )
