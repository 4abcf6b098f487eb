r"""Several effects of one study: a three-level model with known sampling variances, and CR2 standard errors on it.

The model is :math:`y_{ij} = x_{ij}^Tβ + u_j + w_{ij} + e_{ij}` with :math:`u_j \sim N(0, τ^2)` between studies,
:math:`w_{ij} \sim N(0, ω^2)` within them and known :math:`v_{ij}` (Konstantopoulos 2011), so that a study's effects
have the covariance :math:`V_j = \mathrm{diag}(v + ω^2) + τ^2 11^T`. It takes sampling errors of one study as
independent, which effects of the same people are not. CR2 makes the standard errors hold whatever their covariance
is: with :math:`M = (X^TV^{-1}X)^{-1}`, :math:`D_j^TD_j = V_j`, :math:`B_j = D_j(V_j − X_jMX_j^T)D_j^T` and
:math:`A_j = D_j^TB_j^{-1/2}D_j`,

.. math:: V^{CR2} = M\left(\sum_j X_j^TV_j^{-1}A_je_je_j^TA_j^TV_j^{-1}X_j\right)M,

unbiased where the model holds, with Satterthwaite degrees of freedom (Pustejovsky & Tipton 2018, 2022).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq
from scipy.special import chdtri

from doublecode.analysis.meta_analysis.heterogeneity import Effects, Floats
from doublecode.analysis.mixed.cluster_robust import inverse_root
from doublecode.schemas.errors import NotEstimable

MOST_ROUNDS: Final = 200
_STARTS: Final = (0.0, 0.03, 0.1, 0.3, 1.0)
Blocks = list[npt.NDArray[np.intp]]
BOTH: Final = np.ones(2, dtype=bool)


@dataclass(frozen=True, eq=False)
class ThreeLevel:
    """A three-level fit.

    Attributes
    ----------
    tau2, omega2 : float
        Variances between studies, and between effects of one study.
    errors : (float, float)
        Their standard errors by the expected information; NaN for one at 0.
    beta : array, shape (p,)
    vcov : array, shape (p, p)
        (XᵀV⁻¹X)⁻¹.
    weights : array, shape (k,)
        Row sums of V⁻¹: what an effect counts in the pooled one.
    loglik : float
    """

    tau2: float
    omega2: float
    errors: tuple[float, float]
    beta: Floats
    vcov: Floats
    weights: Floats
    loglik: float


@dataclass(frozen=True, eq=False)
class _At:
    """Everything at one pair of variances."""

    inverse: Floats
    vcov: Floats
    beta: Floats
    residual: Floats
    loglik: float


def blocks_of(studies: list[str]) -> Blocks:
    """Places of each study's effects, in the order of first appearance."""
    names = np.asarray(studies, dtype=object)
    return [np.flatnonzero(names == name) for name in dict.fromkeys(studies)]


def covariance(effects: Effects, blocks: Blocks, tau2: float, omega2: float) -> Floats:
    """V (k, k), block by block."""
    V = np.diag(effects.v + omega2)
    for rows in blocks:
        V[np.ix_(rows, rows)] += tau2
    return V


def _inverse(effects: Effects, blocks: Blocks, tau2: float, omega2: float) -> tuple[Floats, float]:
    """V⁻¹ by Sherman and Morrison, and log|V|."""
    d = 1.0 / (effects.v + omega2)
    W, log_det = np.diag(d), -float(np.log(d).sum())
    for rows in blocks:
        grown = 1.0 + tau2 * float(d[rows].sum())
        W[np.ix_(rows, rows)] -= tau2 / grown * np.outer(d[rows], d[rows])
        log_det += math.log(grown)
    return W, log_det


def _at(effects: Effects, blocks: Blocks, variances: Floats, *, reml: bool) -> _At:
    W, log_det = _inverse(effects, blocks, float(variances[0]), float(variances[1]))
    X = effects.X
    vcov = np.asarray(np.linalg.inv(X.T @ W @ X), dtype=float)
    beta = np.asarray(vcov @ (X.T @ (W @ effects.y)), dtype=float)
    residual = effects.y - X @ beta
    n = effects.df if reml else effects.k
    value = -0.5 * (log_det + float(residual @ W @ residual) + n * math.log(2.0 * math.pi))
    if reml:
        value += 0.5 * float(np.linalg.slogdet(vcov)[1] + np.linalg.slogdet(X.T @ X)[1])
    return _At(W, vcov, beta, residual, value)


