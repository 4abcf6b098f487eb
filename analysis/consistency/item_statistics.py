"""Coefficients of a scale as functions of its covariance matrix, for stacks of matrices.

Every function takes (n_sets, p, p) covariance matrices and returns one number, or one
number per item, for each. The divisor (n or n − 1) cancels in all of them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from doublecode.analysis.consistency.factor import FactorFit, fit_factors
from doublecode.analysis.consistency.item_moments import Array
from doublecode.analysis.consistency.observed_blocks import correlations


def alpha_of(S: Array) -> Array:
    """Cronbach's alpha, p/(p−1) · (1 − Σ variances / variance of the sum); (n_sets,), NaN where the sum is constant."""
    p = S.shape[1]
    trace, total = np.trace(S, axis1=1, axis2=2), S.sum(axis=(1, 2))
    total = np.where(total > 1e-12 * trace, total, np.nan)
    return np.asarray(p / (p - 1) * (1 - trace / total))


def alpha_standard_error(S: Array, n_rows: int) -> Array:
    """Standard error of alpha for independent normal rows (Duhachek & Iacobucci 2004); NaN if the sum is constant."""
    p = S.shape[1]
    total = S.sum(axis=(1, 2))
    total = np.where(total > 1e-12 * np.trace(S, axis1=1, axis2=2), total, np.nan)
    square = S @ S
    trace, trace2, total2 = (
        np.trace(S, axis1=1, axis2=2),
        np.trace(square, axis1=1, axis2=2),
        square.sum(axis=(1, 2)),
    )
    q = 2 * p**2 / ((p - 1) ** 2 * total**3) * (total * (trace2 + trace**2) - 2 * trace * total2)
    return np.asarray(np.sqrt(q / n_rows))


def smc_of(R: Array) -> Array:
    """Squared multiple correlation of each item with the others; (n_sets, p), NaN where R is singular."""
    out = np.full(R.shape[:2], np.nan)
    regular = np.linalg.eigvalsh(R)[:, 0] > 1e-12
    out[regular] = 1 - 1 / np.diagonal(np.linalg.inv(R[regular]), axis1=1, axis2=2)
    return out


def lambda6_of(S: Array) -> Array:
    """Guttman's lambda 6 of the correlations, 1 − Σ(1 − smc) / ΣR; (n_sets,)."""
    R = correlations(S)
    return np.asarray(1 - (1 - smc_of(R)).sum(axis=1) / R.sum(axis=(1, 2)))


def off_diagonal(S: Array) -> Array:
    """Correlations below the diagonal, (n_sets, p(p−1)/2)."""
    low = np.tril_indices(S.shape[1], -1)
    return np.asarray(correlations(S)[:, low[0], low[1]])


def r_drop_of(S: Array) -> Array:
    """Corrected item–total correlation: each item with the sum of the others; (n_sets, p)."""
    variance = np.diagonal(S, axis1=1, axis2=2)
    with_total = S.sum(axis=2)
    rest = S.sum(axis=(1, 2))[:, None] - 2 * with_total + variance
    return np.asarray((with_total - variance) / np.sqrt(variance * rest))


def r_total_of(S: Array) -> Array:
    """Uncorrected item–total correlation; (n_sets, p)."""
    variance = np.diagonal(S, axis1=1, axis2=2)
    return np.asarray(S.sum(axis=2) / np.sqrt(variance * S.sum(axis=(1, 2))[:, None]))


def r_overlap_corrected_of(S: Array) -> Array:
    """Item–total correlation with the item's own variance replaced by its smc; (n_sets, p)."""
    R = correlations(S)
    smc = smc_of(R)
    p = R.shape[1]
    total = R.sum(axis=(1, 2)) - p + smc.sum(axis=1)
    total = np.where(total > 0, total, np.nan)  # items that cancel one another have no such correlation
    return np.asarray((R.sum(axis=2) - 1 + smc) / np.sqrt(total[:, None]))


def without(S: Array, item: int) -> Array:
    """The matrices without one item."""
    keep = np.delete(np.arange(S.shape[1]), item)
    return np.asarray(S[:, keep[:, None], keep])


@dataclass(frozen=True)
class OmegaFormula:
    """One of the coefficients that papers call omega.

    `estimator` of the one-factor model, the `matrix` it was fitted to, the `formula`, and
    whether the variance `below_line` is the model's or the observed one.
    """

    name: str
    estimator: str
    matrix: str
    formula: str
    below_line: str


_FORMULAS = (
    ("(Σλ)² / [(Σλ)² + Σψ]", "model-implied", ""),
    ("(Σλ)² / ΣS", "observed", "_observed"),
    ("1 − Σψ / ΣS", "observed", "_residual"),
)

OMEGA_FORMULAS: tuple[OmegaFormula, ...] = tuple(
    OmegaFormula(name + ending, estimator, matrix, formula.replace("S", "R" if "corr" in matrix else "S"), below)
    for name, estimator, matrix in (
        ("omega", "ML", "covariances"),
        ("omega_standardised", "ML", "correlations"),
        ("omega_minres", "minres", "correlations"),
    )
    for formula, below, ending in _FORMULAS
)


def one_factor_formulas(loadings: Array, uniqueness: Array, S: Array) -> Array:
    """The three omegas of a one-factor solution, in the order of the formulas; (n_sets, 3)."""
    common = loadings.sum(axis=1) ** 2
    unique = uniqueness.sum(axis=1)
    total = S.sum(axis=(1, 2))
    return np.column_stack([common / (common + unique), common / total, 1 - unique / total])


def standardised(fit: FactorFit, S: Array) -> tuple[Array, Array]:
    """Loadings and uniquenesses of a one-factor fit in units of the items' standard deviations."""
    variance = np.diagonal(S, axis1=1, axis2=2)
    return fit.first / np.sqrt(variance), fit.uniqueness / variance


def omegas_of(S: Array, fit: FactorFit) -> Array:
    """All nine omegas of `OMEGA_FORMULAS` from the ML fit `fit` of `S`; (n_sets, 9)."""
    R = correlations(S)
    loadings, uniqueness = standardised(fit, S)
    minres = fit_factors(R, method="minres", start=np.clip(uniqueness, 0.01, 0.99))
    return np.column_stack(
        [
            one_factor_formulas(fit.first, fit.uniqueness, S),
            one_factor_formulas(loadings, uniqueness, R),
            np.where(minres.converged[:, None], one_factor_formulas(minres.first, 1 - minres.first**2, R), np.nan),
        ]
    )
