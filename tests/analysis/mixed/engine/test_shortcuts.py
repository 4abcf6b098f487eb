"""Shortcuts of the engine against what they spare: the last Hessian, LAPACK's QR and its eigenvalues."""

from __future__ import annotations

import runpy
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from doublecode.analysis.mixed import fit_mixed
from doublecode.analysis.mixed.checks import orthogonal
from doublecode.analysis.mixed.design import build_design
from doublecode.analysis.mixed.engine import optimise
from doublecode.analysis.mixed.engine.moments import make_moments
from doublecode.analysis.mixed.engine.small_matrices import (
    FEW,
    cholesky,
    invert_plus_one,
    multiply,
    of_sets,
    smallest_eigenvalue,
    solve,
)

REFERENCE = Path(__file__).parents[3] / "reference"


def growth(seed: int, *, groups: int = 22) -> pd.DataFrame:
    """Random intercepts and slopes of unlike size, rows missing, synthetic."""
    rng = np.random.default_rng(seed)
    patient, time = np.divmod(np.arange(groups * 9), 9)
    data = pd.DataFrame({"patient": patient, "time": time - 4.0})
    u = rng.normal(size=(2, groups)) * [[0.8], [rng.choice([0.05, 0.2, 0.5])]]
    data["y"] = u[0][patient] + u[1][patient] * data.time + rng.normal(size=len(data))
    return data[rng.random(len(data)) < 0.85].reset_index(drop=True)


def test_a_search_ended_by_its_gradient_ends_where_newton_does(monkeypatch):
    """Covariances of twelve sets to 1e-8 of the largest: a hundredth of what references are held to."""
    formula, sets = "y ~ time + (time | patient)", [growth(seed) for seed in range(12)]
    asked, shortcut = [], optimise._Deviance._ended
    monkeypatch.setattr(optimise._Deviance, "_ended", lambda self, at: asked.append(shortcut(self, at)) or asked[-1])
    quick = [fit_mixed(formula, data, ddf="z") for data in sets]
    assert sum(plan is not None for plan in asked) >= 4
    monkeypatch.setattr(optimise._Deviance, "_ended", lambda self, derivatives: None)
    whole = [fit_mixed(formula, data, ddf="z") for data in sets]
    for one, other in zip(quick, whole, strict=True):
        np.testing.assert_allclose(one.beta, other.beta, rtol=1e-8, atol=1e-9)
        np.testing.assert_allclose(one.variances.variance, other.variances.variance, rtol=1e-7, atol=1e-8)
        assert one.loglik == pytest.approx(other.loglik, abs=1e-10)


@pytest.mark.parametrize(("rows", "near"), [(50, 1.0), (5000, 1.0), (5000, 0.05), (5000, 1e-3)])
def test_columns_made_orthogonal(rows, near):
    """By LAPACK, by products once, twice, and by LAPACK again where a column is too near the others' span."""
    rng = np.random.default_rng(5)
    columns = np.column_stack([np.ones(rows), rng.normal(3.0, 2.0, rows), rng.normal(size=rows)])
    columns[:, 2] = columns[:, 1] + near * columns[:, 2]
    Q, R = orthogonal(columns)
    np.testing.assert_allclose(Q.T @ Q / rows, np.eye(3), atol=1e-12)
    np.testing.assert_allclose(Q @ R, columns, rtol=1e-11, atol=1e-11)
    assert (np.diag(R) > 0).all()
    np.testing.assert_array_equal(np.tril(R, -1), 0.0)


@pytest.mark.parametrize("size", [1, 2, 3])
def test_smallest_eigenvalue(size):
    root = np.random.default_rng(6).normal(size=(20, size, size))
    D = root @ root.swapaxes(1, 2)
    np.testing.assert_allclose(smallest_eigenvalue(D), np.linalg.eigvalsh(D)[:, 0], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    ("number", "reml", "variance"), [(483, True, 0.000800042502616), (203, False, 0.010808325532110)]
)
def test_where_a_variance_is_small_the_last_hessian_is_made(number, reml, variance):
    """Slope variances by Newton in 80-bit arithmetic; ended by its gradient alone the first would be off by 8e-7."""
    sets = runpy.run_path(str(REFERENCE / "mixed_sets.py"))
    fit = fit_mixed(sets["FORMULA"], sets["simulated_set"](number), reml=reml, ddf="z")
    assert fit.variances.variance.iloc[1] == pytest.approx(variance, rel=1e-7)


def test_models_of_equal_layout_share_its_index_arrays():
    one, other = (make_moments(build_design("y ~ time + (time | patient)", growth(3))) for _ in range(2))
    assert one.layout is other.layout


@pytest.mark.parametrize("size", [1, 2, 3])
@pytest.mark.parametrize("groups", [5, FEW + 1])
def test_few_and_many_small_matrices(size, groups):
    """Products and inverses element by element, or all in one call, against numpy's of each matrix."""
    rng = np.random.default_rng(3)
    A = rng.normal(size=(1, groups, size, 2 * size))
    A, D = A @ A.swapaxes(2, 3), np.cov(rng.normal(size=(size, 20))).reshape(1, size, size)
    first, last = np.moveaxis(A, (2, 3), (0, 1)), np.moveaxis(D, 0, 2)
    np.testing.assert_allclose(np.moveaxis(multiply(first, first), (0, 1), (2, 3)), A @ A, rtol=1e-13)
    E, log = invert_plus_one(last, first)
    plus = np.eye(size) + D[:, None] @ A
    np.testing.assert_allclose(np.moveaxis(E, (0, 1), (2, 3)), np.linalg.inv(plus), rtol=1e-10, atol=1e-13)
    np.testing.assert_allclose(log, np.linalg.slogdet(plus)[1].sum(axis=1), rtol=1e-12)


@pytest.mark.parametrize("sets", [1, 3])
def test_factors_and_solutions_of_one_matrix_and_of_several(sets):
    rng = np.random.default_rng(4)
    A = rng.normal(size=(sets, 3, 9))
    A, b = A @ A.swapaxes(1, 2), rng.normal(size=(sets, 3))
    L = cholesky(A)
    np.testing.assert_allclose(L @ L.swapaxes(1, 2), A, rtol=1e-13)
    np.testing.assert_array_equal(np.triu(L, 1), 0.0)
    np.testing.assert_allclose((A @ solve(A, b)[:, :, None])[:, :, 0], b, rtol=1e-11)
    np.testing.assert_allclose(solve(A[:1], b) @ A[0], b, rtol=1e-11)  # one system for all
    assert np.isnan(solve(np.zeros((sets, 2, 2)), np.ones((sets, 2)))).all()
    with pytest.raises(np.linalg.LinAlgError):
        cholesky(-A)
    np.testing.assert_array_equal(of_sets(A, np.arange(sets)), A)
    np.testing.assert_array_equal(of_sets(A, np.array([sets - 1, 0])), A[[sets - 1, 0]])
    np.testing.assert_array_equal(of_sets(A, np.array([2, 0]), 1), A[:, [2, 0]])
