"""The deviance of a model with a residual structure in all its variance parameters."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import numpy.typing as npt

from doublecode.analysis.mixed.design import Design
from doublecode.analysis.mixed.engine.likelihood import State, evaluate
from doublecode.analysis.mixed.engine.moments import make_moments
from doublecode.analysis.mixed.engine.profiles import Derive, Surface, Target, joint_derivatives, joint_deviance
from doublecode.analysis.mixed.residuals.joint_fit import ResidualFit

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.intp]

STEP = 1e-4
"""Step of the central differences in η."""
FURTHEST = 15.0
"""Largest |η| that has a deviance: beyond, tanh η and the like round to one."""
NEAR = 0.2
"""How far a step may go before the second derivatives between two of the η are made anew: they cost most."""
_ONE = np.zeros(1, dtype=np.intp)


class WhitenedSurface(Surface):
    """Deviance with σ not profiled out at x = (θ, log σ, η), every job on the same data.

    θ and σ are in the conditioned units of the fit, whatever η is.
    """

    def __init__(self, design: Design, fit: ResidualFit, targets: Sequence[Target]) -> None:
        kinds = np.arange(len(targets))
        super().__init__(fit.moments, np.zeros(len(targets), dtype=np.intp), targets, kinds, reml=fit.reml)
        self.design, self.layout = design, fit.layout
        self.bends: dict[int, tuple[Floats, Floats]] = {}
        self.unit = float(fit.moments.conditioning.scale[0])
        state = evaluate(fit.moments, fit.climb.theta[None], _ONE, reml=fit.reml)
        self.center = np.r_[fit.climb.theta, 0.5 * np.log(state.sigma2[0]), fit.eta]

    def value(self, x: Floats, jobs: Ints) -> tuple[Floats, Derive]:
        """(B,) deviance, infinite where η has run away, and what differentiates it."""
        near = np.abs(x[:, self.m + 1 :]).max(axis=1, initial=0.0) < FURTHEST
        states = [self.state(point) if ok else None for point, ok in zip(x, near, strict=True)]
        value = np.array([
            np.inf if state is None else self.deviance(point, state) for point, state in zip(x, states, strict=True)
        ])  # fmt: skip

        def derive(kept: Bools) -> tuple[Floats, Floats]:
            parts = [self._derivatives(x[i], states[i], float(value[i]), int(jobs[i])) for i in np.flatnonzero(kept)]
            return np.array([g for g, _ in parts]), np.array([H for _, H in parts])

        return value, derive

    def state(self, x: Floats) -> State:
        """Solve the mixed-model equations at one point (v,)."""
        roots = self.moments.conditioning.term_roots
        moments = make_moments(self.layout.whiten(self.design, x[self.m + 1 :]), term_roots=roots)
        return evaluate(moments, x[None, : self.m], _ONE, reml=self.reml)

    def deviance(self, x: Floats, state: State) -> float:
        """−2 log-likelihood up to a constant that is the same at every point."""
        c = state.moments.conditioning
        constant = float(state.moments.constant[0]) + (c.log_x if self.reml and self.moments.layout.p else 0.0)
        with np.errstate(over="ignore"):
            return constant + float(joint_deviance(state, x[None, self.m], self._unit(state))[0])

    def _unit(self, state: State) -> float:
        """Unit of σ, that of the fit, in the conditioned unit at this η."""
        return self.unit / float(state.moments.conditioning.scale[0])

    def beside(self, x: Floats, state: State | None = None) -> tuple[float, Floats, Floats]:
        """Value, and gradient (m + 1,) and Hessian (m + 1, m + 1) in (θ, log σ), at one point."""
        state = self.state(x) if state is None else state
        gradient, H = joint_derivatives(state, x[None, self.m], self._unit(state))
        return self.deviance(x, state), gradient[0], H[0]

    def _derivatives(self, x: Floats, state: State | None, value: float, job: int) -> tuple[Floats, Floats]:
        """Gradient (v,) and Hessian (v, v) at one point."""
        v, at = len(x), self.m + 1
        gradient, H = np.empty(v), np.empty((v, v))
        _, gradient[:at], H[:at, :at] = self.beside(x, state)
        sides = np.empty(v - at)
        for a, step in enumerate((STEP * np.eye(v))[at:]):
            (up, above, _), (down, below, _) = self.beside(x + step), self.beside(x - step)
            gradient[at + a] = (up - down) / (2.0 * STEP)
            H[:at, at + a] = H[at + a, :at] = (above - below) / (2.0 * STEP)
            sides[a] = up - 2.0 * value + down
        H[at:, at:] = self._between(x, value, sides, job)
        H[range(at, v), range(at, v)] = sides / STEP**2
        return gradient, H

    def _between(self, x: Floats, value: float, sides: Floats, job: int) -> Floats:
        """(k, k) second differences between two of the η, made anew only where a job has left the last place."""
        kept = self.bends.get(job)
        if kept is not None and np.abs(x - kept[0]).max() < NEAR:
            return kept[1]
        k = len(sides)
        steps, out = STEP * np.eye(len(x))[self.m + 1 :], np.zeros((k, k))
        for a, b in combinations(range(k), 2):
            corners = self.at(x + steps[a] + steps[b]) - 2.0 * value + self.at(x - steps[a] - steps[b])
            out[a, b] = out[b, a] = (corners - sides[a] - sides[b]) / (2.0 * STEP**2)
        self.bends[job] = x, out
        return out

    def at(self, x: Floats) -> float:
        """The deviance at one point (v,)."""
        return self.deviance(x, self.state(x))
