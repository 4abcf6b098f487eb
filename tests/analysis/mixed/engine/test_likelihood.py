"""The blocked deviance against its definition with n × n matrices, and its derivatives against differences."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from doublecode.analysis.mixed.design import build_design
from doublecode.analysis.mixed.engine import derivatives as derivatives_module
from doublecode.analysis.mixed.engine import likelihood as likelihood_module
from doublecode.analysis.mixed.engine import moments as moments_module
from doublecode.analysis.mixed.engine.derivatives import differentiate, make_blocks
from doublecode.analysis.mixed.engine.group_sums import Shared, Sparse, Stacked
from doublecode.analysis.mixed.engine.likelihood import evaluate
from doublecode.analysis.mixed.engine.moments import make_moments, take
from doublecode.analysis.mixed.engine.optimise import lower_factor
from doublecode.analysis.mixed.inference import small_sample

FORMULAS = [
    "y ~ x + (1 | a)",
    "y ~ x + (x | a)",
    "y ~ x + (x || a)",
    "y ~ x + (1 | a) + (1 | b)",
    "y ~ x + (x | a) + (z | b)",
    "y ~ x * f + (f | a) + (x || b) + (1 | a:b)",
    "y ~ 0 + (1 | a)",
]
ONE = np.zeros(1, dtype=np.intp)


def make_data(seed: int = 0, n: int = 90) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"a": rng.integers(0, 12, n), "b": rng.integers(0, 5, n)})
    frame["x"], frame["z"] = rng.normal(3, 1, n), rng.normal(size=n)
    frame["f"] = rng.choice(list("uvw"), n)
    frame["w"] = rng.uniform(0.5, 2, n)
    frame["y"] = frame.x + rng.normal(size=12)[frame.a] + rng.normal(size=5)[frame.b] + rng.normal(size=n)
    return frame


def definition(design, moments, theta: np.ndarray, *, reml: bool) -> float:
    """−2 log-likelihood from V = W⁻¹ + ZΛΛᵀZᵀ."""
    y, X, n = design.y, design.X, design.nobs
    V = np.diag(1.0 / (np.ones(n) if design.weights is None else design.weights))
    for term, block, R in zip(design.terms, moments.layout.blocks, moments.conditioning.term_roots, strict=True):
        L = np.zeros((block.size, block.size))
        for i, (k, h) in enumerate(block.elements):
            L[k, h] = theta[block.theta.start + i]
        Z = term.Z @ np.linalg.solve(R, L)
        V += (Z @ Z.T) * (term.codes[:, None] == term.codes)
    Vi = np.linalg.inv(V)
    M = X.T @ Vi @ X
    e = y - X @ np.linalg.solve(M, X.T @ Vi @ y) if X.shape[1] else y
    nu = n - X.shape[1] * reml
    extra = np.linalg.slogdet(M)[1] if reml and X.shape[1] else 0.0
    return np.linalg.slogdet(V)[1] + nu * (1 + np.log(2 * np.pi * (e @ Vi @ e) / nu)) + extra


@pytest.mark.parametrize("reml", [True, False])
@pytest.mark.parametrize("weights", [None, "w"])
@pytest.mark.parametrize("formula", FORMULAS)
def test_deviance_is_its_definition(formula, weights, reml):
    design = build_design(formula, make_data(), weights=weights)
    moments = make_moments(design)
    rng = np.random.default_rng(5)
    for _ in range(3):
        theta = rng.normal(size=moments.layout.m)
        state = evaluate(moments, theta[None], ONE, reml=reml)
        assert state.deviance[0] == pytest.approx(definition(design, moments, theta, reml=reml), abs=1e-9)


@pytest.mark.parametrize("reml", [True, False])
@pytest.mark.parametrize("formula", FORMULAS)
def test_gradient_and_hessian_are_differences(formula, reml):
    moments = make_moments(build_design(formula, make_data()))
    m = moments.layout.m
    theta = np.random.default_rng(6).normal(size=m)
    at = differentiate(evaluate(moments, theta[None], ONE, reml=reml))
    step = 1e-5 * np.vstack([np.eye(m), -np.eye(m)])
    which = np.zeros(2 * m, dtype=np.intp)
    around = evaluate(moments, theta + step, which, reml=reml)
    slope = (around.deviance[:m] - around.deviance[m:]) / 2e-5
    np.testing.assert_allclose(at.gradient()[0], slope, atol=2e-6)
    gradients = differentiate(around).gradient()
    np.testing.assert_allclose(at.hessian()[0], (gradients[:m] - gradients[m:]) / 2e-5, atol=1e-4, rtol=1e-6)


@pytest.mark.parametrize("formula", FORMULAS)
def test_three_layouts_give_the_same_numbers(formula, monkeypatch):
    data = make_data()
    design = build_design(formula, data)
    Y = np.column_stack([data.y, data.y + data.z])
    shared = make_moments(design, Y)
    assert isinstance(shared.cross, Shared)
    monkeypatch.setattr(moments_module, "TENSOR_LIMIT", -1)
    stacked = make_moments(design, Y)
    assert isinstance(stacked.cross, Stacked)
    theta = np.random.default_rng(1).normal(size=(2, shared.layout.m))
    a, b = (differentiate(evaluate(m, theta, np.arange(2), reml=True)) for m in (shared, stacked))
    np.testing.assert_allclose(a.state.deviance, b.state.deviance, rtol=1e-12)
    np.testing.assert_allclose(a.hessian(), b.hessian(), rtol=1e-8, atol=1e-8)
    if shared.layout.q2 == 0:
        return
    monkeypatch.setattr(moments_module, "SPARSE_SIZE", 0)
    monkeypatch.setattr(moments_module, "SPARSE_SHARE", 1e9)
    sparse = make_moments(design.with_response(Y[:, 0]))
    assert isinstance(sparse.cross, Sparse)
    c = differentiate(evaluate(sparse, theta[:1], ONE, reml=True))
    np.testing.assert_allclose(c.state.deviance, a.state.deviance[:1], rtol=1e-12)
    np.testing.assert_allclose(c.hessian(), a.hessian()[:1], rtol=1e-8, atol=1e-8)
    both = differentiate(evaluate(make_moments(design, Y), theta, np.arange(2), reml=True))
    assert isinstance(both.state.moments.cross, Sparse)
    np.testing.assert_allclose(both.state.deviance, a.state.deviance, rtol=1e-12)
    np.testing.assert_allclose(both.hessian(), a.hessian(), rtol=1e-8, atol=1e-8)


def test_missing_rows_of_a_set_are_a_smaller_design():
    data = make_data()
    design = build_design("y ~ x + (x | a) + (1 | b)", data, weights="w")
    rng = np.random.default_rng(2)
    Y = np.column_stack([data.y, data.y, data.z])
    Y[rng.random(Y.shape) < 0.2] = np.nan
    many = make_moments(design, Y)
    theta = np.array([0.7, 0.2, 0.4, 0.5])
    for i in range(3):
        keep = ~np.isnan(Y[:, i])
        part = build_design("y ~ x + (x | a) + (1 | b)", data.assign(y=Y[:, i])[keep], weights="w")
        own = make_moments(part)
        # the same covariance in the units of the data: conditioning differs with the rows
        relative = []
        for block, R, other in zip(
            many.layout.blocks, many.conditioning.term_roots, own.conditioning.term_roots, strict=True
        ):
            L = np.zeros((block.size, block.size))
            for j, (k, h) in enumerate(block.elements):
                L[k, h] = theta[block.theta.start + j]
            half = other @ np.linalg.solve(R, L)
            new = lower_factor(half @ half.T)
            relative += [new[k, h] for k, h in block.elements]
        a = evaluate(many, theta[None], np.array([i]), reml=True).deviance
        b = evaluate(own, np.array([relative]), ONE, reml=True).deviance
        assert a[0] == pytest.approx(b[0], abs=1e-9)
        c = evaluate(take(many, np.array([i])), theta[None], ONE, reml=True).deviance
        assert c[0] == pytest.approx(a[0], abs=1e-12)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    scale=st.floats(1e-6, 1e6),
    reml=st.booleans(),
    signs=st.lists(st.sampled_from([-1.0, 1.0]), min_size=2, max_size=2),
)
def test_sign_of_a_column_and_unit_of_the_outcome_do_not_matter(seed, scale, reml, signs):
    data = make_data(seed % 50)
    design = build_design("y ~ x + (x | a)", data)
    moments, scaled = make_moments(design), make_moments(design.with_response(scale * design.y))
    theta = np.random.default_rng(seed).normal(size=3)
    flipped = theta * np.array([signs[0], signs[0], signs[1]])
    a = evaluate(moments, np.stack([theta, flipped]), np.zeros(2, dtype=np.intp), reml=reml).deviance
    b = evaluate(scaled, theta[None], ONE, reml=reml).deviance
    nu = design.nobs - 2 * reml
    assert a[1] == pytest.approx(a[0], abs=1e-9)
    assert b[0] == pytest.approx(a[0] + 2 * nu * np.log(scale), abs=1e-7)


@given(st.lists(st.floats(-5, 5), min_size=6, max_size=6))
def test_lower_factor_of_singular_matrices_too(values):
    half = np.array(values).reshape(3, 2)
    D = half @ half.T
    L = lower_factor(D)
    assert (np.diag(L) >= 0).all()
    assert np.abs(np.triu(L, 1)).max() == 0
    np.testing.assert_allclose(L @ L.T, D, atol=1e-8)


@pytest.mark.parametrize("reml", [True, False])
@pytest.mark.parametrize("formula", FORMULAS[3:6])
def test_large_outer_blocks_take_the_inverse_of_their_covariance(formula, reml, monkeypatch):
    """The path of InstEval, forced on small models: the same Hessian and Kenward–Roger tests."""
    moments = make_moments(build_design(formula, make_data()))
    theta = np.random.default_rng(9).normal(size=moments.layout.m)
    theta = np.where(moments.layout.diagonal, 0.5 + np.abs(theta), 0.3 * theta)[None]
    plain = differentiate(evaluate(moments, theta, ONE, reml=reml))
    before = small_sample(plain, "kenward-roger")
    monkeypatch.setattr(derivatives_module, "LARGE", -1)
    monkeypatch.setattr(likelihood_module, "LARGE", -1)
    large = differentiate(evaluate(moments, theta, ONE, reml=reml))
    assert make_blocks(large.state, projected=True).outer_inverse is not None
    np.testing.assert_allclose(large.hessian(), plain.hessian(), rtol=1e-9, atol=1e-9)
    after = small_sample(large, "kenward-roger")
    np.testing.assert_allclose(after.vcov, before.vcov, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(
        after.dof(np.eye(after.vcov.shape[1])), before.dof(np.eye(after.vcov.shape[1])), rtol=1e-8
    )
