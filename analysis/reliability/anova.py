"""Complete designs: intraclass correlations from mean squares, with exact F limits.

Every function takes all sets at once. Sources: Shrout & Fleiss (1979),
Psychological Bulletin, 86, 420–428; McGraw & Wong (1996), Psychological Methods,
1, 30–46 (tables 4, 7 and 8; the limits of ICC(A,·) use Satterthwaite's df).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

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
    noise = rounding_noise(flat)[:, 0] ** 2
    centred = tables - flat.mean(axis=1)[:, None, None]
    # Means as products: several times quicker than reductions over short axes.
    rows = centred @ np.full(k, 1.0 / k)
    columns = np.full(n, 1.0 / n) @ centred
    inside = centred - rows[:, :, None]
    rest = inside - columns[:, None, :]

    def clean(square: Floats, count: int) -> Floats:
        return np.where(square <= noise * count, 0.0, square)

    return MeanSquares(
        n=n,
        k=k,
        targets=k * clean(np.einsum("si,si->s", rows, rows), n) / (n - 1),
        within=clean(np.einsum("sij,sij->s", inside, inside), n * k) / (n * (k - 1)),
        raters=n * clean(np.einsum("sj,sj->s", columns, columns), k) / (k - 1),
        error=clean(np.einsum("sij,sij->s", rest, rest), n * k) / ((n - 1) * (k - 1)),
    )


def one_way_single(ms: MeanSquares, alpha: float) -> Floats:
    """ICC(1,1) and its exact limits, shape (3, n_sets)."""
    return _ratio_form(ms.targets, ms.within, ms.k, ms.n - 1, ms.n * (ms.k - 1), alpha)


def consistency_single(ms: MeanSquares, alpha: float) -> Floats:
    """ICC(C,1) and its exact limits, shape (3, n_sets)."""
    return _ratio_form(ms.targets, ms.error, ms.k, ms.n - 1, (ms.n - 1) * (ms.k - 1), alpha)


def _ratio_form(above: Floats, below: Floats, k: int, df1: int, df2: int, alpha: float) -> Floats:
    """(MS₁ − c·MS₂) / (MS₁ + (k − 1)·c·MS₂) at c = 1 and at the two F quantiles."""
    low = float(special.fdtri(df1, df2, 1.0 - alpha / 2.0))
    high = 1.0 / float(special.fdtri(df2, df1, 1.0 - alpha / 2.0))
    return _share(above, np.array([[1.0], [low], [high]]) * below, k)


def _share(above: Floats, below: Floats, k: int) -> Floats:
    total = above + (k - 1) * below
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(total > 0.0, (above - below) / total, np.nan)


def agreement_single(ms: MeanSquares, alpha: float) -> Floats:
    """ICC(A,1) and its limits with Satterthwaite's df, shape (3, n_sets)."""
    n, k = ms.n, ms.k
    estimate = _agreement(ms)
    with np.errstate(divide="ignore", invalid="ignore"):
        a = k * estimate / (n * (1.0 - estimate))
        b = 1.0 + k * estimate * (n - 1) / (n * (1.0 - estimate))
        spread = (a * ms.raters) ** 2 / (k - 1) + (b * ms.error) ** 2 / ((n - 1) * (k - 1))
        df = (a * ms.raters + b * ms.error) ** 2 / spread
        lower = special.fdtri(n - 1.0, df, 1.0 - alpha / 2.0)
        upper = special.fdtri(df, n - 1.0, 1.0 - alpha / 2.0)
        noise = k * ms.raters + (k * n - k - n) * ms.error
        low = n * (ms.targets - lower * ms.error) / (lower * noise + n * ms.targets)
        high = n * (upper * ms.targets - ms.error) / (noise + n * upper * ms.targets)
    perfect = (noise == 0.0) & (ms.targets > 0.0)
    alike = ms.targets == 0.0  # Satterthwaite's df are nought: 0/0
    low, high = (np.where(perfect, 1.0, np.where(alike, np.nan, limit)) for limit in (low, high))
    return np.array([estimate, low, high])


