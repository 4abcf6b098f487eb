"""Sources of variance of a generalizability study: sums of squares, df and expected mean squares.

Works on any pattern of facets, crossed or nested, found from the data. The analogous
T terms (Henderson's method I; Brennan 2001, Generalizability Theory, ch. 7) are
T(α) = Σ over cells of α of n·mean²; their expectations are linear in the variance
components, which solving gives. In balanced data that is the ANOVA estimator.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from doublecode.schemas.errors import NotEstimable

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Source:
    """One random source: its name, all facets that make its cells, and the cell of each row."""

    name: str
    facets: frozenset[str]
    cells: Ints

    @property
    def size(self) -> int:
        """Number of cells."""
        return int(self.cells.max()) + 1


def nesting(frame: pd.DataFrame, facets: list[str]) -> dict[str, frozenset[str]]:
    """For each facet, the facets that it is nested in (each of its levels occurs in one of theirs)."""
    found = {}
    for facet in facets:
        others = [other for other in facets if other != facet]
        found[facet] = frozenset(
            other
            for other in others
            if int(frame.groupby(facet, observed=True)[other].nunique().max()) == 1
            and frame[facet].nunique() > frame[other].nunique()
        )
    return found


def make_source(frame: pd.DataFrame, name: str, factors: tuple[str, ...], nested: dict[str, frozenset[str]]) -> Source:
    """Build the cells of a term; facets that hold its own are part of it."""
    facets = frozenset(factors).union(*(nested[factor] for factor in factors))
    cells = frame.groupby(list(factors), observed=True, sort=True).ngroup()
    return Source(name, facets, np.asarray(cells, dtype=np.int64))


def is_balanced(sources: list[Source]) -> bool:
    """Whether every source has cells of one size and the crossings within it are full."""
    for source in sources:
        if len(np.unique(np.bincount(source.cells))) > 1:
            return False
    for one in sources:
        for two in sources:
            joint = one.cells * two.size + two.cells
            if len(np.unique(np.unique(joint, return_counts=True)[1])) > 1:
                return False
    return True


def _inside(small: Source, large: Source) -> bool:
    """Whether the cells of `small` are unions of cells of `large`."""
    return small.name != large.name and len(np.unique(large.cells * small.size + small.cells)) == large.size


def anova_table(y: Floats, sources: list[Source]) -> pd.DataFrame:
    """Sums of squares, df, mean squares and variance components.

    Parameters
    ----------
    y : ndarray, shape (n,)
    sources : list of Source
        Without the residual, which is what is left.

    Returns
    -------
    DataFrame
        ``source, df, sum_sq, mean_sq, variance``; the residual is last. Components may be
        negative; that is what the estimator gives.

    Raises
    ------
    NotEstimable
        Two sources have the same cells, or nothing is left for the residual.
    """
    centred = y - y.mean()
    raw = np.array([_analogous(centred, source.cells) for source in sources] + [float(centred @ centred)])
    variance = _solve(raw, len(y), sources)
    order = sorted(range(len(sources)), key=lambda i: sources[i].size)
    sums, degrees = np.zeros(len(sources)), np.zeros(len(sources))
    for i in order:
        within = [j for j in order if j != i and _inside(sources[j], sources[i])]
        sums[i] = raw[i] - sum(sums[j] for j in within)
        degrees[i] = sources[i].size - 1 - sum(degrees[j] for j in within)
    rest, rest_df = raw[-1] - sums.sum(), len(y) - 1 - degrees.sum()
    frame = pd.DataFrame(
        {
            "source": [source.name for source in sources] + ["Residual"],
            "df": np.append(degrees, rest_df),
            "sum_sq": np.append(sums, rest),
        }
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        frame["mean_sq"] = np.where(frame["df"] > 0, frame["sum_sq"] / frame["df"], np.nan)
    frame["variance"] = variance
    return frame


def _analogous(y: Floats, cells: Ints) -> float:
    total = np.bincount(cells, weights=y)
    return float(np.sum(total**2 / np.bincount(cells)))


def _solve(raw: Floats, n: int, sources: list[Source]) -> Floats:
    """Equate the T terms, less that of the mean, to their expectations."""
    every = [*sources, Source("Residual", frozenset(), np.arange(n))]
    size = len(every)
    matrix = np.empty((size, size))
    for j, component in enumerate(every):
        own = np.bincount(component.cells).astype(np.float64)
        of_mean = float(own @ own) / n
        for i, term in enumerate(every):
            joint, counts = np.unique(term.cells * component.size + component.cells, return_counts=True)
            cells = np.bincount(term.cells)
            matrix[i, j] = float(np.sum(counts**2 / cells[joint // component.size])) - of_mean
    if np.linalg.matrix_rank(matrix, tol=1e-8 * np.abs(matrix).max()) < size:
        raise NotEstimable(
            "g_study: the sources cannot be told apart in these data (two have the same cells, or one has a cell "
            "per row and leaves no residual). Leave one of them out."
        )
    return np.asarray(np.linalg.solve(matrix, raw), dtype=np.float64)
