"""Tables of missing data: the flow, analysed beside lost, attendance, the headline over imputations."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from doublecode.analysis.linking.attendance import ATTENDED
from doublecode.analysis.linking.imputation import imputed_cells
from doublecode.analysis.linking.row_ledger import MOST_REASONS, reasons_in_words
from doublecode.analysis.rendering.tables import Column, Table, column, format_number
from doublecode.analysis.study.labels import Labels, label_term
from doublecode.schemas.results import DASH, is_missing

if TYPE_CHECKING:
    import pandas as pd

    from doublecode.analysis.linking.attendance import Attendance
    from doublecode.analysis.study.imputed_headline import ImputedHeadline
    from doublecode.analysis.study.lost_units import LostUnits
    from doublecode.analysis.study.missing_data import MissingAnswer
    from doublecode.schemas.results import Note

STAGES: Final = {"declared": "in the table", "held": "with sessions", "coded": "coded", "analysed": "analysed"}
PARTS: Final = {"": "", "before": ", items of the session before", "same": ", items of the session"}
MODELS: Final = {
    "declared": "as declared",
    "time": "with attendance × time",
    "predictor": "with attendance × predictor, too",
}


def missing_tables(answer: MissingAnswer, labels: Labels) -> Iterator[Table]:
    """Every table of an answer, in the order of the page.

    Parameters
    ----------
    answer : MissingAnswer
    labels : mapping of variable or part of a term to label
    """
    yield from lost_tables(answer.lost, labels)
    if answer.attendance is not None:
        yield from attendance_tables(answer.attendance, labels)
    if answer.imputed is not None:
        yield from imputed_tables(answer.imputed, labels)


def lost_tables(lost: LostUnits, labels: Labels) -> Iterator[Table]:
    """The flow, then patients with patients and sessions with sessions."""
    yield _flow_table(lost, labels)
    d = (column("d", "*d*"), Column("conf_low", "95% CI", upper="conf_high"))
    sides = (
        column("variable", "", kind="text"), column("n_analysed", "*n*", kind="integer"),
        column("analysed", "Analysed"), column("n_lost", "*n*", kind="integer"), column("lost", "Lost"),
    )  # fmt: skip
    if len(lost.patients):
        shown = _for_the_eye(lost.patients, labels)
        notes = (
            "*M* (*SD*), or *n* (%). *d*: analysed less lost over the pooled *SD*; of a category the difference of "
            "shares over their mean *SD*. Scores of sessions: each patient's mean.",
        )
        yield Table("lost_patients", "Patients: analysed and lost", shown, (*sides, *d), notes, data=lost.patients)
    if len(lost.sessions):
        shown = _for_the_eye(lost.sessions, labels)
        notes = (
            "Difference: analysed less lost sessions of the same patient, by a mixed model; *d*: over the *SD* of all "
            "sessions.",
        )
        more = (column("difference", "Difference", kind="estimate"), column("p_value"), *d)
        yield Table("lost_sessions", "Sessions: analysed and lost", shown, (*sides, *more), notes, data=lost.sessions)


def _flow_table(lost: LostUnits, labels: Labels) -> Table:
    """Who is left at each stage, with the commonest reasons of the others."""
    keys = list(zip(lost.flow["unit"], lost.flow["stage"], strict=True))
    why = [tuple((_readable(note, labels), n) for note, n in lost.why[key]) for key in keys]
    flow = lost.flow.assign(
        stage=["held" if key == ("sessions", "held") else STAGES[key[1]] for key in keys],
        unit=lost.flow["unit"].str.capitalize(), reasons=[reasons_in_words(one, MOST_REASONS) for one in why],
    )  # fmt: skip
    columns = (
        column("stage", "Stage", kind="text"), column("n"), column("lost", "Lost", kind="integer"),
        column("reasons", "Why", kind="text"),
    )  # fmt: skip
    notes = (
        ("Other reasons: the CSV file of this table has each.",) if any(len(one) > MOST_REASONS for one in why) else ()
    )
    title = "From whom was declared to who is analysed"
    return Table("missing_flow", title, flow, columns, notes, group="unit", data=lost.flow)


def _readable(note: Note, labels: Labels) -> Note:
    """A reason with words in the place of the codes of tables, and labels in that of variables."""
    numbers = dict(note.numbers)
    if "status" in numbers:
        numbers["status"] = str(numbers["status"]).replace("_", " ")
    if "parts" in numbers:
        numbers["parts"] = [([labels.get(one, one) for one in names], why) for names, why in numbers["parts"]]
    return replace(note, numbers=numbers)


def _for_the_eye(found: pd.DataFrame, labels: Labels) -> pd.DataFrame:
    rows = found.to_dict("records")
    return found.assign(
        variable=[
            f"{labels.get(str(row['variable']), _plain(row['variable']))}{': ' + row['level'] if row['level'] else ''}"
            for row in rows
        ],
        analysed=[_side(row, "analysed") for row in rows], lost=[_side(row, "lost") for row in rows],
    )  # fmt: skip


def _plain(name: object) -> str:
    return str(name).replace("_", " ").capitalize()


def _side(row: dict[Any, Any], side: str) -> str:
    mean, sd = row[f"mean_{side}"], row[f"sd_{side}"]
    if is_missing(mean):
        return DASH
    if row["level"]:
        return format_number(mean, "percent", 0)
    return f"{format_number(mean)} ({format_number(sd)})"


def attendance_tables(found: Attendance, labels: Labels) -> Iterator[Table]:
    """The finding with and without attendance, and what attendance adds."""
    numbers = (column("estimate"), column("std_error"), column("conf_low"), column("df"), column("p_value"))
    head = found.headline.assign(model=found.headline["model"].map(MODELS))
    yield Table("attendance_headline", "The finding with the number of sessions attended", head,
                (column("model", "Model", kind="text"), *numbers), data=found.headline)  # fmt: skip
    named = {**labels, ATTENDED: "Sessions attended"}
    terms = found.terms.assign(
        term=[label_term(one, named) for one in found.terms["term"]],
        model=found.terms["model"].map(MODELS).str.capitalize(),
    )
    notes = ("Per session more, between patients; attendance is counted from its mean.",)
    yield Table("attendance_terms", "What attendance changes", terms, (column("term"), *numbers), notes, "model",
                data=found.terms)  # fmt: skip


def imputed_tables(found: ImputedHeadline, labels: Labels) -> Iterator[Table]:
    """The finding by complete rows and over imputations, what was filled, whether the chains agree."""
    columns = (
        column("analysis", "Analysis", kind="text"), column("estimate"), column("std_error"), column("conf_low"),
        column("df"), column("p_value"), column("n_rows", "Rows", kind="integer"), column("fmi", "FMI", kind="bounded"),
        column("efficiency", "Efficiency", kind="bounded"),
        column("mc_error", "Monte-Carlo error", kind="estimate"),
    )  # fmt: skip
    notes = (
        "FMI: fraction of missing information; efficiency: beside infinitely many imputations; Monte-Carlo error: of "
        "the estimate, from drawing so often.",
    )
    yield Table("imputed_headline", "The finding by complete rows and over imputations", found.frame, columns, notes)
    cells = imputed_cells(found.cells.assign(variable=_scores(found.cells, labels)))
    left = column("n_left", "Left empty", kind="integer")
    shown = (*cells.columns[:3], *([left] if found.cells["n_left"].any() else []), *cells.columns[3:])
    yield Table("imputed_cells", cells.title, cells.frame, shown, cells.notes, data=found.cells)
    whole = (
        column("parameter", "Parameter", kind="text"), column("variable", "Variable", kind="text"),
        column("with", "With", kind="text"), column("mean", kind="estimate"), column("sd", kind="estimate"),
        column("r_hat", "*R̂*", digits=3),
    )  # fmt: skip
    yield Table("imputation_convergence", "Parameters of the imputation model", found.convergence, whole, folded=True)


def _scores(cells: pd.DataFrame, labels: Labels) -> list[str]:
    """Session scores by the labels of the variables that they make."""
    return [f"{labels.get(of, of)}{PARTS[part]}" for of, part in zip(cells["of"], cells["part"], strict=True)]
