"""Power of ordered categories and of negative binomial counts: closed forms, R's clmm, type I error, refusals."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from doublecode.analysis import PlannedStudy, Workers, fit_generalized, fit_many, power
from doublecode.analysis.mixed.generalized.ordinal_answers import mean_probabilities
from doublecode.analysis.planning.simulated_study import draw, plan_rows
from doublecode.schemas.errors import UsageError

REFERENCE = Path(__file__).parents[2] / "reference"
SHARES = (0.2, 0.3, 0.3, 0.2)
ORDINAL = {"family": "ordinal", "base": SHARES}
COUNTED = {"family": "negative-binomial", "base": 2.0, "dispersion": 1.5}
MODEL = "outcome ~ within + between + session + (1 | patient)"


def drawn_and_fitted(plan, effect, studies, family):
    """Studies of one batch, fitted as `power` does."""
    drawn = draw(plan, effect, 0.0, studies, np.random.default_rng(1))
    own = {name: getattr(drawn, name) for name in ("within", "between")}
    return fit_many(MODEL, plan_rows(plan), drawn.outcome, predictors=own, ddf="z", family=family)


def whitehead(plan, effect, n):
    """Standard error and power of a log odds ratio by Whitehead (1993): information n σ² (1 − Σ p³)/3.

    For two equal groups, σ² = 1/4, that is his n (1 − Σ p³)/12; here σ = 1, and p is averaged over the predictor.
    """
    p = mean_probabilities(np.zeros(1), np.array([effect**2]), np.array(plan.thresholds), "logit")[0]
    error = 1 / np.sqrt(n * (1 - (p**3).sum()) / 3)
    return error, stats.norm.cdf(effect / error - stats.norm.ppf(0.975))


def test_power_within_patients_is_that_of_whitehead():
    """Nothing between patients; a patient's mean takes one of eight sessions from the information."""
    effect, studies = 0.45, 150
    plan = PlannedStudy(patients=15, sessions=8, icc_outcome=0, icc_predictor=0, **ORDINAL)
    error, expected = whitehead(plan, effect, 15 * 7)
    row = power(plan, within=effect, formula="outcome ~ within + (1 | patient)", studies=studies, seed=5).frame.iloc[0]
    assert 0.4 < expected < 0.8
    assert abs(row["power"] - expected) < 3 * np.sqrt(expected * (1 - expected) / studies)
    assert row["mean_estimate"] == pytest.approx(effect, abs=4 * error / np.sqrt(studies))
    assert row["width"] == pytest.approx(2 * stats.norm.ppf(0.975) * error, rel=0.08)
    assert row["failed"] == 0


def test_power_between_patients_is_at_most_a_little_below_that_of_whitehead():
    """Two sessions of each, nothing else between patients: the variance that is estimated costs up to a sixth in SE."""
    effect, studies = 0.4, 100
    plan = PlannedStudy(patients=50, sessions=2, icc_outcome=0, icc_predictor=0.99, **ORDINAL)
    error, expected = whitehead(plan, effect, 100)
    row = power(plan, between=effect, formula="outcome ~ between + (1 | patient)", studies=studies, seed=5).frame.iloc[
        0
    ]
    least = stats.norm.cdf(effect / (7 / 6 * error) - stats.norm.ppf(0.975))
    by_chance = 3 * np.sqrt(expected * (1 - expected) / studies)
    assert least - by_chance < row["power"] < expected + by_chance
    assert 1 < row["width"] / (2 * stats.norm.ppf(0.975) * error) < 7 / 6
    assert row["mean_estimate"] == pytest.approx(effect, abs=5 * error / np.sqrt(studies))


