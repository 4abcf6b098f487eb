"""Where raters of one session disagree, cell by cell."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

import pandas as pd

from doublecode.coding.workbooks.consensus_book import Disagreement
from doublecode.schemas.frames import of_occasion
from doublecode.schemas.item import Item
from doublecode.schemas.study import Study

_CELL = ["session_id", "item"]
Key = tuple[str, str]
"""Session and item."""


def disagreements(
    ratings: pd.DataFrame, study: Study, instrument: str, *, at_least: float = 0.0, kept: Collection[Key] = ()
) -> tuple[Disagreement, ...]:
    """Find what raters of one session coded differently; recodes and texts are not compared.

    Parameters
    ----------
    ratings : DataFrame
        Contract ``RATINGS``.
    study : Study
    instrument : str
    at_least : float
        Numbers that lie closer together are left out; a missing code beside a number, and codes that are no numbers,
        always count.
    kept : collection of (str, str)
        Cells (session, item) that are listed whatever their codes are.

    Returns
    -------
    tuple of Disagreement
        By session, and then as the codebook has its items.
    """
    items = {item.name: item for item in compared_items(study, instrument)}
    first = of_occasion(ratings, first=True)
    own = first[(first["instrument"] == instrument) & first["item"].isin(list(items))]
    found = list(_differing(own, items, at_least, frozenset(kept)))
    listed = {(one.session_id, one.item.name) for one in found}
    # their ratings were withdrawn since: what was decided is shown all the same
    found += [Disagreement(session, items[item], (), None) for session, item in set(kept) - listed if item in items]
    places = {name: place for place, name in enumerate(items)}
    return tuple(sorted(found, key=lambda one: (one.session_id, places[one.item.name])))


def compared_items(study: Study, instrument: str) -> list[Item]:
    """The items that can be settled by a code: all but texts and what was entered beforehand."""
    return [item for item in study.codebooks[instrument].columns if item.type != "text" and not item.given]


def _differing(
    rows: pd.DataFrame, items: Mapping[str, Item], at_least: float, kept: frozenset[Key]
) -> Iterator[Disagreement]:
    sorted_rows = rows.sort_values("rater", kind="stable")
    codes: dict[Key, list[tuple[str, str]]] = {}
    numbers: dict[Key, list[float]] = {}
    columns = (sorted_rows[name] for name in ("session_id", "item", "rater", "value"))
    for session, item, rater, value, code in zip(*columns, code_of(sorted_rows), strict=True):
        codes.setdefault((session, item), []).append((rater, code))
        numbers.setdefault((session, item), []).append(value if items[item].is_numeric else float("nan"))
    for (session, item), pairs in codes.items():
        values = numbers[session, item]
        distance = None if any(value != value for value in values) else max(values) - min(values)
        apart = len({code for _, code in pairs}) > 1 and (distance is None or distance >= at_least)
        if apart or (session, item) in kept:
            yield Disagreement(session, items[item], tuple(pairs), distance)


def code_of(rows: pd.DataFrame) -> list[str]:
    """What each rating says, as it is typed: its missing code, its category, or its number."""
    return [
        _typed(missing, text, value)
        for missing, text, value in zip(rows["missing_code"], rows["text"], rows["value"], strict=True)
    ]


def _typed(missing: Any, text: Any, value: float) -> str:
    if isinstance(missing, str):
        return missing
    return text if isinstance(text, str) else f"{value:.10g}"
