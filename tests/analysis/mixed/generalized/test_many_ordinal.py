"""fit_many of ordered categories: against fit_generalized one by one, which is tested against R's clmm."""

import numpy as np
import pandas as pd
import pytest

from doublecode.analysis.mixed import fit_generalized, fit_many
from doublecode.schemas.errors import FormulaError, UsageError

FORMULA = "y ~ x + t + (1 | g)"


@pytest.fixture(scope="module")
def world() -> tuple[pd.DataFrame, np.ndarray]:
    """Twelve groups of six rows, five categories (synthetic)."""
    rng = np.random.default_rng(4)
    g = np.repeat(np.arange(12), 6)
    data = pd.DataFrame({"g": g, "x": rng.normal(size=72), "t": np.tile(np.arange(6.0), 12)})
    latent = (0.6 * data.x + 0.1 * data.t).to_numpy()[:, None] + rng.normal(size=(12, 8))[g]
    return data, np.searchsorted([-1.5, 0.0, 1.0, 2.5], latent + rng.logistic(size=(72, 8))).astype(float)


def same(many, i: int, data: pd.DataFrame, y: np.ndarray, formula: str = FORMULA, **how) -> None:
    keep = ~np.isnan(y)
    rows = {name: how.pop(name)[keep] for name in ("weights", "offset") if name in how}
    one = fit_generalized(formula, data.assign(y=y)[keep], family="ordinal", **how, **rows)
    close = {"rtol": 1e-9, "atol": 1e-12}
    np.testing.assert_allclose(many.estimate[:, i], one.beta, **close)
    np.testing.assert_allclose(many.std_error[:, i], one.fixed["std_error"], **close)
    np.testing.assert_allclose(many.p_value[:, i], one.fixed["p_value"], **close)
    np.testing.assert_allclose(many.variances[:, i], one.variances["variance"], **close)
    assert many.loglik[i] == pytest.approx(one.loglik, abs=1e-10)
    assert (many.fitted[i], many.converged[i], many.singular[i]) == (True, one.converged, one.singular)
    assert many.nobs[i] == one.nobs
    finite = np.isfinite(many.thresholds[:, i])
    tau, at = np.unique(many.thresholds[finite, i], return_index=True)
    np.testing.assert_allclose(tau, one.thresholds["estimate"], **close)
    np.testing.assert_allclose(many.threshold_std_error[finite, i][at], one.thresholds["std_error"], **close)


def test_sets_are_those_of_single_fits_and_each_without_a_fit_is_named(world):
    data, Y = world
    Y = Y.copy()
    Y[5:15, 1] = np.nan
    Y[:, 2] = np.minimum(Y[:, 2], 3)
    Y[:, 3][Y[:, 3] == 2] = 3
    Y[:, 4] = 1.0
    Y[:, 5] = np.where(data.x > 0, 2.0, 1.0)
    Y[:, 6] = np.nan
    Y[:, 7] = np.maximum(Y[:, 7], 1)
    many = fit_many(FORMULA, data, Y, family="ordinal")
    for i in (0, 1, 2, 3, 7):
        same(many, i, data, Y[:, i])
    assert many.categories == (0, 1, 2, 3, 4)
    assert many.threshold_names == ("0|1", "1|2", "2|3", "3|4")
    assert many.n_categories.tolist() == [5, 5, 4, 4, 1, 2, 0, 4]
    assert many.thresholds[3, 2] == np.inf
    assert many.thresholds[1, 3] == many.thresholds[2, 3]
    assert many.thresholds[0, 7] == -np.inf
    assert np.isnan(many.threshold_std_error[0, 7])
    kinds = [None if note is None else note.kind for note in many.problem]
    assert kinds == [None, None, None, None, "set_outcome_constant", "set_separated", "set_few_rows", None]
    assert many.separated.tolist() == [i == 5 for i in range(8)]
    assert np.isnan(many.estimate[:, 4:7]).all()
    assert np.isnan(many.thresholds[:, 4:7]).all()
    note = next(note for note in many.notes if note.kind == "sets_fewer_categories")
    assert note.numbers == {"n_fewer": 3, "n_sets": 8}
    assert many.per_threshold()["n_sets"].tolist() == [4, 5, 5, 4]
    assert "Thresholds" in str(many)


@pytest.mark.parametrize(
    ("formula", "how"),
    [
        ("y ~ x + (1 | g) + (1 | h)", {}),
        ("y ~ 1 + (1 | g)", {"link": "probit"}),
        (FORMULA, {"thresholds": "equidistant", "nagq": 1}),
    ],
)
def test_other_random_parts_links_and_thresholds(world, formula, how):
    data, Y = world
    data = data.assign(h=np.arange(72) % 5)
    rows = {"weights": np.tile([1.0, 2.0], 36), "offset": np.linspace(-0.5, 0.5, 72)}
    many = fit_many(formula, data, Y[:, :1], family="ordinal", **how, **rows)
    same(many, 0, data, Y[:, 0], formula, **how, **rows)


def test_predictors_that_differ_by_set(world):
    data, Y = world
    x = np.random.default_rng(8).normal(size=(72, 2))
    many = fit_many(FORMULA, data, Y[:, :2], predictors={"x": x}, family="ordinal")
    for i in range(2):
        same(many, i, data.assign(x=x[:, i]), Y[:, i])


@pytest.mark.parametrize(
    ("formula", "change", "how", "kind", "said"),
    [
        (FORMULA, 0.5, {}, UsageError, "whole numbers, such as 0 to 4; found"),
        (FORMULA, 0.0, {"trials": np.ones(72)}, UsageError, "fit_many: trials= is not for family 'ordinal'"),
        (FORMULA, 0.0, {"prior_sd": 2.0}, UsageError, "fit_many: prior_sd= is not for family 'ordinal'"),
        (FORMULA, 0.0, {"thresholds": "even"}, UsageError, "fit_many: thresholds='even'; allowed: 'flexible'"),
        (FORMULA, 0.0, {"ddf": "satterthwaite"}, UsageError, "allowed: 'z'"),
        ("y ~ 0 + x + (1 | g)", 0.0, {}, FormulaError, "thresholds in place of the intercept"),
    ],
)
def test_what_cannot_be_is_refused(world, formula, change, how, kind, said):
    data, Y = world
    with pytest.raises(kind, match=said.replace("|", r"\|")):
        fit_many(formula, data, Y + change, family="ordinal", **how)


def test_measurements_are_no_categories_and_thresholds_belong_to_the_family(world):
    data, Y = world
    with pytest.raises(UsageError, match="72 different values"):
        fit_many(FORMULA, data, np.arange(72.0)[:, None], family="ordinal")
    with pytest.raises(UsageError, match="belongs to family 'ordinal'"):
        fit_many(FORMULA, data, Y, family="poisson", thresholds="equidistant")
    with pytest.raises(UsageError, match="thresholds= acts with a family"):
        fit_many(FORMULA, data, Y, thresholds="equidistant")
