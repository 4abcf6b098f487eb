"""Dates in tables: year-month-day, or another form where somebody says which; never guessed."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from typing import Any, Final

import pandas as pd

from doublecode.schemas.errors import ContractError, UsageError

_ISO = re.compile(r"(\d{4})-(\d{2})-(\d{2})(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?)?", re.ASCII)
_PARTS = re.compile(r"(\d{1,4})([./ -])(\d{1,2})\2\s?(\d{1,4})(?:[T ]\d{1,2}:\d{2}(?::\d{2})?)?", re.ASCII)
_SERIAL = re.compile(r"\d{5}(?:\.\d+)?", re.ASCII)
_FORM = re.compile(r"(yyyy|yy|mm|dd)([./ -])(yyyy|yy|mm|dd)\2(yyyy|yy|mm|dd)")
_CENTURY: Final = 69  # two digits from here on are of the 1900s, as POSIX has it
_ORDERS: Final = (("dd", "mm", ""), ("mm", "dd", ""), ("", "mm", "dd"), ("", "dd", "mm"))
_FIRST_DAYS: Final = {"1900": dt.date(1899, 12, 30), "1904": dt.date(1904, 1, 1)}


def read_dates(
    texts: pd.Series[Any], form: str | None, places: Sequence[str], name: str, said_by: str = "--dates dd.mm.yyyy"
) -> pd.Series[Any]:
    """Turn a column of texts into dates.

    Parameters
    ----------
    texts : Series of str
        Empty ones stay missing. ``2021-04-03``, with or without a clock time, is always read.
    form : str, optional
        How others are written: ``dd.mm.yyyy``, ``mm/dd/yyyy``, ``yy-mm-dd``. Two-digit years from 69 on
        are of the 1900s.
    places : sequence of str
        How each row is called in a message.
    name : str
        The column, in a message.
    said_by : str
        How the form is said where the column comes from, in a message; ``dd.mm.yyyy`` in it becomes that of the text.

    Returns
    -------
    Series of datetime64

    Raises
    ------
    UsageError
        `form` is no form of a date.
    ContractError
        A text is no date of that form; the message says what it could mean.

    Examples
    --------
    >>> str(read_dates(pd.Series(["03.04.2021"]), "dd.mm.yyyy", ["line 2"], "date").dt.date[0])
    '2021-04-03'
    >>> read_dates(pd.Series(["03.04.2021"]), None, ["line 2"], "date")
    Traceback (most recent call last):
        ...
    doublecode.schemas.errors.ContractError: line 2: date: found '03.04.2021', which may be 2021-04-03 or ...
    """
    order = None if form is None else _order_of(form)
    days: list[dt.date | None] = []
    for text, place in zip(texts, places, strict=True):
        if pd.isna(text) or not str(text).strip():
            days.append(None)
            continue
        day = _iso(str(text).strip()) or (order and _in_order(str(text).strip(), *order))
        if not day:
            raise ContractError(f"{place}: {name}: {_not_a_date(str(text).strip(), form, said_by)}")
        days.append(day)
    return pd.Series(pd.to_datetime(pd.Series(days, dtype=object)).to_numpy(), index=texts.index)


def slip_of(text: str, form: str | None, said_by: str = "--dates dd.mm.yyyy") -> str:
    """Why a text is no date of a form, and what it could mean; empty where it is one, or nothing.

    Examples
    --------
    >>> slip_of("03.04.2021", "dd.mm.yyyy"), slip_of("31.02.2021", "dd.mm.yyyy")[:18]
    ('', "found '31.02.2021'")
    """
    written = text.strip()
    if not written or _iso(written) or (form is not None and _in_order(written, *_order_of(form))):
        return ""
    return _not_a_date(written, form, said_by)


def check_form(form: str) -> None:
    """Raise ``UsageError`` where `form` is no form of a date."""
    _order_of(form)


def _order_of(form: str) -> tuple[tuple[str, ...], str]:
    found = _FORM.fullmatch(form.strip().lower())
    parts = () if found is None else (found[1], found[3], found[4])
    if found is None or {part[0] for part in parts} != set("ymd"):
        raise UsageError(
            f"dates: found the form {form!r}, allowed dd, mm and yyyy or yy in any order with . / - between, such as "
            "dd.mm.yyyy."
        )
    return parts, found[2]


def _iso(text: str) -> dt.date | None:
    found = _ISO.fullmatch(text)
    return _day(*map(int, found.groups())) if found else None


def _day(year: int, month: int, day: int) -> dt.date | None:
    try:
        return dt.date(year, month, day)
    except ValueError:
        return None


def _in_order(text: str, parts: Sequence[str], mark: str) -> dt.date | None:
    """The date that a text writes with its parts in this order; None if it does not."""
    found = _PARTS.fullmatch(text)
    if found is None or found[2] != mark:
        return None
    written = dict(zip(parts, (found[1], found[3], found[4]), strict=True))
    year = written.get("yyyy") or written["yy"]
    if len(year) != (4 if "yyyy" in written else 2) or max(len(written["mm"]), len(written["dd"])) > 2:
        return None
    century = 0 if len(year) == 4 else 1900 if int(year) >= _CENTURY else 2000
    return _day(century + int(year), int(written["mm"]), int(written["dd"]))


def _not_a_date(text: str, form: str | None, said_by: str) -> str:
    """What a text could mean, and what to do."""
    allowed = "allowed year-month-day such as 2021-04-03" + (f", or {form}" if form else "")
    found = _PARTS.fullmatch(text)
    years = ("yyyy", "yy")
    orders = [tuple(part or year for part in order) for year in years for order in _ORDERS]
    readings = {
        day.isoformat(): found[2].join(order)
        for order in orders
        if found and (day := _in_order(text, order, found[2])) is not None
    }
    if _SERIAL.fullmatch(text):
        days = (f"{first + dt.timedelta(int(float(text)))} (days from {year})" for year, first in _FIRST_DAYS.items())
        return f"found the day number {text}, which may be {' or '.join(days)}; {allowed}. Write it as a date."
    if not readings:
        return f"found {text!r}, {allowed}. Correct it."
    said = said_by.replace("dd.mm.yyyy", next(iter(readings.values())))
    way = "Write dates so." if form else f"Write dates so, or say their form, such as {said}."
    return f"found {text!r}, which may be {' or '.join(readings)}; {allowed}. {way}"
