"""One finding without each unit, under other rules, and under other standard errors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal

import pandas as pd

from doublecode.analysis.rendering.answers import Answer
from doublecode.analysis.rendering.tables import Column, Table, column, format_interval, format_number
from doublecode.analysis.study.labels import label_term, short_labels, term_labels
from doublecode.analysis.study.missing_data import MissingAnswer, missing_data
from doublecode.analysis.study.missing_tables import missing_tables
from doublecode.analysis.study.sensitivity_estimate import Estimate, estimate_of
from doublecode.analysis.study.sensitivity_frames import Frames, Refitting
from doublecode.analysis.study.sensitivity_left_out import leave_out
from doublecode.analysis.study.sensitivity_multiverse import among, run_specifications, what_moves
from doublecode.analysis.study.sensitivity_robust import DECLARED, robust_beside
from doublecode.analysis.study.sensitivity_specifications import (
    Specification,
    choices_of,
    headline_model,
    headline_of,
)
from doublecode.analysis.study.sensitivity_standing import Made, Standing, standing_of
from doublecode.schemas.errors import NotEstimable
from doublecode.schemas.results import Note

if TYPE_CHECKING:
    from doublecode.analysis.rendering.figures import Axes
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
        study, model, title, step, term, terms (the coefficients; several of a factor), label (the term in words),
        labels (of what terms are made of), measure ("b", or "F" of a factor), leave_out, choices (name → values, the
        declared one first).
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
    robust : DataFrame
        The headline as declared and under CR2, as
        :func:`doublecode.analysis.study.sensitivity_robust.robust_beside` gives it.
    missing : MissingAnswer or None
        Who and what is missing: :class:`doublecode.analysis.study.missing_data.MissingAnswer`.
    standing : Standing or None
        What the headline stands on; `standings` of each specification, `standings_left_out` of each level.
    """

    spec: dict[str, Any]
    frame: pd.DataFrame
    left_out: pd.DataFrame
    moves: pd.DataFrame
    design: dict[str, Any]
    notes: tuple[Note, ...]
    rows: pd.Index[Any]
    robust: pd.DataFrame = field(default_factory=pd.DataFrame)
    missing: MissingAnswer | None = None
    standing: Standing | None = None
    standings: tuple[Standing | None, ...] = ()
    standings_left_out: tuple[Standing | None, ...] = ()

    label_columns: ClassVar[tuple[str, ...]] = ("specification",)

    @property
    def summary_left_out(self) -> pd.DataFrame:
        """Per unit: ``n`` left out, ``low`` and ``high`` of the estimates, which ``moves_most`` and by how much.

        ``sign_changes`` and ``significance_changes`` count the levels without which they do.
        """
        return pd.DataFrame([_summed(str(unit), rows) for unit, rows in self.left_out.groupby("unit", sort=False)],
                            columns=list(SUMMARY))  # fmt: skip

    def tables(self) -> tuple[Table, ...]:
        """The standard errors, leave one out by unit, what moves the result, the specifications."""
        found = [self._robust_table()] if len(self.robust) > 1 else []
        if len(self.left_out):
            found.append(self._summary_table())
        if len(self.moves):
            found.append(self._moves_table())
        if self.missing is not None:
            found += [one for one in missing_tables(self.missing, self.spec["labels"]) if not one.folded]
        return (*found, self.specification_table())

    @property
    def _value(self) -> Column:
        return column("estimate", f"*{self.spec['measure']}*", kind="estimate")

    def _robust_table(self) -> Table:
        """Tests under each kind of standard error."""
        several = len(self.spec["terms"]) > 1
        shown = self.robust.assign(errors=[_errors(row, several=several) for row in self.robust.to_dict("records")])
        first = [column("df1", "*df*₁", kind="integer")] if several else []
        columns = (
            column("errors", "Standard errors", kind="text"), column("n_clusters", "Clusters", kind="integer"),
            self._value, column("std_error"), *first, column("df", "*df*", digits=1), column("p_value"),
            column("conf_low"),
        )  # fmt: skip
        return Table("cluster_robust", "Other standard errors", shown, columns, data=self.robust)

    def _summary_table(self) -> Table:
        shown = self.summary_left_out
        refused = [column("n_refused", "Refused", kind="integer")] if shown["n_refused"].any() else []
        columns = (
            column("unit", "Without one", kind="text"), column("n", "*n*", kind="integer"),
            column("low", f"*{self.spec['measure']}* from", kind="estimate"), column("high", "to", kind="estimate"),
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
            column("share", "Of the variance", kind="percent", digits=0),
        )  # fmt: skip
        return Table("moves", "What moves the result", self.moves, columns)

    def specification_table(self) -> Table:
        """Every specification with its choices, estimate, rows and state."""
        columns = (
            column("specification", "No.", kind="integer"),
            *(column(name, name.capitalize(), kind="text") for name in self.spec["choices"]),
            self._value, *([] if len(self.spec["terms"]) > 1 else [column("conf_low")]), column("p_value"),
            column("n_rows", "Rows", kind="integer"), column("state", "State", kind="text"),
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
        return f"{self.spec['title']}: {head['term']} {self.declared()}; {', '.join(filter(None, parts))}"

    def declared(self) -> str:
        """The headline's number as declared, with its limits: ``= −0.75 [−1.38, −0.11]``, or ``F = 3.20``."""
        head = self.design["headline"]
        number = format_number(head["estimate"], "estimate")
        if len(self.spec["terms"]) > 1:
            return f"F({len(self.spec['terms'])}, {head['df']:.1f}) = {number}"
        return f"= {number} {format_interval(head['conf_low'], head['conf_high'], 'estimate')}"

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


def finding_sensitivity(
    made: Made, frames: Frames, cases: Sequence[Specification], refit: Refitting
) -> SensitivityResult:
    """Hold one finding, the headline of the study, against all that is asked of it.

    Parameters
    ----------
    made : Made
        What is in the numbers, of a study whose ``[sensitivity]`` asks this finding alone.
    frames : Frames
        Of changed declarations.
    cases : sequence of Specification
    refit : Refitting
        Who does the refits.

    Raises
    ------
    NotEstimable
        The headline itself cannot be estimated.
    """
    study, frame = made.intake.study, made.built.frame
    head = headline_of(study)
    full = estimate_of(study, frame, head, head.term, keep=True)
    if full.refusal:
        raise NotEstimable(f"the headline cannot be estimated: {full.refusal}")
    units = () if study.sensitivity is None else study.sensitivity.leave_out
    left, behind_left = leave_out(made, full, units, refit)
    found, behind = run_specifications(made.intake, cases, refit, frames)
    answer = _result(study, full, left, found)
    robust, notes = robust_beside(full, frame)
    missing = missing_data(made.intake, made.built, (made.items, made.scores), full)
    rows = frame.index[:0] if full.rows is None else full.rows
    return replace(
        answer, robust=robust, notes=(*answer.notes, *notes), standing=standing_of(made, study, head, rows),
        missing=missing, standings=behind, standings_left_out=behind_left,
    )  # fmt: skip


def _result(study: Study, full: Estimate, left: pd.DataFrame, found: pd.DataFrame) -> SensitivityResult:
    head = headline_of(study)
    choices = {one.name: [one.said(place) for place in range(len(one.values))] for one in choices_of(study)}
    model = headline_model(study, head)
    named = {one.name: one.label or one.name for one in study.variables}
    labels = term_labels(short_labels(named), getattr(model, "split", ()))
    place, moves = among(found), what_moves(found, list(choices))
    notes = [
        *([Note("specifications_describe")] if len(found) > 1 else []),
        *(Note("specifications_refused", numbers={"n": place["n_refused"], "reason": _first_reason(found)})
          for _ in range(bool(place["n_refused"]))),
        *(Note("specifications_not_converged", numbers={"n": place["n_not_converged"]})
          for _ in range(bool(place["n_not_converged"]))),
        *(Note("specifications_repeated",
               numbers={"n": place["n_repeated"], "of": place["n_estimated"], "idle": _idle(moves)})
          for _ in range(bool(place["n_repeated"]))),
        *(Note("units_not_left_out", str(one["level"]), {"unit": one["unit"], "reason": one["refusal"]})
          for one in left[left["refusal"] != ""].to_dict("records")),
    ]  # fmt: skip
    return SensitivityResult(
        spec={
            "study": study.name, "model": head.model, "title": model.title, "step": head.step, "term": full.term,
            "terms": list(full.terms), "label": label_term(full.term, labels), "labels": labels,
            "measure": "F" if len(full.terms) > 1 else "b",
            "leave_out": list(study.sensitivity.leave_out if study.sensitivity is not None else ()),
            "choices": choices,
        },
        frame=found, left_out=left, moves=moves,
        design={"headline": {"term": full.term, **full.record}, "among": place}, notes=tuple(notes),
        rows=full.rows if full.rows is not None else pd.Index([]),
    )  # fmt: skip


def _idle(moves: pd.DataFrame) -> tuple[str, ...]:
    """Choices that change no estimate in these data."""
    still = moves[(moves["min_change"] == 0) & (moves["max_change"] == 0)]
    return tuple(f"{choice}: {instead}" for choice, instead in zip(still["choice"], still["instead"], strict=True))


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


def _errors(row: dict[Any, Any], *, several: bool) -> str:
    """What a row of the table of standard errors is called."""
    unit = row["errors"]
    alone = f", {row['term']}" if several and "[" in str(row["term"]) else ""
    if unit == DECLARED:
        return f"as declared{alone}"
    each = ", each one row (HC2)" if row["largest"] == 1 else ""
    return f"CR2, {unit}s{each}{alone}"


def _state(row: dict[Any, Any]) -> str:
    if row["refusal"]:
        return str(row["refusal"])
    if not row["converged"]:
        return "did not converge"
    return "singular" if row["singular"] else ""
