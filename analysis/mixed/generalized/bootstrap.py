"""Parametric bootstrap of a generalised fit: refits to outcomes drawn from it, in batches where that can be done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from doublecode.analysis.mixed.design import Design
from doublecode.analysis.mixed.generalized.bare_fit import GeneralizedFit
from doublecode.analysis.mixed.generalized.many_fit import DOUBTFUL_SD, Question, fit_sets
from doublecode.analysis.mixed.generalized.many_outcomes import SetOutcomes
from doublecode.analysis.mixed.generalized.objective import with_density
from doublecode.analysis.mixed.generalized.ordinal_fit import OrdinalFit
from doublecode.analysis.mixed.generalized.ordinal_outcome import OrdinalOutcome
from doublecode.analysis.mixed.generalized.parameter_limits import named_parameters
from doublecode.analysis.mixed.generalized.profiled_parameters import ENDLESS, drawn_in
from doublecode.analysis.mixed.generalized.response import Outcome
from doublecode.analysis.mixed.generalized.search import find_from
from doublecode.analysis.mixed.generalized.simulation import simulate_outcomes
from doublecode.analysis.mixed.generalized.thresholds import Thresholds, between
from doublecode.analysis.mixed.many_designs import Sets
from doublecode.analysis.mixed.redraws import Redraws
from doublecode.analysis.results.spread_work import digest

Floats = npt.NDArray[np.float64]
Subject = tuple[Design, Outcome, GeneralizedFit]

OF_A_BATCH, ONE_BY_ONE = 50, 10
"""Refits that a worker does at a time: few enough that what is lost with it is soon done again."""


def bootstrap_intervals(
    design: Design, outcome: Outcome, fit: GeneralizedFit, conf_level: float, draws: Redraws
) -> pd.DataFrame:
    """Percentiles of refits; `method` says how many of the draws could be fitted.

    Parameters
    ----------
    design, outcome, fit
        A fitted model.
    conf_level
        Level of the limits.
    draws
        Number and seed of the draws, and who refits.

    Returns
    -------
    pandas.DataFrame
        parameter, group, term, estimate, conf_low, conf_high, method, a row per parameter.
    """
    n_boot, subject = draws.n_boot, (design, outcome, fit)
    drawn = simulate_outcomes(design, outcome, fit, n=n_boot, seed=draws.seed, groups=set())
    alone = isinstance(outcome, OrdinalOutcome) or not fit.problem.part.scalar
    found = draws.refits(_refit_some, subject, _said(subject), drawn, ONE_BY_ONE if alone else OF_A_BATCH)
    refits = np.concatenate([np.array(some, dtype=float) for some in found])
    known = refits[~np.isnan(refits).any(axis=1)]
    tail = 0.5 * (1.0 - conf_level)
    low, high = _percentiles(known, [tail, 1.0 - tail])
    labels = [(one.parameter, one.group, one.term) for one in named_parameters(design, outcome, fit, "all")]
    frame = pd.DataFrame(labels, columns=["parameter", "group", "term"])
    return frame.assign(
        estimate=_values(fit), conf_low=low, conf_high=high, method=f"bootstrap ({len(known)} of {n_boot} refits)"
    )


def _said(subject: Subject) -> str:
    """All that a refit depends on beside the outcomes that are drawn."""
    design, outcome, fit = subject
    terms = [part for term in design.terms for part in (term.Z, term.codes)]
    kind = (outcome.family, outcome.link, outcome.trials)
    cuts = outcome.thresholds if isinstance(outcome, OrdinalOutcome) else None
    asked = (fit.problem.n_nodes, _prior_sd(fit), cuts)
    return digest(design.formula.text, design.X, *terms, design.weights, design.offset, *kind, *asked, fit.end.point.x)


def _refit_some(piece: tuple[Subject, Floats]) -> list[list[float]]:
    """The refits of some draws."""
    found: list[list[float]] = _refits(*piece).tolist()
    return found


def _refits(subject: Subject, drawn: Floats) -> Floats:
    """(n, d) refits to outcomes (rows, n), NaN where there is none: in batches, or one after the other."""
    design, outcome, fit = subject
    refits = _together(design, outcome, fit, drawn)
    if refits is not None:
        return refits
    within = drawn_in(fit)
    return np.array([_refit(outcome, within, y) for y in drawn.T])


def _percentiles(values: Floats, shares: list[float]) -> Floats:
    """(2, d) percentiles of refits (B, d); between infinite ones, where nothing can be interpolated, the nearest."""
    if not len(values):
        return np.full((len(shares), values.shape[1]), np.nan)
    with np.errstate(invalid="ignore"):
        linear = np.quantile(values, shares, axis=0)
    return np.where(np.isnan(linear), np.quantile(values, shares, axis=0, method="nearest"), linear)


def _together(design: Design, outcome: Outcome, fit: GeneralizedFit, drawn: Floats) -> Floats | None:
    """(n, d) refits in batches, NaN where there is none; None where no batch takes the model."""
    if isinstance(outcome, OrdinalOutcome) or not fit.problem.part.scalar:
        return None
    outcomes = SetOutcomes(outcome.family, outcome.link, drawn, outcome.trials, design.weights)
    if not outcomes.batched:
        return None
    theta, beta, psi = fit.problem.split(fit.end.point.x)
    known = abs(theta[0]) > DOUBTFUL_SD and not (psi > ENDLESS).any()
    start = (float(abs(theta[0])), np.concatenate([beta, psi])) if known else None
    fits = fit_sets(Sets(design, drawn, {}), Question(outcomes, fit.problem.n_nodes, _prior_sd(fit), start))
    held = np.where(fits.converged, 1.0, np.nan)
    values = [fits.estimate.T, np.sqrt(fits.covariances[0][:, 0, 0])]
    if fit.dispersion is not None:
        values.append(fits.dispersion)
    return np.column_stack(values) * held[:, None]


def _prior_sd(fit: GeneralizedFit) -> float | None:
    """The standard deviation of the declared prior, from its precision in conditioned units."""
    if fit.problem.precision is None:
        return None
    root = fit.x_root
    return float(np.diag(root.T @ fit.problem.precision @ root).max() ** -0.5)


def _refit(outcome: Outcome, fit: GeneralizedFit, y: Floats) -> Floats:
    """One refit from the estimate; NaN where it has no end."""
    try:
        if isinstance(outcome, OrdinalOutcome) and isinstance(fit, OrdinalFit) and _lacks(outcome, y):
            return _of_fewer(outcome, fit, y)
        problem = with_density(fit.problem, outcome.density(y).subset(fit.problem.part.order))
        refit = replace(fit, problem=problem, found=find_from(problem, fit.end.point.x))
    except np.linalg.LinAlgError:
        return np.full(len(_values(fit)), np.nan)
    values = _values(refit)
    return values if refit.end.converged else np.full_like(values, np.nan)


def _lacks(outcome: OrdinalOutcome, y: Floats) -> bool:
    """Whether categories without a row leave a threshold without an estimate; a line of thresholds needs no more."""
    return outcome.thresholds.kind == "flexible" and len(np.unique(y)) < outcome.n_categories


def _of_fewer(outcome: OrdinalOutcome, fit: OrdinalFit, y: Floats) -> Floats:
    """A refit to codes (n,) that lack categories: these have no probability, as in a fit to such data."""
    own = np.unique(y).astype(int)
    if len(own) < 2:
        return np.full(len(_values(fit)), np.nan)
    cuts, x, psi = Thresholds(len(own)), fit.end.point.x, fit.problem.split(fit.end.point.x)[2]
    start = np.concatenate([x[: len(x) - len(psi)], cuts.internal(outcome.thresholds.values(psi)[own[1:] - 1])])
    fewer = replace(outcome, y=np.searchsorted(own, y).astype(float), thresholds=cuts)
    problem = with_density(fit.problem, fewer.density().subset(fit.problem.part.order))
    refit = replace(fit, problem=problem, found=find_from(problem, start), rows=fewer.rows())
    values = _values(refit, tuple(own), tuple(range(outcome.n_categories)))
    return values if refit.end.converged else np.full_like(values, np.nan)


def _values(fit: GeneralizedFit, own: Sequence[int] = (), every: Sequence[int] = ()) -> Floats:
    """(d,) fixed effects, thresholds, standard deviations and dispersion, as `named_parameters` has them.

    Thresholds between `own` categories are put between `every` category.
    """
    cuts = fit.rows.thresholds.values(fit.psi) if isinstance(fit, OrdinalFit) else np.zeros(0)
    sds = [np.sqrt(np.maximum(np.diag(V), 0.0)) for V in fit.covariances]
    shape = [] if fit.dispersion is None else [np.array([fit.dispersion])]
    return np.concatenate([fit.beta, between(own, every, cuts, np.inf) if own else cuts, *sds, *shape])
