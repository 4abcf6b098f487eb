"""Power by simulation, against closed forms, and what a plan refuses."""

import docx
import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.integrate import quad

from doublecode.analysis import PlannedStudy, power, precision, regression_power
from doublecode.analysis.planning.fresh_draws import cheapest_again
from doublecode.analysis.planning.simulated_study import draw, plan_rows
from doublecode.analysis.rendering.figures import figure_of
from doublecode.analysis.rendering.power_figures import LINE_LETTERS, with_caption
from doublecode.analysis.rendering.tables import format_number
from doublecode.schemas.errors import NotEstimable, UsageError
from doublecode.schemas.marks import bare

FOUR_ERRORS = 4.0


def random_slope_power(df, r, alpha=0.05):
    """Exact power of the slope of normal scores that keep df degrees of freedom beside what else is in the model.

    Given the scores, t is noncentral with β√Sxx and df − 1 degrees of freedom; Sxx is χ² with df.
    """
    slope, critical = r / np.sqrt(1 - r**2), stats.t.ppf(1 - alpha / 2, df - 1)

    def given(sxx):
        ncp = slope * np.sqrt(sxx)
        return (stats.nct.sf(critical, df - 1, ncp) + stats.nct.cdf(-critical, df - 1, ncp)) * stats.chi2.pdf(sxx, df)

    low, high = stats.chi2.ppf([1e-9, 1 - 1e-9], df)
    return quad(given, low, high)[0]


def near(row, expected):
    """Within four Monte-Carlo standard errors."""
    error = np.sqrt(expected * (1 - expected) / row["studies"])
    return abs(row["power"] - expected) < FOUR_ERRORS * error


@pytest.mark.parametrize(("patients", "sessions", "r"), [(22, 9, 0.25), (12, 5, 0.4), (40, 4, 0.2)])
def test_power_within_patients_is_the_exact_one(patients, sessions, r):
    """Scores about their patient's mean have patients × (sessions − 1) degrees of freedom; the trend has one."""
    plan = PlannedStudy(patients=patients, sessions=sessions, icc_outcome=0.4)
    found = power(plan, within=r, studies=2000, seed=3).frame.iloc[0]
    assert near(found, random_slope_power(patients * (sessions - 1) - 1, r))
    assert found["mean_estimate"] == pytest.approx(r / np.sqrt(1 - r**2), abs=0.02)
    assert found["failed"] == 0


def test_power_between_patients_is_that_of_a_correlation():
    """With so many sessions that means are exact it is the test of r over patients: Fisher's exact distribution."""
    n, r = 30, 0.45
    plan = PlannedStudy(patients=n, sessions=40, icc_outcome=0.9, icc_predictor=0.95)
    found = power(plan, between=r, studies=1000, seed=5).frame.iloc[0]
    assert near(found, random_slope_power(n - 1, r))


@pytest.mark.parametrize("more", [
    {}, {"raters": 5, "double": 0.4, "icc_rating": 0.6, "points": 5}, {"dropout": 0.3, "lost": 0.1},
    {"therapists": 5, "icc_therapist": 0.1},
])  # fmt: skip
def test_the_type_one_error_is_nominal(more):
    frame = power(PlannedStudy(patients=20, sessions=6, **more), within=0, between=0, studies=2000, seed=11).frame
    assert near(frame.iloc[0], 0.05)
    assert near(frame.iloc[1], 0.05)


def test_rating_error_makes_slopes_smaller_by_the_reliability_within():
    """Without severity the slope within shrinks by var(w)/(var(w) + error/k), k = 1 or 2 raters."""
    plan = PlannedStudy(patients=400, sessions=5, raters=40, icc_rating=0.5, severity=0.0, icc_predictor=0.3)
    row = power(plan, within=0.5, scale="sd", studies=100, seed=2).frame.iloc[0]
    assert row["mean_estimate"] == pytest.approx(0.5 * 0.7 / (0.7 + 1.0), abs=0.01)
    twice = power(PlannedStudy(patients=400, sessions=5, raters=40, icc_rating=0.5, severity=0.0, icc_predictor=0.3,
                               double=1.0), within=0.5, scale="sd", studies=100, seed=2).frame.iloc[0]  # fmt: skip
    assert twice["mean_estimate"] == pytest.approx(0.5 * 0.7 / (0.7 + 0.5), abs=0.01)


