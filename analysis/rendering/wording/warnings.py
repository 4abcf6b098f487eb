"""What a coded warning says of a note, where that is less than the note itself says."""

from __future__ import annotations

from typing import Final

FOUND: Final[dict[str, str]] = {
    "few_pairs": "{n_pairs} {targets}(s) carry more than one rating (below {least})",
}
