"""From a lab's list of sessions to the tables of a study: sessions, patients, therapists, the key of recordings."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PureWindowsPath
from typing import Any, Final

import numpy as np
import pandas as pd

from doublecode.coding.new_study.blind_ids import draw_ids
from doublecode.coding.new_study.given_table import GivenTable
from doublecode.coding.new_study.heads import Meaning, guess_meanings, plain_name
from doublecode.coding.new_study.list_dates import read_list_dates
from doublecode.coding.new_study.list_slips import Slips
from doublecode.coding.reading.cells import show_number
from doublecode.schemas.errors import UsageError
from doublecode.schemas.frames import PATIENTS, SESSIONS, THERAPISTS
from doublecode.schemas.near_names import allowed
from doublecode.schemas.problems import Problem

_TAKEN: Final = frozenset({*SESSIONS.columns, *PATIENTS.columns, *THERAPISTS.columns, "study", "rater", "item"})
_MEASURED: Final = (Meaning.MINUTES, Meaning.KEEP)
_BECOMES: Final[Mapping[Meaning, str]] = {
    Meaning.PATIENT: "patient",
    Meaning.SESSION: "session number",
    Meaning.DATE: "date of the session",
    Meaning.THERAPIST: "therapist",
    Meaning.MINUTES: "minutes of the session",
    Meaning.RECORDING: "recording; raters see a blind name, keys/recordings.csv has this one",
    Meaning.SESSION_ID: "session id, as raters see it",
    Meaning.LEAVE_OUT: "left out: it would say who somebody is",
}


@dataclass(frozen=True)
class Understood:
    """What a column was taken for.

    Attributes
    ----------
    file, head : str
    example : str
        Its first values.
    becomes : str
        What it was taken for, in words.
    """

    file: str
    head: str
    example: str
    becomes: str


@dataclass(frozen=True)
class SessionTables:
    """The tables of a study, made from a list of sessions.

    Attributes
    ----------
    sessions, patients : DataFrame
        Columns of the contracts ``SESSIONS`` and ``PATIENTS``, and the further ones of the list; texts.
    therapists : DataFrame or None
        Contract ``THERAPISTS``; None where the list names none.
    recordings : DataFrame
        The blinding key: session_id, recording, original, patient, session.
    understood : tuple of Understood
    said : tuple of str
        What somebody should know of how the list was read.
    remarks : tuple of Problem
        Values far outside the others of their column.
    """

    sessions: pd.DataFrame
    patients: pd.DataFrame
    therapists: pd.DataFrame | None
    recordings: pd.DataFrame
    understood: tuple[Understood, ...]
    said: tuple[str, ...]
    remarks: tuple[Problem, ...] = ()


def tables_of(
    table: GivenTable,
    told: Mapping[str, str],
    *,
    dates: str | None,
    seed: int,
    ids: Mapping[tuple[str, str], str] | None = None,
) -> SessionTables:
    """Make the tables of a study from a list of sessions.

    Parameters
    ----------
    table : GivenTable
        A row per session: patient, session number or date; therapist, minutes, recording where there are any.
    told : mapping of str to str
        Head → meaning; before every guess.
    dates : str, optional
        The form of its dates, such as ``dd.mm.yyyy``; without it the one form that all of them have.
    seed : int
        Of the session ids.
    ids : mapping of (patient, session) to str, optional
        Session ids given out before; these sessions keep them.

    Raises
    ------
    UsageError
        A column is missing, or may be two things.
    ContractError
        Cells cannot be what their columns are; the message names each by its place.
    """
    meanings = _meanings(table, told)
    others = {head: one for head, one in meanings.items() if head not in told and _of_other_words(table, head, one)}
    meanings |= dict.fromkeys(others, Meaning.KEEP)
    at: dict[Meaning, str] = {meaning: head for head, meaning in meanings.items() if meaning is not Meaning.KEEP}
    slips = Slips(table)
    rows, said = _rows(table, at, dates, slips)
    said += [
        f"{table.name}: the column {head!r} is no {meaning} of a session ({' or '.join(SESSIONS.words[meaning])}; "
        f"it says {table.example(head)}): it is kept as a further column."
        for head, meaning in others.items()
    ]
    made = _ids(at, rows, seed, ids or {}, slips)
    slips.refuse()
    rows.insert(0, "session_id", made)
    originals = table.texts(at[Meaning.RECORDING]) if Meaning.RECORDING in at else [""] * len(rows)
    rows["recording"] = [
        one and f"{name}{PureWindowsPath(one).suffix}" for one, name in zip(originals, rows["session_id"], strict=True)
    ]
    further = _Further(table, [head for head, meaning in meanings.items() if meaning is Meaning.KEEP], rows)
    people = pd.DataFrame({"patient": list(dict.fromkeys(rows["patient"])), "status": "completed", "reason": ""})
    people = people.merge(further.of_patients, on="patient", how="left", sort=False)
    key = rows.assign(original=originals)[["session_id", "recording", "original", "patient", "session"]]
    becomes = {head: _BECOMES.get(meaning, meaning.value) for head, meaning in meanings.items()} | further.becomes
    return SessionTables(
        pd.concat([rows, further.of_sessions], axis=1).sort_values(["patient", "session"], kind="stable"),
        people.sort_values("patient", kind="stable"),
        _therapists(rows),
        key.sort_values(["patient", "session"], kind="stable"),
        tuple(Understood(table.name, head, table.example(head), becomes[head]) for head in meanings),
        tuple(said),
        tuple(one for head, meaning in meanings.items() if meaning in _MEASURED for one in table.far([head])),
    )


def _of_other_words(table: GivenTable, head: str, meaning: Meaning) -> bool:
    """Whether a column is something of the lab's own: *Phase* with beginning, middle and end."""
    words = SESSIONS.words.get(meaning, ())
    said = {text for text in table.texts(head) if text}
    return bool(words and said) and said.isdisjoint(words)


