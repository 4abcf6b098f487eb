"""Where each answer of an outcome stands in its file."""

from __future__ import annotations

from collections.abc import Iterator

from doublecode.coding.reading.long_table import cell_text
from doublecode.coding.reading.outcomes import OutcomeTable, open_outcome
from doublecode.schemas.column_types import number_in_cell
from doublecode.schemas.study import Study

AnswerKey = tuple[str, str, int | str]
"""Instrument, patient, and session number or event."""


def answer_places(study: Study) -> dict[AnswerKey, dict[str, str]]:
    """The place of every answer: for a text file its line and column, for a sheet its cell.

    Parameters
    ----------
    study : Study

    Returns
    -------
    dict
        Per instrument, patient and session or event: item → place.
    """
    found: dict[AnswerKey, dict[str, str]] = {}
    for name, book in study.codebooks.items():
        if study.use(name).source != "outcomes":
            continue
        answers = open_outcome(study, book)
        source = study.tables.get(name)
        heads = {} if source is None else {ours: head for head, ours in source.map.items()}
        items = [item.name for item in book.columns]
        for row, patient, at in _rows(answers):
            named = {item: answers.table.place(row, answers.places[item]) for item in items}
            found.setdefault(
                (name, patient, at),
                {item: f"{place}, {heads.get(item, item)}" if " " in place else place for item, place in named.items()},
            )
    return found


def _rows(answers: OutcomeTable) -> Iterator[tuple[int, str, int | str]]:
    """The rows of an outcome with patient and session or event; those that are about neither are left out."""
    places = answers.places
    for row in answers.body:
        cells = answers.cells(row)
        patient = cell_text(cells[places["patient"]])
        event = cell_text(cells[places["event"]]) if "event" in places else ""
        number = number_in_cell(cells[places["session"]], ".") if "session" in places and not event else None
        if event:
            yield row, patient, event
        elif number is not None and number.is_integer():
            yield row, patient, int(number)
