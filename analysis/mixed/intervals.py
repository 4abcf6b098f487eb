"""Intervals of every parameter of a mixed model: Wald, profile likelihood, parametric bootstrap.

* *Profile* (Bates et al. 2015, section 5.1): standard deviations, correlations and the residual SD on
  the criterion of the fit, REML included; fixed effects on the ML criterion, since REML
  likelihoods of different fixed parts are not comparable. The column `method` says which.
* *Wald*: fixed effects by the result's own t tests; standard deviations formed in logarithms,
  correlations as Fisher's z, from the observed information. A rough answer near a boundary.
* *Bootstrap*: percentiles of refits to outcomes drawn from the fitted model. With few groups the
  variances cover less than their level (22 groups: about 92 % for 95 %).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import chdtri, ndtri

from doublecode.analysis.mixed.components import Component, components, measure_all
from doublecode.analysis.mixed.engine.bare_fit import Fit, fit_design
from doublecode.analysis.mixed.engine.likelihood import evaluate
from doublecode.analysis.mixed.engine.moments import make_moments
from doublecode.analysis.mixed.engine.nesting import sets_at_once
from doublecode.analysis.mixed.engine.optimise import minimise
from doublecode.analysis.mixed.engine.profiles import Measure, Target, delta_errors, measure_at, profile_limits
from doublecode.analysis.mixed.engine.starts import default_start
from doublecode.analysis.mixed.fitted import FittedModel
from doublecode.analysis.mixed.fixed_profiles import coefficient_limits, coefficient_slope
from doublecode.analysis.mixed.inference import fixed_effects
from doublecode.analysis.mixed.redraws import Redraws
from doublecode.analysis.mixed.variances import residual_variance
from doublecode.analysis.results.spread_work import digest
from doublecode.schemas.errors import UsageError
from doublecode.schemas.results import check_conf_level

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]
IntervalMethod = Literal["wald", "profile", "bootstrap"]
Parameters = Literal["all", "fixed", "variances"]
COLUMNS = ["parameter", "group", "term", "estimate", "conf_low", "conf_high", "method"]
_TOGETHER = 50  # refits that a worker does at a time
_METHODS, _PARAMETERS = ("wald", "profile", "bootstrap"), ("all", "fixed", "variances")


def mixed_intervals(
    result: FittedModel,
    method: IntervalMethod = "wald",
    *,
    conf_level: float | None = None,
    draws: Redraws,
    parameters: Parameters = "all",
) -> pd.DataFrame:
    """Intervals of the parameters of a fitted model.

    Parameters
    ----------
    result
        From :func:`doublecode.analysis.mixed.fit_mixed`.
    method
        ``"wald"``, ``"profile"`` or ``"bootstrap"``.
    conf_level
        Confidence level, in (0, 1); None takes that of the fit.
    draws
        Refits and seed of the bootstrap, and who does them; the limits are the same.
    parameters
        ``"all"``, ``"fixed"`` or ``"variances"`` (SDs, correlations, residual SD, residual structure).

    Returns
    -------
    pandas.DataFrame
        One row per parameter: parameter (fixed, sd, corr, phi), group, term, estimate, conf_low,
        conf_high, method. SDs are in units of the outcome per unit of the predictor. A correlation
        is NaN where one of its variances is estimated as zero.

    Raises
    ------
    UsageError
        An unknown method, set of parameters, or a confidence level outside (0, 1).
    """
    if method not in _METHODS:
        raise UsageError(f"method={method!r} is not one of {', '.join(map(repr, _METHODS))}")
    if parameters not in _PARAMETERS:
        raise UsageError(f"parameters={parameters!r} is not one of {', '.join(map(repr, _PARAMETERS))}")
    draws.check(method)
    level = float(result.spec["conf_level"] if conf_level is None else conf_level)
    check_conf_level(level, "confint")
    if method == "bootstrap":
        table = bootstrap_intervals(result, conf_level=level, draws=draws)
    elif method == "profile":
        table = profile_intervals(result, conf_level=level, parameters=parameters)
    else:
        table = wald_intervals(result, conf_level=level)
    if parameters == "all":
        return table
    keep = (table["parameter"] == "fixed") == (parameters == "fixed")
    return table[keep].reset_index(drop=True)


def profile_intervals(result: FittedModel, *, conf_level: float = 0.95, parameters: Parameters = "all") -> pd.DataFrame:
    """Profile-likelihood limits; see :func:`mixed_intervals`."""
    chi2 = float(chdtri(1, 1.0 - conf_level))
    rows: list[tuple[object, ...]] = []
    if parameters != "variances":
        if result.whitening is None:
            limits = profile_fixed(result.fit, chi2)
        else:
            limits = result.whitening.fixed_limits(result.model, chi2)
        rows += [
            ("fixed", "", name, float(estimate), low, high, "profile (ML)")
            for name, estimate, (low, high) in zip(result.model.x_names, result.beta, limits, strict=True)
        ]
    if parameters != "fixed":
        rows += _profile_variances(result, chi2)
        rows += _profile_structure(result, chi2)
    return pd.DataFrame(rows, columns=COLUMNS)


def _profile_structure(result: FittedModel, chi2: float) -> list[tuple[object, ...]]:
    """Limits of the parameters of a residual structure."""
    if result.whitening is None:
        return []
    method = f"profile ({'REML' if result.fit.reml else 'ML'})"
    report = result.whitening.report(result.sigma).itertuples(index=False)
    limits = result.whitening.parameter_limits(result.model, chi2)
    return [(row.term, "Residual", str(row.level), *triple, method) for row, triple in zip(report, limits, strict=True)]


def _profile_variances(result: FittedModel, chi2: float) -> list[tuple[object, ...]]:
    fit, named = result.fit, components(result.model)
    method = f"profile ({'REML' if fit.reml else 'ML'})"
    spreads = [c for c in named if c.parameter == "sd"]
    limits = _limits(result, spreads, chi2)
    zero = {(c.group, c.term) for c, (_, low, _) in zip(spreads, limits, strict=True) if low == 0.0}
    known = dict(zip(spreads, limits, strict=True))
    free = [c for c in named if c.parameter == "corr" and not zero & {(c.group, name) for name in c.effects}]
    known |= dict(zip(free, _limits(result, free, chi2), strict=True))
    rows: list[tuple[object, ...]] = []
    for c in named:
        # where a zero variance is within the limits, so is every correlation with it
        triple = known.get(c) or (_correlation_estimate(fit, c), -1.0, 1.0)
        rows.append((c.parameter, c.group, c.term, *triple, method))
    return rows


def _limits(result: FittedModel, named: Sequence[Component], chi2: float) -> list[tuple[float, float, float]]:
    if not named:
        return []
    fit, targets = result.fit, [c.target for c in named]
    if result.whitening is None:
        found = profile_limits(
            fit.moments, fit.theta[None], np.zeros(1, dtype=np.intp), targets, reml=fit.reml, chi2=chi2
        )
        table = np.column_stack([found.estimate[0], found.low[0], found.high[0]])
    else:
        table = np.array(result.whitening.component_limits(result.model, targets, chi2))
    return [
        (float(estimate), float(low), float(high))
        for estimate, low, high in (c.report(row) for c, row in zip(named, table, strict=True))
    ]


def _correlation_estimate(fit: Fit, c: Component) -> float:
    """The correlation, NaN where one of its variances is zero."""
    value = float(measure_at(fit.moments, fit.theta[None], c.target.measure, reml=fit.reml)[0])
    return value if value != 0.0 and abs(value) <= 1.0 + 1e-9 else float("nan")


def profile_function(
    result: FittedModel, measure: Measure, *, conf_level: float = 0.95, low: float = -np.inf, high: float = np.inf
) -> tuple[float, float, float]:
    """Estimate and profile limits of any smooth function of the variance components.

    Parameters
    ----------
    result
        A fitted model; the criterion is its own (REML or ML).
    measure
        ``measure(V, sigma2)`` with V a tuple of (B, p, p) covariance matrices, one per random term in
        the order of the formula, and sigma2 (B,); returns (B,). It is called on many points at once.
    low, high
        Range that the function cannot leave, e.g. 0 and 1 for an intraclass correlation.

    Examples
    --------
    The interval of an intraclass correlation:

    >>> import numpy as np, pandas as pd
    >>> from doublecode.analysis import fit_mixed
    >>> rng = np.random.default_rng(7)
    >>> data = pd.DataFrame({"batch": np.repeat(np.arange(8), 4)})
    >>> data["y"] = rng.normal(size=8)[data.batch] + rng.normal(size=32)
    >>> fit = fit_mixed("y ~ 1 + (1 | batch)", data)
    >>> icc = lambda V, sigma2: V[0][:, 0, 0] / (V[0][:, 0, 0] + sigma2)
    >>> estimate, conf_low, conf_high = profile_function(fit, icc, low=0.0, high=1.0)
    >>> 0.0 <= conf_low < estimate < conf_high <= 1.0
    True
    """
    fit, chi2, target = result.fit, float(chdtri(1, 1.0 - conf_level)), Target(measure, low, high)
    if result.whitening is not None:
        return result.whitening.component_limits(result.model, [target], chi2)[0]
    which = np.zeros(1, dtype=np.intp)
    limits = profile_limits(fit.moments, fit.theta[None], which, [target], reml=fit.reml, chi2=chi2)
    return float(limits.estimate[0, 0]), float(limits.low[0, 0]), float(limits.high[0, 0])


def profile_fixed(fit: Fit, chi2: float) -> list[tuple[float, float]]:
    """ML profile limits of each fixed effect."""
    ml = fit if not fit.reml else fit_design(fit.design, reml=False, start=fit.theta)
    beta, covariance = (a[0] for a in fixed_effects(ml.state))
    errors = np.sqrt(np.diag(covariance))
    return [coefficient_limits(float(beta[j]), float(errors[j]), chi2, _Held(ml, j)) for j in range(len(beta))]


class _Held:
    """The profile of coefficient j at both limits: its column becomes a known part of the outcome."""

    def __init__(self, ml: Fit, j: int) -> None:
        d = ml.design
        self.ml, self.j, self.theta = ml, j, np.repeat(ml.theta[None], 2, axis=0)
        self.rest = replace(d, X=np.delete(d.X, j, axis=1), x_names=d.x_names[:j] + d.x_names[j + 1 :])

    def __call__(self, jobs: Ints, aim: Floats, slope: Floats, turn: int) -> tuple[Floats, Floats, Floats]:
        """The constrained minimum with the coefficient at `aim`."""
        ml, j, d = self.ml, self.j, self.ml.design
        moments = make_moments(self.rest, d.y[:, None] - aim[None, :] * d.X[:, [j]])
        end = minimise(moments, self.theta[jobs], np.arange(len(jobs)), reml=False)
        theta = np.where(np.isfinite(end.theta), end.theta, self.theta[jobs])
        self.theta[jobs] = theta
        whole = evaluate(ml.moments, theta, np.zeros(len(jobs), dtype=np.intp), reml=False)
        return aim, end.deviance - ml.deviance, coefficient_slope(whole, j, aim)


def wald_intervals(result: FittedModel, *, conf_level: float = 0.95) -> pd.DataFrame:
    """Fixed effects by the result's t tests; variance parameters from the observed information."""
    from scipy.special import stdtrit

    fixed = result.fixed
    df = fixed["df"].to_numpy(dtype=float)
    endless = np.isinf(df)
    upper = 0.5 + conf_level / 2.0
    t = np.where(endless, ndtri(upper), stdtrit(np.where(endless, 1.0, df), upper))
    half = t * fixed["std_error"].to_numpy()
    rows: list[tuple[object, ...]] = [
        ("fixed", "", name, b, b - h, b + h, f"wald ({result.ddf})")
        for name, b, h in zip(fixed["term"], fixed["estimate"], half, strict=True)
    ]
    fit, z = result.fit, float(ndtri(upper))
    named = components(result.model)
    targets = [c.target for c in named]
    estimate, errors = delta_errors(fit.moments, fit.theta[None], np.zeros(1, dtype=np.intp), targets, reml=fit.reml)
    for c, value, se in zip(named, estimate[0], errors[0], strict=True):
        rows.append((c.parameter, c.group, c.term, *_wald_component(c, float(value), float(se), z), "wald"))
    rows += _residual_rows(result, conf_level)
    return pd.DataFrame(rows, columns=COLUMNS)


