"""Each kind of result as tables for the eye: the same in the terminal, the page and the Word file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from doublecode.analysis.rendering.tables import Column, Table, bounded_estimate, column, level_heading

if TYPE_CHECKING:
    import pandas as pd

    from doublecode.analysis.mixed import MixedResult
    from doublecode.analysis.study.consistency_table import ConsistencyTable
    from doublecode.analysis.study.reliability_table import ReliabilityTable


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


def omega_table_tables(result: ConsistencyTable) -> list[Table]:
    """Tables of a wide file: pooled coefficients, each level, the items."""
    level = result.spec["conf_level"]
    pooled = (
        column("scale", "Scale", kind="text"), column("n_items", "Items", kind="integer"),
        column("n_rows", "*n*", kind="integer"), column("omega", "ω", kind="bounded"),
        column("conf_low", level_heading(level), kind="bounded"), column("alpha", "α", kind="bounded"),
        column("mean_r", "mean *r*", kind="bounded"),
    )  # fmt: skip
    tables = [Table("omega", "Internal consistency", result.frame, pooled)]
    split = result.levels[result.levels["by"] != "pooled"] if len(result.levels) else result.levels
    if len(split):
        rows = (column("level", "", kind="text"), column("n_rows", "*n*", kind="integer"))
        title = f"By {split['by'].iloc[0]}"
        tables.append(Table("omega_levels", title, split, (*rows, *bounded_estimate("ω", level)), group="scale"))
    if len(result.items):
        items = result.items[result.items["level"] == result.items["level"].iloc[0]]
        tables.append(Table("omega_items", "Items", items, item_columns(items, level), group="scale"))
    return tables


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


def reliability_tables(result: ReliabilityTable) -> list[Table]:
    """Reliability of a study: the coefficient of the scores as they are used, one table per phase."""
    columns = (
        column("name", "Item or scale", kind="text"), column("form"), column("n_targets", "Sessions", kind="integer"),
        column("n_multiply_coded", "Double-coded", kind="integer"), column("k", kind="number"),
        *bounded_estimate("ICC", result.spec["conf_level"]), column("single", "One rater", kind="bounded"),
        column("judged", "By its interval", kind="text"),
    )  # fmt: skip
    return [
        Table(f"reliability_{phase}", f"Inter-rater reliability, {phase} phase", rows, columns, group="instrument")
        for phase, rows in result.frame.sort_values("instrument", kind="stable").groupby("phase", sort=False)
    ]


def consistency_tables(result: ConsistencyTable) -> list[Table]:
    """Consistency of a study: pooled, and by session."""
    level = result.spec["conf_level"]
    names = (column("scale", "Scale", kind="text"), column("pairing", "Pairing", kind="text"))
    pooled = (
        *names, column("n_items", "Items", kind="integer"), column("n_rows", "*n*", kind="integer"),
        column("n_patients", "Patients", kind="integer"), column("omega", "ω", kind="bounded"),
        column("conf_low", level_heading(level), kind="bounded"), column("alpha", "α", kind="bounded"),
        column("r_drop_min", "*r* from", kind="bounded"), column("r_drop_max", "to", kind="bounded"),
    )  # fmt: skip
    tables = [Table("consistency", "Internal consistency", result.frame, pooled, group="instrument")]
    rows = result.levels[result.levels["by"] == "session"] if len(result.levels) else result.levels
    if rows.empty:
        return tables
    wide = rows.assign(level=rows["level"].astype(int)).pivot(  # noqa: PD010
        index=["instrument", "scale", "pairing"], columns="level", values="estimate"
    )
    sessions = tuple(column(str(number), kind="bounded") for number in wide.columns)
    frame = wide.rename(columns=str).reset_index()
    return [*tables, Table("consistency_sessions", "ω by session", frame, (*names, *sessions), group="instrument")]
