"""Predictions and simulated outcomes at every level, for groups seen and new."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from doublecode.analysis.mixed.design import Design, Floats, Term
from doublecode.analysis.mixed.optimise import lower_factor
from doublecode.analysis.mixed.plain import variables_of
from doublecode.schemas.errors import ContractError, UsageError

Level = str | Sequence[str]


def chosen_groups(design: Design, level: Level) -> set[str]:
    """Grouping factors whose effects enter: ``"all"``, ``"population"``, or names."""
    known = set(design.n_groups)
    if level == "all":
        return known
    if level == "population":
        return set()
    names = {level} if isinstance(level, str) else set(level)
    if not names <= known:
        raise UsageError(
            f"level={level!r}: {', '.join(sorted(names - known))} is no grouping factor of this model; "
            f"use 'population', 'all' or any of {', '.join(sorted(known))}"
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
    eta = _columns(design.fixed_spec, design.formula.fixed, data, len(design.x_names)) @ beta
    for term, b in zip(design.terms, modes, strict=True):
        if term.group in groups:
            Z, codes = _columns(term.spec, term.random.expression, data, term.size), match_levels(term, data)
            effect = np.vstack([b, np.zeros((1, term.size))])[codes]
            eta = eta + np.where(codes < 0, 0.0, (Z * effect).sum(axis=1))
    return np.asarray(eta)


def match_levels(term: Term, data: pd.DataFrame) -> npt.NDArray[np.intp]:
    """(n,) level number of each row, −1 for a group that the fit has not seen."""
    factors = term.random.factors
    if len(factors) == 1:
        return np.asarray(term.levels.get_indexer(pd.Index(data[factors[0]])))
    parts = zip(*(data[factor] for factor in factors), strict=True)
    labels = [":".join(map(str, values)) for values in parts]
    return np.asarray(term.levels.get_indexer(pd.Index(labels)))


def _columns(spec: Any, text: str, data: pd.DataFrame, width: int) -> Floats:
    if spec is None:
        return np.ones((len(data), width))
    wanted = variables_of(text, data.columns)
    complete = data[[c for c in data.columns if str(c) in wanted]].notna().all(axis=1).to_numpy()
    out = np.full((len(data), width), np.nan)
    if complete.any():
        part = data[complete]
        _refuse_new_categories(spec, part)
        out[complete] = np.asarray(spec.get_model_matrix(part, na_action="ignore"), dtype=float)
    return np.asarray(out)


def _refuse_new_categories(spec: Any, data: pd.DataFrame) -> None:
    """Refuse levels of a categorical predictor that the fit has not seen; they have no coefficient."""
    for factor, (kind, state) in getattr(spec, "encoder_state", {}).items():
        name = str(factor).removeprefix("C(").split(",")[0].rstrip(")").strip("` ")
        if "categorical" not in str(kind).lower() or name not in data.columns:
            continue
        known = set(state.get("categories", ()))
        new = [value for value in data[name].unique() if known and value not in known]
        if new:
            raise ContractError(
                f"column {name!r} of the new data has {', '.join(map(repr, new))}, which the fit has not seen; "
                f"its levels are {', '.join(map(repr, state['categories']))}"
            )


def _check_columns(design: Design, groups: set[str], data: pd.DataFrame) -> None:
    needed = variables_of(design.formula.fixed, design.frame.columns)
    for term in design.terms:
        if term.group in groups:
            needed |= set(term.random.factors) | variables_of(term.random.expression, design.frame.columns)
    absent = sorted(needed - set(map(str, data.columns)))
    if absent:
        raise ContractError(f"the new data lack {', '.join(map(repr, absent))}, which the model uses")


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
        drawn = rng.standard_normal((len(term.levels), n, term.size)) @ lower_factor(V).T
        for k in range(term.size):
            out += term.Z[:, k, None] * drawn[term.codes, :, k]
    return np.asarray(out)
