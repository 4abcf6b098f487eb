"""Sums of plain numeric columns, without the cost of a formula parser.

``"x + z"`` over numeric columns gives the same columns and names as formulaic, an
intercept included unless ``0`` or ``-1`` takes it out; everything else is left to formulaic.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

_SUM = re.compile(r"\s*[+-]?\s*(?:[^\W\d]\w*|[01])(?:\s*(?:\+\s*(?:[^\W\d]\w*|[01])|-\s*1))*\s*")
_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"")
_NAME = re.compile(r"`([^`]+)`|(?<![\w.])([^\W\d]\w*)(?!\w|\s*\()")
_PIECE = re.compile(r"([+-]?)\s*([^\W\d]\w*|[01])")


def is_sum_of_names(text: str) -> bool:
    """Whether `text` is a sum of bare names, ``1``, ``0`` and ``-1``."""
    return _SUM.fullmatch(text) is not None and not text.lstrip().startswith("-")


def names_in(text: str) -> set[str]:
    """Return the names of such a sum."""
    return {name for _, name in _PIECE.findall(text) if name not in "01"}


def variables_of(text: str, columns: Iterable[object]) -> set[str]:
    """Return the columns that an expression names, inside function calls too."""
    found = _NAME.findall(_QUOTED.sub("", text))
    return {quoted or bare for quoted, bare in found} & set(map(str, columns))


def is_plain_number(name: str, columns: Mapping[str, pd.Series[Any]]) -> bool:
    """Whether `name` is a column of ordinary floats or integers."""
    return name in columns and _is_number(columns[name])


def _is_number(column: pd.Series[Any]) -> bool:
    return isinstance(column.dtype, np.dtype) and column.dtype.kind in "fiu"


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

    def get_model_matrix(self, data: pd.DataFrame, na_action: str = "ignore") -> pd.DataFrame:
        """Evaluate the columns on `data`; missing values stay missing."""
        columns = {name: data[name] for name in self.variables}
        return pd.DataFrame(self.values(columns, len(data)), index=data.index, columns=list(self.names))

    def values(self, columns: Mapping[str, pd.Series[Any]], n: int) -> npt.NDArray[np.float64]:
        """Return the columns as an array (n, p)."""
        values = np.empty((n, len(self.names)))
        shift = int(self.intercept)
        if shift:
            values[:, 0] = 1.0
        for i, name in enumerate(self.variables):
            values[:, i + shift] = columns[name].to_numpy(dtype=float)
        return values


def plain_columns(text: str, columns: Mapping[str, pd.Series[Any]]) -> PlainColumns | None:
    """Read a sum of numeric columns; None if formulaic must read it."""
    if not is_sum_of_names(text):
        return None
    intercept, variables = True, []
    for sign, name in _PIECE.findall(text):
        if name in "01":
            intercept = (name == "1") == (sign != "-")
        elif not is_plain_number(name, columns):
            return None
        elif name not in variables:
            variables.append(name)
    return PlainColumns(intercept, tuple(variables))
