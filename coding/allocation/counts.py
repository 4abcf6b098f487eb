"""Who rates how many of what: demands as an integer programme over counts.

Counts of classes, not sessions, are decided on, so that its size grows with raters and classes, not with the study. All
demands are constraints; how far loads, pairs and coarser strata lie from even is the cost. Where there is no plan, the
same programme with a price for every demand that is left tells which demands are in the way, and by how much.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Final

import numpy as np
from numpy.typing import NDArray

from doublecode.coding.allocation.capacity import Room
from doublecode.coding.allocation.fair_targets import fair_targets
from doublecode.coding.allocation.free_teams import add_teams
from doublecode.coding.allocation.programme import Programme
from doublecode.coding.allocation.spread import add_spread
from doublecode.coding.allocation.streams import Blocker, Cells, SessionClass, Stream
from doublecode.schemas.allocation import Demands, Limit

Floats = NDArray[np.float64]
Pair = tuple[int, int]
LOAD_COST: Final = 30.0
PAIR_COST: Final = 10.0
WORST_COST: Final = 40.0
MARGIN_COST: Final = 5.0
BEGUN_COST: Final = 500.0


@dataclass(frozen=True, eq=False)
class Counts:
    """What the programme decides, one entry per stream.

    Attributes
    ----------
    doubles : list of dict
        (stratum, class) → sessions coded twice.
    pairs : list of dict
        (class, pair of raters) → sessions.
    singles : list of dict
        (class, rater) → sessions.
    slack : dict
        Demand (name, entry, value) → by how much it was relaxed; empty where nothing was.
    """

    doubles: list[dict[tuple[int, int], int]]
    pairs: list[dict[tuple[int, Pair], int]]
    singles: list[dict[tuple[int, int], int]]
    slack: dict[Blocker, int] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Plan:
    """What the programme is built of.

    Attributes
    ----------
    streams, cells : sequences
    demands : Demands
    room : Room
    links : sequence per stream of sets of pairs
        Pairs of which each has to share a session.
    cuts : list of (int, set of int)
        Streams and groups of raters that have to share a session with the others.
    offered : sequence per stream of a set of pairs, or None
        The pairs among which is chosen; None offers all.
    elastic : bool
        Whether demands may be left at a price.
    most_doubles : bool
        Whether the number of sessions coded twice is free, as many as there can be.
    free_teams : bool
        Whether the programme divides the raters among separated instruments.
    """

    streams: Sequence[Stream]
    cells: Sequence[Cells]
    demands: Demands
    room: Room
    links: Sequence[frozenset[Pair]]
    cuts: Sequence[tuple[int, frozenset[int]]] = ()
    offered: Sequence[frozenset[Pair] | None] = ()
    elastic: bool = False
    most_doubles: bool = False
    free_teams: bool = False


SLACK_COST: Final = {"limits": 1.0, "recodes": 20.0, "restrictions": 30.0, "connected": 100.0, "separations": 300.0}
"""What a demand costs that is left: a session more before one recode less, and so on."""
ENTRY_COST: Final = 3.0
"""What it costs to touch a limit at all, so that one is raised by four rather than four by one."""


class _Builder:
    """One plan as a programme; keeps which column is what."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.milp = Programme()
        self.doubles: list[dict[tuple[int, int], int]] = []
        self.pairs: list[dict[tuple[int, Pair], int]] = []
        self.singles: list[dict[tuple[int, int], int]] = []
        self.slack: dict[Blocker, int] = {}
        self._usage: list[dict[int, dict[int, list[int]]]] = []
        for i, cells in enumerate(plan.cells):
            self._add_classes(i, cells)
            self._add_strata(i, cells)
            if not plan.elastic and not plan.most_doubles:
                self._add_evenness(i, cells)
            self._add_connections(i)
        if plan.free_teams:
            slack_of = self.slack_of if plan.elastic else None
            add_teams(self.milp, plan.streams, plan.cells, plan.demands, self._usage, slack_of)
        self._add_limits()

    def slack_of(self, key: Blocker, high: float = np.inf) -> int:
        """The column that leaves a demand."""
        if key not in self.slack:
            self.slack[key] = self.milp.variable(high=high, cost=SLACK_COST[key[0]])
            if key[0] == "limits":
                touched = self.milp.variable(high=1, cost=ENTRY_COST)
                most = sum(4 * len(cells.ids) + 100 for cells in self.plan.cells)
                self.milp.row([(self.slack[key], 1.0), (touched, -float(most))], high=0)
        return self.slack[key]

    def _open(self, one: SessionClass) -> list[int]:
        if not self.plan.elastic:
            return one.open_to()
        return [r for r, why in enumerate(one.blocked) if r in one.fixed or all(key[0] != "left" for key in why)]

    def _add_classes(self, i: int, cells: Cells) -> None:
        """Sessions of a class that are coded twice go to pairs, the others to one rater each."""
        sizes = Counter(zip(cells.stratum_of, cells.class_of, strict=True))
        self.doubles.append({key: self.milp.variable(high=n) for key, n in sizes.items()})
        self.pairs.append({})
        self.singles.append({})
        self._usage.append({})
        twice: dict[int, list[tuple[int, float]]] = defaultdict(list)
        for (_, k), column in self.doubles[i].items():
            twice[k].append((column, 1.0))
        by_class = Counter(cells.class_of)
        for k, one in enumerate(cells.classes):
            self._add_class(i, k, one, by_class[k], twice[k])

    def _add_class(self, i: int, k: int, one: SessionClass, size: int, twice: list[tuple[int, float]]) -> None:
        offered = self.plan.offered[i] if self.plan.offered else None
        open_to, own = self._open(one), defaultdict(list)
        together: list[tuple[int, float]] = []
        for pair in pairs_of(one, open_to):
            if offered is None or one.fixed or pair in offered:
                column = self.pairs[i][k, pair] = self.milp.variable(high=size)
                together.append((column, -1.0))
                for rater in pair:
                    own[rater].append(column)
        alone: list[tuple[int, float]] = []
        for rater in open_to if not one.fixed else one.fixed if len(one.fixed) == 1 else ():
            cost = BEGUN_COST if one.begun and not self.plan.elastic else 0.0
            column = self.singles[i][k, rater] = self.milp.variable(high=size, cost=cost)
            alone.append((column, 1.0))
            own[rater].append(column)
        self.milp.row([*twice, *together], 0, 0)
        self.milp.row([*twice, *alone], size, size)
        self._usage[i][k] = own
        if self.plan.elastic:
            self._add_blocks(one, own, size)

    def _add_blocks(self, one: SessionClass, usage: Mapping[int, list[int]], size: int) -> None:
        """Who is forbidden these sessions gets some only if every ban on them is lifted."""
        for rater, columns in usage.items():
            for key in one.blocked[rater] if rater not in one.fixed else ():
                self.milp.row([*((c, 1.0) for c in columns), (self.slack_of(key, 1), -float(size))], high=0)

    def _add_strata(self, i: int, cells: Cells) -> None:
        """Sessions coded twice: in all, and in each stratum the share of its size, rounded down or up."""
        by_stratum: dict[int, list[int]] = defaultdict(list)
        for (stratum, _), column in self.doubles[i].items():
            by_stratum[stratum].append(column)
        low, high, total = double_bounds(cells)
        free = self.plan.most_doubles
        for stratum, columns in by_stratum.items():
            self.milp.row([(c, 1.0) for c in columns], 0 if free else low[stratum], high[stratum])
        every = [(column, 1.0) for column in self.doubles[i].values()]
        if free:
            many = self.milp.variable(high=total, cost=-1.0)
            self.milp.row([*every, (many, -1.0)], 0, 0)
        else:
            self.milp.row(every, total, total)

    def _add_evenness(self, i: int, cells: Cells) -> None:
        """The cost: loads, pairs and coarser strata off their even share."""
        plan, usage = self.plan, self._usage[i]
        raters = plan.streams[i].raters
        loads = load_targets(plan, i)
        worst = self.milp.variable(cost=WORST_COST, whole=False)
        for rater in range(len(raters)):
            own = [(c, 1.0) for of_class in usage.values() for c in of_class.get(rater, ())]
            self.milp.near(own, np.floor(loads[rater]), np.ceil(loads[rater]), LOAD_COST, worst)
        worst = self.milp.variable(cost=WORST_COST, whole=False)
        by_pair: dict[Pair, list[int]] = defaultdict(list)
        for (_, pair), column in self.pairs[i].items():
            by_pair[pair].append(column)
        even = pair_targets(plan, i)
        for pair, target in even.items():
            if pair in by_pair:
                terms = [(c, 1.0) for c in by_pair[pair]]
                self.milp.near(terms, np.floor(target), np.ceil(target), PAIR_COST, worst)
        add_spread(self.milp, cells, _class_sizes(cells), usage, self.pairs[i], loads, even)
        for groups in cells.margins:
            self._add_margin(i, cells, groups)

    def _add_margin(self, i: int, cells: Cells, groups: Sequence[int]) -> None:
        wanted: dict[int, float] = defaultdict(float)
        columns: dict[int, set[int]] = defaultdict(set)
        for group, share, *cell in zip(groups, cells.shares, cells.stratum_of, cells.class_of, strict=True):
            wanted[group] += share
            columns[group].add(self.doubles[i][cell[0], cell[1]])
        for group, own in columns.items():
            low, high = _rounded(wanted[group])
            self.milp.near([(c, 1.0) for c in sorted(own)], low, high, MARGIN_COST, None)

    def _add_connections(self, i: int) -> None:
        for pair in sorted(self.plan.links[i]):
            self._cross(i, {pair}.__contains__)
        for stream, group in self.plan.cuts:
            if stream == i:
                self._cross(i, _Crossing(group))

    def _cross(self, i: int, chosen: Callable[[Pair], bool]) -> None:
        """Pairs that are `chosen` share a session at least."""
        terms = [(c, 1.0) for (_, pair), c in self.pairs[i].items() if chosen(pair)]
        if self.plan.elastic:
            terms.append((self.slack_of(("connected", 0, ""), 1), 1.0))
        self.milp.row(terms, low=1)

    def _add_limits(self) -> None:
        """Recodes need sessions of one's own; limits hold in all, by date, and by batch."""
        demands, room = self.plan.demands, self.plan.room
        for i, stream in enumerate(self.plan.streams):
            for rater in stream.raters:
                if room.recodes[rater, i]:
                    self._limit(self._of(rater, i), room.recodes[rater, i], math.inf, ("recodes", 0, ""))
        limits = list(enumerate(demands.limits))
        for rater in dict.fromkeys(
            one.rater for _, one in limits if one.batch is not None and one.rater not in room.gone
        ):
            self._add_batches(rater, [(j, one) for j, one in limits if one.rater == rater and one.batch is not None])
        for j, one in limits:
            most = room.most(demands, j)
            if one.is_dated:
                self._limit(self._of(one.rater, window=j), -math.inf, most - room.dated_anchors[j], ("limits", j, ""))
            elif one.batch is None and not one.left:
                terms = self._of(one.rater)
                if self.plan.elastic:  # who does less needs not code so much again
                    terms += [(c, -1.0) for key, c in self.slack.items() if key[0] == "recodes"]
                self._limit(terms, -math.inf, most - room.beside(one.rater), ("limits", j, ""))

    def _add_batches(self, rater: str, limits: Sequence[tuple[int, Limit]]) -> None:
        """New main sessions of a rater, recodes among them, by batch."""
        room = self.plan.room
        new = sum(n for (who, _), n in room.new_recodes.items() if who == rater) - room.first_kept[rater]
        sizes = {batch: self.milp.variable() for batch in room.new_batches}
        for batch, size in sizes.items():
            for j in (j for j, one in limits if one.batch == batch):
                most = room.most(self.plan.demands, j) - room.new_anchors[rater, batch]
                self._limit([(size, 1.0)], -math.inf, most, ("limits", j, ""))
        held = [(size, -1.0) for size in sizes.values()]
        self.milp.row([*self._of(rater), *held], -new, -new)

    def _of(self, rater: str, only: int | None = None, window: int | None = None) -> list[tuple[int, float]]:
        """Columns of the sessions that a rater gets: of one stream, in the window of a limit, or all."""
        terms = []
        for i, stream in enumerate(self.plan.streams):
            if rater in stream.raters and only in (None, i):
                place = stream.raters.index(rater)
                for k, of_class in self._usage[i].items():
                    if window is None or window in self.plan.cells[i].classes[k].windows:
                        terms += [(c, 1.0) for c in of_class.get(place, ())]
        return terms

    def _limit(self, terms: Sequence[tuple[int, float]], low: float, high: float, key: Blocker) -> None:
        if self.plan.elastic:
            terms = [*terms, (self.slack_of(key), 1.0 if low > -math.inf else -1.0)]
        self.milp.row(terms, low, high)

    def solve(self) -> Counts | None:
        """Counts of the plan, or None where there is none."""
        found = self.milp.solve()
        if found is None:
            return None
        whole = found.astype(np.int64)
        return Counts(
            [{key: int(whole[c]) for key, c in own.items() if whole[c]} for own in self.doubles],
            [{key: int(whole[c]) for key, c in own.items() if whole[c]} for own in self.pairs],
            [{key: int(whole[c]) for key, c in own.items() if whole[c]} for own in self.singles],
            {key: int(whole[c]) for key, c in self.slack.items() if whole[c]},
        )


