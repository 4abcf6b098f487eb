"""Severity against statsmodels' least squares and known truth; drift, its detectable size, refusals."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from doublecode.analysis.reliability.severity import drift
from doublecode.schemas.errors import NotEstimable, UsageError

NAMES = {"targets": "session", "raters": "rater", "ratings": "score"}
SEVERITY = {"A": -0.4, "B": 0.0, "C": 0.1, "D": 0.3}


def ratings(n=80, change=0.0, seed=0, complete=False):
    """Synthetic: rotating pairs, rater D grows severer by `change` from the first to the third period."""
    rng = np.random.default_rng(seed)
    pairs = ["ABCD"] if complete else ["AB", "CD", "AC", "BD", "AD", "BC"]
    rows = []
    for s in range(n):
        true, period = rng.normal(), s * 3 // n
        for r in pairs[s % len(pairs)]:
            shift = SEVERITY[r] + (change * period / 2 if r == "D" else 0.0)
            rows.append((f"s{s:03d}", r, period + 1, s, true + shift + rng.normal(0, 0.5)))
    return pd.DataFrame(rows, columns=["session", "rater", "period", "day", "score"])


def test_complete_data_give_the_rater_means():
    data = ratings(n=30, complete=True)
    found = drift(data, **NAMES).frame.set_index("rater")
    means = data.groupby("rater")["score"].mean()
    for rater in "ABCD":
        assert found.loc[rater, "estimate"] == pytest.approx(means[rater] - means.mean(), rel=1e-8)
    # Variance of a mean's deviation: σ²(1 − 1/4)/30, with the two-way residual.
    wide = data.pivot_table(index="session", columns="rater", values="score").to_numpy()
    rest = wide - wide.mean(0) - wide.mean(1)[:, None] + wide.mean()
    error = np.sqrt((rest**2).sum() / (29 * 3) * 0.75 / 30)
    assert found.loc["A", "std_error"] == pytest.approx(error, rel=1e-5)
    assert found.loc["A", "df"] == pytest.approx(87, rel=1e-3)


def test_rater_test_is_the_rater_bias_f_of_complete_data():
    from doublecode.analysis.reliability.interrater import icc

    data = ratings(n=30, complete=True)
    ours = drift(data, **NAMES).tests.iloc[0]
    theirs = icc(data, **NAMES).rater_bias.iloc[0]
    assert ours["statistic"] == pytest.approx(theirs["statistic"], rel=1e-5)
    assert ours["p_value"] == pytest.approx(theirs["p_value"], rel=1e-3)


def test_severity_is_found_and_covered():
    inside = []
    for seed in range(60):
        found = drift(ratings(seed=seed), **NAMES).frame
        truth = found["rater"].map(SEVERITY) - np.mean(list(SEVERITY.values()))
        inside += list((found["conf_low"] < truth) & (truth < found["conf_high"]))
    assert 0.90 < np.mean(inside) < 0.985  # 240 correlated intervals of nominal .95


def test_drift_of_one_rater():
    found = drift(ratings(n=150, change=1.2, seed=3), **NAMES, periods="period")
    row = found.drifts.set_index("rater").loc["D"]
    # Against the mean of four raters, three of which stay: 1.2 · 3/4.
    assert row["conf_low"] < 0.9 < row["conf_high"]
    assert row["p_value"] < 0.01
    reach = stats.t.ppf(0.975, row["df"]) + stats.t.ppf(0.80, row["df"])
    assert row["minimum_detectable"] == pytest.approx(reach * row["std_error"], rel=1e-9)
    assert found.tests.set_index("test").loc["rater × period", "df_num"] == 6
    assert found.tests.set_index("test").loc["rater × period", "p_value"] < 0.05
    sums = found.periods.groupby("period")["estimate"].sum()
    np.testing.assert_allclose(sums, 0.0, atol=1e-9)


def test_no_drift_has_its_nominal_error():
    p = [drift(ratings(n=72, seed=s), **NAMES, periods="period").tests["p_value"].iloc[1] for s in range(60)]
    assert np.mean(np.array(p) < 0.05) < 0.15


def test_time_is_cut_into_periods():
    found = drift(ratings(), **NAMES, time="day", n_periods=4)
    assert found.periods["period"].nunique() == 4
    counts = found.periods.groupby("period")["n_ratings"].sum()
    assert counts.max() - counts.min() <= 4


def test_the_odd_session_is_heard_again():
    data = ratings()
    data.loc[20, "score"] += 5.0
    found = drift(data, **NAMES, top=3).sessions
    assert found["target"].iloc[0] == data.loc[20, "session"]
    assert found["p_adjusted"].iloc[0] < 0.001
    assert len(found) == 3


def test_by_item():
    both = pd.concat([ratings(seed=1).assign(item="x"), ratings(seed=2).assign(item="y")])
    found = drift(both, **NAMES, by="item")
    assert found.frame["item"].tolist() == ["x"] * 4 + ["y"] * 4
    alone = drift(ratings(seed=2), **NAMES).frame
    np.testing.assert_allclose(found.frame["estimate"].iloc[4:], alone["estimate"], rtol=1e-8)


def test_refusals():
    data = ratings()
    with pytest.raises(NotEstimable, match="one rater only"):
        drift(data[data["rater"] == "A"], **NAMES)
    apart = data.groupby("session").filter(lambda d: set(d["rater"]) in ({"A", "B"}, {"C", "D"}))
    with pytest.raises(NotEstimable, match="falls into 2 parts"):
        drift(apart, **NAMES)
    with pytest.raises(UsageError, match="not both"):
        drift(data, **NAMES, periods="period", time="day")
    with pytest.raises(NotEstimable, match="one period only"):
        drift(data.assign(period=1), **NAMES, periods="period")
