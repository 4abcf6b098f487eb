"""Sentences of the notes of sensitivity analyses."""

from __future__ import annotations

from typing import Final

from doublecode.analysis.rendering.wording.phrases import Wording, named
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


def _repeated(note: Note) -> str:
    idle = note.numbers["idle"]
    why = f" (nothing changes in these data with {named(idle)})" if idle else ""
    return (
        f"{note.numbers['n']} of {note.numbers['of']} estimated specifications repeat exactly the numbers of another "
        f"one{why}; median and shares count each of them"
    )


def _not_left_out(note: Note) -> str:
    return f"without {note.numbers['unit']} {note.subject} there is no estimate: {note.numbers['reason']}"


def _few_clusters(note: Note) -> str:
    n, df = note.numbers["n"], note.numbers["df"]
    return (
        f"{n} {note.subject}s leave CR2 {df:.1f} degrees of freedom; below 4 its *p* is not to be trusted (Tipton, "
        "2015), and its limits are a warning rather than a test"
    )


def _no_robust(note: Note) -> str:
    return f"CR2 with {note.subject}s as clusters was not computed: {note.numbers['reason']}"


SENTENCES: Final[dict[str, Wording]] = {
    "specifications_describe": (
        "the specifications share their data and are no sample: shares and ranges describe how far the choices matter, "
        "they are no test"
    ),
    "specifications_refused": _refused,
    "specifications_not_converged": _not_converged,
    "specifications_repeated": _repeated,
    "units_not_left_out": _not_left_out,
    "robust_few_clusters": _few_clusters,
    "robust_not_estimated": _no_robust,
}
