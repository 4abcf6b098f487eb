"""Prediction, simulation and diagnostics of a fitted model."""

import numpy as np
import pandas as pd
import pytest

from doublecode.analysis.mixed import fit_mixed
from doublecode.schemas.errors import ContractError, UsageError


def make_data(seed: int = 2) -> pd.DataFrame:
    """12 patients in 4 clinics × 8 sessions (synthetic)."""
    rng = np.random.default_rng(seed)
    patient = np.repeat(np.arange(12), 8)
    frame = pd.DataFrame({"patient": patient, "clinic": patient // 3, "x": rng.normal(size=96)})
    frame["f"] = rng.choice(["a", "b"], 96)
    frame["o"] = rng.normal(size=96)
    frame["y"] = 2 + frame.x + frame.o + rng.normal(size=12)[patient] + rng.normal(size=4)[frame.clinic]
    frame["y"] += 0.5 * rng.normal(size=12)[patient] * frame.x + 0.7 * rng.normal(size=96)
    return frame


@pytest.fixture(scope="module")
def data():
    return make_data()


@pytest.fixture(scope="module")
def fit(data):
    return fit_mixed("y ~ x * f + (x | patient) + (1 | clinic)", data)


def test_fitted_values_by_hand(fit, data):
    random = fit.random().set_index(["group", "term", "level"]).estimate
    at = data.patient
    by_hand = fit.model.X @ fit.fixed.estimate.to_numpy()
    by_hand += np.array([random["patient", "Intercept", p] for p in at])
    by_hand += np.array([random["patient", "x", p] for p in at]) * data.x.to_numpy()
    by_hand += np.array([random["clinic", "Intercept", c] for c in data.clinic])
    np.testing.assert_allclose(fit.predict(), by_hand, rtol=1e-10)
    np.testing.assert_allclose(fit.predict(data), by_hand, rtol=1e-10)
    population = fit.model.X @ fit.fixed.estimate.to_numpy()
    np.testing.assert_allclose(fit.predict(random="none"), population, rtol=1e-10)
    only = fit.predict(data, random="clinic") - population
    np.testing.assert_allclose(only, [random["clinic", "Intercept", c] for c in data.clinic], rtol=1e-8)
    np.testing.assert_allclose(fit.predict(random=["clinic", "patient"]), by_hand, rtol=1e-10)


def test_new_groups_and_missing_predictors(fit, data):
    new = data.head(4).assign(patient=[99, 0, 0, 0], clinic=[0, 77, 0, 0])
    new.loc[2, "x"] = np.nan
    got = fit.predict(new)
    assert np.isnan(got[2])
    without = fit.predict(new.head(1), random="clinic")
    assert got[0] == pytest.approx(without[0])
    assert got[1] == pytest.approx(fit.predict(new.loc[[1]], random="patient")[1])
    with pytest.raises(ContractError, match="lack 'f'"):
        fit.predict(new.drop(columns="f"))
    with pytest.raises(UsageError, match="ward is no grouping factor of this model; use 'none', 'all' or any of"):
        fit.predict(random="ward")


def test_interaction_groups_are_matched_by_label(data):
    fit = fit_mixed("y ~ x + (1 | clinic/f)", data)
    shuffled = data.sample(frac=1.0, random_state=0)
    np.testing.assert_allclose(fit.predict(shuffled), fit.predict()[shuffled.index], rtol=1e-12)


def test_offset(data):
    with_offset = fit_mixed("y ~ x + (1 | patient)", data, offset="o")
    shifted = fit_mixed("z ~ x + (1 | patient)", data.assign(z=data.y - data.o))
    np.testing.assert_allclose(with_offset.fixed.estimate, shifted.fixed.estimate, rtol=1e-8)
    assert with_offset.loglik == pytest.approx(shifted.loglik, abs=1e-9)
    np.testing.assert_allclose(with_offset.predict(), shifted.predict() + data.o, rtol=1e-8)
    np.testing.assert_allclose(with_offset.predict(data, offset=data.o), with_offset.predict(), rtol=1e-8)
    np.testing.assert_allclose(with_offset.residuals().residual, shifted.residuals().residual, rtol=1e-6)


def test_weights_scale_the_residuals():
    """A constant weight only moves σ; standardized residuals are divided by σ/√w."""
    data = make_data().assign(w=4.0)
    plain, weighted = fit_mixed("y ~ x + (1 | patient)", data), fit_mixed("y ~ x + (1 | patient)", data, weights="w")
    np.testing.assert_allclose(weighted.fixed.estimate, plain.fixed.estimate, rtol=1e-8)
    np.testing.assert_allclose(weighted.fixed.df, plain.fixed.df, rtol=1e-6)
    assert weighted.loglik == pytest.approx(plain.loglik, abs=1e-9)
    assert weighted.sigma == pytest.approx(2 * plain.sigma, rel=1e-7)
    assert weighted.variances.variance[0] == pytest.approx(plain.variances.variance[0], rel=1e-6)
    np.testing.assert_allclose(weighted.residuals().standardized, plain.residuals().standardized, rtol=1e-6)
    drawn = weighted.simulate(3000, random="all")
    np.testing.assert_allclose(drawn.std(axis=1), plain.sigma, rtol=0.07)


def test_simulation_has_the_moments_of_the_model(fit):
    drawn = fit.simulate(4000, seed=5)
    assert drawn.shape == (96, 4000)
    np.testing.assert_allclose(drawn.mean(axis=1), fit.predict(random="none"), atol=0.15)
    V = fit.sigma**2 * np.eye(96)
    sizes = fit.variances.set_index(["group", "term"])
    cov = fit.correlations.covariance[0]
    Z = fit.model.terms[0].Z
    G = np.array([[sizes.variance["patient", "Intercept"], cov], [cov, sizes.variance["patient", "x"]]])
    same = fit.model.terms[0].codes[:, None] == fit.model.terms[0].codes
    V += (Z @ G @ Z.T) * same
    V += sizes.variance["clinic", "Intercept"] * (fit.model.terms[1].codes[:, None] == fit.model.terms[1].codes)
    np.testing.assert_allclose(np.cov(drawn), V, atol=0.25 * V.max() / 2)
    kept = fit.simulate(4000, seed=5, random="all")
    np.testing.assert_allclose(kept.mean(axis=1), fit.predict(), atol=5 * fit.sigma / np.sqrt(4000))
    np.testing.assert_allclose(kept.std(axis=1), fit.sigma, rtol=0.06)
    np.testing.assert_array_equal(drawn, fit.simulate(4000, seed=5))
    with pytest.raises(UsageError, match="ask for at least one"):
        fit.simulate(0)


def test_residual_frame(fit, data):
    frame = fit.residuals()
    assert list(frame.columns) == ["row", "observed", "fitted", "residual", "standardized"]
    np.testing.assert_allclose(frame.observed - frame.fitted, frame.residual, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(frame.residual / fit.sigma, frame.standardized, rtol=1e-9)


def test_result_is_frozen_and_prints(fit):
    with pytest.raises(AttributeError):
        fit.ddf = "z"
    text = fit.to_markdown()
    assert "| Term | *b* | *SE* | 95% CI | *df* | *t* | *p* |" in text
    assert "12 levels of patient, 4 levels of clinic" in text
    assert "Kenward–Roger tests, since clinic has 4 < 50 levels" in text
    assert repr(fit).startswith("y ~ x * f + (x | patient) + (1 | clinic)\nTerm")
    assert max(map(len, repr(fit).splitlines())) <= 100
    assert fit.rows.equals(fit.model.index)
    assert fit.spec["ddf"] == "kenward-roger"
    assert fit.frame is fit.fixed


def test_intervals_follow_the_level(data):
    wide = fit_mixed("y ~ x + (1 | patient)", data, conf_level=0.99).fixed
    narrow = fit_mixed("y ~ x + (1 | patient)", data, conf_level=0.8).fixed
    assert (wide.conf_low < narrow.conf_low).all()
    assert (wide.conf_high > narrow.conf_high).all()


def test_new_rows_take_the_offset_of_the_fit(data):
    fit = fit_mixed("y ~ x + (1 | patient)", data, offset="o")
    np.testing.assert_allclose(fit.predict(data), fit.predict(), rtol=1e-12)
    np.testing.assert_allclose(fit.predict(data, offset=np.zeros(len(data))), fit.predict() - data.o, rtol=1e-9)
    with pytest.raises(UsageError, match="column 'o', which the new data lack"):
        fit.predict(data.drop(columns="o"))
    by_value = fit_mixed("y ~ x + (1 | patient)", data, offset=data.o.to_numpy())
    with pytest.raises(UsageError, match=r"fitted with an offset \(values\); give offset="):
        by_value.predict(data)
    with pytest.raises(UsageError, match="one value per row"):
        by_value.predict(data, offset=[1.0])
    with pytest.raises(UsageError, match="belongs to new data"):
        by_value.predict(offset=data.o)


def test_labels_are_matched_by_value_and_type(data):
    frame = data.assign(number=pd.factorize(data.patient)[0], part=np.arange(len(data)) % 2)
    for formula in ("y ~ x + (1 | number)", "y ~ x + (1 | number/part)"):
        fit = fit_mixed(formula, frame)
        gap = frame.astype({"number": float})
        gap.loc[0, "number"] = np.nan
        np.testing.assert_allclose(fit.predict(gap)[1:], fit.predict()[1:], rtol=1e-12)
        np.testing.assert_allclose(fit.predict(gap)[:1], fit.predict(random="none")[:1], rtol=1e-12)
        with pytest.raises(ContractError, match=r"holds '0' \(str\), the fit 0 \(int\): the same label"):
            fit.predict(frame.astype({"number": str}))


def test_labels_with_colons_are_not_confused(data):
    frame = data.assign(a=np.where(data.index % 2, "u", "u:v"), b=np.where(data.index % 2, "v:w", "w"))
    frame["b"] = frame["b"] + np.where(data.index % 3 == 0, "1", "2")
    fit = fit_mixed("y ~ x + (1 | a:b)", frame)
    np.testing.assert_allclose(fit.predict(frame), fit.predict(), rtol=1e-12)


def test_new_data_of_the_wrong_kind(fit, data):
    with pytest.raises(UsageError, match="must be a pandas DataFrame, not dict"):
        fit.predict({"x": [1.0]})
    with pytest.raises(
        ContractError, match=r"'x' of the new data is of type \w+ \(such as 'a'\), in the fit it held num"
    ):
        fit.predict(data.assign(x="a"))
    with pytest.raises(ContractError, match="column 'x' stands more than once in the new data"):
        fit.predict(pd.concat([data, data[["x"]]], axis=1))
    assert fit.predict(data.assign(x=None)).isna().all()
