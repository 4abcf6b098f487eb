"""Shares of components delivered, by hand."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from doublecode.analysis import fidelity
from doublecode.schemas.errors import ContractError, NotEstimable, UsageError


@pytest.fixture
def frame():
    rng = np.random.default_rng(2)
    data = pd.DataFrame(rng.integers(0, 2, (40, 3)).astype(float), columns=["agenda", "homework", "summary"])
    data.loc[3:8, "homework"] = np.nan
    return data.assign(therapist=np.repeat(list("ABCDEFGH"), 5))


def test_share_and_limits_by_hand(frame):
    found = fidelity(frame, ["agenda", "homework", "summary"], therapist="therapist", n_held=160)
    values = frame[["agenda", "homework", "summary"]]
    d, a = values.groupby(frame.therapist).sum().sum(axis=1), values.notna().groupby(frame.therapist).sum().sum(axis=1)
    p = d.sum() / a.sum()
    error = np.sqrt(8 / 7 * ((d - p * a) ** 2).sum()) / a.sum()
    logit, reach = np.log(p / (1 - p)), stats.t.ppf(0.975, 7) * error / (p * (1 - p))
    row = found.frame.iloc[0]
    assert row["share"] == pytest.approx(p)
    wanted = [1 / (1 + np.exp(-(logit + sign * reach))) for sign in (-1, 1)]
    assert row[["conf_low", "conf_high"]].tolist() == pytest.approx(wanted)
    assert found.frame["level"].tolist() == ["overall"] + ["component"] * 3 + ["therapist"] * 8
    assert found.frame.set_index("name").loc["homework", ["n_sessions", "applicable"]].tolist() == [34, 34]
    assert found.design["reviewed"] == pytest.approx(0.25)
    assert "25 %" in str(found)


def test_all_delivered_has_no_limits(frame):
    row = fidelity(frame.assign(agenda=1), ["agenda"]).frame.iloc[0]
    assert row["share"] == 1.0
    assert np.isnan(row["conf_low"])


def test_refusals(frame):
    with pytest.raises(ContractError, match=r"'agenda' holds 2\.0"):
        fidelity(frame.assign(agenda=2.0), ["agenda"])
    with pytest.raises(NotEstimable, match="applied in any of 40"):
        fidelity(frame.assign(agenda=np.nan), ["agenda"])
    with pytest.raises(UsageError, match="n_held is 3"):
        fidelity(frame, ["agenda"], n_held=3)
    with pytest.raises(UsageError, match="no column 'gone'"):
        fidelity(frame, ["gone"])
