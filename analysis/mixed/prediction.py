"""Predictions and simulated outcomes at every level, for groups seen and new."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from doublecode.analysis.mixed.checks import as_floats
from doublecode.analysis.mixed.design import Design, Floats, Term
from doublecode.analysis.mixed.engine.optimise import lower_factor
from doublecode.analysis.mixed.formula_columns import formula_columns
from doublecode.analysis.mixed.formula_names import variables_of
from doublecode.analysis.results.complete_rows import has_all
from doublecode.schemas.errors import ContractError, UsageError

Random = str | Sequence[str]
"""Whose random effects enter: ``"all"``, ``"none"``, or names of grouping factors."""


class Source(StrEnum):
    """Where weights or an offset come from that are no column."""

    VALUES = "given as values"


def chosen_groups(design: Design, random: Random) -> set[str]:
    """Grouping factors whose effects enter: ``"all"``, ``"none"``, or names."""
    known = set(design.n_groups)
    if random == "all":
        return known
    if random == "none":
        return set()
    names = {name.strip("`") for name in ((random,) if isinstance(random, str) else random)}
    if not names <= known:
        raise UsageError(
            f"random={random!r}: {', '.join(sorted(names - known))} is no grouping factor of this model; "
            f"use 'none', 'all' or any of {', '.join(sorted(known))}"
        )
    return names


def linear_predictor(
    design: Design, beta: Floats, modes: Sequence[Floats], groups: set[str], data: pd.DataFrame | None
) -> Floats:
    """Fixed part plus the modes of `groups`; a new or missing group adds 0. NaN where a predictor is missing."""
    if data is None:
        eta = design.X @ beta + (0.0 if design.offset is None else design.offset)
        for term, b in zip(design.terms, modes, strict=True):
            if term.group in groups:
                eta = eta + (term.Z * b[term.codes]).sum(axis=1)
        return np.asarray(eta)
    _check_columns(design, groups, data)
    eta = columns_of_new_rows(design.fixed_spec, design.formula.fixed, data, len(design.x_names)) @ beta
    for term, b in zip(design.terms, modes, strict=True):
        if term.group in groups:
            Z, codes = (
                columns_of_new_rows(term.spec, term.random.expression, data, term.size),
                match_levels(term, design.frame, data),
            )
            effect = np.vstack([b, np.zeros((1, term.size))])[codes]
            eta = eta + np.where(codes < 0, 0.0, (Z * effect).sum(axis=1))
    return np.asarray(eta)


def known_part(fitted_with: str | None, data: pd.DataFrame | None, given: Any) -> Floats | None:
    """(n,) offset of new rows: `given`, else the column that the model was fitted with; None without any."""
    if data is None:
        if given is not None:
            raise UsageError("predict: offset= belongs to new data; the rows in use keep the offset of the fit")
        return None
    if given is not None:
        if np.shape(given) != (len(data),):
            raise UsageError(f"predict: offset needs one value per row, {len(data)}; found shape {np.shape(given)}")
        return as_floats(given, "offset")
    if fitted_with is None:
        return None
    if fitted_with is Source.VALUES or fitted_with not in data.columns:
        source = "values" if fitted_with is Source.VALUES else f"column {fitted_with!r}, which the new data lack"
        raise UsageError(f"predict: the model was fitted with an offset ({source}); give offset=, zeros for none")
    return as_floats(data[fitted_with], "offset")


def match_levels(term: Term, frame: pd.DataFrame, data: pd.DataFrame) -> npt.NDArray[np.intp]:
    """(n,) level number of each row of `data`, −1 for a group that the fit has not seen.

    `frame` holds the rows of the fit, in the order of `term.codes`. The columns of a factor ``a:b`` are
    matched one by one, so that 3 is 3.0 and labels that contain a colon cannot be confused.
    """
    seen, new = np.zeros(len(frame), dtype=np.intp), np.zeros(len(data), dtype=np.intp)
    for factor in term.random.factors:
        values = pd.Index(pd.unique(np.asarray(frame[factor])))
        found = values.get_indexer(pd.Index(np.asarray(data[factor])))
        _refuse_other_type(factor, values, data[factor], found)
        seen = seen * len(values) + values.get_indexer(pd.Index(np.asarray(frame[factor])))
        new = np.where((new < 0) | (found < 0), -1, new * len(values) + found)
    keys, first = np.unique(seen, return_index=True)
    at = np.minimum(np.searchsorted(keys, new), len(keys) - 1)
    return np.asarray(np.where(keys[at] == new, term.codes[first[at]], -1), dtype=np.intp)


def _refuse_other_type(factor: str, levels: pd.Index, column: pd.Series[Any], found: npt.NDArray[np.intp]) -> None:
    """Refuse labels that look like those of the fit but are of another type, ``'3'`` for 3."""
    strange = column[(found < 0) & column.notna().to_numpy()]
    known = set(map(str, levels))
    for value in pd.unique(np.asarray(strange)):
        if str(value) in known:
            example = next(level for level in levels if str(level) == str(value))
            raise ContractError(
                f"grouping column {factor!r} of the new data holds {value!r} ({type(value).__name__}), the fit "
                f"{example!r} ({type(example).__name__}): the same label as another type; convert the column, "
                f"as in data[{factor!r}].astype({'str' if isinstance(example, str) else 'int'!r})"
            )


def columns_of_new_rows(spec: Any, text: str, data: pd.DataFrame, width: int) -> Floats:
    """Columns (n, width) of a fitted formula at other rows; NaN where a value is missing, new categories refused."""
    if spec is None:
        return np.ones((len(data), width))
    wanted = variables_of(text, data.columns)
    complete = has_all(data, [c for c in data.columns if str(c) in wanted], len(data))
    out = np.full((len(data), width), np.nan)
    if complete.any():
        part = data[complete]
        _refuse_new_categories(spec, part)
        out[complete] = np.asarray(spec.get_model_matrix(part), dtype=float)
    return np.asarray(out)


def _refuse_new_categories(spec: Any, data: pd.DataFrame) -> None:
    """Refuse levels of a categorical predictor that the fit has not seen; they have no coefficient."""
    for factor, (coded, levels) in spec.categories.items():
        name = coded.strip("`")
        if name in data.columns:
            what, values = f"column {name!r}", data[name].unique()
        else:
            own = formula_columns(f"0 + C({coded})", data)[1].categories.values()
            what, values = f"the part {factor!r}", next(iter(own)).levels
        new = [value for value in values if levels and value not in set(levels)]
        if new:
            raise ContractError(
                f"{what} of the new data has {', '.join(map(repr, new))}, which the fit has not seen; "
                f"its levels are {', '.join(map(repr, levels))}"
            )


def _check_columns(design: Design, groups: set[str], data: pd.DataFrame) -> None:
    if not isinstance(data, pd.DataFrame):
        raise UsageError(f"predict: new data must be a pandas DataFrame, not {type(data).__name__}")
    needed = variables_of(design.formula.fixed, design.frame.columns)
    predictors = set(needed)
    for term in design.terms:
        if term.group in groups:
            predictors |= variables_of(term.random.expression, design.frame.columns)
            needed |= set(term.random.factors) | predictors
    absent = sorted(needed - set(map(str, data.columns)))
    if absent:
        raise ContractError(f"the new data lack {', '.join(map(repr, absent))}, which the model uses")
    for name in sorted(needed):
        if list(data.columns).count(name) > 1:
            raise ContractError(f"column {name!r} stands more than once in the new data; rename one of them")
        if name not in predictors or not pd.api.types.is_numeric_dtype(design.frame[name].dtype):
            continue
        new = data[name].dropna()
        if len(new) and not pd.api.types.is_numeric_dtype(new.dtype):
            raise ContractError(
                f"column {name!r} of the new data is of type {new.dtype} (such as {str(new.iloc[0])!r}), in the fit "
                "it held numbers; convert it with pandas.to_numeric"
            )


def simulate_outcomes(
    design: Design,
    beta: Floats,
    modes: Sequence[Floats],
    covariances: Sequence[Floats],
    sigma2: float,
    *,
    n: int,
    seed: int,
    groups: set[str],
    colour: Callable[[Design, Floats], Floats] | None = None,
) -> Floats:
    """(rows, n) outcomes with new residuals; effects of `groups` as estimated, all others drawn anew.

    `colour` gives independent draws the residual structure of a whitened model.
    """
    rng = np.random.default_rng(seed)
    known = linear_predictor(design, beta, modes, groups, None)
    noise = rng.standard_normal((design.nobs, n))
    if colour is not None:
        noise = colour(design, noise)
    elif design.weights is not None:
        noise = noise / np.sqrt(design.weights)[:, None]
    out = known[:, None] + noise * np.sqrt(sigma2)
    for term, V in zip(design.terms, covariances, strict=True):
        if term.group in groups:
            continue
        drawn = rng.standard_normal((term.n_levels, n, term.size)) @ lower_factor(V).T
        for k in range(term.size):
            out += term.Z[:, k, None] * drawn[term.codes, :, k]
    return np.asarray(out)
