"""Declared series of generalised models: fitted, and kept beside the linear ones."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final, TypedDict

from doublecode.analysis.linking.generalized_series_result import GeneralizedSeriesResult
from doublecode.analysis.linking.series_result import SeriesResult
from doublecode.schemas.errors import ContractError
from doublecode.schemas.series_families import outcome_of

if TYPE_CHECKING:
    import pandas as pd

    from doublecode.analysis.rendering.answers import Answer
    from doublecode.analysis.results.spread_work import Progress, Workers
    from doublecode.schemas.model_series import ModelSeries
    from doublecode.schemas.study import Study


_STEPS: Final = {
    "binomial": (
        'needs 0 and 1. Next: say in study.toml which of them is 1, with equals = "{first}" (or another) under its '
        "[[variables]] entry, or write 0 and 1 in its table"
    ),
    "ordinal": (
        "needs an order, which words do not have. Next: write whole numbers in its table, 0 for the lowest category, 1 "
        'for the next; or hold one category against all others, with equals = "{first}" (or another) under its '
        '[[variables]] entry and family = "binomial"'
    ),
}
_COUNTS: Final = "needs counts. Next: write whole numbers in its table, or name another variable as the outcome"
"""What an outcome in words lacks in its family, and what is done about it in a study folder."""


class ByFamily(TypedDict):
    """Series of a run: linear ones, and those of other families."""

    series: tuple[SeriesResult, ...]
    generalized: tuple[GeneralizedSeriesResult, ...]


def fit_declared(
    declared: ModelSeries,
    data: pd.DataFrame,
    study: Study,
    workers: Workers | None = None,
    progress: Progress | None = None,
) -> SeriesResult | GeneralizedSeriesResult:
    """Fit a declared series by its family.

    Parameters
    ----------
    declared : ModelSeries
    data : DataFrame
        The analysis frame.
    study : Study
        Its times and its seed are taken.
    workers, progress
        Cores or a cluster for the refits where bootstrap limits are declared, and what is told how many are done; the
        limits are then there at once, and are the same.

    Raises
    ------
    NotEstimable, UsageError
        These data do not carry the series; values that the family cannot have.
    """
    found = _fitted(declared, data, study)
    if declared.interval == "bootstrap" and workers is not None:
        return replace(found, drawn_limits=found.limits_by(workers, progress))
    return found


def _fitted(declared: ModelSeries, data: pd.DataFrame, study: Study) -> SeriesResult | GeneralizedSeriesResult:
    from doublecode.analysis.linking.generalized_series import fit_generalized_series
    from doublecode.analysis.study.declared_models import declared_series, refuse_constant

    if declared.family is None:
        return declared_series(declared, data, study.times)
    refuse_constant(declared, data)
    refuse_words(declared, data)
    return fit_generalized_series(
        declared.steps, data, family=declared.family, link=declared.link, nagq=declared.nagq, trials=declared.trials,
        offset=declared.offset, prior_sd=declared.prior_sd, thresholds=declared.thresholds or "flexible",
        split=declared.split, intercept_at=declared.intercept_at or None, times=study.times,
        differences=declared.differences, interval=declared.interval, name=declared.name, title=declared.title,
        seed=study.seed,
    )  # fmt: skip


def refuse_words(series: ModelSeries, data: pd.DataFrame) -> None:
    """Refuse an outcome in words, with what a study folder can do about it.

    Parameters
    ----------
    series : ModelSeries
        Of a family.
    data : DataFrame
        The analysis frame.

    Raises
    ------
    ContractError
    """
    name = outcome_of(series.steps).strip("`")
    if name not in data.columns:  # a function of columns, which the formula reads
        return
    values = data[name].dropna().infer_objects()
    if values.empty or values.dtype.kind in "biuf":
        return
    found = list(dict.fromkeys(map(str, values)))
    shown = ", ".join(map(repr, found[:5])) + (", …" if len(found) > 5 else "")
    step = _STEPS.get(str(series.family), _COUNTS).format(first=found[0])
    raise ContractError(f"the outcome {name!r} is in words ({shown}), and family {series.family!r} {step}")


def by_family(fits: Iterable[Answer | None]) -> ByFamily:
    """Part what was fitted into linear and generalised series."""
    found: Sequence[Answer | None] = list(fits)
    return {
        "series": tuple(one for one in found if isinstance(one, SeriesResult)),
        "generalized": tuple(one for one in found if isinstance(one, GeneralizedSeriesResult)),
    }
