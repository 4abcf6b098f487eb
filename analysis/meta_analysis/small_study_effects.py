r"""Do small studies find more: Egger's regression, the rank test, trim and fill; and each study left out.

Egger's regression (Egger et al. 1997; Sterne & Egger 2005) asks whether effects go with their standard errors. Its
classical form is weighted least squares with a free residual variance and t with k − 2 degrees of freedom; the other
form puts the standard error as a moderator into the model that pooled. Begg & Mazumdar (1994) correlate standardised
effects :math:`(y_i − \bar y)/\sqrt{v_i − 1/\sum w}` with :math:`v_i` by Kendall's τ. Trim and fill (Duval & Tweedie
2000) ranks the distances from the pooled effect, estimates how many studies are missing on one side and mirrors as many
of the other: a sensitivity analysis, no correction.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
import pandas as pd

from doublecode.analysis.meta_analysis.heterogeneity import Effects, Floats, Tau2, tau2_of, typical_variance, weighted
from doublecode.analysis.meta_analysis.pooled_fit import PooledFit, Test, fit_effects
from doublecode.analysis.mixed.hypotheses import quantile
from doublecode.schemas.errors import NotEstimable, UsageError

Estimator = Literal["L0", "R0"]
Side = Literal["left", "right"]
MOST_ROUNDS: Final = 100


def egger_lines(effects: Effects, method: Tau2, test: Test, conf_level: float) -> list[dict[str, Any]]:
    """Both forms of Egger's regression: the slope on the standard error, and the effect where that error is 0.

    Raises
    ------
    NotEstimable
        Fewer than three effects, or standard errors that are all the same.
    """
    error = np.sqrt(effects.v)
    if effects.k < 3 or np.ptp(error) <= 1e-12 * error.max():
        raise NotEstimable("Egger's regression needs three effects or more whose standard errors differ.")
    asked = Effects(effects.y, effects.v, np.column_stack([np.ones(effects.k), error]))
    plain = weighted(asked, 0.0)
    classic = PooledFit(
        plain.beta, plain.rss / asked.df * plain.vcov, np.full(2, float(asked.df)), 0.0, plain.rss / asked.df, plain
    )
    forms = (("weighted regression", classic), ("model", fit_effects(asked, method, test)))
    return [
        {"form": name, **line}
        for name, fit in forms
        for line in coefficient_lines(fit, ("effect at standard error 0", "standard error"), conf_level)
    ]


def coefficient_lines(fit: PooledFit, terms: tuple[str, ...], conf_level: float) -> list[dict[str, Any]]:
    """One row per coefficient: estimate, standard error, test and limits."""
    errors, p = fit.std_error, fit.p_values()
    reach = quantile(conf_level, fit.df) * errors
    return [
        {"term": term, "estimate": float(fit.beta[i]), "std_error": float(errors[i]),
         "df": float(fit.df[i]) if np.isfinite(fit.df[i]) else math.nan,
         "statistic": float(fit.beta[i] / errors[i]), "p_value": float(p[i]),
         "conf_low": float(fit.beta[i] - reach[i]), "conf_high": float(fit.beta[i] + reach[i])}
        for i, term in enumerate(terms)
    ]  # fmt: skip


def rank_correlation(effects: Effects) -> dict[str, float | bool]:
    """Kendall's τ of standardised effects and variances: exact where no two are tied, else normal with ties.

    Returns
    -------
    dict
        ``estimate`` (τ), ``p_value``, ``exact``.
    """
    from scipy.stats import kendalltau

    ones = Effects(effects.y, effects.v, np.ones((effects.k, 1)))
    fixed = weighted(ones, 0.0)
    standard = fixed.residual / np.sqrt(effects.v - float(fixed.vcov[0, 0]))
    tied = len(np.unique(standard)) < effects.k or len(np.unique(effects.v)) < effects.k
    found = kendalltau(standard, effects.v, method="asymptotic" if tied else "exact")
    return {"estimate": float(found.statistic), "p_value": float(found.pvalue), "exact": not tied}


@dataclass(frozen=True, eq=False)
class Filled:
    """What trim and fill finds.

    Attributes
    ----------
    n_missing : int
        Studies estimated to be missing.
    std_error : float
        Of that number.
    p_value : float
        That none is missing; of R0 only, else NaN.
    side : {"left", "right"}
        Where they are missing.
    effects : Effects
        With the mirrored ones at the end.
    fit : PooledFit
        Of all of them.
    """

    n_missing: int
    std_error: float
    p_value: float
    side: Side
    effects: Effects
    fit: PooledFit


def trim_and_fill(effects: Effects, method: Tau2, test: Test, estimator: Estimator, side: Side | None) -> Filled:
    """Estimate how many studies are missing on one side, and pool with as many mirrored ones.

    Parameters
    ----------
    effects : Effects
        No moderators.
    estimator : {"L0", "R0"}
        From the sum of ranks on the longer side, or from its run of the largest ranks.
    side : {"left", "right"}, optional
        Where studies may be missing; by default opposite to where the small ones lie by Egger's slope.

    Raises
    ------
    UsageError, NotEstimable
    """
    if estimator not in ("L0", "R0"):
        raise UsageError(f"trim_and_fill: estimator is {estimator!r}; allowed: 'L0' and 'R0'.")
    if side not in (None, "left", "right"):
        raise UsageError(f"trim_and_fill: side is {side!r}; allowed: 'left', 'right', or None to find it.")
    where: Side = side or _emptier_side(effects, method)
    sign = -1.0 if where == "right" else 1.0
    order = np.argsort(sign * effects.y, kind="stable")
    y, v = sign * effects.y[order], effects.v[order]
    missing, centre, spread = _missing(y, v, method, estimator)
    p = float("nan") if estimator == "L0" else 0.5 ** (missing + 1)
    if not missing:
        return Filled(0, spread, p, where, effects, fit_effects(effects, method, test))
    mirrored = sign * (2 * centre - y[-missing:])
    filled = Effects(
        np.concatenate([effects.y, mirrored]), np.concatenate([effects.v, v[-missing:]]),
        np.ones((effects.k + missing, 1)),
    )  # fmt: skip
    return Filled(missing, spread, p, where, filled, fit_effects(filled, method, test))


def _emptier_side(effects: Effects, method: Tau2) -> Side:
    error = np.sqrt(effects.v)
    if effects.k < 3 or np.ptp(error) <= 1e-12 * error.max():
        return "left"
    slope = fit_effects(Effects(effects.y, effects.v, np.column_stack([np.ones(effects.k), error])), method, "z").beta
    return "right" if slope[1] < 0 else "left"


def _missing(y: Floats, v: Floats, method: Tau2, estimator: Estimator) -> tuple[int, float, float]:
    """Number missing on the left of sorted effects, the centre without the trimmed ones, and the number's error."""
    k, missing = len(y), 0
    for _ in range(MOST_ROUNDS):
        kept = Effects(y[: k - missing], v[: k - missing], np.ones((k - missing, 1)))
        centre = float(weighted(kept, _tau2_of_kept(kept, method)).beta[0])
        away = y - centre
        rank = np.empty(k)
        rank[np.argsort(np.abs(away), kind="stable")] = np.arange(1, k + 1)
        found, spread = _l0(rank, away, k) if estimator == "L0" else _r0(rank, away, k)
        if found == missing:
            return missing, centre, spread
        missing = min(found, k - 1)
    raise NotEstimable("trim and fill goes to and fro between two numbers of missing studies; it does not settle.")


