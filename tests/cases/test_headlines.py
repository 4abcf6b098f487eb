"""The number that is read first: its condition, its standard errors, its rows; lines and subsets inside the data.

All data are synthetic.
"""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from doublecode.analysis import fit_mixed, fit_series, moderation, winsorise, within_between
from doublecode.analysis.linking.conditional_slope import Place, conditional_slope
from doublecode.analysis.regression.simple_slopes import critical_t
from doublecode.analysis.report import headlines as headline_module
from doublecode.analysis.report.headlines import headlines
from doublecode.schemas.errors import UsageError


def sessions(n_patients=24, seed=4):
    """Sessions of patients who came a different number of times; the slope of goal is 0.5 at the mean bond of 5."""
    rng = np.random.default_rng(seed)
    counts = rng.integers(3, 10, n_patients)
    patient = np.repeat(np.arange(n_patients), counts)
    session = np.concatenate([np.arange(1, n + 1) for n in counts])
    bond = 5 + rng.normal(0, 1, n_patients)[patient] + rng.normal(0, 1, len(patient))
    goal = rng.normal(0, 1, n_patients)[patient] + rng.normal(0, 1, len(patient))
    mean = pd.Series(goal).groupby(patient).transform("mean").to_numpy()
    base = 10 + rng.normal(0, 1, n_patients)[patient] - 0.2 * session
    y = base + (goal - mean) * (0.5 + 0.4 * (bond - 5)) + rng.normal(0, 0.7, len(patient))
    return pd.DataFrame({"patient": patient, "session": session, "bond": bond, "goal": goal, "phq": y})


def teens(seed=2, n=60):
    """Residuals that spread with the predictor, a skewed moderator, a predictor of two codes, one of rare codes."""
    rng = np.random.default_rng(seed)
    x, z = rng.normal(4, 1, n), rng.gamma(0.6, 2, n)
    y = 3 + 0.3 * x + 0.1 * z + 0.25 * (x - 4) * z + rng.normal(0, 1, n) * (0.3 + np.abs(x - 4))
    rare = np.where(np.arange(n) < 52, 0.0, np.arange(n) % 2 + 1.0)
    return pd.DataFrame({"patient": [f"A{i}" for i in range(n)], "x": x, "z": z, "y": y, "code": (x > 4) * 1.0,
                         "rare": rare})  # fmt: skip


class TestWithinAndBetween:
    def test_each_patient_counts_once_in_the_centre(self):
        data = sessions()
        split = within_between(data, "goal")
        assert split.groupby("patient")["goal_between"].first().mean() == pytest.approx(0, abs=1e-12)
        assert abs(split["goal_between"].mean()) > 0.001

    def test_means_are_those_of_the_rows_of_the_models(self):
        data = sessions()
        data.loc[data["session"] > 4, "phq"] = np.nan
        found = fit_series(["phq ~ goal + (1 | patient)"], data, split=["goal"]).model(1, declared=False).result
        rows = within_between(data[data["session"] <= 4], "goal")
        for side in ("within", "between"):
            np.testing.assert_allclose(found.model.frame[f"goal_{side}"], rows[f"goal_{side}"], atol=1e-12)


class TestIntercepts:
    STEP = "phq ~ session + goal + (session | patient)"

    def test_the_intercept_at_session_1_is_that_combination_of_the_uncentred_fit(self):
        data = sessions(40)
        asked = fit_series([self.STEP], data, intercept_at=1).model(1).result
        plain = fit_series([self.STEP], data).model(1).result
        assert asked.loglik == pytest.approx(plain.loglik, abs=1e-7)
        row = asked.frame.set_index("term").loc["Intercept"]
        same = plain.contrast({"Intercept": 1.0, "session": 1.0}).iloc[0]
        for name in ("estimate", "std_error", "df", "conf_low", "conf_high"):
            assert row[name] == pytest.approx(same[name], rel=1e-4)  # two optima of one likelihood

    @pytest.mark.parametrize(
        "step",
        [
            "phq ~ session + (session || patient)", "phq ~ I(session**2) + session + (1 | patient)",
            "phq ~ 0 + session + (1 | patient)", "phq ~ session:goal + session + (1 | patient)",
            "phq ~ session + (0 + session | patient)",
        ],
    )  # fmt: skip
    def test_where_another_zero_makes_another_model_the_session_number_stays(self, step):
        found = fit_series([step], sessions(), intercept_at=1)
        assert str(found.models[0].formula) == step
        assert "session_origin_kept" in [note.kind for note in found.notes]

    @pytest.mark.parametrize("step", ["phq ~ session * goal + (session | patient)", "phq ~ goal + (1 | patient)"])
    def test_an_interaction_moves_with_its_main_effects(self, step):
        data = sessions()
        moved, plain = (fit_series([step], data, intercept_at=at).model(1).result for at in (1, None))
        assert moved.loglik == pytest.approx(plain.loglik, abs=1e-6)


