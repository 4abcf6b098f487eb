"""Minimise the deviance: damped Newton for all sets at once, and a ladder for one model.

The Newton step uses the exact Hessian with the absolute values of its eigenvalues, so
that it always descends; a set leaves the batch once the decrease that the step predicts
is negligible. A stationary point is checked for optimality on the cone of covariance
matrices, ∂d/∂D ⪰ 0 where D is singular; one that fails is left along the offending
direction, since D = ΛΛᵀ makes every zero variance stationary.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from doublecode.analysis.mixed.engine.derivatives import Derivatives, differentiate
from doublecode.analysis.mixed.engine.descent import Plan, Planner, Rules, descend, plan_along
from doublecode.analysis.mixed.engine.layout import Block, triangle
from doublecode.analysis.mixed.engine.likelihood import State, evaluate, smallest_variance
from doublecode.analysis.mixed.engine.moments import Moments
from doublecode.analysis.mixed.engine.scoring import scored
from doublecode.analysis.mixed.engine.small_matrices import eigen, every, smallest_eigenvalue
from doublecode.analysis.mixed.engine.starts import FIRST_START, default_start, moment_start

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.intp]

PREDICTED = 1e-9
"""Predicted decrease of the deviance below which one last step is taken."""
STATIONARY = 1e-3
"""Largest gradient (deviance per unit of conditioned θ) of a point called converged."""
NEGLIGIBLE = 1e-16
"""Predicted decrease below which the last step is not taken: it moves no parameter by 1e-8 of its standard error."""
NEARLY = 1e-4
"""Predicted decrease after which the next point may be the last, so that its gradient is looked at first."""
DISTANT = 0.1
"""Predicted decrease above which the first step is one of scoring."""
COLLAPSED = 1e-13
"""Residual variance, as a share of the outcome's, below which it has collapsed to zero."""
NO_VARIANCE = 1e-6
"""Relative variance under which a direction of a term counts as empty when optimality is checked."""
RULES = Rules(stationary=STATIONARY, relative=True, last_step=True)
OTHER_STARTS = (1.0, 3.0)
"""Further scales of the identity to start from."""
NEAR_BOUNDARY = 0.02
"""Variance, in units of the residual's, below which the end of the first search is checked from other starts."""
MANY_EVALUATIONS, FAR = 5, 0.5
"""So is an end that took more evaluations, or a parameter of which moved further: a poor quadratic on the way."""


@dataclass(frozen=True)
class Optimum:
    """Where the search of each of N sets ended.

    Attributes
    ----------
    theta
        (N, m) conditioned parameters.
    deviance, gradient
        (N,) deviance and largest absolute gradient there.
    converged
        (N,) stationary, and not improvable inside the cone.
    iterations
        (N,) evaluations used.
    began
        (N, m) where Newton's steps began: the start, or where one step of scoring led from it.
    last
        The derivatives at the last point that was looked at, where a single set was searched.
    """

    theta: Floats
    deviance: Floats
    gradient: Floats
    converged: Bools
    iterations: Ints
    began: Floats
    last: Derivatives | None = None


def minimise(moments: Moments, starts: Floats, which: Ints, *, reml: bool, scoring: bool = False) -> Optimum:
    """Damped Newton from `starts` (B, m) for sets `which` (B,).

    With `scoring` the first step of sets that are far from their optimum is one of Fisher's scoring. From wherever it
    is taken it leads to much the same point, so it is for the first search only: further starts are to look elsewhere.
    """
    chart, begin = moments.layout.square, starts  # where the first step scores, they are triangular as they should be
    if not scoring:
        begin = chart.lower(chart.lift(np.asarray(starts, dtype=float)))
    surface = _Deviance(moments, which, reml, np.array(begin), scoring=scoring)
    end = descend(surface, begin, RULES, surface.move)
    converged = end.converged & ~surface.collapsed
    return Optimum(end.points, end.values, end.slope, converged, end.evaluations, surface.began, surface.last)


