"""What a codebook prints of its scales: how they are scored, the named stretches of a score, its norms."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from doublecode.schemas.cards import table_of
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


def check_norms(scale: Scale, lowest: float, highest: float, place: tuple[int | str, ...]) -> None:
    """Hold cut-off and means of a scale's norms to the scores it can have; ``EntryError`` names what does not fit."""
    norms = scale.norms
    if norms is None:
        return
    groups = (("patients", norms.patients), ("others", norms.others))
    found = {f"mean of {name}": one.mean for name, one in groups if one is not None}
    if norms.cutoff is not None:
        found["cutoff"] = norms.cutoff.value
    for name, value in found.items():
        if not lowest <= value <= highest:
            raise EntryError(
                f"scale {scale.name!r}: norms: {name} is {value:g}, and scores run from {lowest:g} to {highest:g}",
                place=place,
            )
