"""Sentences of the notes of ``analysis/description``."""

from __future__ import annotations

from typing import Final

from doublecode.analysis.rendering.tables import format_number
from doublecode.analysis.rendering.wording.phrases import Wording, named
from doublecode.schemas.results import Note


def _variables(note: Note) -> str:
    return ", ".join(f"{unit}: {name}" for unit, name in note.numbers["variables"])


def _several_answers(note: Note) -> str:
    return f"Several answers possible, percentages may exceed 100: {_variables(note)}."


def _coded_zero_one(note: Note) -> str:
    return f"Coded 0/1, the row shows those with 1: {_variables(note)}."


_CONDITIONS: Final = {
    "any_of": "{}", "other_than": "an answer other than {}", "answers": "{} answers or more",
    "not_counted": "{} not counted", "at_least": "{:g} or more", "at_most": "{:g} or less",
}  # fmt: skip


def _counted_rows(note: Note) -> str:
    said = []
    for label, columns, condition in note.numbers["rows"]:
        words = " and ".join(_CONDITIONS[key].format(named(value) if isinstance(value, tuple) else value)
                             for key, value in condition)  # fmt: skip
        said.append(f"{label} ({named(columns)}: {words})")
    return f"Counted from columns, as declared: {'; '.join(said)}."


def _words_nobody_has(note: Note) -> str:
    return f"{note.numbers['label']}: nobody has {named(note.numbers['words'])}; a slip is corrected in study.toml."


def _log_of_first_rater(note: Note) -> str:
    listed = named(note.numbers["sessions"])
    return f"No {note.numbers['role']} rater, so the first rater's log counts: {listed}."


def _undefined(note: Note) -> str:
    which = named([f"{x} with {y} ({level}, n = {n})" for x, y, level, n in note.numbers["pairs"]])
    return f"Undefined, because a variable does not vary or the rows are too few: {which}."


def _mean_over_sessions(note: Note) -> str:
    limits = (
        "its interval and p stand on samples of patients, who bring all their sessions (t on patients − 1 df)"
        if note.numbers["by_patients"]
        else "it has no interval, since the same patients stand in every session and no column names them"
    )
    return (
        "The mean over sessions is Fisher's, weighted by n − 3, of sessions with more than three rows; it mixes "
        f"patients' differences with changes; {limits}."
    )


def _without_z(note: Note) -> str:
    which = named([f"{x} with {y}: {k} session(s), {n} rows" for x, y, k, n in note.numbers["pairs"]])
    return f"Not in the mean over sessions, since r is 1 or −1 there and has no Fisher z: {which}."


def _fidelity(note: Note) -> str:
    n, unit, held = note.numbers["n"], note.numbers["unit"], note.numbers["n_held"]
    share = f" of {held} held ({100 * note.numbers['reviewed'] / held:.0f} %)" if held else ""
    return (
        f"{note.numbers['reviewed']} sessions{share} were reviewed; limits take {unit} as the unit (t on {n - 1} df); "
        "there are none where all or nothing was delivered."
    )


def _screened(note: Note) -> str:
    marked = note.numbers["marked"]
    found = (
        f"marked (raw p < {format_number(note.numbers['alpha'], 'p')}): {named(marked)}" if marked else "none marked"
    )
    rows = (
        "one row per patient, the mean of the sessions that have both"
        if note.numbers["by_patient"]
        else "the rows that have both"
    )
    return (
        f"{note.numbers['n_tests']} rank correlations, each on {rows}; {found}. A covariate that was "
        "chosen because it is significant makes later tests too good; name control variables before the data."
    )


def _missing_compared(note: Note) -> str:
    return (
        f"Complete are those with {named(note.numbers['complete'])}; a large p is no proof that data are missing at "
        "random, since small groups differ seldom."
    )


SENTENCES: Final[dict[str, Wording]] = {
    "items_as_coded": "Items are described as coded, before any reversal.",
    "lagged_scores_begin_late": "Scores of a lagged scale do not exist in session 1; it counts as missing there.",
    "shape_of_samples": (
        "Skewness is G1 and kurtosis is G2 (excess; the normal has 0), as SPSS and SAS print them "
        "(type 2 of Joanes & Gill 1998); undefined below 3 and 4 values or without spread."
    ),
    "sessions_pooled": "Rows of all sessions are pooled as they are; SDs mix differences between and within patients.",
    "share_of_those_with_a_value": "Percentages are of those with a value; {column} says how many have none.",
    "several_answers": _several_answers,
    "rows_counted_from_columns": _counted_rows,
    "words_nobody_has": _words_nobody_has,
    "coded_zero_one": _coded_zero_one,
    "log_of_one_rater": "Sessions logged by two raters are counted by the {role} rater.",
    "log_of_first_rater": _log_of_first_rater,
    "logs_without_homework": (
        "{n} log(s) came back with nothing in them, as a session without homework leaves its log: their counts are 0."
    ),
    "slots_without_type": "{n} slot(s) hold an entry but no type of homework, and are not counted.",
    "none_beside_difficulty": (
        "{n} slot(s) say that there was no difficulty and name one; the one that is named counts."
    ),
    "fidelity_shares": _fidelity,
    "covariates_screened": _screened,
    "missing_compared": _missing_compared,
    "pairs_differ_in_n": "Each pair on the rows that have both variables, so n differs between pairs.",
    "pairs_of_patients": lambda note: (
        f"One value per patient: {named(note.numbers['names'])}. It stands in all sessions of a patient and counts "
        "once: a pooled r with it is of the patients' means, n counts patients, and there is none within patients."
    ),
    "pooled_r_mixes_levels": (
        "The pooled r treats all rows as independent and mixes differences between patients with changes within "
        "them; its p-value and interval are too narrow. Read the r within patients (Bakdash & Marusich 2017)."
    ),
    "within_r_is_pearsons": "The r within patients is of Pearson's kind; ranks have no within-patient form here.",
    "mean_r_over_sessions": _mean_over_sessions,
    "sessions_without_z": _without_z,
    "rows_without_patient": (
        "{n} row(s) have no value of {patient!r}; no correlation holds them, within, between and over sessions alike."
    ),
    "r_undefined": _undefined,
    "winsorised": (
        "Values beyond {multiplier:g} times the interquartile range from the first or third quartile were "
        "winsorised to that fence; quartiles by the definition {quantiles!r} "
        "(type {quantile_type} of Hyndman & Fan 1996)."
    ),
    "rule_without_values": "rule refused, no value is present.",
    "rule_without_spread": (
        "rule refused, the interquartile range is 0 (both quartiles are {quartile:g}); "
        "every other value would count as an outlier. Its values are unchanged."
    ),
    "distances_of_normal_variables": "The chi-square reference assumes multivariate normal variables.",
}
