"""Severity of raters on the latent scale of ordinal ratings: a cumulative mixed model, the many-facet question."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from doublecode.analysis.mixed.generalized.cumulative_density import CumulativeLink
from doublecode.analysis.mixed.generalized.ordinal_outcome import numbered
from doublecode.analysis.mixed.generalized.thresholds import ThresholdKind
from doublecode.analysis.ratings.design import Layout
from doublecode.analysis.ratings.frames import as_names, rated_rows, read_ratings, require_columns
from doublecode.analysis.ratings.id_codes import id_codes
from doublecode.analysis.reliability.design_notes import disconnected_note
from doublecode.analysis.reliability.interrater import icc
from doublecode.analysis.reliability.latent_severity_fit import LatentSet
from doublecode.analysis.reliability.severity_sets import Key, SeverityAnswer, by_sets
from doublecode.analysis.rendering.notes import sentence
from doublecode.analysis.rendering.tables import Table, column, level_heading
from doublecode.schemas.errors import NotEstimable
from doublecode.schemas.frames import as_pandas
from doublecode.schemas.results import Note, check_conf_level, distinct

CALLER: Final = "ordinal_severity"


@dataclass(frozen=True, eq=False, repr=False)
class OrdinalSeverityResult(SeverityAnswer):
    """Severity of raters on the latent scale, fair averages, and the latent ICC.

    Attributes
    ----------
    spec : dict
    frame : DataFrame
        Per (set and) rater ``rater, n_ratings, mean, estimate, std_error, statistic, p_value, conf_low, conf_high,
        odds_ratio, fair_average, fair_low, fair_high, linear``. `estimate` is the shift on the latent scale (log-odds
        with the logit) against the mean of all raters: above 0 she rates higher, below 0 she is more severe.
        `fair_average` is the rating that she gives the average target, in scale points, and `linear` her severity in
        scale points by the linear model of :func:`drift`.
    targets : DataFrame
        ``target, n_ratings, mean, estimate, sd, fair_average``: latent standing and its conditional SD, and the rating
        that the average rater would give.
    thresholds : DataFrame
        ``threshold, estimate, std_error, conf_low, conf_high``: where the average rater passes from one category to
        the next.
    variances : DataFrame
        ``component, variance, sd, share`` of targets, raters and the latent residual.
    icc : DataFrame
        ``form, scale, estimate``: ICC(C,1) and ICC(A,1) on the latent scale, and of the ratings as numbers.
    tests : DataFrame
        Likelihood-ratio test ``raters differ``: ``df, statistic, p_value``.
    design : dict
    notes : tuple of Note
    rows : Index
    """

    spec: dict[str, Any]
    frame: pd.DataFrame
    targets: pd.DataFrame
    thresholds: pd.DataFrame
    variances: pd.DataFrame
    icc: pd.DataFrame
    tests: pd.DataFrame
    design: dict[str, Any]
    notes: tuple[Note, ...]
    rows: pd.Index[Any]

    def tables(self) -> tuple[Table, ...]:
        """Raters with fair averages, thresholds, variance components, both kinds of ICC, the test of severity."""
        sets = tuple(column(name, kind="text") for name in self.spec["by"])
        limits = level_heading(self.spec["conf_level"])
        heads = (
            column("rater", "Rater", kind="text"), column("n_ratings", "Ratings", kind="integer"),
            column("mean", "Mean", kind="number"), column("estimate", "Latent", kind="number"),
            column("conf_low", limits, kind="number", upper="conf_high"), column("p_value"),
            column("fair_average", "Fair average", kind="number"),
            column("fair_low", limits, kind="number", upper="fair_high"),
            column("linear", "Points", kind="number"),
        )  # fmt: skip
        cuts = (
            column("threshold", "Threshold", kind="text"), column("estimate", "Latent", kind="number"),
            column("conf_low", limits, kind="number", upper="conf_high"),
        )  # fmt: skip
        title = "Rater severity on the latent scale (above 0: rates higher), fair averages, linear severity beside"
        return (
            Table("latent_severity", title, self.frame, (*sets, *heads)),
            Table("latent_thresholds", "Thresholds of the average rater", self.thresholds, (*sets, *cuts)),
            Table("latent_variances", "Variance components", self.variances, (*sets, *_PARTS)),
            Table("latent_icc", "Reliability of a single rating, latent and as numbers", self.icc, (*sets, *_ICC)),
            Table("latent_test", "Do raters differ?", self.tests, (*sets, *_TEST)),
        )


_PARTS: Final = (
    column("component", "Component", kind="text"), column("variance", "Variance", digits=3), column("sd"),
    column("share", "Share", kind="bounded"),
)  # fmt: skip
_ICC: Final = (
    column("form", "Form", kind="text"), column("scale", "Scale", kind="text"),
    column("estimate", "ICC", kind="bounded"),
)  # fmt: skip
_TEST: Final = (
    column("test", "Test", kind="text"), column("statistic", "χ²"), column("df", "*df*", kind="integer"),
    column("p_value"),
)  # fmt: skip


def ordinal_severity(
    data: pd.DataFrame,
    *,
    targets: str,
    raters: str,
    ratings: str,
    by: str | Sequence[str] | None = None,
    link: CumulativeLink = "logit",
    thresholds: ThresholdKind = "flexible",
    conf_level: float = 0.95,
) -> OrdinalSeverityResult:
    """Severity of raters on the latent scale of ordinal ratings, with fair averages: the many-facet question.

    Parameters
    ----------
    data : DataFrame
        Long: one row per target × rater (× `by`).
    targets, raters, ratings : str
        Columns; ratings are whole numbers such as 0 to 4, or an ordered categorical.
    by : str or sequence of str, optional
        Sets, for example the item; each has thresholds and severities of its own.
    link : {"logit", "probit"}
        The logit gives severities in log-odds (logits).
    thresholds : {"flexible", "equidistant"}
        Distances of the categories: each where the data put it, or all equal.
    conf_level : float

    Returns
    -------
    OrdinalSeverityResult

    Raises
    ------
    ContractError, DuplicateError
        Ratings without order, or not whole; a rater rated a target twice.
    NotEstimable
        One rater, no target with two ratings, raters that share no targets even indirectly, one category, or a rater
        who gave one extreme category only.

    Notes
    -----
    Model: P(Y ≤ j) = F(τⱼ − s_r − u_t), raters' shifts s_r as fixed effects that sum to zero, targets u_t ~ N(0, σ²),
    by 15-point quadrature. It is Linacre's (1989) many-facet rating scale model with cumulative in place of adjacent
    logits and random targets, so that a target with few ratings is drawn towards the mean. Fair averages (Linacre):
    Σ j P(Y = j) at s_r with u = 0, and of a target at her mode with s = 0. The variance of
    raters is that of the severities less their error, (Σ s_r² − tr V)/(R − 1): crossed random raters would need
    Laplace's approximation, which finds too little variance of targets where each has two or three ratings. Latent
    ICC(C,1) = σ²_t/(σ²_t + v), ICC(A,1) = σ²_t/(σ²_t + σ²_r + v) with v = π²/3 (logit) or 1 (probit), without limits.
    Limits of severities are Wald's.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> rng = np.random.default_rng(5)
    >>> shift, level = {"A": 0.0, "B": 0.0, "C": -2.0}, rng.normal(0, 1.5, 60)
    >>> rows = [
    ...     (s, r, np.searchsorted([-2, -0.5, 0.5, 2], level[s] + shift[r] + rng.logistic()))
    ...     for s in range(60) for r in ("AB", "BC", "AC")[s % 3]
    ... ]
    >>> long = pd.DataFrame(rows, columns=["session", "rater", "score"])
    >>> found = ordinal_severity(long, targets="session", raters="rater", ratings="score")
    >>> found.frame.set_index("rater")["estimate"].idxmin()  # the most severe
    'C'
    """
    data = as_pandas(data)
    check_conf_level(conf_level, "ordinal_severity")
    names = as_names(by)
    require_columns(data, [targets, raters, ratings, *names], "ordinal_severity")
    numbers, labels = numbered(data[ratings], ratings)
    data = data.assign(**{ratings: numbers})
    read = read_ratings(data, targets=targets, raters=raters, ratings=ratings, by=names or None, caller=CALLER)
    sign = Note("latent_severity_sign", numbers={"targets": targets})
    notes = [*read.missing_notes, sign, Note("latent_icc_caution")]

    def tables_of(key: Key, rows: pd.DataFrame) -> dict[str, pd.DataFrame]:
        one = _latent_set(rows, (targets, raters, ratings), labels, link, thresholds, conf_level)
        notes.extend(replace(note, subject=" · ".join(map(str, key))) if key else note for note in one.notes)
        return _tables(one, rows, targets, raters, ratings, conf_level)

    found = by_sets(rated_rows(data, ratings, CALLER)[0], names, tables_of)
    spec = {
        "targets": targets, "raters": raters, "ratings": ratings, "by": list(names), "link": link,
        "thresholds": thresholds, "conf_level": conf_level,
    }  # fmt: skip
    design = {"n_sets": read.n_sets, "n_ratings": len(read.rows), "dropped": {"missing rating": read.n_missing}}
    return OrdinalSeverityResult(spec, design=design, notes=distinct(notes), rows=read.rows, **found)


def _latent_set(
    rows: pd.DataFrame,
    columns: tuple[str, str, str],
    labels: tuple[Any, ...] | None,
    link: CumulativeLink,
    thresholds: ThresholdKind,
    conf_level: float,
) -> LatentSet:
    targets, raters, ratings = columns
    layout = read_ratings(rows, targets=targets, raters=raters, ratings=ratings, caller=CALLER).groups[0].layout
    _refuse(layout, targets, raters)
    target, target_names = id_codes(rows[targets], CALLER)
    rater, rater_names = id_codes(rows[raters], CALLER)
    values = rows[ratings].to_numpy(dtype=float)
    _refuse_extreme(values, rater, rater_names, raters)
    outcome = pd.Series(values)
    if labels is not None:
        outcome = pd.Series(pd.Categorical.from_codes(values.astype(np.int64), pd.Index(labels), ordered=True))
    return LatentSet(target, rater, target_names, rater_names, outcome, link, thresholds, conf_level)


def _tables(
    one: LatentSet, rows: pd.DataFrame, targets: str, raters: str, ratings: str, conf_level: float
) -> dict[str, pd.DataFrame]:
    ordinary = icc(rows, targets=targets, raters=raters, ratings=ratings, conf_level=conf_level).frame
    number = ordinary.drop_duplicates("form").set_index("form")["estimate"].reindex(["ICC(C,1)", "ICC(A,1)"])
    both = [*one.latent_icc(), *((form, "ratings", value) for form, value in number.items())]
    return {
        "frame": one.severity(), "targets": one.targets(), "thresholds": one.by_raters.thresholds.copy(),
        "variances": one.variances(), "icc": pd.DataFrame(both, columns=["form", "scale", "estimate"]),
        "tests": one.test(),
    }  # fmt: skip


def _refuse(layout: Layout, targets: str, raters: str) -> None:
    if layout.n_raters < 2:
        raise NotEstimable(f"{CALLER}: one {raters} only ({layout.rater_names[0]!r}); severity is relative to others.")
    if layout.kind == "disconnected":
        raise NotEstimable(f"{CALLER}: {sentence(disconnected_note(layout, targets, raters))}")
    if layout.kind == "nested" or layout.per_target.max() == 1:
        why = sentence(Note("nothing_shared", numbers={"targets": targets, "raters": raters}))
        raise NotEstimable(f"{CALLER}: {why}")


def _refuse_extreme(
    values: NDArray[np.float64], rater: NDArray[np.int64], names: tuple[Hashable, ...], raters: str
) -> None:
    """Refuse a rater all of whose ratings are the lowest or the highest category: her shift has no finite estimate."""
    for code, name in enumerate(names):
        own = values[rater == code]
        if own.min() == own.max() and own[0] in (values.min(), values.max()):
            raise NotEstimable(
                f"{CALLER}: {raters} {name!r} gave {own[0]:g} in all {len(own)} ratings, an end of the scale, so that "
                "her severity has no finite estimate on the latent scale. Leave her out, or see drift(), which "
                "compares means"
            )
