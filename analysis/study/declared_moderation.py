"""A moderated regression as a study declares it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from doublecode.analysis.mixed.model_rows import require_columns
from doublecode.analysis.regression.moderated import moderation

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
        One row per patient, with these columns.
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
    result = moderation(
        formula,
        frame,
        at=at,
        subset=model.subset,
        observed=observed,
        errors=errors,
        keys=("patient", "session"),
    )
    return replace(result, spec={"name": model.name, "title": model.title, "subset": model.subset, **result.spec})
