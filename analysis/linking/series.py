"""Series of multilevel models on one common set of rows, and their comparison.

Each step is fitted as declared and, where it holds a time-varying predictor,
once more with that predictor split into the patient's mean and the deviation
from it. Beside a singular fit stands the one with the next simpler random
part. All models stand on the rows that every step can use, so that
likelihoods may be compared.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd

from doublecode.analysis.linking.latent_means import LatentMeans, find_latent_means
from doublecode.analysis.linking.series_comparison import (
    comparison_table,
    likelihood_ratio,
    obstacle,
    restricted_ratios,
)
from doublecode.analysis.linking.series_fits import Fitting, Residuals, fit_steps, refuse_unequal_rows
from doublecode.analysis.linking.series_hypotheses import slope_hypotheses
from doublecode.analysis.linking.series_models import LabelledModel
from doublecode.analysis.linking.splitting import within_between
from doublecode.analysis.linking.time_origin import move_origin
from doublecode.analysis.mixed.formula import ModelFormula, parse_mixed
from doublecode.analysis.mixed.model_rows import CommonRows, common_rows, require_columns
from doublecode.analysis.rendering.answers import Answer
from doublecode.analysis.rendering.series_tables import (
    Named,
    latent_table,
    limits_table,
    printed_table,
    residuals_table,
    slopes_table,
)
from doublecode.analysis.rendering.tables import Table, column
from doublecode.schemas.errors import UsageError
from doublecode.schemas.frames import as_pandas
from doublecode.schemas.results import Note

if TYPE_CHECKING:
    from doublecode.analysis.mixed.fit import Ddf
    from doublecode.analysis.mixed.intervals import IntervalMethod
    from doublecode.analysis.mixed.result import MixedResult

    Formula = str | ModelFormula


@dataclass(frozen=True, eq=False, repr=False)
class SeriesResult(Answer):
    """A series of models.

    Attributes
    ----------
    spec : dict
        Name, title, steps, split, ddf, intercept_at (the session of the intercepts; None: as the formulas say),
        differences, latent_means, correlation, variance_by, interval, reproduces, seed.
    models : tuple of LabelledModel
        In the order of the steps, the declared one first.
    frame : DataFrame
        One row per model: ``step``, ``label``, ``formula``, ``declared``, ``k`` (parameters), ``nobs``,
        ``loglik``, ``aic``, ``bic`` (REML), ``loglik_ml``, ``aic_ml``, ``bic_ml``, ``compared_with`` (label);
        ``chi2``, ``df``, ``p_value``, ``reference`` of the likelihood ratio of the ML refits with its null
        distribution; ``converged``, ``singular``, ``remark``.
    design : dict
        ``rows`` says in words which rows; ``n_given``, ``n_rows``, ``n_patients``, ``columns``, ``lost``.
    notes : tuple of Note
    rows : Index
        Labels of the rows that every model stands on.
    latent : LatentMeans or None
        Where ``latent_means`` was asked for: the slopes of latent patient means beside the manifest ones; see
        :mod:`doublecode.analysis.linking.latent_means`.
    """

    spec: dict[str, Any]
    models: tuple[LabelledModel, ...]
    frame: pd.DataFrame
    design: dict[str, Any]
    notes: tuple[Note, ...]
    rows: pd.Index[Any]
    latent: LatentMeans | None = None

    label_columns: ClassVar[tuple[str, ...]] = ("label",)

    def tables(self) -> tuple[Table, ...]:
        """Fit and comparison of the models, then the fixed effects and the variances of each."""
        comparison = (
            column("label", "Model", kind="text"), column("k", "Parameters", kind="integer"), column("nobs"),
            column("loglik"), column("aic"), column("bic"), column("chi2"), column("df"), column("p_value"),
        )  # fmt: skip
        fixed = tuple(map(column, ("term", "estimate", "std_error", "df", "statistic", "p_value", "conf_low")))
        parts = (
            column("group", "Group", kind="text"), column("term", "Term", kind="text"),
            column("variance", "Variance", digits=3), column("sd"), column("corr", "Correlation", kind="bounded"),
        )  # fmt: skip
        tables = [Table("comparison", "Fit and comparison of the models", self.frame, comparison)]
        if len(self.coefficients):
            tables.append(Table("fixed", "Fixed effects", self.coefficients, fixed, group="label"))
            tables.append(Table("variances", "Variance components", self.variances, parts, group="label"))
        return (*tables, *self.beside())

    def beside(self, prefix: str = "", named: Named = str) -> tuple[Table, ...]:
        """Return the tables beside coefficients and variances: what was asked for, and the contextual tests.

        Parameters
        ----------
        prefix : str
            What the names of the tables begin with.
        named : callable
            The label of a term.
        """
        out = []
        if len(self.hypotheses):
            out.append(slopes_table(f"{prefix}slopes", self.hypotheses, named))
        if self.latent is not None and len(self.latent.frame):
            out.append(latent_table(f"{prefix}latent", self.latent.frame, named))
        if self.spec["interval"] != "wald" and len(self.limits):
            out.append(limits_table(f"{prefix}limits", self.limits, named))
        if len(self.residuals):
            out.append(residuals_table(f"{prefix}residuals", self.residuals))
        if self.spec["reproduces"]:
            out.append(printed_table(f"{prefix}printed", self.printed, self.spec["reproduces"]))
        return tuple(out)

    def counted(self) -> str:
        """Say on which rows all models stand."""
        counts = self.design
        return f"{counts['n_rows']} of {counts['n_given']} rows, of {counts['n_patients']} patients, in all models"

    @cached_property
    def coefficients(self) -> pd.DataFrame:
        """Fixed effects of all models: ``step``, ``label``, ``declared`` and the estimate columns."""
        return _gather(self.models, lambda fit: fit.fixed)

    @cached_property
    def variances(self) -> pd.DataFrame:
        """Variance components of all models: ``step``, ``label``, ``declared``, ``group``, ``term``, ``variance``."""
        return _gather(self.models, lambda fit: fit.variances)

    @cached_property
    def siblings(self) -> pd.DataFrame:
        """Fixed effects of the simpler fits beside the singular ones.

        ``step``, ``label``, ``declared``, ``formula`` (with the simpler random part) and the estimate columns.
        """
        simpler = [replace(one, result=one.simpler) for one in self.models]
        return _gather(simpler, lambda fit: fit.fixed, formula=True)

    @cached_property
    def contextual(self) -> pd.DataFrame:
        """Do the slopes within and between patients differ: the conflated model against the split one, by step.

        ``step``, ``chi2``, ``df``, ``p_value`` of the likelihood ratio of the ML refits (Raudenbush & Bryk 2002,
        chapter 5: the contextual effect is the difference of the two slopes).
        """
        rows = []
        for split in (model for model in self.models if not model.declared):
            conflated = self.model(split.step)
            tested = {} if obstacle(conflated.ml, split.ml) else likelihood_ratio(conflated.ml, split.ml)
            rows.append({"step": split.step, **{name: tested.get(name, np.nan) for name in ("chi2", "df", "p_value")}})
        return pd.DataFrame(rows, columns=["step", "chi2", "df", "p_value"])

    @cached_property
    def hypotheses(self) -> pd.DataFrame:
        """Differences of two slopes of a model: between less within patients, and of the pairs in ``differences``.

        ``step``, ``label``, ``declared``, ``question``, ``first``, ``second`` (terms: slope of the first less slope of
        the second) and the estimate columns; see ``slope_hypotheses``.
        """
        return slope_hypotheses(self.models, self.spec["split"], self.spec["differences"])

    @cached_property
    def limits(self) -> pd.DataFrame:
        """Limits of every parameter of every model by ``interval``: Wald, profile likelihood or bootstrap.

        ``step``, ``label``, ``declared``, ``parameter`` (fixed, sd, corr, phi), ``group``, ``term``, ``estimate``,
        ``conf_low``, ``conf_high``, ``method``; see :func:`doublecode.analysis.confint`.
        """
        method, seed = self.spec["interval"], self.spec["seed"]
        return _gather(self.models, lambda fit: fit.confint(method, seed=seed))

    @cached_property
    def residuals(self) -> pd.DataFrame:
        """Parameters of the residuals of every model, where they have a structure, and whether it is needed.

        ``step``, ``label``, ``declared``, ``term`` (phi, sd), ``level``, ``estimate``, ``conf_low``, ``conf_high``;
        ``chi2``, ``df``, ``p_value`` of the REML likelihood ratio with independent residuals of one variance.
        """
        found = _gather([one for one in self.models if one.plain is not None], lambda fit: fit.residual_parameters())
        tested = {one.label: likelihood_ratio(one.plain, one.result) for one in self.models if one.plain is not None}
        ratios = [[tested[label].get(name, np.nan) for label in found["label"]] for name in ("chi2", "df", "p_value")]
        return found.assign(**dict(zip(("chi2", "df", "p_value"), ratios, strict=True)))

    @cached_property
    def printed(self) -> pd.DataFrame:
        """REML criteria and their ratios as papers print them, for reproduction only: see ``restricted_ratios``."""
        return restricted_ratios(self.models)

    @cached_property
    def shares(self) -> pd.DataFrame:
        """Share of the random effects in the variance (intraclass correlation) of every model.

        ``step``, ``label``, ``adjusted`` (for the fixed effects), ``unadjusted`` (of the total); Nakagawa,
        Johnson & Schielzeth (2017). In an unconditional model both are the share between patients.
        """
        rows = [
            {"step": one.step, "label": one.label, **one.result.icc} for one in self.models if one.result is not None
        ]
        return pd.DataFrame(rows, columns=["step", "label", "adjusted", "unadjusted"])

    @property
    def share_between(self) -> tuple[LabelledModel, float] | None:
        """The first model without predictors, and the share of its variance that lies between patients."""
        for one in self.models:
            if one.result is not None and one.result.model.x_names == ("Intercept",):
                return one, one.result.icc["adjusted"]
        return None

    def model(self, step: int, *, declared: bool = True) -> LabelledModel:
        """Return the model of one step, as declared or split.

        Raises
        ------
        UsageError
            There is none; a step without time-varying predictors has no split version.
        """
        for one in self.models:
            if one.step == step and one.declared == declared:
                return one
        allowed = ", ".join(one.label for one in self.models)
        raise UsageError(f"series {self.spec['name']!r}: no such model (step {step}); allowed: {allowed}.")


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
    NotEstimable
        No row has all variables.

    Notes
    -----
    The slope of an unsplit time-varying predictor is a weighted mean of the slope within and the
    slope between patients, which answers neither question; so it is labelled *conflated*
    (Curran & Bauer 2011, Annual Review of Psychology, 62, 583–619).

    Examples
    --------
    >>> rng = np.random.default_rng(3)
    >>> data = pd.DataFrame({"patient": np.repeat(list("ABCDEFGHIJ"), 6), "session": np.tile(np.arange(1.0, 7), 10)})
    >>> data["he"] = rng.normal(2.5, 0.7, 60)
    >>> data["phq9"] = 12 - data["he"] + np.repeat(rng.normal(0, 3, 10), 6) + rng.normal(0, 2, 60)
    >>> steps = ["phq9 ~ session + (1 | patient)", "phq9 ~ session + he + (1 | patient)"]
    >>> fit_series(steps, data, split=["he"]).frame[["label", "k", "df"]].to_numpy().tolist()
    [['1 as declared', 4, nan], ['2 as declared (conflated)', 5, 1.0], ['2 within/between', 6, 2.0]]
    """
    data = as_pandas(data)
    steps, residuals = _steps(formulas, name), Residuals(correlation, variance_by)
    require_columns(data, (patient, *split, *residuals.columns), f"series {name!r}")
    needed = dict.fromkeys(column for step in steps.values() for column in step.columns(data.columns))
    rows = common_rows(data, list(needed | dict.fromkeys(residuals.columns)), (patient, "session"))
    used = [one for one in split if one in needed]
    moved = move_origin(steps, within_between(rows.data, used, by=patient), intercept_at)
    how = Fitting(tuple(split), ddf, patient, tuple(times), residuals)
    models, uncut = fit_steps(moved.steps, moved.data, how)
    refuse_unequal_rows(models, rows.data)
    table, compared = comparison_table(models)
    unused = tuple(Note("series_unused_split", numbers={"column": one}) for one in split if one not in used)
    latent = find_latent_means(models, used, patient) if latent_means else None
    reproduced = (Note("series_reproduces", numbers={"source": reproduces}),) if reproduces else ()
    return SeriesResult(
        spec={
            "name": name, "title": title, "steps": list(map(str, steps.values())), "split": list(split), "ddf": ddf,
            "intercept_at": moved.intercept_at, "differences": [list(pair) for pair in differences],
            "correlation": correlation, "variance_by": variance_by, "interval": interval, "reproduces": reproduces,
            "latent_means": latent_means, "seed": seed,
        },
        models=models,
        frame=table,
        design=_design(rows, len(data), patient),
        notes=(
            *reproduced, *_notes(models), *moved.notes, *compared, *uncut, *_unsplit(models, split), *unused,
            *(() if latent is None else latent.notes),
        ),
        rows=rows.data.index,
        latent=latent,
    )  # fmt: skip


