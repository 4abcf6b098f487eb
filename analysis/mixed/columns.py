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

Floats = npt.NDArray[np.float64]

ColumnOrArray = str | Sequence[float] | npt.NDArray[Any] | pd.Series | None

Columns = dict[str, "pd.Series[Any]"]


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
    absent = sorted(wanted - {str(c) for c in data.columns})
    if absent:
        raise ContractError(
            f"{parsed.text!r} names {', '.join(map(repr, absent))}, which the data do not have; "
            f"columns are {', '.join(map(str, data.columns))}"
        )
    return [c for c in data.columns if str(c) in wanted]  # each once: as_pandas refuses a name over two columns


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
