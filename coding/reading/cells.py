"""One cell, typed: which code of the item it holds, or what is wrong with it. Nothing is guessed."""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NamedTuple

from doublecode.schemas.instrument import Instrument
from doublecode.schemas.item import Item, number_of
from doublecode.schemas.letters import clean, visible
from doublecode.schemas.phrases import Phrase

_NUMBER = re.compile(r"[+-]?(?:\d{1,15}(?:[.,]\d{1,15})?|[.,]\d{1,15})", re.ASCII)
_THOUSANDS = re.compile(r"[+-]?\d{1,3}[.,]\d{3}", re.ASCII)
_CLOCK = re.compile(r"\d{1,3}:\d{1,2}(?::\d{1,2})?(?:\s?[ap]m)?", re.ASCII | re.IGNORECASE)
YES_NO = {"yes": 1, "y": 1, "ja": 1, "j": 1, "no": 0, "n": 0, "nein": 0}
"""Words that are read as yes and no, with a remark."""
_SEPARATORS = re.compile(r"[,;+/&\s]+")


class Reading(NamedTuple):
    """What a cell says: a number, a text or a missing code, and the code of a problem (empty if none).

    A reading with an info-level problem (``text_number``) is used; one with an error is not.
    """

    value: float = math.nan
    text: str | None = None
    missing: str | None = None
    problem: str = ""
    found: str = ""
    allowed: str = ""

    @property
    def is_empty(self) -> bool:
        """Whether an optional cell was left empty."""
        return self.text is None and self.missing is None and not self.problem and math.isnan(self.value)


@dataclass(frozen=True)
class Codec:
    """How the cells of one item are read.

    Attributes
    ----------
    quick : mapping
        Cell values that need no second look. Booleans equal numbers as keys (True is 1), so that
        only cells of type float or str may be looked up.
    """

    item: Item
    book: Instrument
    allowed: str
    missing: tuple[str, ...]
    name: str
    quick: Mapping[float | str, Reading] = field(default_factory=dict)


def make_codec(book: Instrument, item: Item) -> Codec:
    """Prepare the reading of an item's cells."""
    missing = book.missing_for(item)
    quick: dict[float | str, Reading] = {float(code): _counted(float(code)) for code in item.codes}
    if item.type == "nominal":
        quick |= {code: _chosen(code, item) for code in item.categories}
    if not _has_conditions(item):
        quick |= {code: Reading(missing=code) for code in missing}
    else:
        quick |= {code: Reading(missing=code) for code in missing if code != "NA"}
    numbers = ((number_of(code), code) for code in missing)  # -9, which a spreadsheet keeps as a number
    quick |= {number: Reading(missing=code) for number, code in numbers if number is not None}
    return Codec(item, book, book.allowed(item), missing, item.name, quick)


@dataclass(frozen=True)
class Reader:
    """How the items of a codebook are read, prepared once for all of its workbooks.

    Attributes
    ----------
    codecs : tuple of Codec
        In the order of the codebook.
    slots : tuple of (tuple of str, tuple of str)
        Per slot of a repeated log: all of its columns, and those that a slot in use needs.
    """

    codecs: tuple[Codec, ...]
    slots: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...]


def make_reader(book: Instrument) -> Reader:
    """Prepare the reading of a codebook's items."""
    repeated = [item for item in book.items if item.repeat > 1]
    slots = []
    for slot in range(1, max((item.repeat for item in repeated), default=0) + 1):
        own = [item for item in repeated if slot <= item.repeat]
        names = tuple(f"{item.name}_{slot}" for item in own)
        slots.append((names, tuple(f"{item.name}_{slot}" for item in own if not item.multiple)))
    return Reader(tuple(make_codec(book, item) for item in book.columns), tuple(slots))


@lru_cache(maxsize=4096)
def _counted(number: float) -> Reading:
    """The reading of a number, one for all items that know it: thousands of cells hold the same few."""
    return Reading(number)


