"""What papers print of a run beside its results, computed from the run."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from doublecode.schemas.errors import NotEstimable
from doublecode.schemas.results import Note

if TYPE_CHECKING:
    from doublecode.analysis.study.flow import StudyFlow
    from doublecode.analysis.study.study_run import StudyRun


def with_facts(run: StudyRun) -> StudyRun:
    """The run with what papers print of its coding and variables; what cannot be had is named in `not_estimated`."""
    from doublecode.analysis.study.achieved_coding import achieved_coding
    from doublecode.analysis.study.analysed_variables import analysed_variables, model_distances
    from doublecode.analysis.study.declared_change import declared_changes
    from doublecode.analysis.study.reported import (
        ReportedFacts,
        declared_drops,
        double_coded_alone,
        dyad_summary,
        icc_summary,
    )

    study, ratings, frame = run.study, run.intake.ratings, run.frame.frame
    loads, pairs, coding = achieved_coding(study, ratings)
    drops = () if run.reliability is None else declared_drops(study, run.reliability)
    flow, refused = _flow(run)
    facts = ReportedFacts(
        loads=loads,
        pairs=pairs,
        coding=coding,
        icc_summary=icc_summary(run.reliability, dict(drops)),
        drops=drops,
        double_coded=double_coded_alone(study, ratings),
        dyads=dyad_summary(study, ratings),
        variables=analysed_variables(study, frame, run.outliers),
        distances=model_distances(study, run.moderations, frame if run.outliers is None else run.outliers.data),
        flow=flow,
    )
    changes, unknown = declared_changes(study, frame, run.intake.at_events, run.items)
    return replace(
        run, reported=facts, patient_changes=changes, not_estimated=(*run.not_estimated, *refused, *unknown)
    )  # fmt: skip


def _flow(run: StudyRun) -> tuple[StudyFlow | None, tuple[Note, ...]]:
    from doublecode.analysis.study.flow import study_flow

    intake = run.intake
    try:
        return study_flow(intake.study, intake.patients, intake.sessions, intake.agreed), ()
    except NotEstimable as reason:
        return None, (Note("not_estimated", "Flow", {"reason": str(reason)}),)
