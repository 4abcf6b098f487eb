"""Fit one generalised mixed model: the public door."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pandas as pd

from doublecode.analysis.mixed.columns import ColumnOrArray, extra_values
from doublecode.analysis.mixed.design import Design, Floats, build_design
from doublecode.analysis.mixed.formula import ModelFormula, parse_mixed
from doublecode.analysis.mixed.formula_names import variables_of
from doublecode.analysis.mixed.generalized.links import Link
from doublecode.analysis.mixed.generalized.ordinal_model import check_thresholds, fit_ordinal
from doublecode.analysis.mixed.generalized.outcome_fit import fit_outcome
from doublecode.analysis.mixed.generalized.random_part import RandomPart, make_random_part
from doublecode.analysis.mixed.generalized.response import check_family, offset_notes, read_outcome, zero_one_notes
from doublecode.analysis.mixed.generalized.result import GeneralizedResult
from doublecode.analysis.mixed.generalized.separation import refuse_row_effects
from doublecode.analysis.mixed.generalized.thresholds import ThresholdKind
from doublecode.analysis.mixed.prediction import Source
from doublecode.schemas.errors import ContractError, UsageError
from doublecode.schemas.frames import as_pandas
from doublecode.schemas.results import Note, check_conf_level

Nodes = int | Literal["auto"]
NODES = 15
"""Quadrature nodes of one scalar random term."""
MOST_NODES = 100


def fit_generalized(
    formula: str | ModelFormula,
    data: pd.DataFrame,
    *,
    family: str,
    link: str | None = None,
    nagq: Nodes = "auto",
    trials: ColumnOrArray = None,
    weights: ColumnOrArray = None,
    offset: ColumnOrArray = None,
    prior_sd: float | None = None,
    thresholds: ThresholdKind = "flexible",
    conf_level: float = 0.95,
) -> GeneralizedResult:
    """Fit a mixed model of an outcome that is done or not, counted, or rated in ordered categories.

    Parameters
    ----------
    formula
        lme4's syntax, as in :func:`fit_mixed`, with at least one random term.
    data
        One row per observation; rows with a missing value in a column in use are dropped and listed.
    family
        ``"binomial"`` (0/1, True/False, or successes with `trials`), ``"poisson"``, or ``"negative-binomial"``
        (variance μ + μ²/φ), or ``"ordinal"`` (ordered categories: whole numbers such as 0 to 4, or an ordered
        categorical), a cumulative model.
    link
        ``"logit"`` (default), ``"probit"`` or ``"cloglog"`` for binomial; counts have ``"log"``; ordinal
        ``"logit"`` (default) or ``"probit"``.
    nagq
        Nodes of adaptive Gauss–Hermite quadrature; 1 is Laplace's approximation, glmer's default. ``"auto"`` takes 15
        where there is one scalar random term, else 1; a note says which.
    trials
        Column or values: trials of each row; the outcome is then the number of successes, or their proportion.
    weights
        Column or values; row i counts wᵢ times in the log-likelihood.
    offset
        Column or values; a known part of the linear predictor, such as the log of an exposure.
    prior_sd
        Declares a weak normal prior, mean 0 and this standard deviation, on every fixed effect but the intercept, per
        unit of its predictor: the way on where predictors separate the outcome. None, the default, is maximum
        likelihood.
    thresholds
        Of an ordinal outcome: ``"flexible"``, each where the data put it, or ``"equidistant"``.
    conf_level
        Confidence level of the intervals in `.fixed`.

    Returns
    -------
    GeneralizedResult
        An :class:`OrdinalResult` for ordered categories: positive coefficients make higher categories likelier.
        `.frame` (= `.fixed`) has term, estimate, std_error, statistic, p_value, conf_low, conf_high, on the scale of
        the linear predictor; `.ratios` has odds ratios or rate ratios.

    Raises
    ------
    FormulaError, ContractError, NotEstimable, UsageError
        Before anything is fitted, and for separation; a fit that does not converge is a result with `.converged` False.

    Notes
    -----
    The criterion is the marginal log-likelihood, by Laplace's approximation at the observed curvature (of the logit and
    the log link the same as glmer's) or by quadrature; its gradient is exact. Standard errors are from the Hessian in
    all parameters jointly.

    References
    ----------
    Bates, Mächler, Bolker & Walker (2015), Journal of Statistical Software 67(1). Pinheiro & Bates (1995), Journal of
    Computational and Graphical Statistics 4, 12–35. Bolker et al. (2009), Trends in Ecology & Evolution 24, 127–135.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> rng = np.random.default_rng(3)
    >>> data = pd.DataFrame({"patient": np.repeat(np.arange(30), 8), "session": np.tile(np.arange(8.0), 30)})
    >>> eta = -0.5 + 0.3 * data.session + rng.normal(0, 1, 30)[data.patient]
    >>> data["done"] = (rng.uniform(size=240) < 1 / (1 + np.exp(-eta))).astype(int)
    >>> fit = fit_generalized("done ~ session + (1 | patient)", data, family="binomial")
    >>> fit.frame["term"].tolist(), fit.converged, fit.spec["nagq"]
    (['Intercept', 'session'], True, 15)
    """
    data = as_pandas(data)
    check_conf_level(conf_level, "fit_generalized")
    chosen, chosen_link = check_family(family, link)
    check_prior(prior_sd, "fit_generalized")
    design, counted = generalized_design(formula, data, trials=trials, weights=weights, offset=offset)
    part = make_random_part(design.terms)
    n_nodes, remarks = choose_nodes(nagq, part)
    spec = {
        "formula": design.formula.text, "family": chosen, "link": chosen_link, "nagq": n_nodes,
        "trials": source_of(trials), "weights": source_of(weights), "offset": source_of(offset), "prior_sd": prior_sd,
        "conf_level": conf_level,
    }  # fmt: skip
    check_thresholds(chosen, thresholds)
    if chosen == "ordinal":
        return fit_ordinal(design, part, n_nodes, chosen_link, spec | {"thresholds": thresholds}, remarks)
    outcome = read_outcome(design, chosen, chosen_link, counted, trials if isinstance(trials, str) else "trials")
    if outcome.binary:
        refuse_row_effects(design, "0 and 1")
    fit = fit_outcome(design, part, outcome, n_nodes, prior_sd)
    asked = () if outcome.proportion else zero_one_notes(outcome.y, outcome.trials, design.formula.response.strip("`"))
    remarks = (*remarks, *asked, *notes_of_given(design, chosen_link, source_of(offset), prior_sd))
    return GeneralizedResult(spec, design, outcome, fit, remarks)


def check_prior(prior_sd: float | None, caller: str) -> None:
    """Refuse a prior's standard deviation that is none."""
    if prior_sd is not None and not (np.isfinite(prior_sd) and prior_sd > 0):
        raise UsageError(f"{caller}: prior_sd={prior_sd!r}; allowed: a positive number, or None for no prior")


