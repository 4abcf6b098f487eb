"""fit_mixed against R: every entry of lmm.json (lme4 1.1-31, lmerTest 3.1-3, pbkrtest 0.5.2, performance 0.10.2).

Tolerances are those of the reference's README: logLik 1e-7 absolute; fixed effects and standard
errors 1e-6 relative; variance components 1e-5 relative; degrees of freedom and everything of
Kenward–Roger 1e-4; conditional modes 1e-5. The optima behind the file were sharpened by Newton.
"""

import json
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from doublecode.analysis.mixed import MixedResult, compare, fit_mixed

HERE = Path(__file__).parents[2] / "reference"
REFERENCE = json.loads((HERE / "lmm.json").read_text())
MODELS = [k for k in REFERENCE if not k.startswith("_") and not k.endswith("LRT")]
BOTH = [(name, kind) for name in MODELS for kind in ("REML", "ML")]
METHODS = {"satterthwaite": "satterthwaite", "kenward_roger": "kenward-roger"}


def data_of(name: str) -> pd.DataFrame:
    for file in ("sleepstudy", "Penicillin", "Orthodont", "hw229_a", "hw229_singular"):
        if name.startswith(file):
            return pd.read_csv(HERE / f"{file}.csv")
    raise LookupError(name)


@cache
def fitted(name: str, kind: str, ddf: str = "satterthwaite") -> MixedResult:
    return fit_mixed(REFERENCE[name]["formula"], data_of(name), reml=kind == "REML", ddf=ddf)


def rows(table: dict, column: str) -> np.ndarray:
    return np.array([row[column] for row in table.values()], dtype=float)


@pytest.mark.parametrize(("name", "kind"), BOTH)
def test_likelihood_and_criteria(name, kind):
    ref, fit = REFERENCE[name][kind], fitted(name, kind)
    assert fit.converged
    assert fit.singular == ref["singular"]
    assert fit.n_parameters == ref["npar"]
    assert fit.loglik == pytest.approx(ref["logLik"], abs=1e-7, rel=0)
    assert fit.aic == pytest.approx(ref["AIC"], abs=2e-7, rel=0)
    assert fit.bic == pytest.approx(ref["BIC"], abs=2e-7, rel=0)
    assert fit.fit.deviance == pytest.approx(ref["deviance_or_REMLcrit"], abs=2e-7, rel=0)
    assert fit.loglik >= ref["lmer_default_logLik"] - 1e-7
    assert fit.nobs == REFERENCE[name]["n"]


