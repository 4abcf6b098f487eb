"""From a study's declarations to frames and formulas: the frame and the series that it asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

    from doublecode.analysis.linking.frame import AnalysisFrame
    from doublecode.analysis.linking.series import SeriesResult
    from doublecode.schemas.study import ModelSeries, ModerationModel, Study


def declared_frame(
    study: Study, scores: pd.DataFrame, items: pd.DataFrame, sessions: pd.DataFrame, patients: pd.DataFrame
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
    from doublecode.analysis.linking.frame import build_frame

    _check_variables(study)
    uses = {name: study.use(name) for name in study.codebooks}
    models: dict[str, tuple[str, ...]] = {one.name: one.steps for one in study.series}
    return build_frame(
        scores, sessions, patients, items,
        variables=study.variables,
        unit=study.unit,
        raters=[name for name, use in uses.items() if use.source == "raters"],
        used_in={name: use.sessions for name, use in uses.items() if use.sessions is not None},
        models=models | {one.name: (formula_of(one),) for one in study.moderations},
        subsets={one.name: one.subset for one in study.moderations if one.subset is not None},
    )  # fmt: skip


def _check_variables(study: Study) -> None:
    for variable in study.variables:
        if variable.instrument is not None:
            study.use(variable.instrument)
            book = study.codebooks[variable.instrument]
            _ = book.scale(variable.scale) if variable.scale is not None else book.item(str(variable.item))


def formula_of(model: ModerationModel) -> str:
    """Return the formula of a declared regression: ``outcome ~ predictor * moderator + covariates``."""
    focal = model.predictor if model.moderator is None else f"{model.predictor} * {model.moderator}"
    return f"{model.outcome} ~ {' + '.join((focal, *model.covariates))}"


def declared_series(series: ModelSeries, data: pd.DataFrame) -> SeriesResult:
    """Fit a declared series; see :func:`doublecode.analysis.linking.series.fit_series`."""
    from doublecode.analysis.linking.series import fit_series

    return fit_series(
        series.steps, data, split=series.split, intercept_at=series.intercept_at or None,
        name=series.name, title=series.title,
    )  # fmt: skip
