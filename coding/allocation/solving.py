"""From demands to a plan in counts: the programme is solved, and solved again where its raters hang apart."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final

from doublecode.coding.allocation.capacity import Room, room_of
from doublecode.coding.allocation.counts import Counts, Pair, Plan, double_bounds, pairs_of, solve
from doublecode.coding.allocation.free_teams import is_searchable
from doublecode.coding.allocation.streams import Cells, Stream, cells_of
from doublecode.coding.allocation.teams import teams_of
from doublecode.schemas.allocation import Demands

MANY_PAIRS: Final = 2_500
"""Counts of pairs above which, where sessions coded twice are fewer, only a part of the pairs is offered first."""
MOST_CUTS: Final = 25
TURNS: Final = 3
"""How many drawn ways to divide raters among separated instruments are tried."""


@dataclass(frozen=True, eq=False)
class Solved:
    """A plan in counts, with what it was made of."""

    cells: Sequence[Cells]
    room: Room
    counts: Counts


def solved(streams: Sequence[Stream], demands: Demands, seed: int) -> Solved | None:
    """Counts that meet all demands, or None where none were found."""
    for plan in _plans(streams, demands, seed):
        counts = _connected(plan, seed) if demands.connected else _first(plan, seed)
        if counts is not None:
            return Solved(plan.cells, plan.room, counts)
    return None


def _plans(streams: Sequence[Stream], demands: Demands, seed: int) -> Iterator[Plan]:
    """What is solved until one has an answer: drawn teams, and then, where that is not too large, free ones."""
    for turn in range(TURNS if demands.separations else 1):
        yield plan_of(streams, demands, seed, turn)
    if is_searchable(streams, demands):
        yield freest_plan(streams, demands, seed)


def plan_of(streams: Sequence[Stream], demands: Demands, seed: int, turn: int = 0) -> Plan:
    """Sort the sessions of all streams, and count what raters have to do beside them."""
    teams = teams_of(streams, demands, seed + turn)
    cells = [cells_of(stream, demands, own, seed) for stream, own in zip(streams, teams, strict=True)]
    return Plan(streams, cells, demands, room_of(streams, cells, demands), [frozenset()] * len(streams))


def freest_plan(streams: Sequence[Stream], demands: Demands, seed: int) -> Plan:
    """The plan that allows most: raters of separated instruments are divided by the programme where it can."""
    if not is_searchable(streams, demands):
        return plan_of(streams, demands, seed)
    cells = [cells_of(stream, demands, None, seed) for stream in streams]
    room = room_of(streams, cells, demands)
    return Plan(streams, cells, demands, room, [frozenset()] * len(streams), free_teams=True)


def _first(plan: Plan, seed: int) -> Counts | None:
    """Solve among a part of the pairs where there are very many, else, or if that fails, among all."""
    offered = [_offered(plan, i, seed) for i in range(len(plan.streams))]
    if any(one is not None for one in offered):
        found = solve(replace(plan, offered=offered))
        if found is not None:
            return found
    return solve(plan)


def _offered(plan: Plan, i: int, seed: int) -> frozenset[Pair] | None:
    """Neighbours in a ring of the raters, two and a half times as many pairs as are needed; None offers all."""
    cells = plan.cells[i]
    n, doubles = len(plan.streams[i].raters), double_bounds(cells)[2]
    if n * (n - 1) // 2 * len(cells.classes) < MANY_PAIRS or 3 * doubles > n * (n - 1) // 2:
        return None
    ring = _ring(plan, i, seed)
    reach = min(max(3, -(-5 * doubles // (2 * n))), n - 1)
    pairs = {(ring[a], ring[(a + step) % n]) for a in range(n) for step in range(1, reach + 1)}
    return frozenset((min(pair), max(pair)) for pair in pairs if pair[0] != pair[1])


def _connected(plan: Plan, seed: int) -> Counts | None:
    """Link the raters in a chain where their sessions suffice; else add a demand for each group that hangs apart."""
    chained = replace(plan, links=[_chain(plan, i, seed) for i in range(len(plan.streams))])
    found = _first(chained, seed) if any(chained.links) else None
    if found is not None and not apart(chained, found):
        return found
    cuts: list[tuple[int, frozenset[int]]] = []
    for _ in range(MOST_CUTS):
        found = _first(replace(plan, cuts=cuts), seed)
        if found is None:
            return None
        new = apart(plan, found)
        if not new:
            return found
        cuts += new
    return None


def _chain(plan: Plan, i: int, seed: int) -> frozenset[Pair]:
    """Neighbours in a row of the raters who can share a session."""
    cells = plan.cells[i]
    allowed = {pair for one in cells.classes for pair in pairs_of(one, one.open_to())}
    able = {rater for pair in allowed for rater in pair}
    ring = [rater for rater in _ring(plan, i, seed) if rater in able]
    links = {(min(pair), max(pair)) for pair in pairwise(ring)}
    return frozenset(links & allowed) if len(links) <= double_bounds(cells)[2] else frozenset()


def _ring(plan: Plan, i: int, seed: int) -> list[int]:
    ring = list(range(len(plan.streams[i].raters)))
    random.Random(f"{seed}/ring {i}").shuffle(ring)
    return ring


def apart(plan: Plan, counts: Counts, *, with_idle: bool = False) -> list[tuple[int, frozenset[int]]]:
    """Groups of raters, stream by stream, that share no session with the others; none where all hang together.

    `with_idle` counts raters who could rate and got nothing as groups, too.
    """
    found = []
    for i, cells in enumerate(plan.cells):
        if not (double_bounds(cells)[2] or cells.anchors):
            continue  # nothing is shared, and nothing was to be
        busy = {rater for _, rater in counts.singles[i]} | {rater for _, pair in counts.pairs[i] for rater in pair}
        busy |= {rater for who in cells.anchors.values() for rater in who}
        if with_idle:
            names = plan.streams[i].raters
            able = {rater for one in cells.classes for rater in one.open_to() if plan.room.batches[names[rater]]}
            busy |= able
        edges = [pair for _, pair in counts.pairs[i]]
        edges += [pair for who in cells.anchors.values() for pair in pairwise(who)]
        groups = components(busy | {rater for pair in edges for rater in pair}, edges)
        if len(groups) > 1:
            found += [(i, frozenset(group)) for group in groups[: len(groups) - (len(groups) == 2)]]
    return found


def components(members: set[int], edges: Sequence[Pair]) -> list[list[int]]:
    """Connected groups of members, each sorted, the one with the first member first."""
    leader = {one: one for one in members}

    def find(one: int) -> int:
        while leader[one] != one:
            leader[one] = leader[leader[one]]
            one = leader[one]
        return one

    for one, other in edges:
        leader[find(one)] = find(other)
    groups: dict[int, list[int]] = {}
    for one in sorted(members):
        groups.setdefault(find(one), []).append(one)
    return sorted(groups.values())
