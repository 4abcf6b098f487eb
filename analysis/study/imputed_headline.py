"""The headline over several imputations of the session scores that its model stands on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from doublecode.analysis.linking.imputation import Imputations, impute
from doublecode.analysis.linking.imputation_pooling import rubin
from doublecode.analysis.linking.time_origin import SESSION
from doublecode.analysis.mixed.formula import parse_mixed
from doublecode.analysis.mixed.formula_columns import terms_of
from doublecode.analysis.mixed.formula_names import mentions
from doublecode.analysis.results.row_levels import varying_within
from doublecode.analysis.study.sensitivity_estimate import NUMBERS, Estimate, estimate_of
from doublecode.analysis.study.sensitivity_specifications import headline_model, step_of
from doublecode.analysis.study.unlagged_scores import SessionScores, session_scores
from doublecode.schemas.errors import NotEstimable

if TYPE_CHECKING:
    from doublecode.analysis.linking.frame import AnalysisFrame
    from doublecode.analysis.mixed.formula import ModelFormula
    from doublecode.analysis.study.study_run import Intake
    from doublecode.schemas.missing_data import MissingData
    from doublecode.schemas.model_series import ModelSeries
    from doublecode.schemas.sensitivity import SensitivityHeadline

COMPLETE, IMPUTED = "complete rows", "imputed"
COLUMNS: Final = ("analysis", *NUMBERS, "n_rows", "n_patients", "fmi", "riv", "efficiency", "mc_error")


@dataclass(frozen=True)
class ImputedHeadline:
    """The headline by complete rows and over imputations.

    Attributes
    ----------
    frame : DataFrame
        Two rows, ``analysis`` "complete rows" and "imputed": ``estimate``, ``std_error``, ``df``, ``p_value``,
        ``conf_low``, ``conf_high``, ``n_rows``, ``n_patients``; of the second ``fmi``, ``riv``, ``efficiency``,
        ``mc_error``, as :func:`doublecode.analysis.linking.imputation_pooling.rubin` gives them.
    cells : DataFrame
        One row per session score, as of :class:`doublecode.analysis.linking.imputation.Imputations`; ``n_missing``
        counts what was filled, ``n_left`` what could have had no value, ``of`` is the variable that it makes, ``part``
        which half of it ("before", "same").
    convergence : DataFrame
        Parameters of the joint model.
    spec : dict
        How it was imputed.
    n_outcome : int
        Rows whose outcome was missing: they are in the imputation and not in the model.
    n_not_converged : int
        Fits that did not converge.
    scores : SessionScores
        What was imputed.
    given : tuple of str
        Complete columns of the analysis frame that the imputation stands on as well: covariates and time.
    """

    frame: pd.DataFrame
    cells: pd.DataFrame
    convergence: pd.DataFrame
    spec: dict[str, Any]
    n_outcome: int
    n_not_converged: int
    scores: SessionScores
    given: tuple[str, ...]


def imputed_headline(
    intake: Intake,
    built: AnalysisFrame,
    scored: tuple[pd.DataFrame, pd.DataFrame],
    full: Estimate,
    head: SensitivityHeadline,
    asked: MissingData,
) -> ImputedHeadline:
    """Impute session scores before lag and split, refit the declared model to each completed frame, and pool.

    Rows whose outcome was missing help to impute and are taken out of the model afterwards: an imputed outcome adds
    noise and no information (von Hippel 2007, Sociological Methodology, 37, 83–117).

    Parameters
    ----------
    intake : Intake
    built : AnalysisFrame
    scored : tuple of DataFrame
        Items and scores.
    full : Estimate
        The headline by complete rows.
    head : SensitivityHeadline
    asked : MissingData

    Raises
    ------
    NotEstimable
        The model holds products or functions, nothing is missing, or a fit fails.
    UsageError
        A variable cannot be imputed; the message says why.
    """
    study = intake.study
    model: ModelSeries = headline_model(study, head)
    steps = [parse_mixed(one) for one in model.steps]
    step = steps[step_of(model, head)]
    _refuse_products(step)
    names = _columns(steps, built.frame, model.residual_columns)
    joint, covariates = _sorted_out(built.frame, [*names, *asked.auxiliary], study.times)
    unlagged = session_scores(intake, built, scored, joint)
    times = [name for name in (SESSION, *study.times) if name in names]
    given = unlagged.frame.join(built.frame[[name for name in (*covariates, *times) if name not in unlagged.frame]])
    found = impute(
        given, _with_values(unlagged.columns, unlagged.frame), time=times, covariates=covariates,
        slopes=[name for name in times if _has_slope(step, name)], m=int(asked.imputations or 0),
        burn_in=asked.burn_in, thin=asked.thin, seed=asked.seed,
    )  # fmt: skip
    outcome = built.frame[step.response].notna()
    fits = [estimate_of(study, unlagged.made_again(one, built.frame)[outcome], head, head.term) for one in found.frames]
    refused = next((one.refusal for one in fits if one.refusal), "")
    if refused:
        raise NotEstimable(refused)
    return ImputedHeadline(
        frame=pd.DataFrame([_complete(full), _pooled(fits)], columns=list(COLUMNS)),
        cells=_cells(found, unlagged), convergence=found.convergence, spec=found.spec,
        n_outcome=int((~outcome).sum()), n_not_converged=sum(not one.converged for one in fits),
        scores=unlagged, given=(*covariates, *times),
    )  # fmt: skip


def _refuse_products(step: ModelFormula) -> None:
    """A joint normal model has no products and no curves: imputed values would weaken them."""
    terms = [[factor for factor in map(str, term) if factor != "1"] for term in terms_of(step.fixed)]
    products = next((term for term in terms if len(term) > 1), None)
    if products is not None or any(one.in_call or one.called for one in mentions(step.fixed)):
        what = "a function of a variable" if products is None else f"the product {' × '.join(products)}"
        raise NotEstimable(
            f"the model holds {what}, which a joint normal model does not know: imputed values would weaken it "
            "(Seaman, Bartlett & White 2012). Name a headline of a step without it"
        )


def _columns(steps: Sequence[ModelFormula], frame: pd.DataFrame, residuals: Sequence[str]) -> list[str]:
    """What all steps of the series stand on, without what groups rows: one common set of rows."""
    named = dict.fromkeys(name for one in steps for name in one.columns(frame.columns))
    factors = {name for one in steps for name in one.factors}
    return [name for name in (*named, *residuals) if name not in factors and name not in ("patient", "therapist")]


def _sorted_out(frame: pd.DataFrame, names: Sequence[str], times: Sequence[str]) -> tuple[list[str], list[str]]:
    """Which columns are drawn jointly, and which are complete covariates."""
    named = list(dict.fromkeys(name for name in names if name != SESSION and name not in times))
    moving = varying_within(named, frame, "patient")
    joint = [name for name in named if name in moving and frame[name].dtype.kind in "iuf"]
    return joint, [name for name in named if name not in joint]


def _has_slope(step: ModelFormula, name: str) -> bool:
    return any(name == one.name for term in step.terms for one in mentions(term.expression))


def _with_values(columns: Sequence[str], frame: pd.DataFrame) -> list[str]:
    return [name for name in columns if frame[name].notna().any()]


def _complete(full: Estimate) -> dict[str, Any]:
    return {"analysis": COMPLETE, **{name: full.record[name] for name in (*NUMBERS, "n_rows", "n_patients")}}


def _pooled(fits: Sequence[Estimate]) -> dict[str, Any]:
    b, error, df = (np.array([[getattr(one, name)] for one in fits]) for name in ("estimate", "std_error", "df"))
    row = rubin(b, error, df).iloc[0]
    numbers = {str(name): float(value) for name, value in row.items()}
    return {"analysis": IMPUTED, **numbers, "n_rows": fits[0].n_rows, "n_patients": fits[0].n_patients}


def _cells(found: Imputations, scores: SessionScores) -> pd.DataFrame:
    """What was filled and used, beside what could have had no value."""
    made = {part.column: (name, part.half) for name, parts in scores.parts.items() for part in parts}
    table = found.frame
    names = list(table["variable"])
    filled = (scores.frame[names].isna() & scores.imputable[names]).sum().to_numpy()
    of, halves = zip(*(made[name] for name in names), strict=True)
    return table.assign(n_missing=filled, n_left=table["n_missing"] - filled, of=of, part=halves)
