"""What an estimate of a sensitivity analysis stands on: a frame, and which rows of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

    from doublecode.analysis.linking.frame import AnalysisFrame
    from doublecode.analysis.study.study_run import Intake
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
    rows : Index
        Labels of the rows behind it, `without` not yet left out.
    without : tuple of str or None
        Column and value of the rows that were left out.
    """

    made: Made
    study: Study
    rows: pd.Index[Any]
    without: tuple[str, str] | None = None

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


def made_of(intake: Intake) -> Made:
    """Score a study and build its frame."""
    from doublecode.analysis.study.run import frame_of, score_study

    items, scores = score_study(intake)
    return Made(intake, items, scores, frame_of(intake, scores, items))
