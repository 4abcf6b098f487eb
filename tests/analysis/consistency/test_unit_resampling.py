"""Intervals from resampled units on cases with a known answer."""

from __future__ import annotations

import numpy as np
import pytest

from doublecode.analysis.consistency.unit_resampling import (
    FISHER_Z,
    LOG_COMPLEMENT,
    LOGIT,
    Scale,
    bca_limits,
    bootstrap_weights,
    jackknife_limits,
    jackknife_weights,
    limits_of,
    percentile_limits,
)

X = np.random.default_rng(1).gamma(2.0, size=30)
IDENTITY = Scale("own", lambda x: x, lambda y: y, lambda x: np.ones_like(x))


def mean_of(weights: np.ndarray) -> np.ndarray:
    return (weights @ X / weights.sum(axis=1))[:, None]


def test_jackknife_of_a_mean_is_the_t_interval() -> None:
    """The delete-one jackknife of a mean is exactly its textbook standard error."""
    estimate, limits, failed = limits_of(mean_of, 30, scale=IDENTITY)
    error = X.std(ddof=1) / np.sqrt(30)
    assert limits.std_error[0] == pytest.approx(error, abs=1e-12)
    assert limits.low[0] == pytest.approx(estimate[0] - 2.0452296421327034 * error, abs=1e-9)  # qt(.975, 29)
    assert failed == 0


def test_bootstrap_weights_draw_with_replacement() -> None:
    weights = bootstrap_weights(22, 4000, 3)
    assert (weights.sum(axis=1) == 22).all()
    assert weights.mean(axis=0) == pytest.approx(np.ones(22), abs=0.1)
    assert (weights == 0).mean() == pytest.approx((21 / 22) ** 22, abs=0.01)
    assert (jackknife_weights(3) == [[0, 1, 1], [1, 0, 1], [1, 1, 0]]).all()


def test_percentile_and_bca_of_a_mean() -> None:
    """BCa is second-order: for a right-skewed mean both limits lie above the percentile's."""
    drawn = mean_of(bootstrap_weights(30, 20000, 1))
    left_out = mean_of(jackknife_weights(30))
    estimate = np.array([X.mean()])
    plain, corrected = percentile_limits(drawn, 0.95), bca_limits(estimate, drawn, left_out, 0.95)
    skew = ((X - X.mean()) ** 3).sum() / (6 * ((X - X.mean()) ** 2).sum() ** 1.5)
    d = X.mean() - left_out[:, 0]
    assert (-(d**3)).sum() / (6 * (d**2).sum() ** 1.5) == pytest.approx(-skew, abs=1e-12)
    assert corrected.low[0] > plain.low[0]
    assert corrected.high[0] > plain.high[0]


@pytest.mark.parametrize("scale", [LOGIT, LOG_COMPLEMENT, FISHER_Z])
def test_scales_go_back_and_their_slope_is_right(scale: Scale) -> None:
    x = np.array([0.1, 0.5, 0.9])
    assert scale.back(scale.to(x)) == pytest.approx(x, abs=1e-14)
    h = 1e-6
    assert scale.slope(x) == pytest.approx((scale.to(x + h) - scale.to(x - h)) / (2 * h), rel=1e-7)


def test_a_resample_without_an_estimate_leaves_no_jackknife_interval() -> None:
    def broken(weights: np.ndarray) -> np.ndarray:
        return np.where(weights[:, :1] == 0, np.nan, 0.5)

    _, limits, failed = limits_of(broken, 5)
    assert failed == 1
    assert np.isnan(limits.low[0])
    limits = jackknife_limits(np.array([0.5]), np.full((5, 1), 0.5), 0.95)
    assert limits.low[0] == pytest.approx(0.5)


def test_many_units_are_left_out_in_groups() -> None:
    """5,000 rows: 500 groups of 10; the interval of a mean stays the textbook's within simulation error."""
    x = np.random.default_rng(2).normal(size=5000)
    weights = jackknife_weights(5000, seed=4)
    assert weights.shape == (500, 5000)
    assert ((weights == 0).sum(axis=1) == 10).all()
    assert ((weights == 0).sum(axis=0) == 1).all()

    def mean(w: np.ndarray) -> np.ndarray:
        return (w @ x / w.sum(axis=1))[:, None]

    _, limits, _ = limits_of(mean, 5000, scale=IDENTITY, seed=4)
    assert limits.df[0] == 499
    assert limits.std_error[0] == pytest.approx(x.std(ddof=1) / np.sqrt(5000), rel=0.1)