def test_two_categories_are_done_or_not():
    """The same plan, and of the same outcomes the same tests: p to 1e-6."""
    two = PlannedStudy(patients=12, sessions=6, family="ordinal", base=(0.6, 0.4))
    done = PlannedStudy(patients=12, sessions=6, family="binomial", base=0.4)
    assert two.thresholds[0] == pytest.approx(-done.intercept)
    assert two.patient_variance * two.residual_variance == done.patient_variance * done.residual_variance
    one, other = (drawn_and_fitted(done, 0.5, 40, family) for family in ("ordinal", "binomial"))
    np.testing.assert_allclose(one.p_value[0], other.p_value[1], atol=1e-6)
    np.testing.assert_array_equal(one.fitted, other.fitted)
    shares = [draw(plan, 0.5, 0.0, 400, np.random.default_rng(2)).outcome.mean() for plan in (two, done)]
    assert shares[0] == pytest.approx(shares[1], abs=0.02)


def test_two_hundred_studies_as_clmm_fits_them():
    """Raters on a scale of five points, drop-out, four categories; p to 1e-4, estimates to 1e-4."""
    sets = pd.read_csv(REFERENCE / "power_ordinal_sets.csv", dtype=str)
    y, score = (np.array([[float(one.replace("-", "nan")) for one in line] for line in sets[name]]).T
                for name in ("outcome", "score"))  # fmt: skip
    mean = np.repeat(np.nanmean((score / 2 - 2).reshape(12, 6, -1), axis=1), 6, axis=0)
    own = {"within": score / 2 - 2 - mean, "between": np.where(np.isnan(y), np.nan, mean)}
    many = fit_many(MODEL, plan_rows(PlannedStudy(patients=12, sessions=6)), y, predictors=own, ddf="z",
                    family="ordinal")  # fmt: skip
    assert many.fitted.all()
    assert many.converged.all()
    found = pd.read_csv(REFERENCE / "power_ordinal.csv").set_index("set")
    for term in ("within", "between"):
        theirs = found[found["term"] == term]
        at = many.terms.index(term), theirs.index
        np.testing.assert_allclose(many.estimate[at], theirs["estimate"], atol=1e-4)
        tested = theirs["p_value"].notna().to_numpy()  # clmm has no errors where its variance between patients is 0
        assert tested.sum() > 190
        np.testing.assert_allclose(many.p_value[at][tested], theirs["p_value"][tested], atol=1e-4)


def test_one_and_two_workers_make_one_table_and_where_there_is_nothing_little_is_found(tmp_path):
    plan = PlannedStudy(patients=8, sessions=4, dropout=0.2, raters=3, double=0.4, icc_rating=0.6, **ORDINAL)
    asked = {"within": 0.0, "vary": {"patients": [7, 8]}, "studies": 100, "seed": 4}
    two = power(plan, **asked, workers=Workers(2, keep=tmp_path)).frame
    one = power(plan, **asked).frame
    pd.testing.assert_frame_equal(one, two)
    alone = power(plan, within=0.0, studies=100, seed=4).frame
    pd.testing.assert_frame_equal(alone, one.iloc[1:].drop(columns="patients").reset_index(drop=True))
    assert abs(one["power"].mean() - 0.05) < 3 * np.sqrt(0.05 * 0.95 / 200) + 0.01


def test_power_of_counts_is_that_of_the_standard_error_of_one_large_study():
    """Normal approximation: Φ(β/SE − 1.96), SE of 200 patients times √(200/22)."""
    effect, studies = 0.18, 500
    large = PlannedStudy(patients=200, sessions=9, **COUNTED)
    drawn = draw(large, effect, 0.0, 1, np.random.default_rng(3))
    data = plan_rows(large).assign(**{name: getattr(drawn, name)[:, 0] for name in ("outcome", "within", "between")})
    fit = fit_generalized(MODEL, data, family="negative-binomial").fixed.set_index("term")
    unit = np.sqrt(1 - large.icc_predictor)
    error = fit.loc["within", "std_error"] * unit * np.sqrt(200 / 22)
    expected = stats.norm.cdf(effect / error - stats.norm.ppf(0.975))
    row = power(PlannedStudy(patients=22, sessions=9, **COUNTED), within=effect, studies=studies, seed=5).frame.iloc[0]
    assert 0.3 < expected < 0.8
    assert abs(row["power"] - expected) < 3 * np.sqrt(expected * (1 - expected) / studies) + 0.03
    assert row["mean_estimate"] == pytest.approx(effect, abs=4 * error / np.sqrt(studies))