@pytest.mark.parametrize(("name", "kind"), BOTH)
def test_fixed_effects_and_their_covariance(name, kind):
    ref, fit = REFERENCE[name][kind], fitted(name, kind)
    assert [t.replace("Intercept", "(Intercept)").replace("[T.", "").replace("]", "") for t in fit.fixed.term] == list(
        ref["fixef"]
    )
    # all_c in the interaction model is 2.6e-4 with a standard error of .10: compare on the scale of the SE too
    np.testing.assert_allclose(fit.fixed.estimate, list(ref["fixef"].values()), rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(fit.vcov, ref["vcov"], rtol=2e-6, atol=1e-9)
    np.testing.assert_allclose(fit.fixed.std_error, rows(ref["satterthwaite"], "se"), rtol=1e-6)


@pytest.mark.parametrize(("name", "kind"), BOTH)
def test_variance_components(name, kind):
    ref, fit = REFERENCE[name][kind], fitted(name, kind)
    if ref["singular"]:
        pytest.skip("the reference stopped short of the optimum along the flat direction")
    found = {}
    for v in fit.variances.itertuples():
        found[(v.group, v.term)] = v
    for item in ref["varcomp"]:
        group = item["group"].removesuffix(".1")
        names = [("" if v is None else v.replace("(Intercept)", "Intercept")) for v in (item["var1"], item["var2"])]
        if item["var2"] is None:
            got = found[(group, names[0])]
            assert got.variance == pytest.approx(item["vcov"], rel=1e-5)
            assert got.sd == pytest.approx(item["sdcor"], rel=1e-5)
        else:
            got = found[(group, names[1])]
            assert got.corr == pytest.approx(item["sdcor"], rel=1e-5)
            pair = fit.correlations.iloc[0]
            assert pair.covariance == pytest.approx(item["vcov"], rel=1e-5)
            assert pair["corr"] == pytest.approx(item["sdcor"], rel=1e-5)
    assert fit.sigma == pytest.approx(ref["sigma"], rel=1e-6)
    np.testing.assert_allclose(sorted(fit.theta), sorted(ref["theta"].values()), rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize(("name", "kind"), BOTH)
@pytest.mark.parametrize("method", METHODS)
def test_small_sample_tests(name, kind, method):
    ref = REFERENCE[name][kind]
    if method not in ref:
        pytest.skip("not in the reference: ML or singular")
    fit, table = fitted(name, kind, METHODS[method]), ref[method]
    se = "se" if method == "satterthwaite" else "se_adjusted"
    flat = 5e-5 if ref["singular"] else 0.0
    np.testing.assert_allclose(fit.fixed.std_error, rows(table, se), rtol=1e-4 if "adj" in se else 1e-6)
    np.testing.assert_allclose(fit.fixed.df, rows(table, "df"), atol=1e-4 + flat, rtol=0)
    np.testing.assert_allclose(fit.fixed.statistic, rows(table, "t"), rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(fit.fixed.p_value, rows(table, "p"), rtol=1e-4)


@pytest.mark.parametrize(("name", "kind"), BOTH)
def test_wald_limits(name, kind):
    ref = REFERENCE[name][kind]["wald_ci"]
    table = fitted(name, kind, "z").confint(method="wald")
    table = table[table["parameter"] == "fixed"]
    np.testing.assert_allclose(table.conf_low, rows(ref, "low"), rtol=1e-6)
    np.testing.assert_allclose(table.conf_high, rows(ref, "high"), rtol=1e-6)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize(("key", "ddf"), [("anova_type3_satt", "satterthwaite"), ("anova_type3_KR", "kenward-roger")])
def test_type_three_tests(name, key, ddf):
    ref = REFERENCE[name]["REML"].get(key)
    if not ref:
        pytest.skip("no term beside the intercept, or not in the reference")
    table = fitted(name, "REML", ddf).anova()
    assert list(table.term) == list(ref)
    np.testing.assert_allclose(table.statistic, rows(ref, "F"), rtol=1e-5, atol=1e-9)
    np.testing.assert_allclose(table.df_num, rows(ref, "df_num"))
    np.testing.assert_allclose(table.df_den, rows(ref, "df_den"), atol=1e-4, rtol=0)
    np.testing.assert_allclose(table.p_value, rows(ref, "p"), rtol=1e-4)


@pytest.mark.parametrize("name", MODELS)
def test_conditional_modes_with_sd(name):
    ref = pd.DataFrame(REFERENCE[name]["REML"]["ranef"])
    ref["term"] = ref.term.str.replace("(Intercept)", "Intercept")
    ref["group"] = ref.group.str.removesuffix(".1")
    got = fitted(name, "REML").random()
    got["level"] = got.level.astype(str)
    both = ref.merge(got, on=["group", "term", "level"], validate="one_to_one")
    assert len(both) == len(ref) == len(got)
    np.testing.assert_allclose(both.estimate, both.blup, atol=1e-5)
    np.testing.assert_allclose(both.sd, both.cond_sd, atol=1e-5)


@pytest.mark.parametrize("name", MODELS)
def test_explained_variance(name):
    ref, fit = REFERENCE[name]["REML"], fitted(name, "REML")
    nakagawa = fit.r2().set_index("source").value
    if ref["singular"] or name == "sleepstudy_uncorr":
        pytest.skip("performance 0.10.2 leaves the random variance (or the second term of a ||) out; see below")
    assert nakagawa["marginal"] == pytest.approx(ref["r2_nakagawa"]["marginal"], rel=1e-6, abs=1e-12)
    assert nakagawa["conditional"] == pytest.approx(ref["r2_nakagawa"]["conditional"], rel=1e-6)
    assert fit.icc["adjusted"] == pytest.approx(ref["icc"]["adjusted"], rel=1e-6)
    assert fit.icc["unadjusted"] == pytest.approx(ref["icc"]["unadjusted"], rel=1e-6)


def test_double_bar_counts_both_terms_in_r2():
    """performance 0.10.2 sees one of the two terms; without the slope's variance we reproduce its number."""
    ref, fit = REFERENCE["sleepstudy_uncorr"]["REML"], fitted("sleepstudy_uncorr", "REML")
    data = data_of("sleepstudy")
    intercept, slope, residual = fit.variances.variance
    fixed = np.var(fit.predict(random="none"), ddof=1)
    assert fixed / (fixed + intercept + residual) == pytest.approx(ref["r2_nakagawa"]["marginal"], rel=1e-6)
    whole = fixed + intercept + slope * (data.Days**2).mean() + residual
    assert fit.r2().value[0] == pytest.approx(fixed / whole, rel=1e-10)


def test_rights_sterba_shares_add_up():
    shares = fitted("hw229_a_RIS", "REML").r2().query("measure.str.startswith('Rights')").set_index("source").value
    assert shares.sum() == pytest.approx(1.0, abs=1e-12)
    assert (shares >= 0).all()
    # sess_c is nearly centred per patient, so its random slope is variation within patients
    assert shares["slope variation"] > 0.03


@pytest.mark.parametrize(("name", "file"), [("sleepstudy_LRT", "sleepstudy"), ("hw229_a_LRT", "hw229_a")])
def test_likelihood_ratio(name, file):
    ref, data = REFERENCE[name], data_of(file)
    small, large = (fit_mixed(ref[f], data, reml=False) for f in ("f0", "f1"))
    table = compare(small, large).frame
    assert table.statistic[1] == pytest.approx(ref["chisq"], abs=4e-7)
    assert table.df[1] == ref["df"]
    assert table.p_value[1] == pytest.approx(ref["p"], rel=1e-5)


def test_singular_term_is_named():
    notes = " ".join(fitted("hw229_singular_RIS", "REML").note_texts())
    assert "singular: (sess_c | patient), the correlation of Intercept and sess_c is 1" in notes


@pytest.mark.parametrize("factor", [1e-3, 1e3])
@pytest.mark.parametrize("name", ["hw229_singular_RIS", "hw229_a_RIS", "hw229_a_3level"])
def test_rescaling_the_outcome_changes_only_the_scale(name, factor):
    data = data_of(name)
    fit = fitted(name, "REML", "kenward-roger")
    scaled = fit_mixed(fit.spec["formula"], data.assign(homework=factor * data.homework), ddf="kenward-roger")
    assert scaled.singular == fit.singular
    assert [s.label for s in scaled.singularities] == [s.label for s in fit.singularities]
    np.testing.assert_allclose(scaled.fixed.estimate, factor * fit.fixed.estimate, rtol=1e-8)
    np.testing.assert_allclose(scaled.fixed.df, fit.fixed.df, rtol=1e-6)
    np.testing.assert_allclose(scaled.fixed.p_value, fit.fixed.p_value, rtol=1e-6)
    np.testing.assert_allclose(scaled.variances.variance, factor**2 * fit.variances.variance, rtol=1e-7)
    nu = fit.nobs - len(fit.fixed)
    assert scaled.loglik == pytest.approx(fit.loglik - nu * np.log(factor), abs=1e-8)


@pytest.mark.parametrize("name", ["hw229_singular_RIS", "hw229_a_3level", "Penicillin_crossed"])
def test_permuting_rows_changes_nothing(name):
    data = data_of(name).sample(frac=1.0, random_state=4)
    fit, other = fitted(name, "REML"), fit_mixed(REFERENCE[name]["formula"], data, ddf="satterthwaite")
    assert other.loglik == pytest.approx(fit.loglik, abs=1e-9)
    assert other.singular == fit.singular
    np.testing.assert_allclose(other.fixed.drop(columns="term"), fit.fixed.drop(columns="term"), rtol=1e-6)
    pd.testing.assert_frame_equal(other.random(), fit.random(), rtol=1e-6, atol=1e-7)


def test_rescaling_a_predictor_changes_no_verdict():
    data = data_of("hw229_singular_RIS")
    data["sess_c"] = data.sess_c * 1e4 + 3e5
    fit = fit_mixed("homework ~ beh_cw + sess_c + (sess_c | patient)", data, ddf="satterthwaite")
    reference = fitted("hw229_singular_RIS", "REML")
    assert fit.singular
    assert fit.loglik == pytest.approx(reference.loglik - np.log(1e4), abs=1e-7)


def test_log_tells_every_attempt():
    log = fitted("hw229_a_RIS", "REML").log
    assert list(log.columns) == ["method", "start", "evaluations", "deviance", "gradient", "converged", "remark"]
    assert log.converged.all()
    assert np.ptp(log.deviance) < 1e-6
