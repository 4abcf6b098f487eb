"""Several files of one outcome measure, such as its sessions and its follow-up, as one table."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import pandas as pd

from doublecode.coding.new_study.outcome_table import OutcomeTable, kind_of, without_codes
from doublecode.coding.reading.head_words import squeezed
from doublecode.schemas.errors import UsageError

_OF_ANY_MEASURE: Final = re.compile(
    r"(items?|frage|question|q|i|f)?\d*|(total|summen?|gesamt|sum|raw|roh)?(score|wert|punkte|total|summe|gesamt|sum)?"
)


def joined_outcomes(tables: Sequence[OutcomeTable]) -> list[OutcomeTable]:
    """Put the files of one measure together: those of one codebook, or with the same columns of answers.

    Raises
    ------
    UsageError
        Two files have one name and different columns.
    """
    joined: list[OutcomeTable] = []
    for table in tables:
        place = next((place for place, one in enumerate(joined) if _is_same(one, table)), None)
        if place is None:
            joined.append(table)
        else:
            joined[place] = _join(joined[place], table)
    return joined


def _is_same(one: OutcomeTable, other: OutcomeTable) -> bool:
    if one.instrument == other.instrument:
        return True
    if one.codebook is None or other.codebook is None or _items(one) != _items(other):
        return False
    names = (one.instrument, other.instrument)
    is_named_alike = any(b.startswith(f"{a}_") for a, b in (names, names[::-1]))
    return is_named_alike or not any(_OF_ANY_MEASURE.fullmatch(squeezed(head)) for head in one.heads)


def _items(table: OutcomeTable) -> set[str]:
    return {str(name) for name in table.rows.columns if name not in ("patient", "session", "event", "date")}


def _join(one: OutcomeTable, other: OutcomeTable) -> OutcomeTable:
    if _items(one) != _items(other):
        raise UsageError(
            f"{one.file} and {other.file}: both are the outcome {one.instrument!r}, and their columns differ "
            f"({', '.join(one.heads)}; {', '.join(other.heads)}). Give the columns the same heads, or the files "
            "different names."
        )
    rows = pd.concat([one.rows, other.rows], ignore_index=True)
    if "event" in rows:
        rows.insert(2, "event", rows.pop("event").fillna(""))
    if "date" in rows:
        rows.insert(2, "date", rows.pop("date").fillna(""))
    rows = rows.sort_values(["patient", "session"], kind="stable")
    counts = f"{int((rows['session'] != '').sum())} rows of sessions"
    if "event" in rows:
        counts += f" and {int((rows['event'] != '').sum())} of events"
    said = f"{one.file} and {other.file} are joined in outcomes/{one.instrument}.csv: {counts}."
    return replace(
        one, rows=rows, codebook=_codebook(one, rows), understood=(*one.understood, *other.understood),
        said=(*one.said, *other.said, said), events={**one.events, **other.events},
        remarks=(*one.remarks, *other.remarks),
    )  # fmt: skip


def _codebook(one: OutcomeTable, rows: pd.DataFrame) -> dict[str, object] | None:
    """The codebook that was made for the first file, with the range of all."""
    if one.codebook is None:
        return None
    names = [item["name"] for item in one.codebook["items"]]
    values = without_codes(pd.Series([float(cell) for name in names for cell in rows[name] if cell], dtype=float))
    kept = [{key: item[key] for key in ("name", "label", "optional")} for item in one.codebook["items"]]
    return one.codebook | {"items": [item | kind_of(values, len(names)) for item in kept]}
