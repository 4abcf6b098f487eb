"""The fits of a series: each step as declared, split, and with a simpler random part where it is singular."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from doublecode.analysis.linking.series_models import LabelledModel, Version
from doublecode.analysis.linking.splitting import SplitFormula, split_formula
from doublecode.analysis.linking.time_origin import is_time
from doublecode.analysis.linking.within_products import double_centred, open_products, product_name
from doublecode.analysis.results.row_levels import varying_within
from doublecode.schemas.errors import NotEstimable, UsageError
from doublecode.schemas.results import Note

if TYPE_CHECKING:
    import pandas as pd

    from doublecode.analysis.mixed.fit import Ddf
    from doublecode.analysis.mixed.formula import ModelFormula
    from doublecode.analysis.mixed.result import MixedResult


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


def with_product_columns(data: pd.DataFrame, versions: Iterable[SplitFormula], patient: str) -> pd.DataFrame:
    """Add the double-centred products that split formulas stand on."""
    for names in dict.fromkeys(names for one in versions for names in one.products):
        data = double_centred(data, names, by=patient)
    return data


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
    versions = {called: split_formula(formula, how.split) for called, formula in steps.items()}
    data = with_product_columns(data, versions.values(), how.patient)
    models: list[LabelledModel] = []
    notes: list[Note] = []
    for step, (called, formula) in enumerate(steps.items(), start=1):
        found = versions[called]
        whole = Version.CONFLATED if found.version is not None or found.inside_call else Version.DECLARED
        models.append(_fit(step, called, whole, formula, data, how))
        if found.version is not None:
            models.append(_fit(step, called, Version.SPLIT, found.version, data, how))
        notes += _half_split(called, formula, found, data, how)
    times = [name for name in map(str, data.columns) if is_time(name)]
    deviations = [f"{name}_within" for name in how.split]
    deviations += [product_name(names) for found in versions.values() for names in found.products]
    kept = (*times, *how.times, how.patient, *deviations)
    done = tuple(replace(one, conflated=_varying(one.formula, data, how.patient, kept)) for one in models)
    return done, tuple(note for place, note in enumerate(notes) if note not in notes[:place])


def _half_split(
    called: str, formula: ModelFormula, found: SplitFormula, data: pd.DataFrame, how: Fitting
) -> list[Note]:
    """What a step keeps unsplit: predictors inside functions, and factors that multiply a split one."""
    notes = []
    if found.inside_call:
        notes.append(Note("series_inside_call", numbers={"step": called, "columns": found.inside_call}))
    if found.products:
        notes.append(Note("series_double_centred", numbers={"products": found.products}))
    if found.version is not None:
        others = [name for name in formula.fixed_columns(data.columns) if name not in how.split]
        loose = open_products(formula.fixed, how.split, varying_within(others, data, how.patient))
        notes += [Note("series_product_open", numbers={"split": one, "other": other}) for one, other in loose]
    return notes


def _varying(formula: ModelFormula, data: pd.DataFrame, patient: str, kept: Sequence[str]) -> tuple[str, ...]:
    """Fixed predictors of a formula that vary within patients, but for those whose slope is meant so."""
    named = formula.fixed_columns(data.columns)
    return varying_within([name for name in named if name not in kept], data, patient)


def _fit(
    step: int, called: str, version: Version, formula: ModelFormula, data: pd.DataFrame, how: Fitting
) -> LabelledModel:
    from doublecode.analysis.mixed.fit import fit_mixed

    label, asked = f"{called} {version}", how.residuals.asked
    ml_ddf: Ddf = "z" if how.ddf == "z" else "satterthwaite"
    try:
        result = fit_mixed(formula, data, ddf=how.ddf, **asked)
        ml = fit_mixed(formula, data, reml=False, ddf=ml_ddf, **asked)
        plain = fit_mixed(formula, data, ddf=ml_ddf) if asked else None
    except NotEstimable as refused:
        return LabelledModel(step, label, version, formula, None, None, str(refused))
    simpler = _simpler(result, data, how.ddf, asked)
    return LabelledModel(step, label, version, formula, result, ml, simpler=simpler, plain=plain)


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
