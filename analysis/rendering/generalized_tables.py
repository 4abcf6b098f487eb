"""The tables of a series of generalised models: coefficients with ratios, thresholds, checks, shares."""

from __future__ import annotations

from typing import TYPE_CHECKING

from doublecode.analysis.rendering.coefficient_columns import coefficients
from doublecode.analysis.rendering.series_tables import Named
from doublecode.analysis.rendering.tables import Column, Table, column

if TYPE_CHECKING:
    import pandas as pd


def ratio_columns(frame: pd.DataFrame, ratio: str | None) -> tuple[Column, ...]:
    """Columns of coefficients on the scale of the predictor, and their odds or rate ratios where there are any.

    Examples
    --------
    >>> import pandas as pd
    >>> names = ["estimate", "conf_low", "conf_high", "ratio", "ratio_low", "ratio_high"]
    >>> [one.heading for one in ratio_columns(pd.DataFrame([range(6)], columns=names), "Odds ratio")]
    ['*b*', '95% CI', 'Odds ratio', '95% CI']
    """
    return (*coefficients(frame, statistic="*z*"), *ratio_pair(ratio))


def ratio_pair(ratio: str | None) -> tuple[Column, ...]:
    """Columns of odds or rate ratios and their limits; none where there is no ratio.

    Examples
    --------
    >>> [one.heading for one in ratio_pair("Rate ratio")], ratio_pair(None)
    (['Rate ratio', '95% CI'], ())
    """
    if ratio is None:
        return ()
    return (
        column("ratio", ratio, kind="number"), column("ratio_low", "95% CI", kind="number", upper="ratio_high"),
    )  # fmt: skip


def thresholds_table(name: str, frame: pd.DataFrame) -> Table:
    """Thresholds of an ordinal series.

    Parameters
    ----------
    name : str
        Of the table's file.
    frame : DataFrame
        ``label, threshold, estimate, std_error, conf_low, conf_high``.
    """
    columns = (
        column("threshold", "Threshold", kind="text"), column("estimate", "Estimate", kind="number"),
        column("std_error"), column("conf_low", kind="number"),
    )  # fmt: skip
    note = "Where the latent scale is cut between two neighbouring categories, predictors at 0, a group at the middle."
    return Table(name, "Thresholds of the latent scale", frame, columns, (note,), group="label")


def proportional_table(name: str, frame: pd.DataFrame, named: Named = str) -> Table:
    """Tests of proportional odds, term by term.

    Parameters
    ----------
    name : str
        Of the table's file.
    frame : DataFrame
        ``label, term, statistic, df, p_value``.
    named : callable
        The label of a term.
    """
    shown = frame.assign(named=[named(str(term)) for term in frame["term"]])
    columns = (column("named", "Term", kind="text"), column("statistic", "χ²"), column("df"), column("p_value"))
    note = (
        "Likelihood ratio with the model in which the effects of the term differ by threshold (Peterson & Harrell "
        "1990); empty where that model has no finite maximum. A small *p*: one coefficient does not serve all "
        "thresholds."
    )
    title = "Does one coefficient serve all thresholds (proportional odds)"
    return Table(name, title, shown, columns, (note,), group="label", data=frame)


def dispersion_table(name: str, frame: pd.DataFrame) -> Table:
    """Dispersion of negative binomial counts.

    Parameters
    ----------
    name : str
        Of the table's file.
    frame : DataFrame
        ``label, term, estimate, conf_low, conf_high``.
    """
    columns = (column("label", "Model", kind="text"), column("estimate", "φ"), column("conf_low"))
    note = "Variance of a count: μ + μ²/φ; the smaller φ, the more spread beyond Poisson's."
    return Table(name, "Dispersion", frame, columns, (note,))


def latent_shares_table(name: str, frame: pd.DataFrame) -> Table:
    """Share of the random effects and explained variance on the latent scale.

    Parameters
    ----------
    name : str
        Of the table's file.
    frame : DataFrame
        ``label, share, marginal, conditional``.
    """
    columns = (
        column("label", "Model", kind="text"), column("share", "ICC", kind="bounded"),
        column("marginal", "*R*² marginal", kind="bounded"), column("conditional", "*R*² conditional", kind="bounded"),
    )  # fmt: skip
    note = (
        "On the scale of the linear predictor (Nakagawa, Johnson & Schielzeth 2017). ICC: share of the random effects "
        "in what the fixed part leaves; neither is comparable with that of a linear model."
    )
    return Table(name, "Shares of variance on the latent scale", frame, columns, (note,))


def checks_table(name: str, frame: pd.DataFrame, n_drawn: int) -> Table:
    """Spread and zeros against outcomes drawn from the model.

    Parameters
    ----------
    name : str
        Of the table's file.
    frame : DataFrame
        ``label, check, observed, expected, ratio, p_value``.
    n_drawn : int
        Outcomes that were drawn.
    """
    words = {"dispersion": "Spread (sum of squared Pearson residuals)", "zeros": "Rows with a count of 0"}
    shown = frame.assign(checked=[words[one] for one in frame["check"]])
    columns = (
        column("checked", "Check", kind="text"), column("observed", "Observed"), column("expected", "Drawn, mean"),
        column("ratio", "Ratio"), column("p_value"),
    )  # fmt: skip
    note = (
        f"Against {n_drawn} outcomes drawn from the model; a ratio above 1 is more spread, or more zeros, than it says."
    )
    title = "Has the outcome the spread that the model says"
    return Table(name, title, shown, columns, (note,), group="label", data=frame)
