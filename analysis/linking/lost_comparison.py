"""Analysed beside lost: patients with patients by one value each, sessions with sessions of the same patient.

A patient's value that stands in nine sessions is one observation, and nine sessions of a patient are no independent
ones: so patients are compared by standardised differences of two groups, sessions by a mixed model.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from doublecode.analysis.linking.mean_differences import cohens_d
from doublecode.schemas.errors import NotEstimable

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Flags = NDArray[np.bool_]

SIDES: Final = ("n_analysed", "mean_analysed", "sd_analysed", "n_lost", "mean_lost", "sd_lost")
PATIENT_COLUMNS: Final = ("variable", "level", *SIDES, "d", "conf_low", "conf_high")
SESSION_COLUMNS: Final = (
    "variable", "level", *SIDES, "n_patients", "difference", "std_error", "df", "p_value", "d", "conf_low", "conf_high",
)  # fmt: skip


def compare_lost_patients(values: pd.DataFrame, analysed: Flags, conf_level: float = 0.95) -> pd.DataFrame:
    r"""Compare analysed patients with lost ones on numbers and categories.

    Numbers: :math:`d = (M_1 - M_2) / s` with the pooled SD, limits by the noncentral t distribution (Cumming & Finch
    2001, Educational and Psychological Measurement, 61, 532–574). A level of a category:
    :math:`d = (p_1 - p_2) / \sqrt{(p_1 q_1 + p_2 q_2) / 2}` with normal limits of variance
    :math:`(n_1 + n_2) / (n_1 n_2) + d^2 / (2 (n_1 + n_2))` (Austin 2009, Communications in Statistics, 38, 1228–1234).

    Parameters
    ----------
    values : DataFrame
        One row per patient.
    analysed : array of bool, shape (n,)
    conf_level : float

    Returns
    -------
    DataFrame
        One row per number, and per level of a category: ``variable``, ``level`` (empty for numbers), ``n_analysed``,
        ``mean_analysed``, ``sd_analysed`` (of a level its count, its share, and nothing), the same of the lost, ``d``
        (analysed less lost), ``conf_low``, ``conf_high``.

    Examples
    --------
    >>> values = pd.DataFrame({"age": [30.0, 40, 50, 60, 41, 43], "gender": list("fffmmf")})
    >>> found = compare_lost_patients(values, np.array([True] * 4 + [False] * 2))
    >>> found[["variable", "level", "mean_analysed", "mean_lost", "d"]].round(2).to_numpy().tolist()
    [['age', '', 45.0, 42.0, 0.27], ['gender', 'f', 0.75, 0.5, 0.53], ['gender', 'm', 0.25, 0.5, -0.53]]
    """
    rows: list[dict[str, Any]] = []
    for name in values.columns:
        first, second = values.loc[analysed, name].dropna(), values.loc[~analysed, name].dropna()
        if values[name].dtype.kind in "iuf":
            d = cohens_d(first.to_numpy(float), second.to_numpy(float), conf_level)
            rows.append({"variable": name, "level": "", **_sides(first, second), **d})
        else:
            rows += _levels(str(name), first, second, conf_level)
    return pd.DataFrame(rows, columns=list(PATIENT_COLUMNS))


def compare_lost_sessions(
    values: pd.DataFrame, patients: pd.Series[Any], analysed: Flags, conf_level: float = 0.95
) -> pd.DataFrame:
    r"""Compare analysed sessions with lost ones of the same patients.

    Numbers: :math:`y_{ij} = \beta_0 + \beta_w (a_{ij} - \bar a_i) + \beta_b \bar a_i + u_i + e_ij` with :math:`a = 1`
    for analysed sessions; :math:`\beta_w` is the difference within patients, with the test of ``fit_mixed``
    (Kenward–Roger or Satterthwaite), and :math:`d = \beta_w / \sqrt{\sigma_u^2 + \sigma_e^2}` (Hedges 2007, Journal of
    Educational and Behavioral Statistics, 32, 341–370) has its limits over the same SD. Categories: counts and shares.

    Parameters
    ----------
    values : DataFrame
        One row per session.
    patients : Series
        Whose session each is.
    analysed : array of bool, shape (n,)
    conf_level : float

    Returns
    -------
    DataFrame
        As of :func:`compare_lost_patients`, with ``n_patients`` (with sessions of both kinds), ``difference``,
        ``std_error``, ``df``, ``p_value``; NaN where no patient has both.
    """
    rows: list[dict[str, Any]] = []
    for name in values.columns:
        first, second = values.loc[analysed, name].dropna(), values.loc[~analysed, name].dropna()
        if values[name].dtype.kind in "iuf":
            within = _within(values[name], patients, analysed, conf_level)
            rows.append({"variable": name, "level": "", **_sides(first, second), **within})
        else:
            rows += _levels(str(name), first, second, conf_level, with_d=False)
    return pd.DataFrame(rows, columns=list(SESSION_COLUMNS))


def _sides(first: pd.Series[Any], second: pd.Series[Any]) -> dict[str, Any]:
    numbers = (len(first), first.mean(), first.std(), len(second), second.mean(), second.std())
    return dict(zip(SIDES, numbers, strict=True))


def _levels(
    name: str, first: pd.Series[Any], second: pd.Series[Any], level: float, *, with_d: bool = True
) -> Iterator[dict[str, Any]]:
    from scipy.special import ndtri

    for one in sorted({*first, *second}, key=str):
        counts = [int((side == one).sum()) for side in (first, second)]
        p1, p2 = (n / len(side) if len(side) else np.nan for n, side in zip(counts, (first, second), strict=True))
        row: dict[str, Any] = {"variable": name, "level": str(one), "n_analysed": counts[0], "mean_analysed": p1,
                               "n_lost": counts[1], "mean_lost": p2}  # fmt: skip
        spread = np.sqrt((p1 * (1 - p1) + p2 * (1 - p2)) / 2)
        if with_d and spread > 0:
            d, n1, n2 = (p1 - p2) / spread, len(first), len(second)
            reach = ndtri((1 + level) / 2) * np.sqrt((n1 + n2) / (n1 * n2) + d**2 / (2 * (n1 + n2)))
            row |= {"d": d, "conf_low": d - reach, "conf_high": d + reach}
        yield row


def _within(values: pd.Series[Any], patients: pd.Series[Any], analysed: Flags, level: float) -> dict[str, Any]:
    from doublecode.analysis.mixed.fit import fit_mixed

    data = pd.DataFrame({"value": values.to_numpy(dtype=float), "patient": patients.to_numpy(), "a": analysed * 1.0})
    data = data.dropna()
    mean = data.groupby("patient", observed=True)["a"].transform("mean")
    mixed = data.loc[(mean > 0) & (mean < 1), "patient"].nunique()
    if not mixed or data["value"].nunique() < 2:
        return {"n_patients": int(mixed)}
    data = data.assign(within=data["a"] - mean, between=mean)
    between = " + between" if float(np.ptp(mean)) > 0 else ""
    try:
        fit = fit_mixed(f"value ~ within{between} + (1 | patient)", data, conf_level=level)
    except NotEstimable:
        return {"n_patients": int(mixed)}
    row = fit.fixed.set_index("term").loc["within"]
    sd = float(np.sqrt((fit.variances["variance"]).sum()))
    return {
        "n_patients": int(mixed), "difference": row["estimate"], "std_error": row["std_error"], "df": row["df"],
        "p_value": row["p_value"], "d": row["estimate"] / sd, "conf_low": row["conf_low"] / sd,
        "conf_high": row["conf_high"] / sd,
    }  # fmt: skip
