"""Sentences of the notes of ``analysis/regression``."""

from __future__ import annotations

from typing import Final

from doublecode.analysis.rendering.tables import format_number
from doublecode.analysis.rendering.wording.phrases import Wording, named
from doublecode.schemas.results import Note


def _single_rows(note: Note) -> str:
    levels = named(note.numbers["levels"])
    return f"{note.numbers['group']} {levels}: one row only, which says nothing about the spread within."


def _extrapolated(note: Note) -> str:
    beyond = ", ".join(note.numbers["at"])
    return f"No {note.numbers['moderator']} was observed as far out as {beyond}: the slope there is extrapolated."


def _leverage_one(note: Note) -> str:
    who = named(note.numbers["rows"])
    return f"Row {who} has leverage 1: a coefficient rests on it alone, so its Cook's D and HC3 are undefined."


def _grid(note: Note) -> str:
    averaged = [f"{name} ({', '.join(values)})" for name, values in note.numbers["averaged"]]
    held = [
        f"{name} at {value if isinstance(value, str) else format(value, '.4g')}" for name, value in note.numbers["held"]
    ]
    parts = [f"averaged with equal weights over {named(averaged)}"] if averaged else []
    parts += [f"with {named(held)}"] if held else []
    return f"Reference grid: {'; '.join(parts)}."


def _offset(note: Note) -> str:
    of = note.numbers
    exposure = of["exposure"]
    known = "" if exposure is None else f", an exposure of {exposure:.4g}"
    if of["given"]:
        return f"The offset ({of['offset']}) is held at {of['value']:.4g}, as asked{known}."
    elsewhere = "at={'offset': …} holds it elsewhere" + ("" if exposure is None else ", at 0 for a rate per unit")
    return f"The offset ({of['offset']}) is held at its mean over the rows, {of['value']:.4g}{known}; {elsewhere}."


def _not_estimable(note: Note) -> str:
    return f"The rows of the model say nothing of {named(note.numbers['which'])} (an empty cell): not estimable."


def _same_by_model(note: Note) -> str:
    return (
        f"{named(note.numbers['contrasts'])}: no difference by the form of the model, which has no interaction there; "
        "nothing is tested."
    )


def _of_a_number(note: Note) -> str:
    names = note.numbers["names"]
    return f"{named(names)}: a number, given at its mean; name values with at=, such as at={{{names[0]!r}: [1, 9]}}."


_HOW: Final = {
    "holm": "Holm (1979)",
    "bonferroni": "Bonferroni",
    "bh": "Benjamini & Hochberg (1995)",
    "tukey": "Tukey's studentized range (Kramer 1956)",
}


def _family(note: Note) -> str:
    n, alpha = note.numbers["n_tests"], format_number(note.numbers["alpha"], "p")
    without = note.numbers["n_without"]
    rest = f" {without} more have no p-value and do not count." if without else ""
    if note.numbers["method"] == "fixed":
        return f"{n} tests, each held to p < {alpha}, a limit that was set and not computed here.{rest}"
    how = _HOW[note.numbers["method"]]
    return f"{n} tests are one family; beside the raw p stands the one adjusted by {how}, held to {alpha}.{rest}"


def _families(note: Note) -> str:
    n, m = note.numbers["families"], note.numbers["n_tests"]
    how = _HOW[note.numbers["adjust"]]
    families = f"{m} contrasts are one family" if n == 1 else f"{n} families of {m} contrasts each"
    return f"{families}; the raw p stands beside the one adjusted by {how}."


SENTENCES: Final[dict[str, Wording]] = {
    # moderated regression
    "regression_subset": "Only rows with {subset}: {n_kept} of {n_frame}.",
    "regression_centred": "{predictor} and {moderator} are centred at their means; covariates are not.",
    "regression_least_squares": "Ordinary least squares; the limits beside it stand on {robust} standard errors.",
    "regression_robust": (
        "Ordinary least squares; tests, limits, slopes and regions stand on {robust} standard errors, those of least "
        "squares beside the coefficients."
    ),
    "slope_extrapolated": _extrapolated,
    "regions_of_two_values": ("{moderator} has two values, so there are no Johnson–Neyman regions between them."),
    "regions_undefined": (
        "Johnson–Neyman regions over {moderator} are not given: the standard errors are undefined where one row "
        "decides a coefficient alone."
    ),
    "regions_observed": (
        "Johnson–Neyman regions are given inside the observed range of {moderator} only. Their edges are estimates "
        "of this sample and not cut-offs for practice; many slopes are tested at once, so the region with the false "
        "discovery rate held (Esarey & Sumner 2018) is the one to report."
    ),
    "beta_of_z_scores": (
        "beta_z: outcome, predictors and covariates were z-scored on the analysed rows, the product formed from the "
        "z-scores, and the model refitted (Friedrich 1982; Aiken & West 1991)."
    ),
    "beta_afterwards": (
        "beta_posthoc: b times the SD of its column (for the interaction: of the centred product) over the SD of the "
        "outcome, which is what SPSS prints as Beta."
    ),
    "no_beta_of_z_scores": ("beta_z is not given: the formula holds a category or a function, which has no z-score."),
    "leverage_one": _leverage_one,
    "family_of_tests": _family,
    "family_of_interactions": (
        "The {n_tests} interaction tests are one family; raw p-values stand beside those adjusted by "
        "Bonferroni, Holm (1979) and Benjamini & Hochberg (1995)."
    ),
    "regression_stands_on": "Ordinary least squares; tests and limits stand on the standard errors of {errors}.",
    "copies_left_out": lambda note: (
        f"One value per patient: {named(note.numbers['names'])}. Of {note.numbers['n_rows']} rows {note.numbers['n']} "
        "hold a value of their own and count; the others repeat it."
    ),
    # marginal means
    "marginal_grid": _grid,
    "marginal_offset": _offset,
    "marginal_not_estimable": _not_estimable,
    "marginal_same_by_model": _same_by_model,
    "marginal_of_a_number": _of_a_number,
    "marginal_families": _families,
    # analysis of variance
    "anova_assumptions": (
        "F assumes equal variances in the groups and independent rows; a large p is no proof of equal groups."
    ),
    "groups_of_one_row": _single_rows,
    "groups_by_number": (
        "{group} holds numbers, and each is a group of its own: {n_groups} groups of {n_rows} rows; a quantity wants a "
        "correlation or a regression"
    ),
}
