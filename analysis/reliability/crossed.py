"""Incomplete designs: crossed random effects by REML, profile-likelihood limits.

The model is ``y ~ 1 + (1 | target) + (1 | rater)`` for ICC(A,·), ICC(C,·) and ICC(Q,·),
and ``y ~ 1 + (1 | target)`` for ICC(1,·); the criterion is the mixed-model engine's.
Sources: ten Hove, Jorgensen & van der Ark (2022/2024), doi 10.1037/met0000516; Putka, Le,
McCloy & Diaz (2008), J Appl Psychol 93:959.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from doublecode.analysis.ratings.design import Layout, RatingSets
from doublecode.analysis.ratings.rounding import rounding_noise
from doublecode.analysis.reliability.crossed_moments import compact, engine_moments
from doublecode.analysis.reliability.fixed_effects import (
    FixedEffects,
    fixed_effects,
    one_way_test,
    rater_test,
    target_test,
)
from doublecode.analysis.reliability.forms import Definition, Form, IccBlock, estimated, noted, spearman_brown
from doublecode.analysis.reliability.variance_profile import Criterion, Share, fit_ratios, profile_limits
from doublecode.analysis.results.states import Estimator, IccState, Limits
from doublecode.schemas.results import Note

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
TRACE = 1e-6
"""Residual mean square, as a share of the variance of the ratings, under which there is no likelihood to speak of.

