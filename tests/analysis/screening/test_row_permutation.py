"""Permuted rows: the exact variance and tail against every permutation of a few rows."""

from itertools import permutations

import numpy as np
import pytest
from scipy import stats

from doublecode.analysis.screening.row_permutation import centred, permutation_p, permutation_spread, standardised


def every(x, y):
    return np.array([(x[list(order)] * y).sum() for order in permutations(range(len(x)))])


def test_the_spread_is_that_of_all_permutations():
    rng = np.random.default_rng(1)
    x, y = centred(rng.normal(size=(6, 3))), centred(rng.normal(size=(6, 3)))
    sums = every(x, y)
    assert sums.mean() == pytest.approx(0.0, abs=1e-12)
    assert permutation_spread(x, y) == pytest.approx(np.sqrt((sums**2).mean()), rel=1e-12)


def test_a_frequent_chance_is_that_of_all_permutations():
    rng = np.random.default_rng(2)
    y = centred(rng.normal(size=(7, 3)))
    x = y + 1.2 * centred(rng.normal(size=(7, 3)))
    sums = every(x, y)
    exact = (sums >= (x * y).sum() - 1e-12).mean()
    assert 0.0005 < exact < 0.01  # beyond 2.5 standard errors, where permutations are drawn
    # 20,000 draws: three standard errors of the share
    assert permutation_p(x, y) == pytest.approx(exact, abs=3 * np.sqrt(exact / 20_000) + 1e-4)


@pytest.mark.parametrize("r", [0.65, 0.75, 0.85])
def test_a_small_chance_is_no_smaller_than_the_t_curve_says(r):
    """Normal columns: permuting is as the t test; the fitted tail may only be heavier."""
    rng = np.random.default_rng(3)
    x, e = (standardised(rng.normal(size=(36, 1))) for _ in range(2))
    e = standardised(e - x * (x * e).sum() / (x**2).sum())
    y = r * x + np.sqrt(1 - r**2) * e
    t = r * np.sqrt(34 / (1 - r**2))
    exact = stats.t.sf(t, 34)
    assert exact * 0.5 < permutation_p(x, y) < max(2e-5, exact * 2)


def test_columns_without_spread_and_cells_without_a_code():
    values = np.array([[1.0, np.nan], [1.0, 2.0], [1.0, 4.0]])
    assert standardised(values)[:, 0].tolist() == [0.0, 0.0, 0.0]
    assert centred(values)[:, 1].tolist() == [0.0, -1.0, 1.0]
    assert permutation_p(np.zeros((5, 1)), np.ones((5, 1))) == 1.0
