"""Nested grouping factors: the chain against the definition, the dense block, and lme4."""

import json
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from doublecode.analysis.mixed import fit_many, fit_mixed
from doublecode.analysis.mixed.design import build_design
from doublecode.analysis.mixed.engine import nesting
from doublecode.analysis.mixed.engine.derivatives import differentiate
from doublecode.analysis.mixed.engine.likelihood import evaluate
from doublecode.analysis.mixed.engine.moments import make_moments, take
from doublecode.analysis.mixed.engine.nesting import lay_out, sets_at_once
from doublecode.analysis.mixed.inference import small_sample
from doublecode.analysis.mixed.variances import mode_covariances, modes
from doublecode.schemas.errors import NotEstimable

REFERENCE = Path(__file__).parents[3] / "reference"
ONE = np.zeros(1, dtype=np.intp)
# formula, number of factors in the chain
FORMULAS = {
    "y ~ x + (1 | p) + (1 | s)": 2,
    "y ~ x + (1 | t / p)": 2,
    "y ~ x + (1 | t) + (x | p) + (1 | s)": 3,
    "y ~ x + (x | t) + (x + z | p) + (x | s)": 3,
    "y ~ x * z + (x || p) + (1 | s) + (1 | i)": 2,
    "y ~ x + (1 | t) + (z | p) + (x | s) + (z | i)": 3,
    "y ~ x + (x | p) + (1 | s) + (1 | i:t)": 2,
    "y ~ 0 + (1 | p) + (1 | s)": 2,
    "y ~ x + (1 | p) + (1 | s) + (1 | i) + (1 | i:p)": 2,
    "y ~ x + (1 | t) + (x | p) + (1 | s) + (1 | i:t)": 3,
    "y ~ x + (1 | i:p) + (x | p) + (1 | s)": 2,
}


def make_data(seed: int = 4, n: int = 420) -> pd.DataFrame:
    """Unbalanced: therapists, patients, sessions, items; ids in no order, so that groups do not lie together."""
    rng = np.random.default_rng(seed)
    t = rng.integers(0, 6, n)
    p = t * 6 + rng.integers(0, 6, n)
    s = p * 5 + rng.integers(0, 5, n)
    data = pd.DataFrame({"t": t, "p": rng.permutation(100)[p], "s": rng.permutation(400)[s]})
    data["i"] = rng.integers(0, 4, n)
    data["x"], data["z"], data["w"] = rng.normal(3, 1, n), rng.normal(size=n), rng.uniform(0.5, 2, n)
    effects = rng.normal(size=6)[t] + rng.normal(size=100)[p] + 0.7 * rng.normal(size=400)[s]
    return data.assign(y=data.x + effects + rng.normal(size=n))


def both_moments(formula, monkeypatch, responses=None, **more):
    """Sums with the chain and with the dense block of one and the same design."""
    design = build_design(formula, make_data(), **more)
    monkeypatch.setattr(nesting, "WORTH", 0)
    chained = make_moments(design, responses)
    monkeypatch.setattr(nesting, "WORTH", 10**9)
    dense = make_moments(design, responses)
    assert not dense.layout.finer
    return design, chained, dense


def definition(design, moments, theta, *, reml):
    """−2 log-likelihood from V = W⁻¹ + ZΛΛᵀZᵀ."""
    y, X, n = design.y, design.X, design.nobs
    V = np.diag(1.0 / (np.ones(n) if design.weights is None else design.weights))
    for term, block, R in zip(design.terms, moments.layout.blocks, moments.conditioning.term_roots, strict=True):
        Z = term.Z @ np.linalg.solve(R, block.factor(theta[None])[0])
        V += (Z @ Z.T) * (term.codes[:, None] == term.codes)
    Vi = np.linalg.inv(V)
    M = X.T @ Vi @ X
    e = y - X @ np.linalg.solve(M, X.T @ Vi @ y) if X.shape[1] else y
    nu = n - X.shape[1] * reml
    extra = np.linalg.slogdet(M)[1] if reml and X.shape[1] else 0.0
    return np.linalg.slogdet(V)[1] + nu * (1 + np.log(2 * np.pi * (e @ Vi @ e) / nu)) + extra