def _meanings(table: GivenTable, told: Mapping[str, str]) -> dict[str, Meaning]:
    meanings = guess_meanings(table.heads, told, table.name)
    meanings = {head: Meaning.KEEP if one is Meaning.EVENT else one for head, one in meanings.items()}
    found = set(meanings.values())
    lacking = [] if Meaning.PATIENT in found else ["the patient (patient)"]
    if not found & {Meaning.SESSION, Meaning.DATE}:
        lacking.append("the number or the date of the session (session, date)")
    if lacking:
        raise UsageError(
            f"{table.name}: no column was understood as {' nor as '.join(lacking)}; found: {', '.join(table.heads)}. "
            f'Say which it is: --map "{table.heads[0]}=patient", and so on.'
        )
    return meanings


def _rows(
    table: GivenTable, at: Mapping[Meaning, str], dates: str | None, slips: Slips
) -> tuple[pd.DataFrame, list[str]]:
    """What every study has: patient, therapist, session, date, minutes, phase, status, reason."""
    said: list[str] = []
    patients = _filled(at[Meaning.PATIENT], "patient", slips)
    days = None if Meaning.DATE not in at else read_list_dates(table, at[Meaning.DATE], dates, slips)
    rows = pd.DataFrame({"patient": patients})
    if Meaning.THERAPIST in at:
        rows["therapist"] = table.texts(at[Meaning.THERAPIST])
    if Meaning.SESSION in at:
        rows["session"] = _numbers(at[Meaning.SESSION], slips)
    elif days is not None:
        rows["session"] = _by_date(at[Meaning.DATE], patients, days, slips)
        said.append("Sessions were numbered by date within each patient, from 1.")
    _refuse_twice(rows, slips)
    if days is not None:
        rows["date"] = days
    if Meaning.MINUTES in at:
        rows["minutes"] = _minutes(at[Meaning.MINUTES], slips)
    for name, usual in (("phase", "main"), ("status", "held"), ("reason", "")):
        head = at.get(Meaning(name))
        rows[name] = usual if head is None else [text or usual for text in _words(head, Meaning(name), slips)]
    return rows, said


def _filled(head: str, what: str, slips: Slips) -> list[str]:
    texts = slips.table.texts(head)
    for row, text in enumerate(texts):
        if not text:
            slips.cell(row, head, f"the {what} is empty. Fill it, or remove the row.")
    return texts


def _words(head: str, meaning: Meaning, slips: Slips) -> list[str]:
    """A column of fixed words; another one is named at its cell."""
    words, texts = SESSIONS.words.get(meaning, ()), slips.table.texts(head)
    for row, text in enumerate(texts):
        if words and text and text not in words:
            slips.cell(row, head, f"found {text!r}; {allowed(text, words)}")
    return texts


def _numbers(head: str, slips: Slips) -> list[int]:
    """Session numbers; 0 in the place of a wrong one."""
    numbers = []
    for row, (value, text) in enumerate(zip(slips.table.numbers(head), slips.table.texts(head), strict=True)):
        if value is None or value != value or value != round(value) or value < 1:
            slips.cell(
                row, head,
                f"found {text!r}, allowed a session number: whole, from 1. Correct it; what was measured before the "
                "first session is a column of patients.csv.",
            )  # fmt: skip
            value = 0
        numbers.append(int(value))
    return numbers


