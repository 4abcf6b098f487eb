"""Parameters that can be held while all others are at their best: coefficients, standard deviations, shape.

Each is a coordinate c·x of the search, possibly after turning the random columns: the standard deviation of one of
several correlated effects is ‖Λᵀa‖, which is |a| Λ₁₁ once the columns are turned so that a lies along the first axis.
Thresholds beyond the first bend; there the first threshold makes up for the others.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from doublecode.analysis.mixed.engine.layout import triangle
from doublecode.analysis.mixed.generalized.bare_fit import GeneralizedFit
from doublecode.analysis.mixed.generalized.objective import evaluate
from doublecode.analysis.mixed.generalized.ordinal_fit import OrdinalFit
from doublecode.analysis.mixed.generalized.random_part import factor_of
from doublecode.analysis.mixed.generalized.search import Ending, Found, hessian

Floats = npt.NDArray[np.float64]
ENDLESS, FELT = 4.0, 0.02
"""Log of the dispersion from which it may be without end, and the rise of F that a search can feel."""
NO_SPREAD = 14.0
"""Log of the dispersion that stands for no more spread than Poisson's."""


@dataclass(frozen=True)
class Bend:
    """A parameter that is no straight coordinate: its value and gradient (d,) at x, and the place that makes up.

    The parameter moves one to one with x at `place`.
    """

    at: Callable[[Floats], tuple[float, Floats]]
    place: int


@dataclass(frozen=True)
class Profiled:
    """A parameter of a fit, v.

    Attributes
    ----------
    fit
        The fit, its random columns turned where that makes v a coordinate.
    c
        (d,) gradient of v at the estimate.
    estimate
        v there.
    low
        The bound that v cannot pass.
    bend
        None where v is c·x up to a constant everywhere.
    far
        Value that stands for infinity.
    """

    fit: GeneralizedFit
    c: Floats
    estimate: float
    low: float = -np.inf
    bend: Bend | None = None
    far: float = np.inf

    def endless(self, zeta: Callable[[float], tuple[float, float] | None], target: float) -> bool:
        """Whether the profile stays below the quantile as far up as `far`."""
        if not np.isfinite(self.far):
            return False
        at = zeta(max(self.far - self.estimate, 1.0))
        return at is not None and at[0] < target

    @property
    def error(self) -> float:
        """Standard error of v by the delta method; 0 where the likelihood is flat along it."""
        return float(np.sqrt(max(0.0, float(self.c @ self.fit.joint @ self.c))))


def drawn_in(fit: GeneralizedFit) -> GeneralizedFit:
    """A fit whose dispersion φ went up without end (no more spread than Poisson's), φ lowered until F feels it.

    There F has a slope along log φ to go by.
    """
    if fit.dispersion is None:
        return fit
    problem, end = fit.problem, fit.end
    point, x = end.point, end.point.x.copy()
    while x[-1] > ENDLESS and point.value - end.point.value < FELT:
        x[-1] -= 0.5
        point = evaluate(problem, x.copy(), point)
    if point is end.point:
        return fit
    lowered = Ending(point, hessian(problem, point), end.converged, 0, "dispersion drawn in")
    return replace(fit, found=Found(lowered, (lowered,)))


def coefficient(fit: GeneralizedFit, j: int) -> Profiled:
    """The j-th fixed effect, in the units of the data."""
    m = fit.problem.part.m
    c = np.zeros(fit.problem.size)
    c[m : m + len(fit.x_root)] = np.linalg.inv(fit.x_root)[j]
    return Profiled(fit, c, float(fit.beta[j]))


def standard_deviation(fit: GeneralizedFit, term: int, effect: int) -> Profiled:
    """The standard deviation of one random effect of one term, on the scale of the predictor."""
    block, root = fit.problem.part.blocks[term], fit.problem.part.roots[term]
    a = np.linalg.solve(root.T, np.eye(block.size)[effect])
    own = fit if block.size == 1 else _turned_to(fit, term, a)
    c = np.zeros(fit.problem.size)
    first = block.theta.start
    size = float(np.linalg.norm(a))
    value = size * float(own.end.point.x[first])
    c[first] = -size if value < 0.0 else size
    return Profiled(own, c, abs(value), low=0.0)


def _turned_to(fit: GeneralizedFit, term: int, a: Floats) -> GeneralizedFit:
    """The same fit with the random columns of a term (p of them) turned, a (p,) along the first axis."""
    problem, end = fit.problem, fit.end
    part, block = problem.part, problem.part.blocks[term]
    axes = np.linalg.qr(np.column_stack([a, np.eye(len(a))]))[0]
    axes[:, 0] *= np.sign(axes[:, 0] @ a)
    Z, roots, x = part.Z.copy(), list(part.roots), end.point.x.copy()
    at = part.local[term]
    Z[at], roots[term] = axes.T @ part.Z[at], axes.T @ part.roots[term]
    L = np.linalg.qr((axes.T @ factor_of(block, x[: part.m])).T)[1].T
    L = L * np.where(np.diag(L) < 0.0, -1.0, 1.0)
    x[block.theta] = L[triangle(block.size)]
    other = replace(problem, part=replace(part, Z=Z, roots=tuple(roots)))
    point = evaluate(other, x)
    turned = Ending(point, hessian(other, point), end.converged, 0, "turned")
    return replace(fit, problem=other, found=Found(turned, (turned,)))


def log_dispersion(fit: GeneralizedFit) -> Profiled:
    """Logarithm of the dispersion φ of a negative binomial."""
    c = np.zeros(fit.problem.size)
    c[-1] = 1.0
    return Profiled(fit, c, float(fit.psi[0]), far=NO_SPREAD)


def threshold(fit: OrdinalFit, j: int) -> Profiled:
    """The j-th threshold of an ordinal outcome, predictors at 0."""
    m, p, shape = fit.problem.part.m, len(fit.x_root), fit.rows.thresholds
    by_beta = fit.centre @ np.linalg.inv(fit.x_root) if p else np.zeros(0)

    def at(x: Floats) -> tuple[float, Floats]:
        psi = x[m + p :]
        slope = np.concatenate([np.zeros(m), by_beta, shape.jacobian(psi)[j]])
        return float(shape.values(psi)[j] + by_beta @ x[m : m + p]), slope

    value, c = at(fit.end.point.x)
    return Profiled(fit, c, value, bend=Bend(at, m + p))
