"""Power of ordered categories and negative binomial counts: planted truth, type I error, moments, refusals."""

import numpy as np
import pytest
from scipy import stats

from doublecode.analysis import PlannedStudy, fit_generalized, power
from doublecode.analysis.mixed.generalized.ordinal_answers import mean_probabilities
from doublecode.analysis.planning.simulated_study import draw, plan_rows
from doublecode.schemas.errors import UsageError

SHARES = (0.2, 0.3, 0.3, 0.2)
ORDINAL = {"family": "ordinal", "base": SHARES}
COUNTED = {"family": "negative-binomial", "base": 2.0, "dispersion": 1.5}


@pytest.mark.parametrize(("outcome", "effect", "studies"), [(ORDINAL, 0.35, 250), (COUNTED, 0.18, 1000)])
def test_power_within_patients_is_that_of_the_standard_error_of_one_large_study(outcome, effect, studies):
    """Normal approximation: Φ(β/SE − 1.96), SE of 300 patients times √(300/22)."""
    large = PlannedStudy(patients=300, sessions=9, **outcome)
    drawn = draw(large, effect, 0.0, 1, np.random.default_rng(3))
    data = plan_rows(large).assign(**{name: getattr(drawn, name)[:, 0] for name in ("outcome", "within", "between")})
    fit = fit_generalized(
        "outcome ~ within + between + session + (1 | patient)", data, family=outcome["family"]
    ).fixed.set_index("term")
    unit = np.sqrt(1 - large.icc_predictor)
    error = fit.loc["within", "std_error"] * unit * np.sqrt(300 / 22)
    assert abs(fit.loc["within", "estimate"] * unit - effect) < 3 * fit.loc["within", "std_error"] * unit
    expected = stats.norm.cdf(effect / error - stats.norm.ppf(0.975))
    row = power(PlannedStudy(patients=22, sessions=9, **outcome), within=effect, studies=studies, seed=5).frame.iloc[0]
    assert 0.3 < expected < 0.8
    assert abs(row["power"] - expected) < 3 * np.sqrt(expected * (1 - expected) / studies) + 0.02
    assert row["mean_estimate"] == pytest.approx(effect, abs=4 * error / np.sqrt(studies))
    assert row["failed"] < 0.01


@pytest.mark.parametrize(("outcome", "studies"), [(ORDINAL, 250), (COUNTED, 1000)])
def test_type_one_error_of_a_slope_within_patients_is_nominal(outcome, studies):
    row = power(PlannedStudy(patients=22, sessions=9, dropout=0.2, **outcome), within=0, studies=studies, seed=4)
    assert abs(row.frame["power"].item() - 0.05) < 3 * np.sqrt(0.05 * 0.95 / studies) + 0.005


def test_drawn_categories_have_the_probabilities_of_the_model():
    """Over patients of variance τ² and effects the probabilities are those averaged over a normal of their sum."""
    plan = PlannedStudy(patients=100, sessions=8, icc_outcome=0.3, **ORDINAL)
    drawn = draw(plan, 0.4, -0.3, 200, np.random.default_rng(2)).outcome
    total = plan.patient_variance * np.pi**2 / 3 + 0.4**2 + 0.3**2
    expected = mean_probabilities(np.zeros(1), np.array([total]), np.array(plan.thresholds), "logit")[0]
    np.testing.assert_allclose([(drawn == k).mean() for k in range(4)], expected, atol=0.006)
    middle = PlannedStudy(patients=1000, sessions=9, icc_outcome=0, icc_predictor=0, **ORDINAL)
    found = draw(middle, 0.0, 0.0, 10, np.random.default_rng(2)).outcome
    np.testing.assert_allclose([(found == k).mean() for k in range(4)], SHARES, atol=0.005)


def test_drawn_counts_have_the_variance_of_the_dispersion():
    plan = PlannedStudy(patients=1000, sessions=9, icc_outcome=0, **COUNTED)
    drawn = draw(plan, 0.0, 0.0, 20, np.random.default_rng(2)).outcome
    assert drawn.mean() == pytest.approx(2.0, rel=0.01)
    assert drawn.var() == pytest.approx(2 + 2**2 / 1.5, rel=0.02)
    assert plan.residual_variance == pytest.approx(np.log(1 + 1 / 2 + 1 / 1.5))


def test_the_paragraph_says_categories_counts_and_method():
    found = power(PlannedStudy(patients=12, sessions=5, **ORDINAL), within=0.5, studies=100)
    words = found.text()
    assert "rated in ordered categories, with probabilities .20, .30, .30 and .20 of a patient in the middle" in words
    assert "a cumulative odds ratio of 1.65" in words
    assert "as a cumulative logit mixed model" in words
    assert "base 0.2 | 0.3 | 0.3 | 0.2" in str(found)
    plan = PlannedStudy(patients=12, sessions=5, **COUNTED)
    found = power(plan, within=0.5, studies=100, vary={"dispersion": [0.5, 5]})
    assert found.frame["power"].is_monotonic_increasing
    assert "negative binomial mixed model" in found.text()
    assert "Dispersion" in str(found)


@pytest.mark.parametrize(
    ("plan", "said"),
    [
        ({"family": "ordinal"}, "the probability of each category"),
        ({"family": "ordinal", "base": 0.3}, "the probability of each category"),
        ({"family": "ordinal", "base": (0.5, 0.5, 0.0)}, "all above 0"),
        ({"family": "ordinal", "base": (0.5, 0.5)}, "3 to 20 categories"),
        ({"family": "ordinal", "base": (0.5, 0.4, 0.2)}, "add up to 1.1"),
        ({"family": "binomial", "base": (0.5, 0.5)}, "probability, between 0 and 1"),
        ({"family": "negative-binomial", "base": 2}, "dispersion is None"),
        ({"family": "negative-binomial", "base": 2, "dispersion": -1}, "dispersion is -1"),
        ({"family": "poisson", "base": 2, "dispersion": 1}, "would not act"),
    ],
)
def test_what_cannot_be_is_refused(plan, said):
    with pytest.raises(UsageError, match=said):
        PlannedStudy(patients=22, sessions=9, **plan)


def test_the_base_of_categories_is_one_value_and_is_not_varied():
    plan = PlannedStudy(patients=22, sessions=9, **ORDINAL)
    with pytest.raises(UsageError, match="base of ordered categories is one list"):
        power(plan, within=0.3, vary={"base": [0.2, 0.4]})
