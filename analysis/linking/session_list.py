"""The sessions of each patient as sessions.csv lists them: the first one, dates, therapists, the pilot."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from doublecode.schemas.column_types import LINE
from doublecode.schemas.dates import read_dates
from doublecode.schemas.results import Note

if TYPE_CHECKING:
    import pandas as pd

_DAYS = {"days": 1.0, "weeks": 7.0}


@dataclass(frozen=True, eq=False)
class SessionList:
    """What is known of the sessions, pilot included.

    Attributes
    ----------
    therapist : mapping of (patient, session) to therapist, None where the list names none
    first : mapping of patient to the lowest session number
    date : mapping of (patient, session) to its date, where it has one; empty where no variable asks for dates
    pilot : frozenset of (patient, session)
    """

    therapist: Mapping[tuple[str, int], str | None]
    first: Mapping[str, int]
    date: Mapping[tuple[str, int], dt.date]
    pilot: frozenset[tuple[str, int]]

    @cached_property
    def numbers(self) -> frozenset[int]:
        """The numbers of the sessions of all patients."""
        return frozenset(session for _, session in self.therapist)

    def therapist_of(self, patient: str, session: int | None) -> str | None:
        """The therapist of a session, or of all sessions of the main phase; None where these had several."""
        if session is not None:
            return self.therapist.get((patient, session))
        main = {name for key, name in self.therapist.items() if key[0] == patient and key not in self.pilot}
        return main.pop() if len(main) == 1 else None

    def not_held(self, patient: str, session: int, left: str | None) -> Note:
        """Why a session has nothing to tell: it is of the pilot, or was not held."""
        if (patient, session) in self.pilot:
            return Note("session_in_pilot", numbers={"session": session})
        if session not in self.numbers:
            return Note("no_such_session", numbers={"session": session})
        return Note("session_not_held", numbers={"session": session, "left": left})

    def time(
        self, patient: str, session: int, unit: Literal["days", "weeks"], left: str | None
    ) -> tuple[Any, Note | None]:
        """Time from the patient's first session to this one, or why it is not known."""
        if (patient, session) not in self.therapist:
            return float("nan"), self.not_held(patient, session, left)
        for number in (session, self.first[patient]):
            if (patient, number) not in self.date:
                return float("nan"), Note("date_missing", numbers={"session": number})
        days = (self.date[patient, session] - self.date[patient, self.first[patient]]).days
        return days / _DAYS[unit], None


def session_list(sessions: pd.DataFrame, *, with_dates: bool, file: str = "sessions.csv") -> SessionList:
    """Read what is known of each session.

    Parameters
    ----------
    sessions : DataFrame
        Contract ``SESSIONS``.
    with_dates : bool
        Whether dates are read; a cell that is no date then raises ``ContractError``.
    file : str
        Where the sessions stand, in that message.

    Examples
    --------
    >>> import pandas as pd
    >>> sessions = pd.DataFrame({"patient": "P1", "session": [2, 1], "therapist": "T1", "phase": "main",
    ...     "date": ["2021-04-12", "2021-04-01"]})
    >>> session_list(sessions, with_dates=True).time("P1", 2, "days", None)
    (11.0, None)
    """
    keys = [(str(p), int(s)) for p, s in zip(sessions["patient"], sessions["session"], strict=True)]
    first: dict[str, int] = {}
    for patient, number in keys:
        first[patient] = min(number, first.get(patient, number))
    dates: dict[tuple[str, int], dt.date] = {}
    if with_dates:
        rows = zip(sessions.index, keys, strict=True)
        is_of_file = sessions.index.name == LINE
        places = [f"{file}{f', line {line}' if is_of_file else ''}: {who}, session {at}" for line, (who, at) in rows]
        texts = sessions["date"].astype(object).where(sessions["date"].notna(), None)
        read = read_dates(texts, None, places, "date", 'dates = "dd.mm.yyyy" under [tables.sessions] in study.toml')
        dates = {key: day.date() for key, day in zip(keys, read, strict=True) if day == day and day is not None}
    pilot = [key for key, phase in zip(keys, sessions["phase"], strict=True) if phase != "main"]
    named = zip(sessions["therapist"], sessions["therapist"].notna(), strict=True)
    therapists = (str(one) if is_named else None for one, is_named in named)
    return SessionList(dict(zip(keys, therapists, strict=True)), first, dates, frozenset(pilot))
