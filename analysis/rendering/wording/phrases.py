"""What the sentences of notes are made of."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from doublecode.schemas.results import Note

Wording = str | Callable[[Note], str]
"""A template that is filled with ``note.numbers`` and ``subject``, or a function where words depend on numbers."""


def about_subject(words: Callable[[Note], str]) -> Wording:
    """Put the subject of a note before what `words` say of it."""
    return lambda note: f"{note.subject}: {words(note)}" if note.subject else words(note)


_NOUNS: Final = frozenset(
    [
        "batch",
        "case",
        "child",
        "class",
        "client",
        "clinic",
        "coder",
        "day",
        "dialogue",
        "dyad",
        "family",
        "group",
        "instrument",
        "interview",
        "item",
        "judge",
        "level",
        "occasion",
        "pair",
        "patient",
        "person",
        "phase",
        "rater",
        "recording",
        "row",
        "school",
        "segment",
        "session",
        "student",
        "subject",
        "tape",
        "target",
        "teacher",
        "team",
        "therapist",
        "trial",
        "unit",
        "video",
        "visit",
        "ward",
        "week",
    ]
)
"""Nouns of our own and usual names of columns; every other name belongs to the user and takes no English plural."""


def plural(noun: str) -> str:
    """Return the English plural of a noun that we know, and any other name as it is.

    Examples
    --------
    >>> plural("session"), plural("Subject"), plural("batch"), plural("Sitzung"), plural("session_id")
    ('sessions', 'Subjects', 'batches', 'Sitzung', 'session_id')
    """
    if noun.lower() not in _NOUNS:
        return noun
    if noun.lower() == "child":
        return f"{noun}ren"
    if noun.endswith("y") and not noun.endswith("ay"):
        return f"{noun[:-1]}ies"
    return f"{noun}es" if noun.endswith(("ch", "ss")) else f"{noun}s"


def named(names: Sequence[object], most: int = 10) -> str:
    """List names, of more than `most` the first ones and how many there are besides.

    Examples
    --------
    >>> named(["P1", "P2"]), named(range(12), most=2)
    ('P1, P2', '0, 1 and 10 more')
    """
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return f"{', '.join(map(str, names[:most]))}{more}"


def filled(template: str, numbers: Mapping[str, Any]) -> str:
    """Fill a template; ``{targets:pl}`` is the plural of a noun.

    Examples
    --------
    >>> filled("{n} {targets:pl} of {who}", {"n": 3, "targets": "tape", "who": "P1"})
    '3 tapes of P1'
    """
    return template.format(**{name: Noun(one) if isinstance(one, str) else one for name, one in numbers.items()})


class Noun(str):
    """A text of a note; a template asks for its plural by ``{targets:pl}``."""

    __slots__ = ()

    def __format__(self, how: str) -> str:
        """Format as text does, or give the plural."""
        return plural(str(self)) if how == "pl" else super().__format__(how)
