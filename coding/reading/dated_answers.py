"""Answers that were given between sessions: which session a row with a date belongs to, by the declared rule."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

import pandas as pd

from doublecode.coding.reading.mapped_table import as_text
from doublecode.schemas.dates import read_dates
from doublecode.schemas.problems import Problem

DATE: Final = "date"
Day = dt.date
Place = tuple[str, str, str]
"""File, sheet and line of a row."""


class DatedRow(NamedTuple):
    """A row with a date and without a session.

    Attributes
    ----------
    row : int
    patient : str
    day : date
    place : tuple of str
        File, sheet and line.
    """

    row: int
    patient: str
    day: Day
    place: Place


def days_of_sessions(sessions: pd.DataFrame) -> dict[str, dict[int, Day]]:
    """The dated sessions of each patient: number → day.

    Raises
    ------
    ContractError
        A cell is no date.
    """
    if DATE not in sessions:
        return {}
    lines = [f"sessions.csv, row {label}" for label in sessions.index]
    texts = sessions[DATE].astype(object).where(sessions[DATE].notna(), None)
    found: dict[str, dict[int, Day]] = {}
    for patient, number, day in zip(
        sessions["patient"], sessions["session"], read_dates(texts, None, lines, DATE), strict=True
    ):
        if day == day and day is not None:
            found.setdefault(str(patient), {})[int(number)] = day.date()
    return found


def dated_rows(rows: Sequence[tuple[int, str, Any, Place]], form: str | None) -> Iterator[DatedRow]:
    """Rows whose date is filled, with their days.

    Raises
    ------
    ContractError
        A date cannot be read.
    """
    texts = pd.Series([as_text(cell).strip() for _, _, cell, _ in rows], dtype=object)
    places = [", ".join(filter(None, place)) for *_, place in rows]
    days = read_dates(texts, form, places, DATE, 'dates = "dd.mm.yyyy" under the table in study.toml')
    for (row, patient, _, place), day in zip(rows, days, strict=True):
        if day == day and day is not None:
            yield DatedRow(row, patient, day.date(), place)


def link_rows(
    rows: Iterable[DatedRow],
    sessions: Mapping[str, Mapping[int, Day]],
    within: int,
    numbered: Mapping[tuple[str, int], str],
    problems: list[Problem],
) -> dict[int, int]:
    """Give each row the next session of its patient, at most `within` days later.

    Parameters
    ----------
    rows : iterable of DatedRow
    sessions : mapping of patient to (mapping of session number to day)
    within : int
        Days.
    numbered : mapping of (patient, session) to str
        Sessions whose answers stand in a row with their number, and its line: nothing else is linked to them.
    problems : list of Problem
        Each row that is linked to another day, and each that is not linked, is added; two rows of one day are an error.

    Returns
    -------
    dict of int to int
        Row → session number.
    """
    wanted: dict[tuple[str, int], list[DatedRow]] = {}
    for one in rows:
        number = next_session(one.day, sessions.get(one.patient, {}), within)
        if number is None:
            problems.append(_unlinked(one, f"no session on that day or within {within} days after it"))
        elif (one.patient, number) in numbered:
            problems.append(_unlinked(one, f"{numbered[one.patient, number]} is of session {number}"))
        else:
            wanted.setdefault((one.patient, number), []).append(one)
    linked: dict[int, int] = {}
    for (patient, number), found in wanted.items():
        *earlier, last = sorted(found, key=lambda one: one.day)
        same = [one for one in earlier if one.day == last.day]
        for one in earlier:
            if one in same:
                said = f"{one.place[2]} and {last.place[2]}"
                problems.append(Problem("answered_twice", *last.place, f"{patient}, {last.day}", said))
            else:
                problems.append(_unlinked(one, f"{last.place[2]} is nearer to session {number}"))
        days = (sessions[patient][number] - last.day).days
        if days:
            of = f"session {number} of {sessions[patient][number]} ({days} day{'s' * (days != 1)} later)"
            problems.append(Problem("answer_linked", *last.place, patient, f"{last.day}", of))
        linked[last.row] = number
    return linked


def next_session(day: Day, sessions: Mapping[int, Day], within: int) -> int | None:
    """The number of the first session from a day on, at most `within` days later.

    Examples
    --------
    >>> held = {1: dt.date(2025, 1, 17), 2: dt.date(2025, 1, 25)}
    >>> next_session(dt.date(2025, 1, 16), held, 7), next_session(dt.date(2025, 1, 17), held, 7)
    (1, 1)
    >>> next_session(dt.date(2025, 1, 9), held, 7)
    """
    later = [((held - day).days, number) for number, held in sessions.items() if 0 <= (held - day).days <= within]
    return min(later)[1] if later else None


def _unlinked(one: DatedRow, why: str) -> Problem:
    return Problem("answer_not_linked", *one.place, one.patient, f"{one.day}", why)
