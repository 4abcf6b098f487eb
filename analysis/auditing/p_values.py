"""p of the usual statistics, and what rounding leaves of it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from itertools import product

from doublecode.analysis.auditing.labelled_values import Labelled
from doublecode.analysis.auditing.printed_numbers import Printed, Span
from doublecode.analysis.auditing.vocabulary import Quantity


def p_value(family: Quantity, statistic: float, dfs: tuple[float, ...] = ()) -> float:
    """P of a statistic, two-sided for t, z and r.

    Parameters
    ----------
    family : Quantity
        T, Z, F, CHI2 or R.
    statistic : float
        Its absolute value.
    dfs : tuple of float
        Of t and χ² one, of F two, of r n − 2; none of z.

    Examples
    --------
    >>> round(p_value(Quantity.T, 2.31, (20.0,)), 4), round(p_value(Quantity.CHI2, 6.64, (1.0,)), 5)
    (0.0317, 0.00997)
    """
    from scipy import special

    if family is Quantity.Z:
        return float(2.0 * special.ndtr(-statistic))
    if family is Quantity.CHI2:
        return float(special.chdtrc(dfs[0], statistic))
    if family is Quantity.F:
        return float(special.fdtrc(dfs[0], dfs[1], statistic))
    if family is Quantity.R:
        within = min(statistic, 1.0 - 1e-12)
        statistic = within * math.sqrt(dfs[0] / (1.0 - within * within))
    return float(2.0 * special.stdtr(dfs[0], -statistic))


def p_permitted(family: Quantity, statistic: Span, dfs: Iterable[Span] = ()) -> Span:
    """All p that a rounded statistic and rounded degrees of freedom permit.

    Examples
    --------
    >>> low, high = p_permitted(Quantity.T, Span(2.305, 2.315), [Span(20.0, 20.0)])
    >>> round(low, 4), round(high, 4)
    (0.0314, 0.032)
    """
    ends = [set(span) for span in dfs]
    found = [p_value(family, one, freedom) for one in set(statistic) for freedom in product(*ends)]
    return Span(min(found), max(found))


def p_span(value: Labelled) -> Span | None:
    """All p that a printed p stands for; None if it is no p.

    Examples
    --------
    >>> p_span(Labelled(Quantity.P, Printed("0.05", 0, 3), "<", 0, 2))
    Span(low=0.0, high=0.05)
    """
    number = value.number.value
    if not 0.0 <= number <= 1.0:
        return None
    if value.sign in ("<", "≤", "<="):
        return Span(0.0, number)
    if value.sign in (">", "≥", ">="):
        return Span(number, 1.0)
    span = value.number.span
    return Span(max(0.0, span.low), min(1.0, span.high))


def t_quantile(level: float, df: float) -> float:
    """How many standard errors an interval of `level` per cent reaches; normal where `df` is infinite.

    Examples
    --------
    >>> round(t_quantile(95.0, math.inf), 3), round(t_quantile(95.0, 20.0), 3)
    (1.96, 2.086)
    """
    from scipy import special

    tail = (100.0 - level) / 200.0
    return float(-special.ndtri(tail)) if math.isinf(df) else float(-special.stdtrit(df, tail))


def df_that_give(statistic: Span, p: Span) -> Span:
    """Degrees of freedom at which a rounded t and a rounded p go together.

    Parameters
    ----------
    statistic : Span
        Absolute t.
    p : Span
        Two-sided p, above what the normal distribution gives.

    Examples
    --------
    >>> low, high = df_that_give(Span(3.1333, 3.7692), Span(0.0315, 0.0325))
    >>> round(low, 1), round(high, 1)
    (3.0, 4.3)
    """
    return Span(_df_at(statistic.high, p.high), _df_at(statistic.low, p.low))


def _df_at(statistic: float, p: float) -> float:
    """The df at which a t has a two-sided p, by halving; p falls as df rises."""
    low, high = 0.01, 1e6
    for _ in range(80):
        middle = math.sqrt(low * high)
        low, high = (middle, high) if p_value(Quantity.T, statistic, (middle,)) > p else (low, middle)
    return high


def p_text(value: Labelled) -> str:
    """A p as printed."""
    number = value.number.text
    return f"p {value.sign} {number.removeprefix('0') if number.startswith('0.') else number}"


def exact_or_rounded(number: Printed, rounded: bool) -> Span:
    """Degrees of freedom: whole ones are exact unless the text says that they are estimated."""
    if number.decimals == 0 and not rounded:
        return Span(number.value, number.value)
    return Span(max(number.value - number.half_unit, 1e-6), number.value + number.half_unit)
