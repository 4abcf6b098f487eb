"""Tables of t and F tests of fixed effects."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import special

from doublecode.analysis.mixed.contrasts import type3_contrasts
from doublecode.analysis.mixed.design import Design, Floats
from doublecode.analysis.mixed.inference import SmallSample
from doublecode.schemas.errors import UsageError


def two_sided(statistic: Floats, df: Floats) -> Floats:
    """Two-sided p value of t with `df` degrees of freedom; of z where df is infinite."""
    t, df = np.broadcast_arrays(np.abs(statistic), df)
    finite = np.isfinite(df)
    with np.errstate(invalid="ignore"):
        by_t = special.betainc(0.5 * np.where(finite, df, 1.0), 0.5, np.where(finite, df / (df + t**2), 0.5))
    return np.where(np.isnan(df), np.nan, np.where(finite, by_t, 2.0 * special.ndtr(-t)))


def upper_f(F: Floats, df1: float, df2: Floats) -> Floats:
    """Upper tail of F; of chi-square / df1 where df2 is infinite."""
    finite = np.isfinite(df2)
    safe = np.where(finite, df2, 1.0)
    tail = special.betainc(0.5 * safe, 0.5 * df1, safe / (safe + df1 * F))
    return np.where(np.isnan(df2), np.nan, np.where(finite, tail, special.gammaincc(0.5 * df1, 0.5 * df1 * F)))


def quantile(conf_level: float, df: Floats) -> Floats:
    """Two-sided critical value of t; of z where df is infinite."""
    finite = np.isfinite(df)
    t = special.stdtrit(np.where(finite, df, 1.0), 0.5 + 0.5 * conf_level)
    return np.where(np.isnan(df), np.nan, np.where(finite, t, special.ndtri(0.5 + 0.5 * conf_level)))


def _table(
    names: list[str], estimate: Floats, error: Floats, df: Floats, null: float, conf_level: float
) -> pd.DataFrame:
    with np.errstate(divide="ignore", invalid="ignore"):
        statistic = (estimate - null) / error
    half = quantile(conf_level, df) * error
    return pd.DataFrame(
        {
            "term": names,
            "estimate": estimate,
            "std_error": error,
            "df": df,
            "statistic": statistic,
            "p_value": two_sided(statistic, df),
            "conf_low": estimate - half,
            "conf_high": estimate + half,
        }
    )


def fixed_frame(names: tuple[str, ...], beta: Floats, tests: SmallSample, conf_level: float) -> pd.DataFrame:
    """Table of each fixed effect by itself."""
    error = np.sqrt(np.diag(tests.vcov[0]))
    df = tests.dof(np.eye(len(names)))[0] if names else np.zeros(0)
    return _table(list(names), beta, error, df, 0.0, conf_level)


def contrast_frame(
    names: tuple[str, ...],
    beta: Floats,
    tests: SmallSample,
    weights: dict[str, float] | Floats,
    *,
    rhs: float,
    conf_level: float,
) -> pd.DataFrame:
    """Table of linear combinations of fixed effects."""
    if isinstance(weights, dict):
        unknown = sorted(set(weights) - set(names))
        if unknown:
            raise UsageError(f"{', '.join(unknown)} is no fixed effect; they are {', '.join(names)}")
        for name, weight in weights.items():
            if not isinstance(weight, int | float | np.number):
                raise UsageError(f"the weight of {name} is {weight!r}; a contrast takes numbers")
        L = np.array([[weights.get(name, 0.0) for name in names]], dtype=float)
        labels = [" + ".join(f"{w:g}·{name}" for name, w in weights.items())]
    else:
        L = np.atleast_2d(np.asarray(weights, dtype=float))
        labels = [f"contrast {i + 1}" for i in range(len(L))]
    if L.shape[1] != len(names):
        raise UsageError(f"a contrast needs {len(names)} weights ({', '.join(names)}), not {L.shape[1]}")
    if not np.isfinite(L).all() or not L.any(axis=1).all():
        raise UsageError("each contrast needs finite weights that are not all zero")
    error = np.sqrt(np.einsum("kp,pq,kq->k", L, tests.vcov[0], L))
    return _table(labels, L @ beta, error, tests.dof(L)[0], rhs, conf_level)


def anova_frame(model: Design, beta: Floats, tests: SmallSample) -> pd.DataFrame:
    """F test of every term but the intercept; `hypothesis` says whether it is of type III."""
    rows = []
    for name, (L, kind) in type3_contrasts(model).items():
        F, df = tests.f_test(beta[None], L)
        rows.append((name, len(L), float(df[0]), float(F[0]), float(upper_f(F, len(L), df)[0]), kind))
    return pd.DataFrame(rows, columns=["term", "df_num", "df_den", "statistic", "p_value", "hypothesis"])
