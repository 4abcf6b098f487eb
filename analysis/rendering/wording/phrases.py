"""What the sentences of notes are made of."""

from __future__ import annotations

from collections.abc import Callable

from doublecode.schemas.results import Note

Wording = str | Callable[[Note], str]
"""A template that is filled with ``note.numbers`` and ``subject``, or a function where words depend on numbers."""


def about_subject(words: Callable[[Note], str]) -> Wording:
    """Put the subject of a note before what `words` say of it."""
    return lambda note: f"{note.subject}: {words(note)}" if note.subject else words(note)
