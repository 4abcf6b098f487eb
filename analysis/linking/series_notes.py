"""What a series of models is to be read with, as facts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from doublecode.schemas.results import Note, distinct

if TYPE_CHECKING:
    from doublecode.analysis.linking.generalized_models import GeneralizedModel
    from doublecode.analysis.linking.series_models import LabelledModel


def unsplit_notes(
    models: Sequence[LabelledModel] | Sequence[GeneralizedModel], split: Sequence[str]
) -> tuple[Note, ...]:
    """Note predictors that vary within patients and are not declared to be split."""
    loose = tuple(dict.fromkeys(name for one in models for name in one.conflated if name not in split))
    return (Note("series_unsplit", numbers={"columns": loose}),) if loose else ()


def model_notes(models: Sequence[LabelledModel]) -> tuple[Note, ...]:
    """Note by which criteria models are compared, and which are conflated, singular, or without a fit."""
    return (Note("series_criteria"), *state_notes(models), *_of_outcome(models))


def _of_outcome(models: Sequence[LabelledModel]) -> tuple[Note, ...]:
    """Note an outcome of few values, for which study.toml has families."""
    kinds = {"outcome_of_two_values": "series_two_values", "outcome_of_few_values": "series_few_values"}
    fits = [one.result for one in models if one.result is not None]
    notes = [Note(kinds[note.kind], numbers=note.numbers) for fit in fits for note in fit.notes if note.kind in kinds]
    return distinct(notes)


def state_notes(models: Sequence[LabelledModel] | Sequence[GeneralizedModel]) -> tuple[Note, ...]:
    """Note which models are conflated, singular, or without a fit."""
    notes: list[Note] = []
    if any(not model.declared for model in models):
        notes.append(Note("series_conflated"))
    singular = tuple(model.label for model in models if model.singular)
    if singular:
        alone = tuple(model.label for model in models if model.singular and model.simpler is None)
        notes.append(Note("series_singular", numbers={"models": singular, "alone": alone}))
    return (*notes, *(model.note for model in models if model.note is not None))