def _residual_rows(result: FittedModel, conf_level: float) -> list[tuple[object, ...]]:
    """Autocorrelation and residual SDs of a residual structure, Wald."""
    frame = result.residual_parameters(conf_level)
    return [
        (row.term, "Residual", str(row.level), row.estimate, row.conf_low, row.conf_high, "wald")
        for row in frame.itertuples(index=False)
    ]


def _wald_component(c: Component, value: float, se: float, z: float) -> tuple[float, float, float]:
    """Limits in logarithms or Fisher's z; NaN at a boundary, where they are not defined."""
    nan = float("nan")
    if c.parameter == "corr":
        if abs(value) >= 1.0 - 1e-8 or not np.isfinite(se):
            return value, nan, nan
        half = z * se / (1.0 - value**2)
        return value, float(np.tanh(np.arctanh(value) - half)), float(np.tanh(np.arctanh(value) + half))
    sd = float(np.sqrt(max(value, 0.0)))
    if value <= 1e-12 or not np.isfinite(se):
        return sd, nan, nan
    factor = float(np.exp(z * se / (2.0 * value)))
    return sd, sd / factor, sd * factor


def bootstrap_intervals(result: FittedModel, *, conf_level: float = 0.95, draws: Redraws) -> pd.DataFrame:
    """Percentile limits of a parametric bootstrap; see :func:`mixed_intervals`.

    All refits run as one batch, those of a residual structure one after the other. Refits that do not converge are
    left out and counted in `method`.
    """
    n_boot = draws.n_boot
    drawn = result.simulate(n_boot, seed=draws.seed)
    named = components(result.model)
    values, good = _refits_in_parts(result, drawn, draws) if draws.shared else _refits(result, drawn)
    p = result.fit.moments.layout.p
    method = f"bootstrap ({int(good.sum())} of {n_boot} refits)"
    tails = [0.5 - conf_level / 2.0, 0.5 + conf_level / 2.0]
    own = measure_all(result.fit, named)
    rows: list[tuple[object, ...]] = []
    for j, name in enumerate(result.model.x_names):
        low, high = np.quantile(values[good, j], tails)
        rows.append(("fixed", "", name, float(result.beta[j]), float(low), float(high), method))
    for j, c in enumerate(named):
        low, high = np.quantile(c.report(values[good, p + j]), tails)
        rows.append((c.parameter, c.group, c.term, own[j], float(low), float(high), method))
    if result.whitening is not None:
        for j, row in enumerate(result.whitening.report(result.sigma).itertuples(index=False)):
            low, high = np.quantile(values[good, p + len(named) + j], tails)
            rows.append((row.term, "Residual", str(row.level), row.estimate, float(low), float(high), method))
    return pd.DataFrame(rows, columns=COLUMNS)