class TestCondition:
    def test_the_slope_holds_at_the_mean_of_what_it_interacts_with(self):
        data = within_between(sessions(), "goal")
        fit = fit_mixed("phq ~ session + goal_within * bond + (1 | patient)", data)
        found = conditional_slope(fit, "goal_within", ["goal"])
        assert [(one.name, one.place) for one in found.held] == [("bond", Place.MEAN)]
        centred = fit_mixed(
            "phq ~ session + goal_within * bond + (1 | patient)", data.assign(bond=data["bond"] - data["bond"].mean())
        )
        row = centred.frame.set_index("term").loc["goal_within"]
        for name in ("estimate", "std_error", "df", "conf_low", "conf_high", "p_value"):
            assert found.row[name] == pytest.approx(row[name], rel=1e-5)
        assert found.row["conf_low"] < 0.5 < found.row["conf_high"]  # planted
        at_zero = fit.frame.set_index("term").loc["goal_within", "estimate"]
        assert abs(at_zero - found.row["estimate"]) > 1  # what was printed: the slope at bond = 0

    def test_parts_within_and_between_are_at_their_means_by_their_making(self):
        data = within_between(sessions(), ["goal", "bond"])
        fit = fit_mixed("phq ~ (goal_within + goal_between) * (bond_within + bond_between) + (1 | patient)", data)
        found = conditional_slope(fit, "goal_within", ["goal", "bond"])
        assert [(one.name, one.place) for one in found.held] == [("bond", Place.OWN_MEAN)]
        assert found.row["estimate"] == fit.frame.set_index("term").loc["goal_within", "estimate"]

    def test_codes_and_factors_are_held_at_their_first_level(self):
        data = within_between(sessions(), "goal")
        data = data.assign(arm=np.where(data["patient"] % 2 == 0, "a", "b"), boy=data["patient"] % 3 == 0)
        fit = fit_mixed("phq ~ goal_within * arm + goal_within * boy + (1 | patient)", data.assign(boy=data["boy"] * 1))
        held = conditional_slope(fit, "goal_within", ["goal"]).held
        assert {(one.name, one.place) for one in held} == {("arm", Place.REFERENCE), ("boy", Place.FIRST_CODE)}

    def test_the_headline_says_it(self):
        result = fit_series(["phq ~ session + goal * bond + (1 | patient)"], sessions(), split=["goal"], intercept_at=1)
        run = SimpleNamespace(
            series=(result,), moderations=(), labels={"goal": "Task goal", "bond": "Bond", "phq": "PHQ-9"}
        )
        found = headline_module._slope(run)
        mean = result.models[1].result.model.frame["bond"].mean()
        assert found.label == "Task goal, within patients"
        assert f"at Bond = its mean {mean:.2f}" in found.detail


@pytest.fixture(scope="module")
def data():
    return teens()


@pytest.fixture(scope="module")
def result(data):
    return moderation("y ~ x * z", data, errors="robust")


@pytest.fixture(scope="module")
def by_hand(data):
    x, z = data["x"] - data["x"].mean(), data["z"] - data["z"].mean()
    X = np.column_stack([np.ones(len(x)), x, z, x * z])
    bread = np.linalg.inv(X.T @ X)
    b = bread @ X.T @ data["y"].to_numpy()
    e, h = data["y"].to_numpy() - X @ b, np.einsum("ij,jk,ik->i", X, bread, X)
    return b, bread @ (X.T * (e / (1 - h)) ** 2) @ X @ bread


