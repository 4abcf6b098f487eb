"""Sentences of the notes of ``analysis/mixed``."""

from __future__ import annotations

from typing import Final

from doublecode.analysis.rendering.wording.phrases import Wording, named
from doublecode.schemas.results import Note

SINGULAR: Final[dict[str, str]] = {
    "singular_term": "{term} has no variance",
    "singular_effects": "{term}, no variance of {effects}",
    "singular_correlation": "{term}, the correlation of {first} and {second} is {sign}",
    "singular_directions": "{term}, {n_effects} effects vary in {n_directions} directions only",
}
"""What is said of a random term with a direction of no variance."""


def singularity(note: Note) -> str:
    """Say which variance or correlation of a random term stands at its boundary.

    Examples
    --------
    >>> singularity(Note("singular_term", numbers={"term": "(1 | batch)"}))
    '(1 | batch) has no variance'
    """
    numbers = dict(note.numbers)
    if "effects" in numbers:
        numbers["effects"] = ", ".join(numbers["effects"])
    if "sign" in numbers:
        numbers["sign"] = "1" if numbers["sign"] > 0 else "−1"
    return SINGULAR[note.kind].format(**numbers)


def _singular(note: Note) -> str:
    return f"singular: {singularity(note)}"


def _rows_dropped(note: Note) -> str:
    by = ", ".join(f"{n} for {name}" for name, n in note.numbers["by_column"].items())
    return f"{note.numbers['n_dropped']} of {note.numbers['n_rows']} rows dropped ({by} missing)"


def _not_identified(note: Note) -> str:
    levels = note.numbers["levels"]
    which = ", ".join(map(str, levels[:5])) + (", …" if len(levels) > 5 else "")
    return f"without {note.numbers['group']} {which} the model is not identified; NaN there"


def _left_out(what: str) -> Wording:
    def say(note: Note) -> str:
        cause = note.numbers["cause"]
        why = "the fit did not converge" if cause is None else _singular(cause)
        text = f"{what}{note.numbers['term']} left out ({why})"
        return f"{note.subject}: {text}" if note.subject else text

    return say


def _columns_left_out(note: Note) -> str:
    columns = note.numbers["columns"]
    which = ", ".join(columns[:8]) + (", …" if len(columns) > 8 else "")
    return f"{which} left out: on these rows the columns before determine it (an empty cell, say), as lme4 does"


def _double_bar(note: Note) -> str:
    return f"{note.numbers['written']} stands for {' + '.join(note.numbers['stands_for'])}"


def _unused_levels(note: Note) -> str:
    levels = note.numbers["levels"]
    shown = ", ".join(levels[:5]) + (", …" if len(levels) > 5 else "")
    which = "1 level" if len(levels) == 1 else f"{len(levels)} levels"
    verb = "has no row in use and is" if len(levels) == 1 else "have no row in use and are"
    return f"{which} of {note.numbers['column']!r} {verb} left out ({shown})"


def _slopes_between(note: Note) -> str:
    group, columns = note.numbers["group"], named(note.numbers["columns"])
    verb = "is" if len(note.numbers["columns"]) == 1 else "are"
    return f"{columns} {verb} the same in all rows of a {group}, so that no {group} has a slope of its own"


def _slopes_not_identified(note: Note) -> str:
    return (
        f"{_slopes_between(note)}; variances and correlations of {note.numbers['term']} are not identified: other "
        "values fit as well, and AIC and BIC count too many. Coefficients are those of all of them. Write "
        f"(1 | {note.numbers['group']})"
    )


def _slopes_describe_spread(note: Note) -> str:
    return (
        f"{_slopes_between(note)}: {note.numbers['term']} describes how the spread between the levels of "
        f"{note.numbers['group']} changes along it; the usual model is (1 | {note.numbers['group']})"
    )


