"""Power of outcomes that are done or not, and of counts: a published value, type I error, moments, refusals."""

import numpy as np
import pytest
from scipy import stats

from doublecode.analysis import PlannedStudy, power
from doublecode.analysis.mixed.generalized.population import population_mean
from doublecode.analysis.planning.simulated_study import draw
from doublecode.schemas.errors import UsageError

SIMR = {"intercept": 1.540793, "variance": 0.083451}
"""Estimates that simr simulates from, tests/reference/simr_poisson.R (lme4 1.1)."""


def errors_apart(power_a, n_a, power_b, n_b):
    """Difference in Monte-Carlo standard errors of both."""
    spread = power_a * (1 - power_a) / n_a + power_b * (1 - power_b) / n_b
    return abs(power_a - power_b) / np.sqrt(spread)


def test_the_poisson_example_of_green_and_macleod():
    """simr: 33.4 % [30.5, 36.4] by 1,000 simulations of x = 1 … 10 in three groups, slope −.05, Wald's z."""
    mean = float(np.exp(SIMR["intercept"] - 0.05 * 5.5))
    share = SIMR["variance"] / (SIMR["variance"] + np.log1p(1 / mean))
    plan = PlannedStudy(patients=3, sessions=10, family="poisson", base=mean, icc_outcome=share)
    assert plan.patient_variance * plan.residual_variance == pytest.approx(SIMR["variance"])
    found = power(plan, trend=-0.05, formula="outcome ~ session + (1 | patient)", studies=4000, seed=1)
    row = found.frame.iloc[0]
    assert errors_apart(row["power"], 4000, 0.334, 1000) < 3
    assert row["mean_estimate"] == pytest.approx(-0.05, abs=0.002)
    assert "Wald's z" in str(found)


def test_type_one_error_of_a_slope_within_patients_is_nominal():
    plan = PlannedStudy(patients=22, sessions=9, family="binomial", base=0.4, dropout=0.2)
    row = power(plan, within=0, studies=2000, seed=4).frame.iloc[0]
    assert abs(row["power"] - 0.05) < 4 * np.sqrt(0.05 * 0.95 / 2000)
    assert row["failed"] < 0.01


@pytest.mark.parametrize(("family", "base", "link"), [("binomial", 0.3, "logit"), ("poisson", 2.0, "log")])
def test_drawn_outcomes_have_the_mean_over_patients_and_the_declared_slopes(family, base, link):
    """With predictors of variance β_b² + β_w² and patients of τ² the mean is that over a normal of their sum."""
    plan = PlannedStudy(patients=100, sessions=8, family=family, base=base, icc_outcome=0.2)
    drawn = draw(plan, 0.3, -0.2, 300, np.random.default_rng(2))
    total = plan.patient_variance * plan.residual_variance + 0.3**2 + 0.2**2
    expected = population_mean(np.array([plan.intercept]), np.array([total]), link)[0]
    assert drawn.outcome.mean() == pytest.approx(expected, rel=0.01)
    found = power(plan, within=0.3, between=-0.2, studies=100).frame.set_index("term")["mean_estimate"]
    assert found["within"] == pytest.approx(0.3, abs=0.025)


def test_a_trend_of_a_continuous_outcome_has_its_exact_power():
    patients, sessions, trend = 10, 6, 0.15
    plan = PlannedStudy(patients=patients, sessions=sessions)
    row = power(plan, trend=trend, formula="outcome ~ session + (1 | patient)", studies=3000, seed=2).frame.iloc[0]
    df = patients * (sessions - 1) - 1
    reach = trend * np.sqrt(patients * np.sum((np.arange(sessions) - (sessions - 1) / 2) ** 2))
    critical = stats.t.ppf(0.975, df)
    exact = stats.nct.sf(critical, df, reach) + stats.nct.cdf(-critical, df, reach)
    assert abs(row["power"] - exact) < 4 * np.sqrt(exact * (1 - exact) / 3000)


def test_the_paragraph_says_family_ratio_and_method():
    plan = PlannedStudy(patients=20, sessions=8, family="binomial", base=0.4)
    said = power(plan, within=0.5, studies=100).text()
    for words in (
        "done or not",
        "an odds ratio of 1.65 per standard deviation of the sessions",
        "logistic mixed model",
    ):
        assert words in said


@pytest.mark.parametrize(
    ("plan", "how", "said"),
    [
        ({"family": "binomial"}, {}, "probability, between 0 and 1"),
        ({"family": "binomial", "base": 1.2}, {}, "probability, between 0 and 1"),
        ({"family": "poisson", "base": 0.0}, {}, "mean count"),
        ({"family": "poison", "base": 1.0}, {}, "poisson"),
        ({"base": 0.4}, {}, "without a family"),
        ({"family": "binomial", "base": 0.4}, {"scale": "r"}, "allowed: 'link'"),
        ({"family": "binomial", "base": 0.4}, {"ddf": "kenward-roger"}, "allowed: 'z'"),
        ({}, {"scale": "link"}, "without a family"),
        ({}, {"trend": 0.1, "formula": "outcome ~ within + (1 | patient)"}, "does not have 'session'"),
    ],
)
def test_what_cannot_be_is_refused(plan, how, said):
    with pytest.raises(UsageError, match=said):
        power(PlannedStudy(patients=10, sessions=5, **plan), within=0.3, studies=100, **how)


def test_the_base_can_be_varied_and_the_trend_is_an_effect_of_the_grid():
    plan = PlannedStudy(patients=12, sessions=6, family="binomial", base=0.5)
    found = power(plan, vary={"base": [0.1, 0.5], "trend": [0.0, 0.4]}, studies=100, seed=2)
    table = found.frame.set_index(["base", "trend"])["power"]
    assert table[0.5, 0.4] > table[0.5, 0.0]
    assert table[0.5, 0.4] > table[0.1, 0.4]
