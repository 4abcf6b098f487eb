"""Complete designs: intraclass correlations from mean squares, with exact F limits.

Every function takes all sets at once. Sources: Shrout & Fleiss (1979),
Psychological Bulletin, 86, 420–428; McGraw & Wong (1996), Psychological Methods,
1, 30–46 (tables 4, 7 and 8; the limits of ICC(A,·) use Satterthwaite's df).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import special

from doublecode.analysis.ratings.rounding import rounding_noise
from doublecode.analysis.reliability.forms import (
    Definition,
    Form,
    IccBlock,
    States,
    estimated,
    noted,
    spearman_brown,
)
from doublecode.analysis.results.states import Estimator, IccState, Limits
from doublecode.schemas.results import Note

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class MeanSquares:
    """Mean squares of complete tables; each array has shape (n_sets,)."""

    n: int
    k: int
    targets: Floats
    within: Floats
    raters: Floats
    error: Floats


def mean_squares(tables: Floats) -> MeanSquares:
    """Mean squares of targets, within, raters and error.

    Parameters
    ----------
    tables : ndarray, shape (n_sets, n_targets, n_raters)

    Notes
    -----
    Sums of squares are taken of residuals, not by subtraction, and what is
    below rounding error counts as nought, so that perfect agreement is perfect.
    """
    n_sets, n, k = tables.shape
    flat = tables.reshape(n_sets, n * k)
    rest = tables - flat.mean(axis=1)[:, None, None]
    # Means as products: several times quicker than reductions over short axes. What is left of the ratings shrinks in
    # place: around the mean of all, then of their target, then of their rater too.
    rows = rest @ np.full(k, 1.0 / k)
    columns = np.full(n, 1.0 / n) @ rest
    square = np.empty((4, n_sets))
    square[0] = np.einsum("si,si->s", rows, rows)
    square[1] = np.einsum("sj,sj->s", columns, columns)
    rest -= rows[:, :, None]
    square[2] = np.einsum("sij,sij->s", rest, rest)
    rest -= columns[:, None, :]
    square[3] = np.einsum("sij,sij->s", rest, rest)
    counts, times = np.array([n, k, n * k, n * k]), np.array([k, n, 1, 1])
    df = np.array([n - 1, k - 1, n * (k - 1), (n - 1) * (k - 1)])
    clean = np.where(square <= rounding_noise(flat)[:, 0] ** 2 * counts[:, None], 0.0, square)
    targets, raters, within, error = times[:, None] * clean / df[:, None]
    return MeanSquares(n=n, k=k, targets=targets, within=within, raters=raters, error=error)


def one_way_single(ms: MeanSquares, alpha: float) -> Floats:
    """ICC(1,1) and its exact limits, shape (3, n_sets)."""
    (found,) = _ratio_forms(ms, ms.within[None], np.array([ms.n * (ms.k - 1)]), alpha)
    return np.asarray(found)


def consistency_single(ms: MeanSquares, alpha: float) -> Floats:
    """ICC(C,1) and its exact limits, shape (3, n_sets)."""
    (found,) = _ratio_forms(ms, ms.error[None], np.array([(ms.n - 1) * (ms.k - 1)]), alpha)
    return np.asarray(found)


def _ratio_forms(ms: MeanSquares, below: Floats, df: NDArray[np.int64], alpha: float) -> Floats:
    """(MS₁ − c·MS₂) / (MS₁ + (k − 1)·c·MS₂), MS₁ of targets, at c = 1 and at the two F quantiles.

    Parameters
    ----------
    below : ndarray, shape (n_forms, n_sets)
        MS₂ of each form.
    df : ndarray, shape (n_forms,)
        Its degrees of freedom.

    Returns
    -------
    ndarray, shape (n_forms, 3, n_sets)
    """
    times = np.ones((len(df), 3, 1))
    times[:, 1, 0] = special.fdtri(ms.n - 1, df, 1.0 - alpha / 2.0)
    times[:, 2, 0] = 1.0 / special.fdtri(df, ms.n - 1, 1.0 - alpha / 2.0)
    return _share(ms.targets, times * below[:, None, :], ms.k)


def _share(above: Floats, below: Floats, k: int) -> Floats:
    total = above + (k - 1) * below
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(total > 0.0, (above - below) / total, np.nan)


def agreement_single(ms: MeanSquares, alpha: float) -> Floats:
    """ICC(A,1) and its limits with Satterthwaite's df, shape (3, n_sets)."""
    n, k = ms.n, ms.k
    estimate = _agreement(ms)
    above, below, targets = k * estimate, n * (1.0 - estimate), n * ms.targets
    q = 1.0 - alpha / 2.0
    with np.errstate(divide="ignore", invalid="ignore"):
        a, b = above / below * ms.raters, (1.0 + above * (n - 1) / below) * ms.error
        df = (a + b) ** 2 / (a**2 / (k - 1) + b**2 / ((n - 1) * (k - 1)))
        lower, upper = special.fdtri(n - 1.0, df, q), special.fdtri(df, n - 1.0, q)
        noise = k * ms.raters + (k * n - k - n) * ms.error
        low = n * (ms.targets - lower * ms.error) / (lower * noise + targets)
        high = n * (upper * ms.targets - ms.error) / (noise + n * upper * ms.targets)
    alike = ms.targets == 0.0  # Satterthwaite's df are nought: 0/0
    perfect = (noise == 0.0) & ~alike
    if alike.any() or perfect.any():
        low, high = (np.where(perfect, 1.0, np.where(alike, np.nan, limit)) for limit in (low, high))
    return np.array([estimate, low, high])


