r"""Profile likelihood of functions of the variance components, many problems at once.

For a function c of the variance components the profile deviance is
:math:`f(c) = \min_x \{d(x) : g(x) = c\}`, x = (θ, log σ), and its limits are where f lies
χ²₁(level) above its minimum. The constrained minimum is reached without a constraint: a
minimum of :math:`d(x) + κ(g(x) − t)²` is at the same time the constrained one at
c* = g(x*), where the profile has the slope 2κ(t − c*). Value and slope together give the next t
by Newton's method on the signed root of f, which is close to linear in c. Boundaries need no
care of their own: with the factor Λ unconstrained in sign a zero variance or a correlation of ±1
is an interior point, so a limit that would lie beyond it is found to be the boundary.

:func:`find_limits` is this search for any constrained minimum. Where a parametrisation holds c = t of
itself, as that of an intraclass correlation does, no penalty is needed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from doublecode.analysis.mixed.engine.derivatives import differentiate
from doublecode.analysis.mixed.engine.descent import Plan, Planner, Rules, descend, newton_plan
from doublecode.analysis.mixed.engine.likelihood import State, evaluate
from doublecode.analysis.mixed.engine.moments import Moments
from doublecode.analysis.mixed.engine.optimise import covariance

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]
Bools = npt.NDArray[np.bool_]
Constrained = Callable[[Ints, Floats, Floats, int], tuple[Floats, Floats, Floats]]
"""(jobs, values aimed at, slope of the profile there, turn of the search) → the values that were reached, the
rise of the deviance above its minimum and the slope of the profile there; all (B,)."""
Measure = Callable[[tuple[Floats, ...], Floats], Floats]
"""(covariance (B, p, p) of every term, residual variance (B,)) → (B,), in the units of the data."""

Derive = Callable[[Bools], tuple[Floats, Floats]]
"""Which of B points → gradient (K, v) and Hessian (K, v, v) of the deviance at these."""

STIFFNESS = 10.0
_MAX_OUTER = 40
_INNER = Rules(least=1e-6, last_step=True)


@dataclass(frozen=True)
class Target:
    """A function of the variance components and the range it cannot leave.

    Attributes
    ----------
    measure
        Smooth function of the covariances and the residual variance.
    low, high
        Boundaries of its range, infinite if there is none.
    """

    measure: Measure
    low: float = -np.inf
    high: float = np.inf

    def at(self, V: tuple[Floats, ...], sigma2: Floats, eta: Floats) -> Floats:
        """(B,) values; `eta` (B, k) are the parameters of a residual structure, which a subclass may ask."""
        return self.measure(V, sigma2)


@dataclass(frozen=True)
class Limits:
    """Profile limits of k targets in N sets; all arrays (N, k).

    Attributes
    ----------
    estimate
        Value at the optimum.
    low, high
        Limits; a boundary (or infinity) if the profile does not rise enough before it; NaN where the
        search failed.
    """

    estimate: Floats
    low: Floats
    high: Floats


def profile_limits(
    moments: Moments, theta: Floats, which: Ints, targets: Sequence[Target], *, reml: bool, chi2: float
) -> Limits:
    """Profile limits of functions of the variance components.

    Parameters
    ----------
    moments, theta, which
        Sufficient statistics, optima (N, m), and the sets (N,) that they belong to.
    targets
        The k functions.
    reml
        Criterion that is profiled, the one that was minimised.
    chi2
        Rise of the deviance at the limits, the χ²₁ quantile.
    """
    N, k = len(theta), len(targets)
    sets, kinds = np.repeat(np.arange(N), k), np.tile(np.arange(k), N)
    surface = Surface(moments, which[sets], targets, kinds, reml=reml)
    state = evaluate(moments, theta, which, reml=reml)
    return limits_on(surface, np.column_stack([theta, 0.5 * np.log(state.sigma2)])[sets], (N, k), chi2)


def limits_on(surface: Surface, x: Floats, shape: tuple[int, int], chi2: float) -> Limits:
    """Both profile limits of each target of a surface, from the optima x (targets, v); arrays of `shape`."""
    search = _Search(surface.twice(), np.repeat(x, 2, axis=0), chi2)
    found = search.run().reshape(*shape, 2)
    return Limits(search.estimate[::2].reshape(shape), found[..., 0], found[..., 1])


def measure_at(moments: Moments, theta: Floats, measure: Measure, *, reml: bool) -> Floats:
    """(N,) a function of the variance components at the optima (N, m) of sets 0 … N − 1."""
    which = np.arange(len(theta))
    surface = Surface(moments, which, [Target(measure)], np.zeros(len(theta), dtype=np.intp), reml=reml)
    state = evaluate(moments, theta, which, reml=reml)
    return surface.target(np.column_stack([theta, 0.5 * np.log(state.sigma2)]), which)


def delta_errors(
    moments: Moments, theta: Floats, which: Ints, targets: Sequence[Target], *, reml: bool
) -> tuple[Floats, Floats]:
    """Estimates (N, k) and standard errors (N, k) by the delta method on the observed information."""
    N, k = len(theta), len(targets)
    jobs = np.array([(s, j) for s in range(N) for j in range(k)], dtype=np.intp).reshape(-1, 2)
    everyone = np.arange(len(jobs))
    surface = Surface(moments, which[jobs[:, 0]], targets, jobs[:, 1], reml=reml)
    state = evaluate(moments, theta, which, reml=reml)
    x = np.column_stack([theta, 0.5 * np.log(state.sigma2)])[jobs[:, 0]]
    return surface.target(x, everyone).reshape(N, k), surface.errors(x, everyone).reshape(N, k)


@dataclass(frozen=True)
class Sought:
    """Limits that are sought, one per job; all arrays (J,).

    Attributes
    ----------
    estimate, side
        Value at the optimum; −1 for the lower and 1 for the upper limit.
    width
        Scale of the search, about a standard error.
    guess
        Value to try first.
    bound
        Where the range ends on this side, infinite if it does not.
    furthest
        Absolute value beyond which the limit is taken for infinite.
    """

    estimate: Floats
    side: Floats
    width: Floats
    guess: Floats
    bound: Floats
    furthest: Floats


def find_limits(
    constrained: Constrained, sought: Sought, active: Ints, root: float, *, tolerance: float = 1e-7
) -> Floats:
    """Where the square root of the profile's rise is `root`, for the jobs `active`; NaN (J,) for all others.

    Newton's method on the root inside a bracket. `tolerance` is that of the root; the limit is one
    last step of the method better than that.
    """
    answer, inner, aim = np.full(len(sought.side), np.nan), sought.estimate.copy(), sought.guess.copy()
    outer = np.where(np.isfinite(sought.bound), sought.bound, np.nan)
    slope = 2.0 * root * sought.side / np.maximum(np.abs(aim - sought.estimate), 1e-3 * sought.width)
    for turn in range(_MAX_OUTER):
        if not len(active):
            break
        c, rise, slope[active] = constrained(active, aim[active], slope[active], turn)
        zeta = np.sqrt(np.maximum(rise, 0.0))
        inside = zeta < root
        inner[active] = np.where(inside, c, inner[active])
        outer[active] = np.where(inside, outer[active], c)
        # a point of another valley is no bracket: the profile is lower beyond it
        crossed = inside & (sought.side[active] * (c - outer[active]) >= 0.0) & (outer[active] != sought.bound[active])
        outer[active] = np.where(crossed, np.nan, outer[active])
        with np.errstate(divide="ignore", invalid="ignore"):
            step = np.where(rise > 0.0, (root - zeta) * 2.0 * np.maximum(zeta, 1e-3) / slope[active], np.nan)
        done = np.abs(zeta - root) < tolerance
        answer[active[done]] = (c + np.where(np.isfinite(step), step, 0.0))[done]
        aim[active] = _next(sought, active, c, step, inner[active], outer[active])
        slope[active] *= np.minimum(root / np.maximum(zeta, 1e-3), 10.0)
        far = ~done & (np.abs(aim[active]) > sought.furthest[active])
        answer[active[far]] = sought.side[active[far]] * np.inf
        active = active[~done & ~far]
    return answer


def _next(sought: Sought, jobs: Ints, c: Floats, step: Floats, inner: Floats, outer: Floats) -> Floats:
    """Newton's step if it stays inside the bracket, else its middle; tripled steps without one."""
    side = sought.side[jobs]
    longest = 3.0 * np.maximum(np.abs(c - sought.estimate[jobs]), sought.width[jobs])
    step = np.where(np.isfinite(step), step, side * longest)
    aim = c + np.clip(step, -longest, longest)
    known = np.isfinite(outer)
    out_of_bracket = (side * (aim - inner) <= 0) | (known & (side * (aim - outer) >= 0))
    middle = np.where(known, 0.5 * (inner + np.where(known, outer, 0.0)), inner + side * longest)
    return np.where(out_of_bracket, middle, aim)


