"""How many sessions were rated, wherever that is printed; sessions of a pilot; patients; raters."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from doublecode.analysis.auditing.counts import count_at, count_before, counts_of, labelled_counts
from doublecode.analysis.auditing.paper import Paper, Sentence
from doublecode.analysis.auditing.printed_numbers import Printed
from doublecode.analysis.auditing.tokens import Kind, Token

SESSIONS: Final = frozenset(
    [
        "session",
        "sessions",
        "recording",
        "recordings",
        "tape",
        "tapes",
        "audiotapes",
        "sitzung",
        "sitzungen",
        "aufnahmen",
    ]
)
RATERS: Final = frozenset(
    ["rater", "raters", "ratern", "coder", "coders", "kodierer", "observers", "judges", "beobachter", "urteiler"]
)
PATIENTS: Final = frozenset(
    [
        "patients",
        "patienten",
        "clients",
        "klienten",
        "adolescents",
        "jugendliche",
        "participants",
        "teilnehmer",
        "adults",
    ]
)
_RATED: Final = re.compile(r"\b(?:rated?|coded?|beurteilt\w*|kodiert\w*|geratet)\b")
_EACH: Final = re.compile(
    r"\b(?:per rater|each rater|per coder|each coder|every rater|pro rater|je rater|jeder rater)\b"
)
_PILOT: Final = re.compile(r"pilot|trial rating|prior to the rating|excluded cases|probe|training phase|vorab")
_FEWEST: Final = 20
_CUTS: Final = (Kind.COMMA, Kind.SEMICOLON)
_RANGES: Final = frozenset(["and", "to", "und", "bis"])


@dataclass(frozen=True)
class SessionCount:
    """A printed number of rated sessions; `declared` where it is the sample's N."""

    number: Printed
    sentence: Sentence
    declared: bool


def rated_counts(paper: Paper) -> list[SessionCount]:
    """Return the printed numbers of rated sessions: of sentences that rate them, and ``sessions (N = 197)``."""
    found = []
    for sentence in paper.sentences:
        words = paper.words_of(sentence)
        if _RATED.search(words) is None or _PILOT.search(words):
            continue
        tokens = paper.tokens_in(sentence)
        ones = _labelled(tokens, sentence) or _named(tokens, sentence)
        found += ones if len(ones) == 1 else []
    return found


def _labelled(tokens: Sequence[Token], sentence: Sentence) -> list[SessionCount]:
    return [
        SessionCount(count, sentence, True)
        for at, count in labelled_counts(tokens)
        if at > 3 and tokens[at - 4].word in SESSIONS and count.count >= _FEWEST
    ]


def _named(tokens: Sequence[Token], sentence: Sentence) -> list[SessionCount]:
    """``194 sessions``, with the verb before it or after; not ``210 sessions that had taken place``."""
    found = []
    for at, count in counts_of(tokens):
        following = [token.word for token in tokens[at + 1 : at + 4]]
        noun = next((place for place, word in enumerate(following) if word in SESSIONS), None)
        if noun is None or count.count < _FEWEST or tokens[at].kind is not Kind.NUMBER or _of_each(tokens, at):
            continue
        later = _clause_after(tokens, at + noun + 2)
        earlier = [token.word for token in tokens[max(0, at - 4) : at]]
        if any(_RATED.fullmatch(word) for word in (*earlier, *later) if word):
            found.append(SessionCount(count, sentence, False))
    return found


def _clause_after(tokens: Sequence[Token], at: int) -> list[str]:
    """The words from a place to the next comma or semicolon."""
    end = next((place for place in range(at, len(tokens)) if tokens[place].kind in _CUTS), len(tokens))
    return [token.word for token in tokens[at:end]]


def _of_each(tokens: Sequence[Token], at: int) -> bool:
    """Whether a number is a load: one end of a range, or of *each rater* in its clause."""
    before, after = tokens[at - 1] if at else None, tokens[at + 1]
    if before is not None and (before.kind is Kind.DASH or before.word in _RANGES) and at > 1 and tokens[at - 2].number:
        return True
    if (after.kind is Kind.DASH or after.word in _RANGES) and at + 2 < len(tokens) and tokens[at + 2].number:
        return True
    ends = [place for place, token in enumerate(tokens) if token.kind in _CUTS]
    first = max((place for place in ends if place < at), default=-1)
    last = min((place for place in ends if place > at), default=len(tokens))
    return _EACH.search(" ".join(token.word for token in tokens[first + 1 : last])) is not None


def pilot_sessions(paper: Paper) -> int | None:
    """How many sessions all raters rated before the study, where the text says so."""
    for sentence in paper.sentences:
        words = paper.words_of(sentence)
        if _PILOT.search(words) is None or _RATED.search(words) is None:
            continue
        tokens = paper.tokens_in(sentence)
        for at, count in counts_of(tokens):
            following = {token.word for token in tokens[at + 1 : at + 4]}
            if following & SESSIONS and count.count < _FEWEST:
                return count.count
    return None


def raters_of(paper: Paper) -> int | None:
    """The number of raters that is printed most often, the first of equals."""
    found: Counter[int] = Counter()
    for at, token in enumerate(paper.tokens):
        if token.word in RATERS:
            place = count_before(paper.tokens, at, most=3)
            count = None if place is None else count_at(paper.tokens, place)
            if count is not None and 2 <= count.count <= 60:
                found[count.count] += 1
    return found.most_common(1)[0][0] if found else None


def patients_of(paper: Paper) -> list[int]:
    """Printed numbers of patients, most often printed first."""
    found: Counter[int] = Counter()
    for at, token in enumerate(paper.tokens):
        if token.word in PATIENTS:
            for place in (at - 1, at - 2):
                count = count_at(paper.tokens, place)
                if count is not None:
                    found[count.count] += 1
                    break
    return [count for count, _ in found.most_common()]