class TestHC3:
    """Witness: the sandwich (XᵀX)⁻¹ Xᵀ diag(e²/(1 − h)²) X (XᵀX)⁻¹ by hand."""

    def test_coefficients(self, result, by_hand):
        b, V = by_hand
        np.testing.assert_allclose(result.frame["estimate"], b, rtol=1e-9)
        np.testing.assert_allclose(result.frame["std_error"], np.sqrt(np.diag(V)), rtol=1e-9)
        np.testing.assert_allclose(result.frame["p_value"], result.robust["p_value"], rtol=1e-12)
        assert (result.least_squares["std_error"] < result.frame["std_error"]).any()

    def test_simple_slopes(self, result, by_hand, data):
        b, V = by_hand
        z = result.slopes["moderator"] - data["z"].mean()
        error = np.sqrt(V[1, 1] + 2 * z * V[1, 3] + z**2 * V[3, 3])
        np.testing.assert_allclose(result.slopes["estimate"], b[1] + b[3] * z, rtol=1e-9)
        np.testing.assert_allclose(result.slopes["std_error"], error, rtol=1e-9)
        reach = critical_t(0.05, len(data) - 4) * error
        np.testing.assert_allclose(result.slopes["conf_high"], b[1] + b[3] * z + reach, rtol=1e-9)

    def test_johnson_neyman(self, result, by_hand, data):
        b, V = by_hand
        for row in result.roots.to_dict("records"):
            z = row["moderator_centred"]
            t = (b[1] + b[3] * z) / np.sqrt(V[1, 1] + 2 * z * V[1, 3] + z**2 * V[3, 3])
            assert abs(t) == pytest.approx(row["critical_t"], rel=1e-7)
        plain = moderation("y ~ x * z", data)
        assert len(result.roots)
        assert result.roots["moderator"].tolist() != plain.roots["moderator"].tolist()

    def test_lines_and_band(self, result, by_hand, data):
        b, V = by_hand
        rows = result.lines
        x, z = rows["predictor"] - data["x"].mean(), rows["moderator"] - data["z"].mean()
        X = np.column_stack([np.ones(len(x)), x, z, x * z])
        np.testing.assert_allclose(rows["estimate"], X @ b, rtol=1e-9)
        np.testing.assert_allclose(rows["std_error"], np.sqrt(np.einsum("ij,jk,ik->i", X, V, X)), rtol=1e-9)
        z = result.slope_band["moderator"] - data["z"].mean()
        error = np.sqrt(V[1, 1] + 2 * z * V[1, 3] + z**2 * V[3, 3])
        np.testing.assert_allclose(result.slope_band["std_error"], error, rtol=1e-9)

    def test_where_it_is_undefined_nothing_is_called_not_significant(self, data):
        alone = data.assign(only=(data.index == 3) * 1.0)
        found = moderation("y ~ x * z + only", alone, errors="robust")
        assert found.slopes["std_error"].isna().all()
        assert found.johnson_neyman.empty
        assert "regions_undefined" in [note.kind for note in found.notes]

    def test_other_words_are_refused(self, data):
        with pytest.raises(UsageError, match="allowed: 'least-squares', 'robust'"):
            moderation("y ~ x * z", data, errors="HC3")


class TestInfluence:
    def test_the_estimate_without_a_row_is_that_of_the_regression_without_it(self):
        data = teens()
        data.loc[7, ["x", "z", "y"]] = [9.0, 25.0, -20.0]
        design = moderation("y ~ x * z", data).design
        most = design["largest_influence"]
        assert most["row"] == "A7"
        assert "A7" in design["multivariate_outliers"]
        without = moderation("y ~ x * z", data.drop(index=7)).frame.set_index("term").loc["x:z", "estimate"]
        assert most["without"] == pytest.approx(without, rel=1e-8)

    def test_without_flagged_rows(self):
        data = teens()
        data.loc[7, ["x", "z", "y"]] = [9.0, 25.0, -20.0]
        found = moderation("y ~ x * z", data, errors="robust")
        flagged = found.design["multivariate_outliers"]
        rest = moderation("y ~ x * z", data[~data["patient"].isin(flagged)], errors="robust").frame.set_index("term")
        for name in ("estimate", "p_value", "conf_low", "conf_high"):
            assert found.design["without_outliers"][name] == pytest.approx(rest.loc["x:z", name], rel=1e-6)


class TestLines:
    @pytest.mark.parametrize("formula", ["y ~ code * z", "y ~ x * z", "y ~ rare * x", "y ~ z * code", "y ~ z * rare"])
    def test_no_line_leaves_the_data(self, formula):
        data = teens()
        found = moderation(formula, data)
        for role in ("predictor", "moderator"):
            seen = data[found.spec[role]]
            assert found.lines[role].between(seen.min(), seen.max()).all()
        assert found.lines.groupby("at")["predictor"].nunique().min() > 1

    def test_a_code_is_drawn_at_its_codes(self):
        found = moderation("y ~ code * z", teens())
        assert sorted(found.lines["predictor"].unique()) == [0.0, 1.0]
        assert all(set(line.get_xdata()) == {0.0, 1.0} for line in found.plot().lines[1:])

    def test_the_legend_names_the_moderator_and_its_values(self):
        legend = moderation("y ~ x * code", teens()).plot().get_legend()
        assert legend.get_title().get_text() == "code"
        assert [text.get_text() for text in legend.get_texts()] == ["0", "1"]
        legend = moderation("y ~ code * x", teens()).plot().get_legend()
        assert all(text.get_text().endswith(("(mean − SD)", "(mean)", "(mean + SD)")) for text in legend.get_texts())


