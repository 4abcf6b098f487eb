"""How many recordings of some sessions there are: who started, who dropped out before which session, what was lost."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from doublecode.analysis.auditing.counts import count_at
from doublecode.analysis.auditing.number_words import NUMBER_WORDS
from doublecode.analysis.auditing.paper import Paper, Sentence
from doublecode.analysis.auditing.tokens import Token

_ORDINALS: Final = {
    "first": 1,
    "second": 2,
    "third": 3,
    "fourth": 4,
    "fifth": 5,
    "ersten": 1,
    "zweiten": 2,
    "dritten": 3,
}
_STARTED: Final = re.compile(r"\b(?:started|began|entered)\b")
_LOST: Final = re.compile(r"could not be (?:coded|rated)|konnte\w* nicht (?:kodiert|beurteilt)")
_MOST_SESSIONS: Final = 60


@dataclass(frozen=True)
class Available:
    """Sessions held by number, and how many recordings were lost.

    Parameters
    ----------
    held : tuple of int
        People who had each of the sessions that are meant.
    lost : int
    """

    held: tuple[int, ...]
    lost: int

    @property
    def total(self) -> int:
        """Recordings that could be coded."""
        return sum(self.held) - self.lost


def available_sessions(paper: Paper, sentence: Sentence) -> Available | None:
    """Return what the paragraph of a sentence says could be coded; None where the text does not say.

    The paragraph names the sessions by what was lost of each (*Four Session 1 tapes could not be coded*); how many
    people had each comes from the sentence on who started and dropped out, anywhere in the text.
    """
    lost: dict[int, int] = {}
    for other in [sentence, *paper.near(sentence)]:
        if _LOST.search(paper.words_of(other)):
            lost |= _lost(paper.tokens_in(other))
    held = _people_by_session(paper, max(lost, default=0)) if len(lost) > 1 else None
    if held is None:
        return None
    return Available(tuple(held[number] for number in sorted(lost)), sum(lost.values()))


def _lost(tokens: Sequence[Token]) -> dict[int, int]:
    """``Four Session 1 tapes could not be coded``: number of the session → tapes."""
    found = {}
    for at in range(1, len(tokens) - 1):
        following = tokens[at + 1].number
        if tokens[at].word == "session" and following is not None and following.is_whole:
            count = count_at(tokens, at - 1)
            number = 1 if tokens[at - 1].word == "one" else None if count is None else count.count
            if number is not None:
                found[following.count] = number
    return found


def _people_by_session(paper: Paper, last: int) -> dict[int, int] | None:
    """How many people had each session, from the first sentence that says who started and who dropped out."""
    if not 0 < last <= _MOST_SESSIONS:
        return None
    for sentence in paper.sentences:
        words = paper.words_of(sentence)
        if _STARTED.search(words) is None or "drop" not in words:
            continue
        tokens = paper.tokens_in(sentence)
        started = next((count for at in range(len(tokens)) if (count := count_at(tokens, at)) is not None), None)
        leaving = _leaving(tokens)
        if started is not None and leaving:
            return {number: started.count - _gone(leaving, number) for number in range(1, last + 1)}
    return None


def _gone(leaving: Mapping[int, int], session: int) -> int:
    return sum(people for before, people in leaving.items() if before <= session)


def _leaving(tokens: Sequence[Token]) -> dict[int, int]:
    """``two dropping out before the second session and five more before Session 3``: session → people who left."""
    found: dict[int, int] = {}
    last: int | None = None
    for at, token in enumerate(tokens):
        if token.word in NUMBER_WORDS or (token.number is not None and count_at(tokens, at) is not None):
            last = None if token.number is None else token.number.count
        if token.word == "before" and last is not None:
            session = _session_named(tokens[at + 1 : at + 4])
            if session is not None:
                found[session] = last
    return found


def _session_named(tokens: Sequence[Token]) -> int | None:
    for one, other in zip(tokens, [*tokens[1:], None], strict=False):
        if one.word in _ORDINALS:
            return _ORDINALS[one.word]
        if one.word in ("session", "sitzung") and other is not None and other.number is not None:
            return other.number.count
    return None
