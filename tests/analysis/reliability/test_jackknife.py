"""Limits by leaving out each target once: by hand from icc() itself, at the edges, and in words."""

from functools import cache

import numpy as np
import pandas as pd
import pytest
from scipy.stats import t

from doublecode.analysis.reliability.interrater import icc
from doublecode.schemas.errors import UsageError


def ratings(design, seed=3):
    """Synthetic: 14 sessions with scores on a floor; three raters for all, rotating pairs, or some coded twice."""
    rng = np.random.default_rng(seed)
    rows = []
    for s in range(14):
        level = max(0.0, rng.normal(0, 2))
        who = {"complete": "ABC", "rotating": ["AB", "BC", "CA", "A", "B"][s % 5]}.get(design, "AB" if s % 3 else "A")
        rows += [(f"S{s:02d}", r, level + rng.normal(0, 0.6)) for r in who]
    return pd.DataFrame(rows, columns=["session", "rater", "y"])


@cache
def left_out_by_hand(design, raters):
    """Fisher's z of the one-rating coefficients of all sessions, and of the frames without each of them."""
    data = ratings(design)
    frames = [data, *(data[data["session"] != s] for s in data["session"].unique())]
    found = [icc(part, targets="session", raters=raters, ratings="y", k=(1,)).frame for part in frames]
    return [np.arctanh(one.set_index("form")["estimate"]) for one in found]


def by_hand(design, raters, form, conf_level):
    """Limits of one coefficient from those of the frames without one session each."""
    data = ratings(design)
    whole, *z = (one[form] for one in left_out_by_hand(design, raters))
    n, several = len(z), (data.groupby("session").size() > 1).sum()
    half = t.ppf(0.5 + conf_level / 2, several - 1) * np.sqrt((n - 1) / n * ((z - np.mean(z)) ** 2).sum())
    return np.tanh(whole - half), np.tanh(whole + half)


@pytest.mark.parametrize(
    ("design", "raters", "form"),
    [
        ("complete", "rater", "ICC(1,1)"),
        ("complete", "rater", "ICC(A,1)"),
        ("complete", "rater", "ICC(C,1)"),
        ("rotating", "rater", "ICC(1,1)"),
        ("rotating", "rater", "ICC(A,1)"),
        ("rotating", "rater", "ICC(C,1)"),
        ("one-way", None, "ICC(1,1)"),
    ],
)
@pytest.mark.parametrize("conf_level", [0.95, 0.8])
def test_limits_by_hand(design, raters, form, conf_level):
    data = ratings(design)
    found = icc(
        data, targets="session", raters=raters, ratings="y", k=(1,), interval="jackknife", conf_level=conf_level
    )
    row = found.frame.set_index("form").loc[form]
    # Two searches for the same optimum agree to about 1e-8; mean squares agree to rounding.
    assert (row["conf_low"], row["conf_high"]) == pytest.approx(by_hand(design, raters, form, conf_level), abs=1e-6)
    assert row["method"] in ("anova, jackknife over targets", "reml, jackknife over targets")


def test_estimates_and_tests_stay_and_means_step_up():
    data = ratings("complete")
    model, left_out = (
        icc(data, targets="session", raters="rater", ratings="y", interval=interval).frame.set_index("form")
        for interval in ("model", "jackknife")
    )
    same = ["estimate", "statistic", "df1", "df2", "p_value"]
    pd.testing.assert_frame_equal(model[same], left_out[same])
    for limit in ("conf_low", "conf_high"):
        one = left_out.loc["ICC(A,1)", limit]
        assert left_out.loc["ICC(A,k)", limit] == pytest.approx(3 * one / (1 + 2 * one), abs=1e-12)
    assert not np.allclose(model["conf_low"], left_out["conf_low"], atol=1e-3)


def test_sets_are_left_out_one_by_one():
    data = pd.concat([ratings("rotating", seed).assign(item=f"i{seed}") for seed in (1, 2, 5)])
    together = icc(data, targets="session", raters="rater", ratings="y", by="item", interval="jackknife").frame
    for item, own in data.groupby("item"):
        alone = icc(own, targets="session", raters="rater", ratings="y", interval="jackknife").frame
        both = together[together["item"] == item]
        for limit in ("conf_low", "conf_high"):
            np.testing.assert_allclose(both[limit], alone[limit], atol=1e-6)


