"""CR2 worked by hand, and in clusters that the predictors determine."""

import numpy as np
import pytest

from doublecode.analysis.mixed.cluster_robust import cr2
from doublecode.schemas.errors import NotEstimable


def test_the_mean_of_three_clusters_of_two():
    """By hand: H_gg = 1/6 · 11ᵀ, so A_g 1 = (1 − 2/6)^−½ 1 and V = 6⁻² · 3/2 · Σ (sum of the cluster's residuals)²."""
    y = np.array([1.0, 3, 4, 6, 8, 12])
    sums = np.array([4.0, 10, 20]) - 2 * y.mean()
    vcov, df = cr2(np.ones((6, 1)), y - y.mean(), ["a", "a", "b", "b", "c", "c"])
    assert vcov[0, 0] == pytest.approx(1.5 * (sums**2).sum() / 36, rel=1e-12)
    assert vcov[0, 0] == pytest.approx(np.var([2.0, 5, 10], ddof=1) / 3, rel=1e-12)
    assert df[0] == pytest.approx(2, rel=1e-12)


def test_two_groups_of_clusters():
    """A predictor of clusters, balanced: the two-sample t test of cluster means, with its pooled df."""
    rng = np.random.default_rng(2)
    y, treated = rng.normal(size=24), np.repeat([0.0, 1], 12)
    X = np.column_stack([np.ones(24), treated])
    residual = y - X @ np.linalg.lstsq(X, y, rcond=None)[0]
    vcov, df = cr2(X, residual, np.repeat(np.arange(8), 3).tolist())
    means = y.reshape(8, 3).mean(axis=1)
    assert vcov[1, 1] == pytest.approx(means[:4].var(ddof=1) / 4 + means[4:].var(ddof=1) / 4, rel=1e-12)
    assert df[1] == pytest.approx(6, rel=1e-12)


def test_a_cluster_that_has_a_coefficient_of_its_own():
    """Its adjustment has no inverse: the pseudo-inverse leaves it out, and nothing is infinite."""
    X = np.column_stack([np.ones(5), [0.0, 0, 0, 0, 1]])
    y = np.array([1.0, 2, 4, 3, 9])
    vcov, df = cr2(X, y - X @ np.linalg.lstsq(X, y, rcond=None)[0], [1, 1, 2, 2, 3])
    assert np.isfinite(vcov).all()
    assert np.isfinite(df).all()


def test_one_cluster():
    with pytest.raises(NotEstimable, match="two clusters"):
        cr2(np.ones((3, 1)), np.zeros(3), [1, 1, 1])
