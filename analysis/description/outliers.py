"""Declared outlier rules: values beyond the fences are brought in, every change is listed.

Nothing is removed. A rule that cannot be applied (the quartiles coincide) is
refused for that variable and the refusal stands in the table.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from doublecode.analysis.mixed.model_rows import common_rows, refuse_infinite, require_columns
from doublecode.analysis.rendering.answers import Answer
from doublecode.schemas.errors import ContractError, NotEstimable, UsageError

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from doublecode.schemas.study import OutlierRule

_QUANTILE_TYPES: Mapping[str, int] = {"hazen": 5, "weibull": 6, "linear": 7}


@dataclass(frozen=True, eq=False, repr=False)
class OutlierResult(Answer):
    """Values brought in to the fences.

    Attributes
    ----------
    spec : dict
        Variables, multiplier, quantile definition.
    data : DataFrame
        A copy of the frame with the changed values.
    frame : DataFrame
        One row per change: ``row`` (the key of the unit), ``variable``, ``found``, ``fence``
        ("low" or "high"), ``now``.
    counts : DataFrame
        One row per variable: ``variable``, ``n``, ``q1``, ``q3``, ``iqr``, ``low_fence``,
        ``high_fence``, ``n_low``, ``n_high``, ``status`` ("applied" or "refused").
    design : dict
        ``n_rows``, ``n_changed``, ``refused``.
    notes : tuple of str
    """

    spec: dict[str, Any]
    data: pd.DataFrame
    frame: pd.DataFrame
    counts: pd.DataFrame
    design: dict[str, Any]
    notes: tuple[str, ...]


def bring_in(frame: pd.DataFrame, rule: OutlierRule, *, keys: Sequence[str] = ("patient", "session")) -> OutlierResult:
    """Bring values beyond the quartiles in to the fence.

    The fences are Q1 − m·IQR and Q3 + m·IQR (Tukey 1977), with m and the quantile
    definition as declared. A variable whose IQR is 0 is left as it is: any value off the
    middle would be an outlier there; its status is "refused".

    Parameters
    ----------
    frame : DataFrame
        One row per unit; not changed.
    rule : OutlierRule
    keys : sequence of str
        Columns that name a row in the table of changes, as far as the frame has them.

    Raises
    ------
    UsageError
        A declared variable is no column.
    ContractError
        A declared variable does not hold numbers.

    References
    ----------
    Tukey (1977), Exploratory Data Analysis. Hyndman & Fan (1996), The American
    Statistician, 50, 361–365 (quantile types).

    Examples
    --------
    >>> import pandas as pd
    >>> from doublecode.schemas.study import OutlierRule
    >>> frame = pd.DataFrame({"patient": list("ABCDE"), "hw2": [4.0, 4.5, 5.0, 5.0, 0.0]})
    >>> bring_in(frame, OutlierRule(variables=("hw2",))).frame.to_dict("records")
    [{'row': 'E', 'variable': 'hw2', 'found': 0.0, 'fence': 'low', 'now': 2.5}]
    """
    import pandas as pd

    require_columns(frame, rule.variables, "outlier rule")
    refuse_infinite(frame, rule.variables, "outlier rule")
    data = frame.copy()
    changes: list[dict[str, Any]] = []
    counts = []
    labels = _row_labels(frame, keys)
    for name in rule.variables:
        values = _numbers(frame, name)
        fences = _fences(values, rule.multiplier, rule.quantiles)
        now = values if fences["status"] == "refused" else np.clip(values, fences["low_fence"], fences["high_fence"])
        changed = [_change(labels[i], name, values[i], now[i]) for i in np.flatnonzero(_differs(values, now))]
        if changed:
            data[name] = now
        sides = [change["fence"] for change in changed]
        counts.append({"variable": name, **fences, "n_low": sides.count("low"), "n_high": sides.count("high")})
        changes.extend(changed)
    table = pd.DataFrame(counts)
    order = ["variable", "n", "q1", "q3", "iqr", "low_fence", "high_fence", "n_low", "n_high", "status"]
    return OutlierResult(
        spec={"variables": list(rule.variables), "multiplier": rule.multiplier, "quantiles": rule.quantiles},
        data=data,
        frame=pd.DataFrame(changes, columns=["row", "variable", "found", "fence", "now"]),
        counts=table[order],
        design=_design(table, len(frame), len(changes)),
        notes=_notes(table, rule),
    )


def _row_labels(frame: pd.DataFrame, keys: Sequence[str]) -> list[str]:
    there = [key for key in keys if key in frame.columns]
    if not there:
        return [str(label) for label in frame.index]
    return [" ".join(str(part) for part in row) for row in frame[there].itertuples(index=False, name=None)]


def _numbers(frame: pd.DataFrame, name: str) -> NDArray[np.float64]:
    kind = frame[name].dtype.kind
    if kind not in "if":
        raise ContractError(
            f"outlier rule: column {name!r} must hold numbers, found {frame[name].dtype}. Name a numeric variable."
        )
    return frame[name].to_numpy(dtype=np.float64, na_value=np.nan)


def _fences(values: NDArray[np.float64], multiplier: float, quantiles: Any) -> dict[str, Any]:
    present = values[~np.isnan(values)]
    if len(present) == 0:
        empty = dict.fromkeys(("q1", "q3", "iqr", "low_fence", "high_fence"), np.nan)
        return {"n": 0, **empty, "status": "refused"}
    q1, q3 = (float(q) for q in np.quantile(present, [0.25, 0.75], method=quantiles))
    reach = multiplier * (q3 - q1)
    status = "applied" if q3 > q1 else "refused"
    found = {"n": len(present), "q1": q1, "q3": q3, "iqr": q3 - q1}
    return {**found, "low_fence": q1 - reach, "high_fence": q3 + reach, "status": status}


def _differs(before: NDArray[np.float64], after: NDArray[np.float64]) -> NDArray[np.bool_]:
    differs: NDArray[np.bool_] = (before != after) & ~np.isnan(before)
    return differs


def _change(row: str, name: str, found: float, now: float) -> dict[str, Any]:
    side = "low" if found < now else "high"
    return {"row": row, "variable": name, "found": float(found), "fence": side, "now": float(now)}


def _design(counts: pd.DataFrame, n_rows: int, n_changed: int) -> dict[str, Any]:
    refused = counts.loc[counts["status"] == "refused", "variable"].tolist()
    return {"n_rows": n_rows, "n_changed": n_changed, "refused": refused}


def _notes(counts: pd.DataFrame, rule: OutlierRule) -> tuple[str, ...]:
    first = (
        f"Values beyond {rule.multiplier:g} times the interquartile range from the first or third quartile were "
        f"brought in to that fence; quartiles by the definition {rule.quantiles!r} "
        f"(type {_QUANTILE_TYPES[rule.quantiles]} of Hyndman & Fan 1996)."
    )
    refused = counts[counts["status"] == "refused"]
    why = [
        f"{row.variable}: rule refused, no value is present."
        if row.n == 0
        else f"{row.variable}: rule refused, the interquartile range is 0 (both quartiles are {row.q1:g}); "
        "every other value would count as an outlier. Its values are unchanged."
        for row in refused.itertuples()
    ]
    return (first, *why)


@dataclass(frozen=True, eq=False, repr=False)
class MahalanobisResult(Answer):
    """Multivariate distance of each row from the centre.

    Attributes
    ----------
    spec, design, notes
    frame : DataFrame
        ``row``, ``distance2``, ``p_value``, ``flagged``; complete rows only.
    """

    spec: dict[str, Any]
    frame: pd.DataFrame
    design: dict[str, Any]
    notes: tuple[str, ...]


def mahalanobis(
    frame: pd.DataFrame,
    variables: Sequence[str],
    *,
    alpha: float = 0.001,
    keys: Sequence[str] = ("patient", "session"),
) -> MahalanobisResult:
    """Squared Mahalanobis distances with their chi-square cut-off.

    d² = (x − x̄)ᵀ S⁻¹ (x − x̄) with the sample covariance S (denominator n − 1), compared with the
    chi-square distribution on as many df as variables. Mardia's skewness b₁ and kurtosis b₂ use
    the same S, as R's psych does; Mardia's own denominator n gives them (n/(n−1))³ and (n/(n−1))² larger.

    Parameters
    ----------
    frame : DataFrame
    variables : sequence of str
        At least two numeric columns.
    alpha : float
        Rows with a p-value below it are flagged; .001 by Tabachnick & Fidell (2013).
    keys : sequence of str
        Columns that name a row.

    Raises
    ------
    UsageError
        Fewer than two variables, or `alpha` outside (0, 1).
    NotEstimable
        Too few complete rows, or the covariance is singular.

    References
    ----------
    Mahalanobis (1936); Mardia (1970), Biometrika, 57, 519–530; Tabachnick & Fidell (2013),
    Using Multivariate Statistics, p. 99.

    Examples
    --------
    >>> import pandas as pd
    >>> frame = pd.DataFrame({"a": [0.0, 1, 2, 3, 9], "b": [1.0, 0, 2, 4, 0]})
    >>> mahalanobis(frame, ["a", "b"]).frame["distance2"].round(3).tolist()
    [0.903, 1.277, 0.173, 2.527, 3.119]
    """
    import pandas as pd
    from scipy.special import chdtrc, chdtri

    if len(variables) < 2 or not 0 < alpha < 1:
        raise UsageError(
            f"mahalanobis: found {len(variables)} variable(s) and alpha = {alpha}; allowed: two or more, 0 < alpha < 1."
        )
    require_columns(frame, variables, "mahalanobis")
    rows = common_rows(frame, variables, keys)
    X = np.column_stack([_numbers(rows.data, name) for name in variables])
    d2, skewness, kurtosis = _distances(X, variables)
    p_values = chdtrc(len(variables), d2)
    table = pd.DataFrame({"row": _row_labels(rows.data, keys), "distance2": d2, "p_value": p_values})
    table["flagged"] = table["p_value"] < alpha
    return MahalanobisResult(
        spec={"variables": list(variables), "alpha": alpha},
        frame=table,
        design={
            "n_rows": len(X),
            "df": len(variables),
            "cutoff": float(chdtri(len(variables), alpha)),
            "n_flagged": int(table["flagged"].sum()),
            "mardia_skewness": skewness,
            "mardia_kurtosis": kurtosis,
            "dropped": rows.lost_records,
        },
        notes=("The chi-square reference assumes multivariate normal variables.",),
    )


def _distances(X: NDArray[np.float64], variables: Sequence[str]) -> tuple[NDArray[np.float64], float, float]:
    n, width = X.shape
    centred = X - X.mean(axis=0)
    covariance = centred.T @ centred / max(n - 1, 1)
    if n <= width or np.linalg.matrix_rank(covariance) < width:
        raise NotEstimable(
            f"mahalanobis: the covariance of {', '.join(variables)} on {n} rows is singular; a variable is constant "
            "or a sum of others. Leave one out."
        )
    products = centred @ np.linalg.solve(covariance, centred.T)  # (n, n): d² stands on the diagonal
    skewness = float(np.mean(products**3))
    kurtosis = float(np.mean(np.diag(products) ** 2))
    return np.diag(products).copy(), skewness, kurtosis
