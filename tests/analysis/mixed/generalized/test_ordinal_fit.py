"""Cumulative mixed models through the door, against R's clmm re-optimised, and what a result answers."""

from __future__ import annotations

import runpy
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from doublecode.analysis.mixed import fit_generalized, fit_many
from doublecode.analysis.regression.estimated_means import marginal_means
from doublecode.schemas.errors import ContractError, FormulaError, NotEstimable, UsageError

CUMULATIVE = runpy.run_path(str(Path(__file__).parent / "test_cumulative.py"))
REFERENCE, SETS = CUMULATIVE["reference"](), CUMULATIVE["reference_sets"]()
MODELS = [(name, i) for name, models in REFERENCE["mixed"].items() for i in range(len(models))]


@cache
def fitted(name, formula="y ~ x + w + (1 | g)", **options):
    return fit_generalized(formula, SETS[name], family="ordinal", **options)


@pytest.mark.parametrize(("name", "i"), MODELS)
def test_it_is_clmm(name, i) -> None:
    wanted = REFERENCE["mixed"][name][i]
    formula = wanted["formula"].replace("o ~", "y ~")
    options = {"link": wanted["link"], "nagq": wanted["nAGQ"], "thresholds": wanted["threshold"]}
    found = fitted(name, formula, **options)
    assert found.converged
    assert found.loglik == pytest.approx(wanted["logLik"], abs=1e-7)
    tau, se = found.tau, found.thresholds["std_error"].to_numpy()
    if wanted["threshold"] == "equidistant":
        tau, se = np.array([tau[0], tau[1] - tau[0]]), se[:1]
    # estimates to 1e-6: clmm's criterion carries noise of its inner search, which a gradient of 1e-6 stands for;
    # its Hessian is a difference of that criterion, so standard errors agree to 2 in 1,000 (15 points: 3 in 100,000)
    assert np.allclose([*tau, *found.beta], wanted["estimate"], atol=1e-6)
    k = len(tau)
    errors = np.array(wanted["se"])
    assert np.allclose([*se, *found.fixed["std_error"]], [*errors[: len(se)], *errors[k:]], rtol=2e-3)
    covariances = wanted["covariance"]  # clmm puts the factor with most levels first, two terms of g are g and g.1
    ours = zip([term.group for term in found.model.terms], found.fit.covariances, strict=True)
    for place, (group, V) in enumerate(ours):
        W = covariances[f"{group}.{place}" if f"{group}.{place}" in covariances else group]
        assert np.allclose(V.ravel(), np.ravel(W), atol=2e-5)


def test_standard_errors_by_quadrature_are_clmms_to_three_in_a_hundred_thousand() -> None:
    wanted = REFERENCE["mixed"]["hw229"][1]
    found = fitted("hw229", nagq=15)
    errors = [*found.thresholds["std_error"], *found.fixed["std_error"]]
    assert np.allclose(errors, wanted["se"], rtol=3e-5)


def test_proportional_odds_with_a_random_intercept_are_those_of_clmm2() -> None:
    for name, tolerance in (("wine", 1e-4), ("plain", 1e-6), ("hw229", 1e-6)):
        tests = fitted(name).proportional_odds().set_index("term")
        for term in ("x", "w"):
            # of wine, no cold one has the highest rating: the likelihood rises towards a limit at infinity
            assert tests.loc[term, "statistic"] == pytest.approx(REFERENCE["nominal_mixed"][name][term], abs=tolerance)
            assert tests.loc[term, "df"] == len(found_categories(name)) - 2


def found_categories(name):
    return set(SETS[name]["y"])


def test_two_categories_are_the_binomial_model() -> None:
    d = SETS["plain"].assign(z=(SETS["plain"].y > 2).astype(int))
    two = fit_generalized("z ~ x + w + (1 | g)", d, family="ordinal")
    binary = fit_generalized("z ~ x + w + (1 | g)", d, family="binomial")
    assert two.loglik == pytest.approx(binary.loglik, abs=1e-9)
    assert np.allclose([-two.tau[0], *two.beta], binary.beta, atol=1e-6)
    assert np.allclose(two.fixed["std_error"], binary.fixed["std_error"].iloc[1:], rtol=1e-4)
    pd.testing.assert_series_equal(two.category_probabilities()[1], binary.predict(), check_names=False, atol=1e-7)
    high = two.average_effects("x").query("category == '1'").iloc[0]
    assert high["estimate"] == pytest.approx(binary.average_effects("x")["estimate"].iloc[0], abs=1e-6)
    assert high["std_error"] == pytest.approx(binary.average_effects("x")["std_error"].iloc[0], rel=1e-4)


