"""Rows of an ordinal outcome: their edges for given thresholds, and the regression without random effects.

All thresholds are linear in plain parameters, and the log-likelihood is concave in them and in the coefficients
(Pratt 1981; Burridge 1981): Newton's steps from the marginal proportions find its one maximum.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
from scipy import special

from doublecode.analysis.mixed.generalized.cumulative_density import CumulativeLink, Edges, derivatives
from doublecode.analysis.mixed.generalized.thresholds import ThresholdKind, Thresholds

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

STEPS, PROMISED, LARGEST = 60, 1e-11, 1e3
"""Most Newton steps, twice the rise below which the last one is taken, and where estimates run away."""


@dataclass(frozen=True)
class OrdinalRows:
    """n ordinal outcomes and what their thresholds depend on.

    Attributes
    ----------
    category
        (n,) 0 … K − 1.
    thresholds
        How K − 1 thresholds follow from ψ.
    link
        ``"logit"`` or ``"probit"``.
    nominal
        (n, q) columns whose effect differs by threshold, or None: a test of proportional odds. The effect at
        threshold j > 1 differs by γⱼ from that at the first; ψ then ends in γ₂, …, γ_K₋₁, each (q,).
    """

    category: Ints
    thresholds: Thresholds
    link: CumulativeLink = "logit"
    nominal: Floats | None = None

    @property
    def size(self) -> int:
        """Number of shape parameters."""
        q = 0 if self.nominal is None else self.nominal.shape[1]
        return self.thresholds.size + q * (self.thresholds.n_categories - 2)

    def edges(self, psi: Floats) -> tuple[Floats, Floats]:
        """(n,) upper and (n,) lower edge before η is taken off, infinite at the ends of the scale."""
        k = self.thresholds.size
        cuts = np.concatenate([[-np.inf], self.thresholds.values(psi[:k]), [np.inf]])
        upper, lower = cuts[self.category + 1], cuts[self.category]
        if self.nominal is None:
            return upper, lower
        K, q = self.thresholds.n_categories, self.nominal.shape[1]
        shift = np.zeros((K + 1, q))
        shift[2:K] = psi[k:].reshape(K - 2, q)
        return (
            upper - (self.nominal * shift[self.category + 1]).sum(axis=1),
            lower - (self.nominal * shift[self.category]).sum(axis=1),
        )

    def by_psi(self, psi: Floats) -> tuple[Floats, Floats]:
        """(n, k) derivatives of the upper and of the lower edge by ψ."""
        k, K = self.thresholds.size, self.thresholds.n_categories
        J = np.zeros((K + 1, k))
        J[1:K] = self.thresholds.jacobian(psi[:k])
        return self._spread(J)

    def _spread(self, J: Floats) -> tuple[Floats, Floats]:
        upper, lower = J[self.category + 1], J[self.category]
        if self.nominal is None:
            return upper, lower
        own, K = self._own_threshold, self.thresholds.n_categories
        width = self.nominal.shape[1] * (K - 2)
        shifts = (-(own[at][:, :, None] * self.nominal[:, None, :]).reshape(-1, width) for at in self._sides)
        up, low = shifts
        return np.hstack([upper, up]), np.hstack([lower, low])

    @property
    def _sides(self) -> tuple[Ints, Ints]:
        return self.category + 1, self.category

    @cached_property
    def _own_threshold(self) -> Floats:
        """(K + 1, K − 2) which of γ₂ … γ_K₋₁ acts on each of the cuts τ₀ … τ_K."""
        K = self.thresholds.n_categories
        return np.eye(K + 1)[:, 2:K]

    def plain_columns(self) -> tuple[Floats, Floats]:
        """Columns (n, k) by which the edges are linear in plain thresholds: τ, or the first one and the distance."""
        cuts, K = self.thresholds.n_categories - 1, self.thresholds.n_categories
        J = np.zeros((K + 1, self.thresholds.size))
        if self.thresholds.kind == "equidistant":
            J[1:K] = np.stack([np.ones(cuts), np.arange(cuts)], axis=1)[:, : self.thresholds.size]
        else:
            J[1:K] = np.eye(cuts)
        return self._spread(J)


@dataclass(frozen=True)
class CumulativeRegression:
    """A cumulative model without random effects.

    Attributes
    ----------
    psi, beta
        (k,) shape parameters and (p,) coefficients.
    loglik
        Log-likelihood.
    vcov
        (k + p, k + p) covariance of plain threshold parameters and coefficients.
    converged
        Whether Newton's steps ended with nothing left to gain.
    """

    psi: Floats
    beta: Floats
    loglik: float
    vcov: Floats
    converged: bool


def cumulative_regression(
    rows: OrdinalRows, X: Floats, *, offset: Floats | None = None, weights: Floats | None = None
) -> CumulativeRegression:
    """Maximise Σ wᵢ log P(Yᵢ) over thresholds and coefficients of X (n, p), which has no column of ones."""
    up, low = rows.plain_columns()
    U, L = np.hstack([up, -X]), np.hstack([low, -X])
    known = np.zeros(len(X)) if offset is None else offset
    w = np.ones(len(X)) if weights is None else weights
    top, bottom = rows.category == rows.thresholds.n_categories - 1, rows.category == 0
    U[top], L[bottom] = 0.0, 0.0
    ends = np.where(top, np.inf, -known), np.where(bottom, -np.inf, -known)
    theta = np.concatenate([_marginal(rows, w), np.zeros(U.shape[1] - rows.thresholds.size)])
    found = derivatives(ends[0] + U @ theta, ends[1] + L @ theta, rows.link)
    converged = False
    for _ in range(STEPS):
        gradient, H = _score(found, U, L, w)
        step = np.asarray(np.linalg.lstsq(H, gradient, rcond=None)[0], dtype=np.float64)
        if float(gradient @ step) < PROMISED:
            converged = True
            theta = theta + step
            found = derivatives(ends[0] + U @ theta, ends[1] + L @ theta, rows.link)
            break
        moved = _line(theta, step, found, (U, L, w, ends), rows.link)
        if moved is None or np.abs(moved[0]).max() > LARGEST:
            break
        theta, found = moved
    _, H = _score(found, U, L, w)
    vcov = np.asarray(np.linalg.pinv(H), dtype=np.float64)
    return CumulativeRegression(*_split(rows, theta), float(w @ found.value), vcov, converged)


def _line(
    theta: Floats, step: Floats, found: Edges, data: tuple[Floats, Floats, Floats, tuple[Floats, Floats]],
    link: CumulativeLink,
) -> tuple[Floats, Edges] | None:  # fmt: skip
    """Shorten a step until it raises the log-likelihood; None where only rounding is left."""
    U, L, w, ends = data
    value = float(w @ found.value)
    for half in range(40):
        trial = theta + step * 0.5**half
        upper, lower = ends[0] + U @ trial, ends[1] + L @ trial
        if (upper > lower).all():
            new = derivatives(upper, lower, link)
            if float(w @ new.value) >= value - 1e-12 * (1.0 + abs(value)):
                return trial, new
    return None


def _score(found: Edges, U: Floats, L: Floats, w: Floats) -> tuple[Floats, Floats]:
    """Gradient (P,) and minus the Hessian (P, P) by plain parameters: ∂²/∂a∂b = −(∂/∂a)(∂/∂b)."""
    ga, gb = found.upper[0], found.lower[0]
    ab = -ga * gb
    aa, bb = -found.upper[1] - ab, -found.lower[1] - ab
    cross = U.T @ ((w * ab)[:, None] * L)
    H = U.T @ ((w * aa)[:, None] * U) + L.T @ ((w * bb)[:, None] * L) + cross + cross.T
    return U.T @ (w * ga) + L.T @ (w * gb), -H


def _marginal(rows: OrdinalRows, w: Floats) -> Floats:
    """Plain threshold parameters of the proportions of the categories, (k,)."""
    share = np.cumsum(np.bincount(rows.category, weights=w, minlength=rows.thresholds.n_categories))[:-1] / w.sum()
    tau = special.logit(share) if rows.link == "logit" else special.ndtri(share)
    if rows.thresholds.kind == "flexible" or len(tau) == 1:
        return np.asarray(tau)
    return np.array([tau[0], (tau[-1] - tau[0]) / (len(tau) - 1)])


def _split(rows: OrdinalRows, theta: Floats) -> tuple[Floats, Floats]:
    """ψ (k,) and β (p,) of plain parameters, which stand in the order thresholds, γ, β."""
    k = rows.thresholds.size
    plain = theta[:k]
    if rows.thresholds.kind == "equidistant":
        psi = np.concatenate([plain[:1], np.log(plain[1:])])
    else:
        psi = rows.thresholds.internal(plain)
    return np.concatenate([psi, theta[k : rows.size]]), theta[rows.size :]


def shape_start(rows: OrdinalRows, kind: ThresholdKind) -> Floats:
    """ψ of the marginal proportions, with no effect that differs by threshold."""
    plain = _marginal(rows, np.ones(len(rows.category)))
    psi = np.concatenate([plain[:1], np.log(plain[1:])]) if kind == "equidistant" else rows.thresholds.internal(plain)
    return np.concatenate([psi, np.zeros(rows.size - len(psi))])
