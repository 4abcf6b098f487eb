"""Many sets on one frame of places: J groups, K places in each, as many as the largest group has rows.

A place where a set has no row weighs nothing. Sums over a group are sums over an axis, and what belongs to a group acts
on its rows by broadcasting; the sets lie last, so that every step is one operation on long arrays.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Protocol

import numpy as np
import numpy.typing as npt

from doublecode.analysis.mixed.generalized.many_density import SetDensity

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]


@dataclass(frozen=True)
class Places:
    """Where the n rows of a design stand: group and place of each, and the shape (J, K)."""

    group: Ints
    place: Ints
    shape: tuple[int, int]

    def spread(self, rows: Floats, fill: float = 0.0) -> Floats:
        """(n, …) values at their places, (J, K, …)."""
        out = np.full((*self.shape, *rows.shape[1:]), fill)
        out[self.group, self.place] = rows
        return out


def places_of(codes: Ints, n_groups: int) -> Places:
    """Number the rows (n,) of each group."""
    order = np.argsort(codes, kind="stable")
    counts = np.bincount(codes, minlength=n_groups)
    place = np.empty(len(codes), dtype=np.intp)
    place[order] = np.arange(len(codes)) - np.repeat(np.cumsum(counts) - counts, counts)
    return Places(codes.astype(np.intp), place, (n_groups, int(counts.max())))


class Columns(Protocol):
    """The fixed-effects columns, p of them."""

    @property
    def size(self) -> int:
        """P."""

    def predict(self, beta: Floats) -> Floats:
        """(J, K, B) values Xβ for β (p, B)."""

    def sums(self, rows: Floats) -> Floats:
        """(p, J, B) sums over each group of rows (J, K, B) times a column."""

    def gram(self, rows: Floats) -> Floats:
        """(p, p, B) sums of rows times two columns."""

    def take(self, sets: Ints) -> Columns:
        """Some of the sets."""


@dataclass(frozen=True)
class SharedColumns:
    """Columns (J, K, p) that all sets have."""

    X: Floats

    @property
    def size(self) -> int:
        """Number of columns."""
        return int(self.X.shape[2])

    @cached_property
    def _by_group(self) -> Floats:
        return np.ascontiguousarray(self.X.transpose(0, 2, 1))

    @cached_property
    def _pairs(self) -> tuple[Ints, Ints, Floats]:
        first, second = np.triu_indices(self.size)
        flat = self.X.reshape(-1, self.size)
        return first, second, np.ascontiguousarray((flat[:, first] * flat[:, second]).T)

    def predict(self, beta: Floats) -> Floats:
        """Values at coefficients (p, B)."""
        J, K, p = self.X.shape
        return (self.X.reshape(J * K, p) @ beta).reshape(J, K, -1)

    def sums(self, rows: Floats) -> Floats:
        """Sums over each group."""
        return np.asarray((self._by_group @ rows).transpose(1, 0, 2))

    def gram(self, rows: Floats) -> Floats:
        """Sums over all rows of two columns."""
        first, second, pairs = self._pairs
        out = np.empty((self.size, self.size, rows.shape[-1]))
        out[first, second] = pairs @ rows.reshape(-1, rows.shape[-1])
        out[second, first] = out[first, second]
        return out

    def take(self, sets: Ints) -> Columns:
        """The same for all."""
        return self


@dataclass(frozen=True)
class OwnColumns:
    """Columns (p, J, K, B) that differ by set."""

    X: Floats

    @property
    def size(self) -> int:
        """Number of columns."""
        return len(self.X)

    def predict(self, beta: Floats) -> Floats:
        """Values at coefficients (p, B)."""
        out = np.zeros(self.X.shape[1:])
        for column, b in zip(self.X, beta, strict=True):
            out += column * b
        return out

    def sums(self, rows: Floats) -> Floats:
        """Sums over each group."""
        J, _, B = rows.shape
        return np.array([(column * rows).sum(axis=1) for column in self.X]).reshape(self.size, J, B)

    def gram(self, rows: Floats) -> Floats:
        """Sums over all rows of two columns."""
        p, B = self.size, rows.shape[-1]
        out = np.empty((p, p, B))
        for i in range(p):
            weighed = self.X[i] * rows
            for k in range(i, p):
                out[i, k] = out[k, i] = (weighed * self.X[k]).reshape(-1, B).sum(axis=0)
        return out

    def take(self, sets: Ints) -> Columns:
        """Some of the sets."""
        return OwnColumns(self.X[..., sets])


@dataclass(frozen=True)
class SetProblem:
    """B sets with one scalar random term.

    Attributes
    ----------
    columns
        Fixed-effects columns, in conditioned units.
    Z
        (J, K, 1) conditioned column of the random term; None where it is 1 in all places.
    offset
        (J, K, 1) known part of η.
    density
        Outcomes, prior weights within.
    constant
        (B,) what the densities leave out.
    nodes
        (Q,) nodes and log-weights of ∫ e^{−z²}; one node is Laplace's approximation.
    precision
        (p, p) of a normal prior on β in these units, or None.
    """

    columns: Columns
    Z: Floats | None
    offset: Floats
    density: SetDensity
    constant: Floats
    nodes: tuple[Floats, Floats]
    precision: Floats | None = None

    @property
    def size(self) -> int:
        """Number of parameters (θ, β, ψ)."""
        return 1 + self.columns.size + self.density.n_shape

    @property
    def of_beta(self) -> slice:
        """Where β stands among them."""
        return slice(1, 1 + self.columns.size)

    def at(self, psi: Floats) -> SetProblem:
        """The same at shape parameters (B, k)."""
        return replace(self, density=self.density.at(psi[:, 0])) if psi.shape[1] else self

    @property
    def n_groups(self) -> int:
        """Groups, J."""
        return len(self.offset)

    def by_z(self, rows: Floats, power: int = 1) -> Floats:
        """Rows times a power of the random column."""
        return rows if self.Z is None else rows * self.Z**power

    def take(self, sets: Ints) -> SetProblem:
        """Some of the sets."""
        return replace(
            self, columns=self.columns.take(sets), density=self.density.take(sets), constant=self.constant[sets]
        )

    def with_nodes(self, n: int) -> SetProblem:
        """The same sets with another number of nodes."""
        return replace(self, nodes=hermite(n))


def hermite(n: int) -> tuple[Floats, Floats]:
    """Nodes and log-weights of Gauss–Hermite quadrature."""
    z, w = np.polynomial.hermite.hermgauss(n)
    return np.asarray(z), np.asarray(np.log(w))
