"""t, F, χ², z and r against their p."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from doublecode.analysis.auditing.findings import Check, Finding, Reason, Verdict, held, undecided
from doublecode.analysis.auditing.grouped_values import Group
from doublecode.analysis.auditing.labelled_values import Labelled
from doublecode.analysis.auditing.p_values import exact_or_rounded, p_permitted, p_span, p_text, p_value
from doublecode.analysis.auditing.paper import Paper
from doublecode.analysis.auditing.printed_numbers import Printed, Span
from doublecode.analysis.auditing.vocabulary import Quantity

ONE_TAILED: Final = re.compile(r"one[- ](?:tail|sid)|1[- ](?:tail|sid)|directional|einseitig", re.IGNORECASE)
_NEEDED: Final = {Quantity.T: 1, Quantity.F: 2, Quantity.CHI2: 1, Quantity.R: 1, Quantity.Z: 0}
_INEQUALITY: Final = 0.0005
"""What counts as a hair beside a p that is printed as an inequality."""


def checked_tests(paper: Paper) -> Iterator[Finding]:
    """Hold every p against the statistic that it stands beside."""
    for group in paper.groups:
        statistic, p = group.statistic, group.one(Quantity.P)
        if statistic is not None and p is not None and statistic.sign == "=":
            yield _checked(paper, group, statistic, p)


def _checked(paper: Paper, group: Group, statistic: Labelled, p: Labelled) -> Finding:
    dfs = freedom(group, statistic)
    printed = p_span(p)
    size = statistic.number.span.size()
    if len(dfs) < _NEEDED[statistic.quantity]:
        return undecided(Check.TEST_P, group.place, p_text(p), Reason.NO_DF)
    known = printed is not None and all(df.value > 0 for df in dfs)
    if printed is None or not known or (statistic.quantity is Quantity.R and size.low > 1.0):
        return undecided(Check.TEST_P, group.place, p_text(p), Reason.NOT_A_NUMBER_OF_ITS_KIND)
    spans = [_exact(df, paper, statistic.quantity, place) for place, df in enumerate(dfs)]
    if statistic.quantity is Quantity.R:
        size = Span(size.low, min(1.0, size.high))
    permitted = p_permitted(statistic.quantity, size, spans)
    best = p_value(statistic.quantity, min(abs(statistic.number.value), 1e300), tuple(df.value for df in dfs))
    facts = {"statistic": statistic.quantity.value, "number": p.number.value, "decimals": p.number.decimals}
    half_unit = p.number.half_unit if p.sign == "=" else _INEQUALITY
    found = held(Check.TEST_P, group.place, (p_text(p), printed), best, permitted, half_unit, facts)
    return _tailed(paper, found, printed, statistic.quantity)


def _tailed(paper: Paper, found: Finding, printed: Span, family: Quantity) -> Finding:
    """A one-tailed test that the text words is right; one that it does not is the repair."""
    if found.verdict is not Verdict.QUESTION or family not in (Quantity.T, Quantity.Z, Quantity.R):
        return found
    halved = Span(found.permitted.low / 2.0, found.permitted.high / 2.0)
    if not printed.meets(halved):
        return found
    if worded_as_one_tailed(paper, found.start):
        right = replace(found, verdict=Verdict.CONSISTENT, permitted=halved, reason=Reason.ONE_TAILED)
        return replace(right, recomputed=found.recomputed / 2.0)
    return replace(found, reason=found.reason or Reason.ONE_TAILED)


def worded_as_one_tailed(paper: Paper, start: int) -> bool:
    """Whether the sentence at a place, or its neighbours in the paragraph, speak of a one-tailed test."""
    own = paper.sentence_at(start)
    return any(ONE_TAILED.search(paper.words_of(one)) is not None for one in (own, *paper.near(own)))


def freedom(group: Group, statistic: Labelled) -> tuple[Printed, ...]:
    """Degrees of freedom of a statistic, from its bracket, beside it, or n − 2 for r."""
    dfs = statistic.dfs
    beside = group.one(Quantity.DF)
    if not dfs and beside is not None:
        dfs = beside.dfs
    if statistic.quantity is Quantity.F and len(dfs) == 1:
        dfs = _cut_at_comma(dfs[0])
    if statistic.quantity is Quantity.R and not dfs:
        n = group.one(Quantity.N)
        number = statistic.n if n is None else n.number
        if number is not None and number.is_whole:
            return (Printed(str(number.count - 2), number.start, number.end),)
    return dfs


def _cut_at_comma(number: Printed) -> tuple[Printed, ...]:
    """Two df that were read as one number: F(2,45) of a text with decimal commas, ``df = 2,151`` as thousands."""
    text = number.text if "." in number.text or len(number.text) < 4 else f"{number.text[:-3]}.{int(number.text[-3:])}"
    return tuple(Printed(part, number.start, number.end) for part in text.split("."))


def _exact(number: Printed, paper: Paper, family: Quantity, place: int) -> Span:
    estimated = family is Quantity.T or (family is Quantity.F and place == 1)
    return exact_or_rounded(number, paper.rounded_df and estimated)
