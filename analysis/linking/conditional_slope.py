"""The slope of a predictor that stands in interactions, at stated values of what it interacts with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import numpy as np

from doublecode.analysis.mixed.formula_columns import formula_columns
from doublecode.analysis.mixed.formula_names import quoted

if TYPE_CHECKING:
    import pandas as pd

    from doublecode.analysis.mixed.result import MixedResult


class Place(StrEnum):
    """Where the other variable of an interaction is held."""

    MEAN = "mean"
    OWN_MEAN = "mean by its making"
    FIRST_CODE = "first code"
    REFERENCE = "reference level"
    AVERAGE = "average over the rows"


@dataclass(frozen=True)
class Held:
    """One variable of an interaction and where it is held.

    Attributes
    ----------
    name : str
        The column; of a predictor split within and between patients the predictor.
    place : Place
    value : float
        In the units of the column of the model; NaN for a reference level.
    level : str
        The reference level.
    """

    name: str
    place: Place
    value: float
    level: str = ""


@dataclass(frozen=True, eq=False)
class ConditionalSlope:
    """A slope with its test, and the values at which it holds.

    Attributes
    ----------
    row : Series
        ``estimate, std_error, df, statistic, p_value, conf_low, conf_high``.
    held : tuple of Held
        Empty where the term stands in no interaction.
    """

    row: pd.Series[Any]
    held: tuple[Held, ...]


def conditional_slope(result: MixedResult, term: str, split: Sequence[str] = ()) -> ConditionalSlope:
    """Estimate the slope of `term` with the variables that it interacts with at their means.

    The slope is Σ β_k Π z over the terms k that hold the predictor, with each other factor z of k at a fixed value:
    its mean over the rows; 0 for parts within and between patients, which is the mean by their making; the lower
    code of a two-valued column; the reference level of a factor (Aiken & West 1991, chapter 2). Over a factor in sum
    coding, or a curve of several columns such as ``poly(age, 2)``, the slope is averaged over the rows. Its standard
    error and df are those of this linear combination.

    Parameters
    ----------
    result : MixedResult
    term : str
        A main effect, ``"he_within"``.
    split : sequence of str
        Predictors whose parts within and between are centred.

    Examples
    --------
    >>> import pandas as pd
    >>> from doublecode.analysis import fit_mixed
    >>> rng = np.random.default_rng(2)
    >>> data = pd.DataFrame({"g": np.repeat(range(12), 5), "x": rng.normal(size=60), "z": rng.normal(5, 1, 60)})
    >>> data["y"] = data["x"] * (data["z"] - 4) + rng.normal(size=60)
    >>> found = conditional_slope(fit_mixed("y ~ x * z + (1 | g)", data), "x")
    >>> bool(abs(found.held[0].value - data["z"].mean()) < 1e-12), round(float(found.row["estimate"]))
    (True, 1)
    """
    names = result.model.x_names
    weights = np.zeros(len(names))
    weights[names.index(term)] = 1.0
    held: dict[str, Held] = {}
    for at, name in enumerate(names):
        factors = name.split(":")
        if term not in factors or name == term:
            continue
        others = [_held(result, factor, split) for factor in factors if factor != term]
        weights[at] = np.prod([0.0 if one.place is Place.REFERENCE else one.value for one in others])
        held |= {one.name: one for one in others}
    row = result.contrast(weights[None, :]).iloc[0]
    return ConditionalSlope(row, tuple(held.values()))


def _held(result: MixedResult, factor: str, split: Sequence[str]) -> Held:
    """Where a factor of an interaction is held."""
    for name in split:
        if factor in (f"{name}_within", f"{name}_between"):
            return Held(name, Place.OWN_MEAN, 0.0)
    values = _values(result, factor)
    if "[" in factor:
        return _held_of_several(result, factor, float(values.mean()))
    codes = np.unique(values)
    if len(codes) == 2:
        return Held(factor, Place.FIRST_CODE, float(codes[0]))
    return Held(factor, Place.MEAN, float(values.mean()))


def _held_of_several(result: MixedResult, factor: str, mean: float) -> Held:
    """Where one of several columns of a factor or a curve is held: a dummy at its reference level, else the mean."""
    name, _, code = factor.rpartition("[")
    categories = result.model.fixed_spec.categories.get(name)
    coded = name if categories is None else categories.coded
    if categories is None or not code.startswith("T."):
        return Held(coded, Place.AVERAGE, mean)
    levels = (f"{level:g}" if isinstance(level, float) else str(level) for level in categories.levels)
    columns = set(result.model.x_names)
    return Held(coded, Place.REFERENCE, float("nan"), next(one for one in levels if f"{name}[T.{one}]" not in columns))


def _values(result: MixedResult, factor: str) -> np.ndarray[Any, np.dtype[np.float64]]:
    """A factor over the rows of the model: a column of its matrix, or of its frame."""
    if factor in result.model.x_names:
        return np.asarray(result.model.X[:, result.model.x_names.index(factor)], dtype=np.float64)
    frame = result.model.frame
    written = quoted(factor) if factor in frame.columns else factor
    return formula_columns(f"0 + {written}", frame)[0][:, 0]
