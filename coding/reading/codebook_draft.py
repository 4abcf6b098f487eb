"""A codebook in the making: its items and scales, names of its own, and how codes and numbers are written."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from doublecode.schemas.item import TAKEN_NAMES

_NUMBER: Final = r"-?\d+(?:[.,]\d+)?"
_TO: Final = r"(?:-|–|—|to|bis|\.\.+|…)"
_WORDS: Final = r"[=:]?\s*(\([^()\d]+\)|\[[^\[\]\d]+\]|[^\d;|=:\n()\[\]\s][^\d;|=:\n()\[\]]*?)"
_UMLAUTS: Final = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss"})


@dataclass
class Draft:
    """A codebook in the making.

    Attributes
    ----------
    items, scales : list of dict
        As :class:`doublecode.schemas.Instrument` takes them.
    missing_codes : dict of str to str
    passed_over : list of (str, str)
        Place in the file and reason.
    unread : list of (str, str)
        Place of a cell that says nothing known, and what was found and is allowed.
    """

    items: list[dict[str, Any]] = field(default_factory=list)
    scales: list[dict[str, Any]] = field(default_factory=list)
    missing_codes: dict[str, str] = field(default_factory=dict)
    passed_over: list[tuple[str, str]] = field(default_factory=list)
    unread: list[tuple[str, str]] = field(default_factory=list)

    def add(self, item: dict[str, Any], missing: Mapping[str, str]) -> None:
        """Add an item, with the missing codes that it has of its own."""
        self.missing_codes |= missing
        self.items.append({**item, "missing": [*missing]})

    def declaration(self, name: str, title: str, citation: str, rights: str) -> dict[str, Any]:
        """The whole codebook, in the order in which a person reads it."""
        head = {"name": name, "title": title, "version": "1.0", "citation": citation, "rights": rights}
        if all(item.get("missing") == [*self.missing_codes] for item in self.items):  # then it need not be said
            for item in self.items:
                del item["missing"]
        parts = {"missing_codes": self.missing_codes, "items": self.items, "scales": self.scales}
        return head | {key: part for key, part in parts.items() if part}


def choices(text: str) -> dict[str, str]:
    """Codes and labels of ``1, never | 2, often`` (REDCap) and of ``0 = never; 4 = always`` (spreadsheets).

    Examples
    --------
    >>> choices("0, never | 4, always"), choices("0 = never; 4 = always"), choices("0 never … 4 always")
    ({'0': 'never', '4': 'always'}, {'0': 'never', '4': 'always'}, {'0': 'never', '4': 'always'})
    """
    return {pair[1]: _unbracketed(pair[2]) for pair in map(_pair, _parts(text)) if pair}


def _unbracketed(words: str) -> str:
    """Words without the brackets around all of them."""
    inner = words[1:-1]
    return inner.strip() if words[0] + words[-1] in ("()", "[]") and not set(inner) & set("()[]") else words


def range_of(text: str) -> tuple[str, str] | None:
    """The two ends of ``1-7`` and ``0 bis 4``, or of ``1 (never) – 7 (always)``; None where a text is no range.

    Examples
    --------
    >>> range_of("0 bis 4"), range_of("1 (gar nicht) – 7 (völlig)"), range_of("1 = never; 7 = always")
    (('0', '4'), ('1', '7'), None)
    """
    found = re.fullmatch(rf"({_NUMBER})\s*{_TO}\s*({_NUMBER})", text.strip())
    if found is not None:
        return found[1], found[2]
    words = ends_in_words(text)
    return (next(iter(words)), list(words)[-1]) if words else None


def ends_in_words(text: str) -> dict[str, str]:
    """The two ends of a range with their words, as ``1 (never) – 7 (always)`` has them; else nothing.

    Examples
    --------
    >>> ends_in_words("1 = gar nicht bis 7 = völlig"), ends_in_words("1 = 2-3 times; 2 = 4 - 6 times")
    ({'1': 'gar nicht', '7': 'völlig'}, {})
    """
    found = re.fullmatch(rf"({_NUMBER})\s*{_WORDS}\s*{_TO}\s*({_NUMBER})\s*{_WORDS}", text.strip())
    return {} if found is None else {found[1]: _unbracketed(found[2]), found[3]: _unbracketed(found[4])}


def not_choices(text: str) -> list[str]:
    """The parts of a text that are no code with its words.

    Examples
    --------
    >>> not_choices("0 = never; always"), not_choices("5 steps, agree")
    (['always'], [])
    """
    return [part for part in map(str.strip, _parts(text)) if part and not _pair(part)]


def _parts(text: str) -> list[str]:
    parts = re.split(r"\s*\|\s*|\s*;\s*|\n+|\s*(?:…|\.\.\.)\s*", text)
    if len(parts) == 1 and text.count("=") > 1:
        parts = re.split(r",\s*(?=[^,=]+=)", text)
    return parts


def _pair(part: str) -> re.Match[str] | None:
    named = re.fullmatch(r"\s*([^=,:\s]+)\s*[=,:]\s*(.+?)\s*", part)
    return named or re.fullmatch(r"\s*(-?\d{1,6})(?:\s*[-–—)]\s*|\s+)(\D.*?)\s*", part)


def is_whole(text: str) -> bool:
    """Whether a text is a whole number."""
    return re.fullmatch(r"-?\d{1,6}", text.strip()) is not None


def is_number(text: str) -> bool:
    """Whether a text is a number, with a decimal point or comma."""
    return re.fullmatch(r"-?\d{1,6}(?:[.,]\d{1,6})?", text.strip()) is not None


def to_number(text: str) -> float:
    """A number, whole where it is one."""
    value = float(text.strip().replace(",", "."))
    return int(value) if value.is_integer() else value


def within(code: str, ends: tuple[float, float]) -> bool:
    """Whether a code lies in a range, both ends included."""
    return ends[0] <= to_number(code) <= ends[1]


def name_of(text: str, draft: Draft) -> str:
    """A name for an item that no other bears, and no column of a workbook."""
    base = name = slug(text)
    taken = {*TAKEN_NAMES, *(item["name"] for item in draft.items)}
    count = 2
    while name in taken:
        name, count = f"{base}_{count}", count + 1
    if name != base:
        draft.passed_over.append((text, f"{base} is a column of workbooks or stands twice; the item is called {name}"))
    return name


def slug(text: str) -> str:
    """A name as frames take it: lower case, digits, underscores.

    Examples
    --------
    >>> slug("Pat.-Nr. (früher)"), slug("3 Ziele")
    ('pat_nr_frueher', 'i_3_ziele')
    """
    text = text.casefold().translate(_UMLAUTS)
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    name = re.sub(r"[^a-z0-9]+", "_", plain).strip("_") or "item"
    return name if name[0].isalpha() else f"i_{name}"
