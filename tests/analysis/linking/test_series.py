"""Model series against lme4 (lmm.json), and the rules of comparison."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from doublecode.analysis.linking.series import fit_series
from doublecode.analysis.linking.series_fits import refuse_unequal_rows
from doublecode.analysis.mixed.formula import parse_formula
from doublecode.analysis.results.states import FitState
from doublecode.schemas.errors import FormulaError, NotEstimable, UsageError

REFERENCE = Path(__file__).parents[2] / "reference"
STEPS = (
    "homework ~ 1 + (1 | patient)",
    "homework ~ behaviour + sess_c + (1 | patient)",
    "homework ~ behaviour + sess_c + (sess_c | patient)",
)


def fit(data, *steps, split=("behaviour",)):
    return fit_series(steps, data, split=split, name="homework", title="Homework")


@pytest.fixture(scope="module")
def data():
    return pd.read_csv(REFERENCE / "hw229_a.csv")


@pytest.fixture(scope="module")
def lmm():
    return json.loads((REFERENCE / "lmm.json").read_text())


@pytest.fixture(scope="module")
def result(data):
    return fit(data, *STEPS)


class TestAgainstLme4:
    @pytest.mark.parametrize(("step", "name"), [(1, "hw229_a_null"), (2, "hw229_a_RI"), (3, "hw229_a_RIS")])
    def test_split_models(self, result, lmm, step, name):
        # The reference enters the centred patient mean and the deviation from it by hand.
        row = result.frame[(result.frame["step"] == step) & (result.frame["declared"] == (step == 1))].iloc[0]
        reml, ml = lmm[name]["REML"], lmm[name]["ML"]
        assert row["loglik"] == pytest.approx(reml["logLik"], abs=1e-7)
        assert row["loglik_ml"] == pytest.approx(ml["logLik"], abs=1e-7)
        assert row["k"] == reml["npar"]
        assert (row["aic"], row["bic"]) == pytest.approx((reml["AIC"], reml["BIC"]), abs=1e-6)
        assert (row["aic_ml"], row["bic_ml"]) == pytest.approx((ml["AIC"], ml["BIC"]), abs=1e-6)

    @pytest.mark.parametrize(("step", "name"), [(2, "hw229_a_RI"), (3, "hw229_a_RIS")])
    def test_slopes_within_and_between(self, result, lmm, step, name):
        fixed = lmm[name]["REML"]["fixef"]
        table = result.model(step, declared=False).result.fixed.set_index("term")
        # 1e-6 relative: the fixed effects at two optima, both sharpened
        assert table.loc["behaviour_within", "estimate"] == pytest.approx(fixed["beh_cw"], rel=1e-6)
        assert table.loc["behaviour_between", "estimate"] == pytest.approx(fixed["beh_pm"], rel=1e-6)

    def test_likelihood_ratio(self, result, lmm):
        row = result.frame[result.frame["label"] == "3 within/between"].iloc[0]
        reference = lmm["hw229_a_LRT"]
        assert row["compared_with"] == "2 within/between"
        assert (row["chi2"], row["df"]) == pytest.approx((reference["chisq"], reference["df"]), abs=1e-6)
        assert row["p_value"] == pytest.approx(reference["p"], abs=1e-6)
        assert row["reference"] == "chi2(2)"


class TestComparison:
    def test_labels_and_order(self, result):
        assert result.frame["label"].tolist() == [
            "1 as declared",
            "2 as declared (conflated)",
            "2 within/between",
            "3 as declared (conflated)",
            "3 within/between",
        ]
        assert result.frame["compared_with"].tolist() == [
            "", "1 as declared", "1 as declared", "2 as declared (conflated)", "2 within/between",
        ]  # fmt: skip
        assert any("adds random effects" in note and "'3 within/between'" in note for note in result.note_texts())

    def test_likelihood_ratio_is_twice_the_difference_of_ml(self, result):
        table = result.frame.set_index("label")
        for label, other in table["compared_with"].items():
            if other:
                chi2 = 2 * (table.loc[label, "loglik_ml"] - table.loc[other, "loglik_ml"])
                assert table.loc[label, "chi2"] == pytest.approx(chi2, abs=1e-9)
                assert table.loc[label, "df"] == table.loc[label, "k"] - table.loc[other, "k"]

    def test_not_nested_is_said(self, data):
        swapped = fit(data, "homework ~ alliance + (1 | patient)", "homework ~ sess_c + hw_done + (1 | patient)")
        assert swapped.frame["chi2"].isna().all()
        assert any(
            "'2 as declared' is not compared with '1 as declared': it does not contain" in n
            for n in swapped.note_texts()
        )

    def test_same_size_is_said(self, data):
        again = fit(data, STEPS[0], STEPS[0])
        assert any("both have as many parameters" in note for note in again.note_texts())

    def test_gathered_tables(self, result):
        assert set(result.coefficients["label"]) == set(result.frame["label"])
        assert {"term", "estimate", "std_error", "df", "p_value"} <= set(result.coefficients.columns)
        assert (result.variances.groupby("label").size() == [2, 2, 2, 3, 3]).all()
        with pytest.raises(UsageError, match="no such model"):
            result.model(1, declared=False)

    def test_contextual_effect(self, result, data):
        # With a random intercept only, the test asks whether the patient mean adds to the raw predictor.
        contextual = result.contextual.set_index("step")
        table = result.frame.set_index("label")["loglik_ml"]
        for step in (2, 3):
            chi2 = 2 * (table[f"{step} within/between"] - table[f"{step} as declared (conflated)"])
            assert contextual.loc[step, "chi2"] == pytest.approx(chi2, abs=1e-9)
            assert contextual.loc[step, "df"] == 1

    def test_share_between_patients(self, result):
        row = result.shares.iloc[0]
        between, within = result.model(1).result.variances["variance"]
        assert row["adjusted"] == pytest.approx(between / (between + within))
        assert row["adjusted"] == row["unadjusted"]
        assert len(result.shares) == len(result.models)

    def test_share_does_not_move_with_the_unit_of_time(self, data):
        shares = []
        for unit in (1, 7):
            found = fit(data.assign(time=unit * data["session"]), "homework ~ 1 + (time | patient)", split=())
            model, share = found.share_between
            shares.append(share)
            parts = model.result.variances["variance"]
            Z, V = model.result.model.terms[0].Z, np.zeros((2, 2))
            V[np.diag_indices(2)] = parts[:2]
            V[0, 1] = V[1, 0] = model.result.variances["corr"].iloc[1] * np.sqrt(parts.iloc[0] * parts.iloc[1])
            random = np.mean([z @ V @ z for z in Z])  # Johnson (2014)
            assert share == pytest.approx(random / (random + parts.iloc[2]), rel=1e-10)
        assert shares[0] == pytest.approx(shares[1], rel=1e-6)  # two searches for one optimum

    def test_without_an_unconditional_model_there_is_no_share(self, data):
        assert fit(data, "homework ~ session + (1 | patient)", split=()).share_between is None


class TestFormulas:
    def test_labels_from_a_mapping(self, data):
        found = fit_series({"null": STEPS[0], "behaviour": STEPS[1]}, data, split=("behaviour",))
        assert found.frame["label"].tolist() == [
            "null as declared", "behaviour as declared (conflated)", "behaviour within/between",
        ]  # fmt: skip
        assert found.frame["step"].tolist() == [1, 2, 2]

    def test_one_formula_and_a_parsed_one(self, data):
        read = parse_formula(STEPS[0])
        one, same = fit_series(STEPS[0], data), fit_series([read], data)
        assert one.frame.equals(same.frame)
        assert same.models[0].formula is read
        with pytest.raises(UsageError, match="give at least one"):
            fit_series([], data)

    def test_it_prints_and_knows_its_rows(self, result, data):
        assert result.rows.equals(data.index)
        text = str(result)
        assert all(len(line) <= 100 for line in text.splitlines())
        assert "3 within/between" in text
        assert f"{len(data)} of {len(data)} rows, of 22 patients, in all models" in text
        assert "<table" in result._repr_html_()

    def test_states_are_facts(self, result, data):
        assert {one.state for one in result.models} <= {FitState.CONVERGED, FitState.SINGULAR}
        refused = fit(data, "homework ~ session + sess_c + (1 | patient)", split=()).models[0]
        assert (refused.state, refused.note.kind) == (FitState.NOT_ESTIMABLE, "series_not_estimable")
        assert refused.formula.response == "homework"


class TestRows:
    def test_one_common_set_named(self, data):
        holes = data.copy()
        holes.loc[[3, 50], "behaviour"] = np.nan
        holes.loc[7, "alliance"] = np.nan
        steps = ("homework ~ session + (1 | patient)", "homework ~ session + behaviour + alliance + (1 | patient)")
        found = fit(holes, *steps)
        assert (found.frame["nobs"] == len(data) - 3).all()
        assert found.design["n_rows"] == len(data) - 3
        assert found.design["rows"].startswith(
            f"{len(data) - 3} of {len(data)} rows, of 22 patients, that have all of homework"
        )
        assert found.design["lost"][0] == {"patient": "P01", "session": 4, "reason": "behaviour is missing"}
        assert any(note.startswith("alliance: varies within patients and is not split") for note in found.note_texts())

    def test_patient_means_come_from_the_rows_of_the_models(self, data):
        holes = data.copy()
        holes.loc[holes["session"] > 5, "homework"] = np.nan
        found = fit(holes, "homework ~ behaviour + (1 | patient)").model(1, declared=False).result
        means = data[data["session"] <= 5].groupby("patient")["behaviour"].mean()
        centred = sorted(set(np.round(means - means.mean(), 9)))
        assert sorted(set(np.round(found.model.frame["behaviour_between"], 9))) == centred

    def test_models_of_unequal_rows_are_refused(self, data):
        with_log = data.assign(shifted=np.where(data["session"] == 1, np.nan, 1.0))
        full = fit(data, STEPS[0])
        part = fit(with_log[with_log["shifted"].notna()], STEPS[0])
        with pytest.raises(UsageError, match=f"uses {part.design['n_rows']} of the {len(data)} common rows"):
            refuse_unequal_rows([*full.models, *part.models], data)

    def test_no_rows_left(self, data):
        with pytest.raises(NotEstimable, match="no row"):
            fit(data.assign(behaviour=np.nan), STEPS[1])


class TestTrouble:
    def test_not_estimable_is_a_row(self, data):
        steps = (STEPS[0], "homework ~ session + sess_c + (1 | patient)", "homework ~ session + (1 | patient)")
        found = fit(data, *steps)
        row = found.frame.iloc[1]
        assert not row["converged"]
        assert row["remark"].startswith("not estimable")
        assert np.isnan(row["loglik"])
        assert found.frame["converged"].tolist() == [True, False, True]
        assert any("not compared with" in note for note in found.note_texts())

    def test_not_converged_is_a_row(self, data, monkeypatch):
        from doublecode.analysis.mixed.result import MixedResult

        monkeypatch.setattr(MixedResult, "converged", False)
        found = fit(data, *STEPS[:2])
        assert not found.frame["converged"].any()
        assert (found.frame["remark"] == "did not converge (REML and ML)").all()
        assert {one.state for one in found.models} == {FitState.NOT_CONVERGED}
        assert found.frame["loglik"].notna().all()
        assert found.frame["chi2"].isna().all()

    def test_singular_is_named(self):
        flat = pd.read_csv(REFERENCE / "hw229_singular.csv")
        found = fit(flat, "homework ~ beh_cw + sess_c + (sess_c | patient)", split=())
        assert found.frame["singular"].tolist() == [True]
        assert any("Singular" in note and "1 as declared" in note for note in found.note_texts())

    def test_interaction_of_two_split_predictors(self, data):
        found = fit(data, "homework ~ behaviour * alliance + (1 | patient)", split=("behaviour", "alliance"))
        terms = found.model(1, declared=False).result.fixed["term"].tolist()
        assert "behaviour_by_alliance_within" in terms  # centred twice: Giesselmann & Schmidt-Catran (2022)
        assert len(terms) == 9

    def test_function_of_a_split_predictor(self, data):
        found = fit(data, "homework ~ I(behaviour**2) + (1 | patient)")
        assert found.frame["label"].tolist() == ["1 as declared (conflated)"]
        assert any("Step 1: behaviour stands inside a function" in note for note in found.note_texts())

    def test_wrong_declarations_are_errors(self, data):
        with pytest.raises(FormulaError, match="'hw' is no column"):
            fit(data, "hw ~ 1 + (1 | patient)")
        with pytest.raises(UsageError, match="no column 'he'"):
            fit(data, STEPS[0], split=("he",))

    def test_unused_split_is_noted(self, data):
        assert any("stands in no step" in note for note in fit(data, STEPS[0]).note_texts())


def test_time_that_is_declared_is_no_conflated_slope():
    rng = np.random.default_rng(4)
    data = pd.DataFrame({"patient": np.repeat(list("ABCDEFGHIJ"), 5), "session": np.tile(np.arange(1.0, 6), 10)})
    data["weeks"] = 1.1 * data["session"] + np.repeat(rng.uniform(0, 3, 10), 5)
    data["phq"] = 12 - data["weeks"] + np.repeat(rng.normal(0, 3, 10), 5) + rng.normal(0, 1, 50)
    steps = ["phq ~ weeks + (1 | patient)"]
    said, silent = fit_series(steps, data), fit_series(steps, data, times=["weeks"])
    assert [one.conflated for one in said.models] == [("weeks",)]
    assert [one.conflated for one in silent.models] == [()]
    assert not any(note.kind == "series_unsplit" for note in silent.notes)
