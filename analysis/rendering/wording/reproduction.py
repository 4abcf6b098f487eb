"""Sentences on a report that was made again."""

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
}
