"""Least squares against statsmodels: everything that our tables take of a fit."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from statsmodels.regression.linear_model import OLS

from doublecode.analysis.mixed.formula import parse_formula
from doublecode.analysis.regression.ordinary_fit import least_squares
from doublecode.analysis.regression.regression_design import build_matrices

PARTS = ("params", "resid", "fittedvalues", "ssr", "mse_resid", "rsquared", "rsquared_adj", "fvalue", "f_pvalue", "llf")


@pytest.fixture(scope="module")
def data() -> pd.DataFrame:
    rng = np.random.default_rng(3)
    x = rng.normal(size=(30, 2))
    y = 5 + x @ [0.5, -0.2] + rng.normal(size=30) * (1 + np.abs(x[:, 0]))
    return pd.DataFrame({"x": x[:, 0], "z": x[:, 1], "arm": np.tile(["a", "b", "c"], 10), "y": y})


# the third has no intercept and yet a constant among its columns, the fourth none at all
@pytest.mark.parametrize("formula", ["y ~ x * z", "y ~ 1 + arm", "y ~ 0 + arm", "y ~ 0 + x + z"])
def test_all_parts_are_statsmodels(data, formula):
    matrices = build_matrices(parse_formula(formula), data)
    ours, theirs = least_squares(matrices), OLS(matrices.y, matrices.X).fit()
    for name in PARTS:
        assert getattr(ours, name) == pytest.approx(getattr(theirs, name), rel=1e-10, abs=1e-12), name
    assert (ours.nobs, ours.df_model, ours.df_resid) == (theirs.nobs, theirs.df_model, theirs.df_resid)
    assert ours.leverage == pytest.approx(theirs.get_influence().hat_matrix_diag)
    assert ours.covariance() == pytest.approx(theirs.cov_params(), rel=1e-10, abs=1e-14)
    for kind in ("HC0", "HC1", "HC2", "HC3"):
        assert ours.covariance(kind) == pytest.approx(getattr(theirs, f"cov_{kind}"), rel=1e-10, abs=1e-14)


def test_a_constant_alone_has_no_f(data):
    fit = least_squares(build_matrices(parse_formula("y ~ 1"), data))
    assert np.isnan([fit.fvalue, fit.f_pvalue]).all()
    assert fit.rsquared == pytest.approx(0.0, abs=1e-12)
