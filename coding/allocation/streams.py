"""What is handed out: the sessions of each set of raters, sorted into classes that are alike to the solver.

A *stream* is a set of instruments that the same raters rate from the same tapes. Its sessions fall into *strata*,
which say how many are coded twice, and into *classes*, whose sessions may go to the same raters and count in the same
limits. The programme decides on counts per class; which session of a class gets which raters is drawn afterwards.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations

import pandas as pd

from doublecode.coding.allocation.rated_sessions import RatedSessions
from doublecode.schemas.allocation import STAGE, Demands
from doublecode.schemas.errors import UsageError

Blocker = tuple[str, int, str]
"""What forbids: "restrictions", "separations" or "left", the place of the entry, and the value of the column."""


@dataclass(frozen=True, eq=False)
class Stream:
    """Instruments that the same raters rate from the same tapes.

    Attributes
    ----------
    instruments, raters : tuple of str
    rated : RatedSessions
        Which sessions are rated, which belong to the pilot, which are left out.
    table : DataFrame
        Main sessions, index of `rated.main`, with ``stage`` and the columns of patients and therapists.
    kept : DataFrame
        Contract ``ASSIGNMENTS``: what stands already and is not touched.
    spent : mapping of str to int
        What raters have done of sessions that are rated no more.
    last_out : int
        Number of the last batch that stands, be it of sessions that are rated no more.
    is_doubled : bool
        Whether sessions are coded twice at all: not where an assistant alone fills in a log.
    """

    instruments: tuple[str, ...]
    raters: tuple[str, ...]
    rated: RatedSessions
    table: pd.DataFrame
    kept: pd.DataFrame
    spent: Mapping[str, int] = field(default_factory=dict)
    last_out: int = 0
    is_doubled: bool = True


@dataclass(frozen=True)
class SessionClass:
    """Sessions that are alike to the solver.

    Attributes
    ----------
    blocked : tuple of tuple
        Per rater of the stream what forbids her these sessions; empty where nothing does.
    windows : tuple of int
        Limits with dates that these sessions count in.
    fixed : tuple of int
        Raters, as places in the stream, who have these sessions already: none, one, or two.
    begun : bool
        Whether some instruments of these tapes are rated by two, one of whom has left: the others are to be, too.
    groups : tuple of (int, str)
        Where teams are left to the programme: separations that these sessions count in, with the patient or therapist.
    """

    blocked: tuple[tuple[Blocker, ...], ...]
    windows: tuple[int, ...] = ()
    fixed: tuple[int, ...] = ()
    begun: bool = False
    groups: tuple[tuple[int, str], ...] = ()

    def open_to(self) -> list[int]:
        """Raters who may rate these sessions, or do already."""
        return [place for place, why in enumerate(self.blocked) if not why or place in self.fixed]


@dataclass(frozen=True, eq=False)
class Cells:
    """A stream as counts.

    Attributes
    ----------
    classes : list of SessionClass
    ids : list of str
        Sessions that are handed out singly or to pairs.
    class_of, stratum_of : list of int
        Their class and their finest stratum.
    shares : list of float
        Share of double coding that is aimed at in each session's stratum.
    margins : list of list of int
        For each coarser crossing of the strata, the group of every session.
    anchors : dict of str to tuple of int
        Sessions that all raters rate, with these raters.
    """

    classes: list[SessionClass]
    ids: list[str]
    class_of: list[int]
    stratum_of: list[int]
    shares: list[float]
    margins: list[list[int]]
    anchors: dict[str, tuple[int, ...]] = field(default_factory=dict)


def joined_columns(
    main: pd.DataFrame, patients: pd.DataFrame | None, therapists: pd.DataFrame | None, demands: Demands
) -> pd.DataFrame:
    """Main sessions with ``stage`` and the asked columns of patients and therapists; sessions' own columns win."""
    table = main.copy()
    cuts = sorted(demands.stages)
    if STAGE not in table.columns:
        table[STAGE] = [1 + sum(number > cut for cut in cuts) for number in table["session"]]
    for other, key in ((patients, "patient"), (therapists, "therapist")):
        if other is None:
            continue
        known = other.set_index(other[key].astype(str))
        for name in demands.columns:
            if name in other.columns and name not in table.columns:
                table[name] = table[key].astype(str).map(known[name]).astype(object)
    for name in demands.columns:
        if name not in table.columns:
            there = ", ".join(map(str, table.columns))
            raise UsageError(
                f"allocation: there is no column {name!r} in sessions.csv, patients.csv or therapists.csv; allowed: "
                f"{there}, and the columns of patients.csv and therapists.csv. Correct the name, or add the column."
            )
    return table


