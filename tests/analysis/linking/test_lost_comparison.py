"""Analysed beside lost: R's noncentral t and lmerTest (Kenward–Roger) on the same numbers, copied from its output."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from doublecode.analysis.linking.lost_comparison import compare_lost_patients, compare_lost_sessions

REFERENCE = Path(__file__).parents[2] / "reference"
ANALYSED = np.array([True] * 7 + [False] * 3)


@pytest.fixture(scope="module")
def patients():
    ages = [30.0, 41, 52, 47, 38, 60, 33, 45, 58, 61]
    return compare_lost_patients(pd.DataFrame({"age": ages, "gender": list("ffmmmmffmm")}), ANALYSED)


def test_d_of_numbers_has_the_limits_of_the_noncentral_t(patients):
    # uniroot(function(ncp) pt(t, 8, ncp) - p, ...) / sqrt(n1 n2 / (n1 + n2))
    age = patients.iloc[0]
    assert age[["d", "conf_low", "conf_high"]].tolist() == pytest.approx(
        [-1.146309385738, -2.577207336863, 0.344649751298], abs=1e-6
    )
    assert age[["n_analysed", "n_lost"]].tolist() == [7, 3]


def test_levels_are_counts_and_shares_with_austin_s_difference(patients):
    woman = patients[patients["level"] == "f"].iloc[0]
    assert woman[["n_analysed", "n_lost"]].tolist() == [3, 1]
    assert woman[["mean_analysed", "mean_lost"]].tolist() == pytest.approx([3 / 7, 1 / 3])
    assert woman[["d", "conf_low", "conf_high"]].tolist() == pytest.approx(
        [0.197065855633, -1.158192513990, 1.552324225256], abs=1e-9
    )


def test_nothing_is_said_where_a_group_has_no_value_or_no_spread():
    values = pd.DataFrame({"he": [1.0] * 7 + [np.nan] * 3, "same": 4.0})
    found = compare_lost_patients(values, ANALYSED)
    assert found["d"].isna().all()
    assert found["n_lost"].tolist() == [0, 3]


def test_sessions_are_compared_within_patients():
    # lmer(y ~ w + m + (1 | patient)), a = 1 where x was observed, m its patient mean, w = a - m
    data = pd.read_csv(REFERENCE / "imputation.csv")
    found = compare_lost_sessions(data[["y"]], data["patient"], data["x"].notna().to_numpy()).iloc[0]
    assert found["difference"] == pytest.approx(-1.10194866060, abs=1e-6)
    assert found["std_error"] == pytest.approx(0.357599442593, abs=1e-6)
    assert found["df"] == pytest.approx(244.0414743045, abs=1e-3)
    assert found["p_value"] == pytest.approx(2.29572716529e-03, rel=1e-5)
    assert found["d"] == pytest.approx(-1.10194866060 / 3.00767139924, abs=1e-6)
    assert found["n_patients"] == 33


def test_sessions_of_other_patients_say_nothing_of_a_difference_within():
    data = pd.DataFrame({"patient": np.repeat(list("abcd"), 3), "y": np.arange(12.0), "kind": list("xyz") * 4})
    found = compare_lost_sessions(data[["y", "kind"]], data["patient"], (data["patient"] < "c").to_numpy())
    assert found["n_patients"].iloc[0] == 0
    assert found["difference"].isna().all()
    assert found["level"].tolist() == ["", "x", "y", "z"]
    assert found["d"].isna().all()
