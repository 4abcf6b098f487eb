"""Several effects of a study: metafor's three-level fits, and CR2 by algebra, by hand and beside least squares."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from doublecode.analysis import pool
from doublecode.analysis.meta_analysis.heterogeneity import Effects
from doublecode.analysis.meta_analysis.several_effects import blocks_of, covariance, cr2_of
from doublecode.analysis.mixed.cluster_robust import cr2
from doublecode.schemas.errors import NotEstimable, UsageError

REFERENCE = Path(__file__).parents[2] / "reference"
THEIR_NAMES = {
    "estimate": "pred",
    "std_error": "se",
    "conf_low": "low",
    "conf_high": "high",
    "pi_low": "pi_low",
    "pi_high": "pi_high",
}
MORE = json.loads((REFERENCE / "meta_more.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def schools():
    return pd.read_csv(REFERENCE / "data" / "meta_konstantopoulos.csv")


@pytest.mark.parametrize("method", ["REML", "ML"])
def test_three_levels_as_metafor_has_them(schools, method):
    """metafor's own search stops about 1e-8 before the optimum."""
    expected = MORE["three_level"][method]
    found = pool("yi", "vi", data=schools, studies="district", method=method, test="z")
    row = found.frame.iloc[0]
    assert (row["estimate"], row["std_error"]) == pytest.approx((expected["coef"], expected["se"]), rel=1e-6)
    assert (found.tau2, found.tau2_within) == pytest.approx(tuple(expected["sigma2"]), rel=1e-6)
    assert found.loglik == pytest.approx(expected["logLik"], abs=1e-9)
    assert found.variances["component"].tolist() == ["between studies", "within studies"]
    half = stats.norm.ppf(0.975) * np.sqrt(expected["se"] ** 2 + sum(expected["sigma2"]))
    assert found.prediction == pytest.approx((expected["coef"] - half, expected["coef"] + half), rel=1e-6)
    assert found.variances[["conf_low", "conf_high"]].to_numpy() == pytest.approx(
        np.array(expected["limits"]), rel=1e-6
    )


def test_the_published_answer(schools):
    """Konstantopoulos (2011, table 5): 0.185 (0.085), variances .065 and .033; t has 11 − 1 degrees of freedom."""
    found = pool("yi", "vi", data=schools, studies="district", test="t")
    row = found.frame.iloc[0]
    assert (row["estimate"], row["std_error"], found.tau2, found.tau2_within) == pytest.approx(
        (0.185, 0.085, 0.065, 0.033), abs=6e-4
    )
    assert row["df"] == 10
    assert found.design["n_studies"] == 11
    assert "56 effects of 11 studies" in str(found)
    assert [note.kind for note in found.notes] == ["pool_several"]


def test_three_levels_with_a_moderator(schools):
    expected = MORE["three_level_year"]
    found = pool("yi", "vi", data=schools, studies="district", moderators="I(year - 1990)", test="z")
    assert found.frame["estimate"].tolist() == pytest.approx(expected["coef"], rel=1e-6)
    assert found.frame["std_error"].tolist() == pytest.approx(expected["se"], rel=1e-6)
    assert found.omnibus["statistic"] == pytest.approx(expected["QM"], rel=1e-6)
    at = found.predict(pd.DataFrame({"year": [1985, 1993]})).frame
    for mine, theirs in THEIR_NAMES.items():
        assert at[mine].tolist() == pytest.approx(expected["at"][theirs], rel=1e-6)


def test_variances_that_are_nothing_have_a_lower_limit_of_0():
    """Four studies whose effects differ no more than chance has it: the upper limits are where the deviance rises."""
    y = [0.11, 0.09, 0.10, 0.12, 0.08, 0.10, 0.11, 0.10]
    found = pool(y, [0.04] * 8, studies=list("aabbccdd"))
    assert found.variances["variance"].tolist() == [0, 0]
    assert found.variances["conf_low"].tolist() == [0, 0]
    assert (found.variances["conf_high"] > 0.01).all()


