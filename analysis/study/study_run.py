"""What a run of a study is: what was taken in, and everything that was computed from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from doublecode.schemas.problems import Problem
from doublecode.schemas.results import Note

if TYPE_CHECKING:
    import pandas as pd

    from doublecode.analysis.description.correlations import CorrelationResult
    from doublecode.analysis.description.descriptives import DescriptivesResult
    from doublecode.analysis.description.homework import LogResult
    from doublecode.analysis.description.outliers import OutlierResult
    from doublecode.analysis.description.sample import SampleResult
    from doublecode.analysis.linking.frame import AnalysisFrame
    from doublecode.analysis.linking.series import SeriesResult
    from doublecode.analysis.regression.group_differences import AnovaResult
    from doublecode.analysis.regression.moderation_result import ModerationResult
    from doublecode.analysis.results.coded_warnings import CodedWarning
    from doublecode.analysis.study.consistency_table import ConsistencyTable
    from doublecode.analysis.study.reliability_table import ReliabilityTable
    from doublecode.schemas.study import Study


@dataclass(frozen=True)
class Intake:
    """What lay in ``incoming/`` and ``outcomes/``, and what is wrong with it.

    Attributes
    ----------
    study : Study
    ratings, outcomes : DataFrame
        Contracts RATINGS (both phases) and ITEMS.
    problems : tuple of Problem
        All of them, infos included.
    files : DataFrame
        ``file, sha256, instrument, rater, batch, n_rows`` of the workbooks that were read.
    set_aside : tuple of str
        Files that the researcher left out by name.
    sessions, patients, therapists : DataFrame
    """

    study: Study
    ratings: pd.DataFrame
    outcomes: pd.DataFrame
    problems: tuple[Problem, ...]
    files: pd.DataFrame
    set_aside: tuple[str, ...]
    sessions: pd.DataFrame
    patients: pd.DataFrame
    therapists: pd.DataFrame

    @property
    def errors(self) -> tuple[Problem, ...]:
        """The problems that stop the analysis."""
        return tuple(problem for problem in self.problems if problem.severity == "error")


@dataclass(frozen=True)
class StudyRun:
    """Everything that was declared, computed: one field per section of the report.

    `moderations_untouched` are the same regressions without the outlier rule; empty where the
    study declares no rule. `warnings` are what the estimates are to be read with; what was wrong with the
    files stands in ``intake.problems``.
    """

    intake: Intake
    items: pd.DataFrame
    scores: pd.DataFrame
    frame: AnalysisFrame
    sample: SampleResult
    described_items: DescriptivesResult
    described_scores: DescriptivesResult
    logs: tuple[LogResult, ...]
    reliability: ReliabilityTable | None
    consistency: ConsistencyTable | None
    correlations: CorrelationResult | None
    outliers: OutlierResult | None
    series: tuple[SeriesResult, ...]
    moderations: tuple[ModerationResult, ...]
    moderations_untouched: tuple[ModerationResult, ...]
    comparisons: tuple[AnovaResult, ...]
    not_estimated: tuple[Note, ...] = ()
    warnings: tuple[CodedWarning, ...] = ()

    @property
    def study(self) -> Study:
        """The declaration."""
        return self.intake.study

    @property
    def labels(self) -> Mapping[str, str]:
        """Printed name of each variable of the analysis frame."""
        return {variable.name: variable.label or variable.name for variable in self.study.variables}

    @property
    def outcomes(self) -> Mapping[str, str]:
        """Outcome of each declared regression."""
        return {model.name: model.outcome for model in self.study.moderations}

    @property
    def unread(self) -> bool:
        """Whether raters were to code, but no workbook of theirs was read."""
        return self.intake.files.empty and any(use.source == "raters" for use in self.study.instruments)
