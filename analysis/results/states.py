"""What an estimate is and how it came about, as words of our own that code may compare."""

from __future__ import annotations

from enum import IntEnum, StrEnum


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


class IccState(IntEnum):
    """What became of one intraclass correlation of one set; arrays of it are arrays of whole numbers."""

    ESTIMATED = 0
    NO_LOWER_LIMIT = 1
    PERFECT_AGREEMENT = 2
    TARGETS_ALIKE = 3
    NO_RESIDUAL = 4
    NOT_CONVERGED = 5
    ALL_EQUAL = 6
    BELOW_LEAST = 7
    NOT_CONNECTED = 8
    SATURATED = 9
    NOUGHT_OF_NOUGHT = 10
