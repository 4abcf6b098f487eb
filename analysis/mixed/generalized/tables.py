"""Frames of a generalised fit alone: ratios, shape, residuals."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import ndtri

from doublecode.analysis.mixed.generalized.bare_fit import GeneralizedFit

Floats = npt.NDArray[np.float64]


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
    """Dispersion φ with Wald limits formed in its logarithm: term, estimate, conf_low, conf_high; ∞ has no limits."""
    names = ["term", "estimate", "conf_low", "conf_high"]
    if fit.dispersion is None:
        return pd.DataFrame(columns=names)
    half = ndtri(0.5 + 0.5 * conf_level) * np.where(fit.endless, np.nan, np.sqrt(np.diag(fit.psi_vcov)))
    with np.errstate(over="ignore"):
        limits = np.exp(fit.psi - half), np.exp(fit.psi + half)
    return pd.DataFrame({"term": ["φ"], "estimate": fit.dispersion, "conf_low": limits[0], "conf_high": limits[1]})


def residual_frame(rows: pd.Index[Any], observed: Floats, mean: Floats, variance: Floats) -> pd.DataFrame:
    """Row (label), observed, fitted, residual, standardized (Pearson's), of observations (n,), means and variances."""
    residual = observed - mean
    columns = {
        "row": rows, "observed": observed, "fitted": mean, "residual": residual,
        "standardized": residual / np.sqrt(variance),
    }  # fmt: skip
    return pd.DataFrame(columns)
