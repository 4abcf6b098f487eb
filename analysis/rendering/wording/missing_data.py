"""Sentences of the notes about missing data: imputations and what stands on them."""

from __future__ import annotations

from typing import Final

from doublecode.analysis.rendering.wording.phrases import Wording
from doublecode.schemas.results import Note


def _at_random(note: Note) -> str:
    return (
        f"{note.numbers['m']} imputations stand on missing at random: given what was observed of a "
        f"{note.numbers['groups']}, whether a value is missing does not depend on the value; no data can show that"
    )


def _not_converged(note: Note) -> str:
    return (
        f"chains of the imputation do not agree (split R-hat up to {note.numbers['r_hat']:.2f}; below 1.05 they do): "
        "raise burn_in and thin, or impute fewer variables"
    )


def _fits(note: Note) -> str:
    return f"{note.numbers['n']} of {note.numbers['m']} fits to imputed data did not converge"


SENTENCES: Final[dict[str, Wording]] = {
    "patient_not_coded": "no session was coded",
    "imputed_at_random": _at_random,
    "imputation_not_converged": _not_converged,
    "imputed_fits_not_converged": _fits,
}
