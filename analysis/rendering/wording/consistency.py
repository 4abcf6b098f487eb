"""Sentences of the notes of ``analysis/consistency``."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

from doublecode.analysis.rendering.tables import format_number
from doublecode.analysis.rendering.wording.phrases import Wording, about_subject
from doublecode.schemas.results import Note

_WAYS: Final = {
    "fiml": "full-information maximum likelihood (missing at random)",
    "pairwise": "pairwise covariances",
    "listwise": "complete rows only",
}

TERM_NAMES: Final = {
    "alpha": "α",
    "alpha_standardised": "α (standardised items)",
    "omega": "ω total",
    "omega_standardised": "ω total (standardised items)",
    "omega_hierarchical": "ω hierarchical",
    "omega_total": "ω total",
    "omega_limit": "ω hierarchical / ω total",
    "omega_categorical": "ω categorical",
    "omega_categorical_observed": "ω categorical (observed correlations)",
    "omega_latent_response": "ω of the latent responses",
    "ecv": "explained common variance",
    "omega_within": "ω within",
    "omega_between": "ω between",
    "omega_between_observed": "ω between (observed means)",
    "omega_two_level": "ω of a single score",
}
"""What the terms of a frame are called where a person reads them."""


def _listed(names: Sequence[str]) -> str:
    return ", ".join(map(str, names))


def _items_missing(note: Note) -> str:
    return f"{note.numbers['n']} item scores are missing; handled by {_WAYS[note.numbers['rule']]}."


def _heywood_case(note: Note) -> str:
    return (
        f"Heywood case, the residual variance of {_listed(note.numbers['items'])} is held at 0.5 % of the "
        "item's variance; the sample is too small, or that item too alike another. Do not lean on omega there."
    )


def _poor_fit(note: Note) -> str:
    found, misses = note.numbers, []
    if found["cfi"] < found["cfi_least"]:
        misses.append(f"CFI {found['cfi']:.3f} is below {found['cfi_least']}")
    if found["srmr"] > found["srmr_most"]:
        misses.append(f"SRMR {found['srmr']:.3f} is above {found['srmr_most']}")
    return (
        f"One factor does not reproduce the correlations well: {' and '.join(misses)} (Hu & Bentler 1999). "
        "Omega total of one factor is then not the reliability of the sum; look at the residuals, "
        "the subscales and omega(kind='hierarchical')."
    )


def _at_floor(note: Note) -> str:
    return f"Heywood case: the residual variance of {_listed(note.numbers['items'])} is at its floor of 0.5 %."


def _at_floor_of_model(note: Note) -> str:
    return f"Heywood case, residual variance of {_listed(note.numbers['items'])} at its floor of 0.5 %."


def _without_factors(note: Note) -> str:
    k = note.numbers["n_factors"]
    return f"{note.numbers['failed']} resamples had no {'one' if k == 1 else k}-factor solution."


def _in_words(note: Note) -> list[str]:
    return [TERM_NAMES.get(term, term) for term in note.numbers["terms"]]


def _inadmissible(note: Note) -> str:
    reasons = []
    for why, variances in note.numbers["reasons"]:
        listed = ", ".join(f"{item} ({value:.3f})" if item else f"{value:.3f}" for item, value in variances)
        reasons.append(f"{why}: {listed}" if listed else why)
    return f"{_listed(_in_words(note))} inadmissible, {'; '.join(reasons)}."


def _no_interval(note: Note) -> str:
    return (
        f"no interval for {_listed(_in_words(note))}; without one {note.numbers['clusters']} the model has no "
        "solution there."
    )


def _reversed(note: Note) -> str:
    return f"Reversed by the codebook {note.numbers['instrument']}: {_listed(note.numbers['items'])}."


def _lag(note: Note) -> str:
    return (
        f"The scale {note.numbers['scale']} takes {_listed(note.numbers['items'])} from the session before when it is "
        "scored; here the items of a row are taken as they stand."
    )


def _flipped(note: Note) -> str:
    return (
        f"Reversed, as psych does, for they load negatively on the general factor: {_listed(note.numbers['items'])}. "
        "The other kinds of omega take items as they stand."
    )


def _seldom(note: Note) -> str:
    pairs = _listed(tuple(f"{one}–{other}" for one, other in note.numbers["pairs"]))
    more = note.numbers["n_pairs"] - len(note.numbers["pairs"])
    return (
        f"Hardly any row holds both items of {pairs}{f' and {more} more pair(s)' if more else ''} (the fewest: "
        f"{note.numbers['least']} row(s)): how these correlate is hardly known, and the coefficients lean on it."
    )


def _scale(note: Note) -> str:
    """What a paper prints of a scale: item–total range, omega with interval, range over sessions."""
    row, head = note.numbers, f"{note.subject}, {_unit(note.numbers)}"
    if not math.isfinite(row["alpha"]):
        return f"{head}: not estimable. {row['status']}"
    range_ = f"corrected item–total correlations from {_two(row['r_drop_min'])} to {_two(row['r_drop_max'])}"
    if not math.isfinite(row["omega"]):
        return f"{head}: {range_}; α = {_two(row['alpha'])}. Omega: {row['status']}."
    interval = "no interval"
    if math.isfinite(row["conf_low"]):
        interval = f"{100 * row['conf_level']:g}% CI [{_two(row['conf_low'])}, {_two(row['conf_high'])}]"
    text = f"{head}: {range_}; ω = {_two(row['omega'])}, {interval}"
    if row["n_sessions"] > 1:
        text += f"; by session from {_two(row['session_min'])} to {_two(row['session_max'])} ({_sessions(row)})"
    return text + "."


def _unit(row: Mapping[str, Any]) -> str:
    if row["n_rows"] == row["n_patients"] and not row.get("sessions"):
        return f"{row['n_rows']} rows"
    return f"{row['n_rows']} sessions of {row['n_patients']} patients"


def _sessions(row: Mapping[str, Any]) -> str:
    """On how many sessions a range stands, and of how many that were rated."""
    estimated, rated = row["n_sessions"], row["n_sessions_rated"]
    return f"{estimated} sessions" if estimated == rated else f"{estimated} of {rated} sessions"


def _two(value: float) -> str:
    """Two decimals without the leading zero, as papers print coefficients that cannot pass 1."""
    return format_number(value, "bounded")


SENTENCES: Final[dict[str, Wording]] = {
    "rows_without_items": "{n} row(s) without any item rated were left out.",
    "items_missing": about_subject(_items_missing),
    "pairs_seldom_together": about_subject(_seldom),
    "rows_independent": "Rows are taken as independent; where they are sessions, name the patient with clusters=.",
    "one_unit": "All rows have the same {clusters}: one unit gives no interval.",
    "few_units": "Only {n} {clusters:pl}: the interval rests on few units and is rough.",
    "rows_without_level": "{n} row(s) have no {by}; they are in the pooled rows only.",
    "items_reversed": about_subject(_reversed),
    "lag_left_to_scoring": about_subject(_lag),
    "level_not_estimable": "not estimable. {reason}",
    "feldt_and_jackknife": "Feldt's limits take rows as independent; the jackknife takes {clusters} as the unit.",
    "alpha_not_without_each": "without {failed} of the units some pair of items is in no row together (or has no "
    "covariance), so the jackknife gives no interval.",
    "item_is_a_sum": "an item is a sum of others, so lambda 6 and the overlap-corrected r are undefined.",
    "negative_item_total": (
        "Item {item!r} correlates {r_drop:.2f} with the sum of the others: does it want reversing?"
    ),
    "heywood_case": about_subject(_heywood_case),
    "negative_loading": "item {item!r} loads negatively ({loading:.2f}); does it want reversing?",
    "one_factor_not_converged": "the one-factor model did not converge, so omega is not given.",
    "jackknife_without_solution": "{failed} jackknife sets had no one-factor solution; there is no interval.",
    "alpha_jackknife_undefined": (
        "without one or another of the {n} patients the item–total correlations are undefined ({failed} sets: an item "
        "has no spread there), so they have no jackknife limits."
    ),
    "resamples_without_solution": "{failed} of {n_boot} resamples had no one-factor solution; they were left out.",
    "poor_one_factor_fit": about_subject(_poor_fit),
    "three_items": "Three items: the one-factor model fits any three correlations, so it cannot be tested.",
    "fit_of_repeated_rows": (
        "Chi-square, CFI and RMSEA take rows as independent; with repeated sessions they are a guide."
    ),
    "latent_responses_normal": (
        "Latent responses are taken as normal; a code that is hardly used makes its correlations uncertain."
    ),
    "polychoric_not_definite": (
        "The polychoric correlation matrix is not positive definite; the sample is small for its codes."
    ),
    "heywood_at_floor": about_subject(_at_floor),
    "resamples_without_factors": about_subject(_without_factors),
    "two_group_factors": (
        "Two group factors: their loadings on the general factor are not identified and set equal (√φ)."
    ),
    "psych_reproduction": (
        "A reproduction of psych's default (minres, oblimin, Schmid–Leiman on correlations), not a recommendation: "
        "its total is optimistic in small samples. Report omega()."
    ),
    "psych_not_identified": (
        "Not identified: {n_factors} factors on {n_items} items leave {df} degrees of freedom, so infinitely "
        "many solutions fit alike and these numbers depend on where the optimiser stopped; psych may print others."
    ),
    "psych_flipped": about_subject(_flipped),
    "psych_not_converged": "The optimiser or the rotation stopped before it converged.",
    "psych_one_factor": "With one factor psych's hierarchical omega is not meaningful and can exceed the total.",
    "incomplete_rows": "{n} row(s) with a missing item were left out.",
    "between_not_definite": (
        "The between-{clusters} covariance matrix (analysis of variance) is not positive definite: "
        "{n_units} {clusters:pl} are few for {n_items} items."
    ),
    "inadmissible": about_subject(_inadmissible),
    "no_interval_in_model": about_subject(_no_interval),
    "scale_consistency": _scale,
    "scale_without_ratings": "no ratings.",
    "scale_of_one_item": "{n_items} item, no internal consistency.",
    "chisq_of_repeated_rows": (
        "Chi-square takes rows as independent; with repeated sessions it is too large, so read SRMR."
    ),
    "items_missing_fiml": "{n} item scores are missing; full-information maximum likelihood.",
    "factors_not_converged": "did not converge.",
    "heywood_of_model": about_subject(_at_floor_of_model),
    "factors_not_told_apart": (
        "A factor correlation is 1 or more: the subscales are not told apart, one factor says the same."
    ),
}
