"""Predictors split within and between patients, in formulas and in data."""

import numpy as np
import pandas as pd
import pytest

from doublecode.analysis import within_between
from doublecode.analysis.linking.splitting import SplitFormula, split_formula
from doublecode.schemas.errors import UsageError


@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        ("y ~ he + (1 | p)", "y ~ (he_within + he_between) + (1 | p)"),
        (
            "y ~ he * tbh + (s | p)",
            "y ~ he_within + he_between + tbh_within + tbh_between + he_by_tbh_within + he_within:tbh_between"
            " + he_between:tbh_within + he_between:tbh_between + (s | p)",
        ),
        ("y ~ he * s + (1 | p)", "y ~ (he_within + he_between) * s + (1 | p)"),
        (
            "y ~ 0 + he:tbh:s + (he * tbh | p)",
            "y ~ 0 + he_by_tbh_within:s + he_within:tbh_between:s + he_between:tbh_within:s + he_between:tbh_between:s"
            " + (he_within + tbh_within + he_by_tbh_within | p)",
        ),
        ("y ~ s + he + (he | p)", "y ~ s + (he_within + he_between) + (he_within | p)"),
        ("y ~ the + he2 + he + (1 | p)", "y ~ the + he2 + (he_within + he_between) + (1 | p)"),
        ("he ~ tbh + (1 | p)", "he ~ (tbh_within + tbh_between) + (1 | p)"),
        ("y ~ he + (1 | `the clinic`)", "y ~ (he_within + he_between) + (1 | `the clinic`)"),
    ],
)
def test_rewriting(formula, expected):
    found = split_formula(formula, ["he", "tbh"])
    assert (found.version.text, found.inside_call) == (expected, ())


def test_rewriting_of_a_name_in_backticks():
    found = split_formula("y ~ `he total` * s + (1 | p)", ["he total"])
    assert found.version.text == "y ~ (`he total_within` + `he total_between`) * s + (1 | p)"


@pytest.mark.parametrize("formula", ["he ~ s + (s | p)", "y ~ 1 + (1 | p)"])
def test_nothing_to_split(formula):
    assert split_formula(formula, ["he", "tbh"]) == SplitFormula(None)


@pytest.mark.parametrize("call", ["I(he**2)", "np.log(1 + he)", "bs(s, he)", "he.clip(0)", "{he + 1}"])
def test_inside_a_function_it_is_named(call):
    assert split_formula(f"y ~ {call} + (1 | p)", ["he"]) == SplitFormula(None, ("he",))


def test_means_and_deviations():
    frame = pd.DataFrame({"patient": list("AABBB"), "x": [1.0, 3, 2, 4, 9]})
    split = within_between(frame, ["x"], centre=None)
    assert split["x_between"].tolist() == [2, 2, 5, 5, 5]
    assert split["x_within"].tolist() == [-1, 1, -3, -1, 4]
    assert "x_within" not in frame
    # each patient counts once: the mean of the patients' means is (2 + 5) / 2 = 3.5, that over all rows 3.8
    assert within_between(frame, "x")["x_between"].tolist() == pytest.approx([-1.5, -1.5, 1.5, 1.5, 1.5], abs=1e-12)


def test_parts_are_uncorrelated_and_add_up():
    rng = np.random.default_rng(4)
    frame = pd.DataFrame({"ward": np.repeat(np.arange(8), 5), "x": rng.normal(size=40)})
    split = within_between(frame, "x", by="ward")
    assert (split["x_within"] + split["x_between"]).tolist() == pytest.approx((frame["x"] - frame["x"].mean()).tolist())
    assert float(split["x_within"] @ split["x_between"]) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        ({"patient": ["A"], "x": [np.nan]}, "keep the complete rows first"),
        ({"patient": ["A"], "x": ["a"]}, "must hold numbers"),
        ({"patient": ["A"]}, "no column 'x'"),
        ({"patient": ["A"], "x": [1.0], "x_within": [0.0]}, "'x_within' is there already"),
    ],
)
def test_refusals(frame, message):
    with pytest.raises(UsageError, match=message):
        within_between(pd.DataFrame(frame), ["x"])


def test_centre_is_one_of_two():
    with pytest.raises(UsageError, match="allowed: 'grand'"):
        within_between(pd.DataFrame({"patient": ["A"], "x": [1.0]}), "x", centre="group")
