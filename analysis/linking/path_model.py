"""Structural models of incomplete normal data: implied moments, likelihood by patterns, and the search for its maximum.

The variables follow v = B v + ζ with Cov(ζ) = S; observed are Λv + known error, so that their covariance is
Σ = Λ(I − B)⁻¹S(I − B)⁻ᵀΛ' + E (McArdle & McDonald 1984). Means are Dβ. Fisher's scoring finds the maximum, the observed
information (Newton's, by a complex step of the analytic gradient) gives the last steps and the standard errors.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from doublecode.analysis.consistency.item_moments import ItemData, all_units, patterns
from doublecode.analysis.mixed.engine.descent import Plan, Planner, Rules, descend

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]
Numbers = npt.NDArray[Any]
RULES: Final = Rules(steps=300, noise=1e-12, shrink=0.5, least=1e-10)
DONE, POLISHED, STEP = 1e-9, 1e-16, 1e-30
MOST_POLISH, MANY = 12, 4
SINGULAR: Final = 1e-10
"""Share of a variable's variance that the others leave open, below which a covariance matrix has no inverse."""


@dataclass
class PathModel:
    """A structural model: which coefficients and covariances are which parameters.

    Attributes
    ----------
    size : int
        Variables q, latent ones among them.
    loading : ndarray
        (p, q) Λ, fixed.
    means : ndarray
        (p, m) design D of the means.
    names : list of str
        Parameters, in the order in which they were first named.
    paths, covariances : list of tuple
        (row, column, parameter) of free elements of B and of S (once per pair).
    fixed : ndarray
        (q, q) fixed elements of B.
    """

    size: int
    loading: Floats
    means: Floats
    names: list[str] = field(default_factory=list)
    paths: list[tuple[int, int, int]] = field(default_factory=list)
    covariances: list[tuple[int, int, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Start without fixed paths."""
        self.fixed: Floats = np.zeros((self.size, self.size))

    @property
    def elements(self) -> tuple[Ints, Ints, Ints, Floats]:
        """Free elements of B and S: places of their two columns, parameter, and 1, or ½ for a variance."""
        entries = [(to, self.size + of, k, 1.0) for to, of, k in self.paths]
        entries += [(a, b, k, 0.5 if a == b else 1.0) for a, b, k in self.covariances]
        first, second, of, size = (np.array(part) for part in zip(*entries, strict=True))
        return first, second, of, size

    def path(self, to: int, of: int, name: str) -> None:
        """Add a free path; the same name elsewhere is the same parameter."""
        self.paths.append((to, of, self._parameter(name)))

    def covariance(self, a: int, b: int, name: str) -> None:
        """Add a free covariance of the residuals of a and b, or a variance."""
        self.covariances.append((max(a, b), min(a, b), self._parameter(name)))

    def _parameter(self, name: str) -> int:
        if name not in self.names:
            self.names.append(name)
        return self.names.index(name)


@dataclass(frozen=True, eq=False)
class Blocks:
    """Sufficient statistics of rows that hold the same variables, M patterns of them.

    Attributes
    ----------
    observed : ndarray
        (M, p) bool.
    n : ndarray
        (M,) rows.
    mean, cov : ndarray
        (M, p) and (M, p, p), divisor n; zero where not observed.
    """

    observed: npt.NDArray[np.bool_]
    n: Floats
    mean: Floats
    cov: Floats


def read_blocks(scores: Floats) -> Blocks:
    """Statistics of rows (n, p), NaN where missing; every column holds a number."""
    units = np.arange(len(scores), dtype=np.intp)
    items = ItemData(tuple(map(str, range(scores.shape[1]))), scores, units, len(units), "row", {})
    origin, found = patterns(items, all_units(len(units)))
    found = [one for one in found if one.observed.any()]
    means = np.stack([one.mean[0] for one in found])
    cov = np.stack([one.second[0] for one in found]) - means[:, :, None] * means[:, None, :]
    observed = np.stack([one.observed for one in found])
    n = np.array([float(one.n[0]) for one in found])
    return Blocks(observed, n, np.where(observed, means + origin, 0.0), cov)


@dataclass(frozen=True, eq=False)
class State:
    """A model at one point: log-likelihood, gradient and what the information needs.

    Attributes
    ----------
    loglik : float
        −∞ where a covariance matrix is not positive definite.
    score : ndarray
        (K,) gradient of the log-likelihood, means profiled out.
    beta : ndarray
        (m,) likeliest coefficients of the means.
    implied : ndarray
        (M, p, p) inverse covariance matrices of the observed variables, zero elsewhere.
    reach, total : ndarray
        (q, q) (I − B)⁻¹ and the covariance of all variables.
    """

    loglik: float
    score: Numbers
    beta: Numbers
    implied: Numbers
    reach: Numbers
    total: Numbers


def evaluate(model: PathModel, blocks: Blocks, theta: Numbers, error: Floats, *, value: bool = True) -> State:
    """Evaluate at `theta` (K,), complex without `value`, the log-likelihood; `error` (p,) known error variances."""
    B, S = _matrices(model, theta)
    reach = np.linalg.inv(np.eye(model.size) - B)
    total = reach @ S @ reach.T
    sigma = model.loading @ total @ model.loading.T + np.diag(error)
    both = blocks.observed[:, :, None] & blocks.observed[:, None, :]
    padded = np.where(both, sigma, 0.0) + np.eye(len(sigma)) * ~blocks.observed[:, :, None]
    loglik = 0.0
    if value:
        pivots = _pivots(padded)
        if pivots is None:
            return State(-np.inf, theta * np.nan, theta[:0], padded, reach, total)
        loglik = -2.0 * float((blocks.n * np.log(pivots).sum(axis=1)).sum())
    V = np.where(both, np.linalg.inv(padded), 0.0)
    weighted = blocks.n[:, None, None] * V
    normal = model.means.T @ weighted.sum(axis=0) @ model.means
    beta = np.linalg.solve(normal, model.means.T @ np.einsum("mij,mj->i", weighted, blocks.mean))
    off = np.where(blocks.observed, blocks.mean - model.means @ beta, 0.0)
    about = blocks.cov + off[:, :, None] * off[:, None, :]
    if value:
        constant = float((blocks.n * blocks.observed.sum(axis=1)).sum()) * np.log(2 * np.pi)
        loglik = 0.5 * (loglik - constant - float(np.einsum("mij,mij->", weighted, about)))
    G = 0.5 * (weighted @ about @ V - weighted).sum(axis=0)
    return State(loglik, _score(model, G, reach, total), beta, V, reach, total)


def _pivots(sigma: Floats) -> Floats | None:
    """Diagonals (M, p) of Cholesky roots; None where a variable is determined by the others, or nearly so."""
    try:
        pivots = np.diagonal(np.linalg.cholesky(sigma), axis1=1, axis2=2)
    except np.linalg.LinAlgError:
        return None
    unexplained = pivots**2 / np.diagonal(sigma, axis1=1, axis2=2)
    return np.asarray(pivots) if np.isfinite(unexplained).all() and unexplained.min() > SINGULAR else None


def _matrices(model: PathModel, theta: Numbers) -> tuple[Numbers, Numbers]:
    B = model.fixed.astype(theta.dtype)
    S = np.zeros_like(B)
    for to, of, k in model.paths:
        B[to, of] = B[to, of] + theta[k]
    for a, b, k in model.covariances:
        S[a, b] = theta[k]
        S[b, a] = theta[k]
    return B, S


def _score(model: PathModel, G: Numbers, reach: Numbers, total: Numbers) -> Numbers:
    """From the derivative G (p, p) by Σ to that by the parameters."""
    inner = model.loading.T @ G @ model.loading
    by_path, by_cov = 2.0 * reach.T @ inner @ total, reach.T @ inner @ reach
    out = np.zeros(len(model.names), dtype=G.dtype)
    for to, of, k in model.paths:
        out[k] += by_path[to, of]
    for a, b, k in model.covariances:
        out[k] += by_cov[a, b] * (1.0 if a == b else 2.0)
    return out


def expected_information(model: PathModel, blocks: Blocks, state: State) -> Floats:
    """Fisher information (K, K) of the parameters: ½ Σ n tr(V ∂Σ V ∂Σ).

    Every element of B or S moves Σ by a b' + b a', a and b columns of Λ(I − B)⁻¹ or of Λ times the covariance of
    all variables, so that the trace is (a'Vc)(b'Vd) + (a'Vd)(b'Vc).
    """
    columns = np.column_stack([model.loading @ state.reach, model.loading @ state.total])
    first, second, of, size = model.elements
    if len(of) < MANY * len(model.names):
        return _by_elements(columns.T @ state.implied @ columns, blocks.n, (first, second, of, size), len(model.names))
    K, p = len(model.names), len(columns)
    moved = np.zeros((K, p, p))
    for k in range(K):
        at = of == k
        half = (columns[:, first[at]] * size[at]) @ columns[:, second[at]].T
        moved[k] = half + half.T
    VD = (state.implied @ np.swapaxes(moved, 0, 1).reshape(p, K * p)).reshape(-1, p, K, p)
    left, right = np.moveaxis(VD, 2, 1).reshape(-1, K, p * p), np.transpose(VD, (0, 2, 3, 1)).reshape(-1, K, p * p)
    return np.asarray(0.5 * np.tensordot(blocks.n, left @ np.swapaxes(right, 1, 2), 1))


def _by_elements(N: Floats, n: Floats, elements: tuple[Ints, Ints, Ints, Floats], K: int) -> Floats:
    first, second, of, size = elements
    crossed = N[:, first[:, None], first] * N[:, second[:, None], second]
    crossed = crossed + N[:, first[:, None], second] * N[:, second[:, None], first]
    each = np.tensordot(n, crossed, 1) * size[:, None] * size
    out = np.zeros((K, K))
    np.add.at(out, (of[:, None], of), each)
    return out


def observed_information(model: PathModel, blocks: Blocks, theta: Floats, error: Floats) -> Floats:
    """Negative second derivatives (K, K) of the profiled log-likelihood, by a complex step of its gradient.

    Its inverse is the block of the inverse of the whole observed information (Squire & Trapp 1998 for the step;
    Patefield 1977 for the profile).
    """
    rows = [
        -evaluate(model, blocks, theta + 1j * STEP * unit, error, value=False).score.imag / STEP
        for unit in np.eye(len(theta))
    ]
    H = np.stack(rows)
    return np.asarray((H + H.T) / 2)


@dataclass(frozen=True, eq=False)
class PathFit:
    """A fitted structural model.

    Attributes
    ----------
    names : tuple of str
        K parameters.
    theta, vcov : ndarray
        (K,) estimates and (K, K) their covariance by the observed information; NaN where it has no inverse.
    beta : ndarray
        (m,) coefficients of the means.
    loglik : float
    converged : bool
        The gradient is zero and the observed information positive definite.
    """

    names: tuple[str, ...]
    theta: Floats
    vcov: Floats
    beta: Floats
    loglik: float
    converged: bool

    def __getitem__(self, name: str) -> float:
        """The estimate of a parameter."""
        return float(self.theta[self.names.index(name)])

    def covariance(self, names: Sequence[str]) -> Floats:
        """Covariance of some estimates."""
        at = [self.names.index(name) for name in names]
        return np.asarray(self.vcov[np.ix_(at, at)])


def fit_paths(model: PathModel, blocks: Blocks, starts: Iterable[Floats], error: Floats) -> PathFit:
    """Find the maximum from the first start (K,), from the others where the search does not end in one."""
    ends = []
    for start in starts:
        ends.append(_polished(model, blocks, _searched(model, blocks, start, error), error))
        if ends[-1].converged:
            return ends[-1]
    return max(ends, key=lambda end: end.loglik)


def _searched(model: PathModel, blocks: Blocks, start: Floats, error: Floats) -> Floats:
    """Fisher's scoring from one start."""

    def objective(theta: Floats, at: Ints) -> tuple[Floats, Planner]:
        state = evaluate(model, blocks, theta[0], error)

        def plan(kept: npt.NDArray[np.bool_]) -> Plan:
            step = _scoring(model, blocks, state)
            return Plan(step[None], np.array([abs(step @ state.score) < DONE]), np.abs(state.score).max()[None])

        return np.array([-state.loglik]), plan

    return np.asarray(descend(objective, start[None], RULES).points[0])


def _scoring(model: PathModel, blocks: Blocks, state: State) -> Floats:
    info = expected_information(model, blocks, state)
    scale = np.sqrt(np.maximum(np.diag(info), 1e-300))
    conditioned = info / np.outer(scale, scale) + 1e-10 * np.eye(len(scale))
    return np.asarray(np.linalg.solve(conditioned, state.score / scale) / scale)


def _polished(model: PathModel, blocks: Blocks, theta: Floats, error: Floats) -> PathFit:
    """Newton's steps at the end of the search, and the observed information there."""
    state = evaluate(model, blocks, theta, error)
    try:
        return _newton(model, blocks, theta, state, error)
    except np.linalg.LinAlgError:
        lost = np.full((len(theta), len(theta)), np.nan)
        return PathFit(tuple(model.names), theta, lost, np.asarray(state.beta), state.loglik, converged=False)


def _newton(model: PathModel, blocks: Blocks, theta: Floats, state: State, error: Floats) -> PathFit:
    """Raise ``LinAlgError`` where the search ended at no point, or the information has no inverse."""
    if not np.isfinite(state.loglik):
        raise np.linalg.LinAlgError
    for _ in range(MOST_POLISH):
        H = observed_information(model, blocks, theta, error)
        step = np.linalg.solve(H + 1e-14 * np.diag(np.diag(H)), state.score)
        trial = evaluate(model, blocks, theta + step, error)
        if not trial.loglik >= state.loglik - 1e-9:
            break
        small = abs(float(step @ state.score)) < POLISHED
        theta, state = theta + step, trial
        if small:
            break
    positive = bool(np.linalg.eigvalsh(H)[0] > 0)
    flat = abs(float(state.score @ np.linalg.solve(H, state.score))) < 1e-8
    vcov = np.asarray(np.linalg.inv(H), dtype=np.float64) if positive else np.full_like(H, np.nan)
    return PathFit(tuple(model.names), theta, vcov, np.asarray(state.beta), state.loglik, positive and flat)
