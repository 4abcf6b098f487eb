"""Cohen's d of two groups, with its limits."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.floating[Any]]

ALIKE: Final = 1e-12
"""An SD within the groups that is smaller than this share of the largest value is rounding, and there is no d."""


def cohens_d(first: Floats, second: Floats, conf_level: float = 0.95) -> dict[str, float]:
    r"""Cohen's d of two groups, and its limits by the noncentral t distribution.

    :math:`d = (M_1 − M_2)/s` with the pooled SD; the limits are those of the noncentrality of
    :math:`t = d\sqrt{n_1 n_2/(n_1 + n_2)}` with :math:`n_1 + n_2 − 2` degrees of freedom, divided by the same root.

    Parameters
    ----------
    first, second : array, shape (n_1,) and (n_2,)
        Values that are all there.
    conf_level : float

    Returns
    -------
    dict
        ``d, conf_low, conf_high``, in pooled SDs; NaN where a group is empty, there is no degree of freedom, or nobody
        differs within the groups.

    References
    ----------
    Cumming & Finch (2001), *Educational and Psychological Measurement* 61, 532–574.

    Examples
    --------
    >>> found = cohens_d(np.array([30.0, 40, 50, 60]), np.array([41.0, 43]))
    >>> {name: round(value, 2) for name, value in found.items()}
    {'d': 0.27, 'conf_low': -1.45, 'conf_high': 1.96}
    """
    n, m = len(first), len(second)
    df = n + m - 2
    nothing = dict.fromkeys(("d", "conf_low", "conf_high"), math.nan)
    if min(n, m) < 1 or df < 1:
        return nothing
    squares = sum(float(np.sum((one - one.mean()) ** 2)) for one in (first, second))
    pooled = math.sqrt(squares / df)
    if pooled <= ALIKE * max(1.0, *(float(np.abs(one).max()) for one in (first, second))):
        return nothing
    d = float(first.mean() - second.mean()) / pooled
    root = math.sqrt(n * m / (n + m))
    low, high = noncentral_limits(d * root, df, conf_level)
    return {"d": d, "conf_low": low / root, "conf_high": high / root}


def noncentral_limits(t: float, df: int, conf_level: float) -> tuple[float, float]:
    r"""Noncentralities under which t lies at the upper and the lower tail of α/2, α = 1 − conf_level.

    For t ≥ 0 both lie between :math:`−z` and :math:`t\sqrt{v/df} + z`, with z and v the 1 − α/4 quantiles of the normal
    and of the χ² distribution; for t < 0 they are those of −t with the other sign.

    Examples
    --------
    R: ``uniroot(function(nc) pt(2, 10, nc) - p, c(-5, 8))`` for p = .975 and .025; beyond a noncentrality of 37.62
    R's pt is an approximation.

    >>> low, high = noncentral_limits(2.0, 10, 0.95)
    >>> round(low, 4), round(high, 4)
    (-0.1835, 4.1011)
    """
    from scipy.optimize import brentq
    from scipy.special import chdtri, nctdtr, ndtri

    if t < 0:
        low, high = noncentral_limits(-t, df, conf_level)
        return -high, -low
    tail = (1.0 - conf_level) / 2
    z = float(-ndtri(tail / 2))

    def below(noncentrality: float) -> float:
        """P(T ≤ t); some versions of scipy give NaN here and there far out, and its nctdtrinc loses digits."""
        found = float(nctdtr(df, noncentrality, t))
        return float(noncentrality < t) if math.isnan(found) else found

    ends = -z, t * math.sqrt(float(chdtri(df, tail / 2)) / df) + z
    low, high = (float(brentq(lambda nc, p=p: below(nc) - p, *ends)) for p in (1.0 - tail, tail))
    return low, high
