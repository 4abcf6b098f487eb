"""Which columns of a frame a mixed model uses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from doublecode.analysis.mixed.checks import as_floats
from doublecode.analysis.mixed.formula import ModelFormula
from doublecode.analysis.mixed.formula_names import BARE_NAME, columns_among, mentions
from doublecode.schemas.errors import ContractError, UsageError
from doublecode.schemas.odd_columns import plain_column, refuse_odd_columns

Floats = npt.NDArray[np.float64]

ColumnOrArray = str | Sequence[float] | npt.NDArray[Any] | pd.Series | None

Columns = dict[str, "pd.Series[Any]"]

KEPT = int(pd.__version__.split(".")[0]) >= 3
"""Whether a column taken from a frame keeps its values when the frame is written to."""


def required_columns(
    parsed: ModelFormula, data: pd.DataFrame, also: tuple[str, ...], *, with_outcome: bool = True
) -> list[str]:
    """Columns of `data` that the model names, in the frame's order; refuse those that are absent."""
    named, bare = parsed.factors.union(also), parsed.bare_predictors
    if bare is not None and (not with_outcome or BARE_NAME.fullmatch(parsed.response)):
        return _present(parsed, named.union(bare, (parsed.response,) if with_outcome else ()), data)
    texts = [*([parsed.response] if with_outcome else []), *parsed.expressions]
    found, strays = columns_among(mentions(" + ".join(texts)), set(map(str, data.columns)))
    return _present(parsed, named.union(found, strays), data)


def _present(parsed: ModelFormula, wanted: frozenset[str], data: pd.DataFrame) -> list[str]:
    names = {str(name): name for name in data.columns.tolist()}
    if len(names) < data.shape[1]:
        refuse_odd_columns(data)
    absent = sorted(wanted.difference(names))
    if absent:
        raise ContractError(
            f"{parsed.text!r} names {', '.join(map(repr, absent))}, which the data do not have; "
            f"columns are {', '.join(map(str, data.columns))}"
        )
    return [name for text, name in names.items() if text in wanted]


def own_column(data: pd.DataFrame, name: Any) -> pd.Series[Any]:
    """One column as it stands now, whatever is written into the frame later: results read theirs long after the fit.

    Since pandas 3 a column of a frame keeps what it held when it was taken; before, it is copied.
    """
    column = plain_column(data, name)
    return column if KEPT else column.copy()


def all_finite(column: pd.Series[Any]) -> bool:
    """Whether a column is one of ordinary numbers, none of them missing or infinite."""
    dtype = column.dtype
    kind = dtype.kind if isinstance(dtype, np.dtype) else ""
    return kind in ("i", "u", "b") or (kind == "f" and bool(np.isfinite(column.to_numpy()).all()))


def extra_values(value: ColumnOrArray, what: str, data: pd.DataFrame) -> Floats | None:
    """Return weights or an offset (`what`) as (n_rows,) numbers, by name or as given; None if there are none."""
    if value is None:
        return None
    if isinstance(value, str):
        if value not in data.columns:
            raise ContractError(f"{what}={value!r} is not a column; columns are {', '.join(map(str, data))}")
        value = data[value]
    if np.shape(value) != (len(data),):
        raise UsageError(f"{what} must have one value per row, {len(data)}; found shape {np.shape(value)}")
    return as_floats(value, what)
