"""A study as declared in its folder: ``study.toml`` and the tables beside it.

The declaration says who rates what, how double-coded sessions are pooled, which
variables stand in the analysis frame and which models are run. Nothing about
the analysis is decided anywhere else.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, PrivateAttr, StringConstraints, model_validator

from doublecode.schemas.cards import Card, table_of
from doublecode.schemas.declared import Declared, load_toml
from doublecode.schemas.errors import DoublecodeError, StudyError
from doublecode.schemas.instrument import Instrument, Name, load_instrument
from doublecode.schemas.plain_table import PlainTable

Identifier = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")]


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
        Session numbers it is rated in; None means all.
    reverse : tuple of str or None
        Items to be reversed, overriding the codebook; the choice is printed in the report.
    reliability : {"two-way", "one-way"}
        One-way where it does not matter, or is not known, which rater is which.
    reliability_interval : {"model", "jackknife"}
        Limits of the ICC: exact F or profile likelihood, which take scores as normal, or the jackknife over
        sessions, for scores that pile up on a floor or have a few sessions far from the rest.
    pooling : {"mean", "primary"}
        How the ratings of a double-coded session become one: the mean of the raters, item by
        item, or the rating of the primary rater of the assignment.
    """

    name: str
    source: Literal["raters", "outcomes"] = "raters"
    raters: tuple[Identifier, ...] = ()
    sessions: tuple[int, ...] | None = None
    reverse: tuple[Name, ...] | None = None
    reliability: Literal["two-way", "one-way"] = "two-way"
    reliability_interval: Literal["model", "jackknife"] = "model"
    pooling: Literal["mean", "primary"] = "mean"


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

    name: Name
    label: str = ""
    instrument: Name | None = None
    scale: Name | None = None
    item: Name | None = None
    column: str | None = None
    session: int | None = Field(default=None, ge=1)

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        sources = [value for value in (self.scale, self.item, self.column) if value is not None]
        if len(sources) != 1:
            raise ValueError(f"variable {self.name!r} needs exactly one of scale, item, column")
        if (self.column is None) != (self.instrument is not None):
            raise ValueError(f"variable {self.name!r}: scale and item belong to an instrument, column to patients.csv")
        return self


