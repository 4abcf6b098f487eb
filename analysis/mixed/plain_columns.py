"""Sums of plain numeric columns, without the cost of a formula parser.

``"x + z"`` over numeric columns gives the same columns and names as formulaic, an
intercept included unless ``0`` or ``-1`` takes it out; everything else is left to formulaic.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from doublecode.analysis.mixed.formula_names import SumOfNames


def is_plain_number(name: str, columns: Mapping[str, pd.Series[Any]]) -> bool:
    """Whether `name` is a column of ordinary floats or integers."""
    return name in columns and is_ordinary_number(columns[name])


def is_ordinary_number(column: pd.Series[Any]) -> bool:
    """Whether a column holds ordinary floats or integers."""
    dtype = column.dtype
    return isinstance(dtype, np.dtype) and dtype.kind in "fiu"


class Categories(NamedTuple):
    """What a categorical factor codes, as a formula writes it (``Sex`` of ``C(Sex, …)``), and its levels."""

    coded: str
    levels: tuple[Any, ...]


@dataclass(frozen=True)
class PlainColumns:
    """The recipe of a model matrix of plain columns; answers like formulaic's ModelSpec."""

    intercept: bool
    variables: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns."""
        return ("Intercept", *self.variables) if self.intercept else self.variables

    @property
    def required_variables(self) -> set[str]:
        """Columns that the data must have."""
        return set(self.variables)

    @property
    def term_indices(self) -> dict[str, list[int]]:
        """Positions of the columns of each term, ``"1"`` for the intercept."""
        shift = int(self.intercept)
        own = {name: [i + shift] for i, name in enumerate(self.variables)}
        return ({"1": [0]} if self.intercept else {}) | own

    @property
    def factors(self) -> dict[str, tuple[str, ...]]:
        """The factors of each term, as a formula writes them."""
        names = (*(("1",) if self.intercept else ()), *self.variables)
        return {name: (name,) for name in names}

    @property
    def categories(self) -> dict[str, Categories]:
        """Categorical factors; there are none."""
        return {}

    def get_model_matrix(self, data: pd.DataFrame) -> pd.DataFrame:
        """Evaluate the columns on `data`; missing values stay missing."""
        columns = {name: data[name] for name in self.variables}
        return pd.DataFrame(self.values(columns, len(data)), index=data.index, columns=list(self.names))

    def values(self, columns: Mapping[str, pd.Series[Any]], n: int) -> npt.NDArray[np.float64]:
        """Return the columns as an array (n, p), each in one piece."""
        values = np.empty((n, len(self.names)), order="F")
        shift = int(self.intercept)
        if shift:
            values[:, 0] = 1.0
        for i, name in enumerate(self.variables):
            values[:, i + shift] = columns[name].to_numpy(dtype=float)
        return values


def plain_columns(read: SumOfNames | None, columns: Mapping[str, pd.Series[Any]]) -> PlainColumns | None:
    """Return the recipe of a sum of numeric columns; None if formulaic must make it."""
    if read is None or not all(is_plain_number(name, columns) for name in read.names):
        return None
    return PlainColumns(read.intercept, read.names)