def test_drawn_studies_are_as_planned():
    plan = PlannedStudy(patients=60, sessions=8, dropout=0.4, lost=0.1, raters=4, double=0.25, icc_rating=0.5,
                        severity=0.5, points=5, icc_outcome=0.3, icc_predictor=0.2)  # fmt: skip
    drawn = draw(plan, 0.0, 0.0, 400, np.random.default_rng(1))
    there = ~np.isnan(drawn.outcome)
    expected = (0.6 + 0.4 * 0.5) * 0.9
    assert there.mean() == pytest.approx(expected, abs=0.01)
    assert (np.isnan(drawn.within) == ~there).all()
    score = (drawn.within + drawn.between)[there]
    assert set(np.unique(np.round(score, 9))) <= set(np.arange(-2, 2.5, 0.5))
    centred = np.nansum(drawn.within.reshape(60, 8, -1), axis=1)
    assert np.abs(centred).max() < 1e-9
    assert plan.hours == pytest.approx(60 * 8 * expected * 1.25)
    rows = plan_rows(plan)
    assert rows.groupby("patient")["session"].apply(list).iloc[-1] == [-3.5, -2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 3.5]
    last = np.where(there.reshape(60, 8, -1), np.arange(1, 9)[None, :, None], 0).max(axis=1)
    assert (last < 8).mean() == pytest.approx(0.4 + 0.6 * 0.1, abs=0.02)  # who left, and who lost the last session


def test_a_combination_alone_is_the_same_as_in_a_grid():
    plan = PlannedStudy(patients=12, sessions=5)
    grid = power(plan, within=0.3, vary={"patients": [12, 18], "sessions": [4, 5]}, studies=200, seed=7)
    alone = power(PlannedStudy(patients=18, sessions=4), within=0.3, studies=200, seed=7)
    row = grid.frame[(grid.frame["patients"] == 18) & (grid.frame["sessions"] == 4)].iloc[0]
    for name in ("power", "mean_estimate", "width"):
        assert row[name] == alone.frame[name].iloc[0]
    assert grid.design["n_cells"] == 4
    assert grid.plot().get_ylabel() == "Power"


def test_the_cheapest_design_is_the_one_found_by_hand():
    plan = PlannedStudy(patients=20, sessions=6, raters=4, double=0.3, icc_rating=0.6)
    found = power(
        plan, within=0.35, between=0, vary={"patients": [12, 20, 30], "double": [0.2, 1.0]}, studies=300, seed=2
    )
    rows = found.frame[found.frame["term"] == "within"]
    narrower = rows.pivot_table(index="patients", columns="double", values="icc_width")
    assert (narrower[1.0] < narrower[0.2]).all()
    good = rows[(rows["power"] >= 0.6) & (rows["icc_width"] <= 0.36)]
    expected = good.sort_values("hours").iloc[0]
    cheap = found.cheapest(0.6, 0.36)
    assert (cheap.frame[["patients", "double"]] == expected[["patients", "double"]]).all(axis=None)
    assert cheap.frame["term"].tolist() == ["within", "between"]
    told = " ".join(str(cheap).split())
    assert "the cheapest of 6 simulated designs with power .60 and an interval of the ICC no wider than .36: " in told
    assert f"{expected['patients']} patients and {100 * expected['double']:.0f} % of the sessions coded twice" in told
    assert f"{expected['hours']:.0f} hours of rating" in told
    with pytest.raises(NotEstimable, match=r"none of 6 designs has power 0.99 and an ICC within 0.01; the nearest"):
        found.cheapest(0.99, 0.01)
    with pytest.raises(NotEstimable, match="every effect is 0"):
        power(plan, between=0, vary={"patients": [12, 15]}, studies=100).cheapest()
    with pytest.raises(UsageError, match="nothing was varied"):
        power(plan, within=0.3, studies=100).cheapest()
    with pytest.raises(UsageError, match="no session is coded twice"):
        power(PlannedStudy(patients=20, sessions=6), within=0.3, vary={"patients": [12, 15]}, studies=100).cheapest(
            0.8, 0.3
        )


