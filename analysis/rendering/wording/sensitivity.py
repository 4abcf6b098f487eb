"""Sentences of the notes of sensitivity analyses."""

from __future__ import annotations

from typing import Final

from doublecode.analysis.rendering.wording.phrases import Wording
from doublecode.schemas.results import Note


def _refused(note: Note) -> str:
    n = note.numbers["n"]
    return (
        f"{n} specification{'s' if n > 1 else ''} could not be estimated and stand in no range and no share; the first "
        f"reason: {note.numbers['reason']}"
    )


def _not_converged(note: Note) -> str:
    n = note.numbers["n"]
    return f"{n} specification{'s' if n > 1 else ''} did not converge and stand in no range and no share"


def _not_left_out(note: Note) -> str:
    return f"without {note.numbers['unit']} {note.subject} there is no estimate: {note.numbers['reason']}"


SENTENCES: Final[dict[str, Wording]] = {
    "specifications_describe": (
        "the specifications share their data and are no sample: shares and ranges describe how far the choices matter, "
        "they are no test"
    ),
    "specifications_refused": _refused,
    "specifications_not_converged": _not_converged,
    "units_not_left_out": _not_left_out,
}
