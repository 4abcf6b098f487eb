"""A series of multilevel models as a study declares it: one entry ``[[series]]`` of ``study.toml``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Annotated, Final, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from doublecode.schemas.declared import Declared
from doublecode.schemas.errors import StudyError
from doublecode.schemas.gathered import Gathered
from doublecode.schemas.names import Name, Reference, Title
from doublecode.schemas.near_names import allowed, ended
from doublecode.schemas.series_families import (
    OFFSET,
    SeriesFamily,
    SeriesLink,
    family_faults,
    offset_column,
    outcome_of,
)
from doublecode.schemas.study_parts import KEYS, Variable, refuse_twice

_RESIDUALS: Final = re.compile(r"c?ar1\(\s*(\w+)\s*\|\s*(\w+(?:\s*:\s*\w+)*)\s*\)")


SeriesFigure = Literal["course", "caterpillar", "residuals", "influence"]


class ModelSeries(Declared):
    """Multilevel models built step by step on one common set of rows.

    Attributes
    ----------
    name : str
        The series' name in tables and file names.
    title : str
        Its heading in the report.
    steps : tuple of str
        lme4 formulas over the variables of the frame, ``session`` and ``patient``.
    split : tuple of str
        Time-varying predictors that are also entered as patient mean and deviation; each stands in a step and has
        values of several sessions. The product of two of them is double-centred within patients, and every split
        comes with the test whether the two slopes differ.
    intercept_at : int
        Session at which intercepts are given; 0 keeps the session number uncentred, as many papers do.
    differences : tuple of pairs of str
        Predictors of one unit whose slopes are compared, such as two subscales: ``[["assigning", "reviewing"]]``. Each
        pair stands together in a step.
    latent_means : bool
        Beside each split model the one whose patient means are latent (Lüdtke et al. 2008): the slope between patients
        freed of the unreliability of a mean of few sessions.
    correlation : str
        Residuals of neighbouring sessions are correlated: ``"ar1(session | patient)"``, or ``"car1(weeks | patient)"``
        for unequal distances.
    variance_by : str
        A column whose levels have residual variances of their own.
    interval : {"wald", "profile", "bootstrap"}
        By which limits of all parameters are given beside the tests.
    explained : bool
        The share of the variance between patients with its limits, Nakagawa's R² and explained variance by source
        (Rights & Sterba 2019), model by model.
    figures : tuple of {"course", "caterpillar", "residuals", "influence"}
        What the report draws of the series beside its usual figures: the patients' courses with the mean of the last
        model of time alone and its band; random effects in their order; four panels of residuals; what leaving each
        patient out changes. The last three are of the last model. With a `family` there is the caterpillar; a figure
        of what the last model predicts is drawn anyway.
    reproduces : str
        The paper whose printed models these are: the series is labelled so, and likelihood ratios of the REML fits
        stand beside, as papers print them. Write ``intercept_at = 0`` where the paper kept the session number as it is.
    family : {"binomial", "poisson", "negative-binomial", "ordinal"}
        An outcome that is done or not (0/1, or successes with `trials`), counted, or rated in ordered categories;
        without it the models are linear. The keys below are of such models only.
    link : {"logit", "probit", "cloglog", "log"}
        Logit (default), probit or complementary log-log of binomial; logit or probit of ordinal; counts have the log.
    nagq : int
        Points of adaptive Gauss–Hermite quadrature; 1 is Laplace's approximation. Without it 15 where every step has
        one scalar random term, else 1: all models of a series share one.
    trials : str
        Of binomial: the variable with the number of trials; the outcome is the number of successes.
    offset : str
        A known part of the linear predictor: a variable, or the log of one, ``"log(minutes)"``, for rates.
    prior_sd : float
        A weak normal prior on every fixed effect but the intercept: the way on where predictors separate the outcome.
    thresholds : {"flexible", "equidistant"}
        Of ordinal: each where the data put it (default), or at equal distances.
    """

    name: Name
    title: Title
    steps: tuple[str, ...] = Field(min_length=1)
    split: tuple[Reference, ...] = ()
    intercept_at: int = Field(default=1, ge=0)
    differences: tuple[tuple[Reference, Reference], ...] = ()
    latent_means: bool = False
    correlation: Annotated[str, StringConstraints(pattern=rf"^{_RESIDUALS.pattern}$")] | None = None
    variance_by: Reference | None = None
    interval: Literal["wald", "profile", "bootstrap"] = "wald"
    explained: bool = False
    figures: tuple[SeriesFigure, ...] = ()
    reproduces: str = ""
    family: SeriesFamily | None = None
    link: SeriesLink | None = None
    nagq: Annotated[int, Field(ge=1, le=100)] | None = None
    trials: Reference | None = None
    offset: Annotated[str, StringConstraints(pattern=rf"^({OFFSET})$")] | None = None
    prior_sd: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    thresholds: Literal["flexible", "equidistant"] | None = None

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        refuse_twice(f"series {self.name!r}: split", self.split)
        refuse_twice(f"series {self.name!r}: steps", self.steps)
        refuse_twice(f"series {self.name!r}: differences", self.differences)
        refuse_twice(f"series {self.name!r}: figures", self.figures)
        same = next((fault for pair in self.differences if (fault := same_twice(pair))), None)
        if same is not None:
            raise ValueError(f"series {self.name!r}: differences: {same}")
        if self.latent_means and not self.split:
            raise ValueError(
                f"series {self.name!r}: latent_means are those of the predictors in split, and it has none; name them "
                "in split, or leave latent_means out"
            )
        wrong = Gathered()
        for fault in family_faults(dict(self)):
            with wrong.one():
                raise ValueError(f"series {self.name!r}: {fault}")
        wrong.refuse()
        return self

    @property
    def kind(self) -> str:
        """What it is called in a list of declared models: its family, where it has one."""
        return self.family or "series"

    @property
    def beside(self) -> tuple[str, ...]:
        """Columns that a generalised model needs beside those of its steps: trials, and that of the offset."""
        offset = None if self.offset is None else offset_column(self.offset)[0]
        return tuple(filter(None, (self.trials, offset)))

    @property
    def mentioned(self) -> tuple[str, ...]:
        """Variables that are named outside of the steps."""
        return (*self.split, *self.beside)

    @property
    def formulas(self) -> tuple[str, ...]:
        """The steps, and where more columns are needed a formula of these: what a row must have all of."""
        return self.steps if not self.beside else (*self.steps, f"{outcome_of(self.steps)} ~ {' + '.join(self.beside)}")

    @property
    def residual_columns(self) -> tuple[str, ...]:
        """Columns that the residuals need beside those of the steps."""
        found = None if self.correlation is None else _RESIDUALS.fullmatch(self.correlation)
        named = () if found is None else (found[1], *(one.strip() for one in found[2].split(":")))
        return (*named, *filter(None, [self.variance_by]))


def check_residuals(series: ModelSeries, variables: Mapping[str, Variable]) -> None:
    """Hold what the residuals of a series depend on to the columns of the frame.

    Raises
    ------
    StudyError
        There is no such column.
    """
    known = dict.fromkeys((*variables, *KEYS))
    for name in series.residual_columns:
        if name not in known:
            key = "variance_by" if name == series.variance_by else "correlation"
            raise StudyError(
                f"series {series.name!r}: {key}: {name!r} is no column of the frame; {ended(allowed(name, known))}"
            )


def check_course(series: ModelSeries, predictors: Iterable[frozenset[str]], phases: Iterable[str]) -> None:
    """Hold the figure of the course to a step of time alone, whose mean makes one curve.

    Parameters
    ----------
    series : ModelSeries
    predictors : iterable of sets of str
        What stands right of ``~`` in each of its steps.
    phases : iterable of str
        Variables that are phases: functions of the session.

    Raises
    ------
    StudyError
        No step has time as its only predictor.
    """
    times = {"session", *phases}
    ids = {"patient", "therapist"}
    if "course" in series.figures and not any(step & times and step <= times | ids for step in predictors):
        raise StudyError(
            f"series {series.name!r}: figures: 'course' shows a step whose predictors are time alone, and there is "
            "none. Add a step such as '… ~ session + (session | patient)', or take 'course' out."
        )


def check_differences(series: ModelSeries, predictors: Iterable[frozenset[str]]) -> None:
    """Hold the pairs whose slopes are compared to the steps of their series.

    Parameters
    ----------
    series : ModelSeries
    predictors : iterable of sets of str
        What stands right of ``~`` in each of its steps.

    Raises
    ------
    StudyError
        No step has both of a pair.
    """
    steps = list(predictors)
    for pair in series.differences:
        fault = never_together(pair, steps)
        if fault is not None:
            raise StudyError(f"series {series.name!r}: differences: {fault}")


def same_twice(pair: tuple[str, str]) -> str | None:
    """What is wrong with a pair of one predictor, or None."""
    return f"{pair[0]!r} does not differ from itself; name another" if pair[0] == pair[1] else None


def never_together(pair: tuple[str, str], steps: Iterable[frozenset[str]]) -> str | None:
    """What is wrong with a pair that stands in no step together, or None."""
    if any(step.issuperset(pair) for step in steps):
        return None
    both = " and ".join(map(repr, pair))
    return (
        f"no step has both {both}, and slopes of different models do not compare. Add a step with both, or take the "
        "pair out."
    )
