"""Construct separation as part of the programme: who has which instrument of a patient is decided with the rest.

Where teams that are drawn beforehand leave no plan, this finds one if there is one. It needs a class for each patient
(or therapist), so it is kept for plans of a size that HiGHS searches through.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from doublecode.coding.allocation.programme import Programme
from doublecode.coding.allocation.streams import Blocker, Cells, Stream, text_of
from doublecode.coding.allocation.teams import had_by, parts_of
from doublecode.schemas.allocation import Demands

MOST_COLUMNS: Final = 6_000
"""Counts of pairs and groups up to which teams are searched, not drawn."""
Usage = Sequence[Mapping[int, Mapping[int, Sequence[int]]]]
"""Per stream, class and place of a rater: the columns of the sessions that she gets."""


def is_searchable(streams: Sequence[Stream], demands: Demands) -> bool:
    """Whether teams can be left to the programme: the plan is small, and no session is rated by all."""
    if not demands.separations or demands.anchors:
        return False
    size = 0
    for j in range(len(demands.separations)):
        for i in parts_of(streams, demands, j):
            groups = streams[i].table[demands.separations[j].within].map(text_of).nunique()
            size += groups * len(streams[i].raters) ** 2 // 2
    return size <= MOST_COLUMNS


@dataclass(frozen=True)
class _Choice:
    """One rater of one patient (or therapist) in one separation: of which streams she may have sessions."""

    separation: int
    group: str
    places: Mapping[int, int]
    had: frozenset[int]


def _choices(streams: Sequence[Stream], demands: Demands) -> Iterator[_Choice]:
    for j, one in enumerate(demands.separations):
        parts = parts_of(streams, demands, j)
        before = {i: had_by(streams[i], one) for i in parts}
        raters = dict.fromkeys(rater for i in parts for rater in streams[i].raters)
        for group in sorted({text_of(value) for i in parts for value in streams[i].table[one.within]}):
            for rater in raters:
                places = {i: streams[i].raters.index(rater) for i in parts if rater in streams[i].raters}
                had = frozenset(i for i in places if rater in before[i].get(group, ()))
                yield _Choice(j, group, places, had)


def add_teams(
    milp: Programme, streams: Sequence[Stream], cells: Sequence[Cells], demands: Demands, usage: Usage,
    slack_of: Callable[[Blocker], int] | None,
) -> None:  # fmt: skip
    """Of one patient a rater has sessions of one stream at most; what she has already stays hers.

    `slack_of` gives the column that leaves a demand, at its price; without it all are kept.
    """
    sizes = [[own.class_of.count(k) for k in range(len(own.classes))] for own in cells]
    of_group: dict[tuple[int, int, str], list[int]] = {}
    for i, own in enumerate(cells):
        for k, one in enumerate(own.classes):
            for j, group in one.groups:
                of_group.setdefault((i, j, group), []).append(k)
    for choice in _choices(streams, demands):
        new = []
        for i, place in choice.places.items():
            if i in choice.had:
                continue
            taken = milp.variable(high=1)
            new.append((taken, 1.0))
            for k in of_group.get((i, choice.separation, choice.group), ()):
                if place not in cells[i].classes[k].fixed:
                    columns = [(column, 1.0) for column in usage[i][k].get(place, ())]
                    milp.row([*columns, (taken, -float(sizes[i][k]))], high=0)
        if slack_of is not None:
            new.append((slack_of(("separations", choice.separation, "")), -float(len(choice.places))))
        milp.row(new, high=0 if choice.had else 1)
