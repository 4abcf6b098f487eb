"""What stands in a cell of the analysis frame, or why nothing does.

Scoring has already put lagged items where they belong, by session number; here values are looked up, by session number
or event, and compared where a change is declared; nothing is filled. A reason is a :class:`Note`; its words are made
where the ledger is written.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from doublecode.analysis.linking.session_list import SessionList, session_list
from doublecode.schemas.column_types import typed_texts
from doublecode.schemas.errors import StudyError
from doublecode.schemas.frames import IN_NO_NUMBER, WITHDRAWN
from doublecode.schemas.near_names import allowed, ended
from doublecode.schemas.results import Note

if TYPE_CHECKING:
    from doublecode.schemas.study_parts import Variable

Key = tuple[str, int]
"""Patient and session number."""

Source = tuple[str, str, str]
"""Instrument, "scale", "item" or "count", and its name."""


class Part(StrEnum):
    """What a place is to the cell of the frame that stands on it."""

    VALUE = "value"
    LAGGED = "lagged"
    START = "start"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a value of the frame was looked up.

    Parameters
    ----------
    kind : str
        "scale", "item" or "count" of an instrument; "patients", "therapists" or "sessions" of a table.
    instrument : str
        Empty for a table.
    name : str
        The scale, item, count or column.
    key : tuple
        (patient, session number), (patient, event), (patient,) or (therapist,).
    part : Part
        Whether it is of an earlier session, or what a change is from.
    """

    kind: str
    instrument: str
    name: str
    key: tuple[Any, ...]
    part: Part = Part.VALUE


@dataclass(frozen=True, slots=True)
class Cell:
    """A value, or the reason why there is none, and the places that it was looked up at."""

    value: Any
    why: Note | None
    places: tuple[Place, ...] = ()


_NOTHING = Cell(np.nan, None)


def source_of(variable: Variable) -> Source:
    """Where an instrument's variable comes from."""
    instrument = str(variable.instrument)
    if variable.count is not None:
        return instrument, "count", counted_as(variable.count, variable.of_type)
    kind = "scale" if variable.scale is not None else "item"
    return instrument, kind, str(variable.scale or variable.item)


def counted_as(count: str, of_type: str | None) -> str:
    """What a count of the homework log is called in a table of counts.

    Examples
    --------
    >>> counted_as("assigned", None), counted_as("completed", "BE")
    ('assigned', 'completed of type BE')
    """
    return count if of_type is None else f"{count} of type {of_type}"


