"""What a coded warning says of a note, where that is less than the note itself says."""

from __future__ import annotations

from typing import Final

from doublecode.analysis.rendering.wording.mixed import SINGULAR, singularity
from doublecode.analysis.rendering.wording.phrases import Wording

FOUND: Final[dict[str, Wording]] = {
    **dict.fromkeys(SINGULAR, singularity),
    "few_pairs": "{n_pairs} {targets:pl} carry more than one rating (below {least})",
}