def solve(plan: Plan) -> Counts | None:
    """Counts of a plan, or None where its demands exclude one another."""
    return _Builder(plan).solve()


@dataclass(frozen=True)
class _Crossing:
    """Pairs of which one rater is in a group and one is not."""

    group: frozenset[int]

    def __call__(self, pair: Pair) -> bool:
        return (pair[0] in self.group) != (pair[1] in self.group)


def pairs_of(one: SessionClass, open_to: Sequence[int]) -> list[Pair]:
    """Pairs that can have a session of a class: those who have it already are among them."""
    if len(one.fixed) == 2:
        return [(min(one.fixed), max(one.fixed))]
    if one.fixed:
        (first,) = one.fixed
        return [(min(first, other), max(first, other)) for other in open_to if other != first]
    return list(combinations(sorted(open_to), 2))


def _rounded(wanted: float) -> tuple[int, int]:
    """A number of sessions, rounded down and up."""
    return math.floor(wanted + 1e-9), math.ceil(wanted - 1e-9)


def double_bounds(cells: Cells) -> tuple[dict[int, int], dict[int, int], int]:
    """Fewest and most sessions coded twice of each stratum, and how many there are in all.

    A stratum in which more are coded twice already keeps them.
    """
    of_stratum = [(stratum, cells.classes[k]) for stratum, k in zip(cells.stratum_of, cells.class_of, strict=True)]
    forced = Counter(stratum for stratum, one in of_stratum if len(one.fixed) == 2)
    begun = Counter(stratum for stratum, one in of_stratum if one.begun and len(one.fixed) < 2)
    sizes = Counter(zip(cells.stratum_of, cells.shares, strict=True))
    bounds = {stratum: _rounded(share * n) for (stratum, share), n in sizes.items()}
    low = {stratum: max(own[0], forced[stratum]) for stratum, own in bounds.items()}
    high = {stratum: max(own[1], forced[stratum] + begun[stratum]) for stratum, own in bounds.items()}
    wanted = round(sum(share * n for share, n in Counter(cells.shares).items()))
    return low, high, min(max(wanted, sum(low.values())), sum(high.values()))


