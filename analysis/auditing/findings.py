"""What an audit says of one statement."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from doublecode.analysis.auditing.printed_numbers import Span

UNKNOWN: Final = Span(float("nan"), float("nan"))


class Check(StrEnum):
    """What is recomputed from what.

    Attributes
    ----------
    TEST_P
        A statistic (t, F, χ², z, r), its degrees of freedom, and p.
    COEFFICIENT_P
        b, SE and p.
    COEFFICIENT_T
        b, SE and t.
    COEFFICIENT_INTERVAL
        b, SE and the limits of its interval.

    Parameters
    ----------
        Log-likelihood and AIC: the number of parameters.
    MODEL_ROWS
        Log-likelihood, AIC and BIC: the number of rows.
    MODEL_NAME
        The number of parameters and what the model's name claims.
    LIKELIHOOD_RATIO
        Two log-likelihoods and p.
    PARTS
        Parts and their total.
    PERCENT
        A count, its base, and the percentage.
    WHOLE_NUMBERS
        The mean of whole numbers times n is a whole number (GRIM).
    PRINTED_TWICE
        One quantity, two numbers.
    LOADS
        Raters × sessions per rater, and the sessions with the share that was coded twice.
    CORRELATIONS
        Correlations that no data can have together.
    BETA
        A standardised coefficient and the correlations of two predictors.
    ICC_MODEL
        A model of the intraclass correlation that does not exist.
    ADJUSTED
        A variable called adjusted that the list of adjusted ones does not have.
    """

    TEST_P = "test_p"
    COEFFICIENT_P = "coefficient_p"
    COEFFICIENT_T = "coefficient_t"
    COEFFICIENT_INTERVAL = "coefficient_interval"
    PARAMETERS = "parameters"
    MODEL_ROWS = "model_rows"
    MODEL_NAME = "model_name"
    LIKELIHOOD_RATIO = "likelihood_ratio"
    PARTS = "parts"
    PERCENT = "percent"
    WHOLE_NUMBERS = "whole_numbers"
    PRINTED_TWICE = "printed_twice"
    LOADS = "loads"
    CORRELATIONS = "correlations"
    BETA = "beta"
    ICC_MODEL = "icc_model"
    ADJUSTED = "adjusted"


class Verdict(StrEnum):
    """What became of a check.

    Attributes
    ----------
    CONSISTENT
        The printed number lies in what the rounding of the others permits.
    QUESTION
        It does not.
    NOT_CHECKED
        It cannot be decided, for the reason given.
    """

    CONSISTENT = "consistent"
    QUESTION = "question"
    NOT_CHECKED = "not checked"


class Reason(StrEnum):
    """Why a statement was not checked, or how a question is meant.

    Attributes
    ----------
    NO_DF
        No degrees of freedom and no n are printed.
    NO_SE
        An estimate and its p without a standard error.
    SD_IS_NO_SE
        A standard deviation stands where a standard error would.
    NO_BASE
        The number that a percentage is of is not printed.
    NO_TOTAL
        Parts without a total that they are said to make up.
    NOT_SYMMETRIC
        The interval is by bootstrap, profile likelihood or of a Bayesian model.
    TOO_COARSE
        The rounding leaves everything open.
    NO_PARAMETERS
        Two log-likelihoods without the difference in parameters.
    SEVERAL_P
        More than one p could belong to the comparison.
    NOT_A_NUMBER_OF_ITS_KIND
        A p above 1, an r above 1 or no positive degrees of freedom.
    BY_A_HAIR
        Outside by less than half a unit of the last printed digit.
    FEW_DF
        Only at very few degrees of freedom.
    ONE_TAILED
        A one-tailed test gives it.
    """

    NO_DF = "no_df"
    NO_SE = "no_se"
    SD_IS_NO_SE = "sd_is_no_se"
    NO_BASE = "no_base"
    NO_TOTAL = "no_total"
    NOT_SYMMETRIC = "not_symmetric"
    TOO_COARSE = "too_coarse"
    NO_PARAMETERS = "no_parameters"
    SEVERAL_P = "several_p"
    NOT_A_NUMBER_OF_ITS_KIND = "not_a_number_of_its_kind"
    BY_A_HAIR = "by_a_hair"
    FEW_DF = "few_df"
    ONE_TAILED = "one_tailed"


@dataclass(frozen=True)
class Finding:
    """One check of one statement.

    Parameters
    ----------
    check : Check
    verdict : Verdict
    start, end : int
        The statement, in characters of the text.
    printed : str
        The number that was held against the others, as printed.
    recomputed : float
        What the others give.
    permitted : Span
        What the rounding of the others permits.
    reason : Reason, optional
    facts : mapping
        What the sentence of a question needs besides.
    """

    check: Check
    verdict: Verdict
    start: int
    end: int
    printed: str = ""
    recomputed: float = float("nan")
    permitted: Span = UNKNOWN
    reason: Reason | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)


def held(
    check: Check, place: tuple[int, int], printed: tuple[str, Span], recomputed: float, permitted: Span,
    half_unit: float, facts: Mapping[str, Any] | None = None,
) -> Finding:  # fmt: skip
    """Hold a printed number against what the others permit; outside by less than half a unit is *by a hair*.

    Parameters
    ----------
    check : Check
    place : (int, int)
        Start and end of the statement.
    printed : (str, Span)
        The number as printed, and all that round to it.
    recomputed : float
    permitted : Span
    half_unit : float
        Half a unit of the printed number's last digit.
    facts : mapping, optional
    """
    meets = printed[1].meets(permitted)
    hair = not meets and printed[1].gap(permitted) < half_unit
    return Finding(
        check, Verdict.CONSISTENT if meets else Verdict.QUESTION, *place, printed[0], recomputed, permitted,
        Reason.BY_A_HAIR if hair else None, dict(facts or {}),
    )  # fmt: skip


def undecided(check: Check, place: tuple[int, int], printed: str, reason: Reason) -> Finding:
    """Say that a statement cannot be checked, and why."""
    return Finding(check, Verdict.NOT_CHECKED, *place, printed, reason=reason)
