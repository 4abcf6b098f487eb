"""Counts and percentages as they stand in a sentence."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from doublecode.analysis.auditing.printed_numbers import Printed
from doublecode.analysis.auditing.tokens import Kind, Token

OF: Final = frozenset(["of", "from", "von", "aus", "der", "den", "des"])
_FILLING: Final = frozenset(["the", "insgesamt", "total", "all", "in", "out", "alle", "allen", "eligible"])
PERCENT_WORDS: Final = frozenset(["percent", "prozent"])
_MOST_BETWEEN: Final = 3
_LARGEST_NAME: Final = 60
_NAMES: Final = frozenset(
    [
        "session",
        "sessions",
        "sitzung",
        "sitzungen",
        "table",
        "tabelle",
        "figure",
        "abbildung",
        "phase",
        "item",
        "items",
        "section",
        "abschnitt",
        "model",
        "modell",
        "step",
        "study",
        "studie",
        "week",
        "woche",
        "chapter",
        "volume",
        "page",
        "day",
        "tag",
        "time",
        "level",
        "stufe",
        "version",
    ]
)
"""Words whose number after them is a name and no count: *Session 1*, *Table 2*."""


@dataclass(frozen=True)
class Share:
    """A percentage: the index of its number, of the token after its sign, and the number."""

    at: int
    after: int
    number: Printed


def shares_of(tokens: Sequence[Token]) -> list[Share]:
    """Return the percentages of a sentence that are no level of an interval."""
    found = []
    for at, token in enumerate(tokens):
        after = None if token.number is None else _after_percent(tokens, at + 1)
        if token.number is not None and after is not None and not token.number.value > 100.0:
            found.append(Share(at, after, token.number))
    return found


def _after_percent(tokens: Sequence[Token], at: int) -> int | None:
    if at >= len(tokens):
        return None
    if tokens[at].kind is Kind.PERCENT:
        following = [token.word for token in tokens[at + 1 : at + 3]]
        return None if {"ci", "ki", "confidence", "konfidenzintervall"} & set(following) else at + 1
    if tokens[at].word in PERCENT_WORDS:
        return at + 1
    if tokens[at].word == "per" and at + 1 < len(tokens) and tokens[at + 1].word == "cent":
        return at + 2
    return None


def count_at(tokens: Sequence[Token], at: int) -> Printed | None:
    """Return the count at a place: a whole number, in figures or as a word, that is no name and no percentage."""
    if not 0 <= at < len(tokens):
        return None
    number = tokens[at].number
    if number is None or not number.is_whole or number.glued or _after_percent(tokens, at + 1) is not None:
        return None
    before = tokens[at - 1] if at else None
    if before is not None and (before.kind is Kind.DASH or (before.word in _NAMES and number.count <= _LARGEST_NAME)):
        return None
    return number


def counts_of(tokens: Sequence[Token]) -> list[tuple[int, Printed]]:
    """Return all counts of a sentence with their places."""
    found = ((at, count_at(tokens, at)) for at in range(len(tokens)))
    return [(at, count) for at, count in found if count is not None]


def part_of_base(tokens: Sequence[Token], at: int) -> tuple[Printed, Printed] | None:
    """``45 of the 120`` or ``45/120`` whose base stands at a place."""
    base = count_at(tokens, at)
    if base is None:
        return None
    before = at - 1
    if before > 0 and tokens[before].kind is Kind.SLASH:
        part = count_at(tokens, before - 1)
        return None if part is None else (part, base)
    skipped = 0
    while before > 0 and tokens[before].word in _FILLING and skipped < _MOST_BETWEEN:
        before, skipped = before - 1, skipped + 1
    if before < 1 or tokens[before].word not in OF:
        return None
    before -= 1
    if tokens[before].word == "out":
        before -= 1
    part = count_at(tokens, before)
    return None if part is None else (part, base)


def count_before(tokens: Sequence[Token], at: int, most: int = 6) -> int | None:
    """The place of the nearest count before a place, with nothing but words between."""
    for place in range(at - 1, max(-1, at - most - 1), -1):
        if count_at(tokens, place) is not None:
            return place
        number = tokens[place].number
        if tokens[place].kind not in (Kind.WORD, Kind.DASH) and not (number is not None and number.glued):
            return None
    return None


def labelled_counts(tokens: Sequence[Token]) -> Iterator[tuple[int, Printed]]:
    """``n = 45``: the place of the number, and the number."""
    for at in range(2, len(tokens)):
        if tokens[at - 2].text in ("n", "N") and tokens[at - 1].text == "=":
            count = count_at(tokens, at)
            if count is not None:
                yield at, count
