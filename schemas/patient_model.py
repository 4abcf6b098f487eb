"""An outcome of patients on their mean over sessions, as a study declares it: ``[[patient_outcomes]]``."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from doublecode.schemas.declared import Declared
from doublecode.schemas.errors import StudyError
from doublecode.schemas.names import Name, Title
from doublecode.schemas.study_parts import refuse_twice


class PatientModel(Declared):
    """Outcome at post or follow-up on the mean of a variable over sessions, adjusted for the baseline (ANCOVA).

    Attributes
    ----------
    name : str
        The model's name in tables and file names.
    title : str
        Its heading in the report.
    outcome : str
        A variable with one value per patient: an outcome at an event, or of one session.
    predictor : str
        The variable whose mean over the patient's sessions explains it; the reliability of the mean is shown.
    sessions : tuple of int
        Over which sessions the mean is taken, such as ``[1, 2, 3]`` for an early mean; without it all.
    baseline : str
        The outcome before treatment.
    covariates : tuple of str
        Other variables with one value per patient.
    therapists : {"CR2", "fixed", "ignored"}
        Patients of one therapist are alike: CR2 standard errors with Satterthwaite degrees of freedom, therapists as
        fixed effects, or nothing.
    """

    name: Name
    title: Title
    outcome: Name
    predictor: Name
    sessions: tuple[Annotated[int, Field(ge=1)], ...] | None = Field(default=None, min_length=1)
    baseline: Name | None = None
    covariates: tuple[Name, ...] = ()
    therapists: Literal["CR2", "fixed", "ignored"] = "CR2"

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        refuse_twice(f"patient outcome {self.name!r}: the variables", self.variables)
        refuse_twice(f"patient outcome {self.name!r}: sessions", self.sessions or ())
        return self

    @property
    def fixed(self) -> tuple[str, ...]:
        """The variables that have one value per patient."""
        return (self.outcome, *filter(None, [self.baseline]), *self.covariates)

    @property
    def formula(self) -> str:
        """The regression as a formula, the mean named ``<predictor>_mean``."""
        return f"{self.outcome} ~ {' + '.join((f'{self.predictor}_mean', *self.fixed[1:]))}"

    @property
    def variables(self) -> tuple[str, ...]:
        """All variables."""
        return (self.predictor, *self.fixed)


def check_patient_models(models: Iterable[PatientModel], is_fixed: Callable[[str], bool], unit: str) -> None:
    """Hold what is to have one value per patient to that, and sessions to frames of sessions.

    Raises
    ------
    StudyError
        A variable differs from session to session, or a row is a patient, who has no several sessions.
    """
    for one in models:
        where = f"patient outcome {one.name!r}"
        varying = [] if unit == "patient" else [name for name in one.fixed if not is_fixed(name)]
        if varying:
            raise StudyError(
                f"{where}: {varying[0]!r} differs from session to session. Name an outcome at an event (event = …), of "
                "one session (session = …), or a column of patients.csv."
            )
        if unit == "patient" and one.sessions is not None:
            raise StudyError(f"{where}: sessions: a row is a patient, of whom there is one value. Take sessions out.")
