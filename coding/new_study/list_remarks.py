"""What should be said of a list of sessions that can be read: labels alike, a date far from the others."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final

from doublecode.coding.new_study.session_list import SessionTables
from doublecode.coding.reading.table_remarks import alike, like_summary
from doublecode.schemas.problems import Problem

_FEWEST: Final = 4
_MOST: Final = 12
_APART: Final = dt.timedelta(days=365)
_TIMES: Final = 3  # the widest gap between the dates in the middle
_SHARE: Final = 0.1  # of the dates at most, or one, lie apart


def remarks_on_list(listed: SessionTables, file: str, outcomes: Sequence[tuple[str, Sequence[str]]]) -> list[Problem]:
    """Say what is odd about the labels and dates of a list of sessions.

    Parameters
    ----------
    listed : SessionTables
    file : str
        The list, for messages.
    outcomes : sequence of (file, patients)
        The patients that exports of outcomes name: held against those of the list.
    """
    patients: dict[str, str] = dict.fromkeys(listed.sessions["patient"], file)
    for name, found in outcomes:
        for patient in found:
            patients.setdefault(patient, name)
    therapists = {} if listed.therapists is None else dict.fromkeys(listed.therapists["therapist"], file)
    problems = []
    for column, where in (("patient", patients), ("therapist", therapists)):
        said = alike(where)
        if said:
            problems.append(
                Problem("labels_alike", ", ".join(dict.fromkeys(where.values())), subject=column, found=said)
            )
    problems += like_summary(listed.sessions["patient"], file, "patient")
    return [*problems, *_far_dates(listed, file), *_recordings(listed, file)]


def _recordings(listed: SessionTables, file: str) -> Iterator[Problem]:
    """Sessions without a recording in a list in which others have one."""
    held = listed.sessions[listed.sessions["status"] == "held"]
    gone = held[held["recording"] == ""]
    if 0 < len(gone) < len(held):
        said = [f"{patient} session {number}" for patient, number in zip(gone["patient"], gone["session"], strict=True)]
        found = ", ".join(said[:_MOST]) + (f" and {len(said) - _MOST} more" if len(said) > _MOST else "")
        yield Problem("recording_missing", file, found=found, allowed=str(len(held) - len(gone)))


def _far_dates(listed: SessionTables, file: str) -> Iterator[Problem]:
    """Dates more than a year away from all others, and thrice the widest gap of these, where they are few."""
    if "date" not in listed.sessions:
        return
    rows = listed.sessions[listed.sessions["date"] != ""].sort_values("date", kind="stable")
    days = [dt.date.fromisoformat(day) for day in rows["date"]]
    few = max(1, int(_SHARE * len(days)))
    if len(days) < _FEWEST:
        return
    gaps = [later - earlier for earlier, later in pairwise(days)]
    apart_by = max(_APART, _TIMES * max(gaps[few : len(gaps) - few], default=_APART))
    first = max((at + 1 for at in range(few) if gaps[at] > apart_by), default=0)
    last = min((at + 1 for at in range(len(gaps) - few, len(gaps)) if gaps[at] > apart_by), default=len(days))
    apart = [*range(first), *range(last, len(days))]
    if apart:
        cells = rows[["patient", "session", "date"]].to_numpy()
        found = ", ".join(f"{day} (patient {who}, session {number})" for who, number, day in cells[apart])
        yield Problem("far_date", file, subject="date", found=found, allowed=f"{days[first]} to {days[last - 1]}")
