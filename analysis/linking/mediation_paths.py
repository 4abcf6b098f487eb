"""The paths of a mediation and their covariance: one level, two levels, and slopes that vary between clusters."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from doublecode.analysis.linking.two_level_normal import fit_two_level_normal, two_level_moments
from doublecode.analysis.mixed.fit import fit_mixed
from doublecode.analysis.mixed.result import MixedResult
from doublecode.schemas.errors import NotEstimable

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]
Numbers = npt.NDArray[Any]
STEP: Final = 1e-30


@dataclass(frozen=True, eq=False)
class Paths:
    """Paths of one level.

    Attributes
    ----------
    level : str
        "single", "within" or "between".
    a, b, direct : float
        x → m; m → y given x; x → y given m.
    vcov : ndarray
        (3, 3), or (4, 4) with `covariance` last.
    covariance : float or None
        Cov(a_j, b_j) of slopes that vary.
    """

    level: str
    a: float
    b: float
    direct: float
    vcov: Floats
    covariance: float | None = None

    @property
    def values(self) -> Floats:
        """The estimates in the order of `vcov`."""
        found = [self.a, self.b, self.direct]
        return np.array(found if self.covariance is None else [*found, self.covariance])


def single_level(x: Floats, m: Floats, y: Floats) -> Paths:
    """Least squares of m on x and of y on m and x; variances with divisor n, as maximum likelihood has them."""
    n = len(x)
    one, two = np.column_stack([np.ones(n), x]), np.column_stack([np.ones(n), m, x])
    vcov = np.zeros((3, 3))
    first, second = (np.linalg.lstsq(X, v, rcond=None)[0] for X, v in ((one, m), (two, y)))
    errors = [((v - X @ beta) ** 2).mean() for X, v, beta in ((one, m, first), (two, y, second))]
    vcov[0, 0] = errors[0] * np.linalg.inv(one.T @ one)[1, 1]
    vcov[1:, 1:] = errors[1] * np.linalg.inv(two.T @ two)[1:, 1:]
    return Paths("single", float(first[1]), float(second[1]), float(second[2]), vcov)


def one_one_one(values: Floats, cluster: Ints) -> tuple[Paths, Paths]:
    """Paths within and between clusters of x, m, y (n, 3), both from one model with free covariances at both levels.

    Cluster means are latent: the error of a mean of few rows is in the model (Lüdtke et al. 2008; Preacher, Zyphur &
    Zhang 2010).
    """
    fit = _fitted(values, cluster, np.ones((cluster.max() + 1, 1)))

    def within(theta: Numbers) -> Numbers:
        return _of_covariances(_parts(theta, 3, 1)[1])

    def between(theta: Numbers) -> Numbers:
        return _of_covariances(_parts(theta, 3, 1)[2])

    return _paths("within", fit, within), _paths("between", fit, between)


def two_one_one(group: Floats, values: Floats, cluster: Ints) -> tuple[Paths, float, float]:
    """Paths between clusters of x (J,) of the cluster and m, y (n, 2); slope of y on m within, and its error."""
    fit = _fitted(values, cluster, np.column_stack([np.ones(len(group)), group]))

    def between(theta: Numbers) -> Numbers:
        slopes, _, S = _parts(theta, 2, 2)
        b = S[0, 1] / S[0, 0]
        return np.array([slopes[1, 0], b, slopes[1, 1] - b * slopes[1, 0]])

    def inside(theta: Numbers) -> Numbers:
        S = _parts(theta, 2, 2)[1]
        return np.array([S[0, 1] / S[0, 0]])

    estimate, vcov = _delta(fit, inside)
    return _paths("between", fit, between), float(estimate[0]), float(np.sqrt(vcov[0, 0]))


@dataclass(frozen=True, eq=False)
class _Fit:
    """All parameters (K,) as :class:`~doublecode.analysis.linking.two_level_normal.TwoLevelNormal` has them, (K, K)."""

    parameters: Floats
    covariance: Floats


def _fitted(values: Floats, cluster: Ints, design: Floats) -> _Fit:
    scale = values.std(axis=0)
    fit = fit_two_level_normal(two_level_moments((values / scale)[None], design[cluster], cluster))
    if not (fit.converged[0] and np.isfinite(fit.covariance).all()):
        raise NotEstimable("the likelihood of the two-level model has no maximum inside: too few or too small clusters")
    unit = _packed(np.tile(scale, (design.shape[1], 1)), *[np.outer(scale, scale)] * 2)
    found = _packed(fit.coefficients[0], fit.within[0], fit.between[0])
    return _Fit(found * unit, fit.covariance[0] * np.outer(unit, unit))


def _packed(slopes: Floats, within: Floats, between: Floats) -> Floats:
    """Slopes (r, p) row by row, then the lower triangles of both matrices (p, p)."""
    low = np.tril_indices(len(within))
    return np.concatenate([slopes.ravel(), within[low], between[low]])


def _parts(theta: Numbers, p: int, r: int) -> tuple[Numbers, Numbers, Numbers]:
    """Undo :func:`_packed`; `theta` may be complex."""
    low, m = np.tril_indices(p), p * (p + 1) // 2
    parts = []
    for start in (r * p, r * p + m):
        out = np.zeros((p, p), dtype=theta.dtype)
        out[low] = theta[start : start + m]
        parts.append(out + np.tril(out, -1).T)
    return theta[: r * p].reshape(r, p), parts[0], parts[1]


def _of_covariances(S: Numbers) -> Numbers:
    """A, b and the direct path of the covariance matrix of x, m, y."""
    b, direct = np.linalg.solve(S[[1, 0]][:, [1, 0]], S[[1, 0], 2])
    return np.array([S[1, 0] / S[0, 0], b, direct])


def _delta(fit: _Fit, function: Callable[[Numbers], Numbers]) -> tuple[Floats, Floats]:
    """Value and covariance of a function of the parameters; derivatives by a complex step."""
    theta = fit.parameters
    J = np.stack([function(theta + 1j * STEP * unit).imag / STEP for unit in np.eye(len(theta))], axis=1)
    return np.asarray(function(theta)), np.asarray(J @ fit.covariance @ J.T)


def _paths(level: str, fit: _Fit, function: Callable[[Numbers], Numbers]) -> Paths:
    estimate, vcov = _delta(fit, function)
    a, b, direct = map(float, estimate)
    return Paths(level, a, b, direct, vcov)


FORMULA: Final = "z ~ 0 + of_m + of_y + a + b + direct + (0 + of_m + of_y | cluster) + (0 + a + b | cluster)"


def varying_slopes(values: Floats, cluster: Ints) -> tuple[Paths, MixedResult]:
    """Paths within clusters where a and b vary between them, from both regressions in one mixed model.

    Rows of m and of y are stacked, predictors centred at the clusters' means, residual variances of their own; a_j and
    b_j have a free covariance, and the indirect effect is a·b + Cov(a_j, b_j) (Bauer, Preacher & Gil 2006; Kenny,
    Korchmaros & Bolger 2003). REML; the covariance of the estimates by leaving out one cluster at a time.
    """
    table = _stacked(values, cluster)
    whole = fit_mixed(FORMULA, table, ddf="z", variance_by="equation")
    found = _found(whole)
    J = int(cluster.max()) + 1
    without = np.stack([
        _found(fit_mixed(FORMULA, table[table["cluster"] != j], ddf="z", variance_by="equation")) for j in range(J)
    ])  # fmt: skip
    off = without - without.mean(axis=0)
    vcov = np.asarray((J - 1) / J * off.T @ off)
    a, b, direct, shared = map(float, found)
    return Paths("within", a, b, direct, vcov, shared), whole


def _stacked(values: Floats, cluster: Ints) -> pd.DataFrame:
    frame = pd.DataFrame(values, columns=["x", "m", "y"])
    off = frame - frame.groupby(cluster, observed=True).transform("mean")
    nought = np.zeros(len(frame))
    of_m = {"z": frame["m"], "of_m": 1.0, "of_y": 0.0, "a": off["x"], "b": nought, "direct": nought}
    of_y = {"z": frame["y"], "of_m": 0.0, "of_y": 1.0, "a": nought, "b": off["m"], "direct": off["x"]}
    parts = [pd.DataFrame(one).assign(cluster=cluster, equation=name) for name, one in (("m", of_m), ("y", of_y))]
    return pd.concat(parts, ignore_index=True)


def _found(fit: MixedResult) -> Floats:
    slopes = fit.frame.set_index("term")["estimate"]
    pairs = fit.correlations
    row = pairs[(pairs["term1"] == "a") & (pairs["term2"] == "b")].iloc[0]
    return np.array([slopes["a"], slopes["b"], slopes["direct"], row["covariance"]], dtype=float)
