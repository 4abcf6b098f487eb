r"""REML deviance of ratings in clusters, its gradient and Hessian, from small matrices of a cluster.

The variances are those of clusters, targets, raters and raters within clusters, as ratios λ to the residual. With Z the
columns of the R raters and C = [Z y], everything that the deviance needs of V is Cᵀ V⁻¹ C, which is built up in
three steps, each in closed form:

* targets: one with n ratings lowers Cᵀ C by w mmᵀ, m the sum of its rows of C and w = λ_t / (1 + λ_t n), so that
  sums over the targets of a cluster that have as many ratings are enough;
* clusters and their raters: V of a cluster grows by C D Cᵀ, D = λ_c 11ᵀ + λ_rc I in the columns of raters and nought in
  that of y; so A = Cᵀ V⁻¹ C turns into Γ = (I + A D)⁻¹ A, and log|V| grows by log|I + A D|;
* raters: the same with the sum of Γ over clusters and D = λ_r I.

The constant is Z1, so that generalised least squares is a matter of 2 × 2 numbers (Bates et al. 2015, eqs 34 and 42).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from doublecode.analysis.ratings.design import Layout
from doublecode.analysis.reliability.variance_profile import WALL

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
TERMS = ("cluster", "target", "rater", "rater:cluster")
MOST_RATERS = 12
"""With more, a cluster holds few of them, and the engine, which keeps those alone, is quicker."""
AT_ONCE = 1000
"""Matrices of clusters that are worked on together: few enough for the processor's cache."""
_ENTERED = np.array([1, 0, 3, 2])
"""Where `TERMS` stand in the order in which they enter."""


@dataclass(frozen=True, eq=False)
class Jet:
    """Values (B, …) with their first and second derivatives in q ratios, along leading axes (q,) and (q, q)."""

    value: Floats
    first: Floats
    second: Floats


