"""mediation against lavaan (one and two levels) and nlme (varying slopes), and its refusals."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from doublecode.analysis import mediation
from doublecode.schemas.errors import ContractError, NotEstimable, UsageError

REFERENCE = Path(__file__).parents[2] / "reference"
LAVAAN = json.loads((REFERENCE / "cross_lagged.json").read_text(encoding="utf-8"))
NLME = json.loads((REFERENCE / "mediation_slopes.json").read_text(encoding="utf-8"))


def two_level():
    return pd.read_csv(REFERENCE / "mediation_two_level.csv")


def rows(result, level):
    return result.frame[result.frame["level"] == level].set_index("term")


def test_one_level_is_lavaans():
    reference = json.loads((REFERENCE / "mediation.json").read_text(encoding="utf-8"))["med_a"]
    data = pd.read_csv(REFERENCE / "data" / "med_a.csv")
    found = rows(mediation(data, reference["x"], reference["m"], reference["y"]), "single")
    names = {"a": "a", "b": "b", "cp": "direct", "ind": "indirect", "tot": "total"}
    for theirs, ours in names.items():
        wanted = reference["lavaan"][theirs]
        columns = {"est": "estimate", "se": "std_error", "z": "statistic", "p": "p_value", "low": "delta_low",
                   "high": "delta_high"}  # fmt: skip
        for one, other in columns.items():
            assert found.loc[ours, other] == pytest.approx(wanted[one], abs=1e-5), (ours, other)


def test_one_one_one_is_lavaans():
    result = mediation(two_level(), "x", "m", "y", clusters="patient")
    wanted, vcov = LAVAAN["one_one_one"], np.array(LAVAAN["one_one_one"]["vcov"])
    assert result.design["kind"] == "1-1-1"
    for level, ends, at in (("within", "w", 0), ("between", "b", 3)):
        found = rows(result, level)
        for term, label in (("a", "a"), ("b", "b"), ("direct", "c")):
            assert found.loc[term, "estimate"] == pytest.approx(wanted["estimate"][label + ends], abs=1e-5)
            assert found.loc[term, "std_error"] == pytest.approx(wanted["se"][label + ends], abs=1e-5)
        a, b = (wanted["estimate"][label + ends] for label in "ab")
        slope = np.array([b, a])
        error = np.sqrt(slope @ vcov[at : at + 2, at : at + 2] @ slope)
        assert found.loc["indirect", "estimate"] == pytest.approx(a * b, abs=1e-5)
        assert found.loc["indirect", "std_error"] == pytest.approx(error, abs=1e-5)


def test_two_one_one_is_lavaans_and_between_only():
    result = mediation(two_level(), "group", "m", "y", clusters="patient")
    found, wanted = rows(result, "between"), LAVAAN["two_one_one"]
    for term, label in (("a", "ab"), ("b", "bb"), ("direct", "cb")):
        assert found.loc[term, "estimate"] == pytest.approx(wanted["estimate"][label], abs=1e-5)
        assert found.loc[term, "std_error"] == pytest.approx(wanted["se"][label], abs=1e-5)
    within = rows(result, "within")
    assert within.index.tolist() == ["b"]
    assert within.loc["b", "estimate"] == pytest.approx(wanted["estimate"]["bw"], abs=1e-5)


def test_slopes_that_vary_are_nlmes():
    from doublecode.analysis.linking.mediation_paths import FORMULA, _found, _stacked
    from doublecode.analysis.mixed import fit_mixed

    data = pd.read_csv(REFERENCE / "mediation_slopes.csv")
    table = _stacked(data[["x", "m", "y"]].to_numpy(float), pd.factorize(data["patient"])[0])
    fit = fit_mixed(FORMULA, table, ddf="z", variance_by="equation")
    fixed = NLME["fixed"]
    wanted = [fixed["a"], fixed["b"], fixed["direct"], NLME["covariance"]]
    assert _found(fit)[:3].tolist() == pytest.approx(wanted[:3], abs=1e-5)
    assert _found(fit)[3] == pytest.approx(wanted[3], abs=2e-5)  # where nlme stops: its log-likelihood is not higher
    assert NLME["loglik"] - 1e-9 <= fit.loglik <= NLME["loglik"] + 1e-6


def test_slopes_that_vary_add_their_covariance():
    data = pd.read_csv(REFERENCE / "mediation_slopes.csv").query("patient <= 25")
    result = mediation(data, "x", "m", "y", clusters="patient", slopes="random")
    found = rows(result, "within")["estimate"]
    assert found["indirect"] == pytest.approx(found["a"] * found["b"] + found["covariance of slopes"], rel=1e-12)
    assert found["total"] == pytest.approx(found["indirect"] + found["direct"], rel=1e-12)
    assert "Cov(a, b)" in str(result)
    assert len(rows(result, "between")) == 5


def test_monte_carlo_limits_are_those_of_a_product():
    data = two_level()
    result = mediation(data, "x", "m", "y", clusters="patient", conf_level=0.9)
    one = rows(result, "between").loc["indirect"]
    assert one["conf_high"] - one["estimate"] < one["estimate"] - one["conf_low"]  # skewed, as the delta method is not
    assert one["delta_high"] - one["estimate"] == pytest.approx(one["estimate"] - one["delta_low"])
    again = mediation(data, "x", "m", "y", clusters="patient", conf_level=0.9)
    pd.testing.assert_frame_equal(result.frame, again.frame)
    other = mediation(data, "x", "m", "y", clusters="patient", conf_level=0.9, seed=1)
    assert other.frame["conf_low"].iloc[3] == pytest.approx(result.frame["conf_low"].iloc[3], abs=0.01)


def test_lags_go_by_session_number():
    data = two_level()
    gone = data[~((data["patient"] % 4 == 0) & (data["session"] == 2))]
    result = mediation(gone, "x", "m", "y", clusters="patient", session="session", lags=(1, 0))
    before = gone.assign(session=gone["session"] + 1)[["patient", "session", "x"]]
    byhand = gone[["patient", "session", "m", "y"]].merge(before, on=["patient", "session"])
    wanted = mediation(byhand, "x", "m", "y", clusters="patient")
    assert result.design["n_rows"] == len(byhand)
    assert result.frame["estimate"].to_numpy() == pytest.approx(wanted.frame["estimate"].to_numpy(), abs=1e-9)
    assert "1 session later than" in str(result)
    assert "stand in one row" in str(wanted)
    assert "<table" in wanted._repr_html_()


@pytest.mark.parametrize(("change", "names", "options", "error", "said"), [
    (lambda d: d, "xmm", {}, UsageError, "name three variables"),
    (lambda d: d, "xmy", {"slopes": "both"}, UsageError, "allowed: 'fixed'"),
    (lambda d: d, "xmy", {"slopes": "random"}, UsageError, "none are named"),
    (lambda d: d, "xmy", {"lags": (1, 0)}, UsageError, "Give clusters= and session="),
    (lambda d: d, "xmy", {"lags": (-1, 0)}, UsageError, "whole numbers"),
    (lambda d: d.assign(m=d["group"]), "xmy", {"clusters": "patient"}, UsageError, "does not vary within patient"),
    (lambda d: d.assign(x=d["group"]), "xmy", {"clusters": "patient", "slopes": "random"}, UsageError, "cannot vary"),
    (lambda d: d[d["patient"] < 8], "xmy", {"clusters": "patient"}, NotEstimable, "10 are the least"),
    (lambda d: d.assign(y=1.0), "xmy", {}, NotEstimable, "same value"),
    (lambda d: d.head(4), "xmy", {}, NotEstimable, "6 are the least"),
    (lambda d: d.assign(y="a"), "xmy", {}, ContractError, "must hold numbers"),
    (lambda d: pd.concat([d, d.head(1)]), "xmy", {"clusters": "patient", "session": "session"}, ContractError, "twice"),
])  # fmt: skip
def test_refusals_say_what_to_do(change, names, options, error, said):
    with pytest.raises(error, match=said):
        mediation(change(two_level()), *names, **options)
