"""Residual structures against nlme 3.1-162 (tests/reference/mixed_nlme.R, ar1.json)."""

import json
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from doublecode.analysis.mixed import compare, fit_mixed
from doublecode.analysis.mixed.engine.bare_fit import fit_design
from doublecode.schemas.errors import ContractError, DuplicateError, FormulaError, UsageError

REFERENCE = Path(__file__).parents[3] / "reference"
HW = "homework ~ beh_cw + beh_pm + sess_c"
CASES = {
    "hw229_ar1": ("hw229_ar1", f"{HW} + (1 | patient)", "ar1(session | patient)", None),
    "hw229_ar1_car": ("hw229_ar1", f"{HW} + (1 | patient)", "car1(session | patient)", None),
    "sleepstudy_ar1": ("sleepstudy", "Reaction ~ Days + (1 | Subject)", "ar1(Days | Subject)", None),
    "Ovary_ar1": ("Ovary", "follicles ~ s + c + (1 | Mare)", "ar1(day | Mare)", None),
    "Ovary_car1": ("Ovary", "follicles ~ s + c + (1 | Mare)", "car1(Time | Mare)", None),
    "Ovary_slope_ar1": ("Ovary", "follicles ~ s + c + (s || Mare)", "ar1(day | Mare)", None),
    "BodyWeight_car1": ("BodyWeight", "weight ~ Time * Diet + (Time | Rat)", "car1(Time | Rat)", None),
    "Orthodont_varident": ("Orthodont", "distance ~ age_c * Sex + (age_c | Subject)", None, "Sex"),
    "BodyWeight_varident": ("BodyWeight", "weight ~ Time * Diet + (Time | Rat)", None, "Diet"),
    "hw229_ar1_varident": ("hw229_ar1", f"{HW} + (1 | patient)", "ar1(session | patient)", "therapist"),
    "hw229_ar1_slope": ("hw229_ar1", f"{HW} + (sess_c | patient)", "ar1(session | patient)", None),
}
ALL = [(name, kind) for name in CASES for kind in ("REML", "ML")]


@cache
def reference():
    found = json.loads((REFERENCE / "ar1.json").read_text(encoding="utf-8"))
    return found | json.loads((REFERENCE / "mixed_nlme.json").read_text(encoding="utf-8"))


def table(name):
    data = pd.read_csv(REFERENCE / f"{name}.csv", dtype={"Diet": "category"})
    if name == "Ovary":
        data = data.assign(s=np.sin(2 * np.pi * data.Time), c=np.cos(2 * np.pi * data.Time))
    return data


@cache
def fitted(name, kind):
    data, formula, correlation, variance_by = CASES[name]
    return fit_mixed(formula, table(data), reml=kind == "REML", correlation=correlation, variance_by=variance_by)


@pytest.mark.parametrize(("name", "kind"), ALL)
def test_log_likelihood_and_information_criteria(name, kind):
    ref, fit = reference()[name][kind], fitted(name, kind)
    assert fit.converged
    assert fit.loglik == pytest.approx(ref["logLik"], abs=1e-6)
    assert fit.aic == pytest.approx(ref["AIC"], abs=1e-5)  # the parameters are counted alike
    p = len(fit.fixed)
    rows = fit.nobs - p if kind == "REML" else fit.nobs  # nlme's REML BIC uses N − p, ours N as lme4
    bic = fit.bic + fit.n_parameters * (np.log(rows) - np.log(fit.nobs))
    assert bic == pytest.approx(ref["BIC"], abs=1e-5)


@pytest.mark.parametrize(("name", "kind"), ALL)
def test_fixed_effects(name, kind):
    ref, fit = reference()[name][kind]["fixed"], fitted(name, kind)
    # nlme's ML standard errors carry √(N / (N − p))
    factor = 1.0 if kind == "REML" else np.sqrt(fit.nobs / (fit.nobs - len(fit.fixed)))
    np.testing.assert_allclose(fit.fixed.estimate, [r["estimate"] for r in ref.values()], rtol=2e-6)
    # 1e-5 is the tolerance asked for; nlme itself stops 1e-6 to 7e-6 off in these
    np.testing.assert_allclose(fit.fixed.std_error * factor, [r["se"] for r in ref.values()], rtol=1e-5)