Against lme4 (two designs, 60 targets, 5 raters, two seeds each; the rule switched off) estimates agree to 1e-6 where
the residual's variance is 1e-4 of the targets', to 1e-5 at 1e-5, to 1e-3 at 1e-6, and to no better than 1e-2 at 1e-7:
there the two programs only share the noise of their arithmetic.
"""
START = (1.0, 0.36)
"""Variances of target and rater in units of the residual from which the search sets out."""


@dataclass(frozen=True, eq=False)
class CrossedFit:
    """One model fitted to many sets.

    Attributes
    ----------
    ratios : (n_sets, m) variances of target (and rater) in units of the residual
    variances : (n_sets, m + 1) the same and the residual, in squared units of the data
    deviance : (n_sets,) −2 REML log-likelihood
    criterion : Criterion
    """

    ratios: Floats
    variances: Floats
    deviance: Floats
    criterion: Criterion


@dataclass(frozen=True, eq=False)
class _Answers:
    """Estimate, lower and upper limit per definition, and variances, for all sets of all groups."""

    limits: dict[str, tuple[Floats, Floats, Floats]]
    variances: Floats

    def of(self, own: slice) -> _Answers:
        parts = {name: (e[own], low[own], high[own]) for name, (e, low, high) in self.limits.items()}
        return _Answers(parts, self.variances[own])


def fit_crossed(
    groups: Sequence[RatingSets], usable: Sequence[Bools] | None = None, *, two_way: bool = True
) -> CrossedFit:
    """REML of the one-way or the crossed model, all sets of all layouts at once.

    Parameters
    ----------
    groups : sequence of RatingSets
    usable : sequence of boolean arrays, optional
        Which sets of each group to fit; all by default.
    two_way : bool
        Raters as a second random effect.
    """
    keep = usable if usable is not None else [np.ones(len(group.values), dtype=bool) for group in groups]
    parts = [
        compact(group.layout, group.values[chosen], two_way=two_way)
        for group, chosen in zip(groups, keep, strict=True)
        if chosen.any()
    ]
    moments, copies = engine_moments(parts, two_way=two_way)
    criterion = Criterion(moments, copies)
    ratios, deviance = fit_ratios(criterion, np.tile(START[: len(moments.layout.blocks)], (moments.n_sets, 1)))
    residual = criterion.residual(ratios, np.arange(moments.n_sets))
    variances = np.column_stack([ratios * residual[:, None], residual])
    return CrossedFit(ratios, variances, deviance, criterion)


def two_way_share(definition: str, k_eff: Floats, q: Floats) -> Share:
    """Weights of ICC(A,1), ICC(C,1) or ICC(Q,k_eff) in (target, rater, residual)."""
    n = len(k_eff)
    if definition == "Q":
        return Share((1.0, 0.0), np.column_stack([np.zeros(n), q]), 1.0 / k_eff)
    return Share.same((1.0, 0.0), (0.0, 1.0 if definition == "A" else 0.0), 1.0, n)


def incomplete_blocks(
    groups: Sequence[RatingSets],
    wanted: Sequence[Sequence[tuple[float, bool, str]]],
    conf_level: float,
) -> list[IccBlock]:
    """All forms of incomplete designs, every set of every layout at once.

    Parameters
    ----------
    groups : sequence of RatingSets
        Layouts of the kinds incomplete, disconnected, nested or one-way.
    wanted : sequence of sequences of (k, effective, symbol)
        One per group, from :func:`doublecode.analysis.reliability.forms.requested`.
    conf_level : float
    """
    fits = [fixed_effects(group.layout, group.values) for group in groups]
    states = [_states(group, fit) for group, fit in zip(groups, fits, strict=True)]
    ordinary = [~np.isin(state, (1, 2)) for state in states]
    crossed = [
        chosen & (state == 0) & (group.layout.kind == "incomplete")
        for group, chosen, state in zip(groups, ordinary, states, strict=True)
    ]
    one = _answers(groups, ordinary, conf_level, two_way=False)
    two = _answers(groups, crossed, conf_level, two_way=True)
    blocks, at = [], 0
    for group, fit, state, forms in zip(groups, fits, states, wanted, strict=True):
        own = slice(at, at + len(group.values))
        at = own.stop
        blocks.append(_block(group, fit, state, forms, one.of(own), two.of(own)))
    return blocks


def _states(group: RatingSets, fit: FixedEffects) -> NDArray[np.int64]:
    """0 ordinary, 1 all equal, 2 perfect agreement, 3 apart by constants only, 4 saturated, 5 as 3 but for a trace."""
    state = agreement_states(group)
    if group.layout.kind == "incomplete" and (state == 0).any():
        found, df = reproduced(group, fit)
        exact = fit.residual == 0.0
        state[(state == 0) & found] = 3 if df > 0 else 4
        state[(state == 3) & ~exact] = 5
    return state


def agreement_states(group: RatingSets) -> NDArray[np.int64]:
    """Per set, (n_sets,): 0 raters disagree somewhere, 1 all ratings are equal, 2 raters agree on every target."""
    values, layout = group.values, group.layout
    noise = rounding_noise(values)
    flat = np.ptp(values, axis=1) <= noise[:, 0]
    starts = np.searchsorted(layout.target, np.arange(layout.n_targets))
    high, low = (f.reduceat(values, starts, axis=1) for f in (np.maximum, np.minimum))
    same = ((high - low) <= noise).all(axis=1)
    return np.where(flat, 1, np.where(same, 2, 0))


def reproduced(group: RatingSets, fit: FixedEffects | None = None) -> tuple[Bools, int]:
    """Whether targets and raters reproduce every rating but for a trace, (n_sets,), and the residual's df.

    A trace is a residual mean square below :data:`TRACE` of the ratings' variance: the likelihood is a difference of
    sums of squares, and double precision does not hold its slopes there. The `fit` may be at hand.
    """
    fit = fixed_effects(group.layout, group.values) if fit is None else fit
    trace = TRACE * np.var(group.values, axis=1) * max(fit.residual_df, 1)
    return (fit.residual <= trace) | (fit.residual_df <= 0), fit.residual_df


def _answers(groups: Sequence[RatingSets], usable: Sequence[Bools], conf_level: float, *, two_way: bool) -> _Answers:
    chosen = np.concatenate(usable)
    n, parts = len(chosen), 3 if two_way else 2
    names = ("A", "C", "Q") if two_way else ("1",)
    blank = {name: tuple(np.full(n, np.nan) for _ in range(3)) for name in names}
    variances = np.full((n, parts), np.nan)
    answers = _Answers({name: (a, b, c) for name, (a, b, c) in blank.items()}, variances)
    if not chosen.any():
        return answers
    fit = fit_crossed(groups, usable, two_way=two_way)
    variances[chosen] = fit.variances
    k_eff, q = (
        np.repeat([getattr(g.layout, name) for g in groups], [int(u.sum()) for u in usable]) for name in ("k_eff", "q")
    )
    shares = [
        two_way_share(name, k_eff, q) if two_way else Share.same((1.0,), (0.0,), 1.0, len(k_eff)) for name in names
    ]
    limits = profile_limits(fit.criterion, shares, fit.ratios, fit.deviance, conf_level)
    for name, share, (low, high) in zip(names, shares, limits, strict=True):
        for array, found in zip(answers.limits[name], (share.value(fit.ratios), low, high), strict=True):
            array[chosen] = found
    return answers


def _block(
    group: RatingSets,
    fit: FixedEffects,
    state: NDArray[np.int64],
    wanted: Sequence[tuple[float, bool, str]],
    one: _Answers,
    two: _Answers,
) -> IccBlock:
    layout = group.layout
    two_way = layout.kind in ("incomplete", "disconnected")
    definitions: tuple[Definition, ...] = ("1", "A", "C") if two_way else ("1",)
    forms = [Form(d, *entry) for entry in wanted for d in definitions]
    if two_way and any(effective for _, effective, _ in wanted):
        forms.append(Form("Q", layout.k_eff, True, "k_eff"))
    limits = one.limits | two.limits
    columns = [_at_k(limits[form.definition], form) for form in forms]
    estimate, low, high = (np.stack([column[i] for column in columns], axis=1) for i in range(3))
    tests = _tests(layout, fit, forms)
    block = IccBlock(
        forms=tuple(forms),
        estimate=estimate,
        conf_low=low,
        conf_high=high,
        statistic=tests[0],
        df1=tests[1],
        df2=tests[2],
        p_value=tests[3],
        estimator=Estimator.REML,
        limits=Limits.PROFILE,
        state=estimated(estimate.shape),
        components=("target", "rater", "residual") if layout.kind == "incomplete" else ("target", "residual"),
        variances=two.variances if layout.kind == "incomplete" else one.variances,
        bias_f=_bias(fit) if two_way else None,
    )
    return _marked(block, group, fit, state)


def _at_k(single: tuple[Floats, Floats, Floats], form: Form) -> tuple[Floats, Floats, Floats]:
    if form.definition == "Q" or form.k == 1.0:
        return single
    one, two, three = (spearman_brown(part, form.k) for part in single)
    return one, two, three


def _tests(layout: Layout, fit: FixedEffects, forms: Sequence[Form]) -> tuple[Floats, Floats, Floats, Floats]:
    """F tests of no differences between targets: one-way, or adjusted for raters."""
    one, two = one_way_test(fit, layout.n_targets), target_test(fit)
    chosen = [one if form.definition == "1" else two for form in forms]
    shape = (len(fit.within), len(forms))
    statistic = np.stack([test[0] for test in chosen], axis=1)
    p_value = np.stack([test[1] for test in chosen], axis=1)
    df1 = np.broadcast_to(np.array([test[2] for test in chosen]), shape)
    df2 = np.broadcast_to(np.array([test[3] for test in chosen]), shape)
    return statistic, df1, df2, p_value


def _bias(fit: FixedEffects) -> tuple[Floats, Floats, Floats, Floats]:
    statistic, p_value, df1, df2 = rater_test(fit)
    return statistic, np.full_like(statistic, df1), np.full_like(statistic, df2), p_value


def _marked(block: IccBlock, group: RatingSets, fit: FixedEffects, state: NDArray[np.int64]) -> IccBlock:
    """Give marked values where the likelihood has no interior maximum, and say why."""
    estimate, low, high = (a.copy() for a in (block.estimate, block.conf_low, block.conf_high))
    variances, marks = block.variances.copy(), block.state
    layout = group.layout
    two = np.array([form.definition != "1" for form in block.forms])
    if layout.kind == "disconnected":
        marks[:, two] = IccState.NOT_CONNECTED
    marks[np.ix_(state == 4, two)] = IccState.SATURATED
    marks[state == 1] = IccState.ALL_EQUAL
    for s in np.flatnonzero(state == 2):
        possible = ~np.isin(marks[s], (IccState.NOT_CONNECTED, IccState.SATURATED))
        for array in (estimate, low, high):
            array[s, possible] = 1.0
        marks[s, possible] = IccState.PERFECT_AGREEMENT
        variances[s] = 0.0
        variances[s, 0] = fit.between[s] / (layout.n_targets - 1)
    alike = fit.targets == 0.0
    for s in np.flatnonzero(np.isin(state, (3, 5))):
        variances[s] = _no_residual(group, fit, int(s))
        for i in np.flatnonzero(two):
            estimate[s, i] = _from_effects(block.forms[i], variances[s], layout.q)
            marks[s, i] = IccState.TARGETS_ALIKE if alike[s] else IccState.NO_RESIDUAL
    notes = (*_state_notes(layout, state, alike), *_boundary(block, variances, state))
    return replace(
        block, estimate=estimate, conf_low=low, conf_high=high, variances=variances, state=marks, notes=notes
    )


def _state_notes(layout: Layout, state: NDArray[np.int64], alike: Bools) -> list[tuple[int, Note]]:
    """What is to be said of sets without an ordinary fit, in the order of the sets; `alike`: targets do not differ."""
    counts = {"n_ratings": layout.n_obs, "n_targets": layout.n_targets, "n_raters": layout.n_raters}
    said = {
        1: Note("all_ratings_equal"),
        2: Note("perfect_agreement"),
        3: Note("no_residual"),
        4: Note("saturated", numbers=counts),
        5: Note("residual_trace", numbers={"share": TRACE}),
    }
    no_spread = Note("only_raters_differ")
    return [
        (int(s), no_spread if state[s] == 3 and alike[s] else said[int(state[s])]) for s in np.flatnonzero(state > 0)
    ]


def _no_residual(group: RatingSets, fit: FixedEffects, s: int) -> Floats:
    """Variances of target and rater effects where these reproduce every rating."""
    layout = group.layout
    starts = np.searchsorted(layout.target, np.arange(layout.n_targets))
    effects = (group.values[s] - fit.severity[s][layout.rater])[starts]
    between = 0.0 if fit.targets[s] == 0.0 else float(np.var(effects, ddof=1))
    return np.array([between, np.var(fit.severity[s], ddof=1), 0.0])


def _from_effects(form: Form, variances: Floats, q: float) -> float:
    total = variances[0] + {"A": variances[1] / form.k, "C": 0.0, "Q": q * variances[1]}[form.definition]
    return float(variances[0] / total) if total > 0.0 else float("nan")


def _boundary(block: IccBlock, variances: Floats, state: NDArray[np.int64]) -> tuple[tuple[int, Note], ...]:
    """Notes on variances that were estimated as nought."""
    found: tuple[tuple[int, Note], ...] = ()
    total = variances.sum(axis=1)
    for column, name in enumerate(block.components[:-1]):
        nought = (state == 0) & (variances[:, column] <= 1e-9 * total)
        found += noted(nought, Note({"target": "no_target_variance", "rater": "no_rater_variance"}[name]))
    return found
