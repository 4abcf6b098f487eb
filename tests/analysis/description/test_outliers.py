"""Outlier rules: fences by hand, distances against R's mahalanobis()."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from doublecode.analysis.description.outliers import mahalanobis, winsorise
from doublecode.schemas.errors import ContractError, NotEstimable, UsageError
from doublecode.schemas.study_parts import OutlierRule

REFERENCE = Path(__file__).parents[2] / "reference"


@pytest.fixture
def frame():
    values = [4.0, 4.0, 5.0, 5.0, 5.0, 6.0, 0.0, 12.0, np.nan]
    return pd.DataFrame({"patient": [f"P{i}" for i in range(9)], "hw2": values, "flat": [2.0] * 8 + [9.0]})


class TestWinsorise:
    def test_values_beyond_the_fences_move_to_them(self, frame):
        result = winsorise(frame, OutlierRule(variables=("hw2",)))
        # type 7 on 0 4 4 5 5 5 6 12: Q1 = 4, Q3 = 5.25, IQR = 1.25, fences 2.125 and 7.125
        assert result.frame.to_dict("records") == [
            {"row": "P6", "variable": "hw2", "found": 0.0, "fence": "low", "now": 2.125},
            {"row": "P7", "variable": "hw2", "found": 12.0, "fence": "high", "now": 7.125},
        ]
        assert result.data["hw2"].tolist()[:8] == [4, 4, 5, 5, 5, 6, 2.125, 7.125]
        assert np.isnan(result.data["hw2"].iloc[8])
        counts = result.counts.iloc[0]
        assert (counts["n"], counts["n_low"], counts["n_high"], counts["status"]) == (8, 1, 1, "applied")

    def test_input_is_not_changed(self, frame):
        before = frame.copy()
        winsorise(frame, OutlierRule(variables=("hw2",)))
        pd.testing.assert_frame_equal(frame, before)

    @pytest.mark.parametrize(("kind", "q1", "q3"), [("linear", 4, 5.25), ("weibull", 4, 5.75), ("hazen", 4, 5.5)])
    def test_quantile_definitions_of_hyndman_and_fan(self, frame, kind, q1, q3):
        counts = winsorise(frame, OutlierRule(variables=("hw2",), quantiles=kind)).counts.iloc[0]
        assert (counts["q1"], counts["q3"]) == (q1, q3)

    def test_multiplier_is_declared(self, frame):
        assert len(winsorise(frame, OutlierRule(variables=("hw2",), multiplier=10.0)).frame) == 0

    def test_refused_where_the_quartiles_coincide(self, frame):
        result = winsorise(frame, OutlierRule(variables=("flat", "hw2")))
        assert result.design["refused"] == ["flat"]
        assert result.data["flat"].tolist() == frame["flat"].tolist()
        assert any("flat: rule refused, the interquartile range is 0" in text for text in result.note_texts())
        assert len(result.frame) == 2

    def test_empty_variable_is_refused_in_words(self, frame):
        result = winsorise(frame.assign(none=np.nan), OutlierRule(variables=("none",)))
        assert "no value is present" in result.note_texts()[1]

    def test_names_of_variables_take_the_usual_rule(self, frame):
        usual = winsorise(frame, ["hw2"])
        pd.testing.assert_frame_equal(usual.frame, winsorise(frame, OutlierRule(variables=("hw2",))).frame)
        with pytest.raises(UsageError, match=r"write a list of variables, \['hw2'\]"):
            winsorise(frame, "hw2")

    def test_it_shows_fences_and_changes(self, frame):
        text = str(winsorise(frame, ["hw2"]))
        assert "Values that were winsorised" in text
        assert "2 values changed on 9 rows." in text
        assert "winsorised to that fence; quartiles by the definition 'linear'" in text
        assert max(map(len, text.splitlines())) <= 100

    def test_misuse_is_named(self, frame):
        with pytest.raises(UsageError, match="no column 'hw3'; allowed: patient, hw2, flat"):
            winsorise(frame, OutlierRule(variables=("hw3",)))
        with pytest.raises(ContractError, match=r"'hw2' has 1 infinite values \(row 1\)"):
            winsorise(frame.assign(hw2=[0.0, np.inf, *range(7)]), OutlierRule(variables=("hw2",)))
        with pytest.raises(ContractError, match="'patient' must hold numbers"):
            winsorise(frame, OutlierRule(variables=("patient",)))


@pytest.fixture(scope="module")
def reference():
    return json.loads((REFERENCE / "agreement_outliers.json").read_text())["mahal_a"]


@pytest.fixture(scope="module")
def result():
    return mahalanobis(pd.read_csv(REFERENCE / "data" / "mahal_a.csv"), ["v1", "v2", "v3", "v4"])


class TestMahalanobis:
    def test_distances_and_p_values(self, reference, result):
        # 1e-10 absolute: one solve of a 4 × 4 system, values up to 23
        np.testing.assert_allclose(result.frame["distance2"], reference["D2"], rtol=0, atol=1e-10)
        np.testing.assert_allclose(result.frame["p_value"], reference["pvalue"], rtol=0, atol=1e-10)

    def test_cutoff_and_flags(self, reference, result):
        assert result.design["cutoff"] == pytest.approx(reference["crit_001"], abs=1e-10)
        assert (np.flatnonzero(result.frame["flagged"]) + 1).tolist() == reference["flag_001"]
        assert len(result.tables()[0].body()) == len(reference["flag_001"])

    def test_mardia(self, reference, result):
        assert result.design["mardia_skewness"] == pytest.approx(reference["mardia_skew"], abs=1e-10)
        assert result.design["mardia_kurtosis"] == pytest.approx(reference["mardia_kurt"], abs=1e-10)

    def test_incomplete_rows_are_named(self):
        rng = np.random.default_rng(1)
        data = pd.DataFrame(rng.normal(size=(20, 2)), columns=["a", "b"]).assign(patient=[f"P{i}" for i in range(20)])
        data.loc[3, "b"] = np.nan
        result = mahalanobis(data, ["a", "b"])
        assert result.design["dropped"] == [{"patient": "P3", "reason": "b is missing"}]
        assert result.design["n_rows"] == 19

    def test_singular_covariance_is_refused(self):
        data = pd.DataFrame({"a": [1.0, 2, 3, 4], "b": [2.0, 4, 6, 8]})
        with pytest.raises(NotEstimable, match="singular"):
            mahalanobis(data, ["a", "b"])

    def test_one_variable_is_refused(self):
        with pytest.raises(UsageError, match="two or more"):
            mahalanobis(pd.DataFrame({"a": [1.0, 2]}), ["a"])
