"""Edge cases of the data: each an exact message or a right answer, and none hangs."""

import numpy as np
import pandas as pd
import pytest
from formulaic import Formula

from doublecode.analysis.mixed import fit_many, fit_mixed
from doublecode.analysis.mixed.design import build_design
from doublecode.analysis.mixed.formula_names import sum_of_names
from doublecode.analysis.mixed.plain_columns import plain_columns
from doublecode.analysis.regression.linear_regression import fit_linear
from doublecode.schemas.errors import ContractError, FormulaError, NotEstimable, UsageError


@pytest.fixture
def data() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    g = np.repeat(np.arange(10), 6)
    x = rng.normal(size=60)
    frame = pd.DataFrame({"g": g, "x": x, "y": rng.normal(size=10)[g] + x + rng.normal(size=60)})
    frame["f"] = pd.Categorical(list("abc") * 20)
    frame["row"] = np.arange(60)
    return frame


def refused(error, message, formula, frame, **options):
    with pytest.raises(error, match=message):
        fit_mixed(formula, frame, **options)


def test_perfect_collinearity_names_the_columns(data):
    message = r"perfect collinearity, column z is a linear combination of Intercept, x; leave one of them out"
    refused(NotEstimable, message, "y ~ x + z + (1 | g)", data.assign(z=2 * data.x + 1))
    message = r"column one is a linear combination of Intercept"
    refused(NotEstimable, message, "y ~ f + one + (1 | g)", data.assign(one=1.0))
    refused(NotEstimable, "column w is zero in every row", "y ~ w + (1 | g)", data.assign(w=0.0))
    refused(NotEstimable, r"random term \(x \+ z \| g\): perfect", "y ~ 1 + (x + z | g)", data.assign(z=3 * data.x))


def test_two_levels_are_fitted_and_noted(data):
    data["h"] = np.tile(["a", "b"], 30)
    fit = fit_mixed("y ~ x + (1 | g) + (1 | h)", data)
    said = [text for text in fit.note_texts() if "two levels" in text]
    assert len(said) == 1
    assert said[0].startswith("h has two levels: their variance rests on a single difference")
    many = fit_many("y ~ x + (1 | h)", data, data[["y"]].to_numpy())
    assert [note.numbers for note in many.notes if note.kind == "two_levels"] == [{"group": "h"}]
    three = fit_mixed("y ~ x + (1 | h)", data.assign(h=np.tile(list("abc"), 20)))
    assert not [note for note in three.notes if note.kind == "two_levels"]


