"""Reads outcome measures, held against their codebooks with the same care as workbooks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import pandas as pd

from doublecode.coding.reading.cells import Codec, Reading, make_codec, read_cell
from doublecode.coding.reading.long_table import cell_text, find_columns
from doublecode.coding.reading.study_tables import open_study_table, read_study_table
from doublecode.schemas.column_types import number_in_cell, table_mark
from doublecode.schemas.errors import ContractError
from doublecode.schemas.instrument import Instrument
from doublecode.schemas.problems import Problem
from doublecode.schemas.study import Study

_OUTCOME_COLUMNS = (
    "study", "patient", "therapist", "session", "session_id", "instrument", "item", "value", "n_raters", "reason",
)  # fmt: skip


def read_outcomes(study: Study) -> tuple[pd.DataFrame, list[Problem]]:
    """Read the outcome measures of a study, held against their codebooks.

    Reads ``outcomes/<instrument>.csv`` of every instrument with ``source = "outcomes"``:
    patient, session, one column per item.

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
    for name, book in study.codebooks.items():
        if study.use(name).source == "outcomes":
            _read_outcome(study, book, held, rows, problems)
    items = pd.DataFrame(rows, columns=list(_OUTCOME_COLUMNS))
    kinds = {"session": "int64", "value": "float64", "n_raters": "float64"}
    return items.astype({name: kinds.get(name, "str") for name in _OUTCOME_COLUMNS}), problems


def _read_outcome(
    study: Study,
    book: Instrument,
    held: dict[tuple[str, int], tuple[str, str | None, str]],
    rows: list[tuple[Any, ...]],
    problems: list[Problem],
) -> None:
    names = ["patient", "session", *(item.name for item in book.columns)]
    table = open_study_table(study, book.name, names)
    file = table.name if book.name in study.tables else f"outcomes/{table.name}"
    problems.extend(table.remarks)
    filled = [row for row, cells in enumerate(table.rows) if any(cell_text(cell) for cell in cells)]
    if not filled:
        raise ContractError(f"{file}: the file is empty. Columns: {', '.join(names)}.")
    places = find_columns(table, filled[0], names)
    codecs = [make_codec(book, item) for item in book.columns]
    item_places = [places[item.name] for item in book.columns]
    seen: dict[tuple[str, int], str] = {}
    body = [table.rows[row] for row in filled[1:]]
    decimal = table_mark([cells[at] for cells in body if at < len(cells)] for at in item_places)
    for row in filled[1:]:
        cells = [*table.rows[row], *[""] * len(names)]
        line = (file, "", table.place(row, 0))
        key = _session_of(cells, places, line, held, seen, problems)
        if key is None:
            continue
        session_id, therapist, phase = held[key]
        for codec in codecs:
            at = places[codec.item.name]
            gone = table.declared.get((row, at))
            reading = (
                _read_item(cells[at], codec, key, line, problems, decimal) if gone is None else Reading(missing=gone)
            )
            if reading is not None and phase == "main":
                reason = None if reading.missing is None else _meaning(reading.missing, book)
                head = (study.name, key[0], therapist, key[1], session_id, book.name)
                rows.append((*head, codec.item.name, reading.value, math.nan, reason))


def _meaning(code: str, book: Instrument) -> str:
    return f"{code}: {book.missing_codes.get(code, 'no reason given')}"


def _session_of(
    cells: Sequence[Any],
    places: dict[str, int],
    line: tuple[str, str, str],
    held: dict[tuple[str, int], tuple[str, str | None, str]],
    seen: dict[tuple[str, int], str],
    problems: list[Problem],
) -> tuple[str, int] | None:
    patient, number = cell_text(cells[places["patient"]]), number_in_cell(cells[places["session"]], ".")
    whole = number is not None and number.is_integer()
    key = (patient, int(number)) if whole and number is not None else None
    shown = f"{patient}, session {cell_text(cells[places['session']])}"
    if key is None or key not in held:
        problems.append(Problem("unknown_session", *line, found=shown, allowed=" (see sessions.csv)"))
        return None
    if key in seen:
        problems.append(Problem("duplicate_rating", *line, shown, f"{seen[key]} and {line[2]}"))
        return None
    seen[key] = line[2]
    return key


def _read_item(
    cell: Any, codec: Codec, key: tuple[str, int], line: tuple[str, str, str], problems: list[Problem], decimal: str
) -> Reading | None:
    number = number_in_cell(cell, decimal)
    value = number if number is not None and not math.isnan(number) else cell
    reading = read_cell(value, codec, key[1])
    if reading.problem:
        subject = f"{key[0]}, session {key[1]}, {codec.item.name}"
        problems.append(Problem(reading.problem, *line, subject, reading.found, reading.allowed))
        return reading if reading.problem == "text_number" else None
    return None if reading.is_empty else reading
