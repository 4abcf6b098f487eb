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
    rows = []
    for name in named_predictors(design, of):
        for contrast, high, low, divisor in contrast_pairs(design, name):
            effect = _effect(design, fit, link, high, low, divisor)
            rows.append((name, contrast, *_delta(fit, effect, conf_level)))
    columns = ["term", "contrast", "estimate", "std_error", "statistic", "p_value", "conf_low", "conf_high"]
    return pd.DataFrame(rows, columns=columns)


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
    if pd.api.types.is_numeric_dtype(column.dtype) and len(values) > 2:
        step = STEP * float(column.std(ddof=1))
        ends = [_X(design, frame.assign(**{name: column + sign * step})) for sign in (1.0, -1.0)]
        return [("d/dx", ends[0], ends[1], 2.0 * step)]
    categorical = isinstance(column.dtype, pd.CategoricalDtype)
    levels = [v for v in column.cat.categories if v in set(values)] if categorical else sorted(values)
    ends = [_X(design, frame.assign(**{name: _constant(column, level)})) for level in levels]
    return [(f"{level} − {levels[0]}", end, ends[0], 1.0) for level, end in zip(levels[1:], ends[1:], strict=True)]


def _constant(column: pd.Series[Any], level: Any) -> pd.Series[Any]:
    return pd.Series([level] * len(column), index=column.index).astype(column.dtype)


def _X(design: Design, frame: pd.DataFrame) -> Floats:  # noqa: N802
    return np.asarray(design.fixed_spec.get_model_matrix(frame), dtype=float)


def _effect(
    design: Design, fit: GeneralizedFit, link: Link, high: Floats, low: Floats, divisor: float
) -> Callable[[Floats], float]:
    """The average effect as a function of the engine's parameters."""
    known = 0.0 if design.offset is None else design.offset

    def effect(x: Floats) -> float:
        beta, variance = fit.beta_at(x), row_variances(design.terms, fit.covariances_at(x))
        means = [population_mean(known + X @ beta, variance, link).mean() for X in (high, low)]
        return float((means[0] - means[1]) / divisor)

    return effect


def _delta(fit: GeneralizedFit, effect: Callable[[Floats], float], conf_level: float) -> tuple[float, ...]:
    x = fit.end.point.x
    steps = DELTA * np.eye(len(x))
    slope = np.array([(effect(x + step) - effect(x - step)) / (2.0 * DELTA) for step in steps])
    value, error = effect(x), float(np.sqrt(slope @ fit.joint @ slope))
    statistic = value / error
    half = float(ndtri(0.5 + 0.5 * conf_level)) * error
    return value, error, statistic, float(2.0 * ndtr(-abs(statistic))), value - half, value + half
