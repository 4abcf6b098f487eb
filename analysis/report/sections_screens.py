"""The section on screens of the ratings: alarms, or that there is none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from doublecode.analysis.rendering.document import Block, Bullets, Paragraph, Section

if TYPE_CHECKING:
    from doublecode.analysis.screening.rating_screens import ScreenResult

_LOOKED_FOR: Final = (
    "Looked for, each against honest coding: identical rows of two raters of a session, strings of equal codes and "
    "rows that come again within a rater, columns that slipped by a row, reversed codes, codes never used, rows of one "
    "code."
)
_CAUTION: Final = "An alarm is a reason to look at the cells and to ask the rater; no rating was left out for it."


def screens_section(screens: ScreenResult | None) -> Section | None:
    """What the screens say; nothing where raters coded nothing."""
    if screens is None:
        return None
    blocks: list[Block] = [Paragraph(f"{_LOOKED_FOR} {screens.counted()}")]
    if screens.notes:
        blocks += [*screens.tables(), Bullets(screens.note_texts()), Paragraph(_CAUTION)]
    return Section("screens", "Screens of the ratings", tuple(blocks))
