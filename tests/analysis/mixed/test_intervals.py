"""Profile limits against R code on lme4's devfun and lme4's own profile; bootstrap and Wald by definition."""

import json
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.special import chdtri

from doublecode.analysis.mixed import fit_mixed
from doublecode.analysis.mixed.confidence import confint
from doublecode.analysis.mixed.intervals import profile_function
from doublecode.schemas.errors import UsageError

REFERENCE = Path(__file__).parents[2] / "reference"
MODELS = {
    "Dyestuff": ("Dyestuff", "Yield ~ 1 + (1 | Batch)"),
    "Dyestuff2": ("Dyestuff2", "Yield ~ 1 + (1 | Batch)"),
    "Pastes": ("Pastes", "strength ~ 1 + (1 | batch/cask)"),
    "Penicillin": ("Penicillin", "diameter ~ 1 + (1 | plate) + (1 | sample)"),
    "sleepstudy_RI": ("sleepstudy", "Reaction ~ Days + (1 | Subject)"),
    "sleepstudy_RIS": ("sleepstudy", "Reaction ~ Days + (Days | Subject)"),
    "hw229_a_RI": ("hw229_a", "homework ~ beh_cw + beh_pm + sess_c + (1 | patient)"),
    "hw229_singular_RIS": ("hw229_singular", "homework ~ beh_cw + sess_c + (sess_c | patient)"),
}
CHI2 = float(chdtri(1, 0.05))


@cache
def limits_of(name, kind):
    data, formula = MODELS[name]
    fit = fit_mixed(formula, pd.read_csv(REFERENCE / f"{data}.csv"), reml=kind == "REML")
    return fit, confint(fit, "profile")


def key(row):
    """Name of a row of ours in mixed_profile.json."""
    if row.group == "Residual":
        return "sigma"
    names = row.term.replace("Intercept", "(Intercept)").split(", ")
    return f"{'cor' if row.parameter == 'corr' else 'sd'}:{row.group}:{'.'.join(names)}"


@pytest.mark.parametrize("kind", ["REML", "ML"])
@pytest.mark.parametrize("name", MODELS)
def test_variance_limits_on_both_criteria(name, kind):
    ref = json.loads((REFERENCE / "mixed_profile.json").read_text(encoding="utf-8"))[name][kind]
    table = limits_of(name, kind)[1]
    rows = table[table.parameter != "fixed"]
    assert {key(row) for row in rows.itertuples()} == set(ref)
    for row in rows.itertuples():
        theirs = ref[key(row)]
        # R's root finder stops at 1e-9 of x, its constrained minimiser near 1e-6 of it
        assert row.conf_low == pytest.approx(theirs["low"], rel=2e-6, abs=1e-6)
        assert row.conf_high == pytest.approx(theirs["high"], rel=2e-6, abs=1e-6)
        assert row.method == f"profile ({kind})"


def test_variance_limits_where_every_bound_is_told_at_once():
    """Eight patients, a random slope: the correlation ends at its bound, the other bounds are left behind at once."""
    data = pd.read_csv(REFERENCE / "profile_slopes.csv")
    fit = fit_mixed("y ~ session * arm + x + (session | patient)", data)
    table = confint(fit, "profile", parameters="variances")
    ref = json.loads((REFERENCE / "profile_slopes.json").read_text(encoding="utf-8"))["slopes"].values()
    np.testing.assert_allclose(table.conf_low, [one["low"] for one in ref], rtol=1e-5)
    np.testing.assert_allclose(table.conf_high, [one["high"] for one in ref], rtol=1e-5)


@pytest.mark.parametrize("name", ["Dyestuff", "Pastes", "Penicillin", "sleepstudy_RIS"])
def test_fixed_effects_on_the_ml_criterion(name):
    ref = json.loads((REFERENCE / "mixed_profile.json").read_text(encoding="utf-8"))[name]["fixed_ML"]
    for kind in ("ML", "REML"):
        table = limits_of(name, kind)[1]
        rows = table[table.parameter == "fixed"]
        np.testing.assert_allclose(rows.conf_low, [r["low"] for r in ref.values()], rtol=1e-6)
        np.testing.assert_allclose(rows.conf_high, [r["high"] for r in ref.values()], rtol=1e-6)
        assert set(rows.method) == {"profile (ML)"}


