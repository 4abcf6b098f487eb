"""Formulas with predictors split within and between patients."""

import pytest

from doublecode.analysis.linking.splitting import split_formula


@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        ("y ~ he + (1 | p)", "y ~ (he_within + he_between) + (1 | p)"),
        ("y ~ he * tbh + (s | p)", "y ~ (he_within + he_between) * (tbh_within + tbh_between) + (s | p)"),
        ("y ~ s + he + (he | p)", "y ~ s + (he_within + he_between) + (he_within | p)"),
        ("y ~ the + he2 + he + (1 | p)", "y ~ the + he2 + (he_within + he_between) + (1 | p)"),
        ("he ~ tbh + (1 | p)", "he ~ (tbh_within + tbh_between) + (1 | p)"),
    ],
)
def test_rewriting(formula, expected):
    assert split_formula(formula, ["he", "tbh"]) == (expected, "")


@pytest.mark.parametrize("formula", ["he ~ s + (s | p)", "y ~ 1 + (1 | p)"])
def test_nothing_to_split(formula):
    assert split_formula(formula, ["he", "tbh"]) == (None, "")


@pytest.mark.parametrize("call", ["I(he**2)", "np.log(1 + he)", "bs(s, he)"])
def test_inside_a_function_it_is_refused_in_words(call):
    formula, remark = split_formula(f"y ~ {call} + (1 | p)", ["he"])
    assert formula is None
    assert "he stands inside a function" in remark
