"""Outcomes drawn from a fitted generalised model."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from doublecode.analysis.mixed.design import Design
from doublecode.analysis.mixed.engine.optimise import lower_factor
from doublecode.analysis.mixed.generalized.bare_fit import GeneralizedFit
from doublecode.analysis.mixed.generalized.links import inverse
from doublecode.analysis.mixed.generalized.ordinal_outcome import OrdinalOutcome
from doublecode.analysis.mixed.generalized.response import Outcome
from doublecode.analysis.mixed.prediction import linear_predictor

Floats = npt.NDArray[np.float64]

LARGEST_MEAN = 1e15
"""Mean count beyond which none is drawn larger."""


def simulate_outcomes(
    design: Design, outcome: Outcome, fit: GeneralizedFit, *, n: int, seed: int, groups: set[str]
) -> Floats:
    """(rows, n) successes or counts; effects of `groups` at their modes, all others drawn anew."""
    rng = np.random.default_rng(seed)
    eta = np.repeat(linear_predictor(design, fit.beta, fit.modes, groups, None)[:, None], n, axis=1)
    for term, V in zip(design.terms, fit.covariances, strict=True):
        if term.group in groups:
            continue
        drawn = rng.standard_normal((term.n_levels, n, term.size)) @ lower_factor(V).T
        for k in range(term.size):
            eta += term.Z[:, k, None] * drawn[term.codes, :, k]
    return draw(outcome, eta, fit.psi, rng)


def draw(outcome: Outcome, eta: Floats, psi: Floats, rng: np.random.Generator) -> Floats:
    """Outcomes at linear predictors (rows, n)."""
    if isinstance(outcome, OrdinalOutcome):
        return outcome.draw(eta, psi, rng)
    mean = inverse(eta, outcome.link)
    if outcome.trials is not None:
        return rng.binomial(outcome.trials.astype(np.int64)[:, None], mean).astype(float)
    mean = np.minimum(mean, LARGEST_MEAN)
    if outcome.family == "negative-binomial":
        phi = np.exp(psi[0])
        mean = rng.gamma(phi, mean / phi)
    return rng.poisson(mean).astype(float)
