"""Widths of intervals of reliability: simulated, by psych::ICC, by closed forms, and by Bonett's printed example."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from doublecode.analysis import icc, icc_widths
from doublecode.analysis.planning.icc_closed_forms import bonett_targets, bonett_width, exact_width
from doublecode.analysis.reliability.planned_limits import planned_limits
from doublecode.analysis.reliability.planned_pairs import rotating_layout
from doublecode.schemas.errors import NotEstimable, UsageError

BY_PSYCH = pd.read_csv(Path(__file__).parents[2] / "reference" / "planning" / "icc_widths.csv")
FOUR_ERRORS = 4.0


def widths_of_consistency(n, k, true, mean_of=1):
    """Widths of the exact limits of 200,000 pairs of mean squares."""
    rng = np.random.default_rng(3)
    above = (1 + (k - 1) * true) * rng.chisquare(n - 1, 200_000) / (n - 1)
    below = (1 - true) * rng.chisquare((n - 1) * (k - 1), 200_000) / ((n - 1) * (k - 1))
    df = (n - 1, (n - 1) * (k - 1))
    low = above / below / stats.f.ppf(0.975, *df)
    high = above / below * stats.f.ppf(0.975, *df[::-1])
    return (high - 1) / (high + k - 1) - (low - 1) / (low + k - 1) if mean_of == 1 else 1 / low - 1 / high


def test_bonett_as_printed():
    """Four raters, ICC .85, a width of .2: 19.2 targets (Bonett 2002); two, ICC .8: 51, with the correction 55."""
    assert bonett_targets(0.85, 0.2, 4) == pytest.approx(19.2, abs=0.05)
    assert bonett_targets(0.8, 0.2, 2) == pytest.approx(51 + 4, abs=0.5)
    assert bonett_width(0.85, bonett_targets(0.85, 0.2, 4), 4) == pytest.approx(0.2, abs=1e-9)
    assert bonett_width(0.6, 50, 2, conf_level=0.9) < bonett_width(0.6, 50, 2)
    assert np.isnan(bonett_width(0.0, 4, 2, mean_of=2))  # below −1 a limit of one rating cannot be stepped up


@pytest.mark.parametrize(
    ("n", "k", "true", "mean_of"), [(40, 3, 0.6, 1), (40, 3, 0.6, 3), (100, 2, 0.9, 1), (12, 5, 0.1, 5)]
)
def test_the_exact_width_is_the_median_of_limits_of_drawn_mean_squares(n, k, true, mean_of):
    """Both mean squares drawn as χ², limits by Shrout and Fleiss' formula; the median of 200,000 to three errors."""
    widths = widths_of_consistency(n, k, true, mean_of)
    error = 1.2533 * np.std(widths) / np.sqrt(len(widths))
    assert exact_width(true, n, k, mean_of=mean_of) == pytest.approx(np.median(widths), abs=3 * error + 1e-4)


@pytest.mark.parametrize(
    "design", sorted(set(zip(BY_PSYCH["targets"], BY_PSYCH["raters"], BY_PSYCH["icc"], strict=True)))
)
def test_widths_are_those_of_psych(design):
    """Medians of 1,500 studies of R's psych beside medians of 1,000 of ours, to four errors of both."""
    n, k, true = design
    own = BY_PSYCH[(BY_PSYCH["targets"] == n) & (BY_PSYCH["raters"] == k)]
    found = icc_widths(n, k, 1.0, icc=true, each=k, studies=1000, seed=1).frame
    assert found["width"].to_numpy() == pytest.approx(
        own["width"].to_numpy(), abs=FOUR_ERRORS * float(own["error"].max()) * np.sqrt(1 + 1.5)
    )
    consistent = found[found["form"].str.startswith("ICC(C")]
    assert consistent["exact"].to_numpy() == pytest.approx(own["width"].to_numpy()[2:], abs=0.006)
    drawn = widths_of_consistency(n, k, true / (true + 0.8 * (1 - true)))
    low, high = np.quantile(drawn, [0.9 - 3 * 0.0095, 0.9 + 3 * 0.0095])  # three errors of a share of 1,000
    assert low < consistent["width_high"].iloc[0] < high


def walter_lower(true, n, k, z):
    """The coefficient against which n targets give a one-sided test power of .50 (Walter, Eliasziw & Donner 1998).

    n = 1 + 2 (z_α + z_β)² k / ((ln C)² (k − 1)), C = (1 + k θ₀)/(1 + k θ₁), θ = ρ/(1 − ρ), solved for ρ₀ at z_β = 0.
    """
    theta = (np.exp(-np.sqrt(2 * z**2 * k / ((n - 1) * (k - 1)))) * (1 + k * true / (1 - true)) - 1) / k
    return theta / (1 + theta)


def width_with_assurance(true, n, k):
    """Width that nine of ten intervals stay below: Zou's (2012) assurance, by the delta method.

    A half width is z f(ρ)/√(n − 1), f(ρ) = (1 − ρ)(1 + (k − 1) ρ) √(2/(k (k − 1))), and the estimate in it has
    itself the standard error f(ρ)/√(n − 1).
    """
    unit = np.sqrt(2 / (k * (k - 1)))
    f, slope = unit * (1 - true) * (1 + (k - 1) * true), unit * abs(k - 2 - 2 * (k - 1) * true)
    return 2 * stats.norm.ppf(0.975) * (f / np.sqrt(n - 1) + stats.norm.ppf(0.9) * slope * f / (n - 1))


