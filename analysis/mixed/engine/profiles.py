r"""Profile likelihood of functions of the variance components, many problems at once.

For a function c of the variance components the profile deviance is
:math:`f(c) = \min_x \{d(x) : g(x) = c\}`, x = (θ, log σ), and its limits are where f lies
χ²₁(level) above its minimum. The constrained minimum is reached without a constraint: a
minimum of :math:`d(x) + κ(g(x) − t)²` is at the same time the constrained one at
c* = g(x*), where the profile has the slope 2κ(t − c*). Value and slope together give the next t
by Newton's method on the signed root of f, which is close to linear in c. Boundaries need no
care of their own: with the factor Λ unconstrained in sign a zero variance or a correlation of ±1
is an interior point, so a limit that would lie beyond it is found to be the boundary.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from doublecode.analysis.mixed.engine.derivatives import differentiate
from doublecode.analysis.mixed.engine.descent import newton_step
from doublecode.analysis.mixed.engine.likelihood import evaluate
from doublecode.analysis.mixed.engine.moments import Moments
from doublecode.analysis.mixed.engine.optimise import covariance

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]
Bools = npt.NDArray[np.bool_]
Measure = Callable[[tuple[Floats, ...], Floats], Floats]
"""(covariance (B, p, p) of every term, residual variance (B,)) → (B,), in the units of the data."""

STIFFNESS = 10.0
_MAX_OUTER, _MAX_INNER = 40, 60


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
    jobs = np.array([(s, j, side) for s in range(N) for j in range(k) for side in (-1, 1)], dtype=np.intp)
    search = _Search(moments, theta, which, targets, jobs.reshape(-1, 3), reml, chi2)
    found = search.run().reshape(N, k, 2)
    return Limits(search.estimate.reshape(N, k, 2)[:, :, 0], found[:, :, 0], found[:, :, 1])


def measure_at(moments: Moments, theta: Floats, measure: Measure, *, reml: bool) -> Floats:
    """(N,) a function of the variance components at the optima (N, m) of sets 0 … N − 1."""
    which = np.arange(len(theta))
    surface = _Surface(moments, which, [Target(measure)], np.zeros(len(theta), dtype=np.intp), reml=reml)
    state = evaluate(moments, theta, which, reml=reml)
    return surface.target(np.column_stack([theta, 0.5 * np.log(state.sigma2)]), which)


def delta_errors(
    moments: Moments, theta: Floats, which: Ints, targets: Sequence[Target], *, reml: bool
) -> tuple[Floats, Floats]:
    """Estimates (N, k) and standard errors (N, k) by the delta method on the observed information."""
    N, k = len(theta), len(targets)
    jobs = np.array([(s, j) for s in range(N) for j in range(k)], dtype=np.intp).reshape(-1, 2)
    everyone = np.arange(len(jobs))
    surface = _Surface(moments, which[jobs[:, 0]], targets, jobs[:, 1], reml=reml)
    state = evaluate(moments, theta, which, reml=reml)
    x = np.column_stack([theta, 0.5 * np.log(state.sigma2)])[jobs[:, 0]]
    return surface.target(x, everyone).reshape(N, k), surface.errors(x, everyone).reshape(N, k)


class _Surface:
    """Deviance with σ not profiled out, and the targets, at x = (θ, log σ) for a batch of jobs."""

    def __init__(self, moments: Moments, which: Ints, targets: Sequence[Target], kinds: Ints, *, reml: bool) -> None:
        self.moments, self.which, self.targets, self.kinds, self.reml = moments, which, targets, kinds, reml

    def value(self, x: Floats, jobs: Ints) -> Floats:
        """(B,) deviance, up to a constant per set."""
        state = evaluate(self.moments, x[:, :-1], self.which[jobs], reml=self.reml)
        log = state.log_v + (state.log_x if self.reml else 0.0)
        return np.asarray(log + 2.0 * state.nu * x[:, -1] + state.r2 * np.exp(-2.0 * x[:, -1]))

    def derivatives(self, x: Floats, jobs: Ints) -> tuple[Floats, Floats]:
        """Gradient (B, v) and Hessian (B, v, v) of the deviance."""
        state = evaluate(self.moments, x[:, :-1], self.which[jobs], reml=self.reml)
        d = differentiate(state)
        w = np.exp(-2.0 * x[:, -1])
        J = d.jacobian
        in_D = d.log + d.r2 * w[:, None]
        B, v = x.shape
        gradient, H = np.empty((B, v)), np.empty((B, v, v))
        gradient[:, :-1] = np.einsum("ba,bat->bt", in_D, J)
        gradient[:, -1] = 2.0 * (state.nu - state.r2 * w)
        inside = d.log2 + d.r22 * w[:, None, None]
        H[:, :-1, :-1] = np.swapaxes(J, 1, 2) @ inside @ J + d.curvature(in_D)
        H[:, :-1, -1] = H[:, -1, :-1] = -2.0 * np.einsum("ba,bat->bt", d.r2, J) * w[:, None]
        H[:, -1, -1] = 4.0 * state.r2 * w
        return gradient, H

    def target(self, x: Floats, jobs: Ints) -> Floats:
        """(B,) each job's own function."""
        scale2 = self.moments.conditioning.scale[self.which[jobs]] ** 2
        sigma2 = np.exp(2.0 * x[:, -1]) * scale2
        covariances = []
        for block, R in zip(self.moments.layout.blocks, self.moments.conditioning.term_roots, strict=True):
            back = np.linalg.inv(R)
            covariances.append(back @ covariance(block, x[:, :-1]) @ back.T * sigma2[:, None, None])
        out = np.empty(len(x))
        for j in np.unique(self.kinds[jobs]):
            at = self.kinds[jobs] == j
            out[at] = self.targets[j].measure(tuple(V[at] for V in covariances), sigma2[at])
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
        _, H = self.derivatives(x, jobs)
        values, vectors = np.linalg.eigh(H)
        along = np.einsum("bij,bi->bj", vectors, slope)
        good = values > 1e-6 * values[:, -1:]
        return np.asarray(np.sqrt((2.0 * along**2 / np.where(good, values, np.inf)).sum(axis=1)))