def test_counts_without_spread_of_their_own_have_the_power_of_poisson():
    """φ = 1e8; the test of a negative binomial model is a little weaker, since some studies seem to have spread."""
    plan = {"patients": 12, "sessions": 6, "base": 2.0}
    spread = power(PlannedStudy(**plan, family="negative-binomial", dispersion=1e8), within=0.2, studies=250, seed=2)
    none = power(PlannedStudy(**plan, family="poisson"), within=0.2, studies=1000, seed=2)
    one, other = (found.frame["power"].item() for found in (spread, none))
    assert 0.3 < other < 0.8
    assert abs(one - other) < 3 * np.sqrt(other * (1 - other) * (1 / 250 + 1 / 1000)) + 0.01
    assert spread.frame["width"].item() == pytest.approx(none.frame["width"].item(), rel=0.05)


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


def test_raters_take_from_an_effect_and_the_paragraph_says_what_was_assumed():
    plan = PlannedStudy(patients=12, sessions=5, raters=3, icc_rating=0.5, **ORDINAL)
    found = power(plan, within=0.8, studies=200, half_width=0.11, seed=1)
    row = found.frame.iloc[0]
    assert row["studies"] == 100  # a batch; it is enough
    assert row["mean_estimate"] < 0.65 * row["slope"]  # reliability of .5 or less within patients
    words = found.text()
    assert "in 4 ordered categories, with probabilities .20, .30, .30 and .20 of a patient in the middle" in words
    assert "40 % of the outcome's latent variance between patients" in words
    assert "a cumulative odds ratio of 2.23" in words
    assert "(log odds of a higher category 0.80)" in words
    assert "as a cumulative logit mixed model" in words
    assert "base 0.2 | 0.3 | 0.3 | 0.2" in " ".join(str(found).split())
    plan = PlannedStudy(patients=12, sessions=5, **COUNTED)
    found = power(plan, within=0.5, studies=100, vary={"dispersion": [0.5, 5]})
    assert found.frame["power"].is_monotonic_increasing
    assert "negative binomial mixed model" in found.text()
    assert "We varied the dispersion of counts (0.50, 5)" in found.text()
    assert "by the dispersion of counts" in found.caption()
    assert "Dispersion" in str(found)


def test_studies_in_which_a_predictor_separates_the_outcomes_are_said():
    plan = PlannedStudy(patients=3, sessions=2, family="ordinal", base=(0.5, 0.5))
    found = power(plan, within=9.0, formula="outcome ~ within + (1 | patient)", studies=100)
    row = found.frame.iloc[0]
    assert 0 < row["separated"] <= row["failed"]
    assert "power_separated" in {note.kind for note in found.notes}
    assert "since a predictor separated the outcomes" in found.text()


@pytest.mark.parametrize(
    ("plan", "said"),
    [
        ({"family": "ordinal"}, "the probability of each category"),
        ({"family": "ordinal", "base": 0.3}, "the probability of each category"),
        ({"family": "ordinal", "base": (0.5, 0.5, 0.0)}, "all above 0"),
        ({"family": "ordinal", "base": (1.0,)}, "2 to 20 categories"),
        ({"family": "ordinal", "base": (0.5, 0.4, 0.2)}, "add up to 1.1"),
        ({"family": "ordinal", "base": (20, 30, 50)}, "per cent as shares"),
        ({"family": "ordinal", "base": SHARES, "dispersion": 1}, "would not act"),
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
    plan = PlannedStudy(patients=22, sessions=9, family="ordinal", base=np.array(SHARES))
    assert plan.base == SHARES
    with pytest.raises(UsageError, match="base of ordered categories is one list"):
        power(plan, within=0.3, vary={"base": [0.2, 0.4]})
