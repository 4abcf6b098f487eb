"""What an estimate of a sensitivity analysis stands on: a frame, and which rows of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from doublecode.analysis.mixed.formula_names import variables_of
from doublecode.schemas.sensitivity_checks import model_variables
from doublecode.schemas.study_parts import ModerationModel

if TYPE_CHECKING:
    import pandas as pd

    from doublecode.analysis.linking.frame import AnalysisFrame
    from doublecode.analysis.study.study_run import Intake
    from doublecode.schemas.model_series import ModelSeries
    from doublecode.schemas.sensitivity import SensitivityHeadline
    from doublecode.schemas.study import Study


@dataclass(frozen=True, eq=False)
class Made:
    """Scores and frame of one declaration.

    Attributes
    ----------
    intake : Intake
        Of the changed study, or without a rater.
    items, scores : DataFrame
    built : AnalysisFrame
    """

    intake: Intake
    items: pd.DataFrame
    scores: pd.DataFrame
    built: AnalysisFrame


@dataclass(frozen=True, eq=False)
class Standing:
    """Behind one estimate.

    Attributes
    ----------
    made : Made
    study : Study
        Whose model was fitted.
    model : str
        Its name.
    names : tuple of str
        Columns of the frame that the model names.
    rows : Index
        Labels of the rows behind it, `without` not yet left out.
    without : tuple of str or None
        Column and value of the rows that were left out.
    """

    made: Made
    study: Study
    model: str
    names: tuple[str, ...]
    rows: pd.Index[Any]
    without: tuple[str, str] | None = None

    @property
    def is_regression(self) -> bool:
        """Whether the model is one on which the outlier rule acts."""
        return any(one.name == self.model for one in self.study.moderations)

    @property
    def built(self) -> AnalysisFrame:
        """The frame without what was left out."""
        if self.without is None:
            return self.made.built
        unit, level = self.without
        built = self.made.built
        kept = built.frame[unit].astype(str) != level
        return replace(built, frame=built.frame[kept], places=built.places[kept])

    @property
    def labels(self) -> pd.Index[Any]:
        """The rows behind the estimate."""
        if self.without is None:
            return self.rows
        unit, level = self.without
        behind = self.made.built.frame.loc[self.rows]
        return behind[behind[unit].astype(str) != level].index


def standing_of(
    made: Made, study: Study, head: SensitivityHeadline, rows: pd.Index[Any], without: tuple[str, str] | None = None
) -> Standing:
    """What the headline's estimate stands on in a study, by its declared model."""
    models: list[ModelSeries | ModerationModel] = [*study.series, *study.moderations]
    model = next(one for one in models if one.name == head.model)
    names = list(model_variables(model, head))
    if isinstance(model, ModerationModel) and model.subset is not None:
        names += sorted(variables_of(model.subset, made.built.frame.columns))
    return Standing(made, study, head.model, tuple(dict.fromkeys(names)), rows, without)


def made_of(intake: Intake) -> Made:
    """Score a study and build its frame."""
    from doublecode.analysis.study.run import frame_of, score_study

    items, scores = score_study(intake)
    return Made(intake, items, scores, frame_of(intake, scores, items))
