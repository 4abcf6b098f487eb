r"""REML of variance ratios, and the profile likelihood of a coefficient made of them.

A coefficient is ρ = Σ aλ / (Σ aλ + Σ bλ + c) with λ the variances in units of the
residual. Fixing ρ leaves Σ aλ = ρ/(1 − ρ) (Σ bλ + c); the criterion is minimised over what
remains, and the limits are where the minimum has risen by the chi-square quantile on one
degree of freedom (Cox & Snell 1989). Value, gradient and Hessian come from the
mixed-model engine; the search runs over all sets at once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy import special

from doublecode.analysis.mixed.engine.derivatives import differentiate
from doublecode.analysis.mixed.engine.likelihood import evaluate
from doublecode.analysis.mixed.engine.moments import Moments
from doublecode.analysis.mixed.engine.descent import newton_step

if TYPE_CHECKING:
    from doublecode.analysis.reliability.crossed_moments import Copies

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Objective = Callable[[Floats, Ints], tuple[Floats, Floats, Floats]]

MAX_STEPS = 60
DONE = 1e-11
LOWEST, HIGHEST = -16.0, 16.0


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

    @property
    def n_ratios(self) -> int:
        """Number of variance ratios λ."""
        return len(self.moments.layout.blocks)

    def __call__(self, ratios: Floats, which: Ints) -> tuple[Floats, Floats, Floats]:
        """Deviance (B,), gradient (B, m) and Hessian (B, m, m) at ratios (B, m) of sets `which` (B,)."""
        state = evaluate(self.moments, np.sqrt(ratios), which, reml=True)
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
        c, positive.
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
        top = ratios @ np.array(self.above)
        return np.asarray(top / (top + np.einsum("sm,sm->s", ratios, self.below) + self.residual))


def minimise(objective: Objective, start: Floats, which: Ints) -> tuple[Floats, Floats]:
    """Damped Newton in u from `start` (B, n); returns u and the value (B,).

    The objective is even in its roots of variances, so nought is stationary there; a point
    that stops within .001 of nought is tried again from .1.
    """
    point, value = _descend(objective, start, which)
    for _ in range(2):
        small = (np.abs(point) < 1e-2).any(axis=1)
        if not small.any():
            break
        at = np.flatnonzero(small)
        lifted = np.where(np.abs(point[at]) < 1e-2, 0.15, point[at])
        again, better = _descend(objective, lifted, which[at])
        won = better < value[at] - 1e-9
        point[at[won]], value[at[won]] = again[won], better[won]
        if not won.any():
            break
    return point, value


def _descend(objective: Objective, start: Floats, which: Ints, done: float = DONE) -> tuple[Floats, Floats]:
    point = np.array(start, dtype=np.float64)
    if point.shape[1] == 0:
        return point, objective(point, which)[0]
    value, gradient, hessian = objective(point, which)
    step, predicted = newton_step(gradient, hessian)
    damping = np.ones(len(point))
    active = np.flatnonzero(predicted > done)
    for _ in range(MAX_STEPS):
        if not len(active):
            break
        trial = point[active] + damping[active, None] * step[active]
        found = objective(trial, which[active])
        fall = value[active] - found[0]
        good = fall >= np.minimum(1e-3 * damping[active] * predicted[active], 1e-3) - 1e-13 * np.abs(found[0])
        damping[active[~good]] *= 0.3
        won = active[good]
        point[won], value[won] = trial[good], found[0][good]
        step[won], predicted[won] = newton_step(found[1][good], found[2][good])
        damping[won] = 1.0
        active = active[(predicted[active] > done) & (damping[active] > 1e-7)]
    return point + np.where(np.abs(step) < 1e-3, step, 0.0), value


def fit_ratios(criterion: Criterion, n_sets: int) -> tuple[Floats, Floats]:
    """REML estimates of the variance ratios (n_sets, m), and the deviance there (n_sets,)."""
    m = criterion.n_ratios

    def objective(u: Floats, which: Ints) -> tuple[Floats, Floats, Floats]:
        value, gradient, hessian = criterion(u**2, which)
        curved = 4.0 * u[:, :, None] * hessian * u[:, None, :]
        curved[:, np.arange(m), np.arange(m)] += 2.0 * gradient
        return value, 2.0 * u * gradient, curved

    which = np.arange(n_sets)
    first = np.full((n_sets, m), 0.6)
    first[:, 0] = 1.0
    u, value = minimise(objective, first, which)
    return u**2, value


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
        roots = np.maximum(np.sqrt(ratios[:, self.free]), 0.05)
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
        roots = u[:, :f]
        for i, j in enumerate(self.free):
            value[:, j], first[:, j, i], second[:, j, i, i] = roots[:, i] ** 2, 2.0 * roots[:, i], 2.0
        total = odds * (np.einsum("bf,bf->b", roots**2, b) + self.share.residual[sets])
        slope = 2.0 * odds[:, None] * b * roots
        bend = 2.0 * odds[:, None] * b
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


@dataclass(eq=False)
class _Profile:
    """Rise of the criterion above its minimum along ρ, warm-started from the last point."""

    criterion: Criterion
    path: _Path
    which: Ints
    best: Floats
    warm: Floats
    done: float = DONE

    def rise(self, odds: Floats, rows: Ints) -> Floats:
        """Minimum at `odds` minus the overall minimum, for the rows of this profile."""

        def objective(u: Floats, local: Ints) -> tuple[Floats, Floats, Floats]:
            sets = self.which[rows[local]]
            ratios, first, second = self.path.ratios(u, odds[local], sets)
            value, gradient, hessian = self.criterion(ratios, sets)
            slope = np.einsum("bm,bmn->bn", gradient, first)
            curved = np.swapaxes(first, 1, 2) @ hessian @ first
            return value, slope, curved + np.einsum("bm,bmij->bij", gradient, second)

        start = self.warm[rows]
        f = len(self.path.free)
        start[:, :f] = np.where(np.abs(start[:, :f]) < 0.05, 0.05, start[:, :f])
        u, value = _descend(objective, start, np.arange(len(rows)), self.done)
        self.warm[rows] = u
        return np.maximum(value - self.best[rows], 0.0)


def profile_limits(
    criterion: Criterion, share: Share, ratios: Floats, deviance: Floats, conf_level: float, *, tolerance: float = 1e-7
) -> tuple[Floats, Floats]:
    """Profile-likelihood limits of a coefficient.

    Parameters
    ----------
    criterion : Criterion
    share : Share
        The coefficient.
    ratios, deviance : ndarrays, shapes (n_sets, m) and (n_sets,)
        The REML solution.
    conf_level : float
    tolerance : float
        Of the root of the rise at a limit; .00003 moves a limit in the fifth decimal.

    Returns
    -------
    low, high : ndarrays, shape (n_sets,)
        The lower limit is 0 where the likelihood does not exclude it.
    """
    n_sets = len(deviance)
    reach = float(np.sqrt(special.chdtri(1, 1.0 - conf_level)))
    path = _Path(share)
    which = np.arange(n_sets)
    start = path.start(ratios)
    estimate = np.clip(share.value(ratios), 1e-6, 1.0 - 1e-6)
    center = np.log(estimate / (1.0 - estimate))
    done = max(DONE, 0.01 * tolerance)
    nought = _Profile(criterion, path, which, deviance, start.copy(), done).rise(np.zeros(n_sets), which)
    open_below = np.sqrt(nought) <= reach
    both = np.concatenate([which[~open_below], which])
    sign = np.concatenate([np.full((~open_below).sum(), -1.0), np.ones(n_sets)])
    profile = _Profile(criterion, path, both, deviance[both], start[both], done)
    found = _search(profile, center[both], sign, reach, tolerance)
    low = np.zeros(n_sets)
    low[~open_below] = special.expit(found[: len(found) - n_sets])
    return low, special.expit(found[len(found) - n_sets :])


def _search(profile: _Profile, center: Floats, sign: Floats, reach: float, tolerance: float) -> Floats:
    """Log odds where the root of the rise reaches `reach`, going out from `center` by `sign`."""
    n = len(center)
    rows = np.arange(n)
    near, near_gap = center.copy(), np.full(n, -reach)
    far, far_gap = center.copy(), np.full(n, -reach)
    step = np.full(n, 0.7)
    while len(rows):
        far[rows] = np.clip(far[rows] + sign[rows] * step[rows], LOWEST, HIGHEST)
        far_gap[rows] = np.sqrt(profile.rise(np.exp(far[rows]), rows)) - reach
        short = (far_gap[rows] < 0.0) & (np.abs(far[rows]) < HIGHEST)
        moved = rows[short]
        near[moved], near_gap[moved] = far[moved], far_gap[moved]
        step[moved] *= 1.6
        rows = moved
    rows = np.flatnonzero(far_gap > 0.0)
    last = np.zeros(n)
    at = far.copy()
    for _ in range(60):
        if not len(rows):
            break
        a, b, fa, fb = near[rows], far[rows], near_gap[rows], far_gap[rows]
        middle = a - fa * (b - a) / (fb - fa)
        gap = np.sqrt(profile.rise(np.exp(middle), rows)) - reach
        at[rows] = middle
        inside = gap < 0.0
        for chosen, own, other_gap, mark in (
            (rows[inside], (near, near_gap), far_gap, -1.0),
            (rows[~inside], (far, far_gap), near_gap, 1.0),
        ):
            part = inside if mark < 0 else ~inside
            own[0][chosen], own[1][chosen] = middle[part], gap[part]
            again = chosen[last[chosen] == mark]
            other_gap[again] *= 0.5  # Illinois: do not let one end stand still
            last[chosen] = mark
        rows = rows[(np.abs(gap) > tolerance) & (np.abs(far[rows] - near[rows]) > 1e-10)]
    return at
