"""The studentized range: what Tukey's comparisons of all pairs are judged by.

With W the range of k independent standard normal values and S² an independent χ²/ν, Q = W / S and

P(Q ≤ q) = ∫ f_S(s) · k ∫ φ(z) [Φ(z) − Φ(z − q·s)]^(k−1) dz ds (Tukey 1953; Copenhaver & Holland 1988).

Both integrals are Gauss–Legendre sums over the part of the line that carries the mass. For k = 2 it is Student's t,
Q = √2·|t|. Light: no ``scipy.stats``.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

_REACH = 8.5
"""Beyond this many standard deviations a normal density carries less than 1e-16."""
_NODES = 160


@lru_cache
def _rule(n: int) -> tuple[Floats, Floats]:
    nodes, weights = np.polynomial.legendre.leggauss(n)
    return nodes, weights


def range_tail(w: Floats, k: int) -> Floats:
    """P(W > w) of the range of k standard normal values, for w of shape (m,).

    1 − k ∫ φ(z)[Φ(z) − Φ(z − w)]^(k−1) dz, written as k ∫ φ(z){Φ(z)^(k−1) − [Φ(z) − Φ(z − w)]^(k−1)} dz, so that
    a small tail keeps its digits.
    """
    from scipy.special import ndtr

    nodes, weights = _rule(_NODES)
    z = nodes * _REACH
    density = np.exp(-0.5 * z**2) / np.sqrt(2 * np.pi) * weights * _REACH
    whole = ndtr(z)
    inside = whole[None, :] - ndtr(z[None, :] - np.asarray(w, dtype=float)[:, None])
    # aᵐ − bᵐ = (a − b)(aᵐ⁻¹ + aᵐ⁻²b + … + bᵐ⁻¹): no digits lost where a and b are near each other
    powers = sum(whole[None, :] ** (k - 2 - j) * inside**j for j in range(k - 1))
    gap = whole[None, :] - inside
    return np.asarray(k * (density * gap * powers).sum(axis=1))


def range_p(q: float, k: int, df: float) -> float:
    """P(Q > q) of the studentized range of k means on `df` degrees of freedom (infinite: known variance).

    Parameters
    ----------
    q : float
        At least 0; of a difference √2·|t|.
    k : int
        Number of means, at least 2.
    df : float
        Above 0; NaN gives NaN.

    Examples
    --------
    >>> round(range_p(3.506, 3, 20.0), 4)
    0.0554
    """
    from scipy.special import chdtri

    if np.isnan(q) or np.isnan(df):
        return float("nan")
    if q <= 0:
        return 1.0
    if np.isinf(df):
        return float(range_tail(np.array([q]), k)[0])
    low, high = 0.5 * np.log(chdtri(df, np.array([1.0 - 1e-15, 1e-17])) / df)
    nodes, weights = _rule(_NODES)
    v = 0.5 * (high - low) * nodes + 0.5 * (high + low)
    return float(_scale_density(v, df) @ (weights * range_tail(q * np.exp(v), k)) * 0.5 * (high - low))


def _scale_density(v: Floats, df: float) -> Floats:
    """Density at v of the logarithm of √(χ²/ν): smooth at every ν, where that of the root is not below 2."""
    from scipy.special import gammaln

    half = 0.5 * df
    return np.asarray(2.0 * np.exp(half * np.log(half) - gammaln(half) + df * v - half * np.exp(2 * v)))


def range_quantile(level: float, k: int, df: float) -> float:
    """Value that Q exceeds with probability 1 − `level`.

    Examples
    --------
    >>> round(range_quantile(0.95, 3, 20.0), 3)
    3.578
    """
    from scipy.optimize import brentq

    if np.isnan(df):
        return float("nan")
    high = 8.0
    while range_p(high, k, df) > 1 - level:
        high *= 2.0
    return float(brentq(lambda q: range_p(q, k, df) - (1 - level), 1e-9, high, xtol=1e-12))