SENTENCES: Final[dict[str, Wording]] = {
    # one fit
    **dict.fromkeys(SINGULAR, _singular),
    "mixed_rows_dropped": _rows_dropped,
    "mixed_not_converged": "the fit did not converge; see .log",
    "tests_kenward_roger": "Kenward–Roger tests, since {group} has {n_levels} < {below} levels",
    "tests_satterthwaite": "Satterthwaite tests, since no grouping factor has fewer than {n_levels} levels",
    "tests_satterthwaite_ml": "Kenward–Roger is defined for REML only; the tests are Satterthwaite's",
    "tests_count_structure": "Satterthwaite tests that count {structure} among the uncertain",
    "tests_take_structure_as_known": "tests of fixed effects take {structure} as known",
    "residual_parameter_at_limit": ("residual parameter {parameter} ran to its limit; the data do not determine it"),
    # comparison
    "restricted_likelihoods_compared": "restricted likelihoods compared, since the fixed effects are the same",
    "refitted_mixed_criteria": ("models refitted by maximum likelihood, since some are REML fits and some are not"),
    "refitted_fixed_effects": "models refitted by maximum likelihood, since their fixed effects differ",
    "as_many_parameters": "{small!r} and {large!r} have as many parameters: no test",
    "lower_likelihood": "{large!r} has the lower likelihood although it has more parameters: not nested",
    "variance_on_boundary": (
        "a variance of {group} is tested on its boundary; with {n_levels} levels χ²({df}) is used, "
        "which is conservative (bootstrap for an exact test)"
    ),
    # ladder
    "ladder_kept": "kept",
    "ladder_kept_singular": "kept although singular: nothing simpler keeps every grouping factor",
    "ladder_not_kept": "not kept",
    "ladder_correlations_out": _left_out("correlations of "),
    "ladder_term_out": _left_out(""),
    "ladder_as_written": "the model as written converged and is not singular",
    "ladder_last_singular": "the last step is singular too; its random part is kept for the design's sake",
    "ladder_none_converged": "no step converged; see .log of each fit",
    # many sets
    "sets_converged": "{n_converged} of {n_sets} sets converged, {n_singular} of them singular",
    "sets_rows_dropped": "{n_dropped} rows dropped for missing predictors in every set",
    "set_collinear": "fixed effects are collinear in the rows present",
    "set_few_levels": "grouping factor {group} has fewer than two levels in the rows present",
    "set_effects_as_rows": "as many random effects of {term} as rows",
    "set_outcome_constant": "the outcome is constant",
    "set_few_rows": "no more rows than fixed effects",
    "set_explained": "the fixed effects reproduce the outcome without error",
    "set_not_converged": "not converged",
    "set_separated": "separation: {which} tells the outcome without error, estimates grow without end",
    "set_without_end": "separation: almost every level of {group} has one outcome only, its variance grows without end",
    "set_without_value": "the likelihood has no finite value at any start",
    "sets_separated": "{n_separated} sets have no finite estimate (separation) and count as not fitted",
    "sets_fewer_categories": (
        "{n_fewer} of {n_sets} sets lack categories that others have: these have no probability there, and the "
        "thresholds about them coincide, or are infinite at an end of the scale"
    ),
    # influence
    "levels_not_identified": _not_identified,
    "refits_not_converged": "{n_failed} of {n_levels} refits did not converge",
    "structure_held": "{structure} is held at the estimate of all groups",
    "double_bar": _double_bar,
    "unused_levels": _unused_levels,
    "columns_left_out": _columns_left_out,
    "two_levels": (
        "{group} has two levels: their variance rests on a single difference and says next to nothing of other levels; "
        "where these two are meant, take {group} as a predictor"
    ),
    "slopes_not_identified": _slopes_not_identified,
    "slopes_between": _slopes_describe_spread,
    "many_categories": (
        "{column} holds words or is in C(): it enters as categories, {n_levels} levels and {n_dummies} coefficients, "
        "for {n_groups} levels of {group}"
    ),
    "zero_of_double_bar": (
        "(… || {group}) takes intercept and slope as independent, which is so at one zero of {columns} only: these "
        "values, as the model itself, change when {columns} is centred elsewhere; (… | {group}) does not depend on it"
    ),
    "compared_under_prior": (
        "estimates under a weak prior (standard deviation {sd}) do not maximise the likelihoods that are compared: p "
        "is an approximation, on the safe side"
    ),
    "compared_not_converged": lambda note: (
        f"{named(note.numbers['models'])} did not converge: a likelihood short of its maximum makes p wrong; mend the "
        "model first"
    ),
    "not_nested": (
        "{small} is no part of {large}: the difference of their likelihoods has no χ² distribution, so no p value; "
        "compare AIC or BIC"
    ),
}