def _chosen(code: str, item: Item) -> Reading:
    """The reading of a category, with the number that it counts if it counts one."""
    return Reading(item.values.get(code, math.nan), code)


def _has_conditions(item: Item) -> bool:
    return item.not_applicable_when == ("first_session",)


def read_cell(value: Any, codec: Codec, session: int | None = None) -> Reading:
    """Read one cell of an item.

    Parameters
    ----------
    value : object
        As the file types it: float, str, bool, date, datetime, time, timedelta or None.
    codec : Codec
    session : int or None
        The session's number, where it is known: NA may be permitted in the first session only.

    Examples
    --------
    >>> from doublecode.schemas.instrument import load_instrument
    >>> thabs = load_instrument("thabs")
    >>> codec = make_codec(thabs, thabs.item("rationale"))
    >>> read_cell(3.0, codec).value, read_cell("3 ", codec).problem, read_cell(True, codec).problem
    (3.0, 'text_number', 'boolean_cell')
    """
    kind = value.__class__
    if kind is float or kind is str:
        quick = codec.quick.get(value)
        if quick is not None:
            return quick
    if value is None or (kind is str and not value.strip()):
        return _empty(codec)
    if kind is str:
        return _read_text(value, codec, session)
    if kind is bool:
        return Reading(text=show_cell(value)) if codec.item.given else _wrong("boolean_cell", show_cell(value), codec)
    if isinstance(value, (int, float)):
        return codec.quick.get(float(value)) or _read_number(float(value), codec)
    if isinstance(value, (dt.time, dt.timedelta)):
        return _clock(value, codec)
    return _date(value, codec)


def _wrong(problem: str, found: str, codec: Codec) -> Reading:
    return Reading(problem=problem, found=found, allowed=codec.allowed)


def _empty(codec: Codec) -> Reading:
    if codec.item.optional or codec.item.given:
        return Reading()
    return log_missing(codec) if codec.item.type == "text" else _wrong("missing_rating", "", codec)


def log_missing(codec: Codec) -> Reading:
    """What is said of an empty cell of a log: it says which codes may stand there, where there are codes."""
    is_text = codec.item.type == "text"
    return Reading(problem="log_missing", found="", allowed=Phrase("said_or_none") if is_text else codec.allowed)


def _clock(value: dt.time | dt.timedelta, codec: Codec) -> Reading:
    if codec.item.given:
        return Reading(text=str(value))
    return _wrong("clock_duration", str(value), codec)


def _date(value: Any, codec: Codec) -> Reading:
    text = show_cell(value)
    return Reading(text=text) if codec.item.given else _wrong("excel_date", text, codec)


def show_number(value: float) -> str:
    """Write a number as a person would: 3, not 3.0."""
    return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)


def show_cell(value: Any) -> str:
    """What a cell of any type says, as a person would write it; an empty text if it is empty.

    Examples
    --------
    >>> show_cell(3.0), show_cell(True), show_cell(None)
    ('3', 'TRUE', '')
    """
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, (int, float)):
        return show_number(float(value))
    if isinstance(value, dt.datetime) and value.time() == dt.time():
        return value.date().isoformat()
    return "" if value is None else str(value)


def show_text(value: str, most: int = 40) -> str:
    """A cell's text in quotes, shortened to `most` letters, with what cannot be seen as ``⟨U+200B⟩``."""
    shown = visible(value[:most])
    return f'"{shown if len(value) <= most else shown[: most - 1] + "…"}"'


def number_in(text: str) -> float | None:
    """The number that a text writes out, decimal point or comma; None if it is no number."""
    return float(text.replace(",", ".")) if _NUMBER.fullmatch(text) else None