def _by_date(head: str, patients: list[str], days: list[str], slips: Slips) -> list[int]:
    for row, text in enumerate(slips.table.texts(head)):
        if not text:
            slips.cell(row, head, "the date is empty, and sessions have no number. Fill it.")
    known = pd.DataFrame({"patient": patients, "day": days})
    same = (known.duplicated() & (known != "").all(axis=1)).to_numpy()
    for row in same.nonzero()[0].tolist():
        slips.rows(
            f"{slips.table.places[row]}: {patients[row]} has two sessions on {days[row]}, and sessions have no number. "
            "Add a column with the session number, or remove one of the rows."
        )
    return [int(rank) for rank in known["day"].groupby(known["patient"]).rank(method="first")]


def _refuse_twice(rows: pd.DataFrame, slips: Slips) -> None:
    """Refuse a session that stands in two rows; cells that are wrong anyway are left to their own message."""
    first: dict[tuple[str, int], str] = {}
    for patient, number, place in zip(rows["patient"], rows["session"], slips.table.places, strict=True):
        if not patient or number < 1:
            continue
        earlier = first.setdefault((patient, number), place)
        if earlier != place:
            slips.rows(
                f"patient {patient}, session {number} stands in {earlier} and {place}. Keep one row per session."
            )


def _minutes(head: str, slips: Slips) -> list[str]:
    minutes = []
    for row, (value, text) in enumerate(zip(slips.table.numbers(head), slips.table.texts(head), strict=True)):
        if value is None:
            slips.cell(
                row, head,
                f"found {text!r}, allowed minutes as a number, or an empty cell. Correct it, or keep the column as it "
                f'is: --map "{head}=keep".',
            )  # fmt: skip
        minutes.append("" if value is None or value != value else show_number(value))
    return minutes


def _ids(
    at: Mapping[Meaning, str], rows: pd.DataFrame, seed: int, given: Mapping[tuple[str, str], str], slips: Slips
) -> list[str]:
    """Session ids: those of the list, those given out before, or new ones from which nothing can be read."""
    if Meaning.SESSION_ID not in at:
        rng = np.random.default_rng([seed, zlib.crc32(b"session ids")])
        taken = {*given.values()}
        new = iter([one for one in draw_ids(rng, len(rows) + len(taken)) if one not in taken])
        keys = zip(rows["patient"], rows["session"].astype(str), strict=True)
        return [given.get(key) or next(new) for key in keys]
    head = at[Meaning.SESSION_ID]
    ids = _filled(head, "session id", slips)
    for name in dict.fromkeys(one for place, one in enumerate(ids) if one and one in ids[:place]):
        slips.rows(
            f'the session id {name!r} stands twice. Give each session its own, or let ids be made: --map "{head}=keep".'
        )
    return ids


def _therapists(rows: pd.DataFrame) -> pd.DataFrame | None:
    named = sorted({str(name) for name in rows.get("therapist", ()) if name})
    return pd.DataFrame({"therapist": named}) if named else None


class _Further:
    """Columns that a study does not need: of patients where each patient has one value, of sessions otherwise."""

    def __init__(self, table: GivenTable, heads: list[str], rows: pd.DataFrame) -> None:
        self.becomes: dict[str, str] = {}
        self.of_sessions = pd.DataFrame(index=rows.index)
        by_patient: dict[str, Any] = {"patient": list(dict.fromkeys(rows["patient"]))}
        taken = set(_TAKEN)
        for head in heads:
            name = plain_name(head, taken)
            taken.add(name)
            texts = pd.Series(self._texts(table, head), index=rows.index)
            per_patient = texts.groupby(rows["patient"], sort=False)
            is_fixed = rows["patient"].duplicated().any() and (texts == per_patient.transform("first")).all()
            if is_fixed:
                by_patient[name] = per_patient.first().reindex(by_patient["patient"]).tolist()
            else:
                self.of_sessions[name] = texts
            self.becomes[head] = f"further column {name!r} of {'patients' if is_fixed else 'sessions'}.csv"
        self.of_patients = pd.DataFrame(by_patient)

    @staticmethod
    def _texts(table: GivenTable, head: str) -> list[str]:
        """A column as texts, numbers with a decimal point whatever the file has."""
        numbers = table.numbers(head)
        is_decimal = any("." in text or "," in text for text in table.texts(head))
        if is_decimal and all(number is not None for number in numbers):
            return ["" if number is None or number != number else show_number(number) for number in numbers]
        return table.texts(head)