def notes_of_given(design: Design, link: Link, offset: str | None, prior_sd: float | None) -> tuple[Note, ...]:
    """Note an offset that is no logarithm, and a declared prior."""
    prior = () if prior_sd is None else (Note("generalized_prior", numbers={"sd": prior_sd}),)
    return (*offset_notes(design.offset, link, offset), *prior)


def generalized_design(
    formula: str | ModelFormula, data: pd.DataFrame, *, trials: ColumnOrArray, weights: ColumnOrArray,
    offset: ColumnOrArray,
) -> tuple[Design, Floats | None]:  # fmt: skip
    """Build the design with the outcome among its columns, y zero; and the trials (n,) of its rows."""
    parsed = parse_mixed(formula)
    also = tuple(sorted(variables_of(parsed.response, data.columns)))
    if not also:
        bare = parsed.response.strip("`")
        raise ContractError(
            f"{parsed.text!r}: the outcome {bare!r} is not a column; columns are {', '.join(map(str, data.columns))}"
        )
    data, given, names = with_trials(data, trials)
    design = build_design(
        parsed, data, weights=weights, offset=offset, also=tuple(dict.fromkeys((*also, *names))), with_outcome=False,
        row_levels=True,
    )  # fmt: skip
    return design, None if given is None else given[design.rows]


def with_trials(data: pd.DataFrame, trials: ColumnOrArray) -> tuple[pd.DataFrame, Floats | None, tuple[str, ...]]:
    """Data with the trials among the columns, where rows may lack them; the trials, and the name of their column."""
    given = extra_values(trials, "trials", data)
    if given is None:
        return data, None, ()
    name = trials if isinstance(trials, str) else "trials given as values"
    return data.assign(**{name: given}), given, (name,)


def choose_nodes(nagq: Nodes, part: RandomPart, caller: str = "fit_generalized") -> tuple[int, tuple[Note, ...]]:
    """Resolve ``"auto"``; the note says what was chosen and why."""
    if nagq == "auto":
        if part.scalar:
            return NODES, (Note("generalized_quadrature", numbers={"n_nodes": NODES}),)
        return 1, (Note("generalized_laplace"),)
    if isinstance(nagq, bool) or not isinstance(nagq, int) or not 1 <= nagq <= MOST_NODES:
        raise UsageError(f"{caller}: nagq={nagq!r}; allowed: 'auto', or a whole number from 1 to {MOST_NODES}")
    if nagq > 1 and not part.scalar:
        raise UsageError(
            f"{caller}: nagq={nagq} needs one scalar random term such as (1 | patient); for this random part "
            "use nagq=1, Laplace's approximation"
        )
    return nagq, (
        Note("generalized_laplace_asked")
        if nagq == 1
        else Note("generalized_quadrature_asked", numbers={"n_nodes": nagq}),
    )


def source_of(value: ColumnOrArray) -> str | None:
    """Where trials, weights or an offset come from: a column by its name, or given values."""
    return value if value is None or isinstance(value, str) else Source.VALUES
