"""What one workbook is made of, before it is a file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from doublecode.coding.workbooks.layout import Stamp, rate_columns
from doublecode.schemas.instrument import Instrument
from doublecode.schemas.workbook_texts import WorkbookTexts, shipped_texts


@dataclass(frozen=True)
class Sheet:
    """The content of one workbook: its stamp, its codebook, a row per session.

    Parameters
    ----------
    rows : sequence of mapping of str to str
        Per session the texts of ``session_id``, ``recording``, ``start``, ``stop`` and the given items.
    texts : WorkbookTexts
        The language of everything that is not the codebook's own.
    segments : bool
        Whether the sheet says from where to where a recording is heard; without it no session has a start or a stop.
    """

    stamp: Stamp
    book: Instrument
    rows: Sequence[Mapping[str, str]] = field(default_factory=tuple)
    texts: WorkbookTexts = field(default_factory=lambda: shipped_texts("en"))
    segments: bool = True

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of its *Rate* sheet."""
        return rate_columns(self.book, segments=self.segments)
