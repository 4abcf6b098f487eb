"""Limits of the parameters of a generalised fit: Wald, profile likelihood, parametric bootstrap."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import ndtri

from doublecode.analysis.mixed.design import Design
from doublecode.analysis.mixed.generalized.bare_fit import GeneralizedFit
from doublecode.analysis.mixed.generalized.objective import with_density
from doublecode.analysis.mixed.generalized.parameter_limits import Parameters, check_parameters, limit_rows
from doublecode.analysis.mixed.generalized.response import Outcome
from doublecode.analysis.mixed.generalized.search import find_from
from doublecode.analysis.mixed.generalized.simulation import simulate_outcomes
from doublecode.schemas.errors import UsageError
from doublecode.schemas.results import check_conf_level

Floats = npt.NDArray[np.float64]
GeneralizedMethod = Literal["wald", "profile", "bootstrap"]
COLUMNS = ["parameter", "group", "term", "estimate", "conf_low", "conf_high", "method"]


def generalized_intervals(
    design: Design, outcome: Outcome, fit: GeneralizedFit, method: GeneralizedMethod, *, conf_level: float, n_boot: int,
    seed: int, parameters: Parameters = "all",
) -> pd.DataFrame:  # fmt: skip
    """Limits of fixed effects, thresholds, standard deviations and dispersion; no thresholds by bootstrap."""
    check_conf_level(conf_level, "confint")
    check_parameters(parameters)
    if method not in get_args(GeneralizedMethod):
        raise UsageError(f"confint: method={method!r}; allowed: {', '.join(map(repr, get_args(GeneralizedMethod)))}")
    if method == "bootstrap":
        table = _bootstrap(design, outcome, fit, conf_level, n_boot, seed)
        kept = (table["parameter"] == "fixed") == (parameters == "fixed")
        return table if parameters == "all" else table[kept].reset_index(drop=True)
    quantile = float(ndtri(0.5 + 0.5 * conf_level))
    return pd.DataFrame(limit_rows(design, outcome, fit, method, quantile, parameters), columns=COLUMNS)


def _bootstrap(
    design: Design, outcome: Outcome, fit: GeneralizedFit, conf_level: float, n_boot: int, seed: int
) -> pd.DataFrame:
    """Percentiles of refits to drawn outcomes; draws that cannot be fitted are left out."""
    if n_boot < 20:
        raise UsageError(f"confint: n_boot={n_boot}; allowed: at least 20 refits")
    drawn = simulate_outcomes(design, outcome, fit, n=n_boot, seed=seed, groups=set())
    refits = [values for y in drawn.T if (values := _refit(outcome, fit, y)) is not None]
    tail = 0.5 * (1.0 - conf_level)
    labels = [("fixed", "", name) for name in design.x_names]
    labels += [("sd", term.group, name) for term in design.terms for name in term.columns]
    estimates = _values(fit, fit.end.point.x)
    low, high = np.quantile(refits, [tail, 1.0 - tail], axis=0) if refits else (np.full(len(labels), np.nan),) * 2
    rows = [(*label, estimates[i], float(low[i]), float(high[i]), "bootstrap") for i, label in enumerate(labels)]
    return pd.DataFrame(rows, columns=COLUMNS)


def _refit(outcome: Outcome, fit: GeneralizedFit, y: Floats) -> Floats | None:
    problem = with_density(fit.problem, outcome.density(y).subset(fit.problem.part.order))
    try:
        end = find_from(problem, fit.end.point.x).end
    except np.linalg.LinAlgError:
        return None
    return _values(fit, end.point.x) if end.converged else None


def _values(fit: GeneralizedFit, x: Floats) -> Floats:
    """Fixed effects and standard deviations at parameters x."""
    sds = [np.sqrt(np.maximum(np.diag(V), 0.0)) for V in fit.covariances_at(x)]
    return np.concatenate([fit.beta_at(x), *sds])