class _Search:
    """All (set, target, side) jobs together; a job leaves the batch once its limit is found."""

    def __init__(
        self, moments: Moments, theta: Floats, which: Ints, targets: Sequence[Target], jobs: Ints, reml: bool,
        chi2: float,
    ) -> None:  # fmt: skip
        self.surface = _Surface(moments, which[jobs[:, 0]], targets, jobs[:, 1], reml=reml)
        self.side, self.root = jobs[:, 2].astype(float), float(np.sqrt(chi2))
        everyone = np.arange(len(jobs))
        state = evaluate(moments, theta, which, reml=reml)
        self.x = np.column_stack([theta, 0.5 * np.log(state.sigma2)])[jobs[:, 0]]
        self.floor = self.surface.value(self.x, everyone)
        self.estimate = self.surface.target(self.x, everyone)
        bound = np.array([[targets[j].low, targets[j].high] for j in jobs[:, 1]]).reshape(-1, 2)
        self.bound = np.where(self.side < 0, bound[:, 0], bound[:, 1])
        self.width = self._width(everyone)

    def _width(self, jobs: Ints) -> Floats:
        """Standard error of each target by the delta method, or a share of its size where that fails."""
        sd = self.surface.errors(self.x, jobs)
        total = np.abs(self.estimate) + np.exp(2.0 * self.x[:, -1]) * (
            self.surface.moments.conditioning.scale[self.surface.which] ** 2
        )
        span = np.where(np.isfinite(self.bound) & (np.abs(self.bound) <= 1.0) & (self.bound != 0.0), 0.3, 0.1 * total)
        return np.where(sd > 1e-3 * span, sd, span)

    def run(self) -> Floats:
        """(jobs,) the limits."""
        answer = np.full(len(self.side), np.nan)
        active = self._settle_boundaries(answer)
        inner = self.estimate.copy()
        outer = np.where(np.isfinite(self.bound), self.bound, np.nan)
        guess = self._first_guess()
        aim = guess.copy()
        slope = 2.0 * self.root * self.side / np.maximum(np.abs(guess - self.estimate), 1e-3 * self.width)
        point = self._off_boundary()
        for turn in range(_MAX_OUTER):
            if not len(active):
                break
            # stiffer while it takes long: near a boundary the profile itself is steep
            kappa = STIFFNESS * 4.0 ** min(max(turn - 4, 0), 8) / self.width[active] ** 2
            t = aim[active] + slope[active] / (2.0 * kappa)
            x = self._descend(point[active], active, kappa, t)
            c = self.surface.target(x, active)
            rise = np.maximum(self.surface.value(x, active) - self.floor[active], 0.0)
            zeta, slope[active] = np.sqrt(rise), 2.0 * kappa * (t - c)
            done = np.abs(zeta - self.root) < 1e-7
            answer[active[done]] = c[done]
            inside = zeta < self.root
            point[active[inside]] = x[inside]  # beyond the limit lie other valleys; start from within
            inner[active] = np.where(inside, c, inner[active])
            outer[active] = np.where(inside, outer[active], c)
            # a point of another valley is no bracket: the profile is lower beyond it
            crossed = inside & (self.side[active] * (c - outer[active]) >= 0.0) & (outer[active] != self.bound[active])
            outer[active] = np.where(crossed, np.nan, outer[active])
            aim[active] = self._next(active, c, zeta, slope[active], inner[active], outer[active])
            slope[active] = self._slope_at_aim(slope[active], zeta)
            far = np.abs(aim[active]) > 1e9 * (np.abs(self.estimate[active]) + self.width[active])
            answer[active[far & ~done]] = self.side[active[far & ~done]] * np.inf
            active = active[~done & ~far]
        return answer

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

    def _settle_boundaries(self, answer: Floats) -> Ints:
        """Where the profile at a finite bound is still too low, the bound is the limit."""
        bounded = np.flatnonzero(np.isfinite(self.bound))
        for stiffer in (1.0, 30.0, 1000.0) if len(bounded) else ():
            far = self.bound[bounded] + self.side[bounded] * self.width[bounded]
            kappa = stiffer * STIFFNESS / self.width[bounded] ** 2
            x = self._descend(self._off_boundary()[bounded], bounded, kappa, far)
            c = self.surface.target(x, bounded)
            rise = self.surface.value(x, bounded) - self.floor[bounded]
            reached = np.abs(c - self.bound[bounded]) < 1e-3 * self.width[bounded]
            short = reached & (rise < self.root**2)
            answer[bounded[short]] = self.bound[bounded[short]]
            bounded = bounded[~reached]
        return np.flatnonzero(np.isnan(answer))

    def _next(self, jobs: Ints, c: Floats, zeta: Floats, slope: Floats, inner: Floats, outer: Floats) -> Floats:
        """Newton's method on the root of the profile, inside the bracket; tripled steps without one."""
        with np.errstate(divide="ignore", invalid="ignore"):
            step = (self.root - zeta) * 2.0 * np.maximum(zeta, 1e-3) / slope
        side = self.side[jobs]
        longest = 3.0 * np.maximum(np.abs(c - self.estimate[jobs]), self.width[jobs])
        step = np.where(np.isfinite(step), step, side * longest)
        aim = c + np.clip(step, -longest, longest)
        known = np.isfinite(outer)
        out_of_bracket = (side * (aim - inner) <= 0) | (known & (side * (aim - outer) >= 0))
        middle = np.where(known, 0.5 * (inner + np.where(known, outer, 0.0)), inner + side * longest)
        return np.where(out_of_bracket, middle, aim)

    def _slope_at_aim(self, slope: Floats, zeta: Floats) -> Floats:
        return slope * np.minimum(self.root / np.maximum(zeta, 1e-3), 10.0)

    def _descend(self, start: Floats, jobs: Ints, kappa: Floats, t: Floats) -> Floats:
        """Damped Newton on the penalised deviance for a batch of jobs."""
        x = start.copy()
        damping = np.ones(len(x))
        best = np.full(len(x), np.inf)
        step = np.zeros_like(x)
        active = np.arange(len(x))
        for _ in range(_MAX_INNER):
            trial = x[active] + damping[active, None] * step[active]
            c = self.surface.target(trial, jobs[active])
            value = self.surface.value(trial, jobs[active]) + kappa[active] * (c - t[active]) ** 2
            better = value <= best[active] + 1e-11 * (1.0 + np.abs(best[active]))
            damping[active[~better]] *= 0.25
            on = active[better]
            x[on], best[on], damping[on] = trial[better], value[better], 1.0
            quiet = np.zeros(len(active), dtype=bool)
            if len(on):
                gradient, H = self._penalised(x[on], jobs[on], kappa[on], t[on])
                step[on], predicted = newton_step(gradient, H)
                quiet[better] = predicted < 1e-12
                last = on[predicted < 1e-12]
                x[last] += step[last]
            active = active[~quiet & (damping[active] > 1e-6)]
            if not len(active):
                break
        return x

    def _penalised(self, x: Floats, jobs: Ints, kappa: Floats, t: Floats) -> tuple[Floats, Floats]:
        gradient, H = self.surface.derivatives(x, jobs)
        slope, bend = self.surface.target_derivatives(x, jobs)
        off = self.surface.target(x, jobs) - t
        gradient = gradient + (2.0 * kappa * off)[:, None] * slope
        H = H + (2.0 * kappa)[:, None, None] * (slope[:, :, None] * slope[:, None, :] + off[:, None, None] * bend)
        return gradient, H
