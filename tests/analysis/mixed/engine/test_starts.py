"""The start by the method of moments: its equations, its bounds, and what it saves."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from doublecode.analysis.mixed.design import build_design
from doublecode.analysis.mixed.engine.likelihood import evaluate
from doublecode.analysis.mixed.engine.moments import make_moments
from doublecode.analysis.mixed.engine.optimise import covariance, minimise
from doublecode.analysis.mixed.engine.starts import SMALLEST, default_start, moment_start


def synthetic(groups: int, size: int, sd: float, slope: float, seed: int = 4) -> pd.DataFrame:
    """Random intercepts and slopes, synthetic."""
    rng = np.random.default_rng(seed)
    g, x = np.repeat(np.arange(groups), size), rng.normal(size=groups * size)
    y = sd * rng.normal(size=groups)[g] + slope * rng.normal(size=groups)[g] * x + rng.normal(size=len(g))
    return pd.DataFrame({"g": g, "h": rng.integers(0, 4, len(g)), "x": x, "y": y}).sample(frac=0.9, random_state=1)


def expected_sums(moments, which, theta):
    """Σⱼ E sⱼsⱼᵀ and E yᵀy over σ², group by group as matrices."""
    A = np.moveaxis(moments.ztz[:, :, 0], -1, 0)
    D = covariance(moments.layout.blocks[0], theta[None])[0]
    return sum(a + a @ D @ a for a in A), moments.n[which] + np.trace(D @ A.sum(axis=0))


def test_the_moment_equations_hold_at_the_start():
    moments = make_moments(build_design("y ~ x + (x | g)", synthetic(40, 8, 0.9, 0.7)))
    theta = moment_start(moments)[0]
    assert np.linalg.eigvalsh(covariance(moments.layout.blocks[0], theta[None])[0]).min() > SMALLEST  # none at a bound
    squares, total = expected_sums(moments, 0, theta)
    s = moments.zty[:, 0]
    # σ² cancels from the ratio of the two equations; exact up to rounding
    np.testing.assert_allclose(s @ s.T / moments.yty[0], squares / total, rtol=1e-10)


def test_balanced_one_way_is_the_ratio_of_sums_of_squares():
    rng = np.random.default_rng(2)
    g, k, J = np.repeat(np.arange(30), 5), 5, 30
    y = rng.normal(size=J)[g] + rng.normal(size=len(g))
    moments = make_moments(build_design("y ~ 1 + (1 | g)", pd.DataFrame({"g": g, "y": y})))
    centred = (y - y.mean()).reshape(J, k)
    # Σs² = σ²(n + d k n), yᵀy = σ²(n + d n) solved for d by hand
    ratio = (centred.sum(axis=1) ** 2).sum() / (centred**2).sum()
    assert moment_start(moments)[0, 0] ** 2 == pytest.approx((ratio - 1.0) / (k - ratio), rel=1e-12)


def test_no_variance_starts_at_the_bound_and_crossed_factors_each_by_their_own_moments():
    data = synthetic(40, 8, 0.0, 0.0).assign(y=lambda d: d.y - d.groupby("g").y.transform("mean") + 0.3 * d.h)
    moments = make_moments(build_design("y ~ 1 + (1 | g) + (1 | h)", data))
    y, n = (data.y - data.y.mean()) / data.y.std(ddof=0), len(data)
    counts, sums = data.groupby("h").size(), y.groupby(data.h).sum()
    # Σs² = σ²Σk + τ²Σk² and yᵀy = nσ² + nτ², Σk = n: the two equations of the factor h by hand
    tau2 = ((sums**2).sum() - n) / ((counts**2).sum() - n)
    expected = [np.sqrt(SMALLEST), np.sqrt(tau2 / (1.0 - tau2))]
    np.testing.assert_allclose(moment_start(moments)[0], expected, rtol=1e-10)


def test_sets_with_rows_of_their_own_start_as_they_would_alone():
    data = synthetic(25, 8, 0.8, 0.5)
    Y = np.stack([data.y, data.y**2, data.y + data.x], axis=1)
    Y[::7, 1], Y[3, 2] = np.nan, np.nan
    design = build_design("y ~ 1 + (0 + x | g)", data)
    together = moment_start(make_moments(design, Y))
    assert together.shape == (3, 1)
    one = moment_start(make_moments(design, Y[:, :1]))
    np.testing.assert_allclose(together[0], one[0], rtol=1e-10)
    assert len(set(np.round(together[:, 0], 6))) == 3


def test_it_is_nearer_the_optimum_than_the_fixed_start():
    moments = make_moments(build_design("y ~ x + (x | g)", synthetic(200, 10, 1.2, 0.8)))
    which = np.zeros(1, dtype=np.intp)
    starts = moment_start(moments), default_start(moments)[None]
    ends = [minimise(moments, start, which, reml=True) for start in starts]
    assert ends[0].deviance[0] == pytest.approx(ends[1].deviance[0], abs=1e-8)
    assert ends[0].iterations[0] < ends[1].iterations[0]
    excess = [evaluate(moments, start, which, reml=True).deviance[0] - ends[0].deviance[0] for start in starts]
    assert 0 <= excess[0] < 0.05 * excess[1]
