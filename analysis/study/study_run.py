"""What a run of a study is: what was taken in, and everything that was computed from it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from doublecode.analysis.rendering.notes import sentence
from doublecode.schemas.cards import Card
from doublecode.schemas.problems import Problem
from doublecode.schemas.results import Note

if TYPE_CHECKING:
    import pandas as pd

    from doublecode.analysis.description.correlations import CorrelationResult
    from doublecode.analysis.description.covariate_screen import CovariateScreenResult
    from doublecode.analysis.description.descriptives import DescriptivesResult
    from doublecode.analysis.description.homework import LogResult
    from doublecode.analysis.description.manual_fidelity import FidelityResult
    from doublecode.analysis.description.missing_comparison import MissingComparisonResult
    from doublecode.analysis.description.outliers import OutlierResult
    from doublecode.analysis.description.sample import SampleResult
    from doublecode.analysis.linking.frame import AnalysisFrame
    from doublecode.analysis.linking.generalized_series_result import GeneralizedSeriesResult
    from doublecode.analysis.linking.patient_outcomes import PatientOutcomeResult
    from doublecode.analysis.linking.series_result import SeriesResult
    from doublecode.analysis.regression.families import FamilyResult
    from doublecode.analysis.regression.group_differences import AnovaResult
    from doublecode.analysis.regression.marginal_result import MarginalResult
    from doublecode.analysis.regression.moderation_result import ModerationResult
    from doublecode.analysis.results.coded_warnings import CodedWarning
    from doublecode.analysis.screening.rating_screens import ScreenResult
    from doublecode.analysis.study.code_counts import CodeCounts
    from doublecode.analysis.study.declared_change import DeclaredChange
    from doublecode.analysis.study.declared_process import ProcessAnswers
    from doublecode.analysis.study.frozen_plan import PlanState
    from doublecode.analysis.study.rating_quality import RatingQuality
    from doublecode.analysis.study.recodes import RecodeTable
    from doublecode.analysis.study.reliability_table import ReliabilityTable
    from doublecode.analysis.study.reported import ReportedFacts
    from doublecode.analysis.study.scale_consistency import ConsistencyTable
    from doublecode.coding.intake.double_entry import DoubleEntry
    from doublecode.schemas.study import Study


@dataclass(frozen=True)
class Intake:
    """What lay in ``incoming/`` and ``outcomes/``, and what is wrong with it.

    Attributes
    ----------
    study : Study
    ratings, outcomes : DataFrame
        Contracts RATINGS (both phases) and ITEMS: what is in the numbers.
    kept_out : DataFrame
        Contract RATINGS, with ``occasion`` where there are recodes among them: ratings of patients who were excluded or
        withdrew their consent, and of sessions that the instrument is not used in. They are in the ledger alone.
    problems : tuple of Problem
        All of them, infos included.
    files : DataFrame
        ``file, sha256, instrument, rater, batch, n_rows`` of the workbooks that were read.
    set_aside : tuple of str
        Files that the researcher left out by name.
    sessions, patients, therapists : DataFrame
    at_events : DataFrame or None
        Outcomes beyond the sessions: ``patient, event, instrument, item, value, reason``.
    absent : tuple of str
        Workbooks that the ledger holds and ``incoming/`` does not; they are in the numbers.
    held : tuple of str
        Every file whose ratings are the ledger's: the absent ones, imported tables, other sites.
    recodes : DataFrame or None
        Contract RATINGS with ``occasion`` above 1: what a rater rated again. In no score; see
        :func:`doublecode.analysis.study.recodes.recode_table`.
    empty_logs : DataFrame or None
        Homework logs that came back with nothing in them, as :func:`doublecode.analysis.study.empty_logs.empty_logs`
        finds them: sessions without homework.
    decided : DataFrame or None
        Contract RATINGS: what was agreed on where raters disagreed. Beside the ratings, never among them.
    linked : DataFrame or None
        Answers of outcomes that count for the session of another day, as
        :func:`doublecode.coding.reading.outcomes.linked_answers` gives them.
    typed_twice : DoubleEntry or None
        How sheets that were typed twice compare.
    plan : PlanState or None
        The frozen plan of the analysis and what departs from it.
    """

    study: Study
    ratings: pd.DataFrame
    outcomes: pd.DataFrame
    kept_out: pd.DataFrame
    problems: tuple[Problem, ...]
    files: pd.DataFrame
    set_aside: tuple[str, ...]
    sessions: pd.DataFrame
    patients: pd.DataFrame
    therapists: pd.DataFrame
    at_events: pd.DataFrame | None = None
    recodes: pd.DataFrame | None = None
    empty_logs: pd.DataFrame | None = None
    absent: tuple[str, ...] = ()
    held: tuple[str, ...] = ()
    decided: pd.DataFrame | None = None
    typed_twice: DoubleEntry | None = None
    plan: PlanState | None = None
    linked: pd.DataFrame | None = None

    @property
    def agreed(self) -> pd.DataFrame:
        """The ratings on which scores stand: with what was agreed on, where the study declares it."""
        from doublecode.coding.agreed_values import with_agreed

        return self.ratings if self.decided is None else with_agreed(self.ratings, self.decided, self.study)

    @property
    def errors(self) -> tuple[Problem, ...]:
        """The problems that stop the analysis."""
        return tuple(problem for problem in self.problems if problem.severity == "error")

    @property
    def n_workbooks(self) -> int:
        """Files of raters; what was agreed on in ``consensus/`` is none."""
        from doublecode.coding.reading.consensus_table import DECIDERS

        return int((~self.files["rater"].isin(list(DECIDERS.values()))).sum())

    @property
    def rating_counts(self) -> dict[str, int]:
        """Ratings that were read (``read``), and what became of them: ``in_numbers``, ``rated_again``, ``kept_out``.

        What was agreed on afterwards (``decided``) is counted where there is any. A rating is one cell: an item of a
        session by a rater, a missing code or a text as well as a number.
        """
        again = 0 if self.recodes is None else len(self.recodes)
        parts = {"in_numbers": len(self.ratings), "rated_again": again, "kept_out": len(self.kept_out)}
        if self.decided is not None and len(self.decided):
            parts["decided"] = len(self.decided)
        return {"read": sum(parts.values()), **parts}


@dataclass(frozen=True, repr=False)
class StudyRun:
    """Everything that was declared, computed: one field per section of the report.

    `moderations_untouched` are the same regressions without the outlier rule; empty where the
    study declares no rule. `warnings` are what the estimates are to be read with; what was wrong with the
    files stands in ``intake.problems``. `replaced` lists what later files replaced and what was withdrawn, as
    :func:`doublecode.coding.intake.replaced_files.replaced_files` does.
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
    generalized: tuple[GeneralizedSeriesResult, ...] = ()
    patient_outcomes: tuple[PatientOutcomeResult, ...] = ()
    recodes: RecodeTable | None = None
    codes: CodeCounts | None = None
    screens: ScreenResult | None = None
    replaced: pd.DataFrame | None = None
    marginals: tuple[MarginalResult, ...] = ()
    families: tuple[FamilyResult, ...] = ()
    covariate_screen: CovariateScreenResult | None = None
    missing_comparison: MissingComparisonResult | None = None
    fidelity: FidelityResult | None = None
    process: ProcessAnswers | None = None
    patient_changes: tuple[DeclaredChange, ...] = ()
    reported: ReportedFacts | None = None
    not_estimated: tuple[Note, ...] = ()
    warnings: tuple[CodedWarning, ...] = ()

    @property
    def all_series(self) -> tuple[SeriesResult | GeneralizedSeriesResult, ...]:
        """Series of linear models, then those of other families."""
        return (*self.series, *self.generalized)

    @property
    def card(self) -> Card:
        """What is printed: how far rows came, what was estimated, what it is to be read with."""
        design, series = self.frame.design, self.all_series
        models = sum(len(one.models) for one in series)
        codes = Counter(one.code for one in self.warnings)
        facts = (
            ("Workbooks", f"{self.intake.n_workbooks} with {self.intake.rating_counts['read']:,} ratings"),
            ("Set aside", ", ".join(self.intake.set_aside)),
            ("Sessions", f"{design['n_held']} held, {design['n_rated']} rated, of {design['n_patients']} patients"),
            ("Estimated", f"{models} models in {len(series)} series, {len(self.moderations)} regressions, "
             f"{len(self.comparisons)} comparisons of groups"),
            ("Refused", "; ".join(map(sentence, self.not_estimated))),
            ("Warnings", ", ".join(f"{n} × {code.replace('_', ' ')}" for code, n in codes.most_common())),
        )  # fmt: skip
        results = [one for one in (self.frame, self.reliability, self.consistency) if one is not None]
        return Card(self.study.title, facts, tuple(table for one in results for table in one.plain_tables()))

    def __str__(self) -> str:
        return self.card.text()

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return self.card.html()

    @cached_property
    def quality(self) -> RatingQuality:
        """Agreement, codes, pairs and severity of the raters, beside the reliability."""
        from doublecode.analysis.study.rating_quality import rating_quality

        return rating_quality(self.study, self.intake.ratings, self.intake.files, self.intake.sessions)

    @property
    def study(self) -> Study:
        """The declaration."""
        return self.intake.study

    @property
    def labels(self) -> Mapping[str, str]:
        """Printed name of each variable of the analysis frame."""
        return {variable.name: variable.label or variable.name for variable in self.study.variables}

    @property
    def unread(self) -> bool:
        """Whether raters were to code, but no workbook of theirs was read."""
        return self.intake.files.empty and any(use.source == "raters" for use in self.study.instruments)
