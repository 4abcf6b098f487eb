"""Two-level omegas against lavaan's two-level models (tests/reference/two_level_factor.R)."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from doublecode.analysis.consistency import two_level_factor as two
from doublecode.analysis.consistency.alpha_omega import omega
from doublecode.analysis.consistency.item_moments import all_units, read_items
from doublecode.analysis.consistency.multilevel_omega import TERMS, Inadmissible
from doublecode.schemas.errors import NotEstimable

REFERENCE = Path(__file__).parents[2] / "reference"
LAVAAN = json.loads((REFERENCE / "two_level_factor.json").read_text())
MODELS = {"configural": "configural", "cross-level invariance": "invariant"}


def load(name: str) -> pd.DataFrame:
    return pd.read_csv(REFERENCE / f"{name}.csv")


@pytest.mark.parametrize("name", ["two_level_120", "two_level_22"])
@pytest.mark.parametrize("model", MODELS)
def test_two_level_omega_is_lavaans(name: str, model: str) -> None:
    """lavaan stops at a relative change of 1e-10 of the fit: log-likelihood 1e-6, parameters 1e-5, omega 2e-5."""
    expected, found = LAVAAN[name][MODELS[model]], omega(load(name), kind="multilevel", clusters="patient")
    assert expected["converged"]
    fit = found.fit.set_index("model").loc[model]
    assert fit["loglik"] == pytest.approx(expected["logLik"], abs=1e-6)
    assert fit["loglik"] > expected["logLik"] - 1e-8
    rows = found.loadings[found.loadings["model"] == model]
    names = {"loading_within": "loadings", "residual_within": "residual"}
    names |= {"loading_between": "loadings_between", "residual_between": "residual_between"}
    for ours, theirs in names.items():
        assert rows[ours].to_numpy() == pytest.approx(np.array(expected[theirs]), abs=1e-5), ours
    frame = found.frame[found.frame["model"] == model].set_index("term")
    for term in frame.index:
        assert frame.loc[term, "unrestricted"] == pytest.approx(expected[term], abs=2e-5), term


@pytest.mark.parametrize("name", ["two_level_120", "two_level_22"])
def test_lais_coefficients_are_semtools(name: str) -> None:
    """semTools::compRelSEM on lavaan's model, which stops at a relative change of 1e-10: 1e-5."""
    frame = omega(load(name), kind="multilevel", clusters="patient").frame
    values = frame[frame["model"] == "cross-level invariance"].set_index("term")["estimate"]
    for term, expected in LAVAAN[name]["lai"].items():
        assert values[term] == pytest.approx(expected, abs=1e-5), term


def test_inadmissible_is_a_stated_result() -> None:
    found = omega(load("two_level_22"), kind="multilevel", clusters="patient")
    rows = found.frame[found.frame["model"] == "configural"].set_index("term")
    assert rows["admissible"].tolist() == [True, False, False]
    assert np.isnan(rows.loc["omega_between", "estimate"])
    assert rows.loc["omega_between", "reason"] == Inadmissible.NEGATIVE_BETWEEN
    note = next(note for note in found.notes if note.kind == "inadmissible" and note.subject == "configural")
    assert note.numbers["terms"] == ("omega_between", "omega_between_observed")
    assert note.numbers["reasons"][0][1][0][0] == "I7"
    assert any("negative residual variance between patients: I7 (-" in text for text in found.note_texts())
    assert any("not positive definite" in text for text in found.note_texts())
    assert found.design["smallest_between_eigenvalue"] < 0


def test_interval_is_the_jackknife_over_patients() -> None:
    data = load("two_level_120")
    row = omega(data, kind="multilevel", clusters="patient").frame.set_index(["model", "term"])
    row = row.loc[("cross-level invariance", "omega_two_level")]
    y = []
    for patient in data["patient"].unique():
        read = read_items(data[data["patient"] != patient], None, "patient")
        fit = two.fit_two_level(two.two_level_moments(read, all_units(read.n_units)), invariant=True)
        common = fit.loadings.sum() ** 2 + fit.loadings_between.sum() ** 2
        value = common / (common + fit.residual.sum() + fit.residual_between.sum())
        y.append(np.log(value / (1 - value)))
    error = np.sqrt(119 / 120 * ((y - np.mean(y)) ** 2).sum())
    assert row["df"] == 119
    assert row["std_error"] == pytest.approx(error * row["estimate"] * (1 - row["estimate"]), abs=1e-6)
    assert row["conf_low"] < row["estimate"] < row["conf_high"]


def test_gradient_is_zero_and_right() -> None:
    read = read_items(load("two_level_120"), None, "patient")
    m = two.two_level_moments(read, all_units(read.n_units))
    for invariant in (True, False):
        model = two._Model(5, invariant)
        theta = two._start(m, model)
        score, _ = two._scoring(m, model, theta)
        h = 1e-5
        for i in range(model.q):
            up, down = theta.copy(), theta.copy()
            up[0, i] += h
            down[0, i] -= h
            difference = (two._loglik(m, model, up)[0] - two._loglik(m, model, down)[0]) / (2 * h)
            assert score[0, i] == pytest.approx(difference, abs=1e-4 * max(1, abs(difference)))


def test_terms_and_truth() -> None:
    """Large synthetic sample: the four omegas of the population."""
    rng = np.random.default_rng(3)
    patient = np.repeat(np.arange(1500), 6)
    loading = np.array([0.8, 0.6, 0.7, 0.5])
    scores = 0.6 * rng.normal(size=(1500, 1))[patient] * loading + rng.normal(size=(9000, 1)) * loading
    scores = scores + 0.4 * rng.normal(size=(1500, 4))[patient] + 0.7 * rng.normal(size=(9000, 4))
    found = omega(pd.DataFrame(scores).assign(patient=patient), kind="multilevel", clusters="patient")
    W, B, w, b = 2.6**2, 0.36 * 2.6**2, 4 * 0.49, 4 * 0.16
    truth = [W / (W + w), B / (B + b), B / (B + b + (W + w) / 6), (W + B) / (W + B + w + b)]
    frame = found.frame[found.frame["model"] == "cross-level invariance"]
    assert frame["term"].tolist() == list(TERMS)
    assert frame["estimate"].to_numpy() == pytest.approx(truth, abs=0.02)
    assert (frame["conf_low"].to_numpy() < truth).all()
    assert (truth < frame["conf_high"].to_numpy()).all()


def test_refusals_and_dropped_rows() -> None:
    data = load("two_level_22")
    with pytest.raises(NotEstimable, match="fewer than three"):
        omega(data.drop_duplicates("patient"), kind="multilevel", clusters="patient")
    data.loc[3, "I2"] = np.nan
    found = omega(data, kind="multilevel", clusters="patient")
    assert found.design["rows_incomplete"] == 1
    assert "1 row(s) with a missing item were left out." in found.note_texts()
    assert found.design["missing_rule"] == "listwise"
