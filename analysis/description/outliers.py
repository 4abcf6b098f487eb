"""Declared outlier rules: values beyond the fences are winsorised, every change is listed.

Nothing is removed. A rule that cannot be applied (the quartiles coincide) is
refused for that variable and the refusal stands in the table.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar, Final

import numpy as np

from doublecode.analysis.description.missing_rules import COMPLETE_ROWS, EACH_VARIABLE
from doublecode.analysis.mixed.model_rows import (
    ADJUSTED,
    adjusted_columns,
    common_rows,
    refuse_infinite,
    require_columns,
)
from doublecode.analysis.rendering.answers import Answer
from doublecode.analysis.rendering.tables import Table, column
from doublecode.analysis.results.row_levels import of_patients
from doublecode.schemas.errors import ContractError, NotEstimable, UsageError
from doublecode.schemas.frames import as_pandas
from doublecode.schemas.results import Note

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from doublecode.schemas.study_parts import OutlierRule

_QUANTILE_TYPES: Mapping[str, int] = {"hazen": 5, "weibull": 6, "linear": 7}
_SHOWN: Final = 10


class RuleState(StrEnum):
    """What became of the rule for a variable."""

    APPLIED = "applied"
    REFUSED = "refused"


@dataclass(frozen=True, eq=False, repr=False)
class OutlierResult(Answer):
    """Values winsorised to the fences.

    Attributes
    ----------
    spec : dict
        Variables, multiplier, quantile definition.
    data : DataFrame
        A copy of the frame with the changed values; it knows its changed columns, so that no subset is judged by
        them in silence.
    frame : DataFrame
        One row per change: ``row`` (the key of the unit), ``variable``, ``found``, ``fence``
        ("low" or "high"), ``now``.
    counts : DataFrame
        One row per variable: ``variable``, ``n``, ``q1``, ``q3``, ``iqr``, ``low_fence``,
        ``high_fence``, ``n_low``, ``n_high``, ``status`` ("applied" or "refused").
    design : dict
        ``n_rows``, ``n_changed``, ``refused``.
    notes : tuple of Note
    rows : Index
        Labels of all rows of the frame.
    """

    spec: dict[str, Any]
    data: pd.DataFrame
    frame: pd.DataFrame
    counts: pd.DataFrame
    design: dict[str, Any]
    notes: tuple[Note, ...]
    rows: pd.Index[Any]

    label_columns: ClassVar[tuple[str, ...]] = ("row", "variable")

    def tables(self) -> tuple[Table, ...]:
        """The fences of each variable, and every value that was changed."""
        fences = (
            column("variable", "Variable", kind="text"), column("n"), column("q1", "Q1"), column("q3", "Q3"),
            column("low_fence", "Low fence"), column("high_fence", "High fence"),
            column("n_low", "Below", kind="integer"), column("n_high", "Above", kind="integer"),
            column("status", "Rule", kind="text"),
        )  # fmt: skip
        changes = (
            column("row", "Row", kind="text"), column("variable", "Variable", kind="text"), column("found", "Found"),
            column("fence", "Fence", kind="text"), column("now", "Now"),
        )  # fmt: skip
        tables = (Table("outliers", "Fences of the declared rule", self.counts, fences),)
        if self.frame.empty:
            return tables
        return (*tables, Table("outlier_changes", "Values that were winsorised", self.frame, changes))

    def counted(self) -> str:
        """Rows, and how many values were changed."""
        return f"{self.design['n_changed']} values changed on {self.design['n_rows']} rows."


def winsorise(
    frame: pd.DataFrame, rule: OutlierRule | Sequence[str], *, keys: Sequence[str] = ("patient", "session")
) -> OutlierResult:
    """Winsorise values beyond the quartiles: move them to the fence, and list every change.

    The fences are Q1 − m·IQR and Q3 + m·IQR (Tukey 1977), with m and the quantile
    definition as declared. A variable whose IQR is 0 is left as it is: any value off the
    middle would be an outlier there; its status is "refused". A variable that has one value per patient counts once per
    patient, however many rows of a patient hold it.

    Parameters
    ----------
    frame : DataFrame
        One row per unit; not changed.
    rule : OutlierRule or sequence of str
        A declared rule, or the variables to which the usual one applies (1.5 interquartile ranges).
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
    >>> frame = pd.DataFrame({"patient": list("ABCDE"), "hw2": [4.0, 4.5, 5.0, 5.0, 0.0]})
    >>> winsorise(frame, ["hw2"]).frame.to_dict("records")
    [{'row': 'E', 'variable': 'hw2', 'found': 0.0, 'fence': 'low', 'now': 2.5}]
    """
    import pandas as pd

    frame = as_pandas(frame)
    rule = _rule(rule)
    require_columns(frame, rule.variables, "outlier rule")
    refuse_infinite(frame, rule.variables, "outlier rule")
    data = frame.copy()
    changes: list[dict[str, Any]] = []
    counts = []
    of_rows, of_people = _row_labels(frame, keys), _row_labels(frame, keys[:1])
    for name in rule.variables:
        values = _numbers(frame, name)
        own, copied = _own_places(frame, name, keys)
        labels = of_people if copied else of_rows
        fences = _fences(values[own], rule.multiplier, rule.quantiles)
        refused = fences["status"] == RuleState.REFUSED
        now = values if refused else np.clip(values, fences["low_fence"], fences["high_fence"])
        changed = [_change(labels[i], name, values[i], now[i]) for i in np.flatnonzero(_differs(values, now) & own)]
        if changed:
            data[name] = now
        sides = [change["fence"] for change in changed]
        counts.append({"variable": name, **fences, "n_low": sides.count("low"), "n_high": sides.count("high")})
        changes.extend(changed)
    table = pd.DataFrame(counts)
    data.attrs[ADJUSTED] = sorted(adjusted_columns(frame) | {change["variable"] for change in changes})
    order = ["variable", "n", "q1", "q3", "iqr", "low_fence", "high_fence", "n_low", "n_high", "status"]
    return OutlierResult(
        spec={"variables": list(rule.variables), "multiplier": rule.multiplier, "quantiles": rule.quantiles},
        data=data,
        frame=pd.DataFrame(changes, columns=["row", "variable", "found", "fence", "now"]),
        counts=table[order],
        design=_design(table, len(frame), len(changes)),
        notes=_notes(table, rule),
        rows=frame.index,
    )


def _rule(rule: OutlierRule | Sequence[str]) -> OutlierRule:
    """A rule as declared, or the usual one for some variables."""
    from doublecode.schemas.study_parts import OutlierRule

    if isinstance(rule, str):
        raise UsageError(f"winsorise: found the text {rule!r}; write a list of variables, [{rule!r}].")
    return rule if isinstance(rule, OutlierRule) else OutlierRule(variables=tuple(rule))


def _row_labels(frame: pd.DataFrame, keys: Sequence[str]) -> list[str]:
    there = [key for key in keys if key in frame.columns]
    if not there:
        return [str(label) for label in frame.index]
    return [" ".join(str(part) for part in row) for row in frame[there].itertuples(index=False, name=None)]


def _own_places(frame: pd.DataFrame, name: str, keys: Sequence[str]) -> tuple[NDArray[np.bool_], bool]:
    """The rows that hold a value of their own, and whether others hold copies: the first key is who has it."""
    who = keys[0] if keys else ""
    if who not in frame.columns or not of_patients([name], frame, who):
        return np.ones(len(frame), dtype=bool), False
    return ~frame[who].where(frame[name].notna()).duplicated().to_numpy(), True


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
        return {"n": 0, **empty, "status": str(RuleState.REFUSED)}
    q1, q3 = (float(q) for q in np.quantile(present, [0.25, 0.75], method=quantiles))
    reach = multiplier * (q3 - q1)
    status = str(RuleState.APPLIED if q3 > q1 else RuleState.REFUSED)
    found = {"n": len(present), "q1": q1, "q3": q3, "iqr": q3 - q1}
    return {**found, "low_fence": q1 - reach, "high_fence": q3 + reach, "status": status}


def _differs(before: NDArray[np.float64], after: NDArray[np.float64]) -> NDArray[np.bool_]:
    differs: NDArray[np.bool_] = (before != after) & ~np.isnan(before)
    return differs


def _change(row: str, name: str, found: float, now: float) -> dict[str, Any]:
    side = "low" if found < now else "high"
    return {"row": row, "variable": name, "found": float(found), "fence": side, "now": float(now)}


def _design(counts: pd.DataFrame, n_rows: int, n_changed: int) -> dict[str, Any]:
    refused = counts.loc[counts["status"] == RuleState.REFUSED, "variable"].tolist()
    return {"n_rows": n_rows, "n_changed": n_changed, "refused": refused, "missing_rule": EACH_VARIABLE}


def _notes(counts: pd.DataFrame, rule: OutlierRule) -> tuple[Note, ...]:
    declared = {"multiplier": rule.multiplier, "quantiles": rule.quantiles}
    notes = [Note("winsorised", numbers=declared | {"quantile_type": _QUANTILE_TYPES[rule.quantiles]})]
    for row in counts[counts["status"] == RuleState.REFUSED].to_dict("records"):
        if row["n"] == 0:
            notes.append(Note("rule_without_values", row["variable"]))
        else:
            notes.append(Note("rule_without_spread", row["variable"], {"quartile": row["q1"]}))
    return tuple(notes)


@dataclass(frozen=True, eq=False, repr=False)
class MahalanobisResult(Answer):
    """Multivariate distance of each row from the centre.

    Attributes
    ----------
    spec, design, notes
    frame : DataFrame
        ``row``, ``distance2``, ``p_value``, ``flagged``; complete rows only.
    rows : Index
        Labels of the complete rows.
    """

    spec: dict[str, Any]
    frame: pd.DataFrame
    design: dict[str, Any]
    notes: tuple[Note, ...]
    rows: pd.Index[Any]

    label_columns: ClassVar[tuple[str, ...]] = ("row",)

    def tables(self) -> tuple[Table, ...]:
        """The flagged rows, or the farthest ten where none is flagged; `frame` has them all."""
        flagged = self.frame[self.frame["flagged"]]
        shown = flagged if len(flagged) else self.frame.nlargest(_SHOWN, "distance2")
        title = "Rows flagged as outlying" if len(flagged) else f"No row is flagged; the farthest {len(shown)}"
        columns = (column("row", "Row", kind="text"), column("distance2", "*d*²"), column("p_value"))
        return (Table("mahalanobis", title, shown, columns),)

    def counted(self) -> str:
        """Rows, the cut-off, Mardia's coefficients."""
        known = self.design
        dropped = f", {len(known['dropped'])} left out for a missing value" if known["dropped"] else ""
        return (
            f"{known['n_flagged']} of {known['n_rows']} rows beyond d² = {known['cutoff']:.2f} "
            f"(df = {known['df']}){dropped}. Mardia's skewness {known['mardia_skewness']:.2f}, "
            f"kurtosis {known['mardia_kurtosis']:.2f}."
        )


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

    frame = as_pandas(frame)
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
            "missing_rule": COMPLETE_ROWS,
        },
        notes=(Note("distances_of_normal_variables"),),
        rows=rows.data.index,
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
