"""The chance of a cross product when rows are permuted."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final

import numpy as np

from doublecode.analysis.screening.code_tables import Floats

DRAWS: Final = 20_000
ROUNDS: Final = 10
_WORTH: Final = 2.5
"""Standard errors below which no permutation is drawn: the normal tail is near enough to be far from any alarm."""
_ENOUGH: Final = 20
_TAIL: Final = 200
"""Largest draws that the tail is fitted to."""


def centred(values: Floats) -> Floats:
    """Columns less their means over the rows that have a value; without one, zero."""
    known = np.isfinite(values)
    n = np.maximum(known.sum(axis=0), 1)
    filled = np.where(known, values, 0.0)
    return np.asarray(np.where(known, filled - filled.sum(axis=0) / n, 0.0))


def standardised(values: Floats) -> Floats:
    """Centred columns over their standard deviations; a column without spread stays zero."""
    deviations = centred(values)
    size = np.sqrt((deviations**2).sum(axis=0) / max(len(values), 1))
    return np.asarray(deviations / np.where(size > 0.0, size, 1.0))


def permutation_spread(x: Floats, y: Floats) -> float:
    """Standard deviation of Σ x·y over permutations of rows."""
    return float(np.sqrt(max(float(((x.T @ x) * (y.T @ y)).sum()) / max(len(x) - 1, 1), 0.0)))


def permutation_p(x: Floats, y: Floats) -> float:
    """Chance of Σ x·y as large as this or larger when the rows of `x` are permuted.

    Parameters
    ----------
    x, y : array (n, p)
        Centred columns.

    Notes
    -----
    The permutation variance is exact: Σ_jk (x'x)_jk (y'y)_jk / (n − 1). From 2.5 standard errors on, 20,000
    permutations are drawn, and 200,000 where fewer than 20 of them reach the value; beyond these an exponential curve
    through the 200 largest takes the tail, which is no lighter than that of a bounded sum (Knijnenburg, Wessels,
    Reinders & Shmulevich, 2009, Bioinformatics, 25, i161–i168). The permutations are the same for every test.
    """
    from scipy.special import ndtr

    n = len(x)
    table = x @ y.T
    spread = permutation_spread(x, y)
    if n < 3 or spread <= 0.0:
        return 1.0
    z = float(np.trace(table)) / spread
    if z < _WORTH:
        return float(ndtr(-z))
    drawn = np.zeros(0)
    for turn in range(ROUNDS):
        drawn = np.append(drawn, table[np.arange(n), _orders(n, turn)].sum(axis=1) / spread)
        reached = int((drawn >= z - 1e-9).sum())
        if reached >= _ENOUGH:
            return (reached + 1) / (len(drawn) + 1)
    largest = np.partition(drawn, len(drawn) - _TAIL)[-_TAIL:]
    start = float(largest.min())
    beyond = _TAIL / len(drawn) * np.exp(-(z - start) / max(float((largest - start).mean()), 1e-9))
    counted = (reached + 1) / (len(drawn) + 1)
    return counted if reached else float(min(counted, beyond))


@lru_cache(maxsize=64)
def _orders(n: int, turn: int) -> np.ndarray[Any, np.dtype[np.int16]]:
    """Permutations of n rows (DRAWS, n)."""
    rng = np.random.default_rng([n, turn])
    return rng.permuted(np.broadcast_to(np.arange(n, dtype=np.int16), (DRAWS, n)), axis=1)
