"""The dates of a list of sessions, in the one form that all of them have."""

from __future__ import annotations

import datetime as dt
from itertools import permutations

import pandas as pd

from doublecode.coding.new_study.given_table import GivenTable
from doublecode.schemas.dates import read_dates
from doublecode.schemas.errors import ContractError, UsageError


def read_list_dates(table: GivenTable, head: str, form: str | None) -> list[str]:
    """The dates of a column as year-month-day; empty where there is none.

    Raises
    ------
    UsageError
        The dates may be read in two ways; the message names ``--dates``.
    ContractError
        One is no date of the form.
    """
    texts = pd.Series([_plain(cell) for cell in table.columns[head]], dtype=object)
    places = [f"{table.name}, {place}" for place in table.places_of(head)]
    if form is not None:
        return _iso(read_dates(texts, form, places, head))
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
        raise _refusal(table, head, texts)
    return list(next(iter(readings)))


def _unread(texts: pd.Series[str], form: str | None) -> list[int]:
    """The rows that are no date of a form."""
    rows = []
    for row, text in enumerate(texts):
        try:
            read_dates(texts.iloc[[row]], form, [text], "")
        except ContractError:
            rows.append(row)
    return rows


def _refusal(table: GivenTable, head: str, texts: pd.Series[str]) -> ContractError:
    """Why no form fits the column: the first row that breaks the form of most; a row of another form beside it."""
    unread = {form: _unread(texts, form) for form in _forms(texts)}
    forms = sorted(unread, key=lambda form: len(unread[form]))
    row = next((row for row in unread[forms[0]] if all(row in rows for rows in unread.values())), unread[forms[0]][0])
    place, usual = (
        f"{table.name}, {table.place(row, head)}: {head}: found {texts.iloc[row]!r}",
        forms[0] or "yyyy-mm-dd",
    )
    others = [form for form in forms if row not in unread[form]]
    if not others:
        return ContractError(f"{place}, which is a date in no form; allowed {usual}, as in most rows. Correct it.")
    told = next((at for at in unread[others[0]] if at not in unread[forms[0]]), None)
    beside = "" if told is None else f" ({texts.iloc[told]!r} in {table.place(told, head)})"
    return ContractError(
        f"{place}, which may only be {others[0] or 'yyyy-mm-dd'}, while others may only be {usual}{beside}. Write all "
        "dates in one form."
    )


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