def test_the_text_names_the_design_that_was_asked_for():
    """Not the cheapest with power of .80, where more power, or a narrow interval of the ICC, was asked for."""
    plan = PlannedStudy(patients=20, sessions=6, raters=4, double=0.3, icc_rating=0.6)
    found = power(plan, within=0.4, vary={"patients": [12, 40], "double": [0.2, 1.0]}, studies=100, seed=2)
    narrow = found.frame["icc_width"].sort_values().iloc[1]
    cheap = found.cheapest(0.9, narrow)
    assert cheap.frame["double"].tolist() == [1.0]
    said, design = cheap.text(), "40 patients and 100 % of the sessions coded twice"
    asked = f"power of .90 and an interval of the raters' ICC(A,1) no wider than {narrow:.2f}".replace("0.", ".")
    assert f"Of 4 designs the cheapest with {asked} is that with {design}." in said
    assert "lies between" not in said
    assert said.endswith("that is on average somewhat too high.")
    again = cheapest_again(found, 0.9, narrow)
    fresh = next(note.numbers for note in again.notes if note.kind == "power_again")
    assert f"by studies drawn anew (seed 3) it is {format_number(fresh['power'], 'bounded')} (95 %" in again.text()
    for shape, drawn, other in (("lines", "the dotted line", "frames"), ("map", "frames mark", "dotted")):
        words = found.caption(shape=shape)
        assert drawn in words
        assert other not in words


def test_effects_are_told_on_the_scale_on_which_they_are_stated():
    plan = PlannedStudy(patients=12, sessions=4)
    for scale, what in (("r", "a correlation within patients"), ("f2", "*f*² within patients"),
                        ("sd", "standard deviations of the outcome's residual within patients per")):  # fmt: skip
        found = power(plan, vary={"within": [0.2, 0.4]}, scale=scale, studies=100)
        assert f"the effect that is shown ({what}" in found.caption()
        assert f"We varied the effect within patients ({what}" in found.text()
        assert "The effects were stated beforehand, and are not estimates of this study." in found.text()


def test_where_there_is_no_effect_the_text_says_type_one_error():
    plan = PlannedStudy(patients=12, sessions=4)
    one, both = (power(plan, within=0.3, between=level, studies=100).text() for level in (0, 0.4))
    assert "Power for the effect within patients is" in one
    assert "The type I error between patients is" in one
    assert "No effect is assumed between patients." in one
    assert "a correlation of .00" not in one
    assert "they were stated beforehand, and are not estimates" in both
    assert "type I" not in both


def test_a_caption_breaks_no_random_term():
    found = power(PlannedStudy(patients=12, sessions=4), within=0.3, vary={"patients": [12, 15]}, studies=100)
    for shift in range(12):
        figure = with_caption(figure_of(found.plot()), "x" * (LINE_LETTERS - 12 + shift) + " (1 | patient). More.")
        lines = [line.replace("\N{NO-BREAK SPACE}", " ") for line in figure.get_supxlabel().split("\n")]
        assert any("(1 | patient)" in line for line in lines)


def test_no_raters_are_a_questionnaire_in_a_grid():
    """Its power is the exact one, without rating error; what is said of raters falls away; it costs no rating."""
    plan = PlannedStudy(patients=20, sessions=6, raters=4, double=0.3, icc_rating=0.6, points=5)
    found = power(plan, within=0.3, vary={"raters": [0, 4], "double": [0.3, 1.0]}, studies=1000, seed=2)
    none = found.frame[found.frame["raters"] == 0]
    assert near(none.iloc[0], random_slope_power(20 * 5 - 1, 0.3))
    assert none["hours"].tolist() == [0.0, 0.0]
    assert none["icc_width"].isna().all()
    assert none["power"].iloc[0] == none["power"].iloc[1]
    assert (found.frame.loc[found.frame["raters"] == 4, "power"] < none["power"].iloc[0]).all()
    assert "power_no_raters" in {note.kind for note in found.notes}
    assert found.cheapest(0.6, 0.6).frame["raters"].tolist() == [4]


