"""Log-probability of an ordinal outcome under a cumulative logit or probit model, with its derivatives.

P(Y = j) = F(τⱼ₊₁ − η) − F(τⱼ − η), categories numbered from 0, τ₀ = −∞, τ_K = ∞ (McCullagh 1980): a positive
coefficient moves the probability towards higher categories. With a and b the upper and the lower edge minus η and
δ = a − b, the logit has log P = log F(a) + log F(−b) + log(1 − e^−δ), where δ does not depend on η; the probit is
taken on the side where both edges are negative. Nothing is lost in the tails.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy import special

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
CumulativeLink = Literal["logit", "probit"]

UNDERFLOW = 1e-280
"""Product of probabilities below which their logarithms are taken one by one."""


@dataclass(frozen=True)
class Edges:
    """Log-probabilities of n rows, and derivatives by η and by the upper (a) and the lower (b) edge.

    Attributes
    ----------
    value
        (n,) log P.
    d1, d2, d3
        (n,) ∂/∂η, ∂²/∂η², ∂³/∂η³; d2 < 0.
    upper, lower
        (3, n) of ∂/∂a, ∂²/∂η∂a, ∂³/∂η²∂a, and the same by b; 0 for an edge at infinity.
    """

    value: Floats
    d1: Floats
    d2: Floats
    d3: Floats
    upper: Floats
    lower: Floats


def log_probability(upper: Floats, lower: Floats, link: CumulativeLink) -> Floats:
    """(n,) log P between the edges τⱼ₊₁ − η and τⱼ − η, both (n,); NaN where they are not in order."""
    return _log_logit(upper, lower) if link == "logit" else _log_probit(upper, lower)


def derivatives(upper: Floats, lower: Floats, link: CumulativeLink) -> Edges:
    """Log-probabilities with all derivatives that Laplace's approximation and quadrature need."""
    return _logit(upper, lower) if link == "logit" else _probit(upper, lower)


def slopes(upper: Floats, lower: Floats, link: CumulativeLink) -> tuple[Floats, Floats, Floats]:
    """(…, n) log P, ∂/∂η and ∂²/∂η²: no more than the search of the modes needs."""
    if link == "logit":
        value, pa, pb = logit_parts(upper, lower, log_gap(upper - lower))
        return value, pa - pb, pa * (pa - 1.0) + pb * (pb - 1.0)
    value, A, B, xa, xb = _ratios(upper, lower)
    m1 = B - A
    return value, m1, xb * B - xa * A - m1**2


def probabilities(eta: Floats, tau: Floats, link: CumulativeLink) -> Floats:
    """(n, K) probabilities of the categories for η (n,) and thresholds (K − 1,); rows sum to 1."""
    n, cuts = len(eta), np.concatenate([[-np.inf], tau, [np.inf]])
    edges = cuts - eta[:, None]
    flat = log_probability(edges[:, 1:].ravel(), edges[:, :-1].ravel(), link)
    return np.asarray(np.exp(flat).reshape(n, len(tau) + 1))


def log_gap(delta: Floats) -> Floats:
    """log(1 − e^−δ), δ > 0, without loss at either end."""
    with np.errstate(divide="ignore"):
        small = np.log(-np.expm1(-np.minimum(delta, 1.0)))
    return np.where(delta < np.log(2.0), small, np.log1p(-np.exp(-delta)))


def logit_parts(a: Floats, b: Floats, gap: Floats) -> tuple[Floats, Floats, Floats]:
    """Log P, F(a) and F(−b) of the logit, `gap` being log(1 − e^(b − a)); ∂/∂η is F(a) − F(−b)."""
    pa, pb = special.expit(a), special.expit(-b)
    product = pa * pb
    if product.size and product.min() < UNDERFLOW:
        return np.asarray(special.log_expit(a) + special.log_expit(-b) + gap), pa, pb
    return np.asarray(np.log(product) + gap), pa, pb


def _log_logit(a: Floats, b: Floats) -> Floats:
    return np.asarray(special.log_expit(a) + special.log_expit(-b) + log_gap(a - b))


def _logit(a: Floats, b: Floats) -> Edges:
    value, pa, pb = logit_parts(a, b, log_gap(a - b))
    va, vb = pa * (1.0 - pa), pb * (1.0 - pb)
    ta, tb = va * (1.0 - 2.0 * pa), vb * (2.0 * pb - 1.0)
    with np.errstate(over="ignore", divide="ignore"):
        tie = 1.0 / np.expm1(a - b)
    upper = np.where(np.isposinf(a), 0.0, [1.0 - pa + tie, va, -ta])
    lower = np.where(np.isneginf(b), 0.0, [pb - 1.0 - tie, vb, -tb])
    return Edges(value, pa - pb, -va - vb, ta + tb, upper, lower)


def _log_probit(a: Floats, b: Floats) -> Floats:
    flip = np.where(np.isinf(a) | np.isinf(b), np.isposinf(a), a + b > 0)
    high, low = special.log_ndtr(np.where(flip, -b, a)), special.log_ndtr(np.where(flip, -a, b))
    return np.asarray(high + log_gap(high - low))


def _probit(a: Floats, b: Floats) -> Edges:
    value, A, B, xa, xb = _ratios(a, b)
    m1, m2 = B - A, xb * B - xa * A
    m3 = (xb**2 - 1.0) * B - (xa**2 - 1.0) * A
    upper = _by_edge(m1, m2, A, xa)
    lower = -_by_edge(m1, m2, B, xb)
    return Edges(value, m1, m2 - m1**2, m3 - 3.0 * m1 * m2 + 2.0 * m1**3, upper, lower)


def _ratios(a: Floats, b: Floats) -> tuple[Floats, Floats, Floats, Floats, Floats]:
    """Log P, the normal density at both edges divided by P, and the edges; 0 for one at infinity."""
    value = _log_probit(a, b)
    open_a, open_b = np.isinf(a), np.isinf(b)
    xa, xb = np.where(open_a, 0.0, a), np.where(open_b, 0.0, b)
    A = np.where(open_a, 0.0, np.exp(_log_density(xa) - value))
    B = np.where(open_b, 0.0, np.exp(_log_density(xb) - value))
    return value, A, B, xa, xb


def probit_slopes(a: Floats, b: Floats) -> tuple[Floats, Floats, Floats]:
    """(…, n) log P, and the normal density at the upper and at the lower edge divided by P."""
    value, A, B, _, _ = _ratios(a, b)
    return value, A, B


def _by_edge(m1: Floats, m2: Floats, ratio: Floats, x: Floats) -> Floats:
    """(3, n) derivatives by an edge, from ratios of the density and its derivatives to P."""
    q1, q2 = x * ratio, (x**2 - 1.0) * ratio
    return np.array([ratio, q1 - m1 * ratio, q2 - m2 * ratio - 2.0 * m1 * q1 + 2.0 * m1**2 * ratio])


def _log_density(x: Floats) -> Floats:
    return np.asarray(-0.5 * x * x - 0.5 * np.log(2.0 * np.pi))
