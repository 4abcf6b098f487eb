"""The reading of lme4 formulas; expected expansions are Table 2 of Bates et al. (2015)."""

import pytest

from doublecode.analysis.mixed.formula import ModelFormula, parse_formula, parse_mixed
from doublecode.analysis.rendering.notes import sentence
from doublecode.schemas.errors import FormulaError


@pytest.mark.parametrize(
    ("formula", "fixed", "terms"),
    [
        ("y ~ (1 | g)", "1", ["(1 | g)"]),
        ("y ~ x + (x | g)", "x", ["(x | g)"]),
        ("y ~ x + (1 + x || g)", "x", ["(1 | g)", "(0 + x | g)"]),
        ("y ~ x + (x + z || g)", "x", ["(1 | g)", "(0 + x | g)", "(0 + z | g)"]),
        ("y ~ x + (0 + x || g)", "x", ["(0 + x | g)"]),
        ("y ~ x + (1 | a/b)", "x", ["(1 | a)", "(1 | a:b)"]),
        ("y ~ x + (x | a/b/c)", "x", ["(x | a)", "(x | a:b)", "(x | a:b:c)"]),
        ("y ~ (1 | a) + (1 | b)", "1", ["(1 | a)", "(1 | b)"]),
        ("y ~ x * z - 1 + (1 | a:b)", "x * z - 1", ["(1 | a:b)"]),
        ("y ~ 0 + C(f, contr.sum) + ((1 | g))", "0 + C(f, contr.sum)", ["(1 | g)"]),
        ("log(y) ~ I(x | z) + (1 | `my group`)", None, None),
    ],
)
def test_expansion(formula, fixed, terms):
    if fixed is None:
        with pytest.raises(FormulaError, match="a bar outside a random term"):
            parse_formula(formula)
        return
    parsed = parse_formula(formula)
    assert " ".join(parsed.fixed.split()) == fixed
    assert [term.label for term in parsed.terms] == terms


def test_quoted_names_lose_their_backticks():
    assert parse_formula("y ~ (1 | `my group`)").terms[0].factors == ("my group",)


def test_double_bar_leaves_a_note():
    (note,) = parse_formula("y ~ (x || g)").notes
    assert (note.kind, note.numbers["stands_for"]) == ("double_bar", ("(1 | g)", "(0 + x | g)"))
    assert sentence(note) == "(x || g) stands for (1 | g) + (0 + x | g)"


@pytest.mark.parametrize(
    ("formula", "message"),
    [
        ("~ x + (1 | g)", "needs one '~'"),
        ("y ~ x ~ (1 | g)", "needs one '~'"),
        ("y x (1 | g)", "needs one '~'"),
        ("y ~ x | g", "a bar outside a random term"),
        ("y ~ x * (1 | g)", "a bar outside a random term"),
        ("y ~ (1 | g", r"has 1 '\(' but 0 '\)'"),
        ("y ~ (1 | g + h)", "write crossed factors as two terms"),
        ("y ~ (1 | g | h)", "with one bar"),
        ("y ~ ( | g)", "with one bar"),
        ("y ~ x - (1 | g)", "is subtracted"),
        ("y ~ (1 | g) + (1 | g)", "stands twice"),
        (3, "must be a string"),
    ],
)
def test_refusals_name_the_place(formula, message):
    with pytest.raises(FormulaError, match=message):
        parse_formula(formula)


def test_without_random_term_it_is_a_regression():
    assert parse_formula("y ~ x * z").terms == ()
    with pytest.raises(FormulaError, match="no random term; add one such as"):
        parse_mixed("y ~ x")


def test_it_is_read_once():
    read = parse_formula("y ~  x + (1 | g)")
    assert parse_formula(read) is read
    assert parse_formula("y ~ x + (1 | g)") is read
    assert str(read) == read.text == "y ~ x + (1 | g)"


KNOWN = ["y", "x", "np", "group", "a b"]


@pytest.mark.parametrize(
    ("formula", "columns"),
    [
        ("y ~ x + (x | group)", ("y", "x", "group")),
        ("np.log(y) ~ C(group, Treatment('x')) ", ("y", "group")),
        ("y ~ I(x**2) + `a b`", ("y", "x", "a b")),
        ("y ~ bs(x, df=4) + (1 | group)", ("y", "x", "group")),
        ("y ~ bs(x, include_intercept=True)", ("y", "x")),
        ("y ~ x.clip(0) + (1 | `a b`)", ("y", "x", "a b")),
        ("y ~ 1", ("y",)),
    ],
)
def test_columns(formula, columns):
    assert parse_formula(formula).columns(KNOWN) == columns


def test_columns_of_any_alphabet_and_with_dots():
    read = parse_formula("phq.9 ~ änderung + (1 | patient.id)")
    assert read.columns(["phq.9", "änderung", "patient.id", "phq"]) == ("phq.9", "änderung", "patient.id")


def test_a_name_that_is_no_column_is_refused():
    with pytest.raises(FormulaError, match="'z' is no column of the frame; allowed: y, x"):
        parse_formula("y ~ z").columns(KNOWN)
    assert parse_formula("y ~ z + x").predictors(KNOWN) == {"x"}


def test_other_parts_make_another_formula():
    read = parse_formula("y ~ x + (x || `my group`)")
    fewer = read.with_parts("1", read.terms[:1])
    assert fewer.text == "y ~ 1 + (1 | `my group`)"
    assert parse_formula(fewer.text) == fewer
    assert isinstance(fewer, ModelFormula)


@pytest.mark.parametrize("text", ["y ~ I(x^2) + (1 | g)", "y ~ x + (I(x ^ 2) | g)", "np.log(y^2) ~ x + (1 | g)"])
def test_a_caret_inside_a_call_is_no_power(text):
    with pytest.raises(FormulaError, match=r"exclusive or; write powers with '\*\*', as in I\(x \*\* 2\)"):
        parse_formula(text)


def test_a_caret_outside_of_calls_is_the_formula_operator():
    assert parse_formula("y ~ (a + b)^2 + (1 | g)").fixed == "(a + b)^2"
    assert parse_formula("y ~ C(x, levels=['^']) + (1 | g)").fixed == "C(x, levels=['^'])"
