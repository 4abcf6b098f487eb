"""Search for the minimum: quasi-Newton steps from a good first Hessian, Newton's at the end, several starts, a log.

A covariance factor Λ is not constrained in sign, so that a variance of zero is an ordinary stationary point; one that
is no minimum shows a negative eigenvalue of the Hessian, along which the search goes on.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from doublecode.analysis.mixed.engine.optimise import Rung
from doublecode.analysis.mixed.generalized.objective import Point, Problem, evaluate
from doublecode.analysis.mixed.generalized.random_part import factor_of, identity_theta

Floats = npt.NDArray[np.float64]

STEPS, PREDICTED, POLISHED = 100, 1e-11, 1e-13
"""Most quasi-Newton steps; predicted decrease below which Newton's begin, and below which these end if stationary."""
STATIONARY = 1e-4
"""Largest gradient of a point called converged."""
WIDTH, WIDTH_SHARP = 1e-4, 1e-3
"""Step of the differences of gradients that make the Hessian; where rows are sharp, and rounding is felt in them."""
SAME = 1e-7
"""Difference of F at which two ends are one."""
SHARP = 1e3
"""Curvature of a row, from which modes are sought, not predicted, where gradients are differenced."""
FARTHEST = 2.0
"""Longest move of a parameter in one step."""
LEAST_OWN = 1e-14
"""Least curvature of a parameter that it is measured by, as a share of the largest."""
SADDLE_STEPS = (0.3, 0.05, 0.01, 0.002, 0.0004)
"""Moves along a direction of negative curvature, tried until F falls: where rows tell much, a variance is small."""
FIRST_SCALES, OTHER_SCALES = (1.0, 0.4), (2.5, 0.15)
NEAR_BOUNDARY, MANY = 0.15, 30
"""Smallest standard deviation along a direction, and evaluations, at which the end is checked from other starts."""


@dataclass(frozen=True)
class Ending:
    """Where one search ended: the point, the Hessian (d, d) there, whether it is a minimum, evaluations, start."""

    point: Point
    hessian: Floats
    converged: bool
    evaluations: int
    start: str


@dataclass(frozen=True)
class Found:
    """The best end of all searches, and all ends in the order of the searches, the best among them."""

    end: Ending
    ends: tuple[Ending, ...]

    @property
    def rungs(self) -> tuple[Rung, ...]:
        """The log of the searches."""
        return tuple(_rung(end, self.end) for end in self.ends)


class Counter:
    """Evaluates a problem, free of some parameters, and counts."""

    def __init__(self, problem: Problem) -> None:
        self.problem, self.count = problem, 0

    def at(self, x: Floats, near: Point | None, *, search: bool = True) -> Point | None:
        """The point at x, or None where there is no value; without `search` at the modes predicted from `near`."""
        self.count += 1
        try:
            with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
                return evaluate(self.problem, x, near, search=search)
        except np.linalg.LinAlgError:
            return None


def find_minimum(problem: Problem, beta: Floats, psi: Floats, *, thorough: bool = True) -> Found:
    """Search from the better of two starts; from others if the end is doubtful.

    Parameters
    ----------
    beta, psi
        (p,) and (k,) estimates without random effects.
    thorough
        Whether a doubtful end is checked from other starts.

    Raises
    ------
    numpy.linalg.LinAlgError
        There is no finite value at any start.
    """
    firsts = [(scale, _start(problem, beta, psi, scale)) for scale in FIRST_SCALES]
    counter = Counter(problem)
    tried = [(scale, point) for scale, x in firsts if (point := counter.at(x, None)) is not None]
    if not tried:
        raise np.linalg.LinAlgError("the likelihood has no finite value at any start")
    scale, point = min(tried, key=lambda one: one[1].value)
    ends = [descend(problem, point, f"identity × {scale:g}", counter)]
    if thorough and _doubtful(problem, ends[0]):
        ends += _others(problem, beta, psi, ends[0])
    return _best(ends)


def _others(problem: Problem, beta: Floats, psi: Floats, known: Ending) -> list[Ending]:
    """Searches from other starts; one that comes to a known end is not polished."""
    ends = []
    for scale in OTHER_SCALES:
        counter, name = Counter(problem), f"identity × {scale:g}"
        point = counter.at(_start(problem, beta, psi, scale), None)
        if point is None:
            continue
        near = quasi_newton(point, first_hessian(problem, point, counter), counter, SAME)
        if known.converged and abs(near.value - known.point.value) < 5.0 * SAME:
            ends.append(Ending(near, known.hessian, converged=True, evaluations=counter.count, start=name))
        else:
            ends.append(descend(problem, near, name, counter))
    return ends


