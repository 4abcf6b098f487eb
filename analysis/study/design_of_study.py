"""A planned study as a study folder declares it: every part with its origin, and the power that it gives."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final

import pandas as pd

from doublecode.analysis.planning.planned_study import PARTS, SEVERITY, PlannedStudy
from doublecode.analysis.rendering.answers import Answer
from doublecode.analysis.rendering.tables import Table
from doublecode.analysis.rendering.wording.planning import design_table
from doublecode.analysis.study.planned_model import PlannedModel, is_of_patient, planned_model
from doublecode.analysis.study.planned_outcomes import as_plan, last_of_each, part_of, stated_values
from doublecode.analysis.study.planned_values import (
    ASSUMED_ICC,
    ORIGINS,
    DesignValue,
    Followed,
    design_values,
    followed,
    lag_of,
    left_out_of,
    mean_reliability,
    raters_of,
    sessions_used,
)
from doublecode.analysis.study.planned_variances import frame_values, rating_values, readable, scored_rows
from doublecode.schemas.errors import UsageError
from doublecode.schemas.near_names import allowed, ended
from doublecode.schemas.results import Note

if TYPE_CHECKING:
    from doublecode.analysis.planning.power_result import PowerResult
    from doublecode.schemas.study import Study
    from doublecode.schemas.study_parts import Variable

CALLER: Final = "power"
ALONE: Final = 0.999
"""Share of variance between patients of a predictor of which each patient has one value."""
OF_RATINGS: Final = (
    "design_of_headline", "design_of_several", "design_no_model", "design_no_data", "design_problems",
    "design_not_scored", "design_no_icc", "design_icc_outside", "design_strata", "design_more_ratings",
)  # fmt: skip
"""Notes that are of the ratings, too."""
DEFAULTS: Final = {"icc_outcome": 0.4, "icc_predictor": 0.25, "minutes": 60.0}


@dataclass(frozen=True, eq=False, repr=False)
class StudyDesign(Answer):
    """A planned study, each part with where it is from.

    Attributes
    ----------
    spec : dict
        ``study``, ``model``, ``outcome``, ``predictor``, ``formula`` (empty of ratings alone), ``lag``, ``family``.
    frame : DataFrame
        One row per part: ``part``, ``value``, ``origin`` ("declared", "data", "default", "stated"), ``source``.
    design : dict
        ``n_declared``, ``n_data``, ``n_default``, ``n_stated``.
    notes : tuple of Note
        What the study declares and the simulation leaves out.
    rows : Index
    """

    spec: dict[str, Any]
    frame: pd.DataFrame
    design: dict[str, Any]
    notes: tuple[Note, ...]
    rows: pd.Index[Any]

    label_columns: ClassVar[tuple[str, ...]] = ("part",)

    def tables(self) -> tuple[Table, ...]:
        """The parts in words."""
        title = f"Planned study, {self.spec['formula']}" if self.spec["formula"] else "Planned ratings"
        return (design_table(title, self.frame),)

    def counted(self) -> str:
        """Say which model of the study it is of, or of what the ratings are."""
        if not self.spec["formula"]:
            return f"{self.spec['study']}: ratings of {self.spec['predictor']}"
        outcome = self.spec["outcome"] or "an outcome"
        declared = f"model {self.spec['model']!r}" if self.spec["model"] else "the usual model"
        kind = f" ({self.spec['family']})" if self.spec["family"] else ""
        return f"{self.spec['study']}: {declared}, {outcome}{kind} on {self.spec['predictor']}"

    @property
    def plan(self) -> PlannedStudy:
        """The planned study.

        Raises
        ------
        UsageError
            The parts do not go together.
        """
        parts = dict(zip(self.frame["part"], self.frame["value"], strict=True))
        plan = as_plan(parts)
        why = [note.numbers["reason"] for note in self.notes if note.kind == "design_no_shares"
               and note.numbers["variable"] == self.spec["outcome"]]  # fmt: skip
        if self.spec["family"] and "base" not in plan and why:
            raise UsageError(
                f"{CALLER}: the base of {self.spec['outcome']!r} must be stated (--base), since its data do not give "
                f"it: {why[0]}"
            )
        return PlannedStudy(**plan, family=self.spec["family"])

    def stating(self, values: Mapping[str, float | tuple[float, ...]], varied: Collection[str] = ()) -> StudyDesign:
        """The same with other values of some parts, which then are stated; of those that are `varied` one of several.

        Shares of ordered categories are one value, ``{"base": (0.2, 0.3, 0.5)}``.

        Raises
        ------
        UsageError
            No such part.
        """
        for name in values:
            if name not in PARTS:
                raise UsageError(f"{CALLER}: {name!r} is no part of a plan; {ended(allowed(name, PARTS))}")
        kept = [one for one in design_values(self.frame) if part_of(one.part) not in values]
        return _answer(self.spec, [*kept, *stated_values(values, varied)], self.notes, self.rows)

    def of_ratings(self, parts: Collection[str]) -> StudyDesign:
        """The parts that the ICC of the predictor's ratings rests on, without the model, which does not act on it."""
        kept = [one for one in design_values(self.frame) if one.part in parts]
        notes = tuple(note for note in self.notes if note.kind in OF_RATINGS)
        return _answer({**self.spec, "formula": "", "family": None}, kept, notes, self.rows)

    def power(self, **asked: Any) -> PowerResult:
        """Power of the plan by the study's model; arguments as of :func:`doublecode.analysis.power`, effects stated."""
        from doublecode.analysis.planning.simulated_power import power

        return power(self.plan, **{"formula": self.spec["formula"], **asked})


