"""The cost of raters who meet some therapists or patients more than others, where not everybody may meet all."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from doublecode.coding.allocation.fair_targets import Floats, spread_evenly
from doublecode.coding.allocation.programme import Programme
from doublecode.coding.allocation.streams import Cells

COST: Final = 2.0
MOST: Final = 3_000
"""Groups of sessions times pairs of raters up to which each group is spread evenly over the raters who may have it."""


def add_spread(
    milp: Programme,
    cells: Cells,
    sizes: Sequence[tuple[int, float, float]],
    usage: Mapping[int, Mapping[int, Sequence[int]]],
    pairs: Mapping[tuple[int, tuple[int, int]], int],
    loads: Floats,
    even: Mapping[tuple[int, int], float],
) -> None:
    """Sessions that the same raters may have go to these, and to their pairs, as evenly as the loads allow.

    Parameters
    ----------
    milp : Programme
    cells : Cells
    sizes : sequence of (class, sessions coded once, sessions coded twice)
    usage : mapping of class to mapping of rater to columns
    pairs : mapping of (class, pair) to column
    loads : (n_raters,) array
        Even loads.
    even : mapping of pair to float
        Even counts of pairs.
    """
    groups: dict[object, list[int]] = defaultdict(list)
    for k, one in enumerate(cells.classes):
        groups[tuple(map(bool, one.blocked))].append(k)
    if len(groups) == 1 or len(groups) * len(even) > MOST:
        return
    known = {k: (once + twice, twice) for k, once, twice in sizes}
    own = [[[c for k in group for c in usage[k].get(r, ())] for r in range(len(loads))] for group in groups.values()]
    _add(milp, own, [sum(sum(known[k]) for k in group) for group in groups.values()], loads, COST)
    both = [[[pairs[k, pair] for k in group if (k, pair) in pairs] for pair in even] for group in groups.values()]
    twice = [sum(known[k][1] for k in group) for group in groups.values()]
    _add(milp, both, twice, np.array(list(even.values())), COST / 2)


def _add(
    milp: Programme, columns: Sequence[Sequence[Sequence[int]]], amounts: Sequence[float], totals: Floats, cost: float
) -> None:
    """Pay where a group is not spread as evenly as can be; `columns` by group and by who takes of it."""
    may = np.array([[bool(one) for one in group] for group in columns])
    wanted = spread_evenly(np.array(amounts, dtype=float), totals, may)
    worst = milp.variable(cost=cost, whole=False)
    for group, row in zip(columns, wanted, strict=True):
        for own, target in zip(group, row, strict=True):
            if own:
                terms = [(column, 1.0) for column in own]
                milp.near(terms, np.floor(target + 1e-6), np.ceil(target - 1e-6), cost, worst)
