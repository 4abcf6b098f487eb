"""Where the parameters of a model sit: its blocks, and the charts in which the search moves.

Everything here depends on the formula and the number of levels alone, never on data.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from doublecode.analysis.mixed.engine.once import Once

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]
Pairs = tuple[tuple[int, int], ...]


@lru_cache(maxsize=32)
def triangle(size: int) -> tuple[Ints, Ints]:
    """Rows and columns of the lower triangle of a `size` × `size` factor, column by column as in lme4."""
    columns, rows = np.triu_indices(size)
    return rows, columns


@dataclass(frozen=True)
class Block:
    """Where one random term sits.

    Attributes
    ----------
    size
        Random effects per level, p.
    levels
        Number of levels.
    inner
        Whether the term belongs to a grouping factor that is eliminated group by group.
    start
        First column among the P of its inner factor, or among the q₂ outer columns.
    theta
        Positions of its p(p+1)/2 parameters, column-major lower triangle as in lme4.
    tier
        Which of the nested inner factors it belongs to, counted from the finest; 0 if there is one, or if outer.
    copies
        Columns that an intercept of a factor nested in the inner one has there, one for each of its levels in a
        group: raters within a patient. Their variance is one.
    """

    size: int
    levels: int
    inner: bool
    start: int
    theta: slice = field(hash=False)  # older Pythons cannot hash it
    tier: int = 0
    copies: int = 1

    @property
    def columns(self) -> slice:
        """Its columns among those of its inner factor."""
        return slice(self.start, self.start + self.size * self.copies)

    @property
    def elements(self) -> list[tuple[int, int]]:
        """(row, column) of each parameter in the lower-triangular factor."""
        return [(k, h) for h in range(self.size) for k in range(h, self.size)]

    def factor(self, theta: Floats) -> Floats:
        """(B, m) parameters of the model → (B, p, p) lower-triangular factor Λ of this term."""
        if self.size == 1:
            return theta[:, self.theta, None]
        L = np.zeros((len(theta), self.size, self.size))
        rows, columns = triangle(self.size)
        L[:, rows, columns] = theta[:, self.theta]
        return L


@dataclass(frozen=True)
class Element:
    """One distinct element of D: its term, whether inner, and the ordered pairs of Eₐ.

    Pairs are positions among the P columns of its inner factor, or within the term if outer.
    """

    block: int
    inner: bool
    pairs: Pairs
    tier: int = 0


@dataclass(frozen=True)
class Layout:
    """The blocks of a model: J inner groups of width P, q₂ outer random effects, p fixed.

    `finer` has (levels, width) of the factors nested in the inner one, the finest first; each nests in the next.
    """

    blocks: tuple[Block, ...]
    n_inner: int
    width: int
    q2: int
    p: int
    finer: tuple[tuple[int, int], ...] = ()

    @Once
    def m(self) -> int:
        """Number of covariance parameters θ."""
        return sum(block.size * (block.size + 1) // 2 for block in self.blocks)

    @Once
    def diagonal(self) -> npt.NDArray[np.bool_]:
        """(m,) which parameters are diagonal elements of a factor."""
        return np.array([k == h for block in self.blocks for k, h in block.elements])

    @Once
    def elements(self) -> tuple[Element, ...]:
        """All distinct elements of D in the order of θ; those of copies follow each other."""
        out = []
        for number, block in enumerate(self.blocks):
            for copy in range(block.copies):
                shift = block.start + copy if block.inner else 0
                for k, h in block.elements:
                    pairs: Pairs = ((k + shift, h + shift),)
                    if k != h:
                        pairs = (*pairs, (h + shift, k + shift))
                    out.append(Element(number, block.inner, pairs, block.tier))
        return tuple(out)

    @Once
    def outside(self) -> tuple[int, ...]:
        """Positions of the elements of D that belong to outer terms."""
        return tuple(a for a, element in enumerate(self.elements) if not element.inner)

    @Once
    def alone(self) -> bool:
        """Whether all terms are of one grouping factor: its elements are all there are, in the order of θ."""
        return not self.finer and not self.outside

    @Once
    def first_copies(self) -> Ints | None:
        """(m,) where the elements of each parameter begin; None if each has but one."""
        if all(block.copies == 1 for block in self.blocks):
            return None
        counts = [block.copies for block in self.blocks for _ in block.elements]
        return np.concatenate([[0], np.cumsum(counts)[:-1]])

    def tied(self, values: Floats, *axes: int) -> Floats:
        """Sum what was found for elements over those that share a parameter, along `axes`."""
        if self.first_copies is not None:
            for axis in axes:
                values = np.add.reduceat(values, self.first_copies, axis=axis)
        return values

    @Once
    def jacobian_tensor(self) -> Floats:
        """(m, m, m): the derivative of the elements of D = ΛΛᵀ in θ is θ · this, (element, θ)."""
        out = np.zeros((self.m, self.m, self.m))
        for block in self.blocks:
            at = {kh: block.theta.start + i for i, kh in enumerate(block.elements)}
            for (i, j), row in at.items():
                for h in range(j + 1):
                    out[at[j, h], row, at[i, h]] += 1.0
                    out[at[i, h], row, at[j, h]] += 1.0
        return out

    @Once
    def curvature_tensor(self) -> Floats:
        """(m, m, m): the second derivative of D(θ), contracted with a gradient g in D, is g · this."""
        out = np.zeros((self.m, self.m, self.m))
        for block in self.blocks:
            at = {kh: block.theta.start + i for i, kh in enumerate(block.elements)}
            for (k, h), row in at.items():
                for (i, j), column in at.items():
                    if h == j:
                        out[at[max(k, i), min(k, i)], row, column] += 2.0 if k == i else 1.0
        return out

    @Once
    def square(self) -> SquareChart:
        """The coordinates in which the search steps."""
        return SquareChart.make(tuple(block.size for block in self.blocks))

    @Once
    def tiers(self) -> tuple[InnerElements, ...]:
        """The elements of D of each nested inner factor, the finest first, as index arrays."""
        widths = (*(width for _, width in self.finer), self.width)
        return tuple(self._elements_of(tier, width) for tier, width in enumerate(widths))

    def _elements_of(self, tier: int, width: int) -> InnerElements:
        inside = {a: e.pairs[0] for a, e in enumerate(self.elements) if e.inner and e.tier == tier}
        return InnerElements.make(tuple(inside), tuple(inside.values()), width)

    @property
    def inner(self) -> InnerElements:
        """Those of the inner factor, the coarsest of the nested ones."""
        return self.tiers[-1]

    @Once
    def eliminated(self) -> Ints:
        """Positions of the elements of all nested inner factors, tier by tier."""
        return np.concatenate([tier.at for tier in self.tiers])


@dataclass(frozen=True)
class SquareChart:
    """Square factors Λ, D = ΛΛᵀ, all p² elements free: coordinates of length M = Σ p².

    A lower-triangular factor turns into a curved valley where a first variance is near zero; a square
    one has no such place, and the rotations it adds leave D alone. `place` is where θ stands among the M.
    `slope` (M, m, M) and `bend` (m, M, M) are as :attr:`Layout.jacobian_tensor` and `curvature_tensor`.
    """

    place: Ints
    slope: Floats
    bend: Floats
    spans: tuple[tuple[int, int, slice], ...]

    @staticmethod
    @lru_cache(maxsize=32)
    def make(sizes: tuple[int, ...]) -> SquareChart:
        """Number the elements of the square factors of terms of these sizes, row by row within each term."""
        M, m = sum(p * p for p in sizes), sum(p * (p + 1) // 2 for p in sizes)
        place, start, first_theta = np.zeros(m, dtype=np.intp), 0, 0
        slope, bend, spans = np.zeros((M, m, M)), np.zeros((m, M, M)), []
        for p in sizes:
            for a, (k, h) in enumerate(zip(*triangle(p), strict=True), first_theta):
                place[a] = start + k * p + h
                for c in range(p):
                    first, second = start + k * p + c, start + h * p + c
                    slope[second, a, first] += 1.0
                    slope[first, a, second] += 1.0
                    bend[a, first, second] += 1.0
                    bend[a, second, first] += 1.0
            following = first_theta + p * (p + 1) // 2
            spans.append((start, p, slice(first_theta, following)))
            start, first_theta = start + p * p, following
        return SquareChart(place, slope, bend, tuple(spans))

    def lift(self, theta: Floats) -> Floats:
        """(B, m) → (B, M): the triangular factors as square ones."""
        out = np.zeros((len(theta), self.slope.shape[0]))
        out[:, self.place] = theta
        return out

    def lower(self, full: Floats) -> Floats:
        """(B, M) → (B, m): triangular factors of the same D."""
        out = full[:, self.place]
        for start, p, theta in self.spans:
            if p == 1:
                continue
            if p == 2:
                out[:, theta] = _rotate(full[:, start : start + 4])
                continue
            L = full[:, start : start + p * p].reshape(-1, p, p)
            R = np.swapaxes(np.linalg.qr(np.swapaxes(L, 1, 2), mode="r"), 1, 2)
            rows, columns = triangle(p)
            out[:, theta] = R[:, rows, columns]
        return out


@dataclass(frozen=True)
class InnerElements:
    """Elements of D of the inner block: positions `at` among all elements, the pair (row, column), and its weight.

    `weight` is 1 on the diagonal and 2 off it, where Eₐ has two entries. With u, v numbering the pairs
    i ≤ j of inner columns, tr(XEₐYE_b) = Σ x_u y_v `gram_map`[u, v, a, b] for symmetric X and Y. Of a matrix with its
    cells in one row, `cells` are those of the elements and `upper` those of the pairs: to take from one axis is
    several times as quick as from two.
    """

    at: Ints
    rows: Ints
    columns: Ints
    weight: Floats
    cells: Ints
    upper: Ints
    gram_map: Floats

    @staticmethod
    @lru_cache(maxsize=32)
    def make(at: tuple[int, ...], places: Pairs, width: int) -> InnerElements:
        """Build the index arrays of the elements at `places` (row, column) of `width` inner columns."""
        rows, columns = np.array(places).T
        upper = np.triu_indices(width)
        number = {(int(i), int(j)): u for u, (i, j) in enumerate(zip(*upper, strict=True))}
        pairs = [{(k, h), (h, k)} for k, h in places]
        gram = np.zeros((len(number), len(number), len(at), len(at)))
        for a, first in enumerate(pairs):
            for b, second in enumerate(pairs):
                for i, j in first:
                    for k, h in second:
                        u, v = number[min(h, i), max(h, i)], number[min(j, k), max(j, k)]
                        gram[u, v, a, b] += 1.0
        weight, cells = np.where(rows == columns, 1.0, 2.0), rows * width + columns
        return InnerElements(np.array(at), rows, columns, weight, cells, upper[0] * width + upper[1], gram)


def _rotate(full: Floats) -> Floats:
    """(B, 4) square factors of two effects → (B, 3) triangular ones, by one plane rotation."""
    a, b, c, d = full.T
    angle = np.arctan2(b, a)  # nought where both are
    cosine, sine = np.cos(angle), np.sin(angle)
    out = np.empty((len(full), 3))
    out[:, 0], out[:, 1], out[:, 2] = np.hypot(a, b), c * cosine + d * sine, d * cosine - c * sine
    return out