def find_from(problem: Problem, x: Floats) -> Found:
    """Search from one given x."""
    counter = Counter(problem)
    point = counter.at(x, None)
    if point is None:
        raise np.linalg.LinAlgError("the likelihood has no finite value at the start given")
    return _best([descend(problem, point, "given", counter)])


def _start(problem: Problem, beta: Floats, psi: Floats, scale: float) -> Floats:
    return np.concatenate([identity_theta(problem.part, scale), beta, psi])


def _best(ends: list[Ending]) -> Found:
    low = min(end.point.value for end in ends)
    near = [end for end in ends if end.point.value <= low + 1e-8]
    best = max(near, key=lambda end: end.converged)
    return Found(best, tuple(ends))


def _rung(end: Ending, best: Ending) -> Rung:
    excess = 2.0 * (end.point.value - best.point.value)
    words = "kept" if end is best else "same optimum" if excess < 1e-6 else f"deviance higher by {excess:.3g}"
    words = words if end.converged else f"not converged, {words}"
    slope = float(np.abs(end.point.gradient).max())
    return Rung("Newton", end.start, end.evaluations, 2.0 * end.point.value, slope, end.converged, words)


def _doubtful(problem: Problem, end: Ending) -> bool:
    return not end.converged or end.evaluations > MANY + 3 * problem.size or smallest_sd(problem, end) < NEAR_BOUNDARY


def smallest_sd(problem: Problem, end: Ending) -> float:
    """Smallest standard deviation along any direction of a term, in conditioned units."""
    theta = problem.split(end.point.x)[0]
    return min(float(np.linalg.svd(factor_of(b, theta), compute_uv=False)[-1]) for b in problem.part.blocks)


def descend(problem: Problem, point: Point, start: str, counter: Counter) -> Ending:
    """Quasi-Newton to the neighbourhood of a stationary point, then Newton; off a saddle, up to three times."""
    B = first_hessian(problem, point, counter)
    converged = False
    for _ in range(4):
        point = quasi_newton(point, B, counter)
        point, H, converged = _newton(problem, point, counter)
        values, vectors = np.linalg.eigh(H)
        if values[0] > -1e-4 * max(1.0, values[-1] * 1e-4):
            break
        away = _off_saddle(point, vectors[:, 0], counter)
        if away is None:
            break
        point, B, converged = away, _positive(H), False
    return Ending(point, H, converged, counter.count, start)


def _off_saddle(point: Point, direction: Floats, counter: Counter) -> Point | None:
    """A lower point along a direction of negative curvature; None where the fall is lost in rounding."""
    direction = -direction if float(point.gradient @ direction) > 0.0 else direction
    for step in SADDLE_STEPS:
        away = counter.at(point.x + step * direction, point)
        if away is not None and away.value < point.value:
            return away
    return None


def quasi_newton(point: Point, B: Floats, counter: Counter, promised: float = PREDICTED) -> Point:
    """BFGS on the Hessian, with halved steps."""
    for _ in range(STEPS):
        step = np.asarray(-np.linalg.solve(_positive(B), point.gradient), dtype=float)
        slope = float(point.gradient @ step)
        if -slope < promised:
            return point
        trial = _line(point, step, slope, counter)
        if trial is None:
            return point
        s, y = trial.x - point.x, trial.gradient - point.gradient
        B = _update(B, s, y)
        point = trial
    return point


def _line(point: Point, step: Floats, slope: float, counter: Counter) -> Point | None:
    scale = min(1.0, FARTHEST / float(np.abs(step).max()))
    while scale > 1e-6:
        trial = counter.at(point.x + scale * step, point)
        if trial is not None and trial.value <= point.value + 1e-4 * scale * slope + 1e-12 * abs(point.value):
            return trial
        scale *= 0.35
    return None


