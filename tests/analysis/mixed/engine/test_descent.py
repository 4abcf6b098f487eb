"""The one descent: every problem of a batch ends where it would end alone."""

from __future__ import annotations

import numpy as np
import pytest

from doublecode.analysis.mixed.engine.descent import Plan, Rules, descend, newton_plan

CENTRES = np.array([-1.5, 0.3, 2.0, 7.0])


def quartic(x, which):
    """(x − c)⁴/4 + (x − c)²/2, minimum 0 at c."""
    off = x[:, 0] - CENTRES[which]
    gradient, hessian = off**3 + off, 3 * off**2 + 1

    def plan(kept):
        return newton_plan(gradient[kept, None], hessian[kept, None, None], 1e-16)

    return off**4 / 4 + off**2 / 2, plan


def test_each_problem_ends_at_its_own_minimum_as_it_does_alone():
    end = descend(quartic, np.zeros((4, 1)), Rules(last_step=True))
    np.testing.assert_allclose(end.points[:, 0], CENTRES, atol=1e-12)
    assert end.converged.all()
    for i in range(4):
        alone = descend(lambda x, which, i=i: quartic(x, which + i), np.zeros((1, 1)), Rules(last_step=True))
        assert alone.points[0, 0] == end.points[i, 0]
        assert alone.evaluations[0] == end.evaluations[i]


def test_a_step_too_long_is_shortened_and_bounds_hold():
    def overshooting(x, which):
        off = x[:, 0] - CENTRES[which]
        return off**2, lambda kept: Plan(-6.0 * off[kept, None], np.abs(off[kept]) < 1e-9, np.abs(off[kept]))

    end = descend(overshooting, np.zeros((4, 1)), Rules(steps=200, noise=0.0))
    np.testing.assert_allclose(end.points[:, 0], CENTRES, atol=1e-8)
    bounded = descend(quartic, np.zeros((4, 1)), Rules(), lambda x, step, which: np.minimum(x + step, 1.0))
    np.testing.assert_allclose(bounded.points[:, 0], np.minimum(CENTRES, 1.0), atol=1e-8)
    assert bounded.converged[:2].all()


def test_a_problem_without_a_value_leaves_the_others_alone():
    def lacking(x, which):
        value, plan = quartic(x, which)
        return np.where(which == 1, np.nan, value), plan

    end = descend(lacking, np.zeros((4, 1)), Rules(last_step=True))
    assert end.converged.tolist() == [True, False, True, True]
    assert end.evaluations[1] == 1
    none = descend(lambda x, which: (np.full(len(x), np.nan), quartic(x, which)[1]), np.zeros((2, 1)), Rules())
    assert not none.converged.any()


@pytest.mark.parametrize(("stationary", "converged"), [(0.0, False), (1.0, True)])
def test_a_stuck_problem_counts_only_if_its_slope_is_small(stationary, converged):
    def uphill(x, which):
        return x[:, 0] ** 2, lambda kept: Plan(
            x[kept] + 1.0, np.zeros(kept.sum(), dtype=bool), np.full(kept.sum(), 0.5)
        )

    assert descend(uphill, np.ones((1, 1)), Rules(stationary=stationary)).converged[0] == converged


def test_steps_are_counted_and_armijo_asks_for_its_share():
    one = descend(quartic, np.zeros((4, 1)), Rules(steps=1))
    assert (one.evaluations == 2).all()
    assert not one.converged.any()
    asked = descend(quartic, np.full((4, 1), 3.0), Rules(share=1e-3, last_step=True))
    np.testing.assert_allclose(asked.points[:, 0], CENTRES, atol=1e-12)
