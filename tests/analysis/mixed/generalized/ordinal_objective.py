"""A plain objective of a cumulative mixed model, dense and slow: what the engine is held to."""

from __future__ import annotations

import numpy as np

from doublecode.analysis.mixed.generalized.cumulative_density import derivatives, log_probability
from doublecode.analysis.mixed.generalized.cumulative_rows import OrdinalRows


def minus_loglik(rows: OrdinalRows, psi, eta, Z, covariance, n_points=1) -> float:
    """Minus the log-likelihood by Laplace, or for independent scalar effects by adaptive quadrature.

    eta (n,) fixed part, Z (n, q) dense, covariance (q, q) of the effects b ~ N(0, covariance).
    """
    upper, lower = rows.edges(psi)
    root = np.linalg.cholesky(covariance)
    A, u = Z @ root, np.zeros(Z.shape[1])

    def joint(u):
        at = eta + A @ u
        return log_probability(upper - at, lower - at, rows.link).sum() - u @ u / 2

    for _ in range(100):
        at = eta + A @ u
        d = derivatives(upper - at, lower - at, rows.link)
        gradient, H = A.T @ d.d1 - u, np.eye(len(u)) - A.T @ (d.d2[:, None] * A)
        step = np.linalg.solve(H, gradient)
        while joint(u + step) < joint(u) - 1e-12 and np.abs(step).max() > 1e-14:
            step = step / 2
        u = u + step
        if np.abs(step).max() < 1e-12:
            break
    at = eta + A @ u
    H = np.eye(len(u)) - A.T @ (derivatives(upper - at, lower - at, rows.link).d2[:, None] * A)
    if n_points == 1:
        return -(joint(u) - np.linalg.slogdet(H)[1] / 2)
    nodes, weights = np.polynomial.hermite.hermgauss(n_points)
    scale, owner = np.sqrt(2.0 / np.diag(H)), Z.argmax(axis=1)
    terms = []
    for node, weight in zip(nodes, weights, strict=True):
        v = u + scale * node
        at = eta + A @ v
        rowwise = log_probability(upper - at, lower - at, rows.link)
        terms.append(np.bincount(owner, rowwise, len(u)) - v * v / 2 + node**2 + np.log(weight))
    return -float((np.logaddexp.reduce(terms, axis=0) + np.log(scale) - 0.5 * np.log(2 * np.pi)).sum())


def dense(codes, columns=None) -> np.ndarray:
    """(n, levels · p) columns of one random term."""
    indicator = (codes[:, None] == np.arange(codes.max() + 1)).astype(float)
    return indicator if columns is None else (indicator[:, :, None] * columns[:, None, :]).reshape(len(codes), -1)