@pytest.mark.parametrize(("name", "kind"), ALL)
def test_residual_and_variance_parameters(name, kind):
    ref, fit = reference()[name][kind], fitted(name, kind)
    own = fit.residual_parameters()
    if ref.get("phi"):
        phi = float(own.loc[own.term == "phi", "estimate"].iloc[0])
        assert phi == pytest.approx(ref["phi"], abs=1e-5)
    if ref.get("ratios"):
        sd = own[own.term == "sd"].set_index("level").estimate
        theirs = {level: ratio * ref["sigma"] for level, ratio in ref["ratios"].items()}
        assert set(sd.index) == set(theirs)
        np.testing.assert_allclose([sd[level] for level in theirs], list(theirs.values()), rtol=2e-5)
    else:
        assert fit.sigma == pytest.approx(ref["sigma"], rel=1e-5)
    cov = ref.get("random_cov", ref.get("var_random"))
    ours = np.diag(np.atleast_2d(np.asarray(cov, dtype=float)))
    np.testing.assert_allclose(fit.variances.variance[:-1], ours, rtol=2e-4)  # flat at nlme's stop


def test_limits_of_the_residual_parameters_are_nlmes():
    phi = fitted("hw229_ar1", "REML").residual_parameters().iloc[0]
    # intervals(lme(...))$corStruct: 0.1872064 0.4087037 0.5906524
    np.testing.assert_allclose([phi.conf_low, phi.conf_high], [0.1872064, 0.5906524], atol=2e-4)
    sd = fitted("Orthodont_varident", "REML").residual_parameters().set_index("level")
    # intervals(lme(...))$sigma: 0.4974869 0.6662499 0.8922625
    np.testing.assert_allclose(
        sd.loc["Female", ["conf_low", "conf_high"]].astype(float), [0.4974869, 0.8922625], rtol=2e-4
    )


def test_likelihood_ratio_of_the_autocorrelation():
    ref = reference()["hw229_ar1"]["REML"]
    plain = fit_mixed(CASES["hw229_ar1"][1], table("hw229_ar1"))
    assert plain.loglik == pytest.approx(ref["logLik_no_AR"], abs=1e-6)
    ratio = compare(plain, fitted("hw229_ar1", "REML")).frame.iloc[1]
    assert ratio.statistic == pytest.approx(ref["LRT_AR"], abs=2e-6)
    assert ratio.df == 1


def test_comparison_refits_the_structure_by_maximum_likelihood():
    data = table("hw229_ar1")
    small = fit_mixed("homework ~ beh_cw + beh_pm + (1 | patient)", data, correlation="ar1(session | patient)")
    found = compare(small, fitted("hw229_ar1", "REML"))
    assert found.frame.loglik.iloc[1] == pytest.approx(reference()["hw229_ar1"]["ML"]["logLik"], abs=1e-6)
    assert any(note.kind == "refitted_fixed_effects" for note in found.notes)


def test_degrees_of_freedom_know_that_phi_is_estimated():
    fit = fitted("hw229_ar1", "REML")
    assert fit.ddf == "satterthwaite"
    known = fit_mixed(
        CASES["hw229_ar1"][1], table("hw229_ar1"), correlation="ar1(session | patient)", ddf="kenward-roger"
    )
    assert any(note.kind == "tests_take_structure_as_known" for note in known.notes)
    time = list(fit.fixed.term).index("sess_c")
    assert 20 < fit.fixed.df[time] < known.fixed.df[time]  # a trend is least certain under autocorrelation
    assert fit.fixed.df[1] > 100  # a within-patient predictor without trend