def joint_deviance(state: State, log_sigma: Floats, unit: Floats | float = 1.0) -> Floats:
    """(B,) deviance with σ not profiled out, without its constants; σ in `unit` times conditioned units."""
    log = state.log_v + (state.log_x if state.reml else 0.0)
    return np.asarray(log + 2.0 * state.nu * log_sigma + state.r2 * np.exp(-2.0 * log_sigma) / unit**2)


def joint_derivatives(state: State, log_sigma: Floats, unit: Floats | float = 1.0) -> tuple[Floats, Floats]:
    """Gradient (B, m + 1) and Hessian (B, m + 1, m + 1) of :func:`joint_deviance` in (θ, log σ)."""
    d = differentiate(state)
    w = np.exp(-2.0 * log_sigma) / unit**2
    J = d.jacobian
    in_D = d.log + d.r2 * w[:, None]
    B, m = state.theta.shape
    gradient, H = np.empty((B, m + 1)), np.empty((B, m + 1, m + 1))
    gradient[:, :-1] = np.einsum("ba,bat->bt", in_D, J)
    gradient[:, -1] = 2.0 * (state.nu - state.r2 * w)
    inside = d.log2 + d.r22 * w[:, None, None]
    H[:, :-1, :-1] = np.swapaxes(J, 1, 2) @ inside @ J + d.curvature(in_D)
    H[:, :-1, -1] = H[:, -1, :-1] = -2.0 * np.einsum("ba,bat->bt", d.r2, J) * w[:, None]
    H[:, -1, -1] = 4.0 * state.r2 * w
    return gradient, H


