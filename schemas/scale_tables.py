"""What a codebook prints of its scales: how they are scored, the named stretches of a score, its norms."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from doublecode.schemas.cards import table_of
from doublecode.schemas.item import Item
from doublecode.schemas.norms import Norms
from doublecode.schemas.plain_table import PlainTable
from doublecode.schemas.scale import Scale
from doublecode.schemas.toml_lines import EntryError


def score_tables(scales: Sequence[Scale]) -> tuple[PlainTable, ...]:
    """Scores, bands and norms, each only where there are any."""
    return tuple(_tables(scales))


def _tables(scales: Sequence[Scale]) -> Iterator[PlainTable]:
    scored = [(one.name, one.label, one.scored, ", ".join(one.items), ", ".join(one.lagged)) for one in scales]
    yield table_of("Scales", ("Scale", "Label", "Score", "Items", "Of the session before"), scored)
    bands = [(one.name, band.label, f"{band.low:g}–{band.high:g}") for one in scales for band in one.bands]
    if bands:
        yield table_of("Bands", ("Scale", "Band", "Scores"), bands)
    norms = [(one.name, *row, f"{one.norms.better} is better") for one in scales if one.norms for row in one.norms.rows]
    if norms:
        yield table_of("Norms", ("Scale", "Norm", "Value", "Source", "Scores"), norms)


def score_range(scale: Scale, items: Mapping[str, Item]) -> tuple[float, float]:
    """The lowest and the highest score of a scale whose items, by name, are all answered."""
    times = len(scale.items) if scale.score == "sum" else 1
    lowest = times * sum(items[name].low for name in scale.items) / len(scale.items)
    highest = times * sum(items[name].high for name in scale.items) / len(scale.items)
    return lowest, highest


def check_norms(scale: Scale, lowest: float, highest: float, place: tuple[int | str, ...]) -> None:
    """Hold cut-off and means of a scale's norms to the scores it can have; ``EntryError`` names what does not fit."""
    said = None if scale.norms is None else norms_outside(scale.norms, lowest, highest)
    if said:
        raise EntryError(f"scale {scale.name!r}: norms: {said}", place=place)


def norms_outside(norms: Norms, lowest: float, highest: float) -> str:
    """Which cut-off or mean no score can have, or that patients and others lie on the wrong sides; else nothing."""
    groups = (("patients", norms.patients), ("others", norms.others))
    found = {f"mean of {name}": one.mean for name, one in groups if one is not None}
    if norms.cutoff is not None:
        found["cutoff"] = norms.cutoff.value
    for name, value in found.items():
        if not lowest <= value <= highest:
            return f"{name} is {value:g}, and scores run from {lowest:g} to {highest:g}"
    if norms.patients is not None and norms.others is not None:
        sides = norms.others.mean, norms.patients.mean
        if (sides[0] >= sides[1]) if norms.better == "lower" else (sides[0] <= sides[1]):
            return (
                f"{norms.better} is better, and the mean of patients is {sides[1]:g}, that of others {sides[0]:g}; "
                "exchange the two, or better"
            )
    return ""
