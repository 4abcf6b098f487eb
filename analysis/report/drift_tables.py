"""Rater severity as tables for the eye."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from doublecode.analysis.rendering.tables import Table, column, level_heading
from doublecode.schemas.results import plain, result_record

if TYPE_CHECKING:
    from doublecode.analysis.reliability.severity import DriftResult


def drift_tables(result: DriftResult) -> list[Table]:
    """Tables of drift: severity, by period, change with the least change detectable, sessions to hear again."""
    level = level_heading(result.spec["conf_level"])
    names = (column("scale", "Scale", kind="text"), column("rater", "Rater", kind="text"))
    points = (column("estimate", "Points", kind="number"), column("conf_low", level, kind="number", upper="conf_high"),
              column("p_value"))  # fmt: skip
    rated = column("n_ratings", "Ratings", kind="integer")
    tables = [
        Table("severity", "Rater severity, against the mean of all raters", result.frame, (*names, rated, *points),
              group="instrument"),
    ]  # fmt: skip
    if len(result.drifts):
        when = (names[0], column("period", "Period", kind="text"), names[1])
        least = column("minimum_detectable", "Least detectable", kind="number")
        tables += [
            Table("severity_periods", "Severity by period, against the mean of its raters", result.periods,
                  (*when, rated, *points), group="instrument"),
            Table("drift", "Change of severity, first to last period", result.drifts, (*names, *points, least),
                  group="instrument"),
        ]  # fmt: skip
    test = (names[0], column("test", "Test", kind="text"), column("statistic", "*F*"),
            column("df_num", "df₁", kind="integer"), column("df_den", "df₂", kind="number", digits=1),
            column("p_value"))  # fmt: skip
    tables.append(Table("drift_tests", "Do raters differ?", result.tests, test, group="instrument"))
    if len(result.sessions):
        hear = (names[0], column("target", "Session", kind="text"),
                column("rater_1", "Rater", kind="text"), column("rating_1", "gave"),
                column("rater_2", "Rater", kind="text"), column("rating_2", "gave"),
                column("difference", "Apart"), column("p_adjusted", "*p* adjusted", kind="p"))  # fmt: skip
        title = "Worth hearing again: furthest apart, severity taken out"
        tables.append(Table("hear_again", title, result.sessions, hear, group="instrument"))
    return tables


def drift_record(result: DriftResult) -> dict[str, Any]:
    """Severity, and the tables beside it."""
    parts = ("periods", "drifts", "tests", "sessions")
    return {**result_record(result), **{part: plain(getattr(result, part)) for part in parts}}
