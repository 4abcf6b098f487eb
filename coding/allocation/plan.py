"""Decides who rates what: a compiler of demands, with even loads, strata and rotating pairs.

Every session gets one primary rater, and a stratified share of the sessions a second one, so that each rater is paired
with every other about equally often. Haller & Watzke (2021) allocated their sessions in this way.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from doublecode.coding.allocation.allocation_result import Allocation
from doublecode.coding.allocation.draw import Progress, Row, assignment_rows, drawn_raters
from doublecode.coding.allocation.proof import proven
from doublecode.coding.allocation.rated_sessions import sessions_to_rate
from doublecode.coding.allocation.relaxation import impossible
from doublecode.coding.allocation.solving import solved
from doublecode.coding.allocation.streams import (
    Stream,
    batch_number,
    first_codings,
    gone_raters,
    half_done,
    joined_columns,
)
from doublecode.schemas.allocation import Demands, Limit
from doublecode.schemas.errors import UsageError
from doublecode.schemas.frames import ASSIGNMENTS, OCCASION, SESSIONS, check_frame, complete
from doublecode.schemas.near_names import allowed
from doublecode.schemas.problems import Problem


def allocate(
    sessions: pd.DataFrame,
    raters: Sequence[str],
    *,
    instruments: Sequence[str],
    demands: Demands | None = None,
    share: float | None = None,
    loads: Mapping[str, int] | None = None,
    stages: Sequence[int] | None = None,
    batches: int | None = None,
    seed: int = 20210501,
    patients: pd.DataFrame | None = None,
    therapists: pd.DataFrame | None = None,
    kept: pd.DataFrame | None = None,
    progress: Progress | None = None,
) -> Allocation:
    """Give every session a primary rater and a share of them a second one, as demanded.

    Parameters
    ----------
    sessions : DataFrame
        Contract ``SESSIONS``; columns with a usual value, such as the therapist, may be left out. Sessions of
        the phase *pilot* are rated by all raters; sessions with the status *not_rated* are left out.
    raters : sequence of str
        Ids of the raters.
    instruments : sequence of str
        Instruments rated from the same tape by the same rater: each gets the same assignments.
    demands : Demands, optional
        What is demanded, as ``[allocation]`` of ``study.toml`` declares it; see
        :class:`doublecode.schemas.allocation.Demands`. The next four stand for its commonest entries.
    share : float, optional
        Share of the main sessions that is coded twice, 0 to 1; .4 without it.
    loads : mapping of str to int, optional
        The most main-phase ratings that a rater can do; raters not named have no limit.
    stages : sequence of int, optional
        Last session numbers of the treatment stages: ``(4,)`` makes sessions 1–4 and 5 on.
        With therapist and patient they are the strata.
    batches : int, optional
        Into how many workbooks a rater's main sessions are split.
    seed : int
        The same seed gives the same allocation.
    patients : DataFrame, optional
        Contract ``PATIENTS``. Sessions of those who are *excluded*, or whose consent is withdrawn, are left out.
    therapists : DataFrame, optional
        Contract ``THERAPISTS``; its columns may be strata.
    kept : DataFrame, optional
        Contract ``ASSIGNMENTS``: what stands already. It stays as it is, and the rest is planned around it.
    progress : callable, optional
        Called with what is done, how many sessions are handed out, and of how many.

    Returns
    -------
    Allocation

    Raises
    ------
    AllocationImpossible
        The demands exclude one another (``allocation_impossible``); the message names the least change that
        makes a plan possible, ``.changes`` holds it and ``.mended`` the demands with it.
    UsageError
        An argument is not what it should be.

    Notes
    -----
    Two steps. A mixed integer programme (HiGHS, through ``scipy.optimize.milp``) decides how many sessions of each
    class go to each pair and to each rater alone; sessions are of one class if they may go to the same raters and count
    in the same limits. All demands are its constraints; what it minimises is how far loads, pairs and coarser strata
    lie from even. Then sessions are drawn by seed, so that raters meet patients and therapists evenly.

    Examples
    --------
    >>> held = pd.DataFrame({"session_id": [f"S-{n}" for n in range(20)], "patient": ["P1"] * 10 + ["P2"] * 10,
    ...     "therapist": "T1", "session": [*range(1, 11)] * 2, "date": None, "minutes": 50.0, "phase": "main",
    ...     "status": "held", "reason": None, "recording": None})
    >>> plan = allocate(held, ["R1", "R2", "R3"], instruments=["ghes"], share=0.3)
    >>> plan.frame.loc[plan.frame["table"] == "pair", ["name", "sessions"]].to_dict("split")["data"]
    [['R1–R2', 2], ['R1–R3', 2], ['R2–R3', 2]]
    """
    if not raters or len(set(raters)) != len(raters):
        raise UsageError(f"raters: found {list(raters)}, allowed at least one id, each once.")
    for rater in loads or {}:
        if rater not in raters:
            raise UsageError(f"loads: rater {rater!r} is not among the raters; allowed: {', '.join(raters)}.")
    if share is not None and not 0 <= share <= 1:
        raise UsageError(f"share: found {share}, allowed 0 to 1.")
    asked: dict[str, object] = {
        "share": share, "stages": None if stages is None else tuple(stages), "batches": batches,
        "limits": loads and (*(demands or Demands()).limits, *(Limit(rater=r, sessions=n) for r, n in loads.items())),
    }  # fmt: skip
    given = {key: value for key, value in asked.items() if value is not None}
    wanted = (demands or Demands()).model_copy(update=given)
    check_sessions(complete(sessions, SESSIONS), wanted)
    stream = stream_of(sessions, raters, instruments, wanted, patients, therapists, kept)
    return plan_streams([stream], wanted, seed, progress)[0]


def check_sessions(sessions: pd.DataFrame, demands: Demands) -> None:
    """Sessions that demands name are there, and of the main phase: a slip would leave them without effect."""
    phase = dict(zip(sessions["session_id"].astype(str), sessions["phase"], strict=True))
    for key, names in (("training", demands.training), ("anchors", demands.named_anchors)):
        for name in names:
            if name not in phase:
                raise UsageError(f"allocation: {key}: no session is called {name!r}; {allowed(name, sorted(phase))}.")
            if phase[name] == "pilot":
                raise UsageError(
                    f"allocation: {key}: {name} is of the pilot, which all raters rate and which is in no plan; take "
                    "it out."
                )


def stream_of(
    sessions: pd.DataFrame,
    raters: Sequence[str],
    instruments: Sequence[str],
    demands: Demands,
    patients: pd.DataFrame | None = None,
    therapists: pd.DataFrame | None = None,
    kept: pd.DataFrame | None = None,
) -> Stream:
    """What one set of raters rates from the same tapes."""
    held = check_frame(complete(sessions, SESSIONS), SESSIONS)
    rated = sessions_to_rate(held[~held["session_id"].astype(str).isin(demands.training)], patients)
    rated.left_out.update((str(one), "training") for one in held["session_id"] if str(one) in demands.training)
    if not len(rated.main):
        found = "no session of the main phase is to be rated"
        way_out = "Look at status and phase in sessions.csv, and at status in patients.csv."
        raise UsageError(str(Problem("allocation_impossible", found=found, allowed=way_out)))
    table = joined_columns(rated.main, patients, therapists, demands)
    own, vain, last = _kept_of(kept, instruments, {*table["session_id"].astype(str), *rated.pilot})
    stray = [rater for rater in own["rater"].astype(str) if rater not in raters]
    if stray:
        raise UsageError(
            f"rater {stray[0]!r} has assignments of {instruments[0]} that are kept, and is not among its raters. Leave "
            f'her in study.toml, and say that she has gone: [[allocation.limits]] rater = "{stray[0]}", left = true.'
        )
    return Stream(tuple(instruments), tuple(raters), rated, table, own, vain, last)


def _kept_of(
    kept: pd.DataFrame | None, instruments: Sequence[str], sessions: set[str]
) -> tuple[pd.DataFrame, Counter[str], int]:
    """What stands of these sessions, how much each rater has done of others, and the number of the last batch."""
    if kept is None:
        return pd.DataFrame({name: pd.Series(dtype="str") for name in ASSIGNMENTS.columns}), Counter(), 0
    rows = check_frame(kept, ASSIGNMENTS)
    rows = rows[rows["instrument"].isin(list(instruments))]
    inside = rows["session_id"].astype(str).isin(sessions)
    vain = rows[~inside & (rows["role"] != "pilot")]
    tapes = vain[["rater", "session_id", *(vain.columns.intersection([OCCASION]))]].drop_duplicates()
    last = max((batch_number(str(name)) for name in rows["batch"]), default=0)
    return rows[inside], Counter(tapes["rater"].astype(str)), last


def planned_apart(kept: pd.DataFrame | None, instruments: Sequence[str], demands: Demands) -> bool:
    """Whether what is kept of some instruments is not of tapes heard once: a session has two primary raters, or three.

    Then each instrument stays a plan of its own, also where their separation was given up since. Anchors, of which one
    instrument alone has so many raters, do not count, nor do sessions of raters who have left, of whom others may have
    taken over some instruments.
    """
    if kept is None or len(instruments) < 2:
        return False
    rows = kept[kept["instrument"].isin(list(instruments)) & (kept["role"] != "pilot")]
    rows = rows[~rows["session_id"].isin(rows.loc[rows["rater"].isin(gone_raters(demands)), "session_id"])]
    alone = rows.groupby(["session_id", "instrument"])["rater"].nunique()
    rows = rows[~rows["session_id"].isin(alone[alone > 2].index.get_level_values("session_id"))]
    raters = rows.groupby("session_id")["rater"].nunique()
    primaries = rows[rows["role"] == "primary"].groupby("session_id")["rater"].nunique()
    return bool((raters > 2).any() or (primaries > 1).any())


def plan_streams(
    streams: Sequence[Stream], demands: Demands, seed: int, progress: Progress | None = None
) -> list[Allocation]:
    """One plan over all sets of raters: what a limit or a separation joins is solved together."""
    if progress is not None:
        progress("Solving", 0, 1)
    found = solved(streams, demands, seed)
    if found is None:
        raise impossible(streams, demands, seed)
    given = [
        drawn_raters(i, stream, found.cells[i], found.counts, random.Random(f"{seed}/{i}"), progress)
        for i, stream in enumerate(streams)
    ]
    rows = assignment_rows(streams, found.cells, given, found.room, demands, seed)
    return [
        proven(stream, demands, seed, _as_frame(stream, own, demands), cells)
        for stream, own, cells in zip(streams, rows, found.cells, strict=True)
    ]


def _as_frame(stream: Stream, rows: Sequence[Row], demands: Demands) -> pd.DataFrame:
    """What is kept, and the new rows for each instrument; ``occasion`` only where one is not the first."""
    new = pd.DataFrame(rows, columns=["session_id", "rater", "role", "batch", OCCASION])
    parts = [stream.kept] if len(stream.kept) else []
    for instrument in stream.instruments:
        own = pd.concat([_missing(stream, instrument, demands), new.assign(instrument=instrument)], ignore_index=True)
        parts.append(own[~_taken_over(stream, instrument, demands, own)])
    frame = pd.concat(parts, ignore_index=True)
    frame[OCCASION] = pd.to_numeric(frame.get(OCCASION, pd.Series(1, frame.index))).fillna(1).astype("int64")
    frame["role"] = _with_primaries(frame)
    columns = [*ASSIGNMENTS.columns, *([OCCASION] if (frame[OCCASION] > 1).any() else [])]
    return check_frame(frame[columns], ASSIGNMENTS)


def _with_primaries(frame: pd.DataFrame) -> pd.Series[str]:
    """Roles, where whoever is left of a session that has lost its primary rater becomes it, and none has two."""
    role = frame["role"].copy()
    first = frame[(role == "primary") & (frame[OCCASION] == 1)]
    again = first[first.duplicated(["session_id", "instrument"])]  # what stands comes first
    follows = set(again[["session_id", "instrument", "rater"]].itertuples(index=False, name=None))
    keys = frame[["session_id", "instrument", "rater"]].itertuples(index=False, name=None)
    role = role.mask(np.array([key in follows for key in keys], dtype=bool), "second")
    rated = role != "pilot"
    led = frame[rated & (role == "primary") & (frame[OCCASION] == 1)]
    has = set(zip(led["session_id"], led["instrument"], strict=True))
    pairs = zip(frame["session_id"], frame["instrument"], strict=True)
    bare = rated & np.array([pair not in has for pair in pairs], dtype=bool)
    alone = frame[bare & (frame[OCCASION] == 1)].drop_duplicates(["session_id", "instrument"])
    leaders = set(zip(alone["session_id"], alone["instrument"], alone["rater"], strict=True))
    rows = zip(frame["session_id"], frame["instrument"], frame["rater"], strict=True)
    return role.mask(bare & np.array([row in leaders for row in rows], dtype=bool), "primary")


def _missing(stream: Stream, instrument: str, demands: Demands) -> pd.DataFrame:
    """What a rater has of one instrument of a tape she is to rate with the others too.

    Recodes that nothing demands were written by hand, for the instruments that stand there.
    """
    columns = ["session_id", "rater", *([OCCASION] if OCCASION in stream.kept.columns else [])]
    every = stream.kept[~stream.kept["rater"].isin(gone_raters(demands))].drop_duplicates(columns)
    has = stream.kept.loc[stream.kept["instrument"] == instrument, columns]
    rows = every.merge(has, on=columns, how="left", indicator=True)
    rows = rows[rows["_merge"] == "left_only"].drop(columns="_merge")
    if OCCASION in rows.columns and not (demands.recodes or demands.anchors):
        rows = rows[rows[OCCASION] == 1]
    return rows.assign(instrument=instrument)


def _taken_over(stream: Stream, instrument: str, demands: Demands, new: pd.DataFrame) -> NDArray[np.bool_]:
    """Which new rows are in vain: a rater who has left in the middle of a tape has rated this instrument of it."""
    kept = first_codings(stream.kept)
    has = kept.loc[kept["instrument"] == instrument, ["session_id", "rater"]].astype(str)
    times = pd.to_numeric(new.get(OCCASION, pd.Series(1, new.index))).fillna(1)
    half = half_done(stream, demands)
    left = Counter(session for session, rater in has.itertuples(index=False) if (session, rater) in half)
    out: set[tuple[str, str]] = set()
    seconds_first = new[times == 1].sort_values("role", ascending=False, kind="stable")
    for row in seconds_first.itertuples():
        if left[str(row.session_id)]:
            left[str(row.session_id)] -= 1
            out.add((str(row.session_id), str(row.rater)))
    keys = zip(new["session_id"].astype(str), new["rater"].astype(str), strict=True)
    return np.array([key in out for key in keys], dtype=bool)
