"""A study as declared in its folder: ``study.toml`` and the tables beside it.

The declaration says who rates what, how double-coded sessions are pooled, which
variables stand in the analysis frame and which models are run. Nothing about
the analysis is decided anywhere else.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, PrivateAttr, model_validator

from doublecode.schemas.allocation import Demands
from doublecode.schemas.cards import Card, table_of
from doublecode.schemas.certification import Certification
from doublecode.schemas.declared import Declared, load_toml
from doublecode.schemas.declared_findings import Findings
from doublecode.schemas.errors import DoublecodeError, InstrumentError, StudyError
from doublecode.schemas.finding_checks import check_findings
from doublecode.schemas.instrument import Instrument, load_instrument, shipped_instruments
from doublecode.schemas.names import Identifier, Label, Name, Title
from doublecode.schemas.near_names import allowed, ended
from doublecode.schemas.plain_table import PlainTable
from doublecode.schemas.study_parts import (
    KEYS,
    Event,
    GroupComparison,
    InstrumentUse,
    ModelSeries,
    ModerationModel,
    OutlierRule,
    Rater,
    Variable,
    name_or_table,
    refuse_twice,
)
from doublecode.schemas.study_tables import StudyTables
from doublecode.schemas.table_source import TableSource
from doublecode.schemas.toml_lines import EntryError
from doublecode.schemas.variable_checks import check_outliers, check_splits, check_steps, check_variables
from doublecode.schemas.workbook_texts import WorkbookTexts, load_texts


class Study(Findings, Declared):
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
    regression_errors : {"HC3", "least-squares"}
        On which standard errors limits, tests, simple slopes and regions of the moderated regressions stand: HC3
        does not take residuals as equally spread (Long & Ervin 2000). The other stand beside the coefficients.
    language : str
        Of the raters' workbooks: "en", "de", or a file of texts in the study folder, such as "fr.toml". Codebooks keep
        their own words.
    seed : int
        Where random numbers start: blind ids, order of rows, resampling. The same seed gives the same study.
    due : dict of str to date
        Until which day the workbooks of a batch are to be back: batch → day, ``batch01 = 2026-03-31``. `doublecode
        status` counts what is late.
    raters : tuple of Rater
        Who codes.
    certification : Certification
        The expert key and the pass mark of the training; `doublecode certify` holds the raters to them.
    instruments : tuple of InstrumentUse
        What is coded, and how it is used here.
    events : tuple of Event
        Occasions beyond the sessions at which outcomes are measured: names such as ``["baseline", "post", "fu6"]``,
        or entries with label and month. An outcome's table then has a column ``event``.
    variables : tuple of Variable
        The columns of the analysis frame.
    outliers : OutlierRule
        How values far from the others are treated; without it they stay as they are.
    series : tuple of ModelSeries
        Multilevel models, built up step by step.
    moderations : tuple of ModerationModel
        Regressions with or without an interaction.
    group_comparisons : tuple of GroupComparison
        Analyses of variance.
    sample_columns : tuple of str
        Columns of the tables of patients and therapists that the table of the sample shows.
    allocation : Demands
        What the plan of who rates what keeps to.
    tables : dict of str to TableSource
        Tables that are called otherwise, or have other heads, than ours.
    ledger : str
        URL of a database that keeps the ledger for several coordinators, such as ``postgresql://host/study`` (its
        password belongs into libpq's own password file); without it the file ``ledger.sqlite`` of the folder.
    """

    name: Name
    title: Title
    synthetic: bool = False
    citation: str = ""
    unit: Literal["session", "patient"] = "session"
    language: Label = "en"
    seed: int = 20210501
    regression_errors: Literal["HC3", "least-squares"] = "HC3"
    due: dict[Identifier, date] = Field(default_factory=dict)
    raters: tuple[Rater, ...] = ()
    certification: Certification | None = None
    instruments: tuple[InstrumentUse, ...] = Field(min_length=1)
    events: tuple[Event, ...] = Field(default=(), json_schema_extra=name_or_table)
    variables: tuple[Variable, ...] = ()
    outliers: OutlierRule | None = None
    series: tuple[ModelSeries, ...] = ()
    moderations: tuple[ModerationModel, ...] = ()
    group_comparisons: tuple[GroupComparison, ...] = ()
    sample_columns: tuple[str, ...] = ()
    allocation: Demands = Demands()
    tables: dict[str, TableSource] = Field(default_factory=dict)
    ledger: str = Field(default="", pattern=r"^(\w[\w+]*://.+)?$", exclude=True)

    _folder: Path = PrivateAttr(default=Path())

    @model_validator(mode="after")
    def _named_once(self) -> Self:
        kinds = {
            "rater": [rater.id for rater in self.raters],
            "instrument": [use.name for use in self.instruments],
            "event": [event.name for event in self.events],
            "variable": [variable.name for variable in self.variables],
            "model": [series.name for series in self.series] + [model.name for model in self.moderations],
        }
        for kind, names in kinds.items():
            twice = [name for place, name in enumerate(names) if name in names[:place]]
            if twice:
                said = f"{kind} {twice[0]!r} stands twice; give each a name of its own, or remove one"
                place = ("events", len(names) - 1 - names[::-1].index(twice[0])) if kind == "event" else ()
                raise EntryError(said, twice[0], "id" if kind == "rater" else "name", place=place)
        try:
            refuse_twice("sample_columns", self.sample_columns)
        except ValueError as wrong:
            raise EntryError(str(wrong), place=("sample_columns",)) from None
        refuse_twice("group_comparisons", [f"{one.outcome} by {one.group}" for one in self.group_comparisons])
        return self

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        raters = {rater.id for rater in self.raters}
        for use in self.instruments:
            stray = [rater for rater in use.raters if rater not in raters]
            if stray:
                said = allowed(stray[0], sorted(raters))
                raise EntryError(
                    f"instrument {use.name!r}: rater {stray[0]!r} is not declared; {said}", stray[0], "raters"
                )
        self._check_allocation(raters)
        known = sorted({variable.name for variable in self.variables} | {"session", "patient", "therapist"})
        for where, names in self._mentions().items():
            stray = [name for name in names if name not in known]
            if stray:
                said = f"{where}: variable {stray[0]!r} is not declared; {allowed(stray[0], known)}"
                raise EntryError(said, stray[0])
        return self

    def _check_allocation(self, raters: set[str]) -> None:
        """Raters whom the plan's demands name are those of the study."""
        for rater in self.allocation.raters:
            if rater not in raters:
                said = allowed(rater, sorted(raters))
                raise EntryError(f"allocation: rater {rater!r} is not declared; {said}", rater, "rater")

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
        return places | dict(self.named_variables)

    @property
    def folder(self) -> Path:
        """The study folder."""
        return self._folder

    @cached_property
    def codebooks(self) -> Mapping[str, Instrument]:
        """The study's instruments by name, with its reversal choices applied.

        Raises
        ------
        StudyError
            Two files hold instruments of one name, or an item is reversed that stands in no scale.
        """
        books: dict[str, Instrument] = {}
        named: dict[str, str] = {}
        for use, book in zip(self.instruments, self._as_written, strict=True):
            if book.name in books:
                both = f"{named[book.name]!r} and {use.name!r}"
                raise StudyError(
                    f"{self.name}: the instruments {both} are both called {book.name!r}; give one of them another name "
                    "in its file."
                )
            named[book.name] = use.name
            books[book.name] = book if use.reverse is None else book.with_reversal(use.reverse)
        return books

    @cached_property
    def _as_written(self) -> tuple[Instrument, ...]:
        return tuple(load_instrument(self._source(use.name)) for use in self.instruments)

    @cached_property
    def workbook_texts(self) -> WorkbookTexts:
        """The texts of the raters' workbooks; ``StudyError`` where they cannot be had."""
        return load_texts(self.language, self.folder)

    def _source(self, name: str) -> Path | str:
        """Where a codebook lies: in the study folder, or among the shipped ones."""
        if not name.endswith(".toml"):
            self._check_known(name, name in shipped_instruments())
            return name
        path = self.folder / name
        if not path.resolve().is_relative_to(self.folder.resolve()):
            raise StudyError(
                f"instrument {name!r}: the path leads out of the study folder {self.folder}. Copy the codebook into "
                "the folder, so that the study is whole wherever it is moved."
            )
        self._check_known(name, path.is_file())
        return path

    def _check_known(self, name: str, is_known: bool) -> None:
        """Refuse a codebook that is neither shipped nor a file of the folder, and say which there are."""
        if is_known:
            return
        own = sorted(path.name for path in self.folder.glob("*.toml") if path.name != "study.toml")
        raise StudyError(
            f"study.toml: [[instruments]], name = {name!r}: there is no such codebook; "
            f"{allowed(name, (*own, *shipped_instruments()))} — correct the name, or copy its TOML "
            f"file into {self.folder}."
        )

    @property
    def table_files(self) -> StudyTables:
        """Where the tables of the study lie, and which columns they may have."""
        by_source: dict[str, dict[str, Instrument]] = {"raters": {}, "outcomes": {}}
        for use, book in zip(self.instruments, self.codebooks.values(), strict=True):
            by_source[use.source][book.name] = book
        asked = [one.column for one in self.variables if one.column is not None]
        asked += [name for name in self.allocation.columns if name not in KEYS]
        return StudyTables(
            self.folder, self.tables, by_source["raters"], by_source["outcomes"], (*asked, *self.sample_columns),
            tuple(rater.id for rater in self.raters),
        )  # fmt: skip

    @property
    def times(self) -> tuple[str, ...]:
        """Names of the variables that are time since the first session."""
        return tuple(one.name for one in self.variables if one.time is not None)

    def left_unreversed(self, instrument: str) -> tuple[str, ...]:
        """Labels of the items that the codebook reverses and the study, by its own list, does not."""
        book = next(book for book in self._as_written if book.name == instrument)
        chosen = self.use(instrument).reverse
        return tuple(
            item.label for item in book.items if chosen is not None and item.reversed and item.name not in chosen
        )

    def check_variables(self) -> None:
        """Hold variables, series, the outlier rule and separations to what is declared.

        See :mod:`doublecode.schemas.variable_checks`.
        """
        uses = {book.name: (book, use) for book, use in zip(self.codebooks.values(), self.instruments, strict=True)}
        check_variables(self.variables, uses, self.unit, [event.name for event in self.events])
        if "regression_errors" in self.model_fields_set and not self.moderations:
            raise StudyError(
                "regression_errors: only [[moderations]] stand on them, and none is declared. Take the line out, or "
                "declare one."
            )
        named = {one.name: one for one in self.variables}
        check_steps(self.series, named)
        check_splits(self.series, named, uses, self.unit)
        check_findings(self, self.series, self.moderations)
        rated = sorted(name for name in self.codebooks if self.use(name).source == "raters")
        for name in (name for one in self.allocation.separations for name in one.instruments):
            if name not in rated:
                raise StudyError(
                    f"allocation: separations: no instrument of raters is called {name!r}; {allowed(name, rated)}"
                )
        acted_on = {name for where, names in self._mentions().items() if where not in self._apart for name in names}
        check_outliers(self.outliers, acted_on, self.series)

    @property
    def _apart(self) -> frozenset[str]:
        """Places of :meth:`_mentions` on which the outlier rule does not act."""
        return frozenset(("outliers", *self.named_variables, *(f"series {one.name!r}" for one in self.series)))

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
        from doublecode.schemas.frames import PATIENTS, SESSIONS
        from doublecode.schemas.table_files import read_table

        path = None if self.folder == Path() else self.table_files.path(table)
        if path is None or path.suffix != ".csv" or table in self.tables:
            return "" if path is None else path.name  # other kinds of files are read in the coordinator's room
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

    def __repr__(self) -> str:
        counts = f"{len(self.codebooks)} instruments, {len(self.raters)} raters"
        return f"<Study {self.name}: {counts}>"

    def _repr_html_(self) -> str:
        return self.card.html()

    def use(self, instrument: str) -> InstrumentUse:
        """How the study uses `instrument`; unknown names raise ``StudyError``."""
        for use, book in zip(self.instruments, self.codebooks.values(), strict=True):
            if book.name == instrument:
                return use
        raise StudyError(
            f"{self.name}: the study does not use {instrument!r}; {ended(allowed(instrument, self.codebooks))} "
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
    if study.codebooks:  # a wrong codebook says so by its own name
        try:
            study.check_variables()  # what is wrong is reported now, not in the middle of a run
        except (StudyError, InstrumentError) as wrong:
            raise StudyError(f"{path.name}: {wrong}") from None
    load_texts(study.language, study.folder)
    study.table_files.check()
    if study.certification is not None:
        study.certification.check(study.folder, [rater.id for rater in study.raters], study.codebooks)
    return study
