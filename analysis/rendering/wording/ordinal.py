"""Sentences of the notes of cumulative models and of rater severity on a latent scale."""

from __future__ import annotations

from typing import Final

from doublecode.analysis.rendering.wording.phrases import Wording, about_subject
from doublecode.schemas.results import Note


def _empty(note: Note) -> str:
    categories = note.numbers["categories"]
    if len(categories) == 1:
        return (
            f"category {categories[0]} has no row and is left out: its neighbours are side by side, and the model "
            "gives it no probability"
        )
    return (
        f"categories {', '.join(categories)} have no row and are left out: their neighbours are side by side, and the "
        "model gives them no probability"
    )


SENTENCES: Final[dict[str, Wording]] = {
    "ordinal_direction": "a positive coefficient makes higher categories likelier",
    "ordinal_latent_scale": (
        "means stand on the latent scale ({link}) of a group at the middle, against the mean of the thresholds"
    ),
    "ordinal_categories_empty": about_subject(_empty),
    "latent_icc_caution": (
        "the latent ICC is that of a continuous rating behind the categories, not of the ratings given: it is usually "
        "higher, and cut-offs made for ordinary ICCs do not apply to it; report the ordinary one, the latent beside it"
    ),
    "latent_severity_sign": (
        "latent severity is against the mean of all raters: above 0 rates higher, below 0 is more severe; the fair "
        "average is the rating that she gives the average {targets}"
    ),
}