@pytest.mark.parametrize(("rated", "vary", "is_said"), [
    ({"icc_rating": 1.0}, {}, False), ({"icc_rating": 0.6}, {}, True), ({"icc_rating": 1.0, "points": 5}, {}, True),
    ({"icc_rating": 1.0}, {"icc_rating": [1.0, 0.6]}, True), ({"icc_rating": 0.6}, {"raters": [0]}, False),
])  # fmt: skip
def test_rating_error_is_spoken_of_where_there_is_some(rated, vary, is_said):
    found = power(PlannedStudy(patients=6, sessions=3, raters=3, **rated), within=0.3, vary=vary, studies=100)
    assert ("power_attenuated" in {note.kind for note in found.notes}) == is_said


def test_minutes_are_among_the_parts_where_somebody_rates():
    rated = PlannedStudy(patients=6, sessions=3, raters=3, icc_rating=0.6)
    for plan, is_said in ((PlannedStudy(patients=6, sessions=3), False), (rated, True)):
        assert ("minutes 60" in power(plan, within=0.3, studies=100).counted()) == is_said


def test_the_figure_says_what_was_assumed(tmp_path):
    plan = PlannedStudy(patients=20, sessions=6, raters=4, double=0.3, icc_rating=0.6, dropout=0.2)
    found = power(plan, within=-0.3, vary={"patients": [15, 30], "double": [0.0, 1.0]}, studies=100, seed=4)
    said = found.caption()
    for part in (
        "a correlation of −.30 within patients (a slope of −0.31 standard deviations of the outcome's residual",
        "standard deviation of the sessions about their patient's mean) by the number of patients and the share of",
        "6 sessions of each patient; 4 raters, ICC(A,1) of one rating .60", "20 % of the patients leave early",
        "100 simulated studies of each design, seed 4",
    ):  # fmt: skip
        assert part in said
    one = power(PlannedStudy(patients=12, sessions=4), within=0.3, studies=100).text()
    assert "no patient leaves early and no session is lost" in one
    assert "of each design" not in one
    assert "no patient leaves" not in found.text()
    lines, cells = found.plot(), found.plot(shape="map")
    assert [line.get_label() for line in lines.get_lines()[:2]] == ["0 %", "100 %"]
    assert lines.figure.get_figwidth() == pytest.approx(8 / 2.54)
    shown = [text.get_text().split("\n")[0] for text in cells.texts]
    assert shown == [f"{one:.2f}".removeprefix("0") for one in found.frame.sort_values(["double", "patients"])["power"]]
    for suffix, start in ((".png", b"\x89PNG"), (".pdf", b"%PDF"), (".svg", b"<svg"), (".docx", b"PK")):
        path = found.write_figure(tmp_path / f"power{suffix}")
        assert path.read_bytes().startswith(start)
    words = "\n".join(one.text for one in docx.Document(str(tmp_path / "power.docx")).paragraphs)
    assert bare(said) in words
    assert bare(found.text()) in words
    with pytest.raises(UsageError, match="is there already"):
        found.write_figure(tmp_path / "power.png")
    with pytest.raises(UsageError, match=r"allowed a file that ends in .png, .pdf, .svg, .docx"):
        found.write_figure(tmp_path / "power.gif")
    with pytest.raises(UsageError, match="a map shows two parts"):
        power(plan, within=0.3, vary={"patients": [15, 30]}, studies=100).plot(shape="map")


def test_the_text_of_a_proposal_has_every_assumption():
    plan = PlannedStudy(patients=20, sessions=6, raters=4, double=0.3, icc_rating=0.6, therapists=4, slope_sd=0.2,
                        lost=0.1, points=5)  # fmt: skip
    found = power(plan, within=0.3, studies=100, seed=4)
    row, said = found.frame.iloc[0], found.text()
    for part in (
        "20 patients, 6 sessions of each patient, 4 therapists",
        "a scale of 5 points, 30 % of the sessions coded twice",
        "10 % of the sessions are lost", "SD of 0.20", "it was stated beforehand, and is not an estimate of this study",
        "(1 | therapist)", "Kenward–Roger", f"within patients is {row['power']:.2f}".replace("0.", "."),
        f"Rating takes {row['hours']:.0f} hours", "seed 4",
    ):  # fmt: skip
        assert part in said


