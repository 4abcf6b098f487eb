"""Series of multilevel models on one common set of rows, and their comparison.

Each step is fitted as declared and, where it holds a time-varying predictor,
once more with that predictor split into the patient's mean and the deviation
from it. Beside a singular fit stands the one with the next simpler random
part. All models stand on the rows that every step can use, so that
likelihoods may be compared.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import pandas as pd

from doublecode.analysis.linking.latent_means import find_latent_means
from doublecode.analysis.linking.series_checks import repeated_sessions
from doublecode.analysis.linking.series_comparison import (
    comparison_table,
)
from doublecode.analysis.linking.series_fits import Fitting, Residuals, fit_steps, refuse_unequal_rows
from doublecode.analysis.linking.series_notes import model_notes, unsplit_notes
from doublecode.analysis.linking.series_result import SeriesResult
from doublecode.analysis.linking.series_rows import series_rows
from doublecode.analysis.linking.time_origin import SESSION
from doublecode.schemas.frames import as_pandas
from doublecode.schemas.results import Note

if TYPE_CHECKING:
    from doublecode.analysis.mixed.fit import Ddf
    from doublecode.analysis.mixed.formula import ModelFormula
    from doublecode.analysis.mixed.intervals import IntervalMethod

    Formula = str | ModelFormula


def fit_series(
    formulas: Formula | Sequence[Formula] | Mapping[str, Formula],
    data: pd.DataFrame,
    *,
    split: Sequence[str] = (),
    intercept_at: int | None = None,
    times: Sequence[str] = (),
    differences: Sequence[tuple[str, str]] = (),
    latent_means: bool = False,
    correlation: str | None = None,
    variance_by: str | None = None,
    interval: IntervalMethod = "wald",
    explained: bool = False,
    ddf: Ddf = "auto",
    patient: str = "patient",
    name: str = "series",
    title: str = "",
    reproduces: str = "",
    seed: int = 0,
) -> SeriesResult:
    """Fit a series of mixed models on the rows that all of them can use.

    Parameters
    ----------
    formulas : sequence of formulas, or mapping of label to formula
        lme4's language, one per step; labels stand for the numbers of the steps.
    data : DataFrame
        One row per session.
    split : sequence of str
        Predictors that are also entered as patient mean and deviation, taken over the rows of the models; the
        means are centred at the mean of the patients' means. The product of two of them is double-centred within
        patients: :mod:`doublecode.analysis.linking.within_products`.
    intercept_at : int, optional
        Session at which intercepts are given: `session` enters as ``session_from_1``, its distance from session 1.
        None enters the session number as it is, so that intercepts belong to session 0.
    times : sequence of str
        Columns that are time, as `session` is: their slopes are the course of the patients, and not called conflated.
    differences : sequence of pairs of str
        Predictors of one unit whose slopes are compared: two subscales.
    latent_means : bool
        Beside each split model the slopes of latent patient means (Lüdtke et al. 2008), in ``.latent``.
    correlation, variance_by : str, optional
        Residuals of every model, as in ``fit_mixed``; beside it stands the test against independent ones.
    interval : {"wald", "profile", "bootstrap"}
        By which ``.limits`` are computed.
    explained : bool
        Print the variance shares and the explained variance by source, ``.sources``, beside the models.
    ddf : {"auto", "kenward-roger", "satterthwaite", "z"}
        As in ``fit_mixed``.
    patient : str
        Column of the patients.
    name, title : str
        What the series is called, for what is printed and refused.
    reproduces : str
        The paper whose printed models these are: what is shown is labelled so.
    seed : int
        Of the bootstrap.

    Returns
    -------
    SeriesResult
        Models are estimated by REML; a model is compared with the one before it of its kind (split
        with split, as far as the step before has one) by the likelihood ratio of maximum-likelihood
        refits, where it is nested. A model that cannot be estimated or does not converge is a row
        of the table. A singular model has the one with the next simpler random part beside it (``.siblings``).

    Raises
    ------
    FormulaError
        A formula cannot be read, or names something that is no column.
    UsageError
        What is split, time or compared is no column or stands in no step together; `interval`, `intercept_at`.
    NotEstimable
        No row has all variables.

    Notes
    -----
    The slope of an unsplit time-varying predictor is a weighted mean of the slope within and the
    slope between patients, which answers neither question; so it is labelled *conflated*
    (Curran & Bauer 2011, Annual Review of Psychology, 62, 583–619).

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(3)
    >>> data = pd.DataFrame({"patient": np.repeat(list("ABCDEFGHIJ"), 6), "session": np.tile(np.arange(1.0, 7), 10)})
    >>> data["he"] = rng.normal(2.5, 0.7, 60)
    >>> data["phq9"] = 12 - data["he"] + np.repeat(rng.normal(0, 3, 10), 6) + rng.normal(0, 2, 60)
    >>> steps = ["phq9 ~ session + (1 | patient)", "phq9 ~ session + he + (1 | patient)"]
    >>> fit_series(steps, data, split=["he"]).frame[["label", "k", "df"]].to_numpy().tolist()
    [['1 as declared', 4, nan], ['2 as declared (conflated)', 5, 1.0], ['2 within/between', 6, 2.0]]
    """
    data = as_pandas(data)
    residuals = Residuals(correlation, variance_by)
    ready = series_rows(
        formulas, data, split=split, intercept_at=intercept_at, times=times, differences=differences, interval=interval,
        also=residuals.columns, patient=patient, name=name,
    )  # fmt: skip
    steps, rows, moved = ready.steps, ready.rows, ready.moved
    models, uncut = fit_steps(moved.steps, moved.data, Fitting(tuple(split), ddf, patient, tuple(times), residuals))
    refuse_unequal_rows(models, rows.data)
    table, compared = comparison_table(models)
    latent = find_latent_means(models, ready.used, patient) if latent_means else None
    reproduced = (Note("series_reproduces", numbers={"source": reproduces}),) if reproduces else ()
    return SeriesResult(
        spec={
            "name": name, "title": title, "steps": list(map(str, steps.values())), "split": list(split), "ddf": ddf,
            "intercept_at": moved.intercept_at, "differences": [list(pair) for pair in differences],
            "correlation": correlation, "variance_by": variance_by, "interval": interval, "reproduces": reproduces,
            "latent_means": latent_means, "explained": explained, "seed": seed,
        },
        models=models,
        frame=table,
        design=ready.design,
        notes=(
            *reproduced, *model_notes(models), *moved.notes, *compared, *uncut, *unsplit_notes(models, split),
            *ready.unused(split),
            *repeated_sessions(rows.data, patient),
            *(() if latent is None else latent.notes),
        ),
        rows=rows.data.index,
        latent=latent,
        times=rows.data.get(SESSION),
    )  # fmt: skip