def test_without_autocorrelation_the_tests_are_the_plain_satterthwaite_ones():
    """At φ near zero the whitened engine gives the df of the plain model (σ and θ only)."""
    rng = np.random.default_rng(3)
    patient = np.repeat(np.arange(40), 8)
    data = pd.DataFrame({"patient": patient, "session": np.tile(np.arange(8), 40), "x": rng.normal(size=320)})
    data["half"] = np.where(data.session % 2 == 0, "even", "odd")
    data["y"] = rng.normal(size=40)[patient] + rng.normal(size=320)
    plain = fit_mixed("y ~ x + (1 | patient)", data, ddf="satterthwaite")
    unequal = fit_mixed("y ~ x + (1 | patient)", data, variance_by="half")
    ratio = unequal.whitening.parameters["sd[odd]/sd[even]"]
    assert 0.85 < ratio < 1.15
    np.testing.assert_allclose(unequal.fixed.df, plain.fixed.df, rtol=0.08)


def test_residuals_are_free_of_the_autocorrelation():
    fit = fitted("hw229_ar1", "REML")
    frame = fit.residuals().assign(
        patient=fit.model.frame.patient.to_numpy(), session=fit.model.frame.session.to_numpy()
    )
    frame = frame.sort_values(["patient", "session"])
    neighbour = (
        frame.patient.diff() if frame.patient.dtype.kind == "i" else frame.patient.ne(frame.patient.shift())
    ) == 0
    raw = np.corrcoef(frame.residual[1:][neighbour[1:]], frame.residual.shift()[1:][neighbour[1:]])[0, 1]
    white = np.corrcoef(frame.standardized[1:][neighbour[1:]], frame.standardized.shift()[1:][neighbour[1:]])[0, 1]
    assert raw > 0.2
    assert abs(white) < 0.1
    assert 0.85 < frame.standardized.std() < 1.05


def test_simulated_outcomes_have_the_structure():
    fit = fitted("hw229_ar1", "REML")
    noise = fit.simulate(4000, seed=2) - (fit.model.X @ fit.beta)[:, None]
    frame = fit.model.frame
    same = (frame.patient.to_numpy()[1:] == frame.patient.to_numpy()[:-1]) & (np.diff(frame.session) == 1)
    at = np.flatnonzero(same)
    between, residual = fit.variances.variance
    phi = fit.whitening.parameters["phi"]
    # Monte-Carlo error of a mean over 4,000 draws and some 130 pairs is about .005
    assert (noise[at] * noise[at + 1]).mean() == pytest.approx(between + phi * residual, abs=0.02)
    assert (noise**2).mean() == pytest.approx(between + residual, abs=0.02)


def test_unequal_variances_are_drawn_by_level():
    fit = fitted("Orthodont_varident", "REML")
    modes = fit.simulate(3000, seed=1, random="all") - fit.predict().to_numpy()[:, None]
    sd = fit.residual_parameters().set_index("level").estimate
    for level in ("Female", "Male"):
        rows = (fit.model.frame.Sex == level).to_numpy()
        assert modes[rows].std() == pytest.approx(sd[level], rel=0.02)


def test_order_of_rows_and_gaps_do_not_matter_but_are_used():
    data = table("hw229_ar1").sample(frac=1.0, random_state=1)
    again = fit_mixed(CASES["hw229_ar1"][1], data, correlation="ar1(session | patient)")
    assert again.loglik == pytest.approx(fitted("hw229_ar1", "REML").loglik, abs=1e-8)
    packed = data.sort_values("session").assign(session=lambda d: d.groupby("patient").cumcount())
    gapless = fit_mixed(CASES["hw229_ar1"][1], packed, correlation="ar1(session | patient)")
    assert abs(gapless.loglik - again.loglik) > 1e-3  # missing sessions count as gaps


