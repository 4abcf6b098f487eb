"""Search of many sets at once: Newton with exact Hessians, from Laplace's optimum on to that of quadrature.

The loop is the engine's descent, with a damping of each set's own. An end with little variance, or none at all, is
checked from other starts; what is no minimum stays unsolved and is left to the search of single fits.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from doublecode.analysis.mixed.engine.descent import Plan, Planner, Rules, descend, newton_plan
from doublecode.analysis.mixed.generalized.bare_fit import UNFELT, inverse_information
from doublecode.analysis.mixed.generalized.many_objective import evaluate_sets
from doublecode.analysis.mixed.generalized.many_rows import SetProblem

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.intp]

DONE, ROUGH = 1e-11, 1e-4
"""Predicted decrease below which a search ends: the last, and that by Laplace's approximation before quadrature."""
RULES = Rules(steps=60, share=1e-4, stationary=1e-4, last_step=True)
FIRST_SCALE, OTHER_SCALES = 0.7, (2.5, 0.15)
"""Start of θ, and those of a second look."""
LEAST_OWN, LONGEST = 1e-18, 2.0
"""Least curvature of a parameter that it is measured by, as a share of the largest, and longest step."""
FIXED_STEPS = 30


@dataclass(frozen=True)
class SetEnds:
    """Where B searches ended: x (B, d), values (B,), Hessians (B, d, d), and whether that is a minimum (B,)."""

    x: Floats
    value: Floats
    hessian: Floats
    solved: Bools

    def put(self, at: Ints, other: SetEnds) -> None:
        """Take over some ends of another search."""
        for name in ("x", "value", "hessian", "solved"):
            getattr(self, name)[at] = getattr(other, name)[at]

    def of(self, at: Ints) -> SetEnds:
        """Some of the ends."""
        return SetEnds(self.x[at], self.value[at], self.hessian[at], self.solved[at])

    def joint(self) -> Floats:
        """(B, d, d) inverse of the observed information, without directions that are flat."""
        return inverse_information(self.hessian)

    def endless(self) -> Bools:
        """(B,) whether the last parameter, a dispersion, grows without end: the likelihood is flat along it."""
        return np.asarray(self.joint()[:, -1, -1] * self.hessian[:, -1, -1] < UNFELT)


def search_sets(problem: SetProblem, rest: Floats, theta: Floats | None = None) -> SetEnds:
    """Minimise for all sets.

    Parameters
    ----------
    problem
        B sets.
    rest
        (p + k, B) coefficients and shape parameters to start from.
    theta
        (B,) to start from; None for the usual start.
    """
    first = np.full(rest.shape[1], FIRST_SCALE) if theta is None else theta
    return _search(problem, np.column_stack([first, rest.T]))


def look_again(problem: SetProblem, rest: Floats) -> SetEnds:
    """Minimise from several starts and keep the lowest end: for ends with little variance, or none found.

    A lower end that is no minimum, of a variance that grows without end, counts: the set is not solved then.
    """
    ends = search_sets(problem, rest)
    for scale in OTHER_SCALES:
        again = search_sets(problem, rest, np.full(rest.shape[1], scale))
        same = again.solved & ~ends.solved & (again.value <= ends.value + 1e-8)
        better = np.flatnonzero(same | (again.value < ends.value - 1e-8))
        ends.put(better, again)
    return ends


def _search(problem: SetProblem, start: Floats) -> SetEnds:
    if len(problem.nodes[0]) > 1:
        near = _Watch(problem.with_nodes(1)).run(start, ROUGH)
        start = np.where(near.solved[:, None], near.x, start)
    return _Watch(problem).run(start, DONE)


