r"""Cluster-robust covariance CR2 of least squares, with Satterthwaite degrees of freedom.

With :math:`M = (X^⊤X)^{-1}`, the rows :math:`X_g` and residuals :math:`e_g` of cluster g, and the adjustment
:math:`A_g = (I − X_g M X_g^⊤)^{-1/2}` (symmetric, pseudo-inverse),

.. math:: V = M \left(\sum_g X_g^⊤ A_g e_g e_g^⊤ A_g X_g\right) M,

which is unbiased where residuals are independent and alike. Under that working model the degrees of freedom of a
contrast c are :math:`(\sum_g p_g^⊤ p_g)^2 / \sum_{g,h} (p_g^⊤ p_h)^2` with
:math:`p_g = (I − XMX^⊤)_g^⊤ A_g X_g M c`.

References
----------
Bell & McCaffrey (2002), Survey Methodology, 28, 169–181. Pustejovsky & Tipton (2018), Journal of Business & Economic
Statistics, 36, 672–683 (R's clubSandwich).
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np

from doublecode.analysis.mixed.design import Floats
from doublecode.schemas.errors import NotEstimable


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
    groups = [np.flatnonzero([one == cluster for one in clusters]) for cluster in dict.fromkeys(clusters)]
    if len(groups) < 2:
        raise NotEstimable(f"CR2 needs two clusters or more, found {len(groups)}")
    M = np.linalg.inv(X.T @ X)
    hat = X @ M @ X.T
    turned = []
    for rows in groups:
        adjusted = inverse_root(np.eye(len(rows)) - hat[np.ix_(rows, rows)]) @ X[rows] @ M
        turned.append((rows, adjusted))
    score = np.array([adjusted.T @ residual[rows] for rows, adjusted in turned])
    maker = np.eye(len(X)) - hat
    spread = np.stack([maker[:, rows] @ adjusted for rows, adjusted in turned])
    products = np.einsum("gnk,hnk->kgh", spread, spread)
    df = np.einsum("kgg->k", products) ** 2 / (products**2).sum(axis=(1, 2))
    return score.T @ score, df


def inverse_root(matrix: Floats) -> Floats:
    """Symmetric inverse square root; directions without variance stay without."""
    values, vectors = np.linalg.eigh(matrix)
    kept = values > 1e-10
    root = np.where(kept, 1.0 / np.sqrt(np.where(kept, values, 1.0)), 0.0)
    return np.asarray((vectors * root) @ vectors.T)
