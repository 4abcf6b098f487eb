"""From a lab's export of an outcome measure to ``outcomes/NAME.csv`` and, if need be, a codebook of it."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, get_args

import pandas as pd

from doublecode.coding.new_study.given_table import GivenTable
from doublecode.coding.new_study.heads import Meaning, guess_meanings, plain_name, squeezed
from doublecode.coding.new_study.list_dates import read_list_dates
from doublecode.coding.new_study.session_list import Understood
from doublecode.coding.reading.cells import show_number
from doublecode.schemas.errors import ContractError, UsageError
from doublecode.schemas.instrument import Instrument
from doublecode.schemas.item import TAKEN_NAMES, ItemType
from doublecode.schemas.near_names import allowed

_TOTAL: Final = re.compile(r"(.*)(total|summe|gesamt|gesamtwert|gesamtscore|sum|score|gsi|summenwert|rohwert)")
_KEYS: Final = (Meaning.PATIENT, Meaning.SESSION, Meaning.DATE, Meaning.THERAPIST)


@dataclass(frozen=True)
class OutcomeTable:
    """An outcome measure as a study has it.

    Attributes
    ----------
    instrument : str
        Name of its codebook.
    rows : DataFrame
        patient, session, one column per item; texts.
    codebook : dict or None
        A codebook that was made for it, as it is declared; None where there is one.
    understood : tuple of Understood
    said : tuple of str
        What somebody should know of how the file was read.
    """

    instrument: str
    rows: pd.DataFrame
    codebook: dict[str, Any] | None
    understood: tuple[Understood, ...]
    said: tuple[str, ...]


def outcome_of(
    table: GivenTable,
    stem: str,
    told: Mapping[str, str],
    sessions: pd.DataFrame,
    books: Iterable[Instrument],
    *,
    items: Sequence[str] = (),
    dates: str | None = None,
) -> OutcomeTable:
    """Make the table of an outcome measure from a lab's export.

    Parameters
    ----------
    table : GivenTable
        A row per patient and session (or date of a session).
    stem : str
        Name of the file: what a codebook that is made is called.
    told : mapping of str to str
        Head → meaning.
    sessions : DataFrame
        The study's sessions.
    books : iterable of Instrument
        Codebooks whose items the columns may be.
    items : sequence of str
        Heads that hold the answers, as somebody said; before every guess.
    dates : str, optional
        The form of dates.

    Raises
    ------
    UsageError
        Patient, session or answers cannot be told; the message names the option.
    """
    looked_for = [*_KEYS, Meaning.LEAVE_OUT]
    meanings = guess_meanings(table.heads, told, table.name, looked_for)
    at: dict[Meaning, str] = {meaning: head for head, meaning in meanings.items() if meaning is not Meaning.KEEP}
    if Meaning.PATIENT not in at or not at.keys() & {Meaning.SESSION, Meaning.DATE}:
        raise UsageError(
            f"{table.name}: an outcome needs a column of the patient and one of the session's number or date; found: "
            f'{", ".join(table.heads)}. Say which: --map "{table.heads[0]}=patient", and so on.'
        )
    said: list[str] = []
    keys = _keys(table, at, sessions, dates, said)
    free = [head for head, meaning in meanings.items() if meaning is Meaning.KEEP]
    book = next((one for one in books if {item.name for item in one.columns} <= {h.strip() for h in free}), None)
    if book is not None:
        chosen = {item.name: item.name for item in book.columns}
        made = None
    else:
        _refuse_keys(table, items, at)
        heads = _answers(table, free, items)
        chosen = _item_names(heads)
        made = _codebook(table, plain_name(stem), chosen)
        said.append(_said_made(made))
    rows = keys.assign(**{name: _cells(table, head) for head, name in chosen.items()})
    left = [head for head in free if head not in chosen]
    if left:
        said.append(f"{table.name}: left out, since they are no items: {', '.join(left)}.")
    becomes = {at[Meaning.PATIENT]: "patient", **{h: f"item {name!r}" for h, name in chosen.items()}}
    becomes |= {at[key]: f"which session ({key})" for key in (Meaning.SESSION, Meaning.DATE) if key in at}
    understood = tuple(
        Understood(table.name, head, table.example(head), becomes.get(head, "left out")) for head in table.heads
    )
    name = plain_name(stem) if book is None else book.name
    return OutcomeTable(name, rows.sort_values(["patient", "session"], kind="stable"), made, understood, tuple(said))


def _keys(
    table: GivenTable, at: Mapping[Meaning, str], sessions: pd.DataFrame, dates: str | None, said: list[str]
) -> pd.DataFrame:
    """Patient and session of each row; rows of sessions that the list does not have are named."""
    patients = table.texts(at[Meaning.PATIENT])
    if Meaning.SESSION in at:
        cells = zip(table.numbers(at[Meaning.SESSION]), table.texts(at[Meaning.SESSION]), strict=True)
        numbers = [_whole(value, text) for value, text in cells]
    else:
        numbers = _numbers_of_days(table, at[Meaning.DATE], patients, sessions, dates)
    keys = pd.DataFrame({"patient": patients, "session": numbers})
    held = set(zip(sessions["patient"], sessions["session"].astype(str), strict=True))
    stray = [place for place, key in enumerate(zip(patients, numbers, strict=True)) if key not in held]
    if stray:
        first = f"{patients[stray[0]]}, session {numbers[stray[0]]} ({table.places[stray[0]]})"
        said.append(
            f"{table.name}: {len(stray)} rows are of sessions that the list of sessions does not have, the first "
            f"{first}. A run stops there: add these sessions to sessions.csv, or remove the rows."
        )
    return keys


def _whole(value: float | None, text: str) -> str:
    return text if value is None or value != value or value != round(value) else str(int(value))


def _numbers_of_days(
    table: GivenTable, head: str, patients: list[str], sessions: pd.DataFrame, dates: str | None
) -> list[str]:
    """The session on the day of each answer."""
    if "date" not in sessions:
        raise UsageError(
            f"{table.name}: it has dates and no session numbers, and the list of sessions has no dates. Add a column "
            "with the session number to one of the two."
        )
    number_on = dict(zip(zip(sessions["patient"], sessions["date"], strict=True), sessions["session"], strict=True))
    days = read_list_dates(table, head, dates)
    return [str(number_on.get((patient, day), day)) for patient, day in zip(patients, days, strict=True)]


def _answers(table: GivenTable, free: Sequence[str], told: Sequence[str]) -> list[str]:
    """Heads of the answers: as told, else the total, else numbered items, else the only column of numbers."""
    stray = [head for head in told if head not in table.heads]
    if stray:
        raise UsageError(f"--items: {table.name} has no column {stray[0]!r}; {allowed(stray[0], table.heads)}")
    if told:
        return list(told)
    numeric = [head for head in free if all(value is not None for value in table.numbers(head))]
    totals = [head for head in numeric if _TOTAL.fullmatch(squeezed(head))]
    numbered = [head for head in numeric if re.fullmatch(r".*\D\d{1,2}", head.strip()) and head not in totals]
    for found in (totals, numbered if len(numbered) > 1 else [], numeric):
        if len(found) == 1 or (found and found is not numeric and found is not totals):
            return list(found)
    raise UsageError(
        f"{table.name}: it is not clear which columns hold the answers; columns of numbers: "
        f'{", ".join(numeric) or "none"}. Say which: --items "{",".join(numeric[:2]) or "bdi_total"}".'
    )


def _refuse_keys(table: GivenTable, told: Sequence[str], at: Mapping[Meaning, str]) -> None:
    """Refuse as an answer the column that says whose answer it is, or when it was given."""
    keys = {head: meaning for meaning, head in at.items() if meaning in _KEYS}
    for head in told:
        if head in keys:
            raise UsageError(
                f"--items: {table.name}: {head!r} is the {keys[head]} and no answer; take it out of --items, or say "
                f'which column is the {keys[head]}: --map "HEAD={keys[head]}" --map "{head}=keep".'
            )


def _item_names(heads: Sequence[str]) -> dict[str, str]:
    names: dict[str, str] = {}
    for head in heads:
        names[head] = plain_name(head, {*names.values(), *TAKEN_NAMES})
    return names


def _codebook(table: GivenTable, name: str, chosen: Mapping[str, str]) -> dict[str, Any]:
    """A codebook of what the columns hold: one number is a total, several are items and their sum."""
    values = [value for head in chosen for value in table.numbers(head) if value is not None and value == value]
    for head in chosen:
        for value, place, text in zip(table.numbers(head), table.places, table.texts(head), strict=True):
            if value is None:
                raise ContractError(
                    f"{table.name}, {place}: {head}: found {text!r}, allowed a number or an empty cell. Correct it, or "
                    f"say that it stands for a missing value: --missing {text}."
                )
    if not values:
        raise ContractError(f"{table.name}: the columns {', '.join(chosen)} hold no number.")
    kind: dict[str, Any] = {"type": "count", "minimum": 0}
    if any(value != round(value) for value in values) or min(values) < 0:
        lowest, highest = math.floor(min(0, *values)), math.ceil(max(values))
        kind = {"type": _decimal(table, chosen), "minimum": lowest, "maximum": max(highest, lowest + 1)}
    elif len(chosen) > 1:
        kind = {"minimum": int(min(values)), "maximum": int(max(max(values), min(values) + 1))}
    file = table.name.partition(" › ")[0].rpartition(".")[0]
    title = next(iter(chosen)) if len(chosen) == 1 else file
    items = [{"name": item, "label": head, **kind, "optional": True} for head, item in chosen.items()]
    scale = {
        "name": "total",
        "label": title if len(chosen) == 1 else f"{title} (total)",
        "items": list(chosen.values()),
        "score": "sum",
    }
    return {
        "name": name, "title": title, "version": "1.0", "citation": "not named yet", "rights": "not named yet",
        "items": items, "scales": [scale],
    }  # fmt: skip


def _decimal(table: GivenTable, heads: Iterable[str]) -> str:
    """The kind of item that holds decimals."""
    if "decimal" not in get_args(ItemType):
        raise UsageError(
            f"{table.name}: {', '.join(heads)}: the numbers have decimals, and an outcome has whole ones. Give the sum "
            "of the answers instead of their mean, or the answers themselves."
        )
    return "decimal"


def _said_made(book: Mapping[str, Any]) -> str:
    items = book["items"]
    what = "one column, its total" if len(items) == 1 else f"{len(items)} items and their sum"
    spread, check = "", ""
    if "maximum" in items[0]:
        spread = f", range {items[0]['minimum']} to {items[0]['maximum']} as found"
        check = " the true range, " if len(items) == 1 else " the true range, which items are reversed, "
    return f"{book['name']}.toml was made: {what}{spread}. Write{check or ' '}{'and ' * bool(check)}its citation there."


def _cells(table: GivenTable, head: str) -> list[str]:
    numbers = table.numbers(head)
    texts = table.texts(head)
    return [
        text if number is None else "" if number != number else show_number(number)
        for number, text in zip(numbers, texts, strict=True)
    ]
