"""Sentences of the notes of ``analysis/mixed``."""

from __future__ import annotations

from typing import Final

from doublecode.analysis.rendering.wording.phrases import Wording
from doublecode.schemas.results import Note


def _double_bar(note: Note) -> str:
    return f"{note.numbers['written']} stands for {' + '.join(note.numbers['stands_for'])}"


def _unused_levels(note: Note) -> str:
    levels = note.numbers["levels"]
    shown = ", ".join(levels[:5]) + (", …" if len(levels) > 5 else "")
    return f"{len(levels)} levels of {note.numbers['column']!r} have no row in use and are left out ({shown})"


SENTENCES: Final[dict[str, Wording]] = {
    "double_bar": _double_bar,
    "unused_levels": _unused_levels,
}
