"""What a regression reads from its formula, and which rows a subset keeps."""

import numpy as np
import pandas as pd
import pytest

from doublecode.analysis import fit_linear, marginal_means, moderation
from doublecode.analysis.mixed.formula import parse_formula
from doublecode.analysis.regression.regression_design import build_matrices, choose_subset, interaction_of, is_plain
from doublecode.schemas.errors import FormulaError, UsageError


@pytest.fixture
def data():
    return pd.DataFrame(
        {"patient": list("ABCDE"), "y": [1.0, 3, 2, 5, 4], "x": [0.0, 1, 2, 3, np.nan], "max_x": [9.0, 9, 9, 9, 9]}
    )


def test_a_parsed_formula_serves_as_well_as_its_text(data):
    read = parse_formula("y ~ x * z + max_x")
    assert interaction_of(read) == interaction_of(read.text) == ("x", "z")
    whole = data.dropna()
    assert build_matrices(parse_formula("y ~ x"), whole).X.tolist() == build_matrices("y ~ x", whole).X.tolist()


def test_random_terms_belong_elsewhere():
    with pytest.raises(FormulaError, match="has random terms, which belong to fit_mixed"):
        interaction_of("y ~ x * z + (1 | patient)")


@pytest.mark.parametrize(
    ("formula", "plain"), [("y ~ x * max_x", True), ("y ~ np.log(x)", False), ("y ~ patient", False)]
)
def test_is_plain(data, formula, plain):
    assert is_plain(formula, data) is plain


def test_a_subset_is_undecided_only_by_the_columns_that_it_names(data):
    kept, outside = choose_subset("x > 0", data, where="model 'm'")
    assert kept["patient"].tolist() == ["B", "C", "D"]
    assert outside == [
        {"patient": "A", "reason": "outside the subset x > 0"},
        {"patient": "E", "reason": "x is missing, so the subset x > 0 is undecided"},
    ]
    _, outside = choose_subset("max_x > 9", data.assign(max_x=[9.0, 10, 9, 9, 9]), where="model 'm'")
    assert {one["reason"] for one in outside} == {"outside the subset max_x > 9"}
    assert choose_subset(None, data, where="model 'm'")[1] == []


def test_a_subset_that_is_no_condition_names_its_model(data):
    with pytest.raises(UsageError, match="model 'm': the subset 'x' is no condition"):
        choose_subset("x", data, where="model 'm'")


def test_a_level_that_no_row_has_is_no_reference():
    rng = np.random.default_rng(6)
    data = pd.DataFrame({"x": rng.normal(size=30), "hw": rng.normal(size=30)})
    data["phase"] = pd.Categorical(["early", "middle", "late"] * 10, ["early", "middle", "late"])
    later = data[data.phase != "early"]
    expected = fit_linear("hw ~ x + late", later.assign(late=(later.phase == "late") * 1.0))
    for found in (fit_linear("hw ~ x + phase", later), moderation("hw ~ x + phase", data, subset="phase != 'early'")):
        np.testing.assert_allclose(found.frame["estimate"], expected.frame["estimate"], rtol=1e-10)
        assert found.frame["term"].tolist() == ["Intercept", "x", "phase[T.late]"]
        unused = [note.numbers for note in found.notes if note.kind == "unused_levels"]
        assert unused == [{"column": "phase", "levels": ("early",)}]
        assert marginal_means(found, "phase").frame["phase"].tolist() == ["middle", "late"]
