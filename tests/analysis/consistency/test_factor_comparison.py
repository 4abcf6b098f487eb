"""Confirmatory models and FIML against lavaan (tests/reference/two_factor.R)."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from doublecode.analysis.consistency.alpha_omega import omega
from doublecode.analysis.consistency.confirmatory import fit_confirmatory
from doublecode.analysis.consistency.factor_missing import fit_one_factor_fiml
from doublecode.analysis.consistency.item_moments import all_units, patterns, read_items, saturated_normal
from doublecode.schemas.errors import UsageError

REFERENCE = Path(__file__).parents[2] / "reference"
LAVAAN = json.loads((REFERENCE / "two_factor.json").read_text())
SUBSCALES = {
    "complete": {"a": ["I1", "I2", "I3"], "b": [f"I{i}" for i in range(4, 10)]},
    "missing": {"a": [f"I{i}" for i in range(1, 5)], "b": [f"I{i}" for i in range(5, 9)]},
}
FILES = {"complete": "rel_sim9x3", "missing": "rel_sim8_missing"}


def load(case: str) -> pd.DataFrame:
    return pd.read_csv(REFERENCE / f"{FILES[case]}.csv")


@pytest.mark.parametrize("case", SUBSCALES)
def test_both_models_are_lavaans(case: str) -> None:
    """Indices 1e-6, loadings 1e-5 (lavaan's own stopping point); SRMR of the covariances."""
    data = load(case)
    found = omega(data.assign(patient=np.arange(len(data)) % 20), clusters="patient").compare_factors(SUBSCALES[case])
    for row, model in enumerate(("one", "two")):
        expected = LAVAAN[case][model]
        assert expected["converged"]
        frame = found.frame.iloc[row]
        names = {"chisq": "chisq", "df": "df", "p": "p_value", "cfi": "cfi", "tli": "tli", "rmsea": "rmsea"}
        names |= {"rmsea_low": "rmsea_low", "rmsea_high": "rmsea_high", "aic": "aic", "bic": "bic", "logLik": "loglik"}
        for theirs, ours in names.items():
            assert frame[ours] == pytest.approx(expected[theirs], abs=1e-6), (model, ours)
        if case == "complete":
            assert frame["srmr"] == pytest.approx(expected["srmr"], abs=1e-7)
        loadings = found.loadings[found.loadings["model"] == frame["model"]]["loading"].to_numpy()
        assert loadings == pytest.approx(np.array(expected["loadings"]), abs=1e-5)
    phi = found.correlations.iloc[0]
    assert phi["estimate"] == pytest.approx(LAVAAN[case]["two"]["phi"], abs=1e-6)
    assert phi["df"] == 19
    assert phi["conf_low"] < phi["estimate"] < phi["conf_high"]


def test_difference_row() -> None:
    found = omega(load("complete")).compare_factors(SUBSCALES["complete"])
    one, two = LAVAAN["complete"]["one"], LAVAAN["complete"]["two"]
    assert found.frame.iloc[2]["chisq"] == pytest.approx(one["chisq"] - two["chisq"], abs=1e-6)
    assert found.frame.iloc[2]["df"] == 1
    assert found.frame.iloc[2]["p_value"] < 1e-10


def test_omega_with_missing_items_is_lavaans_fiml() -> None:
    expected, found = LAVAAN["missing"]["one"], omega(load("missing"))
    assert found.items["loading"].to_numpy() == pytest.approx(np.array(expected["loadings"]), abs=1e-5)
    assert found.fit["chisq"].iloc[0] == pytest.approx(expected["chisq"], abs=1e-5)
    assert found.fit["df"].iloc[0] == expected["df"]
    assert found.fit["p_value"].iloc[0] == pytest.approx(expected["p"], abs=1e-6)


def test_fiml_without_missing_is_ml_and_confirmatory() -> None:
    data = read_items(load("complete"))
    weights = all_units(data.n_units)
    fiml = fit_one_factor_fiml(data, weights)
    cfa = fit_confirmatory(data, weights[0], np.ones((9, 1), dtype=bool))
    assert fiml.fit.converged[0]
    assert fiml.fit.first[0] == pytest.approx(cfa.loadings[:, 0], abs=1e-6)
    assert fiml.fit.discrepancy[0] * data.n_rows == pytest.approx(LAVAAN["complete"]["one"]["chisq"], abs=1e-6)


def test_saturated_em_has_no_gradient() -> None:
    data = read_items(load("missing"))
    mean, cov, loglik = saturated_normal(data, all_units(data.n_units))
    origin, found = patterns(data, all_units(data.n_units))
    from doublecode.analysis.consistency.item_moments import normal_loglik

    for i in range(8):
        for j in range(i + 1):
            change = np.zeros((8, 8))
            change[i, j] = change[j, i] = 1e-4
            around = [normal_loglik(found, mean - origin, cov + sign * change)[0] for sign in (1, -1)]
            assert abs(around[0] - around[1]) / 2e-4 < 1e-3
            assert max(around) < loglik[0]


def test_one_thing_measured_twice_is_said() -> None:
    rng = np.random.default_rng(5)
    data = pd.DataFrame(rng.normal(size=(300, 1)) + rng.normal(size=(300, 6)), columns=list("abcdef"))
    found = omega(data).compare_factors({"first": ["a", "b", "c"], "second": ["d", "e", "f"]})
    assert found.correlations["estimate"].iloc[0] > 0.9
    assert found.frame["p_value"].iloc[2] > 0.01


@pytest.mark.parametrize(
    ("subscales", "words"),
    [
        ({"a": ["I1", "I2"]}, "at least two"),
        ({"a": ["I1", "I2"], "b": ["I3"]}, "has 1 item"),
        ({"a": ["I1", "I2"], "b": ["I2", "I3"]}, "'I2' is in 'a' and in 'b'"),
    ],
)
def test_wrong_subscales_are_refused(subscales: dict[str, list[str]], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        omega(load("complete")).compare_factors(subscales)
