r"""REML of variance ratios, and the profile likelihood of a coefficient made of them.

A coefficient is ρ = Σ aλ / (Σ aλ + Σ bλ + c) with λ the variances in units of the
residual. Fixing ρ leaves Σ aλ = ρ/(1 − ρ) (Σ bλ + c); the criterion is minimised over what
remains, and the limits are where the minimum has risen by the chi-square quantile on one
degree of freedom (Cox & Snell 1989). Value, gradient and Hessian come from the
mixed-model engine, and so do the descent and the search of limits; what is ours is the
parametrisation, in which the constraint holds by itself. All sets at once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy import special

from doublecode.analysis.mixed.engine.derivatives import differentiate
from doublecode.analysis.mixed.engine.descent import Bools, Plan, Planner, Rules, descend, newton_plan
from doublecode.analysis.mixed.engine.likelihood import evaluate
from doublecode.analysis.mixed.engine.moments import Moments
from doublecode.analysis.mixed.engine.profiles import Sought, find_limits

if TYPE_CHECKING:
    from doublecode.analysis.reliability.crossed_moments import Copies

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Objective = Callable[[Floats, Ints], tuple[Floats, Floats, Floats]]

DONE = 1e-11
RULES = Rules(noise=1e-13, share=1e-3, last_step=True)
FURTHEST = 16.0
COARSE = 1e-4
"""Tolerance of a limit that was not found with the ordinary one: it moves it in the fourth decimal."""
FIRST_STEP = 0.7
"""In log odds: where the limit is taken for 0 or 1, and how far from the estimate the search begins."""
NO_NOISE = 1e6
"""Odds from which the search of limits sets out where the estimate is 1."""
WALL = 1e12
"""Deviance where double precision has none."""


@dataclass(frozen=True, eq=False)
class Criterion:
    """REML deviance as a function of variance ratios.

    Attributes
    ----------
    moments : Moments
    copies : Copies or None
        Correction where targets are made up; it belongs to the first ratio.
    """

    moments: Moments
    copies: Copies | None = None

    def __call__(self, ratios: Floats, which: Ints) -> tuple[Floats, Floats, Floats]:
        """Deviance (B,), gradient (B, m) and Hessian (B, m, m) at ratios (B, m) of sets `which` (B,)."""
        try:
            state = evaluate(self.moments, np.sqrt(ratios), which, reml=True)
        except np.linalg.LinAlgError:
            return self._apart(ratios, which)
        found = differentiate(state)
        value, gradient, hessian = state.deviance, found.gradient_cov, found.hessian_cov
        if self.copies is not None:
            extra, first, second = self.copies.value(ratios[:, 0], which)
            value = value + extra
            gradient = gradient.copy()
            gradient[:, 0] += first
            hessian = hessian.copy()
            hessian[:, 0, 0] += second
        return value, gradient, hessian

    def _apart(self, ratios: Floats, which: Ints) -> tuple[Floats, Floats, Floats]:
        """Evaluate set by set: ratios so far out that rounding leaves no likelihood are a wall, not an error."""
        n, m = ratios.shape
        if n == 1:
            return np.full(1, WALL), np.zeros((1, m)), np.eye(m)[None]
        each = [self(ratios[i : i + 1], which[i : i + 1]) for i in range(n)]
        value, gradient, hessian = (np.concatenate(part) for part in zip(*each, strict=True))
        return value, gradient, hessian

    def residual(self, ratios: Floats, which: Ints) -> Floats:
        """Residual variance in squared units of the data, shape (B,)."""
        state = evaluate(self.moments, np.sqrt(ratios), which, reml=True)
        return np.asarray(state.sigma2 * self.moments.conditioning.scale[which] ** 2)


@dataclass(frozen=True, eq=False)
class Share:
    """ρ = Σ aλ / (Σ aλ + Σ bλ + c): a coefficient as weights of variance ratios.

    Attributes
    ----------
    above : tuple of float
        a, one per ratio; one or two are positive, and none of these has a weight in `below`.
    below : ndarray, shape (n_sets, m)
        b.
    residual : ndarray, shape (n_sets,)
        c; nought where the coefficient counts other variances as its noise. Of these not all may then be nought
        together with those above the line: 0/0 is no share.
    """

    above: tuple[float, ...]
    below: Floats
    residual: Floats

    @classmethod
    def same(cls, above: tuple[float, ...], below: tuple[float, ...], residual: float, n_sets: int) -> Share:
        """Give every set the same weights."""
        return cls(above, np.tile(np.array(below), (n_sets, 1)), np.full(n_sets, residual))

    def value(self, ratios: Floats) -> Floats:
        """ρ at ratios (n_sets, m)."""
        top, rest = self.parts(ratios)
        return np.asarray(top / (top + rest))

    def parts(self, ratios: Floats) -> tuple[Floats, Floats]:
        """Σ aλ and what stands beside it, (n_sets,): their ratio is the odds of ρ, exact where ρ rounds to 1."""
        return ratios @ np.array(self.above), np.einsum("sm,sm->s", ratios, self.below) + self.residual


def minimise(objective: Objective, start: Floats, which: Ints) -> tuple[Floats, Floats]:
    """Damped Newton in u from `start` (B, n); returns u and the value (B,).

    The objective is even in its roots of variances, so nought is stationary there; a point
    that stops within .001 of nought is tried again from .1.
    """
    point, value = _descend(objective, start, which)
    for _ in range(2):
        at = np.flatnonzero((np.abs(point) < 1e-2).any(axis=1))
        if not len(at):
            break
        again, better = _descend(objective, np.where(np.abs(point[at]) < 1e-2, 0.15, point[at]), which[at])
        won = better < value[at] - 1e-9
        point[at[won]], value[at[won]] = again[won], better[won]
        if not won.any():
            break
    return point, value


def _descend(objective: Objective, start: Floats, which: Ints, done: float = DONE) -> tuple[Floats, Floats]:
    def planned(u: Floats, at: Ints) -> tuple[Floats, Planner]:
        value, gradient, hessian = objective(u, which[at])

        def plan(kept: Bools) -> Plan:
            ahead = newton_plan(gradient[kept], hessian[kept], done)
            # no long last step: where the criterion is flat, a long one promises as little
            ahead.step[ahead.done] *= np.abs(ahead.step[ahead.done]) < 1e-3
            return ahead

        return value, plan

    end = descend(planned, start, RULES)
    return end.points, end.values


def fit_ratios(criterion: Objective, start: Floats) -> tuple[Floats, Floats]:
    """REML estimates of the variance ratios (n_sets, m) from `start`, and the deviance there (n_sets,)."""
    n_sets, m = start.shape

    def objective(u: Floats, which: Ints) -> tuple[Floats, Floats, Floats]:
        ratios, first, second = _unfold(u)
        value, gradient, hessian = criterion(ratios, which)
        curved = first[:, :, None] * hessian * first[:, None, :]
        curved[:, np.arange(m), np.arange(m)] += second * gradient
        return value, first * gradient, curved

    u, value = minimise(objective, _fold(start), np.arange(n_sets))
    return _unfold(u)[0], value


def _unfold(u: Floats) -> tuple[Floats, Floats, Floats]:
    """Ratios λ = sinh²u and their first and second derivatives.

    Near nought u is the root of λ, so that λ = 0 is an interior point; far from it a step in u multiplies λ, so
    that ratios of any size are a few bounded steps away.
    """
    return np.sinh(u) ** 2, np.sinh(2.0 * u), 2.0 * np.cosh(2.0 * u)


def _fold(ratios: Floats) -> Floats:
    """The u ≥ 0 of ratios."""
    return np.asarray(np.arcsinh(np.sqrt(ratios)))


@dataclass(frozen=True, eq=False)
class _Path:
    """Ratios as a function of what is left free once ρ is fixed at odds = ρ/(1 − ρ)."""

    share: Share

    @property
    def top(self) -> list[int]:
        return [j for j, a in enumerate(self.share.above) if a > 0.0]

    @property
    def free(self) -> list[int]:
        return [j for j, a in enumerate(self.share.above) if a == 0.0]

    def start(self, ratios: Floats) -> Floats:
        """Free parameters at given ratios, roots lifted off nought."""
        roots = np.maximum(_fold(ratios[:, self.free]), 0.05)
        if len(self.top) == 1:
            return roots
        one, two = (ratios[:, j] * self.share.above[j] for j in self.top)
        angle = np.arctan2(np.sqrt(np.maximum(one, 1e-4)), np.sqrt(np.maximum(two, 1e-4)))
        return np.column_stack([roots, angle])

    def ratios(self, u: Floats, odds: Floats, sets: Ints) -> tuple[Floats, Floats, Floats]:
        """Ratios (B, m), their Jacobian (B, m, n) and second derivatives (B, m, n, n)."""
        B, n, m = len(u), u.shape[1], len(self.share.above)
        value, first, second = np.zeros((B, m)), np.zeros((B, m, n)), np.zeros((B, m, n, n))
        f = len(self.free)
        b = self.share.below[sets][:, self.free]
        held, tilt, arch = _unfold(u[:, :f])
        for i, j in enumerate(self.free):
            value[:, j], first[:, j, i], second[:, j, i, i] = held[:, i], tilt[:, i], arch[:, i]
        total = odds * (np.einsum("bf,bf->b", held, b) + self.share.residual[sets])
        slope, bend = odds[:, None] * b * tilt, odds[:, None] * b * arch
        diagonal = np.arange(f)
        for t, (w, w1, w2) in zip(self.top, self._weights(u), strict=True):
            a = self.share.above[t]
            value[:, t] = w * total / a
            first[:, t, :f] = w[:, None] * slope / a
            second[:, t, diagonal, diagonal] = w[:, None] * bend / a
            if n > f:
                first[:, t, f] = w1 * total / a
                second[:, t, :f, f] = second[:, t, f, :f] = w1[:, None] * slope / a
                second[:, t, f, f] = w2 * total / a
        return value, first, second

    def _weights(self, u: Floats) -> list[tuple[Floats, Floats, Floats]]:
        if len(self.top) == 1:
            return [(np.ones(len(u)), np.zeros(len(u)), np.zeros(len(u)))]
        angle = u[:, -1]
        w, w1, w2 = np.sin(angle) ** 2, np.sin(2.0 * angle), 2.0 * np.cos(2.0 * angle)
        return [(w, w1, w2), (1.0 - w, -w1, -w2)]


@dataclass(frozen=True, eq=False)
class _Paths:
    """The paths of several coefficients; a job is a coefficient of a set, all sets of the first one first.

    All paths have as many free parameters, one fewer than there are ratios.
    """

    paths: tuple[_Path, ...]
    n_sets: int

    def start(self, ratios: Floats) -> Floats:
        """Free parameters of all jobs at given ratios (n_sets, m)."""
        return np.concatenate([path.start(ratios) for path in self.paths])

    def parts(self, ratios: Floats) -> tuple[Floats, Floats]:
        """:meth:`Share.parts` of all jobs."""
        top, rest = zip(*(path.share.parts(ratios) for path in self.paths), strict=True)
        return np.concatenate(top), np.concatenate(rest)

    def rows(self, jobs: Ints) -> list[tuple[_Path, Ints]]:
        """Which rows belong to each path, for the jobs (B,)."""
        kinds = jobs // self.n_sets
        return [(path, np.flatnonzero(kinds == number)) for number, path in enumerate(self.paths)]

    def ratios(self, u: Floats, odds: Floats, jobs: Ints) -> tuple[Floats, Floats, Floats, Floats]:
        """:meth:`_Path.ratios` of jobs (B,), and which ratios are proportional to the odds (B, m)."""
        (B, n), m = u.shape, len(self.paths[0].share.above)
        value, first, second = np.empty((B, m)), np.empty((B, m, n)), np.empty((B, m, n, n))
        moved = np.zeros((B, m))
        for path, rows in self.rows(jobs):
            value[rows], first[rows], second[rows] = path.ratios(u[rows], odds[rows], jobs[rows] % self.n_sets)
            moved[rows[:, None], path.top] = 1.0
        return value, first, second, moved

    def lifted(self, u: Floats, jobs: Ints) -> Floats:
        """Free parameters (B, n) with their roots off nought, where every function of them is stationary."""
        for path, rows in self.rows(jobs):
            roots = u[rows, : len(path.free)]
            u[rows, : len(path.free)] = np.where(np.abs(roots) < 0.05, 0.05, roots)
        return u


class _Profile:
    """Rise of the criterion above its minimum along ρ, warm-started from the last point; a row is a side of a job."""

    def __init__(
        self, criterion: Objective, paths: _Paths, jobs: Ints, best: Floats, warm: Floats, done: float
    ) -> None:
        self.criterion, self.paths, self.jobs, self.best, self.done = criterion, paths, jobs, best, done
        self.warm, self.slope = warm[jobs], np.zeros(len(jobs))

    def rise(self, odds: Floats, rows: Ints) -> Floats:
        """Minimum at `odds` minus the overall minimum, for the rows of this profile."""

        def objective(u: Floats, local: Ints) -> tuple[Floats, Floats, Floats]:
            jobs = self.jobs[rows[local]]
            ratios, first, second, moved = self.paths.ratios(u, odds[local], jobs)
            value, gradient, hessian = self.criterion(ratios, jobs % self.paths.n_sets)
            self.slope[rows[local]] = (gradient * ratios * moved).sum(axis=1)
            slope = np.einsum("bm,bmn->bn", gradient, first)
            curved = np.swapaxes(first, 1, 2) @ hessian @ first
            return value, slope, curved + np.einsum("bm,bmij->bij", gradient, second)

        start = self.paths.lifted(self.warm[rows], self.jobs[rows])
        u, value = _descend(objective, start, np.arange(len(rows)), self.done)
        self.warm[rows] = u
        return np.maximum(value - self.best[self.jobs[rows] % self.paths.n_sets], 0.0)

    def constrained(self, rows: Ints, aim: Floats, slope: Floats, turn: int) -> tuple[Floats, Floats, Floats]:
        """The constrained minimum at log odds `aim`, as the search of limits asks for it."""
        rise = self.rise(np.exp(aim), rows)
        return aim, rise, self.slope[rows]


def profile_limits(
    criterion: Objective,
    shares: Sequence[Share],
    ratios: Floats,
    deviance: Floats,
    conf_level: float,
    *,
    tolerance: float = 1e-7,
) -> list[tuple[Floats, Floats]]:
    """Profile-likelihood limits of coefficients, all of them at once.

    Parameters
    ----------
    criterion : callable
        A :class:`Criterion`, or what gives the same of ratios (B, m) and their sets (B,).
    shares : sequence of Share
        The coefficients.
    ratios, deviance : ndarrays, shapes (n_sets, m) and (n_sets,)
        The REML solution.
    conf_level : float
    tolerance : float
        Of the root of the rise at a limit; .00003 moves a limit in the fifth decimal.

    Returns
    -------
    list of (low, high) : ndarrays, shape (n_sets,)
        The lower limit is 0 where the likelihood does not exclude it; the upper one is 1 where the estimate is.
    """
    root = float(np.sqrt(special.chdtri(1, 1.0 - conf_level)))
    paths, done = _Paths(tuple(_Path(share) for share in shares), len(deviance)), max(DONE, 0.01 * tolerance)
    jobs, start = np.arange(len(shares) * len(deviance)), paths.start(ratios)
    nought = _Profile(criterion, paths, jobs, deviance, start, done).rise(np.zeros(len(jobs)), jobs)
    below = jobs[np.sqrt(nought) > root]
    profile = _Profile(criterion, paths, np.concatenate([below, jobs]), deviance, start, done)
    side = np.repeat([-1.0, 1.0], [len(below), len(jobs)])
    top, rest = paths.parts(ratios)
    odds = np.divide(top, rest, out=np.full(len(top), NO_NOISE), where=rest > 0.0)
    center = np.log(np.maximum(odds, 1e-6))[profile.jobs]
    blank = np.ones(len(side))
    sought = Sought(
        center, side, FIRST_STEP / root * blank, center + FIRST_STEP * side, np.inf * side, FURTHEST + np.abs(center)
    )  # fmt: skip
    limits = find_limits(profile.constrained, sought, np.arange(len(side)), root, tolerance=tolerance)
    lost = np.flatnonzero(np.isnan(limits))
    if len(lost):  # where the residual is small beside the ratings, rounding hides the last digits of the rise
        profile.done = max(done, 0.01 * COARSE)
        limits[lost] = find_limits(profile.constrained, sought, lost, root, tolerance=COARSE)[lost]
    found = special.expit(limits)
    low = np.zeros(len(jobs))
    low[below] = found[: len(below)]
    high = np.where(rest > 0.0, found[len(below) :], 1.0)
    return list(zip(low.reshape(len(shares), -1), high.reshape(len(shares), -1), strict=True))
