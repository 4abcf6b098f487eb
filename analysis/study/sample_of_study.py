"""Who the sample of a study is, and the table that describes it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from doublecode.analysis.description.sample import SampleResult, sample_table
from doublecode.schemas.errors import UsageError
from doublecode.schemas.frames import IN_NO_NUMBER
from doublecode.schemas.near_names import allowed, ended

if TYPE_CHECKING:
    import pandas as pd

    from doublecode.analysis.study.study_run import Intake
    from doublecode.schemas.study import Study


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
    found = sample_table(
        sample_patients(intake), intake.therapists, study.sample_columns, sessions=sample_sessions(intake),
        rows=study.sample_rows,
    )  # fmt: skip
    _refuse_stray_labels(study, found)
    return found


def _refuse_stray_labels(study: Study, found: SampleResult) -> None:
    """Printed tables may call a column or one of its answers otherwise, and nothing else."""
    known = [str(name) for part in ("variable", "level") for name in found.frame[part].dropna().unique() if name != ""]
    for table in study.papers.tables:
        for name in table.labels:
            if name not in known:
                raise UsageError(
                    f"papers.tables {table.number!r}: labels: no column or answer of the sample is called {name!r}; "
                    f"{ended(allowed(name, known))}"
                )
