"""The models of process that a study declares: corrected for raters, which goes first, mediations."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from doublecode.analysis.linking.indirect_effect import mediation
from doublecode.analysis.linking.indirect_effect_result import Mediation
from doublecode.analysis.linking.lead_and_lag import cross_lagged
from doublecode.analysis.linking.lead_and_lag_result import CrossLagged
from doublecode.analysis.linking.panel_data import SINCE
from doublecode.analysis.linking.rater_correction import correct_for_raters
from doublecode.analysis.linking.rater_correction_result import RaterCorrection as Corrected
from doublecode.analysis.mixed.formula import parse_formula
from doublecode.analysis.mixed.formula_names import quoted
from doublecode.analysis.rendering.answers import Answer
from doublecode.analysis.study.rater_scores import coded_variables, rater_scores
from doublecode.schemas.errors import FormulaError, NotEstimable, UsageError
from doublecode.schemas.results import Note

if TYPE_CHECKING:
    import pandas as pd

    from doublecode.schemas.process_models import Direction, MediationModel, RaterCorrection
    from doublecode.schemas.study import Study
    from doublecode.schemas.study_parts import Variable

Kind = TypeVar("Kind", bound=Answer)
TOO_LITTLE = (NotEstimable, UsageError, FormulaError)


@dataclass(frozen=True, eq=False)
class Answered(Generic[Kind]):
    """A declared model with its answer, or with the reason why there is none."""

    name: str
    title: str
    result: Kind | None
    reason: str = ""


@dataclass(frozen=True, eq=False)
class ProcessAnswers:
    """The answers of all declared models of process, in the order of the declaration."""

    rater_corrections: tuple[Answered[Corrected], ...] = ()
    cross_lagged: tuple[Answered[CrossLagged], ...] = ()
    mediations: tuple[Answered[Mediation], ...] = ()

    @property
    def refused(self) -> tuple[Note, ...]:
        """Those that could not be run, with their reasons."""
        every: tuple[Answered[Any], ...] = (*self.rater_corrections, *self.cross_lagged, *self.mediations)
        return tuple(Note("not_estimated", one.title, {"reason": one.reason}) for one in every if one.result is None)


def process_answers(study: Study, ratings: pd.DataFrame, frame: pd.DataFrame) -> ProcessAnswers:
    """Compute what `study` declares of process; what cannot be computed keeps its reason.

    Parameters
    ----------
    study : Study
    ratings : DataFrame
        Contract RATINGS, single raters apart.
    frame : DataFrame
        One row per session (or patient), with the declared variables.
    """
    return ProcessAnswers(
        tuple(_tried(one, partial(_corrected, study, ratings, frame, one)) for one in study.rater_corrections),
        tuple(_tried(one, partial(_direction, study, ratings, frame, one)) for one in study.cross_lagged),
        tuple(_tried(one, partial(_mediation, study, frame, one)) for one in study.mediations),
    )


def _tried(declared: RaterCorrection | Direction | MediationModel, compute: Callable[[], Kind]) -> Answered[Kind]:
    try:
        return Answered(declared.name, declared.title, compute())
    except TOO_LITTLE as reason:
        return Answered(declared.name, declared.title, None, str(reason))


def _corrected(study: Study, ratings: pd.DataFrame, frame: pd.DataFrame, declared: RaterCorrection) -> Corrected:
    ends = ("", "_within", "_between")
    names = set(parse_formula(declared.formula).names)
    used = [one for one in coded_variables(study) if names.intersection(one.name + end for end in ends)]
    if not used:
        raise UsageError(f"{declared.formula!r} names no variable that raters coded; nothing is to be corrected.")
    scores, coded = rater_scores(study, ratings, used)
    return correct_for_raters(scores, frame, declared.formula, coded=coded, split=declared.split)


def _direction(study: Study, ratings: pd.DataFrame, frame: pd.DataFrame, declared: Direction) -> CrossLagged:
    named = {one.name: one for one in study.variables}
    said = {name: named[name].refers_to for name in (declared.x, declared.y) if name in named}
    refers_to = {name: interval for name, interval in said.items() if interval is not None}
    known = _known_error(study, ratings, frame, declared) if declared.rater_error else {}
    return cross_lagged(
        frame, declared.x, declared.y, time=declared.time, refers_to=refers_to, error_variance=known
    )  # fmt: skip


def _known_error(study: Study, ratings: pd.DataFrame, frame: pd.DataFrame, declared: Direction) -> dict[str, float]:
    """Variance of the raters' error within patients of those of the two variables whose sessions were coded twice."""
    known = {}
    for variable in coded_variables(study):
        if variable.name not in (declared.x, declared.y):
            continue
        other = declared.y if variable.name == declared.x else declared.x
        formula = f"{quoted(other)} ~ {quoted(variable.name + '_within')} + (1 | patient)"
        try:
            scores, coded = rater_scores(study, ratings, [variable])
            found = correct_for_raters(scores, frame, formula, coded=coded).reliability
        except TOO_LITTLE:
            continue  # the answer says that the error is neglected
        row = found[(found["variable"] == variable.name) & (found["level"] == "within")].iloc[0]
        known[variable.name] = max(float(row["residual_error"] + row["rater_error"]), 0.0)
    return known


def _mediation(study: Study, frame: pd.DataFrame, declared: MediationModel) -> Mediation:
    clusters = "patient" if study.unit == "session" else None
    found = mediation(frame, declared.x, declared.m, declared.y, clusters=clusters, slopes=declared.slopes)
    named = {one.name: one for one in study.variables}
    told = [(name, _place(named.get(name))) for name in (declared.x, declared.m, declared.y)]
    if len({place for _, place in told}) == 1:
        return found
    order = Note("mediation_declared_order", numbers={"places": tuple(told)})
    return replace(found, notes=tuple(order if note.kind == "mediation_same_row" else note for note in found.notes))


def _place(variable: Variable | None) -> float:
    """Where in time a variable stands: sessions before the row's; what is since the last session is half of one."""
    if variable is None:
        return 0.0
    return -float(variable.lag or 0) - (0.5 if variable.refers_to == SINCE else 0.0)
