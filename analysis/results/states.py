"""What an estimate is and how it came about, as words of our own that code may compare."""

from __future__ import annotations

from enum import StrEnum


class Estimator(StrEnum):
    """How an estimate was found."""

    MEAN_SQUARES = "anova"
    REML = "reml"
    ML = "ml"
    LEAST_SQUARES = "ols"


class Limits(StrEnum):
    """Where the limits of an interval come from."""

    NONE = "none"
    EXACT_F = "exact F"
    PROFILE = "profile likelihood"
    JACKKNIFE = "jackknife"
    WALD = "Wald"
    BOOTSTRAP = "bootstrap"


class FitState(StrEnum):
    """How the search for a fit ended."""

    CONVERGED = "converged"
    SINGULAR = "singular"
    NOT_CONVERGED = "not converged"
    NOT_ESTIMABLE = "not estimable"
