"""Who the sample of a study is, and the table that describes it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from doublecode.analysis.description.sample import SampleResult, sample_table
from doublecode.schemas.frames import IN_NO_NUMBER

if TYPE_CHECKING:
    import pandas as pd

    from doublecode.analysis.study.study_run import Intake


def sample_patients(intake: Intake) -> pd.DataFrame:
    """Patients who had a session of the main phase and are in the numbers: the sample."""
    main = intake.sessions[intake.sessions["phase"] == "main"]
    inside = ~intake.patients["status"].isin(IN_NO_NUMBER)
    return intake.patients[inside & intake.patients["patient"].isin(main["patient"])]


def sample_sessions(intake: Intake) -> pd.DataFrame:
    """The sessions of the main phase of the sample's patients, whether or not they were rated."""
    main = intake.sessions[intake.sessions["phase"] == "main"]
    return main[main["patient"].isin(sample_patients(intake)["patient"])]


def study_sample(intake: Intake) -> SampleResult:
    """The table of the sample: the columns that the study names, and the rows that it counts from columns."""
    study = intake.study
    return sample_table(
        sample_patients(intake), intake.therapists, study.sample_columns, sessions=sample_sessions(intake),
        rows=study.sample_rows,
    )  # fmt: skip
