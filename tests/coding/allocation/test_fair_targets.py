from __future__ import annotations

import numpy as np
import pytest

from doublecode.coding.allocation.fair_targets import fair_targets


def test_even_where_all_may_do_all():
    assert fair_targets([272.0], [[0, 1, 2, 3, 4]], np.full(5, np.inf)).tolist() == pytest.approx([54.4] * 5)


def test_limits_are_used_up_and_the_rest_is_even():
    caps = np.array([10.0, np.inf, np.inf])
    assert fair_targets([100.0], [[0, 1, 2]], caps).tolist() == pytest.approx([10, 45, 45])


def test_the_least_squares_of_a_chain():
    """Classes of 30, 0 and 30 along a chain: x + y = 30 of the first, so that all four have 15."""
    found = fair_targets([30.0, 0.0, 30.0], [[0, 1], [1, 2], [2, 3]], np.full(4, np.inf))
    assert found.tolist() == pytest.approx([15, 15, 15, 15])
    found = fair_targets([60.0, 12.0], [[0, 1], [1, 2]], np.full(3, np.inf))
    assert found.tolist() == pytest.approx([30, 30, 12])
