"""What a design refuses by name before any number is made: text as outcome, terms inside the fixed part."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from doublecode.schemas.errors import ContractError, FormulaError, NotEstimable

if TYPE_CHECKING:
    from doublecode.analysis.mixed.design import Term

Floats = npt.NDArray[np.float64]

ABSORBED = 1e-9
"""Share of a column's length outside the fixed effects, under which they contain it."""


def as_floats(value: Any, what: str) -> Floats:
    """Return weights or an offset as floats, missing as NaN; refuse text, and an infinite offset, by name."""
    series = value if isinstance(value, pd.Series) else pd.Series(np.asarray(value))
    where = f"column {series.name!r} ({what})" if series.name is not None else what
    if not pd.api.types.is_numeric_dtype(series.dtype):
        for row, item in zip(series.index, series, strict=True):
            if not (pd.isna(item) or isinstance(item, int | float | np.number)):
                raise ContractError(
                    f"{where} holds {str(item)!r} in row {row}, which is no number; "
                    "correct it, or convert numbers kept as text with pandas.to_numeric"
                )
    array = np.asarray(series.to_numpy(dtype=float, na_value=np.nan), dtype=float)
    if what == "offset" and np.isinf(array).any():
        rows = ", ".join(map(str, series.index[np.isinf(array)][:5]))
        raise ContractError(
            f"{where} has {int(np.isinf(array).sum())} infinite values (row {rows}); correct them or set them missing"
        )
    return array


def refuse_text_outcome(response: str, columns: Mapping[str, pd.Series[Any]]) -> None:
    """Refuse an outcome column that holds text, categories or objects, with an example of what it holds."""
    column = columns.get(response.strip("`"))
    if column is None or pd.api.types.is_numeric_dtype(column.dtype) or column.dtype.kind in "mMc":
        return
    found = list(dict.fromkeys(map(str, column)))
    shown = ", ".join(map(repr, found[:3])) + (", …" if len(found) > 3 else "")
    raise FormulaError(
        f"outcome column {response!r} is of type {column.dtype} ({shown}), and a mixed model needs one numeric "
        f"outcome; if these are numbers kept as text, convert them with pandas.to_numeric(data[{response!r}])"
    )


def without_unused(
    columns: Mapping[str, pd.Series[Any]], predictors: Collection[str]
) -> tuple[dict[str, pd.Series[Any]], tuple[str, ...]]:
    """Drop the levels of categorical predictors that no row in use has, as R does, and say which."""
    out, notes = dict(columns), []
    for name, column in columns.items():
        if name not in predictors or not isinstance(column.dtype, pd.CategoricalDtype):
            continue
        used = column.cat.remove_unused_categories()
        gone = column.cat.categories.difference(used.cat.categories, sort=False)
        if len(gone):
            out[name] = used
            shown = ", ".join(map(str, gone[:5])) + (", …" if len(gone) > 5 else "")
            notes.append(f"{len(gone)} levels of {name!r} have no row in use and are left out ({shown})")
    return out, tuple(notes)


def refuse_absorbed(X: Floats, names: Sequence[str], terms: Sequence[Term]) -> None:
    """Refuse a random term whose every column the fixed effects contain: its variance leaves no trace.

    A term of q = levels × size columns lies in the span of X only if q ≤ p, so that wide terms cost nothing.
    """
    for term in terms:
        q = len(term.levels) * term.size
        if not 1 < q <= X.shape[1]:
            continue
        Z = np.zeros((len(X), q))
        for k in range(term.size):
            Z[np.arange(len(X)), term.codes * term.size + k] = term.Z[:, k]
        scaled = X / np.linalg.norm(X, axis=0)
        lengths = np.linalg.norm(Z, axis=0)
        left = np.linalg.norm(Z - scaled @ np.linalg.lstsq(scaled, Z, rcond=None)[0], axis=0)
        if (left <= ABSORBED * lengths).all():
            raise NotEstimable(
                f"the fixed effects ({', '.join(names[:8])}{', …' if len(names) > 8 else ''}) already give each level "
                f"of {term.group!r} its own coefficient, so the variance of {term.label} cannot be estimated; "
                f"take {term.group!r} out of the fixed part or {term.label} out of the random part"
            )
