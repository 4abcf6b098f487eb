"""Limits that ratings of a planned design will have, for agreement and consistency, by simulated studies."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from doublecode.analysis.ratings.design import Layout, RatingSets
from doublecode.analysis.reliability.anova import agreement_single, consistency_single, mean_squares

Floats = NDArray[np.float64]
Kind = Literal["A", "C"]


def planned_limits(
    layout: Layout,
    variances: tuple[float, float, float],
    kinds: Sequence[Kind],
    conf_level: float,
    studies: int,
    rng: np.random.Generator,
) -> dict[Kind, tuple[Floats, Floats]]:
    """Limits of ICC(A,1) and ICC(C,1), each (studies,), of studies drawn on a design.

    They are those of :func:`doublecode.analysis.icc`: exact F (agreement: Satterthwaite's df) where all raters rate all
    targets, profile likelihood else. NaN where the design cannot tell: raters apart.

    Parameters
    ----------
    layout : Layout
    variances : (target, rater, residual)
    kinds : sequence of {"A", "C"}
    conf_level : float
    studies : int
    rng : Generator
    """
    t, r, e = (float(np.sqrt(one)) for one in variances)
    if layout.kind not in ("complete", "incomplete"):
        nothing = np.full(studies, np.nan)
        return dict.fromkeys(kinds, (nothing, nothing))
    values = (
        rng.normal(0.0, t, (studies, layout.n_targets))[:, layout.target]
        + rng.normal(0.0, r, (studies, layout.n_raters))[:, layout.rater]
        + rng.normal(0.0, e, (studies, layout.n_obs))
    )
    if layout.kind == "complete":
        squares = mean_squares(values.reshape(studies, layout.n_targets, layout.n_raters))
        made = {"A": agreement_single, "C": consistency_single}
        exact = {kind: made[kind](squares, 1 - conf_level) for kind in kinds}
        return {kind: (found[1], found[2]) for kind, found in exact.items()}
    return _profiled(layout, values, kinds, conf_level)


def _profiled(
    layout: Layout, values: Floats, kinds: Sequence[Kind], conf_level: float
) -> dict[Kind, tuple[Floats, Floats]]:
    from doublecode.analysis.reliability.crossed import fit_crossed, two_way_share
    from doublecode.analysis.reliability.variance_profile import profile_limits

    n = len(values)
    fit = fit_crossed([RatingSets(layout, values, np.arange(n))])
    shares = [two_way_share(kind, np.full(n, layout.k_eff), np.full(n, layout.q)) for kind in kinds]
    limits = profile_limits(fit.criterion, shares, fit.ratios, fit.deviance, conf_level, tolerance=1e-4)
    return dict(zip(kinds, limits, strict=True))
