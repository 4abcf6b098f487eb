"""Whether what the tables of a paper show is declared: models, steps, variables, instruments, scores."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from doublecode.schemas.declared_findings import CorrelationTable
from doublecode.schemas.errors import StudyError
from doublecode.schemas.gathered import Gathered
from doublecode.schemas.instrument import Instrument
from doublecode.schemas.model_series import ModelSeries
from doublecode.schemas.near_names import allowed, ended
from doublecode.schemas.paper_tables import Papers, PaperTable
from doublecode.schemas.series_families import not_served
from doublecode.schemas.study_parts import ModerationModel, Variable


class PaperSources(Protocol):
    """What of a study the tables of its paper may name."""

    @property
    def codebooks(self) -> Mapping[str, Instrument]: ...  # noqa: D102
    @property
    def variables(self) -> Sequence[Variable]: ...  # noqa: D102
    @property
    def correlations(self) -> CorrelationTable | None: ...  # noqa: D102
    @property
    def moderations(self) -> Sequence[ModerationModel]: ...  # noqa: D102
    @property
    def series(self) -> Sequence[ModelSeries]: ...  # noqa: D102
    @property
    def sample_columns(self) -> Sequence[str]: ...  # noqa: D102
    @property
    def unit(self) -> str: ...  # noqa: D102
    @property
    def papers(self) -> Papers: ...  # noqa: D102


def check_papers(known: PaperSources) -> None:
    """Hold the tables and figures of a paper to what the study declares.

    Raises
    ------
    StudyError
        A table or figure names what is not declared; the message says which, what was found and what is allowed.
    """
    wrong = Gathered()
    for one in known.papers.tables:
        with wrong.one():
            _check(one, known)
    moderated = [model.name for model in known.moderations if model.moderator]
    for figure in known.papers.figures:
        with wrong.one():
            _named(f"papers.figures {figure.number!r}", "moderation with a moderator", filter(None, [figure.model]),
                   moderated)  # fmt: skip
    wrong.refuse()


def _check(one: PaperTable, known: PaperSources) -> None:
    where = f"papers.tables {one.number!r}"
    _named(where, "instrument", one.instruments, known.codebooks)
    _named(where, "moderation", one.models, [model.name for model in known.moderations])
    _named(where, "series", one.series, [series.name for series in known.series])
    _named(where, "score", one.scores, _scores(known.codebooks))
    if one.kind == "correlations":
        _check_correlations(where, one, known)
    if one.kind == "descriptives":
        _named(where, "variable", one.variables, [variable.name for variable in known.variables])
    if one.kind == "sample":
        _check_sample(where, one, known)
    if one.kind == "series":
        _check_steps(where, one, known.series)
    if one.kind == "homework":
        _check_homework(where, one, known.codebooks)


def _named(where: str, what: str, names: Iterable[str], known: Iterable[str]) -> None:
    declared = list(known)
    for name in names:
        if name not in declared:
            raise StudyError(f"{where}: no {what} is called {name!r}; {ended(allowed(name, declared))}")


def _scores(books: Mapping[str, Instrument]) -> list[str]:
    """Every scale and item as ``instrument.name``; scales first, they are what papers print."""
    scales = [f"{book.name}.{scale.name}" for book in books.values() for scale in book.scales]
    return [*scales, *(f"{book.name}.{name}" for book in books.values() for name, _ in book.parts)]


def _check_correlations(where: str, one: PaperTable, known: PaperSources) -> None:
    if known.correlations is None:
        raise StudyError(f"{where}: it shows correlations, and the study declares none; add a table [correlations].")
    _named(where, "variable of [correlations]", one.variables, known.correlations.variables)
    if len(one.variables) == 1:
        raise StudyError(f"{where}: variables has one name; correlations need at least two.")
    if one.level != "pooled" and known.unit == "patient":
        raise StudyError(f"{where}: level is {one.level!r}, and a row is a patient here; leave level out.")


def _check_sample(where: str, one: PaperTable, known: PaperSources) -> None:
    if not known.sample_columns:
        raise StudyError(f"{where}: it shows the sample, and sample_columns is empty; name its columns there.")
    _named(where, "sample column", one.variables, known.sample_columns)


def _check_steps(where: str, one: PaperTable, series: Sequence[ModelSeries]) -> None:
    chosen = [series for series in series if series.name in one.series]
    shown = 0
    for model in chosen:
        if model.family is not None:
            instead = "Take it out; the report has its own tables of it, as CSV and in Word."
            raise StudyError(f"{where}: series {model.name!r}: {not_served(model.family, 'kind = series', instead)}")
        count = len(model.steps)
        shown += len(one.steps) or count
        if one.steps and max(one.steps) > count:
            said = f"step {max(one.steps)} of {model.name!r}, which has {count}"
            raise StudyError(f"{where}: {said}; allowed: 1 to {count}.")
        if one.split and not model.split:
            raise StudyError(f"{where}: split = true, and series {model.name!r} splits nothing; leave split out.")
    if one.heads and len(one.heads) != shown:
        raise StudyError(f"{where}: {len(one.heads)} heads for {shown} models; write one for each.")


def _check_homework(where: str, one: PaperTable, books: Mapping[str, Instrument]) -> None:
    logs = [name for name, book in books.items() if book.homework_log is not None]
    if not logs:
        raise StudyError(f"{where}: it shows homework, and no instrument of the study is a homework log.")
    _named(where, "homework log", one.instruments, logs)