class OutlierRule(Declared):
    """Values beyond the quartiles are winsorised to the fence, and every change is listed.

    The fences are Q1 − `multiplier`·IQR and Q3 + `multiplier`·IQR with the quantile
    definition `quantiles` (Hyndman & Fan 1996: "linear" is their type 7,
    "weibull" type 6, "hazen" type 5).

    Attributes
    ----------
    variables : tuple of str
        Which variables are held to the fences.
    multiplier : float
        How far the fences stand from the quartiles, in interquartile ranges.
    quantiles : {"linear", "weibull", "hazen"}
        How a quartile between two values is found.
    """

    variables: tuple[Name, ...]
    multiplier: float = Field(default=1.5, gt=0)
    quantiles: Literal["linear", "weibull", "hazen"] = "linear"


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
        Time-varying predictors that are also entered as patient mean and deviation.
    """

    name: Name
    title: str
    steps: tuple[str, ...] = Field(min_length=1)
    split: tuple[Name, ...] = ()


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
    title: str
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


class Study(Declared):
    """A study folder's declaration.

    Attributes
    ----------
    name : str
        A short name: lower case, digits, underscores; it stands in the stamp of every workbook.
    title : str
        The heading of the report.
    synthetic : bool
        The data are made up; every page of the report says so.
    citation : str
        What the study is to be cited as.
    unit : {"session", "patient"}
        What one row of the analysis frame is.
    seed : int
        Where random numbers start: blind ids, order of rows, resampling. The same seed gives the same study.
    raters : tuple of Rater
        Who codes.
    instruments : tuple of InstrumentUse
        What is coded, and how it is used here.
    variables : tuple of Variable
        The columns of the analysis frame.
    outliers : OutlierRule
        How values far from the others are treated; without it they stay as they are.
    correlations : Correlations
        The table of correlations.
    series : tuple of ModelSeries
        Multilevel models, built up step by step.
    moderations : tuple of ModerationModel
        Regressions with or without an interaction.
    group_comparisons : tuple of GroupComparison
        Analyses of variance.
    sample_columns : tuple of str
        Columns of ``patients.csv`` and ``therapists.csv`` that the table of the sample shows.
    """

    name: Name
    title: str
    synthetic: bool = False
    citation: str = ""
    unit: Literal["session", "patient"] = "session"
    seed: int = 20210501
    raters: tuple[Rater, ...] = ()
    instruments: tuple[InstrumentUse, ...] = Field(min_length=1)
    variables: tuple[Variable, ...] = ()
    outliers: OutlierRule | None = None
    correlations: Correlations | None = None
    series: tuple[ModelSeries, ...] = ()
    moderations: tuple[ModerationModel, ...] = ()
    group_comparisons: tuple[GroupComparison, ...] = ()
    sample_columns: tuple[str, ...] = ()

    _folder: Path = PrivateAttr(default=Path())

    @model_validator(mode="after")
    def _named_once(self) -> Self:
        kinds = {
            "rater": [rater.id for rater in self.raters],
            "instrument": [use.name for use in self.instruments],
            "variable": [variable.name for variable in self.variables],
            "model": [series.name for series in self.series] + [model.name for model in self.moderations],
        }
        for kind, names in kinds.items():
            twice = [name for place, name in enumerate(names) if name in names[:place]]
            if twice:
                raise ValueError(f"{kind} {twice[0]!r} stands twice; give each a name of its own, or remove one")
        return self

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        raters = {rater.id for rater in self.raters}
        for use in self.instruments:
            stray = [rater for rater in use.raters if rater not in raters]
            if stray:
                allowed = ", ".join(sorted(raters)) or "none declared"
                raise ValueError(f"instrument {use.name!r}: rater {stray[0]!r} is not declared; allowed: {allowed}")
        known = {variable.name for variable in self.variables} | {"session", "patient", "therapist"}
        for where, names in self._mentions().items():
            stray = [name for name in names if name not in known]
            if stray:
                raise ValueError(f"{where}: variable {stray[0]!r} is not declared; allowed: {', '.join(sorted(known))}")
        return self

    def _mentions(self) -> dict[str, tuple[str, ...]]:
        places: dict[str, tuple[str, ...]] = {
            "outliers": self.outliers.variables if self.outliers else (),
            "correlations": self.correlations.variables if self.correlations else (),
        }
        for model in self.moderations:
            moderator = (model.moderator,) if model.moderator else ()
            places[f"moderation {model.name!r}"] = (model.outcome, model.predictor, *moderator, *model.covariates)
        for series in self.series:
            places[f"series {series.name!r}"] = series.split
        for comparison in self.group_comparisons:
            places[f"group comparison of {comparison.outcome!r}"] = (comparison.outcome, comparison.group)
        return places

    @property
    def folder(self) -> Path:
        """The study folder."""
        return self._folder

    @cached_property
    def codebooks(self) -> Mapping[str, Instrument]:
        """The study's instruments by name, with its reversal choices applied."""
        return {book.name: book for book in map(self._codebook, self.instruments)}

    def _codebook(self, use: InstrumentUse) -> Instrument:
        source = self.folder / use.name if use.name.endswith(".toml") else use.name
        book = load_instrument(source)
        return book if use.reverse is None else book.with_reversal(use.reverse)

    @property
    def card(self) -> Card:
        """What is printed: title, source, counts of its tables, instruments, raters, declared models."""
        facts = (
            ("Name", self.name), ("Data", "synthetic" if self.synthetic else ""), ("Citation", self.citation),
            ("Folder", "" if self.folder == Path() else str(self.folder)),
            ("Patients", self._counted("patients")), ("Sessions", self._counted("sessions")),
            ("Raters", ", ".join(rater.id for rater in self.raters)),
            ("A row is a", self.unit), ("Seed", str(self.seed)),
        )  # fmt: skip
        return Card(self.title, facts, (self._instrument_table(), self._model_table()))

    def _counted(self, table: Literal["patients", "sessions"]) -> str:
        """Say how many rows a table of the folder has, by their status."""
        from doublecode.schemas.frames import PATIENTS, SESSIONS, read_table

        path = self.folder / f"{table}.csv"
        if self.folder == Path() or not path.is_file():
            return ""
        try:
            rows = read_table(path, {"patients": PATIENTS, "sessions": SESSIONS}[table])
        except DoublecodeError as wrong:
            return f"the table is wrong: {wrong}"
        by_status = ", ".join(f"{n} {status}" for status, n in rows["status"].value_counts().sort_index().items())
        return f"{len(rows)} ({by_status})"

    def _instrument_table(self) -> PlainTable:
        rows = []
        for book in self.codebooks.values():
            use = self.use(book.name)
            raters = ", ".join(use.raters or [rater.id for rater in self.raters])
            numbers = "" if use.sessions is None else ", ".join(map(str, use.sessions))
            by = raters if use.source == "raters" else "outcome"
            scales = ", ".join(scale.name for scale in book.scales)
            rows.append((book.name, book.title, by, str(len(book.items)), scales, numbers))
        return table_of("Instruments", ("Name", "Title", "Rated by", "Items", "Scales", "Sessions"), rows)

    def _model_table(self) -> PlainTable:
        rows = [(one.name, "series", one.title, "; ".join(one.steps)) for one in self.series]
        rows += [(one.name, "regression", one.title, one.formula) for one in self.moderations]
        rows += [("", "groups", "", f"{one.outcome} ~ {one.group}") for one in self.group_comparisons]
        return table_of("Declared models", ("Name", "Kind", "Title", "Formulas"), rows)

    def __str__(self) -> str:
        return self.card.text()

    def _repr_html_(self) -> str:
        return self.card.html()

    def use(self, instrument: str) -> InstrumentUse:
        """How the study uses `instrument`; unknown names raise ``StudyError``."""
        for use, book in zip(self.instruments, self.codebooks.values(), strict=True):
            if book.name == instrument:
                return use
        raise StudyError(
            f"{self.name}: the study does not use {instrument!r}; allowed: {', '.join(self.codebooks)}. "
            "Add it to [[instruments]] in study.toml."
        )


def load_study(folder: str | Path) -> Study:
    """Load a study from its folder (or from the path of its ``study.toml``).

    Raises
    ------
    StudyError
        No ``study.toml`` there, or a wrong entry; the message names it and what is allowed.
    InstrumentError
        An instrument that the study names is wrong.
    """
    path = Path(folder)
    path = path if path.suffix == ".toml" else path / "study.toml"
    if not path.is_file():
        raise StudyError(f"{path.parent}: no study.toml here. Give the study folder, the one with study.toml in it.")
    study = load_toml(path, Study, StudyError)
    study._folder = path.parent
    _ = study.codebooks  # a wrong instrument is reported now, not in the middle of a run
    return study
