"""Krippendorff's alpha at four levels of measurement, missing ratings allowed.

α = 1 − D_o/D_e from the coincidences of values within targets (Krippendorff 2004,
Content Analysis, ch. 11; 2011, Computing Krippendorff's alpha-reliability). The
standard error is Gwet's (2014, ch. 6) linearisation with the distances held fixed.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from doublecode.analysis.concordance.chance_corrected import Coefficient, Counts

Floats = NDArray[np.float64]
LEVELS: Final[tuple[str, ...]] = ("nominal", "ordinal", "interval", "ratio")


def distances(values: Floats, totals: Floats, level: str) -> Floats:
    """Squared distances between categories per set, shape (n_sets, q, q).

    Parameters
    ----------
    values : ndarray, shape (q,)
        Categories, ascending.
    totals : ndarray, shape (n_sets, q)
        Pairable ratings per category; the ordinal distance counts them.
    level : str
        One of :data:`LEVELS`.
    """
    n_sets, q = totals.shape
    if level == "nominal":
        return np.broadcast_to(1.0 - np.eye(q), (n_sets, q, q))
    if level == "ordinal":
        middle = np.cumsum(totals, axis=1) - totals / 2.0
        return (middle[:, :, None] - middle[:, None, :]) ** 2
    gap = values[:, None] - values[None, :]
    if level == "ratio":
        total = values[:, None] + values[None, :]
        gap = np.divide(gap, total, out=np.zeros_like(gap), where=total != 0.0)
    return np.broadcast_to(gap**2, (n_sets, q, q))


def krippendorff_alpha(counts: Counts, level: str) -> Coefficient:
    """Krippendorff's alpha per set; NaN where all pairable ratings are equal.

    Parameters
    ----------
    counts : Counts
    level : str
        ``nominal``, ``ordinal``, ``interval`` or ``ratio`` (values not negative).
    """
    per = counts.layout.per_target.astype(np.float64)
    several = per > 1.0
    table, per = counts.table[:, several, :], per[several]
    totals = table.sum(axis=1)
    n_values = per.sum()
    square = distances(counts.values, totals, level)
    apart = np.einsum("snq,snq->sn", table, table @ square) / (per - 1.0)
    reach = np.einsum("sqr,sr->sq", square, totals)
    expected = np.einsum("sq,sq->s", totals, reach) / (n_values * (n_values - 1.0))
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = apart.sum(axis=1) / n_values / expected
    return Coefficient(
        np.where(expected > 0.0, 1.0 - ratio, np.nan),
        _std_error(table, per, apart, reach),
        np.full(len(totals), len(per) - 1.0),
    )


def _std_error(table: Floats, per: Floats, apart: Floats, reach: Floats) -> Floats:
    """Linearised standard error; both disagreements are ratios to the number of ratings.

    As Gwet (2014) prints it (.14557 for his 12 units) and irrCAC 1.0 computes it: the small-sample factor 1 − 1/N
    enters the centring. Later versions of irrCAC leave it out there (.14548); with gaps their error differs by up to
    2e-4.
    """
    n, mean = len(per), per.mean()
    total = per.sum()
    observed = apart.sum(axis=1, keepdims=True) / total
    chance = np.einsum("snq,sq->sn", table, reach) / total
    expected = chance.sum(axis=1, keepdims=True) / total
    with np.errstate(divide="ignore", invalid="ignore"):
        d_observed = apart / mean - observed * (1.0 - 1.0 / total) * (per - mean) / mean - observed
        d_expected = 2.0 * (chance - expected * per) / mean
        each = (d_observed - (observed / expected) * d_expected) / expected
        each = np.where(expected > 0.0, each, np.nan)
        return np.asarray(np.sqrt(np.sum(each**2, axis=1) / (n * (n - 1.0))), dtype=np.float64)
