"""One-way analysis of variance: do groups (therapists) differ in an outcome."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from doublecode.analysis.mixed.model_rows import common_rows, require_columns
from doublecode.analysis.rendering.answers import Answer
from doublecode.analysis.rendering.tables import Table, column
from doublecode.analysis.results.row_levels import of_patients
from doublecode.schemas.errors import ContractError, NotEstimable
from doublecode.schemas.frames import as_pandas
from doublecode.schemas.results import Note

if TYPE_CHECKING:
    import pandas as pd

_MANY = 5


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
    notes : tuple of Note
    rows : Index
        Labels of the rows that have both.
    """

    spec: dict[str, Any]
    frame: pd.DataFrame
    groups: pd.DataFrame
    design: dict[str, Any]
    notes: tuple[Note, ...]
    rows: pd.Index[Any]

    def tables(self) -> tuple[Table, ...]:
        """The test with its effect sizes, and the groups."""
        columns = (
            column("term", "Source"), column("sum_sq", "*SS*"), column("df"), column("mean_sq", "*MS*"),
            column("statistic", "*F*"), column("p_value"), column("eta_squared", "η²", kind="bounded"),
            column("omega_squared", "ω²", kind="bounded"),
        )  # fmt: skip
        outcome, group = self.spec["outcome"], self.spec["group"]
        groups = (column("group", str(group), kind="text"), column("n"), column("mean"), column("sd"))
        return (
            Table("anova", f"{outcome} by {group}", self.frame, columns),
            Table("anova_groups", "Groups", self.groups, groups),
        )

    def counted(self) -> str:
        """Say the rows and the groups."""
        return f"{self.design['n_rows']} rows in {self.design['n_groups']} groups"


def group_anova(frame: pd.DataFrame, outcome: str, group: str) -> AnovaResult:
    """Compare the means of `outcome` between the groups, F = MS_between / MS_within.

    η² = SS_between / SS_total; ω² = (SS_between − df_between·MS_within) / (SS_total + MS_within),
    which is less biased with few rows per group and may be negative (Hays 1973).

    Parameters
    ----------
    frame : DataFrame
        One row per unit. With a column ``patient`` an outcome that is the patient's, the same in all of several rows,
        counts once per patient and group.
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

    frame = as_pandas(frame)
    require_columns(frame, (outcome, group), "group comparison")
    if frame[outcome].dtype.kind not in "if":
        raise ContractError(f"group comparison: column {outcome!r} must hold numbers, found {frame[outcome].dtype}.")
    rows = common_rows(frame, (outcome, group), ("patient", "session"))
    data = _own_rows(rows.data, outcome, group)
    by = data.groupby(group, sort=True, observed=True)[outcome]
    groups = pd.DataFrame({"n": by.size(), "mean": by.mean(), "sd": by.std(ddof=1)}).rename_axis("group").reset_index()
    n, k = int(groups["n"].sum()), len(groups)
    residual = data[outcome] - by.transform("mean")
    within = float((residual**2).sum())
    total = float(((data[outcome] - data[outcome].mean()) ** 2).sum())
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
        notes=_notes(groups, group, n if data[group].dtype.kind in "iuf" else 0) + _copies(len(rows.data), n, outcome),
        rows=data.index,
    )


def _own_rows(data: pd.DataFrame, outcome: str, group: str) -> pd.DataFrame:
    """One row per patient and group where the outcome is the patient's."""
    if "patient" not in data or "patient" in (outcome, group) or not of_patients([outcome], data, "patient"):
        return data
    return data.drop_duplicates(["patient", group])


def _copies(n_rows: int, n: int, outcome: str) -> tuple[Note, ...]:
    return (Note("copies_left_out", numbers={"names": (outcome,), "n_rows": n_rows, "n": n}),) if n < n_rows else ()


def _refuse(n: int, k: int, within: float, total: float, where: str) -> None:
    if k < 2 or n <= k:
        raise NotEstimable(
            f"{where}: {n} rows in {k} group(s); at least two groups and one group with two rows are needed."
        )
    if within <= 1e-14 * total or total == 0:
        raise NotEstimable(f"{where}: the values do not vary within the groups, so F is undefined.")


def _notes(groups: pd.DataFrame, group: str, n_numbers: int) -> tuple[Note, ...]:
    """What to read the test with; `n_numbers` rows have a number as their group."""
    single = groups.loc[groups["n"] == 1, "group"].astype(str).tolist()
    notes: tuple[Note, ...] = (Note("anova_assumptions"),)
    if n_numbers and len(groups) >= _MANY:
        notes += (Note("groups_by_number", numbers={"group": group, "n_groups": len(groups), "n_rows": n_numbers}),)
    return (*notes, Note("groups_of_one_row", numbers={"group": group, "levels": tuple(single)})) if single else notes
