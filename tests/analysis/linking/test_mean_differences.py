"""Cohen's d of two groups: its limits by quadrature and by the noncentral t of scipy."""

import math

import numpy as np
import pytest
from scipy.special import nctdtr, ndtr
from scipy.stats import chi2

from doublecode.analysis.linking.mean_differences import cohens_d, noncentral_limits


@pytest.mark.parametrize(("t", "df"), [(25.0, 4), (-25.0, 4), (1.0, 2), (0.3, 60), (60.0, 2)])
def test_limits_are_where_the_integral_says(t, df):
    """P(T ≤ t) = ∫ Φ(t √(v / df) − nc) χ²(v; df) dv by quadrature: R's pt loses its digits beyond nc = 37.62."""
    limits = noncentral_limits(t, df, 0.95)
    v = (np.arange(400_000) + 0.5) * chi2.ppf(1 - 1e-13, df) / 400_000
    weight = chi2.pdf(v, df)
    tails = [float(np.sum(ndtr(t * np.sqrt(v / df) - nc) * weight) * (v[1] - v[0])) for nc in limits]
    assert tails == pytest.approx([0.975, 0.025], abs=1e-5)


@pytest.mark.parametrize("level", [0.9, 0.95, 0.99])
def test_limits_are_found_where_scipy_s_noncentral_t_is_nan_far_out(level):
    """Scipy 1.17 has NaN nine standard errors from t: at df 20, t = 0.1, noncentrality 8, and for negative t."""
    for df in (2, 20, 1000):
        for t in (-10.0, -5.0, -2.0, -0.01, 0.0, 0.1, 2.0, 5.0, 25.0):
            limits = np.array(noncentral_limits(t, df, level))
            assert nctdtr(df, limits, t) == pytest.approx([(1 + level) / 2, (1 - level) / 2], abs=1e-9)


def test_without_spread_or_without_a_group_there_is_none():
    two, one, nobody = np.array([1.0, 3.0]), np.array([5.0]), np.array([])
    for first, second in ((two * 0 + 0.1, one * 0 + 0.3), (two, nobody), (one, one)):
        assert all(map(math.isnan, cohens_d(first, second).values()))
    assert cohens_d(two, one)["d"] == pytest.approx(-3 / math.sqrt(2))  # the spread is that of the two
