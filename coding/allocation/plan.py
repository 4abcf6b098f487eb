"""Decides who rates what: even loads, strata, and rotating pairs for the sessions that are coded twice.

Every session gets one primary rater. A stratified share of the sessions gets a
second one, so that each rater is paired with every other about equally often.
Haller & Watzke (2021) allocated their sessions in this way.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from doublecode.coding.allocation.allocation_result import FEW_DOUBLE_CODED, Allocation
from doublecode.coding.allocation.rated_sessions import RatedSessions, sessions_to_rate
from doublecode.schemas.errors import UsageError
from doublecode.schemas.frames import ASSIGNMENTS, SESSIONS, check_frame, complete
from doublecode.schemas.problems import Problem
from doublecode.schemas.results import Note

IntArray = NDArray[np.int64]
Progress = Callable[[str, int, int], None]


def allocate(
    sessions: pd.DataFrame,
    raters: Sequence[str],
    *,
    instruments: Sequence[str],
    share: float = 0.4,
    loads: Mapping[str, int] | None = None,
    stages: Sequence[int] = (4,),
    batches: int = 1,
    seed: int = 20210501,
    patients: pd.DataFrame | None = None,
    progress: Progress | None = None,
) -> Allocation:
    """Give every session a primary rater and a share of them a second one.

    Parameters
    ----------
    sessions : DataFrame
        Contract ``SESSIONS``; columns with a usual value, such as the therapist, may be left out. Sessions of
        the phase *pilot* are rated by all raters; sessions with the status *not_rated* are left out.
    raters : sequence of str
        Ids of the raters.
    instruments : sequence of str
        Instruments rated from the same tape by the same rater: each gets the same assignments.
    share : float
        Share of the main sessions that is coded twice, 0 to 1.
    loads : mapping of str to int, optional
        The most main-phase ratings that a rater can do; raters not named have no limit.
    stages : sequence of int
        Last session numbers of the treatment stages: ``(4,)`` makes sessions 1–4 and 5 on.
        With therapist and patient they are the strata.
    batches : int
        Into how many workbooks a rater's main sessions are split.
    seed : int
        The same seed gives the same allocation.
    patients : DataFrame, optional
        Contract ``PATIENTS``. Sessions of those who are *excluded*, or whose consent is withdrawn, are left out.
    progress : callable, optional
        Called with what is done, how many sessions are handed out, and of how many.

    Returns
    -------
    Allocation

    Raises
    ------
    UsageError
        The wishes cannot be met (``allocation_impossible``); the message names the smallest
        change that would make them possible.

    Examples
    --------
    >>> held = pd.DataFrame({"session_id": [f"S-{n}" for n in range(20)], "patient": ["P1"] * 10 + ["P2"] * 10,
    ...     "therapist": "T1", "session": [*range(1, 11)] * 2, "date": None, "minutes": 50.0, "phase": "main",
    ...     "status": "held", "reason": None, "recording": None})
    >>> plan = allocate(held, ["R1", "R2", "R3"], instruments=["ghes"], share=0.3)
    >>> plan.frame.loc[plan.frame["table"] == "pair", ["name", "sessions"]].to_dict("split")["data"]
    [['R1–R2', 2], ['R1–R3', 2], ['R2–R3', 2]]
    """
    rated = sessions_to_rate(check_frame(complete(sessions, SESSIONS), SESSIONS), patients)
    main, pilot = rated.main, rated.pilot
    n_double = round(share * len(main))
    limits = {rater: (loads or {}).get(rater, len(main)) for rater in raters}
    _check_possible(len(main), n_double, list(raters), share, limits, loads)
    rng = random.Random(seed)
    strata = _strata(main, stages, rng)
    twice = _systematic(strata["session_id"].tolist(), n_double, rng)
    roles = _Roles(list(raters), limits, n_double, rng)
    patient_of = dict(zip(strata["session_id"], strata["patient"].astype(str), strict=True))
    order = [session for session in strata["session_id"] if session in twice]
    order += [session for session in strata["session_id"] if session not in twice]
    for place, session in enumerate(order):
        if progress is not None:
            progress("Handing out sessions", place, len(order))
        roles.give(session, patient_of[session], session in twice)
    roles.even_out()
    rows = _assignment_rows(roles, pilot, list(raters), batches, seed)
    assignments = pd.DataFrame(
        [(s, r, instrument, role, batch) for instrument in instruments for s, r, role, batch in rows],
        columns=list(ASSIGNMENTS.columns),
    )
    frame = _proof(strata, roles, share)
    design = _counts(rated, rows, n_double)
    spec = {
        "raters": list(raters), "instruments": list(instruments), "share": share, "loads": dict(loads or {}),
        "stages": list(stages), "batches": batches, "seed": seed,
    }  # fmt: skip
    main_rows = assignments[assignments["role"] != "pilot"]
    apart = check_connected(main_rows) if n_double else []
    notes = (*rated.notes, *_notes(roles, n_double), *apart)
    return Allocation(spec, frame, design, check_frame(assignments, ASSIGNMENTS), notes, main.index)


def check_connected(assignments: pd.DataFrame) -> list[Note]:
    """Whether raters and sessions hang together, instrument by instrument.

    Raters can be compared only along sessions that they share. Where they fall into
    groups that share none, a note ``raters_apart`` names the groups.
    """
    notes = []
    for instrument, rows in assignments.groupby("instrument", sort=True):
        groups = _components(rows)
        if len(groups) > 1:
            notes.append(Note("raters_apart", str(instrument), {"groups": tuple(map(tuple, groups))}))
    return notes


def _components(rows: pd.DataFrame) -> list[list[str]]:
    """Connected groups of raters, sorted."""
    leader = {str(rater): str(rater) for rater in rows["rater"]}

    def find(rater: str) -> str:
        while leader[rater] != rater:
            rater = leader[rater]
        return rater

    firsts: dict[str, str] = {}
    for session, rater in zip(rows["session_id"], rows["rater"], strict=True):
        first = firsts.setdefault(str(session), str(rater))
        leader[find(str(rater))] = find(first)
    groups: dict[str, list[str]] = {}
    for rater in sorted(leader):
        groups.setdefault(find(rater), []).append(rater)
    return sorted(groups.values())


def _check_possible(
    n: int, n_double: int, raters: list[str], share: float, limits: dict[str, int], loads: Mapping[str, int] | None
) -> None:
    stray = [rater for rater in loads or {} if rater not in limits]
    if stray:
        raise UsageError(f"loads: rater {stray[0]!r} is not among the raters; allowed: {', '.join(raters)}.")
    if not 0 <= share <= 1:
        raise UsageError(f"share: found {share}, allowed 0 to 1.")
    if not raters or len(set(raters)) != len(raters):
        raise UsageError(f"raters: found {raters}, allowed at least one id, each once.")
    if not n:
        raise _impossible(
            "no session of the main phase is to be rated",
            "Look at status and phase in sessions.csv, and at status in patients.csv.",
        )
    wanted = n + n_double
    able = sum(min(limit, n) for limit in limits.values())
    if n_double and len(raters) < 2:
        raise _impossible(
            "two raters are needed to code a session twice, found one", "Add one rater, or set the share to 0."
        )
    if able < wanted:
        less = max(able - n, 0) / n if n else 0.0
        way_out = f"Raise the loads by {wanted - able} ratings in all"
        way_out += f", or lower the share to {int(less * 1000) / 1000:g}." if able >= n else "; no share is low enough."
        raise _impossible(f"{n} sessions and {n_double} second ratings make {wanted}, the loads allow {able}", way_out)
    if 0 < n_double < len(raters) - 1:
        least = -(-1000 * (len(raters) - 1) // n) / 1000
        raise _impossible(
            f"{n_double} double-coded sessions cannot connect {len(raters)} raters",
            f"Raise the share to {least:g} ({len(raters) - 1} sessions).",
        )


def _impossible(found: str, way_out: str) -> UsageError:
    return UsageError(str(Problem("allocation_impossible", found=found, allowed=way_out)))


def _strata(main: pd.DataFrame, stages: Sequence[int], rng: random.Random) -> pd.DataFrame:
    """Main sessions in the order of their strata, shuffled within."""
    cuts = sorted(stages)
    table = main[["session_id", "therapist", "patient", "session"]].copy()
    table["stage"] = [1 + sum(number > cut for cut in cuts) for number in table["session"]]
    table["chance"] = [rng.random() for _ in range(len(table))]
    return table.sort_values(["therapist", "patient", "stage", "chance", "session_id"]).reset_index(drop=True)


def _systematic(ids: list[str], n_double: int, rng: random.Random) -> set[str]:
    """Every k-th session along the strata from a random start: each stratum gets its share."""
    if not n_double:
        return set()
    step = len(ids) / n_double
    start = rng.random() * step
    return {ids[min(int(start + k * step), len(ids) - 1)] for k in range(n_double)}


class _Roles:
    """Hands out sessions one by one, always to the raters and pairs that have had the fewest.

    Raters are counted from 0 inside; `first` and `second` (n_pairs,) are the members of each pair.
    """

    def __init__(self, raters: list[str], limits: dict[str, int], n_double: int, rng: random.Random) -> None:
        self.raters = raters
        self.pairs_left = n_double
        self.loads = np.zeros(len(raters), dtype=np.int64)
        self.primaries = np.zeros(len(raters), dtype=np.int64)
        self.given: dict[str, tuple[int, ...]] = {}
        self.first, self.second = np.triu_indices(len(raters), k=1)
        self.pair_counts = np.zeros(len(self.first), dtype=np.int64)
        self._limits = np.array([limits[rater] for rater in raters], dtype=np.int64)
        self._with_patient: dict[str, IntArray] = {}
        self._rng = rng
        chain = list(range(len(raters)))
        rng.shuffle(chain)
        links = {frozenset(link) for link in pairwise(chain)}
        pairs = zip(self.first.tolist(), self.second.tolist(), strict=True)
        self._is_link = np.array([frozenset(pair) in links for pair in pairs], dtype=bool)

    def give(self, session: str, patient: str, twice: bool) -> None:
        """Assign one session; with `twice` to a pair, whose first member is the primary rater."""
        met = self._with_patient.setdefault(patient, np.zeros(len(self.raters), dtype=np.int64))
        chosen = self._pair(met) if twice else (self._single(met),)
        for rater in chosen:
            self.loads[rater] += 1
            met[rater] += 1
        self.primaries[chosen[0]] += 1
        self.given[session] = chosen

    def _pair(self, met: IntArray) -> tuple[int, int]:
        self.pairs_left -= 1
        first, second = self.first, self.second
        room = self._limits - self.loads
        scarce = room <= self.pairs_left
        enough = np.minimum(room, self.pairs_left).sum() - scarce[first] - scarce[second] >= 2 * self.pairs_left
        possible = np.flatnonzero((room[first] > 0) & (room[second] > 0) & enough)
        place = self._least(
            possible,
            self.pair_counts,
            ~self._is_link,
            self.loads[first] + self.loads[second],
            met[first] + met[second],
        )
        self.pair_counts[place] += 1
        one, other = int(first[place]), int(second[place])
        return (one, other) if self.primaries[one] <= self.primaries[other] else (other, one)

    def _single(self, met: IntArray) -> int:
        fair = self.loads.sum() / len(self.raters) + 1  # the load at which a rater has had her part so far
        return self._least(np.flatnonzero(self.loads < self._limits), self.loads >= fair, met, self.loads)

    def _least(self, possible: IntArray, *criteria: NDArray[np.generic]) -> int:
        """The one of `possible` that is least by the first criterion, then by the next, at last by chance."""
        chances = np.array([self._rng.random() for _ in range(len(possible))])
        for values in criteria:
            own = values[possible]
            kept = own == own.min()
            possible, chances = possible[kept], chances[kept]
        return int(possible[chances.argmin()])

    def named(self) -> dict[str, tuple[str, ...]]:
        """Session → ids of its raters, the primary one first."""
        return {session: tuple(self.raters[rater] for rater in chosen) for session, chosen in self.given.items()}

    def even_out(self) -> None:
        """Swap the roles within pairs until the primary loads differ as little as they can."""
        moved = True
        while moved:
            moved = False
            for session, chosen in self.given.items():
                if len(chosen) == 2 and self.primaries[chosen[0]] > self.primaries[chosen[1]] + 1:
                    self.primaries[chosen[0]] -= 1
                    self.primaries[chosen[1]] += 1
                    self.given[session] = (chosen[1], chosen[0])
                    moved = True


def _assignment_rows(
    roles: _Roles, pilot: list[str], raters: list[str], batches: int, seed: int
) -> list[tuple[str, str, str, str]]:
    """Rows (session, rater, role, batch): pilot first, then each rater's batches."""
    rows = [(session, rater, "pilot", "pilot") for session in pilot for rater in raters]
    own_of: dict[str, list[str]] = {rater: [] for rater in raters}
    named = roles.named()
    for session, chosen in named.items():
        for rater in chosen:
            own_of[rater].append(session)
    for rater in raters:
        own = sorted(own_of[rater])
        random.Random(f"{seed}/{rater}").shuffle(own)
        size = max(-(-len(own) // batches), 1)
        for place, session in enumerate(own):
            role = "primary" if named[session][0] == rater else "second"
            rows.append((session, rater, role, f"batch{place // size + 1:02d}"))
    return rows


def _proof(strata: pd.DataFrame, roles: _Roles, share: float) -> pd.DataFrame:
    rows: list[tuple[str, str, int, int, float, float]] = []
    total, n_double = int(roles.loads.sum()), int(roles.pair_counts.sum())
    pairs = zip(roles.first.tolist(), roles.second.tolist(), roles.pair_counts.tolist(), strict=True)
    named_pairs = [(f"{roles.raters[one]}–{roles.raters[other]}", count) for one, other, count in pairs]
    doubles = np.bincount(
        np.array([rater for chosen in roles.given.values() if len(chosen) == 2 for rater in chosen], dtype=np.intp),
        minlength=len(roles.raters),
    )
    for rater, load, double in zip(roles.raters, roles.loads.tolist(), doubles.tolist(), strict=True):
        rows.append(("load", rater, load, double, double / load if load else float("nan"), total / len(roles.raters)))
    for pair, count in named_pairs:
        rows.append(("pair", pair, count, count, 1.0, n_double / len(named_pairs)))
    for column in ("therapist", "patient", "stage"):
        for name, group in strata.groupby(column, sort=True):
            rows.append(_stratum(f"{column} {name}", group["session_id"], roles, share))
    return pd.DataFrame(rows, columns=["table", "name", "sessions", "double", "share", "expected"])


def _stratum(
    name: str, sessions: Iterable[str], roles: _Roles, share: float
) -> tuple[str, str, int, int, float, float]:
    ids = list(sessions)
    double = sum(len(roles.given[session]) == 2 for session in ids)
    return ("stratum", name, len(ids), double, double / len(ids), share * len(ids))


def _counts(rated: RatedSessions, rows: list[tuple[str, str, str, str]], n_double: int) -> dict[str, Any]:
    return {
        "sessions": len(rated.main),
        "double_coded": n_double,
        "share": n_double / len(rated.main) if len(rated.main) else float("nan"),
        "ratings": len(rows),
        "pilot_sessions": len(rated.pilot),
        "left_out": rated.left_out,
    }


def _notes(roles: _Roles, n_double: int) -> Iterator[Note]:
    if 0 < n_double < len(roles.first):
        yield Note("fewer_double_coded_than_pairs", numbers={"n": n_double, "pairs": len(roles.first)})
    if n_double and n_double < FEW_DOUBLE_CODED:
        yield Note("few_double_coded", numbers={"least": FEW_DOUBLE_CODED})
