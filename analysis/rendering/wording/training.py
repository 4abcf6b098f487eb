"""Sentences of the notes of ``analysis/training``."""

from __future__ import annotations

import math
from typing import Final

from doublecode.analysis.rendering.wording.phrases import Wording, plural
from doublecode.schemas.results import Note


def _out_of_reach(note: Note) -> str:
    mark, least = note.numbers["mark"], note.numbers["least"]
    way = "no number of tapes is enough" if math.isinf(least) else f"it takes {least} {plural(note.numbers['targets'])}"
    return (
        f"the lower limit of the share within one point cannot reach {mark:.0%} with so few "
        f"{plural(note.numbers['targets'])}, even if every rating is near the key: {way}; a milder mark, or judge = "
        '"estimate", can be reached'
    )


SENTENCES: Final[dict[str, Wording]] = {
    "few_tapes": "{n} of {of} sets have fewer than {least} {targets:pl} with a rating: there only bias and the share "
    "within one point decide, because intervals of kappa and ICC are too wide to say anything",
    "within_cannot_fail": "in {n} set(s) all ratings span no more than a point, so every one is within one point of "
    "the key: that mark is not judged there",
    "mark_undefined": "{n} mark(s) cannot be judged, because their estimate or limit does not exist (all ratings "
    "equal, or too few)",
    "mark_out_of_reach": _out_of_reach,
    "tapes_to_rate": "{n} rating(s) that the key holds are still to be given; there is no verdict before",
    "key_without_rating": "{n} rating(s) that the key holds have a missing code from the trainee; they are in no pair",
    "ratings_without_key": "{n} rating(s) of what the key does not hold are left out",
    "other_codebook_version": "{n} session(s) were rated with version {version} of the codebook, the key with {key}; "
    "they are compared with nothing and have to be rated again",
    "key_of_other_version": "the key of {subject} was made with version {key} of the codebook, the study uses {now} "
    "now: ratings of version {key} are held to it, and scored as the codebook says now",
    "key_without_instrument": "the key holds nothing of {named}: what raters rated with it is not judged",
    "codes_not_judged": "{subject}: {n} item(s) whose codes have no values ({named}) are not judged, since a mark "
    "is of numbers; agreement() compares them",
    "items_not_judged": '{subject}: {n} item(s) in no scale ({named}) are not judged; level = "items" judges items',
    "errors_in_incoming": "{n} problem(s) in incoming/: what is refused there is in no number; doublecode check says "
    "where",
    "items_beyond": "{n} of {of} ratings of items are more than a point from the key; the furthest are listed",
    "no_pass_mark": "no pass mark is declared, so nothing is judged",
}
