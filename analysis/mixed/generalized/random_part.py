"""The random part of a generalised model: rows sorted by the factor with most levels, columns conditioned.

The terms of that factor are *inner*: their part of the penalised system is block-diagonal and is eliminated group by
group. All other terms are *outer* and go into one dense Schur complement.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from doublecode.analysis.mixed.design import Term
from doublecode.analysis.mixed.engine.layout import Block, triangle

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]


@dataclass(frozen=True)
class RandomPart:
    """Everything of the random terms that does not change during a fit; n rows in the engine's order.

    Attributes
    ----------
    blocks
        Where each term sits, in the order of the formula.
    local
        Per term its columns among the R random columns that act on a row, inner ones first.
    order
        (n,) rows of the design in the engine's order: sorted by inner group.
    codes, starts
        (n,) inner group of each row, and (J,) where each begins.
    Z
        (R, n) columns, of mean square one and without correlation within a term.
    roots
        Per term (p, p) with Z of the data = Z here · root.
    places
        (R − P, n) position among the q₂ outer random effects of each outer column.
    """

    blocks: tuple[Block, ...]
    local: tuple[slice, ...]
    order: Ints
    codes: Ints
    starts: Ints
    Z: Floats
    roots: tuple[Floats, ...]
    places: Ints
    width: int
    q2: int

    @property
    def n_groups(self) -> int:
        """Levels of the inner factor, J."""
        return len(self.starts)

    @cached_property
    def counts(self) -> Ints:
        """(J,) rows of each inner group."""
        return np.diff(self.starts, append=len(self.codes))

    @property
    def m(self) -> int:
        """Number of covariance parameters."""
        return int(self.blocks[-1].theta.stop)

    @property
    def scalar(self) -> bool:
        """Whether there is one random effect per group and nothing else: what quadrature can do."""
        return self.width == 1 and self.q2 == 0

    def scaled(self, theta: Floats) -> Floats:
        """(R, n) columns ZΛ for θ (m,)."""
        out = np.empty_like(self.Z)
        for block, at in zip(self.blocks, self.local, strict=True):
            if block.size == 1:
                out[at] = self.Z[at] * theta[block.theta]
            else:
                out[at] = factor_of(block, theta).T @ self.Z[at]
        return out

    def by_row(self, inner: Floats, outer: Floats) -> Floats:
        """(R, n) values of random effects, inner (P, J) and outer (q₂,), as they act on rows."""
        spread = np.repeat(inner, self.counts, axis=1)
        return np.vstack([spread, outer[self.places]]) if self.q2 else spread

    def sums(self, rows: Floats) -> tuple[Floats, Floats]:
        """Sum (R, n) over the rows of each random effect: (P, J) and (q₂,)."""
        inner = np.asarray(np.add.reduceat(rows[: self.width], self.starts, axis=1), dtype=float)
        if not self.q2:
            return inner, np.zeros(0)
        flat = rows[self.width :].ravel()
        return inner, np.asarray(np.bincount(self.places.ravel(), flat, minlength=self.q2), dtype=float)

    def effects(self, term: int, inner: Floats, outer: Floats) -> Floats:
        """(levels, p) random effects of one term."""
        block = self.blocks[term]
        if block.inner:
            return inner[block.columns].T
        return outer[block.start : block.start + block.size * block.levels].reshape(block.levels, block.size)


def factor_of(block: Block, theta: Floats) -> Floats:
    """(p, p) lower-triangular factor Λ of one term."""
    return np.asarray(block.factor(theta[None])[0])


def make_random_part(terms: Sequence[Term]) -> RandomPart:
    """Sort rows and condition columns."""
    groups = {term.group: term.n_levels for term in terms}
    inner_name = max(groups, key=lambda name: groups[name])
    first = next(term for term in terms if term.group == inner_name)
    order = np.argsort(first.codes, kind="stable")
    codes = first.codes[order]
    width = sum(term.size for term in terms if term.group == inner_name)
    blocks, local, columns, roots, places = [], [], [], [], []
    start, theta, outer, row = 0, 0, 0, width
    for term in terms:
        inner, size = term.group == inner_name, term.size
        count = size * (size + 1) // 2
        Q, R = term.factors
        roots.append(R)
        columns.append(Q.T[:, order])
        blocks.append(Block(size, term.n_levels, inner, start if inner else outer, slice(theta, theta + count)))
        local.append(slice(start, start + size) if inner else slice(row, row + size))
        theta += count
        if inner:
            start += size
        else:
            places += [outer + term.codes[order] * size + k for k in range(size)]
            outer, row = outer + size * term.n_levels, row + size
    Z = np.empty((row, len(codes)))
    for at, part in zip(local, columns, strict=True):
        Z[at] = part
    where = np.array(places, dtype=np.intp).reshape(row - width, len(codes))
    starts = np.flatnonzero(np.diff(codes, prepend=-1))
    return RandomPart(tuple(blocks), tuple(local), order, codes, starts, Z, tuple(roots), where, width, outer)


def identity_theta(part: RandomPart, scale: float) -> Floats:
    """(m,) factors of `scale` times the identity."""
    theta = np.zeros(part.m)
    for block in part.blocks:
        rows, columns = triangle(block.size)
        theta[block.theta] = np.where(rows == columns, scale, 0.0)
    return theta