def _steps(formulas: Formula | Sequence[Formula] | Mapping[str, Formula], name: str) -> dict[str, ModelFormula]:
    """The steps by what they are called: their numbers where nothing else was said."""
    if isinstance(formulas, Mapping):
        steps = {str(label): parse_mixed(one) for label, one in formulas.items()}
    else:
        given = [formulas] if isinstance(formulas, str | ModelFormula) else formulas
        steps = {str(number): parse_mixed(one) for number, one in enumerate(given, start=1)}
    if not steps:
        raise UsageError(f"series {name!r}: there is no formula; give at least one.")
    return steps


def _gather(
    models: Sequence[LabelledModel], table: Callable[[MixedResult], pd.DataFrame], *, formula: bool = False
) -> pd.DataFrame:
    parts = []
    for model in models:
        if model.result is not None:
            found = table(model.result)
            named = {"step": model.step, "label": model.label, "declared": model.declared}
            named |= {"formula": str(model.result.spec["formula"])} if formula else {}
            parts.append(pd.concat([pd.DataFrame(named, index=found.index), found], axis=1))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=["step", "label", "declared"])


def _design(rows: CommonRows, n_given: int, patient: str) -> dict[str, Any]:
    per_patient = rows.data.groupby(patient).size()
    n_rows, n_patients = len(rows.data), len(per_patient)
    return {
        "rows": f"{n_rows} of {n_given} rows, of {n_patients} patients, that have all of {', '.join(rows.columns)}",
        "n_given": n_given,
        "n_rows": n_rows,
        "n_patients": n_patients,
        "rows_per_patient": (int(per_patient.min()), int(per_patient.max())),
        "columns": list(rows.columns),
        "lost": rows.lost_records,
    }


def _unsplit(models: Sequence[LabelledModel], split: Sequence[str]) -> tuple[Note, ...]:
    """Note predictors that vary within patients and are not declared to be split."""
    loose = tuple(dict.fromkeys(name for one in models for name in one.conflated if name not in split))
    return (Note("series_unsplit", numbers={"columns": loose}),) if loose else ()


def _notes(models: Sequence[LabelledModel]) -> tuple[Note, ...]:
    notes = [Note("series_criteria")]
    if any(not model.declared for model in models):
        notes.append(Note("series_conflated"))
    singular = tuple(model.label for model in models if model.singular)
    if singular:
        alone = tuple(model.label for model in models if model.singular and model.simpler is None)
        notes.append(Note("series_singular", numbers={"models": singular, "alone": alone}))
    return (*notes, *(model.note for model in models if model.note is not None))
