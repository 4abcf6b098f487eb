"""A count, the number that it is of, and the percentage."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from doublecode.analysis.auditing.counts import (
    OF,
    Share,
    count_at,
    count_before,
    counts_of,
    labelled_counts,
    part_of_base,
    shares_of,
)
from doublecode.analysis.auditing.findings import Check, Finding, Reason, Verdict, held, undecided
from doublecode.analysis.auditing.paper import Paper, Sentence
from doublecode.analysis.auditing.printed_numbers import Printed, Span
from doublecode.analysis.auditing.session_flow import available_sessions
from doublecode.analysis.auditing.tokens import Kind, Token

_OTHERS: Final = frozenset(["which", "whom", "these", "them", "those", "denen", "davon", "diesen", "respectively"])
_NEAR: Final = 9


def checked_percentages(paper: Paper) -> Iterator[Finding]:
    """Hold every percentage against the counts that stand beside it."""
    for sentence in paper.sentences:
        tokens = paper.tokens_in(sentence)
        if len(list(labelled_counts(tokens))) >= 3:
            continue  # parts of a total
        for share in shares_of(tokens):
            yield from _of_share(paper, sentence, tokens, share)


def _of_share(paper: Paper, sentence: Sentence, tokens: Sequence[Token], share: Share) -> Iterator[Finding]:
    tight = _beside(tokens, share)
    if tight is not None:
        if tight[1].count > 0 and tight[0].count <= tight[1].count:
            yield held_share(_around(tokens, share, *tight), *tight, share.number)
        return
    part = _lone_part(tokens, share)
    if part is None:
        return
    base = _of_things_before(tokens, part)
    count = count_at(tokens, part)
    if count is None:
        return
    fitting = [one for one in _candidates(paper, sentence) if gives(count, one, share.number)]
    if fitting:
        yield held_share(_around(tokens, share, count), count, fitting[0], share.number)
    elif base is not None and base.count >= count.count:
        yield held_share(_around(tokens, share, base, count), count, base, share.number)
    else:
        yield from _of_flow(paper, sentence, count, share)


def _around(tokens: Sequence[Token], share: Share, *counts: Printed) -> tuple[int, int]:
    """From the first to the last of the numbers."""
    start = min(share.number.start, *(count.start for count in counts))
    return start, max(tokens[share.after - 1].end, *(count.end for count in counts))


def gives(part: Printed, base: Printed, share: Printed) -> bool:
    """Whether a count of a base is a printed percentage."""
    exact = 100.0 * part.count / base.count if base.count else math.inf
    return base.count >= part.count and share.span.meets(Span(exact, exact))


def _counts(share: Printed, base: int) -> dict[str, int]:
    """The least and the most counts of a base that give a printed percentage."""
    low, high = (end * base / 100 for end in share.span)
    return {"low": math.ceil(low - 1e-9), "high": math.floor(high + 1e-9)}


def held_share(place: tuple[int, int], part: Printed, base: Printed, share: Printed) -> Finding:
    """Hold a percentage against a count and its base, with the counts that would give it."""
    exact = 100.0 * part.count / base.count
    facts = {
        "part": part.count, "base": base.count, "share": share.text, "decimals": share.decimals,
        **_counts(share, base.count),
    }  # fmt: skip
    printed = (f"{share.text} %", share.span)
    return held(Check.PERCENT, place, printed, exact, Span(exact, exact), share.half_unit, facts)


def _beside(tokens: Sequence[Token], share: Share) -> tuple[Printed, Printed] | None:
    """``45 of 120 (37.5%)``, ``45/120 sessions (37.5%)``, ``(45 of 120; 37.5%)``, ``37.5% (45/120)``."""
    before = share.at - 1
    if before >= 0 and tokens[before].kind in (Kind.OPEN, Kind.COMMA, Kind.SEMICOLON):
        at = count_before(tokens, before)
        found = None if at is None else part_of_base(tokens, at)
        if found is not None:
            return found
    if share.after < len(tokens) and tokens[share.after].kind is Kind.OPEN:
        for at in range(share.after + 2, min(share.after + 6, len(tokens))):
            found = part_of_base(tokens, at)
            if found is not None:
                return found
    return None


def _lone_part(tokens: Sequence[Token], share: Share) -> int | None:
    """The place of the count that a percentage is of: ``45 sessions (37.5%)``, ``37.5% of the sessions (n = 45)``."""
    before = share.at - 1
    if (
        before >= 0
        and tokens[before].kind is Kind.OPEN
        and share.after < len(tokens)
        and tokens[share.after].kind is Kind.CLOSE
    ):
        return count_before(tokens, before)
    for at, _ in labelled_counts(tokens):
        between = tokens[share.after : at - 3]
        if (
            at > share.after
            and tokens[at - 3].kind is Kind.OPEN
            and all(one.kind is Kind.WORD and not one.number for one in between)
        ):
            return at
    return None


def _of_things_before(tokens: Sequence[Token], part: int) -> Printed | None:
    """``Of 120 sessions, 45``: the base that opens the phrase, where no other count lies between."""
    for at in range(part - 1, max(-1, part - _NEAR), -1):
        if tokens[at].word in _OTHERS:
            return None
        count = count_at(tokens, at)
        if count is not None:
            opening = [token.word for token in tokens[max(0, at - 3) : at]]
            return count if OF & set(opening) else None
    return None


def _candidates(paper: Paper, sentence: Sentence) -> Iterable[Printed]:
    """Counts that a percentage may be of: those of its sentence, then of its paragraph."""
    own = [count for _, count in counts_of(paper.tokens_in(sentence))]
    return own + [count for other in paper.near(sentence) for _, count in counts_of(paper.tokens_in(other))]


def _of_flow(paper: Paper, sentence: Sentence, part: Printed, share: Share) -> Iterator[Finding]:
    """A percentage of available sessions, whose number follows from who started, dropped out and was lost."""
    place = paper.place_of(sentence)
    base = available_sessions(paper, sentence)
    if base is None or base.total < part.count:
        yield undecided(Check.PERCENT, place, f"{share.number.text} %", Reason.NO_BASE)
        return
    exact = 100.0 * part.count / base.total
    asked = not share.number.span.meets(Span(exact, exact))
    facts = {
        "part": part.count, "base": base.total, "share": share.number.text, "decimals": share.number.decimals,
        "held": list(base.held), "lost": base.lost, **_counts(share.number, base.total),
    }  # fmt: skip
    verdict = Verdict.QUESTION if asked else Verdict.CONSISTENT
    yield Finding(Check.PERCENT, verdict, *place, f"{share.number.text} %", exact, Span(exact, exact), None, facts)
