"""Least squares with targets and raters as fixed effects, for any pattern of ratings.

The F tests are exact for normal ratings: with no target (rater) variance the adjusted
sum of squares and the residual are independent multiples of chi-square (Searle, Casella
& McCulloch 1992, Variance Components, ch. 5). Targets are eliminated; what remains is a
Laplacian of raters.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from doublecode.analysis.ratings.design import Layout
from doublecode.analysis.ratings.rounding import rounding_noise, sum_of_squares
from doublecode.analysis.reliability.anova import f_test
from doublecode.analysis.reliability.crossed_moments import rater_incidence

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class FixedEffects:
    """Least-squares solution per set.

    Attributes
    ----------
    within : (n_sets,) sum of squares within targets, raters ignored
    between : (n_sets,) sum of squares between target means, raters ignored
    residual : (n_sets,) residual sum of squares of the additive model
    residual_df : int
    raters : (n_sets,) sum of squares of raters, targets adjusted for
    targets : (n_sets,) sum of squares of targets, raters adjusted for
    target_df, rater_df, within_df : int
    severity : (n_sets, n_raters) rater effects; their sum is nought in each connected part
    severity_cov : (n_raters, n_raters) covariance of these in units of the residual variance
    """

    within: Floats
    between: Floats
    residual: Floats
    raters: Floats
    targets: Floats
    residual_df: int
    within_df: int
    target_df: int
    rater_df: int
    severity: Floats
    severity_cov: Floats


def fixed_effects(layout: Layout, values: Floats) -> FixedEffects:
    """Fit targets + raters by least squares to each row of `values` (n_sets, n_obs).

    Sums of squares are taken of differences of fitted values, not by subtraction, and what is below the rounding
    of the ratings counts as nought: a ratio of two noughts is then undefined here as it is in complete tables.
    """
    y = values - values.mean(axis=1, keepdims=True)
    per = layout.per_target
    starts = np.searchsorted(layout.target, np.arange(layout.n_targets))
    means = np.add.reduceat(y, starts, axis=1) / per
    rest = y - means[:, layout.target]
    rows = rater_incidence(layout)
    laplacian = np.diag(layout.per_rater.astype(np.float64)) - (rows.T @ (rows / per[:, None])).toarray()
    inverse = np.linalg.pinv(laplacian, rcond=1e-10, hermitian=True)
    severity = np.asarray(_per_rater(layout, rest) @ inverse, dtype=np.float64)
    left = rest - _within_target(layout, severity)
    severity = severity + _per_rater(layout, left) @ inverse  # one refinement: exact where raters are exactly apart
    left = rest - _within_target(layout, severity)
    rater_only = y - (_per_rater(layout, y) / layout.per_rater)[:, layout.rater]
    noise = rounding_noise(values)
    parts = int(layout.parts.max()) + 1
    rater_df = layout.n_raters - parts
    return FixedEffects(
        within=sum_of_squares(rest, noise),
        between=sum_of_squares(means[:, layout.target], noise),
        residual=sum_of_squares(left, noise),
        raters=sum_of_squares(rest - left, noise),
        targets=sum_of_squares(rater_only - left, noise),
        residual_df=layout.n_obs - layout.n_targets - rater_df,
        within_df=layout.n_obs - layout.n_targets,
        target_df=layout.n_targets - parts,
        rater_df=rater_df,
        severity=severity,
        severity_cov=inverse,
    )


def _per_rater(layout: Layout, values: Floats) -> Floats:
    """Sum of the ratings of each rater, (n_sets, n_raters)."""
    return np.stack([np.bincount(layout.rater, weights=row, minlength=layout.n_raters) for row in values])


def _within_target(layout: Layout, severity: Floats) -> Floats:
    """Rater effects of each rating minus their mean within the target."""
    effects = severity[:, layout.rater]
    starts = np.searchsorted(layout.target, np.arange(layout.n_targets))
    means = np.add.reduceat(effects, starts, axis=1) / layout.per_target
    return effects - means[:, layout.target]


def target_test(fit: FixedEffects) -> tuple[Floats, Floats, float, float]:
    """F of targets adjusted for raters, p, and both df."""
    return _test(fit.targets, fit.residual, fit.target_df, fit.residual_df)


def rater_test(fit: FixedEffects) -> tuple[Floats, Floats, float, float]:
    """F of raters adjusted for targets (the rater-bias test), p, and both df."""
    return _test(fit.raters, fit.residual, fit.rater_df, fit.residual_df)


def one_way_test(fit: FixedEffects, n_targets: int) -> tuple[Floats, Floats, float, float]:
    """F between targets of the one-way layout, p, and both df."""
    return _test(fit.between, fit.within, n_targets - 1, fit.within_df)


def _test(above: Floats, below: Floats, df1: int, df2: int) -> tuple[Floats, Floats, float, float]:
    if df1 <= 0 or df2 <= 0:
        nothing = np.full(len(above), np.nan)
        return nothing, nothing, float(df1), float(df2)
    ratio, tail = f_test(above / df1, below / df2, df1, df2)
    return ratio, tail, float(df1), float(df2)
