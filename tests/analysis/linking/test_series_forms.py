"""The forms of a series against lmerTest and nlme (reference/series_forms.R), and planted truths."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from doublecode.analysis import fit_mixed, fit_series
from doublecode.analysis.linking.series_hypotheses import SlopeQuestion
from doublecode.schemas.errors import FormulaError, UsageError

REFERENCE = Path(__file__).parents[2] / "reference"
STEPS = ("homework ~ session + (1 | patient)", "homework ~ session + behaviour + (1 | patient)")
ESTIMATES = ["estimate", "std_error", "df", "statistic", "p_value", "conf_low", "conf_high"]


@pytest.fixture(scope="module")
def data():
    return pd.read_csv(REFERENCE / "hw229_a.csv").assign(late=lambda d: np.where(d["session"] > 4, "late", "early"))


@pytest.fixture(scope="module")
def reference():
    return json.loads((REFERENCE / "series_forms.json").read_text())


class TestSlopes:
    def test_contextual_effect_is_the_coefficient_of_the_mean_beside_the_raw_predictor(self, data, reference):
        row = fit_series(STEPS, data, split=["behaviour"]).hypotheses.iloc[0]
        assert (row["question"], row["label"]) == (SlopeQuestion.CONTEXTUAL, "2 within/between")
        assert row[ESTIMATES[:5]].tolist() == pytest.approx(list(reference["contextual"].values()), rel=1e-6)
        assert row[ESTIMATES].tolist() == pytest.approx(list(reference["contextual_split"].values()), rel=1e-6)

    @pytest.mark.parametrize("question", [SlopeQuestion.WITHIN, SlopeQuestion.BETWEEN])
    def test_difference_of_two_predictors(self, data, reference, question):
        steps = [*STEPS, "homework ~ session + behaviour + alliance + (1 | patient)"]
        pair = ("behaviour", "alliance")
        found = fit_series(steps, data, split=pair, differences=[pair])
        rows = found.hypotheses[found.hypotheses["question"] == question]
        assert rows["label"].tolist() == ["3 within/between"]
        wanted = reference["within" if question is SlopeQuestion.WITHIN else "between"]
        assert rows.iloc[0][ESTIMATES].tolist() == pytest.approx(list(wanted.values()), rel=1e-6)

    def test_difference_without_a_split(self, data):
        steps = ["homework ~ behaviour + alliance + (1 | patient)"]
        row = fit_series(steps, data, differences=[("behaviour", "alliance")]).hypotheses.iloc[0]
        direct = fit_mixed(steps[0], data).contrast({"behaviour": 1, "alliance": -1}).iloc[0]
        assert row["question"] is SlopeQuestion.UNSPLIT
        assert row[ESTIMATES].tolist() == pytest.approx(direct[ESTIMATES].tolist(), rel=1e-12)

    def test_nothing_to_compare(self, data):
        found = fit_series(STEPS, data)
        assert found.hypotheses.empty
        assert [table.name for table in found.tables()] == ["comparison", "fixed", "variances"]


class TestProducts:
    def test_double_centred_product(self, data, reference):
        found = fit_series(["homework ~ behaviour * alliance + (1 | patient)"], data, split=["behaviour", "alliance"])
        fit = found.model(1, declared=False).result
        row = fit.fixed.set_index("term").loc["behaviour_by_alliance_within"]
        assert row[ESTIMATES[:5]].tolist() == pytest.approx(list(reference["product"].values()), rel=1e-6)
        assert fit.loglik == pytest.approx(reference["product_logLik"], abs=1e-7)
        assert any("Giesselmann" in note for note in found.note_texts())

    def test_a_product_of_deviations_takes_in_what_differs_between_patients(self):
        """Planted: no product within patients; patients whose x and z go together stand higher."""
        rng = np.random.default_rng(20221)
        n, m = 600, 4
        together = rng.uniform(-0.9, 0.9, n)
        x = rng.normal(size=(n, m))
        z = together[:, None] * x + np.sqrt(1 - together[:, None] ** 2) * rng.normal(size=(n, m))
        y = 2 * together[:, None] + rng.normal(size=(n, m)) + 0.3 * rng.normal(size=(n, 1))
        data = pd.DataFrame({"patient": np.repeat(np.arange(n), m), "x": x.ravel(), "z": z.ravel(), "y": y.ravel()})
        found = fit_series(["y ~ x * z + (1 | patient)"], data, split=["x", "z"])
        right = found.model(1, declared=False).result.fixed.set_index("term").loc["x_by_z_within"]
        split = found.model(1, declared=False).result.model.frame
        naive = fit_mixed("y ~ x_within * z_within + (1 | patient)", split).fixed.set_index("term")
        assert abs(right["estimate"]) < 2 * right["std_error"]
        assert naive.loc["x_within:z_within", "statistic"] > 3

    def test_a_factor_that_is_not_split_is_said(self, data):
        found = fit_series(["homework ~ session * behaviour + (1 | patient)"], data, split=["behaviour"])
        assert any("behaviour × session: session varies within patients" in note for note in found.note_texts())
        both = fit_series(["homework ~ session * behaviour + (1 | patient)"], data, split=["behaviour", "session"])
        assert "behaviour_by_session_within" in both.model(1, declared=False).result.model.x_names
        assert not any("is not split, so that this product" in note for note in both.note_texts())


class TestResiduals:
    def test_first_order_autoregression(self, data, reference):
        found = fit_series(STEPS, data, split=["behaviour"], intercept_at=1, correlation="ar1(session | patient)")
        wanted, model = reference["ar1"], found.model(2, declared=False)
        assert model.result.fixed["estimate"].tolist() == pytest.approx(list(wanted["fixed"].values()), abs=1e-5)
        row = found.residuals[found.residuals["label"] == "2 within/between"].iloc[0]
        assert (row["estimate"], row["chi2"]) == pytest.approx((wanted["phi"], wanted["chisq"]), abs=1e-4)
        assert (row["df"], row["p_value"]) == pytest.approx((1, wanted["p"]), abs=1e-4)
        assert model.plain.loglik == pytest.approx(wanted["plain"], abs=1e-6)

    def test_variances_by_level(self, data, reference):
        found = fit_series(STEPS, data, split=["behaviour"], intercept_at=1, variance_by="late")
        rows = found.residuals[found.residuals["label"] == "2 within/between"].set_index("level")
        wanted = reference["late"]
        ratio = rows.loc["late", "estimate"] / rows.loc["early", "estimate"]
        assert (ratio, rows["chi2"].iloc[0]) == pytest.approx((wanted["ratio"], wanted["chisq"]), abs=1e-4)
        assert found.frame["k"].tolist() == [5, 6, 7]

    def test_rows_without_the_level_are_lost_in_all_models(self, data):
        gaps = data.assign(late=data["late"].where(data.index > 2))
        found = fit_series(STEPS, gaps, variance_by="late")
        assert found.design["n_rows"] == len(data) - 3
        assert found.design["lost"][0]["reason"] == "late is missing"

    def test_unreadable(self, data):
        with pytest.raises(FormulaError, match="ar1"):
            fit_series(STEPS, data, correlation="ar2(session | patient)")
        with pytest.raises(UsageError, match="no column 'clinic'"):
            fit_series(STEPS, data, variance_by="clinic")


class TestTime:
    @pytest.mark.parametrize(
        "time", ["log(session)", "bs(session, df=3)", "ns(session, df=2)", "late", "C(session)", "poly(session, 2)"]
    )
    def test_of_any_form(self, data, time):
        found = fit_series([f"homework ~ {time} + behaviour + (1 | patient)"], data, split=["behaviour"])
        assert found.frame["remark"].tolist() == ["", ""]
        assert len(found.hypotheses) == 1


class TestLimits:
    def test_profile_and_bootstrap(self, data):
        profile = fit_series(STEPS[:1], data, interval="profile")
        direct = fit_mixed(STEPS[0], data).confint("profile")
        assert profile.limits[["conf_low", "conf_high"]].to_numpy() == pytest.approx(
            direct[["conf_low", "conf_high"]].to_numpy(), rel=1e-8
        )
        assert "limits" in [table.name for table in profile.tables()]
        drawn = [fit_series(STEPS[:1], data, interval="bootstrap", seed=7).limits for _ in range(2)]
        pd.testing.assert_frame_equal(*drawn)

    def test_wald_stands_in_the_coefficients_already(self, data):
        found = fit_series(STEPS[:1], data)
        assert "limits" not in [table.name for table in found.tables()]
        assert set(found.limits["parameter"]) == {"fixed", "sd"}


class TestReproduction:
    STEPS = (
        "symptom ~ session + (1 | patient)",
        "symptom ~ session + homework + (1 | patient)",
        "symptom ~ session + homework + (session | patient)",
        "symptom ~ session + homework + behaviour + (session | patient)",
    )

    def test_parameters_and_ratios_as_papers_print_them(self, data):
        found = fit_series(self.STEPS, data, reproduces="A paper (2021)")
        printed = found.printed
        assert printed["k"].tolist() == [4, 5, 7, 8]
        ratio = 2 * (printed["loglik"].iloc[1] - printed["loglik"].iloc[0])
        assert printed["chi2"].iloc[1] == pytest.approx(max(ratio, 0.0))
        assert "session" in found.model(1).result.model.x_names  # uncentred
        assert found.tables()[-1].title == "Labelled reproduction: A paper (2021)"
        assert found.note_texts()[0].startswith("Labelled reproduction of A paper (2021)")

    def test_the_papers_own_numbers_add_up(self):
        """Printed: −451.37, −448.05 with k = 4, 5 (AIC 910.74, 906.10) and −444.69, −444.24 with k = 7, 8."""
        for loglik, k, aic in ((-451.37, 4, 910.74), (-448.05, 5, 906.10), (-444.69, 7, 903.4), (-444.24, 8, 904.5)):
            assert -2 * loglik + 2 * k == pytest.approx(aic, abs=0.05)
