"""Each kind of result as tables for the eye: the same in the terminal, the page and the Word file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from doublecode.analysis.tables import Column, Table, column

if TYPE_CHECKING:
    import pandas as pd

    from doublecode.analysis.concordance import AgreementResult
    from doublecode.analysis.consistency import OmegaResult
    from doublecode.analysis.interrater import ICCResult
    from doublecode.analysis.mixed import MixedResult

_IN_POINTS: Final = ("SEM", "SDC")


def level_heading(conf_level: float) -> str:
    """Return the heading of an interval.

    Examples
    --------
    >>> level_heading(0.95)
    '95% CI'
    """
    return f"{100 * conf_level:g}% CI"


def bounded_estimate(symbol: str, conf_level: float, digits: int = 2) -> tuple[Column, Column]:
    """Columns of a coefficient that cannot exceed 1, with its interval."""
    return (
        column("estimate", symbol, kind="bounded", digits=digits),
        column("conf_low", level_heading(conf_level), kind="bounded", digits=digits, upper="conf_high"),
    )


def coefficients(frame: pd.DataFrame, conf_level: float = 0.95) -> tuple[Column, ...]:
    """Columns of a table of coefficients, those that the frame has."""
    wanted = (
        column("estimate"),
        column("std_error"),
        column("conf_low", level_heading(conf_level)),
        column("df", kind="number", digits=1),
        column("statistic", "*t*"),
        column("p_value"),
    )
    return tuple(one for one in wanted if one.name in frame.columns)


def icc_tables(result: ICCResult) -> list[Table]:
    """Tables of an ICC: coefficients, variance components, test of rater bias."""
    by = list(result.spec["by"])
    groups = [column(name, kind="text") for name in by]
    level = [column("level")] if result.frame["level"].nunique() > 1 else []
    forms = (
        *groups, *level, column("form"), column("shrout_fleiss"), column("k", kind="number"),
        *bounded_estimate("ICC", result.spec["conf_level"]),
        column("statistic", "*F*"), column("df1"), column("df2"), column("p_value"),
    )  # fmt: skip
    shown = forms if result.frame["statistic"].notna().any() else forms[:-4]
    tables = [Table("icc", "Intraclass correlations", result.frame, shown)]
    parts = (*groups, column("component", "Component", kind="text"), column("variance", "Variance", digits=3),
             column("sd"), column("share", "Share", kind="percent", digits=1))  # fmt: skip
    tables.append(Table("icc_variances", "Variance components", result.variances, parts))
    if len(result.rater_bias):
        test = (*groups, column("statistic", "*F*"), column("df1"), column("df2"), column("p_value"))
        tables.append(Table("icc_rater_bias", "Do raters differ in severity?", result.rater_bias, test))
    return tables


def agreement_tables(result: AgreementResult) -> list[Table]:
    """Tables of agreement: coefficients, and the scale points."""
    by = [column(name, kind="text") for name in result.spec.get("by") or ()]
    names = (*by, column("coefficient", "Coefficient", kind="text"), column("weights", "Weights", kind="text"))
    in_points = result.frame["coefficient"].isin(_IN_POINTS)
    level = result.spec["conf_level"]
    shares = (*names, *bounded_estimate("Estimate", level))
    points = (*names[:-1], column("estimate", "Points"), column("conf_low", level_heading(level)))
    tables = [Table("agreement", "Agreement", result.frame[~in_points], shares)]
    if in_points.any():
        tables.append(Table("agreement_points", "In scale points", result.frame[in_points], points))
    return tables


def omega_tables(result: OmegaResult) -> list[Table]:
    """Tables of omega: the coefficient by level, and the items."""
    level = result.spec["conf_level"]
    frame = result.frame[result.frame["term"] == "omega"]
    rows = (
        column("level", "Rows", kind="text"), column("n_rows", "*n*", kind="integer"),
        column("n_units", "Units", kind="integer"), *bounded_estimate("ω", level), column("status", "", kind="text"),
    )  # fmt: skip
    shown = rows if (frame["status"] != "ok").any() else rows[:-1]
    pooled = result.items[result.items["level"] == result.items["level"].iloc[0]]
    tables = [Table("omega", "Internal consistency", frame, shown)]
    return [*tables, Table("omega_items", "Items", pooled, item_columns(pooled, level))]


def item_columns(items: pd.DataFrame, conf_level: float) -> tuple[Column, ...]:
    """Columns of an item table: mean, corrected item–total r with interval, loading, omega if dropped."""
    wanted = (
        column("item", "Item", kind="text"),
        column("n"),
        column("mean"),
        column("sd"),
        column("r_drop", "*r* item–total", kind="bounded"),
        column("conf_low", level_heading(conf_level), kind="bounded"),
        column("loading_std", "Loading", kind="bounded"),
        column("omega_if_dropped", "ω if dropped", kind="bounded"),
    )
    return tuple(one for one in wanted if one.name in items.columns)


def mixed_tables(result: MixedResult) -> list[Table]:
    """Tables of a mixed model: fixed effects and variance components."""
    fixed = (column("term"), *coefficients(result.frame))
    parts = (
        column("group", "Group", kind="text"), column("term", "Term", kind="text"),
        column("variance", "Variance", digits=3), column("sd"), column("corr", "Correlation", kind="bounded"),
    )  # fmt: skip
    title = str(result.spec.get("formula", "Fixed effects"))
    tables = [Table("fixed", title, result.frame, fixed)]
    return [*tables, Table("variances", "Variance components", result.variances, parts)]


def named(tables: Sequence[Table], prefix: str) -> list[Table]:
    """Return the tables with `prefix` before their names."""
    from dataclasses import replace

    return [replace(table, name=f"{prefix}_{table.name}") for table in tables]
