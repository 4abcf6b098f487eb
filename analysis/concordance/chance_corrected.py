"""Chance-corrected agreement from counts of ratings per category.

All functions work on several sets at once. `Counts` holds, for sets that share
a layout, how many raters put each target into each category. Sources: Fleiss
(1971) Psychol Bull 76:378; Conger (1980) Psychol Bull 88:322; Gwet (2008) Br J
Math Stat Psychol 61:29; Gwet (2014) Handbook of Inter-Rater Reliability, 4th ed.;
Fleiss, Cohen & Everitt (1969) Psychol Bull 72:323.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from doublecode.analysis.ratings.design import Layout

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Counts:
    """Ratings as categories.

    Attributes
    ----------
    layout : Layout
    category : ndarray of int, shape (n_sets, n_obs)
        Position of each rating among the categories.
    values : ndarray, shape (n_categories,)
        The categories, ascending.
    used : ndarray of bool, shape (n_sets, n_categories)
        Categories that belong to the scale of each set.
    table : ndarray, shape (n_sets, n_targets, n_categories)
        Number of ratings of a target in a category.
    """

    layout: Layout
    category: Ints
    values: Floats
    used: NDArray[np.bool_]
    table: Floats


@dataclass(frozen=True, eq=False)
class Coefficient:
    """A coefficient per set: estimate, standard error, degrees of freedom, each shape (n_sets,); its lowest value."""

    estimate: Floats
    std_error: Floats
    df: Floats
    z: Floats | None = None
    lowest: float = -1.0


def count_categories(layout: Layout, category: Ints, values: Floats, used: NDArray[np.bool_]) -> Counts:
    """Count the ratings of each target in each category."""
    n_sets, n = len(category), layout.n_targets
    q = len(values)
    flat = (np.arange(n_sets)[:, None] * n + layout.target) * q + category
    table = np.bincount(flat.ravel(), minlength=n_sets * n * q).reshape(n_sets, n, q).astype(np.float64)
    return Counts(layout, category, values, used, table)


def agreement_weights(values: Floats, used: NDArray[np.bool_], kind: str) -> Floats:
    """Weights of partial agreement per set, shape (n_sets, q, q); nought outside a set's scale.

    ``unweighted``: 1 on the diagonal; ``linear``: 1 − |a − b|/range; ``quadratic``: 1 − (a − b)²/range²;
    ``ordinal``: 1 − C(|i − j| + 1, 2)/C(q, 2) on ranks (Gwet 2014).
    """
    inside = (used[:, :, None] & used[:, None, :]).astype(np.float64)
    if kind == "unweighted":
        return inside * np.eye(len(values))
    low = np.where(used, values, np.inf).min(axis=1)
    high = np.where(used, values, -np.inf).max(axis=1)
    if kind == "ordinal":
        rank = np.cumsum(used, axis=1)
        gap = np.abs(rank[:, :, None] - rank[:, None, :]).astype(np.float64)
        steps = np.maximum(used.sum(axis=1), 2)[:, None, None]
        return np.asarray(inside * (1.0 - gap * (gap + 1.0) / (steps * (steps - 1.0))), dtype=np.float64)
    span = np.where(high > low, high - low, 1.0)[:, None, None]
    gap = np.abs(values[:, None] - values[None, :])[None] / span
    return inside * (1.0 - (gap if kind == "linear" else gap**2))


def raw_agreement(counts: Counts, weights: Floats) -> Floats:
    """Share of agreeing pairs of ratings per target, shape (n_sets, n_targets); nought for single ratings."""
    per = counts.layout.per_target.astype(np.float64)
    star = counts.table @ weights
    pairs = np.where(per > 1.0, per * (per - 1.0), 1.0)
    agreeing = np.einsum("snq,snq->sn", counts.table, star - 1.0)
    return np.where(per > 1.0, agreeing / pairs, 0.0)


def percent_agreement(counts: Counts, weights: Floats) -> Coefficient:
    """Mean over targets of the share of agreeing pairs, from 0 on."""
    found = _corrected(counts, weights, np.zeros(len(weights)), np.zeros((len(weights), 1)))
    return replace(found, lowest=0.0)


def fleiss_kappa(counts: Counts, weights: Floats) -> Coefficient:
    """Fleiss' kappa, weighted or not; missing ratings allowed."""
    share = counts.table / counts.layout.per_target[:, None]
    overall = share.mean(axis=1)
    reach = np.einsum("sqr,sr->sq", weights, overall)
    expected = np.einsum("sq,sq->s", overall, reach)
    own = np.einsum("snq,sq->sn", share, reach)
    found = _corrected(counts, weights, expected, 2.0 * (own - expected[:, None]))
    return Coefficient(found.estimate, found.std_error, found.df, _fleiss_null_z(counts, weights, found.estimate))


def _fleiss_null_z(counts: Counts, weights: Floats, kappa: Floats) -> Floats | None:
    """Fleiss, Nee & Landis's (1979) z of no agreement; complete tables and plain kappa only."""
    per = counts.layout.per_target
    if (per != per[0]).any() or not (weights == weights * np.eye(weights.shape[1])).all():
        return None
    k, n = float(per[0]), counts.layout.n_targets
    p = counts.table.mean(axis=1) / k
    pq = np.einsum("sq,sq->s", p, 1.0 - p)
    third = np.einsum("sq,sq,sq->s", p, 1.0 - p, 1.0 - 2.0 * p)
    with np.errstate(divide="ignore", invalid="ignore"):
        error = np.sqrt(2.0) / (pq * np.sqrt(n * k * (k - 1.0))) * np.sqrt(pq**2 - third)
        return np.asarray(kappa / error, dtype=np.float64)