def _slopes(effects: Effects, blocks: Blocks, at: _At, *, reml: bool) -> tuple[Floats, Floats]:
    """Score (2,) and expected information (2, 2) of τ² and ω²."""
    P = at.inverse - at.inverse @ effects.X @ at.vcov @ effects.X.T @ at.inverse
    spread = P if reml else at.inverse
    pull = at.inverse @ at.residual
    together = np.zeros_like(spread)
    for rows in blocks:
        together[:, rows] = spread[:, rows].sum(axis=1, keepdims=True)
    trace = np.array([np.trace(together), np.trace(spread)])
    squared = np.array([sum(float(pull[rows].sum()) ** 2 for rows in blocks), float(pull @ pull)])
    information = 0.5 * np.array([
        [np.einsum("ij,ji->", together, together), np.einsum("ij,ji->", together, spread)],
        [np.einsum("ij,ji->", together, spread), np.einsum("ij,ji->", spread, spread)],
    ])  # fmt: skip
    return 0.5 * (squared - trace), information


def fit_three_level(effects: Effects, studies: list[str], *, reml: bool) -> ThreeLevel:
    """Fit by (restricted) maximum likelihood: Fisher scoring from the best of a grid, held at 0 where a variance ends.

    Parameters
    ----------
    effects : Effects
    studies : list of str, length k
        Who belongs together.
    reml : bool

    Raises
    ------
    NotEstimable
        Fewer than two studies, no study with two effects, or no maximum was reached.
    """
    blocks = blocks_of(studies)
    if len(blocks) < 2 or len(blocks) == effects.k:
        raise NotEstimable(
            f"pool: {effects.k} effects of {len(blocks)} {'study' if len(blocks) == 1 else 'studies'}; a level within "
            "studies needs two studies or more, and one of them with several effects."
        )
    top = float(np.var(effects.y)) + float(effects.v.max())
    grid: list[Floats] = [top * np.array([one, two]) for one in _STARTS for two in _STARTS]
    start: Floats = max(grid, key=lambda pair: _at(effects, blocks, pair, reml=reml).loglik)
    return _fitted(*_climbed(effects, blocks, start, BOTH, reml=reml))


def _climbed(
    effects: Effects, blocks: Blocks, place: Floats, movable: npt.NDArray[np.bool_], *, reml: bool
) -> tuple[_At, Floats, Floats, npt.NDArray[np.bool_]]:
    """The maximum over the movable variances: where it is, the information there, and which variances are inside."""
    at = _at(effects, blocks, place, reml=reml)
    for _ in range(MOST_ROUNDS):
        score, information = _slopes(effects, blocks, at, reml=reml)
        free = movable & ((place > 0) | (score > 0))
        step = np.zeros(2)
        step[free] = np.linalg.solve(information[np.ix_(free, free)], score[free])
        if not free.any() or float(score @ step) < 1e-22:
            return at, place, information, free
        place, at, moved = _moved(effects, blocks, place, step, at, reml=reml)
        if not moved:
            return at, place, information, free
    raise NotEstimable("pool: the three-level likelihood was not brought to its maximum; look at the variances given.")


