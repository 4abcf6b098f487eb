"""The answer of :func:`doublecode.analysis.study_sensitivity`: each finding that is asked, and how it holds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final

import pandas as pd

from doublecode.analysis.rendering.answers import Answer
from doublecode.analysis.rendering.tables import Column, Table, column
from doublecode.analysis.results.spread_work import Workers
from doublecode.analysis.study.run import Progress, StudyProblems, in_the_numbers, no_progress, read_study
from doublecode.analysis.study.sensitivity_answer import SensitivityResult, finding_sensitivity
from doublecode.analysis.study.sensitivity_frames import Frames, refitting
from doublecode.analysis.study.sensitivity_specifications import headline_of, specifications
from doublecode.analysis.study.sensitivity_standing import Made, made_of

if TYPE_CHECKING:
    from doublecode.analysis.study.study_run import Intake
    from doublecode.schemas.results import Note
    from doublecode.schemas.study import Study

SUMMARY: Final = (
    "number", "finding", "model", "measure", "estimate", "conf_low", "conf_high", "p_value", "low_without",
    "high_without", "p_cr2", "df_cr2", "n_specifications", "same_sign", "significant", "moved_by", "change",
)  # fmt: skip


@dataclass(frozen=True, eq=False, repr=False)
class StudySensitivity(Answer):
    """How far the findings of a study depend on single units and on rules that could be others.

    Attributes
    ----------
    spec : dict
        study, findings (each in words).
    frame : DataFrame
        One row per finding: ``number``, ``finding``, ``model``, ``measure`` ("b"; "F" of a factor), ``estimate`` with
        ``conf_low``, ``conf_high``, ``p_value`` as declared, ``low_without`` and ``high_without`` (the range leaving
        one out), ``p_cr2`` and ``df_cr2`` (patients as clusters), ``n_specifications``, of which ``same_sign`` and
        ``significant`` (p < .05) are shares, ``moved_by`` (what changes it most) and by how much, ``change``.
    findings : tuple of SensitivityResult
        Each by itself, the headline first.
    design : dict
        ``n_findings``, ``n_specifications``.
    notes : tuple of Note
    rows : Index
        Labels of the rows of the analysis frame behind the headline.
    made : Made
        Ratings, scores and frame that everything began with.
    """

    spec: dict[str, Any]
    frame: pd.DataFrame
    findings: tuple[SensitivityResult, ...]
    design: dict[str, Any]
    notes: tuple[Note, ...]
    rows: pd.Index[Any]
    made: Made

    label_columns: ClassVar[tuple[str, ...]] = ("number", "finding")

    @property
    def intake(self) -> Intake:
        """What was read of the study."""
        return self.made.intake

    def tables(self) -> tuple[Table, ...]:
        """The findings beside one another, then the tables of each."""
        several = len(self.findings) > 1
        each = [
            replace(table, name=f"{table.name}{self.suffix(number)}",
                    title=f"{table.title}: {one.spec['label']}" if several else table.title)
            for number, one in enumerate(self.findings, start=1)
            for table in one.tables()
        ]  # fmt: skip
        return (*([self.summary_table()] if several else []), *each)

    def suffix(self, number: int) -> str:
        """What the names of tables and figures of one of several findings end in."""
        return f"_{number}" if len(self.findings) > 1 else ""

    def summary_table(self) -> Table:
        """One row per finding."""
        columns = (
            column("finding", "Finding", kind="text"), column("estimate", "As declared", kind="estimate"),
            column("conf_low"), column("p_value"),
            Column("low_without", "Leaving one out", "estimate", upper="high_without"),
            column("p_cr2", "*p*, CR2", kind="p"), column("same_sign", "Same sign", kind="percent", digits=0),
            column("significant", "*p* < .05", kind="percent", digits=0),
            column("moved_by", "Moves it most", kind="text"), column("change", "by", kind="estimate"),
        )  # fmt: skip
        return Table("findings", "Every finding", self.frame, columns, group="model")

    def counted(self) -> str:
        """Say each finding and what it was held against."""
        return "\n".join(one.counted() for one in self.findings)


def study_sensitivity(
    study: str | Path | Intake, *, workers: Workers | None = None, progress: Progress = no_progress
) -> StudySensitivity:
    """Hold the declared findings against single units, other rules and other standard errors.

    Everything that ``[sensitivity]`` of study.toml asks: each finding without each patient, rater or therapist, under
    every combination of the declared choices, and with cluster-robust standard errors (CR2, Satterthwaite). Each
    specification is a declaration of its own and goes through the functions of the declared run; nothing is written.

    Parameters
    ----------
    study : path or Intake
        The study folder, or what :func:`doublecode.analysis.read_study` made of it.
    workers : Workers, optional
        Cores or a cluster for the refits, and where they are kept as they come; the answer is the same.
    progress : callable
        Called with step, done, of.

    Returns
    -------
    StudySensitivity
        ``.frame`` has one row per finding. Each of ``.findings`` has a ``.frame`` with one row per specification,
        ``.left_out`` with one per unit, ``.moves`` with the mean change by choice, ``.robust`` with the CR2 tests.

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
    Steegen, Tuerlinckx, Gelman & Vanpaemel (2016), Perspectives on Psychological Science, 11, 702–712. Pustejovsky &
    Tipton (2018), Journal of Business & Economic Statistics, 36, 672–683.

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
    >>> study_sensitivity(replace(intake, study=study)).findings[0].left_out["level"].tolist()
    ['T1', 'T2', 'T3']
    """
    intake = read_study(study) if isinstance(study, str | Path) else study
    if intake.errors:
        raise StudyProblems(intake.problems)
    intake = in_the_numbers(intake)
    headline_of(intake.study)
    asked = [replace(intake, study=one) for one in one_finding_each(intake.study)]
    cases = [specifications(one.study) for one in asked]
    made, frames = made_of(intake), Frames(intake)
    refit = refitting(intake, workers, progress)
    findings = tuple(
        finding_sensitivity(replace(made, intake=one), frames, of_one, refit)
        for one, of_one in zip(asked, cases, strict=True)
    )
    rows = [_summed(number, one) for number, one in enumerate(findings, start=1)]
    return StudySensitivity(
        spec={"study": intake.study.name, "findings": [one.spec["label"] for one in findings]},
        frame=pd.DataFrame(rows, columns=list(SUMMARY)),
        findings=findings,
        design={"n_findings": len(findings), "n_specifications": sum(len(one.frame) for one in findings)},
        notes=_once([note for one in findings for note in one.notes]),
        rows=findings[0].rows,
        made=made,
    )


def one_finding_each(study: Study) -> list[Study]:
    """The study once per finding that it asks about, that finding as its headline; as it is where it asks nothing."""
    asked = study.sensitivity
    return [study] if asked is None else [study.model_copy(update={"sensitivity": one}) for one in asked.each]


def _once(notes: Sequence[Note]) -> tuple[Note, ...]:
    """Notes without what was said before."""
    return tuple(note for at, note in enumerate(notes) if note not in notes[:at])


def _summed(number: int, one: SensitivityResult) -> dict[str, Any]:
    head, place, left = one.design["headline"], one.design["among"], one.left_out
    of_patients = one.robust[one.robust["errors"] == "patient"] if len(one.robust) else one.robust
    robust = {} if of_patients.empty else of_patients.iloc[0].to_dict()
    moved_by, change = max(_moves(one), key=lambda found: abs(found[1]), default=("", float("nan")))
    known = left["estimate"].dropna()
    return {
        "number": number, "finding": one.spec["label"], "model": one.spec["title"], "measure": one.spec["measure"],
        **{name: head[name] for name in ("estimate", "conf_low", "conf_high", "p_value")},
        "low_without": float(known.min()), "high_without": float(known.max()),
        "p_cr2": robust.get("p_value", float("nan")), "df_cr2": robust.get("df", float("nan")),
        "n_specifications": place["n"],
        "same_sign": place.get("same_sign", float("nan")) if len(one.frame) > 1 else float("nan"),
        "significant": place.get("significant", float("nan")) if len(one.frame) > 1 else float("nan"),
        "moved_by": moved_by, "change": change,
    }  # fmt: skip


def _moves(one: SensitivityResult) -> Iterator[tuple[str, float]]:
    """Everything that changes a finding: a unit that is left out, and the mean change of a choice."""
    for row in one.left_out[one.left_out["change"].notna()].to_dict("records"):
        yield f"without {row['unit']} {row['level']}", float(row["change"])
    for row in one.moves[one.moves["mean_change"].notna()].to_dict("records"):
        yield f"{row['choice']}: {row['instead']}", float(row["mean_change"])
