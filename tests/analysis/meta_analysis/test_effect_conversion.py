"""Conversions of effects against closed forms and worked examples of the books that they are from."""

import math
from itertools import permutations

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.special import gamma

from doublecode.analysis import convert_effect
from doublecode.analysis.meta_analysis.effect_measures import MEASURES
from doublecode.schemas.errors import UsageError


def moved(*given, **more):
    found = convert_effect(*given, **more).frame.iloc[0]
    return found["estimate"], found["variance"]


def test_the_worked_examples_of_borenstein_and_others():
    """Introduction to Meta-Analysis (2009): p. 46 to 49, chapters 4, 6 and 7; four printed decimals."""
    assert moved(0.9069, "log_odds_ratio", "d", variance=0.0676) == pytest.approx((0.5000, 0.0205), abs=6e-5)
    assert moved(0.5, "d", "log_odds_ratio", variance=0.0205)[0] == pytest.approx(0.9069, abs=5e-5)
    assert moved(0.5, "r", "d", variance=0.0058) == pytest.approx((1.1547, 0.0550), abs=5e-5)
    assert moved(1.1547, "d", "r", variance=0.0550) == pytest.approx((0.5000, 0.0058), abs=5e-5)
    assert moved(0.5970, "d", "d", n1=50, n2=50)[1] == pytest.approx(0.0418, abs=5e-5)
    assert moved(0.5970, "d", "g", n1=50, n2=50) == pytest.approx((0.5924, 0.0411), abs=6e-5)
    assert moved(0.5, "r", "z", n=100) == pytest.approx((0.5493, 0.0103), abs=5e-5)
    assert moved(0.5, "r", "r", n=100)[1] == pytest.approx(0.0057, abs=5e-5)


def test_what_cohen_mcgraw_and_wong_and_ruscio_print():
    """Cohen (1988, table 2.2.1), heights of McGraw & Wong (1992), Ruscio's A for Cohen's cut-offs."""
    printed = pd.DataFrame({"d": [0.2, 0.5, 0.8], "u3": [0.579, 0.691, 0.788], "a": [0.556, 0.638, 0.714]})
    for target, column in (("u3", "u3"), ("common_language", "a")):
        assert convert_effect(printed["d"], "d", target).frame["estimate"].tolist() == pytest.approx(
            printed[column].tolist(), abs=6e-4
        )
    heights = (69.7 - 64.3) / math.sqrt((2.8**2 + 2.6**2) / 2)
    assert float(convert_effect(heights, "d", "CL")) == pytest.approx(0.92, abs=0.005)
    assert float(convert_effect(0.48, "d", "U3")) == pytest.approx(0.6844, abs=5e-5)  # better than about 70 %


def test_closed_forms_and_their_variances():
    d, v, n1, n2 = 0.63, 0.04, 30, 20
    a = (n1 + n2) ** 2 / (n1 * n2)
    assert moved(d, "d", "r", variance=v, n1=n1, n2=n2) == pytest.approx(
        (d / math.sqrt(d**2 + a), a**2 * v / (d**2 + a) ** 3), rel=1e-12
    )
    assert moved(d, "d", "u3", variance=v) == pytest.approx((stats.norm.cdf(d), stats.norm.pdf(d) ** 2 * v), rel=1e-12)
    assert moved(d, "d", "cl", variance=v) == pytest.approx(
        (stats.norm.cdf(d / math.sqrt(2)), stats.norm.pdf(d / math.sqrt(2)) ** 2 * v / 2), rel=1e-12
    )
    m = n1 + n2 - 2
    J = gamma(m / 2) / (math.sqrt(m / 2) * gamma((m - 1) / 2))
    assert moved(d, "d", "g", variance=v, n1=n1, n2=n2) == pytest.approx((J * d, J**2 * v), rel=1e-12)
    by_two = moved(d, "d", "odds_ratio", variance=v)
    odds = math.exp(d * math.pi / math.sqrt(3))
    assert by_two == pytest.approx((odds, odds**2 * v * math.pi**2 / 3), rel=1e-12)


@pytest.mark.parametrize(("source", "target"), list(permutations(MEASURES, 2)))
def test_there_and_back_is_where_it_was(source, target):
    start = {"odds_ratio": 1.7, "u3": 0.61, "common_language": 0.58}.get(source, 0.3)
    there = convert_effect(start, source, target, variance=0.01, n1=24, n2=40)
    back = convert_effect(
        float(there), target, source, variance=float(there.frame["variance"].iloc[0]), n1=24, n2=40
    ).frame.iloc[0]
    assert (back["estimate"], back["variance"]) == pytest.approx((start, 0.01), rel=1e-10)


