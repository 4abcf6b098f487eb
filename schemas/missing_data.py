"""What a study asks about its missing data, declared under ``[sensitivity.missing]``."""

from __future__ import annotations

from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from doublecode.schemas.declared import Declared
from doublecode.schemas.names import Label, Reference
from doublecode.schemas.study_parts import refuse_twice

SINGLE_LEVEL: Final = (
    "sensitivity: missing: imputation = 'single-level' is refused: rows of a series are sessions nested in patients, "
    "and to impute them as if each stood alone takes the patients out of what is drawn, so that predictors lose their "
    "share between patients and slopes within and between are mixed (Lüdtke, Robitzsch & Grund 2017). Write "
    "imputation = 'multilevel', or leave the line out"
)
_OF_IMPUTATION: Final = ("auxiliary", "burn_in", "thin", "seed")


class MissingData(Declared):
    """How the finding depends on who and what is missing.

    Attributes
    ----------
    compare : tuple of str
        Variables, and columns of patients.csv and sessions.csv, on which analysed and lost patients and sessions are
        compared: covariates and outcomes.
    attendance : bool
        Of a series: the number of sessions attended, between patients, with time and with the headline's predictor.
    imputations : int or None
        Of a series: how many times missing scores are drawn, from a joint multilevel model of all variables of the
        series; 20 is usual. The headline is pooled over them.
    imputation : {"multilevel", "single-level"}
        By which kind of model; single-level is refused, since sessions are nested in patients.
    auxiliary : tuple of str
        Variables beside those of the series that tell about missing values.
    burn_in, thin : int
        Draws that are passed over at the start, and between two imputations of a chain.
    seed : int
        Of the draws.
    """

    compare: tuple[Label, ...] = ()
    attendance: bool = False
    imputations: Annotated[int, Field(ge=2, le=1000)] | None = None
    imputation: Literal["multilevel", "single-level"] = "multilevel"
    auxiliary: tuple[Reference, ...] = ()
    burn_in: int = Field(default=1000, ge=1, le=100_000)
    thin: int = Field(default=100, ge=20, le=10_000)
    seed: int = Field(default=0, ge=0)

    @model_validator(mode="after")
    def _asks(self) -> Self:
        if self.imputation == "single-level":
            raise ValueError(SINGLE_LEVEL)
        for key in ("compare", "auxiliary"):
            refuse_twice(f"sensitivity: missing: {key}", getattr(self, key))
        idle = [key for key in _OF_IMPUTATION if key in self.model_fields_set and self.imputations is None]
        if idle:
            raise ValueError(
                f"sensitivity: missing: {idle[0]} is of imputations, and none are asked; write imputations = 20, or "
                f"leave {idle[0]} out"
            )
        if not (self.compare or self.attendance or self.imputations):
            raise ValueError(
                'sensitivity: missing: nothing is asked; name compare = ["age"], attendance = true, or imputations = 20'
            )
        return self