def test_the_text_says_the_slope_that_is_expected_and_lists_no_grid():
    """One design and three are told one by one; of four the range and the cheapest with power of .80."""
    plan = PlannedStudy(patients=20, sessions=6, raters=4, double=0.3, icc_rating=0.6)

    def told(**varied):
        found = power(plan, within=0.4, vary=varied, studies=100, seed=4)
        return found, found.text()

    def short(value):
        return f"{value:.2f}"

    found, said = told()
    row = found.frame.iloc[0]
    assert row["mean_estimate"] < row["slope"]
    assert (
        f"on average estimated as {short(row['mean_estimate'])}, where that of true scores is {short(row['slope'])}"
        in said
    )
    found, said = told(patients=[15, 20, 25])
    for patients, estimate in found.frame[["patients", "mean_estimate"]].to_numpy():
        assert f"with {patients:.0f} patients (slope on average estimated as {short(estimate)}, " in said
    found, said = told(patients=[6, 10, 20, 40])
    best = found.cheapest(0.8).frame.iloc[0]
    assert f"The cheapest with power of .80 is that with {best['patients']:.0f} patients" in said
    assert f"on average estimated as {short(best['mean_estimate'])}, where" in said
    others = set(found.frame["patients"]) - {6, 40, best["patients"]}
    assert others
    assert not [one for one in others if f"with {one} patients" in said]
    assert "None of the designs has power of .80" in told(patients=[6, 7], double=[0.0, 0.3])[1]


def test_what_is_varied_may_be_an_array():
    plan = PlannedStudy(patients=12, sessions=4)
    listed, array = (power(plan, within=0.3, vary={"patients": values}, studies=100).frame
                     for values in ([10, 12], np.array([10, 12])))  # fmt: skip
    pd.testing.assert_frame_equal(listed, array)
    with pytest.raises(UsageError, match="n is nan"):
        regression_power([40, np.nan], predictors=2, f2=0.1)


def test_a_table_of_studies_that_could_not_be_fitted_says_so_first():
    found = power(PlannedStudy(patients=12, sessions=4, lost=0.95), within=0.3, studies=100)
    share = found.frame["failed"].iloc[0]
    assert share > 0.5
    assert f"{100 * share:.0f} % of the studies could not be fitted" in str(found).splitlines()[0]
    several = power(PlannedStudy(patients=12, sessions=4), within=0.3, vary={"lost": [0.0, 0.95]}, studies=100)
    assert "up to" in str(several).splitlines()[0]
    assert "Of each design up to" in several.text()
    whole = power(PlannedStudy(patients=12, sessions=4), within=0.3, studies=100)
    assert "could not be fitted" not in str(whole).splitlines()[0]


def test_without_raters_sessions_are_the_costs():
    plan = PlannedStudy(patients=20, sessions=6)
    found = power(plan, within=0.5, vary={"patients": [15, 30], "sessions": [5, 12]}, studies=100)
    assert found.cheapest(0.5).frame[["patients", "sessions"]].to_numpy().tolist() == [[15, 5]]
    assert found.frame["icc_width"].isna().all()


def test_the_width_of_the_icc_is_that_of_such_a_plan():
    from doublecode.analysis.reliability.planned_pairs import rotating_layout

    plan = PlannedStudy(patients=20, sessions=10, raters=5, double=0.4, icc_rating=0.6, severity=0.2)
    width = power(plan, within=0.3, studies=100).frame["icc_width"].iloc[0]
    layout = rotating_layout(200, 5, 0.4, 2)
    rows = pd.DataFrame({"session_id": layout.target, "rater": layout.rater})
    variances = {"target": 1.0, "rater": 0.2 * (1 / 0.6 - 1), "error": 0.8 * (1 / 0.6 - 1)}
    assert width == pytest.approx(precision(rows, variances=variances, k=[1]).frame["width"].iloc[0], abs=0.04)


