"""Which columns of a frame a mixed model uses, and which of its rows.

One rule for missing values: a row is used when every column that the formula, the weights and the offset name has
a value in it; every other row is dropped and listed with the columns at fault.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from doublecode.analysis.mixed.checks import as_floats
from doublecode.analysis.mixed.formula import MixedFormula
from doublecode.analysis.mixed.plain_columns import is_sum_of_names, names_in, variables_of
from doublecode.schemas.errors import ContractError, FormulaError, NotEstimable, UsageError

Floats = npt.NDArray[np.float64]

ColumnOrArray = str | Sequence[float] | npt.NDArray[Any] | pd.Series | None

Columns = dict[str, "pd.Series[Any]"]


def required_columns(parsed: MixedFormula, fixed: str, data: pd.DataFrame, also: tuple[str, ...]) -> list[str]:
    """Columns of `data` that the model names, in the frame's order; refuse those that are absent."""
    factors = {factor for term in parsed.terms for factor in term.factors} | set(also)
    texts = [fixed.replace("~", "+"), *(term.expression for term in parsed.terms)]
    if all(is_sum_of_names(text) for text in texts):
        return _present(parsed, factors.union(*map(names_in, texts)), data)
    from formulaic import Formula
    from formulaic.errors import FormulaicError

    try:
        names = {str(v) for text in (fixed, *texts[1:]) for v in Formula(text).required_variables}
    except (FormulaicError, SyntaxError) as error:
        raise FormulaError(f"formulaic cannot read {parsed.source!r}: {error}") from error
    # formulaic does not report the variables inside center(), poly(), bs()
    inside = variables_of(" ".join(texts), data.columns)
    return _present(parsed, names | inside | factors, data)


def _present(parsed: MixedFormula, wanted: set[str], data: pd.DataFrame) -> list[str]:
    absent = sorted(wanted - {str(c) for c in data.columns})
    if absent:
        raise ContractError(
            f"{parsed.source!r} names {', '.join(map(repr, absent))}, which the data do not have; "
            f"columns are {', '.join(map(str, data.columns))}"
        )
    columns = [c for c in data.columns if str(c) in wanted]
    twice = sorted({c for c in columns if columns.count(c) > 1})
    if twice:
        raise ContractError(f"column {twice[0]!r} stands more than once in the data; rename one of them")
    return columns


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


def complete_rows(
    data: pd.DataFrame, columns: Columns, extra: dict[str, Floats]
) -> tuple[npt.NDArray[np.bool_], tuple[tuple[Any, str], ...]]:
    """Apply the one rule for missing values: (n_rows,) rows to keep, and (label, columns missing) of each other row."""
    missing = {}
    for name, column in columns.items():
        flags = _missing(column)
        if flags is not None:
            missing[name] = flags
    missing |= {name: np.isnan(values) for name, values in extra.items()}
    if len(data) and not missing:
        return np.ones(len(data), dtype=bool), ()
    bad = np.zeros(len(data), dtype=bool)
    for flags in missing.values():
        bad |= flags
    if len(data) == 0 or bad.all():
        worst = max(missing, key=lambda name: int(missing[name].sum()), default="")
        raise NotEstimable(
            f"none of the {len(data)} rows is complete"
            + (f"; column {worst!r} is missing in {int(missing[worst].sum())} of them" if len(data) else "")
        )
    where = np.flatnonzero(bad)
    causes = [", ".join(str(name) for name, flags in missing.items() if flags[i]) for i in where]
    return ~bad, tuple(zip(data.index[where].tolist(), causes, strict=True))


def _missing(column: pd.Series[Any]) -> npt.NDArray[np.bool_] | None:
    """(n,) where a column has no value; None if it has one everywhere."""
    if isinstance(column.dtype, np.dtype) and column.dtype.kind in "iub":
        return None
    flags = (
        np.isnan(column.to_numpy())
        if column.dtype.kind == "f" and isinstance(column.dtype, np.dtype)
        else column.isna().to_numpy()
    )
    return flags if flags.any() else None
