"""From a lab's export of an outcome measure to ``outcomes/NAME.csv`` and, if need be, a codebook of it."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import pandas as pd

from doublecode.coding.new_study.between_sessions import said_of_days, said_twice
from doublecode.coding.new_study.given_table import GivenTable
from doublecode.coding.new_study.heads import Meaning, guess_meanings, plain_name
from doublecode.coding.new_study.list_dates import read_list_dates
from doublecode.coding.new_study.list_slips import Slips
from doublecode.coding.new_study.session_list import Understood
from doublecode.coding.reading.cells import show_cell, show_number
from doublecode.coding.reading.head_words import squeezed
from doublecode.coding.reading.table_remarks import USUAL_CODES, far_in
from doublecode.schemas.errors import ContractError, UsageError
from doublecode.schemas.instrument import Instrument
from doublecode.schemas.item import TAKEN_NAMES
from doublecode.schemas.near_names import allowed
from doublecode.schemas.problems import Problem
from doublecode.schemas.to_be_written import NOT_NAMED

_TOTAL: Final = re.compile(r"(.*)(total|summe|gesamt|gesamtwert|gesamtscore|sum|score|gsi|summenwert|rohwert)")
_KEYS: Final = (Meaning.PATIENT, Meaning.SESSION, Meaning.DATE, Meaning.EVENT, Meaning.THERAPIST)
_BEYOND: Final = re.compile(
    r"(baseline|bl|prae|praemessung|pre|vorher|post|postmessung|nachher|intake|eingang|abschluss|(fu|katamnese|kat|"
    r"followup)\d*)(treatment|test|messung)?"
)
_WHEN: Final = (Meaning.SESSION, Meaning.DATE, Meaning.EVENT)


@dataclass(frozen=True)
class OutcomeTable:
    """An outcome measure as a study has it.

    Attributes
    ----------
    instrument : str
        Name of its codebook.
    rows : DataFrame
        patient, session, event and date (if it has any), one column per item; texts.
    codebook : dict or None
        A codebook that was made for it, as it is declared; None where there is one.
    understood : tuple of Understood
    said : tuple of str
        What somebody should know of how the file was read.
    events : mapping of str to str
        Events beyond the sessions: name → as the file writes it.
    heads : tuple of str
        Heads of the columns that hold the answers.
    file : str
        The file it is from.
    remarks : tuple of Problem
        Answers far outside the others.
    """

    instrument: str
    rows: pd.DataFrame
    codebook: dict[str, Any] | None
    understood: tuple[Understood, ...]
    said: tuple[str, ...]
    events: Mapping[str, str] = field(default_factory=dict)
    heads: tuple[str, ...] = ()
    file: str = ""
    remarks: tuple[Problem, ...] = ()

    @property
    def is_dated(self) -> bool:
        """Whether rows have a date in the place of a session number."""
        return "date" in self.rows

    @property
    def is_of_sessions(self) -> bool:
        """Whether any row is of a session."""
        return not self.events or bool((self.rows["session"] != "").any()) or self.is_dated


def outcome_of(
    table: GivenTable,
    stem: str,
    told: Mapping[str, str],
    sessions: pd.DataFrame,
    books: Iterable[Instrument],
    *,
    items: Sequence[str] = (),
    dates: str | None = None,
    within: int | None = None,
) -> OutcomeTable:
    """Make the table of an outcome measure from a lab's export.

    Parameters
    ----------
    table : GivenTable
        A row per patient and session (or date of a session, or event: baseline, post, follow-up).
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
    within : int, optional
        Days: an answer of another day than a session's is of the next session, if it is so near; the run links it.

    Raises
    ------
    UsageError
        Patient, session or answers cannot be told; the message names the option.
    """
    looked_for = [*_KEYS, Meaning.LEAVE_OUT]
    meanings = guess_meanings(table.heads, told, table.name, looked_for)
    at: dict[Meaning, str] = {meaning: head for head, meaning in meanings.items() if meaning is not Meaning.KEEP}
    if Meaning.PATIENT not in at or not at.keys() & set(_WHEN):
        raise UsageError(
            f"{table.name}: an outcome needs a column of the patient and one of the session's number or date, or of "
            f"the event (baseline, post); found: {', '.join(table.heads)}. Say which: "
            f'--map "{table.heads[0]}=patient", and so on.'
        )
    said: list[str] = []
    if Meaning.EVENT in at and not _beyond_sessions(table, at):
        meanings[at.pop(Meaning.EVENT)] = Meaning.KEEP
    keys = _keys(table, at, sessions, dates, within, said)
    free = [head for head, meaning in meanings.items() if meaning is Meaning.KEEP]
    book = next((one for one in books if {item.name for item in one.columns} <= {h.strip() for h in free}), None)
    if book is not None:
        chosen = {item.name: item.name for item in book.columns}
        made = None
    else:
        items = _spelt_out(table, items)
        _refuse_keys(table, items, at)
        heads = _answers(table, free, items)
        chosen = _item_names(heads)
        made = _codebook(table, plain_name(stem), chosen)
    rows = keys.assign(**{name: _cells(table, head) for head, name in chosen.items()})
    shown = _names_of_events(table, at)
    if shown:
        said.append(f"{table.name}: events beyond the sessions: {', '.join(shown)}; study.toml declares them.")
    said += _left_out(table, [head for head in free if head not in chosen], chosen, items if book is None else ())
    becomes = {at[Meaning.PATIENT]: "patient", **{h: f"item {name!r}" for h, name in chosen.items()}}
    becomes |= {at[key]: f"which session ({key})" for key in (Meaning.SESSION, Meaning.DATE) if key in at}
    becomes |= {at[Meaning.EVENT]: "event beyond the sessions"} if Meaning.EVENT in at else {}
    understood = tuple(
        Understood(table.name, head, table.example(head), becomes.get(head, "left out")) for head in table.heads
    )
    name = plain_name(stem) if book is None else book.name
    rows = rows.sort_values(["patient", "session"], kind="stable")
    events: dict[str, str] = {}
    for text, event in shown.items():
        events.setdefault(event, text)
    return OutcomeTable(
        name, rows, made, understood, tuple(said), events, tuple(chosen), table.name, table.far(list(chosen))
    )


def _left_out(table: GivenTable, left: Sequence[str], chosen: Mapping[str, str], told: Sequence[str]) -> list[str]:
    """Which columns are not taken, and why; items beside their total can be asked for."""
    if not left:
        return []
    if told:
        return [f"{table.name}: left out, since --items does not name them: {', '.join(left)}."]
    items = _numbered(table, left) if all(_TOTAL.fullmatch(squeezed(head)) for head in chosen) else []
    others = [head for head in left if head not in items]
    said = [f"{table.name}: left out, since they hold no answers: {', '.join(others)}."] if others else []
    if items:
        which = f"{items[0]}-{items[-1]}" if len(items) > 2 else ",".join(items)
        said.append(
            f"{table.name}: of items and their total, the total is taken: {', '.join(chosen)}; left out: "
            f"{', '.join(items)}. For the items in its place (alpha and omega of them): --items {which}."
        )
    return said


def _numbered(table: GivenTable, heads: Sequence[str]) -> list[str]:
    """Columns of numbers whose heads end in a number of one or two digits: the items of a questionnaire."""
    numeric = [head for head in heads if all(value is not None for value in table.numbers(head))]
    found = [head for head in numeric if re.fullmatch(r".*\D\d{1,2}", head.strip())]
    return found if len(found) > 1 else []


def _spelt_out(table: GivenTable, told: Sequence[str]) -> list[str]:
    """Heads as told; ``BDI_01-BDI_21`` names those from one to the other, in the order of the file."""
    heads: list[str] = []
    for one in told:
        ends = [(one[:at].strip(), one[at + 1 :].strip()) for at, mark in enumerate(one) if mark in "-–:"]
        span = next((pair for pair in ends if {*pair} <= {*table.heads}), None)
        if one in table.heads or span is None:
            heads.append(one)
            continue
        first, last = (table.heads.index(head) for head in span)
        if first > last:
            raise UsageError(f"--items: {one!r}: {span[0]!r} stands after {span[1]!r}; turn the two round.")
        heads += table.heads[first : last + 1]
    return heads


def _keys(
    table: GivenTable, at: Mapping[Meaning, str], sessions: pd.DataFrame, dates: str | None, within: int | None,
    said: list[str],
) -> pd.DataFrame:  # fmt: skip
    """Patient and session of each row; rows of sessions that the list does not have are named."""
    patients = table.texts(at[Meaning.PATIENT])
    days: list[str] | None = None
    if Meaning.SESSION in at:
        cells = zip(table.numbers(at[Meaning.SESSION]), table.texts(at[Meaning.SESSION]), strict=True)
        numbers = [_whole(value, text) for value, text in cells]
    elif Meaning.DATE in at:
        days = _days(table, at[Meaning.DATE], sessions, dates)
        numbers = _numbers_of_days(days, patients, sessions)
    else:
        numbers = [""] * len(patients)
    keys = pd.DataFrame({"patient": patients, "session": numbers})
    named = _names_of_events(table, at)
    if named:
        keys["event"] = [named.get(text, "") for text in _event_cells(table, at)]
        keys.loc[keys["event"] != "", "session"] = ""
        numbers = list(keys["session"])
    held = set(zip(sessions["patient"], sessions["session"].astype(str), strict=True))
    stray = [place for place, key in enumerate(zip(patients, numbers, strict=True)) if key not in held]
    if "event" in keys:
        stray = [place for place in stray if not keys["event"].iloc[place]]
    said += said_twice(table, keys, days)
    if stray and days is not None:
        own = {key for key in zip(patients, numbers, strict=True) if key in held}
        dated = [(patients[at], days[at], table.places[at]) for at in stray]
        said.append(said_of_days(table, dated, sessions, within, own))
        if within is not None:
            keys["date"] = days
            keys.loc[keys.index[stray], "session"] = ""
    elif stray:
        first = f"{patients[stray[0]]}, session {numbers[stray[0]]} ({table.places[stray[0]]})"
        said.append(
            f"{table.name}: {len(stray)} rows are of sessions that the list of sessions does not have, the first "
            f"{first}. A run stops there: correct the number, or add a session that was held to sessions.csv."
        )
    return keys


def _beyond_sessions(table: GivenTable, at: Mapping[Meaning, str]) -> bool:
    """Whether a column names events: no row has a session number as well."""
    events = table.texts(at[Meaning.EVENT])
    numbers = table.texts(at[Meaning.SESSION]) if Meaning.SESSION in at else [""] * len(events)
    return any(events) and not any(event and number for event, number in zip(events, numbers, strict=True))


def _event_cells(table: GivenTable, at: Mapping[Meaning, str]) -> list[str]:
    """The time point of each row as the file writes it; empty where the row is of a session.

    Without a column of events, a word such as ``post`` in the place of a session's number is one.
    """
    if Meaning.EVENT in at:
        return table.texts(at[Meaning.EVENT])
    cells = table.texts(at[Meaning.SESSION]) if Meaning.SESSION in at else [""] * len(table.places)
    return [text if _BEYOND.fullmatch(squeezed(text)) else "" for text in cells]


def _names_of_events(table: GivenTable, at: Mapping[Meaning, str]) -> dict[str, str]:
    """Each time point as the file writes it → the name of the event; numbers are refused."""
    texts = [text for text in dict.fromkeys(_event_cells(table, at)) if text]
    number = next((text for text in texts if text.replace(".", "").replace(",", "").isdigit()), None)
    if number is not None:
        head = at[Meaning.EVENT]
        raise UsageError(
            f"{table.name}: {head}: found {number!r}, allowed an event beyond the sessions as a word: baseline, "
            f'post, fu6. If these are numbers of sessions: --map "{head}=session". If not, write words in their place.'
        )
    return {text: plain_name(text) for text in texts}


def _whole(value: float | None, text: str) -> str:
    return text if value is None or value != value or value != round(value) else str(int(value))


def _days(table: GivenTable, head: str, sessions: pd.DataFrame, dates: str | None) -> list[str]:
    """The day of each answer, year-month-day."""
    if "date" not in sessions:
        raise UsageError(
            f"{table.name}: it has dates and no session numbers, and the list of sessions has no dates. Add a column "
            "with the session number to one of the two."
        )
    slips = Slips(table)
    days = read_list_dates(table, head, dates, slips)
    slips.refuse()
    return days


def _numbers_of_days(days: list[str], patients: list[str], sessions: pd.DataFrame) -> list[str]:
    """The session on the day of each answer; the day itself where there is none."""
    number_on = dict(zip(zip(sessions["patient"], sessions["date"], strict=True), sessions["session"], strict=True))
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
    numbered = _numbered(table, [head for head in numeric if head not in totals])
    for found in (totals, numbered, numeric):
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


def kind_of(values: Sequence[float], n_items: int) -> dict[str, Any]:
    """What may stand in a cell, by the numbers that were found: one whole number is a count, several are items."""
    if any(value != round(value) for value in values) or min(values) < 0:
        lowest, highest = math.floor(min(0, *values)), math.ceil(max(values))
        return {"type": "decimal", "minimum": lowest, "maximum": max(highest, lowest + 1)}
    if n_items > 1:
        return {"minimum": int(min(values)), "maximum": int(max(max(values), min(values) + 1))}
    return {"type": "count", "minimum": 0}


def without_codes(numbers: pd.Series[Any]) -> list[float]:
    """Numbers without the usual codes that lie far off them: no range begins or ends at one of these."""
    codes = {value for value in far_in(numbers) if value in USUAL_CODES}
    return [float(value) for value in numbers if value not in codes]


def _codebook(table: GivenTable, name: str, chosen: Mapping[str, str]) -> dict[str, Any]:
    """A codebook of what the columns hold: one number is a total, several are items and their sum."""
    values = without_codes(table.pooled(chosen).dropna())
    slips = Slips(table)
    for head in chosen:
        for row, (value, text) in enumerate(zip(table.numbers(head), table.texts(head), strict=True)):
            if value is None:
                slips.cell(
                    row, head,
                    f"found {text!r}, allowed a number or an empty cell. Correct it, or say that it stands for a "
                    f"missing value: --missing {text}.",
                )  # fmt: skip
    slips.refuse()
    if not values:
        raise ContractError(f"{table.name}: the columns {', '.join(chosen)} hold no number.")
    kind = kind_of(values, len(chosen))
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
        "name": name, "title": title, "version": "1.0", "citation": NOT_NAMED, "rights": NOT_NAMED,
        "items": items, "scales": [scale],
    }  # fmt: skip


def said_made(table: OutcomeTable) -> list[str]:
    """What is said of a codebook that was made: what it holds, and what somebody has to write there."""
    if table.codebook is None:
        return []
    items, file = table.codebook["items"], f"{table.codebook['name']}.toml"
    what = "one column, its total" if len(items) == 1 else f"{len(items)} items and their sum"
    if "maximum" not in items[0]:
        return [f"{file}: a new codebook: {what}. Write its citation there, and the maximum if it has one."]
    also = "" if len(items) == 1 else "which items are reversed, "
    spread = f"range {show_cell(items[0]['minimum'])} to {show_cell(items[0]['maximum'])} as found"
    return [
        f"{file}: a new codebook: {what}, {spread}. Write the true range, {also}and its citation there: a later "
        "value beyond this range is refused."
    ]


def range_remark(codebook: Mapping[str, Any]) -> str:
    """The comment that begins the file of a codebook that was made."""
    item = codebook["items"][0]
    if "maximum" not in item:
        return "# No maximum is known; add one to the items (maximum = 63) if there is one.\n"
    return (
        f"# Range as found in the data ({show_cell(item['minimum'])} to {show_cell(item['maximum'])}); write the "
        "true one: minimum and maximum\n# of each item. A later value beyond it is refused.\n"
    )


def _cells(table: GivenTable, head: str) -> list[str]:
    numbers = table.numbers(head)
    texts = table.texts(head)
    return [
        text if number is None else "" if number != number else show_number(number)
        for number, text in zip(numbers, texts, strict=True)
    ]
