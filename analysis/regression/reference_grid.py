"""The reference grid: every combination of the levels of factors, numbers at their mean.

As in R's emmeans (Searle, Speed & Milliken 1980; Lenth 2016): a factor has its levels; a number of two values (a code)
has both; any other number has its mean over the rows of the model; `at` sets other values. What is averaged over is
averaged with equal weights.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import product
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from doublecode.schemas.errors import UsageError
from doublecode.schemas.near_names import allowed

if TYPE_CHECKING:
    import pandas as pd

    from doublecode.analysis.regression.linear_model import LinearModel

MOST_ROWS: Final = 50_000
"""Combinations beyond which a grid is refused."""


class Axis(StrEnum):
    """Where the values of a variable in the grid come from."""

    LEVELS = "levels of a factor"
    CODES = "both values"
    MEAN = "mean over the rows"
    GIVEN = "given"


@dataclass(frozen=True)
class GridAxis:
    """One variable of the grid: its name, its values, and where they come from."""

    name: str
    values: tuple[Any, ...]
    kind: Axis


@dataclass(frozen=True, eq=False)
class ReferenceGrid:
    """The grid of a model.

    Attributes
    ----------
    axes : tuple of GridAxis
        In the order of the columns of the frame.
    frame : DataFrame
        (G, n_axes) one row per combination.
    """

    axes: tuple[GridAxis, ...]
    frame: pd.DataFrame

    def axis(self, name: str) -> GridAxis:
        """The axis of a variable; ``UsageError`` where the model has none of that name."""
        for one in self.axes:
            if one.name == name:
                return one
        said = allowed(name, [axis.name for axis in self.axes])
        raise UsageError(f"marginal_means: {name!r} is no predictor of the model; {said}.")

    def averaging(self, names: Sequence[str]) -> tuple[pd.DataFrame, np.ndarray[Any, np.dtype[np.float64]]]:
        """Combinations of the levels of `names`, and the (K, G) equal weights that average over all else."""
        import pandas as pd

        cells = list(product(*(self.axis(name).values for name in names)))
        weights = np.ones((len(cells), len(self.frame)))
        for place, name in enumerate(names):
            column = self.frame[name].to_numpy(dtype=object)
            weights *= np.array([[value == cell[place] for value in column] for cell in cells], dtype=float)
        labels = {name: [cell[place] for cell in cells] for place, name in enumerate(names)}
        return pd.DataFrame(labels, columns=list(names), index=range(len(cells))), weights / weights.sum(
            axis=1, keepdims=True
        )


def reference_grid(model: LinearModel, at: Mapping[str, Any] | None = None) -> ReferenceGrid:
    """Lay out the grid of a model.

    Raises
    ------
    UsageError
        `at` names no predictor, a value that is no level or no finite number, or no value; the grid has more than
        50,000 rows.
    """
    import pandas as pd

    given = {str(name).strip("`"): _listed(name, values) for name, values in (at or {}).items()}
    stray = [name for name in given if name not in model.variables]
    if stray:
        said = allowed(stray[0], model.variables)
        raise UsageError(f"marginal_means: at names {stray[0]!r}, which is no predictor of the model; {said}.")
    axes = tuple(_axis(model, name, given.get(name)) for name in model.variables)
    size = int(np.prod([float(len(one.values)) for one in axes]))
    if size > MOST_ROWS:
        widest = max(axes, key=lambda one: len(one.values))
        raise UsageError(
            f"marginal_means: the reference grid has {size:,} rows, more than {MOST_ROWS:,}; hold {widest.name!r} "
            f"({len(widest.values)} levels) at some of them with at=."
        )
    rows = list(product(*(one.values for one in axes)))
    frame = pd.DataFrame({one.name: _typed([row[i] for row in rows], model.frame[one.name])
                          for i, one in enumerate(axes)}, index=range(len(rows)))  # fmt: skip
    return ReferenceGrid(axes, frame)


def _listed(name: str, values: Any) -> tuple[Any, ...]:
    """The values of one entry of `at`, one or several, each once."""
    several = isinstance(values, Sequence | np.ndarray) and not isinstance(values, str)
    found = (
        tuple(dict.fromkeys(values.tolist() if isinstance(values, np.ndarray) else values)) if several else (values,)
    )
    if not found:
        raise UsageError(f"marginal_means: at[{name!r}] holds no value; give one or several.")
    return found


def _typed(values: list[Any], like: pd.Series[Any]) -> pd.Series[Any]:
    """Values of a column as a column of the type that the model was fitted with."""
    import pandas as pd

    if isinstance(like.dtype, pd.CategoricalDtype):
        return pd.Series(pd.Categorical(values, categories=like.cat.categories))
    if pd.api.types.is_bool_dtype(like.dtype):
        return pd.Series(values, dtype=bool)
    if pd.api.types.is_numeric_dtype(like.dtype):
        return pd.Series(values, dtype=float)
    return pd.Series(values, dtype=object)


def _axis(model: LinearModel, name: str, given: tuple[Any, ...] | None) -> GridAxis:
    import pandas as pd

    column = model.frame[name]
    levels = _levels(model, name)
    if levels is None and not pd.api.types.is_numeric_dtype(column.dtype):
        levels = tuple(sorted(pd.unique(np.asarray(column, dtype=object)), key=str))
    if given is not None:
        return GridAxis(name, _allowed(name, given, levels), Axis.GIVEN)
    if levels is not None:
        return GridAxis(name, levels, Axis.LEVELS)
    values = np.asarray(column, dtype=float)
    codes = np.unique(values)
    if len(codes) <= 2:
        own = bool if pd.api.types.is_bool_dtype(column.dtype) else _plain
        return GridAxis(name, tuple(own(code) for code in codes), Axis.CODES)
    return GridAxis(name, (float(values.mean()),), Axis.MEAN)


def _plain(code: float) -> float:
    return int(code) if float(code).is_integer() else float(code)


def _levels(model: LinearModel, name: str) -> tuple[Any, ...] | None:
    """Levels of a variable that the formula takes as a factor; None where it takes it as a number."""
    for coded, levels in model.recipe.categories.values():
        if coded.strip("`") == name:
            return tuple(level.item() if isinstance(level, np.generic) else level for level in levels)
    return None


def _allowed(name: str, given: tuple[Any, ...], levels: tuple[Any, ...] | None) -> tuple[Any, ...]:
    """Values of `at` that the model can be asked at."""
    for value in given:
        if levels is not None:
            if value not in levels:
                raise UsageError(
                    f"marginal_means: at[{name!r}] is {value!r}; {allowed(str(value), list(map(str, levels)))}."
                )
        elif isinstance(value, str) or not isinstance(value, int | float | np.number) or not np.isfinite(value):
            raise UsageError(f"marginal_means: at[{name!r}] is {value!r}; {name} holds numbers, so give finite ones.")
    return given
