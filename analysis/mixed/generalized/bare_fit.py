"""The bare fit of one generalised design, in the units of the data: what results, profiles and bootstraps share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pandas as pd

from doublecode.analysis.mixed.design import Term
from doublecode.analysis.mixed.engine.optimise import Rung
from doublecode.analysis.mixed.generalized.objective import Problem
from doublecode.analysis.mixed.generalized.random_part import factor_of
from doublecode.analysis.mixed.generalized.search import Ending, Found

Floats = npt.NDArray[np.float64]

FLAT = 1e-9
"""Eigenvalue of the Hessian, as a share of the largest, below which a direction counts as flat."""
STEEP = 1e4
"""Curvature beyond which a parameter does not say what is flat in another."""
UNFELT = 0.5
"""Variance times curvature of one parameter, 1 or more where there is any, below which the likelihood is flat along it.
"""


@dataclass(frozen=True)
class GeneralizedFit:
    """Where the search ended, and what that is in the units of the data.

    Attributes
    ----------
    problem
        The data in the engine's order and units.
    found
        The best end of the searches and their log.
    terms
        Random terms of the design.
    x_root
        (p, p) with columns X of the data = conditioned columns · root.
    """

    problem: Problem
    found: Found
    terms: tuple[Term, ...]
    x_root: Floats

    @property
    def end(self) -> Ending:
        """The best end."""
        return self.found.end

    @property
    def log(self) -> pd.DataFrame:
        """One row per search: method, start, evaluations, deviance, gradient, converged, remark."""
        rungs: Sequence[Rung] = self.found.rungs
        return pd.DataFrame([vars(rung) for rung in rungs])

    @property
    def loglik(self) -> float:
        """Approximate marginal log-likelihood, without a prior's part."""
        value = -self.end.point.value
        if self.problem.precision is not None:
            beta = self.problem.split(self.end.point.x)[1]
            value += 0.5 * float(beta @ self.problem.precision @ beta)
        return value

    @property
    def psi(self) -> Floats:
        """(k,) shape parameters as the density has them."""
        return self.problem.split(self.end.point.x)[2]

    @cached_property
    def beta(self) -> Floats:
        """(p,) fixed effects."""
        return self.beta_at(self.end.point.x)

    def beta_at(self, x: Floats) -> Floats:
        """(p,) fixed effects at other parameters."""
        beta = self.problem.split(x)[1]
        return np.asarray(np.linalg.solve(self.x_root, beta), dtype=float) if len(beta) else beta

    @cached_property
    def joint(self) -> Floats:
        """(d, d) covariance of (θ, β, ψ) in the engine's units: inverse of the observed information.

        Directions without curvature (of a singular random part) have no part in it.
        """
        return inverse_information(self.end.hessian)

    @cached_property
    def vcov(self) -> Floats:
        """(p, p) covariance of the fixed effects, the uncertainty of variances and shape counted."""
        m, p = self.problem.part.m, len(self.x_root)
        inverse = np.linalg.inv(self.x_root) if p else self.x_root
        return np.asarray(inverse @ self.joint[m : m + p, m : m + p] @ inverse.T)

    @property
    def psi_vcov(self) -> Floats:
        """(k, k) covariance of the shape parameters."""
        start = self.problem.part.m + len(self.x_root)
        return self.joint[start:, start:]

    @property
    def endless(self) -> npt.NDArray[np.bool_]:
        """(k,) shape parameters along which the likelihood is flat: a dispersion that grows without end."""
        curvature = np.diag(self.end.hessian)[self.problem.size - len(self.psi) :]
        return np.asarray(np.diag(self.psi_vcov) * curvature < UNFELT)

    @property
    def dispersion(self) -> float | None:
        """Dispersion φ of a negative binomial, ∞ where the likelihood has no end along it; None without one."""
        if not len(self.psi):
            return None
        return float("inf") if self.endless.all() else float(np.exp(self.psi[0]))

    @cached_property
    def covariances(self) -> tuple[Floats, ...]:
        """Per term the (p, p) covariance of its effects, on the scale of the linear predictor."""
        return self.covariances_at(self.end.point.x)

    def covariances_at(self, x: Floats) -> tuple[Floats, ...]:
        """The same at other parameters."""
        return tuple(L @ L.T for L in self._factors(x))

    def _factors(self, x: Floats) -> list[Floats]:
        theta, part = self.problem.split(x)[0], self.problem.part
        pairs = zip(part.blocks, part.roots, strict=True)
        return [np.asarray(np.linalg.solve(R, factor_of(b, theta)), dtype=float) for b, R in pairs]

    @cached_property
    def modes(self) -> tuple[Floats, ...]:
        """Per term (levels, p) conditional modes of the random effects."""
        mode, part = self.end.point.mode, self.problem.part
        factors = self._factors(self.end.point.x)
        return tuple(part.effects(i, mode.inner, mode.outer) @ L.T for i, L in enumerate(factors))

    def mode_covariances(self) -> tuple[Floats, ...]:
        """Per term (levels, p, p) covariance of the effects given y and the parameters, −(∂² log density)⁻¹."""
        system, part = self.end.point.system, self.problem.part
        inner = system.A_inv
        if part.q2:
            inner = inner + (system.K @ system.S_inv) @ system.K.swapaxes(1, 2)
        out = []
        for block, L in zip(part.blocks, self._factors(self.end.point.x), strict=True):
            if block.inner:
                own = inner[:, block.columns, block.columns]
            else:
                at = block.start + np.arange(block.size * block.levels).reshape(block.levels, block.size)
                own = system.S_inv[at[:, :, None], at[:, None, :]]
            out.append(L @ own @ L.T)
        return tuple(out)

    @property
    def eta(self) -> Floats:
        """(n,) linear predictor at the modes, rows in the order of the design."""
        return self.by_design(self.end.point.mode.eta)

    def by_design(self, rows: Floats) -> Floats:
        """(…, n) values of rows in the order of the design."""
        out = np.empty_like(rows)
        out[..., self.problem.part.order] = rows
        return out


def inverse_information(hessian: Floats) -> Floats:
    """(…, d, d) inverses of observed informations, without directions that are flat beside the others.

    What bends more than `STEEP` is measured by its own curvature: large counts bend a coefficient millions of times as
    much as the variance between groups, which is not flat for that.
    """
    bends = np.abs(np.diagonal(hessian, axis1=-2, axis2=-1))
    own = np.sqrt(np.maximum(bends, np.minimum(bends.max(axis=-1, keepdims=True), STEEP)))
    own = np.where(own > 0.0, own, 1.0)
    values, vectors = np.linalg.eigh(hessian / (own[..., :, None] * own[..., None, :]))
    keep = values > FLAT * values[..., -1:]
    inverse = np.where(keep, 1.0 / np.where(keep, values, 1.0), 0.0)
    axes = vectors / own[..., :, None]
    return np.asarray((axes * inverse[..., None, :]) @ axes.swapaxes(-1, -2))
