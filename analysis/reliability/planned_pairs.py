"""Expected ICC and interval by number of raters and double-coding share."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations, cycle

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from doublecode.analysis.ratings.design import Layout, RatingSets
from doublecode.analysis.reliability.forms import spearman_brown
from doublecode.schemas.errors import UsageError

Floats = NDArray[np.float64]


def rotating_layout(n_targets: int, n_raters: int, share: float, k: int) -> Layout:
    """Plan a rotation: `share` of the targets coded by `k` raters, all groups of k in turn, the rest by one.

    Single codings go to whoever has the smallest load.
    """
    several = round(share * n_targets)
    groups = cycle(combinations(range(n_raters), k))
    target, rater = [], []
    load = np.zeros(n_raters)
    for t in range(n_targets):
        chosen = next(groups) if t < several else (int(np.argmin(load)),)
        target += [t] * len(chosen)
        rater += list(chosen)
        load[list(chosen)] += 1
    names = tuple(f"R{i + 1}" for i in range(n_raters))
    return Layout(np.array(target), np.array(rater), None, names, True)


def plan_pairs(
    variances: tuple[float, float, float],
    *,
    raters: Sequence[int],
    share: Sequence[float],
    k: int,
    targets: int,
    conf_level: float,
    studies: int,
    seed: int,
) -> pd.DataFrame:
    """Expected reliability of rotating raters, one row per design.

    Parameters
    ----------
    variances : (target, rater, residual)
        In squared units of the data.
    raters, share, k, targets, conf_level, studies, seed
        See :func:`doublecode.analysis.reliability.decision.d_study`.
    """
    _check(raters, share, k, targets, studies)
    rows = []
    for r in raters:
        for s in share:
            if r >= k:
                layout = rotating_layout(targets, r, s, k)
                rng = np.random.default_rng([seed, r, round(1e6 * s)])
                rows.append(_row(layout, variances, s, conf_level, studies, rng))
    return pd.DataFrame(rows)


def _check(raters: Sequence[int], share: Sequence[float], k: int, n: int, studies: int) -> None:
    if any(not 0.0 < s <= 1.0 for s in share):
        raise UsageError(f"d_study: share holds {list(share)}; shares lie above 0 and up to 1.")
    if k < 2 or max(raters) < k:
        raise UsageError(f"d_study: k = {k} ratings per target need at least that many raters, and at least 2.")
    if n < 4 or studies < 20:
        raise UsageError(f"d_study: {n} targets, {studies} studies; at least 4 and 20 are needed.")


def _row(
    layout: Layout,
    variances: tuple[float, float, float],
    share: float,
    conf_level: float,
    studies: int,
    rng: np.random.Generator,
) -> dict[str, float]:
    t, r, e = variances
    both = simulated_limits(layout, variances, conf_level, studies, rng)
    low, high = (float(np.median(spearman_brown(part, layout.k_eff))) for part in both)
    return {
        "n_raters": layout.n_raters,
        "share": share,
        "n_targets": layout.n_targets,
        "n_ratings": layout.n_obs,
        "k_eff": layout.k_eff,
        "q": layout.q,
        "estimate": t / (t + (r + e) / layout.k_eff),
        "conf_low": low,
        "conf_high": high,
        "width": high - low,
        "ranking": t / (t + layout.q * r + e / layout.k_eff),
    }


def simulated_limits(
    layout: Layout,
    variances: tuple[float, float, float],
    conf_level: float,
    studies: int,
    rng: np.random.Generator,
) -> tuple[Floats, Floats]:
    """Limits of ICC(A,1), each (studies,), of studies drawn on a design: profile likelihood, as of collected data.

    NaN where the design cannot tell: raters apart, or no error.
    """
    from doublecode.analysis.reliability.crossed import fit_crossed, two_way_share
    from doublecode.analysis.reliability.variance_profile import profile_limits

    t, r, e = (float(np.sqrt(v)) for v in variances)
    values = (
        rng.normal(0.0, t, (studies, layout.n_targets))[:, layout.target]
        + rng.normal(0.0, r, (studies, layout.n_raters))[:, layout.rater]
        + rng.normal(0.0, e, (studies, layout.n_obs))
    )
    if layout.kind == "disconnected" or e == 0.0:
        nothing = np.full(studies, np.nan)
        return nothing, nothing
    fit = fit_crossed([RatingSets(layout, values, np.arange(studies))])
    weights = two_way_share("A", np.full(studies, layout.k_eff), np.full(studies, layout.q))
    return profile_limits(fit.criterion, [weights], fit.ratios, fit.deviance, conf_level, tolerance=1e-4)[0]
