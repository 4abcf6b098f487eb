"""What is pooled: effects, variances, moderators and labels as they were given, checked row by row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from doublecode.analysis.meta_analysis.heterogeneity import Effects, Floats
from doublecode.analysis.mixed.checks import refuse_text_numbers
from doublecode.analysis.mixed.formula import parse_formula
from doublecode.analysis.mixed.formula_columns import FormulaColumns, formula_columns
from doublecode.analysis.mixed.formula_names import quoted, variables_of
from doublecode.analysis.mixed.model_rows import require_columns
from doublecode.schemas.errors import ContractError, DuplicateError, FormulaError, NotEstimable, UsageError
from doublecode.schemas.frames import as_pandas
from doublecode.schemas.results import is_missing

if TYPE_CHECKING:
    from narwhals.typing import IntoDataFrame

CALLER: Final = "pool"
ALREADY_POOLED: Final = "pooled_estimate"
"""Column of results that were pooled by others."""
Given = str | Sequence[Any] | npt.NDArray[Any] | pd.Series
Moderators = str | pd.DataFrame | pd.Series | Mapping[str, Any] | None


@dataclass(frozen=True, eq=False)
class Inputs:
    """What is pooled.

    Attributes
    ----------
    effects : Effects
    terms : tuple of str
        Names of the columns of ``effects.X``.
    studies : DataFrame
        One row per effect in use: ``label``, ``estimate``, ``variance``, ``study`` (who belongs together).
    dropped : list of dict
        Rows left out: ``row``, ``label``, ``missing``.
    n_given : int
    formula : str
    recipe : FormulaColumns or None
        How the formula makes columns of other rows; None without moderators.
    """

    effects: Effects
    terms: tuple[str, ...]
    studies: pd.DataFrame
    dropped: list[dict[str, Any]]
    n_given: int
    formula: str
    recipe: FormulaColumns | None


def read_inputs(
    estimates: Given,
    variances: Given,
    moderators: Moderators,
    labels: Given | None,
    studies: Given | None,
    data: pd.DataFrame | IntoDataFrame | None,
) -> Inputs:
    """Bring what was given into one frame, refuse what cannot be, and leave out by name what lacks a value.

    Raises
    ------
    UsageError, ContractError, DuplicateError, FormulaError, NotEstimable
    """
    frame = None if data is None else as_pandas(data)
    y = _column(estimates, frame, "estimates", None)
    v = _column(variances, frame, "variances", y)
    text, values = _moderators(moderators, frame, y)
    table = pd.DataFrame({"row": y.index})  # counted from 0, since labels of rows may stand twice
    table["estimate"] = _numbers(y, "estimates", estimates)
    table["variance"] = _numbers(v, "variances", variances)
    table["study"] = _names(studies, frame, y, "studies")
    table["label"] = table["study"] if labels is None and studies is not None else _names(labels, frame, y, "labels")
    given = {"estimate": estimates, "variance": variances}
    said = {name: one if isinstance(one, str) else name for name, one in given.items()}
    _refuse_impossible(table, given)
    kept, dropped = _complete(table, values, said)
    held = table[kept]
    if studies is None and labels is not None:
        _refuse_twice(held)
    _refuse_constant(values[kept])
    X, recipe = _matrix(text, values[kept].infer_objects())
    terms = ("Intercept",) if recipe is None else recipe.names
    effects = Effects(held["estimate"].to_numpy(float), held["variance"].to_numpy(float), X)
    _refuse_too_few(effects, terms)
    return Inputs(effects, terms, held.set_index("row").rename_axis(None), dropped, len(table), text, recipe)


def _column(given: Given, frame: pd.DataFrame | None, name: str, like: pd.Series[Any] | None) -> pd.Series[Any]:
    if isinstance(given, str):
        if given == ALREADY_POOLED:
            raise UsageError(
                f"{CALLER}: {given!r} holds pooled results of meta-analyses, which share studies with one another; "
                "they are lines to hold a result against (published_effects, beside_published) and are not pooled."
            )
        if frame is None:
            raise UsageError(f"{CALLER}: {name} is {given!r}, the name of a column; give the frame as data=.")
        require_columns(frame, [given], CALLER)
        return frame[given]
    values = given if isinstance(given, pd.Series) else pd.Series(np.asarray(given).reshape(-1))
    if not isinstance(given, pd.Series) and like is not None and len(values) == len(like):
        values.index = like.index
    if like is not None and len(values) != len(like):
        raise UsageError(f"{CALLER}: there are {len(like)} estimates and {len(values)} {name}; give one for each.")
    if like is not None and not values.index.equals(like.index):
        raise UsageError(f"{CALLER}: the rows of {name} are labelled otherwise than those of the estimates.")
    return values


def _numbers(values: pd.Series[Any], name: str, given: Given) -> Floats:
    said = given if isinstance(given, str) else name
    if values.dtype.kind in "iuf":
        return values.to_numpy(dtype=float, na_value=np.nan)
    numbers = pd.to_numeric(values, errors="coerce").to_numpy(dtype=float, na_value=np.nan)
    for row, text, number in zip(values.index, values, numbers, strict=True):
        if not is_missing(text) and (np.isnan(number) or isinstance(text, (bool, np.bool_))):
            raise ContractError(f"{CALLER}: {said}, row {row}: found {text!r}, allowed a number or nothing.")
    return numbers


def _names(given: Given | None, frame: pd.DataFrame | None, like: pd.Series[Any], name: str) -> list[str]:
    if given is None:
        plain = like.index.equals(pd.RangeIndex(len(like)))
        return [f"Study {one + 1}" for one in range(len(like))] if plain else [f"Row {row}" for row in like.index]
    values = _column(given, frame, name, like)
    for row, value in zip(values.index, values, strict=True):
        if is_missing(value) or not str(value).strip():
            said = given if isinstance(given, str) else name
            raise ContractError(f"{CALLER}: {said}, row {row}: there is no name; every effect needs one.")
    whole = values.dtype.kind == "f" and bool((values == values.round()).all())
    return list((values.astype(int) if whole else values).astype(str))


def _moderators(given: Moderators, frame: pd.DataFrame | None, like: pd.Series[Any]) -> tuple[str, pd.DataFrame]:
    """The formula, and the columns that it speaks of."""
    if given is None:
        return "1", pd.DataFrame(index=range(len(like)))
    if isinstance(given, str):
        text = given.partition("~")[2] if "~" in given else given
        if parse_formula(f"effect ~ {text}").terms:
            raise FormulaError(f"{CALLER}: moderators {given!r} has a random term; name the studies as studies=.")
        if frame is None:
            raise UsageError(f"{CALLER}: moderators is {given!r}, a formula; give the frame as data=.")
        return text, frame[sorted(variables_of(text, frame.columns))].reset_index(drop=True)
    if isinstance(given, pd.Series):
        given = given.to_frame(given.name or "moderator")
    found = {str(name): _column(one, None, str(name), like) for name, one in given.items()}
    values = pd.DataFrame({name: one.reset_index(drop=True) for name, one in found.items()})
    return " + ".join(map(quoted, values.columns)) or "1", values


def _refuse_impossible(table: pd.DataFrame, given: Mapping[str, Given]) -> None:
    said = {name: repr(one) if isinstance(one, str) else f"the {name}" for name, one in given.items()}
    for name in ("estimate", "variance"):
        for row in table.index[np.isinf(table[name])]:
            raise ContractError(f"{CALLER}: {_place(table, row)}: {said[name]} is infinite.")
    for row in table.index[table["variance"] <= 0]:
        raise ContractError(
            f"{CALLER}: {_place(table, row)}: {said['variance']} is {table.loc[row, 'variance']:g}; a sampling "
            "variance is above 0, or the study would outweigh all others. Correct it, or leave the study out."
        )


def _place(table: pd.DataFrame, at: Any) -> str:
    return f"row {table.loc[at, 'row']} ({table.loc[at, 'label']})"


def _complete(
    table: pd.DataFrame, values: pd.DataFrame, said: dict[str, str]
) -> tuple[npt.NDArray[np.bool_], list[dict[str, Any]]]:
    lacks = pd.concat([table[["estimate", "variance"]].rename(columns=said), values], axis=1).isna()
    dropped = [
        {"row": table.loc[at, "row"], "label": table.loc[at, "label"],
         "missing": [str(name) for name in lacks.columns[lacks.loc[at]]]}
        for at in table.index[lacks.any(axis=1)]
    ]  # fmt: skip
    return ~lacks.any(axis=1).to_numpy(), dropped


def _refuse_twice(table: pd.DataFrame) -> None:
    twice = table[table["label"].duplicated(keep=False)]
    if len(twice):
        name = twice["label"].iloc[0]
        rows = ", ".join(str(row) for row in twice.loc[twice["label"] == name, "row"])
        raise DuplicateError(
            f"{CALLER}: {name!r} stands in rows {rows}. Two studies need two labels; several effects of one study are "
            "not independent, so name the study as studies= (--studies)."
        )


def _refuse_constant(values: pd.DataFrame) -> None:
    for name in values.columns:
        if len(values) > 1 and values[name].nunique() < 2:
            raise NotEstimable(
                f"{CALLER}: {name} is {values[name].iloc[0]} in all studies in use, so effects cannot differ by it."
            )


def _matrix(text: str, values: pd.DataFrame) -> tuple[Floats, FormulaColumns | None]:
    if text.strip() == "1":
        return np.ones((len(values), 1)), None
    refuse_text_numbers({str(name): values[name] for name in values.columns}, parse_formula(f"effect ~ {text}").roles)
    return formula_columns(text, values)


def _refuse_too_few(effects: Effects, terms: tuple[str, ...]) -> None:
    k, p = effects.X.shape
    if k < 2:
        found = "no study has" if k == 0 else "one study has"
        raise NotEstimable(f"{CALLER}: {found} an estimate and a variance; two are the least that can be pooled.")
    if p > 1 and k < p + 1:
        raise NotEstimable(f"{CALLER}: {k} effects cannot carry {p} coefficients ({', '.join(terms)}).")
    scale = np.linalg.norm(effects.X, axis=0)
    if (scale == 0).any() or np.linalg.matrix_rank(effects.X / np.where(scale > 0, scale, 1.0)) < p:
        raise NotEstimable(
            f"{CALLER}: the coefficients {', '.join(terms)} are not told apart by these studies; one of them "
            "follows from others."
        )
