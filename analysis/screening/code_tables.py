"""Ratings as tables of codes: one row per session and rater, in the order of the rater's sheet."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from doublecode.schemas.errors import ContractError
from doublecode.schemas.frames import RATINGS, Contract, as_pandas, check_frame, of_occasion

if TYPE_CHECKING:
    from doublecode.schemas.instrument import Instrument

Floats = np.ndarray[Any, np.dtype[np.float64]]
Ints = np.ndarray[Any, np.dtype[np.int64]]
Flags = np.ndarray[Any, np.dtype[np.bool_]]
READ: Final = Contract(
    "ratings", {"session_id": "text", "rater": "text", "item": "text", "value": "number"}, frozenset({"value"})
)
CODED: Final = ("ordinal", "yes_no")
"""Types of items whose codes are few and ordered."""
NO_CODE: Final = -1.0


@dataclass(frozen=True, eq=False)
class CodeTable:
    """The codes of one instrument.

    Attributes
    ----------
    instrument : str
    items : tuple of str
        p names.
    scales : mapping of str to tuple of int
        Scales of two items or more, as columns of `codes`.
    codes : array (n_rows, p)
        NaN where an item has no code.
    rater, session, sheet : array of int (n_rows,)
        Places in `raters`, `sessions`, `sheets`. Rows are ordered by rater, sheet and line.
    line : array of int (n_rows,)
        Row of the sheet, or the place in the input where no origin is known.
    raters, sessions, sheets : tuple of str
    labels : Index
        Labels of the input rows.
    """

    instrument: str
    items: tuple[str, ...]
    scales: Mapping[str, tuple[int, ...]]
    codes: Floats
    rater: Ints
    session: Ints
    sheet: Ints
    line: Ints
    raters: tuple[str, ...]
    sessions: tuple[str, ...]
    sheets: tuple[str, ...]
    labels: pd.Index[Any]

    def place(self, rows: Ints) -> str:
        """File, sheet and lines of rows that stand in one sheet."""
        lines = self.line[rows]
        where = self.sheets[int(self.sheet[rows[0]])]
        return f"{where} rows {lines.min()}–{lines.max()}" if where else ""

    def pairs(self) -> tuple[Ints, Ints]:
        """Rows of every two raters of one session: first and second, the first rater's place being the lower."""
        order = np.argsort(self.session, kind="stable")
        own = self.session[order]
        first, second = [], []
        for step in range(1, len(self.raters)):
            same = own[step:] == own[:-step]
            first.append(order[:-step][same])
            second.append(order[step:][same])
        one, two = (np.concatenate(part) if part else np.zeros(0, int) for part in (first, second))
        swapped = self.rater[one] > self.rater[two]
        return np.where(swapped, two, one), np.where(swapped, one, two)


def code_tables(ratings: pd.DataFrame, books: Sequence[Instrument]) -> Iterator[CodeTable]:
    """Make a table of each instrument that raters coded; first occasions only, items of few ordered codes only.

    Raises
    ------
    ContractError
        A column is missing.
    DuplicateError
        A rater rated an item of a session twice.
    """
    rows = of_occasion(as_pandas(ratings), first=True)
    if "instrument" not in rows.columns:
        if len(books) != 1:
            raise ContractError("ratings: the column 'instrument' is missing; add it, or name one codebook.")
        rows = rows.assign(instrument=books[0].name)
    key = tuple(name for name in RATINGS.key if name in rows.columns)
    check_frame(rows, Contract(READ.name, READ.columns, READ.may_be_empty, key))
    for book in books:
        names = [item.name for item in book.columns if item.is_numeric and item.type in CODED and not item.given]
        own = rows[(rows["instrument"] == book.name) & rows["item"].isin(names)]
        if len(own) and own["value"].notna().any():
            yield _table(own, book, names)


def _table(rows: pd.DataFrame, book: Instrument, names: Sequence[str]) -> CodeTable:
    raters, sessions = (pd.factorize(rows[name].astype(str), sort=True) for name in ("rater", "session_id"))
    number = raters[0].astype(np.int64) * len(sessions[1]) + sessions[0]
    cells, at = np.unique(number, return_inverse=True)
    codes = np.full((len(cells), len(names)), np.nan)
    codes[at, pd.Index(names).get_indexer(pd.Index(rows["item"]))] = rows["value"].to_numpy(float)
    firsts = np.unique(at, return_index=True)[1]
    sheets, line = _origin(rows.iloc[firsts], firsts)
    sheet, where = pd.factorize(sheets, sort=True)
    rater, session = np.divmod(cells, len(sessions[1]))
    order = np.lexsort((line, sheet, rater))
    used = np.isfinite(codes).any(axis=0)
    place = {name: int(at) for at, name in enumerate(np.asarray(names, dtype=object)[used])}
    scales = {
        scale.name: tuple(place[item] for item in scale.items if item in place)
        for scale in book.scales
        if sum(item in place for item in scale.items) > 1
    }
    return CodeTable(
        book.name, tuple(place), scales, codes[order][:, used], rater[order], session[order], sheet[order],
        line[order], tuple(map(str, raters[1])), tuple(map(str, sessions[1])), tuple(map(str, where)), rows.index,
    )  # fmt: skip


def _origin(rows: pd.DataFrame, positions: Ints) -> tuple[Any, Ints]:
    """File and sheet of each row, and its line: the number at the end of its cell's name."""
    if not {"source_file", "source_sheet", "source_cell"} <= set(rows.columns):
        return np.full(len(rows), "", dtype=object), positions
    file, sheet = (rows[name].fillna("").astype(str).to_numpy(object) for name in ("source_file", "source_sheet"))
    where = np.array([f"{one} › {two}" if two else one for one, two in zip(file, sheet, strict=True)], dtype=object)
    digits = rows["source_cell"].astype("string").str.extract(r"(\d+)$", expand=False)
    line = pd.to_numeric(digits).fillna(0).to_numpy(np.int64)
    return where, np.where(line > 0, line, positions)