@pytest.mark.parametrize(("n", "k", "true"), [(40, 2, 0.7), (60, 3, 0.6), (100, 2, 0.5), (200, 3, 0.7)])
def test_planning_by_published_formulas_for_complete_ratings(n, k, true):
    """Without severity: the median lower limit to .01, the width of nine in ten studies to 5 %."""
    asked = {"icc": true, "severity": 0.0, "each": k, "studies": 2000, "seed": 3}
    by_level = [icc_widths(n, k, 1.0, conf_level=level, **asked).frame.set_index("form").loc["ICC(C,1)"]
                for level in (0.9, 0.95)]  # fmt: skip
    assert by_level[0]["conf_low"] == pytest.approx(walter_lower(true, n, k, stats.norm.ppf(0.95)), abs=0.01)
    assert by_level[1]["width_high"] == pytest.approx(width_with_assurance(true, n, k), rel=0.05)


def test_limits_of_rotating_pairs_are_those_that_icc_gives():
    """The same draws put through icc(): profile limits of agreement and consistency, to the search's tolerance."""
    layout = rotating_layout(40, 4, 0.5, 2)
    low, high = planned_limits(layout, (1.0, 0.2, 0.5), ["A", "C"], 0.95, 3, np.random.default_rng(2))["C"]
    also = planned_limits(layout, (1.0, 0.2, 0.5), ["A"], 0.95, 3, np.random.default_rng(2))["A"]
    rng = np.random.default_rng(2)
    values = (
        rng.normal(0, 1, (3, 40))[:, layout.target] + rng.normal(0, 0.2**0.5, (3, 4))[:, layout.rater]
        + rng.normal(0, 0.5**0.5, (3, layout.n_obs))
    )  # fmt: skip
    rows = pd.DataFrame({"target": layout.target, "rater": layout.rater})
    for place, one in enumerate(values):
        found = icc(rows.assign(y=one), targets="target", raters="rater", ratings="y", k=1).frame.set_index("form")
        for form, ends in (("ICC(C,1)", (low, high)), ("ICC(A,1)", also)):
            for name, end in zip(("conf_low", "conf_high"), ends, strict=True):
                assert end[place] == pytest.approx(found.loc[form, name], abs=1e-3)


def test_a_grid_its_costs_and_the_cheapest():
    found = icc_widths([60, 120], [3, 10], [0.5, 1.0], icc=0.6, minutes=30, items=7, omega=0.85, studies=60)
    frame = found.frame
    assert found.design["n_designs"] == 8
    assert frame["hours"].tolist()[:1] == [(60 + 30) * 0.5]
    single = frame[frame["form"] == "ICC(A,1)"]
    by_raters = single.groupby("raters")["width"].mean()
    assert by_raters[10] < by_raters[3]
    expected = single[single["width"] <= 0.3].sort_values("hours").iloc[0]
    cheap = found.cheapest(0.3)
    assert (cheap.frame[["targets", "raters", "share"]] == expected[["targets", "raters", "share"]]).all(axis=None)
    told = " ".join(str(cheap).split())
    assert "the cheapest of 8 designs with an interval of ICC(A,1) no wider than .30" in told
    assert f"{expected['hours']:.0f} hours of rating" in told
    alpha = frame[frame["form"] == "alpha, omega (7 items)"].iloc[0]
    assert alpha["bonett"] == pytest.approx(alpha["exact"], abs=0.01)
    assert alpha["exact"] == exact_width(0.85 / (7 - 6 * 0.85), 60, 7, mean_of=7)  # Spearman and Brown, backwards
    by_three = icc_widths(60, 6, 0.5, icc=0.6, each=3, studies=20).frame.iloc[0]
    assert (by_three["ratings"], by_three["hours"]) == (30 + 30 * 3, 30 + 30 * 3)
    alone = icc_widths(120, 10, 0.5, icc=0.6, minutes=30, studies=60).frame
    assert alone["width"].iloc[0] == single["width"].iloc[6]
    pd.testing.assert_frame_equal(alone, icc_widths(np.array([120]), (10,), 0.5, icc=0.6, minutes=30, studies=60).frame)
    with pytest.raises(
        NotEstimable, match=r"none of 8 designs has an interval of ICC\(A,1\) within 0.01. The narrowest"
    ):
        found.cheapest(0.01)
    with pytest.raises(UsageError, match="form is 'ICC'"):
        found.cheapest(form="ICC")


def test_raters_who_share_too_little_are_named():
    found = icc_widths(60, 20, 0.05, icc=0.6, studies=20)
    assert found.frame["width"].isna().all()
    assert "icc_not_connected" in {note.kind for note in found.notes}
    with pytest.raises(NotEstimable, match="none of 1 designs"):
        found.cheapest()


@pytest.mark.parametrize(("asked", "message"), [
    ({"icc": 1.0}, "icc is 1.0; allowed: above 0 and below 1"),
    ({"severity": 1.0}, "severity is 1.0"),
    ({"each": 1}, "each is 1; allowed: 2 or more"),
    ({"raters": 1}, "raters is 1; allowed: whole numbers from 2 on"),
    ({"targets": 3}, "targets is 3; allowed: whole numbers from 4 on"),
    ({"share": 0.01}, "two sessions or more are coded several times"),
    ({"share": 1.5}, "share is 1.5"),
    ({"studies": 5}, "from 20 on"),
    ({"studies": 30.5}, "studies is 30.5"),
    ({"each": 2.5}, "each is 2.5"),
    ({"targets": [40, float("nan")]}, "targets is nan"),
    ({"raters": "three"}, "raters is 'three'"),
    ({"items": 7}, "both or none"),
    ({"conf_level": 2}, "conf_level"),
])  # fmt: skip
def test_what_cannot_be_asked(asked, message):
    with pytest.raises(UsageError, match=message):
        icc_widths(**{"targets": 40, "raters": 3, "share": 0.5, "icc": 0.6} | asked)
