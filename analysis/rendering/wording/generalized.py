"""Sentences of the notes of ``analysis/mixed/generalized``."""

from __future__ import annotations

from typing import Final

from doublecode.analysis.rendering.wording.phrases import Wording

SENTENCES: Final[dict[str, Wording]] = {
    "generalized_quadrature": (
        "adaptive Gauss–Hermite quadrature with {n_nodes} points, since there is one scalar random term (glmer's "
        "default is 1 point, Laplace's approximation)"
    ),
    "generalized_laplace": "Laplace's approximation, since quadrature takes one scalar random term only",
    "generalized_quadrature_asked": "adaptive Gauss–Hermite quadrature with {n_nodes} points, as asked",
    "generalized_laplace_asked": "Laplace's approximation, as asked (nagq = 1)",
    "outcome_of_two_values": (
        "{outcome} has two values: this linear model predicts outside of them; fit_generalized with family 'binomial' "
        "is the model for such an outcome"
    ),
    "outcome_of_few_values": (
        "{outcome} takes {n_values} whole values only; fit_generalized has models for ordered categories "
        "(family 'ordinal') and for counts"
    ),
    "generalized_no_overdispersion": (
        "φ grows without end: the counts have no more spread than Poisson's; take family 'poisson'"
    ),
    "generalized_link_scale": "estimates are on the scale of the linear predictor ({link}), of a group at the middle",
    "offset_is_no_log": (
        "the offset {offset} reaches from {low} to {high}, as minutes or days do; an offset of counts is the logarithm "
        "of the exposure: is log({offset}) meant?"
    ),
    "zero_one_of_trials": (
        "{outcome} holds 0 and 1 only, and 1 was read as one success, of up to {most} trials: does 1 mean that all of "
        "them were (then the outcome is {outcome} times the trials), or is each row a single trial (then leave the "
        "trials out)?"
    ),
    "generalized_prior": (
        "not maximum likelihood: a weak normal prior with mean 0 and standard deviation {sd} was declared on every "
        "fixed effect but the intercept, per unit of its predictor"
    ),
}
