"""Latent patient means against lavaan (reference/latent_means.R), and a planted truth."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from doublecode.analysis import fit_mixed, fit_series
from doublecode.analysis.linking.two_level_normal import fit_two_level_normal, two_level_moments

REFERENCE = Path(__file__).parents[2] / "reference"
CASES = {
    "one": ("hw229_a.csv", "homework ~ behaviour + (1 | patient)", ["behaviour"]),
    "covariates": ("latent_means.csv", "y ~ session + age + x + (1 | patient)", ["x"]),
    "two": ("latent_means.csv", "y ~ session + x + z + (1 | patient)", ["x", "z"]),
}


@pytest.fixture(scope="module")
def lavaan():
    return json.loads((REFERENCE / "latent_means.json").read_text())


@pytest.mark.parametrize("case", CASES)
def test_against_lavaan(lavaan, case):
    file, formula, split = CASES[case]
    data = pd.read_csv(REFERENCE / file)
    found = fit_series([formula], data, split=split, latent_means=True)
    wanted = {(row["level"], row["term"]): row for row in lavaan[case]["rows"]}
    for row in found.latent.frame.to_dict("records"):
        name, side = row["term"].rsplit("_", 1)
        reference = wanted[1 if side == "within" else 2, name]
        assert row["estimate"] == pytest.approx(reference["estimate"], abs=1e-5)
        assert row["std_error"] == pytest.approx(reference["std_error"], abs=1e-5)
        own = found.model(1, declared=False).result.fixed.set_index("term").loc[row["term"]]
        assert (row["manifest"], row["manifest_error"]) == (own["estimate"], own["std_error"])
    assert "latent" in [table.name for table in found.tables()]


def test_likelihood_is_that_of_lavaan(lavaan):
    data = pd.read_csv(REFERENCE / "hw229_a.csv")
    values = data[["homework", "behaviour"]].to_numpy()[None]
    moments = two_level_moments(values, np.ones((len(data), 1)), pd.factorize(data["patient"])[0])
    assert fit_two_level_normal(moments).loglik[0] == pytest.approx(lavaan["one"]["logLik"], abs=1e-5)


def test_one_variable_is_a_random_intercept():
    """Alone, the two-level model is the mixed model with a random intercept, fitted by maximum likelihood."""
    data = pd.read_csv(REFERENCE / "latent_means.csv")
    covariates = np.column_stack([np.ones(len(data)), data["session"], data["age"]])
    moments = two_level_moments(data[["y"]].to_numpy()[None], covariates, pd.factorize(data["patient"])[0])
    found = fit_two_level_normal(moments)
    mixed = fit_mixed("y ~ session + age + (1 | patient)", data, reml=False)
    assert found.loglik[0] == pytest.approx(mixed.loglik, abs=1e-8)
    assert found.coefficients[0, :, 0] == pytest.approx(mixed.beta, abs=1e-6)
    variances = mixed.variances["variance"].tolist()
    assert (found.between[0, 0, 0], found.within[0, 0, 0]) == pytest.approx(tuple(variances), abs=1e-5)


class TestPlantedTruth:
    """Share between patients .25, nine sessions, within −.76, between +.8: issue 15, acceptance 2."""

    def test_median_with_sixty_patients(self, planted_means):
        found = planted_means.estimates(planted_means.planted(2000, 60))
        assert np.nanmedian(found["latent"]) == pytest.approx(0.8, abs=0.04)
        assert np.nanmedian(found["manifest"]) == pytest.approx(0.41, abs=0.03)
        assert np.nanmedian(found["within"]) == pytest.approx(-0.76, abs=0.01)

    def test_with_twenty_two_the_spread_is_printed_and_warned_of(self, planted_means):
        cube = planted_means.planted(1, 22)[0]
        data = pd.DataFrame(cube.reshape(-1, 2), columns=["y", "x"]).assign(patient=np.repeat(np.arange(22), 9))
        found = fit_series(["y ~ x + (1 | patient)"], data, split=["x"], latent_means=True)
        row = found.latent.frame.set_index("term").loc["x_between"]
        assert row["conf_high"] - row["conf_low"] > 1
        assert any("latent patient means of 22 patients spread widely" in note for note in found.note_texts())

    def test_one_set_of_the_script_is_that_of_the_series(self, planted_means):
        cube = planted_means.planted(1, 60)
        data = pd.DataFrame(cube[0].reshape(-1, 2), columns=["y", "x"]).assign(patient=np.repeat(np.arange(60), 9))
        row = fit_series(["y ~ x + (1 | patient)"], data, split=["x"], latent_means=True).latent.frame.iloc[1]
        script = planted_means.estimates(cube)
        assert row["estimate"] == pytest.approx(script["latent"][0], rel=1e-5)
        assert row["manifest"] == pytest.approx(script["manifest"][0], rel=1e-6)


class TestWithoutACounterpart:
    def test_a_product_of_split_predictors(self):
        data = pd.read_csv(REFERENCE / "latent_means.csv")
        found = fit_series(["y ~ x * z + (1 | patient)"], data, split=["x", "z"], latent_means=True)
        assert found.latent.frame.empty
        assert any("a split predictor stands in a product" in note for note in found.note_texts())

    def test_no_variance_between_patients(self):
        rng = np.random.default_rng(3)
        x = rng.normal(size=(30, 8))
        x += -x.mean(axis=1, keepdims=True) + 0.01 * rng.normal(size=(30, 1))  # means alike: less than chance makes
        y = rng.normal(size=(30, 1)) + rng.normal(size=(30, 8))
        data = pd.DataFrame({"patient": np.repeat(np.arange(30), 8), "x": x.ravel(), "y": y.ravel()})
        found = fit_series(["y ~ x + (1 | patient)"], data, split=["x"], latent_means=True)
        assert found.latent.frame.empty
        assert any("x shows no variance between patients" in note for note in found.note_texts())
