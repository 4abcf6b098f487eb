"""What a study declares of process: slopes corrected for raters, directions of time, mediations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, Protocol, Self

from pydantic import model_validator

from doublecode.schemas.declared import Declared
from doublecode.schemas.errors import StudyError
from doublecode.schemas.names import Name, Title
from doublecode.schemas.near_names import allowed, ended
from doublecode.schemas.study_parts import KEYS, Variable, refuse_twice
from doublecode.schemas.variable_checks import names_in_step


class RaterCorrection(Declared):
    """A multilevel model whose coded predictors are corrected for the raters' error.

    Attributes
    ----------
    name : str
        The model's name in tables and file names.
    title : str
        Its heading in the report.
    formula : str
        An lme4 formula over the variables of the frame, ``session`` and ``patient``; predictors that raters coded are
        corrected, and so is the error that they share with a coded outcome.
    split : tuple of str
        Coded predictors that are entered as patient mean and deviation.
    """

    name: Name
    title: Title
    formula: str
    split: tuple[Name, ...] = ()


class Direction(Declared):
    """Two variables over the sessions: which of them goes first.

    Attributes
    ----------
    name : str
        The model's name in tables and file names.
    title : str
        Its heading in the report.
    x, y : str
        The two variables; each says by its ``refers_to`` which interval it speaks of.
    time : {"means", "trend"}
        How time stands in the model: a mean of its own in every session, or a line over the sessions.
    rater_error : bool
        Whether the raters' error of a coded variable enters as known error variance, from sessions coded twice; else
        it is neglected, and the report says so.
    """

    name: Name
    title: Title
    x: Name
    y: Name
    time: Literal["means", "trend"] = "means"
    rater_error: bool = True

    @model_validator(mode="after")
    def _two(self) -> Self:
        refuse_twice(f"cross_lagged {self.name!r}: x and y", (self.x, self.y))
        return self


class MediationModel(Declared):
    """An indirect effect of x on y by way of m.

    Attributes
    ----------
    name : str
        The model's name in tables and file names.
    title : str
        Its heading in the report.
    x, m, y : str
        The three variables, in time order. In a frame of sessions the effects within and between patients are apart,
        and an x that each patient has one value of works between patients only.
    slopes : {"fixed", "random"}
        Whether the slopes of m on x and of y on m vary between patients.
    """

    name: Name
    title: Title
    x: Name
    m: Name
    y: Name
    slopes: Literal["fixed", "random"] = "fixed"

    @model_validator(mode="after")
    def _three(self) -> Self:
        refuse_twice(f"mediation {self.name!r}: x, m and y", (self.x, self.m, self.y))
        return self


class ProcessModels(Protocol):
    """The part of a study's declaration that speaks of process."""

    @property
    def rater_corrections(self) -> tuple[RaterCorrection, ...]:
        """Models with slopes as codes without error would show them."""

    @property
    def cross_lagged(self) -> tuple[Direction, ...]:
        """Pairs of variables, and which of them goes first."""

    @property
    def mediations(self) -> tuple[MediationModel, ...]:
        """Indirect effects."""


def process_names(models: ProcessModels) -> tuple[str, ...]:
    """Names of the models of process."""
    return tuple(name for name, *_ in process_rows(models))


def process_mentions(models: ProcessModels) -> dict[str, tuple[str, ...]]:
    """Variables that the models of process name, by where."""
    places: dict[str, tuple[str, ...]] = {f"cross_lagged {one.name!r}": (one.x, one.y) for one in models.cross_lagged}
    places |= {f"mediation {one.name!r}": (one.x, one.m, one.y) for one in models.mediations}
    places |= {f"rater correction {one.name!r}: split": one.split for one in models.rater_corrections}
    return places


def process_rows(models: ProcessModels) -> tuple[tuple[str, str, str, str], ...]:
    """Name, kind, title and formula of each, for the study's card."""
    return (
        *((one.name, "corrected for raters", one.title, one.formula) for one in models.rater_corrections),
        *((one.name, "which goes first", one.title, f"{one.x}, {one.y}") for one in models.cross_lagged),
        *((one.name, "mediation", one.title, f"{one.x} → {one.m} → {one.y}") for one in models.mediations),
    )


def check_process(
    models: ProcessModels, variables: Mapping[str, Variable], unit: Literal["session", "patient"]
) -> None:
    """Hold the models of process to the variables.

    Raises
    ------
    StudyError
        A formula names no variable; rows are patients, who have no sessions; an interval that nothing asks for.
    """
    if unit == "patient" and (models.rater_corrections or models.cross_lagged):
        key = "rater_corrections" if models.rater_corrections else "cross_lagged"
        raise StudyError(f"{key}: a row is a patient here, and they need sessions. Take {key} out.")
    parts = (name + end for name in variables for end in ("_within", "_between"))
    known = dict.fromkeys((*variables, *parts, *KEYS))
    for one in models.rater_corrections:
        stray = next((name for name in names_in_step(one.formula) if name not in known), None)
        if stray is not None:
            raise StudyError(
                f"rater correction {one.name!r}: {one.formula!r}: {stray!r} is no column of the frame; "
                f"{ended(allowed(stray, (*variables, *KEYS)))}"
            )
    for pair in models.cross_lagged:
        silent = [name for name in (pair.x, pair.y) if name in variables and not variables[name].refers_to]
        if len(silent) == 1:
            raise StudyError(
                f"cross_lagged {pair.name!r}: only one of {pair.x} and {pair.y} says by refers_to which interval it "
                f"speaks of, so that nothing follows from it. Give variable {silent[0]!r} one, too."
            )
    asked = {name for one in models.cross_lagged for name in (one.x, one.y)}
    idle = [name for name, one in variables.items() if one.refers_to and name not in asked]
    if idle:
        whose = f"variable{'s' if len(idle) > 1 else ''} {', '.join(map(repr, idle))}"
        raise StudyError(
            f"{whose}: refers_to: only [[cross_lagged]] asks for the interval, and none names {', '.join(idle)}. The "
            "two belong together: take refers_to out of what is named here, or declare [[cross_lagged]] with it as x "
            "or y."
        )
