"""Sentences of the notes of therapists' pages."""

from __future__ import annotations

from typing import Final

from doublecode.analysis.rendering.wording.phrases import Wording
from doublecode.schemas.results import Note


def _unknown(note: Note) -> str:
    n = note.numbers["n"]
    return f"{n} session{'s' if n > 1 else ''} of whom nobody says who the therapist was are on no page"


def _few(note: Note) -> str:
    n, of = note.numbers["n"], note.numbers["of"]
    return f"{n} of {of} values rest on too few patients and are shown nowhere"


def _not_equal(note: Note) -> str:
    n, of = note.numbers["n"], note.numbers["of"]
    return (
        f"{n} of {of} means could not be computed with raters held equal (one rater, raters who share no therapist, or "
        "a scale of two tapes): how severe the raters were is in them"
    )


SENTENCES: Final[dict[str, Wording]] = {
    "therapist_unknown": _unknown,
    "therapist_cells_too_small": _few,
    "therapist_raters_not_equal": _not_equal,
}
