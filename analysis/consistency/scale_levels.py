"""Pooled rows and the rows of each level, and what is said of both."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from enum import StrEnum
from itertools import chain
from typing import Any

import numpy as np
import pandas as pd

from doublecode.analysis.consistency.estimable_items import seldom_together
from doublecode.analysis.consistency.item_moments import ItemData, Missing, kept_rows
from doublecode.schemas.errors import NotEstimable
from doublecode.schemas.results import Note

POOLED = "all"
Frames = tuple[list[pd.DataFrame], list[Note]]


class LevelState(StrEnum):
    """The status of a row of coefficients; a level that cannot be estimated writes its reason instead."""

    ESTIMATED = "ok"
    NOT_ESTIMABLE = "not estimable"

    @classmethod
    def of(cls, estimated: bool) -> LevelState:
        """State of an estimate."""
        return cls.ESTIMATED if estimated else cls.NOT_ESTIMABLE


def note_of(level: Hashable, kind: str, **numbers: Any) -> Note:
    """A fact on one level (`POOLED`, or a session or phase), which stands among its numbers as well."""
    return Note(kind, str(level), {"level": level, **numbers})


class LevelTables:
    """Rows of several frames, gathered level by level; a level that fails leaves a row that says why."""

    def __init__(self) -> None:
        self.tables: list[list[pd.DataFrame]] = [[] for _ in range(5)]
        self.notes: list[Note] = []

    def add(self, level: Hashable, compute: Callable[[], Frames]) -> None:
        """Add the frames of one level, or the reason why there are none; the pooled level must succeed."""
        try:
            frames, notes = compute()
        except NotEstimable as reason:
            if level == POOLED:
                raise
            self.notes.append(note_of(level, "level_not_estimable", reason=str(reason)))
            template = self.tables[0][0].iloc[:0]
            row = pd.DataFrame({"level": [level], "estimate": [np.nan], "status": [str(reason)]})
            frames, notes = [row.reindex(columns=template.columns)], []
        for table, frame in zip(self.tables, frames, strict=False):
            table.append(frame)
        self.notes += notes

    def frame(self, k: int) -> pd.DataFrame:
        """Return the k-th frame over all levels."""
        if len(self.tables[k]) == 1:
            return self.tables[k][0].reset_index(drop=True)
        if not self.tables[k]:
            return pd.DataFrame()
        # value by value: levels may be numbers, texts or both, and a level that failed has no numbers
        columns = {name: [table[name].tolist() for table in self.tables[k]] for name in self.tables[k][0].columns}
        return pd.DataFrame({name: list(chain.from_iterable(parts)) for name, parts in columns.items()})


def levels_of(data: pd.DataFrame, read: ItemData, by: str | None) -> Iterator[tuple[Hashable, ItemData]]:
    """The pooled data first, then each level of `by` in order."""
    yield POOLED, read
    if by is None:
        return
    values = data.loc[kept_rows(data, read.items), by]
    for level in sorted(values.dropna().unique()):
        native = level.item() if isinstance(level, np.generic) else level
        yield native, read.rows((values == level).to_numpy())


def missing_counts(read: ItemData, rule: str) -> dict[str, Any]:
    """The one rule by which missing items enter, with what it left out, for `.design`."""
    incomplete = int(np.isnan(read.scores).any(axis=1).sum())
    return {"missing_rule": rule, "rows_incomplete": incomplete}


def common_notes(
    read: ItemData, clusters: str | None, missing: Missing, by: str | None, data: pd.DataFrame
) -> list[Note]:
    """Say what was left out, how missing items were handled, and what the unit is."""
    notes = []
    if read.counts["rows_dropped"]:
        notes.append(Note("rows_without_items", numbers={"n": read.counts["rows_dropped"]}))
    if not read.complete:
        notes.append(Note("items_missing", numbers={"n": read.counts["n_missing"], "rule": missing}))
        notes += seldom_together(read)
    if clusters is None:
        notes.append(Note("rows_independent"))
    elif read.n_units == 1:
        notes.append(Note("one_unit", numbers={"clusters": clusters}))
    elif read.n_units < 10:
        notes.append(Note("few_units", numbers={"n": read.n_units, "clusters": clusters}))
    if by is not None and (lacking := int(data.loc[kept_rows(data, read.items), by].isna().sum())):
        notes.append(Note("rows_without_level", numbers={"n": lacking, "by": by}))
    return notes