def _refits(result: FittedModel, draws: Floats) -> tuple[Floats, npt.NDArray[np.bool_]]:
    measures = [c.target.measure for c in components(result.model)]
    if result.whitening is None:
        return refit(result.fit, draws, measures)
    return refit_whitened(result, draws, measures)


def _refits_in_parts(result: FittedModel, drawn: Floats, draws: Redraws) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """The same, some draws at a time."""
    found = draws.refits(_refit_some, result, _said(result), drawn, _TOGETHER)
    values, good = zip(*found, strict=True)
    return np.vstack([np.array(one, dtype=float) for one in values]), np.concatenate(good)


def _said(result: FittedModel) -> str:
    """All that a refit depends on beside the outcomes that are drawn."""
    design, structure = result.model, result.whitening
    terms = [part for term in design.terms for part in (term.Z, term.codes)]
    kept = () if structure is None else (design.frame.to_csv(), structure.report(result.sigma).to_csv())
    asked = (design.formula.text, *(result.spec.get(name) for name in ("correlation", "variance_by")))
    return digest(*asked, design.X, *terms, design.weights, design.offset, *kept, result.fit.reml, result.fit.theta)


def _refit_some(piece: tuple[FittedModel, Floats]) -> tuple[list[Any], list[bool]]:
    values, good = _refits(*piece)
    return values.tolist(), good.tolist()


