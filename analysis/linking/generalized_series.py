"""Series of generalised models: outcomes that are done or not, counted, or rated in ordered categories."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import pandas as pd

from doublecode.analysis.linking.generalized_models import FamilyAsked, GeneralizedModel, fit_planned
from doublecode.analysis.linking.generalized_notes import check_notes, fit_notes, variance_notes
from doublecode.analysis.linking.generalized_series_result import GeneralizedSeriesResult
from doublecode.analysis.linking.series_checks import repeated_sessions
from doublecode.analysis.linking.series_comparison import comparison_table
from doublecode.analysis.linking.series_notes import state_notes, unsplit_notes
from doublecode.analysis.linking.series_rows import series_rows
from doublecode.analysis.linking.series_versions import planned_models
from doublecode.analysis.linking.time_origin import SESSION
from doublecode.analysis.mixed.generalized.response import check_family
from doublecode.schemas.errors import ContractError, NotEstimable
from doublecode.schemas.frames import as_pandas
from doublecode.schemas.results import Note

if TYPE_CHECKING:
    from doublecode.analysis.mixed.formula import ModelFormula
    from doublecode.analysis.mixed.generalized.intervals import GeneralizedMethod
    from doublecode.analysis.mixed.generalized.thresholds import ThresholdKind

    Formula = str | ModelFormula

MOST_HALF_STEPS: Final = 20
"""Most distinct values of a rating whose halves count as categories."""


def fit_generalized_series(
    formulas: Formula | Sequence[Formula] | Mapping[str, Formula],
    data: pd.DataFrame,
    *,
    family: str,
    link: str | None = None,
    nagq: int | None = None,
    trials: str | None = None,
    offset: str | None = None,
    prior_sd: float | None = None,
    thresholds: ThresholdKind = "flexible",
    split: Sequence[str] = (),
    intercept_at: int | None = None,
    times: Sequence[str] = (),
    differences: Sequence[tuple[str, str]] = (),
    interval: GeneralizedMethod = "wald",
    patient: str = "patient",
    name: str = "series",
    title: str = "",
    seed: int = 0,
) -> GeneralizedSeriesResult:
    """Fit a series of generalised mixed models on the rows that all of them can use.

    Parameters
    ----------
    formulas, data, split, intercept_at, times, differences, patient, name, title
        As in :func:`fit_series`.
    family, link, trials, prior_sd, thresholds
        As in :func:`fit_generalized`; `trials` names a column.
    nagq : int, optional
        Quadrature points; None takes 15 where every step has one scalar random term, else 1 (Laplace's
        approximation): all models of a series share one, since their likelihoods are compared.
    offset : str, optional
        A column with a known part of the linear predictor, or the log of a column, ``"log(minutes)"``.
    interval : {"wald", "profile", "bootstrap"}
        By which ``.limits`` are computed.
    seed : int
        Of the bootstrap and of the simulated checks.

    Returns
    -------
    GeneralizedSeriesResult
        Models are fitted by maximum likelihood; a model is compared with the one before it of its kind by likelihood
        ratio, where it is nested. A model that cannot be estimated is a row of the table.

    Raises
    ------
    FormulaError, UsageError
        As :func:`fit_series`; values that the family cannot have.
    NotEstimable
        No row has all variables, or no step can be estimated.

    Notes
    -----
    Coefficients are on the scale of the linear predictor (log odds, log rates), for one patient: an unsplit
    time-varying predictor mixes the slope within and between patients here as in a linear model. Means of two raters
    that lie half way between two categories are ordered categories of their own in family ``"ordinal"``.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(5)
    >>> data = pd.DataFrame({"patient": np.repeat(np.arange(30), 8), "session": np.tile(np.arange(1.0, 9), 30)})
    >>> eta = -1 + 0.3 * data["session"] + rng.normal(0, 1, 30)[data["patient"]]
    >>> data["done"] = (rng.uniform(size=240) < 1 / (1 + np.exp(-eta))).astype(int)
    >>> steps = ["done ~ 1 + (1 | patient)", "done ~ session + (1 | patient)"]
    >>> series = fit_generalized_series(steps, data, family="binomial", intercept_at=1)
    >>> series.frame[["label", "k", "df"]].to_numpy().tolist()
    [['1 as declared', 2, nan], ['2 as declared', 3, 1.0]]
    """
    data, (_, chosen) = as_pandas(data), check_family(family, link)
    asked = FamilyAsked(family, chosen, nagq, trials, offset, prior_sd, thresholds)
    data, none = _without_trials(data, trials, name)
    ready = series_rows(
        formulas, data, split=split, intercept_at=intercept_at, times=times, differences=differences, interval=interval,
        also=asked.columns, patient=patient, name=name,
    )  # fmt: skip
    rows, moved = ready.rows, ready.moved
    ready_data, halves = _with_categories(asked.with_offset(moved.data), next(iter(moved.steps.values())), family)
    plan = planned_models(moved.steps, ready_data, split=tuple(split), patient=patient, times=tuple(times))
    nodes = asked.nodes([one.formula for one in plan.models])
    models = tuple(fit_planned(one, plan.data, asked, nodes) for one in plan.models)
    _refuse_none(models)
    table, compared = comparison_table(models)
    found = GeneralizedSeriesResult(
        spec={
            "name": name, "title": title, "steps": list(map(str, ready.steps.values())), "split": list(split),
            "family": family, "link": chosen, "nagq": nodes, "trials": trials, "offset": offset, "prior_sd": prior_sd,
            "thresholds": thresholds, "intercept_at": moved.intercept_at,
            "differences": [list(pair) for pair in differences], "interval": interval, "seed": seed,
        },
        models=models,
        frame=table.drop(columns=["loglik_ml", "aic_ml", "bic_ml"]),
        design=ready.design,
        notes=(
            *fit_notes(models, asked, nodes), *none, *halves, *state_notes(models), *variance_notes(models),
            *moved.notes, *compared, *plan.notes, *unsplit_notes(models, split), *ready.unused(split),
            *repeated_sessions(rows.data, patient),
        ),
        rows=rows.data.index,
        times=rows.data.get(SESSION),
    )  # fmt: skip
    return replace(found, notes=(*found.notes, *check_notes(found.checks, family)))


def _refuse_none(models: Sequence[GeneralizedModel]) -> None:
    """Raise the reason of the first model where no model could be estimated."""
    if all(one.result is None for one in models):
        raise NotEstimable(models[0].refusal)


def _without_trials(data: pd.DataFrame, trials: str | None, name: str) -> tuple[pd.DataFrame, tuple[Note, ...]]:
    """The data with 0 trials as missing: 0 of 0 says nothing of a probability. And how many rows these are.

    Raises
    ------
    ContractError
        Trials are means of two raters, and no whole numbers.
    """
    if trials is None or trials not in data.columns or data[trials].dtype.kind not in "iuf":
        return data, ()
    values: Any = data[trials].astype(float)
    between = data.index[values.notna() & (values != values.round())]
    if len(between):
        raise ContractError(
            f"series {name!r}: trials {trials!r} is {values[between[0]]:g} in row {between[0]} ({len(between)} rows in "
            "all), and so many trials there cannot be. Where two raters' counts were averaged, write "
            'pooling = "primary" under the instrument in study.toml; else correct these rows'
        )
    n = int((values == 0).sum())
    if not n:
        return data, ()
    return data.assign(**{trials: values.where(values != 0)}), (Note("rows_without_trial", trials, {"n": n}),)


def _with_categories(data: pd.DataFrame, step: ModelFormula, family: str) -> tuple[pd.DataFrame, tuple[Note, ...]]:
    """The data with means of two raters as ordered categories of their own, and how many rows these are."""
    name = step.response.strip("`")
    if family != "ordinal" or name not in data.columns or data[name].dtype.kind != "f":
        return data, ()
    values: Any = data[name]
    between = values != values.round()
    if not between.any() or (2 * values != (2 * values).round()).any() or values.nunique() > MOST_HALF_STEPS:
        return data, ()
    levels = sorted(values.unique())
    labels = [f"{one:g}" for one in levels]
    ordered = pd.Categorical([f"{one:g}" for one in values], categories=labels, ordered=True)
    return data.assign(**{name: ordered}), (Note("ordinal_half_steps", numbers={"n": int(between.sum())}),)
