"""Words of ours inside what was found or is allowed: which they are, and what is filled in, for every language.

A problem's sentence is translated by its code; words inside its facts, such as *row 9*, need a key of their own, or
English stands in the middle of a German sentence.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final, Self

PHRASES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "and_below": "{0} and {1} more below",
        "another_column": "the column {0} on another sheet",
        "column": "the column {0}",
        "columns": "the columns {0}",
        "differ": "{0} (codes that differ: {1})",
        "empty_cell": "an empty cell",
        "formula": "the formula {0}",
        "head": "the head {0}",
        "id_gone": ": the id is gone",
        "in_file_too": "here and in {0}, row {1}",
        "in_two_cells": "{0} in {1} and {2}",
        "like_a_name": "what looks like a name",
        "lines": "{0} and {1}",
        "missing": "{0} missing",
        "moved": "{0} moved",
        "na_in_first": "{0} (NA only in session 1)",
        "nearest": "; the nearest is {0}",
        "no_column": "no such column",
        "no_heads": "no row with the heads of the columns",
        "no_sheet": "no such sheet",
        "occasion": "occasion {0}",
        "of_study": "the study {0}",
        "one": "one",
        "or_empty": "{0} or empty",
        "order_of": "the order of the rows {0}",
        "other_items": "{0} with other items or codes",
        "rows": "row {0}",
        "said_or_none": "what was said, or 'none'",
        "second_time": '"{0}" a second time',
        "stand_elsewhere": "{0} of {1} stand elsewhere",
        "whole_sheet": "the whole sheet",
        "workbook_of": "the workbook of {0}",
        "workbook_too": "the whole workbook stands in {0} too",
    }
)
"""Key → its English words; what is filled in stands in braces."""


class Phrase(str):
    """English words that know which they are.

    Attributes
    ----------
    key : str
        Of :data:`PHRASES`.
    parts : tuple of str
        What is filled in; may be phrases.

    Examples
    --------
    >>> hidden = Phrase("rows", "9")
    >>> hidden, in_words(hidden, {"rows": "Zeile {0}"})
    ('row 9', 'Zeile 9')
    """

    __slots__ = ("key", "parts")
    key: str
    parts: tuple[str, ...]

    def __new__(cls, key: str, *parts: str) -> Self:
        """Fill in the English words."""
        made = super().__new__(cls, PHRASES[key].format(*parts))
        made.key, made.parts = key, parts
        return made

    def __getnewargs__(self) -> tuple[str, ...]:  # type: ignore[override]
        """How it is copied: by its key and its parts."""
        return (self.key, *self.parts)


def in_words(text: str, words: Mapping[str, str], plain: Callable[[str], str] = str) -> str:
    """Say a text in other words: a phrase by its key, anything else as `plain` makes it.

    A key that `words` leaves out is said in English.
    """
    if not isinstance(text, Phrase):
        return plain(text)
    filled = [in_words(part, words, plain) for part in text.parts]
    return words.get(text.key, PHRASES[text.key]).format(*filled)
