"""Limits of an ICC that ask nothing of the distribution: every target left out once.

Exact F and profile limits take targets and residuals as normal. Scores that pile up on a floor, or a few sessions
far from the rest, have heavier tails, and those limits are then too short. Leaving out one target at a time measures
how far the coefficient really depends on single targets (Arvesen 1969; Arvesen & Schmitz 1970).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from doublecode.analysis.ratings.design import Layout, RatingSets
from doublecode.analysis.reliability.anova import mean_squares, point_estimates
from doublecode.analysis.reliability.crossed import agreement_states, fit_crossed, reproduced, two_way_share
from doublecode.analysis.reliability.forms import Form, IccBlock, noted, spearman_brown
from doublecode.analysis.reliability.variance_profile import Share
from doublecode.analysis.results.states import IccState
from doublecode.schemas.results import Note

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
FEWEST: Final = 3  # targets: without one of two, nothing is left to tell apart
NOUGHT: Final = 1e-9  # an ICC that REML puts on its edge
LOW: Final = 0.5


def jackknifed(group: RatingSets, block: IccBlock, conf_level: float) -> IccBlock:
    """Put jackknife limits in the place of the block's own.

    On Fisher's z of the single-rating coefficient (for ICC(Q,·) of itself), z = atanh(ρ): the standard error is
    √((n − 1)/n · Σ (z₍ᵢ₎ − z̄)²) over the n targets, the quantile Student's t with m − 1 degrees of freedom,
    m the targets that carry two ratings or more, which alone tell of disagreement. Raters are taken as they are.

    Parameters
    ----------
    group : RatingSets
    block : IccBlock
        What was estimated of it.
    conf_level : float
        Between 0 and 1.

    Returns
    -------
    IccBlock
        Estimates and tests are those of `block`, and so are its limits where leaving out targets says nothing: an
        ICC of 1, one of 0 by REML, or one without which no coefficient is left; fewer than three targets, or than
        two rated twice. Notes say which sets these are.
    """
    several = int((group.layout.per_target > 1).sum())
    reach = float(stdtrit(several - 1, 0.5 + conf_level / 2.0)) if several > 1 else np.nan
    without, blank = _without(group), np.full((1, len(group.values)), np.nan)
    least = -1.0 if group.layout.complete else NOUGHT
    low, high, state = block.conf_low.copy(), block.conf_high.copy(), block.state.copy()
    left_out = np.zeros(state.shape, dtype=bool)
    kept, weak = np.zeros((2, len(group.values)), dtype=bool)
    for i, form in enumerate(block.forms):
        single = np.clip(_single(block.estimate[:, i], form), -1.0, 1.0)
        half = reach * _standard_error(without.get(form.definition, blank))
        there = np.isfinite(half) & (half > 0.0) & (single > least) & (single < 1.0)
        for limits, sign in ((low, -1.0), (high, 1.0)):
            limits[there, i] = _at_k(np.tanh(np.arctanh(single[there]) + sign * half[there]), form)
        left_out[:, i] = there
        state[there, i] = np.where(np.isnan(low[there, i]), IccState.NO_LOWER_LIMIT, IccState.ESTIMATED)
        kept |= ~there & np.isfinite(block.conf_low[:, i])
        weak |= there & (single < LOW) & (form.definition in ("1", "A"))
    lost = (state == IccState.NO_LOWER_LIMIT).any(axis=1)
    said = ((kept, "jackknife_silent"), (weak, "jackknife_low_icc"), (lost, "no_lower_limit"))
    old = [(s, note) for s, note in block.notes if note.kind != "no_lower_limit"]
    new = [one for mask, kind in said for one in noted(mask, Note(kind))]
    return replace(block, conf_low=low, conf_high=high, state=state, left_out=left_out, notes=(*old, *new))


def _standard_error(without: Floats) -> Floats:
    """Jackknife standard error of z from coefficients (n_targets, n_sets) without each target; not finite if one is 1.

    NaN where one does not exist.
    """
    n = len(without)
    with np.errstate(divide="ignore", invalid="ignore"):
        z = np.arctanh(np.clip(without, -1.0, 1.0))
        return np.asarray(np.sqrt((n - 1) / n * np.square(z - z.mean(axis=0)).sum(axis=0)))


def _single(estimate: Floats, form: Form) -> Floats:
    return estimate if form.definition == "Q" else spearman_brown(estimate, 1.0 / form.k)


def _at_k(single: Floats, form: Form) -> Floats:
    """The limit for the mean of k ratings; NaN where one so low is impossible for k ratings."""
    return single if form.definition == "Q" else spearman_brown(single, form.k)


def _without(group: RatingSets) -> dict[str, Floats]:
    """Single-rating coefficients (n_targets, n_sets) without each target; none where too few targets are left."""
    layout = group.layout
    if layout.n_targets < FEWEST or int((layout.per_target > 1).sum()) < 2:
        return {}
    return _complete(group) if layout.complete else _incomplete(group)


def _complete(group: RatingSets) -> dict[str, Floats]:
    """Those of complete tables, from mean squares."""
    n, k = group.layout.n_targets, group.layout.n_raters
    tables = group.values.reshape(-1, n, k)
    found = [point_estimates(mean_squares(np.delete(tables, i, axis=1))) for i in range(n)]
    return {name: np.stack([one[name] for one in found]) for name in found[0]}


def _incomplete(group: RatingSets) -> dict[str, Floats]:
    """Those of incomplete designs, by REML; the weights of ICC(Q,·) are those of the whole design.

    NaN where the likelihood has no maximum: raters agree on all targets that are left, or no residual is left.
    """
    layout = group.layout
    parts = [_leave_out(group, i) for i in range(layout.n_targets)]
    disagree = [agreement_states(part) == 0 for part in parts]
    found = _shares(parts, disagree, {"1": Share.same((1.0,), (0.0,), 1.0, _count(disagree))}, two_way=False)
    if layout.kind == "incomplete":
        usable = [chosen & ~reproduced(part)[0] for part, chosen in zip(parts, disagree, strict=True)]
        k_eff, q = (np.full(_count(usable), value) for value in (layout.k_eff, layout.q))
        shares = {name: two_way_share(name, k_eff, q) for name in ("A", "C", "Q")}
        found |= _shares(parts, usable, shares, two_way=True)
    return found


def _count(usable: Sequence[Bools]) -> int:
    return int(sum(chosen.sum() for chosen in usable))


def _shares(
    parts: Sequence[RatingSets], usable: Sequence[Bools], shares: Mapping[str, Share], *, two_way: bool
) -> dict[str, Floats]:
    """Coefficients (n_parts, n_sets) of the usable sets of each part; NaN for the others."""
    chosen = np.stack(usable)
    found = {name: np.full(chosen.shape, np.nan) for name in shares}
    if chosen.any():
        ratios = fit_crossed(parts, usable, two_way=two_way).ratios
        for name, share in shares.items():
            found[name][chosen] = share.value(ratios)
    return found


def _leave_out(group: RatingSets, target: int) -> RatingSets:
    layout = group.layout
    keep = layout.target != target
    own = layout.target[keep]
    raters, rater = np.unique(layout.rater[keep], return_inverse=True)
    names = tuple(layout.rater_names[i] for i in raters) if layout.known_raters else ()
    rest = Layout(own - (own > target), rater.astype(np.int64), None, names, layout.known_raters)
    return RatingSets(rest, group.values[:, keep], group.index)
