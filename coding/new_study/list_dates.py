"""The dates of a list of sessions, in the one form that all of them have."""

from __future__ import annotations

import datetime as dt
from itertools import permutations

import pandas as pd

from doublecode.coding.new_study.given_table import GivenTable
from doublecode.coding.new_study.list_slips import Slips
from doublecode.schemas.dates import read_dates, slip_of
from doublecode.schemas.errors import UsageError


def read_list_dates(table: GivenTable, head: str, form: str | None, slips: Slips) -> list[str]:
    """The dates of a column as year-month-day; empty where there is none, or one that goes to the slips.

    Raises
    ------
    UsageError
        The dates may be read in two ways; the message names ``--dates``.
    """
    texts = pd.Series([_plain(cell) for cell in table.columns[head]], dtype=object)
    places = [f"{table.name}, {place}" for place in table.places_of(head)]
    if form is not None:
        return _of_form(texts, form, head, slips)
    readings: dict[tuple[str, ...], str] = {}
    for one in _forms(texts):
        if not _unread(texts, one):
            readings.setdefault(tuple(_iso(read_dates(texts, one, places, head))), one or "yyyy-mm-dd")
    if len(readings) > 1:
        ways = " or ".join(f"--dates {one}" for one in readings.values())
        raise UsageError(
            f"{table.name}: the dates of {head!r} ({texts.iloc[0]}, …) may be read in two ways. Add {ways}."
        )
    if not readings:
        return _of_usual_form(texts, head, slips)
    return list(next(iter(readings)))


def _of_form(texts: pd.Series[str], form: str, head: str, slips: Slips) -> list[str]:
    """Dates of a form that somebody named."""
    wrong = {row: said for row, text in enumerate(texts) if (said := slip_of(text, form))}
    for row, said in wrong.items():
        slips.cell(row, head, said)
    return _right(texts, form, list(wrong))


def _right(texts: pd.Series[str], form: str | None, wrong: list[int]) -> list[str]:
    """The dates of a form, empty where a row is wrong."""
    right = texts.where(~texts.index.isin(wrong), "")
    return _iso(read_dates(right, form, [""] * len(right), ""))


def _unread(texts: pd.Series[str], form: str | None) -> list[int]:
    """The rows that are no date of a form."""
    return [row for row, text in enumerate(texts) if slip_of(text, form)]


def _of_usual_form(texts: pd.Series[str], head: str, slips: Slips) -> list[str]:
    """Dates of a column that no form fits: every row that breaks the form of most, or is of another one, is named."""
    unread = {form: _unread(texts, form) for form in _forms(texts)}
    forms = sorted(unread, key=lambda form: len(unread[form]))
    usual, wrong = forms[0] or "yyyy-mm-dd", unread[forms[0]]
    for row in wrong:
        others = [form for form in forms if row not in unread[form]]
        found = f"found {texts.iloc[row]!r}"
        if not others:
            slips.cell(row, head, f"{found}, which is a date in no form; allowed {usual}, as in most rows. Correct it.")
            continue
        told = next((at for at in unread[others[0]] if at not in wrong), None)
        beside = "" if told is None else f" ({texts.iloc[told]!r} in {slips.table.place(told, head)})"
        slips.cell(
            row, head,
            f"{found}, which may only be {others[0] or 'yyyy-mm-dd'}, while others may only be {usual}{beside}. Write "
            "all dates in one form.",
        )  # fmt: skip
    return _right(texts, forms[0], wrong)


def _forms(texts: pd.Series[str]) -> list[str | None]:
    """Forms to try: with points the day comes first, as in German; with others the month may."""
    marks = [mark for mark in "./-" if texts.str.contains(mark, regex=False).any()]
    orders = [order for year in ("yyyy", "yy") for order in permutations(("dd", "mm", year)) if order[1] != year]
    day_first = [order for order in orders if order[0] == "dd"]
    return [None, *(mark.join(order) for mark in marks for order in (day_first if mark == "." else orders))]


def _plain(cell: object) -> str:
    if isinstance(cell, dt.datetime):
        return cell.date().isoformat()
    return cell.isoformat() if isinstance(cell, dt.date) else str(cell or "").strip()


def _iso(days: pd.Series[pd.Timestamp]) -> list[str]:
    return ["" if pd.isna(day) else f"{day:%Y-%m-%d}" for day in days]
