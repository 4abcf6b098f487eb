r"""Targets nested in clusters: session-level and patient-level reliability from one model.

Model: ``y ~ 1 + (1 | patient) + (1 | patient:session) + (1 | rater) + (1 | rater:patient)``.
With σ²_p, σ²_s, σ²_r, σ²_rp and the residual σ²_e, each score the mean of k ratings:

=======================  ====================================================================
level                    agreement; consistency leaves σ²_r out (within patients σ²_rp too)
=======================  ====================================================================
session                  (σ²_p + σ²_s) / (σ²_p + σ²_s + (σ²_r + σ²_rp + σ²_e)/k)
session within patient   σ²_s / (σ²_s + (σ²_r + σ²_rp + σ²_e)/k)
patient                  σ²_p / (σ²_p + (σ²_r + σ²_rp)/k): sessions are no error
patient, sessions error  σ²_p / (σ²_p + σ²_s/n + (σ²_r + σ²_rp)/k + σ²_e/(kn)), at k_eff only
=======================  ====================================================================

n is the harmonic mean of sessions per patient. ICC(Q,k_eff) weighs σ²_r by q. Source: ten Hove, Jorgensen & van der Ark
(2022), Psychological Methods, 27, 650–666, doi 10.1037/met0000391. Limits are by
profile likelihood.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from doublecode.analysis.mixed.design import build_design
from doublecode.analysis.mixed.engine.bare_fit import Fit, fit_design
from doublecode.analysis.mixed.variances import covariances, residual_variance
from doublecode.analysis.ratings.design import Ints, Layout, RatingSets
from doublecode.analysis.ratings.rounding import rounding_noise
from doublecode.analysis.reliability.cluster_criterion import TERMS, ClusterCriterion, cluster_criterion
from doublecode.analysis.reliability.crossed import reproduced
from doublecode.analysis.reliability.fixed_effects import fixed_effects, rater_test
from doublecode.analysis.reliability.forms import Definition, Form, IccBlock, estimated, spearman_brown
from doublecode.analysis.reliability.variance_profile import Criterion, Objective, Share, fit_ratios, profile_limits
from doublecode.analysis.rendering.wording.phrases import plural
from doublecode.analysis.results.states import Estimator, IccState, Limits
from doublecode.schemas.errors import NotEstimable
from doublecode.schemas.results import Note

Floats = NDArray[np.float64]
NOUGHT = 1e-12
"""Ratio to the residual variance below which a variance is estimated as 0."""
STARTS = (0.3, 1.0, 0.1, 3.0)
"""Roots of the ratios, all alike, from which estimates are sought where evaluations are cheap."""
LARGEST = 1e4
"""Ratio to the residual variance from which a fit is looked at as one without an end."""


@dataclass(frozen=True)
class _Ratio:
    """A coefficient at k = 1: weights of the components above and below the line.

    `stepped` says that all noise is divided by k, so that other k follow by Spearman–Brown.
    """

    level: str
    definition: Definition
    above: tuple[str, ...]
    below: dict[str, float]
    stepped: bool = True

    def share(self, terms: tuple[str, ...]) -> Share:
        """Return the weights in the order of the model's terms."""
        above = tuple(1.0 if name in self.above else 0.0 for name in terms)
        below = tuple(self.below.get(name, 0.0) for name in terms)
        return Share.same(above, below, self.below.get("residual", 0.0), 1)


