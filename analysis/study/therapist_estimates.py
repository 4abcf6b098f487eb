r"""Means of therapists and of their colleagues, their differences and thresholds, and the trend over sessions.

The mean of therapist j stands in one model of all therapists,

.. math:: y_{ps} = \sum_j μ_j [therapist = j] + u_p + e_{ps},

with a random intercept u of the patient, so that many sessions of one patient do not count as many patients; tests and
limits by Kenward & Roger (1997). The team of therapist j is the mean of the μ of the others, each counting alike. The
same model of single ratings, with raters as sum-coded fixed effects and an intercept of the session, holds raters
equal. Where each patient has one session it is least squares.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from doublecode.analysis.mixed.cluster_robust import cr2
from doublecode.analysis.mixed.fit import fit_mixed
from doublecode.analysis.mixed.hypotheses import quantile
from doublecode.schemas.errors import DoublecodeError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

LIMITS: Final = ("estimate", "conf_low", "conf_high", "df")
CONF_LEVEL: Final = 0.95
NOTHING: Final = 1e-12


class Verdict(StrEnum):
    """On which side of a value an estimate lies, as far as its interval decides it."""

    ABOVE = "above"
    BELOW = "below"
    UNDECIDED = "not decided"
    NONE = ""


def verdict(intervals: Sequence[Mapping[str, float]], value: float) -> Verdict:
    """Say on which side of `value` all intervals lie; those that could not be computed say nothing.

    Examples
    --------
    >>> wide, high = {"conf_low": 1.0, "conf_high": 3.0}, {"conf_low": 2.1, "conf_high": 3.0}
    >>> [str(verdict(given, 2.0)) for given in ([high], [high, wide], [])]
    ['above', 'not decided', '']
    """
    known = [one for one in intervals if np.isfinite(one["conf_low"]) and np.isfinite(one["conf_high"])]
    if not known or not np.isfinite(value):
        return Verdict.NONE
    if all(one["conf_low"] > value for one in known):
        return Verdict.ABOVE
    return Verdict.BELOW if all(one["conf_high"] < value for one in known) else Verdict.UNDECIDED


def therapist_contrasts(rows: pd.DataFrame, wanted: Mapping[str, Mapping[str, float]]) -> pd.DataFrame:
    """Estimate weighted sums of the therapists' means.

    Parameters
    ----------
    rows : DataFrame
        ``therapist, patient, session_id, value`` and, to hold raters equal, ``rater``: a row per session, or per
        rating. Nothing is missing.
    wanted : mapping of name to {therapist: weight}
        ``{"mean": {"T1": 1}, "difference": {"T1": 1, "T2": -0.5, "T3": -0.5}}``.

    Returns
    -------
    DataFrame
        By name: ``estimate, conf_low, conf_high`` (points) and ``df``; NaN where the data do not carry them.

    Examples
    --------
    With as many sessions of each patient the variance of a mean is the mean square of patients by the number of rows:

    >>> data = pd.DataFrame({"therapist": ["A"] * 4 + ["B"] * 4, "patient": list("aabbccdd"),
    ...                      "session_id": range(8), "value": [1.0, 2, 4, 6, 2, 3, 8, 7]})
    >>> found = therapist_contrasts(data, {"A": {"A": 1.0}})
    >>> found.round(3).values.tolist()
    [[3.25, -6.034, 12.534, 2.0]]
    """
    names = list(wanted)
    empty = pd.DataFrame(np.nan, index=names, columns=list(LIMITS))
    held = _design(rows)
    if held is None or not names:
        return empty
    data, columns = held
    place = {therapist: at for at, therapist in enumerate(_levels(rows, "therapist"))}
    weights = np.zeros((len(names), len(columns)))
    for at, name in enumerate(names):
        for therapist, weight in wanted[name].items():
            weights[at, place[therapist]] = weight
    groups = [name for name in ("patient", "session_id") if _is_level(rows, name)]
    if not groups:
        return _least_squares(data, columns, weights, names)
    random = " + ".join(f"(1 | {name})" for name in groups)
    try:
        fit = fit_mixed(f"value ~ 0 + {' + '.join(columns)} + {random}", data)
        table = fit.contrast(weights) if fit.converged else empty
    except DoublecodeError:
        return empty
    return pd.DataFrame(table[list(LIMITS)].to_numpy(), index=names, columns=list(LIMITS))


def _levels(rows: pd.DataFrame, name: str) -> list[Any]:
    return list(dict.fromkeys(rows[name]))


def _is_level(rows: pd.DataFrame, name: str) -> bool:
    """Whether a unit has several rows, and there are fewer of it than of any unit within it."""
    n = rows[name].nunique()
    if name == "session_id":
        return bool(rows["patient"].nunique() < n < len(rows))
    return bool(1 < n < len(rows))


def _design(rows: pd.DataFrame) -> tuple[pd.DataFrame, list[str]] | None:
    """Columns of 0 and 1 of the therapists, sum-coded ones of the raters; None where they cannot be told apart."""
    if rows.empty or float(np.ptp(rows["value"].to_numpy(dtype=float))) < NOTHING:
        return None
    therapists = _levels(rows, "therapist")
    data = rows[["patient", "session_id", "value"]].copy()
    columns = [f"t{at}" for at in range(len(therapists))]
    for column, therapist in zip(columns, therapists, strict=True):
        data[column] = (rows["therapist"] == therapist).astype(float)
    if "rater" in rows.columns:
        raters = _levels(rows, "rater")
        for at, rater in enumerate(raters[:-1]):
            data[f"r{at}"] = (rows["rater"] == rater).astype(float) - (rows["rater"] == raters[-1]).astype(float)
            columns.append(f"r{at}")
    X = data[columns].to_numpy()
    if np.linalg.matrix_rank(X) < X.shape[1] or len(X) <= X.shape[1]:
        return None
    return data, columns


def _least_squares(data: pd.DataFrame, columns: list[str], weights: Floats, names: list[str]) -> pd.DataFrame:
    """The same without random effects: β = (XᵀX)⁻¹Xᵀy, residual df."""
    X, y = data[columns].to_numpy(), data["value"].to_numpy(dtype=float)
    inverse = np.linalg.inv(X.T @ X)
    beta = inverse @ X.T @ y
    df = len(X) - X.shape[1]
    variance = float(np.sum((y - X @ beta) ** 2)) / df
    error = np.sqrt(variance * np.einsum("kp,pq,kq->k", weights, inverse, weights))
    return _limits(weights @ beta, error, np.full(len(names), float(df)), names)


def _limits(estimate: Floats, error: Floats, df: Floats, names: list[str]) -> pd.DataFrame:
    half = quantile(CONF_LEVEL, df) * error
    columns = {"estimate": estimate, "conf_low": estimate - half, "conf_high": estimate + half, "df": df}
    return pd.DataFrame(columns, index=names)


def trend(rows: pd.DataFrame) -> dict[str, float]:
    """Estimate the change per session within patients.

    Least squares of the deviations from each patient's mean, y − ȳ_p on session − s̄_p, so that patients of whom late
    sessions were coded do not make a trend; covariance CR2 by patients with Satterthwaite's df (Pustejovsky & Tipton
    2018), since patients differ in their trends.

    Parameters
    ----------
    rows : DataFrame
        ``patient, session, value`` of one therapist.

    Returns
    -------
    dict
        ``estimate, conf_low, conf_high`` (points per session), ``df``, ``n_patients`` with two sessions or more.

    Examples
    --------
    >>> rows = pd.DataFrame({"patient": list("aabbcc"), "session": [1, 2] * 3, "value": [1.0, 2, 1, 3, 2, 2]})
    >>> {name: round(value, 3) for name, value in trend(rows).items()}
    {'estimate': 1.0, 'conf_low': -1.484, 'conf_high': 3.484, 'df': 2.0, 'n_patients': 3}
    """
    several = rows[rows.groupby("patient")["session"].transform("nunique") > 1]
    n_patients = int(several["patient"].nunique())
    nothing = dict.fromkeys(LIMITS, float("nan")) | {"n_patients": n_patients}
    if n_patients < 2:
        return nothing
    both = several[["session", "value"]].astype(float)
    within = (both - both.groupby(several["patient"]).transform("mean")).to_numpy()
    x, y = within[:, :1], within[:, 1]
    slope = float(x[:, 0] @ y / (x[:, 0] @ x[:, 0]))
    vcov, df = cr2(x, y - x[:, 0] * slope, several["patient"].tolist())
    if vcov[0, 0] < NOTHING**2 or not np.isfinite(df[0]):
        return nothing | {"estimate": slope}
    found = _limits(np.array([slope]), np.sqrt(vcov[0]), df, ["slope"]).iloc[0].to_dict()
    return {**{str(name): float(value) for name, value in found.items()}, "n_patients": n_patients}
