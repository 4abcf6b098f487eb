"""Printed names: of instruments, their items and scales, and of the terms of models."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Final

from doublecode.schemas.near_names import told_apart

if TYPE_CHECKING:
    from doublecode.schemas.instrument import Instrument

Labels = Mapping[str, str]
"""Name of a variable → its label."""
_LEVEL: Final = re.compile(
    r"(?:C\((?P<called>[^,()]+)[^()]*(?:\([^()]*\))?\)|(?P<column>[^\[]+))\[(?:T\.)?(?P<level>.*)\]"
)


def short_title(title: str) -> str:
    """Return the abbreviation at the end of an instrument's title, or the title.

    Examples
    --------
    >>> short_title("Global Homework Engagement Scale (GHES)"), short_title("Initial resistance")
    ('GHES', 'Initial resistance')
    >>> short_title("Burden (mean)")  # words, no abbreviation
    'Burden (mean)'
    """
    found = re.search(r"\(([^()\s]+)\)$", title)
    return found[1] if found and sum(map(str.isupper, found[1])) > 1 else title


def label_of(books: Mapping[str, Instrument], instrument: str, name: str) -> str:
    """Printed label of an item or a scale of an instrument."""
    book = books[instrument]
    labels = told_apart(book.parts) | told_apart((scale.name, scale.label) for scale in book.scales)
    return labels.get(name, name)


def part_places(books: Mapping[str, Instrument]) -> dict[tuple[str, str], int]:
    """Place of each (instrument, item or scale) in tables: as the codebooks have them, items before scales."""
    parts = [
        (book.name, name)
        for book in books.values()
        for name in (*(part for part, _ in book.parts), *(scale.name for scale in book.scales))
    ]
    return {part: place for place, part in enumerate(parts)}


def short_labels(labels: Labels) -> dict[str, str]:
    """Return the labels without what they end with in parentheses, if that begins with an abbreviation.

    A unit stays, and so does what tells two labels apart.

    Examples
    --------
    >>> short_labels({"he": "Homework engagement (GHES)", "minutes": "Length (Min.)"})
    {'he': 'Homework engagement', 'minutes': 'Length (Min.)'}
    """
    short = {name: _without_abbreviation(label) for name, label in labels.items()}
    times = Counter(short.values())
    return {name: label if times[label] == 1 else labels[name] for name, label in short.items()}


def _without_abbreviation(label: str) -> str:
    head, _, rest = label.partition(" (")
    first = rest.replace(";", " ").partition(" ")[0]
    return head if rest.endswith(")") and sum(map(str.isupper, first)) > 1 else label


def term_labels(labels: Labels, split: Iterable[str] = ()) -> dict[str, str]:
    """Return the labels of what terms are made of: variables, and the two parts of those that are split.

    Examples
    --------
    >>> term_labels({"he": "Engagement"}, ["he"])["he_within"]
    'Engagement, within patients'
    """
    parts = {f"{name}_{side}": f"{labels.get(name, name)}, {side} patients"
             for name in split for side in ("within", "between")}  # fmt: skip
    return {"session": "Session", **parts, **labels}


def label_term(term: str, labels: Labels) -> str:
    """Name a term by the labels of the columns that it multiplies (formulaic sets a colon between them).

    Examples
    --------
    >>> label_term("rationale:resistance", {"rationale": "Rationale", "resistance": "Resistance"})
    'Rationale × Resistance'
    >>> label_term("medication[T.SSRI]", {"medication": "Medication"})
    'Medication: SSRI'
    """
    return " × ".join(_part(name, labels) for name in _factors(term))


def _factors(term: str) -> list[str]:
    """The columns that a term multiplies; a colon inside a level, as in ``[T.a:b]``, parts nothing."""
    return re.findall(r"(?:\[[^\]]*\]|[^:\[])+", term) or [term]


def _part(name: str, labels: Labels) -> str:
    """A column by its label; of a category its level, which is held against the one that is not in the table."""
    found = _LEVEL.fullmatch(name)
    if found is None or name in labels:
        return labels.get(name, _session(name))
    column = found["called"] or found["column"]
    return f"{labels.get(column, column)}: {found['level']}"


def _session(name: str) -> str:
    """A session number is one from whichever session it is counted."""
    return "Session" if name.removeprefix("session_from_").isdigit() else name
