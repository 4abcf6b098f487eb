"""The bare fit of a cumulative mixed model, in the units of the data."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from doublecode.analysis.mixed.design import Design
from doublecode.analysis.mixed.generalized.bare_fit import GeneralizedFit
from doublecode.analysis.mixed.generalized.cumulative_rows import (
    CumulativeRegression,
    OrdinalRows,
    cumulative_regression,
)
from doublecode.analysis.mixed.generalized.objective import Problem
from doublecode.analysis.mixed.generalized.ordinal_density import OrdinalDensity
from doublecode.analysis.mixed.generalized.random_part import RandomPart
from doublecode.analysis.mixed.generalized.separation import Separated
from doublecode.analysis.mixed.generalized.turning import settle
from doublecode.schemas.errors import NotEstimable
from doublecode.schemas.results import Note

Floats = npt.NDArray[np.float64]

FAR = {"logit": 15.0, "probit": 6.0}
"""Size of Xβ of a regression without random effects beyond which predictors separate the categories."""


@dataclass(frozen=True)
class OrdinalFit(GeneralizedFit):
    """A :class:`GeneralizedFit` whose shape parameters are thresholds, those of predictors as they are.

    The search runs on predictors around their means, `centre` (p,): with η of the data higher by centreᵀβ the first
    threshold is, too, and all others with it.
    """

    centre: Floats
    rows: OrdinalRows

    @property
    def psi(self) -> Floats:
        """(k,) shape parameters on the scale of the predictors as they are."""
        return self.psi_at(self.end.point.x)

    def psi_at(self, x: Floats) -> Floats:
        """(k,) the same at other parameters of the search."""
        psi = self.problem.split(x)[2].copy()
        psi[0] += float(self.centre @ self.beta_at(x))
        return psi

    @cached_property
    def parameters(self) -> Floats:
        """(k + p,) ψ and β."""
        return np.concatenate([self.psi, self.beta])

    @cached_property
    def parameters_vcov(self) -> Floats:
        """(k + p, k + p) covariance of ψ and β, the uncertainty of the random part counted."""
        m, p, k = self.problem.part.m, len(self.x_root), self.problem.density.n_shape
        J = np.zeros((k + p, self.problem.size))
        J[:k, m + p :] = np.eye(k)
        if p:
            inverse = np.linalg.inv(self.x_root)
            J[k:, m : m + p] = inverse
            J[0, m : m + p] = self.centre @ inverse
        return np.asarray(J @ self.joint @ J.T)

    @property
    def psi_vcov(self) -> Floats:
        """(k, k) covariance of the shape parameters."""
        k = self.problem.density.n_shape
        return self.parameters_vcov[:k, :k]

    @property
    def dispersion(self) -> None:
        """No dispersion."""
        return

    @property
    def eta(self) -> Floats:
        """(n,) linear predictor of the data at the modes, rows in the order of the design."""
        return self.by_design(self.end.point.mode.eta) + float(self.centre @ self.beta)


def fit_rows(design: Design, part: RandomPart, rows: OrdinalRows, n_nodes: int) -> OrdinalFit:
    """Start from the regression without random effects, and search.

    Raises
    ------
    NotEstimable
        Predictors tell categories without error, so that estimates grow without end.
    """
    n, order = design.nobs, part.order
    centre = design.X.mean(axis=0)
    Q, R = np.linalg.qr(design.X - centre)
    scale = np.sqrt(n)
    offset = np.zeros(n) if design.offset is None else design.offset
    weights = np.ones(n) if design.weights is None else design.weights
    X = np.asarray(Q * scale, dtype=np.float64)
    start = cumulative_regression(rows, X, offset=offset, weights=weights)
    if rows.nominal is None:
        _refuse_separated(start, X, rows, design)
    density = OrdinalDensity(rows).subset(order)
    problem = Problem(part, X[order], offset[order], weights[order], density, n_nodes)
    try:
        problem, found = settle(problem, start.beta, start.psi)
    except np.linalg.LinAlgError as error:
        raise NotEstimable(
            f"{design.formula.text!r}: {error}; rescale the predictors, or take a simpler random part"
        ) from error
    return OrdinalFit(problem, found, design.terms, np.asarray(R / scale, dtype=np.float64), centre, rows)


def _refuse_separated(start: CumulativeRegression, X: Floats, rows: OrdinalRows, design: Design) -> None:
    if not X.shape[1]:
        return
    reach = float(np.abs(X @ start.beta).max())
    if start.converged and reach < FAR[rows.link]:
        return
    beta = np.linalg.lstsq(design.X - design.X.mean(axis=0), X @ start.beta, rcond=None)[0]
    foremost = design.x_names[int(np.argmax(np.abs(beta) * design.X.std(axis=0)))]
    raise Separated(
        f"{design.formula.text!r}: predictors tell categories of {design.formula.response!r} without error "
        f"(separation, foremost by {foremost}), so that estimates grow without end. Allowed: predictors within whose "
        "values the outcome varies. Next: join rare categories of the outcome or of the predictor, or leave it out",
        Note("set_separated", numbers={"which": foremost}),
    )
