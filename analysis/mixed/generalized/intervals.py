"""Limits of the parameters of a generalised fit: Wald, profile likelihood, parametric bootstrap."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import ndtri

from doublecode.analysis.mixed.design import Design
from doublecode.analysis.mixed.generalized.bare_fit import GeneralizedFit
from doublecode.analysis.mixed.generalized.bootstrap import bootstrap_intervals
from doublecode.analysis.mixed.generalized.profiles import profile_limits
from doublecode.analysis.mixed.generalized.response import Outcome
from doublecode.schemas.errors import UsageError
from doublecode.schemas.results import check_conf_level

Floats = npt.NDArray[np.float64]
GeneralizedMethod = Literal["wald", "profile", "bootstrap"]
COLUMNS = ["parameter", "group", "term", "estimate", "conf_low", "conf_high", "method"]


def generalized_intervals(
    design: Design, outcome: Outcome, fit: GeneralizedFit, method: GeneralizedMethod, *, conf_level: float, n_boot: int,
    seed: int,
) -> pd.DataFrame:  # fmt: skip
    """Limits of the fixed effects; by bootstrap of the standard deviations as well."""
    check_conf_level(conf_level, "confint")
    if method not in get_args(GeneralizedMethod):
        raise UsageError(f"confint: method={method!r}; allowed: {', '.join(map(repr, get_args(GeneralizedMethod)))}")
    quantile = float(ndtri(0.5 + 0.5 * conf_level))
    if method == "bootstrap":
        return bootstrap_intervals(design, outcome, fit, conf_level, n_boot, seed)
    if method == "wald":
        half = quantile * np.sqrt(np.diag(fit.vcov))
        limits = list(zip(fit.beta - half, fit.beta + half, strict=True))
    else:
        limits = [profile_limits(fit, j, quantile) for j in range(len(fit.beta))]
    rows = [
        ("fixed", "", name, estimate, low, high, method)
        for name, estimate, (low, high) in zip(design.x_names, fit.beta, limits, strict=True)
    ]
    return pd.DataFrame(rows, columns=COLUMNS)
