"""Declared series of generalised models: fitted, and kept beside the linear ones."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, TypedDict

from doublecode.analysis.linking.generalized_series_result import GeneralizedSeriesResult
from doublecode.analysis.linking.series_result import SeriesResult

if TYPE_CHECKING:
    import pandas as pd

    from doublecode.analysis.rendering.answers import Answer
    from doublecode.schemas.model_series import ModelSeries
    from doublecode.schemas.study import Study


class ByFamily(TypedDict):
    """Series of a run: linear ones, and those of other families."""

    series: tuple[SeriesResult, ...]
    generalized: tuple[GeneralizedSeriesResult, ...]


def fit_declared(declared: ModelSeries, data: pd.DataFrame, study: Study) -> SeriesResult | GeneralizedSeriesResult:
    """Fit a declared series by its family.

    Parameters
    ----------
    declared : ModelSeries
    data : DataFrame
        The analysis frame.
    study : Study
        Its times and its seed are taken.

    Raises
    ------
    NotEstimable, UsageError
        These data do not carry the series; values that the family cannot have.
    """
    from doublecode.analysis.linking.generalized_series import fit_generalized_series
    from doublecode.analysis.study.declared_models import declared_series, refuse_constant

    if declared.family is None:
        return declared_series(declared, data, study.times)
    refuse_constant(declared, data)
    return fit_generalized_series(
        declared.steps, data, family=declared.family, link=declared.link, nagq=declared.nagq, trials=declared.trials,
        offset=declared.offset, prior_sd=declared.prior_sd, thresholds=declared.thresholds or "flexible",
        split=declared.split, intercept_at=declared.intercept_at or None, times=study.times,
        differences=declared.differences, interval=declared.interval, name=declared.name, title=declared.title,
        seed=study.seed,
    )  # fmt: skip


def by_family(fits: Iterable[Answer | None]) -> ByFamily:
    """Part what was fitted into linear and generalised series."""
    found: Sequence[Answer | None] = list(fits)
    return {
        "series": tuple(one for one in found if isinstance(one, SeriesResult)),
        "generalized": tuple(one for one in found if isinstance(one, GeneralizedSeriesResult)),
    }
