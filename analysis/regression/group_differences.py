"""One-way analysis of variance: do groups (therapists) differ in an outcome."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from doublecode.analysis.mixed.model_rows import common_rows, require_columns
from doublecode.analysis.rendering.answers import Answer
from doublecode.schemas.errors import ContractError, NotEstimable

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False, repr=False)
class AnovaResult(Answer):
    """A one-way analysis of variance.

    Attributes
    ----------
    spec : dict
        ``outcome``, ``group``.
    frame : DataFrame
        Rows of the group and of the residual: ``term``, ``sum_sq``, ``df``, ``mean_sq``,
        ``statistic``, ``p_value``, ``eta_squared``, ``omega_squared``.
    groups : DataFrame
        ``group``, ``n``, ``mean``, ``sd``.
    design : dict
        ``n_rows``, ``n_groups``, ``dropped``.
    notes : tuple of str
    """

    spec: dict[str, Any]
    frame: pd.DataFrame
    groups: pd.DataFrame
    design: dict[str, Any]
    notes: tuple[str, ...]


def group_anova(frame: pd.DataFrame, outcome: str, group: str) -> AnovaResult:
    """Compare the means of `outcome` between the groups, F = MS_between / MS_within.

    η² = SS_between / SS_total; ω² = (SS_between − df_between·MS_within) / (SS_total + MS_within),
    which is less biased with few rows per group and may be negative (Hays 1973).

    Parameters
    ----------
    frame : DataFrame
        One row per unit.
    outcome, group : str
        A numeric column and the column of group labels.

    Raises
    ------
    UsageError
        A column is not there.
    ContractError
        The outcome does not hold numbers.
    NotEstimable
        Fewer than two groups, no group with two rows, or no variation within the groups.

    Examples
    --------
    >>> import pandas as pd
    >>> frame = pd.DataFrame({"therapist": list("AABB"), "hw2": [1.0, 2.0, 3.0, 4.0]})
    >>> group_anova(frame, "hw2", "therapist").frame[["term", "df", "statistic"]].round(2).to_dict("records")
    [{'term': 'therapist', 'df': 1, 'statistic': 8.0}, {'term': 'Residual', 'df': 2, 'statistic': nan}]
    """
    import pandas as pd
    from scipy.special import fdtrc

    require_columns(frame, (outcome, group), "group comparison")
    if frame[outcome].dtype.kind not in "if":
        raise ContractError(f"group comparison: column {outcome!r} must hold numbers, found {frame[outcome].dtype}.")
    rows = common_rows(frame, (outcome, group), ("patient", "session"))
    by = rows.data.groupby(group, sort=True, observed=True)[outcome]
    groups = pd.DataFrame({"n": by.size(), "mean": by.mean(), "sd": by.std(ddof=1)}).rename_axis("group").reset_index()
    n, k = int(groups["n"].sum()), len(groups)
    residual = rows.data[outcome] - by.transform("mean")
    within = float((residual**2).sum())
    total = float(((rows.data[outcome] - rows.data[outcome].mean()) ** 2).sum())
    _refuse(n, k, within, total, f"group comparison of {outcome} by {group}")
    between, mean_sq = total - within, within / (n - k)
    statistic = between / (k - 1) / mean_sq
    table = pd.DataFrame(
        {
            "term": [group, "Residual"],
            "sum_sq": [between, within],
            "df": [k - 1, n - k],
            "mean_sq": [between / (k - 1), mean_sq],
            "statistic": [statistic, np.nan],
            "p_value": [float(fdtrc(k - 1, n - k, statistic)), np.nan],
            "eta_squared": [between / total, np.nan],
            "omega_squared": [(between - (k - 1) * mean_sq) / (total + mean_sq), np.nan],
        }
    )
    return AnovaResult(
        spec={"outcome": outcome, "group": group},
        frame=table,
        groups=groups,
        design={"n_rows": n, "n_groups": k, "dropped": rows.lost_records},
        notes=_notes(groups, group),
    )


def _refuse(n: int, k: int, within: float, total: float, where: str) -> None:
    if k < 2 or n <= k:
        raise NotEstimable(
            f"{where}: {n} rows in {k} group(s); at least two groups and one group with two rows are needed."
        )
    if within <= 1e-14 * total or total == 0:
        raise NotEstimable(f"{where}: the values do not vary within the groups, so F is undefined.")


def _notes(groups: pd.DataFrame, group: str) -> tuple[str, ...]:
    single = groups.loc[groups["n"] == 1, "group"].astype(str).tolist()
    notes: tuple[str, ...] = (
        "F assumes equal variances in the groups and independent rows; a large p is no proof of equal groups.",
    )
    if single:
        notes += (f"{group} {', '.join(single)}: one row only, which says nothing about the spread within.",)
    return notes
