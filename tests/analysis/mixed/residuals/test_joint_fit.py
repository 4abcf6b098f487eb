"""The profile over the residual parameters that the engine's descent goes down."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from doublecode.analysis.mixed import fit_mixed
from doublecode.analysis.mixed.residuals.joint_fit import _Profile, fit_residuals
from doublecode.analysis.mixed.residuals.layout import lay_out_residuals, parse_residuals

REFERENCE = Path(__file__).parents[3] / "reference"
ASKED = ("ar1(session | patient)", "therapist")


def laid_out():
    data = pd.read_csv(REFERENCE / "hw229_ar1.csv")
    formula = "homework ~ beh_cw + beh_pm + sess_c + (sess_c | patient)"
    fit = fit_mixed(formula, data, correlation=ASKED[0], variance_by=ASKED[1], ddf="z")
    return fit.model, lay_out_residuals(parse_residuals(*ASKED), fit.model)


@pytest.mark.parametrize("reml", [True, False])
def test_slopes_of_the_profile_are_the_differences_of_its_values(reml):
    design, layout = laid_out()
    profile = _Profile(design, layout, reml)
    eta = np.r_[0.1, np.linspace(-0.2, 0.3, layout.size - 1)]
    middle = profile.value(eta)
    gradient, hessian = profile.slopes(eta)
    step = 1e-3 * np.eye(layout.size)
    up, down = np.array([[profile.value(eta + one), profile.value(eta - one)] for one in step]).T
    assert gradient == pytest.approx((up - down) / 2e-3, rel=1e-4, abs=1e-4)
    # the covariances give way along η, which the Hessian takes off
    assert np.diag(hessian) == pytest.approx((up - 2 * middle + down) / 1e-6, rel=1e-3)
    cross = profile.value(eta + step[0] + step[1]) + profile.value(eta - step[0] - step[1])
    cross -= profile.value(eta + step[0] - step[1]) + profile.value(eta - step[0] + step[1])
    assert hessian[0, 1] == pytest.approx(cross / 4e-6, rel=1e-2, abs=1e-2)


def test_a_start_far_off_ends_at_the_same_optimum():
    design, layout = laid_out()
    best = fit_residuals(design, layout, reml=True)
    far = fit_residuals(design, layout, reml=True, start=np.r_[1.5, np.full(layout.size - 1, -1.0)])
    assert far.converged
    assert far.eta == pytest.approx(best.eta, abs=1e-7)