def load_targets(plan: Plan, i: int) -> Floats:
    """(n_raters,) even loads of a stream, as limits and restrictions allow."""
    cells, demands = plan.cells[i], plan.demands
    raters = plan.streams[i].raters
    caps = np.full(len(raters), np.inf)
    for j, limit in enumerate(demands.limits):
        if limit.rater in raters and limit.batch is None and not limit.is_dated and not limit.left:
            rater = raters.index(limit.rater)
            left = plan.room.most(demands, j) - plan.room.beside(limit.rater)
            caps[rater] = min(caps[rater], max(left, 0))
    amounts: list[float] = []
    open_to: list[list[int]] = []
    for k, once, twice in _class_sizes(cells):
        fixed = list(cells.classes[k].fixed)
        amounts += [float(once + twice)] * len(fixed) + [once + twice - len(fixed) * (once + twice) + twice]
        open_to += [[rater] for rater in fixed] + [[r for r in cells.classes[k].open_to() if r not in fixed]]
    return fair_targets(amounts, open_to, caps)


def _class_sizes(cells: Cells) -> list[tuple[int, float, float]]:
    """Per class how many sessions are coded once and twice, as the shares would have it."""
    size, twice = Counter(cells.class_of), Counter[int]()
    for k, share in zip(cells.class_of, cells.shares, strict=True):
        twice[k] += 1 if len(cells.classes[k].fixed) == 2 else share  # type: ignore[assignment]
    return [(k, size[k] - twice[k], twice[k]) for k in size]


def pair_targets(plan: Plan, i: int) -> dict[Pair, float]:
    """Even counts of the pairs of a stream, as restrictions allow."""
    cells = plan.cells[i]
    number: dict[Pair, int] = {}
    amounts, open_to = [], []
    for k, _, twice in _class_sizes(cells):
        pairs = pairs_of(cells.classes[k], cells.classes[k].open_to())
        open_to.append([number.setdefault(pair, len(number)) for pair in pairs])
        amounts.append(twice)
    totals = fair_targets(amounts, open_to, np.full(len(number), np.inf))
    return {pair: float(totals[place]) for pair, place in number.items()}