def test_one_group_and_one_row_per_group(data):
    refused(NotEstimable, "grouping factor 'h' has one level \\('a'\\)", "y ~ x + (1 | h)", data.assign(h="a"))
    refused(NotEstimable, "60 levels × 1\\) for 60 rows.*one row per group", "y ~ x + (1 | row)", data)
    refused(NotEstimable, "60 random effects \\(20 levels × 3\\)", "y ~ 1 + (f | h)", data.assign(h=data.row // 3))


def test_constant_and_fully_explained_outcomes(data):
    refused(NotEstimable, "outcome 'y' is constant \\(3 in all 60 rows\\)", "y ~ x + (1 | g)", data.assign(y=3.0))
    refused(NotEstimable, "without error", "y ~ x + (1 | g)", data.assign(y=3 * data.x + 1))
    # whether the search ends at zero or is still on its way there is a matter of rounding, of numpy's versions too
    vanished = (
        "without error \\(to rounding\\): the residual variance is zero|grow without bound against the residual's"
    )
    refused(NotEstimable, vanished, "y ~ 1 + (1 | g)", data.assign(y=data.g * 1.0))
    refused(NotEstimable, vanished, "y ~ x + (1 | g)", data.assign(y=data.g**2 + data.x))
    copied = "'y' has one value in all rows of each level of g: take one row per level"
    refused(NotEstimable, copied, "y ~ x + (1 | g)", data.assign(y=np.random.default_rng(1).normal(size=10)[data.g]))


def test_infinite_values_are_located(data):
    bad = data.assign(x=data.x.where(data.row != 3, np.inf))
    refused(ContractError, "column 'x' has 1 infinite values \\(row 3\\)", "y ~ x + (1 | g)", bad)
    bad = data.assign(y=data.y.where(data.row < 50, -np.inf))
    refused(ContractError, "column 'y' has 10 infinite values \\(row 50, 51, 52, 53, 54, …\\)", "y ~ x + (1 | g)", bad)
    refused(ContractError, "log of 0", "y ~ np.log(x * 0) + (1 | g)", data)


def test_missing_rows_are_dropped_by_one_rule_and_listed(data):
    data = data.astype({"g": float})
    data.loc[[0, 1], "x"] = np.nan
    data.loc[1, "y"] = np.nan
    data.loc[59, "g"] = np.nan
    fit = fit_mixed("y ~ x + (1 | g)", data)
    assert fit.design["n_used"] == 57
    assert fit.design["dropped_rows"] == [0, 1, 59]
    assert fit.design["dropped_by_column"] == {"x": 2, "y": 1, "g": 1}
    assert fit.model.dropped["columns"].tolist() == [("x",), ("x", "y"), ("g",)]
    assert any("3 of 60 rows dropped" in text for text in fit.note_texts())
    same = fit_mixed("y ~ x + (1 | g)", data.drop(index=[0, 1, 59]))
    assert fit.loglik == pytest.approx(same.loglik, abs=1e-12)


def test_nothing_left(data):
    refused(
        NotEstimable,
        "no row of 60 has all of g, x, y; present: g in 60, x in 0, y in 60",
        "y ~ x + (1 | g)",
        data.assign(x=np.nan),
    )
    refused(NotEstimable, "no row of 0", "y ~ x + (1 | g)", data.iloc[:0])


def test_columns_must_be_there_once(data):
    refused(ContractError, "names 'gg', which the data do not have; columns are g, x, y", "y ~ x + (1 | gg)", data)
    twice = pd.concat([data, data[["x"]]], axis=1)
    refused(ContractError, "the column 'x' stands 2 times", "y ~ x + (1 | g)", twice)
    refused(UsageError, "found a dict, allowed a frame of pandas", "y ~ x + (1 | g)", data.to_dict())
    refused(FormulaError, "needs one numeric outcome", "f ~ x + (1 | g)", data)


def test_factors_that_divide_the_rows_alike(data):
    frame = data.assign(h=data.g.map(lambda v: f"P{v}"))
    refused(NotEstimable, "divide the rows alike", "y ~ x + (1 | g) + (1 | h)", frame)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"ddf": "kr"}, "ddf='kr' is not one of"),
        ({"ddf": "kenward-roger", "reml": False}, "defined for REML"),
        ({"conf_level": 95}, "conf_level is 95; it lies between 0 and 1"),
        ({"weights": [1.0]}, "weights must have one value per row, 60"),
        ({"weights": -np.ones(60)}, "weights must be positive"),
        ({"weights": "w"}, "weights='w' is not a column"),
        ({"offset": "o"}, "offset='o' is not a column"),
    ],
)
def test_options_are_checked(data, options, message):
    refused(UsageError, message, "y ~ x + (1 | g)", data, **options)


def test_hundred_thousand_levels(data):
    """Levels as text, 2.5 rows each; the ANOVA estimate of an unbalanced one-way design is close by."""
    rng = np.random.default_rng(1)
    g = np.r_[np.repeat(np.arange(100_000), 2), rng.integers(0, 100_000, 50_000)]
    frame = pd.DataFrame({"g": np.char.add("level", g.astype(str)), "x": rng.normal(size=len(g))})
    frame["y"] = frame.x + rng.normal(size=100_000)[g] + rng.normal(size=len(g))
    fit = fit_mixed("y ~ x + (1 | g)", frame)
    assert fit.converged
    assert fit.n_groups == {"g": 100_000}
    np.testing.assert_allclose(fit.variances.sd, [1.0, 1.0], atol=0.02)
    assert fit.fixed.estimate[1] == pytest.approx(1.0, abs=0.02)


