"""Pooled rows and the rows of each level, and what is said of both."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator

import numpy as np
import pandas as pd

from doublecode.analysis.consistency.item_moments import ItemData, Missing, kept_rows
from doublecode.schemas.errors import NotEstimable

POOLED = "all"
Frames = tuple[list[pd.DataFrame], list[str]]


class LevelTables:
    """Rows of several frames, gathered level by level; a level that fails leaves a row that says why."""

    def __init__(self) -> None:
        self.tables: list[list[pd.DataFrame]] = [[] for _ in range(5)]
        self.notes: list[str] = []

    def add(self, level: Hashable, compute: Callable[[], Frames]) -> None:
        """Add the frames of one level, or the reason why there are none; the pooled level must succeed."""
        try:
            frames, notes = compute()
        except NotEstimable as reason:
            if level == POOLED:
                raise
            self.notes.append(f"{level}: not estimable. {reason}")
            template = self.tables[0][0].iloc[:0]
            row = pd.DataFrame({"level": [level], "estimate": [np.nan], "status": [str(reason)]})
            frames, notes = [row.reindex(columns=template.columns)], []
        for table, frame in zip(self.tables, frames, strict=False):
            table.append(frame)
        self.notes += notes

    def frame(self, k: int) -> pd.DataFrame:
        """Return the k-th frame over all levels."""
        rows = [record for table in self.tables[k] for record in table.to_dict("records")]
        return pd.DataFrame(rows, columns=self.tables[k][0].columns) if rows else pd.DataFrame()


def levels_of(data: pd.DataFrame, read: ItemData, by: str | None) -> Iterator[tuple[Hashable, ItemData]]:
    """The pooled data first, then each level of `by` in order."""
    yield POOLED, read
    if by is None:
        return
    values = data.loc[kept_rows(data, read.items), by]
    for level in sorted(values.dropna().unique()):
        native = level.item() if isinstance(level, np.generic) else level
        yield native, read.rows((values == level).to_numpy())


def common_notes(
    read: ItemData, clusters: str | None, missing: Missing, by: str | None, data: pd.DataFrame
) -> tuple[str, ...]:
    """Say what was left out, how missing items were handled, and what the unit is."""
    notes = []
    if read.counts["rows_dropped"]:
        notes.append(f"{read.counts['rows_dropped']} row(s) without any item rated were left out.")
    if not read.complete:
        ways = {
            "fiml": "full-information maximum likelihood (missing at random)",
            "pairwise": "pairwise covariances",
            "listwise": "complete rows only",
        }
        notes.append(f"{read.counts['n_missing']} item scores are missing; handled by {ways[missing]}.")
    if clusters is None:
        notes.append("Rows are taken as independent; where they are sessions, name the patient with clusters=.")
    elif read.n_units == 1:
        notes.append(f"All rows have the same {clusters}: one unit gives no interval.")
    elif read.n_units < 10:
        notes.append(f"Only {read.n_units} {clusters}s: the interval rests on few units and is rough.")
    if by is not None and (lacking := int(data.loc[kept_rows(data, read.items), by].isna().sum())):
        notes.append(f"{lacking} row(s) have no {by}; they are in the pooled rows only.")
    return tuple(notes)
