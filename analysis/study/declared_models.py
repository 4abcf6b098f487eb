"""From a study's declarations to frames and formulas: the frame and the series that it asks for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from doublecode.schemas.errors import NotEstimable

if TYPE_CHECKING:
    import pandas as pd

    from doublecode.analysis.linking.finding_stages import PatientRows, SessionRows
    from doublecode.analysis.linking.frame import AnalysisFrame
    from doublecode.analysis.linking.patient_outcomes import PatientOutcomeResult
    from doublecode.analysis.linking.series_result import SeriesResult
    from doublecode.schemas.model_series import ModelSeries
    from doublecode.schemas.patient_model import PatientModel
    from doublecode.schemas.study import Study
    from doublecode.schemas.study_parts import ModerationModel


def declared_frame(
    study: Study,
    scores: pd.DataFrame,
    items: pd.DataFrame,
    sessions: pd.DataFrame,
    patients: pd.DataFrame,
    ratings: pd.DataFrame | None = None,
    *,
    therapists: pd.DataFrame | None = None,
    at_events: pd.DataFrame | None = None,
    empty_logs: pd.DataFrame | None = None,
) -> AnalysisFrame:
    """Build the frame of the declared variables; see :func:`doublecode.analysis.build_frame`.

    Parameters
    ----------
    study : Study
        Its variables, unit, instruments and models are followed.
    scores, items : DataFrame
        As :func:`doublecode.coding.score` and :func:`doublecode.coding.pool_ratings` give them.
    sessions, patients : DataFrame
        The tables of the study folder, as :func:`doublecode.analysis.read_study` reads them.
    ratings : DataFrame, optional
        Contract ``RATINGS``: a session of which only categories were coded counts as rated, too; counts of homework
        logs are made of them.
    therapists : DataFrame, optional
        As the study folder has them.
    at_events : DataFrame, optional
        Outcomes beyond the sessions, as :func:`doublecode.analysis.study.events.scored_events` gives them.
    empty_logs : DataFrame, optional
        Homework logs that came back with nothing in them: sessions without homework.

    Returns
    -------
    AnalysisFrame
        One row per session or patient, with the ledger of every row.

    Raises
    ------
    StudyError, InstrumentError
        A variable names an instrument that the study does not use, or a scale or item that it does not have.

    Examples
    --------
    >>> from importlib.resources import as_file, files
    >>> from doublecode.analysis import read_study
    >>> from doublecode.coding import pool_ratings, score
    >>> with as_file(files("doublecode.data_examples") / "adolescent_cbt") as folder:
    ...     intake = read_study(folder)
    >>> items = pool_ratings(intake.ratings, intake.study)
    >>> scores = score(items, intake.study.codebooks)
    >>> answer = declared_frame(intake.study, scores, items, intake.sessions, intake.patients)
    >>> answer.frame["hw2"].notna().sum().item()
    44
    """
    from doublecode.analysis.linking.finding_stages import with_finding_stages
    from doublecode.analysis.linking.frame import build_frame

    study.check_variables()
    given = [(book.name, item.name) for book in study.codebooks.values() for item in book.columns if item.given]
    uses = {name: study.use(name) for name in study.codebooks}
    models: dict[str, tuple[str, ...]] = {one.name: one.formulas for one in study.series}
    built = build_frame(
        scores, sessions, patients, items,
        variables=study.variables,
        unit=study.unit,
        raters=[name for name, use in uses.items() if use.source == "raters"],
        used_in={name: use.sessions for name, use in uses.items() if use.sessions is not None},
        models=models | {one.name: (formula_of(one),) for one in study.moderations},
        subsets={one.name: one.subset for one in study.moderations if one.subset is not None}
        | {one.name: f"{one.trials} > 0" for one in study.series if one.trials is not None},
        ratings=None if ratings is None else _by_raters(ratings, given),
        therapists=therapists,
        counts=None if ratings is None else _counts(study, ratings, empty_logs),
        at_events=at_events,
    )  # fmt: skip
    return with_finding_stages(built, _needed_rows(study, list(map(str, built.frame.columns))))


def _needed_rows(study: Study, columns: Sequence[str]) -> list[SessionRows | PatientRows]:
    """Which rows the models beyond series and regressions need."""
    from doublecode.analysis.linking.finding_stages import PatientRows, SessionRows, formula_rows

    return [
        *(
            PatientRows(one.name, one.fixed, one.predictor, one.sessions, one.therapists != "ignored")
            for one in study.patient_outcomes
        ),
        *(formula_rows(one.name, one.formula, columns) for one in study.rater_corrections),
        *(SessionRows(one.name, (one.x, one.y), any_of=True) for one in study.cross_lagged),
        *(SessionRows(one.name, (one.x, one.m, one.y)) for one in study.mediations),
    ]


def _counts(study: Study, ratings: pd.DataFrame, empty: pd.DataFrame | None) -> pd.DataFrame | None:
    """Counts of the homework logs that variables ask for, called as they are looked up."""
    import pandas as pd

    from doublecode.analysis.description.homework_sessions import session_counts
    from doublecode.analysis.linking.cells import counted_as

    asked = [one for one in study.variables if one.count is not None]
    parts = []
    for name in dict.fromkeys(str(one.instrument) for one in asked):
        types = [one.of_type for one in asked if one.instrument == name and one.of_type is not None]
        parts.append(session_counts(ratings, study.codebooks[name], of_types=types, empty=empty))
    if not parts:
        return None
    counts = pd.concat(parts, ignore_index=True)
    pairs = zip(counts["count"], counts["of_type"], strict=True)
    return counts.assign(count=[counted_as(count, of if isinstance(of, str) else None) for count, of in pairs])


def _by_raters(ratings: pd.DataFrame, given: Sequence[tuple[str, str]]) -> pd.DataFrame:
    """The ratings without what an assistant filled in beforehand."""
    import pandas as pd

    items = zip(ratings["instrument"], ratings["item"], strict=True)
    return ratings[pd.Series([pair not in given for pair in items], index=ratings.index, dtype=bool)]


def formula_of(model: ModerationModel) -> str:
    """Return the formula of a declared regression: ``outcome ~ predictor * moderator + covariates``."""
    focal = model.predictor if model.moderator is None else f"{model.predictor} * {model.moderator}"
    return f"{model.outcome} ~ {' + '.join((focal, *model.covariates))}"


def declared_series(series: ModelSeries, data: pd.DataFrame, times: Sequence[str] = ()) -> SeriesResult:
    """Fit a declared series; see :func:`doublecode.analysis.linking.series.fit_series`.

    Raises
    ------
    NotEstimable
        No row has all variables, or on these rows a predictor that is split has no spread within or between patients.
    """
    from doublecode.analysis.linking.series import fit_series

    refuse_constant(series, data)
    return fit_series(
        series.steps, data, split=series.split, intercept_at=series.intercept_at or None, times=times,
        name=series.name, title=series.title, differences=series.differences,
        latent_means=series.latent_means, correlation=series.correlation,
        variance_by=series.variance_by, interval=series.interval, explained=series.explained,
        reproduces=series.reproduces,
    )  # fmt: skip


def declared_patient_outcome(model: PatientModel, data: pd.DataFrame) -> PatientOutcomeResult:
    """Fit a declared regression over patients; see :func:`doublecode.analysis.patient_outcome`."""
    from doublecode.analysis.linking.patient_outcomes import patient_outcome

    return patient_outcome(
        data, model.outcome, model.predictor, baseline=model.baseline, covariates=model.covariates,
        sessions=model.sessions, therapists=model.therapists, name=model.name, title=model.title,
    )  # fmt: skip


def series_rows(series: ModelSeries, data: pd.DataFrame) -> pd.DataFrame:
    """Rows of the analysis frame on which every step of a declared series stands.

    Raises
    ------
    NotEstimable
        No row has all variables.
    """
    from doublecode.analysis.mixed.formula import parse_formula
    from doublecode.analysis.mixed.model_rows import common_rows

    steps = map(parse_formula, series.steps)
    needed = dict.fromkeys(column for step in steps for column in step.columns(data.columns))
    needed |= dict.fromkeys((*series.residual_columns, *series.beside))
    return common_rows(data, list(needed), ("patient", "session")).data


def refuse_constant(series: ModelSeries, data: pd.DataFrame) -> None:
    """Refuse a predictor in split that has no spread within or between patients on the rows of the series.

    Raises
    ------
    NotEstimable
    """
    from doublecode.analysis.results.row_levels import varying_within

    rows = series_rows(series, data) if series.split else data
    for name in series.split:
        means = rows.groupby("patient")[name].mean()
        within = varying_within([name], rows, "patient")
        if not within or means.nunique() < 2:
            where = "between" if within else "within"
            raise NotEstimable(
                f"{name} is to be split, and on the {len(rows)} rows of this series it does not vary {where} patients; "
                "take it out of split"
            )
