"""What words claim that cannot be: an ICC model that does not exist, an adjusted variable outside the list of them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from doublecode.analysis.auditing.findings import Check, Finding, Verdict
from doublecode.analysis.auditing.paper import Paper, Sentence

_ONE_WAY_MIXED: Final = re.compile(r"one[- ]way,?\s+mixed|einfaktoriell\w*,?\s+gemischt\w*")
_ICC: Final = re.compile(r"\bicc|intra-?class|intraklassen")
_NEAR: Final = 80
_LIST: Final = re.compile(r"outliers? (?:were|was) (?:identified|found|adjusted)\b.{0,40}?\b(?:for|in|of)\b")
_CALLED: Final = re.compile(r"after (?:outlier )?(?:adjustment|winsori[sz]ing|winsori[sz]ation)|outlier[- ]adjusted")
_HEADING: Final = 60
_LOOK_BACK: Final = 20_000
_COMMON: Final = frozenset(
    [
        "initial",
        "session",
        "sessions",
        "scores",
        "score",
        "ratings",
        "rating",
        "variables",
        "measure",
        "scale",
        "the",
        "and",
        "for",
    ]
)


def checked_claims(paper: Paper) -> Iterator[Finding]:
    """Ask about an ICC model that does not exist and about adjusted variables that no list has."""
    low = paper.plain.lower()
    for match in _ONE_WAY_MIXED.finditer(low):
        if _ICC.search(low[max(0, match.start() - _NEAR) : match.end() + _NEAR]):
            facts = {"printed": " ".join(match[0].split())}
            yield Finding(Check.ICC_MODEL, Verdict.QUESTION, match.start(), match.end(), facts["printed"], facts=facts)
    if _CALLED.search(low):
        yield from _adjusted(paper)


def _adjusted(paper: Paper) -> Iterator[Finding]:
    lists = [one for one in paper.sentences if _LIST.search(paper.words_of(one)) and ":" in paper.words_of(one)]
    if len(lists) != 1:
        return
    listed = paper.words_of(lists[0])
    for sentence in paper.sentences:
        if sentence is not lists[0] and _CALLED.search(paper.words_of(sentence)):
            name = _heading_of(paper, sentence)
            words = set(re.findall(r"[a-zäöü]{4,}", name.lower())) - _COMMON
            if not words:
                continue
            named = any(word in listed for word in words)
            verdict = Verdict.CONSISTENT if named else Verdict.QUESTION
            yield Finding(Check.ADJUSTED, verdict, *paper.place_of(sentence), name, facts={"name": name})


def _heading_of(paper: Paper, sentence: Sentence) -> str:
    """The short line without a full stop that stands above the paragraph of a sentence."""
    start = paper.place_of(sentence)[0]
    for paragraph in reversed(paper.text[max(0, start - _LOOK_BACK) : start].split("\n\n")[:-1]):
        line = paragraph.strip()
        if line and len(line) <= _HEADING and not line.endswith("."):
            return line.splitlines()[-1]
    return ""
