"""Average marginal effects: how a predictor moves the probability or the count, over rows and random effects."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import ndtr, ndtri

from doublecode.analysis.mixed.design import Design
from doublecode.analysis.mixed.formula_names import variables_of
from doublecode.analysis.mixed.generalized.bare_fit import GeneralizedFit
from doublecode.analysis.mixed.generalized.links import Link
from doublecode.analysis.mixed.generalized.population import population_mean, row_variances
from doublecode.schemas.errors import UsageError
from doublecode.schemas.near_names import allowed

Floats = npt.NDArray[np.float64]

STEP, DELTA = 1e-4, 1e-4
"""Half the step of a derivative, as a share of the predictor's standard deviation; step of the delta method."""


def average_effects(
    design: Design, fit: GeneralizedFit, link: Link, of: str | Sequence[str], conf_level: float
) -> pd.DataFrame:
    """Frame term, contrast, estimate, std_error, statistic, p_value, conf_low, conf_high."""
    parts = []
    for name in named_predictors(design, of):
        for contrast, high, low, divisor in contrast_pairs(design, name):
            effect = _effect(design, fit, link, high, low, divisor)
            labels: dict[str, Any] = {"term": [name], "contrast": [contrast]}
            parts.append(pd.DataFrame(labels | wald_columns(*with_delta(effect, fit), conf_level)))
    return stacked(parts, ["term", "contrast"])


def stacked(parts: Sequence[pd.DataFrame], labels: list[str]) -> pd.DataFrame:
    """One frame of all effects; empty, with its columns, for a model without predictors."""
    if not parts:
        return pd.DataFrame(columns=[*labels, *wald_columns(np.zeros(0), np.zeros(0), 0.95)])
    return pd.concat(parts, ignore_index=True)


def named_predictors(design: Design, of: str | Sequence[str]) -> list[str]:
    """Predictors of the fixed part that are asked for; all of them if none is named."""
    known = sorted(variables_of(design.formula.fixed, design.frame.columns))
    names = [of] if isinstance(of, str) else list(of) or known
    for name in names:
        if name not in known:
            raise UsageError(f"average_effects: {name!r} is no predictor of the fixed part; {allowed(name, known)}.")
    return names


def contrast_pairs(design: Design, name: str) -> list[tuple[str, Floats, Floats, float]]:
    """Contrast, X (n, p) at its two ends, and the divisor of the difference."""
    frame, column = design.frame, design.frame[name]
    values = list(pd.unique(column))
    if is_number(design, name):
        step = STEP * float(column.std(ddof=1))
        ends = [_X(design, frame.assign(**{name: column + sign * step})) for sign in (1.0, -1.0)]
        return [("d/dx", ends[0], ends[1], 2.0 * step)]
    categorical = isinstance(column.dtype, pd.CategoricalDtype)
    levels = [v for v in column.cat.categories if v in set(values)] if categorical else sorted(values)
    ends = [_X(design, frame.assign(**{name: _constant(column, level)})) for level in levels]
    return [(f"{level} − {levels[0]}", end, ends[0], 1.0) for level, end in zip(levels[1:], ends[1:], strict=True)]


def is_number(design: Design, name: str) -> bool:
    """Whether a predictor varies as a number; two values, and what the formula makes categories, are levels."""
    column = design.frame[name]
    coded = {one.coded.strip("`") for one in design.fixed_spec.categories.values()}
    numeric = pd.api.types.is_numeric_dtype(column.dtype) and not pd.api.types.is_bool_dtype(column.dtype)
    return bool(numeric and column.nunique() > 2 and name not in coded)


def _constant(column: pd.Series[Any], level: Any) -> pd.Series[Any]:
    return pd.Series([level] * len(column), index=column.index).astype(column.dtype)


def _X(design: Design, frame: pd.DataFrame) -> Floats:  # noqa: N802
    return np.asarray(design.fixed_spec.get_model_matrix(frame), dtype=float)


def _effect(
    design: Design, fit: GeneralizedFit, link: Link, high: Floats, low: Floats, divisor: float
) -> Callable[[Floats], Floats]:
    """The average effect (1,) as a function of the engine's parameters."""
    known = 0.0 if design.offset is None else design.offset

    def effect(x: Floats) -> Floats:
        beta, variance = fit.beta_at(x), row_variances(design.terms, fit.covariances_at(x))
        means = [population_mean(known + X @ beta, variance, link).mean() for X in (high, low)]
        return np.array([(means[0] - means[1]) / divisor])

    return effect


def with_delta(function: Callable[[Floats], Floats], fit: GeneralizedFit) -> tuple[Floats, Floats]:
    """Value (m,) of a function of the engine's parameters and its standard errors by the delta method."""
    x = fit.end.point.x
    steps = DELTA * np.eye(len(x))
    J = np.array([(function(x + step) - function(x - step)) / (2.0 * DELTA) for step in steps])
    return function(x), np.sqrt(np.maximum(np.einsum("ki,kl,li->i", J, fit.joint, J), 0.0))


def wald_columns(estimate: Floats, se: Floats, conf_level: float) -> dict[str, Floats]:
    """Columns estimate, std_error, statistic, p_value, conf_low, conf_high of estimates (m,)."""
    with np.errstate(divide="ignore", invalid="ignore"):
        z = estimate / se
    reach = ndtri(0.5 + conf_level / 2.0) * se
    return {
        "estimate": estimate, "std_error": se, "statistic": z, "p_value": 2.0 * ndtr(-np.abs(z)),
        "conf_low": estimate - reach, "conf_high": estimate + reach,
    }  # fmt: skip
