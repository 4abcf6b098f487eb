"""Correlations as the lower triangle of a paper's table, with stars where they are wanted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from doublecode.analysis.rendering.tables import format_number
from doublecode.schemas.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd

Stars = Literal["raw", "holm"] | None


def starred(p_value: float) -> str:
    """Stars of a p-value: one below .05, two below .01, three below .001.

    Examples
    --------
    >>> [starred(p) for p in (0.2, 0.03, 0.004, 0.0001)]
    ['', '*', '**', '***']
    """
    return "*" * sum(p_value < limit for limit in (0.05, 0.01, 0.001))


def triangle_of(rows: pd.DataFrame, names: Sequence[str], stars: Stars, counts: bool) -> pd.DataFrame:
    """Lay the pairs of one level out as texts below the diagonal.

    Parameters
    ----------
    rows : DataFrame
        ``x``, ``y``, ``r``, ``p_value``, ``p_holm``, ``n`` of every pair.
    names : sequence of str
        The variables in their order.
    stars : {"raw", "holm"} or None
        Which p makes them.
    counts : bool
        The rows of the pair in brackets behind its r.
    """
    import pandas as pd

    if stars not in ("raw", "holm", None):
        raise UsageError(f"triangle: found stars = {stars!r}; allowed: 'raw', 'holm', None.")
    shown = pd.DataFrame("", index=list(names), columns=list(names))
    for x, y, r, p, holm, n in zip(*(rows[name] for name in ("x", "y", "r", "p_value", "p_holm", "n")), strict=True):
        text = format_number(r, "bounded") + ("" if stars is None else starred(p if stars == "raw" else holm))
        shown.loc[y, x] = f"{text} ({n})" if counts else text
    return shown
