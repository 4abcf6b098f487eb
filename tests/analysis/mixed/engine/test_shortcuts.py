"""Shortcuts of the engine against what they spare: the last Hessian, LAPACK's QR and its eigenvalues."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from doublecode.analysis.mixed import fit_mixed
from doublecode.analysis.mixed.checks import orthogonal
from doublecode.analysis.mixed.engine import optimise
from doublecode.analysis.mixed.engine.small_matrices import smallest_eigenvalue


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
    quick = [fit_mixed(formula, data, ddf="z") for data in sets]
    asked = []
    monkeypatch.setattr(optimise._Deviance, "_ended", lambda self, derivatives: asked.append(1))
    whole = [fit_mixed(formula, data, ddf="z") for data in sets]
    assert asked
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
