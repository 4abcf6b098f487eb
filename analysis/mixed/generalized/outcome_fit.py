"""One generalised model of an outcome that is read: condition, start, search; refuse what has no finite estimate."""

from __future__ import annotations

import numpy as np

from doublecode.analysis.mixed.design import Design, Floats
from doublecode.analysis.mixed.generalized.bare_fit import GeneralizedFit
from doublecode.analysis.mixed.generalized.fixed_only import FixedOnly, fit_fixed_only
from doublecode.analysis.mixed.generalized.links import Link, forward
from doublecode.analysis.mixed.generalized.objective import Problem
from doublecode.analysis.mixed.generalized.random_part import RandomPart
from doublecode.analysis.mixed.generalized.response import Outcome
from doublecode.analysis.mixed.generalized.separation import Separated, refuse_separated, suspicious
from doublecode.analysis.mixed.generalized.turning import settle
from doublecode.schemas.errors import NotEstimable
from doublecode.schemas.results import Note

WIDE = 25.0
"""Standard deviation of a random effect, on the scale of the predictor, from which a fit counts as without end."""


def fit_outcome(
    design: Design, part: RandomPart, outcome: Outcome, n_nodes: int, prior_sd: float | None
) -> GeneralizedFit:
    """Condition, start, search; refuse what has no finite estimate."""
    Q, R = design.x_factors
    order = part.order
    problem = Problem(
        part, Q[order],
        np.zeros(design.nobs) if design.offset is None else design.offset[order],
        np.ones(design.nobs) if design.weights is None else design.weights[order],
        outcome.density().subset(order), n_nodes, prior_precision(design.x_names, R, prior_sd),
    )  # fmt: skip
    start, psi = _start(problem, outcome)
    if prior_sd is None and suspicious(start, outcome):
        refuse_separated(design.x_names, design.X, outcome, design.formula.response)
    try:
        problem, found = settle(problem, start.beta, psi)
    except np.linalg.LinAlgError as error:
        raise NotEstimable(
            f"{design.formula.text!r}: {error}; rescale the predictors, or take a simpler random part"
        ) from error
    fit = GeneralizedFit(problem, found, design.terms, R)
    _refuse_endless(fit, design)
    return fit


def prior_precision(names: tuple[str, ...], root: Floats, prior_sd: float | None) -> Floats | None:
    """(p, p) precision of the declared prior in conditioned units."""
    if prior_sd is None or not names:
        return None
    free = np.array([0.0 if name == "Intercept" else prior_sd**-2 for name in names])
    inverse = np.linalg.inv(root)
    return np.asarray(inverse.T @ (free[:, None] * inverse))


def first_dispersion(mean: Floats, variance: Floats) -> Floats:
    """ψ = log φ by the moments of counts, half of their further spread taken for random effects."""
    spread = (variance / mean - 1.0) / mean
    return np.asarray(np.log(np.clip(2.0 / np.maximum(spread, 1e-2), 0.1, 50.0)))


def first_predictor(mean: Floats, link: Link) -> Floats:
    """η of overall means, kept off what has none; of counts per exposure there is no upper end."""
    return forward(np.clip(mean, 0.02, np.inf if link == "log" else 0.98), link)


def _start(problem: Problem, outcome: Outcome) -> tuple[FixedOnly, Floats]:
    """Estimates without random effects; a count's dispersion by its moments."""
    w = problem.weights
    trials = outcome.trials if outcome.trials is not None else np.exp(problem.offset.mean()) * np.ones_like(w)
    first = float(first_predictor(outcome.y.sum() / trials.sum(), outcome.link))
    if outcome.family != "negative-binomial":
        fit = fit_fixed_only(problem.density, problem.X, problem.offset, w, np.zeros(0), first, problem.precision)
        return fit, np.zeros(0)
    y = outcome.y[problem.part.order]
    psi = np.atleast_1d(first_dispersion(y.mean(), y.var()))
    return fit_fixed_only(problem.density, problem.X, problem.offset, w, psi, first, problem.precision), psi


def _refuse_endless(fit: GeneralizedFit, design: Design) -> None:
    for term, V in zip(design.terms, fit.covariances, strict=True):
        spread = float(np.sqrt(np.einsum("ip,pq,iq->i", term.Z, V, term.Z).mean()))
        if spread > WIDE:
            raise Separated(
                f"separation by {term.group!r}: the standard deviation of {term.label} grows without end "
                f"({spread:.3g} on the scale of the predictor), since (almost) every level of {term.group!r} has one "
                "outcome only. Allowed: levels within which the outcome varies. Next: take a simpler random part, or "
                "more rows per level",
                Note("set_without_end", numbers={"group": term.group}),
            )
