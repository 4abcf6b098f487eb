"""Pooling against metafor: estimates, standard errors, tests, limits, heterogeneity and what is asked afterwards."""

import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from doublecode.analysis import pool
from doublecode.schemas.errors import ContractError, DuplicateError, FormulaError, NotEstimable, UsageError

REFERENCE = Path(__file__).parents[2] / "reference"
META = json.loads((REFERENCE / "meta.json").read_text(encoding="utf-8"))
THEIR_NAMES = {
    "estimate": "pred",
    "std_error": "se",
    "conf_low": "low",
    "conf_high": "high",
    "pi_low": "pi_low",
    "pi_high": "pi_high",
}
MORE = json.loads((REFERENCE / "meta_more.json").read_text(encoding="utf-8"))
SETS = {"meta_molloy2014": "meanage", "meta_sim12": "mod"}
CLOSE = {"rel": 1e-9, "abs": 1e-8}


def frame_of(name):
    data = pd.read_csv(REFERENCE / "data" / f"{name}.csv")
    if "ri" in data:
        data = data.assign(yi=np.arctanh(data["ri"]), vi=1 / (data["ni"] - 3))
    return data


def pooled(name, **more):
    return pool("yi", "vi", data=frame_of(name), labels="study", measure="r", **more)


@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("key", ["FE", "DL", "PM", "REML", "ML", "DL_HKSJ", "REML_HKSJ"])
def test_one_effect_as_metafor_has_it(name, key):
    expected = META[name][key]
    method, _, kind = key.partition("_")
    found = pooled(name, method=method, test="hksj" if kind else "z")
    row = found.frame.iloc[0]
    pairs = {"b": row["estimate"], "se": row["std_error"], "stat": row["statistic"], "p": row["p_value"],
             "tau2": found.tau2, "I2": found.i2, "H2": found.h2, "Q": found.q, "Q_p": found.q_p,
             "logLik": found.loglik}  # fmt: skip
    assert pairs == pytest.approx({one: expected[one] for one in pairs}, **CLOSE)
    assert row[["conf_low", "conf_high"]].tolist() == pytest.approx(expected["ci"], **CLOSE)
    assert row[["effect", "effect_low", "effect_high"]].tolist() == pytest.approx(expected["r"][:3], **CLOSE)
    assert math.isnan(row["df"]) if expected["df"] is None else row["df"] == expected["df"]
    if method == "FE":
        assert np.isnan(found.prediction).all()
        assert found.variances.empty
        return
    assert found.se_tau2 == pytest.approx(expected["se_tau2"], **CLOSE)
    assert found.prediction == pytest.approx(tuple(expected["pi"]), **CLOSE)
    assert np.tanh(found.prediction).tolist() == pytest.approx(expected["r"][3:], **CLOSE)
    if kind:
        limits = found.variances.iloc[0]
        assert limits[["conf_low", "conf_high"]].tolist() == pytest.approx(
            META[name][f"{method}_tau2_ci_Qprofile"], abs=1e-8
        )
        assert limits[["i2_low", "i2_high"]].tolist() == pytest.approx(META[name][f"{method}_I2_ci"], abs=1e-6)


@pytest.mark.parametrize(("name", "moderator"), SETS.items())
def test_moderators_as_metafor_has_them(name, moderator):
    expected = META[name]["metareg_knha"]
    found = pooled(name, moderators=moderator)
    for column, key in (("estimate", "coef"), ("std_error", "se"), ("statistic", "t"), ("p_value", "p")):
        assert found.frame[column].tolist() == pytest.approx(expected[key], **CLOSE)
    assert found.frame["df"].tolist() == [expected["df"]] * 2
    pairs = {"tau2": found.tau2, "R2": found.r2, "QM": found.omnibus["statistic"],
             "QMp": found.omnibus["p_value"], "QE": found.q}  # fmt: skip
    assert pairs == pytest.approx({one: expected[one] for one in pairs}, **CLOSE)


