"""Grouping factors that nest: which are eliminated group by group, and the sums that this needs.

A factor nests in another if each of its levels lies in one level of the other: sessions in patients,
patients in therapists. A chain of such factors is eliminated from the finest to the coarsest, each group by
group (`nested_elimination`); what does not fit into the chain stands in the dense block.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from doublecode.analysis.mixed.design import Term
from doublecode.analysis.mixed.engine.layout import Block, Layout

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]
Factor = frozenset[str]

WORTH = 40
"""Effects spared the dense block from which on a chain pays; a smaller dense block is quicker."""
SETS_CELLS = 2_000_000
"""Numbers per array, groups × columns × sets, to which sets of nested factors are evaluated at once."""
MOST_COPIES = 12
"""Most levels in a group of a factor kept as columns there: their matrices are inverted group by group."""
MOST_CELLS = 20_000_000
"""Largest array (160 MB) that eliminating a chain may need beside a wide dense block."""


@dataclass(frozen=True)
class Place:
    """Where the groups of one nested factor are.

    Attributes
    ----------
    starts
        (J,) the first row of each group, rows in the order of the plan.
    levels
        (J,) the level of the factor that each group is.
    heads
        Per coarser factor of the chain (J',) the first group in each of its groups.
    parents
        Per coarser factor of the chain (J,) the group each group lies in.
    """

    starts: Ints
    levels: Ints
    heads: tuple[Ints, ...]
    parents: tuple[Ints, ...]


@dataclass(frozen=True)
class Copies:
    """Where the levels of a factor are that is kept as columns of the coarsest factor of the chain, (levels,).

    Attributes
    ----------
    group, number
        The group a level lies in, and which of its levels it is, counted from 0.
    most
        Largest number of levels in a group.
    """

    group: Ints
    number: Ints
    most: int

    def by_level(self, values: Floats) -> Floats:
        """(J, copies, …) values of the groups → (levels, …)."""
        return values[self.group, self.number]

    def columns(self, term: Term, Z: Floats) -> Floats:
        """(n, copies, …) the column Z (n, 1, …) of a term, apart by the copy that a row belongs to."""
        out = np.zeros((len(Z), self.most, *Z.shape[2:]))
        out[np.arange(len(Z)), self.number[term.codes]] = Z[:, 0]
        return out


@dataclass(frozen=True)
class Plan:
    """A layout with the order of the rows in which groups are contiguous, and the places, finest first.

    `order` is (n,), or the whole slice, which copies nothing, where the rows are in that order already. `copies`
    has the terms that are kept as columns of the coarsest factor, by their number.
    """

    layout: Layout
    order: Ints | slice
    places: tuple[Place, ...]
    copies: dict[int, Copies]


@dataclass(frozen=True)
class Tier:
    """Sums of a factor nested in coarser ones; S is 1 (one design) or N (a design per outcome).

    Attributes
    ----------
    place
        Its groups.
    rows
        (P, P + R, S, J) ZⱼᵀC with C the columns of the factor itself, of each coarser one, and W.
    zty
        (P, N, J).
    """

    place: Place
    rows: Floats
    zty: Floats


def lay_out(terms: tuple[Term, ...], p: int) -> Plan:
    """Choose the inner grouping factors, sort the rows by them and place the terms.

    Parameters
    ----------
    terms
        Random terms of the design, in the order written.
    p
        Number of fixed columns, which stand in the dense block beside the outer terms.
    """
    chain, copies = _chain(terms, p)
    tier_of = {_factor(term): tier for tier, term in enumerate(chain)}
    shape = tuple(
        (term.size, term.n_levels, tier_of.get(_factor(term)), copies[number].most if number in copies else 0)
        for number, term in enumerate(terms)
    )
    order = _order(chain)
    places = _places([term.codes[order] for term in chain])
    return Plan(_layout(shape, tuple(term.n_levels for term in chain), p), order, places, copies)


@lru_cache(maxsize=32)
def _layout(shape: tuple[tuple[int, int, int | None, int], ...], levels: tuple[int, ...], p: int) -> Layout:
    """The layout of all models of one shape, made once with its index arrays.

    Of each term the effects, the levels, the place of its factor in the chain and the copies it has there, and of each
    factor of the chain the levels, the finest first.
    """
    widths = [0] * len(levels)
    blocks, q2, theta = [], 0, 0
    for size, n_levels, tier, most in shape:
        span = slice(theta, theta := theta + size * (size + 1) // 2)
        if most:
            blocks.append(Block(1, n_levels, True, widths[-1], span, len(levels) - 1, most))
            widths[-1] += most
        elif tier is None:
            blocks.append(Block(size, n_levels, False, q2, span))
            q2 += size * n_levels
        else:
            blocks.append(Block(size, n_levels, True, widths[tier], span, tier))
            widths[tier] += size
    finer = tuple(zip(levels[:-1], widths, strict=False))
    return Layout(tuple(blocks), levels[-1], widths[-1], q2, p, finer)


def sets_at_once(layout: Layout) -> int | None:
    """How many sets of nested factors to hold in memory at once; None, all of them, if there is no chain."""
    if not layout.finer:
        return None
    columns = layout.q2 + layout.p + 1 + layout.width + sum(width for _, width in layout.finer)
    cells = columns * max(levels * width for levels, width in layout.finer)
    return max(1, SETS_CELLS // cells)


def _factor(term: Term) -> Factor:
    return frozenset(term.random.factors)


def _chain(terms: tuple[Term, ...], p: int) -> tuple[tuple[Term, ...], dict[int, Copies]]:
    """A term of each factor to eliminate, the finest first: the largest factor alone unless a chain pays.

    With them what is kept as columns of the coarsest one: intercepts of a factor that nests in it but not in the chain.
    """
    if len(terms) == 1:
        return terms, {}
    biggest = max(terms, key=lambda t: t.n_levels * t.size)
    effects: dict[Factor, int] = {}
    for term in terms:
        effects[_factor(term)] = effects.get(_factor(term), 0) + term.n_levels * term.size
    total, alone = sum(effects.values()), effects[_factor(biggest)]
    if total - alone <= WORTH:
        return (biggest,), {}
    one_each = sorted({_factor(t): t for t in terms}.values(), key=lambda t: -t.n_levels)
    chains = [_climb(one_each[i:]) for i in range(len(one_each))]
    best = max(chains, key=lambda chain: sum(effects[_factor(t)] for t in chain))
    saved = sum(effects[_factor(t)] for t in best) - alone
    copies = _copies(best, terms) if len(best) > 1 else {}
    saved += sum(terms[number].n_levels for number in copies)
    dense = total - alone + p
    return (best, copies) if saved > WORTH and _affordable(best, dense, dense - saved) else ((biggest,), {})


def _copies(chain: tuple[Term, ...], terms: tuple[Term, ...]) -> dict[int, Copies]:
    """Terms outside the chain that are worth columns of its coarsest factor, by their number."""
    inside, top = {_factor(term) for term in chain}, chain[-1]
    out = {}
    for number, term in enumerate(terms):
        if _factor(term) in inside or term.size > 1 or term.n_levels <= WORTH or not _nests(term, top):
            continue
        group = np.zeros(term.n_levels, dtype=np.intp)
        group[term.codes] = top.codes
        order = np.argsort(group, kind="stable")
        place = np.empty(len(order), dtype=np.intp)
        place[order] = np.arange(len(order)) - np.searchsorted(group[order], group[order])
        most = int(place.max()) + 1
        if most <= MOST_COPIES:
            out[number] = Copies(group, place, most)
    return out


def _climb(factors: list[Term]) -> tuple[Term, ...]:
    """From the first factor upwards, each one in which the last nests."""
    chain = factors[:1]
    for candidate in factors[1:]:
        if _nests(chain[-1], candidate):
            chain.append(candidate)
    return tuple(chain)


def _nests(fine: Term, coarse: Term) -> bool:
    """Whether each level of `fine` lies in one level of `coarse`."""
    parent = np.zeros(fine.n_levels, dtype=np.intp)
    parent[fine.codes] = coarse.codes
    return bool((parent[fine.codes] == coarse.codes).all())


def _affordable(chain: tuple[Term, ...], dense: int, left: int) -> bool:
    """Whether all groups by the `left` columns of W cost less than a dense block of `dense` columns.

    Measured with 10 to 300 crossed effects beside 200 to 2,400 nested ones: level where the sum is dense³ / 2.
    """
    cells = sum(term.n_levels * term.size for term in chain) * left
    rows = len(chain[0].codes) * left
    return max(cells, rows) <= MOST_CELLS and cells * left + left**3 < dense**3 / 2


def _order(chain: tuple[Term, ...]) -> Ints | slice:
    """Rows sorted by the coarsest factor, within it by the next, and so on."""
    codes = np.asarray(chain[0].codes)
    if len(chain) > 1:
        above = []
        for term in chain[1:]:
            parent = np.zeros(chain[0].n_levels, dtype=np.intp)
            parent[codes] = term.codes
            above.append(parent)
        rank = np.empty(chain[0].n_levels, dtype=np.intp)
        rank[np.lexsort([np.arange(len(rank)), *above])] = np.arange(len(rank))
        codes = rank[codes]
    return slice(None) if bool((codes[1:] >= codes[:-1]).all()) else np.argsort(codes, kind="stable")


def _places(codes: list[npt.NDArray[np.int64]]) -> tuple[Place, ...]:
    """Places of the groups, from the levels in sorted rows of each factor of the chain."""
    starts = [_heads(own) for own in codes]
    out = []
    for tier, own in enumerate(starts):
        heads = tuple(np.searchsorted(own, coarser) for coarser in starts[tier + 1 :])
        parents = tuple(np.repeat(np.arange(len(h)), np.diff([*h, len(own)])) for h in heads)
        out.append(Place(own, np.asarray(codes[tier][own], dtype=np.intp), heads, parents))
    return tuple(out)


def _heads(codes: npt.NDArray[np.int64]) -> Ints:
    """Rows in which a level begins, of rows in the order of the levels."""
    first = np.ones(len(codes), dtype=bool)
    np.not_equal(codes[1:], codes[:-1], out=first[1:])
    return np.flatnonzero(first)


def finer_tiers(plan: Plan, columns: list[Floats], W: Floats, Y: Floats, mask: Floats | None) -> tuple[Tier, ...]:
    """Sums of every factor below the coarsest of the chain.

    Parameters
    ----------
    columns
        Per factor (n, P) conditioned columns, rows in the order of the plan.
    W, Y
        (n, r) outer and fixed columns and (n, N) outcomes.
    mask
        (n, N) one where an outcome is present; None if all are.
    """
    out = []
    for tier, place in enumerate(plan.places[:-1]):
        right = np.hstack([*columns[tier:], W])
        if mask is None:
            rows = np.stack(column_products(columns[tier], right, place.starts))[:, :, None]
        else:
            rows = np.stack([_masked_sums(z, right, place.starts, mask) for z in columns[tier].T])
        zty = np.stack(column_products(columns[tier], Y, place.starts))
        out.append(Tier(place, rows, zty))
    return tuple(out)


def column_products(columns: Floats, values: Floats, starts: Ints) -> list[Floats]:
    """Per column of Z (n, P) the sums over groups of its products with the columns of C (n, c), as (c, groups).

    The columns are laid in one piece each first: sums along a row take half the time of sums down a column.
    """
    turned = np.ascontiguousarray(values.T)
    return [np.add.reduceat(z * turned, starts, axis=1) for z in np.ascontiguousarray(columns.T)]


def _masked_sums(z: Floats, right: Floats, starts: Ints, mask: Floats) -> Floats:
    """(columns, N, J) sums over groups of z times each column, where the outcome of a set is present."""
    return np.stack([np.add.reduceat((z * c)[:, None] * mask, starts, axis=0).T for c in right.T])
