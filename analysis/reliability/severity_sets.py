"""Severity set by set: what linear and latent severity have in common."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, ClassVar

import pandas as pd

from doublecode.analysis.rendering.answers import Answer

if TYPE_CHECKING:
    from collections.abc import Mapping

Key = tuple[Hashable, ...]


class SeverityAnswer(Answer):
    """The answer of a comparison of raters; subclasses are frozen dataclasses with a row per (set and) rater."""

    label_columns: ClassVar[tuple[str, ...]] = ("rater",)

    def counted(self) -> str:
        """Count raters, ratings and sets."""
        sets = f" in {self.design['n_sets']} sets" if self.design["n_sets"] > 1 else ""
        return f"{self.frame['rater'].nunique()} raters, {self.design['n_ratings']} ratings{sets}"


def by_sets(
    held: pd.DataFrame, names: tuple[str, ...], tables_of: Callable[[Key, pd.DataFrame], Mapping[str, pd.DataFrame]]
) -> dict[str, pd.DataFrame]:
    """Frames of each set below one another, the columns `names` before them; one set if none is named.

    `tables_of` takes the values of `names` and the rows, and returns new frames, under the same names for every set.
    """
    sets = held.groupby(list(names), sort=True, observed=True) if names else [((), held)]
    parts: dict[str, list[pd.DataFrame]] = {}
    for key, rows in sets:
        for name, table in tables_of(key, rows).items():
            for position, column in enumerate(names):
                table.insert(position, column, [key[position]] * len(table))
            parts.setdefault(name, []).append(table)
    return {name: pd.concat(tables, ignore_index=True) for name, tables in parts.items()}