@pytest.mark.parametrize(("test", "name"), [("hksj", "knha"), ("hksj-adhoc", "adhoc"), ("z", "z")])
@pytest.mark.parametrize("method", ["REML", "ML", "DL", "PM"])
def test_numbers_and_factors_as_moderators(test, name, method):
    expected = MORE["bcg_metareg"][name][method]
    found = pool("yi", "vi", data=frame_of("meta_bcg"), moderators="ablat + alloc", method=method, test=test)
    assert found.frame["term"].tolist() == ["Intercept", "ablat", "alloc[T.random]", "alloc[T.systematic]"]
    for column, key in (
        ("estimate", "coef"), ("std_error", "se"), ("statistic", "stat"), ("p_value", "p"), ("conf_low", "low"),
        ("conf_high", "high"),
    ):  # fmt: skip
        assert found.frame[column].tolist() == pytest.approx(expected[key], rel=1e-8, abs=1e-8)
    pairs = {"tau2": found.tau2, "QM": found.omnibus["statistic"], "QMp": found.omnibus["p_value"], "R2": found.r2,
             "QE": found.q, "logLik": found.loglik}  # fmt: skip
    assert pairs == pytest.approx({one: expected[one] for one in pairs}, rel=1e-7, abs=1e-8)
    given = frame_of("meta_bcg")
    columns = pool(given["yi"], given["vi"], moderators=given[["ablat", "alloc"]], method=method, test=test)
    pd.testing.assert_frame_equal(columns.frame, found.frame)


def test_effects_at_values_of_moderators():
    given = frame_of("meta_bcg")
    rows = pd.DataFrame({"ablat": [10, 50], "alloc": ["random", "systematic"]})
    plain = pool("yi", "vi", data=given, moderators="ablat + alloc").predict(rows).frame
    for mine, theirs in THEIR_NAMES.items():
        assert plain[mine].tolist() == pytest.approx(MORE["bcg_at"][theirs], rel=1e-8)
    shown = pool("yi", "vi", data=given, moderators="ablat + alloc", measure="odds_ratio").predict(rows).frame
    for name in ("estimate", "conf_low", "pi_high"):
        assert shown[name].tolist() == pytest.approx(np.exp(plain[name]).tolist(), rel=1e-12)
    fixed = pool("yi", "vi", data=given, moderators="ablat", method="FE").predict(rows[["ablat"]]).frame
    assert fixed["pi_low"].isna().all()


def test_effects_at_values_that_no_study_had():
    found = pool("yi", "vi", data=frame_of("meta_bcg"), moderators="ablat + alloc")
    with pytest.raises(UsageError, match="no column 'alloc'"):
        found.predict(pd.DataFrame({"ablat": [10]}))
    with pytest.raises(ContractError, match="ablat: found 'ten', allowed numbers"):
        found.predict(pd.DataFrame({"ablat": ["ten"], "alloc": ["random"]}))
    assert "other" not in found.predict(pd.DataFrame({"ablat": [10], "alloc": ["random"], "other": [1]})).frame
    with pytest.raises(ContractError, match="which the fit has not seen"):
        found.predict(pd.DataFrame({"ablat": [10], "alloc": ["by lot"]}))
    with pytest.raises(UsageError, match="there are no moderators"):
        pool("yi", "vi", data=frame_of("meta_bcg")).predict(pd.DataFrame({"ablat": [10]}))


def test_a_fixed_effect_with_a_moderator():
    expected = MORE["bcg_fixed_metareg"]
    found = pool("yi", "vi", data=frame_of("meta_bcg"), moderators="ablat", method="FE")
    assert found.frame["estimate"].tolist() == pytest.approx(expected["coef"], rel=1e-9)
    assert found.omnibus["statistic"] == pytest.approx(expected["QM"], rel=1e-9)
    assert found.q == pytest.approx(expected["QE"], rel=1e-9)


def test_the_floor_of_hartung_and_knapp():
    expected = MORE["adhoc_five"]
    data = frame_of("meta_molloy2014").head(5)
    found = pool("yi", "vi", data=data, test="hksj-adhoc")
    row = found.frame.iloc[0]
    assert (row["estimate"], row["std_error"], row["conf_low"], row["conf_high"], found.tau2) == pytest.approx(
        tuple(expected[key] for key in ("coef", "se", "low", "high", "tau2")), rel=1e-8
    )
    alike = pool([0.1, 0.12, 0.14], [0.02, 0.03, 0.04])
    held = pool([0.1, 0.12, 0.14], [0.02, 0.03, 0.04], test="hksj-adhoc")
    assert alike.frame["std_error"].iloc[0] < held.frame["std_error"].iloc[0]
    assert "pool_narrower_than_z" in {note.kind for note in alike.notes} - {note.kind for note in held.notes}
    assert alike.tau2 == 0.0
    assert "pool_no_variance" in {note.kind for note in alike.notes}