class _Deviance:
    """The profiled deviance of a batch of starts, for :func:`~doublecode.analysis.mixed.engine.descent.descend`.

    Points (B, m) are triangular; steps (B, M) are those of square factors, see
    :class:`~doublecode.analysis.mixed.engine.layout.SquareChart`.
    """

    def __init__(self, moments: Moments, which: Ints, reml: bool, began: Floats, *, scoring: bool) -> None:
        self.moments, self.which, self.reml = moments, which, reml
        self.escapes, self.collapsed = np.zeros(len(which), dtype=np.intp), np.zeros(len(which), dtype=bool)
        self.before: tuple[tuple[Floats, Floats], float] | None = None
        self.began, self.scoring = began, scoring
        self.last: Derivatives | None = None

    def move(self, theta: Floats, step: Floats, at: Ints) -> Floats:
        chart = self.moments.layout.square
        return chart.lower(chart.lift(theta) + step)

    def __call__(self, theta: Floats, at: Ints) -> tuple[Floats, Planner]:
        state = evaluate(self.moments, theta, self.which[at], reml=self.reml)
        return state.deviance, lambda kept: self._plan(state if every(kept) else state.subset(kept), at[kept])

    def _plan(self, state: State, at: Ints) -> Plan:
        derivatives = differentiate(state)
        plan = self._first(derivatives, at) if self.scoring else self._ended(derivatives) or self._newton(derivatives)
        if not np.count_nonzero(plan.done):
            return plan
        if len(self.which) == 1:
            self.last = derivatives
        if plan.promise is not None:
            plan.step[plan.done & (plan.promise < NEGLIGIBLE)] = 0.0
        done = plan.done
        if (state.least_variance[done] <= 2.0 * NO_VARIANCE).any():
            done = self._left(plan, derivatives, at)
        self.collapsed[at] = done & collapsed(state)
        return plan if done is plan.done else replace(plan, done=done)

    def _left(self, plan: Plan, derivatives: Derivatives, at: Ints) -> Bools:
        """Turn steps at stationary points that are no minimum along the way out; (B,) which points are done then."""
        direction, found = _escape(derivatives, plan.done, self.moments.layout.blocks)
        leave = found & (self.escapes[at] < 5)
        plan.step[leave] = self.moments.layout.square.lift(direction[leave])
        self.escapes[at[leave]] += 1
        if leave.any():
            self.before = self.last = None
        return plan.done & ~leave

    def _newton(self, derivatives: Derivatives) -> Plan:
        curvature = eigen(derivatives.square_hessian())
        plan = plan_along(derivatives.square_gradient(), curvature, PREDICTED)
        if len(self.which) == 1 and plan.promise is not None:
            self.before = (curvature, float(plan.promise[0]))
        return plan

    def _ended(self, derivatives: Derivatives) -> Plan | None:
        """The last step of a single set with the Hessian of the point before, where its own would change nothing.

        The step before promised a decrease p, and q is promised now. Had the Hessian stayed the same, q were nought:
        in units of standard errors it has changed by some 2√(q/p) of itself, and the step from here is wrong by that
        share of √q. Where the square, 4q²/p, is negligible, the gradient alone ends the search, at half the price. That
        holds along the step before; where a variance is small, the Hessian may change more across it, and is made.
        """
        if self.before is None or self.before[1] > NEARLY:
            return None
        curvature, p = self.before
        plan = plan_along(derivatives.square_gradient(), curvature, PREDICTED)
        if plan.promise is None or not plan.done[0] or 4.0 * plan.promise[0] ** 2 > NEGLIGIBLE * p:
            return None
        return None if derivatives.state.least_variance[0] < NEAR_BOUNDARY else plan

    def _first(self, derivatives: Derivatives, at: Ints) -> Plan:
        """The way on from the starts: for sets far from their optimum a step of scoring, at half a Hessian's price."""
        self.scoring = False
        theta, promise = scored(derivatives)
        far = promise > DISTANT
        self.began[at[far]] = theta[far]
        chart = self.moments.layout.square
        step = chart.lift(theta) - chart.lift(derivatives.state.theta)
        if every(far):
            slope = np.abs(derivatives.square_gradient()).max(axis=1)
            return Plan(step, np.zeros(len(at), dtype=bool), slope, promise)
        plan = self._newton(derivatives)
        plan.step[far], plan.done[far] = step[far], False
        return plan


def collapsed(state: State) -> Bools:
    """(B,) whether the random effects reproduce the outcome, so that no residual variance is left."""
    return np.asarray(state.r2 <= COLLAPSED * state.moments.yty[state.which])


