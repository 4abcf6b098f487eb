"""Series of multilevel models on one common set of rows, and their comparison.

Each declared step is fitted as published and, where it holds a time-varying
predictor, once more with that predictor split into the patient's mean and the
deviation from it. All models stand on the rows that every step can use, so
that likelihoods may be compared.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from doublecode.analysis.linking.frame import split_within_between
from doublecode.analysis.linking.splitting import split_formula, varying_within
from doublecode.analysis.mixed.formula import parse_formula
from doublecode.analysis.mixed.model_rows import CommonRows, columns_of, common_rows, require_columns
from doublecode.analysis.rendering.answers import Answer
from doublecode.schemas.errors import NotEstimable, UsageError

if TYPE_CHECKING:
    from doublecode.analysis.mixed.fit import Ddf
    from doublecode.analysis.mixed.result import MixedResult
    from doublecode.schemas.study import ModelSeries

PUBLISHED, CONFLATED, SPLIT = "as published", "as published (conflated)", "within/between"
_FIT = ("k", "nobs", "loglik", "aic", "bic")
_COLUMNS = (
    "step", "label", "formula", "published", *_FIT, "loglik_ml", "aic_ml", "bic_ml",
    "compared_with", "chi2", "df", "p_value", "reference", "converged", "singular", "remark",
)  # fmt: skip


@dataclass(frozen=True)
class LabelledModel:
    """One model of a series.

    Attributes
    ----------
    step : int
        Place in the series, from 1.
    label : str
        "2 as published", "3 as published (conflated)", "3 within/between".
    formula : str
        As it was fitted.
    published : bool
        Whether it is the declared formula itself.
    result, ml : MixedResult or None
        The REML fit, and the maximum-likelihood refit for comparisons; None if not estimable.
    remark : str
        Why there is no result, or what is wrong with it; else empty.
    conflated : tuple of str
        Fixed predictors that vary within patients and are not split, so that their slopes are conflated.
    """

    step: int
    label: str
    formula: str
    published: bool
    result: MixedResult | None
    ml: MixedResult | None
    remark: str = ""
    conflated: tuple[str, ...] = ()

    @property
    def converged(self) -> bool:
        """Whether both fits converged."""
        return all(fit is not None and fit.converged for fit in (self.result, self.ml))

    @property
    def singular(self) -> bool:
        """Whether the REML fit has a direction of no variance."""
        return self.result is not None and self.result.singular


@dataclass(frozen=True, eq=False, repr=False)
class SeriesResult(Answer):
    """A series of models.

    Attributes
    ----------
    spec : dict
        Name, title, steps, split, ddf.
    models : tuple of LabelledModel
        In the order of the steps, the published one first.
    frame : DataFrame
        One row per model: ``step``, ``label``, ``formula``, ``published``, ``k`` (parameters), ``nobs``,
        ``loglik``, ``aic``, ``bic`` (REML), ``loglik_ml``, ``aic_ml``, ``bic_ml``, ``compared_with`` (label);
        ``chi2``, ``df``, ``p_value``, ``reference`` of the likelihood ratio of the ML refits with its null
        distribution; ``converged``, ``singular``, ``remark``.
    design : dict
        ``rows`` says in words which rows; ``n_given``, ``n_rows``, ``n_patients``, ``columns``, ``lost``.
    notes : tuple of str
    """

    spec: dict[str, Any]
    models: tuple[LabelledModel, ...]
    frame: pd.DataFrame
    design: dict[str, Any]
    notes: tuple[str, ...]

    @cached_property
    def coefficients(self) -> pd.DataFrame:
        """Fixed effects of all models: ``step``, ``label``, ``published`` and the estimate columns."""
        return _gather(self.models, "fixed")

    @cached_property
    def variances(self) -> pd.DataFrame:
        """Variance components of all models: ``step``, ``label``, ``published``, ``group``, ``term``, ``variance``."""
        return _gather(self.models, "variances")

    @cached_property
    def contextual(self) -> pd.DataFrame:
        """Do the slopes within and between patients differ: the conflated model against the split one, by step.

        ``step``, ``chi2``, ``df``, ``p_value`` of the likelihood ratio of the ML refits (Raudenbush & Bryk 2002,
        chapter 5: the contextual effect is the difference of the two slopes).
        """
        rows = []
        for split in (model for model in self.models if not model.published):
            conflated = self.model(split.step)
            tested = {} if _obstacle(conflated, split) else _likelihood_ratio(conflated.ml, split.ml)
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

    def model(self, step: int, *, published: bool = True) -> LabelledModel:
        """Return the model of one step, as published or split.

        Raises
        ------
        UsageError
            There is none; a step without time-varying predictors has no split version.
        """
        for one in self.models:
            if one.step == step and one.published == published:
                return one
        allowed = ", ".join(one.label for one in self.models)
        raise UsageError(f"series {self.spec['name']!r}: no such model (step {step}); allowed: {allowed}.")


def fit_series(
    series: ModelSeries, frame: pd.DataFrame, *, ddf: Ddf = "auto", patient: str = "patient"
) -> SeriesResult:
    """Fit every step of a series on the rows that all steps can use.

    Parameters
    ----------
    series : ModelSeries
        Formulas, and the predictors to be split within and between patients.
    frame : DataFrame
        One row per session.
    ddf : {"auto", "kenward-roger", "satterthwaite", "z"}
        As in ``fit_mixed``.
    patient : str
        Column of the patients.

    Returns
    -------
    SeriesResult
        Models are estimated by REML; a model is compared with the one before it of its kind (split
        with split, as far as the step before has one) by the likelihood ratio of maximum-likelihood
        refits, where it is nested. A model that cannot be estimated or does not converge is a row
        of the table.

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
    >>> from doublecode.schemas.study import ModelSeries
    >>> rng = np.random.default_rng(3)
    >>> frame = pd.DataFrame({"patient": np.repeat(list("ABCDEFGHIJ"), 6), "session": np.tile(np.arange(1.0, 7), 10)})
    >>> frame["he"] = rng.normal(2.5, 0.7, 60)
    >>> frame["phq9"] = 12 - frame["he"] + np.repeat(rng.normal(0, 3, 10), 6) + rng.normal(0, 2, 60)
    >>> steps = ("phq9 ~ session + (1 | patient)", "phq9 ~ session + he + (1 | patient)")
    >>> series = ModelSeries(name="phq9", title="Depression", steps=steps, split=("he",))
    >>> fit_series(series, frame).frame[["label", "k", "df"]].to_numpy().tolist()
    [['1 as published', 4, nan], ['2 as published (conflated)', 5, 1.0], ['2 within/between', 6, 2.0]]
    """
    require_columns(frame, (patient, *series.split), f"series {series.name!r}")
    needed = dict.fromkeys(name for step in series.steps for name in columns_of(step, frame.columns))
    rows = common_rows(frame, list(needed), (patient, "session"))
    used = [name for name in series.split if name in needed]
    data = split_within_between(rows.data, used, patient)
    models, remarks = _fit_steps(series, data, ddf, patient)
    refuse_unequal_rows(models, data)
    table, comparison_notes = _comparison(models)
    unsplit = _unsplit(models, series.split)
    unused = tuple(
        f"{name} is declared to be split but stands in no step." for name in series.split if name not in used
    )
    return SeriesResult(
        spec={
            "name": series.name,
            "title": series.title,
            "steps": list(series.steps),
            "split": list(series.split),
            "ddf": ddf,
        },
        models=models,
        frame=table,
        design=_design(rows, len(frame), patient),
        notes=(*_notes(models), *comparison_notes, *remarks, *unsplit, *unused),
    )


def _fit_steps(
    series: ModelSeries, data: pd.DataFrame, ddf: Ddf, patient: str
) -> tuple[tuple[LabelledModel, ...], tuple[str, ...]]:
    models: list[LabelledModel] = []
    remarks: list[str] = []
    for step, formula in enumerate(series.steps, start=1):
        version, remark = split_formula(formula, series.split)
        conflated = version is not None or bool(remark)
        models.append(_fit(step, CONFLATED if conflated else PUBLISHED, formula, data, ddf))
        if version is not None:
            models.append(_fit(step, SPLIT, version, data, ddf))
        remarks += [f"Step {step}: {remark}"] if remark else []
    kept = ("session", patient, *(f"{name}_within" for name in series.split))
    return tuple(replace(one, conflated=_varying(one.formula, data, patient, kept)) for one in models), tuple(remarks)


def _varying(formula: str, data: pd.DataFrame, patient: str, kept: Sequence[str]) -> tuple[str, ...]:
    """Fixed predictors of a formula that vary within patients, but for those whose slope is meant so."""
    named = columns_of(parse_formula(formula).fixed, data.columns)
    return varying_within([name for name in named if name not in kept], data, patient)


def _fit(step: int, kind: str, formula: str, data: pd.DataFrame, ddf: Ddf) -> LabelledModel:
    from doublecode.analysis.mixed.fit import fit_mixed

    head = (step, f"{step} {kind}", formula, kind != SPLIT)
    ml_ddf: Ddf = "z" if ddf == "z" else "satterthwaite"
    try:
        result, ml = fit_mixed(formula, data, ddf=ddf), fit_mixed(formula, data, reml=False, ddf=ml_ddf)
    except NotEstimable as refused:
        return LabelledModel(*head, None, None, f"not estimable: {refused}")
    failed = [name for name, fit in (("REML", result), ("ML", ml)) if not fit.converged]
    return LabelledModel(*head, result, ml, f"did not converge ({' and '.join(failed)})" if failed else "")


def refuse_unequal_rows(models: Sequence[LabelledModel], data: pd.DataFrame) -> None:
    """Raise ``UsageError`` if a fit left out rows of `data`: its likelihood belongs to other data."""
    for model in models:
        for fit in (model.result, model.ml):
            if fit is not None and not fit.model.index.equals(data.index):
                lost = data.index.difference(fit.model.index)
                raise UsageError(
                    f"series: model {model.label!r} uses {fit.nobs} of the {len(data)} common rows; rows "
                    f"{', '.join(map(str, lost[:5]))} have no value of a term in {model.formula!r}. Likelihoods of "
                    "unequal rows do not compare: mend the term, or make it a column of the frame."
                )


def _comparison(models: Sequence[LabelledModel]) -> tuple[pd.DataFrame, tuple[str, ...]]:
    rows, boundary, notes = [], [], []
    for model in models:
        against = _predecessor(model, models)
        obstacle = "" if against is None else _obstacle(against, model)
        rows.append(_row(model, None if obstacle else against))
        if against is not None and obstacle:
            notes.append(f"{model.label!r} is not compared with {against.label!r}: {obstacle}.")
        elif against is not None and _adds_random(against, model):
            boundary.append(f"{model.label!r} with {against.label!r}")
    if boundary:
        notes.append(
            f"The comparison of {'; '.join(boundary)} adds random effects, whose variance cannot fall below 0: "
            "the p-value of chi2 is then too large (Self & Liang 1987)."
        )
    return pd.DataFrame(rows, columns=list(_COLUMNS)), tuple(notes)


def _predecessor(model: LabelledModel, models: Sequence[LabelledModel]) -> LabelledModel | None:
    """The model of the step before: of the same kind if that step has it, else as published."""
    before = [other for other in models if other.step == model.step - 1]
    of_kind = [other for other in before if other.published == model.published]
    return next(iter(of_kind or before), None)


def _row(model: LabelledModel, against: LabelledModel | None) -> dict[str, Any]:
    row: dict[str, Any] = dict.fromkeys(_COLUMNS, np.nan)
    row |= {name: getattr(model, name) for name in ("step", "label", "formula", "published", "converged", "singular")}
    row |= {"remark": model.remark, "compared_with": "", "reference": ""}
    if model.result is None or model.ml is None:
        return row
    row |= dict(zip(_FIT, _fit_values(model.result), strict=True))
    row |= dict(zip(("loglik_ml", "aic_ml", "bic_ml"), _fit_values(model.ml)[2:], strict=True))
    if against is not None:
        row |= {"compared_with": against.label, **_likelihood_ratio(against.ml, model.ml)}
    return row


def _fit_values(fit: MixedResult) -> tuple[float, ...]:
    return fit.n_parameters, fit.nobs, fit.loglik, fit.aic, fit.bic


def _obstacle(small: LabelledModel, large: LabelledModel) -> str:
    """Why the likelihood ratio of two models is not to be had; empty where it is."""
    if small.ml is None or large.ml is None or not (small.ml.converged and large.ml.converged):
        return "one of the two has no converged fit"
    X0, X1 = small.ml.model.X, large.ml.model.X
    rest = X0 - X1 @ np.linalg.lstsq(X1, X0, rcond=None)[0]
    nested = bool(np.all(np.linalg.norm(rest, axis=0) <= 1e-8 * np.linalg.norm(X0, axis=0)))
    if not nested or not _random_of(small.ml) <= _random_of(large.ml):
        return "it does not contain that model"
    return "" if small.ml.n_parameters < large.ml.n_parameters else "both have as many parameters"


def _random_of(fit: MixedResult) -> set[tuple[str, str]]:
    return {(term.group, column) for term in fit.model.terms for column in term.columns}


def _adds_random(small: LabelledModel, large: LabelledModel) -> bool:
    if small.ml is None or large.ml is None:
        return False
    return _random_of(small.ml) != _random_of(large.ml)


def _likelihood_ratio(small: MixedResult | None, large: MixedResult | None) -> dict[str, Any]:
    from doublecode.analysis.mixed.comparison import compare

    if small is None or large is None:
        return {}
    test = compare(small, large).frame.iloc[-1]
    return {
        "chi2": float(test["statistic"]),
        "df": float(test["df"]),
        "p_value": float(test["p_value"]),
        "reference": test["reference"],
    }


def _gather(models: Sequence[LabelledModel], table: str) -> pd.DataFrame:
    parts = []
    for model in models:
        if model.result is not None:
            found: pd.DataFrame = getattr(model.result, table)
            head = pd.DataFrame(
                {"step": model.step, "label": model.label, "published": model.published}, index=found.index
            )
            parts.append(pd.concat([head, found], axis=1))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=["step", "label", "published"])


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
        "lost": list(rows.lost),
    }


def _unsplit(models: Sequence[LabelledModel], split: Sequence[str]) -> tuple[str, ...]:
    """Note predictors that vary within patients and are not declared to be split."""
    loose = dict.fromkeys(name for one in models for name in one.conflated if name not in split)
    if not loose:
        return ()
    return (f"{', '.join(loose)}: varies within patients and is not split, so its slope mixes two questions.",)


def _notes(models: Sequence[LabelledModel]) -> tuple[str, ...]:
    notes = [
        "Estimates, log-likelihood, AIC and BIC are by REML; the likelihood ratio (chi2) compares refits by maximum "
        "likelihood, since REML likelihoods of different fixed effects do not compare. All models have the same rows."
    ]
    if any(not model.published for model in models):
        notes.append(
            "A conflated slope mixes the slope within and the slope between patients; read the within/between model. "
            "Patient means are the observed ones of these rows."
        )
    singular = [model.label for model in models if model.singular]
    if singular:
        notes.append(f"Singular, a random effect has no variance left: {'; '.join(singular)}.")
    notes += [f"{model.label}: {model.remark}." for model in models if model.remark]
    return tuple(notes)