def test_a_positive_coefficient_makes_higher_categories_likelier() -> None:
    found = fitted("plain")
    assert found.beta[0] > 0
    ends = found.category_probabilities(pd.DataFrame({"x": [-1.0, 1.0], "w": 0.0}), random="none")
    above = ends.to_numpy()[:, ::-1].cumsum(axis=1)[:, :-1]
    assert (above[1] > above[0]).all()
    odds = above / (1 - above)
    assert np.allclose(odds[1] / odds[0], found.ratios["ratio"].iloc[0] ** 2)  # two units further
    expected = found.predict(pd.DataFrame({"x": [-1.0, 1.0], "w": 0.0}), random="none")
    assert np.allclose(expected, ends @ np.arange(5))
    assert np.allclose(found.average_effects().groupby(["term", "contrast"])["estimate"].sum(), 0.0, atol=1e-10)
    assert "a positive coefficient makes higher categories likelier" in str(found)


def test_averages_over_groups_are_those_of_many_drawn_groups() -> None:
    for link in ("logit", "probit"):
        found = fitted("plain", link=link)
        row = pd.DataFrame({"x": [0.5], "w": [1.0]})
        averaged = found.category_probabilities(row, random="average").to_numpy()[0]
        eta, sd = found.predict(row, kind="link", random="none").iloc[0], found.variances["sd"].iloc[0]
        drawn = np.linspace(-6, 6, 4001)
        weight = np.exp(-(drawn**2) / 2) / np.exp(-(drawn**2) / 2).sum()
        shifted = pd.DataFrame({"x": (eta + sd * drawn - found.beta[1]) / found.beta[0], "w": 1.0})
        many = weight @ found.category_probabilities(shifted, random="none").to_numpy()
        assert np.allclose(averaged, many, atol=1e-6)
        assert found.icc["adjusted"] == pytest.approx(sd**2 / (sd**2 + (np.pi**2 / 3 if link == "logit" else 1.0)))


def test_drawn_outcomes_have_the_probabilities_of_the_model() -> None:
    found = fitted("plain")
    drawn = found.simulate(400, seed=3)
    shares = np.bincount(drawn.ravel().astype(int), minlength=5) / drawn.size
    # 79,200 draws of 22 patients drawn anew each time: 0.01 is four standard errors
    assert np.allclose(shares, found.category_probabilities(random="average").mean(), atol=0.01)
    limits = found.confint("bootstrap", n_boot=20, seed=1)
    assert limits["conf_low"].notna().all()
    assert limits["parameter"].tolist() == ["fixed", "fixed", *["threshold"] * 4, "sd"]


def test_bootstrap_limits_are_percentiles_of_fits_to_drawn_outcomes() -> None:
    """Thresholds, too; that above a category which too many draws lack has no lower limit."""
    data = SETS["plain"].assign(y=lambda d: d["y"].replace({0: 1}))
    data.loc[data.index[0], "y"] = 0
    found = fit_generalized("y ~ x + (1 | g)", data, family="ordinal", nagq=1)
    limits = found.confint("bootstrap", n_boot=20, seed=2)
    refits = fit_many("y ~ x + (1 | g)", data, found.simulate(20, seed=2), family="ordinal", nagq=1)
    assert (refits.n_categories < 5).any()
    values = np.vstack([refits.estimate, refits.thresholds, np.sqrt(refits.variances)])
    assert limits["conf_low"][1] == values[1].min() == -np.inf
    known = np.isfinite(values).all(axis=1)
    assert known.sum() == 5
    for side, share in (("conf_low", 0.025), ("conf_high", 0.975)):
        assert np.allclose(limits.loc[known, side], np.quantile(values[known], share, axis=1), atol=1e-5)
    assert limits["method"].eq("bootstrap (20 of 20 refits)").all()


def test_limits_by_profile_are_where_the_likelihood_has_fallen_by_its_quantile() -> None:
    found = fitted("plain")
    limits = found.confint("profile").set_index("term").loc["x"]
    for side in ("conf_low", "conf_high"):
        d = SETS["plain"]
        held = fit_generalized("y ~ w + (1 | g)", d, family="ordinal", offset=(limits[side] * d.x).to_numpy())
        assert 2 * (found.loglik - held.loglik) == pytest.approx(3.841459, abs=1e-4)