def gwet_ac(counts: Counts, weights: Floats) -> Coefficient:
    """Gwet's AC1 (unweighted) or AC2."""
    share = counts.table / counts.layout.per_target[:, None]
    overall = share.mean(axis=1)
    q = counts.used.sum(axis=1)
    pairs = np.where(q > 1, q * (q - 1.0), np.nan)
    scale = weights.sum(axis=(1, 2)) / pairs
    expected = scale * np.einsum("sq,sq->s", overall, 1.0 - overall)
    own = scale[:, None] * np.einsum("snq,sq->sn", share, 1.0 - overall)
    return _corrected(counts, weights, expected, 2.0 * (own - expected[:, None]))


def brennan_prediger(counts: Counts, weights: Floats) -> Coefficient:
    """Brennan and Prediger's coefficient: chance is uniform over the categories."""
    q = counts.used.sum(axis=1)
    return _corrected(counts, weights, weights.sum(axis=(1, 2)) / q**2, np.zeros((len(weights), 1)))


def conger_kappa(counts: Counts, weights: Floats) -> Coefficient:
    """Conger's kappa: Cohen's for any number of raters, chance from each rater's own marginals."""
    layout = counts.layout
    n_sets, n_raters, q = len(weights), layout.n_raters, len(counts.values)
    flat = (np.arange(n_sets)[:, None] * n_raters + layout.rater) * q + counts.category
    tallies = np.bincount(flat.ravel(), minlength=n_sets * n_raters * q).reshape(n_sets, n_raters, q)
    own = tallies / layout.per_rater[:, None]
    others = own.sum(axis=1, keepdims=True) - own
    reach = np.einsum("sqr,sgr->sgq", weights, others)
    meet = np.einsum("sgq,sgq->sg", own, reach)
    pairs = n_raters * (n_raters - 1.0)
    expected = meet.sum(axis=1) / pairs
    lift = np.take_along_axis(reach[:, layout.rater, :], counts.category[:, :, None], axis=2)[:, :, 0]
    lift = (lift - meet[:, layout.rater]) * (2.0 * layout.n_targets / pairs / layout.per_rater[layout.rater])
    starts = np.searchsorted(layout.target, np.arange(layout.n_targets))
    return _corrected(counts, weights, expected, np.add.reduceat(lift, starts, axis=1))


def _corrected(counts: Counts, weights: Floats, expected: Floats, slope: Floats) -> Coefficient:
    """(p_a − p_e)/(1 − p_e) with Gwet's (2014, ch. 6) linearised standard error.

    `slope` is the change of p_e that each target makes, shape (n_sets, n_targets or 1).
    """
    per = counts.layout.per_target
    several = per > 1
    n, m = len(per), int(several.sum())
    own = raw_agreement(counts, weights)
    observed = own.sum(axis=1) / m
    with np.errstate(divide="ignore", invalid="ignore"):
        estimate = (observed - expected) / (1.0 - expected)
        each = (n / m) * several * (own - expected[:, None]) / (1.0 - expected)[:, None]
        each = each - (1.0 - estimate)[:, None] * slope / (1.0 - expected)[:, None]
        error = np.sqrt(np.sum((each - estimate[:, None]) ** 2, axis=1) / (n * (n - 1.0)))
    flat = np.abs(1.0 - expected) < 1e-12
    return Coefficient(np.where(flat, np.nan, estimate), np.where(flat, np.nan, error), np.full(len(estimate), n - 1.0))


def cohen_kappa(counts: Counts, weights: Floats) -> Coefficient:
    """Cohen's (weighted) kappa of two raters with the Fleiss–Cohen–Everitt standard error.

    Only targets that both raters rated take part; where single-coded ones count, `conger_kappa` of two raters is
    Cohen's kappa with each rater's own marginals.
    """
    layout = counts.layout
    both = np.flatnonzero(layout.per_target == 2)
    first = np.searchsorted(layout.target, both)
    n_sets, q, n = len(weights), len(counts.values), len(both)
    flat = (np.arange(n_sets)[:, None] * q + counts.category[:, first]) * q + counts.category[:, first + 1]
    p = np.bincount(flat.ravel(), minlength=n_sets * q * q).reshape(n_sets, q, q) / n
    rows, columns = p.sum(axis=2), p.sum(axis=1)
    observed = np.einsum("sij,sij->s", p, weights)
    expected = np.einsum("si,sij,sj->s", rows, weights, columns)
    reach = np.einsum("sij,sj->si", weights, columns)[:, :, None]
    reach = reach + np.einsum("sij,si->sj", weights, rows)[:, None, :]
    with np.errstate(divide="ignore", invalid="ignore"):
        estimate = (observed - expected) / (1.0 - expected)
        term = weights * (1.0 - expected)[:, None, None] - reach * (1.0 - observed)[:, None, None]
        square = np.einsum("sij,sij->s", p, term**2)
        square = square - (observed * expected - 2.0 * expected + observed) ** 2
        error = np.sqrt(np.maximum(square, 0.0) / n) / (1.0 - expected) ** 2
    flat_sets = np.abs(1.0 - expected) < 1e-12
    return Coefficient(
        np.where(flat_sets, np.nan, estimate),
        np.where(flat_sets, np.nan, error),
        np.full(n_sets, np.inf),
    )
