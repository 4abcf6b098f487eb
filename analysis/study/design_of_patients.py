"""A planned regression with one value per patient as a study folder declares it, and its power in closed form."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final

import pandas as pd

from doublecode.analysis.planning.effect_scales import Scale, slope_of
from doublecode.analysis.rendering.answers import Answer
from doublecode.analysis.rendering.tables import Table
from doublecode.analysis.rendering.wording.planning import design_table
from doublecode.analysis.study.planned_model import PlannedModel, planned_model
from doublecode.analysis.study.planned_outcomes import stated_values
from doublecode.analysis.study.planned_values import (
    ASSUMED_ICC,
    ORIGINS,
    DesignValue,
    design_values,
    mean_reliability,
    raters_of,
    sessions_used,
)
from doublecode.analysis.study.planned_variances import rating_values, readable, scored_rows
from doublecode.schemas.errors import UsageError
from doublecode.schemas.frames import IN_NO_NUMBER
from doublecode.schemas.near_names import allowed, ended
from doublecode.schemas.results import Note

if TYPE_CHECKING:
    from collections.abc import Sequence

    from doublecode.analysis.planning.regression_terms import RegressionPower
    from doublecode.analysis.study.study_run import Intake
    from doublecode.schemas.study import Study
    from doublecode.schemas.study_parts import Variable

CALLER: Final = "power"
MINUTES: Final = 60.0
RELIABILITY: Final = "reliability of "
STATED: Final = ("patients", "sessions", "raters", "double", "icc_rating", "minutes")
"""Parts of a plan that act here."""


@dataclass(frozen=True, eq=False, repr=False)
class PatientDesign(Answer):
    """A planned regression over patients, each part with where it is from.

    Attributes
    ----------
    spec : dict
        ``study, model, formula, predictors, tested``.
    frame : DataFrame
        One row per part: ``part``, ``value``, ``origin``, ``source``; of each score its reliability.
    design : dict
        ``reliability`` (of what is tested, times the outcome's), ``hours`` of rating the predictor.
    notes : tuple of Note
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
        return (design_table(f"Planned regression, {self.spec['formula']}", self.frame),)

    def counted(self) -> str:
        """Say what is tested, and the hours that it costs."""
        hours = f"; rating the predictor takes {self.design['hours']:.0f} hours" if self.design["hours"] else ""
        spec = self.spec
        return f"{spec['study']}: tested is {spec['tested']}, one of {spec['predictors']} predictors{hours}"

    def stating(self, values: Mapping[str, float], varied: Collection[str] = ()) -> PatientDesign:
        """The same with other values of some parts, which then are stated; of those that are `varied` one of several.

        Raises
        ------
        UsageError
            A part that does not act.
        """
        for name in values:
            if name not in STATED:
                raise UsageError(
                    f"{CALLER}: {name.replace('_', '-')} does not act where patients have one value each; "
                    f"{ended(allowed(name, STATED))}"
                )
        return _answer(self.spec, [*design_values(self.frame), *stated_values(values, varied)], self.notes, self.rows)

    def power(
        self,
        effect: float,
        *,
        scale: Scale = "r",
        patients: Sequence[int] | None = None,
        alpha: float = 0.05,
    ) -> RegressionPower:
        """Power of the tested term, its effect stated, of true scores.

        Parameters
        ----------
        effect : float
            Partial correlation ("r"), residual standard deviations of the outcome per standard deviation of what else
            leaves of the predictor ("sd"), or Cohen's f² ("f2").
        scale : {"r", "sd", "f2"}
        patients : sequence of int, optional
            Sample sizes; else that of the plan.
        alpha : float

        Raises
        ------
        UsageError
            No such scale, effect or sample size.
        """
        from doublecode.analysis.planning.regression_terms import regression_power

        if scale == "link":
            raise UsageError(f"{CALLER}: scale is 'link' in a linear regression; allowed: 'r', 'sd', 'f2'.")
        sizes = [int(self._value("patients"))] if patients is None else list(patients)
        return regression_power(
            sizes, predictors=self.spec["predictors"], f2=slope_of(effect, scale, "between", CALLER) ** 2,
            reliability=self.design["reliability"], alpha=alpha,
        )  # fmt: skip

    def _value(self, part: str) -> float:
        return float(self.frame.loc[self.frame["part"] == part, "value"].iloc[0])


def patient_design(folder: str | Path, *, model: str | None = None, from_data: bool = True) -> PatientDesign:
    """The planned regression over patients that a study folder declares.

    Parameters
    ----------
    folder : path
        A study folder, with data or without.
    model : str, optional
        A declared moderation or patient outcome; else that of the study's headline, else the first.
    from_data : bool
        Take sample size and reliabilities from the data. Effects never are.

    Raises
    ------
    StudyError, InstrumentError, ContractError
        The folder is wrong.
    UsageError
        No such model, or one of sessions within patients: see :func:`study_design`.

    Examples
    --------
    >>> from importlib.resources import as_file, files
    >>> with as_file(files("doublecode.data_examples") / "adolescent_cbt") as folder:
    ...     found = patient_design(folder)
    >>> found.spec["tested"], found.spec["predictors"]
    ('rationale_s1:ir', 4)
    >>> found.power(0.15, scale="f2").frame["power"].round(2).tolist()
    [0.39]
    """
    from doublecode.coding.reading.declared_heads import open_study
    from doublecode.coding.reading.study_tables import read_study_table

    study = open_study(folder)
    planned = planned_model(study, model)
    if not planned.is_of_patients:
        raise UsageError(
            f"{CALLER}: {planned.model or study.name} is of sessions within patients; study_design() plans it."
        )
    named = {one.name: one for one in study.variables}
    patients, sessions = (read_study_table(study, name) for name in ("patients", "sessions"))
    there = ~patients["status"].isin((*IN_NO_NUMBER, "not_included"))
    predictor = named[planned.predictor]
    used = sessions_used(study, [predictor])
    n = len(used) if used is not None else int(sessions.groupby("patient").size().median()) if len(sessions) else 0
    values = [
        DesignValue("patients", int(there.sum()), "declared", "included"),
        *raters_of(study, predictor),
        DesignValue("sessions", n, "declared", "rated_sessions"),
    ]
    if not any(one.part == "minutes" for one in values):
        values.append(DesignValue("minutes", MINUTES, "default", "default"))
    found, why_not = _of_data(study, planned, from_data=from_data)
    spec = {"study": study.name, "model": planned.model, "formula": planned.formula, "predictors": planned.predictors,
            "tested": ":".join(planned.factors), "factors": list(planned.factors), "outcome": planned.outcome,
            "predictor": planned.predictor}  # fmt: skip
    product = [Note("design_product")] if len(planned.factors) > 1 else []
    return _answer(spec, [*values, *found], (*planned.notes, *product, *why_not), patients.index)


def _of_data(study: Study, planned: PlannedModel, *, from_data: bool) -> tuple[list[DesignValue], list[Note]]:
    """Sample and reliabilities by the data, where they are asked and can tell; else as assumed, and why."""
    intake, why_not = readable(study.folder) if from_data else (None, ())
    values, notes = ([], []) if intake is None else _sample(intake, planned, study)
    named = {one.name: one for one in study.variables}
    for name in (*planned.factors, planned.outcome):
        if name in named:
            found, why_assumed = _reliability(study, intake, named[name], named[planned.predictor])
            values += found
            notes += why_assumed
    return values, [*why_not, *notes]


def _sample(intake: Intake, planned: PlannedModel, study: Study) -> tuple[list[DesignValue], list[Note]]:
    """How many patients have all that the regression asks for, or why that is not known."""
    model = next((one for one in study.moderations if one.name == planned.model), None)
    if model is None:
        return [], []
    rows, why_not = scored_rows(intake, model.subset, model.title)
    if rows is None:
        return [], why_not
    names = [model.outcome, model.predictor, *filter(None, [model.moderator]), *model.covariates]
    return [DesignValue("patients", int(rows[names].notna().all(axis=1).sum()), "data", "complete_patients")], []


def _reliability(
    study: Study, intake: Intake | None, variable: Variable, predictor: Variable
) -> tuple[list[DesignValue], list[Note]]:
    """Reliability of a score as it is analysed, and of the predictor that of one rating; why it is assumed."""
    declared = {one.part: one.value for one in raters_of(study, variable)}
    if not declared["raters"]:
        return [], []
    found, why_not = ([], []) if intake is None else rating_values(intake, variable)
    single = found[0] if found else DesignValue("icc_rating", ASSUMED_ICC, "default", "default")
    if variable.name == predictor.name:
        return [single], why_not
    value = mean_reliability(single.value, declared["double"])
    source = "icc_used" if found else "default"
    return [DesignValue(f"{RELIABILITY}{variable.name}", value, single.origin, source)], why_not


def _answer(
    spec: dict[str, Any], values: Sequence[DesignValue], notes: tuple[Note, ...], rows: pd.Index[Any]
) -> PatientDesign:
    last = {one.part: one for one in values if one.part not in ("points", "severity")}
    known = {name: one.value for name, one in last.items()}
    if not known["raters"]:
        last = {name: one for name, one in last.items() if name not in ("double", "minutes", "sessions")}
    elif "icc_rating" in known:
        value = mean_reliability(known["icc_rating"], known["double"])
        known[f"{RELIABILITY}{spec['predictor']}"] = value
    scores = [f"{RELIABILITY}{name}" for name in (*spec["factors"], spec["outcome"])]
    hours = known["patients"] * known["sessions"] * (1 + known.get("double", 0)) * known["minutes"] / 60
    frame = pd.DataFrame([vars(one) for one in last.values()])
    design: dict[str, Any] = {f"n_{origin}": int((frame["origin"] == origin).sum()) for origin in ORIGINS}
    design |= {"reliability": prod([known.get(name, 1.0) for name in scores]),
               "hours": hours if known["raters"] else 0.0}  # fmt: skip
    return PatientDesign(spec, frame, design, notes, rows)
