"""Sentences of the notes of ``analysis/ratings``."""

from __future__ import annotations

from typing import Final

from doublecode.analysis.rendering.wording.phrases import Wording

SENTENCES: Final[dict[str, Wording]] = {
    "rows_without_rating": "{n} row(s) without a rating were left out",
}
