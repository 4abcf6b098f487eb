"""What the ratings look like: who rated what, found from the data.

A long frame of ratings falls into *sets* (one per item, phase, …) and sets
with the same pattern of targets and raters share one :class:`Layout`, so that
everything downstream works on arrays of shape (sets, ratings).
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from doublecode.schemas.results import Note

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Layout:
    """Which rater rated which target, in one pattern of ratings.

    Attributes
    ----------
    target, rater : ndarray of int, shape (n_obs,)
        Codes 0 … n − 1, sorted by target, then rater. `rater` counts within the
        target where raters are unknown.
    cluster : ndarray of int, shape (n_obs,), or None
        Code of the target's cluster (patient).
    rater_names : tuple
        Labels of the raters; empty where they are unknown.
    known_raters : bool
    """

    target: Ints
    rater: Ints
    cluster: Ints | None
    rater_names: tuple[Hashable, ...]
    known_raters: bool

    @property
    def n_obs(self) -> int:
        """Ratings."""
        return len(self.target)

    @cached_property
    def n_targets(self) -> int:
        """Rated targets."""
        return int(self.target[-1]) + 1

    @cached_property
    def n_raters(self) -> int:
        """Raters, or the largest number of ratings of a target where they are unknown."""
        return int(self.rater.max()) + 1

    @cached_property
    def per_target(self) -> Ints:
        """Ratings per target, shape (n_targets,)."""
        return np.bincount(self.target)

    @cached_property
    def per_rater(self) -> Ints:
        """Ratings per rater, shape (n_raters,)."""
        return np.bincount(self.rater, minlength=self.n_raters)

    @cached_property
    def complete(self) -> bool:
        """Whether every rater rated every target."""
        return self.n_obs == self.n_targets * self.n_raters

    @cached_property
    def ratings_per_target(self) -> tuple[int, int]:
        """The fewest and the most ratings of a target."""
        if self.complete:
            return self.n_raters, self.n_raters
        return int(self.per_target.min()), int(self.per_target.max())

    @cached_property
    def n_single_coded(self) -> int:
        """Targets with one rating."""
        if self.complete:
            return self.n_targets if self.n_raters == 1 else 0
        return int((self.per_target == 1).sum())

    @cached_property
    def k_eff(self) -> float:
        """Harmonic mean of the ratings per target."""
        if self.complete:
            return float(self.n_raters)
        per = self.per_target
        return float(per[0]) if (per == per[0]).all() else float(self.n_targets / np.sum(1.0 / per))

    @cached_property
    def q(self) -> float:
        """Rater weight of the actual design (Putka, Le, McCloy & Diaz 2008): 0 if crossed, 1/k_eff if nested.

        q = mean(1/k_i) − mean over pairs of targets of c_ij / (k_i k_j), c_ij the raters two targets share.
        """
        if self.known_raters and self.complete:
            return 0.0
        n = self.n_targets
        weights = 1.0 / self.per_target
        own = float(weights.sum())
        if n < 2 or not self.known_raters:
            return own / n
        load = np.bincount(self.rater, weights=weights[self.target])
        shared = (float(load @ load) - own) / (n * (n - 1))
        return own / n - shared

    @cached_property
    def parts(self) -> Ints:
        """Connected part of each rater in the rater–target graph, shape (n_raters,)."""
        if self.complete or self.n_raters == 1:
            return np.zeros(self.n_raters, dtype=np.int64)
        starts = np.searchsorted(self.target, np.arange(self.n_targets))
        label = np.arange(self.n_raters)
        while True:
            lowest = np.minimum.reduceat(label[self.rater], starts)
            found = label.copy()
            np.minimum.at(found, self.rater, lowest[self.target])
            found = found[found]
            if (found == label).all():
                return np.unique(label, return_inverse=True)[1].astype(np.int64)
            label = found

    @cached_property
    def rating_pairs(self) -> tuple[Ints, Ints]:
        """Positions of the two ratings of every pair on the same target, first < second."""
        firsts, seconds = [], []
        for lag in range(1, int(self.per_target.max())):
            here = np.flatnonzero(self.target[lag:] == self.target[:-lag])
            firsts.append(here)
            seconds.append(here + lag)
        if not firsts:
            return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
        return np.concatenate(firsts), np.concatenate(seconds)

    @cached_property
    def kind(self) -> str:
        """``complete``, ``incomplete``, ``nested``, ``disconnected`` or ``one-way``."""
        if not self.known_raters:
            return "one-way"
        if self.complete:
            return "complete"
        if self.per_rater.max() == 1:
            return "nested"
        return "incomplete" if self.parts.max() == 0 else "disconnected"

    @cached_property
    def pairs(self) -> Ints:
        """Targets shared by each two raters, shape (n_raters, n_raters), zero diagonal."""
        seen = np.zeros((self.n_targets, self.n_raters))
        seen[self.target, self.rater] = 1.0
        together = (seen.T @ seen).astype(np.int64)
        np.fill_diagonal(together, 0)
        return together

    def counts(self) -> dict[str, Any]:
        """Numbers that a report prints about this design."""
        return {
            "kind": self.kind,
            "n_targets": self.n_targets,
            "n_raters": self.n_raters if self.known_raters else None,
            "n_ratings": self.n_obs,
            "n_single_coded": self.n_single_coded,
            "n_multiply_coded": self.n_targets - self.n_single_coded,
            "ratings_per_target": self.ratings_per_target,
            "k_eff": self.k_eff,
            "q": self.q,
        }


def complete_layout(n_targets: int, rater_names: tuple[Hashable, ...]) -> Layout:
    """The layout in which every rater rated every target."""
    target, rater = np.divmod(np.arange(n_targets * len(rater_names)), len(rater_names))
    return Layout(target, rater, None, rater_names, True)


@dataclass(frozen=True, eq=False)
class RatingSets:
    """Sets of ratings that share one layout.

    Attributes
    ----------
    layout : Layout
    values : ndarray, shape (n_sets, n_obs)
    index : ndarray of int, shape (n_sets,)
        Position of each set among all sets of the question.
    """

    layout: Layout
    values: Floats
    index: Ints


@dataclass(frozen=True, eq=False)
class RatingData:
    """All sets of a question, grouped by layout.

    Attributes
    ----------
    groups : tuple of RatingSets
    keys : tuple of tuples
        Labels of each set, in the order of `by`.
    by : tuple of str
        Columns that split the data.
    n_missing : int
        Rows without a rating, which were left out.
    rows : Index
        Labels of the rows that hold a rating, as they were when the frame was read.
    """

    groups: tuple[RatingSets, ...]
    keys: tuple[tuple[Hashable, ...], ...]
    by: tuple[str, ...]
    n_missing: int
    rows: pd.Index[Any]

    @property
    def n_sets(self) -> int:
        """Sets."""
        return len(self.keys)

    @property
    def missing_notes(self) -> tuple[Note, ...]:
        """How many rows were left out, where some were."""
        return rows_without_rating(self.n_missing)

    def key_of(self, s: int) -> dict[str, Hashable]:
        """Labels of a set by column; empty where the data are one set."""
        return dict(zip(self.by, self.keys[s], strict=True))

    def name_of(self, s: int) -> str:
        """Name a set: ``item = x, phase = y``; empty where the data are one set."""
        return ", ".join(f"{name} = {value}" for name, value in self.key_of(s).items())

    def names_of(self, sets: Ints) -> str:
        """Name some sets: the first three, and how many more; empty where the data are one set."""
        more = f" and {len(sets) - 3} more" if len(sets) > 3 else ""
        return "; ".join(self.name_of(s) for s in sets[:3].tolist()) + more


def rows_without_rating(n: int) -> tuple[Note, ...]:
    """The note on `n` rows that were left out; none where all hold a rating."""
    return (Note("rows_without_rating", numbers={"n": n}),) if n else ()
