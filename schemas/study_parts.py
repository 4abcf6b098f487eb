"""The entries of a study's declaration: instruments, raters, variables, rules and models, each checked by itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from doublecode.schemas.declared import Declared
from doublecode.schemas.names import Identifier, Label, Name, Title, VariableName

SessionNumber = Annotated[int, Field(ge=1)]
KEYS: Final = ("session_id", "patient", "therapist", "session")
"""Columns that every frame has: no variable may have their names."""


def refuse_twice(where: str, names: Sequence[object]) -> None:
    """Raise ``ValueError`` for what a list names twice."""
    twice = [name for place, name in enumerate(names) if name in names[:place]]
    if twice:
        raise ValueError(f"{where} name {twice[0]!r} twice; name it once")


class InstrumentUse(Declared):
    """How a study uses one instrument.

    Attributes
    ----------
    name : str
        A shipped instrument, or the path of a TOML file relative to the study folder.
    source : {"raters", "outcomes"}
        Filled in by raters (workbooks in ``incoming/``), or an outcome measure
        (``outcomes/<name>.csv``: patient, session, one column per item).
    raters : tuple of str
        Who rates it; ids of ``[[raters]]``.
    sessions : tuple of int or None
        Session numbers it is used in; None means all. What was rated or answered in another session of the main
        phase is in no number, and the report says how much that is.
    reverse : tuple of str or None
        Exactly these items are reversed, whatever the codebook says; the choice is printed in the report. A
        repeated item is named without a number: all of its slots are reversed, or none.
    reliability : {"two-way", "one-way"}
        One-way where it does not matter, or is not known, which rater is which.
    reliability_interval : {"model", "jackknife"}
        Limits of the ICC: exact F or profile likelihood, which take scores as normal, or the jackknife over
        sessions, for scores that pile up on a floor or have a few sessions far from the rest.
    pooling : {"mean", "primary"}
        How the ratings of a double-coded session become one: the mean of the raters, item by
        item, or the rating of the primary rater of the assignment; a session without one has no score, and the
        reason says whose ratings are there.
    """

    name: Label
    source: Literal["raters", "outcomes"] = "raters"
    raters: tuple[Identifier, ...] = ()
    sessions: tuple[SessionNumber, ...] | None = Field(default=None, min_length=1)
    reverse: tuple[Name, ...] | None = None
    reliability: Literal["two-way", "one-way"] = "two-way"
    reliability_interval: Literal["model", "jackknife"] = "model"
    pooling: Literal["mean", "primary"] = "mean"

    @model_validator(mode="after")
    def _acts(self) -> Self:
        of_raters = ("raters", "reliability", "reliability_interval", "pooling")
        idle = [key for key in of_raters if getattr(self, key) != type(self).model_fields[key].default]
        if self.source == "outcomes" and idle:
            raise ValueError(
                f"instrument {self.name!r}: {idle[0]} has no effect on an outcome, which nobody rates; leave it out"
            )
        for key, values in (
            ("sessions", self.sessions or ()),
            ("raters", self.raters),
            ("reverse", self.reverse or ()),
        ):
            refuse_twice(f"instrument {self.name!r}: {key}", values)
        return self


class Rater(Declared):
    """One person who codes.

    Attributes
    ----------
    id : str
        What the person is called in tables and file names: letters, digits, dots, dashes; no real name.
    description : str
        Training or task, printed in the report's sample section.
    """

    id: Identifier
    description: str = ""


class Variable(Declared):
    """One column of the analysis frame and where it comes from.

    Exactly one source: a `scale` or an `item` of an `instrument`, or a `column`
    of ``patients.csv``. With `session`, the value of that session number becomes a
    column of a frame with one row per patient.

    Attributes
    ----------
    name : str
        The column's name in formulas: lower case, digits, underscores.
    label : str
        What tables and figures call it.
    instrument : str
        The instrument that a scale or an item belongs to.
    scale : str
        A scale of the instrument.
    item : str
        An item of the instrument.
    column : str
        A column of ``patients.csv``.
    session : int
        The number of the session whose value is taken; only where a row is a patient.
    """

    name: VariableName
    label: str = ""
    instrument: Label | None = None
    scale: Name | None = None
    item: Name | None = None
    column: str | None = None
    session: SessionNumber | None = None

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        sources = [value for value in (self.scale, self.item, self.column) if value is not None]
        if len(sources) != 1:
            raise ValueError(f"variable {self.name!r} needs exactly one of scale, item, column")
        if (self.column is None) != (self.instrument is not None):
            raise ValueError(f"variable {self.name!r}: scale and item belong to an instrument, column to patients.csv")
        if self.column is not None and self.session is not None:
            raise ValueError(f"variable {self.name!r}: a column of patients.csv has no session; leave session out")
        return self


class OutlierRule(Declared):
    """Values beyond the quartiles are winsorised to the fence, and every change is listed.

    The fences are Q1 − `multiplier`·IQR and Q3 + `multiplier`·IQR with the quantile
    definition `quantiles` (Hyndman & Fan 1996: "linear" is their type 7,
    "weibull" type 6, "hazen" type 5).

    Attributes
    ----------
    variables : tuple of str
        Which variables are held to the fences, in correlations, moderations and group comparisons; series take values
        as observed, so that a variable that stands only there is refused.
    multiplier : float
        How far the fences stand from the quartiles, in interquartile ranges.
    quantiles : {"linear", "weibull", "hazen"}
        How a quartile between two values is found.
    """

    variables: tuple[Name, ...]
    multiplier: float = Field(default=1.5, gt=0)
    quantiles: Literal["linear", "weibull", "hazen"] = "linear"

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        refuse_twice("outliers: variables", self.variables)
        return self


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
        values of several sessions.
    intercept_at : int
        Session at which intercepts are given; 0 keeps the session number uncentred, as many papers do.
    """

    name: Name
    title: Title
    steps: tuple[str, ...] = Field(min_length=1)
    split: tuple[Name, ...] = ()
    intercept_at: int = Field(default=1, ge=0)

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        refuse_twice(f"series {self.name!r}: split", self.split)
        refuse_twice(f"series {self.name!r}: steps", self.steps)
        return self