@dataclass(frozen=True, eq=False)
class Sources:
    """What cells are looked up from.

    Attributes
    ----------
    measured : mapping of source to {(patient, session): cell}
    at_events : mapping of source to {(patient, event): cell}
    raters : frozenset of str
        Instruments that raters fill in.
    held : mapping of (patient, session) to the reason why it was not rated, None where it was
    left : mapping of patient to the reason in patients.csv, where there is one
    columns : mapping of a variable of a column to {key of its table: value}
    used_in : mapping of instrument to the session numbers it is used in, where it is not used in all
    listed : SessionList
    """

    measured: Mapping[Source, Mapping[Key, Cell]]
    at_events: Mapping[Source, Mapping[tuple[str, str], Cell]]
    raters: frozenset[str]
    held: Mapping[Key, Note | None]
    left: Mapping[str, str]
    columns: Mapping[str, Mapping[Any, Any]]
    used_in: Mapping[str, Sequence[int]]
    listed: SessionList

    def cell(self, variable: Variable, patient: str, session: int | None) -> Cell:
        """Value of a variable, or why there is none: lagged, or as a change, where it is declared so."""
        at = variable.session if variable.session is not None else session
        if variable.lag is None:
            return self._changed(variable, patient, at)
        before = _numbered(variable, at) - variable.lag
        if before < 1:
            return Cell(np.nan, Note("no_session_before", numbers={"session": at, "lag": variable.lag}))
        then = self._changed(variable, patient, before)
        lacking = None if then.why is None else Note("lagged_missing", numbers={"session": before, "why": then.why})
        return Cell(then.value, lacking, _as(Part.LAGGED, then.places))

    def _changed(self, variable: Variable, patient: str, at: int | None) -> Cell:
        now = self._plain(variable, patient, at, variable.event)
        if variable.change is None or now.why is not None:
            return now
        start = self._start(variable, patient, at)
        if start.why is not None:
            return Cell(np.nan, Note("change_unknown", numbers={"change": variable.change, "why": start.why}))
        return Cell(now.value - start.value, None, (*now.places, *_as(Part.START, start.places)))

    def _start(self, variable: Variable, patient: str, at: int | None) -> Cell:
        """The value that a change is from."""
        if variable.change == "previous":
            number = _numbered(variable, at)
            if number < 2:
                return Cell(np.nan, Note("no_session_before", numbers={"session": number, "lag": 1}))
            return self._plain(variable, patient, number - 1, None)
        if variable.change == "first":
            return self._plain(variable, patient, self.listed.first.get(patient), None)
        return self._plain(variable, patient, None, variable.change)

    def _plain(self, variable: Variable, patient: str, at: int | None, event: str | None) -> Cell:
        """The value of a session or event, neither lagged nor compared."""
        if variable.column is not None:
            return self._of_column(variable, patient, at)
        if variable.instrument is not None and event is not None:
            return self._of_event(source_of(variable), patient, event)
        number = _numbered(variable, at)
        if variable.phase_from is not None:
            return Cell(float(number >= variable.phase_from), None, (_listed(patient, number, "session"),))
        if variable.time is not None:
            value, why = self.listed.time(patient, number, variable.time, self.left.get(patient))
            dates = (_listed(patient, at, "date") for at in (number, self.listed.first.get(patient)))
            return Cell(value, why, () if why is not None else tuple(dates))
        return self._of_session(source_of(variable), patient, number)

    def _of_column(self, variable: Variable, patient: str, at: int | None) -> Cell:
        key: Any = patient
        if variable.table == "sessions":
            key = (patient, _numbered(variable, at))
            if key not in self.listed.therapist:
                return Cell(np.nan, self.listed.not_held(patient, key[1], self.left.get(patient)))
        elif variable.table == "therapists":
            key = self.listed.therapist_of(patient, at)
            if key is None:
                if (patient, at) in self.listed.therapist:
                    return Cell(np.nan, Note("therapist_missing", numbers={"session": at}))
                return Cell(np.nan, Note("therapist_unclear"))
        value = self.columns[variable.name].get(key)
        numbers = {"table": f"{variable.table}.csv", "column": variable.column}
        empty = Note("column_empty", numbers=numbers) if pd.isna(value) else None
        place = Place(str(variable.table), "", str(variable.column), key if isinstance(key, tuple) else (key,))
        return Cell(np.nan if value is None else value, empty, (place,))

    def _of_event(self, source: Source, patient: str, event: str) -> Cell:
        found = self.at_events.get(source, {}).get((patient, event), _NOTHING)
        if not np.isnan(found.value):
            return Cell(float(found.value), None, (_measured(source, patient, event),))
        numbers = {"instrument": source[0], "name": source[2], "event": event}
        return Cell(np.nan, found.why or Note("event_not_read", numbers=numbers))

    def _of_session(self, source: Source, patient: str, number: int) -> Cell:
        if number not in self.used_in.get(source[0], (number,)):
            numbers = {"instrument": source[0], "sessions": tuple(self.used_in[source[0]])}
            return Cell(np.nan, Note("instrument_not_used", numbers=numbers))
        found = self.measured[source].get((patient, number), _NOTHING)
        if not np.isnan(found.value):
            return Cell(float(found.value), None, (_measured(source, patient, number),))
        return Cell(np.nan, found.why or self._absent(patient, number, source))

    def _absent(self, patient: str, session: int, source: Source) -> Note:
        if (patient, session) not in self.held:
            return self.listed.not_held(patient, session, self.left.get(patient))
        not_rated = self.held[patient, session]
        instrument, _, name = source
        if not_rated is not None and instrument in self.raters:
            return not_rated
        return Note("value_not_read", numbers={"instrument": instrument, "name": name, "session": session})