def test_nullable_boolean_and_categorical_columns(data):
    plain = fit_mixed("y ~ x + b + (1 | g)", data.assign(b=(data.x > 0).astype(int), g=data.g.astype(str)))
    frame = data.assign(
        b=pd.array((data.x > 0).astype(int), dtype="Int64"),
        y=pd.array(data.y, dtype="Float64"),
        g=pd.Categorical(data.g, categories=range(20)),
    )
    fit = fit_mixed("y ~ x + b + (1 | g)", frame)
    assert fit.n_groups == {"g": 10}
    assert fit.loglik == pytest.approx(plain.loglik, abs=1e-9)


def test_large_offset_of_the_outcome_and_of_a_slope(data):
    fit = fit_mixed("y ~ x + (1 | g)", data)
    far = fit_mixed("y ~ x + (1 | g)", data.assign(y=data.y + 1e8))
    assert far.loglik == pytest.approx(fit.loglik, abs=1e-5)
    frame = data.assign(year=data.row % 6)
    near, late = (fit_mixed("y ~ year + (year | g)", frame.assign(year=frame.year + shift)) for shift in (0, 2000))
    assert late.loglik == pytest.approx(near.loglik, abs=1e-7)


@pytest.mark.parametrize("text", ["1", "x", "0 + x", "x - 1", "x + y", "1 + x", "x + x", "+ x"])
def test_plain_sums_read_as_formulaic_reads_them(data, text):
    ours, theirs = plain_columns(sum_of_names(text), data), Formula(text).get_model_matrix(data)
    assert list(ours.names) == list(theirs.columns)
    np.testing.assert_array_equal(ours.values(data, len(data)), np.asarray(theirs, dtype=float))


@pytest.mark.parametrize("text", ["x * y", "f", "x:y", "np.log(x)", "-1 + x", "`x`", "x + f"])
def test_everything_else_is_left_to_formulaic(data, text):
    assert plain_columns(sum_of_names(text), data) is None


def test_design_keeps_positions_and_labels(data):
    data.index = [f"r{i}" for i in range(60)]
    data.loc["r4", "x"] = np.nan
    design = build_design("y ~ x + (x | g)", data)
    assert 4 not in design.rows
    assert "r4" not in design.index
    assert design.terms[0].columns == ("Intercept", "x")
    assert design.terms[0].label == "(x | g)"


@pytest.mark.parametrize("text", ["center(x) * f", "poly(x, 2)", "bs(x, df=4)", "I(x ** 2) + f", "np.exp(x)"])
def test_transformations_are_formulaics_and_predict(data, text):
    data.loc[7, "x"] = np.nan
    fit = fit_mixed(f"y ~ {text} + (1 | g)", data, ddf="satterthwaite")
    assert fit.design["dropped_rows"] == [7]
    new = fit.predict(data)
    np.testing.assert_allclose(new.drop(index=7), fit.predict(), rtol=1e-8, atol=1e-10)
    assert np.isnan(new[7])


def test_dates_complex_numbers_and_numbers_kept_as_text(data):
    frame = data.assign(t=pd.date_range("2020-01-01", periods=60), c=data.x + 1j, s=data.x.astype(str))
    refused(ContractError, "column 't' holds dates.*make it a number", "y ~ t + (1 | g)", frame)
    refused(ContractError, "column 'c' holds complex numbers", "y ~ c + (1 | g)", frame)
    refused(ContractError, "column .s. holds numbers as text.*60 categories", "y ~ s + (1 | g)", frame)


def test_new_levels_of_a_predictor_are_refused(data):
    fit = fit_mixed("y ~ f + (1 | g)", data)
    with pytest.raises(ContractError, match=r"column 'f' of the new data has 'z'.*its levels are 'a', 'b', 'c'"):
        fit.predict(data.head(2).assign(f="z"))


def test_no_fixed_effects_at_all(data):
    fit = fit_mixed("y ~ 0 + (1 | g)", data)
    assert len(fit.fixed) == 0
    assert len(fit.anova()) == 0
    assert len(fit.random()) == 10
    assert fit.n_parameters == 2
    assert fit.loglik == pytest.approx(fit_mixed("y ~ 0 + (1 | g)", data, reml=False).loglik, abs=1e-9)
    many = fit_many("y ~ 0 + (1 | g)", data, data[["y", "x"]], ddf="kenward-roger")
    assert many.estimate.shape == (0, 2)
    assert many.loglik[0] == pytest.approx(fit.loglik, abs=1e-8)


