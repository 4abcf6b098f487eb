"""Answers in the terminal: tables, counts, sentences, warnings and notes; or JSON and nothing else."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from doublecode.analysis.rendering.coded_warnings import problem_of
from doublecode.coding.console import console, say
from doublecode.schemas.results import to_json

if TYPE_CHECKING:
    from doublecode.analysis.rendering.answers import Answer
    from doublecode.analysis.results.coded_warnings import CodedWarning

MOST_NOTES: Final = 15
MOST_ROWS: Final = 2000
_UNFOLDED: Final = 2000


def print_json(record: object) -> None:
    """Write `record` as JSON on standard output."""
    sys.stdout.write(to_json(record) + "\n")


def print_answer(
    result: Answer,
    record: Mapping[str, Any] | None,
    *,
    beside: Sequence[Answer] = (),
    sentences: Sequence[str] = (),
    warnings: Sequence[CodedWarning] = (),
) -> None:
    """Print an answer: `record` as JSON where there is one, else its tables, the sentences to paste, warnings, notes.

    Parameters
    ----------
    result : Answer
    record : mapping or None
        What ``--json`` prints.
    beside : sequence of Answer
        Answers that are printed after `result`.
    sentences : sequence of str
        To paste.
    warnings : sequence of CodedWarning
        A note that a warning says already is not printed a second time.
    """
    if record is not None:
        print_json(record)
        return
    for answer in (result, *beside):
        _print_tables(answer)
    answers = (result, *beside)
    for text in (*sentences, *(answer.counted() for answer in answers)):
        if text:
            say(text)
    if any(answer.notes for answer in answers):
        say("")
    for warning in warnings:
        say(f"Warning: {problem_of(warning)}", style="yellow")
    notes = [
        answer.sentence_of(note)
        for answer in answers
        for note in answer.notes
        if not any(one.says(note) for one in warnings)
    ]
    for text in dict.fromkeys(notes[:MOST_NOTES]):
        say(f"Note: {text}", style="yellow")
    if len(notes) > MOST_NOTES:
        say(f"… and {len(notes) - MOST_NOTES} more notes; --json has them all.", style="yellow")


def _print_tables(answer: Answer) -> None:
    """Print each table as the answer itself prints it; a file or a pipe shows every column in full."""
    screen = console()
    width = screen.width if screen.is_terminal else _UNFOLDED
    for table in answer.tables():
        say(table.plain(MOST_ROWS).text(width) + "\n")
