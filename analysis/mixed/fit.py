"""Fit one mixed model: the public door."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np
import pandas as pd

from doublecode.analysis.mixed.columns import ColumnOrArray
from doublecode.analysis.mixed.design import Design, build_design
from doublecode.analysis.mixed.engine.bare_fit import Fit, fit_design, way_on
from doublecode.analysis.mixed.engine.optimise import collapsed
from doublecode.analysis.mixed.formula import ModelFormula
from doublecode.analysis.mixed.inference import Method
from doublecode.analysis.mixed.prediction import Source
from doublecode.analysis.mixed.residuals.whitening import Whitening
from doublecode.analysis.mixed.result import MixedResult
from doublecode.schemas.errors import NotEstimable, UsageError
from doublecode.schemas.frames import as_pandas
from doublecode.schemas.results import Note, check_conf_level

Ddf = Literal["auto", "kenward-roger", "satterthwaite", "z"]
MOST_VALUES, FIRST_ROWS = 7, 200
"""Values of an outcome up to which a model for few values is pointed to; rows that are looked at first."""
KENWARD_ROGER_BELOW = 50
"""Number of groups under which Kenward–Roger is the default (Luke 2017; McNeish 2017)."""


def fit_mixed(
    formula: str | ModelFormula,
    data: pd.DataFrame,
    *,
    reml: bool = True,
    ddf: Ddf = "auto",
    weights: ColumnOrArray = None,
    offset: ColumnOrArray = None,
    correlation: str | None = None,
    variance_by: str | None = None,
    conf_level: float = 0.95,
) -> MixedResult:
    """Fit a linear mixed model by REML or maximum likelihood.

    Parameters
    ----------
    formula
        lme4's syntax, ``"y ~ x + (x | patient)"``; a name with blanks or signs stands in backticks. R's
        ``factor``, ``relevel``, ``ifelse``, ``sqrt``, ``poly``, ``bs``, ``ns`` work; as in R, ``scale`` and
        the other functions of a whole column are computed before rows with missing values are dropped.
    data
        One row per observation; rows with a missing value in a column in use are dropped and listed.
    reml
        Restricted likelihood, the default; False for maximum likelihood.
    ddf
        Tests of fixed effects: ``"auto"`` is Kenward–Roger if the smallest grouping factor has fewer
        than 50 levels (and REML), else Satterthwaite; or ``"kenward-roger"``, ``"satterthwaite"``, ``"z"``.
        With a residual structure ``"auto"`` is Satterthwaite, whose df include its uncertainty.
    weights
        Column or values; the residual variance of row i is σ²/wᵢ.
    offset
        Column or values; a known part of the mean.
    correlation
        Residual correlation, ``"ar1(session | patient)"`` or ``"car1(time | patient)"``.
    variance_by
        Column whose levels have residual variances of their own.
    conf_level
        Confidence level of the intervals in `.fixed`.

    Returns
    -------
    MixedResult
        `.frame` (= `.fixed`) has term, estimate, std_error, df, statistic, p_value, conf_low, conf_high.

    Raises
    ------
    FormulaError, ContractError, NotEstimable
        Before anything is fitted; a fit that does not converge is a result with `.converged` False.

    References
    ----------
    Bates, Mächler, Bolker & Walker (2015), Journal of Statistical Software 67(1).

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> rng = np.random.default_rng(7)
    >>> patient = np.repeat(np.arange(12), 5)
    >>> data = pd.DataFrame({"patient": patient, "session": np.tile(np.arange(5.0), 12)})
    >>> data["phq9"] = 12 - data.session + rng.normal(0, 2, 12)[patient] + rng.normal(0, 1, 60)
    >>> fit = fit_mixed("phq9 ~ session + (1 | patient)", data)
    >>> fit.frame[["term", "df"]].round(1).values.tolist()
    [['Intercept', 15.4], ['session', 47.0]]
    """
    if not isinstance(data, pd.DataFrame):
        data = as_pandas(data)
    _check_options(reml, ddf, conf_level)
    design, whitening = _prepare(formula, data, weights, offset, correlation, variance_by, reml=reml)
    fitted = fit_design(design if whitening is None else whitening.apply(design), reml=reml)
    if whitening is not None:
        fitted = replace(
            fitted, converged=fitted.converged and whitening.converged, rungs=(*whitening.rungs, *fitted.rungs)
        )
    _refuse_collapsed(fitted)
    method, notes = choose_ddf(ddf, design, reml=reml)
    if whitening is not None and ddf == "auto":
        method = "satterthwaite"
        notes = (Note("tests_count_structure", numbers={"structure": whitening.label}),)
    spec = {
        "formula": design.formula.text, "reml": reml, "ddf": method, "conf_level": conf_level,
        "weights": _name(weights), "offset": _name(offset), "correlation": correlation, "variance_by": variance_by,
    }  # fmt: skip
    return MixedResult(spec, design, fitted, method, whitening, (*notes, *_few_values(design)))


def _few_values(design: Design) -> tuple[Note, ...]:
    """Say of an outcome of two values, or of three to seven whole ones, that there is a model for such."""
    y = design.y
    if len(set(y[: 2 * MOST_VALUES].tolist())) > MOST_VALUES or len(np.unique(y[:FIRST_ROWS])) > MOST_VALUES:
        return ()
    values = np.unique(y)
    if len(values) == 2:
        return (Note("outcome_of_two_values", numbers={"outcome": design.formula.response}),)
    if len(values) <= MOST_VALUES and (values == np.round(values)).all():
        numbers = {"outcome": design.formula.response, "n_values": len(values)}
        return (Note("outcome_of_few_values", numbers=numbers),)
    return ()


def _refuse_collapsed(fit: Fit) -> None:
    if collapsed(fit.state)[0]:
        raise NotEstimable(
            f"{fit.design.formula.text!r} reproduces the outcome without error (to rounding): "
            f"the residual variance is zero and the likelihood has no maximum. {way_on(fit.design)}"
        )


def choose_ddf(ddf: Ddf, design: Design, *, reml: bool) -> tuple[Method, tuple[Note, ...]]:
    """Resolve ``"auto"``; the note says what was chosen and why."""
    if ddf != "auto":
        return ddf, ()
    group, fewest = min(design.n_groups.items(), key=lambda item: item[1])
    if not reml:
        return "satterthwaite", (Note("tests_satterthwaite_ml"),)
    if fewest < KENWARD_ROGER_BELOW:
        numbers = {"group": group, "n_levels": fewest, "below": KENWARD_ROGER_BELOW}
        return "kenward-roger", (Note("tests_kenward_roger", numbers=numbers),)
    return "satterthwaite", (Note("tests_satterthwaite", numbers={"n_levels": fewest}),)


def _prepare(
    formula: str | ModelFormula,
    data: pd.DataFrame,
    weights: ColumnOrArray,
    offset: ColumnOrArray,
    correlation: str | None,
    variance_by: str | None,
    *,
    reml: bool,
) -> tuple[Design, Whitening | None]:
    if correlation is None and variance_by is None:
        return build_design(formula, data, weights=weights, offset=offset), None
    from doublecode.analysis.mixed.residuals.model import columns_needed, find_whitening

    also = columns_needed(correlation, variance_by)
    design = build_design(formula, data, weights=weights, offset=offset, also=also)
    return design, find_whitening(design, correlation=correlation, variance_by=variance_by, reml=reml)


def _check_options(reml: bool, ddf: str, conf_level: float) -> None:
    allowed = ("auto", "kenward-roger", "satterthwaite", "z")
    if ddf not in allowed:
        raise UsageError(f"ddf={ddf!r} is not one of {', '.join(map(repr, allowed))}")
    if ddf == "kenward-roger" and not reml:
        raise UsageError("Kenward–Roger is defined for REML; use reml=True or ddf='satterthwaite'")
    check_conf_level(conf_level, "fit_mixed")


def _name(value: ColumnOrArray) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return Source.VALUES
