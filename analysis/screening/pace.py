"""Sessions that were rated faster than they can be heard, where ratings carry a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from doublecode.analysis.screening.findings import Finding, Screen
from doublecode.schemas.errors import ContractError, UsageError

if TYPE_CHECKING:
    from doublecode.analysis.screening.code_tables import Ints

SPEED: Final = 0.5
"""Share of the minutes of a recording below which hearing it is taken as impossible (twice the speed)."""
FEWEST: Final = 3
"""So many sessions make an alarm; one or two may have been entered later."""


def fast_pace(ratings: pd.DataFrame, rated_at: str, minutes: str) -> Iterator[Finding]:
    """Count the sessions whose last rating came sooner after the session before than half their minutes.

    Parameters
    ----------
    ratings : DataFrame
        ``session_id, rater`` and the columns that the other two name.
    rated_at : str
        When a rating was made: date and time.
    minutes : str
        Minutes that there are to hear.

    Raises
    ------
    UsageError, ContractError
        A column is not there, or a time is none.
    """
    stray = [name for name in (rated_at, minutes) if name not in ratings.columns]
    if stray:
        raise UsageError(f"screen_ratings: there is no column {stray[0]!r}; found: {', '.join(ratings.columns)}.")
    times = pd.to_datetime(ratings[rated_at], errors="coerce", format="ISO8601")
    wrong = times.isna() & ratings[rated_at].notna()
    if wrong.any():
        at = int(wrong.to_numpy().argmax())
        raise ContractError(
            f"ratings: column {rated_at!r}, row {ratings.index[at]}: found {ratings[rated_at].iloc[at]!r}, allowed "
            "date and time as 2026-03-31 14:05. Correct it."
        )
    rows = pd.DataFrame(
        {"rater": ratings["rater"], "session_id": ratings["session_id"], "time": times, "minutes": ratings[minutes]}
    ).dropna()
    each = rows.groupby(["rater", "session_id"], as_index=False, observed=True).agg(
        time=("time", "max"), minutes=("minutes", "max")
    )
    for rater, own in each.sort_values(["rater", "time"], kind="stable").groupby("rater", observed=True):
        gaps = own["time"].diff().dt.total_seconds().to_numpy() / 60.0
        fast: Ints = np.flatnonzero(gaps < SPEED * own["minutes"].to_numpy(float))
        yield Finding(
            Screen.FAST_PACE, "", str(rater), n=len(own) - 1, n_found=len(fast), expected=0.0,
            statistic=float(np.nanmedian(gaps[fast])) if len(fast) else float("nan"), p_value=float("nan"),
            sessions=tuple(map(str, own["session_id"].iloc[fast])),
        )  # fmt: skip
