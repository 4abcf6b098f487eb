"""Covariate screening against scipy, comparison of complete and missing against scipy and hand-worked cases."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from doublecode.analysis import compare_missing, screen_covariates
from doublecode.schemas.errors import ContractError, NotEstimable, UsageError


@pytest.fixture(scope="module")
def frame():
    rng = np.random.default_rng(8)
    data = pd.DataFrame({"patient": range(40), "age": rng.normal(15, 2, 40), "hispanic": rng.integers(0, 2, 40)})
    data["site"] = np.array(list("abc"))[rng.integers(0, 3, 40)]
    data["hw2"] = 4 - 1.5 * data.hispanic + rng.normal(size=40)
    data["hw3"] = np.where(rng.random(40) < 0.3, np.nan, rng.normal(size=40))
    data.loc[[1, 5], "age"] = np.nan
    return data


class TestScreen:
    def test_is_scipys_rank_correlation(self, frame):
        found = screen_covariates(frame, ["hw2", "hw3"], ["age", "hispanic"])
        for row in found.frame.to_dict("records"):
            both = frame[[row["outcome"], row["covariate"]]].dropna()
            wanted = stats.spearmanr(both.iloc[:, 0], both.iloc[:, 1])
            assert (row["n"], row["r"]) == (len(both), pytest.approx(wanted.statistic))
            assert row["p_value"] == pytest.approx(wanted.pvalue)
        assert found.frame["marked"].tolist() == (found.frame["p_value"] < 0.05).tolist()
        assert found.design["marked"] == ["hispanic"]
        assert "name control variables before the data" in str(found).replace("\n  ", " ")

    def test_refusals(self, frame):
        with pytest.raises(ContractError, match="site"):
            screen_covariates(frame, ["hw2"], ["site"])
        with pytest.raises(UsageError, match="each once"):
            screen_covariates(frame, ["hw2"], ["hw2"])
        with pytest.raises(UsageError, match="alpha = 5"):
            screen_covariates(frame, ["hw2"], ["age"], alpha=5)


class TestMissing:
    def test_tests_are_scipys(self, frame):
        found = compare_missing(frame, ["hw3"], ["age", "hispanic", "site"]).frame.set_index("variable")
        whole = frame["hw3"].notna()
        a, b = frame.loc[whole, "age"].dropna(), frame.loc[~whole, "age"].dropna()
        welch = stats.ttest_ind(a, b, equal_var=False)
        row = found.loc["age"]
        assert row[["statistic", "df", "p_value"]].tolist() == pytest.approx([welch.statistic, welch.df, welch.pvalue])
        limits = welch.confidence_interval(0.95)
        assert row[["conf_low", "conf_high"]].tolist() == pytest.approx([limits.low, limits.high])
        table = pd.crosstab(whole, frame["hispanic"])
        assert found.loc["hispanic", "p_value"] == pytest.approx(stats.fisher_exact(table)[1])
        chi2 = stats.chi2_contingency(pd.crosstab(whole, frame["site"]), correction=False)
        assert found.loc["site", ["statistic", "df", "p_value"]].tolist() == pytest.approx([chi2[0], chi2[2], chi2[1]])

    def test_newcombes_limits_of_his_own_example(self):
        """Newcombe (1998, table II): 56/70 and 48/80, method 10: .0524 to .3339."""
        rows = pd.DataFrame({"x": [1] * 56 + [0] * 14 + [1] * 48 + [0] * 32, "y": [1.0] * 70 + [np.nan] * 80})
        row = compare_missing(rows, ["y"], ["x"]).frame.iloc[0]
        assert row["difference"] == pytest.approx(0.2)
        assert row[["conf_low", "conf_high"]].tolist() == pytest.approx([0.0524, 0.3339], abs=5e-5)

    def test_hedges_g_by_hand(self):
        rows = pd.DataFrame({"x": [1.0, 2, 3, 4, 2, 5, 8], "y": [1.0, 1, 1, 1, None, None, None]})
        s = np.sqrt((3 * 5 / 3 + 2 * 9) / 5)
        wanted = (1 - 3 / 19) * (2.5 - 5) / s
        assert compare_missing(rows, ["y"], ["x"]).frame["g"].iloc[0] == pytest.approx(wanted)

    def test_patients_of_several_rows(self):
        rows = pd.DataFrame(
            {"patient": [1, 1, 2, 2, 3, 3], "he": [1.0, 2, None, 1, 2, 2], "phq9": [9.0, 7, 5, 5, 1, 3]}
        )
        found = compare_missing(rows, ["he"], ["phq9"], patient="patient")
        assert found.design == {"n_complete": 2, "n_missing": 1, "lacking": {"he": 1}}
        assert found.frame[["mean_complete", "mean_missing"]].iloc[0].tolist() == [5.0, 5.0]
        assert np.isnan(found.frame["p_value"].iloc[0])  # one patient has no spread

    def test_refusals(self, frame):
        with pytest.raises(NotEstimable, match="no two groups"):
            compare_missing(frame, ["hw2"], ["age"])
        with pytest.raises(UsageError, match="stands in complete and in compare"):
            compare_missing(frame, ["age"], ["age"])
        with pytest.raises(UsageError, match="no column 'nobody'"):
            compare_missing(frame, ["hw3"], ["nobody"])
