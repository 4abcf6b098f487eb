"""Series of multilevel models on one common set of rows, and their comparison.

Each step is fitted as declared and, where it holds a time-varying predictor,
once more with that predictor split into the patient's mean and the deviation
from it. Beside a singular fit stands the one with the next simpler random
part. All models stand on the rows that every step can use, so that
likelihoods may be compared.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd

from doublecode.analysis.linking.series_comparison import adds_random, likelihood_ratio, obstacle
from doublecode.analysis.linking.series_models import LabelledModel, Version
from doublecode.analysis.linking.splitting import split_formula, varying_within, within_between
from doublecode.analysis.linking.time_origin import is_time, move_origin
from doublecode.analysis.mixed.formula import ModelFormula, parse_mixed
from doublecode.analysis.mixed.model_rows import CommonRows, common_rows, require_columns
from doublecode.analysis.rendering.answers import Answer
from doublecode.analysis.rendering.tables import Table, column
from doublecode.schemas.errors import NotEstimable, UsageError
from doublecode.schemas.frames import as_pandas
from doublecode.schemas.results import Note

if TYPE_CHECKING:
    from doublecode.analysis.mixed.fit import Ddf
    from doublecode.analysis.mixed.result import MixedResult

    Formula = str | ModelFormula


_FIT = ("k", "nobs", "loglik", "aic", "bic")
_COLUMNS = (
    "step", "label", "formula", "declared", *_FIT, "loglik_ml", "aic_ml", "bic_ml",
    "compared_with", "chi2", "df", "p_value", "reference", "converged", "singular", "remark",
)  # fmt: skip


@dataclass(frozen=True, eq=False, repr=False)
class SeriesResult(Answer):
    """A series of models.

    Attributes
    ----------
    spec : dict
        Name, title, steps, split, ddf, intercept_at (the session of the intercepts; None: as the formulas say).
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
    """

    spec: dict[str, Any]
    models: tuple[LabelledModel, ...]
    frame: pd.DataFrame
    design: dict[str, Any]
    notes: tuple[Note, ...]
    rows: pd.Index[Any]

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
        return tuple(tables)

    def counted(self) -> str:
        """Say on which rows all models stand."""
        counts = self.design
        return f"{counts['n_rows']} of {counts['n_given']} rows, of {counts['n_patients']} patients, in all models"

    @cached_property
    def coefficients(self) -> pd.DataFrame:
        """Fixed effects of all models: ``step``, ``label``, ``declared`` and the estimate columns."""
        return _gather(self.models, "fixed")

    @cached_property
    def variances(self) -> pd.DataFrame:
        """Variance components of all models: ``step``, ``label``, ``declared``, ``group``, ``term``, ``variance``."""
        return _gather(self.models, "variances")

    @cached_property
    def siblings(self) -> pd.DataFrame:
        """Fixed effects of the simpler fits beside the singular ones.

        ``step``, ``label``, ``declared``, ``formula`` (with the simpler random part) and the estimate columns.
        """
        return _gather([replace(one, result=one.simpler) for one in self.models], "fixed", formula=True)

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
    ddf: Ddf = "auto",
    patient: str = "patient",
    name: str = "series",
    title: str = "",
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
        means are centred at the mean of the patients' means.
    intercept_at : int, optional
        Session at which intercepts are given: `session` enters as ``session_from_1``, its distance from session 1.
        None enters the session number as it is, so that intercepts belong to session 0.
    times : sequence of str
        Columns that are time, as `session` is: their slopes are the course of the patients, and not called conflated.
    ddf : {"auto", "kenward-roger", "satterthwaite", "z"}
        As in ``fit_mixed``.
    patient : str
        Column of the patients.
    name, title : str
        What the series is called, for what is printed and refused.

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
    steps = _steps(formulas, name)
    require_columns(data, (patient, *split), f"series {name!r}")
    needed = dict.fromkeys(column for step in steps.values() for column in step.columns(data.columns))
    rows = common_rows(data, list(needed), (patient, "session"))
    used = [one for one in split if one in needed]
    moved = move_origin(steps, within_between(rows.data, used, by=patient), intercept_at)
    models, uncut = _fit_steps(moved.steps, moved.data, split, ddf, patient, times)
    refuse_unequal_rows(models, rows.data)
    table, compared = _comparison(models)
    unused = tuple(Note("series_unused_split", numbers={"column": one}) for one in split if one not in used)
    return SeriesResult(
        spec={
            "name": name, "title": title, "steps": list(map(str, steps.values())), "split": list(split), "ddf": ddf,
            "intercept_at": moved.intercept_at,
        },
        models=models,
        frame=table,
        design=_design(rows, len(data), patient),
        notes=(*_notes(models), *moved.notes, *compared, *uncut, *_unsplit(models, split), *unused),
        rows=rows.data.index,
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


def _fit_steps(
    steps: Mapping[str, ModelFormula],
    data: pd.DataFrame,
    split: Sequence[str],
    ddf: Ddf,
    patient: str,
    own_times: Sequence[str],
) -> tuple[tuple[LabelledModel, ...], tuple[Note, ...]]:
    models: list[LabelledModel] = []
    uncut: list[Note] = []
    for step, (called, formula) in enumerate(steps.items(), start=1):
        found = split_formula(formula, split)
        whole = Version.CONFLATED if found.version is not None or found.inside_call else Version.DECLARED
        models.append(_fit(step, called, whole, formula, data, ddf))
        if found.version is not None:
            models.append(_fit(step, called, Version.SPLIT, found.version, data, ddf))
        elif found.inside_call:
            uncut.append(Note("series_inside_call", numbers={"step": called, "columns": found.inside_call}))
    times = [name for name in map(str, data.columns) if is_time(name)]
    kept = (*times, *own_times, patient, *(f"{name}_within" for name in split))
    return tuple(replace(one, conflated=_varying(one.formula, data, patient, kept)) for one in models), tuple(uncut)


def _varying(formula: ModelFormula, data: pd.DataFrame, patient: str, kept: Sequence[str]) -> tuple[str, ...]:
    """Fixed predictors of a formula that vary within patients, but for those whose slope is meant so."""
    named = formula.fixed_columns(data.columns)
    return varying_within([name for name in named if name not in kept], data, patient)


def _fit(
    step: int, called: str, version: Version, formula: ModelFormula, data: pd.DataFrame, ddf: Ddf
) -> LabelledModel:
    from doublecode.analysis.mixed.fit import fit_mixed

    label = f"{called} {version}"
    ml_ddf: Ddf = "z" if ddf == "z" else "satterthwaite"
    try:
        result, ml = fit_mixed(formula, data, ddf=ddf), fit_mixed(formula, data, reml=False, ddf=ml_ddf)
    except NotEstimable as refused:
        return LabelledModel(step, label, version, formula, None, None, str(refused))
    return LabelledModel(step, label, version, formula, result, ml, simpler=_simpler(result, data, ddf))


def _simpler(result: MixedResult, data: pd.DataFrame, ddf: Ddf) -> MixedResult | None:
    """The fit with the next simpler random part, beside a singular one; None where the ladder finds none."""
    from doublecode.analysis.mixed.ladder import fit_ladder

    if not result.singular:
        return None
    kept = fit_ladder(result.spec["formula"], data, ddf=ddf).kept
    return None if kept.singular or not kept.converged else kept


def refuse_unequal_rows(models: Sequence[LabelledModel], data: pd.DataFrame) -> None:
    """Raise ``UsageError`` if a fit left out rows of `data`: its likelihood belongs to other data."""
    for model in models:
        for fit in (model.result, model.ml):
            if fit is not None and not fit.model.index.equals(data.index):
                lost = data.index.difference(fit.model.index)
                raise UsageError(
                    f"series: model {model.label!r} uses {fit.nobs} of the {len(data)} common rows; rows "
                    f"{', '.join(map(str, lost[:5]))} have no value of a term in {model.formula.text!r}. Likelihoods "
                    "of unequal rows do not compare: mend the term, or make it a column of the frame."
                )


def _comparison(models: Sequence[LabelledModel]) -> tuple[pd.DataFrame, tuple[Note, ...]]:
    rows: list[dict[str, Any]] = []
    boundary: list[tuple[str, str]] = []
    notes: list[Note] = []
    for model in models:
        against = _predecessor(model, models)
        why = None if against is None else obstacle(against.ml, model.ml)
        rows.append(_row(model, None if why else against))
        if against is not None and why:
            numbers = {"model": model.label, "against": against.label, "obstacle": why}
            notes.append(Note("series_not_compared", numbers=numbers))
        elif against is not None and adds_random(against.ml, model.ml):
            boundary.append((model.label, against.label))
    if boundary:
        notes.append(Note("series_adds_random", numbers={"pairs": tuple(boundary)}))
    return pd.DataFrame(rows, columns=list(_COLUMNS)), tuple(notes)


def _predecessor(model: LabelledModel, models: Sequence[LabelledModel]) -> LabelledModel | None:
    """The model of the step before: of the same kind if that step has it, else as declared."""
    before = [other for other in models if other.step == model.step - 1]
    of_kind = [other for other in before if other.declared == model.declared]
    return next(iter(of_kind or before), None)


def _row(model: LabelledModel, against: LabelledModel | None) -> dict[str, Any]:
    row: dict[str, Any] = dict.fromkeys(_COLUMNS, np.nan)
    row |= {name: getattr(model, name) for name in ("step", "label", "declared", "converged", "singular")}
    row |= {"formula": model.formula.text, "remark": model.remark, "compared_with": "", "reference": ""}
    if model.result is None or model.ml is None:
        return row
    row |= dict(zip(_FIT, _fit_values(model.result), strict=True))
    row |= dict(zip(("loglik_ml", "aic_ml", "bic_ml"), _fit_values(model.ml)[2:], strict=True))
    if against is not None:
        row |= {"compared_with": against.label, **likelihood_ratio(against.ml, model.ml)}
    return row


def _fit_values(fit: MixedResult) -> tuple[float, ...]:
    return fit.n_parameters, fit.nobs, fit.loglik, fit.aic, fit.bic


def _gather(models: Sequence[LabelledModel], table: str, *, formula: bool = False) -> pd.DataFrame:
    parts = []
    for model in models:
        if model.result is not None:
            found: pd.DataFrame = getattr(model.result, table)
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
