"""b and SE against t, p and the limits of the interval."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from doublecode.analysis.auditing.findings import Check, Finding, Reason, Verdict, held, undecided
from doublecode.analysis.auditing.grouped_values import Group, owner_of_interval
from doublecode.analysis.auditing.labelled_values import Labelled
from doublecode.analysis.auditing.p_values import (
    df_that_give,
    exact_or_rounded,
    p_permitted,
    p_span,
    p_text,
    p_value,
    t_quantile,
)
from doublecode.analysis.auditing.paper import Paper
from doublecode.analysis.auditing.printed_numbers import Printed, Span
from doublecode.analysis.auditing.statistics_and_p import worded_as_one_tailed
from doublecode.analysis.auditing.vocabulary import Quantity

LEAST_DF: Final = 5.0
"""Fewer degrees of freedom than this are asked about, where none are printed."""
_ONE_DF: Final = 1.0
_NOT_WALD: Final = re.compile(
    r"bootstrap|percentile|perzentil|bca\b|profile|profil|credible|posterior|bayes|glaubwürdig|hdi\b", re.IGNORECASE
)
_NEAR: Final = 0.25
"""A deviation is taken for a standard error where the p that this gives is as near as this to the printed one."""


def checked_coefficients(paper: Paper) -> Iterator[Finding]:
    """Hold t, p and limits against b and SE."""
    for group in paper.groups:
        estimate, error = group.estimate, group.one(Quantity.SE)
        if estimate is None:
            continue
        if error is not None and error.number.span.low > 0.0:
            yield from _of_estimate(paper, group, estimate, error)
        elif estimate.bare and group.one(Quantity.P) is not None:
            yield from _of_deviation(paper, group, estimate)
        elif group.one(Quantity.P) is not None and group.statistic is None:
            yield undecided(Check.COEFFICIENT_P, group.place, _printed_p(group), Reason.NO_SE)


def _printed_p(group: Group) -> str:
    p = group.one(Quantity.P)
    return "" if p is None else p_text(p)


def ratio_span(estimate: Printed, error: Printed) -> Span:
    """All absolute ratios that a rounded estimate and its rounded standard error permit.

    Examples
    --------
    >>> low, high = ratio_span(Printed("0.24", 0, 4), Printed("0.07", 0, 4))
    >>> round(low, 2), round(high, 2)
    (3.13, 3.77)
    """
    size, error_span = estimate.span.size(), error.span
    return Span(size.low / error_span.high, size.high / error_span.low if error_span.low > 0 else math.inf)


def _of_estimate(paper: Paper, group: Group, estimate: Labelled, error: Labelled) -> Iterator[Finding]:
    ratio = ratio_span(estimate.number, error.number)
    best = abs(estimate.number.value) / error.number.value
    statistic, p, interval = group.statistic, group.one(Quantity.P), group.one(Quantity.CI)
    if statistic is not None and statistic.quantity in (Quantity.T, Quantity.Z) and statistic.sign == "=":
        printed = (f"{statistic.quantity.value} = {statistic.number.text}", statistic.number.span.size())
        facts = {"estimate": estimate.number.text, "error": error.number.text}
        yield held(Check.COEFFICIENT_T, group.place, printed, best, ratio, statistic.number.half_unit, facts)
    elif p is not None and statistic is None:
        yield _against_p(paper, group, (estimate, error, p), (best, ratio))
    if interval is not None and owner_of_interval(group) is estimate:
        yield _against_limits(paper, group, (estimate, error, interval))


def _df(paper: Paper, group: Group) -> Span | None:
    value = group.one(Quantity.DF)
    return None if value is None else exact_or_rounded(value.dfs[0], paper.rounded_df)


def _against_p(
    paper: Paper, group: Group, values: tuple[Labelled, Labelled, Labelled], ratios: tuple[float, Span]
) -> Finding:
    estimate, error, p = values
    best, ratio = ratios
    printed = p_span(p)
    if printed is None:
        return undecided(Check.COEFFICIENT_P, group.place, p_text(p), Reason.NOT_A_NUMBER_OF_ITS_KIND)
    df = _df(paper, group)
    facts = {
        "estimate": estimate.number.text, "error": error.number.text, "number": p.number.value,
        "decimals": p.number.decimals, "ratio_low": ratio.low, "ratio_high": ratio.high, "free": df is None,
    }  # fmt: skip
    half_unit = p.number.half_unit if p.sign == "=" else 0.0005
    ends = [df] if df is not None else [Span(_ONE_DF, 1e9)]
    permitted = p_permitted(Quantity.T, ratio, ends)
    centre = p_value(Quantity.T, best, (sum(df) / 2.0,)) if df is not None else p_value(Quantity.Z, best)
    found = held(Check.COEFFICIENT_P, group.place, (p_text(p), printed), centre, permitted, half_unit, facts)
    if found.verdict is Verdict.QUESTION:
        return _worded(paper, found, printed)
    return found if df is not None else _at_how_many(found, ratio, printed)


def _worded(paper: Paper, found: Finding, printed: Span) -> Finding:
    """A question, but where the text words a one-tailed test that gives the p."""
    halved = Span(found.permitted.low / 2.0, found.permitted.high / 2.0)
    if printed.meets(halved) and worded_as_one_tailed(paper, found.start):
        return undecided(found.check, (found.start, found.end), found.printed, Reason.ONE_TAILED)
    return found


def _at_how_many(found: Finding, ratio: Span, printed: Span) -> Finding:
    """Without printed df: which df would give the p; fewer than five are asked about."""
    normal = p_permitted(Quantity.Z, ratio)
    if printed.meets(normal) or printed.low <= 0.0:
        return found
    few = df_that_give(ratio, printed)
    if few.high >= LEAST_DF:
        return found
    asked = replace(found, verdict=Verdict.QUESTION, permitted=normal, reason=Reason.FEW_DF)
    return replace(asked, facts={**found.facts, "df_low": max(1.0, few.low), "df_high": few.high})


def _of_deviation(paper: Paper, group: Group, estimate: Labelled) -> Iterator[Finding]:
    """``(−0.83, SD = 0.35, p = .015)``: a deviation in the place of a standard error, where p says that it is one."""
    deviation, p = group.one(Quantity.SD), group.one(Quantity.P)
    if deviation is None or p is None or deviation.number.span.low <= 0.0 or group.statistic is not None:
        return
    ratio = ratio_span(estimate.number, deviation.number)
    best = abs(estimate.number.value) / deviation.number.value
    found = _against_p(paper, group, (estimate, deviation, p), (best, ratio))
    if p.sign == "=" and abs(found.recomputed - p.number.value) <= _NEAR * p.number.value:
        yield replace(found, facts={**found.facts, "deviation": True})
    else:
        yield undecided(Check.COEFFICIENT_P, group.place, p_text(p), Reason.SD_IS_NO_SE)


def _against_limits(paper: Paper, group: Group, values: tuple[Labelled, Labelled, Labelled]) -> Finding:
    estimate, error, interval = values
    upper = interval.upper
    printed = f"{interval.level:g}% [{interval.number.text}, {'' if upper is None else upper.text}]"
    sentence = paper.sentence_at(group.start)
    if upper is None or _NOT_WALD.search(paper.words_of(sentence)):
        return undecided(Check.COEFFICIENT_INTERVAL, group.place, printed, Reason.NOT_SYMMETRIC)
    df = _df(paper, group) or _df_of_statistic(paper, group)
    reach = _reach(interval.level, df)
    b, se = estimate.number.span, error.number.span
    low = Span(b.low - reach.high * se.high, b.high - reach.low * se.low)
    high = Span(b.low + reach.low * se.low, b.high + reach.high * se.high)
    mirrored_low = Span(2 * b.low - upper.span.high, 2 * b.high - upper.span.low)
    mirrored_high = Span(2 * b.low - interval.number.span.high, 2 * b.high - interval.number.span.low)
    facts = {
        "estimate": estimate.number.text, "error": error.number.text, "level": interval.level,
        "low": estimate.number.value - reach.low * error.number.value,
        "high": estimate.number.value + reach.low * error.number.value, "centre": False,
    }  # fmt: skip
    parts = [
        (interval.number, low, False), (upper, high, False), (interval.number, mirrored_low, True),
        (upper, mirrored_high, True),
    ]  # fmt: skip
    findings = [
        held(
            Check.COEFFICIENT_INTERVAL, group.place, (printed, number.span), _middle(span), span, number.half_unit,
            {**facts, "centre": centre},
        )
        for number, span, centre in parts
    ]  # fmt: skip
    asked = [one for one in findings if one.verdict is Verdict.QUESTION]
    return next((one for one in asked if one.reason is None), asked[0]) if asked else findings[0]


def _middle(span: Span) -> float:
    return (span.low + span.high) / 2.0


def _df_of_statistic(paper: Paper, group: Group) -> Span | None:
    statistic = group.statistic
    if statistic is None or statistic.quantity is not Quantity.T or not statistic.dfs:
        return None
    return exact_or_rounded(statistic.dfs[0], paper.rounded_df)


def _reach(level: float, df: Span | None) -> Span:
    """How many standard errors the interval may reach; without df from the normal to t with five."""
    if df is None:
        return Span(t_quantile(level, math.inf), t_quantile(level, LEAST_DF))
    return Span(t_quantile(level, df.high), t_quantile(level, df.low))
