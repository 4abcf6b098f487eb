"""What a cumulative model says in categories: thresholds, probabilities, average effects, proportional odds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import special

from doublecode.analysis.mixed.design import Design
from doublecode.analysis.mixed.generalized.cumulative_density import CumulativeLink, probabilities
from doublecode.analysis.mixed.generalized.marginal_effects import (
    contrast_pairs,
    named_predictors,
    stacked,
    wald_columns,
    with_delta,
)
from doublecode.analysis.mixed.generalized.ordinal_fit import OrdinalFit
from doublecode.analysis.mixed.generalized.ordinal_outcome import OrdinalOutcome
from doublecode.analysis.mixed.generalized.population import row_variances
from doublecode.analysis.mixed.generalized.thresholds import Thresholds

Floats = npt.NDArray[np.float64]

POINTS = 31
"""Quadrature points over the normal distribution of the random part."""


def threshold_names(labels: Sequence[Any]) -> list[str]:
    """Names of the K − 1 thresholds as R's clm has them, ``0|1``."""
    return [f"{labels[j]}|{labels[j + 1]}" for j in range(len(labels) - 1)]


def threshold_frame(
    labels: Sequence[Any], thresholds: Thresholds, psi: Floats, vcov: Floats, conf_level: float
) -> pd.DataFrame:
    """Frame threshold, estimate, std_error, conf_low, conf_high from ψ (k,) and its covariance (k, k).

    Standard errors follow by the delta method from those of ψ.
    """
    tau, J = thresholds.values(psi), thresholds.jacobian(psi)
    se = np.sqrt(np.maximum(np.einsum("jk,kl,jl->j", J, vcov, J), 0.0))
    reach = special.ndtri(0.5 + conf_level / 2.0) * se
    columns = {"threshold": threshold_names(labels), "estimate": tau, "std_error": se}
    return pd.DataFrame(columns | {"conf_low": tau - reach, "conf_high": tau + reach})


def mean_probabilities(eta: Floats, variance: Floats, tau: Floats, link: CumulativeLink) -> Floats:
    """(n, K) probabilities averaged over a normal random part of variance (n,) around η (n,).

    Probit: thresholds minus η shrink by √(1 + variance). Logit: Gauss–Hermite quadrature.
    """
    if link == "probit":
        shrunk = np.sqrt(1.0 + variance)
        cuts = np.concatenate([[-np.inf], tau, [np.inf]])
        return np.asarray(np.diff(special.ndtr((cuts - eta[:, None]) / shrunk[:, None]), axis=1))
    nodes, weights = np.polynomial.hermite_e.hermegauss(POINTS)
    spread = np.sqrt(variance)
    out = np.zeros((len(eta), len(tau) + 1))
    for node, weight in zip(nodes, weights / weights.sum(), strict=True):
        out += weight * probabilities(eta + node * spread, tau, link)
    return out


def effects_on_categories(
    design: Design, outcome: OrdinalOutcome, fit: OrdinalFit, of: str | Sequence[str], conf_level: float
) -> pd.DataFrame:
    """Average effects on the probability of each category, over rows and random effects.

    Frame term, contrast, category, estimate, std_error, statistic, p_value, conf_low, conf_high; the estimates of one
    contrast sum to zero.
    """
    parts = []
    for name in named_predictors(design, of):
        for contrast, high, low, divisor in contrast_pairs(design, name):
            effect = _effect(design, outcome, fit, (high, low), divisor)
            columns: dict[str, Any] = {"term": name, "contrast": contrast, "category": list(map(str, outcome.labels))}
            parts.append(pd.DataFrame(columns | wald_columns(*with_delta(effect, fit), conf_level)))
    return stacked(parts, ["term", "contrast", "category"])


def _effect(
    design: Design, outcome: OrdinalOutcome, fit: OrdinalFit, ends: tuple[Floats, Floats], divisor: float
) -> Callable[[Floats], Floats]:
    known = np.zeros(design.nobs) if design.offset is None else design.offset

    def effect(x: Floats) -> Floats:
        beta, tau = fit.beta_at(x), outcome.thresholds.values(fit.psi_at(x))
        variance = row_variances(design.terms, fit.covariances_at(x))
        high, low = (
            mean_probabilities(known + X @ beta, variance, tau, outcome.cumulative_link).mean(axis=0) for X in ends
        )
        return np.asarray((high - low) / divisor)

    return effect
