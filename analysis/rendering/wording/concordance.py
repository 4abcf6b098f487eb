"""Sentences of the notes of ``analysis/concordance``."""

from __future__ import annotations

from typing import Final

from doublecode.analysis.rendering.wording.phrases import Wording

SENTENCES: Final[dict[str, Wording]] = {
    "single_coded_left_out": "{n} rating(s) of single-coded targets were left out as asked",
    "too_few_double_coded": "two ratings on {n} of the {targets:pl}; agreement needs at least two such {targets:pl}",
    "many_single_coded": "{share:.0%} of the {targets:pl} carry one rating; standard errors also hold the chance of "
    "being double-coded (single_coded='drop' leaves them out)",
    "too_many_categories": "{n} different ratings: too many for categories, chance-corrected coefficients are left out "
    "(use icc())",
    "no_ratio_alpha": "Krippendorff's alpha for ratios is left out: there are negative ratings",
    "codes_on_a_lattice": "differences of integer codes fall on a lattice; the limits suppose that they are roughly "
    "normal and that their spread does not grow with the mean",
}
