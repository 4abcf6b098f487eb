"""Rater severity on the latent scale: R's clmm, fair averages by their formula, refusals with the next step."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from doublecode.analysis import fit_generalized, icc, ordinal_severity
from doublecode.schemas.errors import ContractError, DuplicateError, NotEstimable

REFERENCE = Path(__file__).parents[2] / "reference"
NAMES = {"targets": "g", "raters": "h", "ratings": "y"}


def crossed() -> pd.DataFrame:
    stacked = pd.read_csv(REFERENCE / "ordinal.csv")
    return stacked[stacked["set"] == "crossed"].reset_index(drop=True)


@pytest.fixture(scope="module")
def found():
    return ordinal_severity(crossed(), **NAMES)


def clmm(formula, nodes):
    models = json.loads((REFERENCE / "ordinal.json").read_text())["mixed"]["crossed"]
    return next(m for m in models if m["formula"] == formula and m["nAGQ"] == nodes)


def test_severity_is_clmms_against_the_mean_of_raters(found) -> None:
    wanted = clmm("o ~ h + (1 | g)", 15)
    raw = np.array([0.0, *wanted["estimate"][4:]])
    assert np.allclose(found.frame["estimate"], raw - raw.mean(), atol=1e-6)
    assert found.frame["estimate"].sum() == pytest.approx(0.0, abs=1e-12)
    # the average rater's thresholds lie lower by the mean shift
    assert np.allclose(found.thresholds["estimate"], np.array(wanted["estimate"][:4]) - raw.mean(), atol=1e-6)
    # 2(l1 - l0) with raters left out
    assert found.tests.loc[0, "df"] == 4
    assert found.tests.loc[0, "p_value"] < 1e-5


def test_variances_are_clmms_and_the_latent_icc_follows(found) -> None:
    targets = float(np.ravel(clmm("o ~ h + (1 | g)", 15)["covariance"]["g"])[0])
    s, se = found.frame["estimate"], found.frame["std_error"]
    raters = (s @ s - se @ se) / 4
    assert np.allclose(found.variances["variance"], [targets, raters, np.pi**2 / 3], atol=2e-5)
    latent = found.icc.query("scale == 'latent'").set_index("form")["estimate"]
    assert latent["ICC(C,1)"] == pytest.approx(targets / (targets + np.pi**2 / 3), abs=1e-5)
    assert latent["ICC(A,1)"] == pytest.approx(targets / (targets + raters + np.pi**2 / 3), abs=1e-5)
    ordinary = icc(crossed(), **NAMES).frame.drop_duplicates("form").set_index("form")["estimate"]
    for form, value in found.icc.query("scale == 'ratings'").set_index("form")["estimate"].items():
        assert value == ordinary[form]


def test_fair_averages_are_the_expected_rating_of_an_average_counterpart(found) -> None:
    tau = found.thresholds["estimate"].to_numpy()

    def expected(eta):
        return sum(expit(eta - cut) for cut in tau)  # categories 0 to 4: the sum of P(Y > j)

    assert np.allclose(found.frame["fair_average"], expected(found.frame["estimate"].to_numpy()[:, None].T)[0])
    assert np.allclose(found.targets["fair_average"], expected(found.targets["estimate"].to_numpy()))
    assert (found.frame["fair_low"] < found.frame["fair_average"]).all()
    order = found.frame["estimate"].argsort().to_list()
    assert found.frame["linear"].argsort().to_list() == order
    assert "above 0 rates higher" in str(found)
    assert "cut-offs made for ordinary ICCs do not apply" in str(found)


def test_raters_as_random_effects_have_the_modes_of_clmm_and_the_order_of_the_severities(found) -> None:
    wanted = json.loads((REFERENCE / "ordinal_raters.json").read_text())
    fit = fit_generalized("y ~ 1 + (1 | g) + (1 | h)", crossed(), family="ordinal")
    assert fit.loglik == pytest.approx(wanted["loglik"], abs=1e-6)
    modes = fit.random().query("group == 'h'")
    assert modes["level"].tolist() == wanted["rater"]
    assert np.allclose(modes["estimate"], wanted["modes"], atol=1e-4)
    assert np.allclose(modes["sd"], wanted["sd"], rtol=2e-3)
    # random raters are drawn towards 0: each by σ²/(σ² + se²), here by a fifth at most
    ratio = modes["estimate"].to_numpy() / found.frame["estimate"].to_numpy()
    assert (modes["estimate"].argsort().to_numpy() == found.frame["estimate"].argsort().to_numpy()).all()
    assert ((ratio > 0.5) & (ratio < 1.0))[np.abs(found.frame["estimate"]) > 0.3].all()


def test_raters_who_share_no_more_than_some_targets_are_set_on_one_scale() -> None:
    rng = np.random.default_rng(5)
    level, shift = rng.normal(0, 1.5, 300), {"A": 1.0, "B": 0.0, "C": -1.0}
    rows = [
        (s, r, int(np.searchsorted([-2, -0.5, 0.5, 2], level[s] + shift[r] + rng.logistic())))
        for s in range(300)
        for r in ("AB", "BC")[s % 2]
    ]
    long = pd.DataFrame(rows, columns=["g", "h", "y"])
    frame = ordinal_severity(long, **NAMES).frame
    # planted 1, 0, −1: within three standard errors, C against A by way of B only
    assert (np.abs(frame["estimate"] - [1.0, 0.0, -1.0]) < 3 * frame["std_error"]).all()
    assert frame["std_error"].max() < 0.25


def test_words_and_sets() -> None:
    d = crossed()
    words = pd.Categorical.from_codes(d["y"], ["no", "little", "some", "much", "full"], ordered=True)
    two = pd.concat([d.assign(item="one", y=words), d.assign(item="two", y=words)])
    found = ordinal_severity(two, by="item", **NAMES)
    assert found.frame["item"].tolist() == ["one"] * 5 + ["two"] * 5
    assert found.thresholds["threshold"].iloc[0] == "no|little"
    single = ordinal_severity(d, **NAMES).frame
    assert np.allclose(found.frame["estimate"].iloc[:5], single["estimate"], atol=1e-8)
    assert "2 sets" in str(found)


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        (lambda d: d.assign(y=d.y + 0.5), ContractError, "whole numbers"),
        (lambda d: d.assign(y="low"), ContractError, "text has no order"),
        (lambda d: d.assign(y=2), NotEstimable, "an end of the scale|one category"),
        (lambda d: d[d.h == "R1"], NotEstimable, "one h only"),
        (lambda d: d.assign(y=d.y.where(d.h != "R2", 0)), NotEstimable, "'R2' gave 0 in all 24.*drift"),
        (lambda d: d.groupby("g").head(1), NotEstimable, "ordinal_severity: "),
        (lambda d: pd.concat([d, d.head(1)]), DuplicateError, "rated g"),
    ],
)
def test_what_has_no_severity_says_the_way_on(change, error, words) -> None:
    with pytest.raises(error, match=words):
        ordinal_severity(change(crossed()), **NAMES)
