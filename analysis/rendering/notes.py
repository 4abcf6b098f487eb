"""The one catalogue that turns a note, which is a fact, into a sentence.

Whoever reads a result gets its notes through here; no code reads what comes out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from doublecode.analysis.rendering.wording import (
    auditing,
    change,
    concordance,
    consistency,
    description,
    generalized,
    generalized_series,
    linking,
    meta_analysis,
    missing_data,
    mixed,
    ordinal,
    planning,
    ratings,
    regression,
    reliability,
    reproduction,
    screening,
    sensitivity,
    study,
    therapist,
    trace,
    training,
)
from doublecode.analysis.rendering.wording.phrases import Wording, filled
from doublecode.schemas.results import Note

CATALOGUE: Final[dict[str, Wording]] = {
    **auditing.SENTENCES,
    **ratings.SENTENCES,
    **reliability.SENTENCES,
    **concordance.SENTENCES,
    **consistency.SENTENCES,
    **description.SENTENCES,
    **regression.SENTENCES,
    **mixed.SENTENCES,
    **generalized.SENTENCES,
    **generalized_series.SENTENCES,
    **ordinal.SENTENCES,
    **linking.SENTENCES,
    **change.SENTENCES,
    **meta_analysis.SENTENCES,
    **planning.SENTENCES,
    **screening.SENTENCES,
    **sensitivity.SENTENCES,
    **missing_data.SENTENCES,
    **study.SENTENCES,
    **therapist.SENTENCES,
    **training.SENTENCES,
    **trace.SENTENCES,
    **reproduction.SENTENCES,
}


def sentence(note: Note, catalogue: Mapping[str, Wording] = CATALOGUE) -> str:
    """Say a note in words.

    Parameters
    ----------
    note : Note
        Its kind must stand in the catalogue.
    catalogue : mapping
        Other wordings, for example those that a coded warning has of the same fact.
    """
    wording = catalogue[note.kind]
    if callable(wording):
        return wording(note)
    text = filled(wording, {"subject": note.subject, **note.numbers})
    return f"{note.subject}: {text}" if note.subject and "{subject}" not in wording else text
