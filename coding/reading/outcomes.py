"""Reads outcome measures, held against their codebooks with the same care as workbooks."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from doublecode.coding.reading.cells import Codec, Reading, make_codec, read_cell
from doublecode.coding.reading.dated_answers import DATE, DatedRow, Day, dated_rows, days_of_sessions, link_rows
from doublecode.coding.reading.long_table import Table, cell_text, find_columns
from doublecode.coding.reading.study_tables import open_study_table, read_study_table
from doublecode.schemas.column_types import number_in_cell, table_mark
from doublecode.schemas.errors import ContractError
from doublecode.schemas.instrument import Instrument
from doublecode.schemas.problems import Problem
from doublecode.schemas.row_order import counted_order
from doublecode.schemas.study import Study

_OUTCOME_COLUMNS = (
    "study", "patient", "therapist", "session", "session_id", "instrument", "item", "value", "n_raters", "reason",
)  # fmt: skip


def read_outcomes(study: Study) -> tuple[pd.DataFrame, list[Problem]]:
    """Read the outcome measures of a study, held against their codebooks.

    Reads ``outcomes/<instrument>.csv`` of every instrument with ``source = "outcomes"``:
    patient, session, one column per item. Rows of an event are read by
    :func:`doublecode.coding.reading.outcome_events.read_outcome_events`.

    Returns
    -------
    items : DataFrame
        Contract ``ITEMS``; sessions of the pilot phase are left out.
    problems : list of Problem
        The place is the line of the file.

    Raises
    ------
    ContractError
        The file or one of its columns is missing.
    """
    sessions = read_study_table(study, "sessions")
    columns = (sessions[name] for name in ("patient", "session", "session_id", "therapist", "phase"))
    held = {
        (str(p), int(s)): (str(i), t if isinstance(t, str) else None, str(phase))
        for p, s, i, t, phase in zip(*columns, strict=True)
    }
    rows: list[tuple[Any, ...]] = []
    problems: list[Problem] = []
    days = days_of_sessions(sessions) if study.table_files.dated else {}
    for name, book in study.codebooks.items():
        if study.use(name).source == "outcomes":
            own: list[tuple[Any, ...]] = []
            _read_outcome(study, book, held, days, own, problems)
            rows += sorted(
                own, key=lambda row: (counted_order(row[1]), row[3])
            )  # by patient and session, whatever the file's order
    items = pd.DataFrame(rows, columns=list(_OUTCOME_COLUMNS))
    kinds = {"session": "int64", "value": "float64", "n_raters": "float64"}
    return items.astype({name: kinds.get(name, "str") for name in _OUTCOME_COLUMNS}), problems


@dataclass(frozen=True)
class OutcomeTable:
    """An outcome's table with the places of its columns: patient, session or event, and the items.

    Attributes
    ----------
    table : Table
    file : str
        What it is called in a problem.
    places : dict of str to int
    body : list of int
        The filled rows below the head.
    decimal : str
        The decimal mark of its items.
    codebook : str
        The file of its codebook in the study folder; empty if it is a shipped one.
    """

    table: Table
    file: str
    places: dict[str, int]
    body: list[int]
    decimal: str
    codebook: str = ""

    def cells(self, row: int) -> list[Any]:
        """The cells of a row, filled up to the last column."""
        return [*self.table.rows[row], *[""] * (max(self.places.values()) + 1)]

    def line(self, row: int) -> tuple[str, str, str]:
        """File, sheet and line of a row, for a problem."""
        return self.file, "", self.table.place(row, 0)

    def answer(self, row: int, codec: Codec, session: int, who: str, problems: list[Problem]) -> Reading | None:
        """One answer of a row; what is wrong with it is added to `problems`, with `who` it is of."""
        at = self.places[codec.item.name]
        gone = self.table.declared.get((row, at))
        if gone is not None:
            return Reading(missing=gone)
        before = len(problems)
        reading = _read_item(self.cells(row)[at], codec, session, who, self.line(row), problems, self.decimal)
        added = [replace(one, instrument=codec.book.name, codebook=self.codebook) for one in problems[before:]]
        problems[before:] = added
        return reading


def open_outcome(study: Study, book: Instrument) -> OutcomeTable:
    """Open the table of an outcome: ``patient``, ``session`` or ``event`` or both, one column per item.

    Raises
    ------
    ContractError
        The file or a column is missing, or there is a column ``event`` and the study declares no events.
    """
    items = [item.name for item in book.columns]
    names = ["patient", "session", *items]
    dated = book.name in study.table_files.dated
    table = open_study_table(study, book.name, ["patient", "session", "event", *([DATE] if dated else []), *items])
    file = table.name if book.name in study.tables else f"outcomes/{table.name}"
    filled = [row for row, cells in enumerate(table.rows) if any(cell_text(cell) for cell in cells)]
    if not filled:
        raise ContractError(f"{file}: the file is empty. Columns: {', '.join(names)}.")
    heads = [cell_text(cell) for cell in table.rows[filled[0]]]
    if "event" in heads:
        if not study.events:
            raise ContractError(
                f"{file}: there is a column 'event', and study.toml declares no events. Declare them: "
                'events = ["baseline", "post"].'
            )
        names = ["patient", *(["session"] if "session" in heads else []), "event", *items]
    elif dated and "session" not in heads:
        names = ["patient", *items]
    if dated:
        names.insert(1, DATE)
    places = find_columns(table, filled[0], names)
    body = [table.rows[row] for row in filled[1:]]
    decimal = table_mark([cells[places[item]] for cells in body if places[item] < len(cells)] for item in items)
    named = study.use(book.name).name
    return OutcomeTable(table, file, places, filled[1:], decimal, named if named.endswith(".toml") else "")


def _read_outcome(
    study: Study,
    book: Instrument,
    held: dict[tuple[str, int], tuple[str, str | None, str]],
    days: Mapping[str, Mapping[int, Day]],
    rows: list[tuple[Any, ...]],
    problems: list[Problem],
) -> None:
    answers = open_outcome(study, book)
    table, places = answers.table, answers.places
    problems.extend(table.said(places.values()))
    codecs = [make_codec(book, item) for item in book.columns]
    seen: dict[tuple[str, int], str] = {}
    linked = _linked(study, answers, book.name, days, problems)
    for row in answers.body:
        cells = answers.cells(row)
        line = answers.line(row)
        if of_event(cells, places) or linked.get(row, 0) is None:
            continue  # read by outcome_events; not linked, which is said
        key = _session_of(cells, places, line, held, seen, problems, linked.get(row))
        if key is None:
            continue
        session_id, therapist, phase = held[key]
        for codec in codecs:
            reading = answers.answer(row, codec, key[1], f"{key[0]}, session {key[1]}", problems)
            if reading is not None and phase == "main":
                reason = reason_of(reading, book)
                head = (study.name, key[0], therapist, key[1], session_id, book.name)
                rows.append((*head, codec.item.name, reading.value, math.nan, reason))


def of_event(cells: Sequence[Any], places: Mapping[str, int]) -> bool:
    """Whether a row is of an event; a row without a session or a date can be nothing else."""
    if "event" not in places:
        return False
    return bool(cell_text(cells[places["event"]])) or ("session" not in places and not _filled(cells, places, DATE))


def _filled(cells: Sequence[Any], places: Mapping[str, int], name: str) -> bool:
    return name in places and bool(cell_text(cells[places[name]]))


def _linked(
    study: Study, answers: OutcomeTable, name: str, days: Mapping[str, Mapping[int, Day]], problems: list[Problem]
) -> dict[int, int | None]:
    """The session of each row that has a date alone, by the rule of the study; None where none is near."""
    within = study.use(name).next_session_within
    if within is None:
        return {}
    dated, numbered = _dated(study, answers, name)
    found = link_rows(dated, days, within, numbered, problems)
    return {one.row: found.get(one.row) for one in dated}


def linked_answers(study: Study) -> pd.DataFrame | None:
    """The rows that count for the session of another day; None where no outcome has such a rule.

    Returns
    -------
    DataFrame or None
        ``instrument, patient, session, session_id, day`` (when it was filled in), ``days_before`` the session.
    """
    if not study.table_files.dated:
        return None
    sessions = read_study_table(study, "sessions")
    days, rows = days_of_sessions(sessions), []
    ids = {(str(p), int(s)): str(i) for p, s, i in sessions[["patient", "session", "session_id"]].to_numpy()}
    for name in sorted(study.table_files.dated):
        answers = open_outcome(study, study.codebooks[name])
        found = _linked(study, answers, name, days, [])
        for one in _dated(study, answers, name)[0]:
            number = found[one.row]
            before = 0 if number is None else (days[one.patient][number] - one.day).days
            if number is not None and before:
                rows.append((name, one.patient, number, ids[one.patient, number], f"{one.day}", before))
    return pd.DataFrame(rows, columns=["instrument", "patient", "session", "session_id", "day", "days_before"])


def _dated(study: Study, answers: OutcomeTable, name: str) -> tuple[list[DatedRow], dict[tuple[str, int], str]]:
    """Rows with a date alone, and the line of each session whose number stands in its row."""
    places = answers.places
    rows, numbered = [], {}
    for row in answers.body:
        cells, line = answers.cells(row), answers.line(row)
        patient = cell_text(cells[places["patient"]])
        if _filled(cells, places, "session"):
            number = number_in_cell(cells[places["session"]], ".")
            numbered[patient, int(number) if number is not None and number.is_integer() else 0] = line[2]
        elif not of_event(cells, places) and _filled(cells, places, DATE):
            rows.append((row, patient, cells[places[DATE]], line))
    source = study.tables.get(name)
    return list(dated_rows(rows, None if source is None else source.dates)), numbered


def _session_of(
    cells: Sequence[Any],
    places: dict[str, int],
    line: tuple[str, str, str],
    held: dict[tuple[str, int], tuple[str, str | None, str]],
    seen: dict[tuple[str, int], str],
    problems: list[Problem],
    linked: int | None = None,
) -> tuple[str, int] | None:
    typed = cells[places["session"]] if "session" in places else ""
    patient = cell_text(cells[places["patient"]])
    number = number_in_cell(typed, ".") if linked is None else float(linked)
    whole = number is not None and number.is_integer()
    key = (patient, int(number)) if whole and number is not None else None
    shown = f"{patient}, session {cell_text(typed) if linked is None else linked}"
    if key is None or key not in held:
        problems.append(Problem("answer_without_session", *line, found=shown))
        return None
    if key in seen:
        problems.append(Problem("answered_twice", *line, shown, f"{seen[key]} and {line[2]}"))
        return None
    seen[key] = line[2]
    return key


def reason_of(reading: Reading, book: Instrument) -> str | None:
    """Why an answer is missing, in the words of the codebook."""
    if reading.missing is None:
        return None
    return f"{reading.missing}: {book.missing_codes.get(reading.missing, 'no reason given')}"


def _read_item(
    cell: Any, codec: Codec, session: int, who: str, line: tuple[str, str, str], problems: list[Problem], decimal: str
) -> Reading | None:
    """Read one answer; what is wrong with it is added to `problems`, with `who` it is of."""
    number = number_in_cell(cell, decimal)
    value = number if number is not None and not math.isnan(number) else cell
    reading = read_cell(value, codec, session)
    if reading.problem:
        subject = f"{who}, {codec.item.name}"
        problems.append(Problem(reading.problem, *line, subject, reading.found, reading.allowed))
        return reading if reading.problem == "text_number" else None
    return None if reading.is_empty else reading