def clustered_block(
    group: RatingSets,
    wanted: Sequence[tuple[float, bool, str]],
    conf_level: float,
    names: tuple[str, str],
) -> IccBlock:
    """All forms of a nested design.

    Parameters
    ----------
    group : RatingSets
        With clusters in its layout.
    wanted : sequence of (k, effective, symbol)
    conf_level : float
    names : (targets, clusters)
        Names of the two levels.
    """
    layout = group.layout
    if layout.cluster is None:
        raise NotEstimable("icc: the layout holds no clusters")
    terms, said = nested_terms(layout, names)
    ratios = _ratios(layout, names, terms)
    forms = _forms(layout, ratios, wanted)
    shape = (len(group.values), len(forms))
    estimate, low, high = (np.full(shape, np.nan) for _ in range(3))
    state = estimated(shape)
    variances = np.full((shape[0], len(terms) + 1), np.nan)
    notes = [(s, note) for s in range(shape[0]) for note in said]
    equal = np.ptp(group.values, axis=1) <= rounding_noise(group.values)[:, 0]
    exact, _ = reproduced(group)
    for s, values in enumerate(group.values):
        if equal[s]:
            state[s] = IccState.ALL_EQUAL
            notes.append((s, Note("all_ratings_equal")))
            continue
        if exact[s]:
            state[s] = IccState.SATURATED
            notes.append((s, Note("no_residual_with_clusters", numbers={"clusters": names[1]})))
            continue
        criterion = cluster_criterion(layout, values, terms)
        fit = _fit(layout, values, terms, criterion)
        found = _limits(fit, criterion or Criterion(fit.moments), [ratio.share(terms) for ratio in ratios], conf_level)
        for i, (form, at) in enumerate(forms):
            step = form.k if ratios[at].stepped else 1.0
            one = [spearman_brown(np.array([part]), step)[0] for part in found[at]]
            estimate[s, i], low[s, i], high[s, i] = one
        variances[s] = [*(matrix[0, 0] for matrix in covariances(fit)), residual_variance(fit)]
        if not fit.converged:
            state[s] = IccState.NOT_CONVERGED
        nothing = np.isnan(estimate[s])
        state[s, nothing] = IccState.NOUGHT_OF_NOUGHT
        levels = dict.fromkeys(form.level for (form, _), none in zip(forms, nothing, strict=True) if none)
        notes += [(s, Note("nought_of_nought", numbers={"level": level})) for level in levels]
    blank = np.full(shape, np.nan)
    return IccBlock(
        forms=tuple(form for form, _ in forms), estimate=estimate, conf_low=low, conf_high=high,
        statistic=blank, df1=blank, df2=blank, p_value=blank,
        estimator=Estimator.REML, limits=Limits.PROFILE, state=state,
        components=(*terms, "residual"), variances=variances, bias_f=_bias(layout, group.values),
        notes=tuple(notes),
    )  # fmt: skip


def _limits(
    fit: Fit, criterion: Objective, shares: Sequence[Share], conf_level: float
) -> list[tuple[float, float, float]]:
    """Estimate and profile limits of every coefficient; NaN where it is 0/0."""
    ratios = fit.theta[None] ** 2
    ratios = np.where(ratios < NOUGHT, 0.0, ratios)
    out = [(np.nan, np.nan, np.nan)] * len(shares)
    defined = [i for i, share in enumerate(shares) if np.add(*share.parts(ratios))[0] != 0.0]
    if not defined:
        return out
    chosen = [shares[i] for i in defined]
    least, _, _ = criterion(ratios, np.zeros(1, dtype=np.int64))
    limits = profile_limits(criterion, chosen, ratios, least, conf_level, tolerance=3e-5)
    for i, share, (low, high) in zip(defined, chosen, limits, strict=True):
        out[i] = float(share.value(ratios)[0]), float(low[0]), float(high[0])
    return out


def nested_terms(layout: Layout, names: tuple[str, str]) -> tuple[tuple[str, ...], list[Note]]:
    """Components that the pattern identifies, and a note on each that it does not."""
    targets, clusters = names
    cluster = _cluster(layout)
    n_clusters = int(cluster.max()) + 1
    if n_clusters < 2:
        raise NotEstimable(f"icc: one {clusters} only; leave `clusters` out")
    if n_clusters == layout.n_targets:
        raise NotEstimable(
            f"icc: every {clusters} has one {targets}, so the two levels are the same; leave `clusters` out"
        )
    called = {"targets": targets, "clusters": clusters}
    said = [Note("icc_levels", numbers={**called, "n_averaged": _sessions(layout)})]
    terms = ["cluster", "target"]
    if layout.known_raters and layout.kind in ("complete", "incomplete"):
        terms.append("rater")
        cells = len(np.unique(cluster[layout.target] * layout.n_raters + layout.rater))
        pairs = len(np.unique(layout.target * layout.n_raters + layout.rater))
        if cells not in (n_clusters, layout.n_raters) and cells < pairs:
            terms.append("rater:cluster")
        else:
            said.append(Note("no_interaction", numbers=called))
    else:
        said.append(Note("raters_not_compared"))
    return tuple(terms), said


