"""Profile limits when the residual has parameters of its own: all of them vary together.

The search is that of :mod:`doublecode.analysis.mixed.engine.profiles`; what is ours is the surface, in
x = (θ, log σ, η) with η the residual parameters. Every η needs new sufficient statistics, and the
deviance is differentiated along it by central differences; along θ and σ the engine does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from doublecode.analysis.mixed.design import Design
from doublecode.analysis.mixed.engine.likelihood import State, evaluate
from doublecode.analysis.mixed.engine.moments import make_moments
from doublecode.analysis.mixed.engine.profiles import Target, limits_on
from doublecode.analysis.mixed.fixed_profiles import coefficient_limits, coefficient_slope
from doublecode.analysis.mixed.inference import fixed_effects
from doublecode.analysis.mixed.residuals.joint_fit import ResidualFit, covariances_of, fit_residuals, theta_from
from doublecode.analysis.mixed.residuals.layout import ResidualLayout
from doublecode.analysis.mixed.residuals.surface import WhitenedSurface

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]
Limits = tuple[float, float, float]


@dataclass(frozen=True)
class ResidualTarget(Target):
    """A function of the residual parameters, too.

    Attributes
    ----------
    of_eta
        (residual variance (B,), η (B, k)) → (B,).
    """

    of_eta: Callable[[Floats, Floats], Floats] = lambda sigma2, eta: sigma2

    def at(self, V: tuple[Floats, ...], sigma2: Floats, eta: Floats) -> Floats:
        """(B,) values."""
        return self.of_eta(sigma2, eta)


def component_limits(design: Design, fit: ResidualFit, targets: Sequence[Target], chi2: float) -> list[Limits]:
    """Estimate and profile limits of functions of the variance components, and of η where they ask for it."""
    surface = WhitenedSurface(design, fit, targets)
    found = limits_on(surface, np.repeat(surface.center[None], len(targets), axis=0), (1, len(targets)), chi2)
    table = np.stack([found.estimate[0], found.low[0], found.high[0]], axis=1)
    return [(float(estimate), float(low), float(high)) for estimate, low, high in table]


def parameter_limits(design: Design, fit: ResidualFit, chi2: float) -> list[Limits]:
    """Estimate and profile limits of φ (if any) and of the residual SD of each level (if they differ).

    SDs are sought in logarithms, as they are in η; a profile limit does not depend on it.
    """
    layout = fit.layout
    targets: list[Target] = []
    if layout.model.kind is not None:
        low = -1.0 if layout.model.kind == "ar1" else 0.0
        targets.append(ResidualTarget(_sigma2, low, 1.0, lambda _, eta: np.array([layout.phi(one) for one in eta])))
    first = len(targets)
    if layout.model.variance_by is not None:
        targets += [ResidualTarget(_sigma2, of_eta=_of_level(layout, k)) for k in range(len(layout.levels))]
    found = component_limits(design, fit, targets, chi2)
    logs = np.exp(np.reshape(found[first:], (-1, 3)))
    return found[:first] + [(float(estimate), float(low), float(high)) for estimate, low, high in logs]


def _sigma2(V: tuple[Floats, ...], sigma2: Floats) -> Floats:
    return sigma2


def _of_level(layout: ResidualLayout, level: int) -> Callable[[Floats, Floats], Floats]:
    return lambda sigma2, eta: 0.5 * np.log(sigma2) + np.log([layout.ratios(one)[level] for one in eta])


def fixed_limits(design: Design, fit: ResidualFit, chi2: float) -> list[tuple[float, float]]:
    """ML profile limits of each fixed effect."""
    ml = fit if not fit.reml else fit_residuals(design, fit.layout, reml=False, start=fit.eta)
    state = evaluate(ml.moments, ml.climb.theta[None], np.zeros(1, dtype=np.intp), reml=False)
    beta, covariance = (a[0] for a in fixed_effects(state))
    errors = np.sqrt(np.diag(covariance))
    return [
        coefficient_limits(float(beta[j]), float(errors[j]), chi2, _Held(design, ml, float(state.deviance[0]), j))
        for j in range(len(beta))
    ]


class _Held:
    """The profile of coefficient j: its column becomes a known part of the outcome."""

    def __init__(self, design: Design, ml: ResidualFit, deviance: float, j: int) -> None:
        self.design, self.ml, self.deviance, self.j = design, ml, deviance, j
        names = design.x_names[:j] + design.x_names[j + 1 :]
        self.rest = replace(design, X=np.delete(design.X, j, axis=1), x_names=names)

    def __call__(self, jobs: Ints, aim: Floats, slope: Floats, turn: int) -> tuple[Floats, Floats, Floats]:
        """The constrained minimum with the coefficient at `aim`."""
        found = [self._at(float(value)) for value in aim]
        return aim, np.array([rise for rise, _ in found]), np.array([tilt for _, tilt in found])

    def _at(self, value: float) -> tuple[float, float]:
        y = self.design.y - value * self.design.X[:, self.j]
        fit = fit_residuals(self.rest.with_response(y), self.ml.layout, reml=False, start=self.ml.eta)
        state = self._free(fit)
        return fit.climb.rungs[-1].deviance - self.deviance, float(
            coefficient_slope(state, self.j, np.array([value]))[0]
        )

    def _free(self, fit: ResidualFit) -> State:
        """The whole model at the variance parameters of the constrained one."""
        moments = make_moments(self.ml.layout.whiten(self.design, fit.eta))
        theta = theta_from(moments, covariances_of(fit.moments, fit.climb.theta))
        return evaluate(moments, theta[None], np.zeros(1, dtype=np.intp), reml=False)
