"""Parametric bootstrap of a generalised fit: refits to outcomes drawn from it, in batches where that can be done."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from doublecode.analysis.mixed.design import Design
from doublecode.analysis.mixed.generalized.bare_fit import GeneralizedFit
from doublecode.analysis.mixed.generalized.many_fit import DOUBTFUL_SD, Question, fit_sets
from doublecode.analysis.mixed.generalized.many_outcomes import SetOutcomes
from doublecode.analysis.mixed.generalized.objective import with_density
from doublecode.analysis.mixed.generalized.ordinal_outcome import OrdinalOutcome
from doublecode.analysis.mixed.generalized.response import Outcome
from doublecode.analysis.mixed.generalized.search import find_from
from doublecode.analysis.mixed.generalized.simulation import simulate_outcomes
from doublecode.analysis.mixed.many_designs import Sets
from doublecode.schemas.errors import UsageError

Floats = npt.NDArray[np.float64]

FEWEST = 20


def bootstrap_intervals(
    design: Design, outcome: Outcome, fit: GeneralizedFit, conf_level: float, n_boot: int, seed: int
) -> pd.DataFrame:
    """Percentiles of refits; `method` says how many of the draws could be fitted.

    Parameters
    ----------
    design, outcome, fit
        A fitted model.
    conf_level, n_boot, seed
        Level, number and seed of the draws.

    Returns
    -------
    pandas.DataFrame
        parameter, group, term, estimate, conf_low, conf_high, method; of the fixed effects and the standard deviations.

    Raises
    ------
    UsageError
        Fewer than 20 draws.
    """
    if n_boot < FEWEST:
        raise UsageError(f"confint: n_boot={n_boot}; allowed: at least {FEWEST} refits")
    drawn = simulate_outcomes(design, outcome, fit, n=n_boot, seed=seed, groups=set())
    refits = _together(design, outcome, fit, drawn)
    if refits is None:
        refits = np.array([_refit(outcome, fit, y) for y in drawn.T])
    known = refits[np.isfinite(refits).all(axis=1)]
    tail = 0.5 * (1.0 - conf_level)
    labels = [("fixed", "", name) for name in design.x_names]
    labels += [("sd", term.group, name) for term in design.terms for name in term.columns]
    low, high = np.quantile(known, [tail, 1.0 - tail], axis=0) if len(known) else np.full((2, len(labels)), np.nan)
    frame = pd.DataFrame(labels, columns=["parameter", "group", "term"])
    return frame.assign(
        estimate=_values(fit, fit.end.point.x), conf_low=low, conf_high=high,
        method=f"bootstrap ({len(known)} of {n_boot} refits)",
    )  # fmt: skip


def _together(design: Design, outcome: Outcome, fit: GeneralizedFit, drawn: Floats) -> Floats | None:
    """(n_boot, p + 1) refits in batches, NaN where there is none; None where no batch takes the model."""
    if isinstance(outcome, OrdinalOutcome) or not fit.problem.part.scalar:
        return None
    outcomes = SetOutcomes(outcome.family, outcome.link, drawn, outcome.trials, design.weights)
    if not outcomes.batched:
        return None
    theta, beta, psi = fit.problem.split(fit.end.point.x)
    start = (float(abs(theta[0])), np.concatenate([beta, psi])) if abs(theta[0]) > DOUBTFUL_SD else None
    fits = fit_sets(Sets(design, drawn, {}), Question(outcomes, fit.problem.n_nodes, _prior_sd(fit), start))
    held = np.where(fits.converged, 1.0, np.nan)
    return np.column_stack([fits.estimate.T, np.sqrt(fits.covariances[0][:, 0, 0])]) * held[:, None]


def _prior_sd(fit: GeneralizedFit) -> float | None:
    """The standard deviation of the declared prior, from its precision in conditioned units."""
    if fit.problem.precision is None:
        return None
    root = fit.x_root
    return float(np.diag(root.T @ fit.problem.precision @ root).max() ** -0.5)


def _refit(outcome: Outcome, fit: GeneralizedFit, y: Floats) -> Floats:
    """One refit from the estimate; NaN where it has no end."""
    problem = with_density(fit.problem, outcome.density(y).subset(fit.problem.part.order))
    try:
        end = find_from(problem, fit.end.point.x).end
    except np.linalg.LinAlgError:
        return np.full(len(_values(fit, fit.end.point.x)), np.nan)
    values = _values(fit, end.point.x)
    return values if end.converged else np.full_like(values, np.nan)


def _values(fit: GeneralizedFit, x: Floats) -> Floats:
    """Fixed effects and standard deviations at parameters x."""
    sds = [np.sqrt(np.maximum(np.diag(V), 0.0)) for V in fit.covariances_at(x)]
    return np.concatenate([fit.beta_at(x), *sds])
