"""Sets with predictors of their own: each as if it were fitted alone."""

import numpy as np
import pandas as pd
import pytest

from doublecode.analysis import fit_many, fit_mixed
from doublecode.schemas.errors import UsageError

FORMULAS = [
    "y ~ x + w + (1 | patient)",
    "y ~ x * w + I(x**2) + (x | patient)",
    "y ~ x + session + (1 | patient) + (1 | rater)",
    "y ~ x + w + (0 + x | patient) + (1 | therapist)",
    "y ~ x + w + (1 | therapist/patient)",
]


@pytest.fixture(scope="module")
def planned():
    """150 patients × 4 sessions in 50 groups, five sets, a tenth of the rows lost in each."""
    rng = np.random.default_rng(20261128)
    patient, session = np.repeat(np.arange(150), 4), np.tile(np.arange(4), 150)
    data = pd.DataFrame({"patient": patient, "session": session, "therapist": patient // 3, "x": 0.0,
                         "rater": rng.integers(0, 5, 600), "w": rng.normal(size=600)})  # fmt: skip
    x = rng.normal(size=(600, 5)) + rng.normal(size=(150, 5))[patient]
    y = (
        2 + x * (0.5 + 0.3 * rng.normal(size=(150, 5))[patient]) + rng.normal(size=(150, 5))[patient]
        + rng.normal(size=(50, 5))[data["therapist"]] + rng.normal(size=(600, 5))
    )  # fmt: skip
    y[rng.random((600, 5)) < 0.05] = np.nan
    x[rng.random((600, 5)) < 0.05] = np.nan
    return data, x, y


@pytest.mark.parametrize("formula", FORMULAS)
def test_each_set_as_if_alone(planned, formula):
    data, x, y = planned
    many = fit_many(formula, data, y, predictors={"x": x}, ddf="kenward-roger")
    assert many.converged.all()
    for n in range(5):
        alone = fit_mixed(formula, data.assign(x=x[:, n], y=y[:, n]), ddf="kenward-roger")
        assert many.loglik[n] == pytest.approx(alone.loglik, abs=1e-8)
        np.testing.assert_allclose(many.estimate[:, n], alone.frame["estimate"], rtol=1e-5, atol=1e-7)
        np.testing.assert_allclose(many.std_error[:, n], alone.frame["std_error"], rtol=1e-5)
        np.testing.assert_allclose(many.df[:, n], alone.frame["df"], rtol=1e-4)
        assert many.nobs[n] == alone.design["n_used"]


def test_same_predictors_in_all_sets_are_the_same_answer(planned):
    data, x, y = planned
    held = np.nan_to_num(x[:, :1])
    own = fit_many(
        "y ~ x + w + (1 | patient)", data, y, predictors={"x": np.repeat(held, 5, axis=1)}, ddf="satterthwaite"
    )
    shared = fit_many("y ~ x + w + (1 | patient)", data.assign(x=held), y, ddf="satterthwaite")
    for name in ("estimate", "std_error", "df", "variances"):
        np.testing.assert_allclose(getattr(own, name), getattr(shared, name), rtol=1e-6)


def test_what_a_set_cannot_have(planned):
    data, x, y = planned
    constant = np.nan_to_num(x)
    constant[:, 0] = 1.0
    many = fit_many("y ~ x + (1 | patient)", data, y, predictors={"x": constant})
    assert many.fitted.tolist() == [False, True, True, True, True]
    assert many.problem[0].kind == "set_collinear"
    for given, message in (
        ({"z": x}, "no column 'z'"), ({"x": x[:, :2]}, "has 2 sets, responses have 5"),
        ({"x": x[:9]}, "with the 600 rows"),
        ({"x": np.where(x > 3, np.inf, x)}, "is infinite"), ({"patient": x}, "is a grouping factor"),
    ):  # fmt: skip
        with pytest.raises(UsageError, match=message):
            fit_many("y ~ x + (1 | patient)", data, y, predictors=given)


def test_what_would_learn_from_another_set_is_refused(planned):
    """By the names of the data: a column whose name holds that of a predictor, and one with a dot in its own."""
    data, x, y = planned
    named = data.assign(**{"phq.9": 0.0, "extra": data["w"]})
    for formula, name in (
        ("y ~ scale(x) + (1 | patient)", "x"), ("y ~ w + (center(x) | patient)", "x"),
        ("y ~ scale(phq.9) + (1 | patient)", "phq.9"),
    ):  # fmt: skip
        with pytest.raises(UsageError, match=rf"{name}\) learns from all rows, and '{name}' differs by set"):
            fit_many(formula, named, y, predictors={name: x})
    many = fit_many("y ~ x + scale(extra) + (1 | patient)", named, y, predictors={"x": x})
    assert many.converged.all()
