"""The chance of a cross product when rows are permuted."""

from __future__ import annotations

from typing import Final

import numpy as np

from doublecode.analysis.screening.code_tables import Floats

DRAWS: Final = 20_000
_WORTH: Final = 2.5
"""Standard errors below which no permutation is drawn: the normal tail is near enough to be far from any alarm."""
_ENOUGH: Final = 20


def centred(values: Floats) -> Floats:
    """Columns less their means over the rows that have a value; without one, zero."""
    known = np.isfinite(values)
    n = np.maximum(known.sum(axis=0), 1)
    filled = np.where(known, values, 0.0)
    return np.asarray(np.where(known, filled - filled.sum(axis=0) / n, 0.0))


def permutation_p(x: Floats, y: Floats, rng: np.random.Generator) -> float:
    """Chance of Σ x·y as large as this or larger when the rows of `x` are permuted.

    Parameters
    ----------
    x, y : array (n, p)
        Centred columns.
    rng : Generator

    Notes
    -----
    The permutation variance is exact: Σ_jk (x'x)_jk (y'y)_jk / (n − 1). From 2.5 standard errors on, 20,000
    permutations are drawn; where fewer than 20 of them reach the value, a Pearson III curve with their skewness takes
    the tail (Kazi-Aoual, Hitier, Sabatier & Lebreton, 1995, Computational Statistics & Data Analysis, 20, 643–656).
    """
    from scipy.special import gammaincc, ndtr

    n = len(x)
    table = x @ y.T
    spread = np.sqrt(max(float(((x.T @ x) * (y.T @ y)).sum()) / max(n - 1, 1), 0.0))
    if n < 3 or spread <= 0.0:
        return 1.0
    z = float(np.trace(table)) / spread
    if z < _WORTH:
        return float(ndtr(-z))
    orders = rng.permuted(np.broadcast_to(np.arange(n), (DRAWS, n)), axis=1)
    drawn = table[np.arange(n), orders].sum(axis=1) / spread
    reached = int((drawn >= z - 1e-9).sum())
    if reached >= _ENOUGH:
        return (reached + 1) / (DRAWS + 1)
    skew = max(float((drawn**3).mean()), 1e-3)
    shape = 4.0 / skew**2
    tail = float(gammaincc(shape, max(shape + z * np.sqrt(shape), 0.0)))
    return max(tail, 1e-300)
