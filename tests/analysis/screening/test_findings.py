"""One level for all screens of a study."""

import numpy as np
import pytest

from doublecode.analysis.screening.findings import SHARES, Finding, Screen, adjusted


def test_the_shares_are_the_whole():
    assert sum(SHARES.values()) == pytest.approx(1.0)


@pytest.mark.parametrize("screens", [list(SHARES), [Screen.HALO, Screen.COLUMN_SHIFTED]])
def test_all_tests_together_keep_the_level(screens):
    """p values that just reach the level add up to it: weighted Bonferroni."""
    tests = [Finding(one, "ghes", "R1", part=part, p_value=1e-5) for one in screens for part in ("", "", "a", "b", "c")]
    reached = 0.01 * 1e-5 / adjusted(tests)
    assert reached.sum() == pytest.approx(0.01)


def test_a_count_without_a_test_takes_no_share():
    tests = [Finding(Screen.HALO, "ghes", "R1", p_value=0.001), Finding(Screen.FAST_PACE, "", "R1", p_value=np.nan)]
    assert adjusted(tests)[0] == 0.001
    assert np.isnan(adjusted(tests)[1])