def _tau2_of_kept(kept: Effects, method: Tau2) -> float:
    return 0.0 if kept.k < 2 else tau2_of(kept, method)


def _l0(rank: Floats, away: Floats, k: int) -> tuple[int, float]:
    """L0 = (4 S − k(k + 1)) / (2k − 1) with S the ranks of positive distances, and its standard error."""
    raw = (4.0 * float(rank[away > 0].sum()) - k * (k + 1)) / (2 * k - 1)
    variance = (
        k * (k + 1) * (2 * k + 1) + 10 * raw**3 + 27 * raw**2 + 17 * raw - 18 * k * raw**2 - 18 * k * raw
        + 6 * k**2 * raw
    ) / 24  # fmt: skip
    return max(0, round(raw)), 4.0 * math.sqrt(max(0.0, variance)) / (2 * k - 1)


def _r0(rank: Floats, away: Floats, k: int) -> tuple[int, float]:
    """R0 = γ − 1, with γ the number of largest ranks in a row that are positive, and its standard error."""
    negative = rank[away < 0]
    found = max(0, round(k - (float(negative.max()) if len(negative) else 0.0) - 1))
    return found, math.sqrt(2 * found + 2)


def left_out(effects: Effects, labels: list[str], method: Tau2, test: Test, conf_level: float) -> pd.DataFrame:
    """The pooled effect without each study in turn: ``left_out``, the estimate with its limits, τ², I² and Q."""
    rows = []
    for place, label in enumerate(labels):
        held = effects.without(place)
        fit = fit_effects(held, method, test)
        line = coefficient_lines(fit, ("",), conf_level)[0]
        fixed = weighted(held, 0.0)
        share = fit.tau2 / (fit.tau2 + typical_variance(held))
        if method == "FE":
            share = max(0.0, 1.0 - held.df / fixed.rss) if fixed.rss > 0 else 0.0
        more = {"tau2": fit.tau2, "i2": 100.0 * share, "q": fixed.rss}
        rows.append({"left_out": label} | {name: line[name] for name in line if name != "term"} | more)
    return pd.DataFrame(rows)
