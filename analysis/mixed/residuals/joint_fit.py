r"""Residual correlation and unequal residual variances, by whitening the rows.

The residuals of a model may be a first-order autoregression within a group (AR(1) in whole
steps, CAR(1) in continuous time) and may have a variance of their own in each level of a
factor (Pinheiro & Bates 2000, section 5.2 and 5.3):

.. math:: Cov(ε_t, ε_s) = σ² δ_t δ_s φ^{|t − s|}/\sqrt{w_t w_s}

with δ = 1 in the first level. Given φ and δ the model is an ordinary one in the rows
:math:`(x_t − ρ_t x_{t−1})/\sqrt{1 − ρ_t²}` of :math:`x\sqrt w/δ`, ρₜ = φ to the power of the gap to the
row before, and log|R| = −Σ log w + 2 Σ log δ + Σ log(1 − ρₜ²) is added to the deviance. So
the engine fits it unchanged; φ and δ are found by minimising the deviance that it returns.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from doublecode.analysis.mixed.design import Design
from doublecode.analysis.mixed.engine.likelihood import evaluate
from doublecode.analysis.mixed.engine.moments import Moments, make_moments
from doublecode.analysis.mixed.engine.optimise import Climb, Rung, climb, covariance, lower_factor, minimise
from doublecode.analysis.mixed.residuals.layout import ResidualLayout
from doublecode.schemas.results import Note

Floats = npt.NDArray[np.float64]

_ETA_LIMIT = 7.0
"""Largest |atanh φ|, |logit φ| or |log δ| that the search visits; beyond it the parameter has run away."""
_STEP = 1e-4
"""Step of the central differences in the residual parameters."""


@dataclass(frozen=True)
class ResidualFit:
    """The joint optimum over random-effects covariances and residual parameters.

    Attributes
    ----------
    layout, reml
        What was fitted, by which criterion.
    eta
        (k,) residual parameters on the scale of the search: atanh φ (AR) or logit of φ per median gap
        (CAR), then log δ of every level but the first.
    design, moments
        Whitened at `eta`; `climb` is the engine's optimum there.
    converged
        Whether both the engine and the search for `eta` ended at a stationary point.
    notes
        A parameter that ran to its limit.
    """

    layout: ResidualLayout
    reml: bool
    eta: Floats
    design: Design
    moments: Moments
    climb: Climb
    converged: bool
    notes: tuple[Note, ...]


def fit_residuals(design: Design, layout: ResidualLayout, *, reml: bool, start: Floats | None = None) -> ResidualFit:
    """Minimise the deviance jointly over the random-effects covariances and the residual parameters.

    For every `eta` the engine gives the optimum over the covariances; the gradient in `eta` is
    the difference quotient at fixed covariances, since those are optimal. Quasi-Newton from the
    best of a few starts, then the engine's whole ladder at the end. A `start` close to the optimum
    (a bootstrap's) replaces the starts and the last polish.
    """
    from scipy.optimize import minimize

    profile = _Profile(design, layout, reml)
    starts = layout.starts() if start is None else [start]
    values = [profile(eta)[0] for eta in starts] if len(starts) > 1 else [0.0]
    first = starts[int(np.argmin(values))]
    bounds = [(-_ETA_LIMIT, _ETA_LIMIT)] * layout.size
    found = minimize(
        profile, first, jac=True, method="L-BFGS-B", bounds=bounds,
        options={"ftol": 1e-14, "gtol": 1e-6, "maxiter": 200},
    )  # fmt: skip
    eta = np.asarray(found.x, dtype=float)
    eta = profile.polish(eta) if start is None else eta
    value, gradient = profile(eta)
    white = layout.whiten(design, eta)
    moments = make_moments(white)
    ascent = climb(moments, reml=reml, start=profile.start(moments))
    at_limit = np.abs(eta) > _ETA_LIMIT - 0.05
    stationary = bool((np.abs(gradient[~at_limit]) < 1e-3).all())
    notes = tuple(
        Note("residual_parameter_at_limit", numbers={"parameter": name})
        for name, flag in zip(parameter_names(layout), at_limit, strict=True)
        if flag
    )
    rung = Rung("quasi-Newton in " + ", ".join(parameter_names(layout)), f"best of {len(values)}", profile.calls, value,
                float(np.abs(gradient).max()), stationary, "jointly with the covariances")  # fmt: skip
    ascent = replace(ascent, rungs=(rung, *ascent.rungs))
    return ResidualFit(layout, reml, eta, white, moments, ascent, stationary and ascent.converged, notes)


def parameter_names(layout: ResidualLayout) -> list[str]:
    """Names of the residual parameters in the order of `eta`: phi, then ratios of SDs."""
    phi = ["phi"] if layout.model.kind else []
    return phi + [f"sd[{level}]/sd[{layout.levels[0]}]" for level in layout.levels[1:]]


class _Profile:
    """Deviance minimised over the covariances, as a function of `eta`; keeps the last optimum as a start."""

    def __init__(self, design: Design, layout: ResidualLayout, reml: bool) -> None:
        self.design, self.layout, self.reml = design, layout, reml
        self.covariances: list[Floats] | None = None
        self.calls = 0

    def start(self, moments: Moments) -> Floats | None:
        """θ of the last optimum in the conditioned units of `moments`."""
        return None if self.covariances is None else theta_from(moments, self.covariances)

    def __call__(self, eta: Floats) -> tuple[float, Floats]:
        """Value and gradient at `eta`."""
        self.calls += 1
        moments = make_moments(self.layout.whiten(self.design, eta))
        start, which = self.start(moments), np.zeros(1, dtype=np.intp)
        theta = None
        if start is not None:
            end = minimise(moments, start[None], which, reml=self.reml)
            theta = end.theta[0] if end.converged[0] else None
        if theta is None:
            theta = climb(moments, reml=self.reml).theta
        self.covariances = covariances_of(moments, theta)
        value = float(evaluate(moments, theta[None], which, reml=self.reml).deviance[0])
        return value, self.gradient(eta)

    def gradient(self, eta: Floats) -> Floats:
        """(k,) central differences at the covariances of the last optimum."""
        steps = _STEP * np.eye(len(eta))
        return np.array([(self._at(eta + h) - self._at(eta - h)) / (2.0 * _STEP) for h in steps])

    def _at(self, eta: Floats) -> float:
        moments = make_moments(self.layout.whiten(self.design, eta))
        theta = theta_from(moments, self.covariances or [])
        return float(evaluate(moments, theta[None], np.zeros(1, dtype=np.intp), reml=self.reml).deviance[0])

    def polish(self, eta: Floats) -> Floats:
        """Two Newton steps with a difference quotient of the gradient, kept while they descend."""
        for _ in range(2):
            value, gradient = self(eta)
            steps = 1e-3 * np.eye(len(eta))
            H = np.array([(self(eta + h)[1] - self(eta - h)[1]) / 2e-3 for h in steps])
            H = 0.5 * (H + H.T)
            if np.linalg.eigvalsh(H)[0] <= 0:
                return eta
            trial = np.clip(eta - np.linalg.solve(H, gradient), -_ETA_LIMIT, _ETA_LIMIT)
            if self(trial)[0] > value + 1e-10 * (1 + abs(value)):
                return eta
            eta = trial
        return eta


def covariances_of(moments: Moments, theta: Floats) -> list[Floats]:
    """Relative covariance matrices (p, p) of all terms in the units of the data, from θ (m,)."""
    out: list[Floats] = []
    for block, R in zip(moments.layout.blocks, moments.conditioning.term_roots, strict=True):
        half = np.linalg.solve(R, covariance(block, theta[None])[0])
        out.append(np.asarray(np.linalg.solve(R, half.T), dtype=float))
    return out


def theta_from(moments: Moments, covariances: Sequence[Floats]) -> Floats:
    """Conditioned θ (m,) with these relative covariance matrices; inverse of :func:`covariances_of`."""
    theta = np.zeros(moments.layout.m)
    for block, R, D in zip(moments.layout.blocks, moments.conditioning.term_roots, covariances, strict=True):
        L = lower_factor(R @ D @ R.T)
        theta[block.theta] = [L[at] for at in block.elements]
    return theta
