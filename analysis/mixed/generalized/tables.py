"""Frames of a generalised fit: variances, random effects, ratios, shape, and what is singular."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import ndtri

from doublecode.analysis.mixed.design import Design
from doublecode.analysis.mixed.generalized.bare_fit import GeneralizedFit
from doublecode.analysis.mixed.variances import SINGULAR, Singularity, boundary, relative_spectrum
from doublecode.schemas.results import Note

Floats = npt.NDArray[np.float64]


def variance_frame(design: Design, covariances: Sequence[Floats]) -> pd.DataFrame:
    """One row per random effect: group, term, variance, sd, corr with the first effect of the term."""
    rows = []
    for term, V in zip(design.terms, covariances, strict=True):
        sd = np.sqrt(np.diag(V))
        for i, name in enumerate(term.columns):
            bottom = sd[0] * sd[i]
            corr = float(np.clip(V[0, i] / bottom, -1.0, 1.0)) if i and bottom > 0.0 else float("nan")
            rows.append((term.group, name, float(V[i, i]), float(sd[i]), corr))
    return pd.DataFrame(rows, columns=["group", "term", "variance", "sd", "corr"])


def correlation_frame(design: Design, covariances: Sequence[Floats]) -> pd.DataFrame:
    """Every pair of effects within a term: group, term1, term2, covariance, corr."""
    rows = []
    for term, V in zip(design.terms, covariances, strict=True):
        sd = np.sqrt(np.diag(V))
        for i in range(term.size):
            for j in range(i + 1, term.size):
                bottom = sd[i] * sd[j]
                corr = float(np.clip(V[i, j] / bottom, -1.0, 1.0)) if bottom > 0.0 else float("nan")
                rows.append((term.group, term.columns[i], term.columns[j], float(V[i, j]), corr))
    return pd.DataFrame(rows, columns=["group", "term1", "term2", "covariance", "corr"])


def random_frame(design: Design, modes: Sequence[Floats], covariances: Sequence[Floats]) -> pd.DataFrame:
    """Conditional modes of all random effects: group, term, level, estimate, sd."""
    parts = []
    for term, b, V in zip(design.terms, modes, covariances, strict=True):
        sd = np.sqrt(np.maximum(np.diagonal(V, axis1=1, axis2=2), 0.0))
        for i, name in enumerate(term.columns):
            columns = {"group": term.group, "term": name, "level": term.levels, "estimate": b[:, i], "sd": sd[:, i]}
            parts.append(pd.DataFrame(columns))
    return pd.concat(parts, ignore_index=True)


def ratio_frame(fixed: pd.DataFrame) -> pd.DataFrame:
    """Exponentials of the coefficients and their limits, without the intercept: term, ratio, conf_low, conf_high."""
    rows = fixed[fixed["term"] != "Intercept"]
    with np.errstate(over="ignore"):
        columns = {
            "term": rows["term"], "ratio": np.exp(rows["estimate"]), "conf_low": np.exp(rows["conf_low"]),
            "conf_high": np.exp(rows["conf_high"]),
        }  # fmt: skip
    return pd.DataFrame(columns).reset_index(drop=True)


def shape_frame(fit: GeneralizedFit, conf_level: float) -> pd.DataFrame:
    """Dispersion φ with Wald limits formed in its logarithm: term, estimate, conf_low, conf_high."""
    names = ["term", "estimate", "conf_low", "conf_high"]
    if not len(fit.psi):
        return pd.DataFrame(columns=names)
    half = ndtri(0.5 + 0.5 * conf_level) * np.sqrt(np.diag(fit.psi_vcov))
    with np.errstate(over="ignore"):
        values = np.exp(fit.psi), np.exp(fit.psi - half), np.exp(fit.psi + half)
    return pd.DataFrame({"term": ["φ"], "estimate": values[0], "conf_low": values[1], "conf_high": values[2]})


def singular_terms(fit: GeneralizedFit) -> tuple[Singularity, ...]:
    """Terms whose covariance is singular, judged against the variance of the linear predictor plus one."""
    theta = fit.problem.split(fit.end.point.x)[0]
    found = []
    shares = zip(fit.terms, fit.covariances, relative_spectrum(fit.problem.part.blocks, theta[None]), strict=True)
    for term, V, (values, _) in shares:
        if values[0, 0] > SINGULAR**2:
            continue
        kind, numbers = boundary(term.columns, V, values[0])
        found.append(Singularity(term.label, Note(kind, numbers={"term": term.label, **numbers})))
    return tuple(found)
