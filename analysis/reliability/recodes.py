"""What recodes say: how many days lie between two codings, and the ICC of all raters against themselves."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from doublecode.schemas.results import Note

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

SHORTEST: Final = 14
"""Days below which what a rater remembers may make her codes alike: two weeks, the usual least of test and retest."""


@dataclass(frozen=True)
class PooledRecodes:
    """The ICC(A,1) of raters against themselves, pooled within raters.

    Parameters
    ----------
    estimate, conf_low, conf_high : float
        NaN where there is none.
    n_targets, n_raters : int
        Recoded targets, counted for each rater, and the raters.
    """

    estimate: float
    conf_low: float
    conf_high: float
    n_targets: int
    n_raters: int


def pooled_recodes(first: NDArray[np.float64], later: NDArray[np.float64], rater: NDArray[np.int64]) -> PooledRecodes:
    """Pool mean squares within raters, so that differences between raters are neither truth nor error.

    With n_r recoded targets of rater r and k = 2 occasions, sums of squares of targets, occasions and residual are
    computed within each rater and added up, with Σ(n_r − 1), R and Σ(n_r − 1) degrees of freedom. Then

    ICC(A,1) = (MS_t − MS_e) / (MS_t + MS_e + 2 (MS_o − MS_e) / n̄),  n̄ = Σ n_r / R,

    which is McGraw and Wong's for one rater. Limits: jackknife over targets of the transformed
    z = ½ ln((1 + ICC) / (1 − ICC)), t on N − 1 degrees of freedom.

    Parameters
    ----------
    first, later : ndarray, shape (n,)
        Values of the two occasions.
    rater : ndarray of int, shape (n,)
        Who rated. A rater with one recoded target has no spread between targets and counts nowhere.

    Returns
    -------
    PooledRecodes

    References
    ----------
    McGraw & Wong (1996), Psychological Methods, 1, 30–46, case 2A.

    Examples
    --------
    >>> found = pooled_recodes(np.array([1.0, 2, 3, 4]), np.array([1.0, 2, 4, 4]), np.array([0, 0, 1, 1]))
    >>> round(found.estimate, 3), found.n_raters
    (0.667, 2)
    """
    _, of, counts = np.unique(rater, return_inverse=True, return_counts=True)
    several = counts[of] > 1
    first, later, rater = first[several], later[several], rater[several]
    whole = _pooled(first, later, rater)
    low, high = _jackknife(first, later, rater, whole)
    return PooledRecodes(whole, low, high, len(first), int((counts > 1).sum()))


def _pooled(first: NDArray[np.float64], later: NDArray[np.float64], rater: NDArray[np.int64]) -> float:
    both = np.column_stack([first, later])
    targets = occasions = residual = 0.0
    df = n_raters = n = 0
    for one in np.unique(rater):
        own = both[rater == one]
        if len(own) < 2:
            continue
        middle, of_target, of_occasion = own.mean(), own.mean(axis=1), own.mean(axis=0)
        targets += 2 * float(((of_target - middle) ** 2).sum())
        occasions += len(own) * float(((of_occasion - middle) ** 2).sum())
        residual += float(((own - of_target[:, None] - of_occasion + middle) ** 2).sum())
        df, n_raters, n = df + len(own) - 1, n_raters + 1, n + len(own)
    if not df:
        return math.nan
    ms_t, ms_o, ms_e = targets / df, occasions / n_raters, residual / df
    total = ms_t + ms_e + 2 * (ms_o - ms_e) * n_raters / n
    return (ms_t - ms_e) / total if total > 1e-12 * max(1.0, float(np.abs(both).max()) ** 2) else math.nan


def _jackknife(
    first: NDArray[np.float64], later: NDArray[np.float64], rater: NDArray[np.int64], whole: float
) -> tuple[float, float]:
    """Limits from leaving out each target once; NaN where an estimate is missing, 1 or −1."""
    from scipy.special import stdtrit

    n = len(first)
    keep = ~np.eye(n, dtype=bool)
    values = np.array([whole, *(_pooled(first[rows], later[rows], rater[rows]) for rows in keep)])
    if n < 4 or not np.isfinite(values).all() or (np.abs(values) >= 1 - 1e-12).any():
        return math.nan, math.nan
    z = np.arctanh(values)
    pseudo = n * z[0] - (n - 1) * z[1:]
    half = float(stdtrit(n - 1, 0.975)) * float(pseudo.std(ddof=1)) / math.sqrt(n)
    return math.tanh(float(pseudo.mean()) - half), math.tanh(float(pseudo.mean()) + half)


def interval_notes(days: pd.Series[float]) -> tuple[Note, ...]:
    """How many days lay between the first codes and the recodes, and a warning where they are few.

    Parameters
    ----------
    days : Series
        Days of each recode since the coding before it; those not known are NaN.
    """
    known = days.dropna()
    if not len(known):
        return ()
    found = {"median": float(known.median()), "low": float(known.min()), "high": float(known.max())}
    short = int((known < SHORTEST).sum())
    warned = (Note("carry_over", numbers={"n": short, "of": len(known), "days": SHORTEST}),) if short else ()
    return (Note("days_between_codes", numbers={**found, "n": len(known)}), *warned)