@pytest.mark.parametrize("weights", [None, "w"])
@pytest.mark.parametrize("formula", FORMULAS)
def test_deviance_is_its_definition(formula, weights, monkeypatch):
    design, moments, _ = both_moments(formula, monkeypatch, weights=weights)
    assert len(moments.layout.finer) == FORMULAS[formula] - 1
    theta = np.random.default_rng(5).normal(size=moments.layout.m)
    for reml in (True, False):
        state = evaluate(moments, theta[None], ONE, reml=reml)
        assert state.deviance[0] == pytest.approx(definition(design, moments, theta, reml=reml), abs=1e-8)


@pytest.mark.parametrize("reml", [True, False])
@pytest.mark.parametrize("formula", FORMULAS)
def test_gradient_and_hessian_are_differences(formula, reml, monkeypatch):
    _, moments, _ = both_moments(formula, monkeypatch)
    m = moments.layout.m
    theta = np.random.default_rng(6).normal(size=m)
    at = differentiate(evaluate(moments, theta[None], ONE, reml=reml))
    step = 1e-5 * np.vstack([np.eye(m), -np.eye(m)])
    around = evaluate(moments, theta + step, np.zeros(2 * m, dtype=np.intp), reml=reml)
    slope = (around.deviance[:m] - around.deviance[m:]) / 2e-5
    np.testing.assert_allclose(at.gradient()[0], slope, atol=5e-6)
    gradients = differentiate(around).gradient()
    np.testing.assert_allclose(at.hessian()[0], (gradients[:m] - gradients[m:]) / 2e-5, atol=1e-4, rtol=1e-6)


@pytest.mark.parametrize("formula", FORMULAS)
def test_every_number_is_that_of_the_dense_block(formula, monkeypatch):
    """Relative to the largest of its kind, to 1e-10; df and adjusted covariances pass an inverse, hence 1e-8."""
    _, chained, dense = both_moments(formula, monkeypatch, weights="w")
    theta = np.random.default_rng(7).normal(size=(2, chained.layout.m))
    for reml in (True, False):
        a, b = (differentiate(evaluate(m, theta, np.zeros(2, dtype=np.intp), reml=reml)) for m in (chained, dense))
        for one, other in (
            (a.state.deviance, b.state.deviance),
            (a.gradient(), b.gradient()),
            (a.hessian(), b.hessian()),
        ):
            np.testing.assert_allclose(one, other, rtol=0, atol=1e-10 * np.abs(other).max())
        p = a.state.moments.layout.p
        for method in ("satterthwaite", "kenward-roger") if p else ():
            s, t = small_sample(a, method), small_sample(b, method)
            np.testing.assert_allclose(s.dof(np.eye(p)), t.dof(np.eye(p)), rtol=1e-8)
            np.testing.assert_allclose(s.vcov, t.vcov, rtol=1e-8, atol=1e-10 * np.abs(t.vcov).max())
        fits = [
            SimpleNamespace(state=evaluate(m, theta[:1], ONE, reml=reml), moments=m, theta=theta[0])
            for m in (chained, dense)
        ]
        for quantity in (modes, mode_covariances):
            for one, other in zip(quantity(fits[0]), quantity(fits[1]), strict=True):
                np.testing.assert_allclose(one, other, rtol=0, atol=1e-10 * np.abs(other).max())


def test_some_sets_of_a_batch(monkeypatch):
    _, moments, _ = both_moments("y ~ x + (1 | t) + (x | p) + (1 | s)", monkeypatch)
    theta = np.random.default_rng(1).normal(size=(3, moments.layout.m))
    state = evaluate(moments, theta, np.zeros(3, dtype=np.intp), reml=True)
    some = differentiate(state.subset(np.array([True, False, True])))
    np.testing.assert_allclose(some.hessian(), differentiate(state).hessian()[[0, 2]], rtol=1e-12)


@pytest.mark.parametrize("formula", ["y ~ x + (x | p) + (1 | s)", "y ~ x + (1 | t) + (1 | p) + (1 | s) + (1 | i)"])
def test_sets_with_missing_rows(formula, monkeypatch):
    data, rng = make_data(), np.random.default_rng(2)
    Y = np.column_stack([data.y, data.z, data.y])
    Y[rng.random(Y.shape) < 0.2] = np.nan
    _, chained, dense = both_moments(formula, monkeypatch, responses=Y)
    theta, which = rng.normal(size=(3, chained.layout.m)), np.array([2, 0, 1])
    a, b = (differentiate(evaluate(m, theta, which, reml=True)) for m in (chained, dense))
    np.testing.assert_allclose(a.state.deviance, b.state.deviance, rtol=1e-12)
    np.testing.assert_allclose(a.hessian(), b.hessian(), rtol=0, atol=1e-10 * np.abs(b.hessian()).max())
    alone = evaluate(take(chained, np.array([1])), theta[2:], ONE, reml=True)
    np.testing.assert_allclose(alone.deviance, a.state.deviance[2:], rtol=1e-12)


