"""Standard errors and degrees of freedom when the residual has parameters of its own.

Satterthwaite's method as in :mod:`doublecode.analysis.mixed.inference`, with the variance
parameters (θ, log σ, η): η are the residual parameters of
:mod:`doublecode.analysis.mixed.residuals.joint_fit`, so their uncertainty counts in the degrees of
freedom. Derivatives are central differences of the deviance with σ not profiled out.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import ndtri

from doublecode.analysis.mixed.design import Design
from doublecode.analysis.mixed.engine.likelihood import State, evaluate
from doublecode.analysis.mixed.engine.moments import make_moments
from doublecode.analysis.mixed.inference import SmallSample, fixed_effects, positive_inverse
from doublecode.analysis.mixed.residuals.joint_fit import ResidualFit, covariances_of, theta_from

Floats = npt.NDArray[np.float64]
_STEP = 1e-3
"""Step of the differences; all parameters are logarithms or in units where the outcome's SD is 1."""


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
    surface = Surface(design, fit)
    spread = 2.0 * positive_inverse(surface.hessian()[None])
    slopes = surface.covariance_slopes()
    plain = surface.covariance(surface.center)
    small = SmallSample("satterthwaite", plain[None], plain[None], slopes[None], spread)
    return ResidualInference(small, _parameters(fit, surface.log_sigma, spread[0], conf_level))


class Surface:
    """Deviance and covariance of the fixed effects as functions of x = (θ, log σ, η)."""

    def __init__(self, design: Design, fit: ResidualFit) -> None:
        self.design, self.fit = design, fit
        state = evaluate(fit.moments, fit.climb.theta[None], np.zeros(1, dtype=np.intp), reml=fit.reml)
        self.m = fit.moments.layout.m
        scale = float(fit.moments.conditioning.scale[0])
        self.log_sigma = 0.5 * float(np.log(state.sigma2[0])) + float(np.log(scale))
        self.center = np.r_[fit.climb.theta, self.log_sigma, fit.eta]

    def state(self, x: Floats) -> State:
        """Solve the mixed-model equations at x."""
        eta = x[self.m + 1 :]
        moments = make_moments(self.fit.layout.whiten(self.design, eta))
        theta = theta_from(moments, covariances_of(self.fit.moments, x[: self.m]))
        return evaluate(moments, theta[None], np.zeros(1, dtype=np.intp), reml=self.fit.reml)

    def __call__(self, x: Floats) -> float:
        """−2 log-likelihood at x, σ not profiled out."""
        state = self.state(x)
        nu = float(state.nu[0])
        r2 = float(state.r2[0]) * float(state.moments.conditioning.scale[0]) ** 2
        profiled = nu * (1.0 + np.log(2.0 * np.pi * r2 / nu))
        log_sigma = x[self.m]
        return float(state.deviance[0] - profiled + nu * (np.log(2.0 * np.pi) + 2.0 * log_sigma)
                     + r2 * np.exp(-2.0 * log_sigma))  # fmt: skip

    def covariance(self, x: Floats) -> Floats:
        """(p, p) covariance of the fixed effects at x."""
        state = self.state(x)
        unit = float(state.sigma2[0]) * float(state.moments.conditioning.scale[0]) ** 2
        return np.asarray(fixed_effects(state)[1][0] * (np.exp(2.0 * x[self.m]) / unit))

    def hessian(self) -> Floats:
        """(v, v) second differences of the deviance."""
        x, v = self.center, len(self.center)
        H = np.empty((v, v))
        steps = _STEP * np.eye(v)
        middle = self(x)
        for a in range(v):
            H[a, a] = (self(x + steps[a]) - 2.0 * middle + self(x - steps[a])) / _STEP**2
            for b in range(a):
                plus, minus = steps[a] + steps[b], steps[a] - steps[b]
                cross = self(x + plus) - self(x + minus) - self(x - minus) + self(x - plus)
                H[a, b] = H[b, a] = cross / (4.0 * _STEP**2)
        return H

    def covariance_slopes(self) -> Floats:
        """(v, p, p) first differences of the covariance."""
        steps = _STEP * np.eye(len(self.center))
        return np.stack([
            (self.covariance(self.center + h) - self.covariance(self.center - h)) / (2.0 * _STEP) for h in steps
        ])  # fmt: skip


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