@pytest.mark.parametrize("name", ["sleepstudy_RI", "sleepstudy_RIS", "hw229_a_RI"])
def test_against_lme4s_own_profile(name):
    """lme4 interpolates its profile by splines, good for about four digits."""
    ref = json.loads((REFERENCE / "lmm.json").read_text(encoding="utf-8"))[name]["ML"]["profile_ci_ML"]
    table = limits_of(name, "ML")[1]
    fixed, random = table[table.parameter == "fixed"], table[table.parameter != "fixed"]
    if name == "sleepstudy_RIS":  # lme4: sd, corr, sd, sigma
        random = random.iloc[[0, 2, 1, 3]]
    ours = pd.concat([random, fixed])
    np.testing.assert_allclose(ours.conf_low, [r["low"] for r in ref.values()], rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(ours.conf_high, [r["high"] for r in ref.values()], rtol=1e-4, atol=1e-4)


def test_balanced_one_way_sigma_is_the_chi_square_like_curve():
    """One balanced factor: the profile of σ solves a scalar equation in the mean squares (truth by formula)."""
    data = pd.read_csv(REFERENCE / "Dyestuff.csv")
    between = 5.0 * data.groupby("Batch").Yield.mean().var(ddof=1)
    within = (data.Yield - data.groupby("Batch").Yield.transform("mean")).pow(2).sum() / 24.0

    def criterion(sigma2):  # REML, the batch variance free: its mean square stays at the between one while above sigma2
        top = max(between, sigma2)
        return 24 * np.log(sigma2) + 24 * within / sigma2 + 5 * np.log(top) + 5 * between / top

    row = limits_of("Dyestuff", "REML")[1].iloc[-1]
    for limit in (row.conf_low, row.conf_high):
        assert criterion(limit**2) - criterion(within) == pytest.approx(CHI2, abs=1e-5)


def test_profile_of_a_function_is_invariant():
    """A profile limit of f(σ) is f of the limit; an ICC lies in (0, 1) and equals the closed form."""
    fit, table = limits_of("Dyestuff", "REML")
    log_sigma = profile_function(fit, lambda V, s2: 0.5 * np.log(s2))
    assert log_sigma[1] == pytest.approx(np.log(table.iloc[-1].conf_low), abs=1e-6)
    estimate, low, high = profile_function(fit, lambda V, s2: V[0][:, 0, 0] / (V[0][:, 0, 0] + s2), low=0.0, high=1.0)
    batch, residual = fit.variances.variance
    assert estimate == pytest.approx(batch / (batch + residual), rel=1e-9)
    assert 0.0 < low < estimate < high < 1.0
    # the REML criterion in (ICC, σ²) with σ² minimised out, balanced: compared at the limits
    data = pd.read_csv(REFERENCE / "Dyestuff.csv")
    between = 5.0 * data.groupby("Batch").Yield.mean().var(ddof=1)
    within = (data.Yield - data.groupby("Batch").Yield.transform("mean")).pow(2).sum() / 24.0

    def criterion(rho):
        ratio = 1.0 + 5.0 * rho / (1.0 - rho)  # expected between over within mean square
        sigma2 = (24 * within + 5 * between / ratio) / 29
        return 29 * np.log(sigma2) + 5 * np.log(ratio)

    for limit in (low, high):
        assert criterion(limit) - criterion(estimate) == pytest.approx(CHI2, abs=1e-5)


def test_a_boundary_is_the_limit_where_the_profile_does_not_rise():
    table = limits_of("Dyestuff2", "REML")[1]
    batch = table.iloc[1]
    assert batch.estimate == pytest.approx(0.0, abs=1e-6)
    assert batch.conf_low == 0.0
    assert 2.0 < batch.conf_high < 3.0
    slope = limits_of("hw229_singular_RIS", "REML")[1].set_index("parameter").loc["corr"]
    assert (slope.conf_low, slope.conf_high) == (-1.0, 1.0)


def test_rescaling_the_outcome_rescales_the_limits():
    data = pd.read_csv(REFERENCE / "sleepstudy.csv").assign(Reaction=lambda d: d.Reaction / 1000)
    small = confint(fit_mixed(MODELS["sleepstudy_RIS"][1], data), "profile", parameters="variances")
    big = limits_of("sleepstudy_RIS", "REML")[1].query("parameter != 'fixed'")
    unit = np.where(small.parameter == "corr", 1.0, 1000.0)
    np.testing.assert_allclose(small.conf_low * unit, big.conf_low, rtol=1e-5)
    np.testing.assert_allclose(small.conf_high * unit, big.conf_high, rtol=1e-5)


def test_level_and_selection():
    fit, table = limits_of("Dyestuff", "REML")
    narrow = confint(fit, "profile", conf_level=0.8, parameters="variances")
    assert list(narrow.parameter) == ["sd", "sd"]
    wide = table[table.parameter == "sd"]
    assert (narrow.conf_low.to_numpy() > wide.conf_low.to_numpy()).all()
    assert (narrow.conf_high.to_numpy() < wide.conf_high.to_numpy()).all()
    assert list(confint(fit, "profile", parameters="fixed").term) == ["Intercept"]
    assert list(table.columns) == ["parameter", "group", "term", "estimate", "conf_low", "conf_high", "method"]


def test_wald():
    fit, _ = limits_of("Dyestuff", "REML")
    table = confint(fit, "wald")
    fixed = fit.fixed.iloc[0]
    assert table.iloc[0].conf_low == pytest.approx(fixed.conf_low, rel=1e-9)
    # residual of a balanced one-way layout: var(log σ̂) = 1 / (2·24), the expected information there
    half = 1.959964 / np.sqrt(48.0)
    residual = table.iloc[-1]
    assert np.log(residual.conf_high / residual.estimate) == pytest.approx(half, rel=1e-4)
    boundary = confint(limits_of("Dyestuff2", "REML")[0], "wald").iloc[1]
    assert np.isnan(boundary.conf_low)
    assert np.isnan(boundary.conf_high)


def test_bootstrap_covers_all_parameters_and_is_reproducible():
    fit, profile = limits_of("sleepstudy_RIS", "ML")
    one, two = (confint(fit, "bootstrap", n_boot=400, seed=4) for _ in range(2))
    pd.testing.assert_frame_equal(one, two)
    assert list(one.term) == list(profile.term)
    fixed = one[one.parameter == "fixed"]
    # percentile limits of a normal estimate are its Wald limits; 400 draws know them to 8 % of their width
    wald = confint(fit, "wald").query("parameter == 'fixed'")
    width = (wald.conf_high - wald.conf_low).to_numpy()
    assert (np.abs(fixed.conf_low.to_numpy() - wald.conf_low) < 0.12 * width).all()
    assert (np.abs(fixed.conf_high.to_numpy() - wald.conf_high) < 0.12 * width).all()
    assert one.method.iloc[0] == "bootstrap (400 of 400 refits)"
    residual = one.iloc[-1]
    assert residual.conf_low < residual.estimate < residual.conf_high


@cache
def autoregressive(kind):
    data = pd.read_csv(REFERENCE / "hw229_ar1.csv")
    formula = "homework ~ beh_cw + beh_pm + sess_c + (1 | patient)"
    return fit_mixed(formula, data, reml=kind == "REML", correlation="ar1(session | patient)")


@pytest.mark.parametrize("kind", ["REML", "ML"])
def test_profile_of_the_autocorrelation_is_nlmes(kind):
    """nlme refitted with phi held; its optimiser leaves the log-likelihood 1e-7 short, the limits 1e-6."""
    ref = json.loads((REFERENCE / "mixed_phi.json").read_text(encoding="utf-8"))[kind]
    table = confint(autoregressive(kind), "profile", parameters="variances")
    phi = table[table.parameter == "phi"].iloc[0]
    assert [phi.conf_low, phi.conf_high] == pytest.approx(ref, abs=2e-6)
    assert phi.method == f"profile ({kind})"


def test_profile_of_a_variance_with_autocorrelation_by_dense_matrices():
    """The patient SD at its limit, all else free: the ML deviance from dense matrices is χ² above its minimum."""
    fit = autoregressive("ML")
    table = confint(fit, "profile", parameters="variances").iloc[0]
    frame, X, y = fit.model.frame, fit.model.X, fit.model.y
    same = frame.patient.to_numpy()[:, None] == frame.patient.to_numpy()[None]
    gap = np.abs(frame.session.to_numpy()[:, None] - frame.session.to_numpy()[None])

    def deviance(sd, log_sigma, phi):
        V = same * (sd**2 + np.exp(2 * log_sigma) * phi**gap)
        half = np.linalg.solve(V, np.column_stack([X, y]))
        beta = np.linalg.solve(X.T @ half[:, :-1], X.T @ half[:, -1])
        r = y - X @ beta
        return np.linalg.slogdet(V)[1] + r @ np.linalg.solve(V, r) + len(y) * np.log(2 * np.pi)

    from scipy.optimize import minimize

    floor = -2.0 * fit.loglik
    for limit in (table.conf_low, table.conf_high):
        found = minimize(lambda z, s=limit: deviance(s, z[0], np.tanh(z[1])), [-0.3, 0.4], method="BFGS")
        assert found.fun - floor == pytest.approx(CHI2, abs=1e-4)


def test_residual_structure_by_the_bootstrap():
    table = confint(autoregressive("REML"), "bootstrap", n_boot=20)
    phi = table[table.parameter == "phi"].iloc[0]
    assert phi.estimate == pytest.approx(autoregressive("REML").whitening.parameters["phi"])
    assert phi.conf_low < phi.estimate < phi.conf_high
    assert (table.conf_low < table.conf_high).all()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"method": "exact"}, "'exact' is not one of 'wald', 'profile', 'bootstrap'"),
        ({"conf_level": 95}, "between 0 and 1"),
        ({"parameters": "random"}, "'all', 'fixed', 'variances'"),
        ({"method": "bootstrap", "n_boot": 5}, "too few"),
    ],
)
def test_misuse(arguments, words):
    with pytest.raises(UsageError, match=words):
        confint(limits_of("Dyestuff", "REML")[0], **arguments)