def point_estimates(ms: MeanSquares) -> dict[Definition, Floats]:
    """ICC(1,1), ICC(A,1) and ICC(C,1) without limits; the mean squares may have any shape."""
    return {"1": _share(ms.targets, ms.within, ms.k), "A": _agreement(ms), "C": _share(ms.targets, ms.error, ms.k)}


def _agreement(ms: MeanSquares) -> Floats:
    total = ms.targets + (ms.k - 1) * ms.error + ms.k * (ms.raters - ms.error) / ms.n
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(total > 0.0, (ms.targets - ms.error) / total, np.nan)


def f_test(
    above: Floats, below: Floats, df1: float | NDArray[np.int64], df2: float | NDArray[np.int64]
) -> tuple[Floats, Floats]:
    """F ratio and its upper tail; +inf where the denominator is nought, NaN where both are."""
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = above / below
        tail = special.fdtrc(df1, df2, ratio)
    return ratio, np.where(ratio == np.inf, 0.0, tail)


def complete_block(
    tables: Floats, wanted: Sequence[tuple[float, bool, str]], conf_level: float, *, known_raters: bool
) -> IccBlock:
    """All forms of complete tables.

    Parameters
    ----------
    tables : ndarray, shape (n_sets, n_targets, n_raters)
    wanted : sequence of (k, effective, symbol)
        From :func:`doublecode.analysis.reliability.forms.requested`.
    conf_level : float
    known_raters : bool
        False: the columns are no raters, only the one-way forms are returned.
    """
    ms = mean_squares(tables)
    n, k = ms.n, ms.k
    definitions: tuple[Definition, ...] = ("1", "A", "C") if known_raters else ("1",)
    forms = _forms(tuple(wanted), definitions)
    singles, ratio, tail = _singles(ms, 1.0 - conf_level, known_raters)
    sizes = np.array([entry[0] for entry in wanted])
    stepped = spearman_brown(singles, sizes[:, None, None, None])
    estimate, low, high = stepped.reshape(len(forms), 3, -1).transpose(1, 2, 0)
    tested = [0, 1, 1] * len(wanted) if known_raters else [0] * len(wanted)  # the test of A is that of C
    error_df = (n - 1.0) * (k - 1)
    df2 = np.array([n * (k - 1.0), error_df])
    state, notes = _mark(ms, estimate.shape, known_raters)
    notes += _mark_open(estimate, low, state)
    bias_df = np.full((2, len(ratio[0])), [[k - 1.0], [error_df]])
    return IccBlock(
        forms=forms,
        estimate=estimate,
        conf_low=low,
        conf_high=high,
        statistic=ratio[tested].T,
        df1=np.full(estimate.shape, n - 1.0),
        df2=np.full(estimate.shape, df2[tested]),
        p_value=tail[tested].T,
        estimator=Estimator.MEAN_SQUARES,
        limits=Limits.EXACT_F,
        state=state,
        components=("target", "rater", "residual") if known_raters else ("target", "residual"),
        variances=_components(ms, known_raters),
        bias_f=(ratio[2], *bias_df, tail[2]) if known_raters else None,
        notes=notes,
    )