def _as(part: Part, places: tuple[Place, ...]) -> tuple[Place, ...]:
    return tuple(replace(place, part=part) for place in places)


def _measured(source: Source, patient: str, at: int | str) -> Place:
    instrument, kind, name = source
    return Place(kind, instrument, name, (patient, at))


def _listed(patient: str, session: int | None, column: str) -> Place:
    return Place("sessions", "", column, (patient, session))


def _numbered(variable: Variable, number: int | None) -> int:
    if number is None:
        raise StudyError(f"variable {variable.name!r}: say which session of a patient it is (session = …).")
    return number


@dataclass(frozen=True, eq=False)
class Tables:
    """The frames that variables are taken from.

    Attributes
    ----------
    scores, items : DataFrame
        Contracts ``SCORES``, ``ITEMS``.
    sessions, patients, therapists : DataFrame
        Tables of the study folder.
    counts : DataFrame
        ``patient, session, instrument, count, value, reason``: counts of homework logs.
    at_events : DataFrame
        ``patient, event, instrument, kind, name, value, reason``: scales and items of outcomes at events.
    """

    scores: pd.DataFrame
    items: pd.DataFrame
    sessions: pd.DataFrame
    patients: pd.DataFrame
    therapists: pd.DataFrame
    counts: pd.DataFrame
    at_events: pd.DataFrame

    @property
    def heads(self) -> dict[str, list[str]]:
        """Columns of the tables that a variable may name."""
        named = {"patients": self.patients, "therapists": self.therapists, "sessions": self.sessions}
        return {name: list(map(str, table.columns)) for name, table in named.items()}

    def of_column(self, variable: Variable) -> dict[Any, Any]:
        """Values of a column by the key of its table: patient, therapist, or patient and session."""
        name = f"{variable.table}.csv: column {variable.column!r}"
        table = {"patients": self.patients, "therapists": self.therapists, "sessions": self.sessions}[
            str(variable.table)
        ]
        values = table[str(variable.column)]
        typed = values if values.dtype.kind in "if" else typed_texts(values, name)
        if variable.equals is not None:
            typed = where_equal(typed, variable)
        if variable.table == "sessions":
            return {(str(p), int(s)): v for p, s, v in zip(table["patient"], table["session"], typed, strict=True)}
        return dict(zip(table[str(variable.table)[:-1]], typed, strict=True))


def where_equal(typed: pd.Series[Any], variable: Variable) -> pd.Series[Any]:
    """1 where a column says what the variable asks for, 0 where it says something else; empty stays empty.

    Raises
    ------
    StudyError
        No cell says it.
    """
    words = [None if pd.isna(one) else f"{one:g}" if isinstance(one, float) else str(one) for one in typed]
    known = sorted({one for one in words if one is not None})
    if variable.equals not in known:
        raise StudyError(
            f"variable {variable.name!r}: no cell of the column {variable.column!r} says {variable.equals!r}; "
            f"{ended(allowed(variable.equals, known))}"
        )
    made = [np.nan if one is None else float(one == variable.equals) for one in words]
    return typed.__class__(made, index=typed.index, dtype=float)


