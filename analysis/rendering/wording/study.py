"""Sentences of the notes of ``analysis/study``."""

from __future__ import annotations

from typing import Final

from doublecode.analysis.rendering.wording.phrases import Wording, named
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


def _unread(note: Note) -> str:
    return (
        f"{note.numbers['n']} file(s) of incoming/ are in no count, because they cannot be read or are not what the "
        f"study expects: {named(note.numbers['names'])}; doublecode check says why"
    )


def _waiting(note: Note) -> str:
    return (
        f"{note.numbers['n']} file(s) of incoming/ are not in the ledger yet: {named(note.numbers['names'])}; what is "
        "complete in them counts as returned"
    )


def _nothing_required(note: Note) -> str:
    return (
        f"{named(note.numbers['names'])}: no item has to be filled in, so every row of a workbook that came back "
        "counts as done"
    )


SENTENCES: Final[dict[str, Wording]] = {
    # drift
    "severity_of_unknown_batch": (
        "severity is given without periods, because ratings came in a workbook of no known batch"
    ),
    "drift_refused": "{reason}; severity is given without periods",
    "severity_refused": "{reason}",
    "latent_severity_two_raters": (
        "coded by {n} rater(s); severity on the latent scale is given from three raters on, of two see severity in "
        "points"
    ),
    "scores_without_date": "{n} score(s) of sessions without a date were left out",
    # status
    "status_unread": _unread,
    "status_waiting": _waiting,
    "status_to_mend": "{n} assignment(s) are begun or hold a cell that is refused, and are not done; doublecode check "
    "says which cells",
    "status_unplanned": "{n} rating(s) of a session are in no count, because nobody was assigned them",
    "status_left_out": "{n} assignment(s) are not to be rated any more (no recording, a patient who is in no number, a "
    "session in which the instrument is not used) and stand under left out alone",
    "status_recodes": "{n} assignment(s) are recodes (a later occasion); they count as any other, but in no pair",
    "status_replaced": "{n} file(s) of the ledger hold no longer, because a later one replaced them; they are in no "
    "count",
    "status_withdrawn": "{n} file(s) of the ledger were withdrawn; they are in no count, in incoming/ neither",
    "status_nothing_required": _nothing_required,
    "status_no_due": "no day is declared, so nothing is late: in study.toml, [due] and a line for each batch, "
    "batch01 = 2026-03-31",
    "minutes_unknown": "hours left are not given, because neither sessions.csv (minutes) nor a codebook (segment) says "
    "how long there is to hear",
    "minutes_assumed": "for {n} open session(s) without minutes the mean of the others was taken, {mean:.0f} minutes",
    "hours_are_listening": "hours left are the recordings of open sessions, heard once for all instruments; breaks and "
    "coding are not in them",
    # the whole study
    "not_estimated": "{reason}",
    "value_of_row_not_read": "no {label} of the session was read",
    # reliability
    "no_study_in_folders": lambda note: (
        f"not looked at, since there is no study.toml: {', '.join(note.numbers['folders'])}; doublecode init makes one"
    ),
    "reliability_refused": "{reason}",
    "rule_declared": "declared: {declared}",
    "rule_not_declared": "no place is named where this rule was written beforehand",
    "items_undecided": lambda note: f"not estimable, so neither kept nor dropped: {', '.join(note.numbers['items'])}",
    # warnings
    "not_converged": "did not converge",
    "fits_not_converged": _not_converged,
    "few_therapists": "{n} therapists",
    "conflated_slope": _conflated,
    "citation_missing": "{file}",
    "dependent_rows": (
        "{n_rows} rows are sessions of {n_patients} patients, and rows of one patient are not independent"
    ),
    "therapist_variable": _therapist_variable,
    "mean_of_dyads": "mean {form} of {n_dyads} dyads: {mean:.2f}",
    "models_on_unequal_rows": _unequal_rows,
}
