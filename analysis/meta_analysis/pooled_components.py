"""A fit and how much true effects differ by it: of independent effects, and of several effects per study."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from doublecode.analysis.meta_analysis.heterogeneity import (
    Effects,
    Tau2,
    Weighted,
    loglik,
    q_profile,
    tau2_error,
    typical_variance,
    weighted,
)
from doublecode.analysis.meta_analysis.pooled_fit import NAN, PooledFit, Test, fit_effects
from doublecode.analysis.meta_analysis.several_effects import (
    blocks_of,
    covariance,
    cr2_of,
    fit_three_level,
    profile_limits,
)

COMPONENTS: Final = ("component", "variance", "sd", "std_error", "conf_low", "conf_high", "i2", "i2_low", "i2_high")


@dataclass(frozen=True, eq=False)
class Estimated:
    """What a model says of the effects.

    Attributes
    ----------
    fit : PooledFit
        Its ``tau2`` is all heterogeneity, which a prediction needs.
    components : DataFrame
        One row per variance; none for a fixed effect.
    i2, h2 : float
    loglik : float
    """

    fit: PooledFit
    components: pd.DataFrame
    i2: float
    h2: float
    loglik: float

    def variance(self, place: int) -> float:
        """One of the variances; 0 where there is none."""
        return float(self.components["variance"].iloc[place]) if len(self.components) > place else 0.0

    def error(self) -> float:
        """Standard error of τ²."""
        return float(self.components["std_error"].iloc[0]) if len(self.components) else NAN


def independent(effects: Effects, method: Tau2, test: Test, conf_level: float) -> Estimated:
    """One effect per study."""
    fit = fit_effects(effects, method, test)
    value = loglik(effects, fit.fit, reml=method == "REML")
    if method == "FE":
        q, df = weighted(effects, 0.0).rss, effects.df
        share = max(0.0, (q - df) / q) if q > 0 else 0.0
        return Estimated(fit, pd.DataFrame(columns=list(COMPONENTS)), 100.0 * share, q / df if df else NAN, value)
    low, high = q_profile(effects, conf_level)
    typical = typical_variance(effects)
    share_of = [100.0 * one / (one + typical) for one in (fit.tau2, low, high)]
    error = tau2_error(effects, fit.fit, method)
    row = ("between studies", fit.tau2, math.sqrt(fit.tau2), error, low, high, *share_of)
    frame = pd.DataFrame([dict(zip(COMPONENTS, row, strict=True))])
    return Estimated(fit, frame, share_of[0], fit.tau2 / typical + 1.0, value)


def several(effects: Effects, studies: Sequence[str], method: Tau2, test: Test, conf_level: float) -> Estimated:
    """Several effects of a study: three levels, with CR2 or model-based standard errors.

    The degrees of freedom of model-based t are studies less coefficients; those of CR2 are Satterthwaite's. Limits of
    the variances are those of the profile likelihood; I² of one level has none.
    """
    names = list(studies)
    found = fit_three_level(effects, names, reml=method == "REML")
    residual = effects.y - effects.X @ found.beta
    p = len(found.beta)
    vcov, df = found.vcov, np.full(p, np.inf if test == "z" else max(1.0, float(len(blocks_of(names)) - p)))
    if test == "CR2":
        vcov, df = cr2_of(effects, covariance(effects, blocks_of(names), found.tau2, found.omega2), residual, names)
    total = found.tau2 + found.omega2
    plain = Weighted(total, found.weights, found.beta, found.vcov, weighted(effects, 0.0).rss, residual)
    typical = typical_variance(effects)
    limits = profile_limits(effects, names, found, reml=method == "REML", conf_level=conf_level)
    rows: list[dict[str, Any]] = [
        dict.fromkeys(COMPONENTS, NAN)
        | {"component": name, "variance": variance, "sd": math.sqrt(variance), "std_error": error,
           "conf_low": ends[0], "conf_high": ends[1], "i2": 100.0 * variance / (total + typical)}
        for name, variance, error, ends in zip(
            ("between studies", "within studies"), (found.tau2, found.omega2), found.errors, limits, strict=True
        )
    ]  # fmt: skip
    fit = PooledFit(found.beta, vcov, df, total, 1.0, plain)
    share = 100.0 * total / (total + typical)
    return Estimated(fit, pd.DataFrame(rows), share, total / typical + 1.0, found.loglik)