def _escape(derivatives: Derivatives, done: Bools, blocks: tuple[Block, ...]) -> tuple[Floats, Bools]:
    """Directions (B, m) out of stationary points that are no minimum, and which sets have one (B,).

    Where a direction of a term has no variance, ∂d/∂D along it must not be negative, else adding
    variance there lowers the deviance.
    """
    state = derivatives.state
    direction, found = np.zeros_like(state.theta), np.zeros(len(done), dtype=bool)
    at = np.flatnonzero(done)
    theta, g = state.theta[at], derivatives.gradient_cov[at]
    tolerance = 1e-4 * np.sqrt(state.moments.n[state.which[at]])
    for block in blocks:
        D = covariance(block, theta)
        if smallest_eigenvalue(D).min() > 2.0 * NO_VARIANCE:
            continue
        size, axes = np.linalg.eigh(D)
        null = axes * (size <= NO_VARIANCE)[:, None, :]
        values, vectors = np.linalg.eigh(null.swapaxes(1, 2) @ gradient_matrix(block, g) @ null)
        leave = values[:, 0] < -tolerance
        if not leave.any():
            continue
        v = (null @ vectors[:, :, :1])[leave]
        new = lower_factor(D[leave] + 0.05 * v @ v.swapaxes(1, 2))
        rows, columns = triangle(block.size)
        target = new[:, rows, columns]
        direction[at[leave], block.theta] = target - theta[leave, block.theta]
        found[at[leave]] = True
    return direction, found


def gradient_matrix(block: Block, gradient_cov: Floats) -> Floats:
    """(B, p, p) symmetric G of one term with d(deviance) = tr(G dD)."""
    G = np.zeros((len(gradient_cov), block.size, block.size))
    for i, (k, h) in enumerate(block.elements):
        G[:, k, h] = G[:, h, k] = gradient_cov[:, block.theta.start + i] * (1.0 if k == h else 0.5)
    return G


def covariance(block: Block, theta: Floats) -> Floats:
    """(B, p, p) relative covariance D = ΛΛᵀ of one term."""
    L = block.factor(theta)
    return L @ L.swapaxes(-1, -2)


def lower_factor(D: Floats) -> Floats:
    """Lower-triangular Λ ≥ 0 on the diagonal with ΛΛᵀ = D, for D singular too."""
    values, vectors = np.linalg.eigh(D)
    root = vectors * np.sqrt(np.maximum(values, 0.0))[..., None, :]
    R = np.linalg.qr(root.swapaxes(-1, -2), mode="r")
    sign = np.where(np.diagonal(R, axis1=-2, axis2=-1) < 0, -1.0, 1.0)
    return np.tril(np.swapaxes(sign[..., :, None] * R, -1, -2))


@dataclass(frozen=True)
class Rung:
    """One attempt of the ladder, as its log prints it."""

    method: str
    start: str
    evaluations: int
    deviance: float
    gradient: float
    converged: bool
    remark: str = ""


@dataclass(frozen=True)
class Climb:
    """The outcome of the ladder for one model: θ (m,), the attempts, and the derivatives there if they are at hand."""

    theta: Floats
    converged: bool
    rungs: tuple[Rung, ...]
    at_end: Derivatives | None = None


def climb(moments: Moments, *, reml: bool, start: Floats | None = None) -> Climb:
    """Fit one model by a ladder of starts and optimisers.

    Newton from the moments' start; unless the model is very large, from three more starts if that
    end is :func:`doubtful`; if ends disagree or none converges, from seven random starts; then a
    quasi-Newton method from the best point, and Newton again. What did not converge is returned as
    such, with its log.
    """
    first = moment_start(moments)[0] if start is None else np.asarray(start, dtype=float)
    name = "moments" if start is None else "given"
    tries, end = _newton(moments, [(name, first)], reml=reml, scoring=start is None)
    if not end.converged[0] or (start is None and not _is_large(moments) and doubtful(moments.layout.blocks, end)[0]):
        points = [(f"identity × {scale:g}", default_start(moments, scale)) for scale in (FIRST_START, *OTHER_STARTS)]
        tries += _newton(moments, points, reml=reml)[0]
    if not _agree(tries):
        tries += _newton(moments, _random_points(moments), reml=reml)[0]
    if not _best(tries)[0].converged:
        rung, theta = _quasi_newton(moments, _best(tries)[1], reml=reml)
        tries += [(rung, theta), *_newton(moments, [("quasi-Newton's end", theta)], reml=reml)[0]]
    best, theta = _best(tries)
    last = end.last
    known = last if last is not None and (last.state.theta[0] == theta).all() else None
    return Climb(theta, best.converged, tuple(_remark(rung, best) for rung, _ in tries), known)


