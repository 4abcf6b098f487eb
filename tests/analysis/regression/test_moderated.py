"""Moderated regression against R (stats, emmeans, sandwich) to 1e-9, and against formulas."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from doublecode.analysis.description.outliers import mahalanobis
from doublecode.analysis.regression.group_differences import group_anova
from doublecode.analysis.regression.moderated import moderation
from doublecode.analysis.study.declared_moderation import fit_moderation
from doublecode.schemas.errors import ContractError, FormulaError, NotEstimable, UsageError
from doublecode.schemas.study_parts import ModerationModel

REFERENCE = Path(__file__).parents[2] / "reference"
# R and numpy both solve by QR here; the problem is well conditioned, so nine digits are safe.
EXACT = {"rel": 1e-9, "abs": 1e-9}
CASES = {"lm_a": "homework ~ behaviour * alliance", "lm_a_cov": "homework ~ behaviour * alliance + age"}
TERM = {"(Intercept)": "Intercept", "xc": "behaviour", "zc": "alliance", "xc:zc": "behaviour:alliance", "age": "age"}


@pytest.fixture(scope="module")
def data():
    return pd.read_csv(REFERENCE / "data" / "lm_a.csv")


@pytest.fixture(scope="module", params=CASES)
def case(request, data):
    reference = json.loads((REFERENCE / "lm.json").read_text())[request.param]
    return reference, moderation(CASES[request.param], data)


def by_term(frame):
    return frame.set_index("term")


class TestAgainstR:
    def test_coefficients(self, case):
        reference, result = case
        table = by_term(result.frame)
        assert len(table) == len(reference["coef"])
        for name, expected in reference["coef"].items():
            row = table.loc[TERM[name]]
            assert row["estimate"] == pytest.approx(expected["b"], **EXACT)
            assert row["std_error"] == pytest.approx(expected["se"], **EXACT)
            assert row["statistic"] == pytest.approx(expected["t"], **EXACT)
            assert row["p_value"] == pytest.approx(expected["p"], rel=1e-8, abs=1e-12)
            assert row["df"] == reference["df2"]
            limits = reference["ci"][name]
            assert (row["conf_low"], row["conf_high"]) == pytest.approx((limits["low"], limits["high"]), **EXACT)

    def test_whole_model(self, case):
        reference, result = case
        names = {
            "r_squared": "r2", "adj_r_squared": "adj_r2", "f_statistic": "F", "df1": "df1", "df2": "df2",
            "sigma": "sigma", "aic": "AIC", "bic": "BIC", "loglik": "logLik", "max_cooks_d": "max_cooks_d",
            "delta_r_squared": "delta_r2_interaction", "f_squared": "f2_interaction",
        }  # fmt: skip
        for ours, theirs in names.items():
            assert result.design[ours] == pytest.approx(reference[theirs], **EXACT), ours
        assert result.design["p_value"] == pytest.approx(reference["p"], rel=1e-8)
        assert result.design["centred_at"] == pytest.approx(
            {"behaviour": reference["x_mean"], "alliance": reference["z_mean"]}, **EXACT
        )

    def test_simple_slopes(self, case):
        reference, result = case
        for row, expected in zip(result.slopes.itertuples(), reference["simple_slopes"], strict=True):
            assert row.moderator_centred == pytest.approx(expected["zc"], abs=1e-9)
            found = (row.estimate, row.std_error, row.df, row.conf_low, row.conf_high, row.statistic, row.p_value)
            names = ("slope", "se", "df", "low", "high", "t", "p")
            assert found == pytest.approx(tuple(expected[name] for name in names), **EXACT)

    def test_expected_outcomes(self, case):
        reference, result = case
        grid = sorted(reference["emmeans_grid"], key=lambda cell: (cell["zc"], cell["xc"]))
        np.testing.assert_allclose(result.lines["estimate"], [cell["emmean"] for cell in grid], rtol=1e-9)
        np.testing.assert_allclose(result.lines["std_error"], [cell["SE"] for cell in grid], rtol=1e-9)

    def test_johnson_neyman_boundaries(self, case):
        reference, result = case
        roots = result.roots[result.roots["control"] == "pointwise"]["moderator_centred"]
        np.testing.assert_allclose(roots, reference["johnson_neyman_zc"], rtol=1e-9)

    def test_both_standardisations(self, case):
        reference, result = case
        table = by_term(result.frame)
        for name, expected in reference["std_beta_refit_z"].items():
            assert table.loc[TERM.get(name, name), "beta_z"] == pytest.approx(expected, **EXACT)
        for name, expected in reference["std_beta_posthoc"].items():
            assert table.loc[TERM[name], "beta_posthoc"] == pytest.approx(expected, **EXACT)
        assert np.isnan(table.loc["Intercept", "beta_posthoc"])

    @pytest.mark.parametrize("kind", ["HC0", "HC1", "HC2", "HC3"])
    def test_robust_errors(self, case, data, kind):
        reference, result = case
        robust = by_term(moderation(result.spec["formula"], data, robust=kind).robust)
        for name, expected in reference["hc_se"][kind].items():
            assert robust.loc[TERM[name], "std_error"] == pytest.approx(expected, **EXACT)
        row = robust.loc["behaviour"]
        assert row["statistic"] == pytest.approx(row["estimate"] / row["std_error"])
        assert row["p_value"] < 0.001

    def test_vif_and_influence(self, case):
        reference, result = case
        for name, expected in reference["vif"].items():
            assert by_term(result.frame).loc[TERM[name], "vif"] == pytest.approx(expected, **EXACT)
        for ours, theirs in {"cooks_d": "cooks_d", "leverage": "leverage", "rstudent": "rstudent"}.items():
            np.testing.assert_allclose(result.diagnostics[ours], reference[theirs], rtol=1e-8, atol=1e-11)


class TestWhatTheNumbersMean:
    def test_distance_is_mahalanobis_over_the_columns(self, data):
        result = moderation("homework ~ behaviour * alliance + age", data)
        centred = data[["behaviour", "alliance"]] - data[["behaviour", "alliance"]].mean()
        columns = centred.assign(product=centred["behaviour"] * centred["alliance"], age=data["age"])
        expected = mahalanobis(columns, list(columns.columns))
        np.testing.assert_allclose(result.diagnostics["distance2"], expected.frame["distance2"], rtol=1e-9)
        np.testing.assert_allclose(result.diagnostics["distance_p"], expected.frame["p_value"], rtol=1e-8)
        flagged = expected.frame.loc[expected.frame["flagged"], "row"].tolist()
        assert result.design["multivariate_outliers"] == flagged
        assert len(flagged) > 0

    def test_slopes_at_named_values(self, data):
        result = moderation("homework ~ behaviour * alliance", data, at={"low": 3.0, "high": 5.0})
        table = by_term(result.frame)["estimate"]
        centre = data["alliance"].mean()
        expected = [table["behaviour"] + table["behaviour:alliance"] * (value - centre) for value in (3.0, 5.0)]
        assert result.slopes["at"].tolist() == ["low", "high"]
        np.testing.assert_allclose(result.slopes["estimate"], expected)
        assert moderation("homework ~ behaviour * alliance", data, at=[4]).slopes["at"].tolist() == ["4"]
        for wrong, words in (
            ({"low": "x"}, r"at\['low'\] is 'x'"),
            ([np.nan], "at is nan"),
            (3, "at=3 must be numbers"),
        ):
            with pytest.raises(UsageError, match=words):
                moderation("homework ~ behaviour * alliance", data, at=wrong)

    def test_slope_at_code_zero_is_the_slope_of_that_group(self, data):
        coded = data.assign(boy=(np.arange(len(data)) % 2).astype(float))
        slopes = moderation("homework ~ behaviour * boy", coded).slopes.set_index("at")["estimate"]
        for code in (0, 1):
            group = coded[coded["boy"] == code]
            alone = np.polyfit(group["behaviour"], group["homework"], 1)[0]
            assert slopes[str(code)] == pytest.approx(alone)

    def test_a_code_has_no_regions(self, data):
        coded = data.assign(boy=(np.arange(len(data)) % 2).astype(float))
        result = moderation("homework ~ behaviour * boy", coded)
        assert len(result.johnson_neyman) == len(result.roots) == 0
        assert "boy has two values" in result.note_texts()[2]

    def test_beyond_the_observed_range_is_marked(self):
        rng = np.random.default_rng(2)
        resistance = np.r_[np.full(30, 6.0), 7, 8, 9, 14, 20, 25]
        frame = pd.DataFrame({"ir": resistance, "x": rng.normal(size=36), "y": rng.normal(size=36)})
        result = moderation("y ~ x * ir", frame)
        observed = result.slopes.set_index("at")["observed"]
        assert not observed["mean − SD"]
        assert observed["16th and 50th percentile"]
        assert "84th percentile" in result.slopes["at"].tolist()
        assert any("No ir was observed as far out as mean − SD" in text for text in result.note_texts())

    def test_interaction_p_value_does_not_depend_on_centring(self, data):
        raw = data.assign(product=data["behaviour"] * data["alliance"])
        plain = by_term(moderation("homework ~ behaviour + alliance + product", raw).frame)
        ours = by_term(moderation("homework ~ behaviour * alliance", data).frame)
        assert ours.loc["behaviour:alliance", "p_value"] == pytest.approx(plain.loc["product", "p_value"], rel=1e-8)

    def test_without_interaction_there_are_no_conditional_slopes(self, data):
        result = moderation("homework ~ behaviour + alliance", data)
        for table in (result.slopes, result.johnson_neyman, result.roots, result.lines, result.slope_band):
            assert len(table) == 0
            assert len(table.columns) > 3
        assert "delta_r_squared" not in result.design
        assert result.spec["moderator"] is None
        X = np.column_stack([np.ones(len(data)), data["behaviour"], data["alliance"]])
        np.testing.assert_allclose(result.frame["estimate"], np.linalg.lstsq(X, data["homework"], rcond=None)[0])

    def test_lost_rows_are_named(self, data):
        holes = data.assign(patient=[f"P{i:03d}" for i in range(len(data))])
        holes.loc[4, "behaviour"] = np.nan
        holes.loc[7, ["alliance", "homework"]] = np.nan
        result = moderation("homework ~ behaviour * alliance", holes)
        assert result.design["dropped"] == [
            {"patient": "P004", "reason": "behaviour is missing"},
            {"patient": "P007", "reason": "homework and alliance are missing"},
        ]
        assert result.design["n_rows"] == len(data) - 2
        assert "P004" not in result.diagnostics["row"].tolist()

    def test_category_has_no_beta_z(self, data):
        named = data.assign(site=np.where(np.arange(len(data)) % 3 == 0, "A", "B"))
        result = moderation("homework ~ behaviour * alliance + site", named)
        assert result.frame["beta_z"].isna().all()
        assert any(note.kind == "no_beta_of_z_scores" for note in result.notes)
        assert "site[T.B]" in result.frame["term"].tolist()

    def test_row_with_leverage_one(self, data):
        alone = data.assign(only=(np.arange(len(data)) == 5).astype(float))
        result = moderation("homework ~ behaviour + only", alone)
        assert np.isnan(result.diagnostics["cooks_d"].iloc[5])
        assert result.robust["std_error"].isna().all()
        assert any(note.kind == "leverage_one" for note in result.notes)


class TestRefusals:
    @pytest.mark.parametrize(
        ("formula", "error", "message"),
        [
            ("homework ~ behaviour * alliances", FormulaError, "'alliances' is no column"),
            ("homework ~ behaviour * alliance * age", UsageError, "allowed: one, of two variables"),
            ("homework ~ behaviour * alliance + age:alliance", UsageError, "allowed: one"),
            ("homework ~ behaviour * site", UsageError, "numeric columns, found 'site'"),
            ("homework ~ alliance + behaviour:alliance", UsageError, "stands without 'behaviour'"),
            ("behaviour + alliance", FormulaError, "needs one '~' with a response"),
            ("homework ~ np.log(behaviour - 4)", ContractError, "the logarithm of 0"),
            ("homework ~ behaviour + infinite", ContractError, r"'infinite' has 1 infinite values \(row 2\)"),
            ("homework ~ behaviour +", FormulaError, "cannot be read"),
            ("homework ~ behaviour + constant", NotEstimable, "'constant' is constant"),
            ("double ~ behaviour", NotEstimable, "fits all 120 rows exactly"),
            ("constant ~ behaviour", NotEstimable, "the same in all 120 rows"),
        ],
    )
    def test_each_says_what_is_wrong(self, data, formula, error, message):
        frame = data.assign(site="A", constant=1.0, double=2 * data["behaviour"])
        frame.loc[::2, "site"] = "B"
        frame["infinite"] = np.where(frame.index == 2, np.inf, frame["age"])
        with pytest.raises(error, match=message):
            moderation(formula, frame)

    def test_more_coefficients_than_rows(self, data):
        with pytest.raises(NotEstimable, match="4 complete rows for 4 coefficients"):
            moderation("homework ~ behaviour * alliance", data.head(4))

    def test_options(self, data):
        with pytest.raises(UsageError, match="HC0, HC1, HC2, HC3"):
            moderation("homework ~ behaviour", data, robust="HC4")


class TestFitModeration:
    @pytest.fixture
    def model(self):
        return ModerationModel(
            name="rationale", title="Rationale", outcome="homework", predictor="behaviour", moderator="alliance",
            covariates=("age",), subset="age >= 20",
        )  # fmt: skip

    def test_same_as_the_formula_on_the_subset(self, model, data):
        result = fit_moderation(model, data)
        kept = data[data["age"] >= 20]
        assert 0 < len(kept) < len(data)
        expected = moderation("homework ~ behaviour * alliance + age", kept)
        pd.testing.assert_frame_equal(result.frame, expected.frame)
        assert result.spec["subset"] == "age >= 20"
        assert result.spec["title"] == "Rationale"
        assert result.note_texts()[0] == f"Only rows with age >= 20: {len(kept)} of {len(data)}."
        assert len(result.design["outside_subset"]) == len(data) - len(kept)
        assert result.design["n_frame"] == len(data)

    def test_without_moderator(self, model, data):
        plain = model.model_copy(update={"moderator": None, "subset": None})
        assert fit_moderation(plain, data).spec["formula"] == "homework ~ behaviour + age"

    @pytest.mark.parametrize(
        ("subset", "message"),
        [
            ("agee > 3", "cannot be read"),
            ("age >", "cannot be read"),
            ("age + 1", "no condition"),
            ("age > 99", "no row"),
        ],
    )
    def test_wrong_subsets(self, model, data, subset, message):
        with pytest.raises(UsageError, match=message):
            fit_moderation(model.model_copy(update={"subset": subset}), data)

    def test_unknown_variable(self, model, data):
        with pytest.raises(UsageError, match=r"model 'rationale': there is no column 'alliance'"):
            fit_moderation(model, data.drop(columns="alliance"))


class TestShown:
    def test_tables_counts_and_rows(self, data):
        result = moderation("homework ~ behaviour * alliance", data.assign(age=data["age"].where(data.index > 4)))
        assert [table.name for table in result.tables()] == ["coefficients", "simple_slopes", "johnson_neyman"]
        assert result.counted().startswith("120 rows; R² = .32, F(3, 116) = ")
        assert max(map(len, str(result).splitlines())) <= 100
        assert result.rows.equals(data.index)

    def test_without_interaction_one_table_and_no_picture(self, data):
        result = moderation("homework ~ behaviour", data)
        assert [table.name for table in result.tables()] == ["coefficients"]
        with pytest.raises(UsageError, match="no interaction to draw"):
            result.plot()

    def test_the_picture_has_the_rows_and_a_line_per_point(self, data):
        axes = moderation("homework ~ behaviour * alliance", data, at={"low": 3.0, "high": 5.0}).plot()
        assert [line.get_label() for line in axes.lines[1:]] == ["3.00 (low)", "5.00 (high)"]
        assert axes.get_legend().get_title().get_text() == "alliance"
        assert axes.lines[1].get_xdata().tolist() == [data["behaviour"].min(), data["behaviour"].max()]

    def test_a_subset_by_the_formula_door(self, data):
        result = moderation("homework ~ behaviour", data, subset="age >= 20")
        kept = data[data["age"] >= 20]
        assert result.rows.equals(kept.index)
        assert result.notes[0].numbers == {"subset": "age >= 20", "n_kept": len(kept), "n_frame": len(data)}
        with pytest.raises(UsageError, match=r"moderation 'homework ~ behaviour': the subset 'age > 99' leaves no row"):
            moderation("homework ~ behaviour", data, subset="age > 99")


class TestGroupAnova:
    def test_against_r(self):
        reference = json.loads((REFERENCE / "descriptives.json").read_text())["anova_sleep"]
        result = group_anova(pd.read_csv(REFERENCE / "sleepstudy.csv"), "Reaction", "Subject")
        assert result.frame["sum_sq"].tolist() == pytest.approx(reference["ss"], rel=1e-10)
        assert result.frame["df"].tolist() == reference["df"]
        assert result.frame["statistic"][0] == pytest.approx(reference["F"], rel=1e-10)
        assert result.frame["p_value"][0] == pytest.approx(reference["p"], rel=1e-8)
        assert result.groups["n"].tolist() == [10] * 18

    def test_effect_sizes_by_hand(self):
        frame = pd.DataFrame({"therapist": list("AABBC"), "y": [1.0, 2.0, 3.0, 4.0, 2.5]})
        result = group_anova(frame, "y", "therapist")
        # group means 1.5 3.5 2.5, grand mean 2.5: SS_between = 4, SS_within = 1, MS_within = .5
        row = result.frame.iloc[0]
        assert (row["sum_sq"], row["statistic"]) == pytest.approx((4, 4))
        assert (row["eta_squared"], row["omega_squared"]) == pytest.approx((4 / 5, (4 - 2 * 0.5) / 5.5))
        assert any("C: one row only" in text for text in result.note_texts())

    def test_lost_rows_and_refusals(self):
        frame = pd.DataFrame(
            {"patient": list("PQRST"), "therapist": ["A", "A", "B", "B", None], "y": [1.0, 2, 3, np.nan, 5]}
        )
        result = group_anova(frame, "y", "therapist")
        assert [row["patient"] for row in result.design["dropped"]] == ["S", "T"]
        with pytest.raises(NotEstimable, match="at least two groups"):
            group_anova(frame.head(2), "y", "therapist")
        with pytest.raises(NotEstimable, match="do not vary within"):
            group_anova(frame.assign(y=[1.0, 1, 2, 2, 3]), "y", "therapist")
        with pytest.raises(ContractError, match="must hold numbers"):
            group_anova(frame, "therapist", "patient")