class ModerationModel(Declared):
    """One moderated regression: outcome on predictor × moderator and covariates.

    Without `moderator` it is a plain multiple regression.

    Attributes
    ----------
    name : str
        The model's name in tables and file names.
    title : str
        Its heading in the report.
    outcome : str
        The variable to be explained.
    predictor : str
        The variable whose slope is asked for.
    moderator : str
        The variable on which that slope may depend.
    covariates : tuple of str
        Variables that are held constant.
    subset : str
        Which rows are used, as a condition in pandas' query language ("hw2 > 0"); printed with the result.
    """

    name: Name
    title: Title
    outcome: Name
    predictor: Name
    moderator: Name | None = None
    covariates: tuple[Name, ...] = ()
    subset: str | None = None

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        names = [self.outcome, self.predictor, *filter(None, [self.moderator]), *self.covariates]
        twice = [name for place, name in enumerate(names) if name in names[:place]]
        if twice:
            raise ValueError(
                f"moderation {self.name!r}: variable {twice[0]!r} stands twice among outcome, predictor, moderator and "
                "covariates; name each once"
            )
        return self

    @property
    def formula(self) -> str:
        """The regression as a formula."""
        product = f"{self.predictor} * {self.moderator}" if self.moderator else self.predictor
        return f"{self.outcome} ~ {' + '.join([product, *self.covariates])}"


class GroupComparison(Declared):
    """One-way analysis of variance of `outcome` over a column of the frame (therapists).

    Attributes
    ----------
    outcome : str
        The variable that is compared.
    group : str
        The column that says who belongs together.
    """

    outcome: Name
    group: Name


class Correlations(Declared):
    """Variables whose correlations are tabulated.

    Attributes
    ----------
    variables : tuple of str
        At least two.
    method : {"pearson", "spearman"}
        Of values or of ranks.
    """

    variables: tuple[Name, ...] = Field(min_length=2)
    method: Literal["pearson", "spearman"] = "pearson"

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        refuse_twice("correlations: variables", self.variables)
        return self
