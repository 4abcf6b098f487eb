"""What plans are to be read with."""

from __future__ import annotations

from typing import Final

from doublecode.analysis.rendering.tables import format_number
from doublecode.analysis.rendering.wording.phrases import Wording
from doublecode.schemas.results import Note


def _cheapest(note: Note) -> str:
    """How many designs there were to choose from, and what was asked of them."""
    width = note.numbers["width"]
    within = "" if width is None else f" and an interval of the ICC no wider than {format_number(width, 'bounded')}"
    return (f"the cheapest of {note.numbers['n']} simulated designs with power "
            f"{format_number(note.numbers['power'], 'bounded')}{within}")  # fmt: skip


SENTENCES: Final[dict[str, Wording]] = {
    "power_no_effect": "where the effect is 0, power is the type I error; it should be near α",
    "power_stopped": (
        "stopped early, after {n} of {all} studies where it was soonest, since the limits were narrow enough"
    ),
    "power_attenuated": (
        "effects are those of true scores; rating error makes estimates smaller, and power and the mean of estimates "
        "have that in them"
    ),
    "power_cheapest": _cheapest,
    "power_patient_means": (
        "a patient's level is the mean of the sessions that are there; with few sessions it is measured with error, "
        "and estimates between patients are smaller than the effect"
    ),
    "power_slopes_unmodelled": (
        "slopes differ between patients, and the model has none that do: its test finds too much; write "
        "(within | patient)"
    ),
    "power_failed": "up to {failed:.1%} of the studies could not be fitted; they count as studies without a finding",
}