def _read_number(number: float, codec: Codec) -> Reading:
    item = codec.item
    shown = show_number(number) if math.isfinite(number) else str(number)
    if item.type == "text":
        return Reading(text=shown)
    if item.type == "nominal":
        return _chosen(shown, item) if shown in item.categories else _wrong("out_of_range", shown, codec)
    if not (item.low <= number <= item.high and math.isfinite(number)):
        return _wrong("out_of_range", shown, codec)
    if item.type == "decimal":
        return _read_decimal(number, shown, codec)
    if not number.is_integer():
        return _wrong("half_point", shown, codec)
    return Reading(number)


def _read_decimal(number: float, shown: str, codec: Codec) -> Reading:
    """A number of at most the declared decimals; what only the binary form adds is taken off."""
    if codec.item.decimals is None:
        return Reading(number)
    rounded = round(number, codec.item.decimals)
    near = math.isclose(number, rounded, rel_tol=1e-12, abs_tol=1e-12)
    return Reading(rounded) if near else _wrong("too_many_decimals", shown, codec)


def _read_text(value: str, codec: Codec, session: int | None) -> Reading:
    text = value.strip()
    if codec.item.given:
        return Reading(text=text)
    text = clean(value)
    if not text:
        return _empty(codec)
    code = text.upper()
    strange = code in codec.book.missing_codes and not codec.item.holds(code)
    if code in codec.missing or strange or code in ("NA", "N/A"):
        return _read_missing(value, "NA" if code == "N/A" else code, codec, session)
    if codec.item.type == "text":
        return Reading(text=value.strip())
    if codec.item.type == "nominal":
        return _read_nominal(value, text, codec)
    if codec.item.type == "yes_no" and text.casefold() in YES_NO:
        text = str(YES_NO[text.casefold()])
    number = None if _is_ambiguous(text, codec.item) else number_in(text)
    known = None if number is None else codec.quick.get(number)
    if known is not None and known.missing is not None:  # "-99.0"
        return known._replace(problem="text_number", found=show_text(value), allowed=known.missing)
    if number is not None:
        reading = _read_number(number, codec)
        if reading.problem:
            return reading._replace(found=show_text(value))
        return reading._replace(problem="text_number", found=show_text(value), allowed=show_number(reading.value))
    if _CLOCK.fullmatch(text):
        return _wrong("clock_duration", show_text(value), codec)
    return _wrong("not_a_number", show_text(value), codec)


def _is_ambiguous(text: str, item: Item) -> bool:
    """Whether a mark before three digits may part thousands as well as decimals: 1,000 is one or a thousand."""
    if not _THOUSANDS.fullmatch(text):
        return False
    return item.type != "decimal" or item.holds(re.sub("[.,]", "", text))


def _read_missing(value: str, code: str, codec: Codec, session: int | None) -> Reading:
    if code not in codec.missing:
        return _wrong("not_applicable_here", code, codec)
    if code == "NA" and _has_conditions(codec.item) and session is not None and session != 1:
        codes = [allowed for allowed in codec.missing if allowed != "NA"]
        allowed = codec.allowed.replace("/".join(codec.missing), "/".join(codes))
        return Reading(problem="not_applicable_here", found=code, allowed=Phrase("na_in_first", allowed))
    if value == code:
        return Reading(missing=code)
    return Reading(missing=code, problem="text_number", found=show_text(value), allowed=code)


def _read_nominal(value: str, text: str, codec: Codec) -> Reading:
    by_folded = {code.casefold(): code for code in codec.item.categories}
    pieces = _SEPARATORS.split(text) if codec.item.multiple else [text]
    chosen = [by_folded.get(piece.casefold()) for piece in pieces if piece]
    if not chosen or None in chosen:
        return _wrong("out_of_range", show_text(value), codec)
    codes = ",".join(code for code in codec.item.categories if code in chosen)
    counted = Reading(text=codes) if codec.item.multiple else _chosen(codes, codec.item)
    if all(piece in chosen for piece in pieces if piece):
        return counted
    return counted._replace(problem="text_number", found=show_text(value), allowed=codes)