def profile_limits(
    effects: Effects, studies: list[str], fit: ThreeLevel, *, reml: bool, conf_level: float
) -> tuple[tuple[float, float], tuple[float, float]]:
    r"""Profile likelihood limits of τ² and of ω²: where :math:`2(ℓ_{max} − ℓ(τ^2))` is the quantile of χ²(1).

    The other variance is brought to its own maximum at each value. A lower limit is 0 where 0 is not refused.

    Raises
    ------
    NotEstimable
        The likelihood does not fall as far: an upper limit does not exist.
    """
    blocks, drop = blocks_of(studies), float(chdtri(1, 1 - conf_level))
    best = np.array([fit.tau2, fit.omega2])
    scale = float(best.sum()) + float(effects.v.mean())

    def limits(which: int) -> tuple[float, float]:
        movable = BOTH.copy()
        movable[which] = False

        def excess(value: float) -> float:
            place = best.copy()
            place[which] = value
            at, *_ = _climbed(effects, blocks, place, movable, reml=reml)
            return 2.0 * (fit.loglik - at.loglik) - drop

        estimate, top = float(best[which]), float(best[which]) + scale
        for _ in range(60):
            if excess(top) > 0:
                break
            top *= 2.0
        else:
            raise NotEstimable("pool: the three-level likelihood does not fall; a variance has no upper limit.")
        low = brentq(excess, 0.0, estimate, xtol=1e-12 * scale) if estimate > 0 and excess(0.0) > 0 else 0.0
        return float(low), float(brentq(excess, estimate, top, xtol=1e-12 * scale))

    return limits(0), limits(1)


def _moved(
    effects: Effects, blocks: Blocks, place: Floats, step: Floats, at: _At, *, reml: bool
) -> tuple[Floats, _At, bool]:
    """The step, halved until the likelihood does not fall."""
    for halving in range(40):
        tried = np.maximum(place + step / 2**halving, 0.0)
        found = _at(effects, blocks, tried, reml=reml)
        if found.loglik > at.loglik:
            return tried, found, True
    return place, at, False


def _fitted(at: _At, place: Floats, information: Floats, free: npt.NDArray[np.bool_]) -> ThreeLevel:
    errors = np.full(2, np.nan)
    inner = free & (place > 0)
    if inner.any():
        errors[inner] = np.sqrt(np.diag(np.linalg.inv(information[np.ix_(inner, inner)])))
    return ThreeLevel(
        float(place[0]), float(place[1]), (float(errors[0]), float(errors[1])), at.beta, at.vcov,
        at.inverse.sum(axis=1), at.loglik,
    )  # fmt: skip


def cr2_of(effects: Effects, V: Floats, residual: Floats, studies: list[str]) -> tuple[Floats, Floats]:
    """CR2 covariance of generalised least squares with working covariance V, and Satterthwaite degrees of freedom.

    Parameters
    ----------
    effects : Effects
    V : array, shape (k, k)
        Block-diagonal by study.
    residual : array, shape (k,)
        Of the weighted fit.
    studies : list of str, length k

    Returns
    -------
    vcov : array, shape (p, p)
    df : array, shape (p,)

    Examples
    --------
    Of independent effects of one variance it is the variance of their mean:

    >>> y = np.array([1.0, 2.0, 4.0, 5.0])
    >>> four = Effects(y, np.ones(4), np.ones((4, 1)))
    >>> vcov, df = cr2_of(four, np.eye(4), y - y.mean(), list("abcd"))
    >>> round(float(vcov[0, 0]), 4), round(float(df[0]), 6), round(float(y.var(ddof=1) / 4), 4)
    (0.8333, 3.0, 0.8333)
    """
    X, W = effects.X, np.linalg.inv(V)
    M = np.linalg.inv(X.T @ W @ X)
    maker = np.eye(effects.k) - X @ M @ X.T @ W
    scores, spread = [], []
    for rows in blocks_of(studies):
        own = V[np.ix_(rows, rows)]
        D = np.linalg.cholesky(own).T
        size = float(np.trace(own)) / len(rows)  # what counts as no variance is judged in units of the variances
        root = inverse_root(D @ (own - X[rows] @ M @ X[rows].T) @ D.T / size**2) / size
        A = D.T @ root @ D
        bread = np.linalg.solve(own, X[rows]) @ M
        scores.append(bread.T @ A @ residual[rows])
        spread.append(maker[rows].T @ A.T @ bread)
    score, turned = np.array(scores), np.stack(spread)
    products = np.einsum("gnk,nm,hmk->kgh", turned, V, turned)
    df = np.einsum("kgg->k", products) ** 2 / (products**2).sum(axis=(1, 2))
    return score.T @ score, df
