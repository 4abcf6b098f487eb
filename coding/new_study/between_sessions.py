"""What is said of an outcome whose rows are of other days than the sessions, or of one session twice."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

import pandas as pd

from doublecode.coding.new_study.given_table import GivenTable
from doublecode.coding.reading.dated_answers import DatedRow, Day, days_of_sessions, link_rows

_USUAL: Final = 7
_MOST: Final = 3


def said_of_days(
    table: GivenTable,
    stray: Sequence[tuple[str, str, str]],
    sessions: pd.DataFrame,
    within: int | None,
    own: Collection[tuple[str, str]],
) -> str:
    """Say how many rows are of days without a session, and what the rule makes, or would make, of them.

    Parameters
    ----------
    stray : sequence of (patient, day, place)
    within : int or None
        The rule as it was asked for.
    own : collection of (patient, session)
        Sessions that have a row of their own day.
    """
    days = _USUAL if within is None else within
    rows = [
        DatedRow(row, patient, Day.fromisoformat(day), ("", "", place))
        for row, (patient, day, place) in enumerate(stray)
        if day
    ]
    numbered = {(patient, int(number)): "" for patient, number in own}
    near = len(link_rows(rows, days_of_sessions(sessions), days, numbered, []))
    patient, day, place = stray[0]
    head = f"{table.name}: {len(stray)} rows are of days without a session, the first {patient}, {day} ({place})."
    if within is not None:
        return (
            f"{head} next_session_within = {within}: {near} of them are of the patient's next session, at most "
            f"{within} days later; {len(stray) - near} are in no number, since none is so near or it has a row nearer "
            "to it. A run names each."
        )
    return (
        f"{head} A run stops there. If it is filled in between sessions, add --next-session-within {days}: {near} of "
        f"them would count for the patient's next session, at most {days} days later. If they are of before, after or "
        "follow-up, give them a column event. Else write the number of the session into each row."
    )


def said_twice(table: GivenTable, keys: pd.DataFrame, days: Sequence[str] | None) -> list[str]:
    """Name the sessions, or the events, that have two rows: a run stops there."""
    names = [name for name in ("patient", "session", "event") if name in keys]
    named = keys[(keys[[name for name in names if name != "patient"]] != "").any(axis=1)]
    twice = named[named.duplicated(names, keep=False)]
    if twice.empty:
        return []
    groups = [
        f"{patient}, {event or f'session {session}'} ({' and '.join(table.places[at] for at in rows.index)})"
        for (patient, session, event), rows in twice.assign(event=twice.get("event", "")).groupby(
            ["patient", "session", "event"], sort=False
        )
    ]
    more = f" and {len(groups) - _MOST} more" if len(groups) > _MOST else ""
    return [
        f"{table.name}: {len(groups)} session(s) or event(s) have two questionnaires: {'; '.join(groups[:_MOST])}{more}"
        ". A run stops there: keep one row of each."
    ]
