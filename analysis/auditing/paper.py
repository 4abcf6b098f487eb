"""A text taken apart once: tokens, sentences, labelled values and what of these belongs together."""

from __future__ import annotations

import bisect
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from doublecode.analysis.auditing.characters import plain_characters
from doublecode.analysis.auditing.grouped_values import Group, groups_of
from doublecode.analysis.auditing.labelled_values import values_of
from doublecode.analysis.auditing.table_cells import TextTable, groups_of_table, tables_of
from doublecode.analysis.auditing.tokens import Kind, Token, has_decimal_comma, tokens_of

_ROUNDED_DF: Final = re.compile(
    r"satterthwaite|kenward|welch|greenhouse|huynh|lmertest|mixed[- ](?:model|effects)|multilevel|mehrebenen",
    re.IGNORECASE,
)


LONGEST_SENTENCE: Final = 400
"""Tokens after which a sentence ends in any case, so that a text without full stops takes no longer."""
_ENDS: Final = frozenset([Kind.STOP, Kind.BREAK])


@dataclass(frozen=True)
class Sentence:
    """A sentence: its tokens from `first` to before `after`, and the paragraph it stands in."""

    first: int
    after: int
    paragraph: int


class Paper:
    """A text with its tokens.

    Parameters
    ----------
    text : str
        As it was given.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.plain = plain_characters(text)
        self.comma = has_decimal_comma(self.plain)
        self.tokens = tokens_of(self.plain, self.comma)
        self.sentences = _sentences(self.tokens)
        self._firsts = [one.first for one in self.sentences]

    @cached_property
    def tables(self) -> list[TextTable]:
        """Tables drawn with bars, tabs or blanks."""
        return tables_of(self.plain, self.comma)

    @cached_property
    def groups(self) -> list[Group]:
        """Values that belong together, of prose and of rows of tables."""
        prose = groups_of(self.tokens, values_of(self.tokens))
        return prose + [group for table in self.tables for group in groups_of_table(table)]

    @cached_property
    def rounded_df(self) -> bool:
        """Whether degrees of freedom may be fractions that were rounded to whole numbers."""
        return _ROUNDED_DF.search(self.plain) is not None

    def sentence_at(self, start: int) -> Sentence:
        """Return the sentence that a character stands in."""
        token = bisect.bisect_right(self._starts, start) - 1
        return self.sentences[max(0, bisect.bisect_right(self._firsts, max(token, 0)) - 1)]

    @cached_property
    def _starts(self) -> list[int]:
        return [one.start for one in self.tokens]

    def tokens_in(self, sentence: Sentence) -> Sequence[Token]:
        """Return the tokens of a sentence."""
        return self.tokens[sentence.first : sentence.after]

    def place_of(self, sentence: Sentence) -> tuple[int, int]:
        """Start and end of a sentence in characters."""
        return self.tokens[sentence.first].start, self.tokens[sentence.after - 1].end

    def words_of(self, sentence: Sentence) -> str:
        """The sentence in small letters, with one blank between words."""
        start, end = self.place_of(sentence)
        return " ".join(self.plain[start:end].lower().split())

    def near(self, sentence: Sentence, most: int = 12) -> list[Sentence]:
        """Return the other sentences of its paragraph and the sentence before that, nearest first."""
        at = bisect.bisect_left(self._firsts, sentence.first)
        others = [place for place in range(max(0, at - most), min(len(self.sentences), at + most + 1)) if place != at]
        kept = [self.sentences[place] for place in sorted(others, key=lambda place: abs(place - at))]
        return [one for one in kept if one.paragraph == sentence.paragraph or one.first == self._firsts[max(0, at - 1)]]

    def before(self, sentence: Sentence) -> Sentence | None:
        """Return the sentence before, of the same or an earlier paragraph."""
        at = bisect.bisect_left(self._firsts, sentence.first)
        return self.sentences[at - 1] if at else None


def _sentences(tokens: Sequence[Token]) -> list[Sentence]:
    return list(_cut(tokens))


def _cut(tokens: Sequence[Token]) -> Iterator[Sentence]:
    first = paragraph = 0
    for at, token in enumerate(tokens):
        if token.kind not in _ENDS and at - first < LONGEST_SENTENCE:
            continue
        after = at if token.kind is Kind.BREAK else at + 1
        if after > first:
            yield Sentence(first, after, paragraph)
        first = at + 1
        paragraph += token.kind is Kind.BREAK
    if first < len(tokens):
        yield Sentence(first, len(tokens), paragraph)
