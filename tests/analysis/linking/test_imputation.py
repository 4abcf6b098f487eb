"""Multilevel multiple imputation: R's pan and mitml (reference/imputation.R), and what is refused."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from doublecode.analysis import fit_mixed, impute, pool_imputed, within_between
from doublecode.analysis.linking.imputation_pooling import rubin
from doublecode.analysis.linking.imputation_sampler import split_r_hat
from doublecode.schemas.errors import NotEstimable, UsageError

REFERENCE = Path(__file__).parents[2] / "reference"
MODEL = "y ~ session + x_within + x_between + z_within + z_between + (1 | patient)"


@pytest.fixture(scope="module")
def reference():
    return json.loads((REFERENCE / "imputation.json").read_text())


@pytest.fixture(scope="module")
def data():
    return pd.read_csv(REFERENCE / "imputation.csv")


@pytest.fixture(scope="module")
def imputed(data):
    return impute(data, ["y", "x", "z"], m=60, burn_in=200, thin=15, seed=1)


@pytest.mark.parametrize("key", ["rules", "rules_without_df"])
def test_rubin_is_mitml(reference, key):
    estimates, variances = np.array(reference["qhat"]), np.array(reference["uhat"])
    df = reference["df_com"] if key == "rules" else np.inf
    found = rubin(estimates, np.sqrt(variances), np.full(estimates.shape, df))
    wanted = pd.DataFrame(reference[key])
    for name in ("estimate", "std_error", "statistic", "df", "riv", "fmi"):
        assert found[name].to_numpy() == pytest.approx(wanted[name].to_numpy(), rel=1e-8), name
    assert found["p_value"].to_numpy() == pytest.approx(wanted["p_value"].to_numpy(), abs=1e-8)
    assert found["mc_error"].to_numpy() == pytest.approx(estimates.std(axis=0, ddof=1) / np.sqrt(len(estimates)))
    assert found["efficiency"].to_numpy() == pytest.approx(1 / (1 + wanted["fmi"].to_numpy() / len(estimates)))


def test_without_differences_between_imputations_the_df_are_those_of_complete_data():
    found = rubin(np.full((4, 1), 2.0), np.full((4, 1), 0.5), np.full((4, 1), 20.0)).iloc[0]
    assert found["df"] == pytest.approx(21 / 23 * 20)
    assert found["fmi"] == pytest.approx(2 / (found["df"] + 3))
    assert found["std_error"] == pytest.approx(0.5)


def test_pooled_estimates_are_those_of_pan(reference, data, imputed):
    """Both drawn: within four of their joint Monte-Carlo errors; standard errors within a twelfth."""
    kept = data["y"].notna()
    fits = [fit_mixed(MODEL, within_between(one[kept], ["x", "z"]), ddf="satterthwaite") for one in imputed.frames]
    found, wanted = pool_imputed(fits).frame, pd.DataFrame(reference["pooled"])
    away = (found["estimate"] - wanted["estimate"]) / np.hypot(found["mc_error"], reference["mc_error"])
    assert away.abs().max() < 4
    assert (found["std_error"] / wanted["std_error"] - 1).abs().max() < 1 / 12
    listwise = fit_mixed(MODEL, within_between(data.dropna(), ["x", "z"])).fixed
    assert ((listwise["estimate"] - wanted["estimate"]).abs() / reference["mc_error"]).max() > 20


def test_observed_values_stay_and_empty_cells_are_filled(data, imputed):
    assert imputed.frame["n_missing"].tolist() == data[["y", "x", "z"]].isna().sum().tolist()
    first, second = imputed.frames[:2]
    for name in ("y", "x", "z"):
        there = data[name].notna()
        assert first.loc[there, name].tolist() == data.loc[there, name].tolist()
        assert first[name].notna().all()
        assert (first.loc[~there, name] != second.loc[~there, name]).all()
    assert data["x"].isna().sum() == 60


def test_chains_agree_and_say_so(imputed):
    assert imputed.frame["r_hat"].max() < 1.05
    assert [note.kind for note in imputed.notes] == ["imputed_at_random"]
    within = imputed.convergence.query("parameter == 'within' and variable == 'x' and `with` == 'x'")["mean"].item()
    between = imputed.convergence.query("parameter == 'between' and variable == 'x' and `with` == 'x'")["mean"].item()
    assert (within, between) == pytest.approx((1.03, 0.34), abs=0.08)
    apart = np.concatenate([np.random.default_rng(1).standard_normal((200, 1, 1)) + k for k in (0, 3)], axis=1)
    assert split_r_hat(apart).item() > 1.5


def test_a_slow_chain_is_noted(data):
    found = impute(data, ["y", "x", "z"], m=2, burn_in=1, thin=20, seed=3)
    assert "imputation_not_converged" in [note.kind for note in found.notes]
    assert "raise burn_in" in str(found).replace("\n  ", " ")


def test_the_same_seed_gives_the_same_draws_whatever_the_order_of_rows(data):
    once = impute(data, ["y", "x"], m=2, burn_in=5, thin=20, seed=9).frames[0]
    shuffled = data.sort_values(["session", "patient"], kind="stable")
    again = impute(data, ["y", "x"], m=2, burn_in=5, thin=20, seed=9).frames[0]
    pd.testing.assert_frame_equal(once, again)
    other = impute(shuffled, ["y", "x"], m=2, burn_in=5, thin=20, seed=9).frames[0]
    assert other.index.equals(shuffled.index)
    assert (other["x"].notna()).all()


def test_cells_that_hold_na_are_filled_as_those_that_hold_nan(data):
    few = {"m": 2, "burn_in": 5, "thin": 20}
    whole = impute(data, ["y", "x"], **few).frames[1]
    nullable = impute(data.convert_dtypes().astype({"patient": "category"}), ["y", "x"], **few).frames[1]
    assert nullable["x"].astype(float).tolist() == pytest.approx(whole["x"].tolist())


def test_patients_may_have_slopes_of_time_and_covariates(data):
    women = data.assign(gender=np.where(data["patient"] < "P21", "female", "male"))
    found = impute(women, ["y", "x"], covariates=["gender"], slopes=["session"], m=2, burn_in=20, thin=20)
    between = found.convergence[found.convergence["parameter"].str.startswith("between")]
    assert between["parameter"].value_counts().to_dict() == {
        "between": 3, "between, slope of session": 7
    }  # fmt: skip
    assert "gender=male" in set(found.convergence["with"])


def test_single_level_imputation_is_refused_with_the_reason(data):
    with pytest.raises(UsageError, match=r"300 of 300 rows .*share between patients.*groups='patient'"):
        impute(data, ["y", "x"], groups=None)
    with pytest.raises(UsageError, match="nested in patients"):
        impute(data.drop_duplicates("patient"), ["y", "x"], groups=None)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"variables": ["y"]}, "fewer than two variables"),
        ({"variables": "y"}, "fewer than two variables"),
        ({"time": "day"}, "no column 'day'"),
        ({"variables": ["y", "x", "x"]}, "'x' is named twice"),
        ({"variables": ["y", "age"]}, "does not vary within any patient"),
        ({"variables": ["y", "who"]}, "must hold numbers"),
        ({"variables": ["full", "other"]}, "nothing is missing"),
        ({"covariates": ["x"], "variables": ["y", "z"]}, "'x' is empty in 60 rows"),
        ({"slopes": ["who"]}, "slopes: 'who'"),
        ({"m": 1}, "m is 1"),
        ({"m": 2, "thin": 5}, "5 draws of each chain .* Raise thin"),
        ({"chains": True}, "chains is True"),
        ({"variables": ["y", "nothing"]}, "no column 'nothing'"),
    ],
)
def test_what_cannot_be_imputed_is_refused(data, change, said):
    given = data.assign(age=data["patient"].str[1:].astype(float), who=data["patient"], full=1.0 * data.index)
    given = given.assign(other=given["full"] ** 2)
    with pytest.raises(UsageError, match=said):
        impute(given, **({"variables": ["y", "x"]} | change))


def test_too_few_patients_for_the_model(data):
    few = data[data["patient"] < "P04"]
    with pytest.raises(NotEstimable, match="3 patients for 3 patient effects"):
        impute(few, ["y", "x", "z"])


def test_fits_of_different_terms_are_not_pooled():
    table = pd.DataFrame({"term": ["a"], "estimate": 1.0, "std_error": 1.0, "df": 9.0})
    assert pool_imputed([table, table]).frame["term"].tolist() == ["a"]
    with pytest.raises(UsageError, match="fit 2 has the terms b"):
        pool_imputed([table, table.assign(term="b")])
    with pytest.raises(UsageError, match="no column 'df'"):
        pool_imputed([table, table.drop(columns="df")])
    with pytest.raises(UsageError, match="two or more"):
        pool_imputed([table])
