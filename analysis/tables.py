"""Frames to text: the one place where numbers are rounded for the eye."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd


def format_cell(value: Any, digits: int = 3) -> str:
    """Render one value: floats to `digits` decimals, missing as an en dash."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "–"
    if isinstance(value, float):
        return f"{value:.{digits}f}"
    return str(value)


def to_markdown(frame: pd.DataFrame, digits: int = 3) -> str:
    """Render a tidy frame as a Markdown table; the index is not shown.

    Examples
    --------
    >>> import pandas as pd
    >>> print(to_markdown(pd.DataFrame({"term": ["time"], "estimate": [-0.0512]})))
    | term | estimate |
    |---|---|
    | time | -0.051 |
    """
    head = ["| " + " | ".join(map(str, frame.columns)) + " |", "|" + "---|" * len(frame.columns)]
    cells = ([format_cell(value, digits).replace("|", "\\|") for value in row] for row in frame.itertuples(index=False))
    return "\n".join([*head, *("| " + " | ".join(row) + " |" for row in cells)])
