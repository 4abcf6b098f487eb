"""The mean age of the sample, wherever it is printed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from doublecode.analysis.auditing.findings import Check, Finding, Verdict
from doublecode.analysis.auditing.paper import Paper, Sentence
from doublecode.analysis.auditing.printed_numbers import Printed
from doublecode.analysis.auditing.tokens import Kind, Token

_AGE: Final = frozenset(["age", "aged", "ages", "alter", "years", "jahre", "mage"])
_MEAN: Final = frozenset(
    ["mean", "average", "m", "mittel", "mittleres", "mittlere", "durchschnitt", "durchschnittlich", "durchschnittliche"]
)
_OLD: Final = frozenset(["old", "alt", "years", "jahre", "jahren"])
_OTHERS: Final = re.compile(
    r"therap|rater|coder|kodier|control|kontroll|\bgroups?\b|gruppe|\barms?\b|condition|bedingung|women|\bmen\b|"
    r"frauen|männer|mother|father|mütter|väter|parent|eltern|students|completers|dropouts|subsample|teilstich|"
    r"excluded|ausgeschl|onset|beginn|siblings|partner|teacher|lehrer|clinician|supervis|range"
)
_BEFORE: Final = 12
_AFTER: Final = 6


@dataclass(frozen=True)
class Age:
    """A printed mean age of the sample, with its deviation where one stands beside it."""

    mean: Printed
    deviation: Printed | None
    sentence: Sentence


def checked_ages(paper: Paper) -> Iterator[Finding]:
    """Hold every printed mean age of the sample against the first one."""
    ages = [age for sentence in paper.sentences for age in _ages_of(paper, sentence)]
    for age in ages[1:]:
        yield _against(paper, ages[0], age)


def _against(paper: Paper, first: Age, later: Age) -> Finding:
    means = first.mean.span.meets(later.mean.span)
    both = first.deviation is not None and later.deviation is not None
    deviations = not both or _same(first.deviation, later.deviation)
    facts = {
        "what": "age", "first": _text(first), "second": _text(later), "line_of": first.mean.start,
    }  # fmt: skip
    verdict = Verdict.CONSISTENT if means and deviations else Verdict.QUESTION
    return Finding(
        Check.PRINTED_TWICE, verdict, *paper.place_of(later.sentence), _text(later), first.mean.value,
        first.mean.span, None, facts,
    )  # fmt: skip


def _same(one: Printed | None, other: Printed | None) -> bool:
    return one is None or other is None or one.span.meets(other.span)


def _text(age: Age) -> str:
    return age.mean.text if age.deviation is None else f"{age.mean.text} ({age.deviation.text})"


def _ages_of(paper: Paper, sentence: Sentence) -> Iterator[Age]:
    tokens = paper.tokens_in(sentence)
    if not any(token.word in _AGE for token in tokens):
        return
    for at, token in enumerate(tokens):
        number = token.number
        if token.kind is not Kind.NUMBER or number is None or not 1 <= number.value < 110:
            continue
        if (_named_mean(tokens, at) or _years_on_average(tokens, at)) and not _of_others(paper, tokens, at):
            yield Age(number, _deviation(tokens, at), sentence)
            return


def _named_mean(tokens: Sequence[Token], at: int) -> bool:
    """``age: M = 54.1``, ``M age = 54.1``, ``mean age of the patients was 54.1``, ``mittleres Alter 54,1``."""
    before = [token.word for token in tokens[max(0, at - 8) : at]]
    if tokens[at - 1].kind is Kind.SIGN:
        label = tokens[at - 2]
        named = label.text == "M" or label.word in ("age", "mage", "alter", "mean")
        near = {"age", "aged", "ages", "mage", "alter"} & set(before)
        return named and bool(near) and (label.text == "M" or bool(_MEAN & set(before)) or label.word == "mage")
    words = [place for place, word in enumerate(before) if word in ("age", "alter")]
    if not words or not any(token.kind is Kind.WORD for token in tokens[at - 1 : at]):
        return False
    opening = before[max(0, words[-1] - 3) : words[-1] + 3]
    numbers = any(token.number is not None for token in tokens[at - len(before) + words[-1] : at])
    return bool(_MEAN & set(opening)) and not numbers


def _years_on_average(tokens: Sequence[Token], at: int) -> bool:
    """``on average 56 years old``, ``im Mittel 56 Jahre alt``."""
    after = [token.word for token in tokens[at + 1 : at + 3]]
    if len(after) < 2 or after[0] not in _OLD or after[1] not in ("old", "alt", "of"):
        return False
    around = {token.word for token in tokens[max(0, at - 4) : at + 7]}
    return bool(_MEAN & around)


def _of_others(paper: Paper, tokens: Sequence[Token], at: int) -> bool:
    start = tokens[max(0, at - _BEFORE)].start
    end = tokens[min(len(tokens) - 1, at + _AFTER)].end
    return _OTHERS.search(paper.plain[start:end].lower()) is not None


def _deviation(tokens: Sequence[Token], at: int) -> Printed | None:
    for place in range(at + 1, min(at + 10, len(tokens) - 2)):
        if tokens[place].text in ("SD", "S.D.", "s.d.") and tokens[place + 1].kind is Kind.SIGN:
            return tokens[place + 2].number
    return None
