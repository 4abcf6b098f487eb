"""GRIM: the mean of n whole numbers, times n, is a whole number (Brown & Heathers, 2017)."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from typing import Final

from doublecode.analysis.auditing.counts import labelled_counts
from doublecode.analysis.auditing.findings import Check, Finding, Reason, Verdict, undecided
from doublecode.analysis.auditing.grouped_values import Group
from doublecode.analysis.auditing.paper import Paper, Sentence
from doublecode.analysis.auditing.printed_numbers import Printed, Span
from doublecode.analysis.auditing.tokens import Kind, Token
from doublecode.analysis.auditing.vocabulary import Quantity

_WHOLE: Final = re.compile(
    r"sum[- ]scores?|total[- ]scores?|number of|count of|summen-?werte?|summen-?scores?|gesamt-?werte?|anzahl"
)
_NOT_WHOLE: Final = re.compile(
    r"adjust|winsor|imput|estimat|marginal|weighted|trimmed|average of|averaged|per session|mean of the|adjustiert|"
    r"geschätzt|gewichtet|gemittelt"
)


def checked_means(paper: Paper) -> Iterator[Finding]:
    """Hold means of whole numbers against their n."""
    groups: dict[int, list[Group]] = {}
    for group in paper.groups:
        if not group.in_table and (group.one(Quantity.M) or group.one(Quantity.SD)):
            groups.setdefault(paper.sentence_at(group.start).first, []).append(group)
    for first in groups:
        sentence = paper.sentence_at(paper.tokens[first].start)
        if _WHOLE.search(paper.words_of(sentence)) is not None:
            yield from _of_sentence(paper, sentence)


def _of_sentence(paper: Paper, sentence: Sentence) -> Iterator[Finding]:
    tokens = paper.tokens_in(sentence)
    sizes = [count for _, count in labelled_counts(tokens)]
    means = list(_means(tokens))
    if len(sizes) != 1 or len(means) != 1 or sizes[0].count < 1:
        return
    mean, n = means[0], sizes[0]
    place = paper.place_of(sentence)
    if _NOT_WHOLE.search(paper.words_of(sentence)) or 2.0 * mean.half_unit * n.count >= 1.0:
        yield undecided(Check.WHOLE_NUMBERS, place, f"M = {mean.text}", Reason.TOO_COARSE)
        return
    sums = Span(mean.span.low * n.count, mean.span.high * n.count)
    possible = math.ceil(sums.low - 1e-7) <= math.floor(sums.high + 1e-7)
    below, above = math.floor(mean.value * n.count), math.ceil(mean.value * n.count)
    facts = {"mean": mean.text, "n": n.count, "sum": mean.value * n.count, "nearest": _nearest(mean, n.count)}
    verdict = Verdict.CONSISTENT if possible else Verdict.QUESTION
    near = min((below, above), key=lambda total: abs(total - mean.value * n.count)) / n.count
    yield Finding(Check.WHOLE_NUMBERS, verdict, *place, f"M = {mean.text}", near, Span(near, near), None, facts)


def _nearest(mean: Printed, n: int) -> list[str]:
    """The two means that whole numbers can have next to the printed one."""
    totals = (math.floor(mean.value * n), math.ceil(mean.value * n))
    return [f"{total / n:.{mean.decimals}f}" for total in totals]


def _means(tokens: Sequence[Token]) -> Iterator[Printed]:
    """``M = 12.39``, and ``was 12.39 (SD``."""
    for at in range(len(tokens)):
        number = tokens[at].number
        if tokens[at].kind is not Kind.NUMBER or number is None or number.decimals == 0:
            continue
        labelled = at > 1 and tokens[at - 1].text == "=" and tokens[at - 2].text == "M"
        following = [token.text for token in tokens[at + 1 : at + 3]]
        if labelled or (len(following) == 2 and following[0] in "([" and following[1] in ("SD", "s.d.", "S.D.")):
            yield number
