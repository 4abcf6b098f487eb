"""Values of patients that stand in all their sessions count once: n, limits and p are of patients. Data synthetic."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import f_oneway, pearsonr, spearmanr

from doublecode.analysis import correlate, winsorise
from doublecode.analysis.description.covariate_screen import screen_covariates
from doublecode.analysis.regression.group_differences import group_anova
from doublecode.analysis.results.row_levels import of_patients
from doublecode.analysis.study.declared_moderation import fit_moderation
from doublecode.schemas.errors import NotEstimable
from doublecode.schemas.study_parts import ModerationModel


@pytest.fixture(scope="module")
def people():
    """25 patients with a value each, unrelated but for end and start."""
    rng = np.random.default_rng(5)
    table = pd.DataFrame({"patient": [f"P{n:02d}" for n in range(25)], "start": rng.normal(size=25)})
    table["end"] = 0.4 * table["start"] + rng.normal(size=25)
    table["sex"] = np.where(rng.random(25) < 0.5, "f", "m")
    table["age"] = rng.integers(18, 60, 25).astype(float)
    table.loc[3, "end"] = np.nan
    return table


@pytest.fixture(scope="module")
def sessions(people):
    """Four to fourteen sessions of each, with one variable that moves."""
    rng = np.random.default_rng(6)
    rows = people.loc[np.repeat(people.index, 4 + np.arange(25) % 11)].reset_index(drop=True)
    rows["session"] = rows.groupby("patient").cumcount() + 1
    rows["he"] = rng.normal(size=len(rows)) + rows["start"]
    rows.loc[5, "he"] = np.nan
    return rows


def test_a_screen_over_sessions_is_the_screen_over_patients(people, sessions):
    names = (["end"], ["start", "age"])
    over, alone = screen_covariates(sessions, *names, patient="patient"), screen_covariates(people, *names)
    pd.testing.assert_frame_equal(over.frame, alone.frame)
    assert over.frame["n"].tolist() == [24, 24]
    there = people.dropna()
    assert over.frame["p_value"].iloc[0] == pytest.approx(spearmanr(there["end"], there["start"]).pvalue, rel=1e-9)
    assert "one row per patient" in over.note_texts()[0]


def test_a_screen_takes_the_mean_of_what_moves(people, sessions):
    found = screen_covariates(sessions, ["end"], ["he"], patient="patient").frame.iloc[0]
    both = sessions.dropna(subset=["end", "he"]).groupby("patient")[["end", "he"]].mean()
    assert found["n"] == 24
    assert found["r"] == pytest.approx(spearmanr(both["end"], both["he"]).statistic, rel=1e-9)


def test_a_pooled_r_with_a_value_of_patients_counts_patients(people, sessions):
    found = correlate(sessions, ["end", "start", "he"], patient="patient", session="session", n_boot=200)
    pooled = found.frame[found.frame["level"] == "pooled"].set_index(["x", "y"])
    there = people.dropna()
    expected = pearsonr(there["end"], there["start"])
    first = pooled.loc[("end", "start")]
    assert (first["n"], first["r"]) == (24, pytest.approx(expected.statistic, rel=1e-9))
    assert first["p_value"] == pytest.approx(expected.pvalue, rel=1e-9)
    assert pooled["n"].tolist() == [24, 24, 25]
    moments = found.descriptives.query("level == 'pooled'").set_index("variable")
    assert moments.loc["end", "n"] == 24
    assert moments.loc["end", "mean"] == pytest.approx(people["end"].mean())
    assert moments.loc["he", "n"] == len(sessions) - 1
    (note,) = [one for one in found.notes if one.kind == "pairs_of_patients"]
    assert note.numbers["names"] == ("end", "start")


def test_what_moves_keeps_its_rows(sessions):
    moving = sessions.assign(tbh=sessions["he"] + np.arange(len(sessions)))
    found = correlate(moving, ["he", "tbh"], patient="patient").frame
    assert found.set_index("level").loc["pooled", "n"] == len(sessions) - 1
    assert of_patients(["he", "end"], sessions, "patient") == ("end",)
    assert of_patients(["end"], sessions.drop_duplicates("patient"), "patient") == ()


def test_groups_compare_patients_once(people, sessions):
    found = group_anova(sessions, "end", "sex")
    there = people.dropna()
    expected = f_oneway(*(part["end"] for _, part in there.groupby("sex")))
    assert found.design["n_rows"] == 24
    assert found.frame["statistic"].iloc[0] == pytest.approx(expected.statistic, rel=1e-9)
    assert found.notes[-1].kind == "copies_left_out"
    assert len(group_anova(sessions, "he", "sex").rows) == len(sessions) - 1


def test_a_regression_of_values_of_patients_counts_them_once_or_is_refused(people, sessions):
    model = ModerationModel(name="m", title="M", outcome="end", predictor="start", covariates=("age",))
    over, alone = fit_moderation(model, sessions), fit_moderation(model, people)
    pd.testing.assert_frame_equal(over.frame, alone.frame)
    assert over.notes[-1].numbers["n"] == 24
    moving = ModerationModel(name="m", title="M", outcome="end", predictor="he")
    with pytest.raises(NotEstimable, match=r"one value per patient, .* of 24 patients: .*patient_outcomes"):
        fit_moderation(moving, sessions)
    one = ModerationModel(name="m", title="M", outcome="end", predictor="he", subset="session == 2")
    assert fit_moderation(one, sessions).design["n_rows"] == 23


def test_fences_of_values_of_patients_are_of_patients(people, sessions):
    far = people.assign(age=people["age"].where(people.index != 24, 400.0))
    rows = sessions.assign(age=sessions["patient"].map(far.set_index("patient")["age"]))
    over, alone = winsorise(rows, ["age"]), winsorise(far, ["age"])
    pd.testing.assert_frame_equal(over.counts, alone.counts)
    pd.testing.assert_frame_equal(over.frame, alone.frame)
    assert over.data.groupby("patient")["age"].nunique().eq(1).all()
