"""The fits of a series: each step as declared, split, and with a simpler random part where it is singular."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from doublecode.analysis.linking.series_models import LabelledModel
from doublecode.analysis.linking.series_versions import PlannedModel, planned_models
from doublecode.schemas.errors import NotEstimable, UsageError

if TYPE_CHECKING:
    import pandas as pd

    from doublecode.analysis.mixed.fit import Ddf
    from doublecode.analysis.mixed.formula import ModelFormula
    from doublecode.analysis.mixed.result import MixedResult
    from doublecode.schemas.results import Note


@dataclass(frozen=True)
class Residuals:
    """What the residuals of every model of a series depend on.

    Attributes
    ----------
    correlation : str or None
        ``"ar1(session | patient)"`` or ``"car1(time | patient)"``.
    variance_by : str or None
        Column whose levels have residual variances of their own.
    """

    correlation: str | None = None
    variance_by: str | None = None

    @property
    def asked(self) -> dict[str, Any]:
        """What ``fit_mixed`` is given; empty where residuals are independent and alike."""
        given = {"correlation": self.correlation, "variance_by": self.variance_by}
        return {} if self.correlation is None and self.variance_by is None else given

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns that must be complete besides those of the formulas."""
        from doublecode.analysis.mixed.residuals.layout import parse_residuals

        model = parse_residuals(self.correlation, self.variance_by)
        return () if model is None else model.columns


@dataclass(frozen=True)
class Fitting:
    """How the steps of a series are fitted.

    Attributes
    ----------
    split : tuple of str
        Predictors with a patient mean and a deviation.
    ddf : str
        Method of the tests.
    patient : str
        Column of the patients.
    times : tuple of str
        Columns that are time beside the session number.
    residuals : Residuals
    """

    split: tuple[str, ...]
    ddf: Ddf
    patient: str
    times: tuple[str, ...]
    residuals: Residuals


def fit_steps(
    steps: Mapping[str, ModelFormula], data: pd.DataFrame, how: Fitting
) -> tuple[tuple[LabelledModel, ...], tuple[Note, ...]]:
    """Fit every step as declared and, where it holds a predictor that is split, once more split.

    Parameters
    ----------
    steps : mapping of label to formula
    data : DataFrame
        The common rows, with the two parts of each predictor that is split.
    how : Fitting

    Returns
    -------
    models : tuple of LabelledModel
    notes : tuple of Note
        What could not be split, or not in full.
    """
    plan = planned_models(steps, data, split=how.split, patient=how.patient, times=how.times)
    return tuple(_fit(one, plan.data, how) for one in plan.models), plan.notes


def _fit(one: PlannedModel, data: pd.DataFrame, how: Fitting) -> LabelledModel:
    from doublecode.analysis.mixed.fit import fit_mixed

    formula, asked = one.formula, how.residuals.asked
    named = LabelledModel(one.step, one.label, one.version, formula, conflated=one.conflated)
    ml_ddf: Ddf = "z" if how.ddf == "z" else "satterthwaite"
    try:
        result = fit_mixed(formula, data, ddf=how.ddf, **asked)
        ml = fit_mixed(formula, data, reml=False, ddf=ml_ddf, **asked)
        plain = fit_mixed(formula, data, ddf=ml_ddf) if asked else None
    except NotEstimable as refused:
        return replace(named, refusal=str(refused))
    return replace(named, result=result, ml=ml, simpler=_simpler(result, data, how.ddf, asked), plain=plain)


def _simpler(result: MixedResult, data: pd.DataFrame, ddf: Ddf, asked: Mapping[str, Any]) -> MixedResult | None:
    """The fit with the next simpler random part, beside a singular one; None where the ladder finds none."""
    from doublecode.analysis.mixed.ladder import fit_ladder

    if not result.singular:
        return None
    kept = fit_ladder(result.spec["formula"], data, ddf=ddf, **asked).kept
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
