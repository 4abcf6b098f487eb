"""Regressions over patients against clubSandwich and lm (reference/cluster_robust.R), and a planted attenuation."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from doublecode.analysis import patient_outcome
from doublecode.schemas.errors import NotEstimable, UsageError

REFERENCE = Path(__file__).parents[2] / "reference"


@pytest.fixture(scope="module")
def patients():
    return pd.read_csv(REFERENCE / "patient_level.csv")


@pytest.fixture(scope="module")
def reference():
    return json.loads((REFERENCE / "cluster_robust.json").read_text())


def test_cr2_against_clubsandwich(patients, reference):
    found = patient_outcome(patients, "post", "he", baseline="base").frame
    assert found["term"].tolist() == ["Intercept", "he_mean", "base"]
    for name in ("estimate", "std_error", "df", "p_value", "conf_low", "conf_high"):
        assert found[name].tolist() == pytest.approx([row[name] for row in reference["cr2"]], rel=1e-8)
    assert found["ols_error"].tolist() == pytest.approx([row["std_error"] for row in reference["ols"]], rel=1e-8)


def test_therapists_as_fixed_effects(patients, reference):
    found = patient_outcome(patients, "post", "he", baseline="base", therapists="fixed").frame.iloc[1:]
    for name in ("estimate", "std_error", "p_value", "conf_low", "conf_high"):
        assert found[name].tolist() == pytest.approx([row[name] for row in reference["fixed"]], rel=1e-8)
    assert set(found["df"]) == {reference["fixed_df"]}


def sessions(n_patients=300, n_sessions=6, seed=1515):
    """Planted: β = −2 of the true level of engagement, whose mean over six sessions has reliability .75."""
    rng = np.random.default_rng(seed)
    level, base = rng.normal(0, 0.5, n_patients), rng.normal(14, 4, n_patients)
    post = 3 + 0.5 * base - 2 * level + rng.normal(0, 1, n_patients)
    who = np.repeat(np.arange(n_patients), n_sessions)
    he = level[who] + rng.normal(0, np.sqrt(0.5), len(who))
    return pd.DataFrame(
        {"patient": [f"P{k}" for k in who], "therapist": who % 12, "session": np.tile(np.arange(1, n_sessions + 1),
         n_patients), "he": he, "base": base[who], "post": post[who]}
    )  # fmt: skip


class TestMeans:
    def test_reliability_and_what_it_does_to_the_slope(self):
        found = patient_outcome(sessions(), "post", "he", baseline="base")
        slope = found.frame.set_index("term").loc["he_mean"]
        assert found.design["reliability"] == pytest.approx(0.75, abs=0.05)
        assert slope["estimate"] / found.design["reliability"] == pytest.approx(-2, abs=2.5 * slope["std_error"])
        assert "drawn towards 0" in found.note_texts()[0]
        assert found.counted().startswith("300 patients of 12 therapists; mean of 6 sessions, reliability .7")

    def test_early_sessions(self):
        data = sessions()
        found = patient_outcome(data, "post", "he", baseline="base", sessions=[1, 2], therapists="ignored")
        mean = data[data["session"] <= 2].groupby("patient")["he"].mean()
        shown = found.patients.set_index("patient")
        assert shown["he_mean"].to_dict() == pytest.approx(mean.to_dict())
        assert found.design["n_sessions"] == (2, 2)
        assert found.design["reliability"] < 0.6

    def test_one_session_has_no_reliability(self):
        found = patient_outcome(sessions(40), "post", "he", sessions=[1])
        assert np.isnan(found.design["reliability"])
        assert any("one session" in note for note in found.note_texts())


class TestLost:
    def test_patients_without_an_outcome_are_listed(self):
        data = sessions(30)
        data.loc[data["patient"] == "P3", "post"] = np.nan
        data.loc[data["patient"] == "P4", "he"] = np.nan
        found = patient_outcome(data, "post", "he", baseline="base")
        assert found.design["n_rows"] == 28
        assert [row["patient"] for row in found.design["lost"]] == ["P3", "P4"]
        assert [row["reason"] for row in found.design["lost"]] == ["post is missing", "he_mean is missing"]

    def test_a_change_of_therapist(self):
        data = sessions(30)
        data.loc[(data["patient"] == "P3") & (data["session"] > 3), "therapist"] = 11
        assert patient_outcome(data, "post", "he").design["n_rows"] == 29
        assert patient_outcome(data, "post", "he", therapists="ignored").design["n_rows"] == 30

    def test_refusals(self):
        data = sessions(30)
        with pytest.raises(UsageError, match="'session' has several values in one patient"):
            patient_outcome(data, "session", "he")
        with pytest.raises(UsageError, match="no column 'fu'"):
            patient_outcome(data, "fu", "he")
        with pytest.raises(UsageError, match="'HC3'"):
            patient_outcome(data, "post", "he", therapists="HC3")
        with pytest.raises(NotEstimable, match="apart"):
            patient_outcome(data.assign(twice=2 * data["base"]), "post", "he", baseline="base", covariates=["twice"])