def study_design(
    folder: str | Path, *, model: str | None = None, predictor: str | None = None, from_data: bool = True
) -> StudyDesign:
    """The planned study that a study folder declares, with design values from its data where there are some.

    Parameters
    ----------
    folder : path
        A study folder, with data or just made by ``doublecode init``.
    model : str, optional
        A declared series; else the one of the study's headline, else the last that can be simulated: a note says which,
        and what others there are.
    predictor : str, optional
        The variable whose effect is to be found; else the headline's, else the first that is split.
    from_data : bool
        Take reliability, shares of variance and lost sessions from the data. Effects never are.

    Returns
    -------
    StudyDesign

    Raises
    ------
    StudyError, InstrumentError, ContractError
        The folder is wrong.
    UsageError
        No such model or predictor, or nothing that can be simulated.

    Examples
    --------
    >>> from importlib.resources import as_file, files
    >>> with as_file(files("doublecode.data_examples") / "telephone_cbt") as folder:
    ...     found = study_design(folder, from_data=False)
    >>> found.spec["predictor"], found.plan.patients, found.plan.raters
    ('he', 22, 5)
    """
    from doublecode.coding.reading.declared_heads import open_study
    from doublecode.coding.reading.study_tables import read_study_table

    study = open_study(folder)
    planned = planned_model(study, model, predictor)
    if planned.is_of_patients:
        raise UsageError(
            f"{CALLER}: in {planned.model or study.name} every patient has one value ({planned.formula}), which is no "
            "study of sessions within patients. Its power is a closed form: patient_design() plans it."
        )
    sessions, patients = (read_study_table(study, name) for name in ("sessions", "patients"))
    return _of_sessions(study, planned, (sessions, patients), from_data=from_data)


