"""What a study asks of one of its findings: does it hold without one patient, and under other rules."""

from __future__ import annotations

import re
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, Field, PlainValidator, WithJsonSchema, model_validator

from doublecode.schemas.declared import Declared
from doublecode.schemas.missing_data import MissingData
from doublecode.schemas.names import Reference
from doublecode.schemas.study_parts import refuse_twice

Unit = Literal["patient", "rater", "therapist"]
_RANDOM_TERM: Final = r"\s*\([^()~]+\|[^()~]+\)\s*"
_RANDOM_PART: Final = re.compile(rf"{_RANDOM_TERM}(\+{_RANDOM_TERM})*")
MOST_SPECIFICATIONS: Final = 2000
"""More combinations than these are refused: nobody reads them, and they take hours."""


def _checked_fence(value: object) -> str | float:
    """A fence in interquartile ranges, or the word for none."""
    if value == "none":
        return "none"
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < float("inf"):
        raise ValueError("allowed: 'none', or a number above 0 without quotation marks")
    return float(value)


def _checked_random(value: str) -> str:
    """Random terms, each in brackets of its own."""
    if _RANDOM_PART.fullmatch(value) is None:
        bare = f"({value.strip()})"
        meant = f"; write {bare!r}" if _RANDOM_PART.fullmatch(bare) else ""
        raise ValueError(
            "this is no random part; allowed: one or more terms in brackets with a bar between what varies and whose "
            f"it is, such as '(1 | patient)' or '(session | patient) + (1 | therapist)'{meant}"
        )
    return value


RandomPart = Annotated[str, AfterValidator(_checked_random)]
Fence = Annotated[
    str | float,
    PlainValidator(_checked_fence),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "number"}]}),
]


class SensitivityHeadline(Declared):
    """The finding that is asked: one coefficient of one declared model, or all coefficients of a factor at once.

    Attributes
    ----------
    model : str
        Name of a series or of a moderation.
    term : str
        A coefficient of it: ``"he_within"``, ``"rationale_s1:ir"``; of a predictor that holds words its name,
        ``"phase"``, for all of its levels at once. Of a moderation the interaction, or the predictor where it has none,
        needs no naming.
    step : int
        Of a series: the number of the step; without it the last one.
    """

    model: Reference
    term: str | None = Field(default=None, min_length=1)
    step: int | None = Field(default=None, ge=1)


class Choices(Declared):
    """Rules under which the finding is computed once more, in every combination.

    What the study itself declares always is one of them, whether it is named or not.

    Attributes
    ----------
    pooling : tuple of {"mean", "primary"}
        How the ratings of double-coded sessions become one, of all rated instruments that the model stands on.
    reverse : dict of str to lists of items
        By instrument: other lists of reversed items, ``{ghes = [["difficulties"], []]}``.
    minimum_valid : dict of str to whole numbers
        By variable that is a scale: how many items must be present, ``{he = [5, 7]}``.
    lag : dict of str to whole numbers
        By variable: how many sessions before, ``{he = [0, 1]}``; 0 is the session itself.
    outliers : tuple of "none" or a number
        Of a moderation: fences of the outlier rule in interquartile ranges, ``["none", 1.5, 3]``.
    centring : tuple of {"within", "none"}
        Of a series: the predictor split into patient mean and deviation, of which the deviation is asked; or as it is.
    random : tuple of str
        Of a series: the random part of the step, ``["(1 | patient)", "(session | patient)"]``.
    covariates : tuple of lists of variables
        What stands in the model beside the predictor: ``[[], ["session"], ["session", "tbh"]]``.
    regression_errors : tuple of {"HC3", "least-squares"}
        Of a moderation: its standard errors.
    """

    pooling: tuple[Literal["mean", "primary"], ...] = ()
    reverse: dict[Reference, tuple[tuple[Reference, ...], ...]] = Field(default_factory=dict)
    minimum_valid: dict[Reference, tuple[Annotated[int, Field(ge=1)], ...]] = Field(default_factory=dict)
    lag: dict[Reference, tuple[Annotated[int, Field(ge=0)], ...]] = Field(default_factory=dict)
    outliers: tuple[Fence, ...] = ()
    centring: tuple[Literal["within", "none"], ...] = ()
    random: tuple[RandomPart, ...] = ()
    covariates: tuple[tuple[Reference, ...], ...] = ()
    regression_errors: tuple[Literal["HC3", "least-squares"], ...] = ()

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        for key in OF_MODEL:
            refuse_twice(f"choices: {key}", getattr(self, key))
        for key in BY_NAME:
            for name, values in getattr(self, key).items():
                refuse_twice(f"choices: {key} of {name!r}", values)
                if not values:
                    raise ValueError(f"choices: {key} of {name!r} is empty; name an alternative, or leave it out")
        return self

    @property
    def asked(self) -> bool:
        """Whether anything is declared."""
        return any(getattr(self, key) for key in (*OF_MODEL, *BY_NAME))


