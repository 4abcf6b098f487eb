"""The homework log session by session: counts that can stand as variables beside scores."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from doublecode.analysis.description.homework import codes_in, empty_of, one_rater
from doublecode.schemas.errors import UsageError
from doublecode.schemas.frames import RATINGS, check_frame

if TYPE_CHECKING:
    from doublecode.schemas.homework_log import HomeworkLog
    from doublecode.schemas.instrument import Instrument
    from doublecode.schemas.item import Item

COUNT_COLUMNS = ("patient", "session", "instrument", "count", "of_type", "value", "reason")


@dataclass(frozen=True)
class _Slot:
    """One slot of the log in one session: what its cells say, or their missing codes."""

    number: int
    texts: Mapping[str, str]
    codes: Mapping[str, str]

    def unclear(self, key: str) -> str:
        """Say that a cell that is needed tells nothing."""
        return f"{key} of homework {self.number}: {self.codes.get(key, 'not entered')}"


def session_counts(
    ratings: pd.DataFrame,
    codebook: Instrument,
    *,
    of_types: Iterable[str] = (),
    role: str = "primary",
    empty: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Count the homework of each logged session.

    Parameters
    ----------
    ratings : DataFrame
        Contract ``RATINGS``; main phase and this instrument are selected. A session that two raters logged is counted
        once, as :func:`doublecode.analysis.description.homework.log_counts` does.
    codebook : Instrument
        A homework log.
    of_types : iterable of str
        Codes of the type of homework that are also counted by themselves.
    role : str
        Whose log counts.
    empty : DataFrame, optional
        As :func:`doublecode.analysis.description.homework.log_counts` takes them: sessions without homework; every
        count of theirs is 0.

    Returns
    -------
    DataFrame
        ``patient, session, instrument, count`` ("assigned", "completed", "difficulties", "degrees"), ``of_type`` (None
        for all), ``value``, ``reason``. A count is missing where the type of a used slot, or whether it was completed,
        is not known: what is not entered is no zero. A session of which nothing is known has no row.

    Raises
    ------
    UsageError
        The codebook is no homework log.

    Examples
    --------
    >>> from doublecode.schemas.instrument import load_instrument
    >>> log = pd.DataFrame({"item": ["type_1", "completed_1", "type_2"], "text": ["BE", "Y", "PE"]})
    >>> log = log.assign(study="toy", patient="P1", therapist="T1", session=1, session_id="S-1", rater="R1",
    ...     role="primary", instrument="homework_log", value=float("nan"), missing_code=None, phase="main",
    ...     source_file="a.xlsx", source_sheet="Rate", source_cell=["C5", "D5", "F5"])
    >>> counts = session_counts(log, load_instrument("homework_log"))
    >>> counts[["count", "value", "reason"]].to_dict("records")[:2]
    [{'count': 'assigned', 'value': 2.0, 'reason': None}, \
{'count': 'completed', 'value': nan, 'reason': 'completed of homework 2: not entered'}]
    """
    check_frame(ratings, RATINGS)
    log = codebook.homework_log
    if log is None:
        raise UsageError(f"{codebook.name}: the codebook is no homework log. Add [homework_log] to it.")
    mine = ratings[(ratings["instrument"] == codebook.name) & (ratings["phase"] == "main")]
    chosen, without, _ = one_rater(mine, role, empty_of(codebook, empty))
    difficulty = next((item for item in codebook.items if item.name == log.difficulties), None)
    rows: list[tuple[Any, ...]] = []
    logs = [
        (*_session_of(cells), _slots(cells, codebook, log))
        for _, cells in chosen.groupby(["patient", "session"], observed=True)
    ]
    logs += [(*_session_of(cells), []) for _, cells in without.groupby(["patient", "session"], observed=True)]
    for patient, session, slots in sorted(logs, key=lambda one: one[:2]):
        for of_type in (None, *dict.fromkeys(of_types)):
            found = _counts(slots, log, difficulty, of_type)
            rows += [(patient, session, codebook.name, name, of_type, *count) for name, count in found]
    frame = pd.DataFrame(rows, columns=list(COUNT_COLUMNS)).astype({"value": float, "session": "int64"})
    reasons = pd.Series([row[-1] for row in rows], dtype=object)
    return frame.assign(reason=reasons)


def _session_of(rows: pd.DataFrame) -> tuple[str, int]:
    return str(rows["patient"].iloc[0]), int(rows["session"].iloc[0])


def _slots(cells: pd.DataFrame, codebook: Instrument, log: HomeworkLog) -> list[_Slot]:
    """The slots of a session in which something stands."""
    items = {item.name: item for item in codebook.items}
    keys = {"type": log.type, "completed": log.completed, "difficulties": log.difficulties}
    texts = {name: text for name, text in zip(cells["item"], cells["text"], strict=True) if isinstance(text, str)}
    codes = {
        name: code for name, code in zip(cells["item"], cells["missing_code"], strict=True) if isinstance(code, str)
    }
    repeat = items[log.type].repeat
    slots = []
    for number in range(1, repeat + 1):
        at = {key: name if repeat == 1 else f"{name}_{number}" for key, name in keys.items() if name is not None}
        slot = _Slot(
            number,
            {key: texts[name] for key, name in at.items() if name in texts},
            {key: codes[name] for key, name in at.items() if name in codes},
        )
        slots += [slot] if slot.texts or slot.codes else []
    return slots


def _counts(
    slots: list[_Slot], log: HomeworkLog, difficulty: Item | None, of_type: str | None
) -> Iterator[tuple[str, tuple[float, str | None]]]:
    """Each count with its value, or why there is none."""
    unknown = [slot.unclear("type") for slot in slots if "type" not in slot.texts]
    used = [slot for slot in slots if of_type is None or slot.texts.get("type") == of_type]
    yield "assigned", _or_why(float(len(used)), unknown)
    open_ones = [*unknown, *(slot.unclear("completed") for slot in used if "completed" not in slot.texts)]
    degrees = [log.done[slot.texts["completed"]] for slot in used if "completed" in slot.texts]
    yield "completed", _or_why(float(sum(degree == 1 for degree in degrees)), open_ones)
    if log.has_degrees:
        yield "degrees", _or_why(float(sum(degrees)), open_ones)
    if difficulty is not None:
        none = frozenset(log.no_difficulty or ())
        met = [
            code for slot in used for code in codes_in(slot.texts.get("difficulties"), difficulty) if code not in none
        ]
        coded = [slot.unclear("difficulties") for slot in used if "difficulties" in slot.codes]
        yield "difficulties", _or_why(float(len(met)), [*unknown, *coded])


def _or_why(value: float, unknown: list[str]) -> tuple[float, str | None]:
    return (float("nan"), "; ".join(unknown)) if unknown else (value, None)