@pytest.mark.parametrize(
    "more", [{"severity": 1.0}, {"icc_rating": 1.0}, {"double": 0.001}, {"raters": 40, "double": 0.05}]
)
def test_a_plan_that_gives_no_icc_has_no_width(more):
    plan = PlannedStudy(**{"patients": 15, "sessions": 6, "raters": 4, "double": 0.4, "icc_rating": 0.6} | more)
    assert np.isnan(power(plan, within=0.3, studies=100).frame["icc_width"].iloc[0])


def test_what_is_assumed_is_printed():
    assert "severity 0.2" in str(
        power(PlannedStudy(patients=12, sessions=4, raters=3, icc_rating=0.6), within=0.3, studies=100)
    )


def test_it_stops_early_and_says_so():
    found = power(PlannedStudy(patients=40, sessions=6), within=0.5, studies=5000, half_width=0.02, seed=1)
    assert found.frame["studies"].iloc[0] == 500
    assert [note.kind for note in found.notes] == ["power_stopped"]
    assert "after 500 of 5000" in str(found)


def test_slopes_that_differ_and_are_not_in_the_model_are_named():
    plan = PlannedStudy(patients=15, sessions=8, slope_sd=0.4)
    wrong = power(plan, within=0, studies=1000, seed=4)
    right = power(
        plan, within=0, studies=1000, seed=4, formula="outcome ~ within + between + session + (within | patient)"
    )
    assert "power_slopes_unmodelled" in {note.kind for note in wrong.notes}
    assert "power_slopes_unmodelled" not in {note.kind for note in right.notes}
    assert wrong.frame["power"].iloc[0] > 0.12
    assert near(right.frame.iloc[0], 0.05)


@pytest.mark.parametrize(("plan", "message"), [
    ({"patients": 2, "sessions": 5}, "patients is 2; allowed: a whole number from 3 on"),
    ({"patients": 20, "sessions": 5.5}, "sessions is 5.5"),
    ({"patients": float("nan"), "sessions": 5}, "patients is nan"),
    ({"patients": "20", "sessions": 5}, "patients is '20'"),
    ({"patients": 20, "sessions": 5, "lost": "few"}, "lost is 'few'; allowed: 0 to below 1"),
    ({"patients": 20, "sessions": 5, "dropout": 1.0}, "dropout is 1.0; allowed: 0 to below 1"),
    ({"patients": 20, "sessions": 5, "double": 0.4}, "double is given without raters"),
    ({"patients": 20, "sessions": 5, "raters": 3}, "icc_rating is None; give the ICC"),
    ({"patients": 20, "sessions": 5, "raters": 1, "icc_rating": 0.5, "double": 0.4}, "a second one is needed"),
    ({"patients": 20, "sessions": 5, "icc_therapist": 0.1}, "without therapists"),
    ({"patients": 20, "sessions": 5, "therapists": 20}, "allowed: 2 to 19"),
    ({"patients": 20, "sessions": 5, "therapists": 4, "icc_therapist": 0.5, "icc_outcome": 0.5}, "allowed: below 1"),
    ({"patients": 20, "sessions": 5, "slope_sd": -1}, "slope_sd is -1"),
])  # fmt: skip
def test_what_a_plan_cannot_be(plan, message):
    with pytest.raises(UsageError, match=message):
        PlannedStudy(**plan)


