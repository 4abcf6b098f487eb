"""Plain long frames of ratings, held to what scoring reads, and the codebooks they are scored by."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import pandas as pd

from doublecode.schemas.errors import UsageError
from doublecode.schemas.frames import Contract, Kind, as_pandas, check_frame
from doublecode.schemas.instrument import Instrument, load_instrument

Instruments = Instrument | str | Mapping[str, Instrument] | Iterable[Instrument | str]
"""A codebook, the name of a shipped one, or several of them."""


def books_of(instruments: Instruments) -> list[Instrument]:
    """Return the codebooks that are meant, those named by a text loaded."""
    if isinstance(instruments, (Instrument, str)):
        return books_of([instruments])
    several = instruments.values() if isinstance(instruments, Mapping) else instruments
    return [load_instrument(one) if isinstance(one, str) else one for one in several]


def as_long(ratings: pd.DataFrame, books: Sequence[Instrument]) -> pd.DataFrame:
    """Hold ratings to what scoring reads: the session, item, value, and the codebook where there are several."""
    rows = as_pandas(ratings)
    if "instrument" not in rows.columns and len(books) == 1:
        rows = rows.assign(instrument=books[0].name)
    kinds: dict[str, Kind] = dict.fromkeys((*identity(rows), "instrument", "item"), "text")
    if "patient" in rows.columns:
        kinds["session"] = "integer"
    kinds |= {name: "text" for name in ("rater",) if name in rows.columns}
    check_frame(rows, Contract("ratings", {**kinds, "value": "number"}, frozenset({"value"})))
    for book in books:
        _check_items(rows[rows["instrument"] == book.name], book)
    return rows


def identity(rows: pd.DataFrame) -> tuple[str, ...]:
    """Name the columns that tell one session from another."""
    if "patient" in rows.columns:
        return ("patient", "session")
    return ("session",) if "session" in rows.columns or "session_id" not in rows.columns else ("session_id",)


def _check_items(rows: pd.DataFrame, book: Instrument) -> None:
    stray = sorted({str(name) for name in rows["item"].unique()} - {item.name for item in book.columns})
    if stray:
        allowed = ", ".join(item.name for item in book.columns)
        raise UsageError(f"ratings: {book.name} has no item {stray[0]!r}; allowed: {allowed}.")


def check_range(rows: pd.DataFrame, book: Instrument) -> None:
    """Refuse values that the codebook does not know, such as −99 for a missing one."""
    own = rows[rows["instrument"] == book.name]
    for item in filter(lambda item: item.is_numeric, book.columns):
        values = own.loc[own["item"] == item.name, "value"]
        wrong = values[(values < item.low) | (values > item.high)]
        if len(wrong):
            raise UsageError(
                f"ratings: {book.name}, {item.name}: found {wrong.iloc[0]:g}, allowed {book.allowed(item)}. "
                "A missing value stands as an empty cell."
            )


def refuse_twice(rows: pd.DataFrame, rater: tuple[str, ...]) -> None:
    """Refuse two values for one item of one session (of one rater)."""
    key = (*identity(rows), *rater, "instrument", "item")
    name = "ratings" if rater else "ratings (name the raters in a column 'rater', and they are pooled)"
    check_frame(rows, Contract(name, {}, key=key))
