"""Sentences on a report that was made again, and on printed values beside ours."""

from __future__ import annotations

from typing import Final

from doublecode.analysis.rendering.wording.phrases import Wording

SENTENCES: Final[dict[str, Wording]] = {
    "reproduce_changed": "{subject} is not as it was when the report was made",
    "reproduce_missing": "{subject} was read for the report, and is not there now",
    "reproduce_new": "{subject} is there now, and was not read for the report",
    "reproduce_seed": "the seed was {was} and is {now}",
    "reproduce_codebook": "the codes of the codebook {subject} do not mean what they meant",
    "reproduce_version": "{subject} was {was} and is {now}",
    "published_z": (
        "z is how far what is printed lies from the mean of studies of the same design, in their SD; there is none of "
        "bounds and words, and none where the number is the same in every one of them. Calibrated: the generator, or "
        "the choice of the shipped seed, was tuned to it; by design: the same in every study; emerged: nobody tuned "
        "it. A p-value, a smallest or a largest value is not normal over studies, and z is then a rough guide"
    ),
    "published_declared": "declared values are read from a declaration, not computed, and count as no match",
}
