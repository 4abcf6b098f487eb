"""The consistency of scales as tables for the eye: of a wide file, and of a study."""

from __future__ import annotations

from typing import TYPE_CHECKING

from doublecode.analysis.consistency.alpha_omega_results import item_columns
from doublecode.analysis.rendering.tables import Table, bounded_estimate, column, level_heading

if TYPE_CHECKING:
    import pandas as pd


def wide_tables(
    pooled_rows: pd.DataFrame, levels: pd.DataFrame, items: pd.DataFrame, conf_level: float
) -> tuple[Table, ...]:
    """Tables of a wide file: pooled coefficients, each level, the items."""
    pooled = (
        column("scale", "Scale", kind="text"), column("n_items", "Items", kind="integer"),
        column("n_rows", "*n*", kind="integer"), column("omega", "ω", kind="bounded"),
        column("conf_low", level_heading(conf_level), kind="bounded"), column("alpha", "α", kind="bounded"),
        column("mean_r", "mean *r*", kind="bounded"),
    )  # fmt: skip
    tables = [Table("omega", "Internal consistency", pooled_rows, pooled)]
    split = levels[levels["by"] != "pooled"] if len(levels) else levels
    if len(split):
        rows = (
            column("level", str(split["by"].iloc[0]).capitalize(), kind="text"),
            column("n_rows", "*n*", kind="integer"),
        )
        title = f"By {split['by'].iloc[0]}"
        tables.append(Table("omega_levels", title, split, (*rows, *bounded_estimate("ω", conf_level)), group="scale"))
    if len(items):
        first = items[items["level"] == items["level"].iloc[0]]
        tables.append(Table("omega_items", "Items", first, item_columns(first, conf_level), group="scale"))
    return tuple(tables)


def study_tables(pooled_rows: pd.DataFrame, levels: pd.DataFrame, conf_level: float) -> tuple[Table, ...]:
    """Tables of a study: pooled, and by session."""
    names = (column("scale", "Scale", kind="text"), column("pairing", "Pairing", kind="text"))
    pooled = (
        *names, column("n_items", "Items", kind="integer"), column("n_rows", "*n*", kind="integer"),
        column("n_patients", "Patients", kind="integer"), column("omega", "ω", kind="bounded"),
        column("conf_low", level_heading(conf_level), kind="bounded"), column("alpha", "α", kind="bounded"),
        column("r_drop_min", "*r* from", kind="bounded"), column("r_drop_max", "to", kind="bounded"),
    )  # fmt: skip
    tables = (Table("consistency", "Internal consistency", pooled_rows, pooled, group="instrument"),)
    rows = levels[levels["by"] == "session"] if len(levels) else levels
    if rows.empty:
        return tables
    import pandas as pd

    keys = ["instrument", "scale", "pairing"]
    wide = rows.assign(level=rows["level"].astype(int)).pivot(  # noqa: PD010
        index=keys, columns="level", values="estimate"
    )
    wide = wide.reindex(pd.MultiIndex.from_frame(rows[keys].drop_duplicates()))  # as the codebooks have them
    sessions = tuple(column(str(number), kind="bounded") for number in wide.columns)
    frame = wide.rename(columns=str).reset_index()
    return (*tables, Table("consistency_sessions", "ω by session", frame, (*names, *sessions), group="instrument"))
