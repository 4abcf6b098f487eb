"""A moderated regression as a study declares it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from doublecode.analysis.mixed.formula import parse_formula
from doublecode.analysis.mixed.model_rows import require_columns
from doublecode.analysis.regression.moderated import moderation
from doublecode.analysis.results.row_levels import of_patients, without_copies
from doublecode.schemas.errors import NotEstimable
from doublecode.schemas.results import Note

if TYPE_CHECKING:
    import pandas as pd

    from doublecode.analysis.regression.moderated import Errors
    from doublecode.analysis.regression.moderation_result import ModerationResult
    from doublecode.schemas.study_parts import ModerationModel


def fit_moderation(
    model: ModerationModel,
    frame: pd.DataFrame,
    *,
    observed: pd.DataFrame | None = None,
    at: Mapping[str, float] | Sequence[float] | None = None,
    errors: Errors = "least-squares",
) -> ModerationResult:
    """Fit a regression as the study declares it.

    Parameters
    ----------
    model : ModerationModel
        Outcome, predictor, moderator (optional), covariates, subset (optional).
    frame : DataFrame
        One row per patient, with these columns; of sessions whose variables are all the patient's, one counts.
    observed : DataFrame, optional
        The same rows before an outlier rule; the subset is judged by these values.
    at : mapping or sequence, optional
        Where simple slopes are wanted; see :func:`doublecode.analysis.moderation`.
    errors : {"least-squares", "robust"}
        On which standard errors everything stands; a study declares it as ``regression_errors``.

    Raises
    ------
    UsageError
        The subset cannot be read or leaves no row, or a variable is missing from the frame.
    NotEstimable
        The outcome has one value per patient, and the predictors have several: its rows are copies.

    Examples
    --------
    >>> import pandas as pd
    >>> from doublecode.schemas.study_parts import ModerationModel
    >>> frame = pd.DataFrame({"patient": list("ABCDEF"), "hw3": [4.0, 5, 3, 6, 2, 5], "praise": [1.0, 2, 1, 4, 0, 3],
    ...                       "hw2": [3.0, 4, 2, 5, 0, 4]})
    >>> model = ModerationModel(name="praise", title="Praise", outcome="hw3", predictor="praise", subset="hw2 > 0")
    >>> fit_moderation(model, frame).design["n_rows"]
    5
    """
    focal = model.predictor if model.moderator is None else f"{model.predictor} * {model.moderator}"
    formula = f"{model.outcome} ~ {' + '.join((focal, *model.covariates))}"
    moderator = (model.moderator,) if model.moderator else ()
    require_columns(frame, (model.outcome, model.predictor, *moderator, *model.covariates), f"model {model.name!r}")
    fit = partial(moderation, formula, at=at, subset=model.subset, errors=errors, keys=("patient", "session"))
    result = fit(frame, observed=observed)
    names = parse_formula(formula).columns(frame.columns)
    copies = _copies(frame.loc[result.rows], model, names)
    if len(copies):
        numbers = {"names": tuple(names), "n_rows": len(result.rows), "n": len(result.rows) - len(copies)}
        result = fit(frame.drop(copies), observed=None if observed is None else observed.drop(copies))
        result = replace(result, notes=(*result.notes, Note("copies_left_out", numbers=numbers)))
    return replace(result, spec={"name": model.name, "title": model.title, "subset": model.subset, **result.spec})


def _copies(rows: pd.DataFrame, model: ModerationModel, names: Sequence[str]) -> pd.Index[Any]:
    """Rows that say again what the patient's first row says."""
    if "patient" not in rows or not of_patients([model.outcome], rows, "patient"):
        return rows.index[:0]
    own = without_copies(rows, names, "patient")
    if len(own) == len(rows):
        raise NotEstimable(
            f"{model.outcome} has one value per patient, which stands in {len(rows)} rows of "
            f"{rows['patient'].nunique()} patients: declare it under [[patient_outcomes]], or take one session of each "
            'patient with subset = "session == 1"'
        )
    return rows.index.difference(own.index)