def test_predictors_far_from_zero_and_weights_and_categories_of_words() -> None:
    d, plain = SETS["plain"], fitted("plain")
    far = fit_generalized("y ~ x + w + (1 | g)", d.assign(x=d.x + 2000), family="ordinal")
    assert far.loglik == pytest.approx(plain.loglik, abs=1e-8)
    assert np.allclose(far.tau, plain.tau + 2000 * plain.beta[0], atol=1e-4)
    assert np.allclose(far.fixed["std_error"], plain.fixed["std_error"], rtol=1e-5)
    assert np.allclose(far.category_probabilities(), plain.category_probabilities(), atol=1e-7)
    words = pd.Categorical.from_codes(d.y, ["never", "seldom", "often", "mostly", "always", "ever"], ordered=True)
    named = fit_generalized("z ~ x + w + (1 | g)", d.assign(z=words), family="ordinal")
    assert named.loglik == pytest.approx(plain.loglik, abs=1e-10)
    assert named.thresholds["threshold"].iloc[0] == "never|seldom"
    assert named.category_probabilities().columns.tolist() == ["never", "seldom", "often", "mostly", "always"]
    assert "category ever has no row and is left out" in str(named)
    twice = fit_generalized("y ~ x + w + (1 | g)", d, family="ordinal", weights=np.full(len(d), 1.0))
    assert twice.loglik == pytest.approx(plain.loglik, abs=1e-9)


def test_tests_of_terms_are_type_three() -> None:
    found = fitted("crossed", "y ~ x * h + (1 | g)")
    tests = found.anova().set_index("term")
    assert (tests["hypothesis"] == "type III").all()
    coded = SETS["crossed"].assign(
        h=SETS["crossed"].h.map({"R1": "R5", "R2": "R4", "R3": "R3", "R4": "R2", "R5": "R1"})
    )
    other = fit_generalized("y ~ x * h + (1 | g)", coded, family="ordinal").anova().set_index("term")
    assert np.allclose(tests["statistic"], other["statistic"], rtol=1e-5)  # whatever the first level is


def test_marginal_means_are_emmeans_on_the_latent_scale() -> None:
    means = marginal_means(fitted("crossed", "y ~ x + h + (1 | g)"), "h").frame
    # emmeans 1.8.4: emmeans(clmm(o ~ x + h + (1 | g), crossed, nAGQ = 15), "h", mode = "latent")
    assert np.allclose(means["estimate"], [-2.227, -0.244, 0.535, 1.675, 1.069], atol=6e-4)
    assert np.allclose(means["std_error"], [0.588, 0.506, 0.520, 0.554, 0.534], atol=6e-4)


@pytest.mark.parametrize(
    ("formula", "change", "options", "error", "words"),
    [
        ("y ~ 0 + x + (1 | g)", {}, {}, FormulaError, "thresholds in place of the intercept"),
        ("y ~ x + (1 | g)", {"y": "low"}, {}, ContractError, "text has no order"),
        ("y ~ x + (1 | g)", {"y": 3}, {}, NotEstimable, "one category only"),
        ("y ~ x + (1 | g)", {"y": 1.5}, {}, ContractError, "whole numbers"),
        ("y ~ x + (1 | g)", {}, {"trials": "x"}, UsageError, "trials= is not for family 'ordinal'"),
        ("y ~ x + (1 | g)", {}, {"prior_sd": 2.5}, UsageError, "prior_sd= is not for family 'ordinal'"),
        ("y ~ x + (1 | g)", {}, {"link": "cloglog"}, UsageError, "allowed: 'logit', 'probit'"),
        ("y ~ x + (1 | g)", {}, {"thresholds": "equal"}, UsageError, "'flexible', 'equidistant'"),
        ("log(y + 1) ~ x + (1 | g)", {}, {}, FormulaError, "is an expression"),
    ],
)
def test_what_cannot_be_fitted_says_the_way_on(formula, change, options, error, words) -> None:
    with pytest.raises(error, match=words):
        fit_generalized(formula, SETS["plain"].assign(**change), family="ordinal", **options)


def test_separation_is_named_and_thresholds_belong_to_ordinal() -> None:
    d = SETS["plain"].assign(apart=(SETS["plain"].y > 2).astype(float))
    with pytest.raises(NotEstimable, match="separation, foremost by apart"):
        fit_generalized("y ~ x + apart + (1 | g)", d, family="ordinal")
    with pytest.raises(UsageError, match="thresholds= belongs to family 'ordinal'"):
        fit_generalized("apart ~ x + (1 | g)", d, family="binomial", thresholds="equidistant")
    with pytest.raises(UsageError, match=r"proportional_odds\(\)"):
        fitted("plain").check_simulated()


def test_on_simulated_sets_the_end_is_never_below_clmms() -> None:
    path = Path(__file__).parents[3] / "reference"
    simulated = runpy.run_path(str(path / "ordinal_sets.py"))
    answers = pd.read_csv(path / "ordinal_sets.csv.xz").set_index(["set", "nAGQ"])
    for number in range(9):  # all 1,000: tests/simulations/ordinal_against_clmm.py
        data = simulated["simulated_set"](number)
        for nodes in (1, 15):
            found = fit_generalized(simulated["FORMULA"], data, family="ordinal", nagq=nodes)
            assert found.converged
            assert found.loglik > answers.loc[(number, nodes), "loglik"] - 1e-6