def gather_sources(
    variables: Sequence[Variable],
    tables: Tables,
    held: Mapping[Key, Note | None],
    raters: Collection[str],
    used_in: Mapping[str, Sequence[int]],
) -> Sources:
    """Put together what the variables are looked up from."""
    measured: dict[Source, dict[Key, Cell]] = {}
    at_events: dict[Source, dict[tuple[str, str], Cell]] = {}
    by_kind = {"scale": tables.scores, "item": tables.items, "count": tables.counts}
    for variable in variables:
        if variable.is_measured:
            instrument, kind, name = source = source_of(variable)
            rows = by_kind[kind]
            rows = rows[(rows["instrument"] == instrument) & (rows[kind] == name)]
            keys = zip(rows["patient"], rows["session"], rows["value"], rows["reason"], strict=True)
            measured[source] = {(str(p), int(s)): Cell(v, _not_scored(r)) for p, s, v, r in keys}
            same = tables.at_events[["instrument", "kind", "name"]].eq([instrument, kind, name]).all(axis=1)
            beyond = tables.at_events[same]
            at = zip(beyond["patient"], beyond["event"], beyond["value"], beyond["reason"], strict=True)
            at_events[source] = {(str(p), str(e)): Cell(v, _not_scored(r)) for p, e, v, r in at}
    columns = {one.name: tables.of_column(one) for one in variables if one.column is not None}
    patients = tables.patients
    reasons = zip(patients["patient"], patients["reason"], strict=True)
    left = {str(patient): reason for patient, reason in reasons if isinstance(reason, str) and reason}
    with_dates = any(one.time is not None for one in variables)
    listed = session_list(tables.sessions, with_dates=with_dates)
    return Sources(measured, at_events, frozenset(raters), held, left, columns, used_in, listed)


def _not_scored(reason: object) -> Note | None:
    """What scoring says of a value that it could not make."""
    return Note("value_not_scored", numbers={"reason": reason}) if isinstance(reason, str) and reason else None


def session_keys(table: pd.DataFrame) -> set[Key]:
    """Patient and session of every row."""
    return {(str(p), int(s)) for p, s in zip(table["patient"], table["session"], strict=True)}


def left_out(patients: pd.DataFrame) -> dict[str, Note]:
    """Patients who are in no number, each with the reason: excluded, or consent withdrawn."""
    rows = patients[patients["status"].isin(IN_NO_NUMBER)]
    return {str(row.patient): status_note("patient_left_out", row) for row in rows.itertuples(index=False)}


def status_note(kind: str, row: Any) -> Note:
    """A reason that tells a patient's status, with what patients.csv says beside it: not of a withdrawn consent."""
    said = isinstance(row.reason, str) and row.status != WITHDRAWN
    return Note(kind, numbers={"status": row.status, "given": row.reason if said else None})


def coded_sessions(
    scores: pd.DataFrame, items: pd.DataFrame, ratings: pd.DataFrame | None, raters: Collection[str]
) -> set[Key]:
    """Sessions of which a rater coded something; a missing code is a rating too: somebody listened and said why."""
    coded = items["value"].notna() | items["reason"].notna()
    read = session_keys(items[items["instrument"].isin(raters) & coded])
    read |= session_keys(scores[scores["instrument"].isin(raters) & scores["value"].notna()])
    if ratings is not None:
        filled = ratings[["value", "text", "missing_code"]].notna().any(axis=1) & (ratings["phase"] == "main")
        read |= session_keys(ratings[ratings["instrument"].isin(raters) & filled])
    return read


def unrated_sessions(
    held: pd.DataFrame, read: Collection[Key], out: Mapping[str, Note]
) -> tuple[dict[Key, Note | None], tuple[Note, ...]]:
    """Say of each held session why it has no ratings (None where it has), and note where sessions.csv differs."""
    status: dict[Key, Note | None] = {}
    absent: list[str] = []
    unexpected: list[str] = []
    for row in held.to_dict("records"):
        key = (str(row["patient"]), int(row["session"]))
        listed = row["status"] == "held"
        if key[0] in out:
            status[key] = out[key[0]]
        elif key in read:
            status[key] = None
            unexpected += [] if listed else [str(row["session_id"])]
        elif listed:
            status[key] = Note("rating_not_read")
            absent.append(str(row["session_id"]))
        else:
            given = row["reason"] if isinstance(row["reason"], str) and row["reason"] else None
            status[key] = Note("session_not_rated", numbers={"given": given})
    differing = (("sessions_not_read", absent), ("sessions_not_listed", unexpected))
    return status, tuple(Note(kind, numbers={"named": tuple(named)}) for kind, named in differing if named)
