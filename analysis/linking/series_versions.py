"""The models of a series before they are fitted: each step as declared, and with its predictors split."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from doublecode.analysis.linking.series_models import Version
from doublecode.analysis.linking.splitting import SplitFormula, split_formula
from doublecode.analysis.linking.time_origin import is_time
from doublecode.analysis.linking.within_products import double_centred, open_products, product_name
from doublecode.analysis.results.row_levels import varying_within
from doublecode.schemas.results import Note

if TYPE_CHECKING:
    import pandas as pd

    from doublecode.analysis.mixed.formula import ModelFormula


@dataclass(frozen=True)
class PlannedModel:
    """One model of a series that is to be fitted.

    Attributes
    ----------
    step : int
        Place in the series, from 1.
    label : str
        "2 as declared", "3 within/between"; the step's own name for its number.
    version : Version
    formula : ModelFormula
    conflated : tuple of str
        Fixed predictors that vary within patients and are not split.
    """

    step: int
    label: str
    version: Version
    formula: ModelFormula
    conflated: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class SeriesPlan:
    """The models, the data with every column that they name, and what could not be split, or not in full."""

    models: tuple[PlannedModel, ...]
    data: pd.DataFrame
    notes: tuple[Note, ...]


def planned_models(
    steps: Mapping[str, ModelFormula], data: pd.DataFrame, *, split: Sequence[str], patient: str, times: Sequence[str]
) -> SeriesPlan:
    """Lay out the versions of every step.

    Parameters
    ----------
    steps : mapping of label to formula
    data : DataFrame
        The common rows, with the two parts of each predictor that is split.
    split : sequence of str
        Predictors with a patient mean and a deviation.
    patient : str
        Column of the patients.
    times : sequence of str
        Columns that are time beside the session number.
    """
    versions = {called: split_formula(formula, split) for called, formula in steps.items()}
    data = with_product_columns(data, versions.values(), patient)
    clock = [name for name in map(str, data.columns) if is_time(name)]
    deviations = [f"{name}_within" for name in split]
    deviations += [product_name(names) for found in versions.values() for names in found.products]
    kept = (*clock, *times, patient, *deviations)
    models: list[PlannedModel] = []
    notes: list[Note] = []

    def plan(step: int, called: str, version: Version, formula: ModelFormula) -> None:
        loose = _varying(formula, data, patient, kept)
        models.append(PlannedModel(step, f"{called} {version}", version, formula, loose))

    for step, (called, formula) in enumerate(steps.items(), start=1):
        found = versions[called]
        whole = Version.CONFLATED if found.version is not None or found.inside_call else Version.DECLARED
        plan(step, called, whole, formula)
        if found.version is not None:
            plan(step, called, Version.SPLIT, found.version)
        notes += _half_split(called, formula, found, data, split, patient)
    once = tuple(note for place, note in enumerate(notes) if note not in notes[:place])
    return SeriesPlan(tuple(models), data, once)


def with_product_columns(data: pd.DataFrame, versions: Iterable[SplitFormula], patient: str) -> pd.DataFrame:
    """Add the double-centred products that split formulas stand on."""
    for names in dict.fromkeys(names for one in versions for names in one.products):
        data = double_centred(data, names, by=patient)
    return data


def _half_split(
    called: str, formula: ModelFormula, found: SplitFormula, data: pd.DataFrame, split: Sequence[str], patient: str
) -> list[Note]:
    """What a step keeps unsplit: predictors inside functions, and factors that multiply a split one."""
    notes = []
    if found.inside_call:
        notes.append(Note("series_inside_call", numbers={"step": called, "columns": found.inside_call}))
    if found.products:
        notes.append(Note("series_double_centred", numbers={"products": found.products}))
    if found.version is not None:
        others = [name for name in formula.fixed_columns(data.columns) if name not in split]
        loose = open_products(formula.fixed, split, varying_within(others, data, patient))
        notes += [Note("series_product_open", numbers={"split": one, "other": other}) for one, other in loose]
    return notes


def _varying(formula: ModelFormula, data: pd.DataFrame, patient: str, kept: Sequence[str]) -> tuple[str, ...]:
    """Fixed predictors of a formula that vary within patients, but for those whose slope is meant so."""
    named = formula.fixed_columns(data.columns)
    return varying_within([name for name in named if name not in kept], data, patient)