def _update(B: Floats, s: Floats, y: Floats) -> Floats:
    """BFGS update, damped where the curvature along s is not positive (Powell 1978)."""
    Bs = B @ s
    sBs, sy = float(s @ Bs), float(s @ y)
    if sBs <= 0.0:
        return _positive(B)
    if sy < 0.1 * sBs:
        share = 0.9 * sBs / (sBs - sy)
        y = share * y + (1.0 - share) * Bs
        sy = float(s @ y)
    return np.asarray(B - np.outer(Bs, Bs) / sBs + np.outer(y, y) / sy)


def _newton(problem: Problem, point: Point, counter: Counter) -> tuple[Point, Floats, bool]:
    """Newton's steps with the exact Hessian, which is kept while it serves."""
    H = hessian(problem, point, counter)
    for turn in range(12):
        step = np.asarray(-np.linalg.solve(_positive(H), point.gradient), dtype=float)
        promise = -float(point.gradient @ step)
        if promise < POLISHED and _stationary(point, promise):
            break
        trial = _line(point, step, -promise, counter)
        if trial is None:
            break
        moved = float(np.abs(step).max())
        point = trial
        if (moved > 0.01 or promise > SAME) and turn < 8:
            H = hessian(problem, point, counter)
    left = float(point.gradient @ np.linalg.solve(_positive(H), point.gradient))
    return point, H, _stationary(point, left)


def _stationary(point: Point, promise: float) -> bool:
    """Whether the gradient is nothing; or nothing in standard errors, where large counts bend F much."""
    return bool(np.abs(point.gradient).max() < STATIONARY) or promise < STATIONARY**2


def hessian(problem: Problem, point: Point, counter: Counter | None = None) -> Floats:
    """(d, d) Hessian of F by central differences of its gradient."""
    counter = counter or Counter(problem)
    d = len(point.x)
    H = np.empty((d, d))
    for i in range(d):
        H[i] = _slope_along(point, i, counter)
    return 0.5 * (H + H.T)


def _slope_along(point: Point, i: int, counter: Counter) -> Floats:
    up, down, sharp = point.x.copy(), point.x.copy(), _sharp(point)
    width = WIDTH_SHARP if sharp else WIDTH
    up[i] += width
    down[i] -= width
    right, left = counter.at(up, point, search=sharp), counter.at(down, point, search=sharp)
    if right is None or left is None:
        other = right or left
        if other is None:
            return np.zeros_like(point.x)
        return np.asarray((other.gradient - point.gradient) / (other.x[i] - point.x[i]))
    return np.asarray((right.gradient - left.gradient) / (2.0 * width))


def _sharp(point: Point) -> bool:
    """Whether rows tell so much that what a predicted mode lacks would be felt in a gradient."""
    return bool(point.curvature.max() > SHARP)


def first_hessian(problem: Problem, point: Point, counter: Counter) -> Floats:
    """Hessian to start from: β by the curvature of the penalised log-likelihood, θ and ψ by differences."""
    part, X, W = problem.part, problem.X, point.curvature
    m, p = part.m, X.shape[1]
    B = np.zeros((problem.size, problem.size))
    WX = W[:, None] * X
    block = X.T @ WX
    for k in range(p):
        solved = part.by_row(*point.system.solve(*part.sums(point.system.M * WX[:, k])))
        block[:, k] -= WX.T @ (point.system.M * solved).sum(axis=0)
    B[m : m + p, m : m + p] = block if problem.precision is None else block + problem.precision
    for i in (*range(m), *range(m + p, problem.size)):
        x = point.x.copy()
        x[i] += 0.02
        moved = counter.at(x, point, search=_sharp(point))
        row = np.zeros(problem.size) if moved is None else (moved.gradient - point.gradient) / 0.02
        B[i], B[:, i] = row, row
    return _positive(B)


def _positive(B: Floats) -> Floats:
    """The same with absolute eigenvalues, none much smaller than the others, every parameter measured by its own.

    Where counts are large β bends F millions of times as much as a standard deviation or a dispersion does.
    """
    own = np.abs(np.diag(B))
    unit = np.sqrt(np.maximum(own, LEAST_OWN * max(1.0, float(own.max(initial=0.0)))))
    values, vectors = np.linalg.eigh(0.5 * (B + B.T) / np.outer(unit, unit))
    sizes = np.abs(values)
    vectors = unit[:, None] * vectors
    return np.asarray((vectors * np.maximum(sizes, 1e-6 * max(1.0, float(sizes.max(initial=0.0))))) @ vectors.T)