def test_text_outcomes_weights_and_offsets_are_refused_by_name(data):
    message = r"outcome column 'y' is of type \w+ \('1.5', …\).*pandas.to_numeric"
    refused(FormulaError, message.replace(", …", ""), "y ~ x + (1 | g)", data.assign(y="1.5"))
    refused(FormulaError, "outcome column 'y' is of type object", "y ~ x + (1 | g)", data.astype({"y": object}))
    text = data.assign(w="1")
    refused(ContractError, r"column 'w' \(weights\) holds '1' in row 0", "y ~ x + (1 | g)", text, weights="w")
    refused(ContractError, r"column 'w' \(offset\) holds '1' in row 0", "y ~ x + (1 | g)", text, offset="w")
    infinite = data.assign(o=np.where(data.row == 4, np.inf, 0.0))
    refused(ContractError, r"\(offset\) has 1 infinite values \(row 4\)", "y ~ x + (1 | g)", infinite, offset="o")
    refused(FormulaError, "must be a string", None, data)


def test_nullable_weights_and_offsets(data):
    frame = data.assign(w=pd.array([None] + [2.0] * 59, dtype="Float64"))
    assert fit_mixed("y ~ x + (1 | g)", frame, weights="w").nobs == 59
    assert fit_mixed("y ~ x + (1 | g)", frame, offset="w").nobs == 59


def test_levels_without_rows_are_left_out_and_named(data):
    wide = data.assign(f=pd.Categorical(data.f, categories=list("zabc")))
    fit = fit_mixed("y ~ f + (1 | g)", wide)
    assert list(fit.fixed.term) == ["Intercept", "f[T.b]", "f[T.c]"]
    assert any("1 level of 'f' has no row in use and is left out (z)" in text for text in fit.note_texts())
    assert fit.loglik == pytest.approx(fit_mixed("y ~ f + (1 | g)", data).loglik, abs=1e-10)
    gone = data.assign(y=data.y.where(data.f != "a"))
    assert list(fit_mixed("y ~ f + (1 | g)", gone).fixed.term) == ["Intercept", "f[T.c]"]
    slope = fit_mixed("y ~ 1 + (0 + f | g)", wide)
    assert list(slope.variances.term) == ["f[a]", "f[b]", "f[c]", ""]


def test_a_group_inside_the_fixed_effects_has_no_variance(data):
    frame = data.assign(h=data.g.map(lambda v: f"P{v}"))
    message = r"coefficient, so the variance of \(1 \| h\) cannot be estimated; take 'h' out of the fixed part"
    refused(NotEstimable, message, "y ~ x + h + (1 | h)", frame)
    refused(NotEstimable, r"variance of \(1 \| f\) cannot", "y ~ f + (1 | f) + (1 | g)", frame)
    assert fit_mixed("y ~ f + (1 | g/f)", frame).converged


@pytest.mark.parametrize("seed", range(8))
def test_exact_outcomes_never_end_in_linear_algebra(data, seed):
    rng = np.random.default_rng(seed)
    exact = 10.0 * rng.normal(size=60)[data.g] + data.x + np.where(data.row % 2, 3.7, 0.1)
    frame = data.assign(y=exact, h=data.row % 2)
    refused(NotEstimable, "without error", "y ~ x + (1 | g) + (1 | h)", frame)