def text_of(value: object) -> str:
    """A cell as a demand names it; an empty one is empty text."""
    if value is None or value != value:
        return ""
    return f"{value:g}" if isinstance(value, float) else str(value)


def cells_of(
    stream: Stream, demands: Demands, teams: Sequence[Mapping[str, frozenset[str]]] | None, seed: int
) -> Cells:
    """Sort the sessions of a stream.

    Parameters
    ----------
    stream : Stream
    demands : Demands
    teams : sequence of mapping of str to set of str
        Per separation, which raters may rate which patient (or therapist) in this stream; empty where it is in none.
        None leaves teams to the programme.
    seed : int
        Of the draw of anchors.
    """
    rows = _texts(stream.table, demands)
    fixed = _fixed(stream, demands)
    half = Counter(session for session, _ in half_done(stream, demands))
    keys = {_key(row, demands) for row in rows}
    blocked = {key: _blockers(stream, demands, teams or [{} for _ in demands.separations], dict(key)) for key in keys}
    of_class: dict[SessionClass, int] = {}
    classes = []
    for row in rows:
        here = fixed.get(row["session_id"], ())
        why = blocked[_key(row, demands)]
        windows = tuple(j for j, one in enumerate(demands.limits) if one.is_dated and one.covers(row["date"]))
        begun = bool(half[row["session_id"]]) and half[row["session_id"]] + len(here) > 1
        found = SessionClass(why, windows, here, begun, _groups(stream, demands, row) if teams is None else ())
        classes.append(found)
    anchors = _anchors(stream, demands, rows, classes, seed)
    places = [place for place in range(len(rows)) if rows[place]["session_id"] not in anchors]
    class_of = [of_class.setdefault(classes[place], len(of_class)) for place in places]
    shares = [_share(rows[place], demands) if stream.is_doubled else 0.0 for place in places]
    strata: dict[tuple[object, ...], int] = {}
    columns = demands.strata
    finest = [(*(rows[place][name] for name in columns), share) for place, share in zip(places, shares, strict=True)]
    return Cells(
        list(of_class), [rows[place]["session_id"] for place in places], class_of,
        [strata.setdefault(key, len(strata)) for key in finest], shares,
        list(_margins(finest, len(columns))), anchors,
    )  # fmt: skip


def _texts(table: pd.DataFrame, demands: Demands) -> list[dict[str, str]]:
    names = dict.fromkeys(("session_id", "patient", "therapist", "date", STAGE, *demands.columns))
    columns = {name: [text_of(value) for value in table[name]] for name in names}
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


def _key(row: Mapping[str, str], demands: Demands) -> tuple[tuple[str, str], ...]:
    names = {one.column for one in demands.restrictions} | {one.within for one in demands.separations}
    return tuple((name, row[name]) for name in sorted(names))


def _groups(stream: Stream, demands: Demands, row: Mapping[str, str]) -> tuple[tuple[int, str], ...]:
    """The separations that a session counts in, each with its patient or therapist."""
    own = [(j, one) for j, one in enumerate(demands.separations) if set(stream.instruments) & set(one.instruments)]
    return tuple((j, row[one.within]) for j, one in own)


def _blockers(
    stream: Stream, demands: Demands, teams: Sequence[Mapping[str, frozenset[str]]], row: Mapping[str, str]
) -> tuple[tuple[Blocker, ...], ...]:
    """Per rater what forbids her sessions with these values."""
    rules = [(j, one) for j, one in enumerate(demands.restrictions) if one.forbids(row[one.column])]
    gone = gone_raters(demands)
    apart = [(j, one.within, teams[j]) for j, one in enumerate(demands.separations) if teams[j]]
    return tuple(
        (
            *(("restrictions", j, row[one.column]) for j, one in rules if one.rater == rater),
            *((("left", 0, ""),) if rater in gone else ()),
            *(("separations", j, "") for j, within, own in apart if rater not in own[row[within]]),
        )
        for rater in stream.raters
    )


def batch_number(name: str) -> int:
    """Number of a batch: 3 of ``batch03``; 0 of the pilot and of names that are not ours."""
    digits = name.removeprefix("batch")
    return int(digits) if digits.isdecimal() and name.startswith("batch") else 0


def pilot_number(name: str) -> int:
    """Number of a batch of the pilot: 1 of ``pilot``, 2 of ``pilot02``; 0 of others."""
    digits = name.removeprefix("pilot")
    return 1 if name == "pilot" else int(digits) if digits.isdecimal() and name.startswith("pilot") else 0