def test_derivatives_are_those_of_the_steps():
    step = 1e-6
    for source, target in permutations(MEASURES, 2):
        at = 0.55 if source in ("u3", "common_language") else 0.4
        up, down = (float(convert_effect(at + s, source, target, n1=20, n2=30)) for s in (step, -step))
        found = convert_effect(at, source, target, variance=1.0, n1=20, n2=30).frame["std_error"].iloc[0]
        assert found == pytest.approx(abs(up - down) / (2 * step), rel=1e-6)


def test_limits_are_those_of_the_measures_own_scale():
    row = convert_effect(0.5, "r", "r", n=100).frame.iloc[0]
    ends = np.tanh(np.arctanh(0.5) + np.array([-1, 1]) * stats.norm.ppf(0.975) / math.sqrt(97))
    assert row[["conf_low", "conf_high"]].tolist() == pytest.approx(ends.tolist(), rel=1e-12)
    row = convert_effect(0.4, "d", "u3", variance=0.03).frame.iloc[0]
    ends = stats.norm.cdf(0.4 + np.array([-1, 1]) * stats.norm.ppf(0.975) * math.sqrt(0.03))
    assert row[["conf_low", "conf_high"]].tolist() == pytest.approx(ends.tolist(), rel=1e-12)
    row = convert_effect(0.26, "r", "d", interval=(0.19, 0.33)).frame.iloc[0]  # Mausbach et al. (2010)
    ends = [2 * r / math.sqrt(1 - r**2) for r in (0.19, 0.33)]
    assert row[["conf_low", "conf_high"]].tolist() == pytest.approx(ends, rel=1e-12)
    assert math.isnan(row["std_error"])
    assert convert_effect(0.4, "d", "u3").frame["conf_low"].isna().all()


def test_every_way_says_what_it_takes_for_granted():
    def kinds(*given, **more):
        return [note.kind for note in convert_effect(*given, **more).notes]

    assert kinds(0.3, "r", "odds ratio") == ["effect_equal_groups", "effect_logistic"]
    assert kinds(0.3, "r", "d", n1=10, n2=30) == ["effect_group_sizes"]
    assert kinds(0.3, "r", "Fisher's z") == kinds(2.0, "OR", "log OR") == []
    found = convert_effect(0.5, "d", "U3")
    assert any("normal" in text for text in found.assumptions)
    assert ".69" in str(found)


@pytest.mark.parametrize(
    ("given", "more", "said"),
    [
        ((-0.83, "within-patient slope", "r"), {}, "a slope within patients"),
        ((0.24, "slope", "d"), {}, "no conversion"),
        ((68.4, "u3", "d"), {}, "69 % is 0.69"),
        ((1.0, "r", "d"), {}, "between -1 and 1"),
        ((0.0, "odds_ratio", "d"), {}, "between 0 and inf"),
        ((0.5, "d", "r2"), {}, "there is no measure 'r2'; allowed: d, g, r, z"),
        ((0.5, "d", "g"), {}, "Give n1= and n2="),
        ((0.5, "d", "r"), {"n1": 20}, "give both or neither"),
        ((0.5, "r", "z"), {"n": 3}, "from 4 on"),
        ((0.5, "d", "r"), {"variance": -1.0}, "variance is -1"),
        ((0.5, "d", "r"), {"variance": 1.0, "interval": (0, 1)}, "one of them is enough"),
        ((0.5, "d", "r"), {"interval": (0.6, 1)}, "two limits, with the one value between them"),
        (("half", "d", "r"), {}, "allowed a number"),
    ],
)
def test_what_cannot_be_is_refused_in_words(given, more, said):
    with pytest.raises(UsageError, match=said):
        convert_effect(*given, **more)


def test_several_at_once_keep_their_rows():
    column = pd.Series([0.1, np.nan, 0.3], index=["a", "b", "c"])
    found = convert_effect(column, "r", "z")
    assert found.frame["estimate"].tolist() == pytest.approx(np.arctanh(column).tolist(), nan_ok=True)
    assert list(found.rows) == ["a", "b", "c"]
    with pytest.raises(UsageError, match="3 effects were converted"):
        float(found)