Try = tuple[Rung, Floats]


def _remark(rung: Rung, best: Rung) -> Rung:
    """Say in words how an attempt ended: kept, at the same optimum, or higher by so much."""
    excess = rung.deviance - best.deviance
    if rung is best:
        words = "kept"
    elif excess < 1e-6:
        words = "same optimum"
    else:
        words = f"deviance higher by {excess:.3g}"
    if not rung.converged:
        words = f"not converged, {words}"
    return replace(rung, remark=f"{words}; {rung.remark}" if rung.remark else words)


def doubtful(blocks: tuple[Block, ...], end: Optimum) -> Bools:
    """Whether searches (B,) from the moments' start may have missed a lower deviance.

    That is so where some direction of a term has (almost) no variance, where the search was long, and where Newton's
    steps went far from where they began. On 40,000 sets of sixteen designs that the rule was not made with no other end
    was lower elsewhere (``tests/simulations/extra_starts.py``, ``fresh`` and ``nested``).
    """
    known = None if end.last is None else end.last.state.least_variance
    smallest = smallest_variance(block.factor(end.theta) for block in blocks) if known is None else known
    moved = np.abs(np.abs(end.theta) - np.abs(end.began)).max(axis=1)
    return np.asarray((smallest < NEAR_BOUNDARY) | (end.iterations > MANY_EVALUATIONS) | (moved > FAR))


def _is_large(moments: Moments) -> bool:
    layout = moments.layout
    groups = sum(J * width for J, width in ((layout.n_inner, layout.width), *layout.finer))
    return (layout.q2 + layout.p) ** 2 * groups > 500_000


def _newton(
    moments: Moments, points: list[tuple[str, Floats]], *, reml: bool, scoring: bool = False
) -> tuple[list[Try], Optimum]:
    """Search from each of the points."""
    starts = np.array([theta for _, theta in points])
    which = np.zeros(len(points), dtype=np.intp)
    end = minimise(moments, starts, which, reml=reml, scoring=scoring)
    tries = [
        (
            Rung("Newton", name, int(end.iterations[i]), float(end.deviance[i]), float(end.gradient[i]),
                 bool(end.converged[i])),
            end.theta[i],
        )
        for i, (name, _) in enumerate(points)
    ]  # fmt: skip
    return tries, end


def _random_points(moments: Moments) -> list[tuple[str, Floats]]:
    """Seven reproducible starts around the identity."""
    rng = np.random.default_rng(1)
    m = moments.layout.m
    base = default_start(moments)
    return [
        (f"random {i + 1}", base * rng.lognormal(0.0, 1.0, m) + (base == 0) * rng.normal(0.0, 0.3, m)) for i in range(7)
    ]


def _agree(tries: list[Try]) -> bool:
    """Whether all starts converged to one deviance."""
    ends = [rung.deviance for rung, _ in tries]
    return all(rung.converged for rung, _ in tries) and max(ends) - min(ends) < 1e-6


def _best(tries: list[Try]) -> Try:
    """The lowest deviance; among ends equal to 1e-8, a converged one."""
    low = min(rung.deviance for rung, _ in tries)
    near = [t for t in tries if t[0].deviance <= low + 1e-8]
    return max(near, key=lambda t: t[0].converged)


def _quasi_newton(moments: Moments, theta: Floats, *, reml: bool) -> Try:
    """The one search that is no descent of ours: another optimiser, where ten starts of Newton's all failed.

    Of the suite's models only those reach it whose random effects reproduce the outcome: its long steps run the
    residual variance down to nothing, so that the fit is refused for that reason and not for a failed factorisation.
    """
    from scipy.optimize import minimize

    which = np.zeros(1, dtype=np.intp)

    def objective(point: Floats) -> tuple[float, Floats]:
        derivatives = differentiate(evaluate(moments, point[None], which, reml=reml))
        return float(derivatives.state.deviance[0]), derivatives.gradient()[0]

    end = minimize(objective, theta, jac=True, method="L-BFGS-B", options={"maxiter": 500, "ftol": 1e-15})
    norm = float(np.abs(end.jac).max())
    flat = norm * max(1.0, float(np.abs(end.x).max())) < STATIONARY
    rung = Rung("L-BFGS-B", "best so far", int(end.nfev), float(end.fun), norm, flat, str(end.message))
    return rung, np.asarray(end.x)
