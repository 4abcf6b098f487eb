"""The section of a report on regressions over patients: an outcome at the end on a mean over sessions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from doublecode.analysis.rendering.coefficient_columns import coefficients
from doublecode.analysis.rendering.document import Bullets, Paragraph, Section
from doublecode.analysis.rendering.tables import Table, column
from doublecode.analysis.study.labels import Labels, label_term

if TYPE_CHECKING:
    from doublecode.analysis.linking.patient_outcomes import PatientOutcomeResult


def patients_section(results: Sequence[PatientOutcomeResult], labels: Labels) -> Section | None:
    """Coefficients of each regression with its patients, therapists and the reliability of the mean."""
    if not results:
        return None
    blocks = [block for one in results for block in (_table(one, labels), Paragraph(f"{one.counted()}."))]
    notes = tuple(dict.fromkeys(text for one in results for text in one.note_texts()))
    return Section("patient-outcomes", "Outcomes of patients", (*blocks, Bullets(notes)))


def _table(result: PatientOutcomeResult, labels: Labels) -> Table:
    predictor, outcome = str(result.spec["predictor"]), str(result.spec["outcome"])
    named = {**labels, f"{predictor}_mean": f"{labels.get(predictor, predictor)}, patient mean"}
    shown = result.frame.assign(label=[label_term(str(term), named) for term in result.frame["term"]])
    columns = [column("label", "Term", kind="text"), *coefficients(shown)]
    if result.spec["therapists"] == "CR2":
        columns.append(column("ols_error", "*SE*, least squares", kind="estimate"))
    title = f"{result.spec['title']}: {labels.get(outcome, outcome)}"
    return Table(patients_table_name(result), title, shown, tuple(columns), data=result.frame)


def patients_table_name(result: PatientOutcomeResult) -> str:
    """Name of the table of a regression over patients, which may be called as one of our own."""
    return f"{result.spec['name']}_patients"
