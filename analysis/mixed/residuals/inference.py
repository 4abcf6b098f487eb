"""Standard errors and degrees of freedom when the residual has parameters of its own.

Satterthwaite's method as in :mod:`doublecode.analysis.mixed.inference`, with the variance
parameters (θ, log σ, η): η are the residual parameters of
:mod:`doublecode.analysis.mixed.residuals.joint_fit`, so their uncertainty counts in the degrees of
freedom. The deviance is that with σ not profiled out; along η its derivatives are central differences.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import ndtri

from doublecode.analysis.mixed.design import Design
from doublecode.analysis.mixed.inference import SmallSample, fixed_effects, positive_inverse
from doublecode.analysis.mixed.residuals.joint_fit import ResidualFit
from doublecode.analysis.mixed.residuals.surface import WhitenedSurface

Floats = npt.NDArray[np.float64]
Found = TypeVar("Found", float, Floats)
_STEP = 5e-3
"""Step of the differences; all parameters are logarithms or in units where the outcome's SD is 1.

What the formula leaves out (h⁴) and what rounding makes of a second difference (ε/h² times the deviance) are both
some 1e-9 of the degrees of freedom at this step.
"""


@dataclass(frozen=True)
class ResidualInference:
    """What the residual parameters change in the tests.

    Attributes
    ----------
    small_sample
        For the tests of the fixed effects, Satterthwaite.
    parameters
        Frame of the residual parameters: term, level, estimate, conf_low, conf_high (Wald limits,
        formed where the parameter is unbounded and carried back).
    """

    small_sample: SmallSample
    parameters: pd.DataFrame


def residual_inference(design: Design, fit: ResidualFit, *, conf_level: float = 0.95) -> ResidualInference:
    """Tests of the fixed effects and limits of the residual parameters at a joint optimum.

    Parameters
    ----------
    design
        As built, not whitened.
    fit
        From :func:`doublecode.analysis.mixed.residuals.joint_fit.fit_residuals`.
    """
    surface = WhitenedSurface(design, fit, ())
    spread = 2.0 * positive_inverse(_curvature(surface)[None])
    plain = _covariance(surface, surface.center)
    small = SmallSample("satterthwaite", plain[None], plain[None], _covariance_slopes(surface)[None], spread)
    log_sigma = float(surface.center[surface.m] + np.log(surface.unit))
    return ResidualInference(small, _parameters(fit, log_sigma, spread[0], conf_level))


def _curvature(surface: WhitenedSurface) -> Floats:
    """(v, v) second derivatives of the deviance at the optimum: exact in (θ, log σ), differenced along η."""
    x, at = surface.center, surface.m + 1
    steps = np.eye(len(x))[at:]
    value, _, own = surface.beside(x)
    H = np.zeros((len(x), len(x)))
    H[:at, :at] = own

    def along(step: Floats, h: float) -> tuple[float, Floats]:
        (up, above, _), (down, below, _) = surface.beside(x + h * step), surface.beside(x - h * step)
        return (up - 2.0 * value + down) / h**2, (above - below) / (2.0 * h)

    def between(one: Floats, two: Floats, h: float) -> float:
        corners = ((1, one + two), (1, -one - two), (-1, one - two), (-1, two - one))
        return sum(sign * surface.at(x + h * step) for sign, step in corners) / (4.0 * h**2)

    for a, step in enumerate(steps):
        (bend, tilt), (bend2, tilt2) = along(step, _STEP), along(step, 2.0 * _STEP)
        H[at + a, at + a] = _refined(bend, bend2)
        H[:at, at + a] = H[at + a, :at] = _refined(tilt, tilt2)
        for b, other in enumerate(steps[:a]):
            cross = (between(step, other, h) for h in (_STEP, 2.0 * _STEP))
            H[at + a, at + b] = H[at + b, at + a] = _refined(*cross)
    return H


def _refined(near: Found, far: Found) -> Found:
    """Richardson's extrapolation of a central difference from steps h and 2h: its error is of the order h⁴."""
    return (4.0 * near - far) / 3.0


def _covariance(surface: WhitenedSurface, x: Floats) -> Floats:
    """(p, p) covariance of the fixed effects at x."""
    state = surface.state(x)
    own = float(state.sigma2[0]) * float(state.moments.conditioning.scale[0]) ** 2
    return np.asarray(fixed_effects(state)[1][0] * (np.exp(2.0 * x[surface.m]) * surface.unit**2 / own))


def _covariance_slopes(surface: WhitenedSurface) -> Floats:
    """(v, p, p) first derivatives of the covariance."""

    def slope(step: Floats) -> Floats:
        up, down = (_covariance(surface, surface.center + side * step) for side in (1.0, -1.0))
        return np.asarray((up - down) / (2.0 * np.abs(step).max()))

    steps = _STEP * np.eye(len(surface.center))
    return np.stack([_refined(slope(step), slope(2.0 * step)) for step in steps])


def _parameters(fit: ResidualFit, log_sigma: float, spread: Floats, conf_level: float) -> pd.DataFrame:
    """Wald limits of φ in the scale of the search and of the SDs in logarithms."""
    z = float(ndtri(0.5 + conf_level / 2.0))
    layout, m = fit.layout, fit.moments.layout.m
    frame = layout.frame(fit.eta, float(np.exp(log_sigma)))
    has_phi = int(layout.model.kind is not None)
    low: list[float] = []
    high: list[float] = []
    if has_phi:
        half = z * float(np.sqrt(spread[m + 1, m + 1]))
        for sign, limits in ((-1.0, low), (1.0, high)):
            limits.append(layout.phi(np.r_[fit.eta[0] + sign * half, fit.eta[1:]]))
    if layout.model.variance_by is not None:
        for i, estimate in enumerate(frame["estimate"].to_numpy()[has_phi:]):
            pick = np.zeros(len(spread))
            pick[m] = 1.0
            if i:
                pick[m + has_phi + i] = 1.0
            half = z * float(np.sqrt(pick @ spread @ pick))
            low.append(float(estimate * np.exp(-half)))
            high.append(float(estimate * np.exp(half)))
    return frame.assign(conf_low=low, conf_high=high)