def test_reports_do_not_depend_on_the_way(monkeypatch):
    """Influence and bootstrap of nested factors go through the sets in parts: here 3 at a time."""
    data = make_data()
    monkeypatch.setattr(nesting, "SETS_CELLS", 3000)
    assert sets_at_once(layout_of("y ~ x + (x | p) + (1 | s)")) == 3
    found = []
    for worth in (0, 10**9):
        monkeypatch.setattr(nesting, "WORTH", worth)
        fit = fit_mixed("y ~ x + (x | p) + (1 | s)", data, ddf="kenward-roger")
        found.append(
            [fit.frame, fit.variances, fit.random(), fit.influence("p").frame, fit.confint(method="profile"), fit.r2(),
             fit.confint(method="bootstrap", n_boot=20)]
        )  # fmt: skip
    for one, other in zip(*found, strict=True):
        pd.testing.assert_frame_equal(one, other, rtol=1e-6, atol=1e-8)


def test_many_outcomes_are_each_fit(monkeypatch):
    data, rng = make_data(), np.random.default_rng(3)
    Y = data[["y"]].to_numpy() + rng.normal(size=(len(data), 3))
    Y[rng.random(len(data)) < 0.05, 1] = np.nan
    monkeypatch.setattr(nesting, "WORTH", 0)
    many = fit_many("y ~ x + (1 | p) + (1 | s)", data, Y, ddf="satterthwaite")
    for i in range(3):
        own = fit_mixed("y ~ x + (1 | p) + (1 | s)", data.assign(y=Y[:, i]), ddf="satterthwaite")
        np.testing.assert_allclose(many.loglik[i], own.loglik, rtol=1e-10)
        np.testing.assert_allclose(many.df[:, i], own.fixed.df, rtol=1e-5)


def layout_of(formula, data=None):
    return lay_out(build_design(formula, make_data() if data is None else data).terms, 2).layout


def test_which_factors_are_eliminated(monkeypatch):
    small = layout_of("y ~ x + (1 | t / p)")
    assert small.finer == ()
    assert sets_at_once(small) is None  # six effects in the dense block are quicker
    monkeypatch.setattr(nesting, "WORTH", 0)
    data = make_data()
    groups = {name: data[name].nunique() for name in "tps"}
    nested = layout_of("y ~ x + (x | t) + (1 | s) + (1 | p) + (1 | i)")
    assert nested.finer == ((groups["s"], 1), (groups["p"], 1))
    assert (nested.n_inner, nested.width, nested.q2) == (groups["t"], 2, 4)
    assert [block.tier for block in nested.blocks] == [2, 0, 1, 0]
    assert [block.inner for block in nested.blocks] == [True, True, True, False]
    # a patient in two therapists' hands: patients no longer nest in therapists, sessions still in patients
    crossing = data.assign(t=np.where(np.arange(len(data)) == 0, (data.t + 1) % 6, data.t))
    assert layout_of("y ~ x + (1 | t) + (1 | s) + (1 | p)", crossing).finer == ((groups["s"], 1),)
    assert layout_of("y ~ x + (1 | p) + (1 | i)").finer == ()


def test_wide_crossed_terms_beside_a_chain_stay_dense(monkeypatch):
    monkeypatch.setattr(nesting, "WORTH", 0)
    monkeypatch.setattr(nesting, "MOST_CELLS", 1000)
    assert layout_of("y ~ x + (1 | p) + (1 | s) + (1 | i)").finer == ()


def many_patients(patients, sessions=2, ratings=2):
    rng = np.random.default_rng(8)
    patient = np.repeat(np.arange(patients), sessions * ratings)
    session = np.tile(np.repeat(np.arange(sessions), ratings), patients)
    data = pd.DataFrame({"patient": patient, "session": session, "x": rng.normal(size=len(patient))})
    within = 0.7 * rng.normal(size=(patients, sessions))
    return data.assign(
        y=1 + 0.3 * data.x + rng.normal(size=patients)[patient] + within[patient, session] + rng.normal(size=len(data))
    )


