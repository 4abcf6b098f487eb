"""Which variable of a path comes before which, by what the study declares."""

from __future__ import annotations

import itertools

from doublecode.schemas.results import Note


def declared_order(note: Note) -> str:
    """Say of which session each variable is, and what of the order nothing says."""
    places = note.numbers["places"]
    said = ", ".join(f"{name} is of {_when(place)}" for name, place in places)
    open_pairs = [f"{a} comes before {b}" for (a, first), (b, second) in itertools.pairwise(places) if first >= second]
    rest = f" Nothing says that {' or that '.join(open_pairs)}." if open_pairs else ""
    return f"As declared (lag, refers_to): {said}.{rest} An indirect effect is no proof of an order."


def _when(place: float) -> str:
    whole = int(-place)
    at = "the session" if whole == 0 else "the session before" if whole == 1 else f"{whole} sessions before"
    return f"{at}, since the last one" if place % 1 else at
