"""Wald and profile limits of all parameters of a generalised fit, named."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, get_args

import numpy as np

from doublecode.analysis.mixed.design import Design
from doublecode.analysis.mixed.generalized.bare_fit import GeneralizedFit
from doublecode.analysis.mixed.generalized.ordinal_answers import threshold_names
from doublecode.analysis.mixed.generalized.ordinal_fit import OrdinalFit
from doublecode.analysis.mixed.generalized.ordinal_outcome import OrdinalOutcome
from doublecode.analysis.mixed.generalized.profiled_parameters import (
    Profiled,
    coefficient,
    drawn_in,
    log_dispersion,
    standard_deviation,
    threshold,
)
from doublecode.analysis.mixed.generalized.profiles import profile_limits
from doublecode.analysis.mixed.generalized.response import Outcome
from doublecode.schemas.errors import UsageError

Parameters = Literal["all", "fixed", "variances"]
Row = tuple[str, str, str, float, float, float, str]
Limits = tuple[float, float, float]


@dataclass(frozen=True)
class Named:
    """A parameter by its names, and what makes it ready to be held."""

    parameter: Literal["fixed", "threshold", "sd", "dispersion"]
    group: str
    term: str
    make: Callable[[Any], Profiled]

    def profile(self, fit: GeneralizedFit, within: GeneralizedFit, quantile: float) -> Limits:
        """Estimate and profile limits; `within` is the fit with its dispersion drawn in, mostly the fit itself."""
        held = self.make(within)
        estimate = held.estimate if within is fit else self.make(fit).estimate
        return self._shown(fit, estimate, *profile_limits(held, quantile, fit.end.point.value))

    def wald(self, fit: GeneralizedFit, quantile: float) -> Limits:
        """Estimate and Wald limits, of a standard deviation in its logarithm; NaN where it is 0, or φ endless."""
        held = self.make(fit)
        half = np.nan if self.parameter == "dispersion" and fit.dispersion == np.inf else quantile * held.error
        if self.parameter != "sd":
            return self._shown(fit, held.estimate, held.estimate - half, held.estimate + half)
        if held.estimate <= ZERO:
            return held.estimate, np.nan, np.nan
        with np.errstate(over="ignore"):
            factor = float(np.exp(half / held.estimate))
        return held.estimate, held.estimate / factor, held.estimate * factor

    def _shown(self, fit: GeneralizedFit, estimate: float, low: float, high: float) -> Limits:
        """As they are reported: the dispersion, not its logarithm."""
        if self.parameter != "dispersion" or fit.dispersion is None:
            return estimate, low, high
        with np.errstate(over="ignore"):
            return fit.dispersion, float(np.exp(low)), float(np.exp(high))


ZERO = 1e-6
"""Standard deviation on the scale of the predictor that counts as none."""


def limit_rows(
    design: Design, outcome: Outcome, fit: GeneralizedFit, method: Literal["wald", "profile"], quantile: float,
    parameters: Parameters,
) -> list[Row]:  # fmt: skip
    """Rows parameter, group, term, estimate, conf_low, conf_high, method: the mean's first, then the spread's."""
    named = named_parameters(design, outcome, fit, parameters)
    if method == "wald":
        found = [one.wald(fit, quantile) for one in named]
    else:
        within = drawn_in(fit)
        found = [one.profile(fit, within, quantile) for one in named]
    return [(one.parameter, one.group, one.term, *limits, method) for one, limits in zip(named, found, strict=True)]


def named_parameters(design: Design, outcome: Outcome, fit: GeneralizedFit, parameters: Parameters) -> list[Named]:
    """Fixed effects, thresholds, standard deviations and dispersion, in this order, as far as they are asked for."""
    named: list[Named] = []
    if parameters != "variances":
        named += [Named("fixed", "", name, partial(coefficient, j=j)) for j, name in enumerate(design.x_names)]
    if parameters == "all":
        named += _thresholds(outcome, fit)
    if parameters != "fixed":
        named += _of_the_spread(design, fit)
    return named


def check_parameters(parameters: str) -> None:
    """Refuse an unknown set of parameters."""
    if parameters not in get_args(Parameters):
        allowed = ", ".join(map(repr, get_args(Parameters)))
        raise UsageError(f"confint: parameters={parameters!r}; allowed: {allowed}")


def _thresholds(outcome: Outcome, fit: GeneralizedFit) -> list[Named]:
    """Thresholds of an ordinal outcome."""
    if not (isinstance(outcome, OrdinalOutcome) and isinstance(fit, OrdinalFit)):
        return []
    cuts = threshold_names(outcome.labels)
    return [Named("threshold", "", name, partial(threshold, j=j)) for j, name in enumerate(cuts)]


def _of_the_spread(design: Design, fit: GeneralizedFit) -> list[Named]:
    """Standard deviations of random effects, and the dispersion of a negative binomial."""
    named = [
        Named("sd", term.group, name, partial(standard_deviation, term=i, effect=k))
        for i, term in enumerate(design.terms)
        for k, name in enumerate(term.columns)
    ]
    if fit.dispersion is not None:
        named.append(Named("dispersion", "", "φ", log_dispersion))
    return named
