"""Sentences of the notes of ``analysis/concordance``."""

from __future__ import annotations

from typing import Final

from doublecode.analysis.rendering.wording.phrases import Wording, about_subject
from doublecode.schemas.results import Note


def _all_in_one(note: Note) -> str:
    names = note.numbers["coefficients"]
    text = (
        f"all ratings are equal, so the agreement expected by chance is 1 too and {', '.join(names)} are 0/0: "
        "undefined (exact agreement stands)"
    )
    if any(name.startswith("Gwet") for name in names):
        text += (
            "; with all codes of the scale named (`categories`, --codes) Gwet's AC and Brennan–Prediger are defined, "
            "for they count the codes that nobody used"
        )
    return text


def _pairs_in_one(note: Note) -> str:
    return (
        f"{', '.join(note.numbers['coefficients'])}: undefined (0/0), for all ratings of multiply coded targets are "
        "equal"
    )


SENTENCES: Final[dict[str, Wording]] = {
    "single_coded_left_out": "{n} rating(s) of single-coded targets were left out as asked",
    "too_few_double_coded": "two ratings on {n} of the {targets:pl}; agreement needs at least two such {targets:pl}",
    "many_single_coded": "{share:.0%} of the {targets:pl} carry one rating; standard errors also hold the chance of "
    "being double-coded (single_coded='drop' leaves them out)",
    "too_many_categories": "{n} different ratings: too many for categories, chance-corrected coefficients are left out "
    "(use icc())",
    "all_in_one_category": about_subject(_all_in_one),
    "pairs_in_one_category": about_subject(_pairs_in_one),
    "kappa_counts_single_coded": "Cohen's kappa takes chance agreement from all ratings of each rater, those of "
    "single-coded targets too, with Gwet's (2014) error; single_coded='drop' gives kappa of the double-coded alone",
    "no_ratio_alpha": "Krippendorff's alpha for ratios is left out: there are negative ratings",
    "codes_on_a_lattice": "differences of integer codes fall on a lattice; the limits suppose that they are roughly "
    "normal and that their spread does not grow with the mean",
}