def test_on_the_edge_the_limits_of_the_model_stay():
    agree = pd.DataFrame([(s, r, float(s % 3)) for s in range(6) for r in "AB"], columns=["session", "rater", "y"])
    found = icc(agree, targets="session", raters="rater", ratings="y", k=(1,), interval="jackknife")
    assert (found.frame[["conf_low", "conf_high"]] == 1.0).all(axis=None)
    assert any("leaving out single targets says nothing here" in note for note in found.note_texts())
    one_pair = ratings("one-way").query("rater == 'A' or session == 'S01'")
    model, left_out = (
        icc(one_pair, targets="session", raters="rater", ratings="y", k=(1,), interval=interval).frame["conf_high"]
        for interval in ("model", "jackknife")
    )
    pd.testing.assert_series_equal(model, left_out)


def limits_of(data, interval, **more):
    """Limits and notes."""
    found = icc(data, targets="session", raters="rater", ratings="y", interval=interval, **more)
    return found.frame.set_index("form")[["conf_low", "conf_high", "method"]], found.note_texts()


def rotating(scores):
    """Rotating pairs of three raters, two ratings of each session."""
    rows = [(f"S{s:02d}", r) for s in range(len(scores) // 2) for r in ("AB", "BC", "CA")[s % 3]]
    return pd.DataFrame(rows, columns=["session", "rater"]).assign(y=np.asarray(scores, dtype=float))


def agreed_but_once():
    """Raters agree on nine of ten sessions."""
    scores = np.repeat(np.arange(10) % 4, 2)
    scores[0] = 3
    return rotating(scores)


@pytest.mark.parametrize(
    "data",
    [
        ratings("complete").query("session < 'S02'"),
        rotating([1, 2, 6, 5]),  # without one of two sessions, nothing is left to tell apart
        rotating([1, -1] * 3 + [0, 2, 2, 0] * 4),  # targets hardly differ: REML puts the ICC on 0
        agreed_but_once(),
        rotating([3, 4] + [0] * 18),  # without the first session all ratings are equal
    ],
)
def test_where_a_coefficient_is_lost_the_limits_of_the_model_stay(data):
    model, _ = limits_of(data, "model")
    left_out, notes = limits_of(data, "jackknife")
    pd.testing.assert_frame_equal(model, left_out)
    assert any("leaving out single targets says nothing here" in note for note in notes)


def test_a_residual_that_rests_on_one_target_keeps_the_limits_of_the_model():
    data = rotating([3, 4] + [0] * 18)
    data["y"] += data["rater"].map(
        {"A": 0.0, "B": 1.0, "C": 2.0}
    )  # but for the first session, raters differ by constants
    (model, _), (left_out, _) = limits_of(data, "model"), limits_of(data, "jackknife")
    one_way = model.index.str.startswith("ICC(1")
    pd.testing.assert_frame_equal(model[~one_way], left_out[~one_way])
    assert (left_out.loc[one_way, "method"] == "reml, jackknife over targets").all()


def test_a_lower_limit_below_what_three_ratings_can_have_is_none():
    rng = np.random.default_rng(2)
    data = pd.DataFrame([(s, r, rng.normal()) for s in range(5) for r in "ABC"], columns=["session", "rater", "y"])
    found, notes = limits_of(data, "jackknife")
    lost = found[found["conf_low"].isna()]
    assert len(lost) > 0
    assert found.loc["ICC(1,1)", "conf_low"] < -0.5
    assert (lost["method"] == "anova, jackknife over targets, no lower limit").all()
    assert sum("lower limit of a mean-rating ICC does not exist" in note for note in notes) == 1
    sentence = icc(data, targets="session", raters="rater", ratings="y", interval="jackknife").sentence(
        form=lost.index[0]
    )
    assert "limits by leaving out each target once" in sentence


def test_low_coefficients_are_named():
    rng = np.random.default_rng(0)
    noise = pd.DataFrame(
        [(s, r, 0.4 * (s % 2) + rng.normal()) for s in range(30) for r in "AB"], columns=["session", "rater", "y"]
    )
    found = icc(noise, targets="session", raters="rater", ratings="y", interval="jackknife")
    assert any("below .5" in note and "interval = 'model'" in note for note in found.note_texts())
    clear = icc(ratings("complete"), targets="session", raters="rater", ratings="y", interval="jackknife")
    assert not any("below .5" in note for note in clear.note_texts())
    assert any("raters are taken as they are" in note for note in clear.note_texts())


def test_what_is_refused():
    data = ratings("complete").assign(patient="P1")
    with pytest.raises(UsageError, match="found interval = 'bootstrap'; allowed: 'model', 'jackknife'"):
        icc(data, targets="session", raters="rater", ratings="y", interval="bootstrap")
    with pytest.raises(UsageError, match="those of one patient belong together"):
        icc(data, targets="session", raters="rater", ratings="y", clusters="patient", interval="jackknife")


def test_the_sentence_says_how():
    sentence = icc(ratings("one-way"), targets="session", raters=None, ratings="y", interval="jackknife").sentence()
    assert "by REML, limits by leaving out each target once" in sentence
