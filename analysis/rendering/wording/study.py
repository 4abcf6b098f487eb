"""Sentences of the notes of ``analysis/study``."""

from __future__ import annotations

from typing import Final

from doublecode.analysis.rendering.wording.phrases import Wording
from doublecode.schemas.results import Note


def _conflated(note: Note) -> str:
    return f"the slope of {' and of '.join(note.numbers['names'])}"


def _unequal_rows(note: Note) -> str:
    listed = ", ".join(f"{n} in {name}" for name, n in note.numbers["n_rows"].items())
    return (
        f"models of {note.numbers['outcome']} stand on different rows ({listed}), so their likelihoods, AIC and BIC "
        "do not compare across these series"
    )


def _therapist_variable(note: Note) -> str:
    names = note.numbers["names"]
    is_one = "is a variable" if len(names) == 1 else "are variables"
    return (
        f"{' and '.join(names)} {is_one} of the therapists, and no part of the model is the therapist's: the "
        f"{note.numbers['n_patients']} patients of {note.numbers['n_therapists']} therapists count as independent, so "
        "its standard error is too small and its df are too many (pseudo-replication)"
    )


def _not_converged(note: Note) -> str:
    return f"did not converge ({' and '.join(note.numbers['fits'])})"


SENTENCES: Final[dict[str, Wording]] = {
    # drift
    "severity_of_unknown_batch": (
        "severity is given without periods, because ratings came in a workbook of no known batch"
    ),
    "drift_refused": "{reason}; severity is given without periods",
    "severity_refused": "{reason}",
    "scores_without_date": "{n} score(s) of sessions without a date were left out",
    # the whole study
    "not_estimated": "{reason}",
    # reliability
    "reliability_refused": "{reason}",
    "rule_declared": "declared: {declared}",
    "rule_not_declared": "no place is named where this rule was written beforehand",
    "items_undecided": lambda note: f"not estimable, so neither kept nor dropped: {', '.join(note.numbers['items'])}",
    # warnings
    "not_converged": "did not converge",
    "fits_not_converged": _not_converged,
    "few_therapists": "{n} therapists",
    "conflated_slope": _conflated,
    "dependent_rows": (
        "{n_rows} rows are sessions of {n_patients} patients, and rows of one patient are not independent"
    ),
    "therapist_variable": _therapist_variable,
    "mean_of_dyads": "mean {form} of {n_dyads} dyads: {mean:.2f}",
    "models_on_unequal_rows": _unequal_rows,
}
