"""What somebody found who tried to break series and outcomes of patients (synthetic sessions)."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from doublecode.analysis.linking.series import fit_series
from doublecode.schemas.errors import UsageError

STEP = "y ~ session + he + tbh + (1 | patient)"


@pytest.fixture(scope="module")
def sessions():
    rng = np.random.default_rng(5)
    n, each = 24, 6
    who = np.repeat(np.arange(n), each)
    data = pd.DataFrame({"patient": who, "session": np.tile(np.arange(1, each + 1), n), "therapist": who % 8})
    data["he"] = rng.normal(3, 1, n)[who] + rng.normal(0, 1, len(who))
    data["tbh"] = rng.normal(2, 1, len(who)) + 0.3 * data["he"]
    data["y"] = 10 + 0.4 * data["he"] - 0.3 * data["tbh"] + rng.normal(0, 1, n)[who] + rng.normal(0, 1, len(who))
    data["arm"] = np.where(who % 3 == 0, "x", "z")
    data["base"] = rng.normal(14, 4, n)[who]
    data["post"] = 0.5 * data["base"] + rng.normal(0, 2, n)[who]
    return data


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"differences": [("he", "he")]}, "differences: 'he' does not differ from itself"),
        ({"differences": [("he", "zzz")]}, "differences: no step has both 'he' and 'zzz'"),
        ({"differences": [("he", "base")]}, "differences: no step has both 'he' and 'base'"),
        ({"differences": [("he",)]}, r"differences: \('he',\) is no pair; allowed: pairs of two"),
        ({"differences": ["he", "tbh"]}, "differences: 'he' is no pair; allowed: pairs of two"),
        ({"differences": "he"}, "differences: 'he' is no pair; allowed: pairs of two"),
        ({"differences": [(1, 2)]}, "differences: no step has both 1 and 2"),
        ({"times": ["qq"]}, "times: there is no column 'qq'; allowed: patient"),
        ({"times": "session"}, "times is 'session'; allowed: a list of columns"),
        ({"split": "he"}, "split is 'he'; allowed: a list of columns, such as"),
    ],
)
def test_what_a_series_is_asked_for_is_refused_as_a_declared_one(sessions, asked, words):
    with pytest.raises(UsageError, match=f"series 'series': {words}"):
        fit_series([STEP], sessions, **asked)


def test_pairs_of_one_step_are_compared(sessions):
    found = fit_series([STEP], sessions, split=["he", "tbh"], differences=[["he", "tbh"]]).hypotheses
    assert found[["first", "second"]].to_numpy().tolist()[-1] == ["he_between", "tbh_between"]
