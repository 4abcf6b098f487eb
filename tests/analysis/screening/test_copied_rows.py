"""Identical rows of two raters, against independent raters."""

import numpy as np
import pytest
from scipy import stats

from doublecode.analysis.screening.code_tables import code_tables
from doublecode.analysis.screening.copied_rows import _chance, copied_rows


def findings(study):
    (table,) = code_tables(study.ratings, [study.book])
    return {(one.rater, one.other): one for one in copied_rows(table, np.random.default_rng(0))}


def test_equal_weights_are_a_binomial():
    rng = np.random.default_rng(1)
    equal = rng.random((10_000, 1)) < 0.1
    q = equal.mean()
    chance, expected = _chance(8.0, np.ones((30, 1), dtype=bool), equal, np.ones((10_000, 1)))
    assert expected == pytest.approx(30 * q)
    assert chance == pytest.approx(stats.binom.sf(7, 30, q), rel=1e-6)


def test_a_row_of_rare_codes_says_more_than_a_row_of_the_floor(planted_screens):
    """Ten identical rows on the floor are honest, ten others are not."""
    sim = planted_screens
    study = sim.honest(sim.DESIGNS[1], 1)
    honest = findings(study)
    assert min(one.p_value for one in honest.values()) > 0.001
    assert max(one.n_found for one in honest.values()) >= 3  # the floor makes some rows identical
    planted = sim.copied(study, np.random.default_rng(1))
    worst = min(findings(planted).values(), key=lambda one: one.p_value)
    assert worst.p_value < 1e-5
    assert worst.n_found >= 10
    assert len(worst.sessions) == worst.n_found


def test_two_raters_alone_are_held_to_their_own_components(planted_screens):
    """There is no other pair: copying ten rows of seventy is seen all the same."""
    sim = planted_screens
    planted = sim.copied(sim.honest(sim.DESIGNS[3], 2), np.random.default_rng(2))
    (found,) = findings(planted).values()
    assert found.n_found >= 10
    assert found.p_value < 1e-5
