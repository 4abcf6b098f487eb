"""Each kind of result as tables for the eye: the same in the terminal, the page and the Word file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from doublecode.analysis.rendering.tables import Column, Table, bounded_estimate, column, level_heading

if TYPE_CHECKING:
    import pandas as pd

    from doublecode.analysis.concordance.coefficients import AgreementResult
    from doublecode.analysis.mixed import MixedResult
    from doublecode.analysis.reliability.dyads import DyadResult
    from doublecode.analysis.reliability.interrater import ICCResult
    from doublecode.analysis.study.reliability_table import ReliabilityTable

_IN_POINTS: Final = ("SEM", "SDC")


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
    level = [column("level")] if len(result.frame["level"].unique()) > 1 else []
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


def dyad_tables(result: DyadResult) -> list[Table]:
    """Mean, median and range over pairs of raters, labelled as what it is."""
    by = [column(name, kind="text") for name in result.spec["by"]]
    columns = (
        *by, column("statistic", "Over pairs", kind="text"), column("estimate", result.spec["form"], kind="bounded"),
        column("n_dyads", "Pairs", kind="integer"),
    )  # fmt: skip
    title = f"{result.spec['form']} of pairs of raters, a reproduction of what papers print"
    return [Table("icc_dyads", title, result.frame, columns, result.notes)]


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
