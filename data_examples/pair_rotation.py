"""Who rates what in the examples: even loads, strata, and rotating pairs for the sessions that are coded twice."""

from __future__ import annotations

import random
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from doublecode.coding.allocation.rated_sessions import sessions_to_rate
from doublecode.schemas.frames import ASSIGNMENTS, SESSIONS, check_frame, complete

IntArray = NDArray[np.int64]


def rotating_pairs(
    sessions: pd.DataFrame, raters: Sequence[str], *, instrument: str, share: float, stages: Sequence[int] = (4,),
    batches: int = 1, seed: int,
) -> pd.DataFrame:  # fmt: skip
    """Assignments (contract ``ASSIGNMENTS``) of one instrument: `share` of the main sessions goes to two raters.

    One after the other, strata by strata, sessions go to the pair and the rater that have had the fewest. The examples
    keep this way of drawing, which meets no other demand, so that their data stay what they are; studies are planned by
    :func:`doublecode.coding.allocate`.
    """
    rated = sessions_to_rate(check_frame(complete(sessions, SESSIONS), SESSIONS))
    n_double = round(share * len(rated.main))
    rng = random.Random(seed)
    strata = _strata(rated.main, stages, rng)
    twice = _systematic(strata["session_id"].tolist(), n_double, rng)
    roles = _Roles(list(raters), dict.fromkeys(raters, len(rated.main)), n_double, rng)
    patient_of = dict(zip(strata["session_id"], strata["patient"].astype(str), strict=True))
    order = [session for session in strata["session_id"] if session in twice]
    order += [session for session in strata["session_id"] if session not in twice]
    for session in order:
        roles.give(session, patient_of[session], session in twice)
    roles.even_out()
    rows = _assignment_rows(roles, rated.pilot, list(raters), batches, seed)
    assignments = [(s, r, instrument, role, batch) for s, r, role, batch in rows]
    return check_frame(pd.DataFrame(assignments, columns=list(ASSIGNMENTS.columns)), ASSIGNMENTS)


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
