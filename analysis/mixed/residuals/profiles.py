"""Profile limits when the residual has parameters of its own: all of them vary together.

The method is that of `mixed.engine.profiles`, a penalised minimum that is the constrained one at the
value it reaches, here in z = (θ, log σ, η) with η the residual parameters, one limit after the
other and by a quasi-Newton method, since every η needs new sufficient statistics.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from doublecode.analysis.mixed.design import Design
from doublecode.analysis.mixed.engine.likelihood import evaluate
from doublecode.analysis.mixed.engine.profiles import STIFFNESS, Measure, Target
from doublecode.analysis.mixed.inference import fixed_effects, positive_inverse
from doublecode.analysis.mixed.residuals.inference import Surface
from doublecode.analysis.mixed.residuals.joint_fit import ResidualFit, covariances_of, fit_residuals
from doublecode.analysis.mixed.residuals.layout import ResidualLayout

Floats = npt.NDArray[np.float64]
Limits = tuple[float, float, float]
JointMeasure = Callable[[tuple[Floats, ...], Floats, Floats], float]
"""(covariances (1, p, p) of every term, residual variance (1,), η) → the quantity, in the units of the data."""
_STEP, _MAX_OUTER = 1e-4, 25


def component_limits(design: Design, fit: ResidualFit, targets: Sequence[Target], chi2: float) -> list[Limits]:
    """Estimate and profile limits of functions of the variance components."""
    profile = JointProfile(design, fit, chi2)
    return [profile.limits(_of_components(target.measure), target.low, target.high) for target in targets]


def _of_components(measure: Measure) -> JointMeasure:
    return lambda V, sigma2, eta: float(measure(V, sigma2)[0])


def parameter_limits(design: Design, fit: ResidualFit, chi2: float) -> list[Limits]:
    """Estimate and profile limits of φ (if any) and of the residual SD of each level (if they differ)."""
    profile, layout = JointProfile(design, fit, chi2), fit.layout
    found: list[Limits] = []
    if layout.model.kind is not None:
        low = -1.0 if layout.model.kind == "ar1" else 0.0
        found.append(profile.limits(lambda V, sigma2, eta: layout.phi(eta), low, 1.0))
    if layout.model.variance_by is not None:
        found += [profile.limits(_of_level(layout, k), 0.0, np.inf) for k in range(len(layout.levels))]
    return found


def _of_level(layout: ResidualLayout, level: int) -> JointMeasure:
    return lambda V, sigma2, eta: float(np.sqrt(sigma2[0]) * layout.ratios(eta)[level])


def fixed_limits(design: Design, fit: ResidualFit, chi2: float) -> list[tuple[float, float]]:
    """ML profile limits of each fixed effect."""
    ml = fit if not fit.reml else fit_residuals(design, fit.layout, reml=False, start=fit.eta)
    state = evaluate(ml.moments, ml.climb.theta[None], np.zeros(1, dtype=np.intp), reml=False)
    beta, covariance = (a[0] for a in fixed_effects(state))
    return [
        profile_coefficient(
            design, ml, float(state.deviance[0]), j, float(beta[j]), float(np.sqrt(covariance[j, j])), chi2
        )
        for j in range(len(beta))
    ]


class JointProfile:
    """Profiles of functions of (θ, log σ, η) at a joint optimum.

    Parameters
    ----------
    design
        As built, not whitened.
    fit
        From :func:`doublecode.analysis.mixed.residuals.joint_fit.fit_residuals`.
    chi2
        Rise of the deviance at the limits.
    """

    def __init__(self, design: Design, fit: ResidualFit, chi2: float) -> None:
        self.surface = Surface(design, fit)
        self.root = float(np.sqrt(chi2))
        self.center = self.surface.center
        self.floor = self.surface(self.center)
        spread = positive_inverse(self.surface.hessian()[None])[0]
        self.inverse = spread + 1e-6 * np.eye(len(spread))

    def limits(self, measure: JointMeasure, low: float, high: float) -> Limits:
        """Estimate and both limits; a boundary where the profile does not rise enough before it."""
        estimate = self._measure(measure, self.center)
        slope = self._gradient(lambda z: self._measure(measure, z), self.center)
        width = float(np.sqrt(2.0 * slope @ self.inverse @ slope))
        width = width if np.isfinite(width) and width > 1e-8 else max(0.1 * abs(estimate), 1e-3)
        below, above = (self._limit(measure, estimate, width, side, b) for side, b in ((-1.0, low), (1.0, high)))
        return estimate, below, above

    def _limit(self, measure: JointMeasure, estimate: float, width: float, side: float, bound: float) -> float:
        kappa = STIFFNESS / width**2
        if np.isfinite(bound):
            z = self._descend(measure, 100.0 * kappa, bound + side * width, self.center)
            close = abs(self._measure(measure, z) - bound) < 1e-3 * width
            if close and self.surface(z) - self.floor < self.root**2:
                return bound
        aim, z, known = estimate + side * self.root * width, self.center, (estimate, float("nan"))
        if side * (aim - bound) > 0:
            aim = 0.5 * (estimate + bound)
        steep = 2.0 * self.root * side / abs(aim - estimate)
        for _ in range(_MAX_OUTER):
            t = aim + steep / (2.0 * kappa)
            trial = self._descend(measure, kappa, t, z)
            c = self._measure(measure, trial)
            zeta = float(np.sqrt(max(self.surface(trial) - self.floor, 0.0)))
            if abs(zeta - self.root) < 1e-5:
                return c
            if zeta < self.root:
                z, known = trial, (c, known[1])
            else:
                known = (known[0], c)
            steep = 2.0 * kappa * (t - c)
            aim = self._next(c, zeta, steep, known, side, width)
            steep *= min(self.root / max(zeta, 1e-3), 10.0)
        return float("nan")

    def _next(
        self, c: float, zeta: float, steep: float, known: tuple[float, float], side: float, width: float
    ) -> float:
        """Newton's method on the signed root, inside the bracket."""
        inner, outer = known
        longest = 3.0 * max(abs(c - inner), width)
        step = (self.root - zeta) * 2.0 * max(zeta, 1e-3) / steep if steep else side * longest
        aim = c + float(np.clip(step, -longest, longest))
        if side * (aim - inner) <= 0 or (np.isfinite(outer) and side * (aim - outer) >= 0):
            return 0.5 * (inner + outer) if np.isfinite(outer) else inner + side * longest
        return aim

    def _descend(self, measure: JointMeasure, kappa: float, t: float, start: Floats) -> Floats:
        from scipy.optimize import minimize

        def objective(z: Floats) -> float:
            return self.surface(z) - self.floor + kappa * (self._measure(measure, z) - t) ** 2

        slope = self._gradient(lambda z: self._measure(measure, z), start)
        along = self.inverse @ slope  # Sherman–Morrison: the penalty stiffens one direction
        first = self.inverse - np.outer(along, along) * (2.0 * kappa / (1.0 + 2.0 * kappa * float(slope @ along)))
        options: Any = {"gtol": 1e-5, "maxiter": 60, "hess_inv0": 0.5 * (first + first.T)}

        def gradient(z: Floats) -> Floats:
            return self._gradient(objective, z)

        found = minimize(objective, start, jac=gradient, method="BFGS", options=options)
        return np.asarray(found.x, dtype=float)

    def _measure(self, measure: JointMeasure, z: Floats) -> float:
        m = self.surface.m
        sigma2 = np.exp(2.0 * z[m : m + 1])
        relative = covariances_of(self.surface.fit.moments, z[:m])
        return float(measure(tuple(D[None] * sigma2[0] for D in relative), sigma2, z[m + 1 :]))

    @staticmethod
    def _gradient(function: Callable[[Floats], float], z: Floats) -> Floats:
        steps = _STEP * np.eye(len(z))
        return np.array([(function(z + h) - function(z - h)) / (2.0 * _STEP) for h in steps])


def profile_coefficient(design: Design, ml: ResidualFit, deviance: float, j: int, beta: float, se: float, chi2: float
                        ) -> tuple[float, float]:  # fmt: skip
    """ML profile limits of one fixed effect: its column becomes a known part of the outcome."""
    rest = replace(design, X=np.delete(design.X, j, axis=1), x_names=design.x_names[:j] + design.x_names[j + 1 :])
    root = float(np.sqrt(chi2))

    def zeta(value: float) -> float:
        fit = fit_residuals(rest.with_response(design.y - value * design.X[:, j]), ml.layout, reml=False, start=ml.eta)
        return float(np.sqrt(max(fit.climb.rungs[-1].deviance - deviance, 0.0)))

    def search(side: float) -> float:
        before, held, at = beta, 0.0, beta + side * root * se
        for _ in range(20):
            now = zeta(at)
            if abs(now - root) < 1e-6:
                break
            slope = (now - held) / (at - before) if abs(now - held) > 1e-12 else side / se
            before, held = at, now
            at += float(np.clip((root - now) / slope, -3.0 * root * se, 3.0 * root * se))
        return at

    return search(-1.0), search(1.0)
