"""Leave-one-group-out against refits in R (tests/reference/mixed_lme4.R)."""

import json
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from doublecode.analysis.mixed import fit_mixed
from doublecode.schemas.errors import UsageError

REFERENCE = Path(__file__).parents[2] / "reference"
CASES = {
    "sleepstudy_RIS_REML": ("sleepstudy", "Reaction ~ Days + (Days | Subject)", "Subject", True),
    "sleepstudy_RIS_ML": ("sleepstudy", "Reaction ~ Days + (Days | Subject)", "Subject", False),
    "hw229_a_REML": ("hw229_a", "homework ~ beh_cw + beh_pm + sess_c + (1 | patient)", "patient", True),
    "hw229_a_3level_REML": (
        "hw229_a", "homework ~ beh_cw + sess_c + (1 | therapist) + (1 | patient)", "therapist", True,
    ),
}  # fmt: skip


@cache
def answer(name):
    data, formula, group, reml = CASES[name]
    fit = fit_mixed(formula, pd.read_csv(REFERENCE / f"{data}.csv", dtype={"Subject": str}), reml=reml)
    refits = json.loads((REFERENCE / "mixed_influence.json").read_text(encoding="utf-8"))[name]["left_out"]
    return fit, fit.influence(group), {str(r["group"]): r for r in refits}


@pytest.mark.parametrize("name", CASES)
def test_measures(name):
    _, found, ref = answer(name)
    assert list(found.frame.level) == sorted(ref)
    for row in found.frame.itertuples():
        theirs = ref[row.level]
        for measure in ("cooks_distance", "mdffits", "covratio"):
            assert getattr(row, measure) == pytest.approx(theirs[measure], rel=1e-6), measure
        assert row.covtrace == pytest.approx(theirs["covtrace"], rel=1e-5, abs=1e-8)
        assert row.singular == theirs["singular"]
        assert row.converged
    assert found.notes == ()


@pytest.mark.parametrize("name", CASES)
def test_fixed_effects_and_variances(name):
    fit, found, ref = answer(name)
    names = [t.replace("Intercept", "(Intercept)") for t in fit.model.x_names]
    for level, part in found.fixed.groupby("level"):
        np.testing.assert_allclose(part.estimate, [ref[level]["fixef"][n] for n in names], rtol=1e-6, atol=1e-8)
        np.testing.assert_allclose(part.std_error, [ref[level]["se"][n] for n in names], rtol=1e-6)
        np.testing.assert_allclose(part.change, part.estimate - fit.fixed.estimate.to_numpy(), atol=1e-10)
    for level, part in found.variances.groupby("level"):
        ours = np.sort(part.estimate[part.parameter == "sd"] ** 2)
        pairs = len(part) - len(ours)
        theirs = [
            v for i, v in enumerate(ref[level]["vcov"]) if not (pairs and i == 2)
        ]  # lme4 puts the covariance third
        np.testing.assert_allclose(ours, np.sort(theirs), rtol=2e-5, atol=1e-7 * max(theirs))


def test_more_levels_than_a_batch_holds(monkeypatch):
    from doublecode.analysis.mixed import influence

    fit, found, _ = answer("sleepstudy_RIS_REML")
    monkeypatch.setattr(influence, "_CELLS", 5 * fit.nobs)
    pd.testing.assert_frame_equal(fit.influence("Subject").frame, found.frame, rtol=1e-6)


def test_any_column_of_the_model_can_be_left_out():
    data = pd.read_csv(REFERENCE / "sleepstudy.csv", dtype={"Subject": str})
    fit = fit_mixed("Reaction ~ Days + (1 | Subject)", data)
    found = fit.influence("Days").frame.set_index("level")
    refit = fit_mixed("Reaction ~ Days + (1 | Subject)", data[data.Days != 9])
    delta = (fit.fixed.estimate - refit.fixed.estimate).to_numpy()
    V = fit_mixed("Reaction ~ Days + (1 | Subject)", data, ddf="z").vcov.to_numpy()
    assert found.loc[9, "cooks_distance"] == pytest.approx(delta @ np.linalg.solve(V, delta) / 2, rel=1e-5)


def test_a_group_that_the_model_needs_is_named():
    data = pd.read_csv(REFERENCE / "sleepstudy.csv", dtype={"Subject": str})
    data["special"] = (data.Subject == "308").astype(float)
    found = fit_mixed("Reaction ~ Days + special + (1 | Subject)", data).influence()
    row = found.frame.set_index("level").loc["308"]
    assert np.isnan(row.cooks_distance)
    assert not row.converged
    assert found.frame.cooks_distance.notna().sum() == 17
    assert "without Subject 308 the model is not identified" in found.note_texts()[0]


def test_two_groups_leave_no_variance_between():
    data = pd.read_csv(REFERENCE / "Pastes.csv")
    fit = fit_mixed("strength ~ 1 + (1 | cask) + (1 | batch)", data[data.cask != "c"])
    found = fit.influence("cask")
    assert found.frame.cooks_distance.isna().all()
    assert found.notes[0].kind == "levels_not_identified"


def test_residual_structure_is_held_and_series_are_not_cut():
    data = pd.read_csv(REFERENCE / "hw229_ar1.csv")
    fit = fit_mixed("homework ~ sess_c + (1 | patient)", data, correlation="ar1(session | patient)")
    found = fit.influence("patient")
    assert any(note.kind == "structure_held" for note in found.notes)
    refit = fit_mixed(
        "homework ~ sess_c + (1 | patient)", data[data.patient != "P01"], correlation="ar1(session | patient)"
    )
    ours = found.fixed[(found.fixed.level == "P01")].estimate.to_numpy()
    np.testing.assert_allclose(ours, refit.fixed.estimate, atol=0.02)  # phi moves a little in the refit
    with pytest.raises(UsageError, match="cut through the series"):
        fit.influence("session")


def test_unknown_group():
    with pytest.raises(UsageError, match="'rater' is neither a grouping factor"):
        answer("hw229_a_REML")[0].influence("rater")


def test_markdown_lists_the_most_influential_first():
    _, found, _ = answer("sleepstudy_RIS_REML")
    top = found.frame.sort_values("cooks_distance").level.iloc[-1]
    assert found.to_markdown().splitlines()[4].startswith(f"| {top} ")