@dataclass(frozen=True, eq=False)
class ClusterCriterion:
    """The deviance as a function of variance ratios, in the order of `TERMS`.

    Attributes
    ----------
    rows : ndarray, shape (J, R + 1, R + 1)
        CᵀC of each cluster.
    targets : ndarray, shape (L, J, R + 1, R + 1)
        Σ mmᵀ over the targets of a cluster, apart for each number of ratings.
    sizes, counts : ndarray, shape (L,)
        These numbers, and how many targets have them.
    """

    rows: Floats
    targets: Floats
    sizes: Floats
    counts: Floats

    def __call__(self, ratios: Floats, which: Ints) -> tuple[Floats, Floats, Floats]:
        """Deviance (B,), gradient (B, 4) and Hessian (B, 4, 4) at ratios (B, 4); there is one set only."""
        share = max(1, AT_ONCE // len(self.rows))
        found = [self._within_reach(ratios[at : at + share]) for at in range(0, len(ratios), share)]
        value = np.concatenate([one.value for one in found])
        gradient = np.concatenate([one.first for one in found], axis=1)[_ENTERED]
        hessian = np.concatenate([one.second for one in found], axis=2)[_ENTERED[:, None], _ENTERED]
        return value, gradient.T, np.moveaxis(hessian, 2, 0)

    def _within_reach(self, ratios: Floats) -> Jet:
        """The deviance; ratios so far out that rounding leaves no likelihood are a wall, as the engine's."""
        B, q = ratios.shape
        try:
            return self.deviance(*ratios.T)
        except np.linalg.LinAlgError:
            if B == 1:
                return Jet(np.full(1, WALL), np.zeros((q, 1)), np.eye(q)[:, :, None])
        each = [self._within_reach(row[None]) for row in ratios]
        return Jet(
            np.concatenate([one.value for one in each]),
            np.concatenate([one.first for one in each], axis=1),
            np.concatenate([one.second for one in each], axis=2),
        )

    def deviance(self, cluster: Floats, target: Floats, rater: Floats, within: Floats) -> Jet:
        """The profiled deviance at ratios (B,); derivatives in the order target, cluster, within, rater."""
        columns = np.eye(self.rows.shape[1])
        seats, outcome = columns[:, :-1], columns[:, -1:]
        constant = seats.sum(axis=1, keepdims=True)
        log, inside = self._without_targets(target)
        log, whole = absorb(log, inside, ((constant, cluster), (seats, within)))
        whole = Jet(whole.value[:, None], whole.first[:, :, None], whole.second[:, :, :, None])
        log, whole = absorb(log, whole, ((seats, rater),))
        return self._least_squares(log, whole, np.hstack([constant, outcome]))

    def _without_targets(self, ratio: Floats) -> tuple[Jet, Jet]:
        """log|V| (B,), and Cᵀ V⁻¹ C (B, J, R + 1, R + 1) of each cluster, V of targets and residual alone."""
        n, grown = self.sizes, 1.0 + ratio[:, None] * self.sizes
        weights = np.array([ratio[:, None] / grown, grown**-2, -2.0 * n * grown**-3])
        value, first, second = np.tensordot(weights, -self.targets, 1)
        logs = np.array([np.log(grown), n / grown, -((n / grown) ** 2)]) @ self.counts
        return Jet(logs[0], logs[1:2], logs[2:3, None]), Jet(self.rows + value, first[None], second[None, None])

    def _least_squares(self, log: Jet, whole: Jet, columns: Floats) -> Jet:
        """log|V| + log|XᵀV⁻¹X| + ν (1 + log(2π yᵀPy / ν)), yᵀPy = |M| / XᵀV⁻¹X for M = [X y]ᵀ V⁻¹ [X y]."""
        M, first, second = (columns.T @ part @ columns for part in (whole.value, whole.first, whole.second))
        nu, x = self.counts @ self.sizes - 1.0, M[:, 0, 0]
        rest = np.linalg.cholesky(M)[:, 1, 1] ** 2
        turned = np.linalg.solve(M, first)
        slope, bend = first[..., 0, 0] / x, second[..., 0, 0] / x
        of_det = np.trace(turned, axis1=2, axis2=3)
        bend_det = np.trace(np.linalg.solve(M, second), axis1=3, axis2=4) - np.einsum("anij,cnji->acn", turned, turned)
        return Jet(
            log.value + np.log(x) + nu * (1.0 + np.log(2.0 * np.pi * rest / nu)),
            log.first + (1.0 - nu) * slope + nu * of_det,
            log.second + (1.0 - nu) * (bend - slope[:, None] * slope) + nu * bend_det,
        )


def absorb(log: Jet, parts: Jet, terms: tuple[tuple[Floats, Floats], ...]) -> tuple[Jet, Jet]:
    r"""Let random effects enter into log|V| and A = Cᵀ V⁻¹ C, and sum over clusters.

    With E = (I + A D)⁻¹, D = Σ λ LLᵀ, Γ = EA and H = LᵀΓ, derivatives in ratios θ that A knows already and
    λ that enter are ∂Γ/∂θ = E A_θ Eᵀ, ∂Γ/∂λ = −HᵀH, and of log|I + AD| they are tr(DE A_θ) and tr(HL); the
    second ones follow by ∂E/∂θ = −E A_θ D E and ∂E/∂λ = −HᵀLᵀE.

    Parameters
    ----------
    log : Jet
        log|V|, shape (B,).
    parts : Jet
        A of each cluster, (B, J, P, P).
    terms : tuple of (L, λ)
        Columns L (P, m) of C whose effects enter with ratios λ (B,).

    Returns
    -------
    log, summed : Jet
        log|V| and ΣΓ (B, P, P), with the derivatives in the ratios λ after those in θ.
    """
    A, known, one = parts.value, len(parts.first), np.eye(parts.value.shape[-1])
    D = sum(ratio[:, None, None, None] * (L @ L.T) for L, ratio in terms)
    grown = one + A @ D
    E = np.linalg.inv(grown)
    DE, G, Et = D @ E, E @ A, np.ascontiguousarray(E.swapaxes(2, 3))
    half = [slope @ Et for slope in parts.first]
    slopes = [E @ right for right in half]
    pulled = [DE @ slope for slope in parts.first]
    H = [L.T @ G for L, _ in terms]
    q = known + len(terms)
    first, second = np.empty((q, len(A), *one.shape)), np.empty((q, q, len(A), *one.shape))
    of_log, bend = np.empty((q, len(A))), np.empty((q, q, len(A)))
    for a in range(known):
        first[a], of_log[a] = slopes[a].sum(axis=1), _dot(DE, parts.first[a])
        for b in range(a + 1):
            held = parts.second[a, b]
            second[a, b] = _gram(Et, held @ Et) - _both(_gram(half[a], D @ slopes[b]))
            bend[a, b] = _dot(DE, held) - np.einsum("njkl,njlk->n", pulled[a], pulled[b])
    for a, ((L, _), new) in enumerate(zip(terms, H, strict=True), start=known):
        first[a], of_log[a] = -_gram(new, new), (new.sum(axis=1) * L.T).sum(axis=(1, 2))
        for b in range(known):
            turned = L.T @ slopes[b]
            second[a, b], bend[a, b] = -_both(_gram(turned, new)), (turned.sum(axis=1) * L.T).sum(axis=(1, 2))
        for b in range(known, a + 1):
            crossed = new @ terms[b - known][0]
            second[a, b], bend[a, b] = _both(_gram(new, crossed @ H[b - known])), -_dot(crossed, crossed)
    for a in range(q):
        second[:a, a], bend[:a, a] = second[a, :a], bend[a, :a]
    return _added(log, np.linalg.slogdet(grown)[1].sum(axis=1), of_log, bend), Jet(G.sum(axis=1), first, second)


def _gram(left: Floats, right: Floats) -> Floats:
    """Σⱼ leftᵀ right of stacks (B, J, m, P) and (B, J, m, Q)."""
    n = len(left)
    return left.reshape(n, -1, left.shape[3]).swapaxes(1, 2) @ right.reshape(n, -1, right.shape[3])


def _dot(left: Floats, right: Floats) -> Floats:
    """Sums of products of all elements of a set, (B,)."""
    return np.asarray(np.einsum("njkl,njkl->n", left, right))


def _both(M: Floats) -> Floats:
    return M + M.swapaxes(1, 2)


def _added(log: Jet, value: Floats, first: Floats, second: Floats) -> Jet:
    """Logarithms to which others are added that have further derivatives."""
    q = len(log.first)
    first[:q] += log.first
    second[:q, :q] += log.second
    return Jet(log.value + value, first, second)


def cluster_criterion(layout: Layout, values: Floats, terms: tuple[str, ...]) -> ClusterCriterion | None:
    """The criterion of one set of ratings (n_obs,); None where not all of `TERMS` are there or raters are many."""
    if terms != TERMS or layout.cluster is None or layout.n_raters > MOST_RATERS:
        return None
    n, width, n_clusters = layout.n_obs, layout.n_raters + 1, int(layout.cluster.max()) + 1
    C = np.zeros((n, width))
    C[np.arange(n), layout.rater] = 1.0
    C[:, -1] = (values - values.mean()) / values.std()
    starts = np.searchsorted(layout.target, np.arange(layout.n_targets))
    m, home = np.add.reduceat(C, starts), layout.cluster[starts]
    sizes, kind = np.unique(layout.per_target, return_inverse=True)
    rows = _outer_sums(C, layout.cluster, n_clusters)
    targets = _outer_sums(m, kind.ravel() * n_clusters + home, len(sizes) * n_clusters)
    shape = (len(sizes), n_clusters, width, width)
    return ClusterCriterion(rows, targets.reshape(shape), sizes.astype(float), np.bincount(kind.ravel()).astype(float))


def _outer_sums(vectors: Floats, group: Ints, n_groups: int) -> Floats:
    """Σ vvᵀ over the vectors (n, P) of each group, (n_groups, P, P)."""
    out = np.zeros((n_groups, vectors.shape[1], vectors.shape[1]))
    np.add.at(out, group, vectors[:, :, None] * vectors[:, None, :])
    return out
