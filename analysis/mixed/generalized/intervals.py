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
from doublecode.analysis.mixed.generalized.parameter_limits import (
    Parameters,
    check_parameters,
    limit_rows,
    named_parameters,
)
from doublecode.analysis.mixed.generalized.response import Outcome
from doublecode.analysis.mixed.redraws import Redraws
from doublecode.schemas.errors import UsageError
from doublecode.schemas.results import check_conf_level

Floats = npt.NDArray[np.float64]
GeneralizedMethod = Literal["wald", "profile", "bootstrap"]
COLUMNS = ["parameter", "group", "term", "estimate", "conf_low", "conf_high", "method"]


def generalized_intervals(
    design: Design, outcome: Outcome, fit: GeneralizedFit, method: GeneralizedMethod, *, conf_level: float,
    draws: Redraws, parameters: Parameters = "all",
) -> pd.DataFrame:  # fmt: skip
    """Limits of fixed effects, thresholds, SDs and dispersion."""
    check_conf_level(conf_level, "confint")
    check_parameters(parameters)
    if method not in get_args(GeneralizedMethod):
        raise UsageError(f"confint: method={method!r}; allowed: {', '.join(map(repr, get_args(GeneralizedMethod)))}")
    draws.check(method)
    if method == "bootstrap":
        table = bootstrap_intervals(design, outcome, fit, conf_level, draws)
        asked = {one.parameter for one in named_parameters(design, outcome, fit, parameters)}
        return table[table["parameter"].isin(asked)].reset_index(drop=True)
    quantile = float(ndtri(0.5 + 0.5 * conf_level))
    return pd.DataFrame(limit_rows(design, outcome, fit, method, quantile, parameters), columns=COLUMNS)
