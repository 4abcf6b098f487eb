"""How far the coding is: the state of every assignment, counted from workbooks and ledger; nothing is changed."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

import numpy as np
import pandas as pd

from doublecode.coding.allocation.rated_sessions import sessions_to_rate
from doublecode.coding.intake.consensus import is_decided
from doublecode.coding.intake.ledger_values import with_occasion
from doublecode.coding.intake.rating_tables import read_declared_table
from doublecode.coding.intake.study_ledger import has_ledger, open_ledger
from doublecode.coding.reading.expectations import check_assigned
from doublecode.coding.reading.incoming import Returned, no_workbooks, read_returned
from doublecode.coding.reading.sheet_shape import split_cell
from doublecode.coding.reading.study_tables import has_table, read_study_table
from doublecode.schemas.errors import StudyError
from doublecode.schemas.frames import OCCASION
from doublecode.schemas.instrument import Instrument
from doublecode.schemas.near_names import allowed
from doublecode.schemas.study import Study

KEY: Final = ["session_id", "rater", "instrument", OCCASION]
"""What an assignment is: one session, to be rated by one rater with one instrument, on one occasion."""
_UNTOUCHED: Final = "row_empty"
Keys = frozenset[tuple[Any, ...]]


class State(StrEnum):
    """Where an assignment stands; each is in exactly one state.

    Attributes
    ----------
    STORED
        Every required item has a rating in the ledger.
    RETURNED
        The same in ``incoming/`` or in the declared table of ratings, and not yet in the ledger.
    TO_MEND
        Begun or wrong: some required item has no rating, or a cell of the row is refused.
    OPEN
        Nothing is rated.
    LEFT_OUT
        Not to be rated any more: no recording, a patient who is in no number, or a session in which the instrument is
        not used. Whether it was rated before does not count.
    """

    STORED = "stored"
    RETURNED = "returned"
    TO_MEND = "to_mend"
    OPEN = "open"
    LEFT_OUT = "left_out"


@dataclass(frozen=True, eq=False)
class Progress:
    """What is done and what is not.

    Attributes
    ----------
    assignments : DataFrame
        One row per assignment, in the order of ``assignments.csv``: ``session_id, rater, instrument, occasion, role,
        batch, due`` (None where none is declared), ``state, late`` (not done, and the day it was due has passed),
        ``done_on`` (day on which it came into the ledger first, None where it is not there), ``minutes`` (to be
        heard: the codebook's segment, else ``minutes`` of ``sessions.csv``; NaN where neither is known).
    unplanned : tuple of tuple
        Keys (session, rater, instrument, occasion) that were rated and that nobody was assigned.
    waiting : tuple of str
        Files in ``incoming/`` that are not in the ledger.
    unread : tuple of str
        Files in ``incoming/`` that could not be read, or are not what the study expects; nothing of them is counted.
    n_errors : int
        Error-level problems of the files that were read.
    n_replaced, n_withdrawn : int
        Files in the ledger that hold no longer, because a later one replaced them, or because they were withdrawn;
        nothing of them is counted.
    ratings : DataFrame
        Contract ``RATINGS`` with ``occasion``: what was read, and what the ledger holds beyond it.
    """

    assignments: pd.DataFrame
    unplanned: tuple[tuple[Any, ...], ...]
    waiting: tuple[str, ...]
    unread: tuple[str, ...]
    n_errors: int
    n_replaced: int
    n_withdrawn: int
    ratings: pd.DataFrame


def read_progress(study: Study, today: dt.date) -> Progress:
    """Count what is done of what was assigned.

    Parameters
    ----------
    study : Study
    today : date
        What is late is late on this day.

    Raises
    ------
    StudyError
        Nothing is assigned yet, or ``due`` names a batch that is not in ``assignments.csv``.
    """
    if not has_table(study, "assignments"):
        raise StudyError(
            f"{study.name}: there is no assignments.csv, so nothing says what is to be done. Draw it with doublecode "
            "allocate, or write it by hand: session_id, rater, instrument, role, batch."
        )
    plan = with_occasion(read_study_table(study, "assignments"))[[*KEY, "role", "batch"]]
    sessions = read_study_table(study, "sessions")
    check_assigned(study, plan, frozenset(sessions["session_id"].astype(str)))
    _check_due(study, plan["batch"].unique().tolist())
    kept = _read_ledger(study)
    back = _read_incoming(study, kept)
    tables = _read_table(study, back.ratings)
    held = _Rated.of(study, kept.ratings)
    came = _Rated.of(study, pd.concat([back.ratings, tables], ignore_index=True) if len(tables) else back.ratings)
    rows = frozenset(_keys(back.rows))
    wrong = _wrong_rows(back)
    out = _left_out(study, sessions, plan)
    keys = _keys(plan)
    free = {name for name in study.codebooks if not _needed(study.codebooks[name])}
    books = zip(keys, plan["batch"], strict=True)
    stored = held.complete | {key for key, batch in books if key[2] in free and (*key[1:3], batch) in kept.books}
    done = came.complete | {key for key in rows if key[2] in free}

    def state_of(key: tuple[Any, ...], is_out: bool) -> State:
        if is_out:
            return State.LEFT_OUT
        if key in stored:
            return State.STORED
        if key in wrong or key in (came.begun | held.begun) - done:
            return State.TO_MEND
        return State.RETURNED if key in done else State.OPEN

    states = [state_of(key, is_out) for key, is_out in zip(keys, out, strict=True)]
    due = [study.due.get(str(batch)) for batch in plan["batch"]]
    late = [
        day is not None and today > day and state in (State.OPEN, State.TO_MEND)
        for day, state in zip(due, states, strict=True)
    ]
    table = plan.assign(
        due=pd.Series(due, plan.index, dtype=object), state=[state.value for state in states], late=late,
        done_on=pd.Series([kept.first.get(key) for key in keys], plan.index, dtype=object),
        minutes=_minutes(study, sessions, plan),
    )  # fmt: skip
    table.loc[table["state"] != State.STORED, "done_on"] = None
    unplanned = sorted((held.begun | came.begun) - frozenset(keys), key=str)
    waiting = tuple(back.files.loc[~back.files["sha256"].isin(kept.hashes), "file"])
    errors = sum(one.severity == "error" and one.code != _UNTOUCHED for one in back.problems)
    rest = (len(kept.replaced), len(kept.withdrawn), _each_once(back.ratings, tables, kept.ratings))
    return Progress(table.reset_index(drop=True), tuple(unplanned), waiting, back.unread, errors, *rest)


def _each_once(*parts: pd.DataFrame) -> pd.DataFrame:
    """Ratings of several sources, each from the first that has it."""
    every = [with_occasion(one) for one in parts if len(one)] or [with_occasion(parts[0])]
    return pd.concat(every, ignore_index=True).drop_duplicates([*KEY, "item"], ignore_index=True)


def _check_due(study: Study, batches: Collection[str]) -> None:
    stray = next((batch for batch in study.due if batch not in batches), None)
    if stray is not None:
        raise StudyError(
            f"study.toml: due: there is no batch {stray!r} in assignments.csv; {allowed(stray, sorted(batches))}. "
            "Correct the name, or take the line out."
        )


@dataclass(frozen=True, eq=False)
class _Kept:
    """The ledger as it holds now: ratings, hashes, workbooks, replaced and withdrawn files, first day of each key."""

    ratings: pd.DataFrame
    hashes: frozenset[str] = frozenset()
    books: Keys = frozenset()
    replaced: frozenset[str] = frozenset()
    withdrawn: Mapping[str, str] = field(default_factory=dict)
    first: Mapping[tuple[Any, ...], dt.date] = field(default_factory=dict)


def _read_ledger(study: Study) -> _Kept:
    if not has_ledger(study):
        return _Kept(no_workbooks()[0])
    with open_ledger(study) as ledger:
        files, history = ledger.files(), with_occasion(ledger.history())
        first = history.drop_duplicates(KEY)  # oldest first
        hold, gone = files[files["holds"].astype(bool)], files[files["withdrawn"].notna()]
        ratings = ledger.ratings()
        return _Kept(
            ratings[~is_decided(ratings)], frozenset(files.loc[files["site"] == "", "sha256"]),
            frozenset(hold[["rater", "instrument", "batch"]].itertuples(index=False, name=None)),
            ledger.superseded(),
            dict(zip(gone["sha256"], gone["withdrawn"], strict=True)),
            dict(zip(_keys(first), (dt.date.fromisoformat(str(one)[:10]) for one in first["taken_in"]), strict=True)),
        )  # fmt: skip


def _read_incoming(study: Study, kept: _Kept) -> Returned:
    if (study.folder / "incoming").is_dir():
        return read_returned(study, superseded=kept.replaced, withdrawn=kept.withdrawn, training=True)
    ratings, problems, files = no_workbooks()
    return Returned(ratings, problems, files, pd.DataFrame(columns=["file", "line", *KEY]), ())


def _read_table(study: Study, workbooks: pd.DataFrame) -> pd.DataFrame:
    """The ratings of the table that study.toml names."""
    table = read_declared_table(study)
    return workbooks.iloc[:0] if table is None else table[0]


def _needed(book: Instrument) -> frozenset[str]:
    """The items that a session needs a rating of."""
    return frozenset(item.name for item in book.columns if not (item.given or item.optional))


@dataclass(frozen=True)
class _Rated:
    """Keys of which anything is rated, and those of which every required item is."""

    begun: Keys
    complete: Keys

    @classmethod
    def of(cls, study: Study, ratings: pd.DataFrame) -> _Rated:
        """Count the required items that have a rating, or a reason why they have none."""
        rows = with_occasion(ratings)
        needed = {name: _needed(book) for name, book in study.codebooks.items()}
        pairs = [(name, item) for name, items in needed.items() for item in items]
        own = pd.MultiIndex.from_frame(rows[["instrument", "item"]]).isin(pairs)
        counts = Counter(_keys(rows.loc[own, [*KEY, "item"]].drop_duplicates()))
        complete = frozenset(key for key, n in counts.items() if n == len(needed[key[2]]))
        given = {(name, item.name) for name, book in study.codebooks.items() for item in book.columns if item.given}
        rated = ~pd.MultiIndex.from_frame(rows[["instrument", "item"]]).isin(list(given))
        return cls(frozenset(_keys(rows.loc[rated, KEY].drop_duplicates())), complete)


def _keys(rows: pd.DataFrame) -> list[tuple[Any, ...]]:
    return list(zip(*(rows[name].tolist() for name in KEY), strict=True))


def _wrong_rows(back: Returned) -> Keys:
    """Keys whose row holds a cell that was refused."""
    lines = {
        (one.file, split_cell(one.cell)[0] + 1)
        for one in back.problems
        if one.severity == "error" and one.cell and one.code != _UNTOUCHED
    }
    rows = back.rows
    at = np.array([place in lines for place in zip(rows["file"], rows["line"], strict=True)], dtype=bool)
    return frozenset(_keys(rows[at]))


def _left_out(study: Study, sessions: pd.DataFrame, plan: pd.DataFrame) -> list[bool]:
    """Whether each assignment is not to be rated any more."""
    patients = read_study_table(study, "patients") if has_table(study, "patients") else None
    out = sessions_to_rate(sessions, patients).left_out
    main = sessions[sessions["phase"] == "main"]
    numbers = dict(zip(main["session_id"].astype(str), main["session"].astype(int), strict=True))
    used = {name: study.use(name).sessions for name in study.codebooks}

    def is_out(session: str, instrument: str) -> bool:
        own = used.get(instrument)
        return session in out or (own is not None and numbers.get(session, own[0]) not in own)

    return [is_out(*pair) for pair in zip(plan["session_id"], plan["instrument"], strict=True)]


def _minutes(study: Study, sessions: pd.DataFrame, plan: pd.DataFrame) -> pd.Series[float]:
    """Minutes of each assignment that are to be heard."""
    length = dict(zip(sessions["session_id"].astype(str), sessions["minutes"], strict=True))
    segments = {name: book.segment.minutes for name, book in study.codebooks.items() if book.segment is not None}
    pairs = zip(plan["session_id"], plan["instrument"], strict=True)
    return pd.Series([segments.get(book, length.get(session, np.nan)) for session, book in pairs], plan.index, float)
