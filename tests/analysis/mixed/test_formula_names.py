"""The one reader of names in formulas."""

import pytest
from formulaic import Formula

from doublecode.analysis.mixed.formula_names import (
    columns_among,
    has_call,
    mentions,
    quoted,
    sum_of_names,
    variables_of,
)

KNOWN = {"y", "x", "z", "a b", "phq.9", "änderung", "class", "np", "df"}


@pytest.mark.parametrize(
    ("text", "columns", "strays"),
    [
        ("x + z", ("x", "z"), ()),
        ("np.log(x) + np.pi", ("x",), ()),
        ("bs(x, df=4)", ("x",), ()),
        ("I(x == df)", ("x", "df"), ()),
        ("C(x, levels=['y', \"z\"])", ("x",), ()),
        ("`a b` + `x`", ("a b", "x"), ()),
        ("`a b` + x", ("a b", "x"), ()),
        ("phq.9 * änderung", ("phq.9", "änderung"), ()),
        ("x.clip(0) + x.values", ("x",), ()),
        ("I(x if z else None)", ("x", "z"), ()),
        ("class + True", ("class",), ()),
        ("1e-3 * x + .5", ("x",), ()),
        ("log(x).real + q", ("x",), ("q",)),
        ("`not there`", (), ("not there",)),
    ],
)
def test_columns_and_strays(text, columns, strays):
    assert columns_among(mentions(text), KNOWN) == (columns, strays)
    assert variables_of(text, KNOWN) == set(columns)


@pytest.mark.parametrize(
    "text", ["x + z", "x * z", "np.log(x) + C(z)", "I(x**2) - 1"]
)  # older formulaic reads no backticks there
def test_formulaic_names_the_same_columns(text):
    assert {str(name) for name in Formula(text).required_variables} & KNOWN == variables_of(text, KNOWN)


def test_places_and_calls():
    text = "y ~ x + log(z) + (x | g)"
    assert [(one.name, text[one.start : one.end], one.in_call) for one in mentions(text)] == [
        ("y", "y", False), ("x", "x", False), ("z", "z", True), ("x", "x", False), ("g", "g", False),
    ]  # fmt: skip
    assert has_call(text)
    assert not has_call("y ~ x * (z + a)")


def test_quoting():
    assert (quoted("x"), quoted("phq.9"), quoted("a b")) == ("x", "phq.9", "`a b`")


@pytest.mark.parametrize("text", ["x * z", "- x", "x:z", "log(x)", "x + -1 + z", "`a b`", ""])
def test_no_plain_sum(text):
    assert sum_of_names(text) is None