def test_more_effects_than_a_dense_block_holds():
    """33,000 effects: refused while patients stood in the dense block. True variances 1, .49, 1; SE below .03."""
    fit = fit_mixed("y ~ x + (1 | patient / session)", many_patients(11_000))
    assert fit.converged
    assert fit.n_groups == {"patient": 11_000, "patient:session": 22_000}
    np.testing.assert_allclose(fit.variances.variance, [1.0, 0.49, 1.0], atol=0.08)
    np.testing.assert_allclose(fit.fixed.estimate, [1.0, 0.3], atol=0.04)
    assert len(fit.random()) == 33_000


def test_crossed_effects_beyond_the_dense_block_are_still_refused():
    data = many_patients(11_000)
    data["visit"] = np.random.default_rng(1).permutation(np.arange(len(data)) % 10_500)
    with pytest.raises(NotEstimable, match="10500 effects"):
        fit_mixed("y ~ x + (1 | patient) + (1 | visit)", data)


@cache
def reference():
    return json.loads((REFERENCE / "mixed_nested.json").read_text(encoding="utf-8"))


MODELS = {
    "two_levels": "y ~ x + time + (1 | patient) + (1 | unit)",
    "three_levels": "y ~ x + time + (1 | therapist) + (1 | patient) + (1 | unit)",
    "slopes": "y ~ x + time + (1 | therapist) + (time | patient) + (1 | unit)",
    "with_raters": "y ~ x + time + (1 | therapist) + (time | patient) + (1 | unit) + (1 | rater)",
}
BOTH = [(name, kind) for name in MODELS for kind in ("REML", "ML")]


@cache
def fitted(name, kind, ddf="satterthwaite"):
    fit = fit_mixed(MODELS[name], pd.read_csv(REFERENCE / "mixed_nested.csv"), reml=kind == "REML", ddf=ddf)
    assert fit.fit.moments.finer  # the chain is what is tested
    return fit


@pytest.mark.parametrize(("name", "kind"), BOTH)
def test_against_lme4_and_lmertest(name, kind):
    """lme4's optimum is sharpened by Newton to 1e-10 in θ; lmerTest differentiates numerically, hence 1e-3 in df."""
    ref, fit = reference()[name][kind], fitted(name, kind)
    assert fit.converged
    assert fit.loglik == pytest.approx(ref["logLik"], abs=1e-7)
    theirs = sorted(row["vcov"] for row in ref["varcomp"] if row["var2"] is None)
    np.testing.assert_allclose(np.sort(fit.variances.variance), theirs, rtol=1e-6)
    table = list(ref["satterthwaite"].values())
    np.testing.assert_allclose(fit.fixed.estimate, [row["estimate"] for row in table], rtol=1e-7)
    np.testing.assert_allclose(fit.fixed.std_error, [row["se"] for row in table], rtol=1e-7)
    np.testing.assert_allclose(fit.fixed.df, [row["df"] for row in table], atol=1e-3, rtol=0)


@pytest.mark.parametrize("name", MODELS)
def test_against_pbkrtest(name):
    table = list(reference()[name]["REML"]["kenward_roger"].values())
    fit = fitted(name, "REML", "kenward-roger")
    np.testing.assert_allclose(fit.fixed.std_error, [row["se"] for row in table], rtol=1e-6)
    np.testing.assert_allclose(fit.fixed.df, [row["df"] for row in table], rtol=1e-5)


def test_conditional_modes_against_lme4():
    """All 502 modes and their SDs; the SDs are those given θ, as lme4's condVar."""
    theirs = pd.DataFrame(reference()["with_raters"]["REML"]["modes"])
    theirs["term"] = theirs.term.replace({"(Intercept)": "Intercept"})
    ours = fitted("with_raters", "REML").random().astype({"level": str})
    both = ours.merge(theirs, on=["group", "term", "level"], suffixes=("", "_r"))
    assert len(both) == len(theirs) == len(ours)
    np.testing.assert_allclose(both["estimate"], both["mode"], atol=1e-6)
    np.testing.assert_allclose(both["sd"], both["sd_r"], rtol=1e-6)
