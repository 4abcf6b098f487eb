"""What to change where demands exclude one another: the least that makes a plan possible, tried before it is named."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from doublecode.coding.allocation.counts import Counts, Plan, double_bounds, solve
from doublecode.coding.allocation.solving import MOST_CUTS, apart, freest_plan, plan_of, solved
from doublecode.coding.allocation.streams import Blocker, Stream, gone_raters, text_of
from doublecode.schemas.allocation import Demands
from doublecode.schemas.errors import UsageError
from doublecode.schemas.problems import Problem

ROUNDS = 6


@dataclass(frozen=True)
class Change:
    """One change of a demand.

    Attributes
    ----------
    key : str
        Key of ``[allocation]``: share, shares, limits, restrictions, separations, recodes, connected.
    entry : int
        Place of the entry in its list; 0 of single keys.
    value : str
        Which value of a restriction.
    before, after : float or None
        Of numbers.
    """

    key: str
    entry: int = 0
    value: str = ""
    before: float | None = None
    after: float | None = None

    def said(self, demands: Demands) -> str:
        """The change in the words of study.toml."""
        numbers = f"from {self.before:g} to {self.after:g}" if self.after is not None else ""
        if self.key == "limits":
            unit = "hours" if demands.limits[self.entry].hours is not None else "sessions"
            return f"raise the limit of {demands.limits[self.entry]} {numbers} {unit}"
        if self.key == "restrictions":
            rule = demands.restrictions[self.entry]
            return f"let {rule.rater} rate sessions with {rule.column} {self.value!r} (restrictions)"
        if self.key == "separations":
            return f"give up the separation of {' and '.join(demands.separations[self.entry].instruments)}"
        if self.key == "connected":
            return "set connected = false"
        if self.key == "shares":
            return "give up the shares of strata (shares)"
        up = self.after is not None and self.before is not None and self.after > self.before
        return f"{'raise' if up else 'lower'} {self.key} {numbers}"


class AllocationImpossible(UsageError):
    """Demands that exclude one another.

    Attributes
    ----------
    changes : tuple of Change
        What is to be changed, all of it.
    mended : Demands
        The demands with these changes: there is a plan for them.
    """

    def __init__(self, message: str, changes: tuple[Change, ...], mended: Demands) -> None:
        super().__init__(message)
        self.changes = changes
        self.mended = mended


def impossible(streams: Sequence[Stream], demands: Demands, seed: int) -> AllocationImpossible:
    """The error to be raised for demands without a plan: it names the least change that was found to succeed."""
    ways = list(_ways(streams, demands, seed))
    said = ["; ".join(change.said(demands) for change in changes) for changes, _ in ways]
    if all(len(stream.raters) < 2 for stream in streams):
        said.append("add a rater")
    bare = [stream.instruments[0] for stream in streams if set(stream.raters) <= gone_raters(demands)]
    if bare:
        said = [f"give {' and '.join(bare)} a rater who has not left (raters of study.toml, and of [[instruments]])"]
    way_out = ", or ".join(said) or "give up limits and restrictions one by one; nothing that was tried is enough"
    found = _why(streams, demands)
    if bare:
        are_there = any(stream.raters for stream in streams if stream.instruments[0] in bare)
        left = "all raters of {} have left" if are_there else "nobody is declared who rates {}"
        found = left.format(" and ".join(bare))
    text = str(Problem("allocation_impossible", found=found, allowed=f"{way_out[:1].upper()}{way_out[1:]}."))
    return AllocationImpossible(text, *(ways[0] if ways else ((), demands)))


def _why(streams: Sequence[Stream], demands: Demands) -> str:
    """The sum of what is wanted beside the sum of the limits where that is all, else that no plan meets all."""
    plan = plan_of(streams, demands, 0)
    doubles = sum(double_bounds(cells)[2] for cells in plan.cells)
    ids = sum(len(cells.ids) for cells in plan.cells)
    every = ids + sum(plan.room.beside(rater) for stream in streams for rater in stream.raters)
    raters = {rater for stream in streams for rater in stream.raters}
    most = {
        one.rater: plan.room.most(demands, j) for j, one in enumerate(demands.limits)
        if one.batch is None and not one.is_dated and not one.left and one.rater in raters
    }  # fmt: skip
    able = sum(min(most.get(rater, every), every) for rater in raters)
    beside = sum(plan.room.beside(rater) for rater in raters)
    more = f", {beside} anchors and recodes" if beside else ""
    asked = f"{ids} sessions{more} and {doubles} second ratings make {ids + doubles + beside}"
    if doubles and len(raters) < 2:
        return "two raters are needed to code a session twice, found one"
    if able < ids + doubles + beside:
        return f"{asked}, the limits allow {able}"
    fewest = max(len(stream.raters) for stream in streams) - 1
    if demands.connected and 0 < doubles < fewest:
        return f"{doubles} double-coded sessions cannot connect {fewest + 1} raters"
    return f"no plan was found that meets all demands at once ({asked})"


def _ways(streams: Sequence[Stream], demands: Demands, seed: int) -> Iterator[tuple[tuple[Change, ...], Demands]]:
    """One or two ways out, each of which was tried."""
    first = _raised_share(streams, demands, seed) or _left_demands(streams, demands, seed)
    if first is not None:
        yield first
        if [one.key for one in first[0]] == ["connected"]:
            yield from filter(None, [_more_share(streams, demands, seed)])
    lowered = _lowered_share(streams, demands, seed)
    if lowered is not None and (first is None or first[0][0].key != "share"):
        yield lowered
    elif first is None:
        everything = _tried(streams, demands, tuple(_everything(streams, demands, seed)), seed)
        if everything is not None:
            yield _needed(streams, demands, everything, seed)


def _needed(
    streams: Sequence[Stream], demands: Demands, way: tuple[tuple[Change, ...], Demands], seed: int
) -> tuple[tuple[Change, ...], Demands]:
    """Of changes that make a plan possible together, those without which there is none: one after the other is kept."""
    for one in way[0]:
        alone = _tried(streams, demands, (one,), seed)
        if alone is not None:
            return alone
    for one in way[0]:
        fewer = tuple(other for other in way[0] if other != one)
        way = (_tried(streams, demands, fewer, seed) if one in way[0] and fewer else None) or way
    return way


def _more_share(streams: Sequence[Stream], demands: Demands, seed: int) -> tuple[tuple[Change, ...], Demands] | None:
    """A few more sessions coded twice, where that is enough to connect the raters."""
    plan = plan_of(streams, demands, seed)
    n, doubles = sum(len(cells.ids) for cells in plan.cells), sum(double_bounds(cells)[2] for cells in plan.cells)
    for more in (1, 2, 4, 8):
        share = math.ceil((doubles + more) / max(n, 1) * 1000) / 1000
        if demands.share < share <= 1:
            found = _tried(streams, demands, (Change("share", before=demands.share, after=share),), seed)
            if found is not None:
                return found
    return None


def _everything(streams: Sequence[Stream], demands: Demands, seed: int) -> Iterator[Change]:
    """Give up all that can be given up: where the least change was not found, this is a way all the same."""
    plan, minutes = plan_of(streams, demands, seed), demands.minutes_per_rating
    most = sum(2 * len(cells.ids) for cells in plan.cells)
    gone = gone_raters(demands)
    for j, limit in enumerate(demands.limits):
        is_past = limit.batch is not None and limit.batch < plan.room.first_batch
        if limit.rater not in gone and not is_past:
            enough = limit.most(minutes) + most + plan.room.beside(limit.rater)
            if limit.hours is None or minutes is None:
                yield Change("limits", j, before=limit.sessions, after=enough)
            else:
                yield Change("limits", j, before=limit.hours, after=math.ceil(enough * minutes / 60))
    tables = [stream.table for stream in streams]
    for j, rule in enumerate(demands.restrictions):
        values = sorted({text_of(value) for table in tables for value in table[rule.column]})
        if rule.rater not in gone:
            yield from (Change("restrictions", j, value) for value in values if rule.forbids(value))
    yield from (Change("separations", j) for j in range(len(demands.separations)))
    for key in ("share", "recodes"):
        if getattr(demands, key):
            yield Change(key, before=getattr(demands, key), after=0)
    yield from (Change(key) for key in ("shares", "connected") if getattr(demands, key))


def _raised_share(streams: Sequence[Stream], demands: Demands, seed: int) -> tuple[tuple[Change, ...], Demands] | None:
    """Where too few sessions are coded twice to connect the raters: the share that is enough."""
    plan = plan_of(streams, demands, seed)
    wanted = [
        (len(stream.raters) - 1, len(cells.ids), double_bounds(cells)[2])
        for stream, cells in zip(streams, plan.cells, strict=True)
    ]
    short = [least / n for least, n, doubles in wanted if n and 0 < doubles < least <= n]
    if not demands.connected or not short:
        return None
    share = math.ceil(max(short) * 1000 - 1e-9) / 1000
    return _tried(streams, demands, (Change("share", before=demands.share, after=share),), seed)


def _lowered_share(streams: Sequence[Stream], demands: Demands, seed: int) -> tuple[tuple[Change, ...], Demands] | None:
    """The largest share for which there is a plan with all else as it is; the last try is none at all."""
    if not demands.share or demands.shares:
        return None
    plan = freest_plan(streams, demands, seed)
    most = solve(replace(plan, most_doubles=True))
    n = sum(len(cells.ids) for cells in plan.cells)
    if most is None or not n:
        return None
    doubles = sum(sum(own.values()) for own in most.doubles)
    for less in (0, 1, 2, 4, 8):
        share = math.floor(max(doubles - less, 0) / n * 1000) / 1000
        if share < demands.share:
            found = _tried(streams, demands, (Change("share", before=demands.share, after=share),), seed)
            if found is not None:
                return found
    return _tried(streams, demands, (Change("share", before=demands.share, after=0.0),), seed)


def _left_demands(streams: Sequence[Stream], demands: Demands, seed: int) -> tuple[tuple[Change, ...], Demands] | None:
    """Demands that are left at the least price, solved again until the rest has a plan."""
    changes: tuple[Change, ...] = ()
    mended = demands
    for _ in range(ROUNDS):
        counts = _elastic(freest_plan(streams, mended, seed))
        if counts is None or not counts.slack:
            return None
        changes = _joined((*changes, *_changes(counts.slack, mended)))
        found = _tried(streams, demands, changes, seed)
        if found is not None:
            return found
        mended = _changed(demands, changes)
    return None


def _elastic(plan: Plan) -> Counts | None:
    """Solve with a price for what is left; groups of raters that hang apart are joined at a price too."""
    cuts: list[tuple[int, frozenset[int]]] = []
    for _ in range(MOST_CUTS):
        counts = solve(replace(plan, elastic=True, cuts=cuts))
        if counts is None or not plan.demands.connected or ("connected", 0, "") in counts.slack:
            return counts
        new = apart(plan, counts, with_idle=True)
        if not new:
            return counts
        cuts += new
    return None


def _changes(slack: Mapping[Blocker, int], demands: Demands) -> Iterator[Change]:
    for (key, entry, value), amount in sorted(slack.items()):
        if key == "limits":
            limit, minutes = demands.limits[entry], demands.minutes_per_rating
            sessions = limit.most(minutes) + amount
            if limit.hours is None or minutes is None:
                yield Change(key, entry, before=limit.sessions, after=sessions)
            else:
                yield Change(key, entry, before=limit.hours, after=math.ceil(sessions * minutes / 60 * 100) / 100)
        elif key == "recodes":
            yield Change(key, before=demands.recodes, after=max(demands.recodes - amount, 0))
        else:
            yield Change(key, entry, value)


def _joined(changes: Sequence[Change]) -> tuple[Change, ...]:
    """Changes of one entry as one: from the first number to the last."""
    found: dict[tuple[str, int, str], Change] = {}
    for one in changes:
        place = (one.key, one.entry, one.value)
        found[place] = replace(one, before=found[place].before) if place in found else one
    return tuple(found.values())


def _tried(
    streams: Sequence[Stream], demands: Demands, changes: tuple[Change, ...], seed: int
) -> tuple[tuple[Change, ...], Demands] | None:
    mended = _changed(demands, changes)
    return (changes, mended) if solved(streams, mended, seed) is not None else None


def _changed(demands: Demands, changes: Sequence[Change]) -> Demands:
    """The demands with all changes made."""
    limits, rules = list(demands.limits), [*demands.restrictions]
    gone: set[int] = set()
    update: dict[str, object] = {}
    for one in changes:
        if one.key == "limits":
            measure = "sessions" if limits[one.entry].hours is None else "hours"
            limits[one.entry] = limits[one.entry].model_copy(update={measure: one.after})
        elif one.key == "restrictions":
            left = rules[one.entry].without(one.value)
            gone |= {one.entry} if left is None else set()
            rules[one.entry] = left or rules[one.entry]
        elif one.key in ("connected", "shares"):
            update[one.key] = False if one.key == "connected" else ()
        elif one.key != "separations":
            update[one.key] = one.after
    dropped = {one.entry for one in changes if one.key == "separations"}
    update |= {
        "limits": tuple(limits),
        "restrictions": tuple(rule for j, rule in enumerate(rules) if j not in gone),
        "separations": tuple(one for j, one in enumerate(demands.separations) if j not in dropped),
    }
    return demands.model_copy(update=update)
