"""What a coded warning says of a note, where that is less than the note itself says."""

from __future__ import annotations

from typing import Final

from doublecode.analysis.rendering.wording.mixed import SINGULAR, singularity
from doublecode.analysis.rendering.wording.phrases import Wording
from doublecode.schemas.results import Note

FOUND: Final[dict[str, Wording]] = {
    **dict.fromkeys(SINGULAR, singularity),
    "few_pairs": "{n_pairs} {targets:pl} carry more than one rating (below {least})",
}


def next_step(note: Note) -> str:
    """What to do about a warning, where that depends on its numbers; else empty."""
    if note.kind == "therapist_variable":
        return {
            "random_part": "Add + (1 | therapist) to the steps: its df are then those of therapists.",
            "declare_series": "Declare a [[series]] with (1 | therapist): its df are then those of therapists.",
        }[note.numbers["way"]]
    if note.kind != "conflated_slope":
        return ""
    names = ", ".join(f'"{name}"' for name in note.numbers["names"])
    return {
        "read_split": "Read the within/between model beside it.",
        "add_to_split": f"Add to the series' split: {names}.",
        "declare_series": "A regression cannot part the two: declare a [[series]] with (1 | patient) and "
        f"split = [{names}].",
    }[note.numbers["way"]]