def refit_whitened(
    result: FittedModel, draws: Floats, measures: Sequence[Measure]
) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """As :func:`refit`, one outcome after the other, the residual structure estimated anew each time."""
    whitening = result.whitening
    if whitening is None:
        raise UsageError("the model has no residual structure; use refit()")
    rows, good = [], []
    for y in draws.T:
        design = result.model.with_response(y)
        again = whitening.refit(design, reml=result.fit.reml)
        fit = fit_design(again.apply(design), reml=result.fit.reml)
        parts = [measure_at(fit.moments, fit.theta[None], m, reml=fit.reml) for m in measures]
        structure = again.report(float(np.sqrt(residual_variance(fit))))["estimate"].to_numpy()
        rows.append(np.r_[fixed_effects(fit.state)[0][0], np.ravel(parts), structure])
        good.append(fit.converged)
    return np.array(rows), np.array(good)


def refit(fit: Fit, draws: Floats, measures: Sequence[Measure]) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """Refit a design to many outcomes (n, N): (N, p + k) fixed effects and measures, and whether converged."""
    size = sets_at_once(fit.moments.layout) or draws.shape[1]
    starts = range(0, draws.shape[1], size)
    columns, good = zip(*[_refit_part(fit, draws[:, at : at + size], measures) for at in starts], strict=True)
    return np.vstack(columns), np.concatenate(good)


def _refit_part(fit: Fit, draws: Floats, measures: Sequence[Measure]) -> tuple[Floats, npt.NDArray[np.bool_]]:
    moments = make_moments(fit.design, draws)
    N = draws.shape[1]
    which = np.arange(N)
    end = minimise(moments, np.repeat(fit.theta[None], N, axis=0), which, reml=fit.reml)
    theta, good = end.theta.copy(), end.converged.copy()
    bad = np.flatnonzero(~good)
    if len(bad):
        again = minimise(moments, np.repeat(default_start(moments)[None], len(bad), axis=0), bad, reml=fit.reml)
        theta[bad], good[bad] = again.theta, again.converged
    columns = [fixed_effects(evaluate(moments, theta, which, reml=fit.reml))[0]]
    columns += [measure_at(moments, theta, m, reml=fit.reml)[:, None] for m in measures]
    return np.hstack(columns), good
