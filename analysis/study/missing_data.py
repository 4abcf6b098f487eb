"""What ``[sensitivity.missing]`` asks, answered: who is lost, attendance as a pattern, the headline imputed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from doublecode.analysis.linking.attendance import Attendance, Model, attendance_models
from doublecode.analysis.study.declared_models import series_rows
from doublecode.analysis.study.imputed_headline import ImputedHeadline, imputed_headline
from doublecode.analysis.study.lost_units import LostUnits, lost_units
from doublecode.analysis.study.sensitivity_specifications import headline_model, headline_of, step_of
from doublecode.schemas.errors import NotEstimable, UsageError
from doublecode.schemas.model_series import ModelSeries
from doublecode.schemas.results import plain

if TYPE_CHECKING:
    import pandas as pd

    from doublecode.analysis.linking.frame import AnalysisFrame
    from doublecode.analysis.study.sensitivity_estimate import Estimate
    from doublecode.analysis.study.study_run import Intake


@dataclass(frozen=True)
class MissingAnswer:
    """Missing data of the headline.

    Attributes
    ----------
    lost : LostUnits
    attendance : Attendance or None
    imputed : ImputedHeadline or None
    refusals : dict of str to str
        Of "attendance" and "imputed", why there is no answer.
    """

    lost: LostUnits
    attendance: Attendance | None
    imputed: ImputedHeadline | None
    refusals: dict[str, str]

    @property
    def record(self) -> dict[str, Any]:
        """All of it as JSON knows it."""
        said: dict[str, Any] = {"flow": plain(self.lost.flow), "lost_patients": plain(self.lost.patients),
                                "lost_sessions": plain(self.lost.sessions), "refusals": self.refusals}  # fmt: skip
        if self.attendance is not None:
            said["attendance"] = {"headline": plain(self.attendance.headline), "terms": plain(self.attendance.terms)}
        if self.imputed is not None:
            one = self.imputed
            said["imputed"] = {"headline": plain(one.frame), "cells": plain(one.cells), "spec": plain(one.spec),
                               "convergence": plain(one.convergence), "n_outcome": one.n_outcome}  # fmt: skip
        return said


def missing_data(
    intake: Intake, built: AnalysisFrame, scored: tuple[pd.DataFrame, pd.DataFrame], full: Estimate
) -> MissingAnswer | None:
    """Answer what the study asks about its missing data; None where it asks nothing.

    Parameters
    ----------
    intake : Intake
        What is in the numbers.
    built : AnalysisFrame
    scored : tuple of DataFrame
        Items and scores.
    full : Estimate
        The headline as declared.

    Raises
    ------
    UsageError
        Something to compare is no variable and no column.
    """
    asked = None if intake.study.sensitivity is None else intake.study.sensitivity.missing
    if asked is None:
        return None
    head, refusals = headline_of(intake.study), {}
    attendance, imputed = None, None
    is_series = isinstance(headline_model(intake.study, head), ModelSeries)
    if asked.attendance and is_series:
        try:
            _refuse_factor(full)
            attendance = _attendance(intake, built.frame, full)
        except NotEstimable as reason:
            refusals["attendance"] = str(reason)
    if asked.imputations and is_series:
        try:
            _refuse_factor(full)
            imputed = imputed_headline(intake, built, scored, full, head, asked)
        except (NotEstimable, UsageError) as reason:
            refusals["imputed"] = str(reason)
    return MissingAnswer(lost_units(intake, built, head.model, asked.compare), attendance, imputed, refusals)


def _refuse_factor(full: Estimate) -> None:
    if len(full.terms) > 1:
        raise NotEstimable(f"{full.term} has {len(full.terms)} coefficients; name one of them as a finding of its own.")


def _attendance(intake: Intake, frame: pd.DataFrame, full: Estimate) -> Attendance:
    """The number of sessions held, on the rows of the headline's model."""
    study = intake.study
    head = headline_of(study)
    series: ModelSeries = headline_model(study, head)
    asked = {"correlation": series.correlation, "variance_by": series.variance_by}
    model = Model(
        series.steps[step_of(series, head)], full.term, series.split, tuple(study.times), series.intercept_at or None,
        residuals={name: value for name, value in asked.items() if value is not None},
    )  # fmt: skip
    return attendance_models(
        series_rows(series, frame), frame.groupby("patient", observed=True).size().to_dict(), model
    )