def test_next_to_no_residual_gives_right_numbers_or_none():
    """Beside large groups the model is that within groups, which least squares fits; else it is refused, never wrong.

    A residual SD 3e-5 times that of the groups: rounding stopped the search early, at a σ wrong by a thousandth, and
    the end was called converged.
    """
    rng = np.random.default_rng(0)
    group, noise, x = rng.normal(size=(20, 1)), rng.normal(size=(20, 5)), rng.normal(size=(20, 5))
    within = x - x.mean(axis=1, keepdims=True)
    for share in (1e-3, 1e-4, 3e-5, 2e-6):
        y = group + share * noise
        frame = pd.DataFrame({"g": np.repeat(np.arange(20), 5), "x": x.ravel(), "y": y.ravel()})
        if share < 1e-4:
            message = "almost so .* Is the outcome computed .* by fit_linear, with g as a category"
            refused(NotEstimable, message, "y ~ x + (1 | g)", frame)
            way_on = fit_linear("y ~ x + C(g)", frame).frame.set_index("term")
            assert abs(way_on.estimate["x"]) < 4 * way_on.std_error["x"] < 4 * share
            continue
        left = y - y.mean(axis=1, keepdims=True)
        left = left - (within * left).sum() / (within**2).sum() * within
        sigma = np.sqrt((left**2).sum() / (100 - 20 - 1))
        assert fit_mixed("y ~ x + (1 | g)", frame, ddf="z").sigma == pytest.approx(sigma, rel=1e-5)


def test_only_columns_in_use_are_looked_at():
    """A column of lists in the frame hinders no model without it; in use it is refused, and nullable numbers serve."""
    rng = np.random.default_rng(2)
    data = pd.DataFrame({"g": np.repeat(np.arange(6), 4), "x": rng.normal(size=24), "y": rng.normal(size=24)})
    data["y"] += data.g
    plain = fit_mixed("y ~ x + (1 | g)", data, ddf="z")
    odd = data.astype({"x": "Float64", "g": "Int64"}).assign(raters=[["A", "B"]] * 24)
    assert fit_mixed("y ~ x + (1 | g)", odd, ddf="z").loglik == pytest.approx(plain.loglik, abs=1e-12)
    odd.loc[3, "x"] = pd.NA
    assert fit_mixed("y ~ x + (1 | g)", odd, ddf="z").design["dropped_rows"] == [3]
    with pytest.raises(ContractError, match="the column 'raters' holds several values in one cell"):
        fit_mixed("y ~ raters + (1 | g)", odd)
    with pytest.raises(ContractError, match="the column 'x' stands 2 times"):
        fit_mixed("y ~ x + (1 | g)", pd.concat([data, data[["x"]]], axis=1))


def test_results_do_not_see_later_changes_of_the_data():
    """Residuals, averages over other predictors, leaving out levels: read from the data as they were at the fit."""
    rng = np.random.default_rng(8)
    data = pd.DataFrame({"g": np.repeat(np.arange(8), 4), "h": np.tile(np.arange(4), 8), "x": rng.normal(size=32)})
    data["z"], data["y"] = rng.normal(size=32), rng.normal(size=8)[data.g] + rng.normal(size=32)

    def answers(result):
        return (
            result.residuals(),
            result.influence("h").frame.select_dtypes("number").to_numpy(),
            result.predict(pd.DataFrame({"g": [1], "x": [0.5], "z": [0.0], "h": [2]})),
        )

    def fit(frame):
        return fit_mixed("y ~ x + z + h + (1 | g)", frame)

    untouched = answers(fit(data.copy(deep=True)))
    result = fit(data)
    data.loc[:, ["x", "z", "y"]] = 7.0
    data.loc[:, ["g", "h"]] = 1
    for then, now in zip(untouched, answers(result), strict=True):
        np.testing.assert_array_equal(now, then)


@pytest.mark.parametrize("rest", ["{} + x", "{} * x", "f + f:{}"])
@pytest.mark.parametrize("kind", ["text", "category"])
def test_a_category_with_one_level_is_refused_by_name(data, rest, kind):
    alone = ["late"] * 60 if kind == "text" else pd.Categorical(["late"] * 60, ["early", "late"])
    message = r"'phase' has one level in the rows in use \('late'\)"
    refused(NotEstimable, message, f"y ~ {rest.format('phase')} + (1 | g)", data.assign(phase=alone))
    with pytest.raises(NotEstimable, match=message):
        fit_linear(f"y ~ {rest.format('phase')}", data.assign(phase=alone))


def test_a_category_with_one_level_is_the_mean_where_there_is_no_intercept(data):
    fit = fit_mixed("y ~ 0 + phase + (1 | g)", data.assign(phase="late"))
    assert fit.beta == pytest.approx(fit_mixed("y ~ 1 + (1 | g)", data).beta)
