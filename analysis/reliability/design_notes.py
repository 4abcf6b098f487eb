"""What a design can and cannot carry, as facts with numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import special

from doublecode.analysis.ratings.design import Layout
from doublecode.analysis.results.rules import FEW_PAIRS, FEW_RATERS
from doublecode.schemas.results import Note


def impossible(layout: Layout, targets: str, raters: str | None) -> Note | None:
    """Say why no ICC at all exists in this layout, or None."""
    called = {"targets": targets, "raters": raters}
    counted = {**called, "n_ratings": layout.n_obs, "n_targets": layout.n_targets}
    if layout.n_targets == 1:
        return Note("one_target", numbers=called)
    if layout.known_raters and layout.n_raters == 1:
        return Note("one_rater", numbers={**counted, "rater": layout.rater_names[0]})
    if layout.ratings_per_target[1] == 1:
        return Note("no_pairs", numbers=counted)
    return None


def design_notes(layout: Layout, targets: str, raters: str | None, conf_level: float) -> list[Note]:
    """Return what a careful reader of this design needs to know."""
    notes = []
    if layout.kind == "nested":
        notes.append(Note("nested_raters", numbers={"targets": targets, "raters": raters}))
    elif layout.kind == "one-way":
        notes.append(Note("unknown_raters"))
    elif layout.n_raters < FEW_RATERS:
        notes.append(_few_raters(layout.n_raters, conf_level))
    pairs = few_pairs(layout, targets)
    if pairs is not None:
        notes.append(pairs)
    if layout.kind in ("incomplete", "disconnected"):
        notes += _incomplete_notes(layout, targets, raters)
    if layout.kind == "disconnected":
        notes.append(disconnected_note(layout, targets, raters))
    return notes


def few_pairs(layout: Layout, targets: str) -> Note | None:
    """Say how few targets carry several ratings; None where they are enough."""
    double = layout.n_targets - layout.n_single_coded
    if double >= FEW_PAIRS:
        return None
    return Note("few_pairs", numbers={"n_pairs": double, "targets": targets, "least": FEW_PAIRS})


def _few_raters(n_raters: int, conf_level: float) -> Note:
    low, high = variance_factors(n_raters - 1, conf_level)
    numbers = {"n_raters": n_raters, "df": n_raters - 1, "conf_level": conf_level, "low": low, "high": high}
    return Note("few_raters", numbers=numbers)


def variance_factors(df: int, conf_level: float) -> tuple[float, float]:
    """Factors by which a variance on `df` degrees of freedom may be off (chi-square limits).

    Examples
    --------
    >>> [round(float(x), 2) for x in variance_factors(4, 0.95)]
    [0.36, 8.26]
    """
    alpha = 1.0 - conf_level
    return df / float(special.chdtri(df, alpha / 2.0)), df / float(special.chdtri(df, 1.0 - alpha / 2.0))


def _incomplete_notes(layout: Layout, targets: str, raters: str | None) -> list[Note]:
    called = {"targets": targets, "raters": raters}
    notes = [Note("different_raters", numbers={**called, "q": layout.q})]
    names = layout.rater_names
    once = tuple(str(names[i]) for i in np.flatnonzero(layout.per_rater == 1))
    if once:
        notes.append(Note("raters_with_one_rating", numbers={**called, "names": once}))
    return notes


def disconnected_note(layout: Layout, targets: str, raters: str | None) -> Note:
    """Say into which parts the rater–target graph falls: names of raters and number of targets of each."""
    parts: list[dict[str, Any]] = []
    for part in range(int(layout.parts.max()) + 1):
        members = np.flatnonzero(layout.parts == part)
        n_targets = len(np.unique(layout.target[np.isin(layout.rater, members)]))
        parts.append({"names": tuple(str(layout.rater_names[i]) for i in members), "n_targets": n_targets})
    return Note("disconnected", numbers={"targets": targets, "raters": raters, "parts": tuple(parts)})