def _of_sessions(
    study: Study, planned: PlannedModel, tables: tuple[pd.DataFrame, pd.DataFrame], *, from_data: bool
) -> StudyDesign:
    named = {one.name: one for one in study.variables}
    predictor, outcome = named[planned.predictor], named.get(planned.outcome)
    both = [one for one in (predictor, outcome) if one is not None]
    who = followed(*tables, sessions_used(study, both), lag_of(study, both))
    if who is None or who.sessions - who.lag < 2:
        held = 0 if who is None else who.sessions - who.lag
        raise UsageError(
            f"{CALLER}: sessions.csv leaves {held} session of a patient to be analysed ({planned.predictor}); a study "
            "of sessions within patients needs two or more. Add the sessions that are planned, or plan without the "
            "study: --patients, --sessions."
        )
    values = _declared(study, predictor, who, planned)
    notes = [*planned.notes, *left_out_of(study, outcome)]
    if from_data:
        found, why_not = _of_data(study, planned, predictor, who, values)
        values += found
        notes += why_not
    spec = {"study": study.name, "model": planned.model, "outcome": planned.outcome, "predictor": planned.predictor,
            "formula": planned.formula or _usual_formula(predictor), "lag": who.lag,
            "family": planned.family}  # fmt: skip
    return _answer(spec, values, tuple(notes), tables[0].index)


def _usual_formula(predictor: Variable) -> str:
    return f"outcome ~ {'' if is_of_patient(predictor) else 'within + '}between + session + (1 | patient)"


def _declared(study: Study, predictor: Variable, who: Followed, planned: PlannedModel) -> list[DesignValue]:
    therapists = who.therapists if "| therapist)" in planned.formula and who.therapists > 1 else 0
    values = [
        DesignValue("patients", who.patients, "declared", "patients"),
        DesignValue("sessions", who.sessions - who.lag, "declared", "lagged" if who.lag else "sessions"),
        DesignValue("dropout", who.dropout, "declared", "dropout"),
        DesignValue("lost", who.unrecorded, "declared", "unrecorded"),
        *(DesignValue(name, value, "default", "default") for name, value in DEFAULTS.items()),
        *raters_of(study, predictor),
    ]
    if therapists:
        values.append(DesignValue("therapists", therapists, "declared", "therapists"))
    if is_of_patient(predictor):
        values.append(DesignValue("icc_predictor", ALONE, "declared", "one_value"))
    if next(one.value for one in values if one.part == "raters"):
        values += [DesignValue("icc_rating", ASSUMED_ICC, "default", "default"),
                   DesignValue("severity", SEVERITY, "default", "default")]  # fmt: skip
    return last_of_each(values)


def _of_data(
    study: Study, planned: PlannedModel, predictor: Variable, who: Followed, values: list[DesignValue]
) -> tuple[list[DesignValue], list[Note]]:
    """Design values by ratings and outcomes, the effect none of them; and why others are not taken."""
    intake, why_not = readable(study.folder)
    if intake is None:
        return [], list(why_not)
    known = {one.part: one.value for one in values}
    found, why_no_icc = rating_values(intake, predictor) if known["raters"] else ([], [])
    known |= {one.part: one.value for one in found}
    reliability = mean_reliability(known["icc_rating"], known["double"]) if known["raters"] else 1.0
    frame, why_no_rows = scored_rows(intake)
    why_no_shares: list[Note] = []
    if frame is not None:
        own, why_no_shares = frame_values(frame, planned, who, int(known.get("therapists", 0)), reliability)
        found += [one for one in own if not (one.part == "icc_predictor" and is_of_patient(predictor))]
    return found, [*why_no_icc, *why_no_rows, *why_no_shares]


def _answer(
    spec: dict[str, Any], values: list[DesignValue], notes: tuple[Note, ...], rows: pd.Index[Any]
) -> StudyDesign:
    kept = last_of_each(values)
    raters = next((one.value for one in kept if one.part == "raters"), 0)
    if not raters:  # nothing that is said of raters acts
        idle = ("double", "icc_rating", "severity", "points", "minutes")
        kept = [one for one in kept if one.part not in idle or one.origin == "stated"]
    frame = pd.DataFrame([vars(one) for one in kept])
    design = {f"n_{origin}": int((frame["origin"] == origin).sum()) for origin in ORIGINS}
    return StudyDesign(spec, frame, design, notes, rows)
