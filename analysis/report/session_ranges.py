"""The range of the means of single sessions, as papers print it: "2.41 to 3.02 (9 sessions)"."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from doublecode.analysis.description.descriptives import ALL
from doublecode.analysis.rendering.tables import format_number

if TYPE_CHECKING:
    import pandas as pd

RANGES: Final = "*M* by session: lowest and highest mean of a session number, and how many session numbers have one."


def session_ranges(described: pd.DataFrame, overall: pd.DataFrame) -> list[str]:
    """Of each row of `overall` the lowest and highest mean of a session number, and how many have one.

    Parameters
    ----------
    described : DataFrame
        Moments of items or scores, over all sessions and in each.
    overall : DataFrame
        Those over all sessions.

    Returns
    -------
    list of str
        Empty where fewer than two session numbers have a mean.
    """
    keys = ["instrument", "item" if "item" in described else "scale"]
    each = described[(described["session"] != ALL) & described["mean"].notna()]
    ranges = {
        key: f"{format_number(part['mean'].min())} to {format_number(part['mean'].max())} ({len(part)})"
        for key, part in each.groupby(keys, sort=False)
        if len(part) > 1
    }
    return [ranges.get(key, "") for key in zip(*(overall[name] for name in keys), strict=True)]
