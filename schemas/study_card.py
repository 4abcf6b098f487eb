"""What a study prints of itself: its tables' counts, its instruments, its declared models."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from doublecode.schemas.cards import table_of
from doublecode.schemas.errors import DoublecodeError
from doublecode.schemas.instrument import Instrument
from doublecode.schemas.model_series import ModelSeries
from doublecode.schemas.patient_model import PatientModel
from doublecode.schemas.plain_table import PlainTable
from doublecode.schemas.study_parts import GroupComparison, InstrumentUse, ModerationModel, Rater


def count_rows(path: Path, table: Literal["patients", "sessions"]) -> str:
    """Say how many rows a table has, by their status."""
    from doublecode.schemas.frames import PATIENTS, SESSIONS
    from doublecode.schemas.table_files import read_table

    try:
        rows = read_table(path, {"patients": PATIENTS, "sessions": SESSIONS}[table])
    except DoublecodeError as wrong:
        return f"the table is wrong: {wrong}"
    by_status = ", ".join(f"{n} {status}" for status, n in rows["status"].value_counts().sort_index().items())
    return f"{len(rows)} ({by_status})"


def instrument_table(uses: Iterable[tuple[Instrument, InstrumentUse]], raters: Iterable[Rater]) -> PlainTable:
    """One row per instrument: who rates it, its items, scales and sessions."""
    everybody = [rater.id for rater in raters]
    rows = []
    for book, use in uses:
        numbers = "" if use.sessions is None else ", ".join(map(str, use.sessions))
        by = ", ".join(use.raters or everybody) if use.source == "raters" else "outcome"
        scales = ", ".join(scale.name for scale in book.scales)
        rows.append((book.name, book.title, by, str(len(book.items)), scales, numbers))
    return table_of("Instruments", ("Name", "Title", "Rated by", "Items", "Scales", "Sessions"), rows)


def model_table(
    series: Iterable[ModelSeries],
    patient_outcomes: Iterable[PatientModel],
    moderations: Iterable[ModerationModel],
    comparisons: Iterable[GroupComparison],
) -> PlainTable:
    """One row per declared model, with its formulas."""
    rows = [(one.name, "series", one.title, "; ".join(one.steps)) for one in series]
    rows += [(one.name, "patients", one.title, one.formula) for one in patient_outcomes]
    rows += [(one.name, "regression", one.title, one.formula) for one in moderations]
    rows += [("", "groups", "", f"{one.outcome} ~ {one.group}") for one in comparisons]
    return table_of("Declared models", ("Name", "Kind", "Title", "Formulas"), rows)