def point_estimates(ms: MeanSquares) -> dict[Definition, Floats]:
    """ICC(1,1), ICC(A,1) and ICC(C,1) without limits; the mean squares may have any shape."""
    return {"1": _share(ms.targets, ms.within, ms.k), "A": _agreement(ms), "C": _share(ms.targets, ms.error, ms.k)}


def _agreement(ms: MeanSquares) -> Floats:
    total = ms.targets + (ms.k - 1) * ms.error + ms.k * (ms.raters - ms.error) / ms.n
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(total > 0.0, (ms.targets - ms.error) / total, np.nan)


def f_test(above: Floats, below: Floats, df1: float, df2: float) -> tuple[Floats, Floats]:
    """F ratio and its upper tail; +inf where the denominator is nought, NaN where both are."""
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = above / below
        tail = special.fdtrc(df1, df2, ratio)
    return ratio, np.where(np.isposinf(ratio), 0.0, tail)


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
    alpha = 1.0 - conf_level
    n, k = ms.n, ms.k
    definitions: tuple[Definition, ...] = ("1", "A", "C") if known_raters else ("1",)
    singles = {"1": one_way_single(ms, alpha)}
    tests = {"1": (*f_test(ms.targets, ms.within, n - 1, n * (k - 1)), n * (k - 1))}
    if known_raters:
        singles |= {"A": agreement_single(ms, alpha), "C": consistency_single(ms, alpha)}
        error_df = (n - 1) * (k - 1)
        both = (*f_test(ms.targets, ms.error, n - 1, error_df), error_df)
        tests |= {"A": both, "C": both}
    forms = tuple(Form(d, *entry) for entry in wanted for d in definitions)
    estimate, low, high = np.array([_step(singles[form.definition], form.k) for form in forms]).transpose(1, 2, 0)
    statistic, p_value = np.array([tests[form.definition][:2] for form in forms]).transpose(1, 2, 0)
    state, notes = _mark(ms, estimate.shape, known_raters)
    notes += _mark_open(estimate, low, state)
    return IccBlock(
        forms=forms,
        estimate=estimate,
        conf_low=low,
        conf_high=high,
        statistic=statistic,
        df1=np.full(estimate.shape, n - 1.0),
        df2=np.full(estimate.shape, [float(tests[form.definition][2]) for form in forms]),
        p_value=p_value,
        estimator=Estimator.MEAN_SQUARES,
        limits=Limits.EXACT_F,
        state=state,
        components=("target", "rater", "residual") if known_raters else ("target", "residual"),
        variances=_components(ms, known_raters),
        bias_f=_rater_bias(ms) if known_raters else None,
        notes=notes,
    )


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


def _step(single: Floats, k: float) -> Floats:
    return single if k == 1.0 else spearman_brown(single, k)


def _components(ms: MeanSquares, known_raters: bool) -> Floats:
    if not known_raters:
        return np.stack([(ms.targets - ms.within) / ms.k, ms.within], axis=1)
    return np.stack([(ms.targets - ms.error) / ms.k, (ms.raters - ms.error) / ms.n, ms.error], axis=1)


def _rater_bias(ms: MeanSquares) -> tuple[Floats, Floats, Floats, Floats]:
    """Rater-bias test MS_rater / MS_error (McGraw & Wong 1996), which is not MS_target / MS_error."""
    df1, df2 = ms.k - 1, (ms.n - 1) * (ms.k - 1)
    ratio, tail = f_test(ms.raters, ms.error, df1, df2)
    return ratio, np.full_like(ratio, df1), np.full_like(ratio, df2), tail


def _mark(ms: MeanSquares, shape: tuple[int, ...], known_raters: bool) -> tuple[States, tuple[tuple[int, Note], ...]]:
    """Say per set how the numbers came about: estimated, perfect agreement, or undefined."""
    state = estimated(shape)
    residual = ms.error if known_raters else ms.within
    if ((ms.targets > 0.0) & (ms.within > 0.0) & (residual > 0.0)).all():
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