@pytest.mark.parametrize("name", SETS)
def test_funnel_asymmetry_as_metafor_has_it(name):
    expected = META[name]
    found = pooled(name, test="z")
    egger = found.egger().frame.set_index(["form", "term"])
    classic, model = (egger.loc[(form, "standard error")] for form in ("weighted regression", "model"))
    assert (classic["statistic"], classic["df"], classic["p_value"]) == pytest.approx(
        tuple(expected["egger_lm"][key] for key in ("t", "df", "p")), **CLOSE
    )
    assert (model["statistic"], model["p_value"]) == pytest.approx(
        tuple(expected["regtest_rma_sei"][key] for key in ("z", "p")), **CLOSE
    )
    rank = found.rank_test().frame.iloc[0]
    assert (rank["estimate"], rank["p_value"]) == pytest.approx(
        (expected["ranktest"]["tau"], expected["ranktest"]["p"]), **CLOSE
    )
    assert rank["exact"] == (name == "meta_sim12")
    filled = found.trim_and_fill()
    assert (filled.design["n_missing"], filled.design["side"]) == (expected["trimfill"]["k0"], "left")
    row = filled.frame.set_index("term").loc["filled"]
    assert row["estimate"] == pytest.approx(expected["trimfill"]["b"], abs=1e-6)
    # metafor's refit in meta.json stops at its default of 1e-5 in τ²; meta_more.json has it at the optimum
    assert row["std_error"] == pytest.approx(expected["trimfill"]["se"], abs=3e-6)


@pytest.mark.parametrize("one", MORE["trimfill"])
def test_trim_and_fill_at_the_optimum(one):
    expected = MORE["trimfill"][one]
    estimator, side = one.split()
    found = pooled("meta_molloy2014", test="z").trim_and_fill(estimator, side)
    row = found.frame.iloc[1]
    assert found.design["n_missing"] == expected["k0"]
    assert (row["estimate"], row["std_error"], found.design["tau2"], found.design["std_error"]) == pytest.approx(
        tuple(expected[key] for key in ("b", "se", "tau2", "se_k0")), rel=1e-8
    )
    if estimator == "R0":
        assert found.design["p_value"] == pytest.approx(expected["p_k0"])


def test_each_study_left_out():
    plain = pooled("meta_molloy2014", test="z").leave_one_out().frame
    for column, key in (("estimate", "estimate"), ("std_error", "se"), ("tau2", "tau2")):
        assert plain[column].tolist() == pytest.approx(META["meta_molloy2014"]["leave1out"][key], **CLOSE)
    knha = pooled("meta_molloy2014").leave_one_out().frame
    for column, key in (("std_error", "se"), ("conf_low", "low"), ("conf_high", "high"), ("q", "Q"), ("i2", "I2")):
        assert knha[column].tolist() == pytest.approx(MORE["leave1out_knha"][key], rel=1e-7)
    assert knha["left_out"].tolist() == frame_of("meta_molloy2014")["study"].tolist()
    egger = pooled("meta_molloy2014").egger().frame.iloc[-1]
    assert (egger["statistic"], egger["p_value"]) == pytest.approx(
        (MORE["egger_knha"]["t"], MORE["egger_knha"]["p"]), rel=1e-8
    )


def test_the_units_of_the_effects_do_not_matter():
    data = frame_of("meta_sim12")
    for method in ("DL", "PM", "REML", "ML"):
        one = pool(data["yi"], data["vi"], method=method)
        for factor in (1e-5, 1e4):
            other = pool(data["yi"] * factor, data["vi"] * factor**2, method=method)
            assert other.tau2 == pytest.approx(one.tau2 * factor**2, rel=1e-8)
            assert other.frame["p_value"].tolist() == pytest.approx(one.frame["p_value"].tolist(), rel=1e-8)


def test_two_studies_by_hand():
    """τ² of two effects is (y₁ − y₂)²/2 − (v₁ + v₂)/2 by REML; t has one degree of freedom."""
    found = pool([0.0, 1.0], [0.1, 0.1])
    assert found.tau2 == pytest.approx(0.4, rel=1e-9)
    row = found.frame.iloc[0]
    assert (row["estimate"], row["std_error"], row["df"]) == pytest.approx((0.5, 0.5, 1.0), rel=1e-9)
    assert row["conf_high"] - row["conf_low"] == pytest.approx(12.706204736, rel=1e-9)
    assert "pool_few_studies" in {note.kind for note in found.notes}
    with pytest.raises(NotEstimable, match="nothing is left"):
        found.leave_one_out()
    with pytest.raises(NotEstimable, match="do not differ at all"):
        pool([0.4, 0.4], [0.1, 0.2])