OF_MODEL: Final = ("pooling", "outliers", "centring", "random", "covariates", "regression_errors")
BY_NAME: Final = ("reverse", "minimum_valid", "lag")


class FurtherFinding(SensitivityHeadline):
    """Another finding that is asked.

    Attributes
    ----------
    leave_out : tuple of {"patient", "rater", "therapist"}
        Of what one at a time is left out; without an entry as ``[sensitivity]`` has it.
    choices : Choices
        Rules that could be others; without an entry those of ``[sensitivity.choices]``.
    """

    leave_out: tuple[Unit, ...] | None = None
    choices: Choices | None = None

    @model_validator(mode="after")
    def _each_unit_once(self) -> Self:
        refuse_twice("sensitivity: further: leave_out", self.leave_out or ())
        return self


class Sensitivity(Declared):
    """How far findings depend on single patients, raters and therapists, and on rules that could be others.

    ``doublecode sensitivity`` computes it, apart from the run.

    Attributes
    ----------
    headline : SensitivityHeadline
        Which coefficient of which model: ``{model = "phq9", term = "he_within"}``.
    leave_out : tuple of {"patient", "rater", "therapist"}
        Of what one at a time is left out. Without a rater his ratings are dropped before pooling and scoring.
    choices : Choices
        Rules that could be others.
    further : tuple of FurtherFinding
        Other findings: ``[[sensitivity.further]]``.
    missing : MissingData or None
        Who and what is missing.
    """

    headline: SensitivityHeadline
    leave_out: tuple[Unit, ...] = ()
    choices: Choices = Choices()
    further: tuple[FurtherFinding, ...] = ()
    missing: MissingData | None = None

    @model_validator(mode="after")
    def _asks(self) -> Self:
        refuse_twice("sensitivity: leave_out", self.leave_out)
        if not (self.leave_out or self.choices.asked or self.missing):
            raise ValueError(
                'sensitivity: nothing is asked; name leave_out = ["patient"], or rules under [sensitivity.choices]'
            )
        return self

    @model_validator(mode="after")
    def _other_findings(self) -> Self:
        findings = [self.headline, *self.further]
        refuse_twice("sensitivity: headline and further", [(one.model, one.term, one.step) for one in findings])
        for number, one in enumerate(self.each[1:], start=1):
            if not (one.leave_out or one.choices.asked):
                raise ValueError(f"sensitivity: further {number}: nothing is asked of it; name leave_out or choices")
        return self

    @property
    def each(self) -> tuple[Sensitivity, ...]:
        """What is asked of each finding by itself, the headline first."""
        alone = self.model_copy(update={"further": ()})
        others = [
            alone.model_copy(
                update={
                    "headline": SensitivityHeadline(model=one.model, term=one.term, step=one.step),
                    "leave_out": self.leave_out if one.leave_out is None else one.leave_out,
                    "choices": one.choices or self.choices,
                    "missing": None,
                }
            )
            for one in self.further
        ]
        return (alone, *others)