def gone_raters(demands: Demands) -> set[str]:
    """Raters who have left: they get nothing more."""
    return {one.rater for one in demands.limits if one.left}


def half_done(stream: Stream, demands: Demands) -> set[tuple[str, str]]:
    """(session, rater) of those who have left before they had rated a tape with all instruments of it."""
    rows = first_codings(stream.kept)
    rows = rows[rows["rater"].isin(gone_raters(demands)) & (rows["role"] != "pilot")]
    counts = Counter(zip(rows["session_id"].astype(str), rows["rater"].astype(str), strict=True))
    return {key for key, n in counts.items() if n < len(stream.instruments)}


def _fixed(stream: Stream, demands: Demands) -> dict[str, tuple[int, ...]]:
    """Sessions that raters of the stream have already: places of the raters, the primary first."""
    gone = stream.kept["rater"].isin(gone_raters(demands))
    again = ~stream.kept.index.isin(first_codings(stream.kept).index)
    half = half_done(stream, demands)
    keys = zip(stream.kept["session_id"].astype(str), stream.kept["rater"].astype(str), strict=True)
    begun = pd.Series([key in half for key in keys], stream.kept.index, dtype=bool)
    kept = stream.kept[(stream.kept["role"] != "pilot") & ~(gone & again) & ~begun]
    kept = kept.sort_values(["session_id", "role", "rater"], kind="stable")
    place = {rater: n for n, rater in enumerate(stream.raters)}
    found: dict[str, list[int]] = {}
    for session, rater in zip(kept["session_id"].astype(str), kept["rater"].astype(str), strict=True):
        own = found.setdefault(session, [])
        if place[rater] not in own:
            own.append(place[rater])
    return {session: tuple(own) for session, own in found.items()}


def idle_raters(demands: Demands) -> set[str]:
    """Raters who have left, or whose limits leave them nothing in all or in every batch."""
    nothing = [one for one in demands.limits if not one.is_dated and one.most(demands.minutes_per_rating) == 0]
    away: dict[str, set[int]] = {}
    for one in nothing:
        away.setdefault(one.rater, set()).add(one.batch or 0)
    every = set(range(1, demands.batches + 1))
    return {rater for rater, batches in away.items() if 0 in batches or every <= batches}


def first_codings(rows: pd.DataFrame) -> pd.DataFrame:
    """Assignments of occasion 1."""
    return rows[rows["occasion"] == 1] if "occasion" in rows.columns else rows


def _share(row: Mapping[str, str], demands: Demands) -> float:
    own = [one.share for one in demands.shares if row[one.column] == one.value]
    return own[-1] if own else demands.share


def _margins(finest: Sequence[tuple[object, ...]], n_columns: int) -> Iterator[list[int]]:
    """Groups by each crossing of fewer columns than all."""
    for size in range(1, n_columns):
        for columns in combinations(range(n_columns), size):
            groups: dict[tuple[object, ...], int] = {}
            yield [groups.setdefault(tuple(key[place] for place in columns), len(groups)) for key in finest]


def _anchors(
    stream: Stream, demands: Demands, rows: Sequence[Mapping[str, str]], classes: Sequence[SessionClass], seed: int
) -> dict[str, tuple[int, ...]]:
    """Sessions that all who may rate them rate: those that are named, those that are so already, or drawn ones."""
    gone = idle_raters(demands)
    open_to = {
        row["session_id"]: tuple(r for r in one.open_to() if r in one.fixed or stream.raters[r] not in gone)
        for row, one in zip(rows, classes, strict=True)
    }
    crowded = {row["session_id"] for row, one in zip(rows, classes, strict=True) if len(one.fixed) > 2}
    if isinstance(demands.anchors, tuple):
        wanted = [name for name in demands.anchors if name in open_to]
    else:
        again = set(stream.kept.loc[~stream.kept.index.isin(first_codings(stream.kept).index), "session_id"])
        chance = random.Random(f"{seed}/anchors")
        order = {name: chance.random() for name in sorted(open_to)}
        ranked = sorted(open_to, key=lambda s: (s not in crowded, s not in again, -len(open_to[s]), order[s]))
        wanted = ranked[: demands.anchors]
    fixed = {row["session_id"]: one.fixed for row, one in zip(rows, classes, strict=True)}
    found = {name: open_to[name] for name in wanted if open_to[name]}
    return found | {name: fixed[name] for name in crowded if name not in found}
