"""Predictions over a predictor against R (glmmTMB, clmm, integrate), their raw points, and what the figures show.

Limits agree to 2e-4 (of the logit to 2 in 1,000): glmmTMB's and clmm's Hessians are differences.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import special

from doublecode.analysis.mixed import fit_generalized
from doublecode.analysis.mixed.generalized.population import population_mean
from doublecode.analysis.rendering.figures import figure_of, render_png, render_svg
from doublecode.analysis.rendering.wording.predicted import predicted_words
from doublecode.schemas.errors import UsageError

REFERENCE = Path(__file__).parents[3] / "reference"
R = json.loads((REFERENCE / "predicted_courses.json").read_text(encoding="utf-8"))
HOMEWORK = pd.read_csv(REFERENCE / "generalized" / "homework.csv")
ORDINAL = pd.read_csv(REFERENCE / "ordinal.csv").query("set == 'plain'")
ARMS = HOMEWORK.assign(arm=np.where(HOMEWORK["z"] > 0, "group", "single"), log_trials=np.log(HOMEWORK["trials"]))


@pytest.fixture(scope="module")
def fits():
    how = {"nagq": 1}
    return {
        "done": fit_generalized("done ~ x + z + (1 | patient)", HOMEWORK, family="binomial", **how),
        "count": fit_generalized("count ~ x + z + (1 | patient)", HOMEWORK, family="poisson", **how),
        "ordinal": fit_generalized("y ~ x + w + (1 | g)", ORDINAL, family="ordinal", **how),
        "arms": fit_generalized("done ~ x + arm + (1 | patient)", ARMS, family="binomial", **how),
    }


@pytest.mark.parametrize("name", ["done", "count", "ordinal"])
@pytest.mark.parametrize("over", ["average", "none"])
def test_predictions_and_their_limits_are_those_of_r(fits, name, over) -> None:
    curve = fits[name].course("x", random=over, at=R[name]["values"]).curve
    for column, tolerance in (("estimate", 2e-5), ("conf_low", 2e-4), ("conf_high", 2e-4)):
        wanted = np.array(R[name][over][column])
        np.testing.assert_allclose(curve[column], wanted, atol=tolerance * max(1.0, wanted.max()))


def test_the_variance_of_a_random_slope_changes_with_its_predictor() -> None:
    data = pd.read_csv(REFERENCE / "generalized" / "slopes.csv")
    fit = fit_generalized("use ~ time + urban + (time | patient)", data, family="binomial")
    curve = fit.course("time", at=R["slopes"]["values"]).curve
    np.testing.assert_allclose(curve["estimate"], R["slopes"]["average"]["estimate"], atol=2e-5)


def test_a_curve_over_the_range_and_raw_proportions(fits) -> None:
    found = fits["done"].course("x")
    ends = found.curve["x"].iloc[[0, -1]].tolist()
    assert ends == [HOMEWORK["x"].min(), HOMEWORK["x"].max()]
    assert found.points["n"].sum() == len(HOMEWORK)
    total = (found.points["observed"] * found.points["n"]).sum()
    assert total == pytest.approx(HOMEWORK["done"].sum())
    assert found.points["n"].between(20, 30).all()
    ordered, start = HOMEWORK.sort_values("x"), 0
    for point in found.points.itertuples():
        group = ordered.iloc[start : (start := start + int(point.n))]
        assert (point.x, point.observed) == pytest.approx((group["x"].mean(), group["done"].mean()))


def test_trials_weights_and_exposures_are_counted() -> None:
    some = fit_generalized("items ~ x + (1 | patient)", ARMS, family="binomial", trials="trials").course("x")
    assert some.points["n"].sum() == ARMS["trials"].sum()
    rates = fit_generalized("count ~ arm + (1 | patient)", ARMS, family="poisson", offset="log_trials").course()
    raw = ARMS.groupby("arm")[["count", "trials"]].sum()
    assert rates.quantity == "rate"
    np.testing.assert_allclose(rates.points["observed"], raw["count"] / raw["trials"])
    twice = ARMS.assign(n=2.0)
    by_weight = fit_generalized("done ~ x + (1 | patient)", twice, family="binomial", weights="n").course("x")
    doubled = fit_generalized("done ~ x + (1 | patient)", pd.concat([ARMS, ARMS]), family="binomial").course("x")
    np.testing.assert_allclose(by_weight.curve[["estimate", "conf_low"]], doubled.curve[["estimate", "conf_low"]],
                               atol=1e-5)  # fmt: skip


def test_limits_widen_with_their_level_on_the_scale_of_the_logit(fits) -> None:
    course = fits["done"].course
    widths = [
        special.logit(curve["conf_high"]) - special.logit(curve["conf_low"])
        for curve in (course("x", conf_level=level).curve for level in (0.95, 0.8))
    ]
    np.testing.assert_allclose(widths[1] / widths[0], special.ndtri(0.9) / special.ndtri(0.975))


def test_shares_of_categories_sum_to_one(fits) -> None:
    found = fits["ordinal"].course("x")
    for frame, column in ((found.curve, "estimate"), (found.points, "observed")):
        np.testing.assert_allclose(frame.groupby("x")[column].sum(), 1.0)


def test_the_figure_has_curve_band_and_circles_with_their_n(fits) -> None:
    course = fits["done"].course("x")
    axes = fits["done"].plot("x")
    np.testing.assert_allclose(axes.lines[0].get_ydata(), course.curve["estimate"])
    np.testing.assert_allclose(axes.lines[1].get_ydata(), course.points["observed"])
    assert [text.get_text() for text in axes.texts] == [f"{n:g}" for n in course.points["n"]]
    assert axes.get_ylabel() == "Probability of done\npopulation average"
    assert fits["done"].plot("x", random="none").get_ylabel().endswith("random effects at 0")
    assert render_png(figure_of(axes)).startswith(b"\x89PNG")


def test_levels_stand_side_by_side(fits) -> None:
    axes = fits["arms"].plot("arm")
    assert [label.get_text() for label in axes.get_xticklabels()] == ["group", "single"]
    np.testing.assert_allclose(axes.lines[0].get_ydata(), fits["arms"].course("arm").curve["estimate"])


def test_categories_are_stacked_and_named_in_place(fits) -> None:
    axes = fits["ordinal"].plot("x")
    names = [text.get_text() for text in axes.texts]
    assert sorted(names) == list(map(str, fits["ordinal"].outcome.labels))
    tops = [area.get_paths()[0].vertices[:, 1].max() for area in axes.collections]
    assert tops == sorted(tops)
    assert tops[-1] == pytest.approx(1.0)
    grey = [np.dot(area.get_facecolor()[0][:3], [0.299, 0.587, 0.114]) for area in axes.collections]
    assert (np.diff(grey) < -0.1).all()  # an order in print without colour, too


def test_words_say_what_is_averaged_and_the_ends(fits) -> None:
    words = predicted_words(fits["arms"].course("arm"))
    row = fits["arms"].course("arm").curve.iloc[0]
    assert f"at arm group {row['estimate']:.2f}".replace("0.", ".") in words
    assert words.startswith("Predicted probability of done over arm, averaged over patients, x as in the rows: ")
    assert "random effects of patients at 0, z as in the rows: " in predicted_words(
        fits["done"].course("x", random="none")
    )
    assert "limits, value by value; circles" in predicted_words(fits["done"].course("x"))
    assert "The band" not in words  # of levels there is none
    categories = predicted_words(fits["ordinal"].course("x"))
    assert "below and light" in categories
    assert "<desc" in render_svg(figure_of(fits["done"].plot("x")), "p", words)


@pytest.mark.parametrize(("name", "term", "how", "said"), [
    ("done", None, {}, "name the predictor to draw over; allowed: 'x', 'z'"),
    ("done", "patient", {}, "plot: found 'patient'; allowed: x, z."),
    ("done", "zz", {}, "did you mean 'z'?"),
    ("done", "x", {"at": ["much"]}, "give finite ones"),
    ("done", "x", {"conf_level": 95}, "lies between 0 and 1"),
    ("done", "x", {"random": "all"}, "allowed: 'average'"),
    ("done", "x", {"at": [np.nan]}, "give finite ones"),
    ("arms", "arm", {"at": ["grup"]}, "group"),
])  # fmt: skip
def test_what_cannot_be_drawn_is_refused(fits, name, term, how, said) -> None:
    with pytest.raises(UsageError, match=said):
        fits[name].course(term, **how)


def test_a_model_without_predictors_has_no_course() -> None:
    fit = fit_generalized("done ~ 1 + (1 | patient)", HOMEWORK, family="binomial")
    with pytest.raises(UsageError, match="no predictor to draw over"):
        fit.plot()


def test_words_of_categories_stand_beside_and_apart() -> None:
    words = ["nothing at all", "a little of it", "about half", "nearly all", "more than was agreed"]
    data = ORDINAL.assign(y=pd.Categorical.from_codes(ORDINAL["y"], words, ordered=True))
    axes = fit_generalized("y ~ x + w + (1 | g)", data, family="ordinal").plot("x")
    named = [text for text in axes.texts if text.get_text()]
    assert [text.get_text().replace("\n", " ") for text in named] == words
    heights = [text.get_position()[1] for text in named]
    assert (np.diff(heights) > 0.05).all()
    assert all(text.get_position()[0] > 1 for text in named)


def test_numbers_made_categories_are_levels_in_courses_and_in_average_effects() -> None:
    data = HOMEWORK.assign(stage=HOMEWORK["session"] % 3 + 1.0)
    fit = fit_generalized("done ~ C(stage) + x + (1 | patient)", data, family="binomial")
    assert [label.get_text() for label in fit.plot("stage").get_xticklabels()] == ["1", "2", "3"]
    words = fit_generalized("done ~ stage + x + (1 | patient)", data.assign(stage="s" + data["stage"].astype(str)),
                            family="binomial")  # fmt: skip
    np.testing.assert_allclose(fit.course("stage").curve["estimate"], words.course("stage").curve["estimate"])
    effects = fit.average_effects("stage")
    assert effects["contrast"].tolist() == ["2.0 − 1.0", "3.0 − 1.0"]
    np.testing.assert_allclose(effects["estimate"], words.average_effects("stage")["estimate"], atol=1e-9)


def test_many_rows_are_averaged_over_five_hundred_that_stand_for_them() -> None:
    rng = np.random.default_rng(2)
    many = pd.concat([HOMEWORK.assign(patient=HOMEWORK["patient"] + str(k)) for k in range(12)], ignore_index=True)
    many["z"] += rng.normal(0, 0.5, len(many))
    fit = fit_generalized("done ~ x + z + (1 | patient)", many, family="binomial")
    found = fit.course("x", at=[0.0]).curve["estimate"].iloc[0]
    eta = fit.predict(many.assign(x=0.0), kind="link", random="none").to_numpy()
    variance = np.full(len(many), fit.variances["variance"].iloc[0])
    assert found == pytest.approx(population_mean(eta, variance, "logit").mean(), abs=2e-5)