class Surface:
    """Deviance with σ not profiled out, and the targets, at x = (θ, log σ) for a batch of jobs.

    A surface with further parameters, x = (θ, log σ, η), gives its own values and derivatives.
    """

    def __init__(self, moments: Moments, which: Ints, targets: Sequence[Target], kinds: Ints, *, reml: bool) -> None:
        self.moments, self.which, self.targets, self.kinds, self.reml = moments, which, targets, kinds, reml
        self.m = moments.layout.m

    def twice(self) -> Surface:
        """The surface with each job two times, for its two limits."""
        again = copy(self)
        again.which, again.kinds = np.repeat(self.which, 2), np.repeat(self.kinds, 2)
        return again

    def value(self, x: Floats, jobs: Ints) -> tuple[Floats, Derive]:
        """(B,) deviance, up to a constant per set, and what gives the derivatives of some of the points."""
        state = evaluate(self.moments, x[:, : self.m], self.which[jobs], reml=self.reml)

        def derive(kept: Bools) -> tuple[Floats, Floats]:
            return joint_derivatives(state if kept.all() else state.subset(kept), x[kept, self.m])

        return joint_deviance(state, x[:, self.m]), derive

    def target(self, x: Floats, jobs: Ints) -> Floats:
        """(B,) each job's own function."""
        sigma2 = np.exp(2.0 * x[:, self.m]) * self.moments.conditioning.scale[self.which[jobs]] ** 2
        covariances = []
        for block, R in zip(self.moments.layout.blocks, self.moments.conditioning.term_roots, strict=True):
            back = np.linalg.inv(R)
            covariances.append(back @ covariance(block, x[:, : self.m]) @ back.T * sigma2[:, None, None])
        out = np.empty(len(x))
        for j in np.unique(self.kinds[jobs]):
            at = self.kinds[jobs] == j
            out[at] = self.targets[j].at(tuple(V[at] for V in covariances), sigma2[at], x[at, self.m + 1 :])
        return out

    def target_derivatives(self, x: Floats, jobs: Ints) -> tuple[Floats, Floats]:
        """Gradient and Hessian of the targets by central differences; they cost nothing."""
        B, v = x.shape
        h, size = 1e-4, v * (v + 1) // 2
        steps = h * np.eye(v)
        pairs = [(a, b) for a in range(v) for b in range(a, v)]
        offsets = np.array([
            sign_a * steps[a] + sign_b * steps[b]
            for a, b in pairs for sign_a, sign_b in ((1, 1), (1, -1), (-1, 1), (-1, -1))
        ] + [s * step for step in steps for s in (1, -1)])  # fmt: skip
        points = (x[:, None] + offsets[None]).reshape(-1, v)
        values = self.target(points, np.repeat(jobs, len(offsets))).reshape(B, len(offsets))
        corners = values[:, : 4 * size].reshape(B, size, 4)
        second = (corners[..., 0] - corners[..., 1] - corners[..., 2] + corners[..., 3]) / (4.0 * h * h)
        sides = values[:, 4 * size :].reshape(B, v, 2)
        H = np.empty((B, v, v))
        for i, (a, b) in enumerate(pairs):
            H[:, a, b] = H[:, b, a] = second[:, i]
        return (sides[..., 0] - sides[..., 1]) / (2.0 * h), H

    def errors(self, x: Floats, jobs: Ints) -> Floats:
        """(B,) standard errors of the targets by the delta method."""
        slope, _ = self.target_derivatives(x, jobs)
        _, H = self.value(x, jobs)[1](np.ones(len(x), dtype=bool))
        values, vectors = np.linalg.eigh(H)
        along = np.einsum("bij,bi->bj", vectors, slope)
        good = values > 1e-6 * values[:, -1:]
        return np.asarray(np.sqrt((2.0 * along**2 / np.where(good, values, np.inf)).sum(axis=1)))


