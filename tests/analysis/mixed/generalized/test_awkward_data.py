"""Data as they come: outcomes in other dress, groups without a success, large numbers; right answers or messages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from doublecode.analysis import fit_generalized
from doublecode.analysis.mixed.generalized.result import GeneralizedResult
from doublecode.schemas.errors import FormulaError, NotEstimable

F = "y ~ x + z + (1 | patient)"


def frame() -> pd.DataFrame:
    rng = np.random.default_rng(11)
    data = pd.DataFrame({"patient": np.repeat(np.arange(22), 9), "x": rng.normal(size=198)})
    data["z"] = rng.normal(size=22)[data["patient"]]
    data["eta"] = 0.5 * data["x"] + 0.4 * data["z"] + rng.normal(size=22)[data["patient"]]
    data["y"] = (rng.uniform(size=198) < 1 / (1 + np.exp(-data["eta"]))).astype(int)
    data["c"] = rng.poisson(np.exp(0.3 * data["eta"]))
    return data


DATA = frame()


@pytest.fixture(scope="module")
def plain() -> GeneralizedResult:
    return fit_generalized(F, DATA, family="binomial")


def hidden(y: pd.Series) -> pd.Series:
    """Objects, one of them missing."""
    return y.astype(bool).astype(object).where(y.index != 3, None)


@pytest.mark.parametrize("dress", [
    pd.Categorical, lambda y: pd.Categorical(y.astype(bool)), lambda y: y.astype(object),
    lambda y: y.astype(bool).astype(object), lambda y: y.astype("Int64"), lambda y: y.astype("boolean"),
])  # fmt: skip
def test_zeros_and_ones_in_any_dress(plain: GeneralizedResult, dress: Callable[[Any], Any]) -> None:
    fit = fit_generalized(F, DATA.assign(y=dress(DATA["y"])), family="binomial")
    assert fit.loglik == plain.loglik


@pytest.mark.parametrize(
    "dress", [hidden, lambda y: y.astype("Int64").where(y.index != 3), lambda y: hidden(y).astype("category")]
)
def test_a_missing_outcome_in_any_dress_is_a_row_dropped(dress: Callable[[Any], Any]) -> None:
    fit = fit_generalized(F, DATA.assign(y=dress(DATA["y"])), family="binomial")
    assert fit.loglik == pytest.approx(fit_generalized(F, DATA.drop(index=3), family="binomial").loglik, abs=1e-9)
    assert fit.design["n_used"] == 197


def test_text_is_refused_with_the_line_that_mends_it() -> None:
    words = DATA.assign(y=np.where(DATA["y"] == 1, "yes", "no"))
    with pytest.raises(FormulaError, match=r"holds text .*success.*data\['y'\]\.map\({'yes': 1, 'no': 0}\)"):
        fit_generalized(F, words, family="binomial")
    assert words["y"].map({"yes": 1, "no": 0}).equals(DATA["y"])
    with pytest.raises(FormulaError, match=r"data\['y'\] = pandas\.to_numeric\(data\['y'\]\)"):
        fit_generalized(F, DATA.assign(y=DATA["y"].astype(str)), family="binomial")


def test_two_categories_are_a_binomial_model(plain: GeneralizedResult) -> None:
    """A declared third category without a row changes nothing."""
    names = pd.Categorical.from_codes(DATA["y"], ["no", "yes", "always"], ordered=True)
    fit = fit_generalized(F, DATA.assign(y=names), family="ordinal")
    assert fit.loglik == pytest.approx(plain.loglik, abs=1e-9)
    np.testing.assert_allclose(fit.beta, plain.beta[1:], atol=1e-6)
    limits, same = fit.confint("profile"), plain.confint("profile")
    np.testing.assert_allclose(
        limits.set_index("parameter").loc["threshold", ["conf_low", "conf_high"]].astype(float),
        -same.loc[0, ["conf_high", "conf_low"]].astype(float), atol=1e-5,
    )  # fmt: skip


def test_an_offset_moves_the_intercept_alone(plain: GeneralizedResult) -> None:
    moved = fit_generalized(F, DATA, family="binomial", offset=np.full(198, -5.0))
    np.testing.assert_allclose(moved.beta - plain.beta, [5.0, 0.0, 0.0], atol=1e-6)
    counts = [
        fit_generalized("c ~ x + (1 | patient)", DATA, family="poisson", offset=o) for o in (None, np.full(198, -5.0))
    ]
    assert counts[1].beta[0] - counts[0].beta[0] == pytest.approx(5.0, abs=1e-6)


def test_groups_without_a_success_are_no_separation() -> None:
    """Eight patients of 22 never did it: a wide spread, its limits finite."""
    data = DATA.assign(y=DATA["y"].where(DATA["patient"] >= 8, 0))
    fit = fit_generalized(F, data, family="binomial")
    assert fit.converged
    sd = fit.confint("profile", parameters="variances").iloc[0]
    assert 0.5 < sd["conf_low"] < sd["estimate"] < sd["conf_high"] < 10.0


def test_counts_of_a_million_lose_no_digits() -> None:
    """With an offset of log 1,000 or counts a thousand times as large the slope is that of the means, and quick."""
    data = DATA.assign(
        c=np.round(np.exp(14.0 + 0.1 * DATA["x"] + 0.3 * DATA["z"]) * (1.0 + 0.2 * (DATA["patient"] % 2)))
    )
    fit = fit_generalized("c ~ x + z + (1 | patient)", data, family="poisson")
    assert fit.converged
    assert sum(fit.log["evaluations"]) < 400
    limits = fit.confint("profile").set_index("term")
    assert limits.loc["x", "conf_low"] == pytest.approx(0.1, abs=2e-4)
    assert limits.loc["x", "conf_high"] - limits.loc["x", "conf_low"] < 1e-3


def test_a_thousand_trials_and_no_variance() -> None:
    successes = np.round(1000 / (1 + np.exp(-0.3 * DATA["x"]))).astype(int)
    fit = fit_generalized(
        "s ~ x + (1 | patient)", DATA.assign(s=successes), family="binomial", trials=np.full(198, 1000)
    )
    assert fit.singular
    assert fit.beta == pytest.approx([0.0, 0.3], abs=2e-3)
    sd = fit.confint("profile", parameters="variances").iloc[0]
    assert (sd["conf_low"], 0.0 < sd["conf_high"] < 0.03) == (0.0, True)


def test_one_row_per_patient() -> None:
    single = DATA.groupby("patient").head(1).assign(o=lambda d: d["c"].clip(upper=2))
    assert fit_generalized("c ~ x + (1 | patient)", single, family="poisson").converged
    for column, family in (("y", "binomial"), ("o", "ordinal")):
        with pytest.raises(NotEstimable, match="22 random effects for 22 rows of"):
            fit_generalized(f"{column} ~ x + (1 | patient)", single, family=family)
    with pytest.raises(NotEstimable, match=r"'patient' has one level \('0'\)"):
        fit_generalized("y ~ x + (1 | patient)", DATA[DATA["patient"] == 0], family="binomial")


@pytest.mark.parametrize("share", [0.0, 0.3])
def test_separation_between_patients_is_named(share: float) -> None:
    """Complete by a predictor between them, quasi-complete by a group of patients."""
    data = DATA.assign(arm=(DATA["z"] > 0.5).astype(int))
    data["y"] = data["arm"] if share == 0.0 else data["y"].where(data["arm"] == 0, 1)
    kind = "complete separation: arm" if share == 0.0 else "quasi-complete separation: arm"
    with pytest.raises(NotEstimable, match=kind):
        fit_generalized("y ~ x + arm + (1 | patient)", data, family="binomial")
    codes = data.assign(y=(2 * data["y"] + (data["x"] > 0)).where(data["arm"] == 0, 3))
    with pytest.raises(NotEstimable, match="separation, foremost by arm"):
        fit_generalized("y ~ x + arm + (1 | patient)", codes, family="ordinal")
