r"""Widths of intervals of intraclass correlations without simulation: Bonett's approximation and the exact F.

For targets that all of k raters rate (or k items measure), :math:`ρ` the coefficient of one of them:

.. math:: w = z \sqrt{\frac{8 (1 − ρ)^2 (1 + (k − 1) ρ)^2}{k (k − 1) (n − 1)}}

(Bonett 2002, *Statistics in Medicine* 21:1331, formula 3 solved for the width); and the F ratio of targets to error is
distributed as :math:`\frac{1 + (k − 1) ρ}{1 − ρ} F_{n − 1, (n − 1)(k − 1)}`, which gives the distribution of the exact
limits of consistency and of alpha (Shrout & Fleiss 1979; Feldt 1965).
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from scipy.special import fdtri, ndtri

from doublecode.analysis.reliability.forms import spearman_brown

POINTS: Final = 4001
"""Quantiles of F at which widths are taken; the median is good to four digits."""


def bonett_width(icc: float, n: float, k: int, *, mean_of: int = 1, conf_level: float = 0.95) -> float:
    """Width of the interval of the coefficient of one rating, or of a mean of several, by Bonett's approximation.

    Parameters
    ----------
    icc : float
        Of one rating.
    n : float
        Targets.
    k : int
        Ratings of each, 2 or more.
    mean_of : int
        Of how many ratings the coefficient is: the limits of one are stepped up (Spearman & Brown).
    conf_level : float

    Examples
    --------
    >>> round(bonett_width(0.85, 20, 4), 3)
    0.195
    """
    z = float(ndtri(1 - (1 - conf_level) / 2))
    half = z * math.sqrt(2 * (1 - icc) ** 2 * (1 + (k - 1) * icc) ** 2 / (k * (k - 1) * (n - 1)))
    if mean_of == 1:
        return 2 * half
    low, high = (spearman_brown(np.array([icc + sign * half]), float(mean_of))[0] for sign in (-1, 1))
    return float(high - low) if icc - half > -1 / (mean_of - 1) else float("nan")


def bonett_targets(icc: float, width: float, k: int, *, conf_level: float = 0.95) -> float:
    """How many targets give an interval of that width, by Bonett's approximation; not rounded.

    With two ratings of each and a coefficient of .7 or more, 5 × ICC are added, as the paper advises.

    Examples
    --------
    >>> round(bonett_targets(0.85, 0.2, 4), 1)
    19.2
    """
    z = float(ndtri(1 - (1 - conf_level) / 2))
    n = 8 * z**2 * (1 - icc) ** 2 * (1 + (k - 1) * icc) ** 2 / (k * (k - 1) * width**2) + 1
    return n + 5 * icc if k == 2 and icc >= 0.7 else n


def exact_width(icc: float, n: int, k: int, *, mean_of: int = 1, conf_level: float = 0.95) -> float:
    """Median width of the exact interval of consistency of complete ratings, and with `mean_of` = k of alpha.

    Parameters
    ----------
    icc, n, k, mean_of, conf_level
        See :func:`bonett_width`.

    Examples
    --------
    >>> round(exact_width(0.85, 20, 4), 3)
    0.2
    """
    df1, df2 = n - 1, (n - 1) * (k - 1)
    places = (np.arange(POINTS) + 0.5) / POINTS
    ratio = (1 + (k - 1) * icc) / (1 - icc) * fdtri(df1, df2, places)
    alpha = (1 - conf_level) / 2
    low, high = ratio / fdtri(df1, df2, 1 - alpha), ratio * fdtri(df2, df1, 1 - alpha)
    single = ((one - 1) / (one + k - 1) for one in (low, high))
    ends = [one if mean_of == 1 else spearman_brown(one, float(mean_of)) for one in single]
    return float(np.median(ends[1] - ends[0]))
