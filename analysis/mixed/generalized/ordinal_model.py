"""From a design to the answer of a cumulative mixed model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args

from doublecode.analysis.mixed.design import Design
from doublecode.analysis.mixed.generalized.links import Link
from doublecode.analysis.mixed.generalized.ordinal_design import without_intercept
from doublecode.analysis.mixed.generalized.ordinal_fit import fit_rows
from doublecode.analysis.mixed.generalized.ordinal_outcome import OrdinalOutcome, categories_in_use, numbered
from doublecode.analysis.mixed.generalized.ordinal_result import OrdinalResult
from doublecode.analysis.mixed.generalized.random_part import RandomPart
from doublecode.analysis.mixed.generalized.separation import refuse_row_effects
from doublecode.analysis.mixed.generalized.thresholds import ThresholdKind
from doublecode.schemas.errors import FormulaError, UsageError
from doublecode.schemas.results import Note


def refuse_idle(given: Mapping[str, object], caller: str) -> None:
    """Refuse options that an ordinal model has no use for."""
    for name, value in given.items():
        if value is not None:
            raise UsageError(f"{caller}: {name}= is not for family 'ordinal'; leave it out")


def check_thresholds(family: str, thresholds: str, caller: str = "fit_generalized") -> None:
    """Refuse thresholds of another family, or of an unknown kind."""
    if thresholds not in get_args(ThresholdKind):
        allowed = ", ".join(map(repr, get_args(ThresholdKind)))
        raise UsageError(f"{caller}: thresholds={thresholds!r}; allowed: {allowed}")
    if family != "ordinal" and thresholds != "flexible":
        raise UsageError(f"{caller}: thresholds= belongs to family 'ordinal', not {family!r}; leave it out")


def fit_ordinal(
    design: Design, part: RandomPart, n_nodes: int, link: Link, spec: dict[str, Any], remarks: tuple[Note, ...]
) -> OrdinalResult:
    """Fit the cumulative model of a design whose outcome is among its columns.

    Raises
    ------
    FormulaError, ContractError, NotEstimable, UsageError
        An outcome without order or with one category; a formula without intercept; separation; a random effect for
        every row; options of others.
    """
    refuse_idle({name: spec[name] for name in ("trials", "prior_sd")}, "fit_generalized")
    outcome = _read(design, "probit" if link == "probit" else "logit", spec["thresholds"])
    bare = without_intercept(design)
    refuse_row_effects(design, "ordered categories")
    fit = fit_rows(bare, part, outcome.rows(), n_nodes)
    return OrdinalResult(spec, bare, outcome, fit, remarks, with_intercept=design)


def _read(design: Design, link: Any, kind: ThresholdKind) -> OrdinalOutcome:
    name = design.formula.response
    column = design.columns.get(name.strip("`"))
    if column is None:
        raise FormulaError(
            f"ordinal outcome {name!r} is an expression; make a column of whole numbers of it and name that"
        )
    numbers, labels = numbered(column, name.strip("`"))
    return categories_in_use(numbers.to_numpy(dtype=float), labels, name.strip("`"), link=link, kind=kind)
