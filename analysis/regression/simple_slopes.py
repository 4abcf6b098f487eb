"""Conditional slopes of an interaction: simple slopes and the Johnson–Neyman technique.

In y = … + b·x + d·x·z the slope of x at z is b + d·z, with variance
Var(b) + 2z·Cov(b, d) + z²·Var(d) (Aiken & West 1991, chapter 2). Everything
here follows from these five numbers, the residual df and the observed values
of z; z is centred, and tables also carry it in the units of the moderator.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

MEAN_POINTS = ("mean − SD", "mean", "mean + SD")
"""Names of the values of a moderator at its mean and one standard deviation around it."""
SLOPE_COLUMNS = (
    "at", "moderator", "moderator_centred", "estimate", "std_error", "df", "statistic", "p_value",
    "conf_low", "conf_high", "observed",
)  # fmt: skip
REGION_COLUMNS = ("control", "low", "high", "slope_low", "slope_high", "significant", "direction", "n_rows", "share")
ROOT_COLUMNS = ("control", "critical_t", "moderator", "moderator_centred", "observed")
BAND_COLUMNS = ("moderator", "estimate", "std_error", "conf_low", "conf_high", "fdr_low", "fdr_high")


@dataclass(frozen=True, eq=False)
class SlopeLine:
    """The slope of the predictor as a line over the moderator.

    Attributes
    ----------
    b, d : float
        Coefficients of the predictor (at the moderator's centre) and of the product.
    covariance : ndarray, shape (2, 2)
        Covariance of (b, d).
    df : float
        Residual degrees of freedom.
    centre : float
        Value of the moderator where z is 0.
    observed : ndarray, shape (n_rows,)
        Observed values of the moderator, in its own units.
    """

    b: float
    d: float
    covariance: Floats
    df: float
    centre: float
    observed: Floats

    def slope(self, z: Floats) -> Floats:
        """Slope at centred moderator values `z`, shape (m,)."""
        return self.b + self.d * z

    def std_error(self, z: Floats) -> Floats:
        """Standard error of the slope at `z`, shape (m,)."""
        (vb, c), (_, vd) = self.covariance
        errors: Floats = np.sqrt(vb + 2 * z * c + z**2 * vd)
        return errors

    def is_observed(self, moderator: Floats) -> NDArray[np.bool_]:
        """Whether values lie in the observed range of the moderator."""
        inside: NDArray[np.bool_] = (moderator >= self.observed.min()) & (moderator <= self.observed.max())
        return inside


def two_sided_p(statistic: Floats, df: float) -> Floats:
    """Two-sided p-values of t statistics."""
    from scipy.special import stdtr

    return np.asarray(2 * stdtr(df, -np.abs(statistic)), dtype=np.float64)


def critical_t(alpha: float, df: float) -> float:
    """Two-sided critical value of t, from the beta quantile: scipy's own of t is good to 1e-11 only in 1.13."""
    from scipy.special import betaincinv

    share = betaincinv(df / 2, 0.5, alpha)
    return float(np.sqrt(df * (1 - share) / share))


def slope_table(line: SlopeLine, points: Sequence[Point], conf_level: float) -> pd.DataFrame:
    """Simple slopes at named values of the moderator; columns ``SLOPE_COLUMNS``."""
    import pandas as pd

    moderator = np.array([point.value for point in points], dtype=np.float64)
    z = moderator - line.centre
    estimate, error = line.slope(z), line.std_error(z)
    reach = critical_t(1 - conf_level, line.df) * error
    return pd.DataFrame(
        {
            "at": [point.label for point in points],
            "moderator": moderator,
            "moderator_centred": z,
            "estimate": estimate,
            "std_error": error,
            "df": line.df,
            "statistic": estimate / error,
            "p_value": two_sided_p(estimate / error, line.df),
            "conf_low": estimate - reach,
            "conf_high": estimate + reach,
            "observed": line.is_observed(moderator),
        },
        columns=SLOPE_COLUMNS,
    )


class PointKind(StrEnum):
    """Why a value of the moderator was chosen."""

    CODE = "code"
    SPREAD = "mean and standard deviation"
    PERCENTILE = "percentile"
    GIVEN = "given"


@dataclass(frozen=True)
class Point:
    """A value of the moderator, in its own units, at which the slope is reported."""

    label: str
    value: float
    kind: PointKind


def default_points(observed: Floats, centre: float) -> tuple[Point, ...]:
    """Name the values of the moderator at which slopes are reported.

    A moderator with two values (a code) gets both; any other gets mean − SD, mean and
    mean + SD, and where one of these lies outside the observed range the 16th, 50th and
    84th percentiles too (Hayes 2022).

    Examples
    --------
    >>> [(point.label, point.value) for point in default_points(np.array([0.0, 1.0, 1.0]), 2 / 3)]
    [('0', 0.0), ('1', 1.0)]
    >>> [point.label for point in default_points(np.array([6.0, 6, 6, 6, 7, 10]), 6.833)]
    ['mean − SD', 'mean', 'mean + SD', '16th and 50th percentile', '84th percentile']
    """
    codes = np.unique(observed)
    if len(codes) == 2:
        return tuple(Point(f"{code:g}", float(code), PointKind.CODE) for code in codes)
    sd = float(observed.std(ddof=1))
    spread = dict(zip(MEAN_POINTS, (centre - sd, centre, centre + sd), strict=True))
    points = [Point(label, value, PointKind.SPREAD) for label, value in spread.items()]
    if centre - sd < observed.min() or centre + sd > observed.max():
        shares = (16, 50, 84)
        quantiles = np.percentile(observed, shares)
        for value in np.unique(quantiles):  # a skewed moderator may have the same value at two of them
            there = " and ".join(f"{share}th" for share, one in zip(shares, quantiles, strict=True) if one == value)
            points.append(Point(f"{there} percentile", float(value), PointKind.PERCENTILE))
    return tuple(points)


def fdr_critical_t(statistics: Floats, df: float, alpha: float) -> float:
    """Critical t that holds the false discovery rate over many conditional slopes.

    Benjamini & Hochberg's step-up rule on the slopes at the distinct observed values of the
    moderator: with the p-values sorted, k the largest rank with p₍ₖ₎ ≤ (k/m)·α, the critical
    value belongs to (k/m)·α; with none, to α/m.

    References
    ----------
    Esarey & Sumner (2018), Comparative Political Studies, 51, 1144–1176.

    Examples
    --------
    >>> round(fdr_critical_t(np.array([3.0, 2.5, 0.1, 0.2]), 100, 0.05), 3)
    2.276
    """
    p_values = np.sort(two_sided_p(statistics, df))
    m = len(p_values)
    below = np.flatnonzero(p_values <= alpha * np.arange(1, m + 1) / m)
    rank = int(below[-1]) + 1 if len(below) else 1
    return critical_t(alpha * rank / m, df)


def slope_roots(line: SlopeLine, critical: float) -> Floats:
    """Centred moderator values where the slope is just significant, ascending; none, one or two.

    They solve (d² − t²Var d)z² + 2(bd − t²Cov)z + (b² − t²Var b) = 0
    (Johnson & Neyman 1936; Bauer & Curran 2005).
    """
    (vb, c), (_, vd) = line.covariance
    square = critical**2
    A, B, C = line.d**2 - square * vd, 2 * (line.b * line.d - square * c), line.b**2 - square * vb
    discriminant = B**2 - 4 * A * C
    if discriminant < 0:
        return np.empty(0)
    # The textbook quotient loses digits where A is small: a boundary far away beside a near one.
    q = -(B + np.copysign(np.sqrt(discriminant), B)) / 2
    roots = [q / A] if A != 0 else []
    roots += [C / q] if q != 0 else []
    return np.sort(np.array(roots))


def johnson_neyman(line: SlopeLine, alpha: float) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Regions of the *observed* range in which the slope differs from zero, and their boundaries.

    Each is given pointwise and with the false discovery rate held over the distinct observed
    values of the moderator. A moderator of two values has no regions, so both tables are empty, as they are where
    the covariance of the slope is undefined.

    Returns
    -------
    regions : DataFrame
        Columns ``REGION_COLUMNS``: neighbouring regions from the lowest to the highest observed
        value; ``n_rows`` and ``share`` say how many of the analysed rows lie in each.
    roots : DataFrame
        Columns ``ROOT_COLUMNS``: all boundaries, ``observed`` says whether data are there.
    """
    import pandas as pd

    regions: list[dict[str, Any]] = []
    roots: list[dict[str, Any]] = []
    # a code has nothing between its two values; an undefined covariance says nothing of any value
    if len(np.unique(line.observed)) < 3 or not np.isfinite(line.covariance).all():
        return pd.DataFrame(regions, columns=list(REGION_COLUMNS)), pd.DataFrame(roots, columns=list(ROOT_COLUMNS))
    for control, critical in critical_values(line, alpha).items():
        found = slope_roots(line, critical)
        moderator = found + line.centre
        roots += [
            dict(zip(ROOT_COLUMNS, (control, critical, value, z, seen), strict=True))
            for value, z, seen in zip(moderator, found, line.is_observed(moderator), strict=True)
        ]
        regions += _regions(line, critical, moderator, control)
    return pd.DataFrame(regions, columns=list(REGION_COLUMNS)), pd.DataFrame(roots, columns=list(ROOT_COLUMNS))


def critical_values(line: SlopeLine, alpha: float) -> dict[str, float]:
    """Critical t by the kind of error control: pointwise and false discovery rate."""
    z = np.unique(line.observed) - line.centre
    controlled = fdr_critical_t(line.slope(z) / line.std_error(z), line.df, alpha)
    return {"pointwise": critical_t(alpha, line.df), "false discovery rate": controlled}


def _regions(line: SlopeLine, critical: float, boundaries: Floats, control: str) -> list[dict[str, Any]]:
    low, high = float(line.observed.min()), float(line.observed.max())
    inside = [float(value) for value in boundaries if low < value < high]
    edges = [low, *inside, high]
    regions = []
    for left, right in pairwise(edges):
        middle = np.array([(left + right) / 2]) - line.centre
        statistic = float((line.slope(middle) / line.std_error(middle))[0])
        significant = abs(statistic) > critical
        # Closed at the right only where the range ends, so that every row is counted once.
        within = (line.observed >= left) & ((line.observed < right) | (right == high))
        ends = line.slope(np.array([left, right]) - line.centre)
        direction = ("positive" if statistic > 0 else "negative") if significant else ""
        values = (control, left, right, *map(float, ends), significant, direction, int(within.sum()), within.mean())
        regions.append(dict(zip(REGION_COLUMNS, values, strict=True)))
    return regions


def slope_band(line: SlopeLine, conf_level: float, points: int = 101) -> pd.DataFrame:
    """Slope with its band over the observed range of the moderator, for drawing; ``BAND_COLUMNS``."""
    import pandas as pd

    moderator = np.linspace(line.observed.min(), line.observed.max(), points)
    z = moderator - line.centre
    estimate, error = line.slope(z), line.std_error(z)
    pointwise, controlled = critical_values(line, 1 - conf_level).values()
    values = (moderator, estimate, error, estimate - pointwise * error, estimate + pointwise * error)
    band = dict(zip(BAND_COLUMNS, (*values, estimate - controlled * error, estimate + controlled * error), strict=True))
    return pd.DataFrame(band)