@pytest.fixture(scope="module")
def found():
    rng = np.random.default_rng(9)
    frame = pd.DataFrame({"patient": range(40), "hw2": rng.normal(5, 0.4, 40), "x": rng.normal(size=40)})
    frame.loc[:2, "hw2"] = 0.0
    return frame.assign(hw3=frame["hw2"] + frame["x"] + rng.normal(size=40))


class TestSubsets:
    def test_only_adjusted_data_are_refused(self, found):
        adjusted = winsorise(found, ["hw2"]).data
        for data in (adjusted, adjusted.dropna(), adjusted[["hw2", "hw3", "x"]], winsorise(adjusted, ["x"]).data):
            with pytest.raises(UsageError, match="an outlier rule has changed in this frame"):
                moderation("hw3 ~ x", data, subset="hw2 > 0")
        with pytest.raises(UsageError, match="an outlier rule has changed"):
            moderation("hw3 ~ x", adjusted, subset="hw2 > 0", observed=adjusted)

    def test_the_observed_values_decide(self, found):
        adjusted = winsorise(found, ["hw2"]).data
        assert moderation("hw3 ~ x", adjusted, subset="hw2 > 0", observed=found).design["n_rows"] == 37
        assert moderation("hw3 ~ x", adjusted, subset="x < 9").design["n_rows"] == 40
        assert moderation("hw3 ~ x", winsorise(found, ["x"]).data, subset="hw2 > 0").design["n_rows"] == 37


def test_the_headline_of_the_adolescents_stands_on_the_declared_errors(adolescent_run):
    found = headlines(adolescent_run)[-1]
    row = adolescent_run.moderations[0].robust.set_index("term").loc["specification_s1:ir"]
    assert found.value == f"*b* = {row['estimate']:.2f} [{row['conf_low']:.2f}, {row['conf_high']:.2f}]".replace(
        "-", "−"
    )
    assert "*p* = .753 on HC3 standard errors" in found.detail
    assert "first of 8 interactions, Holm's *p*" in found.detail
    assert "without" not in found.detail  # no row of this regression is flagged


def test_a_headline_names_outlying_rows_and_what_is_left_without_them(adolescent_run):
    ranked = sorted(adolescent_run.moderations, key=lambda one: one.spec["name"] != "time_s1")
    detail = headlines(replace(adolescent_run, moderations=ranked))[-1].detail
    assert "*p* = .030 on HC3 standard errors" in detail
    assert "without outlying A43 *b* = 0.0023, *p* = .288" in detail


def test_a_curve_or_a_sum_coded_factor_is_averaged_and_a_dummy_names_its_level():
    data = within_between(sessions(), "goal")
    data = data.assign(
        arm=np.where(data["patient"] % 3 == 0, "tel", "face"), age=data["patient"] % 7 + 0.5 * data["session"]
    )
    for written, place, level in (
        ("arm", Place.REFERENCE, "face"), ("C(arm, Treatment('tel'))", Place.REFERENCE, "tel"),
        ("C(arm, contr.sum)", Place.AVERAGE, ""), ("poly(age, 2)", Place.AVERAGE, ""),
        ("ns(age, 3)", Place.AVERAGE, ""),
    ):  # fmt: skip
        fit = fit_mixed(f"phq ~ session + goal_within * {written} + (1 | patient)", data)
        found = conditional_slope(fit, "goal_within", ["goal"])
        assert [(one.place, one.level) for one in found.held] == [(place, level)]
        # The witness: each row's own slope, as predictions say it, averaged over the rows that are meant.
        here = data if not level else data[data["arm"] == level]
        more = fit.predict(here.assign(goal_within=here["goal_within"] + 1), random="none")
        slopes = np.asarray(more) - np.asarray(fit.predict(here, random="none"))
        assert found.row["estimate"] == pytest.approx(slopes.mean(), rel=1e-6)