def test_cr2_is_unbiased_where_the_working_model_holds(schools):
    """The expectation of the sandwich under V is (X'V⁻¹X)⁻¹, to rounding: what defines CR2."""
    X = np.column_stack([np.ones(len(schools)), schools["year"] - 1990.0])
    effects = Effects(schools["yi"].to_numpy(), schools["vi"].to_numpy(), X)
    names = schools["district"].astype(str).tolist()
    V = covariance(effects, blocks_of(names), 0.07, 0.03)
    W = np.linalg.inv(V)
    M = np.linalg.inv(X.T @ W @ X)
    maker = np.eye(len(X)) - X @ M @ X.T @ W
    spread = maker @ V @ maker.T
    values, vectors = np.linalg.eigh(spread)
    root = vectors * np.sqrt(np.clip(values, 0, None))  # residuals of this covariance, one column each
    mean = sum(cr2_of(effects, V, column, names)[0] for column in root.T)
    np.testing.assert_allclose(mean, M, rtol=1e-9)


def test_cr2_by_hand_and_beside_least_squares(schools):
    """Of equal studies the variance of the mean of study means; unweighted what cr2() has, which is clubSandwich's."""
    y = np.array([1.0, 3, 4, 6, 8, 12])
    equal = Effects(y, np.ones(6), np.ones((6, 1)))
    names = list("aabbcc")
    V = covariance(equal, blocks_of(names), 0.5, 0.2)
    vcov, df = cr2_of(equal, V, y - y.mean(), names)
    assert (vcov[0, 0], df[0]) == pytest.approx((np.var([2, 5, 10], ddof=1) / 3, 2.0), rel=1e-9)
    X = np.column_stack([np.ones(len(schools)), schools["year"] - 1990.0])
    effects = Effects(schools["yi"].to_numpy(), np.ones(len(X)), X)
    residual = effects.y - X @ np.linalg.lstsq(X, effects.y, rcond=None)[0]
    for mine, theirs in zip(
        cr2_of(effects, np.eye(len(X)), residual, schools["district"].astype(str).tolist()),
        cr2(X, residual, schools["district"].tolist()), strict=True,
    ):  # fmt: skip
        np.testing.assert_allclose(mine, theirs, rtol=1e-9)


def test_cr2_of_small_units_and_what_it_says(schools):
    one = pool("yi", "vi", data=schools, studies="district", moderators="year + school")
    small = schools.assign(yi=schools["yi"] * 1e-4, vi=schools["vi"] * 1e-8)
    other = pool("yi", "vi", data=small, studies="district", moderators="year + school")
    assert other.frame["p_value"].tolist() == pytest.approx(one.frame["p_value"].tolist(), rel=1e-6)
    assert {"pool_cr2", "pool_cr2_joint", "pool_moderators"} <= {note.kind for note in one.notes}
    assert np.isnan(one.omnibus["p_value"])
    single = pool("yi", "vi", data=schools, studies="district", moderators="year")
    row = single.frame.iloc[1]
    assert (single.omnibus["statistic"], single.omnibus["df2"]) == pytest.approx((row["statistic"] ** 2, row["df"]))


def test_what_several_effects_cannot_have(schools):
    with pytest.raises(UsageError, match="allowed: 'REML' and 'ML'"):
        pool("yi", "vi", data=schools, studies="district", method="DL")
    with pytest.raises(UsageError, match="allowed: 'CR2', 't' and 'z'"):
        pool("yi", "vi", data=schools, studies="district", test="hksj")
    with pytest.raises(NotEstimable, match="a level within studies needs"):
        pool(schools["yi"], schools["vi"], studies=range(len(schools)))
    with pytest.raises(UsageError, match="effects of one study are not independent"):
        pool("yi", "vi", data=schools, studies="district").egger()
