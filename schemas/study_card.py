"""What a study prints of itself: its tables' counts, its instruments, its declared models."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from doublecode.schemas.cards import table_of
from doublecode.schemas.errors import DoublecodeError
from doublecode.schemas.instrument import Instrument
from doublecode.schemas.plain_table import PlainTable
from doublecode.schemas.study_parts import InstrumentUse, Rater


def count_rows(path: Path | None, table: Literal["patients", "sessions"], *, is_ours: bool) -> str:
    """Say how many rows a table has, by their status; one with other heads or of another kind by its name."""
    from doublecode.schemas.frames import PATIENTS, SESSIONS
    from doublecode.schemas.table_files import read_table

    if path is None or path.suffix != ".csv" or not is_ours:
        return "" if path is None else path.name  # other kinds of files are read in the coordinator's room
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


def model_table(rows: Iterable[tuple[str, str, str, str]]) -> PlainTable:
    """One row per declared model: its name, kind, title and formulas."""
    return table_of("Declared models", ("Name", "Kind", "Title", "Formulas"), list(rows))
