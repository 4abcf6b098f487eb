"""Frames of variance components and random effects, whatever the family: covariances in, one row each out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from doublecode.analysis.mixed.design import Term

Floats = npt.NDArray[np.float64]


def variance_frame(terms: Sequence[Term], covariances: Sequence[Floats]) -> pd.DataFrame:
    """One row per random effect: group, term, variance, sd, corr.

    `corr` is the correlation with the first effect of the same term; all of them are in
    :func:`correlation_frame`. It is NaN for the first effect and where a variance is zero.
    """
    rows = []
    for term, V in zip(terms, covariances, strict=True):
        for i, name in enumerate(term.columns):
            corr = _correlation(V, 0, i) if i else float("nan")
            rows.append((term.group, name, float(V[i, i]), float(np.sqrt(V[i, i])), corr))
    return pd.DataFrame(rows, columns=["group", "term", "variance", "sd", "corr"])


def correlation_frame(terms: Sequence[Term], covariances: Sequence[Floats]) -> pd.DataFrame:
    """Every pair of effects within a term: group, term1, term2, covariance, corr."""
    rows = []
    for term, V in zip(terms, covariances, strict=True):
        for i in range(term.size):
            for j in range(i + 1, term.size):
                pair = term.columns[i], term.columns[j]
                rows.append((term.group, *pair, float(V[i, j]), _correlation(V, i, j)))
    return pd.DataFrame(rows, columns=["group", "term1", "term2", "covariance", "corr"])


def _correlation(V: Floats, i: int, j: int) -> float:
    """Correlation of two effects; NaN where one has no variance."""
    bottom = np.sqrt(V[i, i]) * np.sqrt(V[j, j])
    return float(np.clip(V[i, j] / bottom, -1.0, 1.0)) if bottom > 0.0 else float("nan")


def random_frame(terms: Sequence[Term], modes: Sequence[Floats], covariances: Sequence[Floats]) -> pd.DataFrame:
    """Conditional modes of all random effects: group, term, level, estimate, sd.

    `modes` are (levels, p) and `covariances` (levels, p, p) per term, the latter given the outcome.
    """
    parts = []
    for term, b, V in zip(terms, modes, covariances, strict=True):
        sd = np.sqrt(np.maximum(np.diagonal(V, axis1=1, axis2=2), 0.0))
        for i, name in enumerate(term.columns):
            columns = {"group": term.group, "term": name, "level": term.levels, "estimate": b[:, i], "sd": sd[:, i]}
            parts.append(pd.DataFrame(columns))
    return pd.concat(parts, ignore_index=True)
