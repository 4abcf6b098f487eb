"""The columns of a table of coefficients, the same for every kind of regression."""

from __future__ import annotations

from typing import TYPE_CHECKING

from doublecode.analysis.rendering.tables import Column, column

if TYPE_CHECKING:
    import pandas as pd


def coefficients(frame: pd.DataFrame, conf_level: float = 0.95, statistic: str = "*t*") -> tuple[Column, ...]:
    """Columns of a table of coefficients, those that the frame has.

    Degrees of freedom are whole numbers, or all with one decimal.

    Examples
    --------
    >>> import pandas as pd
    >>> [one.heading for one in coefficients(pd.DataFrame({"estimate": [0.5], "p_value": [0.02]}))]
    ['*b*', '*p*']
    """
    whole = "df" not in frame.columns or bool(((frame["df"] - frame["df"].round()).abs() < 5e-5).all())
    wanted = (
        column("estimate"),
        column("std_error"),
        column("conf_low", f"{100 * conf_level:g}% CI"),
        column("df") if whole else column("df", kind="number", digits=1),
        column("statistic", statistic),
        column("p_value"),
    )
    return tuple(one for one in wanted if one.name in frame.columns)
