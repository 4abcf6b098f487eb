r"""How much true effects differ: :math:`τ^2` of random-effects models with any moderators.

The model is :math:`y_i = x_i^Tβ + u_i + e_i` with :math:`u_i \sim N(0, τ^2)` and known sampling variances
:math:`v_i`. With :math:`W = \mathrm{diag}(1/(v_i + τ^2))` and :math:`P = W − WX(X^TWX)^{-1}X^TW`:

======  ==============================================================================
DL      :math:`(Q − (k − p)) / \mathrm{tr}\,P` at :math:`τ^2 = 0` (DerSimonian & Laird 1986)
PM      the root of :math:`y^TPy = k − p` (Paule & Mandel 1982)
REML    the maximum of the restricted likelihood, where :math:`y^TPPy = \mathrm{tr}\,P`
ML      the maximum of the likelihood, where :math:`y^TPPy = \mathrm{tr}\,W`
FE      0
======  ==============================================================================

None is below 0. Roots are bracketed and then found to rounding error; of several the one of the larger likelihood is
taken, so that no start and no step size has a say.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

from doublecode.schemas.errors import NotEstimable

Floats = npt.NDArray[np.float64]
Tau2 = Literal["FE", "DL", "PM", "REML", "ML"]
ESTIMATORS: Final[tuple[Tau2, ...]] = ("REML", "DL", "PM", "ML", "FE")
_GRID: Final = 60


@dataclass(frozen=True, eq=False)
class Effects:
    """Effects with their sampling variances and moderators.

    Attributes
    ----------
    y, v : array, shape (k,)
        Estimates, and their known sampling variances.
    X : array, shape (k, p)
        Intercept and moderators, of full rank.
    """

    y: Floats
    v: Floats
    X: Floats

    @property
    def k(self) -> int:
        """Number of effects."""
        return len(self.y)

    @property
    def df(self) -> int:
        """Degrees of freedom of the residuals, k − p."""
        return len(self.y) - int(self.X.shape[1])

    def without(self, place: int) -> Effects:
        """All but one."""
        kept = np.arange(self.k) != place
        return Effects(self.y[kept], self.v[kept], self.X[kept])


@dataclass(frozen=True, eq=False)
class Weighted:
    """Weighted least squares at one τ².

    Attributes
    ----------
    tau2 : float
    w : array, shape (k,)
        1 / (v + τ²).
    beta : array, shape (p,)
    vcov : array, shape (p, p)
        (XᵀWX)⁻¹.
    rss : float
        yᵀPy, the weighted sum of squared residuals.
    residual : array, shape (k,)
    """

    tau2: float
    w: Floats
    beta: Floats
    vcov: Floats
    rss: float
    residual: Floats


def weighted(effects: Effects, tau2: float) -> Weighted:
    """Fit β at a given τ².

    Examples
    --------
    >>> two = Effects(np.array([0.2, 0.4]), np.array([0.01, 0.03]), np.ones((2, 1)))
    >>> round(float(weighted(two, 0.0).beta[0]), 3)
    0.25
    """
    w = 1.0 / (effects.v + tau2)
    root = np.sqrt(w)
    q, r = np.linalg.qr(effects.X * root[:, None])
    beta = np.linalg.solve(r, q.T @ (effects.y * root))
    inverse = np.linalg.inv(r)
    residual = effects.y - effects.X @ beta
    return Weighted(tau2, w, beta, inverse @ inverse.T, float(w @ residual**2), residual)


def trace_p(effects: Effects, fit: Weighted) -> float:
    """Trace of P, Σw − tr[(XᵀWX)⁻¹ XᵀW²X]."""
    wx = effects.X * fit.w[:, None]
    return float(fit.w.sum() - np.einsum("ij,ki,kj->", fit.vcov, wx, wx))


def trace_pp(effects: Effects, fit: Weighted) -> float:
    """Trace of PP, the sum of the squared entries of P."""
    wx = effects.X * fit.w[:, None]
    first = float((fit.w**2).sum())
    cross = float(np.einsum("ij,ki,kj,k->", fit.vcov, wx, wx, fit.w))
    inner = fit.vcov @ (wx.T @ wx)
    return first - 2.0 * cross + float(np.einsum("ij,ji->", inner, inner))


def loglik(effects: Effects, fit: Weighted, *, reml: bool) -> float:
    """Log-likelihood at a fit; the restricted one with ½ log|XᵀX|, so that it is one of error contrasts."""
    value = 0.5 * float(np.log(fit.w).sum()) - 0.5 * fit.rss
    n = effects.k
    if reml:
        n = effects.df
        value += 0.5 * (_log_det(effects.X.T @ effects.X) + _log_det(fit.vcov))
    return value - 0.5 * n * math.log(2.0 * math.pi)


def _log_det(matrix: Floats) -> float:
    return float(np.linalg.slogdet(matrix)[1])


def tau2_of(effects: Effects, method: Tau2) -> float:
    """Estimate τ², in squared units of the effects.

    Parameters
    ----------
    effects : Effects
        k > p, except for FE.
    method : {"FE", "DL", "PM", "REML", "ML"}

    Returns
    -------
    float
        From 0 on.

    Raises
    ------
    NotEstimable
        No degree of freedom is left.
    """
    if method == "FE":
        return 0.0
    if effects.df < 1:
        raise NotEstimable(
            f"{effects.k} effects and {effects.X.shape[1]} coefficients leave nothing to estimate how much effects "
            'differ; a fixed-effect model (method="FE") needs none.'
        )
    at_zero = weighted(effects, 0.0)
    if method == "DL":
        return max(0.0, (at_zero.rss - effects.df) / trace_p(effects, at_zero))
    if method == "PM":
        return root_of_q(effects, float(effects.df))
    return _most_likely(effects, reml=method == "REML")


def _score(effects: Effects, tau2: float, *, reml: bool) -> float:
    """Twice the derivative of the log-likelihood by τ²."""
    fit = weighted(effects, tau2)
    spread = trace_p(effects, fit) if reml else float(fit.w.sum())
    return float((fit.w * fit.residual) @ (fit.w * fit.residual)) - spread


def _spread(effects: Effects) -> float:
    """Residual variance of ordinary least squares, Σe²/(k − p)."""
    beta = np.linalg.lstsq(effects.X, effects.y, rcond=None)[0]
    return float(((effects.y - effects.X @ beta) ** 2).sum()) / effects.df


def _most_likely(effects: Effects, *, reml: bool) -> float:
    """The τ² of the largest (restricted) likelihood.

    Beyond c/2 + √(c²/4 + c·max v), with c the residual variance of least squares, the score is negative: y'PPy is at
    most c(k − p)/τ⁴ there, and the trace at least (k − p)/(τ² + max v).
    """
    c = _spread(effects)
    if c <= 0.0:
        return 0.0
    most = c / 2 + math.sqrt(c * c / 4 + c * float(effects.v.max()))
    grid = [0.0, *np.geomspace(most * 1e-8, most * (1 + 1e-9), _GRID)]
    score = [_score(effects, float(tau2), reml=reml) for tau2 in grid]
    found = [0.0] if score[0] <= 0.0 else []
    for low, high, one, two in zip(grid, grid[1:], score, score[1:], strict=False):
        if one > 0.0 >= two:
            found.append(_root(lambda tau2: _score(effects, tau2, reml=reml), float(low), float(high)))
    return max(found, key=lambda tau2: loglik(effects, weighted(effects, tau2), reml=reml))


def root_of_q(effects: Effects, level: float) -> float:
    """The τ² at which the weighted sum of squares yᵀPy, which falls with τ², is `level`; 0 where it never is so large.

    Examples
    --------
    >>> two = Effects(np.array([0.0, 1.0]), np.array([0.1, 0.1]), np.ones((2, 1)))
    >>> round(root_of_q(two, 1.0), 6)
    0.4
    """
    if weighted(effects, 0.0).rss <= level:
        return 0.0
    return _root(lambda tau2: weighted(effects, tau2).rss - level, 0.0, _spread(effects) * effects.df / level)


def _root(function: Callable[[float], float], low: float, high: float) -> float:
    """The place between `low` and `high` where a falling function passes 0."""
    from scipy.optimize import brentq

    if function(high) > 0.0:  # by rounding: the bound itself is the root
        return high
    return float(brentq(function, low, high, xtol=max(1e-18 * high, 5e-324), rtol=8.9e-16, maxiter=500))


def tau2_error(effects: Effects, fit: Weighted, method: Tau2) -> float:
    """Standard error of τ² by the expected information (REML, ML), or of the moments (DL, PM); FE has none."""
    at_zero = weighted(effects, 0.0)
    k, df = effects.k, effects.df
    if method == "ML":
        return math.sqrt(2.0 / float((fit.w**2).sum()))
    if method == "REML":
        return math.sqrt(2.0 / trace_pp(effects, fit))
    if method == "PM":
        return math.sqrt(2.0 * k * k / df) / float(fit.w.sum())
    trace = trace_p(effects, at_zero)
    moments = 2.0 * df + 4.0 * fit.tau2 * trace + 2.0 * fit.tau2**2 * trace_pp(effects, at_zero)
    return math.sqrt(moments) / trace


def typical_variance(effects: Effects) -> float:
    """The variance v̄ = (k − p) / tr P at τ² = 0 of I² = τ²/(τ² + v̄) (Higgins & Thompson 2002)."""
    return effects.df / trace_p(effects, weighted(effects, 0.0))


def q_profile(effects: Effects, conf_level: float) -> tuple[float, float]:
    """Limits of τ²: where Q(τ²) is a quantile of χ² with k − p degrees of freedom (Viechtbauer 2007).

    Both are 0 where even τ² = 0 leaves less spread than the lower quantile.

    Returns
    -------
    (low, high)
        Squared units of the effects.
    """
    from scipy.special import chdtri

    tail = (1.0 - conf_level) / 2.0
    upper, lower = float(chdtri(effects.df, tail)), float(chdtri(effects.df, 1.0 - tail))
    return root_of_q(effects, upper), root_of_q(effects, lower)
