"""Sessions rated faster than they can be heard."""

import pandas as pd
import pytest

from doublecode.analysis.screening.pace import fast_pace
from doublecode.schemas.errors import ContractError, UsageError


def stamped(minutes_apart):
    start = pd.Timestamp("2026-03-02 09:00")
    times = start + pd.to_timedelta(pd.Series([0, *minutes_apart]).cumsum(), unit="min")
    return pd.DataFrame(
        {"session_id": [f"S{one}" for one in range(len(times))], "rater": "R1", "at": times.astype(str), "long": 50}
    )


def test_less_than_half_of_the_recording():
    (found,) = fast_pace(stamped([60, 24, 26, 3, 2]), "at", "long")
    assert (found.n, found.n_found, found.sessions) == (5, 3, ("S2", "S4", "S5"))
    assert found.statistic == 3.0  # the median of 24, 3 and 2 minutes


def test_a_time_that_is_none_is_named_and_a_missing_column_too():
    ratings = stamped([60])
    ratings.loc[1, "at"] = "yesterday"
    with pytest.raises(ContractError, match=r"column 'at', row 1: found 'yesterday'"):
        list(fast_pace(ratings, "at", "long"))
    with pytest.raises(UsageError, match="no column 'minutes'"):
        list(fast_pace(ratings, "at", "minutes"))
