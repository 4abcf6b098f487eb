"""Further columns of the analysis as comments of a new ``study.toml``: each counts once its # is taken away."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from doublecode.schemas.instrument import Instrument

_HEAD = """\
# ---- more columns, as examples: take the # away in front of the lines of one, and it counts ----
# Where else a column may come from: docs, "Variables". A count of the ticks of a checklist is a scale of its codebook
# with score = "sum".
"""


@dataclass(frozen=True)
class Use:
    """One instrument of a new study.

    Attributes
    ----------
    named : str
        As study.toml names it.
    book : Instrument
    is_outcome : bool
        Whether it lies in ``outcomes/``; else raters fill it in.
    events : mapping of str to str
        Events at which the outcome was measured: name → as the lab's file writes it.
    of_sessions : bool
        Whether the outcome has answers of sessions.
    within : int or None
        Days in which an answer between sessions is of the next one.
    """

    named: str
    book: Instrument
    is_outcome: bool = False
    events: Mapping[str, str] = field(default_factory=dict)
    of_sessions: bool = True
    within: int | None = None


def quoted(text: str) -> str:
    r"""A text as TOML writes it.

    Examples
    --------
    >>> quoted('a "b"')
    '"a \\"b\\""'
    """
    return json.dumps(text, ensure_ascii=False)


def further_variables(uses: Sequence[Use], taken: Collection[str], columns: Collection[str]) -> str:
    """Examples that fit this study: time, a session before, an item, minutes, a count of a log, a therapist's column.

    Parameters
    ----------
    uses : sequence of Use
    taken : collection of str
        Names of the variables that are declared.
    columns : collection of str
        Those of ``sessions.csv``.
    """
    names = {*taken, "session", "patient", "therapist"}
    parts = []
    for made in _examples([use.book for use in uses if not use.is_outcome], columns):
        name = str(made["name"])
        while name in names:
            name = f"{name}_2"
        names.add(name)
        *before, (last, value) = {**made, "name": name}.items()
        told = value if isinstance(value, tuple) else (value, "")
        lines = [f"# {key} = {_written(one)}" for key, one in before]
        parts.append("\n".join(["# [[variables]]", *lines, f"# {last} = {_written(told[0])} # {told[1]}"]) + "\n")
    return "\n".join([_HEAD, *parts])


def _written(value: Any) -> str:
    return quoted(value) if isinstance(value, str) else str(value)


def _examples(books: Sequence[Instrument], columns: Collection[str]) -> Iterator[dict[str, Any]]:
    """The last entry of each is its point: a value, and what it means."""
    if "date" in columns:
        since = ("weeks", 'or "days", since the first session, by the dates of sessions.csv')
        yield {"name": "weeks", "label": "Weeks since the first session", "time": since}
    scaled = [(book, scale) for book in books for scale in book.scales]
    for book, scale in scaled[:1]:
        yield {
            "name": f"{scale.name}_before", "label": f"{scale.label}, session before", "instrument": book.name,
            "scale": scale.name, "lag": (1, "the value of the session before, by its number"),
        }  # fmt: skip
    items = [(book, item) for book in books for item in book.columns if item.is_numeric]
    for book, item in items[:1]:
        point = (item.name, "one item; any name of the small grey line of the workbook")
        yield {"name": item.name, "label": item.label, "instrument": book.name, "item": point}
    if "minutes" in columns:
        point = ("minutes", 'a column of sessions.csv; of your own: add the line table = "sessions"')
        yield {"name": "minutes", "label": "Length of the session (minutes)", "column": point}
    for book in (book for book in books if book.homework_log is not None):
        said = 'how many homeworks the log has; or "completed", "difficulties", "degrees"'
        yield {"name": "given", "label": "Homework assigned", "instrument": book.name, "count": ("assigned", said)}
    if "therapist" in columns:
        point = ("therapists", "of therapists.csv, once you have added the column there")
        yield {"name": "training", "label": "Training (years)", "column": "training_years", "table": point}
