"""Which models of a series may be compared by their likelihoods, and the test."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from doublecode.analysis.mixed.result import MixedResult


class Obstacle(StrEnum):
    """Why the likelihood ratio of two models is not to be had."""

    NO_FIT = "no fit"
    NOT_NESTED = "not nested"
    SAME_SIZE = "same size"


def obstacle(small: MixedResult | None, large: MixedResult | None) -> Obstacle | None:
    """Say why two maximum-likelihood fits do not compare; None where they do."""
    if small is None or large is None or not (small.converged and large.converged):
        return Obstacle.NO_FIT
    X0, X1 = small.model.X, large.model.X
    rest = X0 - X1 @ np.linalg.lstsq(X1, X0, rcond=None)[0]
    nested = bool(np.all(np.linalg.norm(rest, axis=0) <= 1e-8 * np.linalg.norm(X0, axis=0)))
    if not nested or not _random_of(small) <= _random_of(large):
        return Obstacle.NOT_NESTED
    return None if small.n_parameters < large.n_parameters else Obstacle.SAME_SIZE


def _random_of(fit: MixedResult) -> set[tuple[str, str]]:
    return {(term.group, column) for term in fit.model.terms for column in term.columns}


def adds_random(small: MixedResult | None, large: MixedResult | None) -> bool:
    """Whether two fits differ in their random effects."""
    return small is not None and large is not None and _random_of(small) != _random_of(large)


def likelihood_ratio(small: MixedResult | None, large: MixedResult | None) -> dict[str, Any]:
    """Return ``chi2, df, p_value, reference`` of two nested maximum-likelihood fits."""
    from doublecode.analysis.mixed.comparison import compare

    if small is None or large is None:
        return {}
    test = compare(small, large).frame.iloc[-1]
    return {
        "chi2": float(test["statistic"]),
        "df": float(test["df"]),
        "p_value": float(test["p_value"]),
        "reference": test["reference"],
    }
