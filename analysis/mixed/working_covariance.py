r"""The covariance of the rows that a fitted mixed model implies, cluster by cluster, and CR2 on it.

:math:`Φ_g = \sum_t Z_{tg} D_t Z_{tg}^⊤ + σ^2 R_g` over the random terms t, rows of different levels of a grouping
factor being uncorrelated. Clusters must hold every level of every grouping factor whole: rows of different clusters
are independent under the model, as CR2 takes them to be (patients in a model of patients, therapists above them).
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from doublecode.analysis.mixed.cluster_robust import ClusterRobust, cluster_robust, cluster_rows
from doublecode.analysis.mixed.variances import covariances
from doublecode.schemas.errors import NotEstimable

if TYPE_CHECKING:
    from doublecode.analysis.mixed.design import Floats
    from doublecode.analysis.mixed.result import MixedResult


def robust_of_mixed(result: MixedResult, clusters: Sequence[Hashable]) -> ClusterRobust:
    """CR2 of the fixed effects of a linear mixed model, its estimated variances as the working model.

    Parameters
    ----------
    result : MixedResult
    clusters : sequence, length n
        Who belongs together, one entry per row in use.

    Raises
    ------
    NotEstimable
        Fewer than two clusters, or a level of a grouping factor lies in several.
    """
    model = result.model
    fitted = model.X @ result.beta + (0.0 if model.offset is None else model.offset)
    return cluster_robust(model.X, model.y - fitted, clusters, working_covariance(result, clusters))


def working_covariance(result: MixedResult, clusters: Sequence[Hashable]) -> list[Floats]:
    """Φ of each cluster, (n_g, n_g), clusters in the order in which they first appear.

    Raises
    ------
    NotEstimable
        A level of a grouping factor lies in several clusters.
    """
    model, groups = result.model, cluster_rows(clusters)
    places = np.empty(model.nobs, dtype=np.int64)
    for at, rows in enumerate(groups):
        places[rows] = at
    for term in model.terms:
        if len({*zip(term.codes.tolist(), places.tolist(), strict=True)}) > len({*term.codes.tolist()}):
            raise NotEstimable(f"a level of {term.group} lies in several clusters, which are then not independent")
    return [_of_rows(result, rows) for rows in groups]


def _of_rows(result: MixedResult, rows: np.ndarray) -> Floats:
    model = result.model
    phi = result.sigma**2 * _residual(result, rows)
    for term, D in zip(model.terms, covariances(result.fit), strict=True):
        Z, codes = term.Z[rows], term.codes[rows]
        phi += (Z @ D @ Z.T) * (codes[:, None] == codes[None, :])
    return phi


def _residual(result: MixedResult, rows: np.ndarray) -> Floats:
    """R of some rows: 1/w, or the residual structure."""
    model = result.model
    if result.whitening is None:
        return np.diag(np.ones(len(rows)) if model.weights is None else 1.0 / model.weights[rows])
    noise = np.zeros((model.nobs, len(rows)))
    noise[rows, np.arange(len(rows))] = 1.0
    root = result.whitening.colour(model, noise)[rows]
    return np.asarray(root @ root.T)