@lru_cache(maxsize=64)
def _forms(wanted: tuple[tuple[float, bool, str], ...], definitions: tuple[Definition, ...]) -> tuple[Form, ...]:
    return tuple(Form(d, *entry) for entry in wanted for d in definitions)


def _singles(ms: MeanSquares, alpha: float, known_raters: bool) -> tuple[Floats, Floats, Floats]:
    """ICC(1,1), ICC(A,1) and ICC(C,1) with limits (forms, 3, n_sets); F and p (tests, n_sets), one-way only if so.

    The tests are MS_target / MS_within, MS_target / MS_error and, of rater bias, MS_rater / MS_error (McGraw & Wong
    1996), which is not MS_target / MS_error.
    """
    n, k = ms.n, ms.k
    df1, df2 = np.array([n - 1, n - 1, k - 1]), np.array([n * (k - 1), (n - 1) * (k - 1), (n - 1) * (k - 1)])
    if not known_raters:
        ratio, tail = f_test(ms.targets[None], ms.within[None], n - 1, n * (k - 1))
        return _ratio_forms(ms, ms.within[None], df2[:1], alpha), ratio, tail
    below = np.array([ms.within, ms.error])
    singles = np.empty((3, 3, len(ms.targets)))
    singles[::2] = _ratio_forms(ms, below, df2[:2], alpha)
    singles[1] = agreement_single(ms, alpha)
    above, under = np.array([ms.targets, ms.targets, ms.raters]), below[[0, 1, 1]]
    return singles, *f_test(above, under, df1[:, None], df2[:, None])


def _mark_open(estimate: Floats, low: Floats, state: States) -> tuple[tuple[int, Note], ...]:
    """Mark, in place, limits and estimates that do not exist; return the notes on limits."""
    missing = np.isnan(low)
    if not missing.any():
        return ()
    plain, undefined = state == IccState.ESTIMATED, np.isnan(estimate)
    open_below = missing & ~undefined & plain
    state[open_below] = IccState.NO_LOWER_LIMIT
    state[undefined & plain] = IccState.BELOW_LEAST
    return noted(open_below.any(axis=1), Note("no_lower_limit"))


def _components(ms: MeanSquares, known_raters: bool) -> Floats:
    if not known_raters:
        return np.array([(ms.targets - ms.within) / ms.k, ms.within]).T
    return np.array([(ms.targets - ms.error) / ms.k, (ms.raters - ms.error) / ms.n, ms.error]).T


def _mark(ms: MeanSquares, shape: tuple[int, ...], known_raters: bool) -> tuple[States, tuple[tuple[int, Note], ...]]:
    """Say per set how the numbers came about: estimated, perfect agreement, or undefined."""
    state = estimated(shape)
    residual = ms.error if known_raters else ms.within
    if (np.array([ms.targets, ms.within, residual]) > 0.0).all():
        return state, ()
    flat = (ms.targets == 0.0) & (ms.within == 0.0)
    perfect = (ms.targets > 0.0) & (ms.within == 0.0)
    alike = (ms.targets == 0.0) & ~flat & (residual > 0.0)
    raters_only = (ms.targets == 0.0) & ~flat & (residual == 0.0)
    shifted = (residual == 0.0) & (ms.targets > 0.0) & ~perfect
    notes: tuple[tuple[int, Note], ...] = ()
    for mask, mark, kind in (
        (flat, IccState.ALL_EQUAL, "all_ratings_equal"),
        (perfect, IccState.PERFECT_AGREEMENT, "perfect_agreement"),
        (alike, IccState.TARGETS_ALIKE, "targets_alike"),
        (raters_only, IccState.TARGETS_ALIKE, "only_raters_differ"),
        (shifted, IccState.NO_RESIDUAL, "raters_shifted"),
    ):
        state[mask] = mark
        notes += noted(mask, Note(kind))
    return state, notes
