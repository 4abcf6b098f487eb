"""Links of a linear predictor to a mean: inverse, its derivative, and the latent error variance of a binary outcome."""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy import special

Floats = npt.NDArray[np.float64]
Link = Literal["logit", "probit", "cloglog", "log"]

LATENT_VARIANCE: dict[str, float] = {"logit": np.pi**2 / 3.0, "probit": 1.0, "cloglog": np.pi**2 / 6.0}
"""Variance of the latent error that each link of a probability stands for."""
LARGEST = 700.0
"""Linear predictor beyond which the exponential leaves the range of floating-point numbers."""


def inverse(eta: Floats, link: Link) -> Floats:
    """Mean at η: a probability, or an expected count for ``"log"``."""
    if link == "logit":
        return np.asarray(special.expit(eta))
    if link == "probit":
        return np.asarray(special.ndtr(eta))
    if link == "cloglog":
        return np.asarray(-np.expm1(-np.exp(np.minimum(eta, LARGEST))))
    return np.asarray(np.exp(np.minimum(eta, LARGEST)))


def slope(eta: Floats, link: Link) -> Floats:
    """Derivative of :func:`inverse` in η."""
    if link == "logit":
        p = special.expit(eta)
        return np.asarray(p * special.expit(-eta))
    if link == "probit":
        return np.asarray(np.exp(-0.5 * eta * eta) / np.sqrt(2.0 * np.pi))
    bounded = np.minimum(eta, LARGEST)
    return np.asarray(np.exp(bounded - np.exp(bounded)) if link == "cloglog" else np.exp(bounded))


def forward(mean: Floats, link: Link) -> Floats:
    """Linear predictor at a mean."""
    if link == "logit":
        return np.asarray(special.logit(mean))
    if link == "probit":
        return np.asarray(special.ndtri(mean))
    return np.asarray(np.log(-np.log1p(-mean)) if link == "cloglog" else np.log(mean))
