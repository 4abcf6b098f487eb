"""Small numbers as words, English and German."""

from __future__ import annotations

from typing import Final

_ENGLISH: Final = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
]
_GERMAN: Final = [
    "null",
    "ein",
    "zwei",
    "drei",
    "vier",
    "fünf",
    "sechs",
    "sieben",
    "acht",
    "neun",
    "zehn",
    "elf",
    "zwölf",
    "dreizehn",
    "vierzehn",
    "fünfzehn",
    "sechzehn",
    "siebzehn",
    "achtzehn",
    "neunzehn",
]
_TENS: Final = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_ZEHNER: Final = ["zwanzig", "dreißig", "vierzig", "fünfzig", "sechzig", "siebzig", "achtzig", "neunzig"]


def _words() -> dict[str, int]:
    found = {word: value for words in (_ENGLISH, _GERMAN) for value, word in enumerate(words) if value > 1}
    for place, (ten, zehner) in enumerate(zip(_TENS, _ZEHNER, strict=True)):
        value = 10 * (place + 2)
        found |= {ten: value, zehner: value}
        for unit in range(1, 10):
            found[f"{ten}-{_ENGLISH[unit]}"] = value + unit
            found[f"{_GERMAN[unit]}und{zehner}"] = value + unit
    return found


NUMBER_WORDS: Final = _words()
"""Word → number; *one* and *ein* are left out, which are articles as often."""
