"""Reads what outcome measures say beyond the sessions: at baseline, post, follow-up."""

from __future__ import annotations

from typing import Any

import pandas as pd

from doublecode.coding.reading.cells import make_codec
from doublecode.coding.reading.long_table import cell_text
from doublecode.coding.reading.outcomes import OutcomeTable, of_event, open_outcome, reason_of
from doublecode.schemas.instrument import Instrument
from doublecode.schemas.near_names import allowed
from doublecode.schemas.problems import Problem
from doublecode.schemas.row_order import counted_order
from doublecode.schemas.study import Study

_COLUMNS = ("patient", "event", "instrument", "item", "value", "reason")


def read_outcome_events(study: Study, patients: pd.DataFrame) -> tuple[pd.DataFrame | None, list[Problem]]:
    """Read the rows of ``outcomes/<instrument>.csv`` whose column ``event`` is filled.

    Parameters
    ----------
    study : Study
        Its ``events`` say which there are; a study without events has none.
    patients : DataFrame
        Contract ``PATIENTS``.

    Returns
    -------
    answers : DataFrame or None
        ``patient, event, instrument, item, value, reason``; None where the study declares no events.
    problems : list of Problem
        An unknown patient or event, a row of both a session and an event, an event answered twice, a wrong answer.

    Raises
    ------
    ContractError
        The file or one of its columns is missing.
    """
    if not study.events:
        return None, []
    known = set(map(str, patients["patient"]))
    places = {event.name: at for at, event in enumerate(study.events)}  # answers by patient and event, as declared
    rows: list[tuple[Any, ...]] = []
    problems: list[Problem] = []
    for name, book in study.codebooks.items():
        if study.use(name).source == "outcomes":
            answers = open_outcome(study, book)
            if "event" in answers.places:
                own: list[tuple[Any, ...]] = []
                _read_events(study, book, answers, known, own, problems)
                rows += sorted(own, key=lambda row: (counted_order(row[0]), places[row[1]]))
    columns = {name: [row[place] for row in rows] for place, name in enumerate(_COLUMNS)}
    frame = pd.DataFrame({name: pd.Series(cells, dtype=object) for name, cells in columns.items()})
    return frame.astype(
        {"value": float, "patient": "str", "event": "str", "instrument": "str", "item": "str"}
    ), problems


def _read_events(
    study: Study,
    book: Instrument,
    answers: OutcomeTable,
    known: set[str],
    rows: list[tuple[Any, ...]],
    problems: list[Problem],
) -> None:
    codecs = [make_codec(book, item) for item in book.columns]
    seen: dict[tuple[str, str], str] = {}
    for row in answers.body:
        cells, line = answers.cells(row), answers.line(row)
        key = _event_of(study, answers, cells, line, known, problems)
        if key is None:
            continue
        if key in seen:
            problems.append(Problem("answered_twice", *line, ", ".join(key), f"{seen[key]} and {line[2]}"))
            continue
        seen[key] = line[2]
        for codec in codecs:
            reading = answers.answer(row, codec, 0, ", ".join(key), problems)
            if reading is not None:
                rows.append((*key, book.name, codec.item.name, reading.value, reason_of(reading, book)))


def _event_of(
    study: Study,
    answers: OutcomeTable,
    cells: list[Any],
    line: tuple[str, str, str],
    known: set[str],
    problems: list[Problem],
) -> tuple[str, str] | None:
    """Patient and event of a row; None for a row of a session, and for one that is wrong."""
    places = answers.places
    patient, event = cell_text(cells[places["patient"]]), cell_text(cells[places["event"]])
    session = cell_text(cells[places["session"]]) if "session" in places else ""
    if not of_event(cells, places):
        return None
    names = [one.name for one in study.events]
    if session:
        problems.append(Problem("event_and_session", *line, found=f"{patient}, session {session} and event {event}"))
    elif event not in names:
        problems.append(Problem("unknown_event", *line, patient, event or "nothing", allowed(event, names)))
    elif patient not in known:
        problems.append(Problem("unknown_patient", *line, found=patient or "nothing"))
    else:
        return patient, event
    return None
