"""β of one of two predictors against the three correlations: β₁ = (r_y1 − r_y2 r_12) / (1 − r_12²)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import product
from typing import Final

from doublecode.analysis.auditing.findings import Check, Finding, held
from doublecode.analysis.auditing.paper import Paper, Sentence
from doublecode.analysis.auditing.printed_numbers import Printed, Span
from doublecode.analysis.auditing.tokens import Kind, Token

_WITH: Final = re.compile(r"correlated|correlates|korrelier\w*")
_TWO: Final = re.compile(r"(?:only|two|both|einzigen|zwei|beide\w*) (?:predictors|prädiktoren)")
_OUTCOME: Final = re.compile(r"(?:predictors|prädiktoren) (?:of|der|des|von) (\w+)")
_AROUND: Final = 6
Pairs = dict[frozenset[str], Printed]


def checked_betas(paper: Paper) -> Iterator[Finding]:
    """Hold a β of two predictors against the correlations that the same paragraph prints."""
    for at, sentence in enumerate(paper.sentences):
        words = paper.words_of(sentence)
        outcome = _OUTCOME.search(words)
        if _TWO.search(words) is None or outcome is None or "β" not in words:
            continue
        nearby = paper.sentences[max(0, at - 4) : at]
        pairs = {key: r for one in nearby for key, r in _pairs(paper, one).items()}
        yield from _of_sentence(paper, sentence, outcome[1], pairs)


def _pairs(paper: Paper, sentence: Sentence) -> Pairs:
    """``rationale correlated with praise (r = .40)``: the two words and the number."""
    tokens = paper.tokens_in(sentence)
    found: Pairs = {}
    for at in range(2, len(tokens)):
        number = tokens[at].number
        if tokens[at - 2].text != "r" or tokens[at - 1].text != "=" or number is None:
            continue
        names = _names(tokens, at - 3)
        if names is not None:
            found[names] = number
    return found


def _names(tokens: Sequence[Token], at: int) -> frozenset[str] | None:
    words = [token.word for token in tokens[max(0, at - _AROUND) : at] if token.kind is Kind.WORD]
    verb = next((place for place, word in enumerate(words) if _WITH.fullmatch(word)), None)
    if verb is None or verb == 0 or len(words) - verb != 3:
        return None
    return frozenset((words[verb - 1], words[-1]))


def _of_sentence(paper: Paper, sentence: Sentence, outcome: str, pairs: Pairs) -> Iterator[Finding]:
    tokens = paper.tokens_in(sentence)
    known = {name for pair in pairs for name in pair} - {outcome}
    for at in range(2, len(tokens)):
        number = tokens[at].number
        if tokens[at - 2].text != "β" or tokens[at - 1].text != "=" or number is None:
            continue
        own = next((token.word for token in reversed(tokens[:at]) if token.word in known), None)
        others = known - {own}
        if own is None or len(others) != 1:
            continue
        other = others.pop()
        rs = [pairs.get(frozenset(pair)) for pair in ((outcome, own), (outcome, other), (own, other))]
        given = [r for r in rs if r is not None]
        if len(given) == 3:
            yield _held(paper, sentence, own, number, given)


def beta_of(own: float, other: float, between: float) -> float:
    """β of a predictor from its correlation with the outcome, the other's, and that between them.

    Examples
    --------
    >>> round(beta_of(0.5, 0.4, 0.5), 3)
    0.4
    """
    return (own - other * between) / (1.0 - between * between)


def _held(paper: Paper, sentence: Sentence, own: str, beta: Printed, rs: Sequence[Printed]) -> Finding:
    spans = [r.span for r in rs]
    inner = [max(-0.999, min(0.999, end)) for end in spans[2]]
    steps = [inner[0] + (inner[1] - inner[0]) * part / 20 for part in range(21)]
    found = [beta_of(a, b, c) for a, b, c in product(spans[0], spans[1], steps)]
    best = beta_of(rs[0].value, rs[1].value, max(-0.999, min(0.999, rs[2].value)))
    facts = {"name": own, "beta": beta.text, "rs": [r.text for r in rs]}
    printed = (f"β = {beta.text}", beta.span)
    return held(
        Check.BETA, paper.place_of(sentence), printed, best, Span(min(found), max(found)), beta.half_unit, facts
    )
