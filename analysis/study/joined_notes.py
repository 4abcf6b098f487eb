"""What one result notes of each of its sets, said once for all sets that it holds of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Final

from doublecode.schemas.results import Note

MEASURED: Final[Mapping[str, str]] = {"different_raters": "q"}
"""Kind → the number that each set has of its own; of several sets its lowest and highest value are said."""


def joined_notes(notes: Iterable[Note]) -> tuple[Note, ...]:
    """Join the notes that say the same of several subjects; the first ones stay first.

    Examples
    --------
    >>> joined = joined_notes([Note("few_raters", "a"), Note("singular", "a"), Note("few_raters", "b")])
    >>> [(note.kind, note.subject) for note in joined]
    [('few_raters', 'a; b'), ('singular', 'a')]
    """
    alike: dict[str, list[Note]] = {}
    for note in notes:
        alike.setdefault(repr((note.kind, bool(note.subject), _shared(note))), []).append(note)
    return tuple(_one(same) for same in alike.values())


def _shared(note: Note) -> dict[str, Any]:
    return {name: value for name, value in note.numbers.items() if name != MEASURED.get(note.kind)}


def _one(same: list[Note]) -> Note:
    first, measured = same[0], MEASURED.get(same[0].kind)
    subject = "; ".join(dict.fromkeys(note.subject for note in same))
    if measured is None or len(same) == 1:
        return replace(first, subject=subject)
    values = [note.numbers[measured] for note in same if measured in note.numbers]
    span = {f"{measured}_low": min(values), f"{measured}_high": max(values)} if values else {}
    return replace(first, subject=subject, numbers={**_shared(first), **span})