def test_rescaling_the_outcome_changes_the_scale_only():
    data = table("hw229_ar1").assign(homework=lambda d: 1e3 * d.homework)
    big, fit = fit_mixed(CASES["hw229_ar1"][1], data, correlation="ar1(session | patient)"), fitted("hw229_ar1", "REML")
    np.testing.assert_allclose(big.fixed.estimate, 1e3 * fit.fixed.estimate, rtol=1e-6)
    assert big.whitening.parameters["phi"] == pytest.approx(fit.whitening.parameters["phi"], abs=1e-6)
    np.testing.assert_allclose(big.fixed.df, fit.fixed.df, rtol=1e-3)


def test_weights_are_folded_into_the_whitening():
    """Weights that are constant within a level of variance_by only rescale that level's SD."""
    data = table("Orthodont").assign(w=lambda d: np.where(d.Sex == "Male", 4.0, 1.0))
    weighted = fit_mixed(CASES["Orthodont_varident"][1], data, variance_by="Sex", weights="w")
    plain = fitted("Orthodont_varident", "REML")
    assert weighted.loglik == pytest.approx(plain.loglik, abs=1e-6)
    ratio = weighted.whitening.parameters["sd[Male]/sd[Female]"]
    assert ratio == pytest.approx(2.0 * plain.whitening.parameters["sd[Male]/sd[Female]"], rel=1e-4)


def test_rows_without_a_time_are_dropped_and_listed():
    data = table("hw229_ar1").astype({"session": float})
    data.loc[5, "session"] = np.nan
    fit = fit_mixed(CASES["hw229_ar1"][1], data, correlation="ar1(session | patient)")
    assert fit.design["dropped_by_column"] == {"session": 1}


@pytest.mark.parametrize(
    ("correlation", "variance_by", "error", "words"),
    [
        ("ar2(session | patient)", None, FormulaError, "ar1(session | patient)"),
        ("ar1(session)", None, FormulaError, "cannot be read"),
        ("ar1(sitting | patient)", None, ContractError, "'sitting'"),
        ("ar1(session | therapist)", None, UsageError, "runs over several levels"),
        ("ar1(patient | patient)", None, ContractError, "must be numeric"),
        (None, "group", ContractError, "'group'"),
        (None, "one", UsageError, "has one level"),
        ("ar1(half | patient)", None, UsageError, "whole-numbered"),
        ("ar1(same | patient)", None, DuplicateError, "two rows share"),
    ],
)
def test_misuse_is_refused_by_name(correlation, variance_by, error, words):
    data = table("hw229_ar1").assign(one="a", half=lambda d: d.session / 2, same=1)
    with pytest.raises(error, match=words.replace("(", r"\(").replace(")", r"\)").replace("|", r"\|")):
        fit_mixed(f"{HW} + (1 | patient)", data, correlation=correlation, variance_by=variance_by)


def test_profile_limits_of_phi_are_found_where_it_meets_the_boundary_of_its_range():
    """Ovary: φ of CAR(1) may be 0; BodyWeight: at both limits the deviance with φ held has risen by χ²₁(.95)."""
    fit = fitted("Ovary_car1", "REML")
    ((_, low, high),) = fit.whitening.parameter_limits(fit.model, 3.841458820694124)
    assert low == 0.0
    assert 0.0 < high < 0.01
    fit = fitted("BodyWeight_car1", "REML")
    ((_, low, high),) = fit.whitening.parameter_limits(fit.model, 3.841458820694124)
    layout = fit.whitening.fit.layout
    for phi in (low, high):
        eta = np.array([layout.unit * np.log(phi) - np.log(-np.expm1(layout.unit * np.log(phi)))])
        assert layout.phi(eta) == pytest.approx(phi, rel=1e-10)
        held = fit_design(layout.whiten(fit.model, eta), reml=True)
        rise = float(held.deviance) + 2.0 * fit.loglik
        assert rise == pytest.approx(3.841458820694124, abs=1e-5)
