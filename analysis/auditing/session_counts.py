"""Rated sessions printed twice, the rows of the models, and the raters' loads."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from doublecode.analysis.auditing.counts import count_at, shares_of
from doublecode.analysis.auditing.findings import Check, Finding, Verdict
from doublecode.analysis.auditing.information_criteria import implied_rows
from doublecode.analysis.auditing.paper import Paper, Sentence
from doublecode.analysis.auditing.printed_numbers import Printed, Span
from doublecode.analysis.auditing.rated_sessions import (
    RATERS,
    SESSIONS,
    SessionCount,
    patients_of,
    pilot_sessions,
    rated_counts,
    raters_of,
)
from doublecode.analysis.auditing.tokens import Kind, Token

_TWICE: Final = re.compile(r"double|twice|two raters|doppelt|zweifach|zweimal")
_MAIN: Final = re.compile(r"\bmain\b|haupt")
_NEAR: Final = 0.15


def checked_sessions(paper: Paper) -> Iterator[Finding]:
    """Hold numbers of sessions against one another, against BIC, and against the loads of the raters."""
    counts = rated_counts(paper)
    declared = next((one for one in counts if one.declared), None)
    others = [one for one in counts if declared is not None and one.number.count != declared.number.count]
    pilot = pilot_sessions(paper)
    if declared is not None:
        for one in others:
            if abs(one.number.count - declared.number.count) < _NEAR * declared.number.count:
                yield _twice(paper, declared, one, pilot)
                yield from _rows(paper, declared, one)
    raters = raters_of(paper)
    if raters is not None and counts:
        yield from _loads(paper, sorted({one.number.count for one in counts}), raters, pilot)


def _twice(paper: Paper, first: SessionCount, second: SessionCount, pilot: int | None) -> Finding:
    a, b = first.number.count, second.number.count
    facts = {"what": "sessions", "first": str(a), "second": str(b), "pilot": pilot if pilot == abs(a - b) else None}
    return Finding(
        Check.PRINTED_TWICE, Verdict.QUESTION, *paper.place_of(second.sentence), f"{b} sessions", float(a),
        Span(float(a), float(a)), None, facts,
    )  # fmt: skip


def _rows(paper: Paper, first: SessionCount, second: SessionCount) -> Iterator[Finding]:
    """Which of two numbers of sessions, less one session per patient, the BICs of the models stand on."""
    spans = implied_rows(paper)
    patients = patients_of(paper)
    if len(spans) < 2 or not patients:
        return
    rows = Span(max(span.low for _, span, _ in spans), min(span.high for _, span, _ in spans))
    a, b = first.number.count, second.number.count
    for less in (0, *patients[:2]):
        fits = [count for count in (a, b) if rows.low <= count - less <= rows.high]
        if len(fits) == 1:
            other = a if fits[0] == b else b
            facts = {"rows_low": rows.low, "rows_high": rows.high, "fits": fits[0], "other": other, "less": less}
            yield Finding(
                Check.MODEL_ROWS, Verdict.QUESTION, *paper.place_of(spans[-1][0].sentence), f"{a} and {b} sessions",
                (rows.low + rows.high) / 2.0, rows, None, facts,
            )  # fmt: skip
            return


@dataclass(frozen=True)
class Load:
    """Sessions per rater, from the lowest to the highest load."""

    low: Printed
    high: Printed


def _load_of(tokens: Sequence[Token]) -> Load | None:
    """``between 32 and 38 sessions`` and ``57 to 62 sessions``."""
    for at in range(len(tokens) - 3):
        low, high = count_at(tokens, at), count_at(tokens, at + 2)
        joint = tokens[at + 1].word in ("and", "to", "und", "bis") or tokens[at + 1].kind is Kind.DASH
        high = tokens[at + 2].number if high is None and tokens[at + 1].kind is Kind.DASH else high
        between = tokens[at + 1].word not in ("and", "und") or (at and tokens[at - 1].word in ("between", "zwischen"))
        named = {token.word for token in tokens[at + 3 : at + 5]} & SESSIONS
        if low is not None and high is not None and joint and between and named and low.count <= high.count:
            return Load(low, high)
    return None


def _loads(paper: Paper, sessions: Sequence[int], raters: int, pilot: int | None) -> Iterator[Finding]:
    for sentence in paper.sentences:
        words = paper.words_of(sentence)
        tokens = paper.tokens_in(sentence)
        load = _load_of(tokens) if any(token.word in RATERS for token in tokens) else None
        if load is None:
            continue
        if _MAIN.search(words) and not _TWICE.search(words):
            yield _held_load(paper, sentence, load, raters, _Needed(sessions, None, None))
            continue
        share = _share_twice(paper, sentence)
        if share is not None:
            yield _held_load(paper, sentence, load, raters, _Needed(sessions, share, pilot))


@dataclass(frozen=True)
class _Needed:
    """What the loads are held against: sessions, the share that is coded twice, sessions of the pilot."""

    sessions: Sequence[int]
    share: Printed | None
    pilot: int | None

    def ratings(self, n: int) -> Span:
        if self.share is None:
            return Span(float(n), float(n))
        return Span(n * (1 + self.share.span.low / 100), n * (1 + self.share.span.high / 100))


def _share_twice(paper: Paper, sentence: Sentence) -> Printed | None:
    """The share that was coded twice, of the sentence or of its neighbours."""
    for one in (sentence, *paper.near(sentence, most=3)):
        if _TWICE.search(paper.words_of(one)):
            shares = shares_of(paper.tokens_in(one))
            if len(shares) == 1:
                return shares[0].number
    return None


def _held_load(paper: Paper, sentence: Sentence, load: Load, raters: int, needed: _Needed) -> Finding:
    ratings = Span(float(raters * load.low.count), float(raters * load.high.count))
    fits = [n for n in needed.sessions if ratings.meets(needed.ratings(n))]
    facts = _load_facts(load, raters, ratings, needed)
    printed = f"{load.low.text} to {load.high.text} sessions"
    n = fits[0] if fits else needed.sessions[-1]
    wanted = needed.ratings(n)
    verdict = Verdict.CONSISTENT if fits else Verdict.QUESTION
    per_rater = Span(wanted.low / raters, wanted.high / raters)
    middle = (per_rater.low + per_rater.high) / 2.0
    return Finding(Check.LOADS, verdict, *paper.place_of(sentence), printed, middle, per_rater, None, facts)


def _load_facts(load: Load, raters: int, ratings: Span, needed: _Needed) -> dict[str, Any]:
    least, most = needed.sessions[0], needed.sessions[-1]
    explained = False
    if needed.pilot is not None and needed.share is not None:
        more = float(needed.pilot * raters)
        without = Span(ratings.low - more, ratings.high - more)
        explained = any(without.meets(needed.ratings(n)) for n in needed.sessions)
    return {
        "raters": raters, "low": load.low.count, "high": load.high.count, "sessions": list(needed.sessions),
        "share": None if needed.share is None else needed.share.text, "pilot": needed.pilot if explained else None,
        "share_low": 100 * (ratings.low / most - 1), "share_high": 100 * (ratings.high / least - 1),
    }  # fmt: skip
