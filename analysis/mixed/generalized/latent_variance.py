"""R² and ICC on the scale of the linear predictor (Nakagawa, Johnson & Schielzeth 2017).

The variance of the family itself: π²/3, 1 and π²/6 for logit, probit and complementary log-log; ln(1 + 1/λ) for Poisson
and ln(1 + 1/λ + 1/φ) for negative binomial counts (their lognormal form), λ the mean count over rows and random
effects.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from doublecode.analysis.mixed import rsquared
from doublecode.analysis.mixed.design import Design
from doublecode.analysis.mixed.generalized.links import LATENT_VARIANCE, Link
from doublecode.analysis.mixed.generalized.population import population_mean, row_variances

Floats = npt.NDArray[np.float64]


def family_variance(
    design: Design, beta: Floats, covariances: Sequence[Floats], link: Link, dispersion: float | None
) -> float:
    """Variance of the outcome's own chance, on the scale of the linear predictor."""
    if link in LATENT_VARIANCE:
        return LATENT_VARIANCE[link]
    eta = design.X @ beta + (0.0 if design.offset is None else design.offset)
    mean = float(population_mean(eta, row_variances(design.terms, covariances), link).mean())
    return float(np.log1p(1.0 / mean + (0.0 if dispersion is None else 1.0 / dispersion)))


def r2_frame(design: Design, beta: Floats, covariances: Sequence[Floats], own: float) -> pd.DataFrame:
    """Frame measure, source, value: marginal and conditional R² on the latent scale."""
    return rsquared.r2_frame(design, beta, covariances, own).iloc[:2]
