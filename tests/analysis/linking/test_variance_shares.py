"""Limits of the share between patients against lme4's profiled criterion (reference/variance_shares.R)."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from doublecode.analysis import fit_mixed, fit_series
from doublecode.analysis.linking.variance_shares import share_limits

REFERENCE = Path(__file__).parents[2] / "reference"


@pytest.fixture(scope="module")
def data():
    return pd.read_csv(REFERENCE / "hw229_a.csv")


@pytest.mark.parametrize(
    ("name", "formula", "reml"),
    [
        ("homework", "homework ~ 1 + (1 | patient)", True),
        ("homework_ml", "homework ~ 1 + (1 | patient)", False),
        ("behaviour", "behaviour ~ session + (1 | patient)", True),
    ],
)
def test_profile_against_lme4(data, name, formula, reml):
    wanted = json.loads((REFERENCE / "variance_shares.json").read_text())[name]
    fit = fit_mixed(formula, data, reml=reml)
    low, high, method = share_limits(fit)
    assert method == "profile"
    assert fit.icc["adjusted"] == pytest.approx(wanted["share"], abs=1e-6)
    assert (low, high) == pytest.approx((wanted["low"], wanted["high"]), abs=1e-7)


def test_no_variance_between():
    rng = np.random.default_rng(8)
    data = pd.DataFrame({"patient": np.repeat(np.arange(20), 6), "y": rng.normal(size=120)})
    data["y"] -= data.groupby("patient")["y"].transform("mean")
    low, high, _ = share_limits(fit_mixed("y ~ 1 + (1 | patient)", data))
    assert low == 0
    assert 0 < high < 0.2


def test_several_effects_by_refits(data):
    fit = fit_mixed("homework ~ session + (session | patient)", data)
    low, high, method = share_limits(fit, seed=3)
    assert method == "bootstrap"
    assert low < fit.icc["adjusted"] < high
    assert (low, high) == share_limits(fit, seed=3)[:2]


def test_of_a_series(data):
    found = fit_series(["homework ~ 1 + (1 | patient)", "homework ~ session + (1 | patient)"], data)
    assert found.share_limits["method"].tolist() == ["profile", "profile"]
    assert found.share_limits["estimate"].tolist() == found.shares["adjusted"].tolist()
    assert set(found.explained["source"]) >= {"marginal", "conditional", "fixed within", "fixed between", "residual"}


def test_residuals_of_several_variances_have_no_one_share(data):
    fit = fit_mixed("homework ~ 1 + (1 | patient)", data, correlation="ar1(session | patient)")
    assert np.isnan(share_limits(fit)[0])