class _Search:
    """All (set, target, side) jobs together; a job leaves the batch once its limit is found."""

    def __init__(self, surface: Surface, x: Floats, chi2: float) -> None:
        self.surface, self.x, self.root = surface, x, float(np.sqrt(chi2))
        everyone = np.arange(len(x))
        self.side = np.tile([-1.0, 1.0], len(x) // 2)
        self.floor = surface.value(x, everyone)[0]
        self.estimate = surface.target(x, everyone)
        bound = np.array([[surface.targets[j].low, surface.targets[j].high] for j in surface.kinds]).reshape(-1, 2)
        self.bound = np.where(self.side < 0, bound[:, 0], bound[:, 1])
        self.width, self.point = self._width(everyone), self._off_boundary()

    def _width(self, jobs: Ints) -> Floats:
        """Standard error of each target by the delta method, or a share of its size where that fails."""
        sd = self.surface.errors(self.x, jobs)
        total = np.abs(self.estimate) + np.exp(2.0 * self.x[:, self.surface.m]) * (
            self.surface.moments.conditioning.scale[self.surface.which] ** 2
        )
        span = np.where(np.isfinite(self.bound) & (np.abs(self.bound) <= 1.0) & (self.bound != 0.0), 0.3, 0.1 * total)
        return np.where(sd > 1e-3 * span, sd, span)

    def run(self) -> Floats:
        """(jobs,) the limits."""
        at_bound = self._at_bounds()
        furthest = 1e9 * (np.abs(self.estimate) + self.width)
        sought = Sought(self.estimate, self.side, self.width, self._first_guess(), self.bound, furthest)
        found = find_limits(self._constrained, sought, np.flatnonzero(np.isnan(at_bound)), self.root)
        return np.where(np.isnan(at_bound), found, at_bound)

    def _constrained(self, jobs: Ints, aim: Floats, slope: Floats, turn: int) -> tuple[Floats, Floats, Floats]:
        """The penalised minimum, which is the constrained one at the value that it reaches."""
        # stiffer while it takes long: near a boundary the profile itself is steep
        kappa = STIFFNESS * 4.0 ** min(max(turn - 4, 0), 8) / self.width[jobs] ** 2
        t = aim + slope / (2.0 * kappa)
        x = self._descend(self.point[jobs], jobs, kappa, t)
        c, rise = self._reached(x, jobs)
        inside = rise < self.root**2
        self.point[jobs[inside]] = x[inside]  # beyond the limit lie other valleys; start from within
        return c, rise, 2.0 * kappa * (t - c)

    def _reached(self, x: Floats, jobs: Ints) -> tuple[Floats, Floats]:
        """Value of the function (B,) and rise of the deviance (B,) at x."""
        return self.surface.target(x, jobs), self.surface.value(x, jobs)[0] - self.floor[jobs]

    def _off_boundary(self) -> Floats:
        """Starts with no factor's diagonal at zero, where every function of it is stationary."""
        x = self.x.copy()
        diagonal = np.flatnonzero(self.surface.moments.layout.diagonal)
        part = x[:, diagonal]
        x[:, diagonal] = np.where(np.abs(part) < 0.02, 0.1, part)
        return x

    def _first_guess(self) -> Floats:
        """Wald limit, in logarithms for quantities bounded by zero, half-way to the bound if beyond it."""
        half = self.root * self.width
        guess = self.estimate + self.side * half
        grow = (self.bound == np.inf) & (self.estimate > 0)
        guess = np.where(
            grow & np.array([self.surface.targets[j].low == 0.0 for j in self.surface.kinds]),
            self.estimate * np.exp(np.minimum(half / np.maximum(self.estimate, 1e-300), 2.0)) + 1e-3 * half, guess,
        )  # fmt: skip
        beyond = np.isfinite(self.bound) & (self.side * (guess - self.bound) >= 0)
        return np.where(beyond, 0.5 * (self.estimate + np.where(beyond, self.bound, 0.0)), guess)

    def _at_bounds(self) -> Floats:
        """The bound (jobs,) where the profile is still too low at it, else NaN."""
        answer = np.full(len(self.side), np.nan)
        bounded = np.flatnonzero(np.isfinite(self.bound))
        for stiffer in (1.0, 30.0, 1000.0):
            if not len(bounded):
                break
            far = self.bound[bounded] + self.side[bounded] * self.width[bounded]
            kappa = stiffer * STIFFNESS / self.width[bounded] ** 2
            x = self._descend(self.point[bounded], bounded, kappa, far)
            c, rise = self._reached(x, bounded)
            reached = np.abs(c - self.bound[bounded]) < 1e-3 * self.width[bounded]
            short = reached & (rise < self.root**2)
            answer[bounded[short]] = self.bound[bounded[short]]
            bounded = bounded[~reached]
        return answer

    def _descend(self, start: Floats, jobs: Ints, kappa: Floats, t: Floats) -> Floats:
        """Minimise the penalised deviance for a batch of jobs."""
        surface = self.surface

        def objective(x: Floats, at: Ints) -> tuple[Floats, Planner]:
            value, derive = surface.value(x, jobs[at])
            off, stiff = surface.target(x, jobs[at]) - t[at], kappa[at]

            def plan(kept: Bools) -> Plan:
                gradient, H = derive(kept)
                slope, bend = surface.target_derivatives(x[kept], jobs[at[kept]])
                pull = (2.0 * stiff * off)[kept, None]
                H = H + (2.0 * stiff)[kept, None, None] * slope[:, :, None] * slope[:, None, :] + pull[..., None] * bend
                return newton_plan(gradient + pull * slope, H, 1e-12)

            return value + stiff * off**2, plan

        return descend(objective, start, _INNER).points