@pytest.mark.parametrize(("asked", "message"), [
    ({}, "no effect is stated"),
    ({"within": 1.2}, "a correlation between −1 and 1"),
    ({"within": -0.1, "scale": "f2"}, "0 or more"),
    ({"within": 0.3, "scale": "d"}, "scale is 'd'; allowed: sd, r, f2"),
    ({"within": 0.3, "vary": {"patient": [1, 2]}}, "did you mean 'patients'"),
    ({"within": 0.3, "vary": {"within": [0.1, 0.2]}}, "stated and varied"),
    ({"within": 0.3, "vary": {"patients": 20}}, "a list of different values"),
    ({"within": 0.3, "vary": {"patients": [20, 30], "sessions": [5, 6],
      "raters": [2, 3], "lost": [0, 0.1], "dropout": [0, 0.1]}},
     "vary names 5 parts .* allowed: one to 4"),
    ({"within": 0.3, "studies": 20}, "from 100 on"),
    ({"within": 0.3, "studies": float("inf")}, "studies is inf"),
    ({"within": 0.3, "vary": {"patients": ["many", "few"]}}, "patients is 'many'"),
    ({"within": 0.3, "half_width": 0.7}, "above 0 and below .5"),
    ({"within": 0.3, "formula": "y ~ within + (1 | patient)"}, "it is called outcome"),
    ({"within": 0.3, "formula": "outcome ~ between + (1 | patient)"}, "does not have 'within'"),
    ({"between": 0.3, "plan": PlannedStudy(patients=20, sessions=5, icc_outcome=0)}, "icc_outcome and icc_predictor"),
])  # fmt: skip
def test_what_cannot_be_asked(asked, message):
    plan = asked.pop("plan", PlannedStudy(patients=20, sessions=5))
    with pytest.raises(UsageError, match=message):
        power(plan, **asked)


@pytest.mark.parametrize(("n", "predictors", "terms", "expected"), [(41, 4, 1, 0.67), (33, 5, 1, 0.57)])
def test_power_of_a_regression_as_printed(n, predictors, terms, expected):
    """f² = .15: n = 41 with four predictors .67, n = 33 with five .57; and by integrating t over the error's χ²."""
    found = regression_power(n, predictors=predictors, f2=0.15, terms=terms)
    assert found.frame["power"].iloc[0] == pytest.approx(expected, abs=0.005)
    df2 = n - predictors - 1
    critical, shift = stats.t.ppf(0.975, df2), np.sqrt(0.15 * n)

    def given(s2):
        reach = critical * np.sqrt(s2 / df2)
        return (stats.norm.sf(reach - shift) + stats.norm.cdf(-reach - shift)) * stats.chi2.pdf(s2, df2)

    exact = quad(given, *stats.chi2.ppf([1e-12, 1 - 1e-12], df2), epsabs=1e-10)[0]
    assert found.frame["power"].iloc[0] == pytest.approx(exact, abs=1e-7)
    needed = found.design["n_needed"]
    assert regression_power(needed, predictors=predictors, f2=0.15).frame["power"].iloc[0] >= 0.8
    assert regression_power(needed - 1, predictors=predictors, f2=0.15).frame["power"].iloc[0] < 0.8


def test_power_of_a_regression_by_simulation():
    rng, n = np.random.default_rng(9), 41
    X = np.column_stack([np.ones(n), rng.normal(size=(n, 4))])
    others = X[:, [0, 2, 3, 4]]
    left = X[:, 1] - others @ np.linalg.lstsq(others, X[:, 1], rcond=None)[0]
    slope = np.sqrt(0.15 * n / (left @ left))
    Y = slope * X[:, [1]] + rng.normal(size=(n, 4000))
    b = np.linalg.lstsq(X, Y, rcond=None)[0]
    error = np.sqrt(((Y - X @ b) ** 2).sum(axis=0) / (n - 5) * np.linalg.inv(X.T @ X)[1, 1])
    share = (np.abs(b[1] / error) > stats.t.ppf(0.975, n - 5)).mean()
    assert share == pytest.approx(regression_power(n, predictors=4, f2=0.15).frame["power"].iloc[0], abs=0.03)


@pytest.mark.parametrize(("asked", "message"), [
    ({"n": 5, "predictors": 4, "f2": 0.15}, "whole numbers from 6 on"),
    ({"n": 40, "predictors": 4, "f2": 0}, "above 0"),
    ({"n": 40, "predictors": 4, "f2": 0.15, "terms": 5}, "allowed: 1 to 4"),
    ({"n": 40, "predictors": 0, "f2": 0.15}, "predictors is 0; allowed: 1 or more"),
])  # fmt: skip
def test_what_a_regression_cannot_be(asked, message):
    with pytest.raises(UsageError, match=message):
        regression_power(**asked)
