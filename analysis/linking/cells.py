"""What stands in a cell of the analysis frame, or why nothing does.

Scoring has already put lagged items where they belong, by session number; here values are only looked up, never
computed, shifted or filled. A reason is a :class:`Note`; its words are made where the ledger is written.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from doublecode.schemas.column_types import typed_texts
from doublecode.schemas.errors import StudyError
from doublecode.schemas.frames import IN_NO_NUMBER
from doublecode.schemas.results import Note

if TYPE_CHECKING:
    from doublecode.schemas.study_parts import Variable

Key = tuple[str, int]
"""Patient and session number."""

Cell = tuple[Any, Note | None]
"""A value, or the reason why there is none."""

Source = tuple[str, str, str]
"""Instrument, "scale" or "item", and its name."""


def source_of(variable: Variable) -> Source:
    """Where an instrument's variable comes from."""
    kind = "scale" if variable.scale is not None else "item"
    return str(variable.instrument), kind, str(variable.scale or variable.item)


@dataclass(frozen=True, eq=False)
class Sources:
    """What cells are looked up from.

    Attributes
    ----------
    measured : mapping of source to {(patient, session): cell}
    raters : frozenset of str
        Instruments that raters fill in.
    held : mapping of (patient, session) to the reason why it was not rated, None where it was
    left : mapping of patient to the reason in patients.csv, where there is one
    columns : mapping of a column of patients.csv to {patient: value}
    used_in : mapping of instrument to the session numbers it is used in, where it is not used in all
    """

    measured: Mapping[Source, Mapping[Key, Cell]]
    raters: frozenset[str]
    held: Mapping[Key, Note | None]
    left: Mapping[str, str]
    columns: Mapping[str, Mapping[str, Any]]
    used_in: Mapping[str, Sequence[int]]

    def cell(self, variable: Variable, patient: str, session: int | None) -> Cell:
        """Value of a variable, or why there is none."""
        if variable.column is not None:
            value = self.columns[variable.column][patient]
            return value, Note("column_empty", numbers={"column": variable.column}) if pd.isna(value) else None
        number = variable.session if variable.session is not None else session
        if number is None:
            raise StudyError(f"variable {variable.name!r}: say which session of a patient it is (session = …).")
        source = source_of(variable)
        if number not in self.used_in.get(source[0], (number,)):
            numbers = {"instrument": source[0], "sessions": tuple(self.used_in[source[0]])}
            return np.nan, Note("instrument_not_used", numbers=numbers)
        value, why = self.measured[source].get((patient, number), (np.nan, None))
        if not np.isnan(value):
            return float(value), None
        return np.nan, why or self._absent(patient, number, source)

    def _absent(self, patient: str, session: int, source: Source) -> Note:
        if (patient, session) not in self.held:
            return Note("session_not_held", numbers={"session": session, "left": self.left.get(patient)})
        not_rated = self.held[patient, session]
        instrument, _, name = source
        if not_rated is not None and instrument in self.raters:
            return not_rated
        return Note("value_not_read", numbers={"instrument": instrument, "name": name, "session": session})


def gather_sources(
    variables: Sequence[Variable],
    scores: pd.DataFrame,
    items: pd.DataFrame,
    patients: pd.DataFrame,
    held: Mapping[Key, Note | None],
    raters: Collection[str],
    used_in: Mapping[str, Sequence[int]],
) -> Sources:
    """Put together what the variables are looked up from."""
    measured: dict[Source, dict[Key, Cell]] = {}
    for variable in variables:
        if variable.column is None:
            instrument, kind, name = source = source_of(variable)
            table = scores if kind == "scale" else items
            rows = table[(table["instrument"] == instrument) & (table[kind] == name)]
            keys = zip(rows["patient"], rows["session"], rows["value"], rows["reason"], strict=True)
            measured[source] = {(str(p), int(s)): (v, _not_scored(r)) for p, s, v, r in keys}
    columns = {
        v.column: dict(
            zip(patients["patient"], typed_texts(patients[v.column], f"patients.csv: column {v.column!r}"), strict=True)
        )
        for v in variables
        if v.column is not None
    }
    reasons = zip(patients["patient"], patients["reason"], strict=True)
    left = {str(patient): reason for patient, reason in reasons if isinstance(reason, str) and reason}
    return Sources(measured, frozenset(raters), held, left, columns, used_in)


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
    """A reason that tells a patient's status, with what patients.csv says beside it."""
    return Note(kind, numbers={"status": row.status, "given": row.reason if isinstance(row.reason, str) else None})


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
