r"""Cluster-robust covariance CR2 of (generalised) least squares, with small-sample tests of one and of several terms.

With the working covariance :math:`Φ_g = L_g L_g^⊤` of the rows of cluster g (σ²I of a regression, Z D Zᵀ + σ²R of a
mixed model), :math:`W_g = Φ_g^{-1}`, :math:`M = (\sum_g X_g^⊤ W_g X_g)^{-1}`, residuals :math:`e_g = y_g − X_g\hat β`
and the adjustment

.. math:: A_g = L_g \left(L_g^⊤ (Φ_g − X_g M X_g^⊤) L_g\right)^{-1/2} L_g^⊤

(symmetric, pseudo-inverse; of least squares :math:`(I − X_g M X_g^⊤)^{-1/2}`) the covariance of the coefficients is

.. math:: V = \sum_g B_g^⊤ e_g e_g^⊤ B_g, \qquad B_g = A_g W_g X_g M,

which is unbiased where Φ holds, and consistent where it does not. Under Φ the scores of clusters g and h have the
covariance :math:`P_{gh} = δ_{gh} B_g^⊤ Φ_g B_g − B_g^⊤ X_g M X_h^⊤ B_h`, of which the degrees of freedom of a
contrast c are :math:`(\sum_g c^⊤P_{gg}c)^2 / \sum_{g,h} (c^⊤P_{gh}c)^2` (Satterthwaite). Of q contrasts C at once the
Wald statistic Q is held to Hotelling's :math:`T^2`: :math:`F = Q (η − q + 1) / (η q)` on q and η − q + 1, with η such
that the total variance of the entries of :math:`Ω^{-1/2} C V C^⊤ Ω^{-1/2}`, :math:`Ω = \sum_g C P_{gg} C^⊤`, is that
of a Wishart matrix, q(q + 1)/η (the test "HTZ" of R's clubSandwich).

References
----------
Bell & McCaffrey (2002), Survey Methodology, 28, 169–181. Pustejovsky & Tipton (2018), Journal of Business & Economic
Statistics, 36, 672–683. Tipton & Pustejovsky (2015), Journal of Educational and Behavioral Statistics, 40, 604–634.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from doublecode.analysis.mixed.design import Floats
from doublecode.schemas.errors import NotEstimable


@dataclass(frozen=True, eq=False)
class ClusterRobust:
    """CR2 of p coefficients over G clusters.

    Attributes
    ----------
    vcov : array, shape (p, p)
        In squared units of the outcome per unit of the predictors.
    own : array, shape (G, p, p)
        Bᵀ Φ B of each cluster.
    shared : array, shape (G, p, p)
        Xᵀ B of each cluster.
    bread : array, shape (p, p)
        M, the covariance of the coefficients under the working model.
    """

    vcov: Floats
    own: Floats
    shared: Floats
    bread: Floats

    def df(self, contrasts: Floats) -> Floats:
        """Satterthwaite degrees of freedom of each of k contrasts, (k, p) → (k,)."""
        return np.array([self._df(c) for c in np.atleast_2d(contrasts)])

    def _df(self, c: Floats) -> float:
        spread = self.shared @ c
        P = np.diag(np.einsum("i,gij,j->g", c, self.own, c)) - spread @ self.bread @ spread.T
        return float(np.trace(P) ** 2 / (P**2).sum())

    def joint(self, contrasts: Floats, beta: Floats) -> tuple[float, float, float]:
        """Whether q contrasts, (q, p), of the coefficients are 0 at once.

        Returns
        -------
        F, df1, df2 : float
            Hotelling's approximation (HTZ). NaN with no degrees of freedom left, or where V leaves a contrast without
            variance.
        """
        C = np.atleast_2d(contrasts)
        q = len(C)
        spread = self.shared @ C.T
        P = -np.einsum("gia,ij,hjb->ghab", spread, self.bread, spread)
        at = np.arange(len(P))
        P[at, at] += np.einsum("ai,gij,bj->gab", C, self.own, C)
        root = inverse_root(P[at, at].sum(axis=0))
        P = root @ P @ root
        turned = np.einsum("ghss,ghtt->st", P, P) + np.einsum("ghst,ghts->st", P, P)
        eta = q * (q + 1) / float(turned.sum())
        V, left = C @ self.vcov @ C.T, eta - q + 1
        if left <= 0 or np.linalg.matrix_rank(V, hermitian=True) < q:
            return float("nan"), float(q), float("nan")
        wald = float((C @ beta) @ np.linalg.solve(V, C @ beta))
        return wald * left / (eta * q), float(q), left


def cluster_robust(
    X: Floats, residual: Floats, clusters: Sequence[Hashable], working: Sequence[Floats] | None = None
) -> ClusterRobust:
    """CR2 of least squares, or of generalised least squares with a known working covariance.

    Parameters
    ----------
    X : array, shape (n, p)
        Model matrix of full rank.
    residual : array, shape (n,)
        Outcome less fitted (without random effects), in the outcome's units.
    clusters : sequence, length n
        Who belongs together; rows of different clusters are independent.
    working : sequence of arrays, optional
        Φ of each cluster, in the order in which clusters first appear, rows in the order of X; by default I.

    Raises
    ------
    NotEstimable
        Fewer than two clusters.
    """
    groups = cluster_rows(clusters)
    if len(groups) < 2:
        raise NotEstimable(f"CR2 needs two clusters or more, found {len(groups)}")
    covariances = [np.eye(len(rows)) for rows in groups] if working is None else list(working)
    solved = [np.linalg.solve(phi, X[rows]) for rows, phi in zip(groups, covariances, strict=True)]
    M = np.linalg.inv(sum(X[rows].T @ WX for rows, WX in zip(groups, solved, strict=True)))
    own, shared, score = [], [], []
    for rows, phi, WX in zip(groups, covariances, solved, strict=True):
        L = np.linalg.cholesky(phi)
        B = L @ inverse_root(L.T @ (phi - X[rows] @ M @ X[rows].T) @ L) @ L.T @ WX @ M
        own.append(B.T @ phi @ B)
        shared.append(X[rows].T @ B)
        score.append(B.T @ residual[rows])
    scores = np.array(score)
    return ClusterRobust(scores.T @ scores, np.array(own), np.array(shared), M)


def cluster_rows(clusters: Sequence[Hashable]) -> list[np.ndarray]:
    """Places of the rows of each cluster, clusters in the order in which they first appear."""
    places: dict[Hashable, list[int]] = {}
    for at, one in enumerate(clusters):
        places.setdefault(one, []).append(at)
    return [np.array(rows) for rows in places.values()]


def cr2(X: Floats, residual: Floats, clusters: Sequence[Hashable]) -> tuple[Floats, Floats]:
    """Covariance of least-squares coefficients, robust to dependence within clusters.

    Parameters
    ----------
    X : array, shape (n, p)
        Model matrix of full rank.
    residual : array, shape (n,)
        Least-squares residuals.
    clusters : sequence, length n
        Who belongs together.

    Returns
    -------
    vcov : array, shape (p, p)
        In squared units of the outcome per unit of the predictors.
    df : array, shape (p,)
        Satterthwaite degrees of freedom of each coefficient.

    Raises
    ------
    NotEstimable
        Fewer than two clusters.

    Examples
    --------
    Of a mean over clusters of one size CR2 is the variance of the mean of cluster means:

    >>> y = np.array([1.0, 3, 4, 6, 8, 12])
    >>> vcov, df = cr2(np.ones((6, 1)), y - y.mean(), [1, 1, 2, 2, 3, 3])
    >>> round(float(vcov[0, 0]), 4), round(float(np.var([2, 5, 10], ddof=1) / 3), 4), round(float(df[0]), 6)
    (5.4444, 5.4444, 2.0)
    """
    found = cluster_robust(X, residual, clusters)
    return found.vcov, found.df(np.eye(X.shape[1]))


def inverse_root(matrix: Floats) -> Floats:
    """Symmetric inverse square root; directions without variance stay without."""
    values, vectors = np.linalg.eigh(matrix)
    kept = values > 1e-10 * max(1.0, float(values[-1]))
    root = np.where(kept, 1.0 / np.sqrt(np.where(kept, values, 1.0)), 0.0)
    return np.asarray((vectors * root) @ vectors.T)
