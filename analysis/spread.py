"""Low ICC with high agreement: tell the raters' fault from targets that hardly differ."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class PairAgreement:
    """Agreement over all pairs of ratings of the same target.

    Attributes
    ----------
    n_pairs : int
    exact, within_one : float
        Shares of pairs, 0 to 1.
    sd_error : float
        Root of half the mean squared difference: the standard error of measurement, in scale points.
    """

    n_pairs: int
    exact: float
    within_one: float
    sd_error: float


def rating_pairs(target: Ints) -> tuple[Ints, Ints]:
    """All pairs of ratings of the same target.

    Parameters
    ----------
    target : ndarray of int, shape (n_obs,)
        Sorted codes.

    Returns
    -------
    first, second : ndarrays of int
        Positions of the two ratings of each pair, first < second.
    """
    firsts, seconds = [], []
    for lag in range(1, int(np.bincount(target).max(initial=1))):
        here = np.flatnonzero(target[lag:] == target[:-lag])
        firsts.append(here)
        seconds.append(here + lag)
    if not firsts:
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
    return np.concatenate(firsts), np.concatenate(seconds)


def pair_agreement(target: Ints, values: Floats) -> PairAgreement:
    """Agreement of one set, shape (n_obs,), over all pairs of ratings of the same target."""
    first, second = rating_pairs(target)
    gap = np.abs(values[first] - values[second])
    if not len(gap):
        return PairAgreement(0, float("nan"), float("nan"), float("nan"))
    tolerance = 1e-9
    return PairAgreement(
        n_pairs=len(gap),
        exact=float(np.mean(gap <= tolerance)),
        within_one=float(np.mean(gap <= 1.0 + tolerance)),
        sd_error=float(np.sqrt(np.mean(gap**2) / 2.0)),
    )


def lack_of_spread(target: Ints, values: Floats, single: float) -> str | None:
    """Explain a low ICC by lack of spread, or return None.

    The note is given when the single-rating ICC is below .50 although at least
    70 % of the pairs agree exactly or 95 % within one point on a scale used over
    three points or more, and the mode alone covers half of the ratings.

    Parameters
    ----------
    target : ndarray of int, shape (n_obs,)
    values : ndarray, shape (n_obs,)
    single : float
        ICC of a single rating.
    """
    if np.isnan(single) or single >= 0.50:
        return None
    found = pair_agreement(target, values)
    if found.n_pairs == 0:
        return None
    points, counts = np.unique(values, return_counts=True)
    share = float(counts.max() / counts.sum())
    agreeing = found.exact >= 0.70 or (found.within_one >= 0.95 and points[-1] - points[0] >= 2.0)
    if not agreeing or share < 0.50:
        return None
    return (
        f"lack of spread: the ICC of a single rating is {single:.2f} although raters agree exactly on "
        f"{found.exact:.0%} and within one point on {found.within_one:.0%} of {found.n_pairs} pairs; "
        f"{share:.0%} of the ratings are {points[np.argmax(counts)]:g}. The targets hardly differ, so the ICC "
        f"is low by arithmetic: report agreement (AC2, SEM {found.sd_error:.2f} points) beside it"
    )
