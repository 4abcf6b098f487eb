"""The answer of :func:`doublecode.analysis.study_sensitivity`: one finding without each unit, and under other rules."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal

import pandas as pd

from doublecode.analysis.rendering.answers import Answer
from doublecode.analysis.rendering.tables import Column, Table, column, format_interval, format_number
from doublecode.analysis.study.labels import label_term, short_labels, term_labels
from doublecode.analysis.study.missing_data import MissingAnswer, missing_data
from doublecode.analysis.study.missing_tables import missing_tables
from doublecode.analysis.study.run import (
    Progress,
    StudyProblems,
    frame_of,
    in_the_numbers,
    no_progress,
    read_study,
    score_study,
)
from doublecode.analysis.study.sensitivity_estimate import Estimate, estimate_of
from doublecode.analysis.study.sensitivity_left_out import leave_out, units_of
from doublecode.analysis.study.sensitivity_multiverse import among, run_specifications, what_moves
from doublecode.analysis.study.sensitivity_specifications import choices_of, headline_model, headline_of, specifications
from doublecode.schemas.errors import NotEstimable
from doublecode.schemas.results import Note

if TYPE_CHECKING:
    from doublecode.analysis.rendering.figures import Axes
    from doublecode.analysis.study.study_run import Intake
    from doublecode.schemas.study import Study

SUMMARY: Final = (
    "unit", "n", "low", "high", "moves_most", "estimate_without", "change", "sign_changes", "significance_changes",
    "n_refused",
)  # fmt: skip
Drawn = Literal["specifications", "patient", "rater", "therapist"]


@dataclass(frozen=True, eq=False, repr=False)
class SensitivityResult(Answer):
    """How far one finding depends on single units and on rules that could be others.

    Attributes
    ----------
    spec : dict
        study, model, title, step, term, label (the term in words), labels (of what terms are made of), leave_out,
        choices (name → values, the declared one first).
    frame : DataFrame
        One row per specification: ``specification`` (1 is the declared one), a column per choice, ``estimate``,
        ``std_error``, ``df``, ``p_value``, ``conf_low``, ``conf_high``, ``n_rows``, ``n_patients``, ``converged``,
        ``singular``, ``refusal``. One row where no choices are declared.
    left_out : DataFrame
        One row per unit and level, as :func:`doublecode.analysis.study.sensitivity_left_out.leave_out` gives it.
    moves : DataFrame
        How much the estimate changes with each choice, all others equal.
    design : dict
        ``headline`` (estimate with limits, rows and patients), ``among`` (its place among the specifications).
    notes : tuple of Note
    rows : Index
        Labels of the rows of the analysis frame behind the headline.
    missing : MissingAnswer or None
        Who and what is missing: :class:`doublecode.analysis.study.missing_data.MissingAnswer`.
    """

    spec: dict[str, Any]
    frame: pd.DataFrame
    left_out: pd.DataFrame
    moves: pd.DataFrame
    design: dict[str, Any]
    notes: tuple[Note, ...]
    rows: pd.Index[Any]
    missing: MissingAnswer | None = None

    label_columns: ClassVar[tuple[str, ...]] = ("specification",)

    @property
    def summary_left_out(self) -> pd.DataFrame:
        """Per unit: ``n`` left out, ``low`` and ``high`` of the estimates, which ``moves_most`` and by how much.

        ``sign_changes`` and ``significance_changes`` count the levels without which they do.
        """
        return pd.DataFrame([_summed(str(unit), rows) for unit, rows in self.left_out.groupby("unit", sort=False)],
                            columns=list(SUMMARY))  # fmt: skip

    def tables(self) -> tuple[Table, ...]:
        """Leave one out by unit, what moves the result, the specifications."""
        found = []
        if len(self.left_out):
            found.append(self._summary_table())
        if len(self.moves):
            found.append(self._moves_table())
        if self.missing is not None:
            found += [one for one in missing_tables(self.missing, self.spec["labels"]) if not one.folded]
        return (*found, self.specification_table())

    def _summary_table(self) -> Table:
        shown = self.summary_left_out
        refused = [column("n_refused", "Refused", kind="integer")] if shown["n_refused"].any() else []
        columns = (
            column("unit", "Without one", kind="text"), column("n", "*n*", kind="integer"),
            column("low", "*b* from", kind="estimate"), column("high", "to", kind="estimate"),
            column("moves_most", "Moves most", kind="text"), column("change", "by", kind="estimate"),
            column("sign_changes", "Other sign", kind="integer"),
            column("significance_changes", "Other side", kind="integer"), *refused,
        )  # fmt: skip
        notes = ("Other sign, other side of .05: without how many of them.",)
        return Table("left_out", "One left out at a time", shown, columns, notes)

    def _moves_table(self) -> Table:
        columns = (
            column("choice", "Choice", kind="text"), column("declared", "Declared", kind="text"),
            column("instead", "Instead", kind="text"), column("n_pairs", "Pairs", kind="integer"),
            column("mean_change", "Mean change", kind="estimate"),
            Column("min_change", "Range", "estimate", upper="max_change"),
            column("significant_declared", "*p* < .05", kind="percent", digits=0),
            column("significant_instead", "instead", kind="percent", digits=0),
        )  # fmt: skip
        return Table("moves", "What moves the result", self.moves, columns)

    def specification_table(self) -> Table:
        """Every specification with its choices, estimate, rows and state."""
        columns = (
            column("specification", "No.", kind="integer"),
            *(column(name, name.capitalize(), kind="text") for name in self.spec["choices"]),
            column("estimate"), column("conf_low"), column("p_value"), column("n_rows", "Rows", kind="integer"),
            column("state", "State", kind="text"),
        )  # fmt: skip
        shown = self.frame.assign(state=[_state(one) for one in self.frame.to_dict("records")])
        return Table("specifications", "All specifications", shown, columns, data=self.frame, folded=True)

    def counted(self) -> str:
        """Say the headline and what it was held against."""
        head = self.design["headline"]
        parts = [f"{len(self.frame)} specifications" if len(self.frame) > 1 else ""]
        parts += [
            f"without each of {n} {unit}s" for unit, n in self.left_out.groupby("unit", sort=False).size().items()
        ]
        number = format_number(head["estimate"], "estimate")
        limits = format_interval(head["conf_low"], head["conf_high"], "estimate")
        return f"{self.spec['title']}: {head['term']} = {number} {limits}; {', '.join(filter(None, parts))}"

    def plot(self, kind: Drawn = "specifications") -> Axes:
        """Draw the specification curve, or the estimates without each unit.

        Parameters
        ----------
        kind : {"specifications", "patient", "rater", "therapist"}
        """
        from doublecode.analysis.rendering.specification_curve import left_out_dots, specification_curve

        if kind == "specifications":
            return specification_curve(self.frame, list(self.spec["choices"]), x_label=self.spec["label"])
        rows = self.left_out[self.left_out["unit"] == kind]
        return left_out_dots(rows, self.design["headline"], x_label=self.spec["label"])


def study_sensitivity(study: str | Path | Intake, *, progress: Progress = no_progress) -> SensitivityResult:
    """Hold the declared headline against single units and against other rules.

    Everything that ``[sensitivity]`` of study.toml asks: the coefficient without each patient, rater or therapist, and
    under every combination of the declared choices. Each specification is a declaration of its own and goes through
    the functions of the declared run; nothing is written.

    Parameters
    ----------
    study : path or Intake
        The study folder, or what :func:`doublecode.analysis.read_study` made of it.
    progress : callable
        Called with step, done, of.

    Returns
    -------
    SensitivityResult
        ``.frame`` has one row per specification, ``.left_out`` one per unit, ``.moves`` the mean change by choice.

    Raises
    ------
    UsageError
        The study asks nothing, or for more than 2,000 specifications.
    NotEstimable
        The headline itself cannot be estimated.
    StudyProblems
        The data hold error-level problems.

    Notes
    -----
    The specifications are no sample and share their data: their shares describe, they test nothing.

    References
    ----------
    Steegen, Tuerlinckx, Gelman & Vanpaemel (2016), Perspectives on Psychological Science, 11, 702–712.

    Examples
    --------
    What study.toml asks, or something else of the same data:

    >>> from dataclasses import replace
    >>> from importlib.resources import as_file, files
    >>> from doublecode.analysis import read_study
    >>> from doublecode.schemas.sensitivity import Sensitivity, SensitivityHeadline
    >>> with as_file(files("doublecode.data_examples") / "telephone_cbt") as folder:
    ...     intake = read_study(folder)
    >>> finding = SensitivityHeadline(model="phq9", term="he_within")
    >>> asked = Sensitivity(headline=finding, leave_out=("therapist",))
    >>> study = intake.study.model_copy(update={"sensitivity": asked})
    >>> study_sensitivity(replace(intake, study=study)).left_out["level"].tolist()
    ['T1', 'T2', 'T3']
    """
    intake = read_study(study) if isinstance(study, str | Path) else study
    if intake.errors:
        raise StudyProblems(intake.problems)
    intake = in_the_numbers(intake)
    declared = intake.study
    head, cases = headline_of(declared), specifications(declared)
    items, scores = score_study(intake)
    built = frame_of(intake, scores, items)
    frame = built.frame
    full = estimate_of(declared, frame, head, head.term)
    if full.refusal:
        raise NotEstimable(f"the headline cannot be estimated: {full.refusal}")
    units = () if declared.sensitivity is None else declared.sensitivity.leave_out
    n_units = sum(len(units_of(intake, frame, full, unit)) for unit in units)
    steps = _Steps(progress, n_units + len(cases))
    left = leave_out(intake, frame, full, units, steps)
    found = run_specifications(intake, cases, steps)
    missing = missing_data(intake, built, (items, scores), full)
    return replace(_result(declared, full, left, found), missing=missing)


def _result(study: Study, full: Estimate, left: pd.DataFrame, found: pd.DataFrame) -> SensitivityResult:
    head = headline_of(study)
    choices = {one.name: [one.said(place) for place in range(len(one.values))] for one in choices_of(study)}
    model = headline_model(study, head)
    named = {one.name: one.label or one.name for one in study.variables}
    labels = term_labels(short_labels(named), getattr(model, "split", ()))
    place = among(found)
    notes = [
        *([Note("specifications_describe")] if len(found) > 1 else []),
        *(Note("specifications_refused", numbers={"n": place["n_refused"], "reason": _first_reason(found)})
          for _ in range(bool(place["n_refused"]))),
        *(Note("specifications_not_converged", numbers={"n": place["n_not_converged"]})
          for _ in range(bool(place["n_not_converged"]))),
        *(Note("units_not_left_out", str(one["level"]), {"unit": one["unit"], "reason": one["refusal"]})
          for one in left[left["refusal"] != ""].to_dict("records")),
    ]  # fmt: skip
    return SensitivityResult(
        spec={
            "study": study.name, "model": head.model, "title": model.title, "step": head.step, "term": full.term,
            "label": label_term(full.term, labels), "labels": labels,
            "leave_out": list(study.sensitivity.leave_out if study.sensitivity is not None else ()),
            "choices": choices,
        },
        frame=found, left_out=left, moves=what_moves(found, list(choices)),
        design={"headline": {"term": full.term, **full.record}, "among": place}, notes=tuple(notes),
        rows=full.rows if full.rows is not None else pd.Index([]),
    )  # fmt: skip


def _first_reason(found: pd.DataFrame) -> str:
    return str(found.loc[found["refusal"] != "", "refusal"].iloc[0])


def _summed(unit: str, rows: pd.DataFrame) -> dict[str, Any]:
    known = rows[rows["estimate"].notna()]
    counts = {
        "unit": unit, "n": len(rows), "sign_changes": int(rows["sign_changes"].sum()),
        "significance_changes": int(rows["significance_changes"].sum()), "n_refused": len(rows) - len(known),
    }  # fmt: skip
    if known.empty:
        return counts
    most = known.iloc[int(known["change"].abs().argmax())]
    return {
        **counts, "low": float(known["estimate"].min()), "high": float(known["estimate"].max()),
        "moves_most": str(most["level"]), "estimate_without": float(most["estimate"]), "change": float(most["change"]),
    }  # fmt: skip


def _state(row: dict[Any, Any]) -> str:
    if row["refusal"]:
        return str(row["refusal"])
    if not row["converged"]:
        return "did not converge"
    return "singular" if row["singular"] else ""


class _Steps:
    """Counts the refits for the progress display."""

    def __init__(self, progress: Progress, of: int) -> None:
        self.progress, self.of, self.done = progress, of, 0

    def __call__(self, step: str) -> None:
        self.progress(step, self.done, self.of)
        self.done += 1
