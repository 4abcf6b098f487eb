"""The answer to a question that is asked of a pooled result."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import pandas as pd

from doublecode.analysis.rendering.answers import Answer
from doublecode.analysis.rendering.tables import Column, Table
from doublecode.schemas.results import Note


@dataclass(frozen=True, eq=False, repr=False)
class PooledCheck(Answer):
    """A question asked of a pooled result: Egger, rank test, trim and fill, each study left out.

    Attributes
    ----------
    spec : dict
        The question, that of the pooling included.
    frame : DataFrame
    design : dict
    notes : tuple of Note
    rows : Index
    name, title : str
        Of the table.
    columns : tuple of Column
        How the frame is shown.
    """

    spec: dict[str, Any]
    frame: pd.DataFrame
    design: dict[str, Any]
    notes: tuple[Note, ...]
    rows: pd.Index[Any]
    name: str
    title: str
    columns: tuple[Column, ...]

    label_columns: ClassVar[tuple[str, ...]] = ("form", "term", "left_out")

    def tables(self) -> tuple[Table, ...]:
        """The frame."""
        return (Table(self.name, self.title, self.frame, self.columns),)
