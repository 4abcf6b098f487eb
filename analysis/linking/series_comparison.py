"""Which models of a series may be compared by their likelihoods, and the test."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from doublecode.schemas.results import Note

if TYPE_CHECKING:
    from doublecode.analysis.linking.generalized_models import GeneralizedModel
    from doublecode.analysis.linking.series_models import LabelledModel
    from doublecode.analysis.mixed.comparison import Fitted

    Model = LabelledModel | GeneralizedModel
    Models = Sequence[LabelledModel] | Sequence[GeneralizedModel]


_FIT = ("k", "nobs", "loglik", "aic", "bic")
_COLUMNS = (
    "step", "label", "formula", "declared", *_FIT, "loglik_ml", "aic_ml", "bic_ml",
    "compared_with", "chi2", "df", "p_value", "reference", "converged", "singular", "remark",
)  # fmt: skip


class Obstacle(StrEnum):
    """Why the likelihood ratio of two models is not to be had."""

    NO_FIT = "no fit"
    NOT_NESTED = "not nested"
    SAME_SIZE = "same size"


def obstacle(small: Fitted | None, large: Fitted | None) -> Obstacle | None:
    """Say why two maximum-likelihood fits do not compare; None where they do."""
    if small is None or large is None or not (small.converged and large.converged):
        return Obstacle.NO_FIT
    X0, X1 = small.model.X, large.model.X
    rest = X0 - X1 @ np.linalg.lstsq(X1, X0, rcond=None)[0]
    nested = bool(np.all(np.linalg.norm(rest, axis=0) <= 1e-8 * np.linalg.norm(X0, axis=0)))
    if not nested or not _random_of(small) <= _random_of(large):
        return Obstacle.NOT_NESTED
    return None if small.n_parameters < large.n_parameters else Obstacle.SAME_SIZE


def _random_of(fit: Fitted) -> set[tuple[str, str]]:
    return {(term.group, column) for term in fit.model.terms for column in term.columns}


def adds_random(small: Fitted | None, large: Fitted | None) -> bool:
    """Whether two fits differ in their random effects."""
    return small is not None and large is not None and _random_of(small) != _random_of(large)


def likelihood_ratio(small: Fitted | None, large: Fitted | None) -> dict[str, Any]:
    """Return ``chi2, df, p_value, reference`` of two nested maximum-likelihood fits."""
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


def comparison_table(models: Models) -> tuple[pd.DataFrame, tuple[Note, ...]]:
    """Fit of every model, and its likelihood ratio with the one of the step before; why where there is none."""
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


def _predecessor(model: Model, models: Models) -> Model | None:
    """The model of the step before: of the same kind if that step has it, else as declared."""
    before = [other for other in models if other.step == model.step - 1]
    of_kind = [other for other in before if other.declared == model.declared]
    return next(iter(of_kind or before), None)


def _row(model: Model, against: Model | None) -> dict[str, Any]:
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


def _fit_values(fit: Fitted) -> tuple[float, ...]:
    return fit.n_parameters, fit.nobs, fit.loglik, fit.aic, fit.bic


def restricted_ratios(models: Sequence[LabelledModel]) -> pd.DataFrame:
    """Likelihood ratios of the REML fits as declared, each against the step before: what papers print.

    2(ℓ₁ − ℓ₀) on the difference of the numbers of parameters. Where the fixed effects differ the two restricted
    likelihoods are of different data (contrasts of the outcome), so that this is no test: it is for reproduction only.

    Returns
    -------
    DataFrame
        ``label``, ``compared_with``, ``k``, ``nobs``, ``loglik``, ``aic``, ``bic``, ``chi2``, ``df``, ``p_value``.
    """
    from scipy.special import gammaincc

    rows: list[dict[str, Any]] = []
    before: LabelledModel | None = None
    for model in models:
        if not model.declared or model.result is None:
            continue
        row: dict[str, Any] = {"label": model.label, "compared_with": ""}
        row |= dict(zip(_FIT, _fit_values(model.result), strict=True)) | dict.fromkeys(
            ("chi2", "df", "p_value"), np.nan
        )
        if before is not None and before.result is not None:
            chi2 = max(0.0, 2.0 * (model.result.loglik - before.result.loglik))
            df = model.result.n_parameters - before.result.n_parameters
            tested = {"chi2": chi2, "df": float(df), "p_value": float(gammaincc(df / 2, chi2 / 2))} if df > 0 else {}
            row |= {"compared_with": before.label, **tested}
        rows.append(row)
        before = model
    return pd.DataFrame(rows, columns=["label", "compared_with", *_FIT, "chi2", "df", "p_value"])
