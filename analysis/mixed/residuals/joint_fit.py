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
from itertools import combinations

import numpy as np
import numpy.typing as npt

from doublecode.analysis.mixed.design import Design
from doublecode.analysis.mixed.engine.derivatives import differentiate
from doublecode.analysis.mixed.engine.descent import Plan, Planner, descend, newton_plan
from doublecode.analysis.mixed.engine.likelihood import State, evaluate
from doublecode.analysis.mixed.engine.moments import Moments, make_moments
from doublecode.analysis.mixed.engine.optimise import (
    PREDICTED,
    RULES,
    STATIONARY,
    Climb,
    Rung,
    climb,
    covariance,
    lower_factor,
    minimise,
)
from doublecode.analysis.mixed.residuals.layout import ResidualLayout
from doublecode.schemas.results import Note

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]

_ONE = np.zeros(1, dtype=np.intp)
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

    For every `eta` the engine gives the optimum over the covariances; the one descent of the engine goes down
    this profile from the best of a few starts, then the engine's whole ladder stands at the end. A `start`
    close to the optimum (a bootstrap's) replaces the starts.
    """
    profile = _Profile(design, layout, reml)
    starts = np.array(layout.starts() if start is None else [start])
    first = int(np.argmin([profile.value(eta) for eta in starts])) if len(starts) > 1 else 0
    end = descend(profile, starts[first : first + 1], RULES, profile.move)
    eta = end.points[0]
    value, slope = profile.value(eta), profile.slopes(eta)[0]
    at_limit = np.abs(eta) > _ETA_LIMIT - 0.05
    stationary = bool((np.abs(slope[~at_limit]) < STATIONARY).all())
    white = layout.whiten(design, eta)
    moments = make_moments(white)
    ascent = climb(moments, reml=reml, start=profile.start(moments))
    names = parameter_names(layout)
    notes = tuple(
        Note("residual_parameter_at_limit", numbers={"parameter": name})
        for name, flag in zip(names, at_limit, strict=True)
        if flag
    )
    rung = Rung("Newton in " + ", ".join(names), f"best of {len(starts)}", profile.calls, value,
                float(np.abs(slope).max()), stationary, "jointly with the covariances")  # fmt: skip
    ascent = replace(ascent, rungs=(rung, *ascent.rungs))
    return ResidualFit(layout, reml, eta, white, moments, ascent, stationary and ascent.converged, notes)


def parameter_names(layout: ResidualLayout) -> list[str]:
    """Names of the residual parameters in the order of `eta`: phi, then ratios of SDs."""
    phi = ["phi"] if layout.model.kind else []
    return phi + [f"sd[{level}]/sd[{layout.levels[0]}]" for level in layout.levels[1:]]


class _Profile:
    """Deviance minimised over the covariances as a function of `eta`, one point at a time.

    For :func:`~doublecode.analysis.mixed.engine.descent.descend`. Keeps the last optimum as a start.
    """

    def __init__(self, design: Design, layout: ResidualLayout, reml: bool) -> None:
        self.design, self.layout, self.reml = design, layout, reml
        self.covariances: list[Floats] | None = None
        self.calls = 0

    def __call__(self, points: Floats, at: Ints) -> tuple[Floats, Planner]:
        """Values (B,) at points (B, k), and the planner of Newton's step from there."""
        values = np.array([self.value(eta) for eta in points])
        return values, lambda kept: self._plan(points[kept])

    def move(self, points: Floats, steps: Floats, at: Ints) -> Floats:
        """Go a step, inside the limits of the search."""
        return np.clip(points + steps, -_ETA_LIMIT, _ETA_LIMIT)

    def start(self, moments: Moments) -> Floats | None:
        """θ of the last optimum in the conditioned units of `moments`."""
        return None if self.covariances is None else theta_from(moments, self.covariances)

    def value(self, eta: Floats) -> float:
        """Deviance at the best covariances for `eta`, which are kept."""
        self.calls += 1
        moments = make_moments(self.layout.whiten(self.design, eta))
        start = self.start(moments)
        theta = None
        if start is not None:
            end = minimise(moments, start[None], _ONE, reml=self.reml)
            theta = end.theta[0] if end.converged[0] else None
        if theta is None:
            theta = climb(moments, reml=self.reml).theta
        self.covariances = covariances_of(moments, theta)
        return float(evaluate(moments, theta[None], _ONE, reml=self.reml).deviance[0])

    def slopes(self, eta: Floats) -> tuple[Floats, Floats]:
        """Gradient (k,) and Hessian (k, k) of the profile by central differences around the last optimum.

        The covariances are optimal there, so the gradient is that at fixed covariances; the Hessian is the Schur
        complement of theirs: what they give way to along η is taken off.
        """
        here = make_moments(self.layout.whiten(self.design, eta))
        theta, roots = theta_from(here, self.covariances or []), here.conditioning.term_roots

        def at(point: Floats) -> State:
            moments = make_moments(self.layout.whiten(self.design, point), term_roots=roots)
            return evaluate(moments, theta[None], _ONE, reml=self.reml)

        steps, middle = _STEP * np.eye(len(eta)), at(eta)
        up, down = [at(eta + one) for one in steps], [at(eta - one) for one in steps]
        rise, fall = (_deviances(side) - float(middle.deviance[0]) for side in (up, down))
        bend = np.diag((rise + fall) / _STEP**2)
        for a, b in combinations(range(len(eta)), 2):
            corners = _deviances([at(eta + steps[a] + steps[b]), at(eta - steps[a] - steps[b])]).sum()
            both = corners - 2.0 * float(middle.deviance[0]) - (rise + fall)[[a, b]].sum()
            bend[a, b] = bend[b, a] = both / (2.0 * _STEP**2)
        tilt = (_tilts(up) - _tilts(down)) / (2.0 * _STEP)
        own = differentiate(middle).hessian()[0]
        return (rise - fall) / (2.0 * _STEP), bend - tilt @ np.linalg.pinv(own, rcond=1e-9, hermitian=True) @ tilt.T

    def _plan(self, points: Floats) -> Plan:
        """Newton's step; a parameter at its limit that would go on stays there."""
        eta = points[0]
        gradient, hessian = self.slopes(eta)
        held = (np.abs(eta) >= _ETA_LIMIT) & (np.sign(gradient) == -np.sign(eta))
        gradient = np.where(held, 0.0, gradient)
        hessian[held], hessian[:, held] = 0.0, 0.0
        hessian[held, held] = 1.0
        return newton_plan(gradient[None], hessian[None], PREDICTED)


def _deviances(states: Sequence[State]) -> Floats:
    return np.array([float(state.deviance[0]) for state in states])


def _tilts(states: Sequence[State]) -> Floats:
    """(states, m) gradients in θ."""
    return np.array([differentiate(state).gradient()[0] for state in states])


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
