"""Profile likelihood of the fixed effects (Venzon & Moolgavkar 1988; Bates et al. 2015, section 5.1).

For a value v of one coefficient F is minimised over everything else; ζ(v) = ±√(2(F(v) − F̂)) is nearly straight, so
that a few secant steps find where it reaches the normal quantile.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from doublecode.analysis.mixed.generalized.bare_fit import GeneralizedFit
from doublecode.analysis.mixed.generalized.objective import Point, Problem
from doublecode.analysis.mixed.generalized.search import Counter, quasi_newton

Floats = npt.NDArray[np.float64]

TURNS, CLOSE = 25, 1e-6
"""Most secant steps to a limit, and the distance of ζ from its quantile at which they end."""
FARTHEST_LIMIT = 50.0
"""Standard errors from the estimate beyond which a limit is infinite."""


class _Line(Counter):
    """The problem along an affine subspace x = origin + basis · y."""

    def __init__(self, problem: Problem, origin: Floats, basis: Floats, near: Point) -> None:
        super().__init__(problem)
        self.origin, self.basis, self.last = origin, basis, near

    def at(self, x: Floats, near: Point | None, *, search: bool = True) -> Point | None:
        """The point at coordinates within the subspace."""
        point = super().at(self.origin + self.basis @ x, self.last, search=search)
        if point is None:
            return None
        self.last = point
        return replace(point, x=x, gradient=self.basis.T @ point.gradient)


def profile_limits(fit: GeneralizedFit, j: int, quantile: float) -> tuple[float, float]:
    """Both profile limits of the j-th coefficient, in the units of the data; infinite where there is none."""
    problem, m = fit.problem, fit.problem.part.m
    c = np.zeros(problem.size)
    c[m : m + len(fit.x_root)] = np.linalg.inv(fit.x_root)[j]
    basis = np.linalg.svd(c[None])[2][1:].T
    error = float(np.sqrt(fit.vcov[j, j]))
    if not (np.isfinite(error) and error > 0.0):
        return float("nan"), float("nan")
    along = fit.joint @ c / (c @ fit.joint @ c)
    H = basis.T @ fit.end.hessian @ basis
    low, high = (_limit(fit, (along, basis, H), error, side * quantile) for side in (-1.0, 1.0))
    return fit.beta[j] + low, fit.beta[j] + high


def _limit(fit: GeneralizedFit, frame: tuple[Floats, Floats, Floats], error: float, target: float) -> float:
    """Distance from the estimate at which ζ is `target`."""
    before, zeta_before = 0.0, 0.0
    move = target * error
    start: Point | None = None
    for _ in range(TURNS):
        found = _zeta(fit, frame, move, start)
        if found is None:
            move = 0.5 * (move + before)
            continue
        zeta, start = found
        if abs(zeta - target) < CLOSE:
            return move
        slope = (zeta - zeta_before) / (move - before)
        if slope <= 0.0 or abs(move) > FARTHEST_LIMIT * error:
            return float(np.copysign(np.inf, target))
        before, zeta_before, move = move, zeta, move + np.clip((target - zeta) / slope, -3 * error, 3 * error)
    return move if abs(zeta_before - target) < 1e-3 else float("nan")


def _zeta(
    fit: GeneralizedFit, frame: tuple[Floats, Floats, Floats], move: float, start: Point | None
) -> tuple[float, Point] | None:
    """ζ at a distance from the estimate, all other parameters at their best."""
    along, basis, H = frame
    problem, best = fit.problem, fit.end.point
    line = _Line(problem, best.x + move * along, basis, best)
    first = line.at(np.zeros(basis.shape[1]), best)
    if first is None:
        return None
    end = quasi_newton(first, H, line)
    return float(np.sign(move) * np.sqrt(max(0.0, 2.0 * (end.value - best.value)))), end
