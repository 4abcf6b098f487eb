"""What a series of models is to be read with, as facts."""

from __future__ import annotations

from collections.abc import Sequence

from doublecode.analysis.linking.series_models import LabelledModel
from doublecode.schemas.results import Note


def unsplit_notes(models: Sequence[LabelledModel], split: Sequence[str]) -> tuple[Note, ...]:
    """Note predictors that vary within patients and are not declared to be split."""
    loose = tuple(dict.fromkeys(name for one in models for name in one.conflated if name not in split))
    return (Note("series_unsplit", numbers={"columns": loose}),) if loose else ()


def model_notes(models: Sequence[LabelledModel]) -> tuple[Note, ...]:
    """Note by which criteria models are compared, and which are conflated, singular, or without a fit."""
    notes = [Note("series_criteria")]
    if any(not model.declared for model in models):
        notes.append(Note("series_conflated"))
    singular = tuple(model.label for model in models if model.singular)
    if singular:
        alone = tuple(model.label for model in models if model.singular and model.simpler is None)
        notes.append(Note("series_singular", numbers={"models": singular, "alone": alone}))
    return (*notes, *(model.note for model in models if model.note is not None))