def test_what_lacks_a_value_is_named_and_nothing_else_is_dropped():
    data = frame_of("meta_sim12").astype({"mod": float})
    data.loc[[2, 5], "vi"] = np.nan
    data.loc[7, "mod"] = np.nan
    found = pool("yi", "vi", data=data, labels="study", moderators="mod")
    assert found.design["dropped"] == [
        {"row": 2, "label": "st3", "missing": ["vi"]}, {"row": 5, "label": "st6", "missing": ["vi"]},
        {"row": 7, "label": "st8", "missing": ["mod"]},
    ]  # fmt: skip
    assert (found.design["k"], found.design["n_given"]) == (9, 12)
    assert "row 7 (st8): mod" in str(found).replace("\n  ", " ")
    kept = data.dropna()
    assert found.tau2 == pytest.approx(pool(kept["yi"], kept["vi"], moderators={"mod": kept["mod"]}).tau2, rel=1e-12)
    assert list(found.rows) == list(kept.index)


@pytest.mark.parametrize(
    ("change", "more", "wrong", "said"),
    [
        ({"vi": [0.0]}, {}, ContractError, r"row 0 \(st1\): 'vi' is 0; a sampling variance is above 0"),
        ({"vi": [-0.1]}, {}, ContractError, "'vi' is -0.1"),
        ({"yi": [np.inf]}, {}, ContractError, "'yi' is infinite"),
        ({"yi": ["n.s."]}, {}, ContractError, "yi, row 0: found 'n.s.', allowed a number or nothing"),
        ({"study": ["st2"]}, {}, DuplicateError, "'st2' stands in rows 0, 1.*studies="),
        ({"study": [None]}, {}, ContractError, "study, row 0: there is no name"),
        ({}, {"method": "SJ"}, UsageError, "method is 'SJ'; allowed: REML, DL"),
        ({}, {"test": "knha"}, UsageError, "test is 'knha'; allowed: hksj"),
        ({}, {"method": "FE", "test": "hksj"}, UsageError, "test of random effects"),
        ({}, {"test": "CR2"}, UsageError, "one effect per study; allowed: 'hksj'"),
        ({}, {"moderators": "mod + (1 | study)"}, FormulaError, "random term"),
        ({}, {"moderators": "age"}, FormulaError, "age"),
        ({}, {"measure": "slope"}, UsageError, "is a slope"),
        ({}, {"conf_level": 95}, UsageError, "between 0 and 1"),
        ({"mod": [1.0] * 12}, {"moderators": "mod"}, NotEstimable, "mod is 1.0 in all studies"),
    ],
)
def test_what_cannot_be_pooled_is_refused_by_row_and_column(change, more, wrong, said):
    data = frame_of("meta_sim12").astype(object)
    for name, values in change.items():
        data.loc[: len(values) - 1, name] = values
    with pytest.raises(wrong, match=said):
        pool("yi", "vi", data=data, labels="study", **more)


def test_what_is_too_little_or_of_another_length():
    with pytest.raises(NotEstimable, match="one study has an estimate and a variance; two are the least"):
        pool([0.3], [0.1])
    with pytest.raises(NotEstimable, match="no study has"):
        pool([np.nan, 0.2], [0.1, np.nan])
    with pytest.raises(NotEstimable, match="3 effects cannot carry 3 coefficients"):
        pool([0.1, 0.2, 0.4], [0.1] * 3, moderators={"a": [1, 2, 3], "b": [1, 0, 1]})
    with pytest.raises(UsageError, match="3 estimates and 2 variances"):
        pool([0.1, 0.2, 0.4], [0.1, 0.1])
    with pytest.raises(UsageError, match="give the frame as data="):
        pool("yi", "vi")
    with pytest.raises(UsageError, match="pool without moderators first"):
        pooled("meta_sim12", moderators="mod").trim_and_fill()
    with pytest.raises(UsageError, match="allowed: 'forest' and 'funnel'"):
        pooled("meta_sim12").plot("box")


def test_the_sentence_and_the_figures():
    found = pooled("meta_molloy2014")
    assert found.sentence() == (
        "Over 16 studies the pooled r was .15, 95% CI [.08, .22]; the true r of a new study is expected within "
        "[−.05, .34] (τ = 0.09, I² = 62 %)."
    )
    forest = found.plot()
    texts = [text.get_text() for text in forest.texts]
    assert len(texts) == 18
    assert texts[-2:] == [".15 [.08, .22]", "[−.05, .34]"]
    ticks = [tick.get_text() for tick in forest.get_yticklabels()]
    assert ticks[-2:] == ["Pooled", "95% prediction interval"]
    funnel = found.plot("funnel")
    points = {line.get_label(): len(line.get_xdata()) for line in funnel.lines}
    assert points["studies"] == 16
    assert points["mirrored by trim and fill"] == 2
    odds = pool([0.2, 0.5, 0.4], [0.1, 0.2, 0.05], measure="odds_ratio").plot()
    assert odds.get_xscale() == "log"
