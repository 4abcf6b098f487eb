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
    places = [f"{table.name}, {place}" for place in table.places]
    if form is not None:
        return _iso(read_dates(texts, form, places, head))
    readings: dict[tuple[str, ...], str] = {}
    refused: ContractError | None = None
    for one in _forms(texts):
        try:
            readings.setdefault(tuple(_iso(read_dates(texts, one, places, head))), one or "yyyy-mm-dd")
        except ContractError as wrong:
            refused = refused or wrong
    if len(readings) > 1:
        ways = " or ".join(f"--dates {one}" for one in readings.values())
        raise UsageError(
            f"{table.name}: the dates of {head!r} ({texts.iloc[0]}, …) may be read in two ways. Add {ways}."
        )
    if not readings:
        raise refused or ContractError(f"{table.name}: the column {head!r} holds no date.")
    return list(next(iter(readings)))


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
