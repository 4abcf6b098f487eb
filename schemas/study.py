"""A study as declared in its folder: ``study.toml`` and the tables beside it.

The declaration says who rates what, how double-coded sessions are pooled, which variables stand in the analysis frame
and which models are run. Nothing about the analysis is decided anywhere else.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, PrivateAttr, model_validator

from doublecode.schemas import process_models as process
from doublecode.schemas.allocation import Demands
from doublecode.schemas.as_used import books_as_used
from doublecode.schemas.cards import Card
from doublecode.schemas.certification import Certification
from doublecode.schemas.declared import Declared, load_toml
from doublecode.schemas.declared_findings import Findings
from doublecode.schemas.errors import StudyError
from doublecode.schemas.finding_checks import check_drop_rules, check_findings
from doublecode.schemas.gathered import Gathered, said_of
from doublecode.schemas.instrument import Instrument, load_instrument, shipped_instruments
from doublecode.schemas.model_series import ModelSeries
from doublecode.schemas.names import Identifier, Label, Name, Title
from doublecode.schemas.near_names import allowed, ended
from doublecode.schemas.paper_checks import check_papers
from doublecode.schemas.patient_changes import check_patient_changes
from doublecode.schemas.patient_model import PatientModel
from doublecode.schemas.sensitivity_checks import check_sensitivity
from doublecode.schemas.study_card import count_rows, instrument_table, model_table
from doublecode.schemas.study_parts import (
    KEYS,
    Event,
    GroupComparison,
    InstrumentUse,
    ModerationModel,
    OutlierRule,
    Rater,
    Variable,
    name_or_table,
    refuse_twice,
)
from doublecode.schemas.study_tables import StudyTables
from doublecode.schemas.table_heads import check_tables, placed
from doublecode.schemas.table_source import TableSource
from doublecode.schemas.therapist_checks import check_therapist_page
from doublecode.schemas.toml_lines import EntryError
from doublecode.schemas.variable_checks import (
    check_errors,
    check_means,
    check_outliers,
    check_separations,
    check_splits,
    check_steps,
    check_variables,
)
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
        Occasions beyond the sessions at which outcomes are measured, in the order of time: names such as
        ``["baseline", "post", "fu6"]``, or entries with label and month. An outcome's table has a column ``event``.
    variables : tuple of Variable
        The columns of the analysis frame.
    outliers : OutlierRule
        How values far from the others are treated; without it they stay as they are.
    series : tuple of ModelSeries
        Multilevel models, built up step by step.
    patient_outcomes : tuple of PatientModel
        Regressions over patients: an outcome at the end on a mean over sessions, adjusted for the baseline.
    moderations : tuple of ModerationModel
        Regressions with or without an interaction.
    group_comparisons : tuple of GroupComparison
        Analyses of variance.
    rater_corrections : tuple of RaterCorrection
        Models with slopes as codes without error would show them.
    cross_lagged : tuple of Direction
        Pairs of variables, and which of them goes first.
    mediations : tuple of MediationModel
        Indirect effects.
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
    raters: tuple[Rater, ...] = Field(default=(), min_length=1)
    certification: Certification | None = None
    instruments: tuple[InstrumentUse, ...] = Field(min_length=1)
    events: tuple[Event, ...] = Field(default=(), json_schema_extra=name_or_table)
    variables: tuple[Variable, ...] = ()
    outliers: OutlierRule | None = None
    series: tuple[ModelSeries, ...] = ()
    patient_outcomes: tuple[PatientModel, ...] = ()
    moderations: tuple[ModerationModel, ...] = ()
    group_comparisons: tuple[GroupComparison, ...] = ()
    rater_corrections: tuple[process.RaterCorrection, ...] = ()
    cross_lagged: tuple[process.Direction, ...] = ()
    mediations: tuple[process.MediationModel, ...] = ()
    allocation: Demands = Demands()
    tables: dict[str, TableSource] = Field(default_factory=dict)
    ledger: str = Field(default="", pattern=r"^(\w[\w+]*://.+)?$", exclude=True)

    _folder: Path = PrivateAttr(default=Path())

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        wrong = Gathered()
        self._check_named_once(wrong)
        self._check_mentions(wrong)
        wrong.refuse()
        return self

    def _check_named_once(self, wrong: Gathered) -> None:
        kinds = {
            "rater": [rater.id for rater in self.raters],
            "instrument": [use.name for use in self.instruments],
            "event": [event.name for event in self.events],
            "variable": [variable.name for variable in self.variables],
            "model": [
                *(one.name for one in self.series),
                *(one.name for one in self.patient_outcomes),
                *(one.name for one in self.moderations),
                *process.process_names(self),
            ],
        }
        for kind, names in kinds.items():
            for name in dict.fromkeys(name for at, name in enumerate(names) if name in names[:at]):
                said = f"{kind} {name!r} stands twice; give each a name of its own, or remove one"
                place = ("events", len(names) - 1 - names[::-1].index(name)) if kind == "event" else ()
                with wrong.one():
                    raise EntryError(said, name, "id" if kind == "rater" else "name", place=place)
        with wrong.one():
            refuse_twice("sample_columns", self.sample_columns, place=("sample_columns",))
        with wrong.one():
            refuse_twice("group_comparisons", [f"{one.outcome} by {one.group}" for one in self.group_comparisons])

    def _check_mentions(self, wrong: Gathered) -> None:
        """Raters and variables that are named somewhere are declared."""
        raters = {rater.id for rater in self.raters}
        at = [(f"instrument {use.name!r}", rater, "raters") for use in self.instruments for rater in use.raters]
        at += [("allocation", rater, "rater") for rater in self.allocation.raters]
        for where, rater, key in at:
            if rater not in raters:
                said = f"{where}: rater {rater!r} is not declared; {allowed(rater, sorted(raters))}"
                with wrong.one():
                    raise EntryError(said, rater, key)
        known = sorted({variable.name for variable in self.variables} | {"session", "patient", "therapist"})
        for where, names in self._mentions().items():
            for name in (name for name in names if name not in known):
                with wrong.one():
                    raise EntryError(f"{where}: variable {name!r} is not declared; {allowed(name, known)}", name)

    def _mentions(self) -> dict[str, tuple[str, ...]]:
        places: dict[str, tuple[str, ...]] = {
            "outliers": self.outliers.variables if self.outliers else (),
            "correlations": self.correlations.variables if self.correlations else (),
        }
        for model in self.moderations:
            moderator = (model.moderator,) if model.moderator else ()
            places[f"moderation {model.name!r}"] = (model.outcome, model.predictor, *moderator, *model.covariates)
        places |= {f"patient outcome {one.name!r}": one.variables for one in self.patient_outcomes}
        places |= {f"series {one.name!r}": one.mentioned for one in self.series}
        places |= {f"group comparison of {one.outcome!r}": (one.outcome, one.group) for one in self.group_comparisons}
        return places | dict(self.named_variables) | process.process_mentions(self)

    @property
    def folder(self) -> Path:
        """The study folder."""
        return self._folder

    @cached_property
    def codebooks(self) -> Mapping[str, Instrument]:
        """The study's instruments by name, with its choices of reversal and of missing items applied.

        Raises
        ------
        StudyError
            Two files hold instruments of one name, or an item is reversed that stands in no scale.
        """
        return books_as_used(self.instruments, self._as_written)

    @cached_property
    def _as_written(self) -> tuple[Instrument, ...]:
        wrong, books = Gathered(), []
        for use in self.instruments:
            with wrong.one():
                books.append(load_instrument(self._source(use.name)))
        wrong.refuse()
        return tuple(books)

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
            f"[[instruments]], name = {name!r}: there is no such codebook; "
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
            self.folder, self.tables, by_source["raters"], by_source["outcomes"], (*asked, *self.sample_sources),
            tuple(one.id for one in self.raters), frozenset(n for n in by_source["outcomes"] if self.use(n).is_dated),
        )  # fmt: skip

    @property
    def times(self) -> tuple[str, ...]:
        """Names of the variables that are time: since the first session, or a phase of the treatment."""
        return tuple(one.name for one in self.variables if one.time is not None or one.phase_from is not None)

    def left_unreversed(self, instrument: str) -> tuple[str, ...]:
        """Labels of the items that the codebook reverses and the study, by its own list, does not."""
        book = next(book for book in self._as_written if book.name == instrument)
        chosen = self.use(instrument).reverse
        return tuple(
            item.label for item in book.items if chosen is not None and item.reversed and item.name not in chosen
        )

    def check_variables(self) -> None:
        """Hold variables, series, outlier rule, separations and tables of the paper to what is declared."""
        uses = {book.name: (book, use) for book, use in zip(self.codebooks.values(), self.instruments, strict=True)}
        named = {one.name: one for one in self.variables}
        rated = sorted(name for name in self.codebooks if self.use(name).source == "raters")
        acted_on = {name for where, names in self._mentions().items() if where not in self._apart for name in names}
        wrong = Gathered()
        with wrong.one():
            check_variables(self.variables, uses, self.unit, [event.name for event in self.events])
        with wrong.one():
            check_steps(self.series, named)
        with wrong.one():
            process.check_process(self, named, self.unit)
        with wrong.one():
            check_splits(self.series, placed(named, self.series, self.table_files), uses, self.unit)
        with wrong.one():
            check_means(self.patient_outcomes, named, uses, self.unit)
        with wrong.one():
            check_findings(self, self.series, self.moderations, self.unit)
        with wrong.one():
            check_patient_changes(self.patient_changes, named, uses, self.unit, self.events)
        with wrong.one():
            check_papers(self)
        with wrong.one():
            check_drop_rules(self.drop_rules, {name: uses[name][0] for name in rated})
        with wrong.one():
            check_outliers(self.outliers, acted_on, self.series, self.patient_outcomes)
        with wrong.one():
            check_sensitivity(self, named, uses)
        with wrong.one():
            check_therapist_page(self.therapist_page, uses)
        with wrong.one():
            check_errors("regression_errors" in self.model_fields_set, self.moderations)
        with wrong.one():
            check_separations([name for one in self.allocation.separations for name in one.instruments], rated)
        wrong.refuse()

    @property
    def _apart(self) -> frozenset[str]:
        """Places of :meth:`_mentions` on which the outlier rule does not act."""
        patients = (f"patient outcome {one.name!r}" for one in self.patient_outcomes)
        models = (*patients, *process.process_mentions(self), *(f"series {one.name!r}" for one in self.series))
        return frozenset(("outliers", *self.named_variables, *models))

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
        uses = [(book, self.use(book.name)) for book in self.codebooks.values()]
        models = model_table([
            *((one.name, one.kind, one.title, "; ".join(one.steps)) for one in self.series),
            *((one.name, "patients", one.title, one.formula) for one in self.patient_outcomes),
            *((one.name, "regression", one.title, one.formula) for one in self.moderations),
            *process.process_rows(self),
            *(("", "groups", "", f"{one.outcome} ~ {one.group}") for one in self.group_comparisons),
        ])  # fmt: skip
        return Card(self.title, facts, (instrument_table(uses, self.raters), models))

    def _counted(self, table: Literal["patients", "sessions"]) -> str:
        path = None if self.folder == Path() else self.table_files.path(table)
        return count_rows(path, table, is_ours=table not in self.tables)

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
    try:
        has_codebooks = bool(study.codebooks)
    except StudyError as wrong_use:  # a wrong codebook says so by its own name
        raise StudyError(f"{path.name}: {wrong_use}") from None
    with said_of(path.name):
        wrong = Gathered()
        if has_codebooks:
            with wrong.one():
                study.check_variables()  # what is wrong is reported now, not in the middle of a run
        with wrong.one():
            check_tables(study.table_files, study.variables, wrong)
        if study.certification is not None:
            with wrong.one():
                study.certification.check(study.folder, [rater.id for rater in study.raters], study.codebooks)
        wrong.refuse()
    load_texts(study.language, study.folder)
    return study
