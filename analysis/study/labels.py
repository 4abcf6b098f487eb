"""Printed names: of instruments, their items and scales, and of the terms of models."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from doublecode.schemas.instrument import Instrument

Labels = Mapping[str, str]
"""Name of a variable → its label."""


def short_title(title: str) -> str:
    """Return the abbreviation at the end of an instrument's title, or the title.

    Examples
    --------
    >>> short_title("Global Homework Engagement Scale (GHES)"), short_title("Initial resistance")
    ('GHES', 'Initial resistance')
    """
    return title.rpartition("(")[2].rstrip(")") if title.endswith(")") else title


def label_of(books: Mapping[str, Instrument], instrument: str, name: str) -> str:
    """Printed label of an item or a scale of an instrument."""
    book = books[instrument]
    labels = {item.name: item.label for item in book.columns} | {scale.name: scale.label for scale in book.scales}
    return labels.get(name, name)


def label_term(term: str, labels: Labels) -> str:
    """Name a term by the labels of its variables.

    Examples
    --------
    >>> label_term("rationale:resistance", {"rationale": "Rationale", "resistance": "Resistance"})
    'Rationale × Resistance'
    """
    parts = []
    for part in term.split(":"):
        stem, _, side = part.rpartition("_")
        if part not in labels and side in ("within", "between") and stem in labels:
            parts.append(f"{labels[stem]}, {side} patients")
        else:
            parts.append({"Intercept": "Intercept", "session": "Session"}.get(part, labels.get(part, part)))
    return " × ".join(parts)
