"""One descent for all: many problems at once, each with a damping of its own.

The caller gives the objective, which returns the values at trial points and a planner for those of them
that are accepted: Newton's step or Fisher's scoring. A trial that does not lower the
value is taken back and its step shortened; a problem leaves the batch once it is done or stuck.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from doublecode.analysis.mixed.engine.small_matrices import eigen, every

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.intp]


@dataclass(frozen=True)
class Plan:
    """The way on from K points.

    Attributes
    ----------
    step
        (K, M) towards lower values.
    done
        (K,) whether the point is the answer.
    slope
        (K,) size of the gradient, in the caller's units.
    promise
        (K,) decrease that the whole step predicts, where :attr:`Rules.share` asks for a share of it or
        :attr:`Rules.settled` for its size.
    """

    step: Floats
    done: Bools
    slope: Floats
    promise: Floats | None = None


Planner = Callable[[Bools], Plan]
"""Which of the points were accepted (B,) → the way on from these."""
Objective = Callable[[Floats, Ints], tuple[Floats, Planner]]
"""(points (B, m), their problems (B,)) → (values (B,), planner); NaN or infinity where there is no value."""
Move = Callable[[Floats, Floats, Ints], Floats]
"""(points (B, m), steps (B, M), their problems) → new points; where there are bounds or the steps are in a chart."""


@dataclass(frozen=True)
class Rules:
    """When a trial is accepted and a problem given up.

    Attributes
    ----------
    steps
        Most steps of a problem.
    noise
        Rise, as a share of 1 + |value|, that passes for rounding.
    shrink, least
        Factor of a step that failed, and the damping below which the problem is stuck.
    share
        Share of the predicted decrease that a step must bring (Armijo).
    stationary
        Slope below which a stuck problem counts as converged: only rounding holds it.
    relative
        Whether that slope is taken by the largest coordinate where it exceeds one: of a random effect a million times
        the residual even a steep way down is flat by its own unit.
    settled
        Promise, as a share of 1 + |value|, below which it does so too: values of a nearly singular problem round more
        coarsely than its slope tells.
    last_step
        Whether the step of a point that is done is taken still, without looking at its value.
    """

    steps: int = 60
    noise: float = 1e-11
    shrink: float = 0.25
    least: float = 1e-7
    share: float = 0.0
    stationary: float = 0.0
    relative: bool = False
    settled: float = 0.0
    last_step: bool = False


@dataclass(frozen=True)
class Descent:
    """Where B problems ended: `points` (B, m); `values`, `slope`, `converged`, `evaluations` (B,)."""

    points: Floats
    values: Floats
    slope: Floats
    converged: Bools
    evaluations: Ints


def _add(points: Floats, steps: Floats, problems: Ints) -> Floats:
    return points + steps


def descend(objective: Objective, start: Floats, rules: Rules, move: Move = _add) -> Descent:
    """Minimise from `start` (B, m), one point per problem."""
    search = _Search(objective, rules, move, start)
    while len(search.active):
        search.advance()
    return search.end


class _Search:
    """The working arrays of a batch, over all problems; `active` are those that still descend."""

    def __init__(self, objective: Objective, rules: Rules, move: Move, start: Floats) -> None:
        B = len(start)
        self.objective, self.rules, self.move = objective, rules, move
        self.end = Descent(
            np.array(start, dtype=float), np.full(B, np.inf), np.full(B, np.inf), np.zeros(B, dtype=bool),
            np.ones(B, dtype=np.intp),
        )  # fmt: skip
        self.damping, self.promise, self.left = np.ones(B), np.zeros(B), np.full(B, rules.steps + 1)
        self.active: Ints = np.arange(B)
        self.open = np.ones(B, dtype=bool)
        values, planner = objective(self.end.points, self.active)
        known, points = ~np.isnan(values), self.end.points
        if not every(known):
            self.active, points, values = self.active[known], points[known], values[known]
        if not len(self.active):
            return
        plan = planner(known)
        self.step = np.zeros((B, plan.step.shape[1]))
        self._accept(self.active, points, values, plan)

    def advance(self) -> None:
        """Evaluate the trial points of the active problems; accept or shorten; choose the next steps."""
        rules, active, end = self.rules, self.active, self.end
        rows = self._rows(active)
        before, damping = end.points[rows], self.damping[rows]
        trial = self.move(before, damping[:, None] * self.step[rows], active)
        values, planner = self.objective(trial, active)
        end.evaluations[rows] += 1
        limit = end.values[rows] + rules.noise * (1.0 + np.abs(values))
        if rules.share:
            limit -= rules.share * damping * self.promise[rows]
        moved = np.logical_or.reduce(trial != before, axis=1)
        better = (values <= limit) & (values < np.inf) & moved  # from an impossible start, no impossible step
        if every(better):
            self._accept(active, trial, values, planner(better))
            return
        failed = active[~better]
        self.damping[failed] *= np.where(moved[~better], rules.shrink, 0.0)
        stuck = failed[self.damping[failed] < rules.least]
        left = rules.settled * (1.0 + np.abs(end.values[stuck]))
        end.converged[stuck] = (self._slope(stuck) < rules.stationary) | (self.promise[stuck] < left)
        self._leave(stuck)
        if np.count_nonzero(better):
            self._accept(active[better], trial[better], values[better], planner(better))

    def _accept(self, at: Ints, points: Floats, values: Floats, plan: Plan) -> None:
        """Take over points, values and plans of the problems `at`, and let those that are done go."""
        end, rules, rows = self.end, self.rules, self._rows(at)
        end.points[rows], end.values[rows], end.slope[rows], self.step[rows] = points, values, plan.slope, plan.step
        self.damping[rows] = 1.0
        if plan.promise is not None:
            self.promise[rows] = plan.promise
        self.left[rows] -= 1
        going = (self.left[rows] > 0) & ~plan.done
        if every(going):
            return
        final = at[plan.done]
        if rules.last_step:
            moves = plan.done & np.logical_or.reduce(plan.step != 0.0, axis=1)
            if np.count_nonzero(moves):
                end.points[at[moves]] = self.move(points[moves], plan.step[moves], at[moves])
        end.converged[final] = True
        self._leave(at[~going])

    def _slope(self, problems: Ints) -> Floats:
        """The slopes of problems, by the unit that they are judged in."""
        slope = self.end.slope[problems]
        if not self.rules.relative:
            return slope
        return slope * np.maximum(np.maximum.reduce(np.abs(self.end.points[problems]), axis=1, initial=0.0), 1.0)

    def _rows(self, problems: Ints) -> Ints | slice:
        """The places of problems in the arrays; of all of them a slice, which copies nothing."""
        return slice(None) if len(problems) == len(self.open) else problems

    def _leave(self, problems: Ints) -> None:
        self.open[problems] = False
        self.active = self.active[self.open[self.active]]


def newton_plan(gradient: Floats, hessian: Floats, done: float) -> Plan:
    """Newton's step where the curvature is kept positive, bounded in length.

    Eigenvalues of the Hessian (B, m, m) are taken without their sign, so that the step descends. A problem
    is done once the decrease that the step predicts is below `done`.
    """
    return plan_along(gradient, eigen(hessian), done)


def plan_along(gradient: Floats, axes: tuple[Floats, Floats], done: float) -> Plan:
    """As :func:`newton_plan`, with the eigenvalues and vectors of a Hessian."""
    values, vectors = axes
    size = np.abs(values)
    along = (gradient[:, None] @ vectors)[:, 0]
    flat = 1e-9 * np.maximum.reduce(size, axis=1, keepdims=True, initial=0.0) + 1e-12
    scaled = along / np.maximum(size, flat)
    length = np.sqrt(np.add.reduce(scaled * scaled, axis=1))
    cut = 2.0 / np.maximum(length, 2.0)
    predicted = 0.5 * np.add.reduce(along * scaled, axis=1)
    step = -(vectors @ (scaled * cut[:, None])[:, :, None])[:, :, 0]
    slope = np.maximum.reduce(np.abs(gradient), axis=1, initial=0.0)
    # a step that was cut promises less: what the whole one promises, it could never bring
    return Plan(step, predicted < done, slope, cut * predicted)
