"""Profile likelihood of one parameter (Venzon & Moolgavkar 1988; Bates et al. 2015, section 5.1).

For a value v of the parameter F is minimised over everything else; ζ(v) = ±√(2(F(v) − F̂)) is nearly straight, and its
slope is known, F′/ζ, so that a few of Newton's steps find where it reaches the normal quantile. A bound of the
parameter is a limit where ζ does not reach the quantile on the way to it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from doublecode.analysis.mixed.generalized.objective import Point
from doublecode.analysis.mixed.generalized.profiled_parameters import Profiled
from doublecode.analysis.mixed.generalized.search import Counter, hessian, quasi_newton

Floats = npt.NDArray[np.float64]

TURNS, CLOSE = 40, 1e-3
"""Most steps to a limit, and the distance of ζ from its quantile from which the next step is the last."""
PROMISED = 1e-7
"""Predicted decrease of F below which a search over the other parameters ends."""
NEAR_BOUND = 0.02
"""Standard errors from its bound at which an estimate counts as lying on it."""
FARTHEST_LIMIT, LONGEST = 50.0, 3.0
"""Standard errors from the estimate beyond which a limit is infinite, and of one step."""
MOST = 1000
"""Most evaluations for one limit."""
FRESH, STILL = 3, 0.05
"""Most fresh Hessians of a search over the other parameters, and the gradient below which none is needed."""
NO_ERROR = 0.3
"""Standard error to begin with where the curvature gives none, in the units of the search."""


def profile_limits(parameter: Profiled, quantile: float, floor: float) -> tuple[float, float]:
    """Both limits; a bound or infinity where the profile does not reach the quantile, NaN where none was found.

    A fit that did not converge has none. `floor` is F at its minimum.
    """
    if not parameter.fit.end.converged:
        return float("nan"), float("nan")
    curve = _Curve(parameter, floor)
    low, high = (_limit(curve, side, quantile) for side in (-1.0, 1.0))
    return parameter.estimate + low, parameter.estimate + high


def signed_root(parameter: Profiled, value: float, floor: float) -> float:
    """ζ at a value of the parameter, NaN if unknown; limits hold the values where |ζ| is below the quantile."""
    found = _Curve(parameter, floor).zeta(value - parameter.estimate)
    return float("nan") if found is None else found[0]


class _Curve(Counter):
    """F along the parameter, all others at their best."""

    def __init__(self, parameter: Profiled, floor: float) -> None:
        fit, c = parameter.fit, parameter.c
        super().__init__(fit.problem)
        self.parameter, self.best, self.floor = parameter, fit.end.point, floor
        self.basis = np.linalg.svd(c[None])[2][1:].T
        known = parameter.error > 0.0
        self.along = fit.joint @ c / parameter.error**2 if known else c / (c @ c)
        self.error = parameter.error if known else NO_ERROR * float(np.linalg.norm(c))
        self.hessian = self.basis.T @ fit.end.hessian @ self.basis
        self.last: _Held | None = None

    def zeta(self, move: float) -> tuple[float, float] | None:
        """ζ at a distance from the estimate, and its slope; None where the likelihood has no value."""
        held = _Held(self, move)
        start = np.zeros(self.basis.shape[1])
        if self.last is not None and self.last.move * move > 0.0:
            # along the line of conditional means the others move with the square of the distance
            start, held.near = self.last.end.x * (move / self.last.move) ** 2, self.last.near
        first = held.at(start, None)
        if first is None and start.any():
            first = held.at(np.zeros_like(start), None)
        if first is None:
            return None
        held.end = self._settled(quasi_newton(first, self.hessian, held, PROMISED), held)
        if held.end is not held.made:
            held.at(held.end.x, None)
        self.last = held
        self.count += held.count
        zeta = np.sign(move) * np.sqrt(max(0.0, 2.0 * (held.end.value - self.floor)))
        return float(zeta), held.slope / zeta if zeta else 0.0

    def _settled(self, point: Point, held: _Held) -> Point:
        """Go on with a Hessian of its own where that at the estimate has led astray."""
        for _ in range(FRESH):
            if held.count > MOST or float(np.abs(point.gradient).max(initial=0.0)) < STILL:
                break
            point = quasi_newton(point, hessian(held.problem, point, held), held, PROMISED)
        return point


class _Held(Counter):
    """The problem with the parameter at one distance from its estimate, in coordinates y of the others."""

    def __init__(self, curve: _Curve, move: float) -> None:
        super().__init__(curve.problem)
        self.curve, self.move = curve, move
        self.near = self.end = curve.best
        self.made: Point | None = None

    def at(self, x: Floats, near: Point | None, *, search: bool = True) -> Point | None:
        """The point at coordinates y, its gradient by y."""
        curve, bend = self.curve, self.curve.parameter.bend
        inside = curve.best.x + self.move * curve.along + curve.basis @ x
        slope: Floats | None = None
        if bend is not None:
            value, slope = bend.at(inside)
            inside[bend.place] += curve.parameter.estimate + self.move - value
        point = super().at(inside, self.near, search=search)
        if point is None:
            return None
        self.near = point
        g = point.gradient
        if bend is not None and slope is not None:
            g = g - g[bend.place] * slope
        self.made = replace(point, x=x, gradient=curve.basis.T @ g)
        return self.made

    @property
    def slope(self) -> float:
        """Derivative of the minimum by the distance: the gradient along any way on which the parameter moves by one."""
        bend, g = self.curve.parameter.bend, self.near.gradient
        return float(g[bend.place]) if bend is not None else float(g @ self.curve.along)


@dataclass
class _Bracket:
    """Distances between which a limit lies: at `inner` ζ falls short of the quantile, at `outer` it does not."""

    inner: float
    outer: float | None

    def step(self, move: float, longest: float, side: float) -> float:
        """`move`, or the middle where it leaves the bracket; at most `longest` beyond what is known."""
        if self.outer is None:
            return self.inner + side * min(max(side * (move - self.inner), 1e-3 * longest), longest)
        inside = min(self.inner, self.outer) < move < max(self.inner, self.outer)
        return move if inside else 0.5 * (self.inner + self.outer)


def _limit(curve: _Curve, side: float, quantile: float) -> float:
    """Distance of one limit from the estimate."""
    error, target, bracket = curve.error, side * quantile, _Bracket(0.0, None)
    if side > 0.0 and curve.parameter.endless(curve.zeta, target):
        return float("inf")
    longest, move = LONGEST * error, target * error
    span = curve.parameter.estimate - curve.parameter.low
    if np.isfinite(span):
        if side < 0.0:
            at_bound = curve.zeta(-span) if span > NEAR_BOUND * error else (0.0, 0.0)
            if at_bound is not None and at_bound[0] > target:
                return -span
            bracket.outer, curve.last = -span, None
        if span > NEAR_BOUND * error:  # the logarithm of a spread is nearer to normal than the spread
            move = span * np.expm1(np.clip(target * error / span, -30.0, 1.0))
    start = curve.count
    for _ in range(TURNS):
        found = curve.zeta(move)
        if curve.count - start > MOST:
            break
        if found is None:
            bracket.outer = move
            move = 0.5 * (bracket.inner + move)
            continue
        zeta, slope = found
        if abs(zeta - target) < CLOSE and slope > 0.0:
            return move + (target - zeta) / slope
        if side * (zeta - target) > 0.0:
            bracket.outer = move
        else:
            bracket.inner = move
        flat = slope <= 0.0
        if bracket.outer is None and ((flat and abs(move) > error) or abs(move) > FARTHEST_LIMIT * error):
            return float(np.copysign(np.inf, side))
        move = bracket.step(side * np.inf if flat else move + (target - zeta) / slope, longest, side)
    return float("nan")
