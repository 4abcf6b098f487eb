"""Generalizability and decision studies: how many raters, items, occasions are enough."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from doublecode.analysis.ratings.frames import numeric_column, require_columns
from doublecode.analysis.reliability.facets import Source, anova_table, is_balanced, make_source, nesting
from doublecode.analysis.rendering.answers import Answer
from doublecode.analysis.rendering.tables import Table, bounded_estimate, column
from doublecode.analysis.rendering.wording.phrases import plural
from doublecode.schemas.errors import FormulaError, NotEstimable, UsageError
from doublecode.schemas.results import Note, check_conf_level

if TYPE_CHECKING:
    from doublecode.analysis.mixed.engine.profiles import Measure

Floats = NDArray[np.float64]
Method = Literal["auto", "anova", "reml"]


@dataclass(frozen=True, eq=False, repr=False)
class GStudyResult(Answer):
    """Variance components of facets, and the coefficients they give.

    Attributes
    ----------
    spec : dict
    frame : DataFrame
        ``coefficient`` (relative: Eρ², absolute: Φ), ``estimate, conf_low, conf_high, error_variance, sem,
        method``.
    variances : DataFrame
        ``source, df, sum_sq, mean_sq, variance, share``; with REML the sums of squares are missing.
    design : dict
        Levels of each facet, what is nested in what, and how many of each the coefficients average.
    notes : tuple of Note
    sources : tuple of Source
        For :func:`doublecode.analysis.reliability.decision.d_study`.
    rows : Index
    """

    spec: dict[str, Any]
    frame: pd.DataFrame
    variances: pd.DataFrame
    design: dict[str, Any]
    notes: tuple[Note, ...]
    sources: tuple[Source, ...]
    rows: pd.Index[Any]

    label_columns: ClassVar[tuple[str, ...]] = ("coefficient",)

    def tables(self) -> tuple[Table, ...]:
        """Coefficients, and the sources of variance."""
        coefficients = (
            column("coefficient", "Coefficient", kind="text"),
            *bounded_estimate("Estimate", self.spec["conf_level"]),
            column("error_variance", "Error variance", digits=3), column("sem", "*SEM*"),
        )  # fmt: skip
        squares = self.variances["sum_sq"].notna().any()
        sources = (
            column("source", "Source", kind="text"),
            *((column("df"), column("sum_sq", "Sum of squares"), column("mean_sq", "Mean square")) if squares else ()),
            column("variance", "Variance", digits=3), column("share", "Share", kind="percent", digits=1),
        )  # fmt: skip
        return (
            Table("generalizability", "Generalizability (relative: Eρ², absolute: Φ)", self.frame, coefficients),
            Table("generalizability_sources", "Sources of variance", self.variances, sources),
        )

    def counted(self) -> str:
        """Count scores and the levels of each facet."""
        levels = ", ".join(f"{count:.4g} {plural(facet)}" for facet, count in self.design["facets"].items())
        averaged = ", ".join(f"{count:.4g} {plural(facet)}" for facet, count in self.design["averaged"].items())
        return f"{self.design['n_scores']} scores, {levels}; coefficients of means over {averaged}"


def g_study(
    formula: str,
    data: pd.DataFrame,
    *,
    objects: str | None = None,
    n: Mapping[str, int] | None = None,
    method: Method = "auto",
    conf_level: float = 0.95,
) -> GStudyResult:
    """Generalizability study with any facets, crossed or nested.

    Parameters
    ----------
    formula : str
        Sources of variance, lme4 syntax: ``"score ~ (1 | patient) + (1 | rater) + (1 | patient:rater)"``.
        What is not named goes to the residual.
    data : DataFrame
        Long, one row per score.
    objects : str, optional
        Facet whose levels are to be told apart; the first one named by default.
    n : mapping, optional
        How many levels of each facet the decision averages, for example ``{"rater": 2}``; as many as in
        the data by default (of a nested facet: per level of what it is nested in).
    method : {"auto", "anova", "reml"}
        Expected mean squares (Henderson I) for balanced data, else REML by the mixed-model engine.
    conf_level : float
        Of the profile-likelihood limits of the coefficients.

    Returns
    -------
    GStudyResult

    Raises
    ------
    FormulaError, ContractError
    NotEstimable
        The sources cannot be told apart in the data.

    Notes
    -----
    With σ²(τ) the variance of the objects: Eρ² = σ²(τ)/(σ²(τ) + σ²(δ)), the relative error δ holding every
    source that contains the objects, and Φ = σ²(τ)/(σ²(τ) + σ²(Δ)), the absolute error Δ holding all the
    others too; each is divided by the number of levels averaged (Brennan 2001; Cronbach et al. 1972).
    Negative components are printed as they are and count as nought in coefficients.

    Examples
    --------
    >>> import pandas as pd
    >>> table = [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]
    >>> long = pd.DataFrame(
    ...     [(s, j, y) for s, row in enumerate(table) for j, y in enumerate(row)], columns=["s", "j", "y"]
    ... )
    >>> found = g_study("y ~ (1 | s) + (1 | j)", long, n={"j": 4})
    >>> found.frame.set_index("coefficient")["estimate"].round(2).to_dict()
    {'relative': 0.91, 'absolute': 0.62}
    """
    from doublecode.analysis.mixed.formula import parse_mixed
    from doublecode.analysis.results.complete_rows import complete_rows

    check_conf_level(conf_level, "g_study")
    if method not in ("auto", "anova", "reml"):
        raise UsageError(f"g_study: method is {method!r}; allowed are 'auto', 'anova' and 'reml'.")
    parsed = parse_mixed(formula)
    _only_sources(parsed)
    facets = list(dict.fromkeys(factor for term in parsed.terms for factor in term.factors))
    require_columns(data, [parsed.response, *facets], "g_study")
    values = numeric_column(data, parsed.response, "g_study")
    keep, lost = complete_rows({parsed.response: values, **{facet: data[facet] for facet in facets}}, data.index)
    frame, y = data.loc[keep], values[keep]
    if len(y) < 3:
        raise NotEstimable(f"g_study: {len(y)} complete row(s); there is nothing to estimate.")
    held = nesting(frame, facets)
    sources = [make_source(frame, term.group, term.factors, held) for term in parsed.terms]
    target = _objects(objects, facets)
    levels = _levels(frame, facets, held)
    averaged = _averaged(levels, n, target)
    balanced = is_balanced(sources)
    chosen = ("anova" if balanced else "reml") if method == "auto" else method
    notes = list(_study_notes(len(lost), balanced, chosen))
    table, fit = _variances(chosen, formula, frame, y, sources)
    notes += _negative(table)
    coefficients, said = _coefficients(table, fit, sources, target, averaged, conf_level)
    design = {
        "facets": levels,
        "nested": {facet: sorted(of) for facet, of in held.items() if of},
        "objects": target,
        "averaged": averaged,
        "balanced": balanced,
        "n_scores": len(y),
        "dropped": {"missing value": len(lost)},
        "dropped_by_column": dict(Counter(" and ".join(row.missing) for row in lost).most_common()),
        "lost": lost,
    }
    spec = {"formula": parsed.text, "objects": target, "n": averaged, "method": chosen, "conf_level": conf_level}
    return GStudyResult(spec, coefficients, table, design, (*notes, *said), tuple(sources), frame.index)


def _only_sources(parsed: Any) -> None:
    if parsed.fixed.replace("+", "").strip() not in ("", "1"):
        raise FormulaError(
            f"g_study: {parsed.text!r} has fixed effects ({parsed.fixed}); a generalizability study has random "
            "sources only, each as (1 | facet) or (1 | facet:facet)."
        )
    for term in parsed.terms:
        if term.expression != "1":
            raise FormulaError(f"g_study: {term.label} is no source of variance; write (1 | {term.group}).")


def _objects(objects: str | None, facets: list[str]) -> str:
    if objects is None:
        return facets[0]
    if objects not in facets:
        raise UsageError(f"g_study: objects is {objects!r}; the facets are {', '.join(facets)}.")
    return objects


def _levels(frame: pd.DataFrame, facets: list[str], held: dict[str, frozenset[str]]) -> dict[str, float]:
    """Levels of each facet; of a nested one per level of what holds it (harmonic mean)."""
    counts: dict[str, float] = {}
    for facet in facets:
        if not held[facet]:
            counts[facet] = float(frame[facet].nunique())
            continue
        per = frame.groupby(sorted(held[facet]), observed=True)[facet].nunique()
        counts[facet] = float(len(per) / np.sum(1.0 / per))
    return counts


def _averaged(levels: dict[str, float], n: Mapping[str, int] | None, target: str) -> dict[str, float]:
    given = dict(n or {})
    for facet, count in given.items():
        if facet not in levels or facet == target:
            allowed = ", ".join(name for name in levels if name != target)
            raise UsageError(f"g_study: n names {facet!r}; the facets that can be averaged are {allowed}.")
        if count < 1:
            raise UsageError(f"g_study: n[{facet!r}] is {count!r}; at least 1.")
    return {facet: float(given.get(facet, count)) for facet, count in levels.items() if facet != target}


def _study_notes(dropped: int, balanced: bool, method: str) -> Iterator[Note]:
    if dropped:
        yield Note("scores_missing", numbers={"n": dropped})
    if not balanced and method == "anova":
        yield Note("facets_not_balanced")


def _variances(
    method: str, formula: str, frame: pd.DataFrame, y: Floats, sources: list[Source]
) -> tuple[pd.DataFrame, Any]:
    """Variance table, and the REML fit that limits stand on."""
    from doublecode.analysis.mixed.design import build_design
    from doublecode.analysis.mixed.engine.bare_fit import fit_design
    from doublecode.analysis.mixed.variances import covariances, residual_variance

    table = anova_table(y, sources) if method == "anova" else None
    fit = None
    try:
        fit = fit_design(build_design(formula, frame), reml=True)
    except NotEstimable:
        if table is None:
            raise
    if table is None and fit is not None:
        values = [float(matrix[0, 0]) for matrix in covariances(fit)] + [residual_variance(fit)]
        names = [source.name for source in sources] + ["Residual"]
        table = pd.DataFrame({"source": names, "df": np.nan, "sum_sq": np.nan, "mean_sq": np.nan, "variance": values})
    if table is None:
        raise NotEstimable("g_study: the model could not be fitted.")
    positive = table["variance"].clip(lower=0.0)
    table["share"] = positive / positive.sum() if positive.sum() > 0 else np.nan
    return table, fit


def _negative(table: pd.DataFrame) -> list[Note]:
    below = table.loc[table["variance"] < 0.0, "source"].tolist()
    return [Note("negative_components", numbers={"sources": tuple(below)})] if below else []


def error_weights(sources: Sequence[Source], target: str, averaged: Mapping[str, float]) -> dict[str, dict[str, float]]:
    """Weight of each source in the relative and in the absolute error."""
    weights: dict[str, dict[str, float]] = {"relative": {}, "absolute": {}}
    residual = 1.0 / float(np.prod(list(averaged.values())))
    for source in sources:
        others = source.facets - {target}
        if not others:
            continue
        weight = 1.0 / float(np.prod([averaged[facet] for facet in others]))
        weights["absolute"][source.name] = weight
        if target in source.facets:
            weights["relative"][source.name] = weight
    for part in weights.values():
        part["Residual"] = residual
    return weights


def _coefficients(
    table: pd.DataFrame,
    fit: Any,
    sources: list[Source],
    target: str,
    averaged: dict[str, float],
    conf_level: float,
) -> tuple[pd.DataFrame, list[Note]]:
    own = [source.name for source in sources if source.facets == frozenset({target})]
    if not own:
        raise FormulaError(f"g_study: the formula has no source (1 | {target}) for the objects of measurement.")
    variance = table.set_index("source")["variance"].clip(lower=0.0)
    weights = error_weights(sources, target, averaged)
    limits = _limits(fit, sources, own[0], weights, conf_level)
    rows = []
    for name, parts in weights.items():
        error = float(sum(weight * variance[source] for source, weight in parts.items()))
        total = float(variance[own[0]]) + error
        low, high = limits[name]
        rows.append(
            {
                "coefficient": name,
                "estimate": float(variance[own[0]]) / total if total > 0 else np.nan,
                "conf_low": low,
                "conf_high": high,
                "error_variance": error,
                "sem": float(np.sqrt(error)),
                "method": "variance components, profile-likelihood limits (REML)" if fit is not None else
                "variance components, no limits",
            }
        )  # fmt: skip
    frame = pd.DataFrame(rows)
    said = [Note("no_coefficient_limits")] if frame["conf_low"].isna().any() else []
    return frame, said


def _limits(
    fit: Any, sources: list[Source], own: str, weights: dict[str, dict[str, float]], conf_level: float
) -> dict[str, tuple[float, float]]:
    """Profile-likelihood limits of both coefficients."""
    from scipy import special

    from doublecode.analysis.mixed.engine.profiles import Target, profile_limits

    if fit is None or not fit.converged:
        return {name: (float("nan"), float("nan")) for name in weights}
    names = [source.name for source in sources]
    targets = [Target(_measure(names, own, parts), 0.0, 1.0) for parts in weights.values()]
    chi2 = float(special.chdtri(1, 1.0 - conf_level))
    found = profile_limits(fit.moments, fit.theta[None], np.zeros(1, dtype=np.intp), targets, reml=True, chi2=chi2)
    return {name: (float(found.low[0, i]), float(found.high[0, i])) for i, name in enumerate(weights)}


def _measure(names: list[str], own: str, parts: dict[str, float]) -> Measure:
    def value(found: tuple[Floats, ...], residual: Floats) -> Floats:
        every = {name: matrix[:, 0, 0] for name, matrix in zip(names, found, strict=True)} | {"Residual": residual}
        error = sum(weight * every[name] for name, weight in parts.items())
        return np.asarray(every[own] / (every[own] + error))

    return value
