r"""REML deviance of ratings whose clusters are all alike, from five mean squares.

Where every cluster has as many targets and every rater rated all of them, the ratings stand on independent sums of
squares with expectations linear in the variances (Searle, Casella & McCulloch 1992, *Variance Components*, ch. 4). In
units of the residual, with P clusters of S targets and R raters:

================  ================  =====================================
sum of squares    df                expected mean square e
================  ================  =====================================
cluster           P − 1             1 + Rλ_target + Sλ_rc + SRλ_cluster
target            P(S − 1)          1 + Rλ_target
rater             R − 1             1 + Sλ_rc + PSλ_rater
rater:cluster     (P − 1)(R − 1)    1 + Sλ_rc
residual          P(S − 1)(R − 1)   1
================  ================  =====================================

and the profiled deviance is Σ df log e + ν(1 + log(2πΣ(SS/e)/ν)), ν = PSR − 1: that of the mixed-model engine at a
cost that does not grow with the clusters.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from doublecode.analysis.ratings.design import Layout

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
TERMS = ("cluster", "target", "rater", "rater:cluster")


@dataclass(frozen=True, eq=False)
class BalancedCriterion:
    """The deviance as a function of variance ratios, in the order of `TERMS`.

    Attributes
    ----------
    squares, df : ndarray, shape (5,)
        Sums of squares and their degrees of freedom.
    weights : ndarray, shape (5, 4)
        Of the ratios in each expected mean square.
    """

    squares: Floats
    df: Floats
    weights: Floats

    @property
    def n_ratios(self) -> int:
        """Number of variance ratios λ."""
        return len(TERMS)

    def __call__(self, ratios: Floats, which: Ints) -> tuple[Floats, Floats, Floats]:
        """Deviance (B,), gradient (B, 4) and Hessian (B, 4, 4) at ratios (B, 4); there is one set only."""
        expected = 1.0 + ratios @ self.weights.T
        nu, shares = self.df.sum(), self.squares / expected
        rest = shares.sum(axis=1)
        value = np.log(expected) @ self.df + nu * (1.0 + np.log(2.0 * np.pi * rest / nu))
        pull = nu / rest[:, None]
        falls = (shares / expected) @ self.weights
        gradient = (self.df / expected) @ self.weights - pull * falls
        bend = (2.0 * pull * shares - self.df) / expected**2
        outer = (pull / rest[:, None])[:, :, None] * falls[:, :, None] * falls[:, None, :]
        return value, gradient, (self.weights.T * bend[:, None, :]) @ self.weights - outer


def balanced_criterion(layout: Layout, values: Floats, terms: tuple[str, ...]) -> BalancedCriterion | None:
    """The criterion of one set of ratings (n_obs,), None where clusters differ in size or ratings are lacking."""
    if terms != TERMS or not layout.complete or layout.cluster is None:
        return None
    cluster = layout.cluster[:: layout.n_raters]
    sizes = np.bincount(cluster)
    if (sizes != sizes[0]).any():
        return None
    P, S, R = len(sizes), int(sizes[0]), layout.n_raters
    y = values.reshape(-1, R)[np.argsort(cluster, kind="stable")].reshape(P, S, R)
    y = y - y.mean()
    of_cluster, of_rater = y.mean(axis=(1, 2), keepdims=True), y.mean(axis=(0, 1), keepdims=True)
    of_target, of_both = y.mean(axis=2, keepdims=True) - of_cluster, y.mean(axis=1, keepdims=True) - of_cluster
    parts = (of_cluster, of_target, of_rater, of_both - of_rater, y - of_cluster - of_target - of_both)
    squares = [float((part**2).sum()) * y.size / part.size for part in parts]
    df = [P - 1, P * (S - 1), R - 1, (P - 1) * (R - 1), P * (S - 1) * (R - 1)]
    weights = [(S * R, R, 0, S), (0, R, 0, 0), (0, 0, P * S, S), (0, 0, 0, S), (0, 0, 0, 0)]
    return BalancedCriterion(np.array(squares), np.array(df, dtype=float), np.array(weights, dtype=float))