def _cluster(layout: Layout) -> Ints:
    """Cluster of each target, shape (n_targets,)."""
    starts = np.searchsorted(layout.target, np.arange(layout.n_targets))
    if layout.cluster is None:
        raise NotEstimable("icc: the layout holds no clusters")
    return layout.cluster[starts]


def _sessions(layout: Layout) -> float:
    """Harmonic mean of targets per cluster."""
    counts = np.bincount(_cluster(layout))
    return float(len(counts) / np.sum(1.0 / counts))


def _fit(layout: Layout, values: Floats, terms: tuple[str, ...], criterion: ClusterCriterion | None = None) -> Fit:
    """The engine's fit, from the end of a search on the criterion of small matrices where there is one."""
    frame = pd.DataFrame({"y": values, "target": layout.target, "cluster": layout.cluster, "rater": layout.rater})
    formula = "y ~ 1 + " + " + ".join(f"(1 | {term})" for term in terms)
    start = None if criterion is None else _start(criterion)
    return fit_design(build_design(formula, frame), reml=True, start=start)


def _start(criterion: ClusterCriterion) -> Floats | None:
    """Roots of the ratios (m,) at the lowest of the ends from `STARTS`.

    None where the residual variance runs to nought: the engine looks from starts of its own, and says what it finds.
    """
    ratios, value = fit_ratios(criterion, np.repeat(np.square(STARTS)[:, None], len(TERMS), axis=1))
    best = ratios[int(np.argmin(value))]
    return np.sqrt(best) if best.max() < LARGEST else None


def _ratios(layout: Layout, names: tuple[str, str], terms: tuple[str, ...]) -> list[_Ratio]:
    """Coefficients that the model's components give, at k = 1."""
    targets, clusters = names
    both, within = f"{targets}", f"{targets} within {clusters}"
    error = f"{clusters}, {plural(targets)} as error"
    n, k, rest = _sessions(layout), layout.k_eff, {"rater:cluster": 1.0, "residual": 1.0}
    averaged = {"target": 1.0 / n, "residual": 1.0 / (k * n)}
    if "rater" not in terms:
        return [
            _Ratio(both, "1", ("cluster", "target"), rest),
            _Ratio(within, "1", ("target",), rest),
            _Ratio(error, "1", ("cluster",), averaged, stepped=False),
        ]
    rater = {"rater": 1.0}
    own = {"rater": layout.q, "rater:cluster": 1.0 / k, "residual": 1.0 / k}
    found = [
        _Ratio(both, "A", ("cluster", "target"), rest | rater),
        _Ratio(both, "C", ("cluster", "target"), rest),
        _Ratio(both, "Q", ("cluster", "target"), own, stepped=False),
        _Ratio(within, "A", ("target",), rest | rater),
        _Ratio(within, "C", ("target",), {"residual": 1.0}),
        _Ratio(clusters, "A", ("cluster",), {"rater:cluster": 1.0} | rater),
        _Ratio(clusters, "C", ("cluster",), {"rater:cluster": 1.0}),
    ]
    noise = {"rater": 1.0 / k, "rater:cluster": 1.0 / k}
    found.append(_Ratio(error, "A", ("cluster",), averaged | noise, stepped=False))
    return (
        found if "rater:cluster" in terms else [one for one in found if one.level != clusters or one.definition == "A"]
    )


def _forms(
    layout: Layout, ratios: Sequence[_Ratio], wanted: Sequence[tuple[float, bool, str]]
) -> list[tuple[Form, int]]:
    """Forms in the order of the table, each with the position of its ratio."""
    out: list[tuple[Form, int]] = []
    for level in dict.fromkeys(ratio.level for ratio in ratios):
        own = [(i, ratio) for i, ratio in enumerate(ratios) if ratio.level == level]
        for entry in wanted:
            out += [(Form(ratio.definition, *entry, level), i) for i, ratio in own if ratio.stepped]
        if any(effective for _, effective, _ in wanted):
            out += [
                (Form(ratio.definition, layout.k_eff, True, "k_eff", level), i) for i, ratio in own if not ratio.stepped
            ]
    return out


def _bias(layout: Layout, values: Floats) -> tuple[Floats, Floats, Floats, Floats] | None:
    if not layout.known_raters or layout.kind in ("nested", "disconnected"):
        return None
    statistic, p_value, df1, df2 = rater_test(fixed_effects(layout, values))
    return statistic, np.full_like(statistic, df1), np.full_like(statistic, df2), p_value