class _Watch:
    """The objective of a descent; keeps modes and Hessians of the points that were accepted."""

    def __init__(self, problem: SetProblem) -> None:
        self.problem, self.part = problem, problem
        self.ids: Ints = np.arange(len(problem.constant))
        B, d, J = len(problem.constant), problem.size, problem.n_groups
        self.x, self.hessian = np.zeros((B, d)), np.full((B, d, d), np.nan)
        self.mode, self.moved = np.zeros((J, B)), np.zeros((d, J, B))
        self.done = 0.0

    def run(self, start: Floats, done: float) -> SetEnds:
        self.x, self.done = start.copy(), done
        found = descend(self.at, start, RULES)
        lowest = np.linalg.eigvalsh(np.where(np.isfinite(self.hessian), self.hessian, -np.eye(self.problem.size)))[:, 0]
        solved = found.converged & (lowest > -1e-4) & np.isfinite(found.values)
        return SetEnds(found.points, found.values, self.hessian, solved)

    def at(self, x: Floats, ids: Ints) -> tuple[Floats, Planner]:
        """Values at trial points of some sets, and the way on from those that are accepted."""
        if len(ids) != len(self.ids) or (ids != self.ids).any():
            self.ids, self.part = ids, self.problem.take(ids)
        predicted = self.mode[:, ids] + np.einsum("kjb,bk->jb", self.moved[:, :, ids], x - self.x[ids])
        point = evaluate_sets(self.part, x, predicted)
        value = np.where(np.isfinite(point.gradient).all(axis=1), point.value, np.nan)

        def plan(accepted: Bools) -> Plan:
            kept = ids[accepted]
            self.x[kept], self.hessian[kept] = x[accepted], point.hessian[accepted]
            self.mode[:, kept], self.moved[:, :, kept] = point.mode[:, accepted], point.moved[:, :, accepted]
            return _plan(point.gradient[accepted], point.hessian[accepted], self.done)

        return np.where(np.isnan(value), np.inf, value), plan


def _plan(gradient: Floats, hessian: Floats, done: float) -> Plan:
    """Newton's step with every parameter measured by its own curvature: that by a dispersion may be nearly none."""
    own = np.abs(np.diagonal(hessian, axis1=1, axis2=2))
    unit = np.sqrt(np.maximum(own / np.maximum(own.max(axis=1, keepdims=True), 1e-300), LEAST_OWN))
    plan = newton_plan(gradient / unit, hessian / (unit[:, :, None] * unit[:, None]), done)
    step = plan.step / unit
    cut = LONGEST / np.maximum(np.sqrt((step**2).sum(axis=1)), LONGEST)
    promise = None if plan.promise is None else cut * plan.promise
    return Plan(step * cut[:, None], plan.done, np.abs(gradient).max(axis=1), promise)


@dataclass(frozen=True)
class FixedSets:
    """Fits without random effects: β (p, B), η (J, K, B), and which converged (B,)."""

    beta: Floats
    eta: Floats
    converged: Bools


def fit_fixed_sets(problem: SetProblem, first: Floats) -> FixedSets:
    """Newton's method for all sets from the constants η = `first` (B,)."""
    columns, B = problem.columns, len(first)
    ones = np.ones((*problem.offset.shape[:2], B))
    p = columns.size
    if not p:
        return FixedSets(np.zeros((0, B)), problem.offset * ones, np.ones(B, dtype=bool))
    gram = columns.gram(ones).transpose(2, 0, 1)
    start = np.linalg.solve(gram + 1e-9 * np.eye(p), (columns.sums(ones).sum(axis=1) * first).T[:, :, None])[:, :, 0]

    def at(x: Floats, ids: Ints) -> tuple[Floats, Planner]:
        part = problem if len(ids) == B else problem.take(ids)
        with np.errstate(over="ignore", invalid="ignore"):
            eta = part.offset + part.columns.predict(np.ascontiguousarray(x.T))
            value, slope, W = part.density.at_node(eta)
            total = -value.sum(axis=(0, 1))
            gradient, hessian = -part.columns.sums(slope).sum(axis=1), part.columns.gram(W)
            if part.precision is not None:
                pull = part.precision @ x.T
                total, gradient = total + 0.5 * (x.T * pull).sum(axis=0), gradient + pull
                hessian = hessian + part.precision[:, :, None]

        def plan(accepted: Bools) -> Plan:
            return newton_plan(gradient.T[accepted], hessian.transpose(2, 0, 1)[accepted], 1e-10)

        return np.where(np.isfinite(total), total, np.inf), plan

    found = descend(at, start, Rules(steps=FIXED_STEPS, last_step=False))
    eta = problem.offset + columns.predict(np.ascontiguousarray(found.points.T))
    return FixedSets(found.points.T, eta, found.converged)
